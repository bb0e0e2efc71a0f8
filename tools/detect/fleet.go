package main

import (
	"fmt"
	"math"
	"time"

	"signalbox/internal/burst"
	"signalbox/internal/fault"
	"signalbox/internal/traffic"
	"signalbox/tools/detect/score"
	"signalbox/tools/trafficgen/gen"
)

// begin is the second at which every simulated day begins.
const begin = int64(1_767_571_200) // 2026-01-05T00:00:00Z

// feed turns the buckets of a fleet into what a detector is fed.
type feed struct {
	g        *gen.Gen
	syms     *traffic.Symbols
	keys     []traffic.Key
	outcomes [gen.NClass]traffic.Outcome
	leaves   []burst.Leaf
	counts   []burst.OutcomeN // what leaves point into, of this second
	bins     []traffic.Bin    // likewise
	dense    [traffic.MaxBin + 1]int32
	fell     []burst.FellN
}

func newFeed(g *gen.Gen) *feed {
	f := &feed{g: g, syms: traffic.NewSymbols(0)}
	for i := range g.Leaves {
		k := traffic.Key{}.With(traffic.Side, f.syms.Intern(traffic.SideClient))
		for d, name := range g.Dims {
			if dim, ok := traffic.ParseDim(name); ok {
				k = k.With(dim, f.syms.Intern(g.Name(i, d)))
			}
		}
		f.keys = append(f.keys, k)
	}
	for c, name := range [gen.NClass]string{
		gen.OK: "none", gen.ClientErr: "bad_request", gen.C429: "rate_limited", gen.C500: "server_error",
		gen.C502: "bad_gateway", gen.C503: "unavailable", gen.C504: "timeout", gen.Trunc: "truncated",
	} {
		class, ok := fault.ParseClass(name)
		if !ok {
			panic("no class " + name)
		}
		f.outcomes[c] = traffic.NewOutcome(class, gen.StatusOf[c])
	}
	return f
}

// reset begins another second.
func (f *feed) reset() {
	f.leaves, f.counts, f.bins, f.fell = f.leaves[:0], f.counts[:0], f.bins[:0], f.fell[:0]
}

// add takes a bucket. Repeats whose outcome is healthy are taken from the healthy ones.
func (f *feed) add(b *gen.Bucket) {
	l := burst.Leaf{
		Key: f.keys[b.Leaf], Req: int64(b.N), FirstReq: int64(b.N - b.Retries),
		Retries: int64(b.Retries), Again: int64(b.Retries), Width: time.Second,
	}
	from := len(f.counts)
	repeats := b.Retries
	for c := gen.NClass - 1; c >= 0; c-- {
		n, first := b.Cls[c], b.First[c]
		if c <= gen.ClientErr {
			first = max(n-max(repeats, 0), 0)
		}
		repeats -= n - first
		if n == 0 {
			continue
		}
		if c == gen.OK && len(b.LogLat) > 0 {
			l.Lat = f.histogram(b.LogLat[:first], logMicro)
		}
		if c == gen.OK && len(b.LogTTFT) > 0 {
			l.TTFT = f.histogram(b.LogTTFT[:first], logMicro)
		}
		switch {
		case c > gen.ClientErr:
			l.Err += int64(n)
			l.FirstErr += int64(first)
		case c == gen.ClientErr:
			l.CallerErr += int64(n)
		}
		f.counts = append(f.counts, burst.OutcomeN{Outcome: f.outcomes[c], N: int64(n), First: int64(first)})
	}
	if b.Fallen > 0 {
		from := burst.FellN{From: f.syms.Intern(b.From), N: int64(b.Fallen*float64(b.N-b.Retries) + 0.5)}
		f.fell = append(f.fell, from)
		l.Fell = f.fell[len(f.fell)-1 : len(f.fell) : len(f.fell)]
	}
	l.Tok = f.histogram(b.LogTok, 0)
	l.ByOutcome = f.counts[from:len(f.counts):len(f.counts)]
	f.leaves = append(f.leaves, l)
}

// Bin i ends at gamma^i; of durations in microseconds.
var (
	logMicro = math.Log(1e6)
	logGamma = math.Log((1 + traffic.Accuracy) / (1 - traffic.Accuracy))
)

// histogram makes sorted bins of values that are given as logarithms, in a unit whose logarithm is added.
func (f *feed) histogram(logs []float64, unit float64) []traffic.Bin {
	if len(logs) == 0 {
		return nil
	}
	low, high := int(traffic.MaxBin), 0
	for _, v := range logs {
		at := min(max(int(math.Ceil((v+unit)/logGamma)), 0), traffic.MaxBin)
		f.dense[at]++
		low, high = min(low, at), max(high, at)
	}
	from := len(f.bins)
	for at := low; at <= high; at++ {
		if n := f.dense[at]; n > 0 {
			f.bins = append(f.bins, traffic.Bin{At: int16(at), N: n}) //nolint:gosec // at most MaxBin
			f.dense[at] = 0
		}
	}
	return f.bins[from:len(f.bins):len(f.bins)]
}

// fleetOf is what the scorer knows of a fleet.
func fleetOf(g *gen.Gen) *score.Fleet {
	f := &score.Fleet{Dims: g.Dims, Values: g.Values}
	for i := range g.Leaves {
		f.Leaves = append(f.Leaves, score.Leaf{V: g.Leaves[i].V, Rate: g.Leaves[i].Rate})
	}
	return f
}

// faultsOf are the labels as the scorer wants them, without what only the traffic tells.
func faultsOf(g *gen.Gen, fleet *score.Fleet) []*score.Fault {
	var out []*score.Fault
	for i := range g.Faults {
		out = append(out, label(&g.Faults[i], fleet, i > 0 && g.Faults[i].Start < g.Faults[i-1].End))
	}
	return out
}

func label(f *gen.Fault, fleet *score.Fleet, second bool) *score.Fault {
	s := &score.Fault{
		Kind: f.Kind, Class: f.Class, Start: float64(f.Start), End: float64(f.End), Second: second, Hits: hits(f), In: fleet.Cover(f.Scope),
	}
	for i, l := range fleet.Leaves {
		if s.In[i] && fleet.Shows(i, f.Class) {
			s.Rate += l.Rate
		}
	}
	return s
}

// hits is how many requests a fault hits at a leaf of one request a second. Of slowness it is those that can be told
// from healthy ones, by the information that they carry.
func hits(f *gen.Fault) float64 {
	share := f.Eps
	if f.LatMult > 0 {
		d := math.Log(f.LatMult)
		share = min(1, d*d/0.605)
	}
	on := float64(f.End-f.Start) - float64(f.RampS)/2
	if f.OnS > 0 {
		on *= float64(f.OnS) / float64(f.OnS+f.OffS)
	}
	return share * on
}

// describe gives the faults what only the traffic tells.
func describe(faults []*score.Fault, lim []gen.Limit, seed uint64) {
	for i, f := range faults {
		f.Oracle, f.Limit = lim[i].Oracle(), lim[i].LimitS
		f.Text = fmt.Sprintf("seed %d +%.0f s, %.0f s long: %s of %s, %.2f requests/s in scope, limit %.0f s, oracle %.0f s",
			seed, f.Start, f.End-f.Start, f.Kind, f.Class, f.Rate, f.Limit, f.Oracle)
	}
}
