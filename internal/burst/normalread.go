package burst

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"signalbox/internal/traffic"
)

// normalReader holds lines against their bounds, and then makes what is normal of them.
type normalReader struct {
	syms         *traffic.Symbols
	about        normalHead
	names        map[string]bool
	leaves, cuts int
}

var errKnownName = errors.New("a name is empty, too long, or has signs that nobody sees, or there are too many names")

func (r *normalReader) head(line []byte) error {
	h := &r.about
	if err := json.Unmarshal(line, h); err != nil {
		return fmt.Errorf("the line about all of it: %w", err)
	}
	if h.At.Unix() <= 0 || h.At.Year() > 9999 || !finite(maxKnown, float32(h.Seconds[0]), float32(h.Seconds[1])) {
		return errors.New("the times cannot be")
	}
	for _, g := range h.Attempts {
		if !r.name(g) {
			return errKnownName
		}
	}
	return nil
}

func (r *normalReader) name(s string) bool {
	r.names[s] = true
	return plainName(s) && len(r.names) <= maxKnownNames
}

func (r *normalReader) scope(s traffic.Scope) error {
	for dim, name := range s {
		if d, ok := traffic.ParseDim(dim); !ok || d.String() != dim {
			return fmt.Errorf("%q is no dimension", dim)
		}
		if !r.name(name) {
			return errKnownName
		}
	}
	return nil
}

// check holds one line against its bounds.
func (r *normalReader) check(x *normalLine) error {
	if !slices.Contains(watchNames[:], x.Watch) {
		return fmt.Errorf("watch %q is not known", x.Watch)
	}
	switch {
	case x.Leaf != nil && x.Cut == nil:
		return r.checkLeaf(x)
	case x.Cut != nil && x.Leaf == nil:
		return r.checkCut(x)
	}
	return errors.New("it is neither a leaf nor a cut")
}

func (r *normalReader) checkLeaf(x *normalLine) error {
	if r.leaves++; r.leaves > maxKnownLeaves {
		return fmt.Errorf("more than %d leaves", maxKnownLeaves)
	}
	if err := r.scope(x.Leaf); err != nil {
		return err
	}
	if !finite(maxKnown, x.Seen, x.Span, float32(x.Last)) || x.Learned != nil && !finite(maxKnown, float32(*x.Learned)) {
		return errors.New("the counts or times of a leaf cannot be")
	}
	for name, v := range x.Signals {
		if !finite(maxKnown, v[0], v[1]) || float64(v[1]) > 1.001*float64(v[0])+1 {
			return fmt.Errorf("%s: %v of %v cannot fail", name, v[1], v[0])
		}
	}
	for name, m := range x.Marks {
		if !finite(maxKnown, m[0]) || !finite(maxKnownBin, m[1], m[2]) || m[2] < m[1] {
			return fmt.Errorf("the %s of a leaf cannot be spread so", name)
		}
	}
	return nil
}

func (r *normalReader) checkCut(x *normalLine) error {
	if r.cuts++; r.cuts > maxKnownCuts || len(x.Cut) > len(cutDims) {
		return fmt.Errorf("more than %d cuts, or %d places of one", maxKnownCuts, len(cutDims))
	}
	for _, s := range x.Cut {
		if err := r.scope(s); err != nil {
			return err
		}
	}
	for name, v := range x.Scatter {
		if !finite(maxKnown, v[0]) || !finite(1, v[1]) {
			return fmt.Errorf("%s cannot scatter so", name)
		}
	}
	if v := x.Volume; v != nil {
		if v.Age < 0 || v.Blocks < 0 || !finite(maxKnown, float32(v.Age), float32(v.Blocks), v.Usual[0], v.Usual[1], v.Usual[2], v.Scatter[0]) ||
			!finite(1, v.Scatter[1]) {
			return errors.New("the amount of traffic of a cut cannot be")
		}
	}
	return nil
}

// normal makes what is normal of lines that are right.
func (r *normalReader) normal(lines []normalLine) *Normal {
	n := &Normal{At: r.about.At.UTC(), syms: r.syms, Known: time.Duration(r.about.Seconds[0]) * time.Second}
	for _, g := range r.about.Attempts {
		n.upstream = append(n.upstream, r.syms.Intern(g))
	}
	until := n.At.Unix()
	for i := range n.watches {
		n.watches[i].born = until - r.about.Seconds[i]
	}
	for i := range lines {
		x := &lines[i]
		k := &n.watches[slices.Index(watchNames[:], x.Watch)]
		if x.Leaf != nil {
			k.leaves = append(k.leaves, r.leaf(x, until))
		} else {
			k.cuts = append(k.cuts, r.cut(x))
		}
	}
	return n
}

func (r *normalReader) key(s traffic.Scope) (k traffic.Key) {
	for d := range traffic.NumDims {
		k[d] = r.syms.Intern(s[d.String()])
	}
	return k
}

func (r *normalReader) leaf(x *normalLine, until int64) knownLeaf {
	k := knownLeaf{key: leafKey(r.key(x.Leaf)), seen: float64(x.Seen), span: float64(x.Span), last: until - x.Last, wide: x.Wide}
	if x.Learned != nil {
		k.learned = until - *x.Learned
	}
	for s, name := range signalNames {
		v := x.Signals[name]
		k.n[s], k.k[s] = float64(v[0]), min(float64(v[1]), float64(v[0]))
	}
	for v, name := range valueWords {
		m := x.Marks[name]
		k.marks[v] = knownMark{m[0], m[1], m[2]}
	}
	return k
}

func (r *normalReader) cut(x *normalLine) knownCut {
	var k knownCut
	for _, s := range x.Cut {
		p := place{key: r.key(s)}
		for d := range traffic.NumDims {
			if p.key[d] != traffic.Unknown {
				p.mask |= 1 << d
			}
		}
		k.places = append(k.places, p)
	}
	for s, name := range signalNames {
		v := x.Scatter[name]
		k.scatter[s] = knownScatter{float64(v[0]), float64(v[1])}
	}
	if v := x.Volume; v != nil {
		k.volume = knownVolume{
			v.Age, v.Blocks, float64(v.Usual[0]), float64(v.Usual[1]), float64(v.Usual[2]),
			knownScatter{float64(v.Scatter[0]), float64(v.Scatter[1])},
		}
	}
	return k
}
