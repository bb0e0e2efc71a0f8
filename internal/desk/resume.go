package desk

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"signalbox/internal/incident"
	"signalbox/runbook"
)

// resume folds the journal that earlier consoles have left: levers that may still act become levers of
// this desk, what was sent and not answered is in doubt, open incidents and runs are offered.
func (d *Desk) resume() error {
	entries, err := d.o.Journal.Tail(0)
	if err != nil {
		d.finding("journal", "the journal has a fault: "+err.Error()+"; signalbox incident verify shows where")
	}
	if n := len(entries); n > 0 {
		d.record.seq = entries[n-1].Seq
		d.record.since = d.record.seq
	}
	d.record.all = incident.Fold(entries)
	d.record.entries = slices.Clone(entries[max(0, len(entries)-maxEntries):])
	d.record.stale = true
	for _, e := range entries {
		d.resumeLever(e)
		d.learnChange(e)
	}
	for _, l := range d.levers {
		if d.o.Brief {
			break // the console that asked may well be running: it will hear the answer
		}
		if err := d.doubt(l); err != nil {
			return err
		}
	}
	d.levers = slices.DeleteFunc(d.levers, func(l *lever) bool { return !l.out() })
	d.resumeRuns(entries)
	return nil
}

// resumeLever takes one entry about a lever.
func (d *Desk) resumeLever(e incident.Entry) {
	var data incident.LeverData
	if e.Kind.Noun() != "lever" || e.Decode(&data) != nil {
		return
	}
	l := d.leverByID(data.ID)
	if e.Kind == incident.LeverRequested && l == nil {
		l = &lever{id: data.ID, key: data.IdemKey, by: e.Actor.ID, at: e.At, state: LeverRequested, accepted: Pending, reported: Pending, obeyed: Pending}
		if json.Unmarshal(data.Plan, &l.plan) != nil {
			return
		}
		l.ends = l.plan.Deadline.At
		d.levers = append(d.levers, l)
	}
	if l == nil {
		return
	}
	if len(data.Receipt) > 0 {
		_ = json.Unmarshal(data.Receipt, &l.receipt) // a receipt that cannot be read leaves the lever to the read-back
	}
	if data.ExpiresAt != nil {
		l.ends = *data.ExpiresAt
	}
	l.accepted, l.reported, l.obeyed = cmp.Or(data.Accepted, l.accepted), cmp.Or(data.Reported, l.reported), cmp.Or(data.Obeyed, l.obeyed)
	l.outcome, l.err = cmp.Or(data.Outcome, l.outcome), data.Err
	l.follow(e.Kind, e.At)
}

// follow moves the lever's state by what the journal says happened to it.
func (l *lever) follow(kind incident.Kind, at time.Time) {
	switch kind {
	case incident.LeverApplied:
		l.state, l.acceptAt = LeverActive, at
	case incident.LeverPartial:
		l.state, l.acceptAt = LeverPartial, at
	case incident.LeverFailed:
		l.state, l.endedAt = LeverFailed, at
	case incident.LeverInDoubt:
		l.state = LeverInDoubt
	case incident.LeverReadBack:
		if l.state == LeverInDoubt && l.accepted == Yes {
			l.state, l.acceptAt = LeverActive, at
		} else if l.state == LeverInDoubt && l.reported == No {
			l.state, l.endedAt = LeverFailed, at
		}
	case incident.LeverRevertRequested:
		l.state, l.undoing = LeverReverting, true
	case incident.LeverReverted:
		l.state, l.endedAt = LeverReverted, at
	case incident.LeverExpired:
		l.state, l.endedAt = LeverExpired, at
	}
}

// doubt marks what an earlier console sent and never heard about: it is read back before anything else.
func (d *Desk) doubt(l *lever) error {
	if l.state != LeverRequested && l.state != LeverReverting {
		return nil
	}
	what := "the console ended before the gateway had answered"
	if l.state == LeverReverting {
		what = "the console ended before the gateway had answered the undo"
	}
	l.state, l.err = LeverInDoubt, what
	if err := d.recordLever(incident.LeverInDoubt, l, what); err != nil && d.record.err == "" {
		return fmt.Errorf("resuming lever %s: %w", l.id, err)
	}
	return nil
}

// resumeRuns folds the walks of open incidents.
func (d *Desk) resumeRuns(entries []incident.Entry) {
	steps := map[string][]runbook.Entry{}
	var order []*run
	for _, e := range entries {
		if e.Run == "" {
			continue
		}
		switch {
		case e.Kind == incident.RunOpened:
			var data incident.RunData
			if e.Decode(&data) != nil {
				continue
			}
			if b := d.book(data.Book); b != nil && b.SHA256 == data.BookSHA {
				order = append(order, &run{id: e.Run, incident: e.Incident, book: b, stops: map[string]int{}})
			} else {
				d.finding("run "+e.Run, "a run of "+data.Title+" cannot be taken up: the runbook has changed or is gone")
			}
		case e.Kind.Noun() == "step" || e.Kind == incident.Note:
			var data stepEntry
			if e.Decode(&data) == nil && data.Entry.Kind != "" {
				steps[e.Run] = append(steps[e.Run], data.Entry)
			}
		}
	}
	for _, r := range order {
		r.walk = runbook.Fold(r.book, steps[r.id])
		if r.walk.Live() {
			d.runs = append(d.runs, r)
		}
	}
}

// resumable lists what earlier consoles have left open, in words.
func (d *Desk) resumable() []ResumeView {
	var out []ResumeView
	for _, i := range d.record.all {
		if i.Status == incident.StatusOpen && i.ID != d.record.open && d.mayResume(i) {
			out = append(out, ResumeView{Incident: i.ID, Text: "incident " + i.Title + " was left open at " + i.Opened.UTC().Format("2006-01-02 15:04 UTC")})
		}
	}
	for _, r := range d.runs {
		if r.walk.Live() && r.id != d.current && r.incident != d.record.open {
			s, n := r.book.Step(r.walk.Current)
			out = append(out, ResumeView{Incident: r.incident, Run: r.id, Text: fmt.Sprintf("runbook %s stands at step %d, %s", r.book.Title, n+1, s.Title)})
		}
	}
	for _, l := range d.levers {
		if _, here := d.wires[l.plan.Gateway]; l.out() && !here {
			out = append(out, ResumeView{Lever: l.id, Text: "lever " + leverTitle(l.plan.Change) + " on gateway " + l.plan.Gateway + ", which is not configured here, may still be out"})
		}
	}
	return out
}

// mayResume keeps drills and real incidents apart.
func (d *Desk) mayResume(i incident.Incident) bool { return i.Drill == d.o.Drill }
