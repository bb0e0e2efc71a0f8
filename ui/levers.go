package ui

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"signalbox/internal/desk"
)

// leverPane lists what was thrown, and what somebody else has set.
type leverPane struct {
	pin    pin
	choice pin  // of what could be thrown
	turned bool // it shows the other of the two than by itself
}

func (p *leverPane) draw(f frame) (string, []string) {
	s := f.snap
	foreign := foreignControls(s)
	out := 0
	for i := range s.Levers {
		if s.Levers[i].Out {
			out++
		}
	}
	title := itoa(out) + " out"
	if len(foreign) > 0 {
		title += ", " + itoa(len(foreign)) + " not ours"
	}
	n := len(s.Levers) + len(foreign)
	if n == 0 {
		return "", noLevers(f)
	}
	lines := f.list(&p.pin, n, leverIDs(s, foreign), func(i int, sel bool) []string {
		if i < len(s.Levers) {
			return drawLever(f, &s.Levers[i], sel)
		}
		return drawControl(f, foreign[i-len(s.Levers)], sel)
	})
	return title, lines
}

// noLevers says which levers there are, or why none.
func noLevers(f frame) []string {
	lines := []string{f.say(dim, "  no lever is out and nobody else has set one")}
	for i := range f.snap.Gateways {
		g := &f.snap.Gateways[i]
		switch {
		case !g.Levers:
			lines = append(lines, f.row().put(plainStyle, "  "+g.Name).put(warn, " no levers: "+g.WhyNot).line())
		case g.Err != "":
			lines = append(lines, f.row().put(plainStyle, "  "+g.Name).put(bad, " "+g.Err).line())
		default:
			lines = append(lines, f.row().put(plainStyle, "  "+g.Name).put(dim, " "+abilityWords(g)).line())
		}
	}
	return lines
}

func abilityWords(g *desk.GatewayView) string {
	var can []string
	for _, a := range g.Abilities {
		if a.Fitness != "impossible" {
			can = append(can, a.Verb)
		}
	}
	if len(can) == 0 {
		return g.Kind
	}
	return g.Kind + " can " + strings.Join(can, ", ")
}

func foreignControls(s *desk.Snapshot) []*desk.ControlView {
	var out []*desk.ControlView
	for i := range s.Controls {
		if c := &s.Controls[i]; !c.Ours {
			out = append(out, c)
		}
	}
	return out
}

func leverIDs(s *desk.Snapshot, foreign []*desk.ControlView) func(int) string {
	return func(i int) string {
		if i < len(s.Levers) {
			return s.Levers[i].ID
		}
		c := foreign[i-len(s.Levers)]
		return "control " + c.Gateway + " " + c.Instance + " " + c.ID
	}
}

// drawLever is the lever, its change, the three facts, and the outcome apart from them.
func drawLever(f frame, l *desk.LeverView, sel bool) []string {
	under := func() *row {
		r := f.row()
		if sel && f.focused {
			r.base = chosen
		}
		return r.put(plainStyle, "    ")
	}
	one := f.selected(sel)
	state, ends := " "+l.State, ""
	if l.Out && !l.ExpiresAt.IsZero() {
		left := countdown(l.ExpiresAt.Sub(f.now))
		state, ends = state+" "+left, state+", ends in "+left
	}
	if ends != "" && one.room() > width(clean(l.Title))+width(clean(ends))+6 {
		state = ends
	}
	mark, s := "OUT ", strong
	if !l.Out {
		mark, s = "    ", dim
	}
	one.put(warn, mark).spread(s, l.Title, leverStyle(l), state)
	lines := []string{one.line()}
	lines = append(lines, under().put(plainStyle, strings.ReplaceAll(l.Change, "->", f.th.arrow)).put(dim, " "+f.th.dot+" "+l.Gateway+" by "+l.By+" "+hms(l.At)).line())
	if !l.Out {
		if l.Err != "" {
			lines = append(lines, under().put(bad, "! ").put(plainStyle, l.Err).line())
		}
		if l.Outcome != "" {
			lines = append(lines, under().put(outcomeStyle(l.Outcome), l.Outcome).put(dim, " "+l.OutcomeBy).line())
		}
		return lines
	}
	facts := under()
	fact(facts, "accepted", l.Accepted, l.AcceptedN)
	fact(facts, "reported", l.Reported, "")
	obeyed := under()
	fact(obeyed, "obeyed", l.Obeyed, "")
	lines = append(lines, facts.line())
	lines = append(lines, tail(obeyed, under, dim, l.ObeyedWhy)...)
	if l.Outcome != "" {
		outcome := under().put(dim, "outcome ").put(outcomeStyle(l.Outcome), strings.ToUpper(l.Outcome)).put(plainStyle, " ")
		lines = append(lines, tail(outcome, under, plainStyle, l.OutcomeBy)...)
	}
	if l.Drift != "" {
		lines = append(lines, under().put(bad, "DRIFT ").put(plainStyle, l.Drift).line())
	}
	if l.Err != "" {
		lines = append(lines, under().put(bad, "! ").put(plainStyle, l.Err).line())
	}
	if !l.SelfEnds {
		r := under().put(danger, "NOT self-reverting")
		if len(l.Undo) > 0 {
			r.put(dim, " by hand: "+l.Undo[0])
		}
		lines = append(lines, r.line())
	}
	return lines
}

// tail ends a row with a text; what does not fit goes on in one line below.
func tail(r *row, under func() *row, s style, text string) []string {
	text = clean(text)
	if width(text) <= r.room() || r.room() < 12 {
		return []string{r.put(s, text).line()}
	}
	parts := wrap(text, r.room())
	return []string{r.put(s, parts[0]).line(), under().put(plainStyle, "  ").put(s, strings.Join(parts[1:], " ")).line()}
}

// fact draws one of the three facts: a word and a glyph, and only then a colour.
func fact(r *row, name, v, n string) {
	r.put(dim, name+" ")
	switch v {
	case desk.Yes:
		r.put(good, r.th.ok+" yes")
	case desk.No:
		r.put(bad, r.th.no+" NO")
	case desk.CannotTell:
		r.put(warn, r.th.what+" cannot tell")
	default:
		r.put(dim, ".. pending")
	}
	if n != "" {
		r.put(plainStyle, " "+n)
	}
	r.put(plainStyle, "  ")
}

func leverStyle(l *desk.LeverView) style {
	switch {
	case !l.Out:
		return dim
	case l.State == desk.LeverActive:
		return good
	case l.State == desk.LeverFailed || l.State == desk.LeverPartial:
		return bad
	}
	return warn
}

func outcomeStyle(o string) style {
	switch o {
	case "helped":
		return good
	case "worse":
		return bad
	}
	return warn
}

func drawControl(f frame, c *desk.ControlView, sel bool) []string {
	one := f.selected(sel).put(warn, "NOT OURS ").put(strong, c.Verb+" "+c.Scope.Short()).
		put(plainStyle, " "+c.Value).put(dim, " (base "+c.Base+")")
	two := f.row()
	if sel && f.focused {
		two.base = chosen
	}
	two.put(plainStyle, "    "+c.Gateway+"/"+c.Instance)
	if c.SetBy != "" {
		two.put(plainStyle, " set by "+c.SetBy)
	}
	if !c.ExpiresAt.IsZero() {
		two.put(dim, ", ends in "+countdown(c.ExpiresAt.Sub(f.now)))
	}
	if c.Drift != "" {
		two.put(warn, " "+f.th.dot+" "+c.Drift)
	}
	return []string{one.line(), two.line()}
}

// lever finds a lever by id.
func (m *model) lever(id string) *desk.LeverView {
	for i := range m.snap.Levers {
		if m.snap.Levers[i].ID == id {
			return &m.snap.Levers[i]
		}
	}
	return nil
}

func (m *model) leverMove(d move) {
	if m.reaching() {
		m.reachMove(d)
		return
	}
	foreign := foreignControls(m.snap)
	m.levers.pin.move(d, len(m.snap.Levers)+len(foreign), leverIDs(m.snap, foreign))
}

// leverEnter shows everything about the selected lever, or plans the selected one of those that could be thrown.
func (m *model) leverEnter() tea.Cmd {
	if m.reaching() {
		return m.reachEnter()
	}
	l := m.lever(m.levers.pin.id)
	if l == nil {
		m.leverMove(moveDown)
		if l = m.lever(m.levers.pin.id); l == nil {
			return nil
		}
	}
	t := []line{
		{strong, "lever    ", l.Title + " on " + l.Gateway},
		{plainStyle, "change   ", l.Change},
		{leverStyle(l), "state    ", l.State},
		{plainStyle, "thrown   ", "by " + l.By + " at " + stamp(l.At)},
		{plainStyle, "accepted ", l.Accepted + " " + l.AcceptedN + ": what the gateway answered"},
		{plainStyle, "reported ", l.Reported + ": what it says when asked again"},
		{plainStyle, "obeyed   ", strings.ReplaceAll(l.Obeyed, "_", " ") + ": " + l.ObeyedWhy},
		{outcomeStyle(l.Outcome), "outcome  ", l.Outcome + " " + l.OutcomeBy},
		{bad, "drift    ", l.Drift},
		{bad, "error    ", l.Err},
	}
	if !l.ExpiresAt.IsZero() {
		holder := "the gateway holds the deadline"
		if !l.SelfEnds {
			holder = "NOT self-reverting: this console holds the deadline"
		}
		t = append(t, line{plainStyle, "ends     ", stamp(l.ExpiresAt) + ", " + holder})
	}
	for _, u := range l.Undo {
		t = append(t, line{dim, "undo     ", u})
	}
	t = append(t, line{dim, "id       ", l.ID + " incident " + l.Incident + " run " + l.Run + " step " + l.Step})
	return m.open(newPage("lever", t), byKey)
}

// leverGateways lists the gateways that can do the verb.
func (m *model) leverGateways(verb string) []*desk.GatewayView {
	var out []*desk.GatewayView
	for i := range m.snap.Gateways {
		g := &m.snap.Gateways[i]
		if !g.Levers {
			continue
		}
		can := len(g.Abilities) == 0
		for _, a := range g.Abilities {
			can = can || a.Verb == verb && a.Fitness != "impossible"
		}
		if can {
			out = append(out, g)
		}
	}
	slices.SortStableFunc(out, func(a, b *desk.GatewayView) int { // one that can be asked comes first
		return min(len(a.Err), 1) - min(len(b.Err), 1)
	})
	return out
}
