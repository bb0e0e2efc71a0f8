package burst

import (
	"math"
	"math/bits"
	"slices"

	"signalbox/internal/traffic"
)

// scanDims are the dimensions that a scope may name.
var scanDims = []traffic.Dim{
	traffic.Env, traffic.Gateway, traffic.Provider, traffic.Model, traffic.Region, traffic.Deployment,
	traffic.Endpoint, traffic.Workload,
}

// What the scan takes for granted.
const (
	scanAttrs  = 4       // dimensions that one scope names at most
	scanCauses = 4       // causes at a time
	scanLeast  = 8       // evidence below which a combination is not named
	scanCause  = 4       // price of one cause more
	scanVeto   = 3       // weight of a healthy leaf's vote, squared, where causes are looked for narrowly
	scanNear   = 3       // a runner-up this close cannot be told from the winner
	scanBand   = 0.5     // price of a leaf that fails harder or softer than the rest
	scanCells  = 1 << 20 // combinations with more values are not looked at
	scanValues = 256     // a dimension with more values is only looked at alone
)

// scanStrengths are the shares of requests that a cause may make fail.
var scanStrengths = [9]float64{.005, .01, .02, .04, .08, .16, .32, .64, .97}

// scanLeaf is a leaf in the window that is scanned.
type scanLeaf struct {
	leaf    *leaf
	n, k    float64
	base, p float64  // expected failure rate, and with what has been explained
	values  [8]int32 // index of the value in each scanned dimension, -1 unknown
	wary    float64
	w       [len(scanStrengths)]float64
}

// found is one cause: where, and how much it explains.
type found struct {
	place     place
	gain      float64
	n, k, e   float64
	share     float64
	separable bool
}

// localise finds the combinations of dimensions that explain the failures of a window, best first. The score of a
// combination is the sum of the likelihood gains of its leaves (Neill 2012), less a price for each dimension named:
// healthy leaves vote against a scope that is too wide, failing ones outside count against one that is too narrow.
// What one cause explains is expected in the next round. It sees first attempts only, and names no caller, instance
// or status code.
func (w *watch) localise(s signal, from, to int64) []found {
	leaves, excess := w.window(s, from, to)
	if len(leaves) == 0 {
		return nil
	}
	dims, cards := w.number(leaves)
	loose, strict := explainAll(leaves, dims, cards, true), explainAll(leaves, dims, cards, false)
	out := loose
	if worth(strict) > worth(loose) {
		out = strict
	}
	for i := range out {
		if f := &out[i]; excess > 0 {
			f.share = min(max((f.k-f.e)/excess, 0), 1)
		}
	}
	return out
}

// worth is the evidence for a set of causes, less what each more of them costs.
func worth(list []found) float64 {
	x := 0.0
	for _, f := range list {
		x += f.gain - scanCause
	}
	return x
}

// explainAll finds causes one after the other. Loose, the leaves of a cause may fail unequally, as real ones do; but
// then one wide cause may look better than two narrow ones, which strict tells apart. The gains of both are measured
// by the loose rule, so that they can be compared.
func explainAll(leaves []scanLeaf, dims []traffic.Dim, cards []int, loose bool) []found {
	var out []found
	for i := range leaves {
		leaves[i].p = min(max(1.5*leaves[i].wary, 1e-4), 0.95)
	}
	for range scanCauses {
		for i := range leaves {
			leaves[i].weigh(loose)
		}
		best, second := scan(leaves, dims, cards)
		if best.gain <= scanLeast {
			break
		}
		f := found{place: best.place, gain: best.gain, separable: best.gain-second > scanNear}
		if !loose {
			f.gain = regain(leaves, best)
		}
		f.explain(leaves)
		out = append(out, f)
	}
	return out
}

// regain measures the gain of a combination by the loose rule.
func regain(leaves []scanLeaf, c candidate) float64 {
	var acc [len(scanStrengths)]float64
	for i := range leaves {
		if x := &leaves[i]; c.place.covers(x.leaf.key) {
			x.weigh(true)
			for j := range acc {
				acc[j] += x.w[j]
			}
		}
	}
	return slices.Max(acc[:]) - c.price
}

// window sums up the leaves that had traffic, and the failures beyond what they expect.
func (w *watch) window(s signal, from, to int64) (leaves []scanLeaf, excess float64) {
	for _, l := range w.leaves {
		x := scanLeaf{leaf: l, base: l.base[s].p, wary: l.base[s].wary}
		l.slots(max(from, l.base[s].since), to, func(t *slot) {
			x.n += float64(t.seen(s))
			x.k += float64(t.k[s])
		})
		if x.n > 0 {
			excess += x.k - x.n*x.base
			leaves = append(leaves, x)
		}
	}
	return leaves, excess
}

// number gives the dimensions that differ between the leaves, and numbers their values.
func (w *watch) number(leaves []scanLeaf) (dims []traffic.Dim, cards []int) {
	for _, d := range scanDims {
		index := make(map[traffic.Sym]int32)
		for i := range leaves {
			v := leaves[i].leaf.key[d]
			at, ok := index[v]
			if !ok {
				at = int32(len(index)) //nolint:gosec // at most one a leaf
				index[v] = at
			}
			if v == traffic.Unknown {
				at = -1
			}
			leaves[i].values[len(dims)] = at
		}
		if len(index) > 1 {
			dims = append(dims, d)
			cards = append(cards, len(index))
		}
	}
	return dims, cards
}

// weigh gives each strength the gain that the leaf would add to a scope. A leaf may fail a little harder or softer
// than the rest of its scope, for a price; the more is expected, the less a difference says.
func (x *scanLeaf) weigh(loose bool) {
	var u [len(scanStrengths)]float64
	for i, s := range scanStrengths {
		u[i] = (x.k*math.Log1p(s*(1-x.p)/x.p) + (x.n-x.k)*math.Log1p(-s)) / (1.5 + 0.04*x.n*x.p)
	}
	x.w = u
	if !loose {
		for i := range u {
			if u[i] < 0 {
				x.w[i] = u[i] - scanVeto*u[i]*u[i] // the clearer a leaf is healthy, the less a scope may hold it
			}
		}
		return
	}
	for i := range u {
		for h := max(i-2, 0); h <= min(i+2, len(u)-1); h++ {
			x.w[i] = max(x.w[i], u[h]-scanBand)
		}
	}
}

// candidate is a combination of values with its gain.
type candidate struct {
	place place
	gain  float64
	price float64
	set   uint64 // a hash of the leaves that it covers
	attrs int
}

// race keeps the best candidate, and the gain of the best one that covers other leaves.
type race struct {
	best   candidate
	second float64
}

func (r *race) enter(c candidate) {
	near := c.gain - r.best.gain
	simpler := c.attrs < r.best.attrs || (c.attrs == r.best.attrs && c.place.mask < r.best.place.mask)
	wins := near > 1e-9 || (near > -1e-9 && simpler)
	switch {
	case c.set == r.best.set:
		if wins {
			r.best = c
		}
	case wins:
		r.best, r.second = c, r.best.gain
	default:
		r.second = max(r.second, c.gain)
	}
}

// scan scores all combinations of at most four dimensions. second is the best gain of one that covers other leaves.
func scan(leaves []scanLeaf, dims []traffic.Dim, cards []int) (best candidate, second float64) {
	r := race{best: candidate{gain: math.Inf(-1)}, second: math.Inf(-1)}
	var sums scanSums
	for mask := range 1 << len(dims) {
		if n := bits.OnesCount(uint(mask)); n <= scanAttrs { //nolint:gosec // at most 2^8
			sums.score(leaves, dims, cards, mask, &r)
		}
	}
	return r.best, r.second
}

// scanSums adds up the leaves of each combination; its memory is used again for the next set of dimensions.
type scanSums struct {
	index []int32
	list  []scanSum
}

type scanSum struct {
	acc   [len(scanStrengths)]float64
	set   uint64
	first int32 // a leaf of the combination
}

// score scores each combination of values of one set of dimensions.
func (s *scanSums) score(leaves []scanLeaf, dims []traffic.Dim, cards []int, mask int, r *race) {
	var own []int // of dims
	size, price := 1, 0.0
	for d := range dims {
		if mask&(1<<d) == 0 {
			continue
		}
		own = append(own, d)
		price += math.Log(float64(cards[d])) + 1
		if size *= cards[d]; size > scanCells || (cards[d] > scanValues && mask != 1<<d) {
			return
		}
	}
	if len(s.index) < size {
		s.index = make([]int32, size)
	}
	clear(s.index[:size])
	s.list = s.list[:0]
	for i := range leaves {
		x := &leaves[i]
		at, known := 0, true
		for _, d := range own {
			known = known && x.values[d] >= 0
			at = at*cards[d] + int(x.values[d])
		}
		if !known {
			continue
		}
		if s.index[at] == 0 {
			s.list = append(s.list, scanSum{first: int32(i)}) //nolint:gosec // an index
			s.index[at] = int32(len(s.list))                  //nolint:gosec // at most one a leaf
		}
		sum := &s.list[s.index[at]-1]
		sum.set += mix(uint64(i) + 1) //nolint:gosec // an index
		for j := range sum.acc {
			sum.acc[j] += x.w[j]
		}
	}
	for i := range s.list {
		c := candidate{gain: slices.Max(s.list[i].acc[:]) - price, price: price, set: s.list[i].set, attrs: len(own)}
		for _, d := range own {
			c.place = c.place.with(dims[d], leaves[s.list[i].first].leaf.key[dims[d]])
		}
		r.enter(c)
	}
}

// mix spreads a number over 64 bits (the finaliser of SplitMix64), so that sums of them tell sets apart.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// explain sums up what lies inside, and makes it expected.
func (f *found) explain(leaves []scanLeaf) {
	for i := range leaves {
		if x := &leaves[i]; f.place.covers(x.leaf.key) {
			f.n += x.n
			f.k += x.k
			f.e += x.n * x.base
		}
	}
	strength := 0.0
	if f.n > f.e {
		strength = max((f.k-f.e)/(f.n-f.e), 0)
	}
	for i := range leaves {
		if x := &leaves[i]; f.place.covers(x.leaf.key) {
			x.p = min(max(x.p, x.k/x.n, x.base+1.15*strength*(1-x.base)), 0.95)
		}
	}
}
