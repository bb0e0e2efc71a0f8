package burst

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
			x, of := &c.stats[s], &now.of[s]
			if of.n > 0 && judged.has(s) {
				var normal boundary
				if of.k > 0 {
					normal = traits[s].boundary(of.n, of.e, of.v, of.c, wary)
				}
				x.push(&moment, of.n, of.k, of.e, &normal, c.wide, learn.has(s))
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

// gather adds up what the cuts saw: first that of twins, then that of the cuts that these are in.
func (w *watch) gather(sec int64) {
	w.met, w.fired = w.met[:0], w.fired[:0]
	if w.parted {
		w.number()
	}
	var failing sigset
	for _, l := range w.touch {
		failing |= l.failed()
	}
	var x sums
	for _, l := range w.touch {
		t := l.twins
		if t.at == sec {
			x.see(l, failing)
			t.add(&x)
		} else {
			t.see(l, failing)
			t.at = sec
			w.met = append(w.met, t)
		}
		if l.wide {
			w.widen(t)
		}
	}
	for _, t := range w.met {
		for _, c := range t.cuts {
			if now := &w.sums[c]; now.at == sec {
				now.add(&t.sums)
			} else {
				*now = t.sums
				w.fired = append(w.fired, c)
			}
		}
	}
}

// widen tells cuts that a scrape feeds them.
func (w *watch) widen(t *twins) {
	for _, c := range t.cuts {
		w.cuts[c].wide = true
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

// see writes down what a leaf saw, and what it expected; what the boundary needs where anything failed. What a burst
// explains is left out.
func (x *sums) see(l *leaf, failing sigset) {
	n, b := l.now.seenAll(), &l.base
	x.asked = float64(l.now.n)
	for s := range n {
		to := &x.of[s]
		if l.covered>>s&1 != 0 {
			*to = portion{}
			continue
		}
		to.n, to.k, to.e = n[s], float64(l.now.k[s]), n[s]*b.p[s]
		if failing>>s&1 != 0 {
			share := to.e / (b.n[s] + priorWeight)
			to.v, to.c = to.n*share, coldFactor*priorWeight*share
		} else {
			to.v, to.c = 0, 0
		}
	}
}
