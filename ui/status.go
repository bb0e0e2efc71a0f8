package ui

import (
	"context"
	"errors"
	"time"

	tea "charm.land/bubbletea/v2"

	"signalbox/internal/desk"
)

var errNoAnswer = errors.New("the desk gave no answer in time; what was asked may still happen: look at the levers pane, v reads the gateways again")

// sayKind is the tone of the status line.
type sayKind int

const (
	sayNothing sayKind = iota
	sayWorking
	sayDone
	sayRefused
	sayHint
)

// status is the line that answers the last key.
type status struct {
	kind sayKind
	text string
	at   time.Time
}

func (m *model) say(k sayKind, text string) {
	m.drawn.status = status{kind: k, text: text, at: m.now()}
}

// fail says what was refused, why, and what to try; what does not fit the line opens a page.
func (m *model) fail(what string, err error) {
	text, r := refusalWords(what, err)
	m.say(sayRefused, text)
	if width(clean(text)) > m.lay.w-4 {
		m.say(sayRefused, what+" was refused; see above")
		m.open(refusalPage(what, r, err), byItself)
	}
}

func refusalWords(what string, err error) (string, *desk.Refused) {
	var r *desk.Refused
	switch {
	case errors.As(err, &r) && r.Try != "":
		return r.What + " refused: " + r.Why + ". Try: " + keyed(r.Try), r
	case r != nil:
		return r.What + " refused: " + r.Why, r
	case errors.Is(err, context.Canceled):
		return what + ": broken off", nil
	}
	return what + ": " + err.Error(), nil
}

// backTo brings a form back as it was filled in, with what was refused: to be put right, or left.
func (m *model) backTo(j job, err error) tea.Cmd {
	d := j.back
	var r *desk.Refused
	if d.wrong, r = refusalWords(j.what, err); r != nil && r.NoTarget {
		d.cur = 0
	}
	m.say(sayRefused, j.what+" was refused; nothing was sent")
	return m.open(d, byItself)
}

// How long an answer stands. A refusal stands longer: it is read after the fact.
const (
	saidFor    = 20 * time.Second
	refusedFor = 60 * time.Second
)

func (s status) old(now time.Time) bool {
	age := now.Sub(s.at)
	return age >= refusedFor || age >= saidFor && s.kind != sayRefused
}

// statusRow draws the status line. A command that runs goes before what was said earlier.
func (m *model) statusRow() string {
	r := newRow(m.th, m.lay.w)
	if n := len(m.jobs.running); n > 0 {
		j := m.jobs.running[n-1]
		r.put(warn, " .. ").put(plainStyle, j.what)
		if s := m.now().Sub(j.since); s >= time.Second {
			r.put(dim, " "+short(s))
		}
		if n > 1 {
			r.put(dim, " and "+itoa(n-1)+" more")
		}
		return r.line()
	}
	switch s := m.drawn.status; s.kind {
	case sayDone:
		r.put(good, " "+m.th.ok+" ").put(plainStyle, s.text)
	case sayRefused:
		r.put(bad, " ! ").put(plainStyle, s.text)
	case sayHint, sayWorking:
		r.put(dim, " "+m.th.dot+" "+s.text)
	case sayNothing:
		if n := len(m.snap.Findings); n > 0 {
			r.put(warn, " ? ").spread(plainStyle, keyed(m.snap.Findings[0]), dim, findingsHint(n))
		}
	}
	return r.line()
}

// findingsHint names the key that shows what the status line has no room for.
func findingsHint(n int) string {
	if n > 1 {
		return "  " + itoa(n-1) + " more: !"
	}
	return "  !"
}

// findingsKey shows what is wrong or odd, and how each source is.
func (m *model) findingsKey() tea.Cmd {
	return m.open(newLivePage("what is wrong or odd", m.findingLines), byKey)
}

func (m *model) findingLines() []line {
	s := m.snap
	text := []line{{bad, "journal ", s.Journal.Err}}
	for _, f := range s.Findings {
		text = append(text, line{warn, "?       ", keyed(f)})
	}
	if len(s.Findings) == 0 && s.Journal.Err == "" {
		text = append(text, line{good, "", "nothing is wrong that this console can see"})
	}
	text = append(text, recentLines(s)...)
	for i := range s.Sources {
		text = append(text, sourceLines(&s.Sources[i], m.now())...)
	}
	return text
}
