package desk

import (
	"context"
	"slices"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/incident"
)

const (
	// readEvery is the pause between two reads of a gateway; with a lever out it is readOut.
	readEvery = 5 * time.Second
	readOut   = 2 * time.Second
	// goneGrace is how long after its deadline a lever may still be reported before that is an alarm.
	goneGrace = 3 * time.Second
	// obeyWindow is how long obedience is looked for before the honest answer is "no".
	obeyWindow = 60 * time.Second
)

// readBack reads the gateway now and judges every lever on it by what it reports.
func (d *Desk) readBack(w *wire) {
	if w.spec.Driver == nil || w.busy {
		return
	}
	w.busy = true
	w.nextRead = d.now().Add(readEvery)
	err := w.ask(func(ctx context.Context, drv gateway.Driver) func() {
		st, err := drv.Read(ctx)
		return func() { d.wasRead(w, st, err) }
	})
	if err != nil {
		w.busy = false
	}
}

func (d *Desk) wasRead(w *wire, st gateway.State, err error) {
	w.busy = false
	defer w.tellLooked()
	w.err = ""
	if err != nil {
		w.err = err.Error()
		w.state.Instances = slices.Clone(w.state.Instances) // clients hold the old ones
		for i := range w.state.Instances {
			w.state.Instances[i].Reachable = false
		}
	} else {
		if st.At.IsZero() {
			st.At = d.now()
		}
		w.state = st
	}
	w.nextRead = d.now().Add(readEvery)
	for _, l := range d.levers {
		if l.plan.Gateway != w.spec.Name || l.asking || !d.judges(l) {
			continue
		}
		if l.out() {
			d.judgeRead(w, l)
			w.nextRead = d.now().Add(readOut)
		} else if l.state == LeverReverted && l.reported == Pending {
			d.judgeUndone(w, l)
		}
	}
	d.dirty = true
}

// judges tells whether this desk looks after a lever.
func (d *Desk) judges(l *lever) bool { return l.ours || !d.o.Brief }

// judgeRead compares what the gateway reports with what the lever set.
func (d *Desk) judgeRead(w *wire, l *lever) {
	have, unread, other := l.instanceHas(w, planAfter)
	back, _, _ := l.instanceHas(w, planBefore)
	all := len(l.plan.Instances)
	switch {
	case l.state == LeverInDoubt:
		d.settleDoubt(l, have, back, unread)
	case have == all:
		d.setReported(l, Yes, "")
		if l.drift != "" {
			l.drift = ""
		}
	case unread > 0 && other == "":
		d.setReported(l, CannotTell, "an instance does not answer")
	case back == all && !l.ends.IsZero() && !d.now().Before(l.ends.Add(-time.Second)):
		d.endLever(l, LeverExpired, incident.LeverExpired, "the gateway ended it at its deadline")
	case l.plan.Deadline.Holder == gateway.HeldByGateway && back == all:
		d.driftTo(l, "back at "+valueWords(l.plan.Instances[0].Before)+" before its deadline: somebody took it back, or the gateway restarted")
	default:
		d.driftTo(l, other)
	}
}

// settleDoubt decides a lever in doubt by reading, never by repeating.
func (d *Desk) settleDoubt(l *lever, have, back, unread int) {
	all := len(l.plan.Instances)
	switch {
	case back == all && l.undoing:
		l.reported, l.err = Yes, ""
		d.endLever(l, LeverReverted, incident.LeverReverted, "undo in doubt, read back: the values from before are in force")
	case have == all:
		l.undoing = false
		l.state, l.accepted, l.reported, l.err = LeverActive, Yes, Yes, ""
		if l.acceptAt.IsZero() {
			l.acceptAt = d.now()
		}
		_ = d.recordLever(incident.LeverReadBack, l, "in doubt, read back: in force on all instances")
	case back == all:
		l.reported, l.err = No, "read back: not in force on any instance"
		d.endLever(l, LeverFailed, incident.LeverReadBack, "in doubt, read back: not in force on any instance")
	case unread == 0 && have > 0:
		l.state, l.accepted, l.reported = LeverPartial, No, "partial"
		_ = d.recordLever(incident.LeverReadBack, l, "in doubt, read back: in force on some instances only")
	}
}

// judgeUndone checks that an undo is reported back.
func (d *Desk) judgeUndone(w *wire, l *lever) {
	have, unread, other := l.instanceHas(w, planBefore)
	switch {
	case have == len(l.plan.Instances):
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

// tickLevers looks after deadlines, obedience and outcome once a second.
func (d *Desk) tickLevers() {
	now := d.now()
	for _, l := range d.levers {
		if l.asking || !l.out() || !d.judges(l) {
			continue
		}
		if l.state == LeverActive || l.state == LeverPartial {
			d.judgeObeyed(l)
			d.judgeOutcome(l)
		}
		d.watchDeadline(l, now)
	}
	for _, name := range d.order {
		if w := d.wires[name]; w.spec.Driver != nil && !w.busy && !now.Before(w.nextRead) {
			d.readBack(w)
		}
	}
}

// watchDeadline ends what the console holds, and raises what the gateway should have ended.
func (d *Desk) watchDeadline(l *lever, now time.Time) {
	if l.ends.IsZero() || now.Before(l.ends) || l.state == LeverReverting || l.state == LeverInDoubt {
		return
	}
	if l.plan.Deadline.Holder == gateway.HeldByGateway {
		if now.After(l.ends.Add(goneGrace)) && !l.overdue {
			if w := d.wires[l.plan.Gateway]; w != nil {
				l.overdue = true
				d.readBack(w)
			}
		}
		return
	}
	if now.Before(l.again) {
		return
	}
	l.again = now.Add(goneGrace) // a gateway that is away is asked until it answers
	if err := d.sendRevert(l, "deadline reached; the console holds it", true); err != nil {
		l.err = "deadline reached, but it could not be taken back: " + err.Error()
		d.dirty = true
	}
}
