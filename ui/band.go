package ui

import (
	"strings"
	"time"

	"signalbox/internal/desk"
)

// segment is one statement of the band. When they do not fit, those of the highest rank go first.
type segment struct {
	rank  int
	style style
	text  string
	brief string // the same in fewer columns
}

// tally counts what the band and the window title say: notes are no bursts there.
func (m *model) tally() (live, out int, next time.Time) {
	for i := range m.snap.Bursts {
		if b := &m.snap.Bursts[i]; b.Live() && b.Page {
			live++
		}
	}
	for i := range m.snap.Levers {
		l := &m.snap.Levers[i]
		if !l.Out {
			continue
		}
		out++
		if !l.ExpiresAt.IsZero() && (next.IsZero() || l.ExpiresAt.Before(next)) {
			next = l.ExpiresAt
		}
	}
	return live, out, next
}

func (m *model) windowTitle() string {
	live, out, _ := m.tally()
	t := "signalbox " + clean(m.snap.Env)
	if live > 0 {
		t = "! " + plural(live, "burst", "bursts") + " - " + t
	}
	if out > 0 {
		t += " - " + plural(out, "lever", "levers") + " out"
	}
	return t
}

func (m *model) bandRows() []string {
	return []string{m.bandTop(), m.bandSources()}
}

// bandTop says where we are and how it stands.
func (m *model) bandTop() string {
	s := m.snap
	var segs []segment
	add := func(rank int, st style, text, brief string) { segs = append(segs, segment{rank, st, text, brief}) }
	env := strings.ToUpper(s.Env)
	if env == "" {
		env = "NO ENVIRONMENT"
	}
	if s.Danger {
		add(0, danger, " ! "+env+" ", "")
	} else {
		add(0, strong, " "+env, "")
	}
	if s.Drill && !strings.EqualFold(s.Env, "drill") {
		add(0, warn, "DRILL", "")
	}
	if s.ReadOnly {
		add(0, warn, "READ-ONLY", "")
	}
	live, out, next := m.tally()
	switch {
	case live > 0:
		add(1, bad, "! "+plural(live, "burst", "bursts"), "")
	case !s.Learning.Done():
		add(1, warn, learningWords(s.Learning), "learning")
	case recent(s.Learning):
		add(2, good, "calm, "+normalWords(s.Learning, m.now()), "calm")
	default:
		add(2, good, "calm", "")
	}
	if out > 0 {
		brief := plural(out, "lever", "levers")
		text := brief + " out"
		if !next.IsZero() {
			left := countdown(next.Sub(m.now()))
			text += ", next ends in " + left
			brief += " " + left
		}
		add(1, warn, text, brief)
		if m.heldHere() {
			add(1, danger, "NOT self-reverting", "")
		}
	}
	if s.Incident != nil {
		add(2, strong, incidentWords(s.Incident, m.now()), "incident "+short(m.now().Sub(s.Incident.Opened)))
	} else {
		add(4, dim, "no incident", "")
	}
	if s.Run != nil && !s.Run.Finished {
		add(6, dim, "runbook "+s.Run.Book, "")
	}
	add(3, dim, "as "+named(s.Actor), named(s.Actor))
	add(5, dim, hms(m.now())+"Z", "")
	return m.fit(segs)
}

// heldHere tells whether a lever is out whose deadline only a running console keeps.
func (m *model) heldHere() bool {
	for i := range m.snap.Levers {
		if m.snap.Levers[i].Out && !m.snap.Levers[i].SelfEnds {
			return true
		}
	}
	return false
}

func incidentWords(i *desk.IncidentView, now time.Time) string {
	title := clean(i.Title)
	if width(title) > 34 {
		title = cut(title, 33) + "~"
	}
	return i.Severity + spaces(min(1, len(i.Severity))) + "incident " + short(now.Sub(i.Opened)) + " \"" + title + "\""
}

// bandSources says what is heard, and what is not.
func (m *model) bandSources() string {
	s := m.snap
	var segs []segment
	add := func(rank int, st style, text string) { segs = append(segs, segment{rank, st, text, ""}) }
	if s.Journal.Err != "" {
		add(0, danger, " JOURNAL: "+s.Journal.Err+" ")
	}
	if s.WhyNot != "" && !s.ReadOnly {
		add(0, bad, "no levers: "+s.WhyNot)
	}
	if old := m.now().Sub(s.At); !s.At.IsZero() && old > staleAfter && len(m.snap.Sources) > 0 {
		add(0, bad, "SCREEN "+short(old)+" OLD: the desk does not answer")
	}
	for i := range s.Gateways {
		if down, all := unreachable(&s.Gateways[i]); down > 0 {
			add(1, bad, "gateway "+s.Gateways[i].Name+" "+itoa(down)+"/"+itoa(all)+" OUT OF REACH")
		}
	}
	for i := range s.Sources {
		rank, st, text := sourceWords(&s.Sources[i])
		add(rank, st, text)
	}
	if len(s.Sources) == 0 {
		add(2, warn, "no sources")
	}
	if t := s.Totals; t.ClientReq+t.UpstreamReq > 0 {
		add(7, dim, totalsWords(t))
	}
	return m.fit(segs)
}

// staleAfter is when a snapshot is too old to trust: the desk makes one every second.
const staleAfter = 5 * time.Second

func unreachable(g *desk.GatewayView) (down, all int) {
	for _, i := range g.Instances {
		if !i.Reachable {
			down++
		}
	}
	return down, len(g.Instances)
}

// sourceWords says how a source is. What is wrong stays longest when there is no room.
func sourceWords(v *desk.SourceView) (rank int, st style, text string) {
	text, rank, st = v.Name, 5, dim
	switch {
	case v.Health == "ended":
		text += " ended"
	case sick(v):
		rank, st = 1, bad
		text += " " + strings.ToUpper(v.Health)
	case v.Kind == "changes": // it tells now and then
		if v.Lines > 0 {
			text += " " + count(v.Lines)
		}
	case v.Lag < 0:
		rank, st = 3, warn
		text += " nothing read yet"
	default:
		text += " " + lag(v.Lag)
		if v.Lag > 30*time.Second {
			rank, st = 2, warn
			text += " behind"
		}
	}
	if sick(v) && v.Lag > 0 {
		text += " " + lag(v.Lag)
	}
	if v.Dropped > 0 {
		rank, st = min(rank, 1), warn
		text += ", " + count(v.Dropped) + " DROPPED"
	}
	if v.Unparsed > 0 {
		rank = min(rank, 3)
		if st == dim {
			st = warn
		}
		text += ", " + count(v.Unparsed) + " unparsed"
	}
	return rank, st, text
}

func sick(v *desk.SourceView) bool {
	switch v.Health {
	case "", "ok", "live", "ended":
		return false
	}
	return true
}

func totalsWords(t desk.Totals) string {
	text := failedWords(t)
	if t.Amplification > 0 {
		text += " x" + ratio(t.Amplification) + " attempts"
	}
	return text
}

func failedWords(t desk.Totals) string {
	req, failed := t.ClientReq, t.ClientErr
	if req == 0 {
		req, failed = t.UpstreamReq, t.UpstreamErr
	}
	if req == 0 {
		return "no request in the last minute"
	}
	return count(req) + " req/" + short(t.Span) + " " + percent(float64(failed)/float64(req)) + " failed"
}

// fit joins segments. What does not fit is said in brief, and then not at all, the highest rank first.
func (m *model) fit(segs []segment) string {
	const sep = "  "
	room := m.lay.w
	total := func() int {
		n := len(sep) * (len(segs) - 1)
		for _, s := range segs {
			n += width(clean(s.text))
		}
		return n
	}
	lost := 0
	for len(segs) > 1 && total() > room {
		i := worstSegment(segs)
		if i < 0 {
			break
		}
		if b := segs[i].brief; b != "" {
			segs[i].text, segs[i].brief = b, ""
			continue
		}
		segs = append(segs[:i:i], segs[i+1:]...)
		lost++
		room = m.lay.w - 4
	}
	r := newRow(m.th, m.lay.w)
	for i, s := range segs {
		if i > 0 {
			r.put(plainStyle, sep)
		}
		r.put(s.style, s.text)
	}
	if lost > 0 && r.room() >= 4 {
		r.put(dim, " +"+itoa(lost))
	}
	return r.line()
}

// worstSegment picks what to shorten next: whatever has a brief form before anything is left out.
func worstSegment(segs []segment) int {
	brief, gone := -1, -1
	for i, s := range segs {
		if s.brief != "" && (brief < 0 || s.rank >= segs[brief].rank) {
			brief = i
		}
		if s.rank > 0 && (gone < 0 || s.rank >= segs[gone].rank) {
			gone = i
		}
	}
	if brief >= 0 {
		return brief
	}
	return gone
}
