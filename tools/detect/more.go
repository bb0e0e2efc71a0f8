package main

import (
	"maps"
	"slices"

	"signalbox/tools/detect/score"
	"signalbox/tools/trafficgen/gen"
)

// more measures the kinds of faults that are not among the usual fourteen.
func more(o *options, r *report) error {
	p := o.plan
	p.fine, p.rivals, p.pair = true, false, 0
	if len(p.kinds) == 0 {
		p.kinds = gen.MoreKinds
	}
	days := o.simulate(o.seed, o.more, p)
	t := gather(days)
	r.title("Other kinds: %s fleet-days with deployments and workloads, scale %s, seeds %d to %d", num(t.days), num(p.scale),
		o.seed, o.seed+uint64(o.more)-1) //nolint:gosec // a count
	rows := [][]string{rowHeads}
	for _, k := range slices.Sorted(maps.Keys(t.byKind)) {
		rows = append(rows, t.byKind[k].cells(k))
	}
	r.table(append(rows, t.all.cells("all")))
	r.say("\nAlarms that no fault explains: %d in %s fleet-days; echoes of faults: %d", t.false_, num(t.days), t.echoes)
	rows = [][]string{{"\nfinding", "of", "told", "delay p50", "of nothing of the kind"}}
	for _, b := range countBesides(days) {
		rows = append(rows, b.row())
	}
	r.table(rows)
	if o.verbose {
		for _, w := range t.wrong {
			r.say("%s", w)
		}
	}
	var loss []float64
	for _, d := range days {
		found, _, _ := score.Match(d.faults, d.bursts)
		for _, f := range found {
			if f.Fault.Kind == "loss" && f.Fault.Rate >= 3 && f.Fault.End-f.Fault.Start >= 60 {
				loss = append(loss, f.Delay)
			}
		}
	}
	r.atMost("more", "loss of all traffic from 3/s on, p90", 60, score.Quantile(loss, 0.9), " s")
	for _, k := range slices.Sorted(maps.Keys(t.byKind)) {
		if x := t.byKind[k]; k != "loss_part" { // a loss of half lies inside what is normal, by design
			r.atLeast("more", "found of what the oracle sees, "+k, 95, percent(x.found, x.visible), "%")
		}
	}
	for _, k := range []string{"deployment", "workload", "quota"} {
		if p := t.kinds[k]; p != nil {
			_, _, f1 := p.Rates()
			r.atLeast("more", "F1 of scopes 15 s after the alarm, "+k, 0.9, f1, "")
		}
	}
	return nil
}
