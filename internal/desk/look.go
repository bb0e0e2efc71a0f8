package desk

import (
	"cmp"
	"fmt"
	"strings"

	"signalbox/internal/gateway"
)

// GatewayState is a gateway with all its controls, as just read.
type GatewayState struct {
	GatewayView
	Controls []ControlState
}

// ControlState is one control of one instance, at its base or away from it.
type ControlState struct {
	gateway.Control
	Instance string
	Changed  bool   // it is away from its base
	Holder   string // who ends it: gateway, console; empty: nobody, or nothing is to end
	Lever    string // id of the lever of this journal that set it
	Drift    string // not ours, or not what we set
}

// look reads every gateway that has levers afresh and answers when the last of them has. A read that is under way
// already does not count: it may have asked before the client did.
func (d *Desk) look(reply func(Result, error)) {
	left := 1
	done := func() {
		if left--; left > 0 {
			return
		}
		r := Result{Text: "the gateways were read"}
		for _, name := range d.order {
			r.Gateways = append(r.Gateways, d.gatewayState(d.wires[name]))
		}
		for i := len(d.levers) - 1; i >= 0; i-- {
			if d.levers[i].out() {
				r.Levers = append(r.Levers, d.leverState(d.levers[i]))
			}
		}
		reply(r, nil)
	}
	for _, name := range d.order {
		w := d.wires[name]
		if w.spec.Driver == nil {
			continue
		}
		left++
		if w.busy {
			w.looks = append(w.looks, func() { d.lookAgain(w, done) })
			continue
		}
		d.lookAgain(w, done)
	}
	done()
}

// unread tells whether a gateway has not been asked for anything yet, so that nothing is known but its configuration.
func (w *wire) unread() bool { return w.state.At.IsZero() && w.err == "" }

// lookFirst goes on once the gateway was read, well or not. A read that is under way will do.
func (d *Desk) lookFirst(w *wire, then func()) {
	if w.busy {
		w.looks = append(w.looks, then)
		return
	}
	d.lookAgain(w, then)
}

// lookAgain reads one gateway and says when it has answered.
func (d *Desk) lookAgain(w *wire, done func()) {
	d.readBack(w)
	if !w.busy {
		w.err = cmp.Or(w.err, "its queue of questions is full: it does not answer")
		done()
		return
	}
	w.looks = append(w.looks, done)
}

// tellLooked tells those who waited for a read that it is over.
func (w *wire) tellLooked() {
	waiting := w.looks
	w.looks = nil
	for _, tell := range waiting {
		tell()
	}
}

func (d *Desk) gatewayState(w *wire) GatewayState {
	g := GatewayState{GatewayView: d.gatewayView(w)}
	for _, i := range w.state.Instances {
		if !i.Reachable {
			continue
		}
		for _, c := range i.Controls {
			g.Controls = append(g.Controls, d.controlState(w, i.Name, c))
		}
	}
	return g
}

func (d *Desk) controlState(w *wire, instance string, c gateway.Control) ControlState {
	s := ControlState{Control: c, Instance: instance, Changed: !gateway.Same(c.Value, c.Base)}
	if c.ExpiresAt != nil {
		s.Holder = gateway.HeldByGateway
	}
	l := d.leverOn(w, instance, c.ID)
	switch {
	case l != nil:
		s.Lever, s.Holder = l.id, l.plan.Deadline.Holder
		_, s.Drift = d.ownership(w, instance, c)
	case s.Changed:
		_, s.Drift = d.ownership(w, instance, c)
	}
	return s
}

// leverState holds a lever against what was just read. What the record says of a lever that another console looks after, or
// looked after when it ended, may be older than that. Nothing is written: to settle it is up to who owns it.
func (d *Desk) leverState(l *lever) LeverView {
	l.orphan = l.out() && d.gone(l)
	v := l.view()
	w := d.wires[l.plan.Gateway]
	v.Held = l.holds(w)
	if w == nil || w.state.At.IsZero() || d.owns(l) || l.asking {
		return v
	}
	if ends := l.reportedEnd(w); !ends.IsZero() && ends.Sub(l.ends).Abs() > endSlack {
		v.ExpiresAt = ends // whoever looks after it has not read that yet, or was killed before it could say so
	}
	have, unread, other := l.has(w)
	back, _, was := l.back(w)
	all := len(l.moved())
	text := fmt.Sprintf("as just read, in force on %d of %d instances", have, all)
	switch {
	case unread > 0:
		v.Reported = CannotTell
		text += fmt.Sprintf(", and %d cannot be read", unread)
	case have == all && v.Reported != Yes:
		v.Reported, v.Drift = Yes, ""
	case have == all:
	default:
		v.Reported, v.Drift = No, cmp.Or(other, was)
	}
	if v.State != LeverInDoubt {
		return v
	}
	if back == all {
		text += ": all are as before"
	}
	v.Drift = "" // while nobody knows whether it was set, nothing has drifted
	v.Err = strings.TrimPrefix(v.Err+"; "+text, "; ")
	return v
}

// leverOn finds the lever that is out on a control of an instance.
func (d *Desk) leverOn(w *wire, instance, control string) *lever {
	for _, l := range d.levers {
		if !l.out() || l.plan.Gateway != w.spec.Name {
			continue
		}
		for _, p := range l.plan.Instances {
			if p.Name == instance && p.Control == control {
				return l
			}
		}
	}
	return nil
}
