package burst

import (
	"math"

	"signalbox/internal/traffic"
)

// What it takes to tell a fault inside the scope of a burst that lasts: there, the burst itself is what is normal.
const (
	innerAfter = 60  // seconds after its detection from which a burst is looked into
	innerEvery = 5   // seconds between two looks
	innerSpan  = 20  // seconds that are looked at
	innerBase  = 600 // and how far back what is normal in the burst is told from, up to innerAfter ago
	innerLeast = 12  // evidence, at two looks in a row
	innerMore  = 0.1 // of all requests, that must fail besides
	innerHalf  = 0.5 // and of those that the burst lets through, unless twice as many fail as in it
	innerPrior = 20  // requests that the burst's own rate is worth to a leaf of it
)

// lookInto looks into the bursts that last for places in which much more fails than in the rest of them.
func (w *watch) lookInto(sec int64) {
	for _, b := range w.lives {
		if age := sec + 1 - b.detected; b.open() && b.within == nil && age >= innerAfter && age%innerEvery == 0 {
			w.look(b, sec)
		}
	}
}

func (w *watch) look(b *live, sec int64) {
	var g grid
	leaves := w.unlike(&g, b, sec)
	f, ok := inmost(causesOf(&g, leaves))
	if !ok || f.gain < innerLeast || f.k < f.e+max(innerMore*f.n, min(f.e, innerHalf*(f.n-f.e))) {
		b.suspect = place{}
		return
	}
	p := f.place
	for d := range traffic.NumDims {
		if b.place.has(d) {
			p = p.with(d, b.place.key[d])
		}
	}
	active := w.active(sec)
	n := w.name(p, active)
	if n.place == b.place || sameLeaves(p, b.place, active) {
		return
	}
	if b.suspect != n.place {
		b.suspect = n.place
		return
	}
	onset := w.worseSince(p, b, f.e/f.n, sec)
	x := &live{
		id: w.naming(onset), kind: b.kind, sig: b.sig, onset: onset, detected: sec + 1, episodes: 1, traffic: sec,
		within: b, floor: f.e / f.n,
	}
	b.suspect = place{}
	w.lives = append(w.lives, x)
	w.revise(x, sec, f, n)
	w.tell(x, sec, Opened, "")
}

// inmost is the strongest cause, if it is not the burst as a whole that has become worse.
func inmost(list []found) (found, bool) {
	for _, f := range list {
		if f.place.mask == 0 {
			return found{}, false
		}
	}
	if len(list) == 0 {
		return found{}, false
	}
	return list[0], true
}

// unlike fills a grid with what the leaves of a burst counted in the last seconds, against what they did before in it.
// Those that a burst inside it has explained are left out.
func (w *watch) unlike(g *grid, b *live, sec int64) []*leaf {
	type counted struct {
		l            *leaf
		n, k, n0, k0 float64
	}
	var all []counted
	var n0, k0 float64
	for _, l := range w.leaves {
		if !b.place.covers(l.key) || w.explained(b, l) {
			continue
		}
		x := counted{l: l}
		before := l.past.total(max(b.onset, sec-innerBase), max(sec-innerAfter, min(b.detected+innerAfter/2, sec-innerSpan)))
		x.n0, x.k0 = float64(before.seen(b.sig)), float64(before.k[b.sig])
		now := l.past.total(max(b.onset, sec-innerSpan+1), sec)
		x.n, x.k = float64(now.seen(b.sig)), float64(now.k[b.sig])
		if x.n > 0 {
			all = append(all, x)
		}
		n0, k0 = n0+x.n0, k0+x.k0
	}
	if n0 < innerPrior {
		return nil
	}
	var out []*leaf
	for _, x := range all {
		base := (x.k0 + innerPrior*k0/n0) / (x.n0 + innerPrior)
		g.add(x.n, x.k, base, base)
		out = append(out, x.l)
	}
	return out
}

// explained tells whether a burst inside another covers the leaf.
func (w *watch) explained(b *live, l *leaf) bool {
	for _, x := range w.lives {
		if x.open() && x.within == b && x.place.covers(l.key) {
			return true
		}
	}
	return false
}

// worseSince is the second since which a place in a burst has failed more than the burst.
func (w *watch) worseSince(p place, b *live, normal float64, sec int64) int64 {
	from := max(b.onset, sec-innerAfter)
	k, m := make([]float64, sec-from+1), make([]float64, sec-from+1)
	for _, l := range w.leaves {
		if p.covers(l.key) {
			l.slots(from, sec, func(x *slot) {
				k[sec-x.sec] += float64(x.k[b.sig])
				m[sec-x.sec] += float64(x.seen(b.sig)) * min(0.95, 1.4*normal+0.001)
			})
		}
	}
	return sec - steepest(k, m)
}

// steepest is how many seconds back the stretch begins in which k are most beyond m (Poisson likelihood ratio).
// Both are counted backwards.
func steepest(k, m []float64) int64 {
	var sumK, sumM, best float64
	at := 0
	for d := range k {
		sumK, sumM = sumK+k[d], sumM+m[d]
		if sumK > sumM && sumM > 0 {
			if g := sumK*math.Log(sumK/sumM) - sumK + sumM; g > best {
				best, at = g, d
			}
		}
		if d > 30 && sumK < 0.2*sumM {
			break
		}
	}
	return int64(at)
}

// outlive makes a burst inside another one of its own when that has ended.
func (w *watch) outlive() {
	for _, b := range w.lives {
		if b.within != nil && !b.within.open() {
			b.within, b.floor = nil, 0
		}
	}
}
