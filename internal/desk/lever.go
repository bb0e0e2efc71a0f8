package desk

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/incident"
	"signalbox/internal/traffic"
)

// lever is one change from the moment it was requested. It is owned by the desk's goroutine and can be
// rebuilt from the journal alone.
type lever struct {
	id        string
	plan      gateway.Plan
	receipt   gateway.Receipt
	key       string // idempotency key, stored before sending
	by        string
	incident  string    // that it belongs to
	at        time.Time // requested
	acceptAt  time.Time
	ends      time.Time
	endedAt   time.Time
	obeyedAt  time.Time
	state     string
	asking    bool // a conversation about it is under way
	ward      incident.Ward
	seq       int64  // of its request in the journal; 0: it is not there
	void      string // why it was never sent
	told      bool   // that is in the journal
	lost      bool   // what this console claimed last does not hold
	doubted   bool   // an answer about it was once lost: it may take effect later
	askedBack bool   // an undo whose answer was lost was read back as not done: it may take effect later
	due       bool   // its end is asked for because of its deadline
	orphan    bool   // the console that looked after it has ended

	accepted, reported, obeyed string
	under                      capped // of a cap
	obeyedWhy                  string
	outcome, outcomeBy         string
	looks                      int // outcome looks already taken
	drift, err                 string
	overdue                    bool      // its deadline has passed, and that has been acted on
	undoing                    bool      // taking it back was asked for
	again                      time.Time // when to try again what a deadline asks for
	tries                      int       // how often that was tried
}

// out tells whether the lever acts, or may act, on the gateway.
func (l *lever) out() bool {
	switch l.state {
	case LeverReverted, LeverExpired, LeverFailed:
		return false
	}
	return true
}

// refuses is the workload whose requests the gateway answers itself, all or some of them, while the lever is out; empty: none.
func (l *lever) refuses() string {
	if v := l.plan.Change.Verb; v == gateway.WorkloadPause || v == gateway.ShedSet {
		return l.plan.Change.Scope["workload"]
	}
	return ""
}

// endAt moves the deadline; what was tried at the old one counts no more.
func (l *lever) endAt(at time.Time) {
	if !l.ends.Equal(at) {
		l.ends, l.overdue, l.again, l.tries = at, false, time.Time{}, 0
	}
}

// touches tells whether the lever and the plan move the same control on some instance.
func (l *lever) touches(p gateway.Plan) bool {
	if l.plan.Gateway != p.Gateway {
		return false
	}
	for _, a := range l.plan.Instances {
		for _, b := range p.Instances {
			if a.Name == b.Name && a.Control == b.Control {
				return true
			}
		}
	}
	return false
}

// title says what the lever does, as the timeline says it.
func leverTitle(c gateway.Change) string {
	t := string(c.Verb) + " " + scopeWords(c.Scope)
	if len(c.Value) > 0 {
		t += " " + valueWords(c.Value)
	}
	return t
}

func scopeWords(s traffic.Scope) string {
	short := make(traffic.Scope, len(s))
	for k, v := range s {
		if k != "gateway" && k != "env" {
			short[k] = v
		}
	}
	if len(short) == 0 {
		return "gateway " + s["gateway"]
	}
	return short.Short()
}

// valueWords prints a value without JSON's quotes.
func valueWords(v gateway.Value) string {
	if len(v) == 0 || string(v) == "null" {
		return "none"
	}
	var s string
	if json.Unmarshal(v, &s) == nil {
		if s == "" {
			return "none"
		}
		return s
	}
	switch string(v) {
	case "true":
		return "on"
	case "false":
		return "off"
	}
	return string(v)
}

// changeWords gives "64 -> 4", per instance only where they differ.
func changeWords(p gateway.Plan) string {
	var parts []string
	seen := map[string]bool{}
	for _, i := range p.Instances {
		if leftOut(i) {
			continue
		}
		w := valueWords(i.Before) + " -> " + valueWords(i.After)
		if !seen[w] {
			seen[w] = true
			parts = append(parts, w)
		}
	}
	return strings.Join(parts, ", ")
}

func (l *lever) view() LeverView {
	ok, _, all := l.receipt.Accepted()
	v := LeverView{
		ID: l.id, Gateway: l.plan.Gateway, Verb: string(l.plan.Change.Verb), Scope: l.plan.Change.Scope.Clone(),
		Title: leverTitle(l.plan.Change), Change: changeWords(l.plan), State: l.state, Asking: l.asking, Out: l.out(), By: l.by, At: l.at,
		AppliedAt: l.acceptAt, ObeyedAt: l.obeyedAt, EndedAt: l.endedAt,
		SelfEnds: l.plan.Deadline.Holder == gateway.HeldByGateway,
		Accepted: l.accepted, Reported: l.reported, Obeyed: l.obeyed, ObeyedWhy: l.obeyedWhy,
		Outcome: l.outcome, OutcomeBy: l.outcomeBy, Drift: l.drift, Err: l.err,
		Incident: l.incident, Run: l.plan.Change.Run, Step: l.plan.Change.Step,
	}
	switch {
	case all > 0 && ok < all && l.accepted == Yes: // an answer was lost, and reading has shown the rest
		v.AcceptedN = fmt.Sprintf("%d/%d by its answer, the rest by reading", ok, all)
	case all > 0:
		v.AcceptedN = fmt.Sprintf("%d/%d", ok, all)
	}
	if v.Out {
		v.ExpiresAt = l.ends
	}
	if l.orphan && (l.state == LeverRequested || l.state == LeverReverting) {
		v.State, v.Err = LeverInDoubt, "the console ended before the gateway had answered"
	}
	for _, c := range l.plan.Undo.Calls {
		v.Undo = append(v.Undo, c.Text)
	}
	return v
}

// judgeReceipt sets state and the accepted fact from what the instances answered.
func (l *lever) judgeReceipt(r gateway.Receipt, err error) incident.Kind {
	l.receipt = r
	ok, doubt, all := r.Accepted()
	if r.ExpiresAt != nil {
		l.ends = *r.ExpiresAt
	}
	l.err = receiptErrors(r, err)
	switch {
	case doubt > 0 || (err != nil && all == 0 && !isRefusal(err)):
		l.state, l.accepted, l.doubted = LeverInDoubt, CannotTell, true
		return incident.LeverInDoubt
	case ok == all && all > 0:
		l.state, l.accepted = LeverActive, Yes
		return incident.LeverApplied
	case ok > 0:
		l.state, l.accepted = LeverPartial, No
		return incident.LeverPartial
	}
	l.state, l.accepted = LeverFailed, No
	l.endedAt = r.AcceptedAt
	return incident.LeverFailed
}

// actedAs gives who the gateway says threw the lever. Where that is not who this console claimed to be, the gateway knows
// better: it has authenticated somebody.
func (l *lever) actedAs() (name, via string) {
	for _, i := range l.receipt.Instances {
		if i.SetBy != "" && i.SetBy != l.plan.Change.Actor {
			return i.SetBy, "gateway"
		}
		if i.SetBy != "" {
			name, via = i.SetBy, "claimed"
		}
	}
	return name, via
}

// moved are the instances that the lever changes something on, and those that it was kept from. What was so already tells
// nothing of it.
func (l *lever) moved() []gateway.InstancePlan {
	var out []gateway.InstancePlan
	for _, p := range l.plan.Instances {
		if leftOut(p) || !gateway.Same(p.Before, p.After) {
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		return l.plan.Instances
	}
	return out
}

// leftOut tells whether nothing was sent to an instance because it could not be read when the lever was planned.
func leftOut(p gateway.InstancePlan) bool { return p.Skip != "" && p.Rev == "" }

// first gives an instance that the plan changes something on.
func first(p gateway.Plan) gateway.InstancePlan {
	for _, i := range p.Instances {
		if !leftOut(i) {
			return i
		}
	}
	return gateway.InstancePlan{}
}

// has counts the instances whose last read shows what the lever set, and those that could not be read; other tells of one
// that shows something else.
func (l *lever) has(w *wire) (have, unread int, other string) { return l.compare(w, true) }

// back counts those that show what was there before. One that was left out is as it was.
func (l *lever) back(w *wire) (back, unread int, other string) { return l.compare(w, false) }

func (l *lever) compare(w *wire, after bool) (same, unread int, other string) {
	for _, p := range l.moved() {
		want := p.Before
		if after {
			want = p.After
		}
		c, ok := w.control(p.Name, p.Control)
		switch {
		case leftOut(p) && after:
			other = p.Name + " was left out: " + p.Skip
		case leftOut(p):
			same++
		case !ok:
			unread++
		case after && l.inForceAt(c, p) || !after && gateway.Same(c.Value, want):
			same++
		default:
			other = fmt.Sprintf("%s on %s should be %s and is %s", p.Control, p.Name, valueWords(want), valueWords(c.Value))
			if c.SetBy != "" {
				other += " (set by " + c.SetBy + ")"
			}
		}
	}
	return same, unread, other
}

// inForceAt tells whether a control shows what the lever has set.
func (l *lever) inForceAt(c gateway.Control, p gateway.InstancePlan) bool {
	return gateway.Same(c.Value, p.After) && l.signed(c)
}

// signed tells whether a control can be as this lever has set it: not where the gateway says that somebody else did.
func (l *lever) signed(c gateway.Control) bool {
	who, _ := l.actedAs()
	return c.SetBy == "" || c.SetBy == l.plan.Change.Actor || c.SetBy == who ||
		c.Reason == l.plan.Change.Reason && c.Incident == l.plan.Change.Incident && c.Incident != ""
}

// alarm says what is wrong with a lever, and what to do; empty: nothing is.
func (l *lever) alarm() string {
	title := "lever " + leverTitle(l.plan.Change)
	switch {
	case !l.out():
		return ""
	case l.state == LeverPartial:
		ok, _, all := l.receipt.Accepted()
		return fmt.Sprintf("%s is PARTIAL, %d of %d instances took it: %s; mend or drain the others, or take it back", title, ok, all, l.err)
	case l.state == LeverInDoubt:
		return title + " is IN DOUBT: " + l.err + "; it is read back until the gateway tells, do not repeat it"
	case l.drift != "":
		return title + ", DRIFT: " + l.drift + "; nothing is put right by itself: take it back, or look who did that"
	}
	return ""
}
