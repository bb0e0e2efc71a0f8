package board

import (
	"fmt"
	"testing"
	"time"

	"signalbox/internal/traffic"
)

// BenchmarkFlood lets a board take 100,000 lines a second of log time, in blocks as a source hands them over, of three thousand
// series by turns, and asks it what detection asks each second.
func BenchmarkFlood(b *testing.B) {
	const each, series, seconds = 500, 3000, 3
	syms := traffic.NewSymbols(0)
	places := traffic.NewPlaces(1 << 20)
	l := &traffic.Lines{Places: places, Source: syms.Intern("log")}
	for i := range each {
		rec := gatewayLine(syms, 33*i+1)
		l.All = append(l.All, traffic.Line{Brief: rec.Brief(0), Begin: uint32(len(l.Text)), Size: uint32(len(rec.Raw)), ID: 30, IDSize: 28}) //nolint:gosec // small
		l.Text = append(l.Text, rec.Raw...)
	}
	for i := range series {
		places.Of(keyOf(syms, "model", fmt.Sprint("m", i%12), "region", fmt.Sprint("r", i/12%10), "caller", fmt.Sprint("c", i/120)))
	}
	l.Keys = places.Keys()
	began, n := cpuTime(b), uint64(0)
	for b.Loop() {
		board := New(Options{Symbols: syms})
		for i := range seconds * 100_000 / each {
			now := at(time.Duration(i) * time.Second * each / 100_000)
			for j := range l.All {
				n++
				x := &l.All[j]
				x.At, x.Place = now.UnixNano()+int64(j)*10_000, uint32(n*golden>>33%series) //nolint:gosec // small
			}
			board.Apply(traffic.Batch{Source: "log", Lines: l}, now)
			if i%(100_000/each) == 0 {
				board.Leaves(now.Unix() - 1)
			}
		}
	}
	b.ReportMetric((cpuTime(b)-began).Seconds()*1e9/float64(b.N)/(seconds*100_000), "cpu-ns/line")
}
