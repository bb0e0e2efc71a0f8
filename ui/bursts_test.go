package ui

import (
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"signalbox/internal/desk"
	"signalbox/internal/traffic"
)

// TestNotesAreNoBursts counts what pages alone: a note neither rings nor makes the band red, and no lever starts from it.
func TestNotesAreNoBursts(t *testing.T) {
	s := calm()
	note := desk.BurstView{
		ID: "b-9", Kind: "traffic", Scope: traffic.Scope{"model": "gpt-4o"}, Name: "gpt-4o", State: "steady", Onset: at.Add(-time.Minute), Failed: 3, Total: 4,
	}
	s.Bursts = []desk.BurstView{note}
	d := newFakeDesk(s)
	m := console(t, d, 120, 40, Options{})
	if live, _, _ := m.tally(); live != 0 || strings.Contains(m.windowTitle(), "burst") || !strings.Contains(ansi.Strip(m.bandTop()), "calm") {
		t.Errorf("a note counts as a burst: %d, %q, %q", live, m.windowTitle(), m.bandTop())
	}
	if m.bursts.meet([]desk.BurstView{note}) {
		t.Error("a note rings")
	}
	if scope, _ := m.target(); scope != nil {
		t.Errorf("a lever would start from a note: %v", scope)
	}
	screen := ansi.Strip(m.View().Content)
	if !strings.Contains(screen, "0 live, 1 note") || !strings.Contains(screen, "i gpt-4o traffic") {
		t.Errorf("the note is not listed:\n%s", screen)
	}
	page := note
	page.ID, page.Page = "b-10", true
	if !m.bursts.meet([]desk.BurstView{note, page}) {
		t.Error("a burst does not ring")
	}
}

// TestCellsShowTheKind draws the letter of a burst's kind, and for a cell that is too thin how long it is blind.
func TestCellsShowTheKind(t *testing.T) {
	draw := func(c desk.Cell) string {
		r := newRow(newTheme("dark", false), 10)
		drawCell(r, &c, nil, 10, false)
		return strings.TrimSpace(ansi.Strip(r.line()))
	}
	for _, c := range []struct {
		cell desk.Cell
		want string
	}{
		{desk.Cell{Req: 100, Err: 40, Rate: 0.4, Burst: "b", Kind: "errors"}, "40%!"},
		{desk.Cell{Req: 100, Burst: "b", Kind: "latency"}, "0%L"},
		{desk.Cell{Req: 100, Burst: "b", Kind: "truncation"}, "0%T"},
		{desk.Cell{Req: 3, Sight: "blind for 4 min"}, "?4m"},
		{desk.Cell{Req: 3, Sight: "blind for 40 s"}, "?40s"},
		{desk.Cell{Req: 3, Sight: "blind for 11 h"}, "?11h"},
		{desk.Cell{Req: 3, Sight: "too little traffic to see anything"}, "?"},
		{desk.Cell{Req: 3, Err: 1, Rate: 1. / 3, Sight: "blind for 4 min"}, "33%"},
		{desk.Cell{Req: 300}, "0%"},
	} {
		if got := draw(c.cell); got != c.want {
			t.Errorf("%+v: %q, want %q", c.cell, got, c.want)
		}
	}
}

// TestDetailsAnswerFirstQuestions opens a burst: where it keeps to, whose it is, what moves beside it.
func TestDetailsAnswerFirstQuestions(t *testing.T) {
	m, _ := playScreen(t, false, 120, 60, Options{})
	press(m, "2", "b", "enter")
	screen := ansi.Strip(m.View().Content)
	for _, want := range []string{"provider azure: other providers clean", "provider: the same gateway serves others well", "cascade since", "look: shed or pause"} {
		if !strings.Contains(screen, want) {
			t.Errorf("it does not say %q:\n%s", want, screen)
		}
	}
	if strings.Contains(screen, "no traffic tells") {
		t.Errorf("it says what nobody knows:\n%s", screen)
	}
}

// A cascade over several targets tells each of them in the details, the worst first, within bounds.
func TestDetailsTellTheTargetsOfACascade(t *testing.T) {
	s := rich()
	f := &s.Moving[0]
	f.Numbers = map[string]float64{"targets": 10}
	for i := range 10 {
		x := desk.TargetView{Name: "target-" + itoa(i), Text: "refuses 18% for lack of capacity"}
		if i == 1 {
			x.Until = at
		}
		f.Targets = append(f.Targets, x)
	}
	m := console(t, newFakeDesk(s), 120, 60, Options{})
	press(m, "2", "b", "enter")
	screen := ansi.Strip(m.View().Content)
	for _, want := range []string{"cascade over 10 targets since", "target-0: refuses 18%", "target-1: refuses 18% for lack of capacity (until 02:17:30)", "target-7", "and 2 more"} {
		if !strings.Contains(screen, want) {
			t.Errorf("it does not say %q:\n%s", want, screen)
		}
	}
	if strings.Contains(screen, "target-8") || strings.Index(screen, "target-0") > strings.Index(screen, "target-1") {
		t.Errorf("the targets are told as\n%s", screen)
	}
}
