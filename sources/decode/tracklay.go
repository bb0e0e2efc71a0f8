package decode

import (
	"bytes"
	"slices"

	"signalbox/internal/traffic"
)

// piece is one scalar of a line that a track is laid from.
type piece struct {
	from, to int // with the quotes
	kind     valueKind
	plain    bool // a text that is what its bytes say
	text     []byte
	target
	how    taking
	wanted bool
}

// empty tells whether the value says nothing wherever it stands.
func (p *piece) empty() bool {
	return p.kind == nullValue || p.kind == stringValue && len(p.text) == 0
}

// lay takes the shape of a line that the track did not follow, its names and what it came to: a plain success, or a
// failure with a status. The worker's draft must still be of that line.
func (t *track) lay(buf []byte, from, to int, came *traffic.Brief) {
	if came.Marks&traffic.Received != 0 || came.Outcome.Class().Caller() { // of a caller's own failure it is asked who it was
		return
	}
	if t.pause > 0 || t.credit < layCost || to-from > maxLearnt/4 || to+reach > len(buf) {
		return
	}
	t.credit -= layCost
	at := t.worker.dec.rec.where(&t.worker.dec.d)
	all, ok := t.pieces(buf[from:to])
	if !ok || !t.layAll(buf, from, to, all) {
		return
	}
	var b traffic.Brief
	if t.follow(buf, from, &b) != to {
		return
	}
	if t.here() == nil {
		t.addStop(at)
	}
	if t.status >= 400 && t.status == came.Outcome.Status() && slices.ContainsFunc(all, func(p piece) bool { return p.from == t.texts[2][0] && len(wordOf(p.text)) > 0 }) {
		t.errors.add(buf, &t.car, at, came.Outcome)
	}
}

// pieces lists the scalars of a line.
func (t *track) pieces(line []byte) (all []piece, ok bool) {
	g, scan := t.worker.dec.generic, &t.worker.dec.lines.road.scan
	ok = true
	scan.visit = func(path []byte, v value) {
		p := piece{from: scan.from, to: scan.i, kind: v.kind, text: v.bytes}
		p.plain = v.kind == stringValue && len(v.bytes) == p.to-p.from-2 && bytes.Equal(v.bytes, line[p.from+1:p.to-1])
		dotted, told := dottedPath(path)
		p.target, p.how, p.wanted = g.name(dotted)
		ok = ok && told
		all = append(all, p)
	}
	ok = scan.scan(line) && ok
	scan.visit = nil
	return all, ok && len(all) > 0
}

// way is a way that is being laid.
type way struct {
	last int16            // its last step
	read [numFields]int16 // the step that reads a field; 0 none
	shut [numFields]bool  // fields of which nothing else may be read
}

// layAll lays the way of a line that stands in a buffer.
func (t *track) layAll(buf []byte, from, to int, all []piece) bool {
	var w way
	begin := from
	for i := range all {
		p := &all[i]
		p.from, p.to = p.from+from, p.to+from
		s, fixed, ok := t.stepFor(p, &w)
		if !ok {
			return false
		}
		if fixed {
			continue // its bytes are a part of those before the next value
		}
		end, next := p.from, p.to
		if p.kind == stringValue && s.do.bare() {
			end, next = end+1, next-1
		}
		if s.memo != nil && !t.remember(buf, p, &s) || !t.graft(&w, s, buf[begin:end]) {
			return false
		}
		if s.do != passBy {
			w.read[s.f] = w.last
		}
		begin = next
	}
	if w.read[fTime] == 0 || w.read[fStatus] == 0 {
		return false
	}
	return t.graft(&w, step{do: atEndOfLine}, buf[begin:to])
}

// bare tells whether a value is read without its quotes.
func (d doing) bare() bool {
	return d == readStatus || d == readAttempt || d == readSpan || d == readCount || d == readStream
}

// doings says what is done with the values of a field; those that are not in it are passed by.
var doings = map[field]struct {
	do  doing
	has traffic.Field
}{
	fTime: {readTime, 0}, fRequestID: {readID, 0}, fStatus: {readStatus, 0}, fStream: {readStream, 0},
	fFinish: {readFinish, 0}, fFallbackFrom: {readFell, 0}, fAttempt: {readAttempt, traffic.HasAttempt},
	fLatency: {readSpan, traffic.HasLatency}, fTTFT: {readSpan, traffic.HasTTFT}, fTokensIn: {readCount, traffic.HasTokensIn},
	fTokensOut: {readCount, traffic.HasTokensOut}, fTokensCached: {readCount, traffic.HasTokensCached},
	fCode: {readText, 0}, fType: {readText, 0}, fMessage: {readText, 0},
}

// stepFor decides what is done with a value. fixed: it must always be the same.
func (t *track) stepFor(p *piece, w *way) (s step, fixed, ok bool) {
	if p.plain && len(p.text) < 256 {
		s.skip = uint8(len(p.text)) //nolint:gosec // compared
	}
	slot := -1
	if p.wanted && slices.Contains(t.worker.dec.rec.places.fields, p.f) {
		slot = t.slot(p.f)
	}
	doing, reads := doings[p.f]
	switch {
	case !p.wanted:
		return s, false, true
	case t.wantsEmpty(p):
		return s, true, p.empty()
	case slot >= mostSlots || w.shut[p.f]:
		return s, false, false
	case slot >= 0:
		doing.do = readName
	case t.lines && p.f == fServed:
		doing.do = readServed
	case !reads, t.lines && doing.do == readText:
		return s, false, true
	}
	by, ok := t.beside(p, w, doing.do.named())
	if by || !ok {
		return s, false, ok
	}
	s.do, s.has, s.f, s.rank, s.unit = doing.do, doing.has, p.f, p.rank, p.unit
	if s.do == readText {
		s.at = uint8(p.f - fCode)
	}
	if s.do.named() {
		s.at = uint8(max(8*slot, 0)) //nolint:gosec // at most 56
		if t.memos[p.f] == nil {
			t.memos[p.f] = new(memo)
		}
		s.memo = t.memos[p.f]
	}
	return s, false, true
}

// wantsEmpty tells whether a line that has something in the value's field is left to others, or a value that says nothing
// leads another way than one that does.
func (t *track) wantsEmpty(p *piece) bool {
	switch p.f {
	case fCode, fMessage:
		return t.lines || p.empty()
	case fShape:
		return t.lines
	default:
		return p.f == fSide || p.f == fRetryAfter
	}
}

// mostSlots is of how many fields the names find the place of a line.
const mostSlots = 8

// slot gives where the names of a field stand in car.names.
func (t *track) slot(f field) int {
	at := slices.Index(t.slots, f)
	if at < 0 && len(t.slots) < mostSlots {
		t.slots = append(t.slots, f)
		return len(t.slots) - 1
	}
	if at < 0 {
		return mostSlots
	}
	return at
}

// named tells whether values are read by a memo.
func (d doing) named() bool {
	return d == readName || d == readFinish || d == readFell || d == readServed
}

// beside decides whether a value that could be read is passed by instead. Of several values of one field the best counts
// that is not empty: a worse one behind it is passed by, if the better one is never empty.
func (t *track) beside(p *piece, w *way, named bool) (by, ok bool) {
	if named && (p.kind == numberValue || p.kind == boolValue || p.kind == stringValue && !p.plain) {
		return false, false
	}
	if was := w.read[p.f]; was > 0 {
		switch better := t.steps[was].rank; {
		case better < p.rank && (p.f < fCode || p.f > fMessage):
			t.steps[was].strict = true
			return true, true
		case better == p.rank, named, p.f >= fCode && p.f <= fMessage:
			return false, false
		}
	}
	if p.f.isSpan() && p.unit == 0 { // nobody knows how long it took
		w.shut[p.f] = true
		return true, w.read[p.f] == 0
	}
	return false, true
}

// graft adds a step behind the last of a way, unless it is there.
func (t *track) graft(w *way, s step, before []byte) bool {
	if len(before) == 0 || len(before) > maxGlue {
		return false
	}
	s.literal = newLiteral(before)
	at, alts := t.first, 0
	if w.last > 0 {
		at = t.steps[w.last].next
	}
	end := int16(0)
	for at > 0 {
		x := &t.steps[at]
		if x.literal == s.literal && x.do == s.do && x.f == s.f && x.rank == s.rank && x.unit == s.unit {
			w.last = at
			return true
		}
		at, end, alts = x.alt, at, alts+1
	}
	if len(t.steps) >= maxTrack || alts >= maxAlts {
		return false
	}
	at = int16(len(t.steps)) //nolint:gosec // bounded
	t.steps = append(t.steps, s)
	switch {
	case end > 0:
		t.steps[end].alt = at
	case w.last > 0:
		t.steps[w.last].next = at
	default:
		t.first = at
	}
	w.last = at
	return true
}

// remember notes the value of a field for which there is a memo.
func (t *track) remember(buf []byte, p *piece, s *step) bool {
	if p.from+reach > len(buf) || p.to-p.from > maxGlue {
		return false
	}
	m := s.memo
	if m.find(buf, p.from) != nil {
		return true
	}
	v := known{literal: newLiteral(buf[p.from:p.to])}
	if !p.empty() && p.how.takes(p.kind, p.text) {
		if m.ids == maxIDs {
			t.forgetNames()
		}
		m.ids++
		v.id = uint8(m.ids) //nolint:gosec // at most maxIDs
		v.says = s.do == readFinish
		if word := wordOf(p.text); t.lines && (s.do == readFinish || s.do == readServed) {
			v.says, v.from = v.says || len(word) > 0, t.worker.syms.InternBytes(word)
		} else if s.do == readFell && len(word) > 0 {
			if v.says, v.from = true, t.worker.nameOf(word); v.from == traffic.Other {
				return false // it may get a name of its own yet
			}
		}
	}
	m.add(buf, p.from, v)
	return true
}

// forgetNames begins the memos anew, when one has no number left.
func (t *track) forgetNames() {
	for _, m := range t.memos {
		if m != nil {
			*m = memo{}
		}
	}
	t.settle()
	clear(t.stops)
	t.held = 0
}

// forget begins the whole track anew.
func (t *track) forget() {
	t.steps, t.first, t.slots = t.steps[:1], 0, t.slots[:0]
	t.forgetNames()
}

func (t *track) addStop(at *filled) {
	t.settle()
	if t.held >= maxStops {
		clear(t.stops)
		t.held = 0
	}
	if t.stops == nil {
		t.stops = make([]stop, 1<<stopBits)
	}
	var l Lack
	l.count(at.key, false, traffic.HasStatus)
	for i := range uint64(stopProbes) {
		if s := t.stopAt(i); s.at == nil || i == stopProbes-1 {
			*s = stop{names: t.names, at: at, noModel: l.Model > 0, noPlace: l.Place > 0}
			break
		}
	}
	t.held++
}
