package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"signalbox/tools/detect/score"
	"signalbox/tools/trafficgen/gen"
)

// scoreFiles holds a scan that was made before against the labels beside its log.
func scoreFiles(o *options, r *report) error {
	var labels struct {
		Start   time.Time
		Seconds float64
		Seed    uint64
		Faults  []gen.Labelled
	}
	fleet := &score.Fleet{}
	said := &scanned{}
	for file, v := range map[string]any{
		filepath.Join(o.dir, "faults.json"): &labels, filepath.Join(o.dir, "fleet.json"): fleet, o.scanned: said,
	} {
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(b, v); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	var faults []*score.Fault
	var lim []gen.Limit
	for i := range labels.Faults {
		f := &labels.Faults[i]
		faults = append(faults, label(&f.Fault, fleet, i > 0 && f.Start < labels.Faults[i-1].End))
		lim = append(lim, f.Limit)
	}
	describe(faults, lim, labels.Seed)
	bursts := said.bursts(fleet)
	moved := labels.Start.Sub(time.Unix(begin, 0)).Seconds() // since tells seconds of the day that is simulated by default
	for _, b := range bursts {
		b.Onset, b.Detected, b.End = b.Onset-moved, b.Detected-moved, b.End-moved
		for i := range b.Sights {
			b.Sights[i].T -= moved
		}
	}
	var t score.Totals
	t.Add(fleet, faults, bursts, labels.Seconds/3600)
	r.title("%s: %d faults, %d bursts", o.dir, len(faults), len(bursts))
	r.totals(&t)
	if o.verbose {
		for _, m := range t.Misses {
			r.say("%s", m)
		}
	}
	return nil
}
