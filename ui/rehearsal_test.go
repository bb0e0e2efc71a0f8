package ui

import (
	"errors"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"signalbox/internal/desk"
)

// rehearseNow asks for a rehearsal from the levers pane, and waits for what comes out.
func rehearseNow(m *model, d *fakeDesk) {
	d.answer = func(desk.Command) (desk.Result, error) {
		return desk.Result{Text: "rehearsal of llama-3: refused: parallel_tool_calls", Tried: &desk.RehearsalView{
			Endpoint: "eu", Model: "llama-3", For: "gpt-4o", Text: "refused: parallel_tool_calls",
			Trials: []desk.TrialView{
				{Name: "plain", Verdict: "accepted", Text: "210 ms", OK: true},
				{Name: "stream", Verdict: "accepted", Text: "430 ms, first text after 120 ms", OK: true},
				{Name: "parallel_tool_calls", Verdict: "refused", Text: "80 ms  400 unknown_parameter: \x1b[31mnot known here"},
			},
		}}, nil
	}
	press(m, "b", "5", "t")
	write(m, "llama-3")
	press(m, "enter", "enter", "enter")
	settle(m, d)
	armTop(m)
}

// A rehearsal is asked for by one key and a form, and what the target refuses stands first.
func TestRehearsalFromTheLeversPane(t *testing.T) {
	m, d := playScreen(t, false, 120, 40, Options{})
	rehearseNow(m, d)
	sent, ok := d.commands[len(d.commands)-1].(desk.RunRehearsal)
	if !ok || sent.Model != "llama-3" || sent.For != "gpt-4o" || sent.Endpoint != "" {
		t.Errorf("the desk was asked for %+v", d.commands[len(d.commands)-1])
	}
	text := readerText(m)
	refused, plain := strings.Index(text, "parallel_tool_calls refused"), strings.Index(text, "plain accepted")
	if refused < 0 || plain < refused || !strings.Contains(text, `\x1b[31mnot known here`) { // shown, not obeyed
		t.Errorf("the result reads\n%s", text)
	}
	press(m, "esc")

	m.snap.NoProbe = "no endpoint for probes is configured"
	before := len(d.commands)
	press(m, "t")
	if m.top() != nil || len(d.commands) != before || !strings.Contains(readerText(m), "no rehearsal: no endpoint for probes") {
		t.Errorf("without an endpoint:\n%s", readerText(m))
	}
}

// fallbackPlan sends the requests of one model to another, which was rehearsed a while ago.
func fallbackPlan() desk.PlanView {
	p := typedPlan()
	p.ID, p.Title, p.Phrase = "plan-fb", "fallback.on gpt-4o", "gpt-4o"
	p.Diff = []desk.DiffLine{{Instance: "edge-1", Control: "fallback/gpt-4o", Before: "off", After: "on"}, {Instance: "edge-2", Control: "fallback/gpt-4o", Before: "off", After: "on"}}
	p.Excess = ""
	p.Calls, p.Undo = p.Calls[:1], p.Undo[:1]
	p.Rehearsal = &desk.RehearsalView{
		Endpoint: "eu", Model: "llama-3", For: "gpt-4o", Text: "refused: parallel_tool_calls", At: at.Add(-9 * 24 * time.Hour), Stale: "older than 7 days",
		Words: "the rehearsal is STALE (older than 7 days): last rehearsed 9 days ago, on llama-3: refused: parallel_tool_calls",
		Trials: []desk.TrialView{
			{Name: "plain", Verdict: "accepted", OK: true, Whole: true, Latency: 210 * time.Millisecond},
			{Name: "stream", Verdict: "accepted", OK: true, Whole: true, Latency: 430 * time.Millisecond, FirstText: 120 * time.Millisecond},
			{Name: "parallel_tool_calls", Verdict: "refused", Why: "400 unknown_parameter: \x1b[31mnot known here"},
		},
	}
	p.Caveats = []string{p.Rehearsal.Words, "streams that run go on where they are"}
	return p
}

// planOf opens a plan's dialog as an answer of the desk does.
func planOf(m *model, d *fakeDesk, p desk.PlanView) *planDialog {
	d.answer = func(c desk.Command) (desk.Result, error) {
		if _, plan := c.(desk.PlanLever); plan {
			return planResult(p), nil
		}
		return planner(c)
	}
	m.askPlan("planning", desk.PlanLever{Verb: "fallback.on"})
	settle(m, d)
	armTop(m)
	m.Update(tea.WindowSizeMsg{Width: m.lay.w, Height: m.lay.h})
	x, _ := m.top().(*planDialog)
	return x
}

// The dialog of a fallback says what its last rehearsal showed, and rehearses it again without being left or blocked.
func TestRehearsalAtThePlan(t *testing.T) {
	for confirm, key := range map[string]string{desk.ConfirmTyped: "ctrl+t", desk.ConfirmPlain: "t"} {
		m, d := playScreen(t, false, 80, 24, Options{})
		p := fallbackPlan()
		p.Confirm = confirm
		x := planOf(m, d, p)
		text := readerText(m)
		for _, want := range []string{"STALE (older than 7 days): 9d ago on llama-3 through eu", "refused parallel_tool_calls: 400 unknown_parameter", "first text after 120ms, 2 of 3", "streams that run go on"} {
			if !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
				t.Errorf("%s: the plan does not say %q:\n%s", confirm, want, text)
			}
		}
		if strings.Contains(text, "last rehearsed 9 days ago") {
			t.Errorf("it is told twice:\n%s", text)
		}
		x.deaf = true
		press(m, key)
		if n := len(m.jobs.running); n != 0 || m.top() != x {
			t.Fatalf("a key that was typed before the plan came was taken: %d under way", n)
		}
		x.deaf = false
		press(m, key)
		if len(m.jobs.running) != 1 || m.jobs.running[0].cmd != (desk.RunRehearsal{Model: "llama-3", For: "gpt-4o", Endpoint: "eu"}) || m.top() != x {
			t.Fatalf("%s: under way: %+v", key, m.jobs.running)
		}
		if text = readerText(m); !strings.Contains(text, "rehearsing llama-3 for 0s; this plan can be sent") {
			t.Errorf("it does not say that it rehearses:\n%s", text)
		}
		press(m, key)
		if len(m.jobs.running) != 1 {
			t.Error("it is rehearsed twice at once")
		}
		if confirm == desk.ConfirmTyped {
			write(m, "gpt-4o")
		}
		d.answer = func(desk.Command) (desk.Result, error) {
			return desk.Result{Tried: &desk.RehearsalView{Endpoint: "eu", Model: "llama-3", For: "gpt-4o", OK: true, At: at, Text: "all 12 requests were answered whole"}}, nil
		}
		settle(m, d)
		if m.top() != x || !strings.Contains(readerText(m), "0s ago on llama-3 through eu: all 12 requests were answered whole") {
			t.Errorf("what came out is not in the plan:\n%s", readerText(m))
		}
		if confirm == desk.ConfirmTyped && x.typed.String() != "gpt-4o" {
			t.Errorf("what was typed is %q", x.typed.String())
		}
		d.answer = nil
		press(m, map[string]string{desk.ConfirmTyped: "enter", desk.ConfirmPlain: "y"}[confirm])
		if len(m.jobs.running) != 1 || m.jobs.running[0].cmd.(desk.Throw).Plan != "plan-fb" {
			t.Errorf("%s: the plan cannot be sent any more: %+v", confirm, m.jobs.running)
		}
	}
}

// Without a target that anybody knows it is asked for; what fails leaves the plan as it was; a plan that is gone meanwhile
// leaves the result a page of its own.
func TestRehearsalAtThePlanAsksForItsTarget(t *testing.T) {
	m, d := playScreen(t, false, 80, 24, Options{})
	p := fallbackPlan()
	p.Rehearsal = &desk.RehearsalView{For: "gpt-4o", Words: "never"}
	x := planOf(m, d, p)
	if !strings.Contains(readerText(m), "NEVER: nobody knows") {
		t.Errorf("the plan reads\n%s", readerText(m))
	}
	press(m, "ctrl+t")
	write(m, "llama-3")
	press(m, "enter", "enter", "enter")
	if m.top() != x || x.tried.model != "llama-3" {
		t.Fatalf("after the form: %T, %+v", m.top(), x.tried)
	}
	d.answer = func(desk.Command) (desk.Result, error) { return desk.Result{}, errors.New("no answer") }
	settle(m, d)
	if x.tried.job != 0 || !x.plan.Rehearsal.At.IsZero() {
		t.Errorf("after a failure: %+v", x.tried)
	}
	for m.top() != x {
		press(m, "esc")
		armTop(m)
	}
	press(m, "ctrl+t")
	write(m, "llama-3")
	press(m, "enter", "enter", "enter", "esc")
	d.answer = func(c desk.Command) (desk.Result, error) {
		return desk.Result{Tried: &desk.RehearsalView{Model: "llama-3", For: "gpt-4o", At: at, Text: "refused: seed"}}, nil
	}
	settle(m, d)
	if g, ok := m.top().(*page); !ok || !strings.Contains(g.plain, "refused: seed") {
		t.Errorf("with its plan gone: %T\n%s", m.top(), readerText(m))
	}
}

// A plan that sends nothing elsewhere has nothing to rehearse, and its key does not decline it.
func TestNoRehearsalAtOtherPlans(t *testing.T) {
	m, d := playScreen(t, false, 60, 15, Options{})
	x := planOf(m, d, somePlan())
	press(m, "t")
	if m.top() != x || len(m.jobs.running) != 0 || !strings.Contains(readerText(m), "nothing to rehearse") {
		t.Errorf("after t:\n%s", readerText(m))
	}
	press(m, "n")
	m.snap.NoProbe = "no endpoint for probes is configured"
	x = planOf(m, d, fallbackPlan())
	press(m, "ctrl+t")
	if m.top() != x || len(m.jobs.running) != 0 {
		t.Errorf("without an endpoint:\n%s", readerText(m))
	}
	checkScreen(t, m)
}
