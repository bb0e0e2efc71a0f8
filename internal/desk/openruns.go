package desk

import (
	"cmp"

	"signalbox/internal/gateway"
	"signalbox/internal/incident"
	"signalbox/runbook"
)

// openRuns lists the unfinished runs of the open incident: several may be open, one is current.
func (d *Desk) openRuns() []OpenRun {
	var out []OpenRun
	for _, r := range d.runs {
		if !r.walk.Live() || r.incident != d.record.open {
			continue
		}
		s, n := r.book.Step(r.walk.Current)
		out = append(out, OpenRun{
			ID: r.id, Title: r.walk.Fill(r.book.Title), Step: r.walk.Fill(s.Title), N: n + 1, Of: len(r.book.Steps),
			Owner: r.owner, Since: r.walk.Started, Current: r.id == d.current,
		})
	}
	return out
}

// ended tells how a run ended.
func (r *run) ended() EndedRun {
	s, n := r.book.Step(r.walk.Last)
	return EndedRun{
		ID: r.id, Book: r.book.ID, Title: r.walk.Fill(r.book.Title), GivenUp: r.walk.State == runbook.Aborted,
		Step: r.walk.Fill(s.Title), N: n + 1, Of: len(r.book.Steps), By: r.walk.By, Reason: r.walk.Reason, At: r.walk.Ended,
	}
}

// endedRuns lists the runs of the open incident that have ended.
func (d *Desk) endedRuns() []EndedRun {
	var out []EndedRun
	for _, r := range d.runs {
		if !r.walk.Live() && r.incident == d.record.open {
			out = append(out, r.ended())
		}
	}
	return out
}

// handOver makes somebody else walk the open runs of the incident that the one before walked here.
func (d *Desk) handOver(before string) error {
	for _, r := range d.runs {
		if !r.here || !r.walk.Live() || r.incident != d.record.open || r.owner != before {
			continue
		}
		if err := d.takeOver(r); err != nil {
			return err
		}
	}
	return nil
}

// takeOver writes down that a run is walked on from here, by who operates now.
func (d *Desk) takeOver(r *run) error {
	data := incident.RunData{Owner: d.actor, Epoch: r.epoch + 1}
	if err := d.write(entryDraft{kind: incident.RunEpoch, incident: r.incident, run: r.id, data: data}); err != nil {
		return err
	}
	r.owner, r.here, r.epoch = d.actor, true, data.Epoch
	return nil
}

// goTo makes an open run the current one. Another one of the same operator in the same console is no take-over.
func (d *Desk) goTo(r *run) error {
	var err error
	switch {
	case !r.here || r.owner != d.actor:
		err = d.takeOver(r)
	case r.id != d.current:
		err = d.write(entryDraft{kind: incident.RunCurrent, incident: r.incident, run: r.id})
	}
	d.current = r.id
	d.judgeChecks(r)
	return err
}

// keepLever writes down that somebody decided to leave a lever out. It asks no gateway for anything.
func (d *Desk) keepLever(c KeepLever) (Result, error) {
	l := d.leverByID(c.Lever)
	if l == nil || !l.out() {
		return Result{}, &Refused{What: "keeping the lever", Why: "that lever is not out", Try: "look at the levers pane: it may have ended meanwhile"}
	}
	text := leverTitle(l.plan.Change) + " stays out until " + l.ends.UTC().Format("15:04:05") + " UTC"
	if l.plan.Deadline.Holder != gateway.HeldByGateway {
		text += " (NOT self-reverting: a console must run)"
	}
	note := incident.NoteData{Kind: "decision", Text: "decided: " + text}
	if c.Reason != "" {
		note.Text += ": " + c.Reason
	}
	err := d.write(entryDraft{kind: incident.Note, incident: cmp.Or(l.incident, d.record.open), run: l.plan.Change.Run, data: note})
	return Result{Text: text, Lever: l.id}, err
}
