package burst

import (
	"math"
	"slices"

	"signalbox/internal/traffic"
)

// watch looks for bursts in one set of leaves: those that carry blame, or those that show impact only.
type watch struct {
	syms   *traffic.Symbols
	table  *signalTable
	falses float64
	leaves []*leaf
	byKey  map[traffic.Key]*leaf
	cuts   []*cut
	byCut  map[place]*cut
	touch  []*leaf
	fired  []*cut
	peers  map[traffic.Key]*[signals][2]float64
	global [signals][2]float64
	eps    [signals]episode
	lives  []*live // lasting and lately settled ones, in order of opening
	naming func(onset int64) string
	// allow says whether a new burst may open; nil: always. Impact of a burst elsewhere is not a burst of its own.
	allow  func(sec, onset int64, s signal, p place) bool
	events []Event
}

// episode is a time in which a signal is not normal.
type episode struct {
	on        bool
	onset     int64
	begun     int64
	bestGain  float64
	pausedTil int64
}

func newWatch(d *Detector, naming func(int64) string) *watch {
	return &watch{
		syms: d.opts.Symbols, table: d.table, falses: d.opts.FalsePerMonth,
		byKey: make(map[traffic.Key]*leaf), byCut: make(map[place]*cut),
		peers: make(map[traffic.Key]*[signals][2]float64), naming: naming,
	}
}

// alarmAt is the evidence at which a signal speaks, from the false alarms that the operator puts up with. The
// constant was measured on calm fleets of 600 key-signals; each nat divides the false alarms by about three.
func (w *watch) alarmAt() float64 {
	a := 15.5 - math.Log(w.falses) + math.Log(float64(len(w.cuts)*int(signals))/600)
	return min(max(a, 10), 25)
}

// take adds what one series counted in this second.
func (w *watch) take(sec int64, in *Leaf) {
	key := leafKey(in.Key)
	l := w.byKey[key]
	if l == nil {
		l = w.newLeaf(key)
	}
	if l.last != sec {
		l.tick(sec)
		w.touch = append(w.touch, l)
	}
	l.width = max(l.width, int64(in.Width.Seconds()))
	x := l.put(sec)
	for _, o := range in.ByOutcome {
		s := w.table.of(o.Outcome)
		x.all += int32(o.N) //nolint:gosec // one second
		x.n += int32(o.First)
		if s == good {
			x.ok += int32(o.First)
			continue
		}
		x.k[s] += int32(o.First)
		x.fails = append(x.fails, o)
	}
	l.seen += float64(in.FirstReq)
	for _, c := range l.cuts {
		c.wide = c.wide || in.Width.Seconds() > 1
	}
}

func (w *watch) newLeaf(key traffic.Key) *leaf {
	l := &leaf{key: key}
	l.peer[traffic.Model], l.peer[traffic.Region] = key[traffic.Model], key[traffic.Region]
	w.byKey[key] = l
	w.leaves = append(w.leaves, l)
	if w.peers[l.peer] == nil {
		w.peers[l.peer] = &[signals][2]float64{}
	}
	for _, dims := range cutDims {
		p, known := place{}, true
		for _, d := range dims {
			known = known && key[d] != traffic.Unknown
			p = p.with(d, key[d])
		}
		if !known {
			continue
		}
		c := w.byCut[p]
		if c == nil {
			c = &cut{place: p}
			w.byCut[p] = c
			w.cuts = append(w.cuts, c)
		}
		c.leaves = append(c.leaves, l)
		l.cuts = append(l.cuts, c)
	}
	for _, b := range w.lives {
		if b.open() && b.place.covers(key) {
			l.covered = b.cover(l.covered)
		}
	}
	return l
}

// step closes the second: evidence, alarms, scopes, ends.
func (w *watch) step(sec int64) {
	w.expect()
	w.weigh(sec)
	for s := range signals {
		w.judge(sec, s)
	}
	w.hold()
	w.follow(sec)
	w.touch = w.touch[:0]
}

// expect gives every leaf with traffic its expected rates: its own experience, what its model x region shows where
// it has little, and the default where that has little too.
func (w *watch) expect() {
	w.global = [signals][2]float64{}
	for _, p := range w.peers {
		*p = [signals][2]float64{}
	}
	for _, l := range w.leaves {
		p := w.peers[l.peer]
		for s := range signals {
			b := &l.base[s]
			p[s][0] += b.n
			p[s][1] += b.k
			w.global[s][0] += b.n
			w.global[s][1] += b.k
		}
	}
	for _, l := range w.leaves {
		p := w.peers[l.peer]
		for s := range signals {
			g := (w.global[s][1] + globalPrior*traits[s].base) / (w.global[s][0] + globalPrior)
			b := &l.base[s]
			prior := (p[s][1] - b.k + priorWeight*g) / (p[s][0] - b.n + priorWeight)
			prior = max(prior, 1e-5) // fading counts may differ by rounding
			b.p = (b.k + priorWeight*prior) / (b.n + priorWeight)
			b.wary = max(b.p, (b.k+1)/(b.n+1/max(prior, g)))
		}
	}
}

// weigh pushes the second into every cut that saw traffic.
func (w *watch) weigh(sec int64) {
	w.fired = w.fired[:0]
	for _, l := range w.touch {
		x := &l.hist[len(l.hist)-1]
		for s := range signals {
			if w.eps[s].on && sec-w.eps[s].begun < forgiveAfter {
				x.frozen |= 1 << s
			}
		}
		var own [signals]tally // the same for all cuts of the leaf
		for s := range signals {
			if n := x.seen(s); n > 0 && !l.covered[s] {
				b := &l.base[s]
				own[s] = tallyOf(float64(n), float64(x.k[s]), b.p, b.n)
			}
		}
		for _, c := range l.cuts {
			if c.at != sec {
				c.at, c.now = sec, [signals]tally{}
				w.fired = append(w.fired, c)
			}
			for s := range own {
				c.now[s].add(&own[s])
			}
		}
	}
	for _, c := range w.fired {
		for s := range signals {
			if sec >= w.eps[s].pausedTil {
				c.stats[s].push(s, sec, &c.now[s], c.phi0(), !w.eps[s].on)
			}
		}
	}
}

// The longest times.
const (
	forgiveAfter = 3600 // a burst this old becomes the new normal
	endAfter     = 7200 // and ends, whatever it is
	holdAfter    = 1800 // a suspicion stops learning for no longer than this
	pauseAfter   = 10   // seconds without judgement after the last burst of a signal has ended
	reopenWithin = 120  // the same place again within this: the same burst
)

// judge looks for an alarm of one signal, and names what is wrong while there is an episode.
func (w *watch) judge(sec int64, s signal) {
	e := &w.eps[s]
	at := w.alarmAt()
	var top *cut
	best := at
	for _, c := range w.fired {
		// The wider cut wins a tie: its onset is the better estimate.
		if v := c.stats[s].value(); v >= best && (top == nil || v > best || len(c.leaves) > len(top.leaves)) {
			top, best = c, v
		}
	}
	if top != nil {
		onset := w.onset(top, s, sec)
		if !e.on {
			if w.allow != nil && !w.allow(sec, onset, s, top.place) {
				w.resetAll(s)
				return
			}
			*e = episode{on: true, onset: onset, begun: sec}
		}
		e.onset = min(e.onset, onset)
		w.resetAll(s)
		for _, l := range w.leaves {
			l.freeze(s, e.onset)
		}
	}
	if e.on && (top != nil || due(sec-e.begun)) {
		w.relocate(sec, s, top)
	}
}

// due says at which ages an episode is looked at again.
func due(age int64) bool {
	switch age {
	case 1, 2, 3, 5, 10, 15, 20:
		return true
	}
	return age > 0 && age%30 == 0
}

func (w *watch) resetAll(s signal) {
	for _, c := range w.cuts {
		c.stats[s].reset()
	}
}

// onset estimates when a cut's failures began: the beginning, up to fifteen minutes back, since which they are most
// beyond the boundary (Poisson likelihood ratio).
func (w *watch) onset(c *cut, s signal, sec int64) int64 {
	floor := sec - histSecs + 1
	var k, m [histSecs + 1]float64
	for _, l := range c.leaves {
		if l.covered[s] {
			continue
		}
		b := &l.base[s]
		p := min(0.9, traits[s].mul*b.p+traits[s].abs+b.p*coldFactor*priorWeight/(b.n+priorWeight))
		l.slots(max(floor, b.since), sec, func(x *slot) {
			k[sec-x.sec] += float64(x.k[s])
			m[sec-x.sec] += float64(x.seen(s)) * p
		})
	}
	var sumK, sumM, best float64
	at := sec
	for d := int64(0); d <= sec-floor; d++ {
		sumK, sumM = sumK+k[d], sumM+m[d]
		if sumK > sumM && sumM > 0 {
			if g := sumK*math.Log(sumK/sumM) - sumK + sumM; g > best {
				best, at = g, sec-d
			}
		}
		if d > 30 && sumK < 0.2*sumM {
			break
		}
	}
	return at
}

// hold stops leaves from learning while a small cut that they are in looks wrong but has not spoken: a slow ramp
// would otherwise be learned.
func (w *watch) hold() {
	near := w.alarmAt() - 6
	for s := range signals {
		bad := make(map[*leaf]bool)
		for _, c := range w.fired {
			small := len(c.leaves)*3 <= len(w.leaves) || len(w.leaves) <= 6
			if small && c.stats[s].some && c.stats[s].material() && c.stats[s].value() >= near {
				for _, l := range c.leaves {
					bad[l] = true
				}
			}
		}
		for _, l := range w.touch {
			b := &l.base[s]
			if bad[l] {
				b.hold = min(b.hold+1, holdAfter+1)
			} else {
				b.hold = max(b.hold-1, 0)
			}
			b.holding = bad[l] && b.hold <= holdAfter
		}
	}
}

// covers brings the leaves' knowledge of being in a lasting burst up to date.
func (w *watch) covers() {
	for _, l := range w.leaves {
		l.covered = [signals]bool{}
	}
	for _, b := range w.lives {
		if !b.open() {
			continue
		}
		for _, l := range w.leaves {
			if b.place.covers(l.key) {
				l.covered = b.cover(l.covered)
			}
		}
	}
}

// forget drops leaves, and the cuts that are left without any.
func (w *watch) forget(drop func(*leaf) bool) {
	gone := make(map[*leaf]bool)
	for _, l := range w.leaves {
		if drop(l) {
			gone[l] = true
			delete(w.byKey, l.key)
		}
	}
	if len(gone) == 0 {
		return
	}
	w.leaves = slices.DeleteFunc(w.leaves, func(l *leaf) bool { return gone[l] })
	w.cuts = slices.DeleteFunc(w.cuts, func(c *cut) bool {
		c.leaves = slices.DeleteFunc(c.leaves, func(l *leaf) bool { return gone[l] })
		if len(c.leaves) == 0 {
			delete(w.byCut, c.place)
		}
		return len(c.leaves) == 0
	})
	clear(w.peers)
	for _, l := range w.leaves {
		w.peers[l.peer] = &[signals][2]float64{}
	}
}
