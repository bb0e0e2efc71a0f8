package burst

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
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

// lookBlocks are the blocks that each look sees: the first ten seconds are left out.
var lookBlocks = []int{1, 2, 5, 11, 23}

// oneSays is how often any of the looks at a lever gives a verdict, out of so many levers.
func oneSays(runs int, draw func() Trial, verdicts ...Verdict) float64 {
	n := 0
	runs = max(runs/thrift, 100)
	for range runs {
		full := draw()
		for _, blocks := range lookBlocks {
			t := full
			t.Cell.After = full.Cell.After[:blocks]
			if full.Control != nil {
				t.Control = &Windows{full.Control.Before, full.Control.After[:blocks]}
			}
			if slices.Contains(verdicts, t.Judge().Verdict) {
				n++
				break
			}
		}
	}
	return float64(n) / float64(runs)
}

// TestLeverSeesAChange counts, over the five looks together, how often a lever that does nothing seems to have done
// something, and how often one that halves or nearly ends the failures is seen. Failures scatter by 0.3 over ten
// seconds, requests too. Every row has a seed of its own.
func TestLeverSeesAChange(t *testing.T) {
	const most = 0.08
	for i, c := range []struct {
		nulls        int
		before       int // blocks
		perSecond, p float64
		halved, cut  float64 // how often it is seen at least
	}{
		{500, 12, 0.5, 0.3, 0.25, 0.85},
		{2000, 12, 5, 0.1, 0.65, 0.95},
		{2000, 12, 5, 0.3, 0.93, 0.99},
		{2000, 12, 50, 0.3, 0.95, 0.99},
		{1000, 3, 5, 0.3, 0.6, 0.95}, // a lever that was thrown half a minute into the burst
		{1000, 2, 50, 0.3, 0.65, 0.95},
		{200, 60, 200, 0.3, 0.95, 0.99},
	} {
		rng := rand.New(rand.NewPCG(11, uint64(i)))
		draw := func(to float64) func() Trial {
			return func() Trial {
				return Trial{Cell: Windows{blocks(rng, c.before, c.perSecond, c.p, 0.3), blocks(rng, 23, c.perSecond, to, 0.3)}}
			}
		}
		wrong := oneSays(c.nulls, draw(c.p), Helped, Worse)
		halved, cut := oneSays(c.nulls/4, draw(c.p/2), Helped), oneSays(c.nulls/4, draw(c.p/5), Helped)
		t.Logf("%3d blocks before, %5.1f requests/s, %2.0f%% fail: nothing done and a change seen %.3f, halved and seen %.3f, cut by 80%% and seen %.3f",
			c.before, c.perSecond, 100*c.p, wrong, halved, cut)
		if thrift == 1 && (wrong > most || halved < c.halved || cut < c.cut) {
			t.Errorf("want at most %.2f, at least %.2f and %.2f", most, c.halved, c.cut)
		}
	}
}

// TestLeverBesideAControl lets a burst end by itself while a lever is out: beside siblings that did not get it, it is
// not said to have helped; and one that does help is seen all the same.
func TestLeverBesideAControl(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	draw := func(cell, control float64) func() Trial {
		return func() Trial {
			o := Windows{blocks(rng, 12, 5, 0.3, 0.3), blocks(rng, 23, 5, control, 0.3)}
			return Trial{Cell: Windows{blocks(rng, 12, 5, 0.3, 0.3), blocks(rng, 23, 5, cell, 0.3)}, Control: &o}
		}
	}
	if wrong := oneSays(1000, draw(0.03, 0.03), Helped, Worse); wrong > 0.08 {
		t.Errorf("the burst ended everywhere: a change seen in %.3f", wrong)
	}
	if seen := oneSays(400, draw(0.03, 0.3), Helped); seen < 0.95 {
		t.Errorf("it ended only where the lever is: seen in %.3f", seen)
	}
	if seen := oneSays(400, draw(0.3, 0.03), Worse); seen < 0.95 {
		t.Errorf("it ended everywhere but where the lever is: seen in %.3f", seen)
	}
}

func TestJudgeSays(t *testing.T) {
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
		e := Trial{Cell: Windows{c.before, c.after}, Chance: 0.05}.Judge()
		if e.Verdict != c.want || !strings.HasPrefix(e.Text, c.text) {
			t.Errorf("%s: %s %q, want %s %q", c.name, e.Verdict, e.Text, c.want, c.text)
		}
		if c.name == "helped" && (!strings.HasSuffix(e.Text, ", 20 s") || e.Low >= e.After || e.High <= e.After) {
			t.Errorf("%s: %q, %v-%v", c.name, e.Text, e.Low, e.High)
		}
	}
}

func TestJudgeSaysWhatElseMustBeKnown(t *testing.T) {
	steady := func(n int, b Block) WindowCounts { return slices.Repeat(WindowCounts{b}, n) }
	failing, well := Block{100, 40}, Block{100, 2}
	for _, c := range []struct {
		name    string
		trial   Trial
		want    Verdict
		control Verdict
		note    string
	}{
		{"nothing else", Trial{Cell: Windows{steady(12, failing), steady(12, well)}}, Helped, "", ""},
		{
			"a cap removes requests",
			Trial{Cell: Windows{steady(12, failing), steady(12, Block{30, 1})}},
			Helped, "", "requests 10 -> 3.0 a second: fewer requests alone may be what helped",
		},
		{
			"it ended everywhere", Trial{
				Cell:    Windows{steady(12, failing), steady(12, well)},
				Control: &Windows{steady(12, failing), steady(12, well)},
			}, CannotTell, Helped, "without it 40% -> 2.0%: it may have ended by itself",
		},
		{
			"it moved", Trial{
				Cell:    Windows{steady(12, failing), steady(12, well)},
				Control: &Windows{steady(12, Block{100, 5}), steady(12, failing)},
			}, Helped, Worse, "without it 5.0% -> 40%: what is kept from here may fail there",
		},
		{
			"a control that never failed is none", Trial{
				Cell:    Windows{steady(12, failing), steady(12, well)},
				Control: &Windows{steady(12, Block{100, 0}), steady(12, Block{100, 0})},
			}, Helped, "", "",
		},
		{
			"blocks of another width",
			Trial{Cell: Windows{steady(12, failing), steady(3, Block{200, 4})}, Width: 20 * time.Second},
			Helped, "", "requests 5.0 -> 10 a second",
		},
	} {
		e := c.trial.Judge()
		var control Verdict
		if e.Control != nil {
			control = e.Control.Verdict
		}
		if e.Verdict != c.want || control != c.control || e.Note != c.note {
			t.Errorf("%s: %s, the control %q, %q; want %s, %q, %q", c.name, e.Verdict, control, e.Note, c.want, c.control, c.note)
		}
	}
}

func BenchmarkJudge(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	o := Windows{blocks(rng, 60, 5, 0.3, 0.3), blocks(rng, 23, 5, 0.3, 0.3)}
	trial := Trial{Cell: Windows{blocks(rng, 60, 5, 0.3, 0.3), blocks(rng, 23, 5, 0.15, 0.3)}, Control: &o}
	for b.Loop() {
		if trial.Judge().Text == "" {
			b.Fatal("nothing said")
		}
	}
}

func TestTQuantile(t *testing.T) {
	for free, want := range map[float64]float64{3: 3.182, 5: 2.571, 10: 2.228, 30: 2.042, 1000: 1.962} {
		if got := quantileT(0.05, free); math.Abs(got-want) > 0.03*want {
			t.Errorf("t(0.975, %v) = %v, want %v", free, got, want)
		}
	}
}

// Nothing failed after the lever: the log odds of nothing have an endless error, and the change is plain all the same.
// A drain two seconds after the onset, with a hundred requests before it, was once called "cannot tell".
func TestAShortBurstThatIsOverHasHelped(t *testing.T) {
	e := Trial{Cell: Windows{Before: WindowCounts{{N: 96, K: 15}}, After: WindowCounts{{N: 320}, {N: 320}, {N: 320}}}}.Judge()
	if e.Verdict != Helped {
		t.Errorf("%+v", e)
	}
	if e = (Trial{Cell: Windows{Before: WindowCounts{{N: 20, K: 1}}, After: WindowCounts{{N: 20}, {N: 20}}}}).Judge(); e.Verdict == Helped {
		t.Errorf("one failure that did not come again: %+v", e)
	}
}
