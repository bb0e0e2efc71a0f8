package ui

import (
	tea "charm.land/bubbletea/v2"

	"signalbox/internal/desk"
)

// hint is one key that is useful now. The key is looked up in the binding table by tests: a hint for a
// key that does nothing is an error.
type hint struct{ key, text string }

// hints names the next useful keys, the most useful first.
func (m *model) hints() []hint {
	if d := m.top(); d != nil {
		return dialogHints(d)
	}
	var list []hint
	add := func(key, text string) { list = append(list, hint{key, text}) }
	if m.jobs.plan != 0 {
		add("esc", "stop waiting for the plan")
	}
	m.nextHint(add)
	if m.leverPending() && !m.lay.shows(leversID) {
		add("5", "watch the lever")
	}
	m.paneHints(add)
	if m.log.frozen {
		add("space", "unfreeze the log")
	}
	if _, out, _ := m.tally(); out > 0 && m.focus != leversID {
		add("u", "undo a lever")
	}
	if m.snap.Incident == nil && len(list) < 4 {
		add("tab", "next pane")
	}
	add("?", "keys")
	return list
}

// nextHint is what the situation asks for.
func (m *model) nextHint(add func(key, text string)) {
	live, _, _ := m.tally()
	run, _ := m.running()
	switch {
	case run != nil && m.focus == bookID:
		if words, _ := m.obvious(); words != "" {
			add("enter", words)
		} else if !m.waiting() {
			add("d", "done all the same")
		}
		add("s", "skip")
	case run != nil:
		add("r", "go on with the runbook")
	case m.focus == bookID:
		if len(m.snap.Runs) > 0 {
			add("W", "go on with an open one")
		}
		if words, _ := m.obvious(); words != "" {
			add("enter", words)
		}
	case len(m.snap.Runs) > 0:
		add("r", "go on with an open runbook")
	case live > 0:
		switch o, n := m.bestOffer(); {
		case n == 1:
			add("r", "start runbook "+shorten(m.th, o.Title, m.lay.w*3/10))
		case n > 1:
			add("r", "runbook "+shorten(m.th, o.Title, m.lay.w*3/10)+" or another")
		default:
			add("r", "choose a runbook")
		}
	case len(m.snap.Resumable) > 0:
		add("R", "resume what was left open")
	case m.snap.Incident != nil:
		add("x", "export")
		add("i", "close the incident")
	}
}

// leverPending tells whether the facts of a lever are not all known yet.
func (m *model) leverPending() bool {
	for i := range m.snap.Levers {
		l := &m.snap.Levers[i]
		if l.Out && (l.Accepted == desk.Pending || l.Reported == desk.Pending || l.Obeyed == desk.Pending || l.Outcome == "") {
			return true
		}
	}
	return false
}

// bestOffer gives the first runbook that fits, and how many do.
func (m *model) bestOffer() (best *desk.OfferView, n int) {
	for i := range m.snap.Offers {
		if m.snap.Offers[i].Fits {
			if n++; best == nil {
				best = &m.snap.Offers[i]
			}
		}
	}
	return best, n
}

func (m *model) paneHints(add func(key, text string)) {
	live, _, _ := m.tally()
	if live > 0 && m.focus != burstsID && m.focus != bookID && m.subject.burst == "" {
		add("b", "look at the burst")
	}
	switch m.focus {
	case gridID:
		if m.grid.cell(&m.snap.Grid) != nil {
			add("enter", "its records")
			m.leverHints(add)
		} else {
			add("up", "select a cell")
		}
	case burstsID:
		if m.burst(m.bursts.pin.id) != nil {
			add("enter", "details")
			m.leverHints(add)
		} else if len(m.snap.Bursts) > 0 {
			add("b", "next burst")
		}
	case logID:
		add("e", "next error")
		add("enter", "whole record")
		add("t", orderNames[(m.log.order+1)%orderCount])
		add("/", "search")
	case bookID:
		if m.snap.Run == nil || m.snap.Run.Finished {
			add("down", "other runbooks")
		} else if m.book.lines > m.book.rows && !m.zoom {
			add("z", "full screen")
		}
		add("t", "read it")
	case leversID:
		m.leverPaneHints(add)
	case timelineID:
		add("m", "note")
		add("x", "export")
	}
}

func (m *model) leverPaneHints(add func(key, text string)) {
	if m.reaching() {
		add("enter", "plan it, or why not")
		add("w", "what is out")
		return
	}
	if l := m.lever(m.levers.pin.id); l != nil && l.Out {
		add("u", "undo "+l.Title)
		add("+", "extend")
	} else if _, out, _ := m.tally(); out > 0 {
		add("u", "undo a lever")
	}
	add("v", "read back now")
	if scope, name := m.target(); scope != nil {
		add("w", "what could be thrown for "+name)
	}
}

func (m *model) leverHints(add func(key, text string)) {
	if m.whyNoLever() != "" {
		return
	}
	add("w", "levers for it")
	add("c", "cap")
	add("p", "pause batch")
	add("f", "fallback")
}

func dialogHints(d dialog) []hint {
	switch d.mode() {
	case modePlan:
		return append([]hint{{"y", "send"}, {"esc", "decline"}, {"p", "plan again"}, {"down", "scroll"}}, tryHint(d)...)
	case modeTyped:
		return append([]hint{{"esc", "decline"}, {"ctrl+p", "plan again"}, {"down", "scroll"}}, tryHint(d)...)
	case modeForm:
		return []hint{{"enter", "next, then done"}, {"tab", "next field"}, {"ctrl+n", "next value"}, {"esc", "leave"}}
	case modeChoice:
		return []hint{{"enter", "take it"}, {"down", "move"}, {"esc", "leave"}}
	case modeReader:
		return []hint{{"space", "on"}, {"tab", "link"}, {"enter", "open it"}, {"backspace", "back"}, {"c", "headings"}, {"esc", "close"}}
	case modePage:
		return []hint{{"esc", "close"}, {"down", "scroll"}, {"y", "copy"}}
	case modeLeave:
		return []hint{{"y", "leave"}, {"u", "undo a lever"}, {"esc", "stay"}}
	case modeSure:
		return []hint{{"y", "yes"}, {"esc", "no"}}
	}
	return nil
}

func tryHint(d dialog) []hint {
	if p, ok := d.(*planDialog); ok && p.plan.Rehearsal != nil {
		return []hint{{keyIn(p.mode(), "rehearse"), "rehearse"}}
	}
	return nil
}

func (m *model) hintRow() string {
	if m.prompt != nil && m.top() == nil {
		return m.promptRow()
	}
	r := newRow(m.th, m.lay.w)
	for i, h := range m.hints() {
		text := shorten(m.th, h.text, max(24, m.lay.w*3/5))
		if i > 0 && r.room() < len(h.key)+width(text)+4 {
			continue
		}
		r.put(plainStyle, "  ").put(accent, h.key).put(plainStyle, " "+text)
	}
	return r.line()
}

var _ tea.Model = (*model)(nil)
