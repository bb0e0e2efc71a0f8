package burst

import "math/bits"

// weigh pushes the second into every cut that saw traffic, and notes those whose evidence may be so much.
func (w *watch) weigh(sec int64, near float64) {
	for s := range signals {
		if w.eps[s].on && sec-w.eps[s].begun < forgiveAfter {
			w.freeze(s, sec, sec)
		}
	}
	w.gather(sec)
	wary := w.wary(sec)
	var judged, learn sigset
	for s := range signals {
		if sec >= w.eps[s].pausedTil && sec >= w.born+traits[s].quiet {
			judged = judged.with(s)
		}
		if !w.eps[s].on && !w.relived(sec) {
			learn = learn.with(s)
		}
	}
	w.loud = w.loud[:0]
	moment := w.moment(sec)
	for _, at := range w.fired {
		c, now := w.cuts[at], &w.sums[at]
		c.loud = 0
		for s := range signals {
			x := &c.stats[s]
			if n := now.n[s]; n > 0 && judged.has(s) {
				var normal boundary
				if now.failed.has(s) {
					normal = traits[s].boundary(n, now.e[s], now.v[s], now.c[s], wary)
				}
				x.push(&moment, n, now.k[s], now.e[s], &normal, c.wide, learn.has(s))
			}
			if x.most >= near {
				c.loud = c.loud.with(s)
			}
		}
		if c.loud != 0 {
			w.loud = append(w.loud, c)
		}
	}
}

// moment is the second for all cuts. Where it begins a stretch, the last half minute of all is carried into it.
func (w *watch) moment(sec int64) moment {
	if at := sec / stretch; at != w.stretch {
		for _, c := range w.cuts {
			for s := range c.stats {
				c.stats[s].begin(at - w.stretch)
			}
		}
		w.stretch = at
	}
	return momentOf(sec)
}

// fresh is for how many seconds traffic has to be seen before it is known how much failures come and go by themselves:
// a busy place is soon sure of its rate, and still has not seen a quarter of an hour of it.
const fresh = 180

// young tells whether a watch has just begun: what it sees may be a fault that began before it did, and is not learned as
// soon as what a new leaf does beside others that are known.
func (w *watch) young(sec int64) bool { return w.born == 0 || sec-w.born < fresh }

// wary is how many times as many failures as usual are normal: twice as many at first, and no more than usual in the end.
// So it is after a gap of which nobody knows how much it has changed.
func (w *watch) wary(sec int64) float64 {
	return 1 + max(0, 1-float64(sec-w.born)/fresh) + w.doubt*max(0, 1-float64(sec-w.began)/doubtFades)
}

// gather adds up what the cuts saw. What a burst explains is left out.
func (w *watch) gather(sec int64) {
	w.fired = w.fired[:0]
	if w.parted {
		w.number()
	}
	var failing sigset
	for _, l := range w.touch {
		failed := l.failed()
		failing |= failed
		asked := float64(l.now.n)
		for _, c := range l.cuts {
			now := &w.sums[c]
			if now.at != sec {
				*now = sums{at: sec}
				w.fired = append(w.fired, c)
			}
			now.asked += asked
			if l.wide {
				w.cuts[c].wide = true
			}
			if failed == 0 {
				continue
			}
			now.failed |= failed
			for m := failed; m != 0; m &= m - 1 {
				s := bits.TrailingZeros16(uint16(m))
				now.k[s] += float64(l.now.k[s])
			}
		}
	}
	for _, l := range w.touch {
		w.sum(l, failing)
	}
}

// failed are the signals in which something of the leaf failed that no burst explains.
func (l *leaf) failed() (set sigset) {
	for s, k := range l.now.k {
		if k > 0 {
			set |= 1 << s
		}
	}
	return set &^ l.covered
}

// sum adds a leaf to its cuts: its requests and the failures that it expected, and what the boundary needs where
// anything failed.
func (w *watch) sum(l *leaf, failing sigset) {
	var x sums
	x.n = l.now.seenAll()
	for s := range x.n {
		if l.covered>>s&1 != 0 {
			x.n[s] = 0
		}
		x.e[s] = x.n[s] * l.base.p[s]
		if failing>>s&1 != 0 {
			share := x.e[s] / (l.base.n[s] + priorWeight)
			x.v[s], x.c[s] = x.n[s]*share, coldFactor*priorWeight*share
		}
	}
	for _, c := range l.cuts {
		now := &w.sums[c]
		add(&now.n, &x.n)
		add(&now.e, &x.e)
		if now.failed != 0 {
			add(&now.v, &x.v)
			add(&now.c, &x.c)
		}
	}
}

// add adds up signal by signal. It is what a step does most often, so it is not left to a loop.
func add(to, x *perSignal) {
	to[fail] += x[fail]
	to[limit] += x[limit]
	to[auth] += x[auth]
	to[trunc] += x[trunc]
	to[caller] += x[caller]
	to[slow] += x[slow]
	to[first] += x[first]
	to[heavy] += x[heavy]
	to[again] += x[again]
}
