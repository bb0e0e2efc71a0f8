package main

import (
	"fmt"
	"math"
	"slices"
	"time"

	"signalbox/internal/burst"
	"signalbox/tools/detect/score"
)

const (
	againLearned = 4500 // seconds for which an earlier detector has learned
	againCalm    = 600  // for which a start into calm is looked at
)

// againGaps are the seconds between the end of one detector and the start of the next, in order. The start inside a fault
// comes so much later that the calm one is over.
var againGaps = []int64{120, 1700, 3 * 3600, 12 * 3600, 3 * 86400}

// again measures starts that go by what an earlier detector has written down of what is normal, after gaps: inside faults,
// and into calm.
func again(o *options, r *report) error {
	n := len(startKinds) * o.starts
	inside, calm := make([][]*day, n), make([][]*day, n)
	errs := make([]error, n)
	o.beside(n, func(i int) {
		seed := o.seed + uint64(i) //nolint:gosec // a count
		inside[i], calm[i], errs[i] = startAgain(seed, o.plan, startKinds[i%len(startKinds)])
	})
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return errs[i]
	}
	r.title("Starts with what was normal before: %d after each gap, scale %s, seeds %d to %d", n, num(o.plan.scale), o.seed, o.seed+uint64(n)-1) //nolint:gosec // a count
	r.say("Of those that an oracle with a past sees within %d s: found so many seconds after the start. %s were learned; false alarms are those of as many starts of %d s into calm.",
		startOracle, time.Duration(againLearned)*time.Second, againCalm)
	rows := [][]string{{"gap", "visible", "10 s", "30 s", "60 s", "median", "scope F1 at 15 s", "false alarms", "false losses and surges"}}
	for g, gap := range againGaps {
		var days []*day
		alarms, volumes := 0, 0
		for i := range inside {
			days = append(days, inside[i][g])
			d := calm[i][g]
			_, wrong, _ := score.Match(d.faults, d.bursts)
			alarms += len(wrong)
			for _, b := range d.bursts {
				if b.Kind == burst.KindTraffic+":"+burst.LeadingLoss || b.Kind == burst.KindTraffic+":"+burst.LeadingSurge {
					volumes++
				}
				if o.verbose {
					r.say("in calm after %d s: seed %d at %.0f s: %s", gap, d.seed, b.Detected, b.Text)
				}
			}
		}
		if o.verbose {
			lateStarts(r, days)
		}
		row := startRow("", days)
		row[0] = fmt.Sprint(time.Duration(gap) * time.Second)
		rows = append(rows, append(row, fmt.Sprint(alarms), fmt.Sprint(volumes)))
	}
	r.table(rows)
	return nil
}

// startAgain has a detector learn, and then starts others after each of the gaps with what it has learned: one into calm,
// and one inside a fault.
func startAgain(seed uint64, p plan, kind string) (inside, calm []*day, err error) {
	p.gap, p.hours, p.pair = 0, againLearned/3600.0, 0
	s := newSim(seed, p)
	for s.g.T < againLearned {
		s.second()
	}
	raw := s.det.Normal().Encode(nil)
	for _, gap := range againGaps {
		s.g.Skip(againLearned + gap - s.g.T)
		next, err := s.again(raw, p)
		if err != nil {
			return nil, nil, err
		}
		calm = append(calm, next.watchFor(againCalm))
		p.gap, p.kinds = math.MaxInt32, []string{kind}
		if next, err = s.again(raw, p); err != nil {
			return nil, nil, err
		}
		inside = append(inside, next.watchFor(startSecs))
		p.gap = 0
	}
	return inside, calm, nil
}

// again goes on with the fleet of a simulation, and with a detector that begins with what was learned.
func (s *sim) again(raw []byte, p plan) (*sim, error) {
	s.g.Faults = nil
	p.quiet = float64(s.g.T) / 3600
	p.hours = p.quiet + 1
	next := simOf(s.g, s.seed, p)
	n, err := burst.DecodeNormal(raw, next.feed.syms)
	if err != nil {
		return nil, fmt.Errorf("what is normal cannot be read: %w", err)
	}
	next.det = burst.New(burst.Options{Symbols: next.feed.syms, FalsePerMonth: p.falses, Normal: n})
	return next, nil
}
