package cli

import (
	"strings"
	"testing"
	"time"

	"signalbox/internal/desk"
	"signalbox/internal/traffic"
)

// A cascade over several targets is one entry that lists them, with what secrets their names hold left out.
func TestFindingListsItsTargets(t *testing.T) {
	at := time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)
	end := at.Add(40 * time.Second)
	f := desk.FindingReport{
		ID: "f1", Kind: "cascade", Where: traffic.Scope{"provider": "aws", "model": "haiku"}, Start: at, Text: "the sentence", Look: "there",
		Targets: []desk.TargetReport{
			{Where: traffic.Scope{"provider": "aws", "model": "haiku"}, Start: at, Text: "it now refuses 40%"},
			{Where: traffic.Scope{"deployment": "mini-\x1b[31m"}, Start: at, End: &end, Text: "its answers take 2.0 times as long as before"},
		},
	}
	var out strings.Builder
	p := &printer{w: &out}
	printFindings(p, safeFindings([]desk.FindingReport{f}))
	for _, want := range []string{"cascade in provider=aws model=haiku and 1 more", "since 10:00:00: it now refuses 40%", "until 10:00:40: its answers take"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Errorf("a name reaches the terminal as it is: %q", &out)
	}
	if !strings.Contains(f.Targets[1].Where["deployment"], "\x1b") {
		t.Error("what was given was changed")
	}
}
