package ui

import (
	"strings"
	"testing"
)

// TestFindingsAreListed reads the first finding on the status line and all of them, with the sources, on their page.
func TestFindingsAreListed(t *testing.T) {
	s := calm()
	s.Findings = []string{"gateway edge: 0 of 2 instances answer: connection refused", "problem 1: books/x.md:3: no such verb"}
	s.Journal.Err = "no space left on device"
	d := newFakeDesk(s)
	m := console(t, d, 120, 40, Options{})
	if row := m.statusRow(); !strings.Contains(row, s.Findings[0]) || !strings.Contains(row, "1 more: !") {
		t.Errorf("the status line is %q", row)
	}
	press(m, "!")
	screen := m.View().Content
	for _, want := range append([]string{"no space left", "edge-log", "lines"}, s.Findings...) {
		if !strings.Contains(screen, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	checkScreen(t, m)
}
