package ui

import (
	"context"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"signalbox/internal/desk"
)

// order is how the log is ordered.
type order int

const (
	failuresFirst order = iota
	failuresOnly
	byKind
	byTime
	orderCount
)

var orderNames = [orderCount]string{"failures first", "failures only", "kinds of failure", "by time"}

// logPane shows the records of what the operator looks at, newest first. It keeps what the desk gave
// and draws the visible part; searching and ordering are the desk's.
type logPane struct {
	lines  []desk.RecordLine
	found  desk.RecordPage    // the answer that lines came with, for its numbers
	sorted sorting            // what lines say where they are kinds of failure
	cancel context.CancelFunc // of the question under way; nil before the first
	fails  []int              // indexes of failures
	cur    int
	first  int
	page   int
	follow bool // the cursor stays on the newest
	frozen bool
	newer  int // records that came since it was frozen
	order  order
	text   string // search
	recall string // the last search
	gen    uint64 // of the question; an answer to an older one is ignored
	asking bool
	again  bool // something changed while the desk was asked
	err    string
	loaded bool
}

// recordLimit bounds one answer.
const recordLimit = 400

// logPace is the least time between two questions of the log; floodPace where most of an answer is new, which is more than
// anybody reads.
const (
	logPace   = 250 * time.Millisecond
	floodPace = time.Second
)

type recordsMsg struct {
	gen   uint64
	page  desk.RecordPage
	fails []int
	at    int // where the selected record is now, -1 when it has gone
	newer int
	err   error
}

// reset forgets what was shown: the question is another one.
func (p *logPane) reset() {
	p.lines, p.fails, p.sorted, p.cur, p.first, p.newer = nil, nil, sorting{}, 0, 0, 0
	p.follow, p.frozen, p.loaded = true, false, false
	p.anew()
}

// anew begins another question. The one under way is not waited for: what it would say is not asked any more.
func (p *logPane) anew() {
	p.gen++
	p.found = desk.RecordPage{}
	if p.cancel != nil {
		p.cancel()
	}
}

// fillLog asks the desk for records, when the log is on the screen and no question is under way. An answer that is only a part
// is gone on with at once, a whole one after a while.
func (m *model) fillLog() tea.Cmd {
	p := &m.log
	if !m.lay.shows(logID) {
		return nil
	}
	if p.asking {
		p.again = true
		return nil
	}
	p.asking, p.again = true, false
	q := desk.RecordQuery{
		Scope: m.subject.scope, Failures: p.order == failuresOnly, First: p.order == failuresFirst,
		Kinds: p.order == byKind, Text: p.text, Limit: recordLimit, Next: p.found.Next,
	}
	gen, d := p.gen, m.env.desk
	asked, cancel := context.WithCancel(m.env.ctx)
	p.cancel = cancel
	var sel *desk.RecordLine
	var kind uint64
	if !p.follow && p.cur < len(p.lines) {
		sel = &p.lines[p.cur]
		if p.cur < len(p.sorted.kinds) {
			kind = p.sorted.kinds[p.cur].ID
		}
	}
	var top time.Time
	if p.frozen {
		top = newest(p.lines)
	}
	return m.command(func(context.Context) tea.Msg {
		defer cancel()
		ctx, done := context.WithTimeoutCause(asked, recordsTimeout, errNoAnswer)
		defer done()
		page, err := d.Records(ctx, q)
		msg := recordsMsg{gen: gen, page: page, err: err}
		msg.fails, msg.at, msg.newer = survey(page.Lines, sel, top)
		if q.Kinds {
			msg.at = slices.IndexFunc(page.Kinds, func(k desk.FailureKind) bool { return k.ID == kind })
		}
		if err == nil && !page.More {
			m.env.opt.pause(ctx, pace(page, q.Kinds))
		}
		return msg
	})
}

// pace is how long after an answer the next question waits. Kinds are counted anew each time.
func pace(page desk.RecordPage, kinds bool) time.Duration {
	if kinds || 2*page.Made > recordLimit {
		return floodPace
	}
	return logPace
}

// survey looks through an answer, off the screen's goroutine: where failures are, where the selected
// record has gone, and how many are newer than top.
func survey(lines []desk.RecordLine, sel *desk.RecordLine, top time.Time) (fails []int, at, newer int) {
	at = -1
	for i := range lines {
		l := &lines[i]
		if failed(l) {
			fails = append(fails, i)
		}
		if at < 0 && sel != nil && l.At.Equal(sel.At) && l.ID == sel.ID && l.Raw == sel.Raw {
			at = i
		}
		if !top.IsZero() && l.At.After(top) {
			newer++
		}
	}
	return fails, at, newer
}

func failed(l *desk.RecordLine) bool { return l.Class != "" && l.Class != "none" }

func newest(lines []desk.RecordLine) time.Time {
	var t time.Time
	for i := range lines {
		if lines[i].At.After(t) {
			t = lines[i].At
		}
	}
	return t
}

// take takes the desk's answer.
func (p *logPane) take(m *model, msg recordsMsg) tea.Cmd {
	p.asking = false
	m.drawn.dirty[logID] = true
	if msg.gen != p.gen {
		return m.fillLog()
	}
	p.err = ""
	p.found = msg.page
	p.found.Lines = nil
	switch {
	case msg.err != nil:
		p.err = msg.err.Error()
	case p.frozen && p.loaded:
		p.newer = msg.newer
	default:
		p.lines, p.fails, p.loaded = msg.page.Lines, msg.fails, true
		p.sorted = sorting{msg.page.Kinds, msg.page.Sorted, msg.page.Since}
		switch {
		case p.follow:
			p.cur, p.first = 0, 0
		case msg.at >= 0:
			p.first += msg.at - p.cur
			p.cur = msg.at
		}
		p.cur = max(0, min(p.cur, len(p.lines)-1))
	}
	if (p.again || msg.page.More) && msg.err == nil {
		return m.fillLog()
	}
	return nil
}

func (p *logPane) move(d move) {
	p.cur = d.step(p.cur, len(p.lines), max(1, p.page-1))
	p.cur = max(0, p.cur)
	p.follow = d == moveHome || p.cur == 0 && d != moveDown
}

// errorKey goes to the next or previous failure of the log.
func (m *model) errorKey(by int) tea.Cmd {
	cmd := m.look(logID)
	p := &m.log
	at := -1
	for _, i := range p.fails {
		if by > 0 && i > p.cur {
			at = i
			break
		}
		if by < 0 && i < p.cur {
			at = i
		}
	}
	switch {
	case at >= 0:
		p.cur, p.follow = at, false
	case len(p.fails) == 0:
		m.say(sayHint, "no error among the records shown")
	case by > 0:
		m.say(sayHint, "no older error among the records shown")
	default:
		m.say(sayHint, "no newer error among the records shown")
	}
	return cmd
}

// matchKey goes to the next or previous match: with a search every record shown is one.
func (m *model) matchKey(by int) tea.Cmd {
	cmd := m.look(logID)
	if m.log.text == "" {
		m.say(sayHint, "no search; / starts one")
	}
	d := moveDown
	if by < 0 {
		d = moveUp
	}
	m.log.move(d)
	m.log.follow = false
	return cmd
}

func (m *model) freezeKey() tea.Cmd {
	p := &m.log
	p.frozen = !p.frozen
	p.newer = 0
	if p.frozen {
		m.say(sayHint, "the log is frozen; nothing is lost, space goes on")
	} else {
		m.say(sayHint, "the log goes on")
	}
	return m.fillLog()
}

func (m *model) logOrderKey() tea.Cmd {
	m.log.order = (m.log.order + 1) % orderCount
	m.log.reset()
	return m.fillLog()
}

// search asks the desk for the records with this text. Leaving it keeps the selected record, so that its
// neighbours can be read.
func (m *model) search(text string) tea.Cmd {
	p := &m.log
	if text != "" {
		p.recall = text
	}
	if text == p.text {
		return nil
	}
	leaving := text == ""
	p.text, p.frozen = text, false
	p.anew()
	if leaving {
		p.follow = false
	} else {
		p.follow, p.cur, p.first = true, 0, 0
	}
	cmd := m.look(logID)
	return tea.Batch(cmd, m.fillLog())
}

func (m *model) recordEnter() tea.Cmd {
	p := &m.log
	if p.cur >= len(p.lines) {
		return nil
	}
	l := &p.lines[p.cur]
	status := ""
	if l.Status > 0 {
		status = itoa(l.Status)
	}
	attempt := ""
	if l.Attempt > 0 {
		attempt = itoa(l.Attempt)
	}
	late := ""
	if l.Late {
		late = "it came after its time had been looked at"
	}
	raw := line{dim, "as read  ", l.Raw}
	if l.Raw == "" && !failed(l) && p.found.LetGo > 0 {
		raw.text = "let go to make room: the raw lines of failures are kept longer"
	}
	return m.open(newPage("record", append(p.kindWords(p.cur), []line{
		{plainStyle, "at       ", l.At.UTC().Format("2006-01-02 15:04:05.000Z")},
		{strong, "class    ", l.Class},
		{plainStyle, "status   ", status},
		{plainStyle, "where    ", l.Labels.String()},
		{plainStyle, "latency  ", latency(l.Latency)},
		{plainStyle, "attempt  ", attempt},
		{plainStyle, "request  ", l.ID},
		{warn, "late     ", late},
		{plainStyle, "text     ", l.Text},
		raw,
	}...)), byKey)
}
