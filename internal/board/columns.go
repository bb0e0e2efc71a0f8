package board

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"signalbox/internal/traffic"
)

// segmentLen is the number of records in a segment. An index into a segment's tables fits 16 bits, whatever the records say.
const segmentLen = 1 << 16

// segment is a run of records in columns without pointers: a filter reads only the columns that it asks about, and the
// collector passes over them. The owner appends; whoever holds a view reads only what was there when the view was made, so
// neither needs a lock. Text lies apart, packed.
type segment struct {
	at                       [segmentLen]int64 // unix nanoseconds
	latency, ttft            [segmentLen]span
	tokIn, tokOut, tokCached [segmentLen]uint32
	known                    [segmentLen]traffic.Field
	outcome                  [segmentLen]uint16
	key                      [segmentLen]uint16 // into tables.keys
	names                    [segmentLen]uint16 // into tables.names
	flags, attempt           [segmentLen]uint8
	added                    [segmentLen / 32]atomic.Uint32 // which records others explain; written to after publication

	n      int // owner only
	tables     // what grows with what the records say; a view has its own of the newest segment

	mu    sync.Mutex // guards notes
	notes map[uint16]*addition
}

const (
	flagReceived = 1 << iota
	flagLate
	flagWide // one of the numbers is in tables.wide
)

// tables hold what a segment's records share, and the few values that its columns have no room for. They only grow.
type tables struct {
	keys  []traffic.Key
	names []names
	wide  []wide // sorted by record
	shape *[segmentLen]uint64
}

// names are the symbols of a record that nothing filters by.
type names struct{ served, fallback, finish, source traffic.Sym }

// wide is a number that its column has no room for.
type wide struct {
	value int64
	index uint16
	field column
}

// column names a packed column.
type column uint8

const (
	colLatency column = iota
	colTTFT
	colRetryAfter // has no column: few records have it
	colTokIn
	colTokOut
	colTokCached
	colAttempt
)

// span is a duration in 32 bits: below two seconds to the nanosecond, then up to 35 minutes to the microsecond.
type span uint32

const (
	spanMicro = 1 << 31 // the unit is a microsecond
	spanRoom  = spanMicro - 1
	spanExact = time.Duration(spanRoom)
)

// packSpan gives false for what a span has no room for.
func packSpan(d time.Duration) (span, bool) {
	switch {
	case d < 0 || d > spanRoom*time.Microsecond:
		return 0, false
	case d <= spanExact:
		return span(d), true //nolint:gosec // bounded above
	}
	return span(d.Round(time.Microsecond)/time.Microsecond) | spanMicro, true //nolint:gosec // bounded above
}

func (s span) duration() time.Duration {
	if s&spanMicro != 0 {
		return time.Duration(s&^spanMicro) * time.Microsecond
	}
	return time.Duration(s)
}

// statusBits is the room for a status code beside the class.
const statusBits = 10

// packOutcome joins class and status in 16 bits: a status has three digits, and there are fewer than 64 classes.
func packOutcome(o traffic.Outcome) uint16 {
	return uint16(o.Class())<<statusBits | uint16(o.Status()&(1<<statusBits-1)) //nolint:gosec // three digits
}

func unpackOutcome(p uint16) traffic.Outcome {
	return traffic.Outcome(uint32(p>>statusBits)<<16 | uint32(p&(1<<statusBits-1)))
}

// failed tells it from the packed form.
func failed(p uint16) bool { return p>>statusBits != 0 }

// put writes a record's columns.
func (s *segment) put(rec *traffic.Record, index *segmentIndex) {
	i := s.n
	s.at[i], s.known[i], s.outcome[i] = rec.Time.UnixNano(), rec.Known, packOutcome(rec.Outcome)
	s.key[i] = index.key(s, &rec.Key)
	s.names[i] = index.names(s, names{rec.Served, rec.FallbackFrom, rec.Finish, rec.Source})
	if rec.Received {
		s.flags[i] |= flagReceived
	}
	if rec.Late {
		s.flags[i] |= flagLate
	}
	s.numbers(i, rec.Latency, rec.TTFT, rec.TokensIn, rec.TokensOut, rec.TokensCached, rec.Attempt)
	if rec.RetryAfter != 0 {
		s.widen(i, colRetryAfter, int64(rec.RetryAfter))
	}
	if rec.Shape != 0 {
		s.shapes()[i] = rec.Shape
	}
	s.n++
}

// numbers writes what a record has measured.
func (s *segment) numbers(i int, latency, ttft time.Duration, in, out, cached int64, attempt int) {
	s.latency[i], s.ttft[i] = s.span(i, colLatency, latency), s.span(i, colTTFT, ttft)
	s.tokIn[i], s.tokOut[i] = s.count(i, colTokIn, in), s.count(i, colTokOut, out)
	s.tokCached[i] = s.count(i, colTokCached, cached)
	if attempt >= 0 && attempt <= math.MaxUint8 {
		s.attempt[i] = uint8(attempt)
	} else {
		s.widen(i, colAttempt, int64(attempt))
	}
}

func (s *segment) shapes() *[segmentLen]uint64 {
	if s.shape == nil {
		s.shape = new([segmentLen]uint64)
	}
	return s.shape
}

func (s *segment) span(i int, c column, d time.Duration) span {
	p, ok := packSpan(d)
	if !ok {
		s.widen(i, c, int64(d))
	}
	return p
}

func (s *segment) count(i int, c column, n int64) uint32 {
	if n < 0 || n > math.MaxUint32 {
		s.widen(i, c, n)
		return 0
	}
	return uint32(n)
}

func (s *segment) widen(i int, c column, v int64) {
	s.flags[i] |= flagWide
	s.wide = append(s.wide, wide{value: v, index: uint16(i), field: c}) //nolint:gosec // i is below segmentLen
}

// get makes the record again, without its text.
func (s *segment) get(i int, t *tables) traffic.Record {
	n := t.names[s.names[i]]
	rec := traffic.Record{
		Time: time.Unix(0, s.at[i]).UTC(), Received: s.flags[i]&flagReceived != 0, Late: s.flags[i]&flagLate != 0,
		Key: t.keys[s.key[i]], Served: n.served, Outcome: unpackOutcome(s.outcome[i]), Known: s.known[i],
		Latency: s.latency[i].duration(), TTFT: s.ttft[i].duration(),
		TokensIn: int64(s.tokIn[i]), TokensOut: int64(s.tokOut[i]), TokensCached: int64(s.tokCached[i]),
		Attempt: int(s.attempt[i]), FallbackFrom: n.fallback, Finish: n.finish, Source: n.source,
	}
	if t.shape != nil {
		rec.Shape = t.shape[i]
	}
	if s.flags[i]&flagWide != 0 {
		t.widen(&rec, uint16(i)) //nolint:gosec // i is below segmentLen
	}
	return rec
}

// widen puts in the numbers that the columns had no room for.
func (t *tables) widen(rec *traffic.Record, i uint16) {
	at, _ := slices.BinarySearchFunc(t.wide, i, func(w wide, i uint16) int { return cmp.Compare(w.index, i) })
	for ; at < len(t.wide) && t.wide[at].index == i; at++ {
		v := t.wide[at].value
		switch t.wide[at].field {
		case colLatency:
			rec.Latency = time.Duration(v)
		case colTTFT:
			rec.TTFT = time.Duration(v)
		case colRetryAfter:
			rec.RetryAfter = time.Duration(v)
		case colTokIn:
			rec.TokensIn = v
		case colTokOut:
			rec.TokensOut = v
		case colTokCached:
			rec.TokensCached = v
		case colAttempt:
			rec.Attempt = int(v)
		}
	}
}

// bytes is the memory of a segment with its tables.
func (s *segment) bytes() int {
	n := columnBytes*segmentLen + segmentLen/8 + cap(s.keys)*4*int(traffic.NumDims) + cap(s.tables.names)*16 + cap(s.wide)*16
	if s.shape != nil {
		n += 8 * segmentLen
	}
	return n
}

// columnBytes is what one record takes of the columns that every segment has.
const columnBytes = 8 + 2*4 + 3*4 + 4*2 + 2

// segmentIndex finds what the newest segment's tables hold already. The owner has one and empties it with every segment.
type segmentIndex struct {
	keys   map[traffic.Key]uint16
	latest [256]uint16 // by a hash of the key: where it was lately, so that most keys cost no look into the map
	byName map[names]uint16
	last   names
	lastAt uint16
}

func newSegmentIndex() segmentIndex {
	return segmentIndex{keys: map[traffic.Key]uint16{}, byName: map[names]uint16{}}
}

func (x *segmentIndex) empty() {
	clear(x.keys)
	clear(x.byName)
	x.latest, x.last, x.lastAt = [256]uint16{}, names{}, 0
}

func (x *segmentIndex) key(s *segment, k *traffic.Key) uint16 {
	slot := &x.latest[glance(k)]
	if at := int(*slot); at < len(s.keys) && s.keys[at] == *k {
		return *slot
	}
	at, ok := x.keys[*k]
	if !ok {
		at = uint16(len(s.keys)) //nolint:gosec // at most one a record, of which a segment has 1<<16
		s.keys = append(s.keys, *k)
		x.keys[*k] = at
	}
	*slot = at
	return at
}

// glance is a hash that is good enough to tell the few keys of a busy moment apart.
func glance(k *traffic.Key) uint8 {
	var h uint64
	for _, sym := range k {
		h = (h ^ uint64(sym)) * 0x9e3779b97f4a7c15
	}
	return uint8(h >> 56)
}

func (x *segmentIndex) names(s *segment, n names) uint16 {
	if n == x.last && len(s.tables.names) > 0 {
		return x.lastAt
	}
	at, ok := x.byName[n]
	if !ok {
		at = uint16(len(s.tables.names)) //nolint:gosec // at most one a record
		s.tables.names = append(s.tables.names, n)
		x.byName[n] = at
	}
	x.last, x.lastAt = n, at
	return at
}
