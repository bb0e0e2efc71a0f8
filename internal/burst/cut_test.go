package burst

import (
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
