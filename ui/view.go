package ui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"signalbox/internal/desk"
	"signalbox/internal/redact"
)

// moveKey moves in the focused pane.
func (m *model) moveKey(d move) tea.Cmd {
	switch m.focus {
	case gridID:
		if m.grid.move(&m.snap.Grid, d) {
			return m.aboutCell()
		}
	case burstsID:
		if m.bursts.pin.move(d, len(m.snap.Bursts), m.burstID) {
			return m.aboutBurst()
		}
	case logID:
		m.log.move(d)
	case bookID:
		m.book.move(m.snap, d)
	case leversID:
		m.leverMove(d)
	case timelineID:
		m.events.move(m.snap, d)
	}
	return nil
}

// move scrolls the text of a run, or chooses among the offers.
func (p *bookPane) move(s *desk.Snapshot, d move) {
	if s.Run == nil || s.Run.Finished {
		p.chosen = true
		p.offers.move(d, len(s.Offers), func(i int) string { return s.Offers[i].ID })
		return
	}
	p.first = d.step(p.first, max(1, p.lines-p.rows+2), max(1, p.rows-1))
}

func (m *model) zoomKey() tea.Cmd {
	m.zoom = !m.zoom
	m.resize(m.lay.w, m.lay.h)
	return m.fillLog()
}

// backKey undoes one thing of how the screen looks; it never leaves and never sends anything.
func (m *model) backKey() tea.Cmd {
	if m.jobs.plan != 0 {
		m.jobs.plan = 0
		m.say(sayHint, "the plan is not waited for any more; nothing was sent")
		return nil
	}
	switch {
	case m.log.text != "":
		return m.search("")
	case m.zoom:
		return m.zoomKey()
	case m.focus == leversID && m.levers.turned:
		m.levers.turned = false
	case m.book.block >= 0 && m.focus == bookID:
		m.book.block = -1
	case m.subject.scope != nil:
		return m.about(subject{})
	}
	m.drawn.status = status{}
	return nil
}

// copyText puts text on the terminal's clipboard (OSC 52).
func (m *model) copyText(what, text string) tea.Cmd {
	if text == "" {
		m.say(sayHint, "nothing is selected")
		return nil
	}
	m.say(sayDone, "copied "+what+" (where the terminal allows it)")
	return tea.SetClipboard(redact.TerminalLines(text))
}

func (m *model) copyPage() tea.Cmd {
	if p, ok := m.top().(*page); ok {
		return m.copyText("the text", p.plain)
	}
	return nil
}

// copyKey copies what is selected in the focused pane.
func (m *model) copyKey() tea.Cmd {
	switch m.focus {
	case gridID:
		if c := m.grid.cell(&m.snap.Grid); c != nil {
			return m.copyText("the cell", clean(c.Scope.String()+": "+count(c.Err)+"/"+count(c.Req)+" failed ("+percent(c.Rate)+")"))
		}
	case burstsID:
		if b := m.burst(m.bursts.pin.id); b != nil {
			return m.copyText("the burst", clean(burstSentence(b)))
		}
	case logID:
		if p := &m.log; p.cur < len(p.lines) {
			return m.copyText("the record", clean(p.lines[p.cur].Raw))
		}
	case leversID:
		if l := m.lever(m.levers.pin.id); l != nil && !m.reaching() {
			return m.copyText("the commands that undo it", clean(l.Title+" "+l.Change)+"\n"+cleanAll(l.Undo))
		}
	case timelineID:
		if e := m.events.entry(m.snap); e != nil {
			return m.copyText("the entry", clean(stamp(e.At)+" "+e.Text))
		}
	case bookID:
		return m.copyStep()
	}
	return m.copyText("", "")
}

func cleanAll(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = clean(s)
	}
	return strings.Join(out, "\n")
}

func burstSentence(b *desk.BurstView) string {
	return b.Name + " " + classWords(b.Leading) + " " + count(b.Failed) + "/" + count(b.Total) + " failed, now " +
		percent(b.Rate) + " " + b.State + ", since " + began(b)
}

// copyStatusKey copies how things stand, as one writes it into a chat.
func (m *model) copyStatusKey() tea.Cmd {
	var b strings.Builder
	b.WriteString(strings.ToUpper(m.snap.Env) + " " + stamp(m.now()))
	if m.snap.Drill {
		b.WriteString(" (drill)")
	}
	live, out, _ := m.tally()
	if i := m.snap.Incident; i != nil {
		b.WriteString("\nincident: " + clean(i.Title) + " (" + clean(i.ID) + "), open for " + short(m.now().Sub(i.Opened)))
	}
	if live == 0 {
		b.WriteString("\nno live burst")
	}
	if c, more := touching(m.snap.Changes, nil); c != nil {
		b.WriteString("\nchanged: " + hms(c.At) + "Z " + changeSentence(c))
		if more > 0 {
			b.WriteString(" (and " + itoa(more) + " more in 30m)")
		}
	}
	for i := range m.snap.Bursts {
		if v := &m.snap.Bursts[i]; v.Live() && v.Page {
			b.WriteString("\nburst: " + clean(burstSentence(v)))
		}
	}
	for i := range m.snap.Levers {
		l := &m.snap.Levers[i]
		if !l.Out {
			continue
		}
		b.WriteString("\nlever: " + clean(l.Title+" "+l.State+", obeyed "+strings.ReplaceAll(l.Obeyed, "_", " ")+", ends "+hms(l.ExpiresAt)+"Z"))
		if l.Outcome != "" {
			b.WriteString(", " + clean(l.Outcome))
		}
	}
	if out == 0 {
		b.WriteString("\nno lever out")
	}
	if r, s := m.running(); r != nil {
		b.WriteString("\nrunbook: " + clean(r.Title) + ", step " + clean(s.Step.Title))
	}
	return m.copyText("a status for chat", b.String())
}

// helpKey shows the keys of where the operator is, then those of everywhere, from the binding table.
func (m *model) helpKey() tea.Cmd {
	p := &page{title: "keys; the pane's own come first"}
	add := func(md mode) {
		p.text = append(p.text, line{accent, "", strings.ToUpper(string(md))})
		for i := range m.env.keys.table {
			b := &m.env.keys.table[i]
			if b.mode != md {
				continue
			}
			label := "  " + keyNames(b.keys)
			s := plainStyle
			help := b.help
			if b.danger {
				help += " (acts on the gateway)"
			}
			if b.why != nil {
				if why := b.why(m); why != "" {
					s, help = dim, help+" (not now: "+why+")"
				}
			}
			p.text = append(p.text, line{s, label + spaces(16-len(label)), help})
		}
		p.text = append(p.text, line{plainStyle, "", " "})
	}
	add(paneModes[m.focus])
	add(modeAnywhere)
	add(modePlan)
	add(modeTyped)
	p.text = append(p.text, line{accent, "", "COMMAND LINE (:)"})
	for _, v := range verbs() {
		p.text = append(p.text, line{plainStyle, "  " + v.name + spaces(14-len(v.name)), v.help})
	}
	p.text = append(p.text, line{plainStyle, "", " "}, line{dim, "", "signalbox keys prints all of them"})
	return m.open(p, byKey)
}

// refusalPage spells out a refusal that does not fit the status line.
func refusalPage(what string, r *desk.Refused, err error) *page {
	if r == nil {
		return newPage("not done", []line{{strong, "what ", what}, {plainStyle, "why  ", err.Error()}})
	}
	return newPage("refused", []line{{strong, "what ", r.What}, {plainStyle, "why  ", r.Why}, {accent, "try  ", keyed(r.Try)}})
}
