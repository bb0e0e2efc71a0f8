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

// baseline is what a leaf takes for normal of one signal: a fading count of requests and failures.
type baseline struct {
	n, k    float64
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
	kin     *kin
	cell    int     // index of its cell
	now     slot    // this second; once it is written down, with what came late
	late    *counts // what came late since the last second, nil for nothing
	past    past
	base    [signals]baseline
	learned int64   // second of the last slot learned
	seen    float64 // fading count of requests, and of the seconds that it is about
	span    float64
	last    int64
	covered sigset // by a burst that lasts
	bad     sigset // signals that look wrong in this second
	held    sigset // signals of which hold counts
	warm    bool
	marks   *[values]mark // of what it measures; nil where it does not
	repeats bool          // it tells of attempts
	watch   *watch
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
	l.settle()
	l.learn(sec)
	l.past.drop(sec - histSecs)
	l.now = slot{sec: sec, fails: l.now.fails[:0]}
}

// learn takes what has left the guard for normal, but what was frozen.
func (l *leaf) learn(sec int64) {
	p := &l.past
	lag := int64(guardWarm)
	if !l.warm {
		lag = guardCold
	}
	x := &l.watch.slot
	for !p.ends(p.read) && p.at(uint16(p.words[p.read.word]>>16)) < sec-lag { //nolint:gosec // 16 bits
		p.read = p.next(p.read, x)
		fade := 1.0
		if l.learned != 0 {
			half := min(max(4000/max(l.seen/l.span, 1e-6), 1800), 21600)
			fade = math.Exp2(-float64(min(x.sec-l.learned, 3600)) / half)
		}
		l.learned = x.sec
		for s := range signals {
			l.learnOne(s, x, fade)
		}
	}
}

func (l *leaf) learnOne(s signal, x *slot, fade float64) {
	b := &l.base[s]
	n := float64(x.seen(s))
	if b.holding || (n == 0 && b.n == 0) || l.watch.frozen[s].has(x.sec) {
		return
	}
	n, k := b.n*fade+n, b.k*fade+float64(x.k[s])
	l.kin.n[s] += n - b.n
	l.kin.k[s] += k - b.k
	l.watch.global.n[s] += n - b.n
	l.watch.global.k[s] += k - b.k
	b.n, b.k = n, k
	l.warm = l.warm || n >= warmAt
}

// slots visits the seconds in [from, to], oldest first. What it gives is valid until the next; visits do not nest.
func (l *leaf) slots(from, to int64, visit func(*slot)) {
	x := &l.watch.slot
	for c := l.past.find(from); !l.past.ends(c); {
		if c = l.past.next(c, x); x.sec > to {
			return
		}
		visit(x)
	}
}

// spans are stretches of seconds, in order.
type spans [][2]int64

// maxSpans bounds how many are kept: what is older has long been passed.
const maxSpans = 64

func (s *spans) add(from, to int64) {
	for n := len(*s); n > 0 && (*s)[n-1][1] >= from-1; n-- {
		from, to = min(from, (*s)[n-1][0]), max(to, (*s)[n-1][1])
		*s = (*s)[:n-1]
	}
	if len(*s) == maxSpans {
		*s = append((*s)[:0], (*s)[1:]...)
	}
	*s = append(*s, [2]int64{from, to})
}

func (s *spans) has(sec int64) bool {
	for i := len(*s) - 1; i >= 0 && (*s)[i][1] >= sec; i-- {
		if (*s)[i][0] <= sec {
			return true
		}
	}
	return false
}
