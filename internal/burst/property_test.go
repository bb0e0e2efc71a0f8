package burst

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"signalbox/internal/traffic"
)

// recorded draws a fault somewhere and gives the seconds of leaves.
func recorded(t *rapid.T) (*world, [][]Leaf) {
	scope := somewhere(t)
	return drawn(t, scope, rapid.Float64Range(20, 60).Draw(t, "rate"), 0.1, 5)
}

// clearly is how many requests of a scope fail in a second where nobody can miss it. What a young leaf shows is taken for
// normal after ten seconds, even what fails then, if the evidence is not enough by that time; with so many it is enough
// after five, whichever scope it is. Of those of which five fail one in a thousand is missed, split or not.
const clearly = 8

// plain draws a fault that is well beyond the edge of what can be seen, and lasts.
func plain(t *rapid.T) (*world, [][]Leaf) {
	scope := somewhere(t)
	part := 0.0
	for _, s := range newWorld(0, 1, 0).series {
		if scope.Covers(s.labels) {
			part += s.rate
		}
	}
	least := max(20, clearly/part)
	rate := rapid.Float64Range(least, 3*least).Draw(t, "rate")
	return drawn(t, scope, rate, max(0.5, clearly/(rate*part)), 15)
}

// somewhere draws the scope of a fault.
func somewhere(t *rapid.T) traffic.Scope {
	cell := rapid.SampledFrom(cells).Draw(t, "cell")
	return rapid.SampledFrom([]traffic.Scope{
		{"provider": cell[0], "model": cell[1], "region": cell[2]},
		{"provider": cell[0]},
		{"model": cell[1]},
		{"region": cell[2]},
		{"workload": "batch"},
		{},
	}).Draw(t, "scope")
}

// drawn draws a fault in a scope that makes at least so large a share fail, for at least so long after as long a calm.
func drawn(t *rapid.T, scope traffic.Scope, rate, least float64, long int64) (*world, [][]Leaf) {
	w := newWorld(rapid.Uint64Range(0, 1000).Draw(t, "seed"), rate, 0.006)
	from := begin + rapid.Int64Range(long, 20).Draw(t, "calm")
	w.faults = []trouble{{
		scope: scope, share: rapid.Float64Range(min(least, 1), 1).Draw(t, "share"),
		outcome: rapid.SampledFrom([]traffic.Outcome{gw502, limit429, cut200, bad400}).Draw(t, "outcome"),
		from:    from, to: from + rapid.Int64Range(long, 30).Draw(t, "length"),
	}}
	return w, w.seconds(60)
}

// seconds draws the first seconds of the world.
func (w *world) seconds(n int64) [][]Leaf {
	var secs [][]Leaf
	for sec := begin; sec < begin+n; sec++ {
		secs = append(secs, w.second(sec))
	}
	return secs
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
// ones are not asked about here.
func TestSplittingLeavesChangesNoVerdict(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, secs := plain(t)
		a, b := kinds(play(w.syms, secs, begin), Opened), kinds(play(w.syms, split(w, secs, traffic.Stream), begin), Opened)
		if len(a) != len(b) || len(a) == 0 {
			t.Fatalf("%v, %d bursts, split %d", w.faults, len(a), len(b))
		}
		for i := range a {
			if x, y := a[i], b[i]; x.Kind != y.Kind || max(x.Detected.Sub(y.Detected), y.Detected.Sub(x.Detected)) > 5*time.Second {
				t.Fatalf("%s\nsplit:\n%s", x.Reason, y.Reason)
			}
		}
	})
}

// At the edge of what can be seen splitting costs something, because half as much is known of either half: of sixty
// faults in which half the requests of one cell fail for thirty seconds a few fewer are found, and a second later. One
// that is not found counts as found at its end.
func TestSplittingCostsLittleAtTheEdge(t *testing.T) {
	const length, worlds = 30, 60
	type seen struct {
		found int
		took  float64 // seconds in the mean
	}
	for _, at := range []struct {
		rate         float64 // of all eight cells
		calm         int64
		whole, split seen // at least so many, after so long at most
	}{
		{20, 17, seen{42, 16.5}, seen{41, 17.3}},
		{40, 17, seen{58, 7.6}, seen{57, 8.2}},
		{20, 60, seen{57, 11}, seen{53, 12.4}},
	} {
		var got [2]seen
		for seed := range uint64(worlds) {
			w := newWorld(seed, at.rate, 0.006)
			cell := cells[seed%uint64(len(cells))]
			w.faults = []trouble{{
				scope: traffic.Scope{"provider": cell[0], "model": cell[1], "region": cell[2]},
				share: 0.5, outcome: gw502, from: begin + at.calm, to: begin + at.calm + length,
			}}
			secs := w.seconds(at.calm + length)
			for i, leaves := range [][][]Leaf{secs, split(w, secs, traffic.Stream)} {
				delay := float64(length)
				if open := kinds(play(w.syms, leaves, begin), Opened); len(open) > 0 {
					got[i].found++
					delay = open[0].Detected.Sub(time.Unix(begin+at.calm, 0)).Seconds()
				}
				got[i].took += delay / worlds
			}
		}
		for i, want := range []seen{at.whole, at.split} {
			if got[i].found < want.found || got[i].took > want.took {
				t.Errorf("%.0f requests/s, calm for %d s, %s: found %d after %.1f s, wanted %d after %.1f s",
					at.rate, at.calm, []string{"whole", "split"}[i], got[i].found, got[i].took, want.found, want.took)
			}
		}
	}
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
