package burst

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"signalbox/internal/traffic"
)

// thousand is a fleet of a thousand leaves in about 150 cuts that asks 1,700 times a second: rates over more than
// three decades, so that about a third of the leaves have traffic in a second.
func thousand() *world {
	w := &world{syms: traffic.NewSymbols(0), rng: rand.New(rand.NewPCG(5, 7)), cv: 0.2}
	sum := 0.0
	rates := make([]float64, 1000)
	for i := range rates {
		rates[i] = math.Exp(w.rng.Float64() * 8)
		sum += rates[i]
	}
	for i, r := range rates {
		model, region := i%12, i/12%6
		w.add(traffic.Scope{
			"gateway": "edge", "side": "client", "model": fmt.Sprintf("m%d", model), "region": fmt.Sprintf("r%d", region),
			"provider": fmt.Sprintf("p%d", (model+i/72%2)%4), "endpoint": fmt.Sprintf("e%d", i/144%4), "workload": fmt.Sprintf("w%d", i/576),
		}, r*1700/sum, 0.006)
	}
	return w
}

func BenchmarkStep1000Leaves(b *testing.B) {
	w := thousand()
	d := New(Options{Symbols: w.syms})
	secs := make([][]Leaf, 400)
	for i := range secs {
		secs[i] = w.second(begin + int64(i))
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range histSecs {
		d.Step(begin+int64(i), secs[i%len(secs)])
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ResetTimer()
	b.ReportAllocs()
	for i := range b.N {
		d.Step(begin+histSecs+int64(i), secs[i%len(secs)])
	}
	b.StopTimer()
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(len(d.blame.leaves)*int(signals)), "B/leaf-signal")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(d.blame.keys*int(signals)), "ns/key-signal")
	b.ReportMetric(float64(d.blame.keys), "keys")
}
