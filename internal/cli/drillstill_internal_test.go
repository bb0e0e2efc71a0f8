package cli

import (
	"strings"
	"testing"
	"time"

	"signalbox/internal/drill"
)

// What a machine has done to a drill is said, with the users who did not come; of one that ran nothing is.
func TestStandstillWords(t *testing.T) {
	if text := standstillWords(drill.Standstill{}); text != "" {
		t.Errorf("of a machine that ran it says %q", text)
	}
	text := standstillWords(drill.Standstill{Total: 3400 * time.Millisecond, Longest: 3 * time.Second, Away: 70})
	for _, want := range []string{"3.4 s in all", "3.0 s at once", "70 users stayed away", "--users 25"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %q", want, text)
		}
	}
	if text := standstillWords(drill.Standstill{Away: 3}); !strings.HasPrefix(text, "the machine runs late, and 3 users stayed away") {
		t.Errorf("of a machine that runs late it says %q", text)
	}
	if text := standstillWords(drill.Standstill{Total: time.Second, Longest: time.Second}); strings.Contains(text, "users stayed") {
		t.Errorf("nobody stayed away, and it says %q", text)
	}
}
