package ui

import (
	"strings"
	"testing"

	"signalbox/internal/desk"
	"signalbox/runbook"
)

// A lever that this gateway does not have must not end as a step that was done: enter skips it, with the reason.
func TestEnterSkipsAnImpossibleAction(t *testing.T) {
	s := rich()
	s.Run.Fields = s.Run.Fields[:1]
	now := &s.Run.Steps[s.Run.Current]
	now.Step.Blocks = []runbook.Block{{Kind: runbook.KindAction, Action: &runbook.Action{Do: "workload.pause"}}}
	now.Blocks = []desk.BlockView{{Action: "workload.pause batch", Disabled: "HAProxy knows no workloads"}}
	d := newFakeDesk(s)
	m := console(t, d, 120, 40, Options{})
	press(m, "4")
	if text := m.View().Content; strings.Contains(text, "mark the step done") || !strings.Contains(text, "skip the step") {
		t.Errorf("the hint:\n%s", text)
	}
	press(m, "enter", "enter")
	m.pendingAnswers()
	var skipped desk.StepSkip
	for _, c := range d.sent() {
		if x, ok := c.(desk.StepSkip); ok {
			skipped = x
		}
	}
	if !strings.Contains(skipped.Reason, "HAProxy knows no workloads") {
		t.Errorf("sent %v", d.sent())
	}
}

// The reason that a form begins with must not claim errors where there are none.
func TestCapFormClaimsErrorsOnlyWhereThereAreSome(t *testing.T) {
	s := rich()
	for _, row := range s.Grid.Cells {
		for i := range row {
			m := console(t, newFakeDesk(s), 120, 40, Options{})
			if got, want := m.fails(row[i].Scope), row[i].Err > 0; got != want {
				t.Errorf("%v: %v, %d errors", row[i].Scope, got, row[i].Err)
			}
		}
	}
}
