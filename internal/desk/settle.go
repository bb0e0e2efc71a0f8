package desk

import (
	"context"
	"slices"
	"time"

	"signalbox/internal/gateway"
)

const (
	// readEvery is the pause between two reads of a gateway; with a lever out it is readOut.
	readEvery = 5 * time.Second
	readOut   = 2 * time.Second
	// goneGrace is how long after its deadline a lever may still be reported before that is an alarm.
	goneGrace = 3 * time.Second
	// mostPatience is the longest pause between two tries of ending a lever at its deadline.
	mostPatience = time.Minute
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
		desc := drv.Describe() // some know only now which levers there are
		return func() {
			w.desc = desc
			d.wasRead(w, st, err)
		}
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
		w.state, w.knobs = st, knobsOf(st)
	}
	w.nextRead = d.now().Add(readEvery)
	for _, l := range d.levers {
		if l.plan.Gateway != w.spec.Name || l.asking || !d.owns(l) {
			continue
		}
		d.judge(w, l)
	}
	d.dirty = true
}

// tickLevers looks after deadlines, obedience and outcome once a second.
func (d *Desk) tickLevers() {
	now := d.now()
	d.adopt()
	for _, l := range d.levers {
		l.orphan = l.out() && d.gone(l)
		if l.asking || !l.out() || !d.owns(l) {
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

// watchDeadline ends what the console holds, and what the gateway should have ended and has not.
func (d *Desk) watchDeadline(l *lever, now time.Time) {
	if l.ends.IsZero() || now.Before(l.ends) || l.state == LeverReverting || l.state == LeverInDoubt {
		return
	}
	why := "deadline reached; the console holds it"
	if l.plan.Deadline.Holder == gateway.HeldByGateway {
		if !l.overdue && now.After(l.ends.Add(goneGrace)) {
			l.overdue = true
			if w := d.wires[l.plan.Gateway]; w != nil {
				d.readBack(w) // it may have ended it
			}
		}
		if now.Before(l.ends.Add(2 * goneGrace)) {
			return
		}
		why = "past its deadline, and the gateway has not ended it"
	}
	if now.Before(l.again) {
		return
	}
	l.again = now.Add(min(goneGrace<<l.tries, mostPatience)) // a gateway that is away is asked until it answers
	l.tries = min(l.tries+1, 10)
	l.due = true
	if err := d.sendRevert(l, why, true); err != nil {
		l.err = why + ", but it could not be taken back: " + err.Error()
		d.dirty = true
	}
}
