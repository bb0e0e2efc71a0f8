package main

import (
	"fmt"
	"math"
	"strings"

	"signalbox/tools/detect/score"
)

// startKinds are the faults that a start is put into: those that can be told without a past.
var startKinds = []string{
	"series", "model", "region", "provider", "provider_region", "endpoint_provider", "all", "truncated", "rate_limit",
}

const (
	startSecs   = 90  // for which a start inside a fault is looked at
	startCalm   = 400 // and one into a calm
	startOracle = 30  // who has learned what is normal sees the fault within this
)

// starts measures what a detector without any past says of faults that began before it did, and of calm.
func starts(o *options, r *report) error {
	inside, calm := make([]*day, len(startKinds)*o.starts), make([]*day, len(startKinds)*o.starts)
	o.beside(len(inside), func(i int) {
		seed := o.seed + uint64(i) //nolint:gosec // a count
		inside[i] = start(seed, o.plan, startKinds[i%len(startKinds)], startSecs)
		calm[i] = start(seed, o.plan, "", startCalm)
	})
	r.title("Starts inside a fault: %d, scale %s, seeds %d to %d", len(inside), num(o.plan.scale), o.seed, o.seed+uint64(len(inside))-1) //nolint:gosec // a count
	r.say("Of those that an oracle with a past sees within %d s: found so many seconds after the start.", startOracle)
	rows := [][]string{{"", "visible", "10 s", "30 s", "60 s", "median", "scope F1 at 15 s"}}
	var all []string
	for _, k := range append([]string{""}, startKinds...) {
		row := startRow(k, inside)
		if k == "" {
			all = append([]string{"all"}, row[1:]...)
			continue
		}
		rows = append(rows, row)
	}
	r.table(append(rows, all))
	alarms, secs := 0, 0
	for _, d := range calm {
		_, false_, _ := score.Match(d.faults, d.bursts)
		alarms += len(false_)
		secs += startCalm
		for _, b := range false_ {
			if o.verbose {
				r.say("false: seed %d at %.0f s: %s", d.seed, b.Detected, b.Text)
			}
		}
	}
	r.say("False alarms in %d starts of %d s without a fault: %d (one a month would be %s)", len(calm), startCalm, alarms, num(float64(secs)/2_592_000))
	if o.verbose {
		lateStarts(r, inside)
	}
	return nil
}

// lateStarts lists the faults that were not seen in time.
func lateStarts(r *report, inside []*day) {
	for _, d := range inside {
		found, _, _ := score.Match(d.faults, d.bursts)
		if f := found[0]; visible(f.Fault) && !(f.Delay <= startOracle) {
			r.say("late: %s by %s, %s of requests fail", f.Fault.Text, num(f.Delay), num(d.strength))
		}
	}
}

// start simulates the first seconds after a start; kind is of the fault that is on from before them, empty for none.
func start(seed uint64, p plan, kind string, secs int64) *day {
	p.quiet, p.hours, p.gap, p.pair, p.kinds = 0, 1, 0, 0, nil
	if kind != "" {
		p.gap, p.kinds = math.MaxInt32, []string{kind} // the first, and no other
	}
	return newSim(seed, p).watchFor(secs)
}

// watchFor simulates so many seconds, or until the fault is over.
func (s *sim) watchFor(secs int64) *day {
	end := s.g.T + secs
	if len(s.g.Faults) > 0 {
		end = min(end, s.g.Faults[0].End)
		s.strength = s.g.Faults[0].Eps
	}
	for s.g.T < end {
		s.second()
	}
	describe(s.faults, s.tr.Lim, s.seed)
	return s.day
}

func visible(f *score.Fault) bool { return f.Oracle > 0 && f.Oracle <= startOracle }

// startRow counts the starts inside faults of a kind, or of all.
func startRow(kind string, days []*day) []string {
	var n int
	var within [3]int
	var delays []float64
	var scopes score.PR
	for _, d := range days {
		if kind != "" && d.faults[0].Kind != kind {
			continue
		}
		found, _, _ := score.Match(d.faults, d.bursts)
		f := found[0]
		if !visible(f.Fault) {
			continue
		}
		n++
		delays = append(delays, f.Delay)
		for i, most := range []float64{10, 30, 60} {
			if f.Delay <= most {
				within[i]++
			}
		}
		scopes.Add(d.scopes[2])
	}
	_, _, f1 := scopes.Rates()
	return []string{
		strings.TrimSpace(kind), fmt.Sprint(n), fmt.Sprint(within[0]), fmt.Sprint(within[1]), fmt.Sprint(within[2]),
		num(score.Quantile(delays, 0.5)), num(f1),
	}
}
