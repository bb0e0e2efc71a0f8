package main

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"signalbox/tools/detect/score"
)

// row adds up faults.
type row struct {
	n, visible, found, blind    int // blind: found although the oracle was not able to
	delays, oracles, ratios     []float64
	bursts                      int
	onset, end                  []float64
	episodes, single, flappings int
}

func (r *row) add(f *score.Found) {
	r.n++
	r.bursts += len(f.Bursts)
	if f.Fault.Oracle == 0 {
		if len(f.Bursts) > 0 {
			r.blind++
		}
		return
	}
	r.visible++
	r.delays = append(r.delays, f.Delay)
	r.oracles = append(r.oracles, f.Fault.Oracle)
	r.ratios = append(r.ratios, f.Delay/f.Fault.Oracle)
	if len(f.Bursts) > 0 {
		r.found++
		r.life(f)
	}
}

// life adds how well onset and end were told.
func (r *row) life(f *score.Found) {
	b := f.Bursts[0]
	r.onset = append(r.onset, math.Abs(b.Onset-f.Fault.Start))
	if f.Fault.Kind == "flapping" {
		r.flappings++
		r.episodes += b.Episodes
		alive := 0
		for _, o := range f.Bursts {
			if math.IsNaN(o.Gone) {
				alive++
			}
		}
		if alive <= 1 {
			r.single++
		}
		return
	}
	end := b.End
	if !math.IsNaN(b.Gone) && b.Into != "" {
		for _, o := range f.Bursts {
			if o.ID == b.Into {
				end = o.End
			}
		}
	}
	if math.IsNaN(end) {
		end = math.Inf(1)
	}
	r.end = append(r.end, end-f.Fault.End)
}

func (r *row) cells(name string) []string {
	q := func(x []float64, p float64) string { return num(score.Quantile(x, p)) }
	return []string{
		name, fmt.Sprint(r.n), fmt.Sprintf("%d/%d", r.found, r.visible),
		q(r.delays, 0.5), q(r.delays, 0.75), q(r.delays, 0.9), q(r.oracles, 0.5), q(r.ratios, 0.5), q(r.ratios, 0.9),
		q(r.onset, 0.5), q(r.end, 0.5), q(r.end, 0.9), num(float64(r.bursts) / float64(max(1, r.found+r.blind))),
	}
}

var rowHeads = []string{
	"", "faults", "found/visible", "delay p50", "p75", "p90", "oracle p50", "ratio p50", "p90", "onset off", "end p50", "p90",
	"bursts/fault",
}

// tally is what all days together came to.
type tally struct {
	all               row
	byKind, byTraffic map[string]*row
	days, hours       float64
	false_            int
	echoes, notes     int
	noteKinds         map[string]int
	pairs, apart      int // second causes that the oracle sees
	soon, soonApart   int // of them, those that it sees within apartWithin
	scopes            [len(looks)]score.PR
	kinds             map[string]*score.PR
	wrong             []string
	hard, soft        []float64 // delays of visible faults that make requests fail, and of those that make them slow
}

// traffics are the classes of traffic in scope.
var traffics = []struct {
	below float64
	name  string
}{{1, "below 1/s"}, {10, "1-10/s"}, {100, "10-100/s"}, {math.Inf(1), "100/s and more"}}

func gather(days []*day) *tally {
	t := &tally{byKind: map[string]*row{}, byTraffic: map[string]*row{}, kinds: map[string]*score.PR{}, noteKinds: map[string]int{}}
	for _, d := range days {
		t.hours += d.hours
		for i, p := range d.scopes {
			t.scopes[i].Add(p)
		}
		for k, p := range d.byKind {
			if t.kinds[k] == nil {
				t.kinds[k] = &score.PR{}
			}
			t.kinds[k].Add(*p)
		}
		for _, b := range d.bursts {
			if !b.Alarm() {
				t.notes++
				t.noteKinds[b.Kind]++
			}
		}
		found, wrong, echoes := score.Match(d.faults, d.bursts)
		t.false_ += len(wrong)
		t.echoes += len(echoes)
		for _, b := range wrong {
			t.wrong = append(t.wrong, fmt.Sprintf("false: seed %d +%.0f s: %s", d.seed, b.Detected, b.Text))
		}
		for i := range found {
			t.fault(&found[i])
		}
		t.wrong = append(t.wrong, d.wrong...)
	}
	t.days = t.hours / 24
	return t
}

// apartWithin is how many seconds a second cause may take to be told apart. What the oracle, which knows the fault,
// does not see in that time asks for what nobody can do.
const apartWithin = 60

// lateAfter is how many seconds nine in ten may take: what took longer is listed.
const lateAfter = 75

func (t *tally) fault(f *score.Found) {
	at := traffics[0].name
	for _, c := range slices.Backward(traffics) {
		if f.Fault.Rate < c.below {
			at = c.name
		}
	}
	for _, r := range []*row{&t.all, rowOf(t.byKind, f.Fault.Kind), rowOf(t.byTraffic, at)} {
		r.add(f)
	}
	switch {
	case f.Fault.Oracle == 0:
	case f.Fault.Class == "latency":
		t.soft = append(t.soft, f.Delay)
	default:
		t.hard = append(t.hard, f.Delay)
	}
	if f.Fault.Second && f.Fault.Oracle > 0 {
		t.pairs++
		soon := f.Fault.Oracle <= apartWithin
		if soon {
			t.soon++
		}
		if f.Apart <= apartWithin {
			t.apart++
			if soon {
				t.soonApart++
			}
		} else {
			t.wrong = append(t.wrong, fmt.Sprintf("second cause not told apart within 60 s (found after %s, alone after %s): %s", num(f.Delay), num(f.Apart), f.Fault.Text))
		}
	}
	switch {
	case f.Fault.Oracle == 0:
	case math.IsInf(f.Delay, 1):
		t.wrong = append(t.wrong, "missed: "+f.Fault.Text)
	case f.Delay > lateAfter:
		t.wrong = append(t.wrong, fmt.Sprintf("late, after %s s: %s", num(f.Delay), f.Fault.Text))
	}
}

func rowOf(m map[string]*row, key string) *row {
	if m[key] == nil {
		m[key] = &row{}
	}
	return m[key]
}

// full measures days with faults at full rate.
func full(o *options, r *report) error {
	t := gather(o.fullDays())
	r.title("Full rate: %s fleet-days, scale %s, seeds %d to %d", num(t.days), num(o.plan.scale), o.seed, o.seed+uint64(o.days)-1) //nolint:gosec // a count
	rows := [][]string{rowHeads}
	for _, k := range slices.Sorted(maps.Keys(t.byKind)) {
		rows = append(rows, t.byKind[k].cells(k))
	}
	for _, c := range traffics {
		if x := t.byTraffic[c.name]; x != nil {
			rows = append(rows, x.cells(c.name))
		}
	}
	r.table(append(rows, t.all.cells("all")))
	r.say("\nAlarms that no fault explains: %d in %s fleet-days; echoes of faults: %d; notes a day: %s; found though the oracle was blind: %d",
		t.false_, num(t.days), t.echoes, num(float64(t.notes)/t.days), t.all.blind)
	r.say("Second causes that the oracle sees within 60 s: %d, told apart within 60 s: %d; of all that it ever sees: %d of %d",
		t.soon, t.soonApart, t.apart, t.pairs)
	if f := t.byKind["flapping"]; f != nil && f.flappings > 0 {
		r.say("Flapping: %d found, %d of them as one burst, %s episodes each", f.flappings, f.single, num(float64(f.episodes)/float64(f.flappings)))
	}
	r.say("")
	scopes(r, t)
	if o.verbose {
		r.say("")
		for _, w := range t.wrong {
			r.say("%s", w)
		}
	}
	targets(r, t)
	return nil
}

func scopes(r *report, t *tally) {
	rows := [][]string{{"scope", "precision", "recall", "F1", "said", "faults"}}
	add := func(name string, pr score.PR) {
		p, c, f := pr.Rates()
		rows = append(rows, []string{name, num(p), num(c), fmt.Sprintf("%.3f", f), fmt.Sprint(pr.Said), fmt.Sprint(pr.There)})
	}
	for i, after := range looks {
		add(fmt.Sprintf("%+.0f s after the alarm", after), t.scopes[i])
	}
	for _, k := range slices.Sorted(maps.Keys(t.kinds)) {
		add(k+", +15 s", *t.kinds[k])
	}
	r.table(rows)
}

func targets(r *report, t *tally) {
	q := score.Quantile
	r.atLeast("full", "found of what the oracle sees", 95, percent(t.all.found, t.all.visible), "%")
	r.atMost("full", "delay, median", 2, q(t.all.delays, 0.5), " s")
	r.atMost("full", "delay, p90", 75, q(t.all.delays, 0.9), " s")
	r.atMost("full", "ratio to the oracle, median", 1.2, q(t.all.ratios, 0.5), "")
	r.atMost("full", "ratio to the oracle, p90", 5, q(t.all.ratios, 0.9), "")
	r.atLeast("full", "second cause told apart within 60 s", 90, percent(t.soonApart, t.soon), "%")
	for i, aim := range [len(looks)]float64{1: 0.92, 2: 0.94} {
		if _, _, f := t.scopes[i].Rates(); aim > 0 {
			r.atLeast("full", fmt.Sprintf("F1 of scopes %.0f s after the alarm", looks[i]), aim, f, "")
		}
	}
	r.atMost("full", "end after the true end, median", 5, q(t.all.end, 0.5), " s")
	r.atMost("full", "end after the true end, p90", 60, q(t.all.end, 0.9), " s")
	r.atMost("full", "onset off by, median", 1, q(t.all.onset, 0.5), " s")
	if f := t.byKind["flapping"]; f != nil && f.flappings > 0 {
		r.atLeast("full", "flapping that is one burst", 90, percent(f.single, f.flappings), "%")
	}
}
