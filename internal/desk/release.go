package desk

import (
	"fmt"
	"strings"
	"time"

	"signalbox/runbook"
)

// release plans taking back the newest lever of the run that is still out: one after the other, at the pace of the
// runbook, so that each can be seen to be safe before the next.
func (d *Desk) release(r *run, a *runbook.Action, reply func(Result, error)) {
	if len(d.liveLevers(r.id)) == 0 {
		reply(Result{}, &Refused{What: "release", Why: "no lever of this run is out", Try: "mark the step done (d)"})
		return
	}
	if why, try := d.tooSoon(r, a); why != "" {
		reply(Result{}, &Refused{What: "release", Why: why, Try: try})
		return
	}
	for i := len(d.levers) - 1; i >= 0; i-- {
		if l := d.levers[i]; l.plan.Change.Run == r.id && l.out() {
			d.planRevert(PlanRevert{Lever: l.id, Reason: r.walk.Fill(a.Why)}, reply)
			return
		}
	}
	reply(Result{}, &Refused{What: "release", Why: "no lever of this run is out", Try: "mark the step done (d)"})
}

// tooSoon says why the next lever stays out for now: the one before was taken back less than the pace ago, or what the
// runbook stops a release for is so.
func (d *Desk) tooSoon(r *run, a *runbook.Action) (why, try string) {
	var last time.Time
	for _, l := range d.levers {
		if l.plan.Change.Run == r.id && (l.state == LeverReverted || l.state == LeverExpired) && l.endedAt.After(last) {
			last = l.endedAt
		}
	}
	if wait := last.Add(a.Pace).Sub(d.now()); !last.IsZero() && wait > 0 {
		return fmt.Sprintf("the last lever came back less than %s ago, which is the runbook's pace", a.Pace), "go on in " + wait.Round(time.Second).String()
	}
	if a.StopIf.Zero() || last.IsZero() {
		return "", ""
	}
	if res := d.eval(r, a.StopIf); res.Truth == runbook.True {
		return "its stop-if is true: " + res.Text, "keep the rest out, and look at what came back (u undoes a lever on its own)"
	}
	return "", ""
}

// releaseWords says what a release would do now.
func (d *Desk) releaseWords(r *run, a *runbook.Action) intent {
	live := d.liveLevers(r.id)
	if len(live) == 0 {
		return intent{words: "take back the levers of this run", disabled: "none of them is out", moot: true}
	}
	why, try := d.tooSoon(r, a)
	return intent{words: "take back " + live[len(live)-1] + fmt.Sprintf(" (%d out)", len(live)), disabled: strings.TrimSuffix(why+"; "+try, "; "), soon: why != ""}
}
