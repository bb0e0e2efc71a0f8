package desk

import (
	"slices"
	"time"

	"signalbox/internal/incident"
)

// learnIncident keeps the list of incidents as the journal goes on: one that another console opens beside this one can be taken
// up here, and one that anybody closes is over here, too.
func (d *Desk) learnIncident(e incident.Entry) {
	at := slices.IndexFunc(d.record.all, func(i incident.Incident) bool { return i.ID == e.Incident })
	var data incident.IncidentData
	switch {
	case e.Kind == incident.IncidentOpened && at < 0 && e.Decode(&data) == nil:
		d.record.all = slices.Insert(d.record.all, 0, incident.Incident{
			ID: e.Incident, Title: data.Title, Status: incident.StatusOpen, Drill: data.Drill, Opened: e.At, OpenedBy: e.Actor, FirstSeq: e.Seq,
		})
	case e.Kind == incident.IncidentClosed && at >= 0:
		d.record.all[at].Status = incident.StatusClosed
		if e.Incident == d.record.open && !d.record.mine[e.Seq] {
			d.finding("incident", e.Actor.ID+" has closed it in another console at "+e.At.UTC().Format(time.TimeOnly)+" UTC; what is done from here on belongs to none, until one is opened (i)")
			d.record.open, d.current = "", ""
		}
	}
}

// beside gives the newest open incident that another console has opened since this one began; "" where this one has one of its own.
func (d *Desk) beside() (incident.Incident, bool) {
	if d.record.open != "" {
		return incident.Incident{}, false
	}
	i := slices.IndexFunc(d.record.all, func(i incident.Incident) bool {
		return i.Status == incident.StatusOpen && i.FirstSeq > d.record.since && d.mayResume(i)
	})
	if i < 0 {
		return incident.Incident{}, false
	}
	return d.record.all[i], true
}

// closed tells whether an incident is known to be over.
func (d *Desk) closed(id string) bool {
	return slices.ContainsFunc(d.record.all, func(i incident.Incident) bool { return i.ID == id && i.Status == incident.StatusClosed })
}
