package ui

import (
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"signalbox/internal/desk"
)

// planDialog shows one plan, frozen by its id: what is confirmed is what is shown, whatever changes behind it.
type planDialog struct {
	sheet
	plan  desk.PlanView
	again desk.Command // asks for the same plan from a fresh read
	typed editor
	tried trying // a rehearsal that was asked for here
}

func (p *planDialog) mode() mode {
	if p.plan.Confirm == desk.ConfirmTyped {
		return modeTyped
	}
	return modePlan
}

// input takes the phrase of a typed plan. On a plain one every unbound key declines.
func (p *planDialog) input(m *model, k tea.KeyPressMsg) tea.Cmd {
	if p.plan.Confirm != desk.ConfirmTyped {
		return m.declineTop()
	}
	p.typed.key(k)
	return nil
}

func (p *planDialog) stale(now time.Time) bool {
	return !p.plan.StaleAt.IsZero() && now.After(p.plan.StaleAt)
}

// planned shows the plan that came, if it is still the one that is waited for.
func (m *model) planned(j job, p desk.PlanView) tea.Cmd {
	if m.jobs.plan != j.id {
		m.say(sayHint, "a plan came that nobody waits for any more; it was declined")
		return m.quietly(desk.Decline{Plan: p.ID})
	}
	m.jobs.plan = 0
	m.say(sayHint, "plan read "+hms(m.now())+"Z; nothing has been sent")
	return m.open(&planDialog{plan: p, again: j.cmd}, byItself)
}

// askPlan asks the desk for a plan. A plan that was asked for earlier is no longer waited for.
func (m *model) askPlan(what string, c desk.Command) tea.Cmd {
	cmd := m.do(what, c, nil)
	m.jobs.plan = m.jobs.next
	return cmd
}

func (m *model) whyNotThrow() string {
	p, ok := m.top().(*planDialog)
	switch {
	case !ok:
		return "there is no plan"
	case p.stale(m.now()):
		return "this plan is stale: what it read may have changed. " + keyIn(p.mode(), "plan again") + " plans again"
	case p.plan.Confirm == desk.ConfirmTyped && p.typed.String() != p.plan.Phrase:
		return "not sent: type exactly " + p.plan.Phrase
	}
	return ""
}

func (m *model) throwPlain() tea.Cmd { return m.throw("") }

func (m *model) throwTyped() tea.Cmd {
	p, ok := m.top().(*planDialog)
	if !ok {
		return nil
	}
	return m.throw(p.typed.String())
}

// throw sends the plan on top: the one place of the console from which a lever is thrown.
func (m *model) throw(typed string) tea.Cmd {
	p, ok := m.top().(*planDialog)
	if !ok {
		return nil
	}
	below := m.closeTop()
	return tea.Batch(below, m.do("sending "+p.plan.Title, desk.Throw{Plan: p.plan.ID, Typed: typed}, (*model).thrown))
}

// thrown shows where the lever can be watched.
func (m *model) thrown(r desk.Result) tea.Cmd {
	if r.Lever != "" {
		m.levers.pin.id, m.levers.turned = r.Lever, false
	}
	return nil
}

func (m *model) declineTop() tea.Cmd {
	p, ok := m.top().(*planDialog)
	if !ok {
		return nil
	}
	below := m.closeTop()
	m.say(sayHint, "declined: "+p.plan.Title+"; nothing was sent")
	return tea.Batch(below, m.quietly(desk.Decline{Plan: p.plan.ID}))
}

func (m *model) replan() tea.Cmd {
	p, ok := m.top().(*planDialog)
	if !ok {
		return nil
	}
	m.closeTop()
	return tea.Sequence(m.quietly(desk.Decline{Plan: p.plan.ID}), m.askPlan("planning again: "+p.plan.Title, p.again))
}

func (p *planDialog) draw(f frame) (string, []string) {
	v := p.plan
	title := "plan: " + v.Title
	if v.Revert {
		title = "plan of an undo: " + v.Title
	}
	foot := p.foot(f)
	body := p.scroll(f, p.text(f), f.h-len(foot))
	return title, append(body, foot...)
}

// text is everything that an operator should know before confirming, what matters most first.
func (p *planDialog) text(f frame) []string {
	v := p.plan
	var t []line
	add := func(s style, label, text string) {
		if text != "" {
			t = append(t, line{s, label, text})
		}
	}
	where := v.Gateway
	if v.Env != "" {
		where += " in " + strings.ToUpper(v.Env)
	}
	add(strong, "on       ", where)
	for _, d := range grouped(v.Diff) {
		add(strong, "change   ", d.Instance+" "+d.Control+": "+d.Before+" "+f.th.arrow+" "+d.After)
	}
	switch {
	case len(v.Diff) > 0:
	case v.Revert && len(v.Caveats) > 0:
		add(warn, "change   ", "none")
	default:
		add(warn, "change   ", "none: it is like that already")
	}
	blastStyle := plainStyle
	if v.Confirm == desk.ConfirmTyped {
		blastStyle = bad
	}
	add(blastStyle, "touches  ", v.Blast)
	add(plainStyle, "excess   ", v.Excess)
	if v.SelfEnds || v.Revert {
		add(plainStyle, "ends     ", v.Deadline)
	} else {
		add(bad, "ends     ", v.Deadline)
	}
	t = append(t, p.rehearsal(f)...)
	for _, c := range v.Caveats {
		if v.Rehearsal == nil || c != v.Rehearsal.Words {
			add(warn, "mind     ", c)
		}
	}
	add(plainStyle, "why      ", v.Reason)
	for i, u := range v.Undo {
		label := "undo     "
		if i > 0 {
			label = "         "
		}
		add(dim, label, u)
	}
	for i, c := range v.Calls {
		label := "by hand  "
		if i > 0 {
			label = "         "
		}
		add(dim, label, c)
	}
	return f.lines(t)
}

// grouped joins instances on which the change is the same.
func grouped(diff []desk.DiffLine) []desk.DiffLine {
	var out []desk.DiffLine
next:
	for _, d := range diff {
		for i := range out {
			if o := &out[i]; o.Control == d.Control && o.Before == d.Before && o.After == d.After {
				o.Instance += ", " + d.Instance
				continue next
			}
		}
		out = append(out, d)
	}
	return out
}

// foot says how to confirm, and that nothing happens otherwise.
func (p *planDialog) foot(f frame) []string {
	out := []string{f.say(plainStyle, "")}
	switch {
	case p.stale(f.now):
		r := f.row().put(danger, " STALE ").put(plainStyle, " read too long ago. ").put(accent, keyIn(p.mode(), "plan again"))
		return append(out, r.put(plainStyle, " plans again, esc declines").line())
	case p.deaf:
		return append(out, f.say(warn, "keys are ignored for a moment: this came by itself"))
	case p.plan.Confirm == desk.ConfirmTyped:
		ok := p.typed.String() == p.plan.Phrase
		r := f.row().put(plainStyle, "type ").put(danger, " "+p.plan.Phrase+" ").put(plainStyle, " to confirm: ")
		p.typed.draw(r, 40, true)
		out = append(out, r.line())
		if ok {
			return append(out, f.row().put(accent, "enter").put(strong, " SENDS it").put(plainStyle, ", esc declines").line())
		}
		return append(out, f.say(dim, "nothing is sent before that; esc declines"))
	}
	r := f.row().put(accent, "y").put(strong, " SENDS it").put(plainStyle, "; any other key declines and nothing is sent")
	if left := p.plan.StaleAt.Sub(f.now); !p.plan.StaleAt.IsZero() && left < 30*time.Second {
		r.put(warn, "  (stale in "+countdown(left)+")")
	}
	return append(out, r.line())
}
