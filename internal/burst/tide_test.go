package burst

import (
	"math"
	"strings"
	"testing"
	"time"

	"signalbox/internal/traffic"
)

// feast plays a world whose rates somebody changes: share gives what becomes of the traffic with these labels.
func (w *world) feast(d *Detector, from, to int64, share func(sec int64, labels traffic.Scope) float64) (out []Event) {
	rates := make([]float64, len(w.series))
	for i := range w.series {
		rates[i] = w.series[i].rate
	}
	for sec := from; sec < to; sec++ {
		for i := range w.series {
			w.series[i].rate = rates[i] * share(sec, w.series[i].labels)
		}
		out = append(out, d.Step(sec, w.second(sec))...)
	}
	for i := range w.series {
		w.series[i].rate = rates[i]
	}
	return out
}

func usual(int64, traffic.Scope) float64 { return 1 }

// tidesOf are the events about the amount of traffic.
func tidesOf(events []Event) (out []Event) {
	for _, e := range events {
		if e.Burst.Kind == KindTraffic && (e.Burst.Leading == LeadingLoss || e.Burst.Leading == LeadingSurge) {
			out = append(out, e)
		}
	}
	return out
}

const hour = 3600

func TestLostTrafficIsSaidWithItsPlace(t *testing.T) {
	for name, c := range map[string]struct {
		perSecond float64
		gone      traffic.Scope
		within    int64
	}{
		"a region":       {60, traffic.Scope{"region": "eu-west"}, 20},
		"a provider":     {60, traffic.Scope{"provider": "anthropic"}, 20},
		"one cell":       {60, traffic.Scope{"provider": "azure", "model": "gpt-4o", "region": "eu-west"}, 30},
		"everything":     {30, traffic.Scope{}, 10},
		"of few":         {4, traffic.Scope{"provider": "azure"}, 60},
		"batch requests": {60, traffic.Scope{"workload": "batch"}, 20},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(3, c.perSecond, 0.005)
			d := New(Options{Symbols: w.syms})
			const start = begin + 2*hour
			events := tidesOf(w.feast(d, begin, start+1200, func(sec int64, labels traffic.Scope) float64 {
				if sec >= start && sec < start+600 && c.gone.Covers(labels) {
					return 0
				}
				return 1
			}))
			opened, settled := kinds(events, Opened), kinds(events, Settled)
			if len(opened) != 1 || len(settled) != 1 {
				show(t, events)
				t.Fatalf("%d opened, %d settled", len(opened), len(settled))
			}
			b, last := opened[0], settled[0]
			if late := b.Detected.Unix() - start; late < 0 || late > c.within {
				t.Errorf("seen after %d s: %s", late, b.Reason)
			}
			if off := b.Onset.Unix() - start; off < -10 || off > 10 {
				t.Errorf("its beginning is %d s off", off)
			}
			if got := last.Ended.Unix() - start - 600; got < 0 || got > 60 {
				t.Errorf("it ends %d s late", got)
			}
			if got, _ := last.Scope, 0; !got.Equal(c.gone) {
				t.Errorf("it is said to be at %s", last.Scope)
			}
			if b.Leading != LeadingLoss || b.Failed != 0 || !strings.Contains(b.Reason, "were expected") {
				t.Errorf("%+v", b)
			}
		})
	}
}

// A surge is a note of its own, and its end is no loss; that of a loss is no surge.
func TestSurgeIsNoLoss(t *testing.T) {
	w := newWorld(5, 60, 0.005)
	d := New(Options{Symbols: w.syms})
	crowd := traffic.Scope{"model": "claude-sonnet"}
	events := tidesOf(w.feast(d, begin, begin+4*hour, func(sec int64, labels traffic.Scope) float64 {
		if at := (sec - begin) % hour; sec > begin+hour && at > 600 && at < 1200 && crowd.Covers(labels) {
			return 3
		}
		return 1
	}))
	opened := kinds(events, Opened)
	if len(opened) != 3 || len(kinds(events, Settled)) != 3 {
		show(t, events)
		t.Fatalf("%d notes of three surges", len(opened))
	}
	for _, b := range opened {
		if b.Leading != LeadingSurge || !strings.Contains(b.Reason, "are usual") {
			t.Errorf("%s: %s", b.Leading, b.Reason)
		}
	}
	for _, b := range kinds(events, Settled) {
		if b.Scope["model"] != "claude-sonnet" && b.Scope["provider"] != "anthropic" {
			t.Errorf("a surge at %s", b.Scope)
		}
	}
}

// The time of day, scatter and clumps of arrivals are neither.
func TestTheTimeOfDayIsNoLoss(t *testing.T) {
	for _, perSecond := range []float64{0.02, 0.3, 4, 60, 500} {
		w := newWorld(uint64(perSecond*100), 1, 0)
		var v volume
		clump, worst := 1.0, 0.0
		for sec := range int64(4 * 86400) {
			if sec%5 == 0 {
				clump = max(0, 1+0.3*w.rng.NormFloat64())
			}
			rate := perSecond * clump * (1 + 0.8*math.Sin(2*math.Pi*float64(sec)/86400))
			v.push(float64(w.poisson(rate)), true)
			worst = max(worst, v.value(lost), v.value(surged))
		}
		if worst > 11 {
			t.Errorf("%g requests/s: evidence of %.1f", perSecond, worst)
		}
	}
}

// Traffic that is gone is gone in a finished log too, where nobody steps through the idle seconds.
func TestSkippedSecondsAreLostTraffic(t *testing.T) {
	w := newWorld(7, 30, 0)
	d := New(Options{Symbols: w.syms})
	quiet := int64(begin + 2*hour)
	if events := tidesOf(w.feast(d, begin, quiet, usual)); len(events) > 0 {
		show(t, events)
		t.Fatal("something is said of usual traffic")
	}
	events := tidesOf(w.feast(d, quiet+1500, quiet+1600, usual))
	opened, settled := kinds(events, Opened), kinds(events, Settled)
	if len(opened) != 1 || len(settled) != 1 {
		show(t, events)
		t.Fatalf("%d opened, %d settled", len(opened), len(settled))
	}
	if late := opened[0].Detected.Sub(time.Unix(quiet, 0)); late < 0 || late > 10*time.Second {
		t.Errorf("seen after %v", late)
	}
	if !strings.Contains(opened[0].Reason, "it is all traffic") || settled[0].Ended.Unix() < quiet+1500 {
		t.Errorf("%s until %v", opened[0].Reason, settled[0].Ended)
	}
}

// A level that stays is normal in the end, and nothing is said in the first hour.
func TestALastingLossBecomesNormal(t *testing.T) {
	w := newWorld(9, 30, 0)
	d := New(Options{Symbols: w.syms})
	crowd := traffic.Scope{"region": "us-east"}
	low := func(from int64) func(int64, traffic.Scope) float64 {
		return func(sec int64, labels traffic.Scope) float64 {
			if sec >= from && crowd.Covers(labels) {
				return 0.05
			}
			return 1
		}
	}
	if events := tidesOf(w.feast(d, begin, begin+1200, low(begin+600))); len(events) > 0 {
		show(t, events)
		t.Error("something is said before it is known what is usual")
	}
	w, start := newWorld(9, 30, 0), int64(begin+2*hour)
	d = New(Options{Symbols: w.syms})
	events := tidesOf(w.feast(d, begin, start+4*hour, low(start)))
	opened, settled := kinds(events, Opened), kinds(events, Settled)
	if len(opened) != 1 || len(settled) != 1 || settled[0].Ended.Unix()-start > endAfter+60 || !strings.Contains(settled[0].Reason, "normal now") {
		show(t, events)
		t.Fatalf("%d opened, %d settled", len(opened), len(settled))
	}
}

// Requests that do not come are not asked upstream either: one note says it.
func TestLossOnBothSidesIsOneNote(t *testing.T) {
	w := newWorld(11, 30, 0)
	for _, load := range []string{"interactive", "batch"} {
		w.add(traffic.Scope{
			"env": "drill", "gateway": "edge", "side": "client", "model": "gpt-4o", "endpoint": "chat", "workload": load,
		}, 5, 0)
	}
	d := New(Options{Symbols: w.syms})
	const start = begin + 2*hour
	events := tidesOf(w.feast(d, begin, start+300, func(sec int64, labels traffic.Scope) float64 {
		if sec >= start && labels["model"] == "gpt-4o" {
			return 0
		}
		return 1
	}))
	left := map[string]bool{}
	for _, e := range events {
		switch e.Kind {
		case Opened:
			left[e.Burst.ID] = true
		case Merged, Withdrawn:
			delete(left, e.Burst.ID)
		}
	}
	if len(left) != 1 {
		show(t, events)
		t.Errorf("%d notes are left", len(left))
	}
	if list := d.Bursts(); len(list) != 1 || list[0].Side != "upstream" || list[0].Scope["model"] != "gpt-4o" {
		t.Errorf("%+v", list)
	}
}
