package decode

import (
	"bytes"
	"strconv"
	"time"

	"signalbox/internal/fault"
	"signalbox/internal/traffic"
)

// maxCells bounds the cells that a worker numbers; a board keeps fewer.
const maxCells = 32 << 10

// Worker decodes blocks of JSON lines. It belongs to one goroutine at a time.
type Worker struct {
	dec    *jsonLines
	syms   *traffic.Symbols
	places *traffic.Places
	track  *track
	finish []byte // the last finish reason that says nothing bad

	strangers bool // places do not tell callers apart
	callers   int  // that were named so far
}

// maxCallers bounds the callers that a worker names, so that they leave room for other names; the rest is "other".
const maxCallers = 8192

func newWorker(opt Options) *Worker {
	opt.Unknown = &traffic.UnknownPlaces{Limit: 20 * traffic.MaxUnknownPlaces}
	d, err := newJSON(opt)
	dec, ok := d.(*jsonLines)
	if err != nil || !ok {
		panic("decode: the options of a stream that runs do not make a decoder") // they were tried when it was made
	}
	w := &Worker{dec: dec, syms: dec.rec.kit.Symbols, places: traffic.NewPlaces(maxCells)}
	dec.rec.terse = true
	for _, f := range []struct {
		f    field
		name string
	}{{fInstance, "instance"}, {fCaller, "caller"}, {fKeyAlias, "key_alias"}, {fHost, "host"}, {fBaseURL, "base_url"}, {fBackend, "backend"}, {fServer, "server"}} {
		if !dec.rec.kit.Inventory.Reads(f.name) {
			dec.rec.places.without(f.f)
			w.strangers = w.strangers || f.f == fCaller
		}
	}
	w.track = newTrack(w)
	return w
}

// mark notes which places have numbers at the end of a block: meanwhile the worker goes on to the next.
func (w *Worker) mark(k *Block) {
	k.keys = w.places.Keys()
	if w.dec != nil {
		w.track.settle()
		k.unknown = w.dec.rec.unknown.Drain()
	}
}

// Decode decodes a block that Begin has set up.
func (w *Worker) Decode(k *Block) {
	k.reset(w)
	g := w.dec.generic
	g.learning = k.before
	w.track.before = k.Now.Unix()
	buf := k.Buf[:len(k.Buf)+Room]
	road := w.dec.lines.road
	k.last = lastLine(k.Buf)
	if line, _, _ := cutLine(k.Buf, k.last); len(line) > 0 && line[0] != '{' && mayBelong(line) {
		k.together = true
		return
	}
	for at := 0; at < k.last; {
		if buf[at] == '{' {
			if next := w.track.take(k, buf, at); next > 0 {
				at = next
				k.lines++
				continue
			}
			g.d.begin()
			if end, ok := road.follow(buf, at, &g.d); ok && end < k.last && end-at < MaxLine {
				road.missed = max(road.missed-1, 0)
				g.d.line = buf[at:end]
				k.lines++
				fit, begin := w.brief(k), at
				if at = end + 1; buf[end] == '\r' {
					at++
				}
				if fit {
					w.track.lay(buf, begin, at, &k.Briefs[len(k.Briefs)-1])
				}
				continue
			}
		}
		line, from, next := cutLine(k.Buf, at)
		at = next
		if len(line) == 0 {
			continue
		}
		if line[0] != '{' && mayBelong(line) {
			k.together = true
			break
		}
		if w.dec.lines.exactly(line, &g.d) {
			w.brief(k)
		} else {
			k.bads = append(k.bads, bad{line: k.lines, from: from, to: from + len(line), why: notObject})
		}
		k.lines++
	}
	k.after = g.learning
	w.mark(k)
}

// lastLine tells where the last line of a block begins that is not blank.
func lastLine(buf []byte) int {
	at := len(buf)
	for at > 0 {
		at = 1 + bytes.LastIndexByte(buf[:at-1], '\n')
		if line, _, _ := cutLine(buf, at); len(bytes.TrimSpace(line)) > 0 {
			break
		}
	}
	return at
}

// mayBelong tells whether a line may be part of what stands before it or comes after it, stand for nothing, or be coloured.
func mayBelong(line []byte) bool {
	return line[0] == 0x1b || len(bytes.TrimSpace(line)) == 0 || traceOf(line) != noTrace || goesOn(line)
}

// cutLine gives the line at an offset as a Splitter does, where it begins, and the offset of the next.
func cutLine(buf []byte, at int) (line []byte, from, next int) {
	end := bytes.IndexByte(buf[at:], '\n')
	if end < 0 {
		end = len(buf) - at
	}
	next = min(at+end+1, len(buf))
	line = buf[at : at+min(end, MaxLine)]
	line = bytes.TrimSuffix(line, []byte{'\r'})
	body := bytes.TrimLeft(line, "\x00")
	return body, at + len(line) - len(body), next
}

// brief adds what the line in the draft comes to, and tells whether that is a plain success or a failure with a status.
func (w *Worker) brief(k *Block) bool {
	if w.plain(k) {
		return true
	}
	rec, res := w.dec.finish(k.Now)
	switch res.Kind {
	case Request, Explains:
		b := k.record(&rec)
		b.Request = requestOf(&w.dec.d)
		if w.strangers && rec.Outcome.Class().Caller() {
			b.Caller = w.callerOf(&w.dec.d)
		}
		k.noted(b, res.Skewed, res.Unmapped)
		return rec.Outcome.Status() >= 400
	case Unparsed:
		line := w.dec.d.line
		from := cap(k.Buf) - cap(line)
		k.bads = append(k.bads, bad{line: k.lines, from: from, to: from + len(line), why: res.Why})
	case Ignored:
	}
	return false
}

// callerOf gives the caller of a failure of its own: only of those it is asked who made them.
func (w *Worker) callerOf(d *draft) traffic.Sym {
	if name := d.word(fCaller); len(name) > 0 {
		return w.nameOf(name)
	}
	return traffic.Unknown
}

// nameOf gives the symbol of a caller, or of what a request fell from.
func (w *Worker) nameOf(name []byte) traffic.Sym {
	if sym, ok := w.syms.Lookup(string(name)); ok {
		return sym
	}
	if w.callers == maxCallers {
		return traffic.Other
	}
	w.callers++
	return w.syms.InternBytes(name)
}

// requestOf gives the number of the line's request id, as a record would have it.
func requestOf(d *draft) uint64 {
	return requestNumber(d.word(fRequestID))
}

func requestNumber(id []byte) uint64 {
	if len(id) > maxWord {
		id = bytes.ToValidUTF8(id[:maxWord], []byte("�")) // as within does it
	}
	return traffic.RequestHash(id)
}

func (k *Block) noted(b *traffic.Brief, skewed, unmapped bool) {
	k.tally.add(skewed, unmapped)
	if b.Marks&traffic.Received == 0 {
		k.newest = max(k.newest, b.At)
	}
}

// plain does what finish does for a line that tells of a plain success, without a record; false where it is not
// certain that the line is one.
func (w *Worker) plain(k *Block) bool {
	k.Briefs = append(k.Briefs, traffic.Brief{})
	b := &k.Briefs[len(k.Briefs)-1]
	at, skewed, ok := w.shorten(b, k.Now)
	if !ok {
		k.Briefs = k.Briefs[:len(k.Briefs)-1]
		return false
	}
	b.Place = w.cell(at, streaming(b.Marks))
	k.Lack.count(at.key, b.Marks&traffic.Received != 0, b.Known)
	k.noted(b, skewed, at.unmapped)
	return true
}

// streaming numbers what is known of streaming: nothing, that the answer was a stream, that it was none.
func streaming(m traffic.Mark) int {
	switch {
	case m&traffic.Streams != 0:
		return 1
	case m&traffic.Whole != 0:
		return 2
	}
	return 0
}

// cell gives the number of the cell of a place on the client's side, with what streaming has numbered.
func (w *Worker) cell(at *filled, how int) uint32 {
	if at.cells[how] == 0 {
		at.cells[how] = w.places.Of(w.client(at, how).Cell()) + 1
	}
	return at.cells[how] - 1
}

// client gives the key of a place on the client's side, with what streaming has numbered.
func (w *Worker) client(at *filled, how int) traffic.Key {
	key := at.key
	key[traffic.Side] = w.syms.Intern(traffic.SideClient)
	if how > 0 {
		key[traffic.Stream] = w.syms.Intern(strconv.FormatBool(how == 1))
	}
	return key
}

// shorten makes a brief, all but the number of its place, of a line that tells of a plain success; false where it is not
// certain that the line is one. It does what finish does, and tells where the line is from and whether its time lies in
// the future.
func (w *Worker) shorten(b *traffic.Brief, received time.Time) (at *filled, skewed, ok bool) {
	g := w.dec.generic
	d := &g.d
	if g.outcry.asked() || d.odd() {
		return nil, false, false
	}
	status, ok := smallInt(d.word(fStatus))
	if !ok || status < 100 || status >= 400 {
		return nil, false, false
	}
	streamed, known := d.streamed()
	finished := d.rank[fFinish] != 0
	switch {
	case finished && !w.wellFinished(d.word(fFinish)):
		return nil, false, false
	case !finished && g.sawFinish && streamed && status == 200:
		return nil, false, false
	}
	g.sawStatus = true
	g.noteFinish(finished, streamed)
	g.sawModel = g.sawModel || d.rank[fModel] != 0
	b.Outcome, b.Known = traffic.NewOutcome(fault.None, int(status)), traffic.HasStatus
	skewed = w.fill(b, received)
	switch {
	case streamed:
		b.Marks |= traffic.Streams
	case known:
		b.Marks |= traffic.Whole
	}
	at = g.rec.where(d)
	if at.unknown != nil {
		at.unknown.Add(1)
	}
	return at, skewed, true
}

// odd tells whether a line has something that one about a plain success lacks, or whose time was read by somebody else.
func (d *draft) odd() bool {
	return d.rank[fCode] != 0 || d.rank[fMessage] != 0 || d.rank[fSide] != 0 || !d.at.IsZero()
}

// wellFinished tells whether a finish reason says nothing bad.
func (w *Worker) wellFinished(finish []byte) bool {
	if len(finish) == 0 || bytes.Equal(finish, w.finish) {
		return true
	}
	if fault.BadFinish(string(finish)) {
		return false
	}
	w.finish = append(w.finish[:0], finish...)
	return true
}

// fill reads the numbers of a line, and tells whether its time lies in the future.
func (w *Worker) fill(b *traffic.Brief, received time.Time) (skewed bool) {
	r, d := w.dec.rec, &w.dec.d
	var sec, nsec int64
	quick := false
	if d.rank[fTime] != 0 { // else it holds what an earlier line had, whose bytes may be gone
		sec, nsec, quick = r.minute.read(d.vals[fTime])
	}
	if quick && sec < received.Unix() {
		b.At = sec*int64(time.Second) + nsec
	} else {
		at, isReceived, later := r.when(d, received)
		if b.At, skewed = at.UnixNano(), later; isReceived {
			b.Marks |= traffic.Received
		}
	}
	if from := d.word(fFallbackFrom); len(from) > 0 {
		b.Marks, b.From = b.Marks|traffic.FellBack, w.nameOf(from)
	}
	if n, ok := d.count(fAttempt); ok && n < 1e6 {
		b.Attempt, b.Known = int32(n), b.Known|traffic.HasAttempt //nolint:gosec // bounded
	}
	if b.Attempt > 1 { // else nobody asks which request it was
		b.Request = requestOf(d)
	}
	for _, s := range [...]struct {
		f   field
		to  *int64
		has traffic.Field
	}{{fLatency, &b.Latency, traffic.HasLatency}, {fTTFT, &b.TTFT, traffic.HasTTFT}} {
		if took, ok := d.span(s.f); ok {
			*s.to, b.Known = int64(took), b.Known|s.has
		}
	}
	for _, c := range [...]struct {
		f   field
		to  *int64
		has traffic.Field
	}{{fTokensIn, &b.TokensIn, traffic.HasTokensIn}, {fTokensOut, &b.TokensOut, traffic.HasTokensOut}, {fTokensCached, &b.TokensCached, traffic.HasTokensCached}} {
		if n, ok := d.count(c.f); ok {
			*c.to, b.Known = n, b.Known|c.has
		}
	}
	return skewed
}
