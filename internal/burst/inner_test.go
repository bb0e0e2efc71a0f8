package burst

import (
	"testing"

	"signalbox/internal/traffic"
)

var (
	azure = traffic.Scope{"provider": "azure"}
	euGPT = traffic.Scope{"provider": "azure", "model": "gpt-4o", "region": "eu-west"}
)

func TestFaultInsideALastingBurst(t *testing.T) {
	for seed := range uint64(3) {
		w := newWorld(seed, 80, 0.006)
		w.faults = []trouble{
			{scope: azure, share: 0.1, outcome: gw502, from: begin + 100, to: begin + 900},
			{scope: euGPT, share: 0.8, outcome: gw502, from: begin + 400, to: begin + 600},
		}
		d := New(Options{Symbols: w.syms})
		events := w.run(d, begin, begin+800)
		opened, settled := kinds(events, Opened), kinds(events, Settled)
		if len(opened) != 2 || !opened[1].Scope.Equal(euGPT) || opened[1].Within != opened[0].ID {
			show(t, events)
			t.Fatalf("seed %d: %d bursts opened", seed, len(opened))
		}
		in := opened[1]
		if late, off := in.Detected.Unix()-(begin+400), in.Onset.Unix()-(begin+400); late > 30 || off < -2 || off > 3 {
			t.Errorf("seed %d: seen after %d s, onset off by %d s", seed, late, off)
		}
		if in.Baseline < 0.05 || in.Baseline > 0.2 {
			t.Errorf("seed %d: baseline %.2f: the burst around it is what was normal", seed, in.Baseline)
		}
		if len(settled) != 1 || settled[0].ID != in.ID || settled[0].Ended.Unix() > begin+630 {
			show(t, events)
			t.Errorf("seed %d: %d settled, want the inner one alone", seed, len(settled))
		}
	}
}

func TestInnerBurstOutlivesTheOuter(t *testing.T) {
	w := newWorld(3, 80, 0.006)
	w.faults = []trouble{
		{scope: azure, share: 0.1, outcome: gw502, from: begin + 100, to: begin + 500},
		{scope: euGPT, share: 0.8, outcome: gw502, from: begin + 400, to: begin + 700},
	}
	d := New(Options{Symbols: w.syms})
	events := w.run(d, begin, begin+800)
	settled := kinds(events, Settled)
	if len(kinds(events, Opened)) != 2 || len(settled) != 2 || !settled[1].Scope.Equal(euGPT) || settled[1].Ended.Unix() < begin+700 {
		show(t, events)
		t.Errorf("%d settled", len(settled))
	}
}

// What becomes worse, flaps or fails unequally as a whole holds nothing else inside.
func TestNothingInside(t *testing.T) {
	for name, faults := range map[string][]trouble{
		"worse":   {{scope: azure, share: 0.1, outcome: gw502, from: begin + 100, to: begin + 500}, {scope: azure, share: 0.6, outcome: gw502, from: begin + 300, to: begin + 500}},
		"flaps":   {{scope: azure, share: 0.5, outcome: gw502, from: begin + 100, to: begin + 600, on: 20, off: 20}},
		"unequal": {{scope: azure, share: 0.2, outcome: gw502, from: begin + 100, to: begin + 500}, {scope: euGPT, share: 0.3, outcome: gw502, from: begin + 100, to: begin + 500}},
		"lasts":   {{scope: traffic.Scope{"model": "gpt-4o"}, share: 0.4, outcome: limit429, from: begin + 100, to: begin + 600}},
	} {
		for seed := range uint64(3) {
			w := newWorld(seed, 80, 0.006)
			w.cv = 0.3
			w.faults = faults
			d := New(Options{Symbols: w.syms})
			events := w.run(d, begin, begin+600)
			for _, b := range kinds(events, Opened) {
				if b.Within != "" {
					show(t, events)
					t.Errorf("%s, seed %d: %s inside", name, seed, b.Scope)
				}
			}
		}
	}
}
