// Package burst finds bursts of failures in counts, and says where they are. It is pure: event time in, verdicts
// with reasons out; the same calls give the same bursts.
package burst

import (
	"signalbox/internal/traffic"
)

// Options set a detector up.
type Options struct {
	Symbols       *traffic.Symbols
	FalsePerMonth float64 // false alarms a month that the operator puts up with; 0: one
	IDPrefix      string  // of burst ids
}

// Detector finds bursts. It is owned by one goroutine.
type Detector struct {
	opts Options
}

// New makes a detector.
func New(o Options) *Detector {
	if o.Symbols == nil {
		o.Symbols = traffic.NewSymbols(0)
	}
	if o.FalsePerMonth <= 0 {
		o.FalsePerMonth = 1
	}
	return &Detector{opts: o}
}

// Step takes the counts of one closed second. Seconds come in order; idle ones may be skipped.
func (d *Detector) Step(sec int64, leaves []Leaf) []Event { return nil }

// Bursts gives the bursts that last and those that settled in the last half hour, newest first, with their numbers
// of now.
func (d *Detector) Bursts() []Burst { return nil }
