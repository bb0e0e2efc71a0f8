package burst

import (
	"math"
	"math/bits"
	"slices"
)

// What the scan takes for granted.
const (
	scanAttrs  = 4       // dimensions that one scope names at most
	scanCauses = 4       // causes at a time
	scanLeast  = 8       // evidence below which a combination is not named
	scanSure   = 4       // the same for the first one where it is known that something is wrong
	scanCause  = 4       // price of one cause more
	scanMore   = 1e-3    // nats by which narrow causes must be worth more than wide ones
	scanVeto   = 3       // weight of a healthy leaf's vote, squared, where causes are looked for narrowly
	scanNear   = 3       // a runner-up this close cannot be told from the winner
	scanBand   = 0.5     // price of a leaf that fails harder or softer than the rest
	scanThin   = 3       // and more for one with few failures: what it says of its strength is mostly chance
	scanMinor  = 0.003   // of the first cause's evidence, below which more causes are what the model does not fit
	scanGap    = 0.01    // of a cause's strength: what fails less between two causes is clean
	scanSame   = 0.02    // of the requests in two places: those that differ in less are practically the same
	scanCells  = 1 << 20 // combinations with more values are not looked at
	scanValues = 256     // a dimension with more values is only looked at alone
	scanDimMax = 12      // dimensions at most
	scanMost   = 0.9995  // failure rate that a cause makes expected at most: where all fails nothing is left to explain
)

// scanStrengths are the shares of requests that a cause may make fail.
var scanStrengths = [9]float64{.005, .01, .02, .04, .08, .16, .32, .64, .97}

// scanCalm is what one request that ended well says against each strength.
var scanCalm = func() (out [len(scanStrengths)]float64) {
	for i, s := range scanStrengths {
		out[i] = math.Log1p(-s)
	}
	return out
}()

// gains has one number for each strength.
type gains = [len(scanStrengths)]float64

// grid is the traffic of a window as the scan wants it: columns, with the values of each dimension numbered.
type grid struct {
	values  [][]int32 // a column for each dimension: the number of the leaf's value
	cards   []int     // how many values each dimension has, unknown being one of them
	unknown []int32   // which of them is unknown, -1 where all are known

	n, k []float64 // requests and failures of each leaf
	base []float64 // its expected failure rate
	wary []float64 // the same for judging: a leaf that has never failed yet may still fail once
	p    []float64 // wary, with a margin and with what has been explained

	excess float64 // failures beyond the expected ones, of all
}

// choice is one combination of values: those of the dimensions in mask.
type choice struct {
	mask  uint32
	value [scanDimMax]int32
}

// cause is one explanation: where, and how much of the failures it explains.
type cause struct {
	choice
	leaf      int32 // one of its leaves
	gain      float64
	n, k, e   float64
	share     float64
	separable bool
}

func (g *grid) leaves() int { return len(g.n) }

func (g *grid) add(n, k, base, wary float64) {
	g.n, g.k, g.base, g.wary = append(g.n, n), append(g.k, k), append(g.base, base), append(g.wary, wary)
	g.excess += k - n*base
}

// column numbers the values of one more dimension, which are negative where unknown. A dimension in which all leaves
// are the same is left out.
func (g *grid) column(value func(leaf int) int32) bool {
	most := int32(-1)
	for i := range g.n {
		most = max(most, value(i))
	}
	var table []int32
	var wide map[int32]int32
	if most < 1<<20 {
		table = make([]int32, most+2) // number plus one, by value plus one
	} else {
		wide = make(map[int32]int32)
	}
	out, count, unknown := make([]int32, g.leaves()), int32(0), int32(-1)
	for i := range out {
		v := max(value(i), -1)
		var at int32
		if table != nil {
			at = table[v+1]
		} else {
			at = wide[v]
		}
		if at == 0 {
			count++
			at = count
			if table != nil {
				table[v+1] = at
			} else {
				wide[v] = at
			}
			if v < 0 {
				unknown = at - 1
			}
		}
		out[i] = at - 1
	}
	if count < 2 {
		return false
	}
	g.values, g.cards, g.unknown = append(g.values, out), append(g.cards, int(count)), append(g.unknown, unknown)
	return true
}

// covers tells whether a leaf is part of a choice.
func (g *grid) covers(c *choice, leaf int) bool {
	for m := c.mask; m != 0; m &= m - 1 {
		if d := bits.TrailingZeros32(m); g.values[d][leaf] != c.value[d] {
			return false
		}
	}
	return true
}

// localise finds the combinations of dimensions that explain the failures of a window, best first. The score of a
// combination is the sum of the likelihood gains of its leaves (Neill 2012), less a price for each dimension named:
// healthy leaves vote against a scope that is too wide, failing ones outside count against one that is too narrow.
// What one cause explains is expected in the next round.
func (g *grid) localise(rule scanRule) []cause {
	if g.leaves() == 0 {
		return nil
	}
	pr := newProjection(g, rule)
	loose, strict := pr.explainAll(true), pr.explainAll(false)
	out := loose
	if len(strict) <= len(loose)+1 && worth(strict) > worth(loose)+scanMore && g.cleanBetween(loose, strict) {
		out = strict
	}
	for i := range out {
		if f := &out[i]; g.excess > 0 {
			f.share = min(max((f.k-f.e)/g.excess, 0), 1)
		}
	}
	return out
}

// scanRule says what may be named.
type scanRule struct {
	attrs int     // dimensions at least
	least float64 // evidence for the first cause
}

// worth is the evidence for a set of causes, less what each more of them costs.
func worth(list []cause) float64 {
	x := 0.0
	for _, f := range list {
		x += f.gain - scanCause
	}
	return x
}

// cleanBetween tells whether what lies inside the wide causes and outside the narrow ones is clean. Where it is not,
// the narrow ones are only the worst parts of a wide cause that hits its leaves unequally.
func (g *grid) cleanBetween(wide, narrow []cause) bool {
	inside := func(list []cause, leaf int) bool {
		return slices.ContainsFunc(list, func(c cause) bool { return g.covers(&c.choice, leaf) })
	}
	var in, between cause
	for i := range g.n {
		if inside(narrow, i) {
			in.count(g, i)
		} else if inside(wide, i) {
			between.count(g, i)
		}
	}
	return between.strength() <= scanGap*in.strength()
}

func (f *cause) count(g *grid, leaf int) {
	f.n += g.n[leaf]
	f.k += g.k[leaf]
	f.e += g.n[leaf] * g.base[leaf]
}

// strength is the share of requests that fail for this cause.
func (f *cause) strength() float64 {
	if f.n <= f.e {
		return 0
	}
	return max((f.k-f.e)/(f.n-f.e), 0)
}

// explainAll finds causes one after the other. Loose, the leaves of a cause may fail unequally, as real ones do; but
// then one wide cause may look better than two narrow ones, which strict tells apart. The gains of both are measured
// by the loose rule, so that they can be compared.
func (pr *projection) explainAll(loose bool) []cause {
	var out []cause
	g := pr.grid
	g.p = slices.Grow(g.p[:0], g.leaves())[:g.leaves()]
	for i, wary := range g.wary {
		g.p[i] = min(max(1.5*wary, 1e-4), 0.95)
		pr.root[i].weigh(g, i, loose)
	}
	for len(out) < scanCauses {
		best, near := pr.scan()
		if best.gain <= scanLeast && (len(out) > 0 || best.gain <= pr.rule.least) {
			break
		}
		if len(out) > 0 && best.gain < scanMinor*out[0].gain {
			break
		}
		f := cause{choice: best.choice, leaf: best.leaf, gain: best.gain}
		if !loose {
			f.gain = g.regain(&best.choice, best.price, true)
		}
		g.explain(&f)
		for i := range g.p {
			if g.covers(&f.choice, i) {
				pr.root[i].weigh(g, i, loose)
			}
		}
		f.separable = !slices.ContainsFunc(near, func(c candidate) bool {
			return !g.alike(&best.choice, &c.choice) && g.regain(&c.choice, c.price, loose) < c.gain/2
		})
		out = append(out, f)
	}
	return out
}

// alike tells whether two places differ in so few requests that it does not matter which one is meant.
func (g *grid) alike(x, y *choice) bool {
	var either, differ float64
	for i, n := range g.n {
		a, b := g.covers(x, i), g.covers(y, i)
		if a || b {
			either += n
		}
		if a != b {
			differ += n
		}
	}
	return differ < scanSame*either
}

// regain measures the gain of a combination with what has been explained since.
func (g *grid) regain(c *choice, price float64, loose bool) float64 {
	var all, one sum
	for i := range g.n {
		if g.covers(c, i) {
			one.weigh(g, i, loose)
			all.add(&one)
		}
	}
	return slices.Max(all.acc[all.weakest():]) - price
}

// weigh gives each strength the gain that a leaf would add to a scope. A leaf that fails may do so a little harder or
// softer than the rest of its scope, for a price; the more is expected, the less a difference says.
func (g *grid) weigh(leaf int, loose bool) gains {
	n, k, p := g.n[leaf], g.k[leaf], g.p[leaf]
	var u gains
	scale, odds := 1/(1.5+0.04*n*p), (1-p)/p
	for i, s := range scanStrengths {
		u[i] = (n - k) * scanCalm[i]
		if k > 0 {
			u[i] += k * math.Log(1+s*odds)
		}
		u[i] *= scale
	}
	w := u
	if !loose {
		for i := range u {
			if u[i] < 0 {
				w[i] = u[i] - scanVeto*u[i]*u[i] // the clearer a leaf is healthy, the less a scope may hold it
			}
		}
		return w
	}
	if slices.Max(u[:]) <= 0 {
		return w // healthy: it is not a softer part of anything
	}
	band := scanBand + scanThin/max(k, 1)
	for i := range u {
		for h := max(i-2, 0); h <= min(i+2, len(u)-1); h++ {
			w[i] = max(w[i], u[h]-band)
		}
	}
	return w
}

// explain sums up what lies inside, and makes it expected.
func (g *grid) explain(f *cause) {
	for i := range g.n {
		if g.covers(&f.choice, i) {
			f.count(g, i)
		}
	}
	strength := f.strength()
	for i := range g.n {
		if g.covers(&f.choice, i) {
			g.p[i] = min(max(g.p[i], g.k[i]/g.n[i], g.base[i]+1.15*strength*(1-g.base[i])), scanMost)
		}
	}
}

// candidate is a combination of values with its gain.
type candidate struct {
	choice
	gain  float64
	price float64
	set   uint64 // a hash of the leaves that it covers
	leaf  int32  // one of them
}

// race keeps the best candidate, and those that come close and cover other leaves.
type race struct {
	best candidate
	near []candidate
}

// nearMost bounds the candidates that are kept because they come close.
const nearMost = 16

func (r *race) enter(c *candidate) {
	if c.gain < r.best.gain-scanNear {
		return
	}
	ahead := c.gain - r.best.gain
	tie := 1e-9 * max(1, math.Abs(c.gain)) // sums differ in their last digits by the order in which they were added up
	attrs := bits.OnesCount32(c.mask) - bits.OnesCount32(r.best.mask)
	simpler := attrs < 0 || (attrs == 0 && c.mask < r.best.mask)
	switch wins := ahead > tie || (ahead > -tie && simpler); {
	case !wins && c.set != r.best.set:
		r.keep(*c)
	case wins && c.set != r.best.set:
		r.keep(r.best)
		fallthrough
	case wins:
		r.best = *c
		r.near = slices.DeleteFunc(r.near, func(x candidate) bool {
			return x.set == c.set || x.gain < c.gain-scanNear
		})
	}
}

// keep remembers a candidate as close, one for each set of leaves and the best of them.
func (r *race) keep(c candidate) {
	weakest := 0
	for i := range r.near {
		if r.near[i].set == c.set {
			if c.gain > r.near[i].gain {
				r.near[i] = c
			}
			return
		}
		if r.near[i].gain < r.near[weakest].gain {
			weakest = i
		}
	}
	switch {
	case len(r.near) < nearMost:
		r.near = append(r.near, c)
	case c.gain > r.near[weakest].gain:
		r.near[weakest] = c
	}
}

// mix spreads a number over 64 bits (the finaliser of SplitMix64), so that sums of them tell sets apart.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
