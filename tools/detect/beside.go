package main

import (
	"fmt"
	"math"

	"signalbox/internal/burst"
	"signalbox/tools/detect/score"
)

// finding is something that was said beside the bursts.
type finding struct {
	kind burst.FindingKind
	at   float64 // when it was first told
	cov  []bool
	text string
}

// beside notes what the lookout tells.
func (s *sim) beside(t int64) {
	for _, f := range s.lookout.Findings() {
		if s.found[f.ID] == nil {
			s.found[f.ID] = &finding{kind: f.Kind, at: float64(t), cov: s.fleet.Cover(f.Where), text: f.Text}
		}
		for _, x := range f.Targets {
			for i, in := range s.fleet.Cover(x.Where) {
				s.found[f.ID].cov[i] = s.found[f.ID].cov[i] || in
			}
		}
	}
}

// besides counts what a kind of fault has to be told as, beside its burst: how often it was, and how often nothing of
// the kind was there.
type besides struct {
	kind, fault string
	there, told int
	delays      []float64
	wrong       int
}

func countBesides(days []*day) []*besides {
	all := []*besides{{kind: string(burst.Cascade), fault: "cascade_target"}, {kind: string(burst.RetryStorm), fault: "retries"}}
	for _, b := range all {
		for _, d := range days {
			b.count(d)
		}
	}
	return all
}

func (b *besides) count(d *day) {
	explained := map[string]bool{}
	for _, f := range d.faults {
		if f.Kind != b.fault || f.Oracle == 0 {
			continue
		}
		b.there++
		delay := math.Inf(1)
		for id, x := range d.found {
			if string(x.kind) == b.kind && x.at >= f.Start && x.at <= f.End+60 && score.Meet(x.cov, f.In) {
				explained[id] = true
				delay = min(delay, x.at-f.Start)
			}
		}
		if !math.IsInf(delay, 1) {
			b.told++
		}
		b.delays = append(b.delays, delay)
	}
	for id, x := range d.found {
		if string(x.kind) == b.kind && !explained[id] {
			b.wrong++
		}
	}
}

func (b *besides) row() []string {
	return []string{b.kind, b.fault, fmt.Sprintf("%d/%d", b.told, b.there), num(score.Quantile(b.delays, 0.5)), fmt.Sprint(b.wrong)}
}
