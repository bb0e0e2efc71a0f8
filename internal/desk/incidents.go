package desk

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"signalbox/internal/board"
	"signalbox/internal/incident"
	"signalbox/internal/traffic"
)

// openIncident opens an incident and links what this console saw in the half hour before.
func (d *Desk) openIncident(c OpenIncident) (Result, error) {
	if d.record.open != "" {
		return Result{}, &Refused{What: "opening an incident", Why: "one is open: " + d.record.open, Try: "close it first (i)"}
	}
	title := c.Title
	if title == "" {
		title = d.defaultTitle()
	}
	now := d.now()
	id := d.comingIncident()
	env, _ := d.environment()
	data := incident.IncidentData{Title: title, Severity: c.Severity, Drill: d.o.Drill, Env: env}
	if err := d.write(entryDraft{kind: incident.IncidentOpened, incident: id, data: data}); err != nil {
		return Result{}, err
	}
	d.record.open, d.record.next = id, ""
	d.record.sampled = now
	if err := d.link(id, now); err != nil {
		return Result{}, err
	}
	for _, b := range d.bursts {
		if b.Ended.IsZero() {
			d.joinIncident(b)
		}
	}
	return Result{Text: "incident " + title + " is open", Incident: id}, nil
}

// link makes the facts of the last half hour that belong to no incident part of this one.
func (d *Desk) link(id string, now time.Time) error {
	from := int64(0)
	for i := len(d.record.entries) - 1; i >= 0; i-- { // back to where another console has written between
		e := d.record.entries[i]
		if e.Kind == incident.Change {
			continue // it may tell of an earlier time, or have been told by another process: loneChanges finds it
		}
		if !d.record.mine[e.Seq] || now.Sub(e.At) > linkBack {
			break
		}
		if e.Incident == "" {
			from = e.Seq
		}
	}
	data := incident.IncidentData{FromSeq: from, ToSeq: d.record.seq, Since: now.Add(-linkBack)}
	for _, b := range d.bursts {
		if b.Ended.IsZero() {
			data.Bursts = append(data.Bursts, b.ID)
		}
	}
	data.Seqs = d.record.loneChanges(from, now)
	if from == 0 && len(data.Bursts)+len(data.Seqs) == 0 {
		return nil
	}
	return d.write(entryDraft{kind: incident.IncidentLinked, incident: id, data: data, actor: byDesk})
}

func (d *Desk) defaultTitle() string {
	for _, b := range d.bursts {
		if b.Ended.IsZero() && b.Pages() {
			return b.Leading + " on " + b.Scope.Short()
		}
	}
	return "incident of " + d.now().UTC().Format("2006-01-02 15:04 UTC")
}

// ensureIncident opens an incident where none is open, here or in a console beside this one: the first run or lever does.
func (d *Desk) ensureIncident(title string) error {
	if d.record.open != "" {
		return nil
	}
	d.follow()
	if i, ok := d.beside(); ok {
		_, err := d.reopen(i.ID)
		return err
	}
	for _, b := range d.bursts {
		if b.Ended.IsZero() && b.Pages() {
			title = ""
		}
	}
	_, err := d.openIncident(OpenIncident{Title: title})
	return err
}

func (d *Desk) closeIncident(c CloseIncident) (Result, error) {
	if d.record.open == "" {
		return Result{}, &Refused{What: "closing", Why: "no incident is open"}
	}
	live := d.liveLevers("")
	if len(live) > 0 && !c.Force {
		return Result{Live: live}, &Refused{What: "closing the incident", Why: fmt.Sprintf("%d levers are out, first %s", len(live), live[0]), Try: "take them back (u), or close it all the same with :close!"}
	}
	id := d.record.open
	d.sampleNow()
	if err := d.write(entryDraft{kind: incident.IncidentClosed, incident: id, data: incident.IncidentData{Reason: c.Reason}}); err != nil {
		return Result{}, err
	}
	d.record.open = ""
	d.current = ""
	return Result{Text: "incident closed", Incident: id, Live: live}, nil
}

// resumeIncident takes up an incident that an earlier console left open, with the newest of its open runs.
func (d *Desk) resumeIncident(c ResumeIncident) (Result, error) {
	res, err := d.reopen(c.ID)
	if err != nil || d.current != "" {
		return res, err
	}
	for _, r := range slices.Backward(d.runs) {
		if r.incident == c.ID && r.walk.Live() {
			return res, d.goTo(r)
		}
	}
	return res, nil
}

// reopen makes an incident that an earlier console left open the one of this console.
func (d *Desk) reopen(id string) (Result, error) {
	if d.record.open != "" && d.record.open != id {
		return Result{}, &Refused{What: "resuming", Why: "another incident is open: " + d.record.open, Try: "close it first"}
	}
	for _, i := range d.record.all {
		if i.ID == id && i.Status == incident.StatusOpen {
			d.record.open = id
			d.record.stale = true
			err := d.write(entryDraft{kind: incident.IncidentResumed, incident: id})
			return Result{Text: "incident " + i.Title + " is taken up again", Incident: id}, err
		}
	}
	return Result{}, &Refused{What: "resuming " + id, Why: "no such incident is open", Try: "signalbox incident list"}
}

func (d *Desk) resumeRun(c ResumeRun) (Result, error) {
	for _, r := range d.runs {
		if r.id != c.ID || !r.walk.Live() {
			continue
		}
		if d.record.open != r.incident {
			if _, err := d.reopen(r.incident); err != nil {
				return Result{}, err
			}
		}
		err := d.goTo(r)
		return d.where(r), err
	}
	return Result{}, &Refused{What: "resuming the run", Why: "no such run is unfinished"}
}

func (d *Desk) addNote(c AddNote) (Result, error) {
	if c.Text == "" {
		return Result{}, &Refused{What: "note", Why: "it is empty"}
	}
	if c.Kind == string(incident.Change) {
		return d.addChange(c.Text)
	}
	err := d.write(entryDraft{kind: incident.Note, incident: d.record.open, run: d.current, data: incident.NoteData{Text: c.Text, Kind: c.Kind}})
	return Result{Text: "noted", Incident: d.record.open}, err
}

func (d *Desk) setActor(c SetActor) (Result, error) {
	if c.Name == "" {
		return Result{}, &Refused{What: "actor", Why: "no name was given"}
	}
	before := d.actor
	err := d.write(entryDraft{kind: incident.Note, incident: d.record.open, data: incident.NoteData{Kind: "handover", Text: before + " hands over to " + c.Name}})
	if err == nil {
		d.actor = c.Name
		err = d.handOver(before)
	}
	return Result{Text: c.Name + " operates"}, err
}

// export writes the timeline of an incident to a file.
func (d *Desk) export(c Export) (Result, error) {
	id := c.Incident
	if id == "" {
		id = d.record.open
	}
	d.sampleNow()
	entries, err := incident.ReadAll(d.o.Journal.Path())
	if err != nil {
		return Result{}, fmt.Errorf("reading the journal: %w", err)
	}
	if id == "" {
		if all := incident.Fold(entries); len(all) > 0 {
			id = all[0].ID
		}
	}
	if id == "" {
		return Result{}, &Refused{What: "export", Why: "there is no incident yet", Try: "open one (i)"}
	}
	format := c.Format
	if format == "" {
		format = "md"
	}
	path := c.Path
	if path == "" {
		path = filepath.Join(d.o.ExportDir, id+"."+format)
	}
	if err := incident.ExportFile(path, format, entries, id); err != nil {
		return Result{}, err
	}
	return Result{Text: "timeline written to " + path, Path: path, Incident: id}, nil
}

// sample writes the counts of the open incident's cells once a minute: exports need nothing but the journal.
func (d *Desk) sample(now time.Time) {
	if d.record.open != "" && now.Sub(d.record.sampled) >= sampleEvery {
		d.sampleNow()
	}
}

func (d *Desk) sampleNow() {
	if d.record.open == "" || len(d.record.pending) > 0 {
		return
	}
	for _, b := range d.bursts { // with the numbers of now, for exports that know nothing but the journal
		if b.Live() && b.incident == d.record.open {
			b.written = d.now()
			_ = d.write(entryDraft{kind: incident.BurstRevised, incident: b.incident, data: burstData(b), actor: byDesk})
		}
	}
	now := d.now()
	from := d.record.sampled
	if from.IsZero() || now.Sub(from) > sampleEvery {
		from = now.Add(-sampleEvery)
	}
	d.record.sampled = now
	data := incident.SampleData{From: from}
	d.spots(board.Query{Sel: traffic.Selector{}, From: from, To: d.sig.edge(now)}, func(at spot, w board.Window) {
		if w.Req > 0 {
			data.Cells = append(data.Cells, d.cellSample(at, w))
		}
	})
	if len(data.Cells) > 0 {
		_ = d.write(entryDraft{kind: incident.Sample, incident: d.record.open, data: data, actor: byDesk})
	}
}

func (d *Desk) cellSample(at spot, w board.Window) incident.CellSample {
	s := incident.CellSample{Scope: map[string]string{}, Req: int(w.Req), Err: int(w.Err), TokIn: w.TokIn, TokOut: w.TokOut}
	for dim, sym := range map[string]traffic.Sym{"model": at.model, "region": at.region} {
		if sym != traffic.Unknown {
			s.Scope[dim] = d.syms.Name(sym)
		}
	}
	for q, p := range map[float64]*float64{0.5: &s.P50, 0.95: &s.P95, 0.99: &s.P99} {
		if v, ok := w.Lat.Quantile(q); ok {
			*p = float64(v) / float64(time.Millisecond)
		}
	}
	return s
}

func (d *Desk) writeStarted() {
	_ = d.write(entryDraft{kind: incident.DeskStarted, incident: "", data: incident.DeskData{PID: os.Getpid()}, actor: byDesk})
}

func (d *Desk) writeStopped() {
	_ = d.write(entryDraft{kind: incident.DeskStopped, data: incident.DeskData{PID: os.Getpid()}, actor: byDesk})
}

func (d *Desk) incidentID() string { return d.record.open }

// comingIncident gives the id of the open incident or, where none is, of the next one: a gateway is told the incident with
// the plan, and the lever itself may open it.
func (d *Desk) comingIncident() string {
	if d.record.open != "" {
		return d.record.open
	}
	if i, ok := d.beside(); ok {
		return i.ID
	}
	if d.record.next == "" {
		d.record.next = incident.NewID("inc", d.now(), nil)
	}
	return d.record.next
}
