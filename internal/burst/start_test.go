package burst

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"signalbox/internal/traffic"
)

// begunBefore are faults that were on before the first second that a detector is given: the pager rings first.
var begunBefore = []struct {
	name  string
	scope traffic.Scope
	share float64
	out   traffic.Outcome
	rate  float64 // requests a second of all eight cells
	least int     // of twenty starts, those in which it is found within half a minute,
	later int     // and within ninety seconds
}{
	{"502s of one cell", traffic.Scope{"provider": "azure", "model": "gpt-4o", "region": "eu-west"}, 0.6, gw502, 40, 20, 20},
	{"a third of one cell", traffic.Scope{"provider": "azure", "model": "gpt-4o", "region": "eu-west"}, 0.33, gw502, 40, 14, 16},
	{"a fifth of one cell", traffic.Scope{"provider": "azure", "model": "gpt-4o", "region": "eu-west"}, 0.2, gw502, 40, 0, 3},
	{"a third of a quiet cell", traffic.Scope{"provider": "azure", "model": "gpt-4o", "region": "eu-west"}, 0.33, gw502, 15, 0, 7},
	{"a provider down", traffic.Scope{"provider": "azure"}, 0.95, outcome("unavailable", 503), 15, 20, 20},
	{"a seventh of a provider", traffic.Scope{"provider": "azure"}, 0.15, outcome("unavailable", 503), 40, 4, 4},
	{"a storm of 429", traffic.Scope{"provider": "openai"}, 0.5, limit429, 40, 20, 20},
	{"streams cut", traffic.Scope{"model": "gpt-4o-mini", "region": "us-east"}, 0.3, cut200, 40, 19, 20},
	{"everything", traffic.Scope{}, 0.2, gw502, 15, 14, 15},
}

func TestStartInsideAFault(t *testing.T) {
	const starts, within = 20, 30
	for _, c := range begunBefore {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			found, right, late := 0, 0, 0
			for seed := range uint64(starts) {
				w := newWorld(seed, c.rate, 0.006)
				w.faults = []trouble{{scope: c.scope, share: c.share, outcome: c.out, from: begin - 300, to: begin + 3600}}
				d := New(Options{Symbols: w.syms})
				open := kinds(w.run(d, begin, begin+90), Opened)
				if len(open) == 0 {
					continue
				}
				late++
				if open[0].Detected.After(time.Unix(begin+within, 0)) {
					continue
				}
				found++
				if b := d.Bursts()[0]; b.Earlier && b.Live() && sameTraffic(w, b.Scope, c.scope) && strings.Contains(b.Reason, "since before 08:00:0") {
					right++
				} else {
					t.Logf("seed %d: %+v %v", seed, b.Earlier, b.Reason)
				}
			}
			t.Logf("%s: found %d within %d s, %d in 90 s, of them right %d", c.name, found, within, late, right)
			if found < c.least || right < found*9/10 || late < c.later {
				t.Errorf("of %d starts %d found within %d s, %d in 90 s and %d right; want %d, %d and nearly all", starts, found, within, late, right, c.least, c.later)
			}
		})
	}
}

// sameTraffic tells whether two scopes hold the same series.
func sameTraffic(w *world, a, b traffic.Scope) bool {
	for _, m := range w.series {
		if a.Covers(m.labels) != b.Covers(m.labels) {
			return false
		}
	}
	return true
}

// An onset that was read is one: the calm before it says so.
func TestOnsetAfterAStart(t *testing.T) {
	for seed := range uint64(10) {
		w := newWorld(seed, 40, 0.006)
		w.faults = []trouble{{scope: traffic.Scope{"provider": "azure"}, share: 0.9, outcome: gw502, from: begin + 20, to: begin + 3600}}
		d := New(Options{Symbols: w.syms})
		w.run(d, begin, begin+60)
		b := d.Bursts()
		if len(b) == 0 || b[0].Earlier || !b[0].Onset.Equal(time.Unix(begin+20, 0)) || !strings.Contains(b[0].Reason, "since 08:00:20, was") {
			t.Errorf("seed %d: %+v", seed, b)
		}
	}
}

func TestLearning(t *testing.T) {
	w := newWorld(1, 40, 0.006)
	d := New(Options{Symbols: w.syms})
	if l := d.Learning(); l.Done() || !l.Since.IsZero() || l.Seen != 0 {
		t.Errorf("before the first second: %+v", l)
	}
	w.run(d, begin, begin+61)
	if l := d.Learning(); l.Done() || l.Since.Unix() != begin || l.Seen != time.Minute {
		t.Errorf("after a minute: %+v", l)
	}
	w.run(d, begin+61, begin+181)
	if l := d.Learning(); !l.Done() {
		t.Errorf("after three minutes: %+v", l)
	}
}

// Cells that fail differently by habit are no fault that began before.
func TestStartAmongHabits(t *testing.T) {
	alarms := 0
	for seed := range uint64(60) {
		w := newWorld(seed, 20+float64(seed%4)*40, 0.006)
		for i := range w.series {
			w.series[i].base = 0.001 * math.Pow(50, w.rng.Float64())
		}
		if open := kinds(w.run(New(Options{Symbols: w.syms}), begin, begin+300), Opened); len(open) > 0 {
			alarms++
			t.Logf("seed %d: %s", seed, strings.Split(fmt.Sprint(open[0].Reason), ";")[0])
		}
	}
	if alarms > 0 {
		t.Errorf("%d of 60 starts raised something", alarms)
	}
}
