package burst

import (
	"testing"

	"pgregory.net/rapid"

	"signalbox/internal/traffic"
)

// The total of a stretch is what its seconds add up to.
func TestTotalIsTheSumOfSeconds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := New(Options{Symbols: traffic.NewSymbols(0)})
		var l leaf
		l.watch = d.blame
		sec := begin
		for range rapid.IntRange(0, 40).Draw(t, "seconds") {
			sec += rapid.Int64Range(1, 30).Draw(t, "later")
			x := slot{sec: sec}
			for _, o := range rapid.SliceOfN(rapid.SampledFrom([]traffic.Outcome{gw502, limit429, cut200, bad400}), 0, 3).Draw(t, "failures") {
				first, again := rapid.Int64Range(0, 70_000).Draw(t, "first"), rapid.Int64Range(0, 5).Draw(t, "again")
				if first+again == 0 {
					continue
				}
				x.fails = append(x.fails, OutcomeN{Outcome: o, N: first + again, First: first})
				x.k[d.table.of(o)] += int32(first)
				x.n += int32(first)
				x.all += int32(first + again)
			}
			x.ok = rapid.Int32Range(0, 70_000).Draw(t, "fine")
			x.n, x.all = x.n+x.ok, x.all+x.ok
			for s := firstMeasured; s < signals; s++ {
				n := rapid.SampledFrom([]int32{0, x.ok, x.ok, x.all, x.ok + 1}).Draw(t, "measured")
				x.measured[s-firstMeasured], x.k[s] = n, rapid.Int32Range(0, n).Draw(t, "beyond")
			}
			l.past.put(sec, &x, d.table)
		}
		from := begin + rapid.Int64Range(-10, 600).Draw(t, "from")
		to := from + rapid.Int64Range(-1, 600).Draw(t, "long")
		var want counts
		l.slots(from, to, func(x *slot) {
			want.n += x.n
			want.ok += x.ok
			for s := range want.k {
				want.k[s] += x.k[s]
			}
			for s := range want.measured {
				want.measured[s] += x.measured[s]
			}
		})
		if got := l.past.total(from, to); got != want {
			t.Fatalf("%+v, second by second %+v", got, want)
		}
	})
}
