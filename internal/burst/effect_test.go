package burst

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// blocks draws blocks with noise that all requests of a block share.
func blocks(rng *rand.Rand, n int, perSecond, p, cv float64) WindowCounts {
	w := &world{rng: rng}
	var out WindowCounts
	for range n {
		noisy := min(max(p*(1+cv*rng.NormFloat64()), 0), 1)
		reqs := w.poisson(max(10*perSecond*(1+0.3*rng.NormFloat64()), 0))
		out = append(out, Block{N: reqs, K: w.binomial(reqs, noisy)})
	}
	return out
}

func share(runs int, v Verdict, draw func() (before, after WindowCounts)) float64 {
	n := 0
	runs = max(runs/thrift, 100)
	for range runs {
		if Compare(draw()).Verdict == v {
			n++
		}
	}
	return float64(n) / float64(runs)
}

func TestCompareRarelySeesAChangeThatIsNotThere(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct{ perSecond, p float64 }{{0.5, 0.3}, {5, 0.1}, {5, 0.3}, {50, 0.3}} {
		draw := func() (WindowCounts, WindowCounts) {
			return blocks(rng, 12, c.perSecond, c.p, 0.3), blocks(rng, 6, c.perSecond, c.p, 0.3)
		}
		if wrong := share(1000, Helped, draw) + share(1000, Worse, draw); wrong > 0.1 {
			t.Errorf("%v requests/s, %v: false change in %.3f", c.perSecond, c.p, wrong)
		}
	}
}

func TestCompareSeesHalving(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, c := range []struct {
		from, to float64
		want     Verdict
	}{{0.3, 0.15, Helped}, {0.15, 0.3, Worse}, {0.3, 0.03, Helped}} {
		seen := share(500, c.want, func() (WindowCounts, WindowCounts) {
			return blocks(rng, 12, 5, c.from, 0.3), blocks(rng, 6, 5, c.to, 0.3)
		})
		if seen < 0.8 {
			t.Errorf("%v -> %v: %s in %.2f", c.from, c.to, c.want, seen)
		}
	}
}

func TestCompareSays(t *testing.T) {
	steady := func(n int, b Block) WindowCounts {
		var w WindowCounts
		for range n {
			w = append(w, b)
		}
		return w
	}
	for _, c := range []struct {
		name          string
		before, after WindowCounts
		want          Verdict
		text          string
	}{
		{"helped", steady(12, Block{100, 18}), steady(2, Block{100, 3}), Helped, "18% -> 3.0% ("},
		{"no change", steady(30, Block{500, 90}), steady(12, Block{500, 92}), NoChange, "18% -> 18% ("},
		{"worse", steady(12, Block{100, 18}), steady(6, Block{100, 60}), Worse, "18% -> 60% ("},
		{"thin", steady(12, Block{1, 0}), steady(2, Block{1, 1}), CannotTell, "too little traffic"},
		{"nothing", nil, nil, CannotTell, "too little traffic"},
		{"all failed on both sides", steady(6, Block{50, 50}), steady(6, Block{50, 50}), CannotTell, "100% -> 100% ("},
	} {
		e := Compare(c.before, c.after)
		if e.Verdict != c.want || !strings.HasPrefix(e.Text, c.text) {
			t.Errorf("%s: %s %q, want %s %q", c.name, e.Verdict, e.Text, c.want, c.text)
		}
		if c.name == "helped" && (!strings.HasSuffix(e.Text, ", 20 s") || e.Low >= e.After || e.High <= e.After) {
			t.Errorf("%s: %q, %v-%v", c.name, e.Text, e.Low, e.High)
		}
	}
}

func TestTQuantile(t *testing.T) {
	for free, want := range map[float64]float64{3: 3.182, 5: 2.571, 10: 2.228, 30: 2.042, 1000: 1.962} {
		if got := tQuantile(free); math.Abs(got-want) > 0.03*want {
			t.Errorf("t(0.975, %v) = %v, want %v", free, got, want)
		}
	}
}
