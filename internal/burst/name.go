package burst

import (
	"cmp"
	"math/bits"
	"slices"

	"signalbox/internal/traffic"
)

// named is a place as an operator calls it, and its other names.
type named struct {
	place   place
	aliases []place
}

// redundant are the dimensions that a name drops where they tell nothing apart, in this order.
var redundant = []traffic.Dim{
	traffic.Env, traffic.Gateway, traffic.Endpoint, traffic.Workload, traffic.Stream, traffic.Deployment,
	traffic.Region, traffic.Provider, traffic.Model,
}

// name finds what an operator would call a place: one cell by provider, model and region; a whole provider, model
// or region by that alone; a deployment only where nothing else tells it from others.
func (w *watch) name(p place, active []*leaf) named {
	original := p
	full := p
	for _, d := range []traffic.Dim{traffic.Provider, traffic.Model, traffic.Region} {
		if v, same := constant(p, d, active); same {
			full = full.with(d, v)
		}
	}
	if full.has(traffic.Model) && full.has(traffic.Region) {
		p = full
	}
	for _, d := range redundant[:6] {
		if p.has(d) && sameLeaves(p, p.without(d), active) {
			p = p.without(d)
		}
	}
	if !(full.has(traffic.Model) && full.has(traffic.Region)) {
		for _, d := range redundant[6:] {
			if q := p.without(d); p.has(d) && q.mask != 0 && sameLeaves(p, q, active) {
				p = q
			}
		}
	}
	return named{place: p, aliases: aliases(p, []place{original, full}, active)}
}

// aliases are the other names of a place, shortest first.
func aliases(p place, candidates []place, active []*leaf) []place {
	for _, d := range []traffic.Dim{traffic.Deployment, traffic.Model, traffic.Region, traffic.Provider} {
		if v, same := constant(p, d, active); same {
			candidates = append(candidates, place{}.with(d, v))
		}
	}
	var out []place
	for _, q := range candidates {
		if q.mask != 0 && q != p && !slices.Contains(out, q) && sameLeaves(p, q, active) {
			out = append(out, q)
		}
	}
	slices.SortStableFunc(out, func(x, y place) int {
		return cmp.Or(cmp.Compare(bits.OnesCount16(x.mask), bits.OnesCount16(y.mask)), cmp.Compare(x.mask, y.mask))
	})
	return out
}

// constant tells whether all active leaves of a place share one known value of a dimension.
func constant(p place, d traffic.Dim, active []*leaf) (traffic.Sym, bool) {
	v := traffic.Unknown
	for _, l := range active {
		if !p.covers(l.key) {
			continue
		}
		switch have := l.key[d]; {
		case have == traffic.Unknown || (v != traffic.Unknown && have != v):
			return traffic.Unknown, false
		default:
			v = have
		}
	}
	return v, v != traffic.Unknown
}

func sameLeaves(p, q place, active []*leaf) bool {
	for _, l := range active {
		if p.covers(l.key) != q.covers(l.key) {
			return false
		}
	}
	return true
}

// active are the leaves with traffic lately.
func (w *watch) active(sec int64) []*leaf {
	var out []*leaf
	for _, l := range w.leaves {
		if l.last >= sec-histSecs {
			out = append(out, l)
		}
	}
	return out
}
