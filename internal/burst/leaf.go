package burst

import (
	"math"

	"signalbox/internal/traffic"
)

// The memory of a leaf.
const (
	histSecs    = 900 // how far back onset and scope can look
	guardCold   = 10  // seconds before a second is learned, while little is known
	guardWarm   = 89  // and later: a starting burst is not learned
	warmAt      = 300 // requests from which a leaf is warm
	globalPrior = 200 // requests that the default rate is worth
)

// slot is one second of a leaf.
type slot struct {
	sec    int64
	all    int32 // all attempts
	frozen uint8 // signals that must not be learned from it
	counts
	fails []OutcomeN // failures of all attempts; nil in most seconds
}

// baseline is what a leaf takes for normal of one signal: a fading count of requests and failures.
type baseline struct {
	n, k    float64
	next    int64   // absolute index of the next slot to learn
	last    int64   // second of the last one learned
	p       float64 // expected failure rate
	wary    float64 // the same for the scan: a leaf that has failed never yet may still fail once
	since   int64   // what was earlier belongs to a burst that has ended
	hold    int32   // seconds for which it has not been learning because something looks wrong
	holding bool
}

// leaf is one series of counts.
type leaf struct {
	key     traffic.Key
	cuts    []*cut
	peer    traffic.Key // model x region: whose experience it starts from
	hist    []slot      // oldest first
	gone    int64       // slots that were dropped from hist
	base    [signals]baseline
	seen    float64 // fading count of requests, and of the seconds that it is about
	span    float64
	last    int64
	width   int64
	covered [signals]bool // by a burst that lasts
}

// put adds the counts of a second. Seconds come in order.
func (l *leaf) put(sec int64) *slot {
	if n := len(l.hist); n > 0 && l.hist[n-1].sec == sec {
		return &l.hist[n-1]
	}
	l.hist = append(l.hist, slot{sec: sec})
	return &l.hist[len(l.hist)-1]
}

// keepOne is how much of the count of requests is left after one second.
var keepOne = math.Exp(-1.0 / 7200)

// tick moves the leaf to a second before its counts are used: what has left the guard is learned.
func (l *leaf) tick(sec int64) {
	dt := float64(1)
	if l.last != 0 {
		dt = float64(sec - l.last)
	}
	f := keepOne
	if dt > 1 {
		f = math.Exp(-min(dt, 7200) / 7200)
	}
	l.seen *= f
	l.span = l.span*f + dt
	l.last = sec
	half := min(max(4000/max(l.seen/l.span, 1e-6), 1800), 21600)
	fade := math.Exp2(-1 / half)
	for s := range signals {
		l.learn(s, sec, half, fade)
	}
	drop := 0
	for drop < len(l.hist) && l.hist[drop].sec < sec-histSecs {
		l.hist[drop].fails = nil
		drop++
	}
	l.hist = l.hist[drop:]
	l.gone += int64(drop)
}

func (l *leaf) learn(s signal, sec int64, half, fade float64) {
	b := &l.base[s]
	lag := int64(guardWarm)
	if b.n < warmAt {
		lag = guardCold
	}
	for b.next-l.gone < int64(len(l.hist)) {
		x := &l.hist[b.next-l.gone]
		if x.sec >= sec-lag {
			return
		}
		b.next++
		if x.frozen&(1<<s) == 0 && !b.holding {
			if b.last != 0 {
				f := fade
				if dt := x.sec - b.last; dt != 1 {
					f = math.Exp2(-float64(min(dt, 3600)) / half)
				}
				b.n, b.k = b.n*f, b.k*f
			}
			b.n += float64(x.seen(s))
			b.k += float64(x.k[s])
		}
		b.last = x.sec
	}
}

// freeze keeps the seconds since an onset out of the baseline.
func (l *leaf) freeze(s signal, since int64) {
	for i := len(l.hist) - 1; i >= 0 && l.hist[i].sec >= since; i-- {
		l.hist[i].frozen |= 1 << s
	}
}

// slots visits the seconds in [from, to], oldest first.
func (l *leaf) slots(from, to int64, visit func(*slot)) {
	i := len(l.hist)
	for i > 0 && l.hist[i-1].sec >= from {
		i--
	}
	for ; i < len(l.hist) && l.hist[i].sec <= to; i++ {
		visit(&l.hist[i])
	}
}

// cut is a set of leaves that is watched as one.
type cut struct {
	place  place
	leaves []*leaf
	stats  [signals]stat
	now    [signals]tally
	at     int64 // second of now
	wide   bool  // fed by a scrape: one delta is many seconds, its failures come together
}

// phi0 is the dispersion that a cut starts with.
func (c *cut) phi0() float64 {
	if c.wide {
		return 2
	}
	return 1.3
}
