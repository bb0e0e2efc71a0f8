package desk

import (
	"cmp"
	"encoding/json"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/incident"
)

// Several consoles may run on one journal. Each lever has one that looks after it: it alone asks the gateway about the
// lever, judges it and ends it at its deadline. Who that is, the order of the journal settles (incident.Ward): a claim is
// written first, and what others have written before it is read before anything is sent.

// presence tells which consoles run. *incident.Journal is one; without it all others count as gone.
type presence interface {
	Present(name string) (leave func(), err error)
	Gone(name string) bool
}

// overdue is how long after a deadline that a console holds another one waits before it steps in: a console that has
// stopped without ending holds its lock and does nothing.
const overdue = 10 * time.Second

// keepEnded is how long ended levers of earlier consoles are remembered: to see a control that flaps.
const keepEnded = 15 * time.Minute

// appear says that this console runs. Where that cannot be said, others may take its levers over while it lives, which
// the order of the journal settles too.
func (d *Desk) appear() {
	d.id = d.newID("desk")
	if p, ok := d.o.Journal.(presence); ok {
		leave, err := p.Present(d.id)
		if err != nil {
			d.finding("journal", err.Error())
			return
		}
		d.leave = leave
	}
}

// owns tells whether this console looks after the lever.
func (d *Desk) owns(l *lever) bool { return l.ward.Owner == d.id }

// gone tells whether the console that looks after the lever has ended.
func (d *Desk) gone(l *lever) bool {
	if d.owns(l) {
		return false
	}
	p, ok := d.o.Journal.(presence)
	return !ok || p.Gone(l.ward.Owner)
}

// takeLever folds one entry about a lever in, whoever wrote it. Of what this console wrote itself only the place in the
// journal is news, and whether a claim holds.
func (d *Desk) takeLever(e incident.Entry) {
	var data incident.LeverData
	if e.Kind.Noun() != "lever" || e.Decode(&data) != nil || data.ID == "" {
		return
	}
	l := d.leverByID(data.ID)
	if e.Kind == incident.LeverRequested && l == nil {
		l = &lever{id: data.ID, key: data.IdemKey, by: e.Actor.ID, incident: e.Incident, at: e.At, state: LeverRequested, accepted: Pending, reported: Pending, obeyed: Pending}
		if json.Unmarshal(data.Plan, &l.plan) != nil {
			return
		}
		l.ends = l.plan.Deadline.At
		d.levers = append(d.levers, l)
	}
	if l == nil {
		return
	}
	holds := l.ward.Take(e.Kind, &data, l.out())
	if e.Kind == incident.LeverRequested {
		l.seq = e.Seq
		if other := d.inTheWay(l); other != nil {
			l.void = "another console had thrown " + leverTitle(other.plan.Change) + " on the same control before"
		}
	}
	if d.record.mine[e.Seq] {
		l.lost = !holds
		return
	}
	if l.void != "" {
		l.state, l.endedAt, l.told = LeverFailed, e.At, e.Kind == incident.LeverFailed
		return
	}
	if holds {
		l.take(e, &data)
	}
}

// inTheWay finds a lever that was out on the same control when this one was requested. By the order of the journal
// everybody finds the same, so that of two that were thrown at once one is never sent.
func (d *Desk) inTheWay(l *lever) *lever {
	for _, o := range d.levers {
		if o != l && o.seq != 0 && o.seq < l.seq && o.out() && o.touches(l.plan) {
			return o
		}
	}
	return nil
}

// take takes what an entry of another console says.
func (l *lever) take(e incident.Entry, data *incident.LeverData) {
	if len(data.Receipt) > 0 {
		_ = json.Unmarshal(data.Receipt, &l.receipt) // a receipt that cannot be read leaves the lever to the read-back
	}
	if data.ExpiresAt != nil && e.Kind != incident.LeverExtendRequested && e.Kind != incident.LeverExtendFailed {
		l.endAt(*data.ExpiresAt)
	}
	l.accepted, l.reported, l.obeyed = cmp.Or(data.Accepted, l.accepted), cmp.Or(data.Reported, l.reported), cmp.Or(data.Obeyed, l.obeyed)
	l.outcome, l.err = cmp.Or(data.Outcome, l.outcome), data.Err
	switch e.Kind {
	case incident.LeverObeyed:
		l.obeyedWhy = data.Why
	case incident.LeverVerified:
		l.outcomeBy = data.Why
	case incident.LeverDrift:
		l.drift = data.Why
	case incident.LeverReadBack:
		if data.Reported == Yes {
			l.drift = ""
		}
	}
	l.follow(e.Kind, e.At)
}

// follow moves the lever's state by what the journal says happened to it.
func (l *lever) follow(kind incident.Kind, at time.Time) {
	switch kind {
	case incident.LeverApplied:
		l.state, l.acceptAt, l.undoing = LeverActive, at, false
	case incident.LeverPartial:
		l.state, l.acceptAt, l.undoing = LeverPartial, at, false
	case incident.LeverFailed:
		l.state, l.endedAt = LeverFailed, at
	case incident.LeverInDoubt:
		l.state, l.doubted = LeverInDoubt, l.doubted || !l.undoing
	case incident.LeverReadBack:
		l.wasReadBack(at)
	case incident.LeverRevertRequested:
		l.state, l.undoing = LeverReverting, true
	case incident.LeverReverted:
		l.state, l.endedAt = LeverReverted, at
	case incident.LeverExpired:
		l.state, l.endedAt = LeverExpired, at
	}
}

func (l *lever) wasReadBack(at time.Time) {
	switch {
	case l.state != LeverInDoubt:
	case l.reported == "partial":
		l.follow(incident.LeverPartial, at)
	case l.accepted == Yes && l.reported == Yes:
		l.follow(incident.LeverApplied, at)
	case l.reported == No:
		l.follow(incident.LeverFailed, at)
	}
}

// claim writes down that this console takes something on itself, and tells whether it may go on: not where another one
// came first.
func (d *Desk) claim(kind incident.Kind, l *lever, why string) error {
	l.lost = false
	if err := d.recordLever(kind, l, why); err != nil {
		return err
	}
	if l.lost {
		return &Refused{What: "lever " + leverTitle(l.plan.Change), Why: "another console came first: it is " + l.state, Try: "look at it again"}
	}
	l.ward.Owner = d.id // in a journal that cannot be written too
	return nil
}

// maxClaims bounds how often an operator's undo is claimed anew: each time another console must have ended meanwhile.
const maxClaims = 4

// claimUndo claims a lever in order to take it back. That another console has only begun to look after it, as one that stays
// does with what a command has left out, is no rival: who looks after a lever may change while an operator decides, and the
// undo is claimed from the new one. Another undo, or an answer that is still to come, is one.
func (d *Desk) claimUndo(l *lever, why string, must bool) error {
	for n := 1; ; n++ {
		from, state := l.ward.Owner, l.state
		err := d.claim(incident.LeverRevertRequested, l, why)
		if err == nil || !l.lost || must || n == maxClaims || l.ward.Owner == from || l.state != state || !l.out() {
			return err
		}
	}
}

// adopt takes over what consoles that have ended left out. What they had asked and not heard about is in doubt, and read
// back before anything else.
func (d *Desk) adopt() {
	if d.o.Brief || d.refusal != "" {
		return // one that does not stay, or may not act, takes nothing on itself
	}
	for _, l := range d.levers {
		if l.out() && d.mayAdopt(l) {
			_ = d.takeUp(l) // another console has it then
		}
		if l.void != "" && !l.told && d.gone(l) {
			d.tellVoid(l)
		}
	}
}

func (d *Desk) mayAdopt(l *lever) bool {
	if d.owns(l) || l.asking || !d.drives(l) {
		return false
	}
	late := l.plan.Deadline.Holder != gateway.HeldByGateway && !l.ends.IsZero() && d.now().After(l.ends.Add(overdue))
	return late || d.gone(l)
}

// drives tells whether this console can ask the lever's gateway anything.
func (d *Desk) drives(l *lever) bool {
	w, ok := d.wires[l.plan.Gateway]
	return ok && d.whyNot(w) == ""
}

// takeUp makes this console the one that looks after a lever.
func (d *Desk) takeUp(l *lever) error {
	if err := d.claim(incident.LeverAdopted, l, "the console that looked after it has ended"); err != nil {
		return err
	}
	before := l.state // only now: with the claim came what that console had written last
	what := "the console ended before the gateway had answered"
	switch before {
	case LeverReverting:
		what += " the undo"
	case LeverRequested:
	default:
		return nil
	}
	l.state, l.err, l.doubted = LeverInDoubt, what, l.doubted || before == LeverRequested
	_ = d.recordLever(incident.LeverInDoubt, l, what)
	return nil
}

// tellVoid writes down that a lever was never sent, which its console did not live to do.
func (d *Desk) tellVoid(l *lever) {
	l.told = true
	_ = d.recordLever(incident.LeverFailed, l, "never sent: "+l.void)
}
