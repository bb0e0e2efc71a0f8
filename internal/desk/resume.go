package desk

import (
	"fmt"
	"slices"
	"strings"

	"signalbox/internal/incident"
	"signalbox/runbook"
)

// resume folds the journal that earlier consoles have left: levers that may still act become levers of
// this desk, what was sent and not answered is in doubt, open incidents and runs are offered.
func (d *Desk) resume() {
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
		d.takeLever(e)
		d.learnChange(e)
		d.learnRehearsal(e)
	}
	now := d.now()
	d.levers = slices.DeleteFunc(d.levers, func(l *lever) bool { return !l.out() && now.Sub(l.endedAt) > keepEnded && (l.void == "" || l.told) })
	d.adopt()
	d.resumeRuns(entries)
}

// resumeRuns folds the walks of open incidents.
func (d *Desk) resumeRuns(entries []incident.Entry) {
	steps := map[string][]runbook.Entry{}
	titles := map[string]string{}
	var order []*run
	ended := map[string]bool{}
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
			r := &run{id: e.Run, incident: e.Incident, owner: data.Owner, epoch: max(1, data.Epoch), stops: map[string]int{}}
			if b := d.book(data.Book); b != nil && b.SHA256 == data.BookSHA {
				r.book = b
			}
			order, titles[e.Run] = append(order, r), data.Title
		case e.Kind == incident.RunEpoch:
			var data incident.RunData
			if i := slices.IndexFunc(order, func(r *run) bool { return r.id == e.Run }); i >= 0 && e.Decode(&data) == nil {
				order[i].owner, order[i].epoch = data.Owner, max(order[i].epoch, data.Epoch)
			}
		case e.Kind == incident.RunClosed:
			ended[e.Run] = true
		case e.Kind == incident.RunRebased:
			var data rebased
			if e.Decode(&data) == nil {
				order = d.resumeRebased(order, e.Run, data)
				delete(steps, e.Run)
			}
		case e.Kind.Noun() == "step" || e.Kind == incident.Note:
			var data stepEntry
			if e.Decode(&data) == nil && data.Entry.Kind != "" {
				steps[e.Run] = append(steps[e.Run], data.Entry)
			}
		}
	}
	for _, r := range d.ofOpenIncidents(order) {
		switch {
		case r.book != nil:
			r.walk = runbook.FoldFrom(r.walk, r.book, steps[r.id])
			r.takeProofs(entries)
			d.runs = append(d.runs, r)
		case !ended[r.id]:
			d.finding("run "+r.id, "a run of "+titles[r.id]+" cannot be taken up: the runbook has changed or is gone")
		}
	}
}

// takeProofs takes up what an earlier console found of the run's levers: it is not judged again from a board that was empty.
func (r *run) takeProofs(entries []incident.Entry) {
	for _, e := range entries {
		var p incident.StepData
		if e.Run != r.id || e.Kind != incident.StepCheck || e.Decode(&p) != nil || p.Lever == "" {
			continue
		}
		res := runbook.Result{Truth: runbook.ParseTruth(p.Truth), Text: strings.TrimPrefix(p.Check, "verify: "), Why: p.Why}
		if r.verified == nil {
			r.verified = map[string]verdict{}
		}
		r.verified[p.Lever] = verdict{result: res, final: true}
	}
}

// ofOpenIncidents leaves out what belongs to closed ones: nobody takes that up.
func (d *Desk) ofOpenIncidents(runs []*run) []*run {
	open := map[string]bool{}
	for _, i := range d.record.all {
		open[i.ID] = i.Status == incident.StatusOpen
	}
	return slices.DeleteFunc(runs, func(r *run) bool { return !open[r.incident] })
}

// resumable lists what earlier consoles have left open, in words.
func (d *Desk) resumable() []ResumeView {
	var out []ResumeView
	for _, i := range d.record.all {
		if i.Status == incident.StatusOpen && i.ID != d.record.open && d.mayResume(i) {
			left := " was left open at "
			if i.FirstSeq > d.record.since {
				left = " was opened by " + i.OpenedBy.ID + " in another console at "
			}
			out = append(out, ResumeView{Incident: i.ID, Text: "incident " + i.Title + left + i.Opened.UTC().Format("2006-01-02 15:04 UTC")})
		}
	}
	for _, r := range d.runs {
		if r.walk.Live() && r.id != d.current && r.incident != d.record.open && !d.closed(r.incident) {
			s, n := r.book.Step(r.walk.Current)
			out = append(out, ResumeView{Incident: r.incident, Run: r.id, Text: fmt.Sprintf("runbook %s stands at step %d, %s", r.walk.Fill(r.book.Title), n+1, r.walk.Fill(s.Title))})
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

// resumeRebased takes a run that went over to another version of its runbook up from the walk as it stood then.
func (d *Desk) resumeRebased(order []*run, id string, data rebased) []*run {
	for _, r := range order {
		if r.id != id {
			continue
		}
		r.book, r.walk = nil, data.Walk
		if b := d.book(data.Book); b != nil && b.SHA256 == data.BookSHA {
			r.book = b
		}
	}
	return order
}
