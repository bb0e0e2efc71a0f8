package desk

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"signalbox/internal/gateway"
)

// InstanceHold is how it stands with a lever on one control of one instance, as last read.
type InstanceHold struct {
	Instance, Control string
	Holds             string // yes, no, cannot_tell
	Is                string // what it shows; empty where that is not known
	Why               string // why it does not hold it, or why that is not known
}

// holds tells for each control that a lever moves whether it is in force there, as last read.
func (l *lever) holds(w *wire) []InstanceHold {
	if w == nil {
		return nil
	}
	var out []InstanceHold
	for _, p := range l.moved() {
		h := InstanceHold{Instance: p.Name, Control: p.Control, Holds: CannotTell}
		c, ok := w.control(p.Name, p.Control)
		if ok {
			h.Is, h.Holds = valueWords(c.Value), No
		}
		switch {
		case leftOut(p):
			h.Holds, h.Why = No, "left out: "+p.Skip
		case !ok:
			h.Why = w.silence(p.Name)
		case l.inForceAt(c, p):
			h.Holds = Yes
		default:
			h.Why = "is " + h.Is + setBy(c)
		}
		out = append(out, h)
	}
	return out
}

// reportedEnd gives the last end that the instances which hold a lever report; zero where none does, or the gateway ends nothing.
func (l *lever) reportedEnd(w *wire) (ends time.Time) {
	if l.plan.Deadline.Holder != gateway.HeldByGateway || l.plan.Deadline.At.IsZero() {
		return ends
	}
	for _, p := range l.moved() {
		c, ok := w.control(p.Name, p.Control)
		if ok && p.Skip == "" && l.inForceAt(c, p) && c.ExpiresAt != nil && c.ExpiresAt.After(ends) {
			ends = *c.ExpiresAt
		}
	}
	return ends
}

// silence says why nothing is known of an instance.
func (w *wire) silence(instance string) string {
	for _, i := range w.state.Instances {
		switch {
		case i.Name != instance:
		case i.Reachable:
			return "does not list the control"
		case i.Err != "":
			return "does not answer: " + i.Err
		default:
			return "does not answer"
		}
	}
	return "has not been read"
}

// HeldBy counts the instances that hold a lever on all its controls, and words what is wrong with the first that does not.
func (v *LeverView) HeldBy() (n, of int, trouble string) {
	holds := map[string]bool{}
	for _, h := range v.Held {
		was, known := holds[h.Instance]
		holds[h.Instance] = h.Holds == Yes && (was || !known)
		if h.Holds != Yes && trouble == "" {
			trouble = h.Instance + " " + h.Why
		}
	}
	for _, all := range holds {
		if all {
			n++
		}
	}
	return n, len(holds), trouble
}

// HeldWords says how many instances hold a lever, and what is wrong with the first that does not; empty where none is known.
func (v *LeverView) HeldWords() string {
	n, of, trouble := v.HeldBy()
	if of == 0 {
		return ""
	}
	words := fmt.Sprintf("%d of %d instances hold it", n, of)
	if of == 1 {
		words = "its one instance holds it"
		no := slices.ContainsFunc(v.Held, func(h InstanceHold) bool { return h.Holds == No })
		switch {
		case n == 0 && no:
			words = "its one instance does not hold it"
		case n == 0:
			words = "whether its one instance holds it is not known"
		}
	}
	return strings.TrimSuffix(words+": "+trouble, ": ")
}
