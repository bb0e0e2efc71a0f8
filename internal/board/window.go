package board

import (
	"cmp"
	"slices"
	"time"

	"signalbox/internal/traffic"
)

// Query asks about a span of time. Codes and Classes say which outcomes Window.Match counts; they do not narrow Req.
type Query struct {
	Sel      traffic.Selector
	From, To time.Time
	Codes    []int
	Classes  []string
	Skip     Sketches // what is not added up, because nobody will look at it: it is most of the work
}

// Sketches names the sketches of a window.
type Sketches uint8

// The sketches.
const (
	Latencies Sketches = 1 << iota
	FirstTokens
	NoSketch = Latencies | FirstTokens
)

func (q Query) asks(o traffic.Outcome) bool {
	return (len(q.Codes) > 0 && slices.Contains(q.Codes, o.Status())) ||
		(len(q.Classes) > 0 && slices.Contains(q.Classes, o.Class().String()))
}

// Window is what happened in a span of time. It shares nothing with the board.
type Window struct {
	Req, Err  int64 // Err: failures that are not the caller's own
	CallerErr int64
	Match     int64 // outcomes that the query's codes or classes name
	ByOutcome map[traffic.Outcome]int64

	TokIn, TokOut, TokCached int64
	Retry, Fallback          int64 // repeats at the same place; requests that fell from another
	Lat, TTFT                Sketch

	Samples  int           // requests that the answer rests on
	From, To time.Time     // the asked span, to the second
	Newest   time.Time     // beginning of the newest bucket in it, zero where nothing was
	Covered  time.Duration // how much of the span the board holds and has seen time pass in
	Step     time.Duration // the coarsest resolution that was needed
}

// Rate is the share of failures that are not the caller's own, 0 without requests.
func (w Window) Rate() float64 {
	if w.Req == 0 {
		return 0
	}
	return float64(w.Err) / float64(w.Req)
}

// Window sums up a span. A bucket belongs to it when it begins in it.
func (b *Board) Window(q Query) Window {
	w, name, ok := b.kept.of(&q)
	if ok {
		w.Covered = b.covered(w.From, w.To) // the one thing that goes on without traffic
		return w
	}
	sum := b.gather(q)
	for _, s := range b.series.counted() {
		if b.reads(s, q.Sel) {
			sum.take(s)
		}
	}
	w = sum.window()
	b.kept.keep(name, w)
	return w
}

// reads tells whether a series is selected and is the one that counts.
func (b *Board) reads(s *series, sel traffic.Selector) bool {
	return sel.Match(s.key) && b.rights.counts(s.ident)
}

// gathering adds up buckets for one window.
type gathering struct {
	q         Query
	from, to  int64
	w         Window
	outs      []OutcomeN
	lat, ttft dense
	newest    int64
	level     int
}

func (b *Board) gather(q Query) *gathering {
	g := &gathering{q: q, from: q.From.Unix(), to: ceilSecond(q.To), newest: minSecond}
	g.w.From, g.w.To = time.Unix(g.from, 0).UTC(), time.Unix(g.to, 0).UTC()
	g.w.Covered = b.covered(g.w.From, g.w.To)
	return g
}

func ceilSecond(t time.Time) int64 {
	if t.Nanosecond() > 0 {
		return t.Unix() + 1
	}
	return t.Unix()
}

// covered is how much of a span lies between the first event time that is still held and the newest, or the
// watermark where that has gone on without traffic.
func (b *Board) covered(from, to time.Time) time.Duration {
	c := &b.times
	if c.newest.IsZero() {
		return 0
	}
	begin, end := c.first.Truncate(time.Second), time.Unix(c.newest.Unix()+1, 0)
	if c.mark.After(end) {
		end = c.mark
	}
	if oldest := b.series.floor[levels-1]; oldest > begin.Unix() {
		begin = time.Unix(oldest, 0)
	}
	if from.After(begin) {
		begin = from
	}
	if to.Before(end) {
		end = to
	}
	return max(end.Sub(begin), 0)
}

func (g *gathering) take(s *series) {
	for level := levels - 1; level >= 0; level-- {
		list := s.between(level, g.from, g.to)
		for i := range list {
			g.add(&list[i])
		}
		if n := len(list); n > 0 {
			g.level = max(g.level, level)
			g.newest = max(g.newest, list[n-1].start)
		}
	}
}

func (g *gathering) add(k *bucket) {
	k.each(g.outcome)
	g.w.TokIn += k.tokIn
	g.w.TokOut += k.tokOut
	g.w.TokCached += k.tokC
	g.w.Retry += int64(k.retry)
	g.w.Fallback += int64(k.fallback)
	if g.q.Skip&Latencies == 0 {
		g.lat.add(&k.lat)
	}
	if g.q.Skip&FirstTokens == 0 {
		g.ttft.add(&k.ttft)
	}
}

func (g *gathering) outcome(x OutcomeN) {
	for i := range g.outs {
		if g.outs[i].Outcome == x.Outcome {
			g.outs[i].N += x.N
			return
		}
	}
	g.outs = append(g.outs, x)
}

func (g *gathering) window() Window {
	w := g.w
	w.ByOutcome = make(map[traffic.Outcome]int64, len(g.outs))
	for _, x := range g.outs {
		w.ByOutcome[x.Outcome] = x.N
		w.Req += x.N
		switch c := x.Outcome.Class(); {
		case !x.Outcome.Failed():
		case c.Caller():
			w.CallerErr += x.N
		default:
			w.Err += x.N
		}
		if g.q.asks(x.Outcome) {
			w.Match += x.N
		}
	}
	w.Samples = int(w.Req)
	w.Step = time.Duration(steps[g.level]) * time.Second
	w.Lat, w.TTFT = g.lat.sketch(), g.ttft.sketch()
	if g.newest > minSecond {
		w.Newest = time.Unix(g.newest, 0).UTC()
	}
	return w
}

// Part is the window of one combination of dimensions.
type Part struct {
	Key traffic.Key // only the dimensions asked for are set
	Window
}

// Split sums up a span for each combination of the dimensions, in one pass, sorted by key.
func (b *Board) Split(q Query, dims ...traffic.Dim) []Part {
	sums := make(map[traffic.Key]*gathering)
	for _, s := range b.series.counted() {
		if !b.reads(s, q.Sel) {
			continue
		}
		key := project(s.key, dims)
		if sums[key] == nil {
			sums[key] = b.gather(q)
		}
		sums[key].take(s)
	}
	out := make([]Part, 0, len(sums))
	for key, sum := range sums {
		out = append(out, Part{Key: key, Window: sum.window()})
	}
	slices.SortFunc(out, func(x, y Part) int { return compareKeys(x.Key, y.Key) })
	return out
}

func project(k traffic.Key, dims []traffic.Dim) traffic.Key {
	var out traffic.Key
	for _, d := range dims {
		out[d] = k[d]
	}
	return out
}

func compareKeys(x, y traffic.Key) int {
	for d := range x {
		if c := cmp.Compare(x[d], y[d]); c != 0 {
			return c
		}
	}
	return 0
}

// Point is one step of a series.
type Point struct{ Req, Err int64 }

// Series counts requests and failures in n steps from a beginning on. Steps are whole seconds; where the board only
// holds wider buckets, a bucket counts in the step that it begins in.
func (b *Board) Series(sel traffic.Selector, from time.Time, step time.Duration, n int) []Point {
	if one := b.SeriesBy(sel, from, step, n)[traffic.Key{}]; one != nil {
		return one
	}
	return make([]Point, max(n, 0))
}

// SeriesBy is Series for each combination of the dimensions, in one pass; Keys have only the dimensions asked for.
func (b *Board) SeriesBy(sel traffic.Selector, from time.Time, step time.Duration, n int, dims ...traffic.Dim) map[traffic.Key][]Point {
	wide := max(int64(step/time.Second), 1)
	n = max(n, 0)
	out := make(map[traffic.Key][]Point)
	begin := from.Unix()
	for _, s := range b.series.counted() {
		if !b.reads(s, sel) {
			continue
		}
		key := project(s.key, dims)
		if out[key] == nil {
			out[key] = make([]Point, n)
		}
		points := out[key]
		s.scan(begin, begin+wide*int64(n), func(k *bucket) {
			req, failed, _ := k.sums()
			p := &points[(k.start-begin)/wide]
			p.Req += req
			p.Err += failed
		})
	}
	return out
}

// Keys lists the keys that the board holds traffic of, sorted.
func (b *Board) Keys(sel traffic.Selector) []traffic.Key {
	var out []traffic.Key
	for _, s := range b.series.counted() {
		if b.reads(s, sel) {
			out = append(out, s.key)
		}
	}
	slices.SortFunc(out, compareKeys)
	return out
}
