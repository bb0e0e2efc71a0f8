package desk

import (
	"context"
	"fmt"
	"strings"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/incident"
)

// The protocol of one change lives in this file and in settle.go, and nowhere else:
//
//	plan (fresh read) -> confirm -> journal "requested", on disk -> apply -> journal the answer -> read back
//	-> obeyed, from traffic -> outcome -> revert or expiry, read back.
//
// An answer that does not come is "in doubt": it is read back before anything is repeated.

// leastInterval is the pause between two changes of one control.
const leastInterval = 5 * time.Second

// throw sends a plan that was shown. The entry "requested" is on disk before the gateway is asked.
func (d *Desk) throw(c Throw, reply func(Result, error)) {
	s, ok := d.plans[c.Plan]
	if !ok {
		reply(Result{}, &Refused{What: "this plan", Why: "it is not known any more", Try: "plan it again"})
		return
	}
	if err := d.mayThrow(s, c.Typed); err != nil {
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
	s.plan.Change.Incident = d.incidentID() // opened by this very lever, or since the plan was shown
	s.plan.Digest = s.plan.Sum()
	l := &lever{
		id: d.newID("lev"), ours: true, plan: s.plan, key: d.newID("key"), by: d.actor, at: d.now(), state: LeverRequested,
		accepted: Pending, reported: Pending, obeyed: Pending, ends: s.plan.Deadline.At,
	}
	if err := d.recordLever(incident.LeverRequested, l, ""); err != nil {
		reply(Result{}, err)
		return
	}
	d.levers = append(d.levers, l)
	d.noteAction(l, s.block)
	if err := d.apply(l); err != nil {
		l.state, l.err, l.endedAt = LeverFailed, err.Error(), d.now()
		_ = d.recordLever(incident.LeverFailed, l, "never sent")
		reply(Result{}, err)
		return
	}
	reply(Result{Text: "sent " + leverTitle(l.plan.Change), Lever: l.id, Incident: d.incidentID()}, nil)
}

// mayThrow checks everything that may have changed since the plan was shown.
func (d *Desk) mayThrow(s *shown, typed string) error {
	what := s.view.Title
	if d.refusal != "" {
		return &Refused{What: what, Why: d.refusal, Try: d.refusalTry()}
	}
	if d.now().After(s.view.StaleAt) {
		return &Refused{What: what, Why: "the plan is older than " + planFresh.String(), Try: "plan it again: the gateway may have changed"}
	}
	if s.view.Confirm == ConfirmTyped && typed != s.view.Phrase {
		return &Refused{What: what, Why: fmt.Sprintf("the confirmation must be typed as %q", s.view.Phrase)}
	}
	for _, l := range d.levers {
		if !l.touches(s.plan) || s.lever == l.id {
			continue
		}
		if !l.settled() {
			return &Refused{What: what, Why: "another change of the same control is under way: " + leverTitle(l.plan.Change), Try: "wait for its answer"}
		}
		if s.lever == "" && d.now().Sub(l.at) < leastInterval {
			return &Refused{What: what, Why: "the same control was changed " + leastInterval.String() + " ago or less", Try: "wait a moment and plan again"}
		}
		if s.lever == "" && l.out() {
			return &Refused{What: what, Why: "lever " + leverTitle(l.plan.Change) + " is out on the same control", Try: "take it back first (u)"}
		}
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
	l.acceptAt = d.now()
	kind := l.judgeReceipt(r, err)
	_ = d.recordLever(kind, l, "") // the answer is shown even when the disk is full; the band says that it is
	d.readBack(w)
}

// revert takes a lever back to the values that were read before it.
func (d *Desk) revert(c Revert, reply func(Result, error)) {
	l := d.leverByID(c.Lever)
	if l == nil || !l.out() {
		reply(Result{}, &Refused{What: "undo", Why: "that lever is not out"})
		return
	}
	what := "undo of " + leverTitle(l.plan.Change)
	if d.refusal != "" {
		reply(Result{}, &Refused{What: what, Why: d.refusal, Try: d.refusalTry()})
		return
	}
	if l.asking {
		reply(Result{}, &Refused{What: what, Why: "the gateway has not answered about it yet", Try: "wait a moment"})
		return
	}
	if err := d.sendRevert(l, c.Reason, false); err != nil {
		reply(Result{}, err)
		return
	}
	reply(Result{Text: "taking back " + leverTitle(l.plan.Change), Lever: l.id}, nil)
}

// sendRevert asks the gateway to take a lever back. What must be taken back, because its deadline has
// passed, is not held up by a journal that cannot be written: the entry is kept and written later.
func (d *Desk) sendRevert(l *lever, reason string, must bool) error {
	w, ok := d.wires[l.plan.Gateway]
	if !ok {
		return &Refused{What: "undo of " + leverTitle(l.plan.Change), Why: "gateway " + l.plan.Gateway + " is not configured here", Try: "undo it by hand"}
	}
	before := l.state
	l.state = LeverReverting
	if err := d.recordLever(incident.LeverRevertRequested, l, reason); err != nil && !must {
		l.state = before
		return err
	}
	l.undoing, l.ours = true, true
	plan, receipt, key := l.plan, l.receipt, d.newID("key")
	l.asking = true
	err := w.ask(func(ctx context.Context, drv gateway.Driver) func() {
		r, err := drv.Revert(ctx, plan, receipt, key)
		return func() { d.reverted(w, l, r, err) }
	})
	if err != nil {
		l.asking, l.state, l.undoing = false, before, false
	}
	return err
}

func (d *Desk) reverted(w *wire, l *lever, r gateway.Receipt, err error) {
	l.asking = false
	ok, _, all := r.Accepted()
	if err == nil && ok == all && all > 0 {
		l.state, l.endedAt, l.err, l.drift = LeverReverted, d.now(), "", ""
		l.reported = Pending // of the undo; read back below
		_ = d.recordLever(incident.LeverReverted, l, "")
		d.actionEnded(l)
		d.readBack(w)
		return
	}
	l.state = LeverInDoubt
	l.err = receiptErrors(r, err)
	_ = d.recordLever(incident.LeverInDoubt, l, "undo: "+l.err)
	d.readBack(w)
}

// receiptErrors joins what the instances, and the call itself, said went wrong.
func receiptErrors(r gateway.Receipt, err error) string {
	var errs []string
	for _, i := range r.Instances {
		if i.Err != "" {
			errs = append(errs, i.Name+": "+i.Err)
		}
	}
	if err != nil {
		errs = append(errs, err.Error())
	}
	return strings.Join(errs, "; ")
}

// extend moves the deadline of a lever that is out.
func (d *Desk) extend(c Extend, reply func(Result, error)) {
	l := d.leverByID(c.Lever)
	if l == nil || !l.out() || l.asking {
		reply(Result{}, &Refused{What: "extend", Why: "that lever is not out, or is being asked about"})
		return
	}
	ttl := clampTTL(c.TTL)
	w := d.wires[l.plan.Gateway]
	if l.plan.Deadline.Holder != gateway.HeldByGateway {
		l.ends = d.now().Add(ttl)
		err := d.recordLever(incident.LeverExtended, l, c.Reason)
		reply(Result{Text: "extended to " + l.ends.UTC().Format("15:04:05") + " UTC", Lever: l.id}, err)
		return
	}
	ext, ok := w.spec.Driver.(gateway.Extender)
	if !ok {
		reply(Result{}, &Refused{What: "extend", Why: "gateway " + w.spec.Name + " cannot move a deadline", Try: "take it back and throw it again"})
		return
	}
	plan, receipt, key := l.plan, l.receipt, d.newID("key")
	l.asking, l.ours = true, true
	err := w.ask(func(ctx context.Context, _ gateway.Driver) func() {
		r, err := ext.Extend(ctx, plan, receipt, ttl, key)
		return func() { d.extended(l, r, err, c.Reason, reply) }
	})
	if err != nil {
		l.asking = false
		reply(Result{}, err)
	}
}

func (d *Desk) extended(l *lever, r gateway.Receipt, err error, reason string, reply func(Result, error)) {
	l.asking = false
	ok, _, all := r.Accepted()
	if err != nil || ok < all || all == 0 {
		reply(Result{}, &Refused{What: "extend", Why: receiptErrors(r, err), Try: "look at the lever: the old deadline holds where it was refused"})
		return
	}
	l.receipt = r
	if r.ExpiresAt != nil {
		l.ends = *r.ExpiresAt
	}
	err = d.recordLever(incident.LeverExtended, l, reason)
	reply(Result{Text: "extended to " + l.ends.UTC().Format("15:04:05") + " UTC", Lever: l.id}, err)
}

func (d *Desk) leverByID(id string) *lever {
	for _, l := range d.levers {
		if l.id == id {
			return l
		}
	}
	return nil
}
