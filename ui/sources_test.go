package ui

import (
	"strings"
	"testing"
	"time"

	"signalbox/internal/desk"
	"signalbox/internal/traffic"
)

// TestSourceLinesSayEverything: state, format, counts, lag, what was lost, and what to try.
func TestSourceLinesSayEverything(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	v := &desk.SourceView{
		Name: "gateway-pods", Kind: "log", Where: "kubectl logs -f", Format: "cri+json", Health: "silent", Detail: "it ended with exit status 1",
		Lines: 12345, Bytes: 3_210_000, Unparsed: 3, Dropped: 2, Late: 1, Missed: 2, PerSecond: 41.7, Lag: 44 * time.Second, LastRead: now.Add(-42 * time.Second),
	}
	said := func() string {
		p := newPage("", sourceLines(v, now))
		return p.plain
	}
	s := said()
	for _, want := range []string{
		"gateway-pods  silent for 42s, read as cri+json", "lines, 3.21 MB, 41.7/s", "newest line 44s behind, last read 42s ago",
		"3 unparsed, 2 dropped, 1 late, may lack lines 2 times", "kubectl logs -f", "it ended with exit status 1",
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

// TestSourceLinesNameWhatTheInventoryLacks: the most frequent first, the rest as one, and nothing where nothing lacks.
func TestSourceLinesNameWhatTheInventoryLacks(t *testing.T) {
	v := &desk.SourceView{Name: "edge", Health: "live"}
	if p := newPage("", sourceLines(v, time.Time{})); strings.Contains(p.plain, "inventory") {
		t.Errorf("nothing lacks:\n%s", p.plain)
	}
	for i := range maxUnknown + 3 {
		v.UnknownPlaces = append(v.UnknownPlaces, traffic.UnknownPlace{By: "deployment", Value: "az-\x1b[31m" + itoa(i), N: int64(100 - i)})
	}
	v.UnknownPlaces = append(v.UnknownPlaces, traffic.UnknownPlace{N: 7})
	p := newPage("", sourceLines(v, time.Time{}))
	for _, want := range []string{"not in the inventory", "0: 100 records", "and others: 280 records"} {
		if !strings.Contains(p.plain, want) {
			t.Errorf("it does not say %q:\n%s", want, p.plain)
		}
	}
	if strings.Contains(p.plain, "\x1b") {
		t.Errorf("an escape sequence reached the page: %q", p.plain)
	}
}
