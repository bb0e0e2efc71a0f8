package desk

import (
	"slices"
	"time"

	"signalbox/runbook"
)

// proposals are what a live burst says of fields that a run has open: one that was begun before the burst was found could take
// nothing from it. They are looked for once a second, and nothing is filled by itself.
func (d *Desk) proposals(r *run, now time.Time) map[string]string {
	open := slices.ContainsFunc(r.book.Vars, func(v runbook.Var) bool { return v.From != "" && r.walk.Vars[v.Name] == "" })
	if !open || !r.walk.Live() {
		return nil
	}
	if gone := now.Sub(r.askedAt); gone >= 0 && gone < time.Second {
		return r.proposed
	}
	r.proposed, r.askedAt = nil, now
	for _, b := range slices.Backward(d.bursts) {
		if b.Live() && b.Pages() {
			r.proposed = runbook.Bind(r.book, d.burstWords(b))
			break
		}
	}
	return r.proposed
}
