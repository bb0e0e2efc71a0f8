package decode

import (
	"bytes"
	"time"

	"signalbox/internal/fault"
	"signalbox/internal/traffic"
)

// generic makes records of lines whose fields have been found by name. It learns from the lines it has
// seen: once some carry a status, most error lines without one only explain; once some streams carry a finish
// reason, one without was cut.
type generic struct {
	rec   *recorder
	names *mapping
	d     draft
	level string // of the wrapper, for lines that name none
	learning
}

func newGeneric(opt Options) (*generic, error) {
	names, err := newMapping(opt.Fields)
	if err != nil {
		return nil, err
	}
	return &generic{rec: newRecorder(opt), names: names, d: draft{zone: zoneOf(opt)}}, nil
}

// name says what a path stands for, and which of its values count.
func (g *generic) name(path []byte) (target, taking, bool) {
	t, ok := g.names.find(path)
	switch {
	case t.f == fStatus && t.rank > 2 && len(path) == len("code"):
		return t, takeNumber, ok
	case t.f == fStatus && t.rank%40 > common["code"].rank: // the words after it
		return t, takeBool, ok
	case t.f == fCaller && t.rank > 0, t.f == fDeployment && t.rank > 0:
		return t, takeName, ok
	case t.f == fMessage && t.rank >= answered:
		return t, takeError, ok
	}
	return t, takeAll, ok
}

func (g *generic) take(path []byte, v value) {
	if t, how, ok := g.name(path); ok && how.takes(v.kind, v.bytes) {
		g.d.set(t.f, t.rank, t.unit, v)
	}
}

// codePlace tells whether a text is a file with a line number, or a path of Rust's modules.
func codePlace(b []byte) bool {
	if bytes.Contains(b, []byte("::")) {
		return bytes.IndexByte(b, ' ') < 0
	}
	file, line, ok := bytes.Cut(b, []byte(":"))
	return ok && bytes.IndexByte(file, '.') >= 0 && numeric(line)
}

// errorBody tells whether the head of an answer says that it is an error: {"error": {...}}, {"type": "error", ...}.
func errorBody(text []byte) bool {
	head := text[:min(len(text), 2*maxWord)]
	for _, quote := range []string{`"`, `'`} {
		at := bytes.Index(head, []byte(quote+"error"+quote))
		if at < 0 {
			continue
		}
		rest := bytes.TrimLeft(head[at+len("'error'"):], " \t\n")
		if len(rest) == 0 || rest[0] != ':' {
			return true // {"type":"error"
		}
		rest = bytes.TrimLeft(rest[1:], " \t\n")
		return len(rest) > 0 && (rest[0] == '{' || rest[0] == quote[0])
	}
	return false
}

func numeric(b []byte) bool {
	_, ok := smallInt(b)
	return ok
}

// told is what a line says of how the request ended.
type told struct {
	status                           int
	known, failed, succeeded, fuller bool // fuller: it has a code, type or text of an error
}

// around implements leveled.
func (g *generic) around(level string) { g.level = level }

func (g *generic) end() told {
	d := &g.d
	var t told
	t.status, t.known, t.failed, t.succeeded = d.status()
	if d.has(fStatus) && d.vals[fStatus].kind == boolValue { // alone it makes no request of a line
		t.failed = string(d.vals[fStatus].bytes) == "false" && (d.has(fModel) || d.has(fLatency) || d.has(fMessage))
	}
	if !t.known {
		if n, ok := d.number(fCode); ok && n >= 400 && n < 600 { // an error code that is a status
			t.status, t.known = int(n), true
		}
	}
	if t.status < 100 || t.status > 599 {
		t.known = t.known && t.status == 0
		t.status = 0
	}
	t.fuller = d.has(fMessage) || d.has(fCode) || d.has(fType)
	return t
}

// finish decides what the line is, and makes its record.
func (g *generic) finish(received time.Time) (traffic.Record, Result) {
	d, t := &g.d, g.end()
	if g.level != "" && !d.has(fLevel) {
		d.set(fLevel, 200, 0, value{kind: stringValue, bytes: []byte(g.level)})
	}
	side := g.side()
	g.sawStatus = g.sawStatus || t.known || t.failed || t.succeeded
	g.finishes()
	switch {
	case t.known && (t.status != 0 || t.fuller), t.failed, t.succeeded:
		g.sawModel = g.sawModel || d.has(fModel)
		failed := t.failed || t.known && t.status == 0
		if g.outcry.answers(requestOf(d), failed || t.status >= 400, !t.fuller) {
			return g.countedAlready(received)
		}
		return g.request(side, t.status, failed, received)
	case d.has(fFinish) || d.has(fTokensOut) || g.tellsTime():
		return g.request(side, 0, t.fuller && d.atError(), received)
	case t.fuller || d.atError():
		return g.cry(side, received)
	}
	return traffic.Record{}, Result{Kind: Ignored, Why: "no status, no tokens, no error"}
}

// side is which side the line is about: the client's, where it does not say.
func (g *generic) side() string {
	if string(bytes.ToLower(g.d.word(fSide))) == traffic.SideUpstream {
		return traffic.SideUpstream
	}
	return traffic.SideClient
}

// finishes learns from the line how its answer ended.
func (g *generic) finishes() {
	streamed, _ := g.d.streamed()
	g.noteFinish(g.d.has(fFinish), streamed)
}

// answer tells whether the error's text is an answer that tells of an error: some come with a status of success.
func (g *generic) answer() bool { return g.d.rank[fMessage] != 0 && g.d.rank[fMessage] <= 255-answered }

// tellsTime tells whether the line is about a call to a model that took its time, in whatever unit.
func (g *generic) tellsTime() bool { return g.d.has(fLatency) && g.d.has(fModel) }

// request makes the record of a line that counts.
func (g *generic) request(side string, status int, failed bool, received time.Time) (traffic.Record, Result) {
	d := &g.d
	if !d.has(fMessage) && (failed || status >= 400) && d.has(fText) {
		d.set(fMessage, 1, 0, d.vals[fText])
	}
	rec, res := g.rec.record(d, side, received)
	plain := !failed && status < 400 && !d.has(fCode) && !(d.has(fMessage) && (d.atError() || g.answer()))
	switch {
	case plain && !fault.BadFinish(string(d.word(fFinish))):
		rec.Outcome = traffic.NewOutcome(fault.None, status)
		if status > 0 {
			rec.Known |= traffic.HasStatus
		}
	default:
		g.rec.fail(d, &rec, status)
	}
	if failed || status >= 400 {
		g.atLeast(&rec)
	}
	streamed, _ := d.streamed()
	if g.sawFinish && streamed && status == 200 && !d.has(fFinish) {
		settle(&rec, fault.Truncated)
	}
	return rec, res
}

// cry makes something of a line that tells of an error and not of a request. In a log whose requests have
// lines of their own it explains one of them; elsewhere it is all there is, and counts if it is a failure.
func (g *generic) cry(side string, received time.Time) (traffic.Record, Result) {
	d := &g.d
	if !d.has(fMessage) && d.has(fText) {
		d.set(fMessage, 1, 0, d.vals[fText])
	}
	if g.sawStatus && !g.calls() {
		if !d.has(fRequestID) {
			return traffic.Record{}, Result{Kind: Ignored, Why: "an error line without a request id, beside lines that have a status"}
		}
		return g.rec.explain(d, received)
	}
	rec, res := g.rec.record(d, side, received)
	v := g.rec.fail(d, &rec, 0)
	switch {
	case g.sawStatus && !g.lone(v):
		return traffic.Record{}, Result{Kind: Ignored, Why: "an error line of a request that has counted, or of none"}
	case v.Class == fault.None || v.Confidence < countsFrom:
		return traffic.Record{}, Result{Kind: Ignored, Why: "an error line that names no failure of a request"}
	}
	rec.Outcome = traffic.NewOutcome(v.Class, v.Status)
	if v.Status > 0 {
		rec.Known |= traffic.HasStatus
	}
	return rec, res
}

// atLeast says of a record that surely failed what its status says: "timeout" says more than an error that names no cause.
func (g *generic) atLeast(rec *traffic.Record) {
	class, _ := g.d.statusWord()
	if class == fault.None {
		settle(rec, fault.ServerError)
		return
	}
	if c := rec.Outcome.Class(); c == fault.None || c == fault.ServerError {
		rec.Outcome = traffic.NewOutcome(class, rec.Outcome.Status())
	}
}

// countsFrom is how sure a verdict on a text must be for the text to count as a failed request.
const countsFrom = 0.3

// jsonLines decodes JSON lines by common names or a mapping.
type jsonLines struct {
	*generic
	lines *objects
}

func newJSON(opt Options) (Decoder, error) {
	g, err := newGeneric(opt)
	if err != nil {
		return nil, err
	}
	return &jsonLines{generic: g, lines: newObjects(g.name, &g.d, true)}, nil
}

const notObject = "not a JSON object"

func (j *jsonLines) Format() string { return JSON }

func (j *jsonLines) Decode(line []byte, received time.Time) (traffic.Record, Result) {
	if !j.lines.read(line, &j.d) {
		return traffic.Record{}, Result{Why: notObject}
	}
	return j.finish(received)
}

// logfmtLines decodes key=value lines by common names or a mapping. What stands before the first pair may tell time and
// level: "2026-11-21 12:00:00 [error] call failed  model=gpt-4o status=529".
type logfmtLines struct {
	*generic
	times stamps
}

func newLogfmt(opt Options) (Decoder, error) {
	g, err := newGeneric(opt)
	if err != nil {
		return nil, err
	}
	return &logfmtLines{g, stamps{zone: zoneOf(opt)}}, nil
}

func (l *logfmtLines) Format() string { return Logfmt }

func (l *logfmtLines) Decode(line []byte, received time.Time) (traffic.Record, Result) {
	l.d.reset(line)
	if n := pairs(line, l.take); n < 2 {
		return traffic.Record{}, Result{Why: "no key=value pairs"}
	}
	head, _, _ := bytes.Cut(line[:min(len(line), maxPrefix)], []byte("="))
	if !l.d.has(fTime) {
		l.d.at = l.times.of(head, received)
	}
	if level := levelIn(head); level != "" && !l.d.has(fLevel) {
		l.d.set(fLevel, 100, 0, value{kind: stringValue, bytes: []byte(level)})
	}
	return l.finish(received)
}

// pairs visits the key=value pairs of a line and gives their number. Words between pairs are passed over.
func pairs(line []byte, visit func(path []byte, v value)) int {
	n := 0
	for i := 0; i < len(line); {
		if line[i] <= ' ' {
			i++
			continue
		}
		from := i
		for i < len(line) && line[i] > ' ' && line[i] != '=' && line[i] != '"' {
			i++
		}
		if i >= len(line) || line[i] != '=' || i == from {
			i = max(i, from+1)
			continue
		}
		key := line[from:i]
		i++
		v := value{kind: stringValue}
		if i < len(line) && line[i] == '"' {
			v.bytes, i = quoted(line, i)
		} else {
			start := i
			for i < len(line) && line[i] > ' ' {
				i++
			}
			v.bytes = line[start:i:i]
		}
		n++
		visit(key, v)
	}
	return n
}

// quoted reads a quoted value; one that does not end goes to the end of the line.
func quoted(line []byte, i int) ([]byte, int) {
	s := scanner{data: line, i: i}
	if text, ok := s.text(); ok {
		return text, s.i
	}
	from := i + 1
	for i = from; i < len(line); i++ {
		if line[i] == '"' && line[i-1] != '\\' {
			return line[from:i:i], i + 1
		}
	}
	return line[from:], len(line)
}
