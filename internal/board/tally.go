package board

import (
	"slices"
	"time"

	"signalbox/internal/traffic"
)

// tally is what counts of one request. Those of lines wait to be counted.
type tally struct {
	sec             int64
	in, out, cached int64  // tokens, 0 where they are not known
	of              uint32 // the series' slot
	outcome         traffic.Outcome
	from            traffic.Sym // what it fell from
	lat, ttft       int16       // bins; noBin where they are not known
	first, again    bool
}

const noBin = -1

// mostWaiting bounds what waits to be counted.
const mostWaiting = 1 << 16

func tallyOf(x *traffic.Line, one *series, sec int64, first bool) tally {
	t := tally{
		sec: sec, in: x.TokensIn, out: x.TokensOut, cached: x.TokensCached, of: one.slot, outcome: x.Outcome, from: x.From,
		first: first, again: x.Known&traffic.HasAttempt != 0 && x.Attempt > 1,
	}
	t.took(x.Known, time.Duration(x.Latency), time.Duration(x.TTFT))
	return t
}

func tallyOfRecord(rec *traffic.Record, one *series, sec int64, first bool) tally {
	t := tally{
		sec: sec, of: one.slot, outcome: rec.Outcome, from: rec.FallbackFrom, first: first, again: rec.Known&traffic.HasAttempt != 0 && rec.Attempt > 1,
	}
	t.took(rec.Known, rec.Latency, rec.TTFT)
	if rec.Known&traffic.HasTokensIn != 0 {
		t.in = rec.TokensIn
	}
	if rec.Known&traffic.HasTokensOut != 0 {
		t.out = rec.TokensOut
	}
	if rec.Known&traffic.HasTokensCached != 0 {
		t.cached = rec.TokensCached
	}
	return t
}

func (t *tally) took(known traffic.Field, latency, ttft time.Duration) {
	t.lat, t.ttft = noBin, noBin
	if known&traffic.HasLatency != 0 {
		t.lat = int16(binOf(latency)) //nolint:gosec // at most maxBin
	}
	if known&traffic.HasTTFT != 0 {
		t.ttft = int16(binOf(ttft)) //nolint:gosec // at most maxBin
	}
}

// count adds it to a bucket.
func (t *tally) count(k *bucket) {
	var first int64
	if t.first {
		first = 1
	} else {
		k.retry++
	}
	if t.again {
		k.again++
	}
	k.outcome(t.outcome, 1, first)
	k.width = max(k.width, 1)
	if t.from != traffic.Unknown {
		k.fallback++
	}
	if t.lat != noBin {
		k.lat.one(uint16(t.lat)) //nolint:gosec // a bin
	}
	if t.ttft != noBin {
		k.ttft.one(uint16(t.ttft)) //nolint:gosec // a bin
	}
	k.tokIn += t.in
	k.tokOut += t.out
	k.tokC += t.cached
}

// measure adds what it measured, as fall and take do for a brief.
func (t *tally) measure(m *measured) {
	m.fall(t.from)
	well := t.first && !t.outcome.Failed()
	if well && t.lat != noBin {
		m.bin(measuredLat, t.lat)
	}
	if well && t.ttft != noBin {
		m.bin(measuredTTFT, t.ttft)
	}
	if n := t.in + t.out; n > 0 {
		m.add(measuredTok, float64(n))
	}
}

// later counts a request when somebody asks. A busy log tells of thousands of series by turns, and to find one, its second and
// its sketches in memory costs more than to count: so it is done for many of one series at a time.
func (s *store) later(t tally) {
	switch n := len(s.waiting); {
	case n == mostWaiting:
		s.settle()
	case n == cap(s.waiting):
		s.waiting = slices.Grow(s.waiting, max(n, 64)) // twice as many at once: few of these arrays are thrown away
	}
	s.waiting = append(s.waiting, t)
}

// counted are the series with all that came.
func (s *store) counted() []*series {
	s.settle()
	return s.all
}

// settle counts what waits, series by series, each in the order in which it came.
func (s *store) settle() {
	if len(s.waiting) == 0 {
		return
	}
	begins := append(s.begins[:0], make([]uint32, len(s.all)+1)...)
	for i := range s.waiting {
		begins[s.waiting[i].of+1]++
	}
	for i := 1; i < len(begins); i++ {
		begins[i] += begins[i-1]
	}
	if cap(s.turns) < len(s.waiting) {
		s.turns = make([]uint32, cap(s.waiting))
	}
	turns := s.turns[:len(s.waiting)]
	for i := range s.waiting {
		at := &begins[s.waiting[i].of]
		turns[*at] = uint32(i) //nolint:gosec // at most mostWaiting
		*at++
	}
	asked := max(s.asked, s.floor[0])
	var of *series
	var k *bucket
	var m *measured
	sec := int64(minSecond)
	for _, i := range turns {
		t := &s.waiting[i]
		if one := s.all[t.of]; one != of || t.sec != sec || k == nil {
			of, sec = one, t.sec
			k, m = s.at(one, sec), one.measure(sec, asked)
		}
		if k != nil {
			t.count(k)
			of.told.hear(t, sec)
		}
		if m != nil {
			t.measure(m)
		}
	}
	s.waiting, s.begins = s.waiting[:0], begins
}
