// Package board holds what happened: counts, latency sketches, gauges and records over time, and answers
// questions about windows of it. It is pure: no I/O, no clock, no goroutines; time comes in as an argument.
//
// A Board belongs to one goroutine. What it hands out (windows, leaves, record views) may be read anywhere.
//
// Event time decides. Each instant lives at exactly one resolution: whole seconds for the newest 15 minutes and for
// what is not closed yet, 10 s up to 2 hours, 60 s up to 24 hours. A bucket belongs to the window that its beginning
// lies in, so the parts of a window always add up to the whole, whatever the resolution.
package board

import (
	"time"

	"signalbox/internal/traffic"
)

// The bounds of a board unless its Options say otherwise.
const (
	DefaultMaxKeys    = 10_000
	DefaultMaxRecords = 1_000_000
	DefaultMaxText    = 100 << 20
	DefaultMaxBuckets = 1_000_000
	DefaultMaxFlood   = 4 << 20
)

// skewLimit is how far in the future an event time may lie before it is taken for a wrong clock.
const skewLimit = 60 * time.Second

// Options bound a board. Zero values mean the defaults.
type Options struct {
	Symbols    *traffic.Symbols
	MaxKeys    int // series; keys beyond it are folded into "other"
	MaxRecords int // records held; the oldest go first; negative: none
	MaxText    int // bytes of record text held, packed; successes lose their raw lines first, then the oldest records go; negative: none
	MaxFlood   int // bytes of the raw lines of successes that are kept of one second of log time, evenly chosen where more come; negative: all
	MaxBuckets int // time buckets held over all series; the finest resolutions get shorter when there are more
}

func (o Options) filled() Options {
	if o.Symbols == nil {
		o.Symbols = traffic.NewSymbols(0)
	}
	o.MaxKeys, o.MaxBuckets = max(o.MaxKeys, 0), max(o.MaxBuckets, 0)
	for _, v := range []struct {
		have *int
		def  int
	}{
		{&o.MaxKeys, DefaultMaxKeys},
		{&o.MaxRecords, DefaultMaxRecords},
		{&o.MaxText, DefaultMaxText},
		{&o.MaxFlood, DefaultMaxFlood},
		{&o.MaxBuckets, DefaultMaxBuckets},
	} {
		if *v.have == 0 {
			*v.have = v.def
		}
	}
	return o
}

// Board is the state of the traffic. It is owned by one goroutine.
type Board struct {
	opts   Options
	series store
	times  clock
	rights authority
	recs   records
	flood  flood
	recent recent
	states gauges
	facts  factList
	stats  Stats
	lates  []lateCount

	histograms histograms
	kept       kept
}

// New makes an empty board.
func New(o Options) *Board {
	o = o.filled()
	return &Board{
		opts:   o,
		series: newStore(o.MaxKeys, o.MaxBuckets),
		times:  newClock(),
		rights: newAuthority(),
		recs:   newRecords(o.MaxRecords, o.MaxText),
		flood:  newFlood(o.MaxFlood),
		recent: newRecent(),
		states: newGauges(o.MaxKeys),
	}
}

// Applied says what one batch came to.
type Applied struct {
	Records   int       // records taken in, explaining ones included
	Counted   int       // of them, those that count as a request or an attempt
	Explained int       // of them, those that only added text to another
	Late      int       // counted in a second that detection has already seen
	Skewed    int       // more than 60 s in the future: counted at receive time
	Newest    time.Time // the newest event time of the batch, zero where it had none
}

// Apply takes one batch in. now is the time at which it was received.
func (b *Board) Apply(batch traffic.Batch, now time.Time) Applied {
	b.kept.forget()
	var a Applied
	kind := batch.Kind
	if kind == 0 {
		kind = traffic.LogSource
	}
	src := b.times.source(batch.Source)
	b.flood.look(b.times.newest, now)
	b.records(&batch, kind, now, src, &a)
	for i := range batch.Counts {
		b.count(batch.Counts[i], kind, now, src, &a)
	}
	for _, g := range batch.Gauges {
		b.states.set(g)
	}
	b.facts.add(batch.Facts)
	if batch.State != nil {
		src.health = batch.State.Health
	}
	b.look(src, &a, now)
	b.stats.Late += int64(a.Late)
	b.stats.Skewed += int64(a.Skewed)
	b.stats.Explained += int64(a.Explained)
	return a
}

// look lets time go on to the newest event of a batch.
func (b *Board) look(src *source, a *Applied, now time.Time) {
	if !a.Newest.IsZero() {
		b.times.saw(src, a.Newest, now)
		b.series.advance(b.times.newest.Unix(), b.times.closedTo())
		b.flood.look(b.times.newest, now)
	}
}

// records takes the records of a batch in, and the lines between them in their places.
func (b *Board) records(batch *traffic.Batch, kind traffic.SourceKind, now time.Time, src *source, a *Applied) {
	next := 0
	if l := batch.Lines; l.Len() > 0 {
		for from := 0; from < len(l.All); from += batchLen {
			if from > 0 {
				b.look(src, a, now) // as often as if they had come in smaller batches
			}
			t := b.instants(src, now)
			for i := range l.All[from:min(from+batchLen, len(l.All))] {
				x := &l.All[from+i]
				for ; next < int(x.After); next++ {
					b.record(&batch.Records[next], kind, now, src, a)
				}
				b.line(l, x, kind, &t, src, a)
			}
			b.times.began(time.Unix(0, t.least))
			if at := time.Unix(0, t.most).UTC(); at.After(a.Newest) {
				a.Newest = at
			}
		}
	}
	for ; next < len(batch.Records); next++ {
		b.record(&batch.Records[next], kind, now, src, a)
	}
}

// record takes one record in. The batch stays as it is: what the board changes, it changes in its own copy.
func (b *Board) record(in *traffic.Record, kind traffic.SourceKind, now time.Time, src *source, a *Applied) {
	a.Records++
	rec := *in
	if rec.Explains {
		a.Explained++
		b.explain(&rec)
		return
	}
	switch {
	case rec.Time.IsZero():
		rec.Time, rec.Received = now, true
	case !now.IsZero() && rec.Time.Sub(now) > skewLimit:
		rec.Time, rec.Received = now, true
		a.Skewed++
	}
	if b.times.closed(rec.Time) {
		rec.Late = true
		a.Late++
	}
	a.Counted++
	src.order(rec.Time)
	b.times.began(rec.Time)
	if rec.Time.After(a.Newest) {
		a.Newest = rec.Time
	}
	s := b.seriesOf(rec.Key, kind)
	first := b.recent.first(&rec)
	sec := rec.Time.Unix()
	one := tallyOfRecord(&rec, s, sec, first)
	b.series.later(one)
	if rec.Late {
		b.late(sec, s, one.count)
	}
	whole := rec.Outcome.Failed() || rec.Raw == "" || b.flood.keeps(len(rec.Raw))
	at := b.recs.append(&rec, whole)
	if text, ok := b.recent.note(&rec, at); ok {
		b.recs.explain(at, text)
	}
}

// count spreads one count over the seconds that it is about.
func (b *Board) count(c traffic.Count, kind traffic.SourceKind, now time.Time, src *source, a *Applied) {
	if c.N <= 0 {
		return
	}
	if c.To.Before(c.From) || c.To.IsZero() {
		c.To = c.From
	}
	if !now.IsZero() && c.To.Sub(now) > skewLimit {
		wide := c.To.Sub(c.From)
		c.From, c.To = now.Add(-wide), now
		a.Skewed++
	}
	if b.times.closed(c.To) {
		a.Late++
	}
	a.Counted++
	src.order(c.To)
	b.times.began(c.From)
	if c.To.After(a.Newest) {
		a.Newest = c.To
	}
	s := b.seriesOf(c.Key, kind)
	width := int32(min(c.To.Sub(c.From), maxSpread) / time.Second) //nolint:gosec // bounded to a day
	spread(c.From, c.To, c.N, phaseOf(&c), func(sec, n int64) {
		b.series.add(s, sec, func(k *bucket) { k.addCount(c.Outcome, n, width) })
		b.late(sec, s, func(k *bucket) { k.addCount(c.Outcome, n, width) })
	})
}

// phaseOf gives each series, outcome and time a phase of its own, from 0 to 1; the same count always has the same.
func phaseOf(c *traffic.Count) float64 {
	h := uint64(c.Outcome) + uint64(c.From.Unix())<<20 //nolint:gosec // a hash
	for _, s := range c.Key {
		h = (h ^ uint64(s)) * 0x9e3779b97f4a7c15
		h ^= h >> 32
	}
	return float64(h>>11) / (1 << 53)
}

func (b *Board) seriesOf(key traffic.Key, kind traffic.SourceKind) *series {
	b.rights.saw(key[traffic.Gateway], key[traffic.Side], kind)
	return b.series.of(key, kind)
}

// Newest is the newest event time seen, zero before the first.
func (b *Board) Newest() time.Time { return b.times.newest }
