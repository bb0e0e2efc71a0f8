package desk

import (
	"cmp"

	"signalbox/internal/gateway"
	"signalbox/internal/incident"
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
