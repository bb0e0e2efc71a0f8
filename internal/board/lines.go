package board

import (
	"time"

	"signalbox/internal/traffic"
)

// numbered is where the places that a source's lines name are on the board. It is worked out once for each, and anew when
// series have gone.
type numbered struct {
	places *traffic.Places
	series []*series // by place; nil: not known yet, or folded
	gone   int       // of the store, when it was begun
	keys   []uint32  // by place: one more than the index in the tables of the newest segment
	seg    int64     // which segment that is
}

// of finds the series of a line. Keys that are folded are looked up each time, as for records: they are counted.
func (n *numbered) of(b *Board, l *traffic.Lines, place uint32, kind traffic.SourceKind) *series {
	if n.places != l.Places || n.gone != b.series.gone {
		*n = numbered{places: l.Places, gone: b.series.gone}
	}
	if int(place) < len(n.series) {
		if s := n.series[place]; s != nil {
			return s
		}
	} else {
		n.series = append(n.series, make([]*series, len(l.Keys)-len(n.series))...)
	}
	s := b.seriesOf(l.Keys[place], kind)
	if s.key == l.Keys[place] {
		n.series[place] = s
	}
	return s
}

// key gives the index of a line's key in the tables of the newest segment.
func (n *numbered) key(r *records, l *traffic.Lines, place uint32) uint16 {
	if s := r.segBase + int64(len(r.segs))*segmentLen; n.seg != s {
		n.seg = s
		clear(n.keys)
	}
	if int(place) >= len(n.keys) {
		n.keys = append(n.keys, make([]uint32, len(l.Keys)-len(n.keys))...)
	}
	if n.keys[place] == 0 {
		n.keys[place] = uint32(r.index.key(r.segs[len(r.segs)-1], &l.Keys[place])) + 1
	}
	return uint16(n.keys[place] - 1) //nolint:gosec // made of one
}

// instants are the times that a line is held against, as numbers.
type instants struct {
	now, newest, least, most int64 // least and most: of the lines since the clock was last looked at
	mark                     int64 // the first second that is open
}

const never = int64(-1 << 63)

func (b *Board) instants(src *source, now time.Time) instants {
	t := instants{now: never, newest: never, least: 1<<63 - 1, most: never, mark: b.times.closedTo()}
	if !now.IsZero() {
		t.now = now.UnixNano()
	}
	if !src.newest.IsZero() {
		t.newest = src.newest.UnixNano()
	}
	return t
}

// line takes one line in, as record does.
func (b *Board) line(l *traffic.Lines, x *traffic.Line, kind traffic.SourceKind, t *instants, src *source, a *Applied) {
	a.Records++
	a.Counted++
	at, flags := x.At, uint8(0)
	if x.Marks&traffic.Received != 0 {
		flags |= flagReceived
	}
	if t.now != never && at-t.now > int64(skewLimit) {
		at, flags = t.now, flags|flagReceived
		a.Skewed++
	}
	sec := floorTo(at, int64(time.Second)) / int64(time.Second)
	if sec < t.mark {
		flags |= flagLate
		a.Late++
	}
	if behind := t.newest - at; t.newest != never && behind > int64(src.disorder) && behind <= int64(maxBehind) {
		src.disorder = time.Duration(behind)
	}
	t.least, t.most = min(t.least, at), max(t.most, at)
	s := src.lines.of(b, l, x.Place, kind)
	_, id := l.Raw(x)
	hash := b.recent.hashOf(id)
	first := x.Known&traffic.HasAttempt == 0 || x.Attempt <= 1 || b.recent.moved(hash, &l.Keys[x.Place], x.From != traffic.Unknown)
	one := tallyOf(x, s, sec, first)
	b.series.later(one)
	if flags&flagLate != 0 {
		b.late(sec, s, one.count)
	}
	seq := b.recs.appendLine(l, x, &src.lines, at, flags, b.flood.keeps(int(x.Size)))
	if text, ok := b.recent.succeeded(hash, id, seq); ok {
		b.recs.explain(seq, text)
	}
}

// appendLine adds the record that a line is in short, and gives its sequence number. Where it is not whole, the request id is kept
// of its text.
func (r *records) appendLine(l *traffic.Lines, x *traffic.Line, at *numbered, ns int64, flags uint8, whole bool) int64 {
	s := r.room()
	if s == nil {
		return r.next - 1
	}
	i := s.n
	s.at[i], s.known[i], s.outcome[i], s.flags[i] = ns, x.Known, packOutcome(x.Outcome), flags
	s.key[i] = at.key(r, l, x.Place)
	s.names[i] = r.index.names(s, names{x.Served, x.From, x.Finish, l.Source})
	s.numbers(i, time.Duration(x.Latency), time.Duration(x.TTFT), x.TokensIn, x.TokensOut, x.TokensCached, int(x.Attempt))
	if x.Shape != 0 {
		s.shapes()[i] = x.Shape
	}
	s.n++
	raw, id := l.Raw(x)
	switch {
	case !r.withText:
		r.open(0)
		r.draft.enter(0, 0, 0, 0, 0)
	case whole:
		r.open(len(raw))
		r.draft.text = append(r.draft.text, raw...)
		r.draft.enterLine(len(raw), int(x.ID), len(id))
	default:
		r.open(len(id))
		r.draft.text = append(r.draft.text, id...)
		r.draft.enter(len(id), 0, 0, 0, 0)
		r.letGo()
	}
	return r.next - 1
}

// letGo counts that the newest record has no raw line.
func (r *records) letGo() {
	r.draft.gone++
	r.letGoN++
}
