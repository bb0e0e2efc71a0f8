package burst

import "signalbox/internal/traffic"

// kin are the leaves of one model x region: whose experience a new one starts from.
type kin struct{ n, k perSignal }

// kinOf finds or makes the experience that a leaf shares.
func (w *watch) kinOf(key traffic.Key) *kin {
	var id traffic.Key
	id[traffic.Model], id[traffic.Region] = key[traffic.Model], key[traffic.Region]
	k := w.kin[id]
	if k == nil {
		k = &kin{}
		w.kin[id] = k
	}
	return k
}

// expect gives leaves their expected rates: their own experience, what their model x region shows where they have
// little, and the default where that has little too.
func (w *watch) expect(leaves []*leaf) {
	var all perSignal
	for s := range signals {
		all[s] = (w.global.k[s] + globalPrior*traits[s].base) / (w.global.n[s] + globalPrior)
	}
	for _, l := range leaves {
		b := &l.base
		for s := range signals {
			b.p[s] = (b.k[s] + priorWeight*l.prior(s, all[s])) / (b.n[s] + priorWeight)
		}
	}
}

// prior is what a leaf would expect without experience of its own.
func (l *leaf) prior(s signal, all float64) float64 {
	others := l.kin.n[s] - l.base.n[s]
	if others < 0 { // sums may differ by rounding
		others = 0
	}
	prior := (l.kin.k[s] - l.base.k[s] + priorWeight*all) / (others + priorWeight)
	if prior < 1e-5 {
		return 1e-5
	}
	return prior
}

// expectAll brings what all leaves expect up to date, as the scan wants it.
func (w *watch) expectAll() {
	w.expect(w.leaves)
	for s := range signals {
		all := (w.global.k[s] + globalPrior*traits[s].base) / (w.global.n[s] + globalPrior)
		for _, l := range w.leaves {
			b := &l.base
			b.wary[s] = max(b.p[s], (b.k[s]+1)/(b.n[s]+1/max(l.prior(s, all), all)))
		}
	}
}

// sumUp adds the experience of all leaves up anew: sums that are carried along drift by rounding.
func (w *watch) sumUp() {
	clear(w.kin)
	w.global = kin{}
	for _, l := range w.leaves {
		l.kin = w.kinOf(l.key)
		for s := range signals {
			b := &l.base
			l.kin.n[s] += b.n[s]
			l.kin.k[s] += b.k[s]
			w.global.n[s] += b.n[s]
			w.global.k[s] += b.k[s]
		}
	}
}
