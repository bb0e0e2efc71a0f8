package burst

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"signalbox/internal/traffic"
)

var (
	gw502    = outcome("bad_gateway", 502)
	cut200   = outcome("truncated", 200)
	limit429 = outcome("rate_limited", 429)
	bad400   = outcome("bad_request", 400)
	none503  = outcome("no_healthy_upstream", 503)
)

const begin = int64(1_767_600_000)

func TestCalmStaysSilent(t *testing.T) {
	rates, bases := []float64{4, 15, 40, 60, 100}, []float64{0.003, 0.006, 0.01}
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(seed, rates[seed%5], bases[seed%3])
			if seed%4 == 3 {
				w.width = 15 * time.Second // as from a scrape
			}
			d := New(Options{Symbols: w.syms})
			if events := w.run(d, begin, begin+7200/thrift); len(events) > 0 {
				t.Error("not silent")
				show(t, events)
			}
		})
	}
}

func TestColdStartStaysSilent(t *testing.T) {
	for seed := range uint64(100 / thrift) {
		w := newWorld(seed, 50, 0.01)
		clientSide(w, 10)
		d := New(Options{Symbols: w.syms})
		if events := w.run(d, begin, begin+60); len(events) > 0 {
			t.Errorf("seed %d", seed)
			show(t, events)
		}
	}
}

func TestGapEndsABurst(t *testing.T) {
	w := newWorld(9, 50, 0.006)
	w.faults = []trouble{{scope: traffic.Scope{"provider": "azure"}, share: 0.8, outcome: gw502, from: begin + 60, to: begin + 90}}
	d := New(Options{Symbols: w.syms})
	w.run(d, begin, begin+90)
	if b := d.Bursts(); len(b) != 1 || !b[0].Live() {
		t.Fatalf("bursts %v", b)
	}
	events := w.run(d, begin+10_000, begin+10_100)
	if len(events) != 1 || events[0].Kind != Settled || events[0].At.Unix() > begin+90+endQuiet {
		show(t, events)
		t.Errorf("%d events after a gap", len(events))
	}
}

func TestFaultIsNamed(t *testing.T) {
	for _, c := range []struct {
		name    string
		scope   traffic.Scope
		share   float64
		outcome traffic.Outcome
		want    traffic.Scope
		kind    string
		within  int64
	}{
		{"cell", traffic.Scope{"provider": "azure", "model": "gpt-4o", "region": "eu-west"}, 0.6, gw502, nil, KindErrors, 6},
		{
			"cell named by deployment",
			traffic.Scope{"deployment": "azure-gpt-4o-us-east"},
			0.9, gw502,
			traffic.Scope{"provider": "azure", "model": "gpt-4o", "region": "us-east"},
			KindErrors, 6,
		},
		{"provider", traffic.Scope{"provider": "azure"}, 0.9, gw502, nil, KindErrors, 3},
		{"region", traffic.Scope{"region": "eu-west"}, 0.6, gw502, nil, KindErrors, 4},
		{"model", traffic.Scope{"model": "gpt-4o"}, 0.5, gw502, nil, KindErrors, 4},
		{"provider in a region", traffic.Scope{"provider": "azure", "region": "us-east"}, 0.7, gw502, nil, KindErrors, 4},
		{"one workload", traffic.Scope{"workload": "batch"}, 0.5, gw502, nil, KindErrors, 4},
		{"everything", traffic.Scope{}, 0.5, gw502, nil, KindErrors, 3},
		{"rate limit", traffic.Scope{"model": "claude-sonnet"}, 0.5, limit429, nil, KindErrors, 5},
		{"truncation", traffic.Scope{"provider": "azure", "model": "gpt-4o-mini", "region": "us-east"}, 0.5, cut200, nil, KindTruncation, 6},
		{"caller", traffic.Scope{"model": "gpt-4o-mini"}, 0.8, bad400, nil, KindCaller, 8},
	} {
		want := c.want
		if want == nil {
			want = c.scope
		}
		for _, calm := range []int64{8, 400 / thrift} {
			for seed := range uint64(2) {
				w := newWorld(seed, 50, 0.006)
				at := begin + calm
				w.faults = []trouble{{scope: c.scope, share: c.share, outcome: c.outcome, from: at, to: at + 60}}
				d := New(Options{Symbols: w.syms, IDPrefix: "b"})
				events := w.run(d, begin, at+40)
				opened := kinds(events, Opened)
				if len(opened) != 1 {
					t.Errorf("%s, calm %d s, seed %d: %d bursts opened", c.name, calm, seed, len(opened))
					show(t, events)
					continue
				}
				b := d.Bursts()[0]
				delay := opened[0].Detected.Unix() - at
				if !called(b, want) || b.Kind != c.kind || delay > c.within || delay < 0 || !b.Live() {
					t.Errorf("%s, calm %d s, seed %d: %v %s after %d s, want %v %s", c.name, calm, seed, b.Scope, b.Kind, delay, want, c.kind)
					show(t, events)
				}
				if off := b.Onset.Unix() - at; off < -1 || off > 2 {
					t.Errorf("%s, calm %d s, seed %d: onset off by %d s", c.name, calm, seed, off)
				}
				if b.Leading != c.outcome.Class().String() || b.Failed == 0 || b.Failed > b.Total || b.Peak < c.share*0.7 {
					t.Errorf("%s: leading %s, %d of %d, peak %.2f", c.name, b.Leading, b.Failed, b.Total, b.Peak)
				}
			}
		}
	}
}

// called tells whether a burst goes by a name, first or other.
func called(b Burst, scope traffic.Scope) bool {
	return b.Scope.Equal(scope) || slices.ContainsFunc(b.Aliases, scope.Equal)
}

func TestRecoverySettles(t *testing.T) {
	w := newWorld(1, 50, 0.006)
	w.faults = []trouble{{scope: traffic.Scope{"provider": "azure"}, share: 0.8, outcome: gw502, from: begin + 60, to: begin + 120}}
	d := New(Options{Symbols: w.syms})
	events := w.run(d, begin, begin+400)
	opened, settled := kinds(events, Opened), kinds(events, Settled)
	if len(opened) != 1 || len(settled) != 1 {
		show(t, events)
		t.Fatalf("%d opened, %d settled", len(opened), len(settled))
	}
	if late := settled[0].Ended.Unix() - (begin + 120); late < 0 || late > 10 {
		t.Errorf("settled %d s after the end", late)
	}
	if settled[0].State != StateSettled || settled[0].ID != opened[0].ID {
		t.Errorf("settled as %q %q", settled[0].State, settled[0].ID)
	}
}

func TestFlappingIsOneBurst(t *testing.T) {
	w := newWorld(2, 50, 0.006)
	w.faults = []trouble{{
		scope: traffic.Scope{"provider": "azure", "model": "gpt-4o", "region": "eu-west"}, share: 0.9, outcome: gw502,
		from: begin + 60, to: begin + 360, on: 20, off: 40,
	}}
	d := New(Options{Symbols: w.syms})
	events := w.run(d, begin, begin+400)
	if n := len(kinds(events, Opened)); n != 1 {
		show(t, events)
		t.Fatalf("%d bursts opened, want 1", n)
	}
	if b := d.Bursts()[0]; b.Episodes < 3 {
		show(t, events)
		t.Errorf("%d episodes", b.Episodes)
	}
}

func TestTwoCausesAreTwoBursts(t *testing.T) {
	for _, apart := range []int64{0, 30, 250} {
		w := newWorld(3, 80, 0.006)
		one := traffic.Scope{"provider": "anthropic", "model": "claude-sonnet", "region": "us-east"}
		two := traffic.Scope{"provider": "azure", "model": "gpt-4o", "region": "eu-west"}
		w.faults = []trouble{
			{scope: one, share: 0.7, outcome: gw502, from: begin + 60, to: begin + 400},
			{scope: two, share: 0.8, outcome: gw502, from: begin + 60 + apart, to: begin + 400},
		}
		d := New(Options{Symbols: w.syms})
		events := w.run(d, begin, begin+120+apart)
		var live []Burst
		for _, b := range d.Bursts() {
			if b.Live() {
				live = append(live, b)
			}
		}
		if len(live) != 2 || !(live[0].Scope.Equal(one) && live[1].Scope.Equal(two) || live[0].Scope.Equal(two) && live[1].Scope.Equal(one)) {
			show(t, events)
			t.Errorf("%d s apart: %d bursts", apart, len(live))
		}
		for _, b := range live {
			start := begin + 60
			if b.Scope.Equal(two) {
				start += apart
			}
			if off := b.Onset.Unix() - start; off < -1 || off > 2 {
				t.Errorf("%d s apart: onset of %v off by %d s", apart, b.Scope, off)
			}
		}
	}
}

// clientSide doubles the upstream traffic on the client side of the same gateway.
func clientSide(w *world, rate float64) {
	for _, m := range []string{"gpt-4o", "gpt-4o-mini", "claude-sonnet", "llama-3"} {
		w.add(traffic.Scope{"env": "drill", "gateway": "edge", "side": "client", "model": m, "endpoint": "chat", "workload": "interactive"}, rate, 0.006)
	}
}

func TestImpactIsNoBurstOfItsOwn(t *testing.T) {
	w := newWorld(4, 50, 0.006)
	clientSide(w, 8)
	w.faults = []trouble{
		{scope: traffic.Scope{"side": "upstream", "model": "gpt-4o"}, share: 0.8, outcome: gw502, from: begin + 30, to: begin + 90},
		{scope: traffic.Scope{"side": "client", "model": "gpt-4o"}, share: 0.6, outcome: none503, from: begin + 30, to: begin + 90},
	}
	d := New(Options{Symbols: w.syms})
	events := w.run(d, begin, begin+90)
	opened := kinds(events, Opened)
	if len(opened) != 1 || opened[0].Side != traffic.SideUpstream {
		show(t, events)
		t.Errorf("%d bursts opened, want one upstream", len(opened))
	}
}

func TestGatewaysOwnFaultIsOnTheClientSide(t *testing.T) {
	w := newWorld(5, 50, 0.006)
	clientSide(w, 8)
	w.faults = []trouble{{scope: traffic.Scope{"side": "client", "model": "gpt-4o"}, share: 0.9, outcome: none503, from: begin + 30, to: begin + 90}}
	d := New(Options{Symbols: w.syms})
	events := w.run(d, begin, begin+60)
	opened := kinds(events, Opened)
	if len(opened) != 1 || opened[0].Side != traffic.SideClient || !opened[0].Scope.Equal(traffic.Scope{"model": "gpt-4o"}) {
		show(t, events)
		t.Fatalf("%d bursts opened, want one on the client side", len(opened))
	}
	if late := opened[0].Detected.Unix() - (begin + 30); late > 12 {
		t.Errorf("opened after %d s", late)
	}
}

func TestSameCauseInTwoSignalsIsOneBurst(t *testing.T) {
	w := newWorld(6, 50, 0.006)
	azure := traffic.Scope{"provider": "azure"}
	w.faults = []trouble{
		{scope: azure, share: 0.6, outcome: gw502, from: begin + 60, to: begin + 200},
		{scope: azure, share: 0.6, outcome: limit429, from: begin + 75, to: begin + 200},
	}
	d := New(Options{Symbols: w.syms})
	events := w.run(d, begin, begin+150)
	if n := len(kinds(events, Opened)); n != 1 {
		show(t, events)
		t.Fatalf("%d bursts opened", n)
	}
	if b := d.Bursts()[0]; b.Classes["rate_limited"] == 0 || b.Classes["bad_gateway"] == 0 {
		t.Errorf("classes %v", b.Classes)
	}
}

func TestTrafficThatIsGoneEndsTheBurst(t *testing.T) {
	w := newWorld(7, 50, 0.006)
	cell := traffic.Scope{"provider": "azure", "model": "gpt-4o", "region": "eu-west"}
	w.faults = []trouble{{scope: cell, share: 1, outcome: gw502, from: begin + 60, to: begin + 1000}}
	d := New(Options{Symbols: w.syms})
	w.run(d, begin, begin+90)
	for i := range w.series {
		if cell.Covers(w.series[i].labels) {
			w.series[i].rate = 0
		}
	}
	events := w.run(d, begin+90, begin+90+endQuiet+5)
	if n := len(kinds(events, Settled)); n != 1 {
		show(t, events)
		t.Errorf("%d settled", n)
	}
}

func TestStepIgnoresWhatIsNotAfterTheLast(t *testing.T) {
	w := newWorld(8, 50, 0.006)
	d := New(Options{Symbols: w.syms})
	w.run(d, begin, begin+10)
	if e := d.Step(begin+5, w.second(begin)); e != nil {
		t.Errorf("events %v", e)
	}
	d.Step(begin+100, nil)
	d.Step(begin+100_000, nil)
	w.run(d, begin+200_000, begin+200_010)
	if n := len(d.Bursts()); n != 0 {
		t.Errorf("%d bursts", n)
	}
	New(Options{}).Step(1, nil)
}

func TestBlindFor(t *testing.T) {
	d := New(Options{})
	slow, fast := d.BlindFor(0.05, 0.01, 0.3), d.BlindFor(5, 0.01, 0.3)
	if slow < time.Minute || fast > 10*time.Second {
		t.Errorf("blind for %v at 0.05/s, %v at 5/s", slow, fast)
	}
}

func TestSights(t *testing.T) {
	w := newWorld(13, 0, 0.006)
	for i := range w.series {
		w.series[i].rate = []float64{0.002, 0.05, 5, 60}[i/2%4]
	}
	d := New(Options{Symbols: w.syms})
	w.run(d, begin, begin+3000)
	all := d.Sights(traffic.Provider, traffic.Model, traffic.Region)
	if len(all) != len(cells) || len(d.Sights()) != 1 {
		t.Fatalf("%d cells, want %d: %v", len(all), len(cells), all)
	}
	for i, s := range all {
		if i > 0 && s.Blind > all[i-1].Blind {
			t.Errorf("%v before %v", all[i-1], s)
		}
		if s.Thin() != (i < 2) || s.PerSecond <= 0 || s.Normal <= 0 || s.Normal > 0.02 {
			t.Errorf("%+v thin %v", s, s.Thin())
		}
	}
	for blind, want := range map[time.Duration]string{
		time.Second: "seen at once", 90 * time.Second: "blind for 90 s", 4 * time.Minute: "blind for 4 min",
		5 * time.Hour: "blind for 5 h", 1 << 60: "too little traffic to see anything",
	} {
		if got := (Sight{Blind: blind}).String(); got != want {
			t.Errorf("%v: %q, want %q", blind, got, want)
		}
	}
}

func BenchmarkStep100(b *testing.B) {
	w := newWorld(1, 200, 0.006)
	for i := range 84 {
		w.add(traffic.Scope{"gateway": "edge", "side": "upstream", "provider": "p" + string(rune('a'+i%4)), "model": "m" + string(rune('a'+i%12)), "region": "r" + string(rune('a'+i%7))}, 2, 0.006)
	}
	d := New(Options{Symbols: w.syms})
	var secs [][]Leaf
	for i := range int64(200) {
		secs = append(secs, w.second(i))
	}
	b.ResetTimer()
	b.ReportAllocs()
	for i := range int64(b.N) {
		d.Step(begin+i, secs[i%200])
	}
}
