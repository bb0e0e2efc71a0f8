package ui

import (
	tea "charm.land/bubbletea/v2"
)

// option is one thing to choose.
type option struct {
	label, detail string
	take          func(*model) tea.Cmd
}

// choice lets the operator take one of several.
type choice struct {
	sheet
	title   string
	options []option
	cur     int
}

func (d *choice) mode() mode                            { return modeChoice }
func (d *choice) input(*model, tea.KeyPressMsg) tea.Cmd { return nil }

func (d *choice) draw(f frame) (string, []string) {
	var lines []string
	at := 0
	for i, o := range d.options {
		if i == d.cur {
			at = len(lines)
		}
		lines = append(lines, f.selected(i == d.cur).put(strong, o.label).line())
		if o.detail == "" {
			continue
		}
		for _, part := range wrap(o.detail, f.w-4) {
			lines = append(lines, f.row().put(plainStyle, "    ").put(dim, part).line())
		}
	}
	if at < d.first {
		d.first = at
	}
	if at >= d.first+f.h-2 {
		d.first = at - f.h + 3
	}
	return d.title, d.scroll(f, lines, f.h)
}

func (m *model) choiceMove(by int) tea.Cmd {
	if d, ok := m.top().(*choice); ok && len(d.options) > 0 {
		d.cur = max(0, min(d.cur+by, len(d.options)-1))
	}
	return nil
}

func (m *model) choiceEnter() tea.Cmd {
	d, ok := m.top().(*choice)
	if !ok {
		return nil
	}
	m.closeTop()
	if d.cur >= len(d.options) {
		return nil
	}
	return d.options[d.cur].take(m)
}

// sure asks for one y. Every other key means no.
type sure struct {
	sheet
	title string
	text  []line
	foot  string // what y does
	yes   func(*model) tea.Cmd
}

func (d *sure) mode() mode { return modeSure }

func (d *sure) input(m *model, _ tea.KeyPressMsg) tea.Cmd { return m.closeTop() }

func (d *sure) draw(f frame) (string, []string) {
	foot := []string{
		f.say(plainStyle, ""),
		f.row().put(accent, "y").put(strong, " "+d.foot).put(plainStyle, "; any other key leaves it").line(),
	}
	return d.title, append(d.scroll(f, f.lines(d.text), f.h-len(foot)), foot...)
}

func (m *model) sureYes() tea.Cmd {
	d, ok := m.top().(*sure)
	if !ok {
		return nil
	}
	m.closeTop()
	return d.yes(m)
}

// leaving asks before the console is left while something is out or under way.
type leaving struct{ sheet }

func (d *leaving) mode() mode { return modeLeave }

func (d *leaving) input(m *model, _ tea.KeyPressMsg) tea.Cmd { return m.closeTop() }

func (d *leaving) draw(f frame) (string, []string) {
	var text []line
	for i := range f.snap.Levers {
		l := &f.snap.Levers[i]
		if !l.Out {
			continue
		}
		text = append(text, line{strong, f.th.mark, l.Title + " on " + l.Gateway})
		if l.SelfEnds && l.ExpiresAt.IsZero() {
			text = append(text, line{warn, " ", l.State + ": its end is not known"})
			continue
		}
		if l.SelfEnds {
			text = append(text, line{plainStyle, " ", "ends by itself in " + countdown(l.ExpiresAt.Sub(f.now)) + " (" + hms(l.ExpiresAt) + "Z): the gateway holds the deadline"})
			continue
		}
		text = append(text, line{bad, " ", "NOT self-reverting: without a console it stays out. Undo by hand:"})
		for _, u := range l.Undo {
			text = append(text, line{plainStyle, "   ", u})
		}
	}
	title := "leave? still out:"
	if len(text) == 0 {
		title = "leave?"
		text = append(text, line{warn, "", "nothing is out; a command may be under way: its answer goes into the journal, but not to this screen"})
	}
	foot := []string{
		f.say(plainStyle, ""),
		f.row().put(accent, "y").put(strong, " leaves").put(plainStyle, ", all stays as it is; ").put(accent, "u").put(plainStyle, " undoes one first; any other key stays").line(),
	}
	return title, append(d.scroll(f, f.lines(text), f.h-len(foot)), foot...)
}

// leave quits, after asking while a lever is out or a command has not been answered.
func (m *model) leave() tea.Cmd {
	_, out, _ := m.tally()
	if out == 0 && len(m.jobs.running) == 0 || m.lay.small && out == 0 {
		m.exit = Quit
		return tea.Quit
	}
	if m.lay.small {
		return nil
	}
	return m.open(&leaving{}, byKey)
}

func (m *model) leaveNow() tea.Cmd {
	m.exit = Quit
	return tea.Quit
}

func (m *model) leaveUndo() tea.Cmd {
	m.closeTop()
	return m.undoKey()
}

// interrupt is ctrl+c: it asks like q, and the second one does not.
func (m *model) interrupt() tea.Cmd {
	_, asked := m.top().(*leaving)
	_, out, _ := m.tally()
	if asked || out == 0 && len(m.jobs.running) == 0 || m.lay.small {
		m.exit = Interrupted
		return tea.Quit
	}
	return m.open(&leaving{}, byKey)
}
