package burst

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"signalbox/internal/traffic"
)

// What is unpacked is what was packed, whatever came late, was dropped or was too much for sixteen bits.
func TestPastGivesBackWhatWasPut(t *testing.T) {
	table := newSignalTable()
	outcomes := []traffic.Outcome{gw502, cut200, limit429, bad400, none503}
	rapid.Check(t, func(t *rapid.T) {
		var p past
		type sum struct {
			n, ok, all int64
			k          [signals]int64
			measured   [signals - firstMeasured]int64
			fails      map[traffic.Outcome]OutcomeN
		}
		want := map[int64]*sum{}
		sec, floor := begin, int64(0)
		for range rapid.IntRange(1, 200).Draw(t, "puts") {
			sec += rapid.Int64Range(0, 40).Draw(t, "step")
			if gap := rapid.Int64Range(0, 200_000).Draw(t, "gap"); gap > 199_000 {
				sec += gap
			}
			at := max(sec-rapid.SampledFrom([]int64{0, 0, 0, 1, 80}).Draw(t, "late"), floor)
			x := slot{}
			x.ok = rapid.Int32Range(0, 3).Draw(t, "ok")
			if rapid.IntRange(0, 20).Draw(t, "many") == 0 {
				x.ok += 100_000
			}
			again := rapid.Int32Range(0, 2).Draw(t, "again")
			x.n, x.all = x.ok, x.ok+again
			for _, o := range rapid.SliceOfNDistinct(rapid.SampledFrom(outcomes), 0, 3, rapid.ID).Draw(t, "fails") {
				f := OutcomeN{Outcome: o, First: rapid.SampledFrom([]int64{0, 1, 5, 70_000}).Draw(t, "first")}
				f.N = f.First + rapid.Int64Range(0, 2).Draw(t, "more")
				if f.N == 0 {
					continue
				}
				x.fails = append(x.fails, f)
				x.n, x.all, x.k[table.of(o)] = x.n+int32(f.First), x.all+int32(f.N), x.k[table.of(o)]+int32(f.First)
			}
			for s := firstMeasured; s < signals; s++ {
				n := rapid.SampledFrom([]int32{0, x.ok, x.ok, x.all, x.ok + 1, 70_000}).Draw(t, "measured")
				x.measured[s-firstMeasured], x.k[s] = n, rapid.Int32Range(0, n).Draw(t, "beyond")
			}
			if floor = max(floor, sec-histSecs); at < floor {
				continue
			}
			p.drop(sec - histSecs)
			p.put(at, &x, table)
			w := want[at]
			if w == nil {
				w = &sum{fails: map[traffic.Outcome]OutcomeN{}}
				want[at] = w
			}
			w.n, w.ok, w.all = w.n+int64(x.n), w.ok+int64(x.ok), w.all+int64(x.all)
			for s := range signals {
				w.k[s] += int64(x.k[s])
			}
			for i := range w.measured {
				w.measured[i] += int64(x.measured[i])
			}
			for _, f := range x.fails {
				have := w.fails[f.Outcome]
				w.fails[f.Outcome] = OutcomeN{Outcome: f.Outcome, N: have.N + f.N, First: have.First + f.First}
			}
		}
		seen := 0
		l := leaf{past: p, watch: &watch{}}
		before := int64(0)
		l.slots(floor, sec, func(x *slot) {
			seen++
			w := want[x.sec]
			if w == nil || x.sec <= before {
				t.Fatalf("second %d after %d, wanted %v", x.sec, before, w)
			}
			before = x.sec
			got := map[traffic.Outcome]OutcomeN{}
			for _, f := range x.fails {
				have := got[f.Outcome]
				got[f.Outcome] = OutcomeN{Outcome: f.Outcome, N: have.N + f.N, First: have.First + f.First}
			}
			for o, f := range w.fails {
				if got[o] != f {
					t.Fatalf("%d: %v, want %v", x.sec, got[o], f)
				}
			}
			var k [signals]int64
			for s := range signals {
				k[s] = int64(x.k[s])
			}
			for i := range w.measured {
				if int64(x.measured[i]) != w.measured[i] {
					t.Fatalf("%d: %v measured, want %v", x.sec, x.measured, w.measured)
				}
			}
			if int64(x.n) != w.n || int64(x.ok) != w.ok || int64(x.all) != w.all || k != w.k {
				t.Fatalf("%d: %+v, want %+v", x.sec, x, w)
			}
		})
		for at := range want {
			if at >= floor {
				seen--
			}
		}
		if seen != 0 {
			t.Fatalf("%d seconds too many", seen)
		}
	})
}

// The baseline learns each second once, late ones excepted, and none that is frozen.
func TestSpans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s spans
		var want []int64
		at := begin
		for range rapid.IntRange(0, 40).Draw(t, "spans") {
			from := at - rapid.Int64Range(0, 30).Draw(t, "back")
			at += rapid.Int64Range(0, 50).Draw(t, "on")
			s.add(from, at)
			for sec := from; sec <= at; sec++ {
				want = append(want, sec)
			}
			at += rapid.Int64Range(1, 50).Draw(t, "off")
		}
		slices.Sort(want)
		for sec := begin - 40; sec < at+5; sec++ {
			if _, in := slices.BinarySearch(want, sec); s.has(sec) != in {
				t.Fatalf("%d: %v, want %v in %v", sec-begin, s.has(sec), in, s)
			}
		}
	})
}
