package ui

import (
	"strings"
	"testing"
	"time"

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

func TestJumpKnowsNumbersAndPartsOfSlugs(t *testing.T) {
	for _, tt := range []struct{ typed, completed, goes, says string }{
		{typed: "jump 4", goes: "verify"},
		{typed: "jump ver", completed: "jump verify", goes: "verify"},
		{typed: "j sco", completed: "j scope", goes: "scope"},
		{typed: "jump provider", completed: "jump status", goes: "status"},
		{typed: "jump s", completed: "jump s", says: "scope status"},
		{typed: "jump nowhere", completed: "jump nowhere", says: "there is no step nowhere"},
	} {
		d := newFakeDesk(rich())
		m := console(t, d, 120, 40, Options{})
		press(m, ":")
		write(m, tt.typed)
		if tt.completed != "" {
			press(m, "tab")
			if got := m.prompt.text.String(); got != tt.completed {
				t.Errorf("%q completes to %q, want %q", tt.typed, got, tt.completed)
			}
		}
		if tt.says == "scope status" && !strings.Contains(m.View().Content, tt.says) {
			t.Errorf("%q does not show what it may mean", tt.typed)
		}
		press(m, "enter")
		settle(m, d)
		var to string
		for _, c := range d.sent() {
			if j, ok := c.(desk.StepJump); ok {
				to = j.Slug
			}
		}
		if to != tt.goes || !strings.Contains(m.View().Content, tt.says) {
			t.Errorf("%q goes to %q, want %q; it says\n%s", tt.typed, to, tt.goes, m.View().Content)
		}
	}
}

// What y copies of a step whose text has no command is what an operator can run: never its title.
func TestCopyOfALeverStep(t *testing.T) {
	s := rich()
	now := &s.Run.Steps[s.Run.Current]
	now.Step.Prose = nil
	now.Blocks[1].Command = "signalbox control plan cap.set deployment=az-eu-1 --value 4 --ttl 15m0s"
	m := console(t, newFakeDesk(s), 120, 40, Options{})
	if got := m.stepCommands(now); len(got) != 1 || got[0].text != now.Blocks[1].Command {
		t.Errorf("before it is thrown: %+v", got)
	}
	now.Blocks[1].Lever = "lev-1"
	if got := m.stepCommands(now); len(got) != 1 || !strings.HasPrefix(got[0].text, "curl -X DELETE") {
		t.Errorf("while it is out: %+v", got)
	}
	press(m, "4", "y")
	if !strings.Contains(m.View().Content, "copied the undo by hand") {
		t.Error("y does not say what it copied")
	}
}

// At 80x24 the price of a lever and the key to the other runbooks are read whole.
func TestWhatMattersIsNotCutAt80(t *testing.T) {
	s := rich()
	now := &s.Run.Steps[s.Run.Current]
	now.Step.Blocks[1].Action.Cost = "interactive users wait up to four seconds longer, and batch jobs are refused while the cap is in force"
	s.Runs = []desk.OpenRun{{ID: "run-1", Current: true}, {ID: "run-2"}}
	m := console(t, newFakeDesk(s), 80, 24, Options{})
	press(m, "4")
	text := m.View().Content
	for _, want := range []string{"while the cap is in force", "2 runbooks open", "(W)"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q:\n%s", want, text)
		}
	}
}

// Where a block leads elsewhere, a check as well as a wait or a lever, enter offers to go there.
func TestEnterGoesWhereABlockLeads(t *testing.T) {
	for name, c := range map[string]struct {
		block runbook.Block
		view  desk.BlockView
	}{
		"a check":    {runbook.Block{Kind: runbook.KindCheck, Check: &runbook.Check{Name: "x", OnFalse: "verify"}}, desk.BlockView{Truth: desk.CheckFalse, Text: "error_rate 9%"}},
		"a branch":   {runbook.Block{Kind: runbook.KindBranch, Branch: []runbook.Arm{{Goto: "verify"}}}, desk.BlockView{Truth: desk.CheckTrue}},
		"a wait":     {runbook.Block{Kind: runbook.KindWait, Wait: &runbook.Wait{OnTimeout: "verify"}}, desk.BlockView{State: "timeout"}},
		"its action": {runbook.Block{Kind: runbook.KindAction, Action: &runbook.Action{Do: "cap.set", OnFail: "verify"}}, desk.BlockView{Action: "cap.set az-eu", State: "active: accepted yes", Lever: "l-1"}},
	} {
		s := rich()
		c.view.Goto, c.view.Why = "verify", "the book goes to verify"
		now := &s.Run.Steps[s.Run.Current]
		now.Step.Blocks, now.Blocks = []runbook.Block{c.block}, []desk.BlockView{c.view}
		d := newFakeDesk(s)
		m := console(t, d, 80, 24, Options{})
		press(m, "4")
		if text := m.View().Content; !strings.Contains(text, "go to verify") || !strings.Contains(text, "goes to verify") {
			t.Errorf("%s:\n%s", name, text)
		}
		press(m, "enter")
		settle(m, d)
		if all := d.sent(); len(all) == 0 || all[len(all)-1] != desk.Command(desk.StepJump{Slug: "verify"}) {
			t.Errorf("%s: sent %v", name, all)
		}
	}
}

// A branch that does not know, or that the book leaves to the operator, is no way on: enter says so and marks nothing done. While a wait
// goes on the bottom line does not offer what would be refused.
func TestEnterStopsWhereABranchAsks(t *testing.T) {
	for name, c := range map[string]struct {
		view desk.BlockView
		says string
	}{
		"unknown": {desk.BlockView{Asks: true, Truth: desk.CheckUnknown, Why: "no probe was sent"}, "not known yet"},
		"ask":     {desk.BlockView{Asks: true, Truth: desk.CheckTrue, Text: "none of the others"}, "yours to decide"},
	} {
		s := rich()
		now := &s.Run.Steps[s.Run.Current]
		now.Step.Blocks, now.Blocks = []runbook.Block{{Kind: runbook.KindBranch, Branch: []runbook.Arm{{Else: true, Goto: runbook.ToAsk}}}}, []desk.BlockView{c.view}
		d := newFakeDesk(s)
		m := console(t, d, 80, 24, Options{})
		press(m, "4")
		if text := m.View().Content; !strings.Contains(text, c.says) || strings.Contains(text, "on to the next step") {
			t.Errorf("%s:\n%s", name, text)
		}
		press(m, "enter")
		settle(m, d)
		for _, x := range d.sent() {
			if _, done := x.(desk.StepDone); done {
				t.Errorf("%s: enter marked the step done", name)
			}
		}
	}
	s := rich()
	now := &s.Run.Steps[s.Run.Current]
	now.Step.Blocks, now.Blocks = []runbook.Block{{Kind: runbook.KindWait, Wait: &runbook.Wait{}}}, []desk.BlockView{{Open: true, Text: "20s left"}}
	m := console(t, newFakeDesk(s), 80, 24, Options{})
	press(m, "4")
	if text := m.View().Content; strings.Contains(text, "done all the same") {
		t.Errorf("while a wait goes on:\n%s", text)
	}
}

// What y copies of a step that tells others is what they are told.
func TestCopyOfAnEscalation(t *testing.T) {
	s := rich()
	now := &s.Run.Steps[s.Run.Current]
	now.Step.Prose, now.Blocks = nil, make([]desk.BlockView, 1)
	now.Step.Blocks = []runbook.Block{{Kind: runbook.KindEscalate, Escalate: &runbook.Escalate{To: []string{"support"}, Say: "gpt-4o fails"}}}
	m := console(t, newFakeDesk(s), 80, 24, Options{})
	if got := m.stepCommands(now); len(got) != 1 || got[0].text != "gpt-4o fails" || got[0].what != "the message" {
		t.Errorf("copied: %+v", got)
	}
}

// Where titles carry numbers of their own, as those of the shipped runbooks do, a number means the title and not the place.
func TestJumpTakesTheNumberOfATitle(t *testing.T) {
	s := rich()
	for i, title := range []string{"1. Confirm", "2a. Status", "2b. Load", "3. Verify"} {
		s.Run.Steps[i].Step.Title = title
	}
	for typed, want := range map[string]int{"3": 3, "2b": 2, "4": 3, "1": 0} {
		if got := stepsNamed(s.Run, typed); len(got) != 1 || got[0] != want {
			t.Errorf("%q means %v, want the step at %d", typed, got, want)
		}
	}
}

// A release that waits for its pace is not impossible, and one that has taken all back is done: enter must not offer to skip either.
func TestEnterOnARelease(t *testing.T) {
	for name, c := range map[string]struct {
		view  desk.BlockView
		shows string
		hint  string // what enter is said to do
		sends int
	}{
		"at its pace": {desk.BlockView{Action: "take back the cap (1 out)", Disabled: "the last lever came back less than 10s ago; go on in 7s", Soon: true}, "not yet: the last lever came back", "", 0},
		"all is back": {desk.BlockView{Action: "take back the levers of this run", Disabled: "none of them is out", Moot: true}, "nothing is left to take back", "enter mark the step done", 1},
		"impossible":  {desk.BlockView{Action: "breaker.open eu", Disabled: "it has no breaker"}, "cannot: it has no breaker", "enter skip the step", 0},
	} {
		s := rich()
		s.Run.Fields = s.Run.Fields[:1]
		now := &s.Run.Steps[s.Run.Current]
		now.Step.Blocks, now.Blocks = []runbook.Block{{Kind: runbook.KindAction, Action: &runbook.Action{Do: runbook.DoRelease}}}, []desk.BlockView{c.view}
		d := newFakeDesk(s)
		m := console(t, d, 80, 24, Options{})
		press(m, "4")
		text := readerText(m)
		if !strings.Contains(text, c.shows) || !strings.Contains(text, c.hint) || c.hint == "" && (strings.Contains(text, "done all the same") || strings.Contains(text, "skip the step")) {
			t.Errorf("%s:\n%s", name, text)
		}
		press(m, "enter")
		settle(m, d)
		if all := d.sent(); len(all) != c.sends {
			t.Errorf("%s: sent %v", name, all)
		}
	}
}

// Where a branch leaves it to the operator, enter asks where to go, and stays unless one of the ways is chosen.
func TestEnterAsksWhereABranchLeads(t *testing.T) {
	s := rich()
	now := &s.Run.Steps[s.Run.Current]
	to := s.Run.Steps[len(s.Run.Steps)-1].Step
	now.Step.Blocks = []runbook.Block{{Kind: runbook.KindBranch, Branch: []runbook.Arm{{When: runbook.Expr{Source: "$page == red"}, Goto: runbook.Target(to.Slug)}, {Else: true, Goto: runbook.ToAsk}}}}
	now.Blocks = []desk.BlockView{{Asks: true, Truth: desk.CheckTrue, Text: "none of the others"}}
	d := newFakeDesk(s)
	m := console(t, d, 80, 24, Options{})
	press(m, "4")
	if text := readerText(m); !strings.Contains(text, "enter decide where to go") {
		t.Fatalf("the hint:\n%s", text)
	}
	press(m, "enter")
	checkScreen(t, m)
	if text := readerText(m); !strings.Contains(text, "go to "+to.Title) || !strings.Contains(text, "when $page == red") || !strings.Contains(text, "▸ stay here") {
		t.Fatalf("the choice:\n%s", text)
	}
	press(m, "enter")
	settle(m, d)
	if all := d.sent(); len(all) != 0 {
		t.Errorf("enter twice sent %v", all)
	}
	press(m, "enter", "down", "enter")
	settle(m, d)
	if all := d.sent(); len(all) != 1 || all[0] != desk.Command(desk.StepJump{Slug: to.Slug}) {
		t.Errorf("sent %v", all)
	}
}

// A second enter, before the screen has shown the run that the first one began, begins no second one.
func TestOneRunForTwoEnters(t *testing.T) {
	s := rich()
	s.Run, s.Runs = nil, nil
	now := at
	d := newFakeDesk(s)
	m := console(t, d, 80, 24, Options{Now: func() time.Time { return now }})
	press(m, "4", "enter", "enter")
	now = now.Add(3 * time.Second)
	press(m, "enter")
	settle(m, d)
	starts := 0
	for _, x := range d.sent() {
		if _, ok := x.(desk.StartRun); ok {
			starts++
		}
	}
	if starts != 2 {
		t.Errorf("%d runs were asked for, of three enters of which two were one", starts)
	}
}
