package burst

import (
	"cmp"
	"slices"

	"signalbox/internal/traffic"
)

// cut is a set of leaves that is watched as one. Several places may hold the very same leaves, as a model and its only
// provider do: they are one cut as long as they have always done so, since all that is known of them is the same.
type cut struct {
	place  place // the first of its places, in the order of cutDims
	places []numbered
	leaves []*leaf
	stats  [signals]stat
	number int32  // its place among the cuts of its watch, and among their sums
	wide   bool   // fed by a scrape: one delta is many seconds, its failures come together
	loud   sigset // signals whose evidence may be near an alarm
	volume volume
	tide   *tide // that lasts on some of its leaves
}

// numbered is a place, and how many there were before it.
type numbered struct {
	place
	serial int
}

// sums are what was seen in one second by the leaves of a cut, or by twins, and what they expected. Those of cuts are kept
// apart from these and close together: all twins are added to all of their cuts.
type sums struct {
	of    [signals]portion
	asked float64 // first attempts, also those that a burst explains
	at    int64   // the second; what else is written here is of another one where that is not the one at hand
}

// portion is what was seen of one signal.
type portion struct {
	n, k float64 // requests, and failures
	e    float64 // failures that were expected
	v, c float64 // what the boundary needs, of signals in which anything failed
}

// add adds others of the same second. It is what a step does most often.
func (x *sums) add(o *sums) {
	x.asked += o.asked
	for s := range x.of {
		a, b := &x.of[s], &o.of[s]
		a.n += b.n
		a.k += b.k
		a.e += b.e
		a.v += b.v
		a.c += b.c
	}
}

// placesOf are the places that are watched and hold a leaf, in the order of cutDims.
func placesOf(key traffic.Key) []place {
	out := make([]place, 0, len(cutDims))
	for _, dims := range cutDims {
		p, known := place{}, true
		for _, d := range dims {
			known = known && key[d] != traffic.Unknown
			p = p.with(d, key[d])
		}
		if known {
			out = append(out, p)
		}
	}
	return out
}

// enter puts a new leaf into its cuts. Where only some places of a cut hold it, they part.
func (w *watch) enter(l *leaf) {
	var fresh *cut
	var order []*cut
	held := make(map[*cut][]numbered)
	for _, p := range placesOf(l.key) {
		c := w.byCut[p]
		if c == nil {
			if fresh == nil {
				fresh = &cut{place: p, stats: newStats(), number: int32(len(w.cuts))} //nolint:gosec // below 2^31
				w.cuts, w.sums = append(w.cuts, fresh), append(w.sums, sums{})
			}
			c = fresh
			c.places = append(c.places, numbered{p, w.serial})
			w.byCut[p] = c
			w.serial++
			w.keys++
		}
		if held[c] == nil {
			order = append(order, c)
		}
		at := slices.IndexFunc(c.places, func(x numbered) bool { return x.place == p })
		held[c] = append(held[c], c.places[at])
	}
	l.twins = w.twinsOf(l.key)
	alone := len(l.twins.cuts) == 0
	for _, c := range order {
		if len(held[c]) < len(c.places) {
			c = w.part(c, held[c])
		}
		c.leaves = append(c.leaves, l)
		if alone {
			l.twins.cuts = append(l.twins.cuts, c.number)
		}
	}
}

// twins are leaves that are in the very same cuts, as those are that differ by their gateway or by streaming alone: they
// are added up before they are added to these.
type twins struct {
	cuts []int32 // numbers of the cuts
	sums
}

// twinsOf finds or makes the twins that a leaf is one of.
func (w *watch) twinsOf(key traffic.Key) *twins {
	var id traffic.Key // what cuts are told apart by
	for _, dims := range cutDims {
		for _, d := range dims {
			id[d] = key[d]
		}
	}
	t := w.twins[id]
	if t == nil {
		t = &twins{}
		w.twins[id] = t
	}
	return t
}

// part makes some places of a cut one of their own, which knows what the cut did. Its leaves learn of it with the next
// numbers.
func (w *watch) part(c *cut, places []numbered) *cut {
	x := *c
	x.places, x.place, x.leaves = places, places[0].place, slices.Clone(c.leaves)
	x.stats = newStats()
	for s := range c.stats {
		own := x.stats[s].evidence
		*own = *c.stats[s].evidence
		x.stats[s] = c.stats[s]
		x.stats[s].evidence = own
	}
	for _, p := range places {
		w.byCut[p.place] = &x
	}
	c.places = slices.DeleteFunc(c.places, func(p numbered) bool { return slices.Contains(places, p) })
	c.place = c.places[0].place
	w.cuts, w.sums, w.parted = append(w.cuts, &x), append(w.sums, sums{}), true
	return &x
}

// number orders the cuts by age, and tells their leaves in which they are.
func (w *watch) number() {
	slices.SortFunc(w.cuts, func(x, y *cut) int { return cmp.Compare(x.places[0].serial, y.places[0].serial) })
	for i, c := range w.cuts {
		c.number = int32(i) //nolint:gosec // below 2^31
	}
	clear(w.twins)
	for _, l := range w.leaves {
		l.twins = w.twinsOf(l.key)
		if len(l.twins.cuts) > 0 {
			continue
		}
		for _, p := range placesOf(l.key) {
			if c := w.byCut[p].number; !slices.Contains(l.twins.cuts, c) {
				l.twins.cuts = append(l.twins.cuts, c)
			}
		}
	}
	w.sums, w.parted = make([]sums, len(w.cuts)), false
}
