package incident

import (
	"cmp"
	"path/filepath"
	"slices"
	"time"
)

// Statuses of an incident.
const (
	StatusOpen   = "open"
	StatusClosed = "closed"
)

// Incident is a view of the journal: what its entries say of one incident.
type Incident struct {
	ID, Title, Severity, Env string
	Status                   string // open or closed
	Drill                    bool
	Opened                   time.Time
	OpenedBy                 Actor
	Closed                   *time.Time
	ClosedBy                 Actor
	Reason                   string   // given at closing, or at opening
	People                   []string // who did something in it, in order of appearance
	Times                    Times
	Bursts                   []Burst
	Levers                   []Lever
	Runs                     []Run
	Notes                    []WrittenNote
	Samples                  []WrittenSample
	Evidence                 []Frozen // what runbooks froze, in order
	FirstSeq, LastSeq        int64    // of its entries, linked ones included
	Entries                  int
}

// Times are the instants that an incident is judged by; nil is not (yet) known.
type Times struct {
	Onset       *time.Time // the earliest onset of its bursts
	Detected    *time.Time // the first burst was raised
	FirstAction *time.Time // the first lever was requested
	Mitigated   *time.Time // the last burst settled, once all have
	Resolved    *time.Time // closed
}

// Burst is a burst as its last entry has it.
type Burst struct {
	BurstData
	Revisions int // entries about it
	Seq       int64
}

// Over says whether nothing more is to come of the burst.
func (b *Burst) Over() bool {
	return b.Settled != nil || b.Into != "" || b.State == "settled" || b.State == "merged" || b.State == "withdrawn"
}

// Run is one walk through a runbook.
type Run struct {
	ID string
	RunData
	Opened   time.Time
	By       Actor
	Closed   *time.Time
	ClosedBy Actor
	Steps    []StepView
}

// StepView is one step of a run and how it ended.
type StepView struct {
	Slug, Title string
	State       string // entered, done, skipped, …
	Reason      string
	At          time.Time // of the last change of state
	By          Actor
	Checks      []StepData // the last answer of each check
}

// WrittenNote is a note and who wrote it when.
type WrittenNote struct {
	NoteData
	At  time.Time
	By  Actor
	Seq int64
}

// WrittenSample is a sample and its time.
type WrittenSample struct {
	SampleData
	At time.Time
}

// Live returns the levers that are, or may be, in force.
func (i *Incident) Live() []Lever {
	return slices.DeleteFunc(slices.Clone(i.Levers), func(l Lever) bool { return !l.Live() })
}

// InDoubt returns the levers of which nobody knows whether the last thing asked of the gateway has happened.
func (i *Incident) InDoubt() []Lever {
	return slices.DeleteFunc(slices.Clone(i.Levers), func(l Lever) bool { return !l.InDoubt() })
}

// Duration is the time from opening to closing, or to now.
func (i *Incident) Duration(now time.Time) time.Duration {
	if i.Closed != nil {
		now = *i.Closed
	}
	return now.Sub(i.Opened)
}

// List reads the journal in dir and returns its incidents, the newest first. With an error there may be incidents all the same: what
// could be read.
func List(dir string) ([]Incident, error) {
	entries, err := ReadAll(filepath.Join(dir, FileName))
	return Fold(entries), err
}

// Fold makes the incidents of the entries, the newest first.
func Fold(entries []Entry) []Incident {
	c := chronicle(entries)
	out := make([]Incident, 0, len(c.ids))
	for _, id := range c.ids {
		out = append(out, fold(id, c.of(id)))
	}
	slices.SortStableFunc(out, func(a, b Incident) int {
		return cmp.Or(b.Opened.Compare(a.Opened), cmp.Compare(b.FirstSeq, a.FirstSeq))
	})
	return out
}

// Of returns the entries of one incident in order: its own, and those that it is linked to.
func Of(entries []Entry, id string) []Entry { return chronicle(entries).of(id) }

// fold makes one incident of its entries.
func fold(id string, entries []Entry) Incident {
	f := folder{Incident: Incident{ID: id, Status: StatusOpen, Entries: len(entries)}, levers: map[string]int{}, bursts: map[string]int{}, runs: map[string]int{}}
	for i := range entries {
		e := &entries[i]
		if i == 0 {
			f.FirstSeq = e.Seq
		}
		f.LastSeq = e.Seq
		f.add(e)
	}
	f.finish(entries)
	return f.Incident
}

// folder is an incident in the making. Data that cannot be decoded is passed over: the entry stays in the timeline.
type folder struct {
	Incident
	levers, bursts, runs map[string]int // index by id
}

func (f *folder) add(e *Entry) {
	if e.Incident == f.ID && e.Actor.ID != "" && person(e.Actor) && !slices.Contains(f.People, e.Actor.ID) {
		f.People = append(f.People, e.Actor.ID)
	}
	switch e.Kind.Noun() {
	case "incident":
		f.addIncident(e)
	case "burst":
		f.addBurst(e)
	case "lever":
		f.addLever(e)
	case "run":
		f.addRun(e)
	case "step":
		f.addStep(e)
		f.addEvidence(e)
	case "note":
		var d NoteData
		if e.Decode(&d) == nil {
			f.Notes = append(f.Notes, WrittenNote{NoteData: d, At: e.At, By: e.Actor, Seq: e.Seq})
		}
	case "sample":
		var d SampleData
		if e.Decode(&d) == nil && e.Incident == f.ID {
			f.Samples = append(f.Samples, WrittenSample{SampleData: d, At: e.At})
		}
	}
}

// person says whether an actor is somebody, rather than a part of the program.
func person(a Actor) bool { return a.Via != "desk" && a.Via != "repair" && a.Via != "gateway" }

func (f *folder) addIncident(e *Entry) {
	var d IncidentData
	if e.Decode(&d) != nil || e.Incident != f.ID {
		return
	}
	if e.Kind == IncidentOpened || e.Kind == IncidentRenamed {
		f.Title, f.Severity, f.Env = cmp.Or(d.Title, f.Title), cmp.Or(d.Severity, f.Severity), cmp.Or(d.Env, f.Env)
		f.Drill = f.Drill || d.Drill
	}
	switch e.Kind {
	case IncidentOpened:
		if f.Opened.IsZero() {
			f.Opened, f.OpenedBy = e.At, e.Actor
		}
		f.Status, f.Closed, f.Reason = StatusOpen, nil, d.Reason
	case IncidentClosed:
		at := e.At
		f.Status, f.Closed, f.ClosedBy, f.Reason = StatusClosed, &at, e.Actor, cmp.Or(d.Reason, f.Reason)
	}
}

func (f *folder) addBurst(e *Entry) {
	var d BurstData
	if e.Decode(&d) != nil || d.ID == "" {
		return
	}
	i, ok := f.bursts[d.ID]
	if !ok {
		i = len(f.Bursts)
		f.bursts[d.ID] = i
		f.Bursts = append(f.Bursts, Burst{})
	}
	b := &f.Bursts[i]
	b.BurstData, b.Seq = d, e.Seq
	b.Revisions++
	if d.State == "" {
		_, b.State, _ = cutKind(e.Kind)
	}
	if e.Kind == BurstSettled && b.Settled == nil {
		at := e.At
		b.Settled = &at
	}
}

func (f *folder) finish(entries []Entry) {
	if f.Opened.IsZero() && len(entries) > 0 {
		f.Opened, f.OpenedBy = entries[0].At, entries[0].Actor
	}
	t := &f.Times
	all := len(f.Bursts) > 0
	for i := range f.Bursts {
		b := &f.Bursts[i]
		if b.State == "withdrawn" {
			continue
		}
		earliest(&t.Onset, b.Onset)
		earliest(&t.Detected, b.Detected)
		all = all && b.Over()
		if b.Settled != nil && (t.Mitigated == nil || b.Settled.After(*t.Mitigated)) {
			t.Mitigated = b.Settled
		}
	}
	if !all {
		t.Mitigated = nil
	}
	for i := range f.Levers {
		earliest(&t.FirstAction, f.Levers[i].RequestedAt)
	}
	t.Resolved = f.Closed
}

func earliest(to **time.Time, at time.Time) {
	if !at.IsZero() && (*to == nil || at.Before(**to)) {
		*to = &at
	}
}
