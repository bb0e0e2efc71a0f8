package ui

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

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
		desk.PlanRevert{Lever: "lev-1", Reason: "the run is given up: wrong book"},
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

// endedRun ends the current one of two open runs.
func endedRun(m *model, givenUp bool) {
	openTwo(m)
	s := *m.snap
	e := desk.EndedRun{
		ID: "run-1", Book: "llm-5xx", Title: s.Run.Title, GivenUp: givenUp, Step: "Cap the failing deployment", N: 3, Of: 5,
		By: "ben", Reason: "it was something else", At: at.Add(-10 * time.Second),
	}
	r := *s.Run
	r.Finished, r.End = true, &e
	s.Run, s.EndedRuns, s.Runs = &r, []desk.EndedRun{e}, s.Runs[1:]
	m.Update(snapMsg{&s})
}

func lastStepDone(c desk.Command) (desk.Result, error) {
	if _, ok := c.(desk.StepDone); ok {
		return desk.Result{Text: "runbook finished", Run: "run-1", Live: []string{"cap.set", "workload.pause"}}, nil
	}
	return planner(c)
}

func TestAnEndedRunSaysHowAndWhatIsStillOpen(t *testing.T) {
	for _, givenUp := range []bool{true, false} {
		m := console(t, newFakeDesk(rich()), 80, 24, Options{})
		endedRun(m, givenUp)
		press(m, "4")
		text := strings.Join(strings.Fields(ansi.Strip(m.View().Content)), " ")
		if strings.Contains(text, "given up: 502") != givenUp || strings.Contains(text, "finished: 502") == givenUp {
			t.Errorf("given up %v:\n%s", givenUp, text)
		}
		for _, want := range []string{"at step 3 of 5", "by ben", "it was something else", "W goes on with 429 storms, step 2 of 7", "W go on with an open one"} {
			if !strings.Contains(text, want) {
				t.Errorf("no %q:\n%s", want, text)
			}
		}
		press(m, "1", "r")
		if q, ok := m.top().(*choice); !ok || !strings.Contains(q.options[0].label, "429 storms") {
			t.Errorf("r does not offer the open run: %+v", m.top())
		}
	}
}

func TestFinishingARunAsksForEachLever(t *testing.T) {
	d := newFakeDesk(rich())
	d.answer = lastStepDone
	m := console(t, d, 80, 24, Options{})
	openTwo(m)
	press(m, "4", "d")
	settle(m, d)
	armTop(m)
	if q, ok := m.top().(*choice); !ok || !strings.Contains(q.title, "the run is finished; cap.set") {
		t.Fatalf("nothing is asked: %+v", m.stack)
	}
	press(m, "down", "enter")
	armTop(m)
	write(m, "until the provider says so")
	press(m, "enter")
	settle(m, d)
	armTop(m)
	press(m, "enter")
	settle(m, d)
	var kept, undone desk.Command
	for _, c := range d.sent() {
		switch c.(type) {
		case desk.KeepLever:
			kept = c
		case desk.PlanRevert:
			undone = c
		}
	}
	if kept != (desk.KeepLever{Lever: "lev-1", Reason: "until the provider says so"}) || undone != (desk.PlanRevert{Lever: "lev-2", Reason: "the run is finished"}) {
		t.Errorf("sent %v", d.sent())
	}
}
