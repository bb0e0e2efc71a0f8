package cli

import (
	"slices"
	"time"

	"signalbox/internal/desk"
	"signalbox/runbook"
)

// burstSample is how much a burst had counted at some time.
type burstSample struct {
	at            time.Time
	failed, total int64
}

const (
	// calmSpan is how far back the autopilot looks to see that a burst is settling: the numbers of a book look back further, to
	// what was before the last lever.
	calmSpan = 4 * time.Second
	// calmRequests is the least number of requests that tell it, calmShare how many of them may fail.
	calmRequests = 10
	calmShare    = 0.15
)

// watch looks at the burst of the run.
func (p *autopilot) watch() {
	b := burstOf(p.desk.Snapshot())
	now := time.Now()
	p.seen = slices.DeleteFunc(p.seen, func(s burstSample) bool { return now.Sub(s.at) > 2*calmSpan })
	if b != nil {
		p.seen = append(p.seen, burstSample{at: now, failed: b.Failed, total: b.Total})
	}
}

// settling tells whether the run's burst needs no further lever: one of the run is out, and the burst is over or hardly a request
// has failed for some seconds. What a wait waits for still counts what was before that lever then.
func (p *autopilot) settling() bool {
	s := p.desk.Snapshot()
	b := burstOf(s)
	switch {
	case b == nil:
		return false
	case !slices.ContainsFunc(s.Levers, func(l desk.LeverView) bool { return l.Out && l.Run == s.Run.ID }):
		return false
	}
	return !b.Ended.IsZero() || calm(p.seen, time.Now(), b.Failed, b.Total)
}

// calm compares with the youngest sample that is old enough.
func calm(seen []burstSample, now time.Time, failed, total int64) bool {
	for _, s := range slices.Backward(seen) {
		if now.Sub(s.at) >= calmSpan {
			asked := total - s.total
			return asked >= calmRequests && float64(failed-s.failed) <= calmShare*float64(asked)
		}
	}
	return false
}

func burstOf(s *desk.Snapshot) *desk.BurstView {
	if s.Run == nil {
		return nil
	}
	i := slices.IndexFunc(s.Bursts, func(b desk.BurstView) bool { return b.ID == s.Run.Burst })
	if i < 0 {
		return nil
	}
	return &s.Bursts[i]
}

// throws tells a block that throws a lever.
func throws(b runbook.Block) bool { return b.Action != nil && b.Action.Do != runbook.DoRelease }

// thrown tells whether a lever of the step was thrown.
func thrown(s desk.StepView) bool {
	return slices.ContainsFunc(s.Blocks, func(b desk.BlockView) bool { return b.Lever != "" })
}
