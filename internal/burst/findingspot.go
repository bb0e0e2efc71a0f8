package burst

import (
	"math"

	"signalbox/internal/traffic"
)

// ending is what an outcome means to a lookout.
type ending uint8

const (
	fine    ending = iota
	broken         // the provider's or the gateway's fault
	limited        // more than the target takes: rate limits, quota, overload
	refused        // the gateway asked nobody: its own breaker or cool-down
	callers        // the caller's own
)

// endings maps the number of a class to its ending.
func endings() (all [256]ending) {
	named := map[string]ending{
		"none": fine, "rate_limited": limited, "quota_exhausted": limited, "overloaded": limited, "no_healthy_upstream": refused,
	}
	for i := range all {
		class := traffic.Outcome(uint32(i) << 16).Class() //nolint:gosec // 0..255
		s, known := named[class.String()]
		switch {
		case known:
			all[i] = s
		case class.Caller():
			all[i] = callers
		default:
			all[i] = broken
		}
	}
	return all
}

const (
	// binSecs is the width of a bin; a spot keeps those of the last spotSecs at the least.
	binSecs  = 5
	spotSecs = 900
	// dropBins is how many older ones are dropped together.
	dropBins = 60
	// mostMoves bounds the pairs between which traffic is seen to fall.
	mostMoves = 4096
)

// bin is what was counted in five seconds.
type bin struct {
	start                           int64
	req                             int64
	broken, limited, refused, again int64
	fell                            int64
	took                            int64 // sum of the bins of latencies, which grow with their logarithm
	timed                           int64 // how many these are
}

func (b *bin) add(o *bin) {
	b.req += o.req
	b.broken += o.broken
	b.limited += o.limited
	b.refused += o.refused
	b.again += o.again
	b.fell += o.fell
	b.took += o.took
	b.timed += o.timed
}

// times says how many times as long the answers of another bin take, by their geometric means.
func (b *bin) times(o *bin) float64 {
	mean := func(x *bin) float64 { return float64(x.took) / float64(max(x.timed, 1)) }
	return math.Pow((1+traffic.Accuracy)/(1-traffic.Accuracy), mean(o)-mean(b))
}

// failures are those of whoever was asked: what the gateway refused reached nobody.
func (b *bin) failures() int64 { return b.broken + b.limited }

// bins are counts over the last quarter of an hour or a little more, by time; empty ones are left out.
type bins []bin

func (b *bins) put(sec int64, x *bin) {
	start := sec - sec%binSecs
	list := *b
	if n := len(list); n > 0 && list[n-1].start >= start {
		list[n-1].add(x)
		return
	}
	if old := start - spotSecs; len(list) >= dropBins && list[dropBins-1].start < old { // not one by one: the rest has to move
		drop := dropBins
		for drop < len(list) && list[drop].start < old {
			drop++
		}
		list = list[:copy(list, list[drop:])]
	}
	list = append(list, *x)
	list[len(list)-1].start = start
	*b = list
}

// sum adds up the bins that begin in [from, to).
func (b bins) sum(from, to int64) (out bin) {
	out.start = from
	for i := len(b) - 1; i >= 0 && b[i].start >= from; i-- {
		if b[i].start < to {
			out.add(&b[i])
		}
	}
	return out
}

func (b bins) last() int64 {
	if len(b) == 0 {
		return 0
	}
	return b[len(b)-1].start
}

// newest gives the first second of the newest bin for which something holds, 0 where none does.
func (b bins) newest(holds func(*bin) bool) int64 {
	for i := len(b) - 1; i >= 0; i-- {
		if holds(&b[i]) {
			return b[i].start
		}
	}
	return 0
}

// since gives the first second since which something has held, with no pause longer than gap; 0 where it does not hold.
func (b bins) since(now, gap int64, holds func(*bin) bool) (from int64) {
	last := now
	for i := len(b) - 1; i >= 0 && last-b[i].start <= gap+binSecs; i-- {
		if holds(&b[i]) {
			last, from = b[i].start, b[i].start
		}
	}
	return from
}

// spotID names a spot: targets, the requests for a model, workloads, and whole gateways are counted side by side.
type spotID struct {
	kind uint8
	key  traffic.Key
}

const (
	aTarget uint8 = iota
	aModel
	aWorkload
	aGateway
)

// spot is a place and what it counted.
type spot struct {
	spotID
	bins
	where traffic.Scope
}

// counted are the spots that a leaf counts in.
type counted struct {
	spots [4]*spot
	last  int64
}

// Count takes the counts of one closed second. Seconds come in order.
func (l *Lookout) Count(sec int64, leaves []Leaf) {
	for i := range leaves {
		if k := &leaves[i].Key; k[traffic.Side] == l.up && !l.upstream[k[traffic.Gateway]] {
			l.upstream[k[traffic.Gateway]] = true
		}
	}
	for i := range leaves {
		x := &leaves[i]
		c := l.lately.find(x)
		if c == nil {
			if c = l.leaves[x.Key]; c == nil {
				c = l.counted(x.Key)
			}
			l.lately.keep(x, c)
		}
		c.last = sec
		var b bin
		b.take(x, &l.classes)
		for _, s := range c.spots {
			s.put(sec, &b)
		}
		if len(x.Fell) > 0 && (x.Key[traffic.Side] == l.up || !l.upstream[x.Key[traffic.Gateway]]) {
			for _, f := range x.Fell {
				l.moved(sec, move{f.From, c.spots[0].spotID}, f.N)
			}
		}
	}
}

// take counts a leaf.
func (b *bin) take(x *Leaf, classes *[256]ending) {
	b.req, b.again = x.Req, x.Retries
	for _, o := range x.ByOutcome {
		switch classes[uint8(o.Outcome.Class())] {
		case broken:
			b.broken += o.N
		case limited:
			b.limited += o.N
		case refused:
			b.refused += o.N
		case fine, callers:
		}
	}
	for _, f := range x.Fell {
		b.fell += f.N
	}
	for _, v := range x.Lat {
		b.took += int64(v.N) * int64(v.At)
		b.timed += int64(v.N)
	}
}

// counted finds the spots of a leaf.
func (l *Lookout) counted(k traffic.Key) *counted {
	only := func(dims ...traffic.Dim) traffic.Key {
		var out traffic.Key
		for _, d := range append(dims, traffic.Gateway, traffic.Side) {
			out[d] = k[d]
		}
		return out
	}
	target := only(traffic.Provider, traffic.Model, traffic.Region, traffic.Deployment)
	if k[traffic.Side] != l.up && k[traffic.Deployment] != traffic.Unknown {
		target[traffic.Model] = traffic.Unknown // that is what was asked for, not what the deployment serves
	}
	c := &counted{spots: [4]*spot{
		l.spot(spotID{aTarget, target}), l.spot(spotID{aModel, only(traffic.Model)}),
		l.spot(spotID{aWorkload, only(traffic.Workload)}), l.spot(spotID{aGateway, only()}),
	}}
	l.leaves[k] = c
	return c
}

func (l *Lookout) spot(id spotID) *spot {
	s := l.spots[id]
	if s == nil {
		s = &spot{spotID: id, where: id.key.Labels(l.syms)}
		for _, d := range []traffic.Dim{traffic.Gateway, traffic.Side} {
			delete(s.where, d.String())
		}
		l.spots[id] = s
		l.places = append(l.places, s)
	}
	return s
}

// find gives a spot if there is one.
func (l *Lookout) find(kind uint8, k traffic.Key) *spot { return l.spots[spotID{kind, k}] }

// risen tells whether a rate is higher than it was by more than chance and by enough to matter: at least five, two
// points above twice what it was, at odds of four hundred to one. Of a place without a past one in a hundred is expected.
func risen(k1, n1, k2, n2 int64) bool {
	if k2 < 5 || n2 <= 0 {
		return false
	}
	p0 := max((float64(k1)+0.5)/(float64(n1)+50), 0.005)
	p := float64(k2) / float64(n2)
	return p >= 2*p0+0.02 && float64(n2)*divergence(min(p, 0.9999), p0) >= 6
}
