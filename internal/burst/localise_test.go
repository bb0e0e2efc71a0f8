package burst

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// drawUneven draws leaves of which no two places have the same evidence, so that an answer hangs on no tie.
func drawUneven(t *rapid.T) []ScopeLeaf {
	leaves := drawLeaves(t)
	for i := range leaves {
		if l := &leaves[i]; l.N > 0 {
			l.N += float64(mix(uint64(i))%1000) / 1000
			l.K = min(l.N, l.K+float64(mix(uint64(i)+1000)%1000)/5000)
		}
	}
	return leaves
}

// covered are the requests, failures and leaves of a cause.
func covered(c *Cause, leaves []ScopeLeaf) (n, k float64) {
	for _, l := range leaves {
		inside := true
		for d, v := range c.Values {
			inside = inside && (v < 0 || l.Values[d] == v)
		}
		if inside {
			n, k = n+l.N, k+l.K
		}
	}
	return n, k
}

func alikeNumbers(x, y float64) bool {
	return math.Abs(x-y) <= 1e-6*max(1, math.Abs(x))
}

// sameCauses compares causes but for what they are called.
func sameCauses(t *rapid.T, how string, a, b []Cause) {
	t.Helper()
	same := slices.EqualFunc(a, b, func(x, y Cause) bool {
		return alikeNumbers(x.Gain, y.Gain) && alikeNumbers(x.N, y.N) && alikeNumbers(x.K, y.K) &&
			alikeNumbers(x.Expected, y.Expected) && alikeNumbers(x.Share, y.Share) && x.Separable == y.Separable
	})
	if !same {
		t.Fatalf("%+v\n%s\n%+v", a, how, b)
	}
}

func drawOptions(t *rapid.T) ScopeOptions {
	return ScopeOptions{Somewhere: rapid.Bool().Draw(t, "somewhere"), Alarmed: rapid.Bool().Draw(t, "alarmed")}
}

func TestCausesCoverWhatTheySay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		leaves, o := drawLeaves(t), drawOptions(t)
		for _, c := range Localise(leaves, o) {
			n, k := covered(&c, leaves)
			if !alikeNumbers(n, c.N) || !alikeNumbers(k, c.K) || c.Share < 0 || c.Share > 1 {
				t.Fatalf("%+v covers %v of %v", c, k, n)
			}
			named := slices.ContainsFunc(c.Values, func(v int32) bool { return v >= 0 })
			if o.Somewhere && !named {
				t.Fatalf("%+v is everywhere", c)
			}
		}
	})
}

func TestOrderOfLeavesChangesNoCause(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		leaves, o := drawUneven(t), drawOptions(t)
		other := rapid.Permutation(leaves).Draw(t, "order")
		a, b := Localise(leaves, o), Localise(other, o)
		sameCauses(t, "in another order", a, b)
		for i := range a {
			if !slices.Equal(a[i].Values, b[i].Values) {
				t.Fatalf("%+v, in another order %+v", a[i], b[i])
			}
		}
	})
}

func TestOtherValuesChangeNoCause(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		leaves, o := drawUneven(t), drawOptions(t)
		salt := rapid.Uint64().Draw(t, "names")
		call := func(d int, v int32) int32 {
			if v < 0 {
				return -1 - int32(mix(salt+uint64(d))%5)
			}
			return int32(mix(salt+uint64(d))%1_000_000_000) + (7-v)*11
		}
		var other []ScopeLeaf
		for _, l := range leaves {
			l.Values = slices.Clone(l.Values)
			for d := range l.Values {
				l.Values[d] = call(d, l.Values[d])
			}
			other = append(other, l)
		}
		a, b := Localise(leaves, o), Localise(other, o)
		sameCauses(t, "by other names", a, b)
		for i := range a {
			for d, v := range a[i].Values {
				if got := b[i].Values[d]; (v < 0) != (got < 0) || (v >= 0 && got != call(d, v)) {
					t.Fatalf("%+v, by other names %+v", a[i], b[i])
				}
			}
		}
	})
}

func TestOrderOfDimensionsChangesNoCause(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		leaves, o := drawUneven(t), drawOptions(t)
		if len(leaves) == 0 {
			return
		}
		dims := make([]int, len(leaves[0].Values))
		for d := range dims {
			dims[d] = d
		}
		dims = rapid.Permutation(dims).Draw(t, "dimensions")
		var other []ScopeLeaf
		for _, l := range leaves {
			var values []int32
			for _, d := range dims {
				values = append(values, l.Values[d])
			}
			l.Values = values
			other = append(other, l)
		}
		sameCauses(t, "with dimensions in another order", Localise(leaves, o), Localise(other, o))
	})
}

func TestSplitLeavesChangeNoCause(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		leaves, o := drawUneven(t), drawOptions(t)
		var split []ScopeLeaf
		for i, l := range leaves {
			part := float64(mix(uint64(i))%4) / 4
			a, b := l, l
			a.N, a.K = l.N*part, l.K*part
			b.N, b.K = l.N-a.N, l.K-a.K
			split = append(split, a, b)
		}
		sameCauses(t, "with leaves split in two", Localise(leaves, o), Localise(split, o))
	})
}
