package ui

import (
	"strings"
	"testing"

	"signalbox/internal/desk"
	"signalbox/runbook"
)

// A run goes over to the changed file after one y, with the difference on the screen.
func TestTheChangedRunbookIsTaken(t *testing.T) {
	s := rich()
	s.Run.Changed = "the runbook was changed since this run began: of its steps 1 changed (T shows what)"
	s.Run.Newer = &desk.NewerBook{SHA256: "abc", Steps: []runbook.StepChange{
		{Slug: "2", Title: "Reduce load", Kind: runbook.StepChanged, Lines: []string{"- action set: 4", "+ action set: 2"}}, {Slug: "3", Title: "Watch", Kind: runbook.StepAdded},
	}}
	d := newFakeDesk(s)
	m := console(t, d, 80, 24, Options{})
	press(m, "4")
	if text := readerText(m); !strings.Contains(text, "of its steps 1 changed") {
		t.Errorf("the pane:\n%s", text)
	}
	press(m, "T")
	if text := readerText(m); !strings.Contains(text, "changed Reduce load") || !strings.Contains(text, "+ action set: 2") || !strings.Contains(text, "added Watch") {
		t.Errorf("the difference:\n%s", text)
	}
	press(m, "x")
	press(m, "T", "y")
	for _, msg := range m.pendingAnswers() {
		m.Update(msg)
	}
	if sent := d.sent(); len(sent) != 1 || sent[0] != (desk.TakeBook{SHA256: "abc"}) {
		t.Errorf("sent %v", sent)
	}
	s.Run.Newer.Disabled = "the new version has no steps"
	press(m, "T", "y")
	m.pendingAnswers()
	if sent := d.sent(); len(sent) != 1 {
		t.Errorf("taken all the same: %v", sent)
	}
}
