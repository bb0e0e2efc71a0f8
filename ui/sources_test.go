package ui

import (
	"strings"
	"testing"
	"time"

	"signalbox/internal/desk"
)

// TestSourceLinesSayEverything: state, format, counts, lag, what was lost, and what to try.
func TestSourceLinesSayEverything(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	v := &desk.SourceView{
		Name: "gateway-pods", Kind: "log", Where: "kubectl logs -f", Format: "cri+json", Health: "silent", Detail: "it ended with exit status 1",
		Lines: 12345, Bytes: 3_210_000, Unparsed: 3, Dropped: 2, Late: 1, PerSecond: 41.7, Lag: 44 * time.Second, LastRead: now.Add(-42 * time.Second),
	}
	said := func() string {
		p := newPage("", sourceLines(v, now))
		return p.plain
	}
	s := said()
	for _, want := range []string{
		"gateway-pods  silent for 42s, read as cri+json", "lines, 3.21 MB, 41.7/s", "newest line 44s behind, last read 42s ago",
		"3 unparsed, 2 dropped, 1 late", "kubectl logs -f", "it ended with exit status 1",
	} {
		if !strings.Contains(s, want) {
			t.Errorf("it does not say %q:\n%s", want, s)
		}
	}
	*v = desk.SourceView{Name: "new", Health: "starting", Lag: -1}
	if s := said(); !strings.Contains(s, "nothing with a time yet") || strings.Contains(s, "ago") {
		t.Errorf("of a source that has read nothing:\n%s", s)
	}
}
