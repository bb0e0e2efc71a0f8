package board

import (
	"slices"
	"time"

	"signalbox/internal/traffic"
)

// Digest is a board of finished logs: it counts and closes seconds as a Board does, for a reader that asks for
// sums and bursts only. It takes briefs instead of records and keeps none, and no sketches of single seconds, so
// that a log of millions of lines costs its counts alone. It is owned by one goroutine.
type Digest struct {
	places  *traffic.Places
	newest  int64 // unix nanoseconds, as all times here; minTime before the first
	batch   int64 // the newest of the batch that is being taken
	mark    int64
	markSec int64
	latest  int64 // how far out of order lines were, at most
	inBatch int
	open    []*counts // seconds that are not closed, by time
	minutes map[int64]*counts
	spare   []*counts
	cells   int // in minutes
	failed  failures
	last    *counts
	lates   []*counts // what came for seconds that are closed, by time

	Late int64 // counted in a second that detection has already seen

	leaves   []Leaf
	outcomes []OutcomeN
	bins     []traffic.Bin

	histograms histograms
}

const minTime = -1 << 62

// maxDigest bounds the cells of all minutes held; the oldest minutes go first.
const maxDigest = 2_000_000

// batchLen is how many briefs are taken between two looks at the clock, as sources hand records over.
const batchLen = 512

// NewDigest makes an empty digest of briefs whose places the table numbers.
func NewDigest(places *traffic.Places) *Digest {
	return &Digest{
		places: places, newest: minTime, batch: minTime, mark: minTime, markSec: minTime,
		minutes: make(map[int64]*counts), failed: newFailures(recentRequests),
	}
}

// counts are what happened in one second or minute, by place.
type counts struct {
	start   int64    // unix seconds
	at      []uint32 // by place: one more than the index of its cell, 0 for none
	cells   []cell
	details []detail // of a second: what detection asks for besides, by the index of the cell
}

// cell is one place in one second or minute.
type cell struct {
	place   uint32
	retries int32
	one     OutcomeN
	more    []OutcomeN
}

func (c *counts) cell(place uint32) *cell { return &c.cells[c.index(place)] }

func (c *counts) index(place uint32) int {
	if int(place) >= len(c.at) {
		c.at = append(c.at, make([]uint32, int(place)+64-len(c.at))...)
	}
	if c.at[place] == 0 {
		if n := len(c.cells); n < cap(c.cells) {
			c.cells = c.cells[:n+1]
			x := &c.cells[n]
			*x = cell{place: place, more: x.more[:0]}
		} else {
			c.cells = append(c.cells, cell{place: place})
		}
		c.at[place] = uint32(len(c.cells)) //nolint:gosec // one for each place
	}
	return int(c.at[place]) - 1
}

func (x *cell) add(o OutcomeN) {
	if x.one.N == 0 {
		x.one.Outcome = o.Outcome
	}
	if x.one.Outcome == o.Outcome {
		x.one.N += o.N
		x.one.First += o.First
		return
	}
	for i := range x.more {
		if x.more[i].Outcome == o.Outcome {
			x.more[i].N += o.N
			x.more[i].First += o.First
			return
		}
	}
	x.more = append(x.more, o)
}

// Take counts briefs up to the next look at the clock. It tells how many, and whether it has looked: then the
// watermark may have moved.
func (d *Digest) Take(briefs []traffic.Brief) (n int, looked bool) {
	n = min(len(briefs), batchLen-d.inBatch)
	for i := range briefs[:n] {
		d.take(&briefs[i])
	}
	if d.inBatch += n; d.inBatch < batchLen {
		return n, false
	}
	d.Pause()
	return n, true
}

// Pause looks at the clock: what was taken counts for the watermark now.
func (d *Digest) Pause() {
	d.inBatch = 0
	d.newest = max(d.newest, d.batch)
	if d.newest == minTime {
		return
	}
	d.mark = max(d.mark, d.newest-min(d.latest, int64(maxBehind)))
	d.markSec = floorTo(d.mark, int64(time.Second)) / int64(time.Second)
}

func (d *Digest) take(b *traffic.Brief) {
	if b.Marks&traffic.Explains != 0 {
		return
	}
	if behind := d.newest - b.At; d.newest != minTime && behind > d.latest && behind <= int64(maxBehind) {
		d.latest = behind
	}
	d.batch = max(d.batch, b.At)
	first := d.failed.first(b)
	o := OutcomeN{Outcome: b.Outcome, N: 1}
	if first {
		o.First = 1
	}
	sec := floorTo(b.At, int64(time.Second)) / int64(time.Second)
	if sec < d.markSec {
		d.Late++
		d.late(sec, b.Place, o, !first)
		m := d.minute(sec)
		before := len(m.cells)
		m.put(b.Place, o, !first)
		d.cells += len(m.cells) - before
		return
	}
	c := d.second(sec)
	c.detail(c.put(b.Place, o, !first)).add(b, first)
}

// put gives the index of the cell that it has counted in.
func (c *counts) put(place uint32, o OutcomeN, retry bool) int {
	at := c.index(place)
	x := &c.cells[at]
	x.add(o)
	if retry {
		x.retries++
	}
	return at
}

// second finds or makes an open second. Lines are nearly in order: the newest ones are asked for.
func (d *Digest) second(sec int64) *counts {
	if d.last != nil && d.last.start == sec {
		return d.last
	}
	at := len(d.open)
	for at > 0 && d.open[at-1].start > sec && len(d.open)-at < 16 {
		at--
	}
	if at > 0 && d.open[at-1].start > sec {
		at, _ = slices.BinarySearchFunc(d.open, sec, func(c *counts, sec int64) int {
			if c.start <= sec {
				return -1
			}
			return 1
		})
	}
	if at == 0 || d.open[at-1].start != sec {
		d.open = slices.Insert(d.open, at, d.fresh(sec))
		at++
	}
	d.last = d.open[at-1]
	return d.last
}

func (d *Digest) fresh(start int64) *counts {
	n := len(d.spare)
	if n == 0 {
		return &counts{start: start}
	}
	c := d.spare[n-1]
	d.spare = d.spare[:n-1]
	clear(c.at)
	c.start, c.cells, c.details = start, c.cells[:0], c.details[:0]
	return c
}

func (d *Digest) minute(sec int64) *counts {
	start := floorTo(sec, 60)
	m, ok := d.minutes[start]
	if !ok {
		m = &counts{start: start}
		d.minutes[start] = m
	}
	return m
}

// Watermark is the instant before which all seconds are closed, zero before the first brief.
func (d *Digest) Watermark() time.Time { return timeOf(d.mark) }

// Newest is the newest event time, zero before the first.
func (d *Digest) Newest() time.Time { return timeOf(d.newest) }

func timeOf(ns int64) time.Time {
	if ns == minTime {
		return time.Time{}
	}
	return time.Unix(0, ns)
}

// NextSecond is that of a Board.
func (d *Digest) NextSecond(sec int64) (int64, bool) {
	for _, c := range d.open {
		if c.start >= sec {
			return c.start, true
		}
	}
	return 0, false
}

// Leaves gives the counts of one second for detection, in the order in which their places were first met. They are
// valid until the next call.
func (d *Digest) Leaves(sec int64) []Leaf {
	d.leaves, d.outcomes, d.bins = d.leaves[:0], d.outcomes[:0], d.bins[:0]
	at, found := slices.BinarySearchFunc(d.open, sec, func(c *counts, sec int64) int { return int(c.start - sec) })
	if !found {
		return nil
	}
	c := d.open[at]
	for _, n := range c.at {
		if n > 0 {
			d.leaf(&c.cells[n-1], &c.details[n-1])
		}
	}
	return d.leaves
}

// leaf appends that of a cell. It is large, so it is made where it stands.
func (d *Digest) leaf(x *cell, more *detail) {
	d.leaves = append(d.leaves, Leaf{})
	l := &d.leaves[len(d.leaves)-1]
	l.Key, l.Place, l.Width = d.places.Key(x.place), x.place+1, time.Second
	l.Retries, l.Again = int64(x.retries), more.again
	d.bins = d.histograms.fill(l, &more.measured, d.bins)
	if len(more.callers) > 0 {
		l.Callers = more.callers
	}
	from := len(d.outcomes)
	d.outcomes = append(append(d.outcomes, x.one), x.more...)
	l.ByOutcome = d.outcomes[from:len(d.outcomes):len(d.outcomes)]
	for _, o := range l.ByOutcome {
		l.Req += o.N
		l.FirstReq += o.First
		switch c := o.Outcome.Class(); {
		case !o.Outcome.Failed():
		case c.Caller():
			l.CallerErr += o.N
		default:
			l.Err += o.N
			l.FirstErr += o.First
		}
	}
	if len(l.ByOutcome) > 1 {
		slices.SortFunc(l.ByOutcome, func(x, y OutcomeN) int { return int(x.Outcome) - int(y.Outcome) })
	}
}

// Close gives up the seconds before one that detection has seen: they are minutes from now on.
func (d *Digest) Close(sec int64) {
	n := 0
	for n < len(d.open) && d.open[n].start < sec {
		c := d.open[n]
		m := d.minute(c.start)
		before := len(m.cells)
		for i := range c.cells {
			x := &c.cells[i]
			y := m.cell(x.place)
			y.retries += x.retries
			y.add(x.one)
			for _, o := range x.more {
				y.add(o)
			}
		}
		d.cells += len(m.cells) - before
		d.spare = append(d.spare, c)
		n++
	}
	if n > 0 {
		d.open = slices.Delete(d.open, 0, n)
		d.last = nil
		d.forget()
	}
}

// forget drops the minutes of which nothing is asked any more, and the oldest when there are too many cells.
func (d *Digest) forget() {
	for len(d.minutes) > 24*60+1 || d.cells > maxDigest && len(d.minutes) > 1 {
		oldest := int64(1<<63 - 1)
		for start := range d.minutes {
			oldest = min(oldest, start)
		}
		if d.cells <= maxDigest && oldest >= d.since() {
			return
		}
		d.cells -= len(d.minutes[oldest].cells)
		delete(d.minutes, oldest)
	}
}

// since is the second from which on sums are told: a day before the newest.
func (d *Digest) since() int64 {
	return (floorTo(d.newest, int64(time.Second)) - int64(24*time.Hour)) / int64(time.Second)
}

// Sum is what one place has counted.
type Sum struct {
	Key       traffic.Key
	Req       int64
	ByOutcome []OutcomeN
}

// Sums adds up the last day of all closed seconds, by place in the order in which they were first met.
func (d *Digest) Sums() []Sum {
	var total counts
	for start, m := range d.minutes {
		if start < d.since() {
			continue
		}
		for i := range m.cells {
			y := total.cell(m.cells[i].place)
			y.add(m.cells[i].one)
			for _, o := range m.cells[i].more {
				y.add(o)
			}
		}
	}
	var out []Sum
	for _, n := range total.at {
		if n == 0 {
			continue
		}
		x := &total.cells[n-1]
		s := Sum{Key: d.places.Key(x.place), ByOutcome: append([]OutcomeN{x.one}, x.more...)}
		for _, o := range s.ByOutcome {
			s.Req += o.N
		}
		out = append(out, s)
	}
	return out
}
