package burst

import (
	"math"
	"math/bits"
	"slices"
)

// projection scores all combinations of at most four dimensions. It adds the leaves up once for the finest sets of
// dimensions and gets each coarser set from the cells of a finer one, which are far fewer than the leaves.
type projection struct {
	grid  *grid
	rule  scanRule
	root  []sum    // one for each leaf
	rows  []row    // the values of each leaf: a cell is found by those of one of its leaves
	sets  []dimSet // sets of dimensions, each after the one that it comes from
	price []float64
	index []int32 // cell by mixed-radix number, plus one; all zero between uses
	depth [][]sum // cells of the set at hand and of those that it comes from
}

// row has the values of one leaf.
type row = [scanDimMax]int32

// sum is the evidence of one combination of values.
type sum struct {
	acc   gains
	n, e  float64 // requests, and failures that were expected or have been explained
	k     float64
	set   uint64 // a hash of its leaves
	first int32  // one of its leaves
	at    int32  // its mixed-radix number
}

// weigh makes the evidence that of one leaf.
func (x *sum) weigh(g *grid, leaf int, loose bool) {
	x.acc = g.weigh(leaf, loose)
	x.n, x.k, x.e = g.n[leaf], g.k[leaf], g.n[leaf]*g.p[leaf]
}

func (x *sum) add(y *sum) {
	x.set += y.set
	x.n, x.k, x.e = x.n+y.n, x.k+y.k, x.e+y.e
	for j := range x.acc {
		x.acc[j] += y.acc[j]
	}
}

// dimSet is a set of dimensions in the tree of projections.
type dimSet struct {
	mask   uint32
	dims   []int
	size   int // of the mixed-radix numbers
	scored bool
	next   []int // sets that come from this one
}

// newProjection lays out which set of dimensions comes from which.
func newProjection(g *grid, rule scanRule) *projection {
	pr := &projection{grid: g, rule: rule, root: make([]sum, g.leaves()), rows: make([]row, g.leaves())}
	for i := range pr.root {
		pr.root[i].set = mix(uint64(i) + 1) //nolint:gosec // an index
		pr.root[i].first = int32(i)         //nolint:gosec // an index
	}
	for d, column := range g.values {
		for i, v := range column {
			pr.rows[i][d] = v
		}
	}
	for _, card := range g.cards {
		pr.price = append(pr.price, math.Log(float64(card))+1)
	}
	pr.lay()
	return pr
}

// lay builds the tree. Its first set is the leaves themselves.
func (pr *projection) lay() {
	g := pr.grid
	size := make([]int, 1<<len(g.cards)) // 0: not looked at
	implied := g.implied()
	for mask := range size {
		size[mask] = pr.sizeOf(uint32(mask), implied) //nolint:gosec // at most 2^12
	}
	masks := make([]int, 0, len(size))
	for mask := range size {
		if size[mask] > 0 {
			masks = append(masks, mask)
		}
	}
	slices.SortStableFunc(masks, func(x, y int) int { return bits.OnesCount(uint(y)) - bits.OnesCount(uint(x)) }) //nolint:gosec // as above
	pr.sets = []dimSet{{}}
	where := make([]int, len(size)) // mask -> its set
	for _, mask := range masks {
		n := bits.OnesCount(uint(mask))                                                                 //nolint:gosec // as above
		s := dimSet{mask: uint32(mask), size: size[mask], scored: n <= scanAttrs && n >= pr.rule.attrs} //nolint:gosec // as above
		from, cells := 0, g.leaves()
		for d := range g.cards {
			if mask>>d&1 != 0 {
				s.dims = append(s.dims, d)
			} else if up := mask | 1<<d; where[up] > 0 && min(size[up], g.leaves()) < cells {
				from, cells = where[up], size[up]
			}
		}
		where[mask] = len(pr.sets)
		pr.sets[from].next = append(pr.sets[from].next, len(pr.sets))
		pr.sets = append(pr.sets, s)
	}
}

// sizeOf is how many cells a set of dimensions can have, 0 for one that is not looked at: it has too many, or holds
// a dimension that another one of it implies, so that a shorter name says the same. Sets of more dimensions than a
// scope may name are worth adding up only where they are much fewer than the leaves.
func (pr *projection) sizeOf(mask uint32, implied []uint32) int {
	size := 1
	for m := mask; m != 0; m &= m - 1 {
		d := bits.TrailingZeros32(m)
		card := pr.grid.cards[d]
		if size *= card; size > scanCells || (card > scanValues && mask != 1<<d) || implied[d]&mask != 0 {
			return 0
		}
	}
	if bits.OnesCount32(mask) > scanAttrs && size > pr.grid.leaves()/2 {
		return 0
	}
	return size
}

// implied gives for each dimension those whose value tells this one's: a deployment is of one provider. Of two that
// tell each other, the later one counts as implied.
func (g *grid) implied() []uint32 {
	out := make([]uint32, len(g.cards))
	for d := range g.cards {
		for e := range g.cards {
			if e != d && out[e]>>d&1 == 0 && g.cards[e] >= g.cards[d] && g.tells(e, d) {
				out[d] |= 1 << e
			}
		}
	}
	return out
}

// tells whether the value of dimension e tells that of d.
func (g *grid) tells(e, d int) bool {
	seen := make([]int32, g.cards[e])
	for i, v := range g.values[e] {
		switch want := g.values[d][i] + 1; seen[v] {
		case 0:
			seen[v] = want
		case want:
		default:
			return false
		}
	}
	return true
}

// scan scores all combinations. near are those that come close to the best and cover other leaves.
func (pr *projection) scan() (best candidate, near []candidate) {
	r := race{best: candidate{gain: math.Inf(-1)}}
	pr.visit(0, pr.root, 0, &r)
	return r.best, r.near
}

// visit goes down the tree of projections from one set, whose cells are given.
func (pr *projection) visit(at int, cells []sum, depth int, r *race) {
	if depth == len(pr.depth) {
		pr.depth = append(pr.depth, nil)
	}
	for _, next := range pr.sets[at].next {
		s := &pr.sets[next]
		pr.depth[depth] = pr.project(cells, s, pr.depth[depth][:0])
		if s.scored {
			pr.score(pr.depth[depth], s, r)
		}
		pr.visit(next, pr.depth[depth], depth+1, r)
	}
}

// project adds cells up that have the same values in the dimensions of a set.
func (pr *projection) project(cells []sum, s *dimSet, out []sum) []sum {
	if len(pr.index) < s.size {
		pr.index = make([]int32, s.size)
	}
	out = slices.Grow(out, min(s.size, len(cells)))
	for i := range cells {
		x := &cells[i]
		at, values := 0, &pr.rows[x.first]
		for _, d := range s.dims {
			at = at*pr.grid.cards[d] + int(values[d])
		}
		if pr.index[at] == 0 {
			out = append(out, *x)
			out[len(out)-1].at = int32(at) //nolint:gosec // below scanCells
			pr.index[at] = int32(len(out)) //nolint:gosec // at most one a leaf
			continue
		}
		out[pr.index[at]-1].add(x)
	}
	for i := range out {
		pr.index[out[i].at] = 0
	}
	return out
}

// weakest is the first of the strengths that a combination may be taken for: half of what it shows. Else a leaf that
// fails clearly would count as a harder part of a place that else hardly fails.
func (x *sum) weakest() int {
	half, at := (x.k-x.e)/(x.n-x.e)/2, 0
	for at+1 < len(scanStrengths) && scanStrengths[at+1] <= half {
		at++
	}
	return at
}

// score enters the cells of a set into the race, but those with an unknown value.
func (pr *projection) score(cells []sum, s *dimSet, r *race) {
	price := 0.0
	for _, d := range s.dims {
		price += pr.price[d]
	}
	c := candidate{choice: choice{mask: s.mask}, price: price}
next:
	for i := range cells {
		x := &cells[i]
		if slices.Max(x.acc[:])-price < r.best.gain-scanNear {
			continue // most cells are far behind
		}
		c.gain, c.set, c.leaf = slices.Max(x.acc[x.weakest():])-price, x.set, x.first
		for _, d := range s.dims {
			v := pr.rows[x.first][d]
			if v == pr.grid.unknown[d] {
				continue next
			}
			c.value[d] = v
		}
		r.enter(&c)
	}
}
