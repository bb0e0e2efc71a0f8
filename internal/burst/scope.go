package burst

import (
	"encoding/binary"
	"math/bits"

	"signalbox/internal/traffic"
)

// scanDims are the dimensions that a scope may name.
var scanDims = []traffic.Dim{
	traffic.Env, traffic.Gateway, traffic.Provider, traffic.Model, traffic.Region, traffic.Deployment,
	traffic.Endpoint, traffic.Workload, traffic.Stream,
}

// ScopeLeaf is what one series counted in a window.
type ScopeLeaf struct {
	Values []int32 // of each dimension, the same dimensions in the same order for all leaves; negative: unknown
	N, K   float64 // requests, and failures among them
	Base   float64 // the failure rate that is expected
	Wary   float64 // the same for judging, where little is known: a leaf may fail once; 0: as Base
}

// ScopeOptions say what a scan may answer.
type ScopeOptions struct {
	Somewhere bool // the answer is some place: "everything" is none
	Alarmed   bool // something is known to be wrong: less evidence is enough to name it
}

// Cause is a combination of values that explains failures.
type Cause struct {
	Values    []int32 // of each dimension; negative: not named
	N, K      float64 // requests and failures inside
	Expected  float64 // failures that were expected there
	Share     float64 // of the failures beyond the expected ones, those inside
	Gain      float64 // evidence in nats, less the price of the name
	Separable bool    // no combination that covers other leaves explains the failures about as well
}

// Localise finds the combinations of values that explain the failures of a window, best first. It is the scan behind
// the scope of a burst, for who has the counts of leaves already. Dimensions beyond the twelfth are not looked at.
func Localise(leaves []ScopeLeaf, o ScopeOptions) []Cause {
	leaves = together(leaves)
	var g grid
	dims := scanDimMax
	for _, l := range leaves {
		g.add(l.N, l.K, l.Base, l.Wary)
		dims = min(dims, len(l.Values))
	}
	var of []int // the leaves' dimension behind each of the grid's
	for d := range dims {
		if g.column(func(i int) int32 { return leaves[i].Values[d] }) {
			of = append(of, d)
		}
	}
	rule := scanRule{least: scanLeast}
	if o.Somewhere {
		rule.attrs = 1
	}
	if o.Alarmed {
		rule.least = scanSure
	}
	var out []Cause
	for _, f := range g.localise(rule) {
		c := Cause{
			Values: make([]int32, dims), N: f.n, K: f.k, Expected: f.e, Share: f.share, Gain: f.gain, Separable: f.separable,
		}
		for d := range c.Values {
			c.Values[d] = -1
		}
		for m := f.mask; m != 0; m &= m - 1 {
			d := of[bits.TrailingZeros32(m)]
			c.Values[d] = leaves[f.leaf].Values[d]
		}
		out = append(out, c)
	}
	return out
}

// together adds up leaves that have the same values, so that it does not matter how finely traffic was counted that a
// scope cannot tell apart. Leaves without traffic are left out.
func together(leaves []ScopeLeaf) []ScopeLeaf {
	at := make(map[string]int)
	var out []ScopeLeaf
	var name []byte
	for _, l := range leaves {
		if l.N <= 0 {
			continue
		}
		l.K, l.Wary = min(l.K, l.N), max(l.Wary, l.Base)
		name = name[:0]
		for _, v := range l.Values {
			name = binary.AppendVarint(name, int64(max(v, -1)))
		}
		i, known := at[string(name)]
		if !known {
			at[string(name)] = len(out)
			out = append(out, l)
			continue
		}
		x := &out[i]
		n := x.N + l.N
		x.Base, x.Wary = (x.Base*x.N+l.Base*l.N)/n, (x.Wary*x.N+l.Wary*l.N)/n
		x.N, x.K = n, x.K+l.K
	}
	return out
}

// found is a cause among the leaves of a watch.
type found struct {
	place     place
	gain      float64
	n, k, e   float64
	share     float64
	separable bool
}

// localise names what explains the failures of a signal in a window, best first. It sees first attempts only, and
// names no caller, instance or status code. It looks at all leaves, or at the rest that no burst covers.
func (w *watch) localise(s signal, from, to int64, rest bool) []found {
	var g grid
	leaves := w.window(&g, s, from, to, rest)
	return causesOf(&g, leaves)
}

// causesOf names what explains the failures of the leaves of a grid.
func causesOf(g *grid, leaves []*leaf) []found {
	var of []traffic.Dim
	for _, d := range scanDims {
		if g.column(func(i int) int32 { return int32(leaves[i].key[d]) - 1 }) { //nolint:gosec // symbols are bounded
			of = append(of, d)
		}
	}
	var out []found
	for _, c := range g.localise(scanRule{least: scanSure}) {
		f := found{gain: c.gain, n: c.n, k: c.k, e: c.e, share: c.share, separable: c.separable}
		for m := c.mask; m != 0; m &= m - 1 {
			d := of[bits.TrailingZeros32(m)]
			f.place = f.place.with(d, leaves[c.leaf].key[d])
		}
		out = append(out, f)
	}
	return out
}

// unexplained is what a place saw in a window when the scan found no reason to name it.
func (w *watch) unexplained(p place, s signal, from, to int64) found {
	var g grid
	f := found{place: p}
	for i, l := range w.window(&g, s, from, to, false) {
		if p.covers(l.key) {
			f.n, f.k, f.e = f.n+g.n[i], f.k+g.k[i], f.e+g.n[i]*g.base[i]
		}
	}
	return f
}

// window fills a grid with the leaves that had traffic, and gives them.
func (w *watch) window(g *grid, s signal, from, to int64, rest bool) []*leaf {
	var out []*leaf
	for _, l := range w.leaves {
		if rest && l.covered.has(s) {
			continue
		}
		t := l.past.total(max(from, l.base.since[s]), to)
		if n := t.seen(s); n > 0 {
			g.add(float64(n), float64(t.k[s]), l.base.p[s], l.base.wary[s])
			out = append(out, l)
		}
	}
	return out
}
