package burst

import (
	"math"

	"signalbox/internal/traffic"
)

// The memory of a leaf.
const (
	histSecs    = 900 // how far back onset and scope can look
	guardCold   = 10  // seconds before a second is learned, while little is known of a leaf
	guardWarm   = 89  // and later: a starting burst is not learned
	earlyFew    = 2   // failures soon after a start,
	earlyShare  = 0.1 // and with them a share of requests: more is a fault that began before, and no habit
	warmAt      = 300 // requests from which a leaf is warm
	globalPrior = 200 // requests that the default rate is worth
)

// baseline is what a leaf takes for normal of each signal: a fading count of requests and failures. A step goes through
// all of what stands first.
type baseline struct {
	n, k    perSignal
	p       perSignal      // expected failure rate
	holding sigset         // signals that it is not learning because something looks wrong
	hold    [signals]int32 // seconds for which that is so
	wary    perSignal      // the expected rate for the scan: a leaf that has failed never yet may still fail once
	since   [signals]int64 // what was earlier belongs to a burst that has ended
}

// leaf is one series of counts. What each second needs of it stands first, and together.
type leaf struct {
	key     traffic.Key
	seen    float64 // fading count of requests, and of the seconds that it is about
	span    float64
	last    int64
	learned int64  // second of the last slot learned
	covered sigset // by a burst that lasts
	bad     sigset // signals that look wrong in this second
	held    sigset // signals of which hold counts
	warm    bool
	wide    bool // fed by a scrape
	repeats bool // it tells of attempts
	now     slot // this second; once it is written down, with what came late
	past    past
	marks   *[values]mark // of what it measures; nil where it does not
	kin     *kin
	watch   *watch
	twins   *twins
	base    baseline
	late    *counts // what came late since the last second, nil for nothing
	early   *counts // what it counted soon after a start; nil later
	cell    int     // index of its cell
	known   int64   // until when an earlier detector has learned it; 0 for never
}

// keeps is how much of the count of requests is left after so many seconds.
var keeps = func() (f [64]float64) {
	for dt := range f {
		f[dt] = math.Exp(-float64(dt) / 7200)
	}
	return f
}()

// tick moves the leaf to a second before its counts are used: what has left the guard is learned.
func (l *leaf) tick(sec int64) {
	dt := int64(1)
	if l.last != 0 {
		dt = sec - l.last
	}
	var f float64
	if dt >= 0 && dt < int64(len(keeps)) {
		f = keeps[dt]
	} else {
		f = math.Exp(-min(float64(dt), 7200) / 7200)
	}
	l.seen *= f
	l.span = l.span*f + float64(dt)
	l.last = sec
	l.settle()
	l.remember(sec)
	l.learn(sec)
	l.past.drop(sec - histSecs)
	l.now = slot{sec: sec, fails: l.now.fails[:0]}
}

// beganCalm tells whether no more has failed since a start that is not long ago than may be usual somewhere. More may be a fault
// that began before, so it is not learned as soon as what a new leaf does beside others that are known.
func (l *leaf) beganCalm() bool {
	if l.early == nil {
		return true
	}
	for s := range firstMeasured {
		if s.family() == failing && float64(l.early.k[s]) > earlyFew+earlyShare*float64(l.early.seen(s)) {
			return false
		}
	}
	return true
}

// remember adds the last second to what is early, as long as it is.
func (l *leaf) remember(sec int64) {
	if !l.watch.young(sec) {
		l.early = nil
		return
	}
	if l.early == nil {
		l.early = &counts{}
	}
	l.early.add(&l.now.counts)
}

// learn takes what has left the guard for normal, but what was frozen.
func (l *leaf) learn(sec int64) {
	p := &l.past
	lag := int64(guardWarm)
	if !l.warm && l.beganCalm() {
		lag = guardCold
	}
	for !p.ends(p.read) {
		at := p.at(uint16(p.words[p.read.word] >> 16)) //nolint:gosec // 16 bits
		if at >= sec-lag {
			return
		}
		var x counts
		if p.read = p.count(p.read, at, &x); at <= l.known {
			continue
		}
		fade := 1.0
		if l.learned != 0 {
			fade = l.fade(at - l.learned)
		}
		l.learned = at
		l.learnOne(&x, fade, l.base.holding|l.watch.frozenAt(at))
	}
}

// The memory of a leaf: half of its experience is left after about four thousand requests, within bounds.
const (
	halfLeast = 1800
	halfMost  = 21600
)

// fastest and slowest are how much is left after so many seconds where the memory is at its bounds.
var fastest, slowest = fading(halfLeast), fading(halfMost)

func fading(half float64) (f [64]float64) {
	for dt := range f {
		f[dt] = math.Exp2(-float64(dt) / half)
	}
	return f
}

// fade is how much of the experience is left after some seconds.
func (l *leaf) fade(secs int64) float64 {
	half := min(max(4000/max(l.seen/l.span, 1e-6), halfLeast), halfMost)
	switch {
	case secs < 0 || secs >= int64(len(fastest)):
	case half == halfLeast:
		return fastest[secs]
	case half == halfMost:
		return slowest[secs]
	}
	return math.Exp2(-float64(min(secs, 3600)) / half)
}

// learnOne learns a second, but for some signals.
func (l *leaf) learnOne(x *counts, fade float64, but sigset) {
	b, kin, global := &l.base, l.kin, &l.watch.global
	for s, seen := range x.seenAll() {
		if but>>s&1 != 0 || (seen == 0 && b.n[s] == 0) {
			continue
		}
		n, k := b.n[s]*fade+seen, b.k[s]*fade+float64(x.k[s])
		kin.n[s] += n - b.n[s]
		kin.k[s] += k - b.k[s]
		global.n[s] += n - b.n[s]
		global.k[s] += k - b.k[s]
		b.n[s], b.k[s] = n, k
		l.warm = l.warm || n >= warmAt
	}
}

// frozenAt are the signals of which a second is not learned.
func (w *watch) frozenAt(sec int64) (set sigset) {
	if sec > w.frozenTo {
		return 0
	}
	for s := range signals {
		if w.frozen[s].has(sec) {
			set = set.with(s)
		}
	}
	return set
}

// freeze keeps some seconds of a signal from being learned.
func (w *watch) freeze(s signal, from, to int64) {
	w.frozen[s].add(from, to)
	w.frozenTo = max(w.frozenTo, to)
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
