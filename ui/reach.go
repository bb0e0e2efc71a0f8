package ui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"signalbox/internal/desk"
	"signalbox/internal/traffic"
)

// reaching tells whether the levers pane shows what could be thrown for what the operator looks at. It does so by itself
// while no lever is there to be shown.
func (m *model) reaching() bool {
	none := len(m.snap.Levers)+len(foreignControls(m.snap)) == 0
	return m.levers.turned != (none && m.subject.scope != nil)
}

// reachKey turns the levers pane between what was thrown and what could be thrown for the selected cell or burst.
func (m *model) reachKey() tea.Cmd {
	was := m.reaching()
	if m.focus == leversID {
		m.levers.turned = !m.levers.turned
	} else if !was {
		m.levers.turned = !m.levers.turned
	}
	return m.look(leversID)
}

// reach asks what could be thrown, in the snapshot that is shown.
func (m *model) reach() desk.Reaching {
	scope, _ := m.target()
	if scope == nil {
		return desk.Reaching{}
	}
	return desk.ReachOf(m.snap, scope, m.now())
}

func reachIDs(all []desk.Reach) func(int) string {
	return func(i int) string { return all[i].Verb + " " + all[i].Scope.String() }
}

// drawReach is the interlocking seen from one cell: every lever that reaches it, and why others cannot be thrown.
func (p *leverPane) drawReach(f frame, scope traffic.Scope, name string) (string, []string) {
	if scope == nil {
		return "what could be thrown", f.lines([]line{
			{dim, "", "nothing is selected: choose a cell (1, then the arrows) or a burst (b); then this lists every lever that reaches it, and why others cannot be thrown"},
		})
	}
	all := desk.ReachOf(f.snap, scope, f.now)
	can, not, never := 0, 0, 0
	for i := range all.Levers {
		switch x := &all.Levers[i]; {
		case x.Impossible():
			never++
		case x.Not != "":
			not++
		default:
			can++
		}
	}
	title := "for " + clean(name) + ": " + itoa(can) + " can be thrown"
	if not > 0 {
		title += ", " + itoa(not) + " not now"
	}
	if never > 0 {
		title += ", " + itoa(never) + " impossible"
	}
	var gaps []line
	for _, g := range all.Gaps {
		gaps = append(gaps, line{warn, f.th.what, g})
	}
	top := f.lines(gaps)
	if most := max(1, f.h/3); len(top) > most && len(all.Levers) > 0 {
		top = top[:most]
	}
	if len(f.snap.Levers)+len(foreignControls(f.snap)) == 0 {
		top = append([]string{f.say(dim, "  no lever is out and nobody else has set one")}, top...)
	}
	sub := f
	sub.h = max(0, f.h-len(top))
	if p.choice.find(len(all.Levers), reachIDs(all.Levers)) < 0 && len(all.Levers) > 0 && f.focused {
		p.choice.move(moveHome, len(all.Levers), reachIDs(all.Levers))
	}
	lines := sub.list(&p.choice, len(all.Levers), reachIDs(all.Levers), func(i int, sel bool) []string {
		return drawReachOf(sub, &all.Levers[i], sel)
	})
	return title, append(top, lines...)
}

// reachStyle colours the word that says how it stands with a lever.
func reachStyle(word string) style {
	switch word {
	case desk.ReachCan:
		return good
	case desk.ReachCannot:
		return dim
	}
	return warn
}

// drawReachOf is one lever: a line, and below the selected one everything that there is to know before a plan.
func drawReachOf(f frame, x *desk.Reach, sel bool) []string {
	word := x.Word()
	one := f.selected(sel).field(reachStyle(word), word, 9)
	name := strong
	if x.Impossible() {
		name = dim
	}
	one.put(name, x.Verb+reachTarget(x))
	if x.Asked {
		one.put(accent, " "+f.th.dot+" the step asks for it")
	}
	if !sel {
		short := x.Not
		switch {
		case short == "" && x.Force != "":
			short = x.Force
		case short == "" && x.Fitness == "nearest":
			short = x.Why
		case short == "" && len(x.Mind) > 0:
			short = x.Mind[0]
		}
		if short != "" {
			one.put(dim, " "+f.th.dot+" "+strings.TrimPrefix(short, "impossible: "))
		}
		return []string{one.line()}
	}
	out := []string{one.line()}
	for _, l := range reachLines(x) {
		for i, part := range wrap(l.text, f.w-4-width(l.label)-1) {
			r := f.row()
			if f.focused {
				r.base = chosen
			}
			label := l.label
			if i > 0 {
				label = ""
			}
			out = append(out, r.put(plainStyle, "    ").field(dim, label, width(l.label)).put(plainStyle, " ").put(l.style, part).line())
		}
	}
	return out
}

func reachTarget(x *desk.Reach) string {
	for _, dim := range []string{"deployment", "model", "workload"} {
		if v := x.Scope[dim]; v != "" {
			return " " + v
		}
	}
	return ""
}

// reachLines is everything about a lever that could, or could not, be thrown.
func reachLines(x *desk.Reach) []line {
	t := []line{}
	add := func(s style, label, text string) {
		if text != "" {
			t = append(t, line{s, label, text})
		}
	}
	if x.Impossible() {
		add(plainStyle, "why  ", x.Why)
		return t
	}
	add(warn, "not  ", x.Not)
	add(accent, "try  ", keyed(x.Try))
	add(warn, "force", x.Force)
	if x.Whole != "?" {
		add(plainStyle, "moves", x.Whole)
	}
	label, s := "does ", dim
	if x.Fitness == "nearest" {
		label, s = "also ", warn
	}
	add(s, label, x.Why)
	add(plainStyle, "mind ", keyed(strings.Join(x.Mind, "; ")))
	return t
}

func (m *model) reachMove(d move) {
	all := m.reach().Levers
	m.levers.choice.move(d, len(all), reachIDs(all))
}

// reachEnter plans the selected lever: as the step of the run does where it names exactly this one, else through its form. A
// lever that cannot be thrown says why.
func (m *model) reachEnter() tea.Cmd {
	all := m.reach().Levers
	i := m.levers.choice.find(len(all), reachIDs(all))
	if i < 0 {
		m.reachMove(moveHome)
		return nil
	}
	x := all[i]
	switch {
	case x.Not != "" || x.Impossible():
		return m.open(newPage("cannot be thrown: "+x.Verb+reachTarget(&x)+" on "+x.Gateway, reachLines(&x)), byKey)
	case x.Block >= 0:
		r, s := m.running()
		if r != nil && x.Block < len(s.Blocks) {
			v := s.Blocks[x.Block]
			if v.Disabled != "" {
				m.say(sayRefused, v.Action+": "+v.Disabled)
				return nil
			}
			return m.askPlan("planning "+v.Action, desk.PlanStep{Block: x.Block, Step: s.Step.Slug})
		}
	}
	_, name := m.target()
	return m.leverForm(x.Verb+reachTarget(&x), x.Verb, x.Scope, name, m.reachValue(&x))
}

// reachValue is what the form of a lever asks for besides its scope; nil: nothing.
func (m *model) reachValue(x *desk.Reach) *field {
	switch x.Verb {
	case "cap.set":
		return &field{label: "at most", text: newEditor("50%"), need: true, hint: "requests at once, or a share of the cap in force, as 50%"}
	case "shed.set":
		return &field{label: "percent", text: newEditor("50"), need: true, hint: "share of its requests that is refused, 1 to 100"}
	case "fallback.on":
		return &field{label: "to", text: newEditor(""), hint: "a target, or empty: the gateway's own chain"}
	case "route.force":
		hint := "where all of its requests go: a deployment"
		for i := range m.snap.Gateways {
			if g := &m.snap.Gateways[i]; g.Name == x.Gateway && len(g.Deployments) > 0 {
				hint += ", such as " + strings.Join(g.Deployments[:min(len(g.Deployments), 12)], ", ")
			}
		}
		return &field{label: "to", text: newEditor(""), need: true, hint: hint}
	case "retry.set":
		return &field{label: "retries", text: newEditor(`{"max_attempts":1}`), need: true, hint: `attempts in all; "timeout":"60s" beside it ends what takes longer`}
	}
	return nil
}
