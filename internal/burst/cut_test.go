package burst

import (
	"math"
	"math/rand/v2"
	"testing"

	"signalbox/internal/traffic"
)

// Places that hold the very same leaves are watched once, and each by itself from the second on in which they part: with
// all that was known of them together.
func TestPlacesThatHoldTheSameAreWatchedOnce(t *testing.T) {
	w := &world{syms: traffic.NewSymbols(0), rng: rand.New(rand.NewPCG(3, 7)), cv: 0.2} //nolint:gosec // a test
	w.add(traffic.Scope{"gateway": "edge", "side": "client", "provider": "p", "model": "m", "region": "r"}, 9, 0.02)
	w.add(traffic.Scope{"gateway": "edge", "side": "client", "provider": "q", "model": "n", "region": "r"}, 9, 0.02)
	d := New(Options{Symbols: w.syms})
	for i := range int64(400) {
		d.Step(begin+i, w.second(begin+i))
	}
	of := func(dims ...traffic.Dim) *cut {
		p := place{}
		for _, dim := range dims {
			p = p.with(dim, w.series[0].key[dim])
		}
		return d.blame.byCut[p]
	}
	provider, model, both := of(traffic.Provider), of(traffic.Model), of(traffic.Model, traffic.Provider)
	if provider != model || model != both || of() != of(traffic.Region) || of() == model {
		t.Fatal("the same leaves are watched more than once")
	}
	if d.blame.keys != 12 || len(d.blame.cuts) != 3 { // everything, one region, and five places of each leaf
		t.Fatalf("%d places in %d cuts", d.blame.keys, len(d.blame.cuts))
	}
	w.add(traffic.Scope{"gateway": "edge", "side": "client", "provider": "p", "model": "new", "region": "r"}, 9, 0.02)
	before := model.stats[fail].fn
	d.Late(begin+399, w.second(begin + 399)[2:])
	if of(traffic.Provider) == of(traffic.Model) || of(traffic.Model) != of(traffic.Model, traffic.Provider) {
		t.Fatal("places that hold other leaves did not part")
	}
	for _, c := range []*cut{of(traffic.Provider), of(traffic.Model)} {
		if c.stats[fail].fn != before || c.stats[fail].r != model.stats[fail].r || c.stats[fail].w == 0 {
			t.Errorf("%v: what was known is forgotten", c.place)
		}
	}
	if n, m := len(of(traffic.Provider).leaves), len(of(traffic.Model).leaves); n != 2 || m != 1 {
		t.Errorf("%d and %d leaves", n, m)
	}
	for i := range int64(100) {
		d.Step(begin+1000+i, w.second(begin+1000+i))
	}
	if a, b := of(traffic.Provider), of(traffic.Model); a.stats[fail].evidence == b.stats[fail].evidence || a.stats[fail].fn <= b.stats[fail].fn {
		t.Error("places that have parted are not watched by themselves")
	}
	d.blame.forget(func(l *leaf) bool { return l.key[traffic.Provider] == w.series[0].key[traffic.Provider] })
	if len(d.blame.cuts) != 2 || d.blame.keys != len(d.blame.byCut) {
		t.Errorf("%d cuts, %d places, %d known, when all others are forgotten", len(d.blame.cuts), d.blame.keys, len(d.blame.byCut))
	}
}

// Leaves that are in the same cuts are added up first. What the cuts get is what their leaves counted, whatever came, parted
// and was forgotten before; of what a burst explains it is nothing.
func TestCutsAddUpTheirLeaves(t *testing.T) {
	w := &world{syms: traffic.NewSymbols(0), rng: rand.New(rand.NewPCG(4, 7)), cv: 0.2} //nolint:gosec // a test
	add := func(gateway, model, region string) {
		w.add(traffic.Scope{"gateway": gateway, "side": "client", "provider": "p", "model": model, "region": region}, 2, 0.1)
	}
	add("a", "m", "r")
	add("b", "m", "r")
	d := New(Options{Symbols: w.syms})
	for i := range int64(60) {
		switch i {
		case 10:
			add("a", "n", "r") // its provider and region part from its model
		case 20:
			add("b", "n", "r")
			add("c", "m", "r")
			add("c", "m", "s")
		case 30:
			d.blame.leaves[1].covered = setOf(fail)
		case 40:
			d.blame.leaves[1].covered = 0
			d.blame.forget(func(l *leaf) bool { return w.syms.Name(l.key[traffic.Gateway]) == "c" })
		}
		d.Step(begin+i, w.second(begin+i))
		for _, c := range d.blame.cuts {
			sameSums(t, d.blame, c, begin+i)
		}
	}
	if n := len(d.blame.twins); n != 3 {
		t.Errorf("%d twins, not one for each model and region", n)
	}
}

// sameSums holds the sums of a cut against those of its leaves, one by one.
func sameSums(t *testing.T, w *watch, c *cut, sec int64) {
	t.Helper()
	var want sums
	for _, l := range c.leaves {
		if l.last != sec {
			continue
		}
		want.asked += float64(l.now.n)
		for s := range signals {
			if !l.covered.has(s) {
				of, n := &want.of[s], float64(l.now.seen(s))
				of.n, of.k, of.e = of.n+n, of.k+float64(l.now.k[s]), of.e+n*l.base.p[s]
			}
		}
	}
	got := &w.sums[c.number]
	if got.at != sec {
		got = &sums{}
	}
	for s := range signals {
		a, b := &got.of[s], &want.of[s]
		if a.n != b.n || a.k != b.k || math.Abs(a.e-b.e) > 1e-12*(1+b.e) || got.asked != want.asked {
			t.Fatalf("second %d: %v of %v got %+v of %v, its leaves %+v of %v", sec-begin, s, c.place, a, got.asked, b, want.asked)
		}
	}
}
