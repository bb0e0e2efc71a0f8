package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"signalbox/internal/incident"
)

// ledger is what the desk knows of the journal: the entries that the open incident and this console are
// about, and whether it can be written.
type ledger struct {
	entries []incident.Entry // of the open incident and of this console, oldest first
	seq     int64            // last entry seen, of whatever process
	since   int64            // entries up to here were there before this console
	mine    map[int64]bool   // entries that this console wrote: another's facts are about another's gateways
	open    string           // id of the open incident
	next    string           // id of the one that is opened next, where a plan has named it already
	all     []incident.Incident
	err     string
	pending []incident.Draft // what could not be written, oldest first
	retry   time.Time
	sampled time.Time
	lines   []TimelineLine // cache
	stale   bool
	changes map[string]bool // changes that are recorded, by their keys
}

const (
	// journalTimeout bounds one append; a lock that another process holds longer is an error.
	journalTimeout = 10 * time.Second
	// retryEvery is the pause between two tries at a journal that cannot be written.
	retryEvery = 3 * time.Second
	// maxPending bounds what is kept for a journal that cannot be written; what comes after is counted as lost in the band.
	maxPending = 2000
	// maxEntries bounds the entries kept in memory; exports read the file.
	maxEntries = 20_000
	// linkBack is how far back an incident reaches when it is opened.
	linkBack = 30 * time.Minute
	// sampleEvery is the pause between two samples of an open incident.
	sampleEvery = time.Minute
)

// entryDraft is a fact on its way into the journal.
type entryDraft struct {
	kind                incident.Kind
	at                  time.Time // zero: now
	incident, run, step string
	data                any
	actor               *incident.Actor // nil: whoever operates
}

func (d *Desk) draft(e entryDraft) incident.Draft {
	who := incident.Actor{ID: d.actor, Via: "claimed"}
	if e.actor != nil {
		who = *e.actor
	}
	at := e.at
	if at.IsZero() {
		at = d.now()
	}
	return incident.Draft{At: at, Actor: who, Incident: e.incident, Run: e.run, Step: e.step, Kind: e.kind, Data: e.data}
}

// byDesk is the actor of what nobody did: bursts, samples, expiries.
var byDesk = &incident.Actor{ID: "signalbox", Via: "desk"}

// deed tells whether an entry of this kind tells what was done, or became of it, rather than what was seen.
func deed(kind incident.Kind) bool {
	switch kind.Noun() {
	case "lever", "incident", "run", "step", "note", "probe", "rehearsal":
		return true
	}
	return false
}

// write puts a fact on disk and returns when it is there. Where it cannot, the fact is kept for later,
// the band says so, and levers are refused until the journal can be written again.
func (d *Desk) write(e entryDraft) error {
	if d.o.Brief && !deed(e.kind) {
		return nil // a console records what is seen; two records of one burst would be two bursts
	}
	if len(d.record.pending) > 0 && !d.flush() {
		return d.keep(d.draft(e), errors.New(d.record.err))
	}
	return d.append(d.draft(e))
}

func (d *Desk) append(draft incident.Draft) error {
	ctx, cancel := context.WithTimeout(context.Background(), journalTimeout)
	defer cancel()
	entry, err := d.o.Journal.Append(ctx, draft)
	if err != nil {
		return d.keep(draft, err)
	}
	d.journalWorks()
	if d.record.mine == nil {
		d.record.mine = map[int64]bool{}
	}
	d.record.mine[entry.Seq] = true
	if entry.Seq > d.record.seq+1 {
		d.follow() // another process has written between; take its entries in order
	}
	d.see(entry)
	return nil
}

// keep holds a fact that could not be written. With --unjournaled the caller may go on all the same.
func (d *Desk) keep(draft incident.Draft, err error) error {
	if len(d.record.pending) < maxPending {
		d.record.pending = append(d.record.pending, draft)
	}
	d.record.err = err.Error()
	d.record.retry = d.now().Add(retryEvery)
	d.dirty = true
	if d.o.Unjournaled {
		return nil
	}
	d.refusal = "the journal cannot be written"
	return fmt.Errorf("writing %s into the journal: %w", draft.Kind, err)
}

func (d *Desk) journalWorks() {
	if d.record.err == "" {
		return
	}
	d.record.err, d.dirty = "", true
	d.refusal = ""
	if d.o.ReadOnly {
		d.refusal = "this console is read-only"
	}
}

// flush tries to write what could not be written. It tells whether all of it is on disk now.
func (d *Desk) flush() bool {
	for len(d.record.pending) > 0 {
		if d.now().Before(d.record.retry) {
			return false
		}
		draft := d.record.pending[0]
		d.record.pending = d.record.pending[1:]
		if err := d.append(draft); err != nil || d.record.err != "" {
			n := len(d.record.pending)
			if n > 0 { // append has put it at the end: it belongs to the front
				last := d.record.pending[n-1]
				copy(d.record.pending[1:], d.record.pending[:n-1])
				d.record.pending[0] = last
			}
			return false
		}
	}
	return true
}

func (d *Desk) refusalTry() string {
	if d.record.err != "" {
		return d.record.err + "; free space there, or start with --unjournaled"
	}
	return "start it without --read-only"
}

// see takes one entry into memory, whoever wrote it.
func (d *Desk) see(e incident.Entry) {
	if e.Seq <= d.record.seq {
		return
	}
	d.record.seq = e.Seq
	d.record.entries = append(d.record.entries, e)
	if len(d.record.entries) > maxEntries {
		d.record.entries = append([]incident.Entry(nil), d.record.entries[maxEntries/4:]...)
	}
	d.record.stale = true
	d.dirty = true
	d.learnIncident(e)
	d.learnChange(e)
	d.learnRehearsal(e)
	d.takeLever(e)
}

// follow reads what other processes have appended. It also tries again what could not be written.
func (d *Desk) follow() {
	if len(d.record.pending) > 0 {
		d.flush()
	}
	entries, err := d.o.Journal.Tail(d.record.seq)
	if err != nil && d.record.err == "" {
		d.finding("journal", err.Error())
	}
	for _, e := range entries {
		d.see(e)
	}
}

// recordLever writes where a lever stands. With "requested" goes the whole plan, with an answer the whole
// receipt: another process must be able to revert from the journal alone.
func (d *Desk) recordLever(kind incident.Kind, l *lever, why string) error {
	data := incident.LeverData{
		ID: l.id, Verb: string(l.plan.Change.Verb), Scope: l.plan.Change.Scope, TTL: l.plan.Change.TTL.String(), Reason: l.plan.Change.Reason,
		Accepted: l.accepted, Reported: l.reported, Obeyed: l.obeyed, Outcome: l.outcome, Why: why, Err: l.err,
		Holder: l.plan.Deadline.Holder, IdemKey: l.key, Owner: d.id,
	}
	data.ActedAs, data.ActedVia = l.actedAs()
	if l.void != "" {
		data.Owner = l.ward.Owner // who did not live to tell it
	}
	if len(l.plan.Change.Value) > 0 {
		data.Value = l.plan.Change.Value
	}
	if len(l.plan.Instances) > 0 {
		data.Before, data.After = valueWords(first(l.plan).Before), valueWords(first(l.plan).After)
	}
	if !l.ends.IsZero() {
		ends := l.ends
		data.ExpiresAt = &ends
	}
	var err error
	switch kind {
	case incident.LeverPlanned, incident.LeverDeclined, incident.LeverRequested:
		data.Plan, err = json.Marshal(l.plan)
	case incident.LeverAdopted, incident.LeverRevertRequested:
		data.From, data.Due = l.ward.Owner, l.due && kind == incident.LeverRevertRequested
	case incident.LeverApplied, incident.LeverPartial, incident.LeverFailed, incident.LeverInDoubt, incident.LeverExtended:
		data.Receipt, err = json.Marshal(l.receipt)
	}
	if err != nil {
		return fmt.Errorf("writing lever %s down: %w", l.id, err)
	}
	e := entryDraft{kind: kind, incident: l.incident, run: l.plan.Change.Run, step: l.plan.Change.Step, data: data}
	switch kind {
	case incident.LeverPlanned, incident.LeverDeclined, incident.LeverRequested, incident.LeverExtendRequested, incident.LeverExtended:
	case incident.LeverRevertRequested:
		if l.due {
			e.actor = byDesk
		}
	default:
		e.actor = byDesk
	}
	return d.write(e)
}

// finding keeps a warning for the screen.
func (d *Desk) finding(what, text string) {
	if d.warnings == nil {
		d.warnings = map[string]string{}
	}
	d.warnings[what] = text
	d.dirty = true
}
