package ui

import (
	"strings"
	"testing"
	"time"

	"signalbox/internal/desk"
)

// Typing into a time or a number that stands there replaces it; a scope is gone on with.
func TestTypingReplacesWhatAFieldCameWith(t *testing.T) {
	m, _ := reachFor(t, rich(), "cap.set")
	press(m, "c")
	f, ok := m.top().(*form)
	if !ok {
		t.Fatalf("c opened %T", m.top())
	}
	if f.cur != 1 || f.values()[1] != "50%" {
		t.Fatalf("the form begins at field %d with %q", f.cur, f.values())
	}
	write(m, "5")
	press(m, "enter")
	write(m, "30m")
	press(m, "enter")
	write(m, "room")
	if got := f.values(); got[1] != "5" || got[2] != "30m" || !strings.HasSuffix(got[3], "room") {
		t.Errorf("typed 5, 30m and room, and it has %q", got)
	}
	press(m, "up", "left")
	write(m, "0") // whoever moves in it edits it
	if got := f.values()[2]; got != "300m" {
		t.Errorf("an edit gives %q", got)
	}
	press(m, "up", "up")
	scope := f.values()[0]
	write(m, " workload=batch")
	if got := f.values()[0]; got != scope+" workload=batch" {
		t.Errorf("the scope is %q, was %q", got, scope)
	}
}

// What is wrong with a field is said at that field, before anything is asked.
func TestAFormPointsAtTheFieldThatIsWrong(t *testing.T) {
	for _, c := range []struct {
		field int
		text  string
		says  string
	}{
		{0, "model", "is no dimension=value"},
		{1, "many", "neither a number nor 1% to 100%"},
		{2, "soon", "is no time"},
	} {
		m, d := reachFor(t, rich(), "cap.set")
		press(m, "c")
		f := m.top().(*form)
		f.fields[3].text = newEditor("room")
		f.fields[c.field].text = newEditor(c.text)
		f.cur = 3
		press(m, "enter")
		if f.cur != c.field || !strings.Contains(f.wrong, c.says) || len(m.jobs.running) > 0 || len(d.sent()) > 0 {
			t.Errorf("%q: at field %d it says %q, and %d commands went out", c.text, f.cur, f.wrong, len(m.jobs.running))
		}
	}
}

// A scope is hit as it was written or refused, and a refusal brings the form back with all that was typed.
func TestARefusedPlanBringsItsFormBack(t *testing.T) {
	m, d := reachFor(t, rich(), "cap.set")
	d.answer = func(c desk.Command) (desk.Result, error) {
		if p, ok := c.(desk.PlanLever); !ok || !p.Exact {
			t.Errorf("asked for %+v", c)
		}
		return desk.Result{}, &desk.Refused{What: "cap.set on az", Why: "no deployment of edge is known for it", Try: "name one: az-eu-1, az-us-1", NoTarget: true}
	}
	press(m, "c")
	f := m.top().(*form)
	write(m, "5")
	press(m, "enter", "enter")
	write(m, "room")
	want := f.values()
	press(m, "enter")
	settle(m, d)
	if m.top() != dialog(f) || f.cur != 0 || !f.deaf {
		t.Fatalf("on top is %T, at field %d, deaf %v", m.top(), f.cur, f.deaf)
	}
	if got := f.values(); strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("it has %q, had %q", got, want)
	}
	if s := shown(m); !strings.Contains(s, "name one: az-eu-1, az-us-1") {
		t.Errorf("it does not say why:\n%s", s)
	}
	armTop(m)
	press(m, "esc")
	if len(m.stack) > 0 {
		t.Errorf("esc leaves %T", m.top())
	}
}

// A lever that nobody has seen end is not shown as one that ends in a moment, nor a changed one as active.
func TestALeverSaysThatItIsNotAsItShould(t *testing.T) {
	for says, change := range map[string]func(l *desk.LeverView){
		"its deadline passed at 02:16:30": func(l *desk.LeverView) { l.ExpiresAt = at.Add(-time.Minute) },
		"DRIFT, ends in ":                 func(l *desk.LeverView) { l.Drift = "cap on gw-1 should be 4 and is 9" },
		"NOT AS BEFORE cap on gw-1 should be 50": func(l *desk.LeverView) {
			l.Out, l.State, l.Drift = false, desk.LeverReverted, "cap on gw-1 should be 50 and is 9"
		},
	} {
		s := rich()
		s.Levers[0].Out, s.Levers[0].State = true, desk.LeverActive
		s.Levers[0].Drift, s.Levers[0].Err, s.Levers[0].ExpiresAt = "", "", at.Add(time.Minute)
		change(&s.Levers[0])
		m := console(t, newFakeDesk(s), 160, 50, Options{})
		press(m, "5", "z")
		if got := shown(m); !strings.Contains(got, says) {
			t.Errorf("no %q on\n%s", says, got)
		}
	}
}
