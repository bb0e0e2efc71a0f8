package ui

import (
	"time"

	tea "charm.land/bubbletea/v2"
)

// dialog is drawn last and gets the keys first. Its keys are in the binding table under its mode; what
// is not bound there goes to input.
type dialog interface {
	mode() mode
	draw(f frame) (title string, body []string)
	input(m *model, k tea.KeyPressMsg) tea.Cmd
	base() *sheet
}

// sheet is what all dialogs have: an id, a scroll position, and whether keys reach it yet.
type sheet struct {
	id    uint64
	turn  uint64 // of the grace period
	deaf  bool   // it opened by itself a moment ago: keys that were meant for something else are dropped
	first int    // first line drawn
	lines int    // as last drawn
	rows  int    // that fitted
}

func (s *sheet) base() *sheet { return s }

// grace is how long a dialog that opened by itself ignores keys; every key that comes meanwhile starts
// it again, so that nothing typed for another screen is taken for an answer.
const grace = 350 * time.Millisecond

type opening int

const (
	byKey    opening = iota // the operator pressed a key for it
	byItself                // an answer opened it
)

func (m *model) top() dialog {
	if len(m.stack) == 0 {
		return nil
	}
	return m.stack[len(m.stack)-1]
}

// open puts a dialog on top.
func (m *model) open(d dialog, how opening) tea.Cmd {
	m.jobs.next++
	s := d.base()
	s.id = m.jobs.next
	m.stack = append(m.stack, d)
	if how == byKey {
		return nil
	}
	s.deaf = true
	return m.after(grace, armMsg{s.id, s.turn})
}

// arm ends a grace period, unless a key has started it again.
func (m *model) arm(msg armMsg) {
	if d := m.top(); d != nil && d.base().id == msg.dialog && d.base().turn == msg.turn {
		d.base().deaf = false
	}
}

// closeTop closes the dialog on top. The grace period of one that came while it was below begins now.
func (m *model) closeTop() tea.Cmd {
	if len(m.stack) > 0 {
		m.stack = m.stack[:len(m.stack)-1]
	}
	m.touch()
	d := m.top()
	if d == nil || !d.base().deaf {
		return nil
	}
	s := d.base()
	s.turn++
	return m.after(grace, armMsg{s.id, s.turn})
}

// dialogKey gives a key to the top dialog.
func (m *model) dialogKey(d dialog, msg tea.KeyPressMsg) tea.Cmd {
	name := msg.String()
	if name == "ctrl+c" {
		return m.interrupt()
	}
	if name == "ctrl+z" {
		return tea.Suspend
	}
	if s := d.base(); s.deaf {
		s.turn++
		return m.after(grace, armMsg{s.id, s.turn})
	}
	if b := m.env.keys.find(d.mode(), name); b != nil {
		return m.perform(b)
	}
	return d.input(m, msg)
}

func (m *model) scrollTop(n int) {
	if d := m.top(); d != nil {
		s := d.base()
		s.first = max(0, min(s.first+n, s.lines-s.rows))
	}
}

// scroll cuts lines to the rows there are and says how many are above and below.
func (s *sheet) scroll(f frame, lines []string, rows int) []string {
	rows = max(rows, 1)
	s.lines, s.rows = len(lines), rows
	if len(lines) <= rows {
		s.first = 0
		return lines
	}
	s.rows = rows - 1
	s.first = max(0, min(s.first, len(lines)-s.rows))
	out := append([]string(nil), lines[s.first:s.first+s.rows]...)
	below := len(lines) - s.first - s.rows
	text := plural(below, "line", "lines") + " below, " + plural(s.first, "line", "lines") + " above: up, down"
	if below == 0 {
		text = "the end; " + plural(s.first, "line", "lines") + " above: up"
	}
	return append(out, f.say(warn, text))
}

// page is a text to read.
type page struct {
	sheet
	title string
	text  []line
	plain string        // for the clipboard
	now   func() []line // what it says now, for a page of what goes on; none: its subject is gone, and the last words stay
}

// line is text with a style, wrapped when it is drawn.
type line struct {
	style style
	label string // drawn before the text; what follows is indented by it
	text  string
}

func (p *page) mode() mode                            { return modePage }
func (p *page) input(*model, tea.KeyPressMsg) tea.Cmd { return nil }

func (p *page) draw(f frame) (string, []string) {
	if p.now != nil {
		if text := p.now(); len(text) > 0 {
			p.say(text)
		}
	}
	return p.title, p.scroll(f, f.lines(p.text), f.h)
}

// lines wraps labelled texts to the frame.
func (f frame) lines(text []line) []string {
	var out []string
	for _, l := range text {
		indent := width(clean(l.label))
		if indent > 0 {
			indent++
		}
		for i, part := range wrap(l.text, f.w-indent) {
			r := f.row()
			if i == 0 && indent > 0 {
				r.put(dim, l.label)
			}
			out = append(out, r.to(indent).put(l.style, part).line())
		}
	}
	return out
}

// newPage makes a page of labelled lines; lines without a text are left out.
func newPage(title string, text []line) *page {
	p := &page{title: title}
	p.say(text)
	return p
}

// newLivePage makes a page whose text is made anew each time that it is drawn: who keeps it open watches what becomes of it.
func newLivePage(title string, now func() []line) *page {
	p := newPage(title, now())
	p.now = now
	return p
}

func (p *page) say(text []line) {
	p.text, p.plain = nil, ""
	for _, l := range text {
		if l.text == "" {
			continue
		}
		p.text = append(p.text, l)
		p.plain += l.label + " " + clean(l.text) + "\n"
	}
}
