package desk

import (
	"context"
	"strings"

	"signalbox/internal/gateway"
	"signalbox/internal/incident"
)

// revert takes a lever back to the values that were read before it.
func (d *Desk) revert(c Revert, reply func(Result, error)) {
	d.follow() // what other consoles have written since the last second
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
	if err := d.free(l, what); err != nil {
		reply(Result{}, err)
		return
	}
	l.due = c.Due
	if err := d.sendRevert(l, c.Reason, false); err != nil {
		reply(Result{}, err)
		return
	}
	reply(Result{Text: "taking back " + leverTitle(l.plan.Change), Lever: l.id}, nil)
}

// free tells why nothing may be asked about a lever now: an answer about it is still to come.
func (d *Desk) free(l *lever, what string) error {
	waits := &Refused{What: what, Why: "the gateway has not answered about it yet", Try: "wait a moment"}
	switch {
	case l.asking:
		return waits
	case d.owns(l) || l.state != LeverRequested && l.state != LeverReverting:
		return nil
	case d.gone(l):
		return d.takeUp(l)
	}
	waits.Why = "another console has asked the gateway about it, and has no answer yet"
	return waits
}

// sendRevert asks the gateway to take a lever back. What must be taken back, because its deadline has
// passed, is not held up by a journal that cannot be written: the entry is kept and written later.
func (d *Desk) sendRevert(l *lever, reason string, must bool) error {
	w, ok := d.wires[l.plan.Gateway]
	if !ok {
		return &Refused{What: "undo of " + leverTitle(l.plan.Change), Why: "gateway " + l.plan.Gateway + " is not configured here", Try: "undo it by hand"}
	}
	if err := d.claimUndo(l, reason, must); err != nil && (!must || l.lost) {
		return err
	}
	before := l.state
	l.ward.Owner = d.id
	l.state, l.undoing, l.asking = LeverReverting, true, true
	plan, receipt, key := l.plan, l.receipt, d.newID("key")
	err := w.ask(func(ctx context.Context, drv gateway.Driver) func() {
		r, err := drv.Revert(ctx, plan, receipt, key)
		return func() { d.reverted(w, l, r, err, before) }
	})
	if err != nil {
		l.asking, l.state, l.undoing, l.err = false, before, false, "the undo was not sent: "+err.Error()
		_ = d.recordLever(incident.LeverReadBack, l, l.err)
	}
	return err
}

func (d *Desk) reverted(w *wire, l *lever, r gateway.Receipt, err error, before string) {
	l.asking = false
	if !d.owns(l) { // it was taken over while the gateway kept us waiting
		d.readBack(w)
		return
	}
	ok, _, all := r.Accepted()
	if err == nil && ok == all && all > 0 {
		l.state, l.endedAt, l.err, l.drift = LeverReverted, d.now(), "", ""
		l.reported = Pending // of the undo; read back below
		_ = d.recordLever(incident.LeverReverted, l, "")
		d.actionEnded(l)
		d.readBack(w)
		return
	}
	if all == 0 && isRefusal(err) { // nothing was asked of the gateway, so that nothing is in doubt
		l.state, l.undoing, l.err = before, false, "the undo was not sent: "+err.Error()
		_ = d.recordLever(incident.LeverReadBack, l, l.err)
		d.dirty = true
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
