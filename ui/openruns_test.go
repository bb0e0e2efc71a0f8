package ui

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"signalbox/internal/desk"
)

// openTwo is an incident with two open runbooks, of which the current one has two levers out.
func openTwo(m *model) {
	s := rich()
	s.Runs = []desk.OpenRun{
		{ID: "run-1", Title: s.Run.Title, Step: "Cap the failing deployment", N: 3, Of: 5, Owner: "ana", Since: at.Add(-4 * time.Minute), Current: true},
		{ID: "run-2", Title: "429 storms", Step: "Who retries?", N: 2, Of: 7, Owner: "ben", Since: at.Add(-2 * time.Minute)},
	}
	for i := range s.Levers {
		s.Levers[i].Run = "run-1"
	}
	m.Update(snapMsg{s})
}

func TestGoToAnotherOpenRun(t *testing.T) {
	d := newFakeDesk(rich())
	m := console(t, d, 80, 24, Options{})
	openTwo(m)
	press(m, "4")
	if !strings.Contains(m.View().Content, "2 runbooks open") {
		t.Error("the pane does not say that two are open")
	}
	press(m, "W", "enter")
	settle(m, d)
	if want := []desk.Command{desk.ResumeRun{ID: "run-2"}}; !slices.Equal(d.sent(), want) {
		t.Errorf("sent %v", d.sent())
	}
}

// endRun ends the current run and gives the desk's answer.
func endRun(t *testing.T, d *fakeDesk) *model {
	t.Helper()
	m := console(t, d, 80, 24, Options{})
	openTwo(m)
	press(m, "4", "A")
	write(m, "wrong book")
	press(m, "enter")
	settle(m, d)
	armTop(m)
	return m
}

func TestEndingARunAsksForEachLever(t *testing.T) {
	d := newFakeDesk(rich())
	m := endRun(t, d)
	q, ok := m.top().(*choice)
	if !ok || len(m.stack) != 1 || !strings.Contains(q.title, "cap.set azure-eu-west-gpt-4o 4") || !strings.Contains(q.title, "1 more") {
		t.Fatalf("nothing is asked: %+v", m.stack)
	}
	press(m, "enter")
	settle(m, d)
	if p, plan := m.top().(*planDialog); !plan || !p.plan.Revert || len(m.stack) != 2 {
		t.Fatalf("no plan of the undo above the next question: %+v", m.stack)
	}
	armTop(m)
	press(m, "y")
	if q, ok = m.top().(*choice); !ok || !strings.Contains(q.title, "workload.pause batch") {
		t.Fatalf("the next lever is not asked for: %+v", m.top())
	}
	press(m, "down") // typed before it was drawn
	if q.cur != 0 {
		t.Error("a key that confirmed the plan answered the next question too")
	}
	armTop(m)
	press(m, "down", "enter")
	settle(m, d)
	want := []desk.Command{
		desk.AbortRun{Reason: "wrong book"},
		desk.PlanRevert{Lever: "lev-1", Reason: "the run has ended: wrong book"},
		desk.Throw{Plan: "plan-undo"},
		desk.KeepLever{Lever: "lev-2", Reason: "wrong book"},
	}
	if !slices.Equal(d.sent(), want) || len(m.stack) != 0 {
		t.Errorf("sent %v, open %v", d.sent(), m.stack)
	}
}

// A plan that is refused does not end the questions about the others.
func TestRefusedUndoGoesOnWithTheNextLever(t *testing.T) {
	d := newFakeDesk(rich())
	d.answer = func(c desk.Command) (desk.Result, error) {
		if _, undo := c.(desk.PlanRevert); undo {
			return desk.Result{}, errors.New("the gateway does not answer")
		}
		return planner(c)
	}
	m := endRun(t, d)
	press(m, "enter")
	settle(m, d)
	armTop(m)
	press(m, "esc") // the page that says why not
	if q, ok := m.top().(*choice); !ok || !strings.Contains(q.title, "workload.pause batch") {
		t.Fatalf("the next lever is not asked for: %+v", m.top())
	}
	armTop(m)
	press(m, "down", "down", "enter")
	if len(m.stack) != 0 {
		t.Errorf("still open: %v", m.stack)
	}
}
