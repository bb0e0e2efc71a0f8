package desk

import (
	"context"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/incident"
)

// extend moves the deadline of a lever that is out. That it was asked for is on disk before the gateway is asked.
func (d *Desk) extend(c Extend, reply func(Result, error)) {
	l := d.leverByID(c.Lever)
	what := "extend"
	if l == nil || !l.out() {
		reply(Result{}, &Refused{What: what, Why: "that lever is not out"})
		return
	}
	if d.refusal != "" {
		reply(Result{}, &Refused{What: what, Why: d.refusal, Try: d.refusalTry()})
		return
	}
	err := d.free(l, what)
	if err == nil && (l.state == LeverReverting || l.state == LeverInDoubt) {
		err = &Refused{What: what, Why: "the lever is " + l.state, Try: "wait until it has been read back"}
	}
	if err != nil {
		reply(Result{}, err)
		return
	}
	w, ok := d.wires[l.plan.Gateway]
	if !ok {
		reply(Result{}, &Refused{What: what, Why: "gateway " + l.plan.Gateway + " is not configured here"})
		return
	}
	ttl := clampTTL(c.TTL)
	if l.plan.Deadline.Holder != gateway.HeldByGateway {
		d.extendHere(l, d.now().Add(ttl), c.Reason, reply)
		return
	}
	ext, ok := w.spec.Driver.(gateway.Extender)
	if !ok {
		reply(Result{}, &Refused{What: what, Why: "gateway " + w.spec.Name + " cannot move a deadline", Try: "take it back and throw it again"})
		return
	}
	if err := d.recordLever(incident.LeverExtendRequested, l, c.Reason); err != nil {
		reply(Result{}, err)
		return
	}
	d.sendExtend(w, ext, l, ttl, c.Reason, reply)
}

// extendHere moves a deadline that a console holds: it is where the journal says.
func (d *Desk) extendHere(l *lever, ends time.Time, reason string, reply func(Result, error)) {
	before := l.ends
	l.endAt(ends)
	l.lost = false
	err := d.recordLever(incident.LeverExtended, l, reason)
	if err == nil && l.lost {
		err = &Refused{What: "extend", Why: "it was taken back meanwhile"}
	}
	if err != nil {
		l.endAt(before)
		reply(Result{}, err)
		return
	}
	reply(Result{Text: "extended to " + l.ends.UTC().Format("15:04:05") + " UTC", Lever: l.id}, nil)
}

func (d *Desk) sendExtend(w *wire, ext gateway.Extender, l *lever, ttl time.Duration, reason string, reply func(Result, error)) {
	plan, receipt, key := l.plan, l.receipt, d.newID("key")
	l.asking = true
	err := w.ask(func(ctx context.Context, _ gateway.Driver) func() {
		r, err := ext.Extend(ctx, plan, receipt, ttl, key)
		return func() { d.extended(w, l, r, err, reason, reply) }
	})
	if err != nil {
		l.asking = false
		_ = d.recordLever(incident.LeverExtendFailed, l, "never sent: "+err.Error())
		reply(Result{}, err)
	}
}

func (d *Desk) extended(w *wire, l *lever, r gateway.Receipt, err error, reason string, reply func(Result, error)) {
	l.asking = false
	defer d.readBack(w) // what the gateway reports of the deadline counts
	ok, _, all := r.Accepted()
	if err != nil || ok < all || all == 0 {
		why := receiptErrors(r, err)
		_ = d.recordLever(incident.LeverExtendFailed, l, why)
		reply(Result{}, &Refused{What: "extend", Why: why, Try: "look at the lever: the old deadline holds where it was refused"})
		return
	}
	l.receipt = r
	if r.ExpiresAt != nil {
		l.endAt(*r.ExpiresAt)
	}
	err = d.recordLever(incident.LeverExtended, l, reason)
	reply(Result{Text: "extended to " + l.ends.UTC().Format("15:04:05") + " UTC", Lever: l.id}, err)
}
