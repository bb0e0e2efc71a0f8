package desk

import (
	"context"
	"slices"

	"signalbox/internal/gateway"
	"signalbox/internal/incident"
)

// The protocol of one change lives in this file and in settle.go, and nowhere else:
//
//	plan (fresh read) -> confirm -> journal "requested", on disk -> apply -> journal the answer -> read back
//	-> obeyed, from traffic -> outcome -> revert or expiry, read back.
//
// An answer that does not come is "in doubt": it is read back before anything is repeated.

// throw sends a plan that was shown. The entry "requested" is on disk before the gateway is asked.
func (d *Desk) throw(c Throw, reply func(Result, error)) {
	s, ok := d.plans[c.Plan]
	if !ok {
		reply(Result{}, &Refused{What: "this plan", Why: "it is not known any more", Try: "plan it again"})
		return
	}
	if err := d.mayThrow(s, c); err != nil {
		reply(Result{}, err)
		return
	}
	delete(d.plans, c.Plan)
	if s.lever != "" {
		d.revert(Revert{Lever: s.lever, Reason: s.plan.Change.Reason}, reply)
		return
	}
	if err := d.ensureIncident("lever " + leverTitle(s.plan.Change)); err != nil {
		reply(Result{}, err)
		return
	}
	l := &lever{
		id: s.id, incident: d.incidentID(), plan: s.plan, key: d.newID("key"), by: d.actor, at: d.now(), state: LeverRequested,
		accepted: Pending, reported: Pending, obeyed: Pending, ends: s.plan.Deadline.At, ward: incident.Ward{Owner: d.id},
	}
	d.levers = append(d.levers, l)
	if err := d.request(l, s.block); err != nil {
		reply(Result{}, err)
		return
	}
	reply(Result{Text: "sent " + leverTitle(l.plan.Change), Lever: l.id, Incident: d.incidentID()}, nil)
}

// request writes a lever into the journal and sends it, unless another console has come first.
func (d *Desk) request(l *lever, block int) error {
	if err := d.recordLever(incident.LeverRequested, l, ""); err != nil {
		d.levers = slices.DeleteFunc(d.levers, func(o *lever) bool { return o == l })
		return err
	}
	if l.void != "" {
		l.state, l.err, l.endedAt, l.accepted = LeverFailed, l.void, d.now(), No
		d.tellVoid(l)
		return &Refused{What: leverTitle(l.plan.Change), Why: l.void, Try: "take that one back first"}
	}
	d.noteAction(l, block)
	if err := d.apply(l); err != nil {
		l.state, l.err, l.endedAt, l.accepted = LeverFailed, err.Error(), d.now(), No
		_ = d.recordLever(incident.LeverFailed, l, "never sent")
		return err
	}
	return nil
}

// apply asks the gateway; the answer comes back to the desk's goroutine.
func (d *Desk) apply(l *lever) error {
	w, ok := d.wires[l.plan.Gateway]
	if !ok {
		return &Refused{What: leverTitle(l.plan.Change), Why: "gateway " + l.plan.Gateway + " is not configured here"}
	}
	l.asking = true
	plan, key := l.plan, l.key
	err := w.ask(func(ctx context.Context, drv gateway.Driver) func() {
		r, err := drv.Apply(ctx, plan, key)
		return func() { d.applied(w, l, r, err) }
	})
	if err != nil {
		l.asking = false
	}
	return err
}

func (d *Desk) applied(w *wire, l *lever, r gateway.Receipt, err error) {
	l.asking = false
	if !d.owns(l) { // it was taken over while the gateway kept us waiting
		d.readBack(w)
		return
	}
	l.acceptAt = d.now()
	kind := l.judgeReceipt(r, err)
	_ = d.recordLever(kind, l, "") // the answer is shown even when the disk is full; the band says that it is
	d.readBack(w)
}

func (d *Desk) leverByID(id string) *lever {
	for _, l := range d.levers {
		if l.id == id {
			return l
		}
	}
	return nil
}
