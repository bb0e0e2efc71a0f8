package burst

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"signalbox/internal/traffic"
)

// recorded draws a fault somewhere and gives the seconds of leaves.
func recorded(t *rapid.T) (*world, [][]Leaf) { return drawn(t, 0.1, 5) }

// drawn is recorded with a fault that makes at least so many requests fail, for at least so long after as long a calm.
func drawn(t *rapid.T, least float64, long int64) (*world, [][]Leaf) {
	w := newWorld(rapid.Uint64Range(0, 1000).Draw(t, "seed"), rapid.Float64Range(20, 60).Draw(t, "rate"), 0.006)
	cell := rapid.SampledFrom(cells).Draw(t, "cell")
	scope := rapid.SampledFrom([]traffic.Scope{
		{"provider": cell[0], "model": cell[1], "region": cell[2]},
		{"provider": cell[0]},
		{"model": cell[1]},
		{"region": cell[2]},
		{"workload": "batch"},
		{},
	}).Draw(t, "scope")
	from := begin + rapid.Int64Range(long, 20).Draw(t, "calm")
	w.faults = []trouble{{
		scope: scope, share: rapid.Float64Range(least, 1).Draw(t, "share"),
		outcome: rapid.SampledFrom([]traffic.Outcome{gw502, limit429, cut200, bad400}).Draw(t, "outcome"),
		from:    from, to: from + rapid.Int64Range(long, 30).Draw(t, "length"),
	}}
	var secs [][]Leaf
	for sec := begin; sec < begin+60; sec++ {
		secs = append(secs, w.second(sec))
	}
	return w, secs
}

func play(syms *traffic.Symbols, secs [][]Leaf, from int64) []Event {
	d := New(Options{Symbols: syms})
	var out []Event
	for i, leaves := range secs {
		out = append(out, d.Step(from+int64(i), leaves)...)
	}
	return out
}

// brief is what must not change when names or clocks do.
type brief struct {
	kind    EventKind
	at      int64
	onset   int64
	failed  int64
	total   int64
	state   string
	leading string
	dims    string
}

func briefs(events []Event, shift int64) []brief {
	var out []brief
	for _, e := range events {
		var dims []string
		for d := range e.Burst.Scope {
			dims = append(dims, d)
		}
		slices.Sort(dims)
		text := ""
		for _, d := range dims {
			text += d + " "
		}
		out = append(out, brief{
			e.Kind, e.At.Unix() - shift, e.Burst.Onset.Unix() - shift, e.Burst.Failed, e.Burst.Total, e.Burst.State,
			e.Burst.Leading, text,
		})
	}
	return out
}

func TestTimeShiftChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, secs := recorded(t)
		shift := rapid.Int64Range(1, 1_000_000).Draw(t, "shift")
		a, b := briefs(play(w.syms, secs, begin), 0), briefs(play(w.syms, secs, begin+shift), shift)
		if !slices.Equal(a, b) {
			t.Fatalf("%v\nshifted by %d s:\n%v", a, shift, b)
		}
	})
}

func TestOtherNamesChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, secs := recorded(t)
		// The same names under other symbols, so that every order that symbols give is another one.
		syms := traffic.NewSymbols(0)
		names := map[string]bool{}
		for _, s := range w.series {
			for _, v := range s.labels {
				names[v] = true
			}
		}
		sorted := make([]string, 0, len(names))
		for n := range names {
			sorted = append(sorted, n)
		}
		slices.Sort(sorted)
		for _, n := range rapid.Permutation(sorted).Draw(t, "order") {
			syms.Intern(n)
		}
		keys := map[traffic.Key]traffic.Key{}
		for _, s := range w.series {
			k := s.key
			for d := range k {
				k[d] = syms.Intern(w.syms.Name(k[d]))
			}
			keys[s.key] = k
		}
		renamed := make([][]Leaf, len(secs))
		for i, leaves := range secs {
			for _, l := range leaves {
				l.Key = keys[l.Key]
				renamed[i] = append(renamed[i], l)
			}
			slices.Reverse(renamed[i])
		}
		a, b := play(w.syms, secs, begin), play(syms, renamed, begin)
		if !slices.Equal(briefs(a, 0), briefs(b, 0)) {
			t.Fatalf("%v\nrenamed:\n%v", briefs(a, 0), briefs(b, 0))
		}
		for i := range a {
			if !a[i].Burst.Scope.Equal(b[i].Burst.Scope) {
				t.Fatalf("%v, renamed %v", a[i].Burst.Scope, b[i].Burst.Scope)
			}
		}
	})
}

// split deals the requests of each leaf to two that differ in one dimension.
func split(w *world, secs [][]Leaf, d traffic.Dim) [][]Leaf {
	halves := [2]traffic.Sym{w.syms.Intern("half-a"), w.syms.Intern("half-b")}
	out := make([][]Leaf, len(secs))
	for i, leaves := range secs {
		for _, l := range leaves {
			var tallied [2]map[traffic.Outcome]int64
			for h := range tallied {
				tallied[h] = map[traffic.Outcome]int64{}
			}
			for _, o := range l.ByOutcome {
				a := w.binomial(o.N, 0.5)
				tallied[0][o.Outcome] += a
				tallied[1][o.Outcome] += o.N - a
			}
			for h, x := range tallied {
				if half := leafOf(l.Key.With(d, halves[h]), x); half.Req > 0 {
					out[i] = append(out[i], half)
				}
			}
		}
	}
	return out
}

// An instance or a caller is folded: a leaf that is split by it is the same to the last bit.
func TestSplittingByWhatIsFoldedChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, secs := recorded(t)
		d := rapid.SampledFrom([]traffic.Dim{traffic.Instance, traffic.Caller}).Draw(t, "dim")
		a, b := briefs(play(w.syms, secs, begin), 0), briefs(play(w.syms, split(w, secs, d), begin), 0)
		if !slices.Equal(a, b) {
			t.Fatalf("%v\nsplit by %s:\n%v", a, d, b)
		}
	})
}

// A leaf that is split by a dimension that tells leaves apart knows half as much in either half: the same bursts are
// found, a moment earlier or later. A fault at the very edge of what can be seen may fall to either side of it: such
// ones are not asked about.
func TestSplittingLeavesChangesNoVerdict(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, secs := drawn(t, 0.5, 15)
		a, b := kinds(play(w.syms, secs, begin), Opened), kinds(play(w.syms, split(w, secs, traffic.Stream), begin), Opened)
		if len(a) != len(b) {
			t.Fatalf("%v, %d bursts, split %d", w.faults, len(a), len(b))
		}
		for i := range a {
			if x, y := a[i], b[i]; x.Kind != y.Kind || max(x.Detected.Sub(y.Detected), y.Detected.Sub(x.Detected)) > 12*time.Second { // a dozen failures more, where what is normal was learnt in less than half a minute
				t.Fatalf("%s\nsplit:\n%s", x.Reason, y.Reason)
			}
		}
	})
}

func TestMoreTrafficIsNeverSlower(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, secs := recorded(t)
		double := make([][]Leaf, len(secs))
		for i, leaves := range secs {
			for _, l := range leaves {
				l.ByOutcome = slices.Clone(l.ByOutcome)
				for j := range l.ByOutcome {
					l.ByOutcome[j].N *= 2
					l.ByOutcome[j].First *= 2
				}
				l.FirstReq *= 2
				double[i] = append(double[i], l)
			}
		}
		a, b := kinds(play(w.syms, secs, begin), Opened), kinds(play(w.syms, double, begin), Opened)
		if len(a) > 0 && (len(b) == 0 || b[0].Detected.After(a[0].Detected)) {
			t.Fatalf("%d bursts, with twice the traffic %d: slower", len(a), len(b))
		}
	})
}

func TestEventsTellALife(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, secs := recorded(t)
		open := map[string]bool{}
		for _, e := range play(w.syms, secs, begin) {
			b := e.Burst
			switch _, known := open[b.ID]; {
			case e.Kind == Opened && known:
				t.Fatalf("%s opened twice", b.ID)
			case e.Kind != Opened && !known:
				t.Fatalf("%s %s before it opened", b.ID, e.Kind)
			case e.Kind == Reopened && open[b.ID], (e.Kind == Settled || e.Kind == Revised) && !open[b.ID]:
				t.Fatalf("%s %s while open is %v", b.ID, e.Kind, open[b.ID])
			}
			open[b.ID] = e.Kind == Opened || e.Kind == Reopened || e.Kind == Revised
			if open[b.ID] != b.Live() {
				t.Fatalf("%s after %s: live %v", b.ID, e.Kind, b.Live())
			}
			if b.Failed > b.Total || b.Share < 0 || b.Share > 1 || b.Peak > 1 || b.Onset.After(b.Detected) || b.Reason == "" ||
				b.Detected.After(e.At) || (b.Provisional && e.At.Sub(b.Detected) > 5*time.Second) {
				t.Fatalf("%s: %+v", e.Kind, b)
			}
			var inCells int64
			for _, c := range b.Cells {
				inCells += c.Err
			}
			if inCells != b.Failed {
				t.Fatalf("%d failed, %d in cells", b.Failed, inCells)
			}
		}
	})
}
