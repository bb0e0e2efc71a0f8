package ui

import (
	"cmp"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"signalbox/internal/desk"
	"signalbox/runbook"
)

// obviousBlock finds the block that enter acts on: the chosen one, else the first that waits for the
// operator. blocked says what stands against going on when nothing else is left: a check that is not true, a branch that asks.
func obviousBlock(r *desk.RunView, s *desk.StepView, chosenBlock int) (block int, blocked string) {
	if chosenBlock >= 0 && chosenBlock < len(s.Step.Blocks) {
		return chosenBlock, ""
	}
	for i := range s.Step.Blocks {
		if i >= len(s.Blocks) {
			break
		}
		b, v := &s.Step.Blocks[i], &s.Blocks[i]
		switch {
		case awaits(r, b, v):
			return i, ""
		case b.Check != nil && v.Truth != desk.CheckTrue && b.Check.OnFalse != runbook.ToNext:
			blocked = "a check is " + v.Truth // a check after which the book goes on either way is there to be read
		case v.Asks && v.Truth == desk.CheckUnknown:
			blocked = "a branch is unknown"
		case v.Asks:
			blocked = "the branch is yours to decide"
		}
	}
	return -1, blocked
}

// awaits tells whether a block waits for the operator. A probe that cannot be sent does not: the step says how to ask by hand.
func awaits(r *desk.RunView, b *runbook.Block, v *desk.BlockView) bool {
	switch {
	case v.Goto != "":
		return true
	case b.Ask != nil:
		return v.Answer == ""
	case b.Action != nil:
		return (v.State == "" || v.State == "planned") && (v.Disabled == "" || openField(r) != nil)
	case b.Probe != nil:
		return v.State == "" && (v.Disabled == "" || probedField(r, b.Probe) != nil)
	}
	return b.Wait != nil && v.Open
}

// probedField is the field that names the model of a probe, while it is open.
func probedField(r *desk.RunView, p *runbook.Probe) *desk.FieldView {
	for i := range r.Fields {
		if x := &r.Fields[i]; p.Model == "$"+x.Name && x.Value == "" {
			return x
		}
	}
	return nil
}

// openField is the first field that the operator is asked for and that has no value: one that the book needs, or one that
// it can do without but that something in the current step names.
func openField(r *desk.RunView) *desk.FieldView {
	s := &r.Steps[max(0, min(r.Current, len(r.Steps)-1))].Step
	for i := range r.Fields {
		x := &r.Fields[i]
		if x.Value == "" && x.Prompt != "" && (!x.Optional || stepNames(s, x.Name)) {
			return x
		}
	}
	return nil
}

// stepNames tells whether a command or a lever of a step wants the value of a field.
func stepNames(s *runbook.Step, field string) bool {
	for _, p := range s.Placeholders() {
		if p.Name == field {
			return true
		}
	}
	for i := range s.Blocks {
		a := s.Blocks[i].Action
		if a == nil {
			continue
		}
		if a.Set.Text == "$"+field {
			return true
		}
		for _, v := range a.Scope {
			if v == "$"+field {
				return true
			}
		}
	}
	return false
}

func (m *model) running() (*desk.RunView, *desk.StepView) {
	r := m.snap.Run
	if r == nil || r.Finished || len(r.Steps) == 0 {
		return nil, nil
	}
	return r, &r.Steps[max(0, min(r.Current, len(r.Steps)-1))]
}

// obvious is what enter does in the runbook pane, and the words for it: the hint line and the key read
// the same decision.
func (m *model) obvious() (words string, act func(*model) tea.Cmd) {
	r, s := m.running()
	if r == nil {
		o := m.offer()
		if o == nil {
			return "", nil
		}
		return "start " + o.Title, func(m *model) tea.Cmd { return m.startRun(*o) }
	}
	i, blocked := obviousBlock(r, s, m.book.block)
	if i < 0 {
		return onward(r, s, blocked)
	}
	b := &s.Step.Blocks[i]
	var v desk.BlockView
	if i < len(s.Blocks) {
		v = s.Blocks[i]
	}
	switch {
	case v.Goto != "":
		return "go to " + leads(&v), func(m *model) tea.Cmd {
			return m.do("going to "+leads(&v), desk.StepJump{Slug: v.Goto}, nil)
		}
	case b.Ask != nil:
		return "answer: " + b.Ask.Question, func(m *model) tea.Cmd { return m.answer(b.Ask) }
	case b.Action != nil && v.Disabled != "":
		if x := openField(r); x != nil {
			return fillWords(r, x), func(m *model) tea.Cmd { return m.fillOpen(*x) }
		}
		return "", func(m *model) tea.Cmd { m.say(sayRefused, v.Action+": "+v.Disabled); return nil }
	case b.Action != nil:
		return "plan " + v.Action, func(m *model) tea.Cmd {
			return m.askPlan("planning "+v.Action, desk.PlanStep{Block: i, Step: s.Step.Slug})
		}
	case b.Probe != nil && probedField(r, b.Probe) != nil:
		x := *probedField(r, b.Probe)
		return "fill " + x.Name, func(m *model) tea.Cmd { return m.fill(x) }
	case b.Probe != nil && v.Disabled != "":
		return "", func(m *model) tea.Cmd { m.say(sayRefused, v.Action+": "+v.Disabled); return nil }
	case b.Probe != nil:
		return "send the " + v.Action, func(m *model) tea.Cmd { return m.askProbe(i, s.Step.Slug, b.Probe, &v) }
	case b.Wait != nil && v.Open:
		return "", func(m *model) tea.Cmd {
			m.say(sayHint, "the wait goes on by itself; s skips the step with a reason")
			return nil
		}
	case b.Escalate != nil:
		return "copy the message", func(m *model) tea.Cmd { return m.copyText("the message", b.Escalate.Say) }
	}
	return "mark the step done", (*model).stepDone
}

// leads names the step that a block leads to.
func leads(v *desk.BlockView) string { return cmp.Or(v.Leads, v.Goto) }

// onward is what enter does where no block waits for the operator.
func onward(r *desk.RunView, s *desk.StepView, blocked string) (words string, act func(*model) tea.Cmd) {
	if x := openField(r); x != nil && strings.HasSuffix(blocked, desk.CheckUnknown) { // what is not filled is why the checks cannot tell
		return fillWords(r, x), func(m *model) tea.Cmd { return m.fillOpen(*x) }
	}
	if arms := ways(r, s); blocked != "" && len(arms) > 0 {
		return "decide where to go: " + blocked, func(m *model) tea.Cmd { return m.decide(blocked, arms) }
	}
	if blocked != "" {
		text := blocked + ": d marks the step done all the same, s skips it, :jump goes elsewhere"
		return "", func(m *model) tea.Cmd { m.say(sayHint, text); return nil }
	}
	if v := soon(s); v != nil {
		return "", func(m *model) tea.Cmd { m.say(sayHint, v.Action+": "+v.Disabled); return nil }
	}
	if v := impossible(s); v != nil {
		return "skip the step: its lever cannot be thrown", func(m *model) tea.Cmd { return m.skipBecause(v.Disabled) }
	}
	if pendingFacts(s) {
		return "mark the step done (its lever's facts are pending)", (*model).stepDone
	}
	return "mark the step done", (*model).stepDone
}

// waiting tells whether a wait of the current step goes on, or the pace of its release: it cannot be done before.
func (m *model) waiting() bool {
	_, s := m.running()
	return s != nil && (soon(s) != nil || slices.ContainsFunc(s.Blocks, func(v desk.BlockView) bool { return v.Open }))
}

// soon finds an action of the step that cannot be planned yet, and can before long.
func soon(s *desk.StepView) *desk.BlockView {
	i := slices.IndexFunc(s.Blocks, func(v desk.BlockView) bool { return v.Soon && v.Disabled != "" })
	if i < 0 {
		return nil
	}
	return &s.Blocks[i]
}

// pendingFacts tells whether a lever of the step has not been answered for or seen in the traffic yet.
func pendingFacts(s *desk.StepView) bool {
	for i := range s.Blocks {
		if s.Blocks[i].Lever != "" && strings.Contains(s.Blocks[i].State, desk.Pending) {
			return true
		}
	}
	return false
}

// offer is the selected runbook, else the best.
func (m *model) offer() *desk.OfferView {
	all := m.snap.Offers
	if len(all) == 0 {
		return nil
	}
	i := m.book.offers.find(len(all), func(i int) string { return all[i].ID })
	return &all[max(0, i)]
}

func (m *model) stepEnter() tea.Cmd {
	if _, act := m.obvious(); act != nil {
		return act(m)
	}
	m.say(sayHint, "no runbook is loaded")
	return nil
}

// startGap is how long after one run was asked for no other one is: nobody means two within it.
const startGap = 2 * time.Second

func (p *bookPane) starting(now time.Time) bool {
	gone := now.Sub(p.began)
	return gone >= 0 && gone < startGap
}

func (m *model) startRun(o desk.OfferView) tea.Cmd {
	if m.book.starting(m.now()) { // a second enter, before the screen has shown the first one's run
		return nil
	}
	m.book.began = m.now()
	burst := o.Burst
	if m.subject.burst != "" {
		burst = m.subject.burst
	}
	return tea.Batch(m.look(bookID), m.do("starting "+o.Title, desk.StartRun{Book: o.ID, Burst: burst}, nil))
}

// runbookKey goes to the run, or starts the runbook that fits, or asks which.
func (m *model) runbookKey() tea.Cmd {
	if r, _ := m.running(); r != nil {
		return m.look(bookID)
	}
	if len(m.snap.Runs) > 0 {
		return m.runsKey()
	}
	var fit []desk.OfferView
	for _, o := range m.snap.Offers {
		if b := m.burst(m.subject.burst); b != nil && b.Runbook == o.ID {
			return m.startRun(o)
		}
		if o.Fits {
			fit = append(fit, o)
		}
	}
	if len(fit) == 1 {
		return m.startRun(fit[0])
	}
	return m.offersKey()
}

// offersKey lets the operator choose a runbook, also while one runs.
func (m *model) offersKey() tea.Cmd {
	if len(m.snap.Offers) == 0 {
		m.say(sayHint, "no runbook is loaded; the configuration names their folders under runbooks:")
		return nil
	}
	d := &choice{title: "start which runbook?"}
	for _, o := range m.snap.Offers {
		label := o.Title
		if o.Fits {
			label += "  FITS"
		}
		d.options = append(d.options, option{label, o.Why, func(m *model) tea.Cmd { return m.startRun(o) }})
	}
	return m.open(d, byKey)
}

func (m *model) whyNoRun() string {
	if r, _ := m.running(); r == nil {
		return "no runbook is being walked; r starts one"
	}
	return ""
}

// stepDone names the step that is on the screen, so that a key pressed twice does not pass the next one unread.
func (m *model) stepDone() tea.Cmd {
	_, s := m.running()
	return m.do("step done", desk.StepDone{Step: s.Step.Slug}, nil)
}

func (m *model) stepBack() tea.Cmd { return m.do("one step back", desk.StepBack{}, nil) }

func (m *model) stepSkip() tea.Cmd { return m.skipBecause("") }

// skipBecause asks for the reason with one to begin with.
func (m *model) skipBecause(why string) tea.Cmd {
	_, s := m.running()
	d := m.reasonForm("skip: "+s.Step.Title, "skip it", func(reason string) desk.Command {
		return desk.StepSkip{Reason: reason, Step: s.Step.Slug}
	})
	d.fields[0].text = newEditor(why)
	return m.open(d, byKey)
}

// impossible finds an action of the step that was not thrown and cannot be: marking the step done would say it was.
func impossible(s *desk.StepView) *desk.BlockView {
	for i := range s.Step.Blocks {
		if i >= len(s.Blocks) {
			break
		}
		if v := &s.Blocks[i]; s.Step.Blocks[i].Action != nil && v.State == "" && v.Disabled != "" && !v.Soon && !v.Moot {
			return v
		}
	}
	return nil
}

// reasonForm asks for a reason, which goes into the record.
func (m *model) reasonForm(title, label string, c func(string) desk.Command) *form {
	return &form{
		title: title, label: label,
		fields: []field{textField("reason", "", "it goes into the record")},
		submit: func(m *model, v []string) (tea.Cmd, string) { return m.do(label, c(v[0]), nil), "" },
	}
}

// blockKey chooses the block that enter acts on.
func (m *model) blockKey(by int) tea.Cmd {
	_, s := m.running()
	n := len(s.Step.Blocks)
	if n == 0 {
		m.say(sayHint, "this step has no blocks")
		return nil
	}
	at := m.book.block
	if at < 0 {
		r, _ := m.running()
		at, _ = obviousBlock(r, s, -1)
		if at < 0 && by < 0 {
			at = 0
		}
	}
	m.book.block = (at + by + n) % n
	return nil
}

// answer asks the operator what a step asks.
func (m *model) answer(a *runbook.Ask) tea.Cmd {
	if len(a.Choices) > 0 {
		d := &choice{title: a.Question}
		for _, c := range a.Choices {
			d.options = append(d.options, option{label: c, take: func(m *model) tea.Cmd {
				return m.do("answering "+c, desk.Choose{Var: a.Var, Value: c}, nil)
			}})
		}
		return m.open(d, byKey)
	}
	return m.open(&form{
		title: a.Question, label: "answer", fields: []field{textField(a.Var, "", "")},
		submit: func(m *model, v []string) (tea.Cmd, string) {
			return m.do("answering "+a.Var, desk.Choose{Var: a.Var, Value: v[0]}, nil), ""
		},
	}, byKey)
}
