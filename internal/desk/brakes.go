package desk

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"signalbox/internal/gateway"
)

const (
	// leastInterval is the pause between two changes of one control.
	leastInterval = 5 * time.Second
	// undoPatience is how long an undo that was not read back yet holds up the next change of its target.
	undoPatience = 15 * time.Second
	// flapSpan and flaps say when a control flaps: it was thrown that often within that time, and taken back.
	flapSpan = 15 * time.Minute
	flaps    = 2
	// maxPerRun is how many levers one run of a runbook throws before somebody has to say that it is meant.
	maxPerRun = 12
	// forceWord stands before the phrase of a plan that has to be forced.
	forceWord = "force "
)

// mayThrow checks everything that may have changed since the plan was shown.
func (d *Desk) mayThrow(s *shown, c Throw) error {
	what := s.view.Title
	if d.refusal != "" {
		return &Refused{What: what, Why: d.refusal, Try: d.refusalTry()}
	}
	if d.now().After(s.view.StaleAt) {
		return &Refused{What: what, Why: "the plan is older than " + planFresh.String(), Try: "plan it again: the gateway may have changed"}
	}
	if s.view.Confirm == ConfirmTyped && c.Typed != s.view.Phrase {
		return &Refused{What: what, Why: fmt.Sprintf("the confirmation must be typed as %q", s.view.Phrase)}
	}
	if s.lever != "" {
		return nil // what is taken back is checked where that is done
	}
	if why := d.mustForce(s.plan); len(why) > len(s.view.Force) {
		return &Refused{What: what, Why: "since it was planned: " + strings.Join(why, "; "), Try: "plan it again"}
	}
	for _, l := range d.levers {
		if err := d.brake(s, l); err != nil {
			err.What = what
			return err
		}
	}
	return nil
}

// brake tells why a plan may not be thrown because of another lever.
func (d *Desk) brake(s *shown, l *lever) *Refused {
	title := leverTitle(l.plan.Change)
	same := l.touches(s.plan)
	switch {
	case !same && !l.besides(s.plan):
		return nil
	case l.unsettled(d.now()):
		return &Refused{Why: "another change of the same target is under way: " + title, Try: "wait until it has been read back"}
	case !same && emptying(s.plan.Change.Verb) && later(l.at, l.endedAt).After(s.plan.ReadAt):
		return &Refused{Why: title + " has changed what is left since this was planned", Try: "plan it again"}
	case !same:
		return nil
	case l.out():
		return &Refused{Why: "lever " + title + " is out on the same control", Try: "take it back first"}
	case l.void == "" && d.now().Sub(later(l.at, l.endedAt)) < leastInterval:
		return &Refused{Why: "the same control was changed " + leastInterval.String() + " ago or less", Try: "wait a moment and plan again"}
	}
	return nil
}

// besides tells whether the lever moves another control of the plan's target, or of what stands in for it.
func (l *lever) besides(p gateway.Plan) bool {
	if l.plan.Gateway != p.Gateway {
		return false
	}
	a, b := l.plan.Change.Scope, p.Change.Scope
	if v := a["deployment"]; v != "" && v == b["deployment"] {
		return true
	}
	return emptying(l.plan.Change.Verb) && emptying(p.Change.Verb)
}

// emptying tells whether a lever takes a target away from those that are left.
func emptying(v gateway.Verb) bool {
	return v == gateway.TargetOut || v == gateway.RouteForce || v == gateway.BreakerOpen
}

// unsettled tells whether it is not known yet what the last thing that was asked about the lever has done.
func (l *lever) unsettled(now time.Time) bool {
	switch l.state {
	case LeverRequested, LeverReverting, LeverInDoubt:
		return true
	case LeverReverted:
		return l.asking || l.reported == Pending && now.Sub(l.endedAt) < undoPatience
	case LeverActive, LeverPartial:
		return l.asking || l.reported == Pending
	}
	return l.asking
}

// mustForce lists why a plan is thrown only by somebody who says that this is meant.
func (d *Desk) mustForce(p gateway.Plan) []string {
	var why []string
	if p.Blast.LastTarget {
		why = append(why, "it takes the last target that is left")
	}
	again, inRun := 0, 0
	for _, l := range d.levers {
		if l.void != "" {
			continue
		}
		if l.touches(p) && !l.out() && l.state != LeverFailed && d.now().Sub(l.at) < flapSpan {
			again++
		}
		if p.Change.Run != "" && l.plan.Change.Run == p.Change.Run {
			inRun++
		}
	}
	if again >= flaps {
		why = append(why, fmt.Sprintf("the control flaps: it was thrown and taken back %d times in %s", again, flapSpan))
	}
	if inRun >= maxPerRun {
		why = append(why, fmt.Sprintf("this run has thrown %d levers", inRun))
	}
	return why
}

// belowFloor refuses a cap under the least that the configuration allows.
func (d *Desk) belowFloor(w *wire, p gateway.Plan) error {
	if p.Change.Verb != gateway.CapSet || w.spec.LeastCap <= 0 {
		return nil
	}
	low := slices.IndexFunc(p.Instances, func(i gateway.InstancePlan) bool {
		var n float64
		return json.Unmarshal(i.After, &n) == nil && n < float64(w.spec.LeastCap)
	})
	if low < 0 {
		return nil
	}
	return &Refused{
		What: leverTitle(p.Change), Why: fmt.Sprintf("the configuration wants at least %d on each instance of %s", w.spec.LeastCap, w.spec.Name),
		Try: fmt.Sprintf("%d or more, or take the target out", w.spec.LeastCap),
	}
}
