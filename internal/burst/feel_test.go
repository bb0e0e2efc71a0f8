package burst

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"signalbox/internal/traffic"
)

// feeling is by how much latency, time to first token and tokens are multiplied, and the share of attempts that are
// repeats.
type feeling struct {
	factor  [values]float64
	repeats float64
}

func even() feeling { return feeling{factor: [values]float64{1, 1, 1}, repeats: 0.02} }

// felt plays seconds in which requests take their time.
func (w *world) felt(d *Detector, from, to int64, how func(sec int64, labels traffic.Scope) feeling) (out []Event) {
	labels := make(map[traffic.Key]traffic.Scope)
	level := make(map[traffic.Key]float64)
	for i, m := range w.series {
		labels[m.key], level[m.key] = m.labels, 1e6*(1+float64(i%5))
	}
	ok := outcome("none", 200)
	for sec := from; sec < to; sec++ {
		leaves := w.second(sec)
		for i := range leaves {
			l := &leaves[i]
			f := how(sec, labels[l.Key])
			var drawn [values][]float64
			for _, o := range l.ByOutcome {
				for range o.First {
					if o.Outcome != ok {
						continue
					}
					slow := w.rng.NormFloat64()
					drawn[latency] = append(drawn[latency], f.factor[latency]*level[l.Key]*math.Exp(0.55*slow))
					drawn[firstToken] = append(drawn[firstToken], f.factor[firstToken]*3e5*math.Exp(0.4*w.rng.NormFloat64()))
					drawn[tokens] = append(drawn[tokens], f.factor[tokens]*900*math.Exp(0.8*w.rng.NormFloat64()))
				}
			}
			l.Lat, l.TTFT, l.Tok = binsOf(drawn[latency]), binsOf(drawn[firstToken]), binsOf(drawn[tokens])
			l.Again = w.binomial(l.Req, f.repeats/(1-f.repeats))
			l.Req += l.Again
			for j := range l.ByOutcome {
				if l.ByOutcome[j].Outcome == ok {
					l.ByOutcome[j].N += l.Again
				}
			}
		}
		out = append(out, d.Step(sec, leaves)...)
	}
	return out
}

func binsOf(list []float64) (out []traffic.Bin) {
	slices.Sort(list)
	for _, v := range list {
		at := traffic.BinOf(v)
		if n := len(out); n > 0 && out[n-1].At == at {
			out[n-1].N++
		} else {
			out = append(out, traffic.Bin{At: at, N: 1})
		}
	}
	return out
}

// settledIn plays a world that has been calm for twenty minutes, with trouble in a scope for five.
func settledIn(t *testing.T, seed uint64, scope traffic.Scope, trouble func(*world, *feeling)) []Burst {
	t.Helper()
	w := newWorld(seed, 60, 0.005)
	d := New(Options{Symbols: w.syms})
	const start, end = begin + 1200, begin + 1500
	bad := even()
	trouble(w, &bad)
	for i := range w.faults {
		w.faults[i].from, w.faults[i].to, w.faults[i].scope = start, end, scope
	}
	events := w.felt(d, begin, end+200, func(sec int64, labels traffic.Scope) feeling {
		if sec >= start && sec < end && scope.Covers(labels) {
			return bad
		}
		return even()
	})
	last := map[string]Burst{}
	for _, e := range events {
		last[e.Burst.ID] = e.Burst
		if e.Kind == Merged || e.Kind == Withdrawn {
			delete(last, e.Burst.ID)
		}
		if e.Kind == Opened && e.At.Unix() < start {
			t.Errorf("before anything was wrong: %s", e.Burst.Reason)
		}
	}
	var out []Burst
	for _, b := range last {
		out = append(out, b)
		if late := b.Detected.Unix() - start; late > 30 || b.Ended.IsZero() || b.Ended.Unix() > end+90 || !b.Scope.Equal(scope) {
			t.Errorf("%s seen after %d s, ended %v", b.Reason, late, b.Ended.Sub(time.Unix(end, 0)))
		}
	}
	if len(out) != 1 {
		show(t, events)
		t.Fatalf("%d bursts", len(out))
	}
	return out
}

func TestSlowAnswersAreFelt(t *testing.T) {
	cell := traffic.Scope{"provider": "azure", "model": "gpt-4o", "region": "eu-west"}
	for name, c := range map[string]struct {
		scope traffic.Scope
		do    func(*world, *feeling)
		kind  string
		leads string
		says  []string
	}{
		"twice as long at one cell": {
			cell, func(_ *world, f *feeling) { f.factor[latency] = 2 }, KindLatency, LeadingSlow, []string{"latency p50 ", " -> ", "slow "},
		},
		"the first token": {
			traffic.Scope{"provider": "anthropic"},
			func(_ *world, f *feeling) { f.factor[firstToken] = 3 }, KindLatency, LeadingFirst,
			[]string{"time to first token p50 "},
		},
		"both": {
			traffic.Scope{"region": "us-east"},
			func(_ *world, f *feeling) { f.factor[latency], f.factor[firstToken] = 2.5, 4 },
			KindLatency, LeadingSlow,
			[]string{"latency p50 ", "; time to first token p50 "},
		},
		"longer answers": {
			traffic.Scope{"workload": "batch"},
			func(_ *world, f *feeling) { f.factor[tokens] = 4 }, KindTraffic, LeadingTokens,
			[]string{"tokens a request p50 ", "large "},
		},
		"longer answers that take longer": {
			traffic.Scope{"workload": "batch"},
			func(_ *world, f *feeling) { f.factor[latency], f.factor[tokens] = 3, 4 }, KindLatency, LeadingSlow,
			[]string{"latency p50 ", "; tokens a request p50 "},
		},
		"repeats": {
			traffic.Scope{"region": "us-east"},
			func(_ *world, f *feeling) { f.repeats = 0.45 }, KindRetries, LeadingRetries,
			[]string{" attempts a request, was 1.0"},
		},
		"repeats of what fails": {
			traffic.Scope{"region": "us-east"},
			func(w *world, f *feeling) {
				f.repeats = 0.45
				w.faults = []trouble{{share: 0.5, outcome: outcome("bad_gateway", 502)}}
			},
			KindErrors, "bad_gateway",
			[]string{" attempts a request, was 1.0"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := settledIn(t, 21, c.scope, c.do)[0]
			if b.Kind != c.kind || b.Leading != c.leads {
				t.Errorf("%s, %s: %s", b.Kind, b.Leading, b.Reason)
			}
			for _, s := range c.says {
				if !strings.Contains(b.Reason, s) {
					t.Errorf("%q does not say %q", b.Reason, s)
				}
			}
		})
	}
}

// What is told of before and after is what was drawn.
func TestLatencyIsToldInTime(t *testing.T) {
	w := newWorld(22, 60, 0)
	d := New(Options{Symbols: w.syms})
	cell := traffic.Scope{"provider": "azure", "model": "gpt-4o", "region": "eu-west"}
	w.felt(d, begin, begin+1330, func(sec int64, labels traffic.Scope) feeling {
		f := even()
		if sec >= begin+1200 && cell.Covers(labels) {
			f.factor[latency] = 4
		}
		return f
	})
	list := d.Bursts()
	if len(list) != 1 {
		t.Fatalf("%d bursts", len(list))
	}
	b := list[0]
	for _, c := range []struct {
		got  time.Duration
		want float64
	}{{b.Before.P50, 1.43}, {b.Before.P90, 3.2}, {b.Now.P50, 5.7}, {b.Now.P90, 13}} { // two leaves, of 1 and 2 s
		if r := c.got.Seconds() / c.want; r < 0.75 || r > 1.33 {
			t.Errorf("%v, want %v s: %s", c.got, c.want, b.Reason)
		}
	}
	if b.Failed*10 < b.Total*8 || b.Baseline < 0.05 || b.Baseline > 0.15 {
		t.Errorf("%d slow of %d, %g expected", b.Failed, b.Total, b.Baseline)
	}
}

// A time of day in latencies, clumps and cold leaves are no burst.
func TestCalmIsFeltAsCalm(t *testing.T) {
	for seed := range uint64(3) {
		w := newWorld(30+seed, []float64{3, 30, 90}[seed], 0.005)
		d := New(Options{Symbols: w.syms})
		clump := 1.0
		events := w.felt(d, begin, begin+2*hour, func(sec int64, _ traffic.Scope) feeling {
			if sec%20 == 0 {
				clump = math.Exp(0.05 * w.rng.NormFloat64())
			}
			f := even()
			f.factor[latency] = clump * (1 + 0.25*math.Sin(2*math.Pi*float64(sec)/86400))
			return f
		})
		if len(events) > 0 {
			show(t, events)
			t.Errorf("seed %d", seed)
		}
	}
}

// Somewhat less than a tenth lies beyond a mark, whatever the shape of the values, and in whatever order a second tells
// them; of values that hardly differ, nothing does.
func TestMarkIsATenth(t *testing.T) {
	w := newWorld(40, 1, 0)
	for name, c := range map[string]struct {
		draw      func() float64
		low, high float64
	}{
		"normal": {func() float64 { return 1e6 * math.Exp(0.55*w.rng.NormFloat64()) }, 0.06, 0.1},
		"narrow": {func() float64 { return 1e6 * math.Exp(0.06*w.rng.NormFloat64()) }, 0, 0.001},
		"skewed": {func() float64 { return 1e4 * math.Exp(w.rng.ExpFloat64()) }, 0.07, 0.11},
		"in halves": {func() float64 {
			if w.rng.Float64() < 0.5 {
				return 3e4 * math.Exp(0.2*w.rng.NormFloat64())
			}
			return 4e6 * math.Exp(0.5*w.rng.NormFloat64())
		}, 0.06, 0.11},
		"all the same":     {func() float64 { return 5e4 }, 0, 0},
		"in whole seconds": {func() float64 { return 1e6 * math.Ceil(3*w.rng.Float64()) }, 0, 0},
		"rarely two":       {func() float64 { return 1e6 * (1 + math.Floor(w.rng.Float64()+0.07)) }, 0.05, 0.09},
	} {
		draw := c.draw
		for _, perSecond := range []int{1, 40} {
			var m, mixed mark
			var n, k float64
			for sec := range 20_000 / perSecond * 2 {
				var list []float64
				for range perSecond {
					list = append(list, draw())
				}
				bins := binsOf(list)
				a, b := m.take(bins)
				slices.Reverse(bins)
				for i := range bins {
					mixed.take(bins[i : i+1])
				}
				m.settle(true, float64(perSecond))
				mixed.settle(true, float64(perSecond))
				if sec > 10_000/perSecond {
					n, k = n+float64(a), k+float64(b)
				}
			}
			if share := k / n; share < c.low || share > c.high {
				t.Errorf("%s, %d a second: %.3f lie beyond", name, perSecond, share)
			}
			if math.Abs(float64(m.high-mixed.high)) > 0.01 {
				t.Errorf("%s: %g, in another order %g", name, m.high, mixed.high)
			}
		}
	}
}

// One caller's mistakes are told from everybody's.
func TestWhoFailsByItsOwnFault(t *testing.T) {
	for _, alone := range []bool{true, false} {
		w := newWorld(50, 60, 0.005)
		d := New(Options{Symbols: w.syms})
		scope := traffic.Scope{"region": "us-east"}
		w.faults = []trouble{{scope: scope, share: 0.4, outcome: outcome("bad_request", 400), from: begin + 600, to: begin + 700}}
		teams := []traffic.Sym{w.syms.Intern("team-a"), w.syms.Intern("team-b"), w.syms.Intern("team-c")}
		for sec := begin; sec < begin+680; sec++ {
			leaves := w.second(sec)
			for i := range leaves {
				for range leaves[i].CallerErr {
					who := teams[w.rng.IntN(3)]
					if alone && w.rng.Float64() < 0.8 {
						who = teams[1]
					}
					leaves[i].Callers = append(leaves[i].Callers, CallerN{Caller: who, N: 1})
				}
			}
			d.Step(sec, leaves)
		}
		list := d.Bursts()
		if len(list) != 1 || list[0].Kind != KindCaller {
			t.Fatalf("%+v", list)
		}
		if says := strings.Contains(list[0].Reason, "of them from team-b"); says != alone {
			t.Errorf("one caller %v: %s", alone, list[0].Reason)
		}
	}
}

// A provider that fails in turns in two ways does not rename its burst with every second; one way that takes over does.
func TestLeadingClassKeepsItsPlace(t *testing.T) {
	reset := outcome("connection", 0)
	for _, x := range []struct {
		name         string
		was          string
		resets, bads int64
		want         string
	}{
		{"nothing failed", "", 0, 0, ""},
		{"as many, none told", "", 5, 5, "bad_gateway"},
		{"more, none told", "", 6, 5, "connection"},
		{"as many", "connection", 5, 5, "connection"},
		{"one more", "bad_gateway", 203, 202, "bad_gateway"},
		{"a quarter more", "bad_gateway", 125, 100, "bad_gateway"},
		{"clearly more", "bad_gateway", 126, 100, "connection"},
		{"what was told is gone", "timeout", 3, 2, "connection"},
	} {
		sums := tallies{}
		for o, n := range map[traffic.Outcome]int64{reset: x.resets, gw502: x.bads} {
			if n > 0 {
				sums.outcomes = append(sums.outcomes, OutcomeN{Outcome: o, N: n})
			}
		}
		if got := sums.leading(x.was); got != x.want {
			t.Errorf("%s: %q, not %q", x.name, got, x.want)
		}
	}
}
