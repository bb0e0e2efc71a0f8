package ui

import (
	"cmp"
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
	whole := p.whole(f, leverIDs(s, foreign), n)
	return title, f.list(&p.pin, n, leverIDs(s, foreign), func(i int, sel bool) []string {
		if i < len(s.Levers) {
			return drawLever(f, &s.Levers[i], sel, !whole[i])
		}
		return drawControl(f, foreign[i-len(s.Levers)], sel)
	})
}

// whole chooses the levers that are told with all their lines: the selected one while the pane has the keys, then as many, from
// the top, as there is room for when the others are told in brief.
func (p *leverPane) whole(f frame, id func(int) string, n int) map[int]bool {
	levers := f.snap.Levers
	chosen := max(0, p.pin.find(n, id))
	used, more := 2*(n-len(levers)), make([]int, len(levers))
	for i := range levers {
		brief := len(drawLever(f, &levers[i], false, true))
		used, more[i] = used+brief, len(drawLever(f, &levers[i], false, false))-brief
	}
	out := map[int]bool{}
	take := func(i int, must bool) {
		if i < len(levers) && !out[i] && (must || used+more[i] <= f.h) {
			out[i] = true
			used += more[i]
		}
	}
	take(chosen, f.focused)
	for i := range levers {
		if levers[i].Out {
			take(i, false)
		}
	}
	return out
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
	id := l.ID
	return m.open(newLivePage("lever", func() []line { return m.leverLines(id) }), byKey)
}

// leverLines say everything about a lever as it stands now.
func (m *model) leverLines(id string) []line {
	l := m.lever(id)
	if l == nil {
		return nil
	}
	t := []line{
		{strong, "lever    ", l.Title + " on " + l.Gateway},
		{plainStyle, "change   ", strings.ReplaceAll(l.Change, "->", m.th.arrow)},
		{leverStyle(l, m.now()), "state    ", stateWord(l)},
		{plainStyle, "thrown   ", "by " + l.By + " at " + stamp(l.At)},
		{plainStyle, "accepted ", l.Accepted + " " + l.AcceptedN + ": what the gateway answered"},
		{plainStyle, "reported ", l.Reported + ": what it says when asked again"},
		{plainStyle, "obeyed   ", strings.ReplaceAll(l.Obeyed, "_", " ") + ": " + l.ObeyedWhy},
		{outcomeStyle(l.Outcome), "outcome  ", cmp.Or(strings.TrimSpace(l.Outcome+" "+l.OutcomeBy), "not judged yet")},
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
	for _, h := range l.Held {
		t = append(t, heldLine(h))
	}
	for _, u := range l.Undo {
		t = append(t, line{dim, "undo     ", u})
	}
	whose := l.ID
	for _, x := range []struct{ what, is string }{{"incident", l.Incident}, {"run", l.Run}, {"step", l.Step}} {
		if x.is != "" {
			whose += ", " + x.what + " " + x.is
		}
	}
	t = append(t, line{dim, "id       ", whose})
	return t
}

// heldLine says of one control of one instance whether it is as the lever set it.
func heldLine(h desk.InstanceHold) line {
	where := h.Instance + ", " + h.Control
	switch h.Holds {
	case desk.Yes:
		return line{plainStyle, "instance ", where + ": holds it, " + h.Is}
	case desk.No:
		return line{bad, "instance ", where + ": does NOT hold it: " + h.Why}
	}
	return line{warn, "instance ", where + ": cannot tell: " + h.Why}
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
