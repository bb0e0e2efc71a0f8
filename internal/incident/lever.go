package incident

import (
	"cmp"
	"strings"
	"time"
)

// States of a lever, as the journal has it.
const (
	LeverIsPlanned   = "planned"
	LeverIsDeclined  = "declined"
	LeverIsRequested = "requested" // asked for, no answer yet: in doubt for whoever reads it later
	LeverIsApplied   = "applied"
	LeverIsPartial   = "partial"
	LeverIsFailed    = "failed"
	LeverIsInDoubt   = "in doubt"
	LeverIsReverting = "revert requested"
	LeverIsReverted  = "reverted"
	LeverIsExpired   = "expired"
)

// Lever is a lever folded from its entries: of each fact the last that was written.
type Lever struct {
	LeverData
	State       string
	Run, Step   string
	By          Actor // who requested it
	RequestedAt time.Time
	AppliedAt   *time.Time
	EndedAt     *time.Time // reverted, expired or failed
	EndedBy     Actor
	EndReason   string
	Drift       string // what somebody else did to it; empty: nothing seen
	Extended    int    // how often its deadline was moved
	Seq         int64  // of its last entry
	undoing     bool   // the last thing asked for was its end
	ward        Ward
}

// Live says whether the lever is, or may be, in force.
func (l *Lever) Live() bool {
	switch l.State {
	case LeverIsRequested, LeverIsApplied, LeverIsPartial, LeverIsInDoubt, LeverIsReverting:
		return true
	}
	return false
}

// InDoubt says whether it is unknown what the gateway did with the last thing asked of it.
func (l *Lever) InDoubt() bool {
	return l.State == LeverIsRequested || l.State == LeverIsInDoubt || l.State == LeverIsReverting
}

// FindLever folds one lever out of a journal, whatever incident it belongs to.
func FindLever(entries []Entry, id string) (l Lever, ok bool) {
	for i := range entries {
		var d LeverData
		if entries[i].Kind.Noun() != "lever" || entries[i].Decode(&d) != nil || d.ID != id || id == "" {
			continue
		}
		l.take(&entries[i], &d)
		ok = true
	}
	return l, ok
}

func (f *folder) addLever(e *Entry) {
	var d LeverData
	if e.Decode(&d) != nil || d.ID == "" {
		return
	}
	i, ok := f.levers[d.ID]
	if !ok {
		i = len(f.Levers)
		f.levers[d.ID] = i
		f.Levers = append(f.Levers, Lever{Run: e.Run, Step: e.Step})
	}
	f.Levers[i].take(e, &d)
}

// take folds one entry in.
func (l *Lever) take(e *Entry, d *LeverData) {
	if !l.ward.Take(e.Kind, d, l.Live()) {
		return
	}
	accepted, reported := l.Accepted, l.Reported
	l.merge(d)
	if l.undoing || e.Kind == LeverRevertRequested || e.Kind == LeverExpired {
		l.Accepted, l.Reported = accepted, reported // what is said now is said of its end
	}
	l.Seq = e.Seq
	l.move(e, d)
}

// move takes the lever on by what the entry says has happened.
func (l *Lever) move(e *Entry, d *LeverData) {
	switch e.Kind {
	case LeverPlanned:
		l.State = cmp.Or(l.State, LeverIsPlanned)
	case LeverDeclined:
		if l.RequestedAt.IsZero() {
			l.State = LeverIsDeclined
		}
	case LeverRequested:
		l.State, l.By, l.RequestedAt, l.undoing = LeverIsRequested, e.Actor, e.At, false
	case LeverApplied:
		l.applied(LeverIsApplied, e.At)
	case LeverPartial:
		l.applied(LeverIsPartial, e.At)
	case LeverFailed:
		if l.undoing {
			l.State = LeverIsApplied // the undo failed: it is still out
			return
		}
		l.end(LeverIsFailed, e, d)
	case LeverInDoubt:
		l.State = LeverIsInDoubt
	case LeverReadBack:
		l.readBack(e, d)
	case LeverExtended:
		l.Extended++
	case LeverRevertRequested:
		l.State, l.undoing, l.EndedBy, l.EndReason = LeverIsReverting, true, e.Actor, cmp.Or(d.Why, d.Reason)
	case LeverReverted:
		l.end(LeverIsReverted, e, d)
	case LeverExpired:
		l.end(LeverIsExpired, e, d)
	case LeverDrift:
		l.Drift = cmp.Or(d.Why, d.Err, "changed by somebody else")
	}
}

// applied puts the lever in force; also one that counted as ended, where it took effect late.
func (l *Lever) applied(state string, at time.Time) {
	if !l.Live() {
		l.EndedAt, l.EndedBy, l.EndReason, l.undoing = nil, Actor{}, "", false
	}
	l.State = state
	if l.AppliedAt == nil {
		l.AppliedAt = &at
	}
}

// end closes the lever. Who asked for the end counts before who saw it.
func (l *Lever) end(state string, e *Entry, d *LeverData) {
	at := e.At
	l.State, l.EndedAt = state, &at
	if l.EndedBy == (Actor{}) || state == LeverIsExpired {
		l.EndedBy = e.Actor
	}
	l.EndReason = cmp.Or(l.EndReason, d.Why, d.Err)
}

// readBack resolves a doubt; otherwise it only confirms.
func (l *Lever) readBack(e *Entry, d *LeverData) {
	if !l.InDoubt() {
		return
	}
	switch d.Reported {
	case "yes":
		l.applied(LeverIsApplied, e.At)
		l.undoing = false
	case "partial":
		l.applied(LeverIsPartial, e.At)
	case "no":
		if l.undoing {
			l.end(LeverIsReverted, e, d)
			return
		}
		l.end(LeverIsFailed, e, d)
	}
}

// merge takes over what the entry gives.
func (l *Lever) merge(d *LeverData) {
	if d.Scope != nil {
		l.Scope = d.Scope
	}
	if d.Value != nil {
		l.Value = d.Value
	}
	if len(d.Plan) > 0 {
		l.Plan = d.Plan
	}
	if len(d.Receipt) > 0 {
		l.Receipt = d.Receipt
	}
	if d.ExpiresAt != nil {
		l.ExpiresAt = d.ExpiresAt
	}
	for _, p := range []struct{ to, from *string }{
		{&l.ID, &d.ID},
		{&l.Verb, &d.Verb},
		{&l.TTL, &d.TTL},
		{&l.Reason, &d.Reason},
		{&l.Accepted, &d.Accepted},
		{&l.Reported, &d.Reported},
		{&l.Obeyed, &d.Obeyed},
		{&l.Outcome, &d.Outcome},
		{&l.Why, &d.Why},
		{&l.Before, &d.Before},
		{&l.After, &d.After},
		{&l.Holder, &d.Holder},
		{&l.IdemKey, &d.IdemKey},
		{&l.Owner, &d.Owner},
		{&l.ActedAs, &d.ActedAs},
		{&l.ActedVia, &d.ActedVia},
		{&l.Err, &d.Err},
	} {
		if *p.from != "" {
			*p.to = *p.from
		}
	}
}

func cutKind(k Kind) (noun, verb string, ok bool) { return strings.Cut(string(k), ".") }
