package decode

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"signalbox/internal/fault"
	"signalbox/internal/traffic"
)

// A failure that writes several lines is one failure: the logger's line, and the stack trace under it. So the
// record of a line that tells of a failure waits for the next line of its lane, but not for long.

// lane is one of the streams whose lines are interleaved in another: the standard error of one container.
type lane struct {
	name   string
	since  time.Time // when its latest line came
	clock  time.Time // the event time of its latest line, where it is known
	line   int64     // the number of its latest line in the stream
	head   *head     // what waits for the lines after it: room, or nothing
	room   head
	under  trace
	active bool    // under is being read
	meta   wrapped // of the trace's first line
	// before explains the failure that the next line tells of: a trace that came before it. Servers that log
	// what broke and then the answer write so.
	before [][]byte
}

// head is a line that may have a trace under it.
type head struct {
	rec  traffic.Record
	res  Result
	text []byte // of a line that is no record
	meta wrapped
}

// traceless are the formats whose writers write one line for each request and nothing under it, and those whose
// decoders know themselves what belongs together.
var traceless = map[string]bool{
	Signalbox: true, HAProxyJSON: true, HAProxyText: true, LiteLLM: true, LiteLLMErrors: true,
	NginxJSON: true, NginxError: true, EnvoyJSON: true,
}

// lonely is a decoder in whose lines a trace can stand alone for a failure: nothing else counts requests.
type lonely interface{ lonely() bool }

func (t *textLines) lonely() bool { return true }
func (g *generic) lonely() bool   { return !g.sawStatus }

// lanes are those of one stream.
type lanes struct {
	only  lane // of lines without wrappers
	named map[string]*lane
	order []*lane
	busy  int // how many hold something back
	lines int64
	swept time.Time // the event time at which quiet lanes were last looked for
}

// A lane of a finished file is quiet when the others have gone on by so much: what it holds back would come
// too late for those who count by event time.
const (
	quietLines = 64
	quietTime  = time.Second
)

// of gives the lane of a line.
func (l *lanes) of(name []byte) *lane {
	if len(name) == 0 {
		return &l.only
	}
	if a, ok := l.named[string(name)]; ok {
		return a
	}
	if l.named == nil {
		l.named = make(map[string]*lane)
	}
	a := &lane{name: string(name)}
	l.named[a.name] = a
	l.order = append(l.order, a)
	return a
}

// full tells whether there are too many lanes to keep.
func (l *lanes) full() bool { return len(l.order) > 4*maxLanes }

// take decodes what was inside of the wrappers, with the lines that belong together as one.
func (s *Stream) take(w *wrapped, raw []byte, now time.Time) {
	if s.lone {
		s.decode(nil, w, raw, now)
		return
	}
	if w.skip == "" && len(bytes.TrimSpace(w.text)) == 0 {
		return // traces have blank lines, which end nothing
	}
	if s.lanes.full() {
		s.settleLanes(now, now)
		s.lanes = lanes{}
	}
	l := s.lanes.of(w.lane)
	s.lanes.lines++
	l.line = s.lanes.lines
	if s.lanes.busy > 0 && s.lanes.lines%quietLines == 0 {
		s.sweep(l, time.Time{}, now)
	}
	if l.active {
		if w.skip == "" && l.under.add(w.text) {
			l.since = now
			return
		}
		s.finish(l, now)
	}
	kind := noTrace
	if w.skip == "" {
		kind = traceOf(w.text)
	}
	if kind != noTrace || l.head != nil && w.skip == "" && goesOn(w.text) {
		l.begin(kind, w, now)
		s.lanes.busy++
		return
	}
	s.release(l)
	s.decode(l, w, raw, now)
}

func (l *lane) begin(kind traceKind, w *wrapped, now time.Time) {
	l.under.begin(kind, w.text)
	l.active, l.since, l.meta, l.clock = true, now, w.own(), w.at
}

// place takes what a line of a lane gave. A failure waits, and so does a line that may head a trace.
func (s *Stream) place(l *lane, w *wrapped, raw []byte, rec traffic.Record, res Result, now time.Time) {
	if l == nil {
		s.count(raw, w.text, rec, res)
		return
	}
	before := l.before
	l.before = nil
	if s.lanes.busy > 0 && res.Kind == Request && rec.Time.Sub(s.lanes.swept) > quietTime {
		s.sweep(l, rec.Time, now)
	}
	isRecord := res.Kind == Request || res.Kind == Explains
	switch {
	case isRecord && (rec.Explains || rec.Outcome.Failed()):
		if len(before) > 0 && rec.Outcome.Status() >= 500 && rec.Message == "" {
			explainBy(&rec, before, nil)
		}
		s.waits(l, head{rec: rec, res: res, meta: *w}, now)
		return
	case !isRecord && w.skip == "" && (alarmed(w.text) || failing(w.level)):
		s.waits(l, head{res: res, text: w.text, meta: *w}, now)
	}
	s.count(raw, w.text, rec, res)
}

// waits holds a record back until the lane's next line has come.
func (s *Stream) waits(l *lane, h head, now time.Time) {
	l.room = h
	l.room.meta = h.meta.own()
	l.room.text = bytes.Clone(h.text[:min(len(h.text), maxTraceText)])
	l.head, l.since, l.clock = &l.room, now, h.meta.at
	if !h.rec.Time.IsZero() {
		l.clock = h.rec.Time
	}
	s.lanes.busy++
}

// release hands over the record that waits.
func (s *Stream) release(l *lane) {
	h := l.head
	if h == nil {
		return
	}
	l.head = nil
	s.lanes.busy--
	if h.res.Kind == Request || h.res.Kind == Explains {
		s.keep(h.rec, h.res)
	}
}

// sweep hands over what quiet lanes hold back, when a record of another lane has the event time at.
func (s *Stream) sweep(not *lane, at, now time.Time) {
	if at.Sub(s.lanes.swept) > quietTime {
		s.lanes.swept = at
	}
	for _, l := range s.lanes.order {
		if l == not || s.lanes.lines-l.line < quietLines && (l.clock.IsZero() || at.Sub(l.clock) < quietTime) {
			continue
		}
		if l.active {
			s.finish(l, now)
		}
		s.release(l)
	}
}

// settleLanes hands over what has waited since before a time.
func (s *Stream) settleLanes(before, now time.Time) {
	if s.lanes.busy == 0 {
		return
	}
	for _, l := range append([]*lane{&s.lanes.only}, s.lanes.order...) {
		if l.since.After(before) {
			continue
		}
		if l.active {
			s.finish(l, now)
		}
		s.release(l)
	}
}

// finish ends a trace: it explains the record before it, or stands for a failure itself.
func (s *Stream) finish(l *lane, now time.Time) {
	l.active = false
	s.lanes.busy--
	h, t := l.head, &l.under
	if h != nil && (h.res.Kind == Request || h.res.Kind == Explains) {
		explainBy(&h.rec, t.innermost(), t.text)
		s.release(l)
		return
	}
	var text []byte
	meta := &l.meta
	if h != nil {
		text, meta = h.text, &h.meta
		s.release(l)
	}
	if d, ok := s.dec.(lonely); !ok || !d.lonely() {
		l.before = slices.Clone(t.innermost())
		return
	}
	rec, res := s.alone(text, t, meta, now)
	if res.Kind == Request {
		s.keep(rec, res)
	}
}

// alone makes the record of a trace that has no record before it, with the line that heads it.
func (s *Stream) alone(text []byte, t *trace, meta *wrapped, now time.Time) (traffic.Record, Result) {
	d, ok := s.dec.(*textLines)
	if !ok {
		if s.plain == nil {
			s.plain = plainText(s.inside())
		}
		d = s.plain
	}
	at := now
	if !meta.at.IsZero() {
		at = meta.at
	}
	rec, res := d.trace(text, t, at)
	if res.Kind == Request {
		s.fill(&rec, meta)
	}
	return rec, res
}

// trace makes a record of a stack trace and of the line that heads it, if there is one.
func (t *textLines) trace(text []byte, tr *trace, received time.Time) (traffic.Record, Result) {
	whole := tr.text
	if len(text) > 0 {
		whole = append(append(bytes.Clone(text), '\n'), tr.text...)
	}
	t.d.reset(whole)
	t.d.at = t.times.of(whole, received)
	causes := tr.innermost()
	v := verdictOf(causes)
	if v.Class == fault.None && len(text) > 0 {
		v = verdictOf([][]byte{text})
	}
	if v.Class == fault.None && tr.kind == goTrace {
		v.Class = fault.ServerError // the program itself broke, and what it was doing with it
	}
	if v.Class == fault.None {
		return traffic.Record{}, Result{Kind: Ignored, Why: "a stack trace that names no failure of a request"}
	}
	rec, res := t.rec.record(&t.d, traffic.SideClient, received)
	rec.Message = messageOf(string(bytes.TrimSpace(text)), causes)
	rec.Outcome = traffic.NewOutcome(v.Class, v.Status)
	if v.Status > 0 {
		rec.Known |= traffic.HasStatus
	}
	return rec, res
}

// verdictOf gives the verdict on the first text that is surely about a failure. One that only says that
// something broke gives way to one that says what.
func verdictOf(texts [][]byte) fault.Verdict {
	var broke fault.Verdict
	for _, text := range texts {
		v := fault.Classify(fault.Input{Text: string(text)})
		switch {
		case v.Class == fault.None || v.Confidence < countsFrom:
		case v.Class != fault.ServerError:
			return v
		case broke.Class == fault.None:
			broke = v
		}
	}
	return broke
}

// explainBy adds to a record what a trace under it says. The exception that came first is the cause, so it
// decides where the record's own text only says that something broke.
func explainBy(rec *traffic.Record, causes [][]byte, text []byte) {
	if rec.Outcome.Failed() || rec.Explains {
		v := verdictOf(causes)
		switch rec.Outcome.Class() {
		case fault.None, fault.ServerError, fault.BadGateway:
			if v.Class != fault.None {
				rec.Outcome = traffic.NewOutcome(v.Class, rec.Outcome.Status())
			}
		}
	}
	rec.Message = messageOf(rec.Message, causes)
	if room := MaxRaw - len(rec.Raw) - 1; room > 0 && len(text) > 0 {
		rec.Raw += "\n" + string(text[:min(len(text), room)])
	}
}

// messageOf adds the innermost of some causes to a message, and the outermost where there is room.
func messageOf(message string, causes [][]byte) string {
	for i, c := range causes {
		if i > 0 && i < len(causes)-1 {
			continue
		}
		text := strings.ToValidUTF8(string(c), "�")
		switch {
		case strings.Contains(message, text) || len(message)+1+len(text) > MaxMessage && message != "":
		case message == "":
			message = text[:min(len(text), MaxMessage)]
		default:
			message += "\n" + text
		}
	}
	return strings.ToValidUTF8(message[:min(len(message), MaxMessage)], "�")
}

// alarmed tells whether a line that is no record may head a trace: it names a level that loggers give to
// what went wrong.
func alarmed(line []byte) bool {
	low := bytes.ToLower(line[:min(len(line), 200)])
	for _, word := range []string{"error", "exception", "critical", "fatal", "warn", "fail", "traceback", "panic"} {
		if bytes.Contains(low, []byte(word)) {
			return true
		}
	}
	return false
}
