package burst

// weigh pushes the second into every cut that saw traffic.
func (w *watch) weigh(sec int64) {
	for s := range signals {
		if w.eps[s].on && sec-w.eps[s].begun < forgiveAfter {
			w.frozen[s].add(sec, sec)
		}
	}
	w.gather(sec)
	wary := w.wary(sec)
	var judged, learn sigset
	for s := range signals {
		if sec >= w.eps[s].pausedTil && sec >= w.born+traits[s].quiet {
			judged = judged.with(s)
		}
		if !w.eps[s].on {
			learn = learn.with(s)
		}
	}
	for _, c := range w.fired {
		now := &w.sums[c.number]
		for s := range signals {
			n := now.n[s]
			if n <= 0 || !judged.has(s) {
				continue
			}
			var normal boundary
			if now.failed.has(s) {
				normal = traits[s].boundary(n, now.e[s], now.v[s], now.c[s], wary)
			}
			c.stats[s].push(sec, n, now.k[s], now.e[s], normal, c.wide, learn.has(s))
		}
	}
}

// fresh is for how many seconds traffic has to be seen before it is known how much failures come and go by themselves:
// a busy place is soon sure of its rate, and still has not seen a quarter of an hour of it.
const fresh = 180

// wary is how many times as many failures as usual are normal: twice as many at first, and no more than usual in the end.
func (w *watch) wary(sec int64) float64 {
	return 1 + max(0, 1-float64(sec-w.born)/fresh)
}

// gather adds up what the cuts saw. What a burst explains is left out.
func (w *watch) gather(sec int64) {
	w.fired = w.fired[:0]
	if len(w.sums) < len(w.cuts) {
		w.sums = make([]sums, len(w.cuts)+len(w.cuts)/4)
	}
	var failing sigset
	for _, l := range w.touch {
		failed := l.failed()
		failing |= failed
		for _, c := range l.cuts {
			now := &w.sums[c.number]
			if c.at != sec {
				c.at, *now = sec, sums{}
				w.fired = append(w.fired, c)
			}
			if failed == 0 {
				continue
			}
			now.failed |= failed
			for s := range signals {
				if failed.has(s) {
					now.k[s] += float64(l.now.k[s])
				}
			}
		}
	}
	for _, l := range w.touch {
		w.sum(l, failing)
	}
}

// failed are the signals in which something of the leaf failed that no burst explains.
func (l *leaf) failed() (set sigset) {
	for s := range signals {
		if l.now.k[s] > 0 {
			set = set.with(s)
		}
	}
	return set &^ l.covered
}

// sum adds a leaf to its cuts: its requests and the failures that it expected, and what the boundary needs where
// anything failed.
func (w *watch) sum(l *leaf, failing sigset) {
	var n, e, v, c [signals]float64
	for s := range signals {
		if l.covered.has(s) {
			continue
		}
		b := &l.base[s]
		n[s] = float64(l.now.seen(s))
		e[s] = n[s] * b.p
		if failing.has(s) {
			share := e[s] / (b.n + priorWeight)
			v[s], c[s] = n[s]*share, coldFactor*priorWeight*share
		}
	}
	for _, cut := range l.cuts {
		now := &w.sums[cut.number]
		for s := range signals {
			now.n[s] += n[s]
			now.e[s] += e[s]
		}
		if failing == 0 {
			continue
		}
		for s := range signals {
			now.v[s] += v[s]
			now.c[s] += c[s]
		}
	}
}
