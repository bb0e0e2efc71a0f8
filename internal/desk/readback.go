package desk

import (
	"strings"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/incident"
)

// judge compares what the gateway reports with what the lever set, or with what it should have gone back to.
func (d *Desk) judge(w *wire, l *lever) {
	switch {
	case l.out():
		d.judgeRead(w, l)
		w.nextRead = d.now().Add(readOut)
	case l.state == LeverReverted && l.reported == Pending:
		d.judgeUndone(w, l)
	case l.doubted && l.void == "" && d.now().Before(l.ends.Add(lateSpan)):
		d.judgeLate(w, l)
	}
}

// lateSpan is how long after its deadline a lever whose answer was lost is still looked for.
const lateSpan = time.Minute

func (d *Desk) judgeRead(w *wire, l *lever) {
	have, unread, other := l.has(w)
	back, _, _ := l.back(w)
	all := len(l.moved())
	past := !l.ends.IsZero() && !d.now().Before(l.ends.Add(-time.Second))
	switch {
	case l.state == LeverInDoubt:
		d.settleDoubt(l, have, back, unread, other)
	case have == all:
		d.judgeInForce(w, l)
	case unread > 0 && other == "":
		d.setReported(l, CannotTell, "an instance does not answer")
	case back == all && l.askedBack:
		l.reported = Yes
		d.endLever(l, LeverReverted, incident.LeverReverted, "the undo took effect late")
	case back == all && past:
		d.endLever(l, LeverExpired, incident.LeverExpired, "the "+l.plan.Deadline.Holder+" ended it at its deadline")
	case have == 0 && unread == 0 && past:
		d.endLever(l, LeverExpired, incident.LeverExpired, "its deadline has passed, and it is not in force on any instance; "+other)
	case l.plan.Deadline.Holder == gateway.HeldByGateway && back == all:
		d.driftTo(l, other+": taken back before its deadline, or the gateway restarted")
	default:
		d.driftTo(l, other)
	}
}

// judgeInForce looks at a lever that every instance reports: is it to end when it should?
func (d *Desk) judgeInForce(w *wire, l *lever) {
	if l.plan.Deadline.Holder == gateway.HeldByGateway && !l.plan.Deadline.At.IsZero() {
		ends, endless := l.instanceEnds(w)
		switch {
		case endless && l.receipt.ExpiresAt != nil:
			d.driftTo(l, "the gateway reports no end for it: NOT self-reverting; take it back by hand in time")
			return
		case !ends.IsZero() && ends.Sub(l.ends).Abs() > endSlack:
			was := l.ends
			l.endAt(ends)
			_ = d.recordLever(incident.LeverReadBack, l, "the gateway ends it at "+ends.UTC().Format(time.TimeOnly)+" UTC; here it was "+was.UTC().Format(time.TimeOnly))
		}
		if d.now().After(l.ends.Add(goneGrace)) {
			d.driftTo(l, "past its deadline of "+l.ends.UTC().Format(time.TimeOnly)+" UTC and still in force: the gateway did not end it; take it back")
			return
		}
	}
	l.drift = ""
	if l.state == LeverPartial {
		d.inForce(l, LeverActive, incident.LeverApplied, "in force on all instances by now")
		return
	}
	d.setReported(l, Yes, "")
}

// endSlack is how far the deadline that a gateway reports may lie from the one that it answered: clocks and rounding.
const endSlack = 2 * time.Second

// instanceEnds gives the last end that the instances report, and whether one of them reports none.
func (l *lever) instanceEnds(w *wire) (ends time.Time, endless bool) {
	for _, p := range l.plan.Instances {
		if p.Skip != "" {
			continue // it was so already, with an end of its own, or was left out
		}
		c, ok := w.control(p.Name, p.Control)
		switch {
		case !ok:
		case c.ExpiresAt == nil:
			endless = true
		case c.ExpiresAt.After(ends):
			ends = *c.ExpiresAt
		}
	}
	return ends, endless
}

// settleDoubt decides a lever in doubt by reading, never by repeating.
func (d *Desk) settleDoubt(l *lever, have, back, unread int, other string) {
	all := len(l.moved())
	switch {
	case have == all:
		d.inForce(l, LeverActive, incident.LeverReadBack, "in doubt, read back: in force on all instances")
	case unread == 0 && have > 0:
		said := receiptErrors(l.receipt, nil)
		d.inForce(l, LeverPartial, incident.LeverReadBack, "in doubt, read back: in force on some instances only; "+other)
		l.err = strings.TrimPrefix(other+"; "+said, "; ") // which one, and what it had answered
	case unread > 0:
		return // asked again with the next read
	case l.undoing:
		l.reported, l.err = Yes, ""
		if back < all {
			l.reported, l.drift = No, other
		}
		d.endLever(l, LeverReverted, incident.LeverReverted, "undo in doubt, read back: not in force on any instance")
	case d.now().After(l.ends):
		l.reported = No
		d.endLever(l, LeverExpired, incident.LeverExpired, "in doubt, read back past its deadline: not in force on any instance")
	default:
		l.reported, l.accepted, l.err = No, No, "read back: not in force on any instance"
		if back < all {
			l.drift = other
		}
		d.endLever(l, LeverFailed, incident.LeverReadBack, "in doubt, read back: not in force on any instance")
	}
}

// inForce is a lever of which reading has shown that the gateway has it.
func (d *Desk) inForce(l *lever, state string, kind incident.Kind, why string) {
	if l.undoing {
		l.askedBack, l.undoing = true, false // the undo may still take effect
	}
	l.state, l.accepted, l.reported, l.err = state, Yes, Yes, ""
	if state == LeverPartial {
		l.accepted, l.reported = No, "partial"
	}
	if l.acceptAt.IsZero() {
		l.acceptAt = d.now()
	}
	_ = d.recordLever(kind, l, why)
}

// judgeLate looks for a lever that counts as ended although its answer was lost: the gateway may have been slow, not deaf.
func (d *Desk) judgeLate(w *wire, l *lever) {
	have, _, _ := l.has(w)
	if have == 0 || d.leverBeside(l) {
		return
	}
	d.outAgain(w, l, "it was sent, its answer was lost, and it took effect late")
}

// stillInForce is a lever that was taken back, as the gateway said, and that it reports all the same.
func (d *Desk) stillInForce(w *wire, l *lever) {
	l.undoing = true
	d.outAgain(w, l, "the gateway said that it was taken back, and reports it still in force")
}

// outAgain puts a lever that counted as ended among those that are out.
func (d *Desk) outAgain(w *wire, l *lever, why string) {
	have, _, _ := l.has(w)
	state, kind := LeverActive, incident.LeverApplied
	if have < len(l.moved()) {
		state, kind = LeverPartial, incident.LeverPartial
	}
	l.endedAt = time.Time{}
	d.inForce(l, state, kind, why)
	l.drift = why
}

// leverBeside tells whether another lever is out on the same control, so that what is read is that one's.
func (d *Desk) leverBeside(l *lever) bool {
	for _, o := range d.levers {
		if o != l && o.at.After(l.at) && o.void == "" && o.touches(l.plan) {
			return true
		}
	}
	return false
}

// judgeUndone checks that an undo is reported back.
func (d *Desk) judgeUndone(w *wire, l *lever) {
	back, unread, other := l.back(w)
	have, _, _ := l.has(w)
	switch {
	case have > 0 && !d.leverBeside(l):
		d.stillInForce(w, l)
	case back == len(l.moved()):
		d.setReported(l, Yes, "the values from before are reported back")
	case unread > 0:
		return // asked again with the next read
	default:
		d.setReported(l, No, other)
	}
}

func (d *Desk) setReported(l *lever, fact, why string) {
	if l.reported == fact {
		return
	}
	l.reported = fact
	_ = d.recordLever(incident.LeverReadBack, l, why)
}

func (d *Desk) driftTo(l *lever, text string) {
	if l.drift == text || text == "" {
		return
	}
	l.drift, l.reported = text, No
	_ = d.recordLever(incident.LeverDrift, l, text)
}

func (d *Desk) endLever(l *lever, state string, kind incident.Kind, why string) {
	l.state, l.endedAt = state, d.now()
	_ = d.recordLever(kind, l, why)
	d.actionEnded(l)
}
