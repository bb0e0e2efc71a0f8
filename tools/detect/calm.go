package main

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"signalbox/tools/detect/score"
)

// calm measures days on which nothing is wrong: every alarm is false.
func calm(o *options, r *report) error {
	t, p := gather(o.calmDays()), o.plan
	low, high := score.PoissonInterval(t.false_)
	month := 30 / t.days
	r.title("Calm: %s fleet-days without faults, scale %s, seeds %d to %d", num(t.days), num(p.scale), o.seed, o.seed+uint64(o.calm)-1) //nolint:gosec // a count
	r.say("False alarms: %d, %s a month and fleet (95%% interval %s to %s); asked for: %s", t.false_, num(float64(t.false_)*month),
		num(low*month), num(high*month), num(p.falses))
	r.say("Notes (caller, traffic and others that call nobody): %d, %s a day", t.notes, num(float64(t.notes)/t.days))
	for _, k := range slices.Sorted(maps.Keys(t.noteKinds)) {
		r.say("  %s: %d", k, t.noteKinds[k])
	}
	for _, b := range countBesides(o.calmDays()) {
		r.say("Findings of %s that were none: %d", b.kind, b.wrong)
	}
	for _, w := range t.wrong {
		r.say("%s", w)
	}
	// Two in forty days are what one a month allows; of fewer days, as many as are not yet proof of more.
	r.atMost("calm", fmt.Sprintf("false alarms in %s days", num(t.days)), math.Max(1, math.Floor(t.days/20*p.falses)), float64(t.false_), "")
	r.atMost("calm", "losses of traffic that were none", 0, float64(t.noteKinds["traffic:loss"]), "")
	r.atMost("calm", "notes a day", 12, float64(t.notes)/t.days, "")
	return nil
}
