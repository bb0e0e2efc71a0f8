package burst

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// plainScan scores every combination of at most four dimensions from the leaves, one set of dimensions after the
// other: slow, and short enough to be believed. Gains are by the mask of named dimensions and the values in them.
func plainScan(g *grid, root []sum, least int) map[string]candidate {
	out := make(map[string]candidate)
	for mask := range uint32(1 << len(g.cards)) {
		size, price, wide := 1, 0.0, false
		for d, card := range g.cards {
			if mask>>d&1 != 0 {
				size, price = size*card, price+math.Log(float64(card))+1
				wide = wide || (card > scanValues && mask != 1<<d)
			}
		}
		if n := bits.OnesCount32(mask); n > scanAttrs || n < least || size > scanCells || wide {
			continue
		}
		accs := make(map[string]*sum)
	next:
		for i := range g.n {
			name := fmt.Sprint(mask)
			for d := range g.cards {
				if mask>>d&1 == 0 {
					continue
				}
				if g.values[d][i] == g.unknown[d] {
					continue next
				}
				name += fmt.Sprint(" ", g.values[d][i])
			}
			x := accs[name]
			if x == nil {
				x = &sum{first: int32(i)}
				accs[name] = x
			}
			x.add(&root[i])
		}
		for name, x := range accs {
			c := candidate{gain: slices.Max(x.acc[x.weakest():]) - price, price: price, set: x.set, leaf: x.first}
			c.mask = mask
			for d := range g.cards {
				if mask>>d&1 != 0 {
					c.value[d] = g.values[d][x.first]
				}
			}
			out[name] = c
		}
	}
	return out
}

// drawLeaves draws the traffic of a window: a fleet whose dimensions are partly told by others, partly unknown, with
// none to three causes.
func drawLeaves(t *rapid.T) []ScopeLeaf {
	dims := rapid.IntRange(0, 7).Draw(t, "dims")
	cards := rapid.SliceOfN(rapid.IntRange(1, 6), dims, dims).Draw(t, "cards")
	told := rapid.SliceOfN(rapid.IntRange(-8, 6), dims, dims).Draw(t, "told by")
	holes := rapid.SliceOfN(rapid.Bool(), dims, dims).Draw(t, "holes")
	causes := rapid.SliceOfN(rapid.SliceOfN(rapid.IntRange(-3, 5), dims, dims), 0, 3).Draw(t, "causes")
	rng := rapid.Uint64().Draw(t, "seed")
	next := func(n int) int {
		rng = mix(rng)
		return int(rng % uint64(n))
	}
	leaves := make([]ScopeLeaf, rapid.IntRange(0, 120).Draw(t, "leaves"))
	for i := range leaves {
		l := &leaves[i]
		for d := range dims {
			v := next(cards[d])
			if by := told[d]; by >= 0 && by < d {
				v = int(l.Values[by]) % cards[d]
			}
			if holes[d] && next(5) == 0 {
				v = -1
			}
			l.Values = append(l.Values, int32(v))
		}
		n := next(1 << next(10))
		base := float64(1+next(200)) / 10000
		rate := base
		for c, cause := range causes {
			inside := true
			for d, v := range cause {
				inside = inside && (v < 0 || int(l.Values[d]) == v)
			}
			if inside {
				rate = max(rate, 0.02*math.Pow(4, float64(c)))
			}
		}
		k := 0
		for range n {
			if next(1_000_000) < int(rate*1e6) {
				k++
			}
		}
		l.N, l.K, l.Base, l.Wary = float64(n), float64(k), base, base*1.2
	}
	return leaves
}

func gridOf(leaves []ScopeLeaf) *grid {
	var g grid
	leaves = slices.DeleteFunc(slices.Clone(leaves), func(l ScopeLeaf) bool { return l.N <= 0 })
	for _, l := range leaves {
		g.add(l.N, l.K, l.Base, l.Wary)
	}
	if len(leaves) > 0 {
		for d := range leaves[0].Values {
			g.column(func(i int) int32 { return leaves[i].Values[d] })
		}
	}
	return &g
}

func TestProjectionFindsWhatThePlainScanFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, least := gridOf(drawLeaves(t)), rapid.IntRange(0, 1).Draw(t, "least")
		pr := newProjection(g, scanRule{attrs: least})
		g.p = make([]float64, g.leaves())
		loose := rapid.Bool().Draw(t, "loose")
		for i, wary := range g.wary {
			g.p[i] = min(max(1.5*wary, 1e-4), 0.95)
			pr.root[i].weigh(g, i, loose)
		}
		best, near := pr.scan()
		all := plainScan(g, pr.root, least)
		want, next := math.Inf(-1), math.Inf(-1)
		for _, c := range all {
			want = max(want, c.gain)
		}
		if len(all) == 0 || g.leaves() == 0 {
			return
		}
		same := func(x, y float64) bool { return x == y || math.Abs(x-y) <= 1e-7*max(1, math.Abs(x)) }
		if !same(best.gain, want) {
			t.Fatalf("best %v gains %v, the plain scan's best %v", best.choice, best.gain, want)
		}
		attrs := scanDimMax
		for _, c := range all {
			if same(c.gain, want) {
				attrs = min(attrs, bits.OnesCount32(c.mask))
			}
			if c.set != best.set {
				next = max(next, c.gain)
			}
		}
		second := math.Inf(-1)
		for _, c := range near {
			second = max(second, c.gain)
		}
		if next > want-scanNear && !same(second, next) || len(near) > 0 && second < want-scanNear {
			t.Fatalf("of %v, the closest gains %v, the plain scan's %v", want, second, next)
		}
		if got := bits.OnesCount32(best.mask); got != attrs {
			t.Fatalf("best %v names %d dimensions, %d do", best.choice, got, attrs)
		}
		set := uint64(0)
		for i := range g.n {
			if g.covers(&best.choice, i) {
				set += pr.root[i].set
			}
		}
		if set != best.set || !g.covers(&best.choice, int(best.leaf)) {
			t.Fatalf("%v does not cover the leaves that it was scored for", best.choice)
		}
	})
}
