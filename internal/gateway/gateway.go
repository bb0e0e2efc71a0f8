// Package gateway is the vocabulary of levers: what can be changed on a running gateway, how a change
// is planned, applied, read back and taken back. One folder per kind of gateway speaks to the real thing.
package gateway

import (
	"context"
	"encoding/json"
	"time"

	"signalbox/internal/traffic"
)

// Verb names a lever. The names are the same for every gateway.
type Verb string

// The levers. A gateway says in its Description which of them it can throw, and how.
const (
	CapSet         Verb = "cap.set"
	CapLift        Verb = "cap.lift"
	WorkloadPause  Verb = "workload.pause"
	WorkloadResume Verb = "workload.resume"
	ShedSet        Verb = "shed.set"
	ShedLift       Verb = "shed.lift"
	TargetOut      Verb = "target.out"
	TargetIn       Verb = "target.in"
	FallbackOn     Verb = "fallback.on"
	FallbackOff    Verb = "fallback.off"
	RouteForce     Verb = "route.force"
	RouteUnforce   Verb = "route.unforce"
	RetrySet       Verb = "retry.set"
	RetryReset     Verb = "retry.reset"
	BreakerOpen    Verb = "breaker.open"
	BreakerReset   Verb = "breaker.reset"
	DegradeOn      Verb = "degrade.on"
	DegradeOff     Verb = "degrade.off"
)

// Verbs lists every lever, each beside the one that takes it back.
func Verbs() []Verb {
	return []Verb{
		CapSet, CapLift, WorkloadPause, WorkloadResume, ShedSet, ShedLift, TargetOut, TargetIn,
		FallbackOn, FallbackOff, RouteForce, RouteUnforce, RetrySet, RetryReset, BreakerOpen, BreakerReset,
		DegradeOn, DegradeOff,
	}
}

// Value is what a lever is set to, as JSON: a number for cap and shed, a name for route, absent for the rest.
type Value = json.RawMessage

// Change is what an operator or a runbook step asks for.
type Change struct {
	Verb     Verb          `json:"verb"`
	Scope    traffic.Scope `json:"scope"` // names the gateway and what of it
	Value    Value         `json:"value,omitempty"`
	TTL      time.Duration `json:"ttl"`
	Reason   string        `json:"reason"`
	Actor    string        `json:"actor"`
	Incident string        `json:"incident,omitempty"`
	Run      string        `json:"run,omitempty"`
	Step     string        `json:"step,omitempty"`
}

// Who holds a deadline.
const (
	HeldByGateway = "gateway" // the change ends by itself, also when the console dies
	HeldByConsole = "console" // NOT self-reverting: only a running console, or a timer, ends it
)

// Deadline says when a change ends and who sees to it. At is zero for a change that gives something
// back (lift, resume, in): nothing is left that could end.
type Deadline struct {
	Holder string    `json:"holder"`
	At     time.Time `json:"at"`
}

// InstancePlan is the difference on one instance.
type InstancePlan struct {
	Name    string `json:"name"`
	Control string `json:"control"` // the gateway's own name of the control
	Before  Value  `json:"before"`
	After   Value  `json:"after"`
	Rev     string `json:"rev"` // version that was read; a lock where the gateway has one

	// BeforeUntil is when the value that was read would have ended by itself: the undo gives back no more than that.
	BeforeUntil *time.Time `json:"before_until,omitempty"`
	// Skip says why nothing is sent here: the value is there already, or the instance could not be read (Rev is empty).
	Skip string `json:"skip,omitempty"`
}

// Call is one exact request or command, as an operator could type it.
type Call struct {
	Instance string `json:"instance"`
	Text     string `json:"text"` // a curl or socat line, without secrets
	Method   string `json:"method,omitempty"`
	Path     string `json:"path,omitempty"`
	Body     string `json:"body,omitempty"`
}

// Excess says what happens to requests over a cap.
type Excess string

// What a cap does to the excess.
const (
	ExcessWaits    Excess = "wait"
	ExcessRejected Excess = "reject"
	ExcessOverflow Excess = "overflow" // it goes to another target
	ExcessNone     Excess = ""         // the change makes no excess
)

// Blast is how much traffic a change touches; the desk fills it from the board.
type Blast struct {
	Requests   int64   `json:"requests"`    // client requests of the last minute that the scope governs
	OfAll      int64   `json:"of_all"`      // client requests of the last minute at this gateway
	Share      float64 `json:"share"`       // 0..1
	Inflight   float64 `json:"inflight"`    // -1 where the gateway has no in-flight signal
	LastTarget bool    `json:"last_target"` // nothing else is left to serve the model
	Text       string  `json:"text"`
}

// Undo is how the change is taken back: to the values that were just read.
type Undo struct {
	Verb  Verb   `json:"verb"`
	Calls []Call `json:"calls"`
}

// Plan is everything an operator should know before confirming. It is plain JSON and whole:
// another process can apply or revert from it alone.
type Plan struct {
	ID        string         `json:"id"`
	Digest    string         `json:"digest"` // over change, instances and calls: what was confirmed is what is sent
	Gateway   string         `json:"gateway"`
	Kind      string         `json:"kind"`
	Change    Change         `json:"change"`
	ReadAt    time.Time      `json:"read_at"`
	Instances []InstancePlan `json:"instances"`
	Calls     []Call         `json:"calls"`
	Excess    Excess         `json:"excess,omitempty"`
	Deadline  Deadline       `json:"deadline"`
	Blast     Blast          `json:"blast"`
	Undo      Undo           `json:"undo"`
	Caveats   []string       `json:"caveats,omitempty"`
}

// InstanceReceipt is what one instance answered.
type InstanceReceipt struct {
	Name      string `json:"name"`
	Control   string `json:"control,omitempty"` // which one, where a change moves several controls of an instance
	OK        bool   `json:"ok"`
	InDoubt   bool   `json:"in_doubt,omitempty"` // no answer: it may or may not have been applied
	RevBefore string `json:"rev_before,omitempty"`
	RevAfter  string `json:"rev_after,omitempty"`
	SetBy     string `json:"set_by,omitempty"` // who did it, as the gateway has written it down; redacted
	Err       string `json:"err,omitempty"`    // redacted
	Note      string `json:"note,omitempty"`   // what an operator should know although it went well; redacted
}

// Receipt is what the gateway answered, per instance. Partial success is a state and an alarm.
type Receipt struct {
	PlanID     string            `json:"plan_id"`
	IdemKey    string            `json:"idem_key"`
	Instances  []InstanceReceipt `json:"instances"`
	AcceptedAt time.Time         `json:"accepted_at"`
	ExpiresAt  *time.Time        `json:"expires_at,omitempty"` // by the gateway's clock, where it holds the deadline
}

// Accepted counts the instances that took the change.
func (r Receipt) Accepted() (ok, doubt, all int) {
	for _, i := range r.Instances {
		if i.OK {
			ok++
		}
		if i.InDoubt {
			doubt++
		}
	}
	return ok, doubt, len(r.Instances)
}

// Control is one knob as a gateway reports it.
type Control struct {
	ID        string        `json:"id"`
	Verb      Verb          `json:"verb"` // the verb that sets it
	Scope     traffic.Scope `json:"scope"`
	Value     Value         `json:"value"`
	Base      Value         `json:"base"`
	Version   string        `json:"version,omitempty"`
	SetBy     string        `json:"set_by,omitempty"`
	Reason    string        `json:"reason,omitempty"`
	Incident  string        `json:"incident,omitempty"`
	ExpiresAt *time.Time    `json:"expires_at"`
	Pending   []string      `json:"pending,omitempty"` // replicas behind this instance that have not applied it yet
}

// Engaged tells whether the control differs from its base.
func (c Control) Engaged() bool { return string(c.Value) != string(c.Base) }

// InstanceState is one instance as just read.
type InstanceState struct {
	Name      string    `json:"name"`
	Reachable bool      `json:"reachable"`
	Err       string    `json:"err,omitempty"` // what, where, what to try
	Controls  []Control `json:"controls"`
	Notes     []string  `json:"notes,omitempty"` // what is odd although it could be read: a reload, a weight of 0
}

// State is all instances of a gateway as just read.
type State struct {
	Gateway   string          `json:"gateway"`
	At        time.Time       `json:"at"`
	Instances []InstanceState `json:"instances"`
}

// Fitness says how well a gateway can do what a verb asks.
type Fitness string

// The fitness of a verb on a kind of gateway.
const (
	Native     Fitness = "native"
	Nearest    Fitness = "nearest" // with the side effects that Why names
	Impossible Fitness = "impossible"
)

// Ability describes one verb on one kind of gateway.
type Ability struct {
	Verb    Verb     `json:"verb"`
	Fitness Fitness  `json:"fitness"`
	Why     string   `json:"why,omitempty"`
	Dims    []string `json:"dims,omitempty"` // the scope that it hits exactly
	Excess  Excess   `json:"excess,omitempty"`
	Holder  string   `json:"holder,omitempty"`
	Lock    string   `json:"lock,omitempty"`  // "if-match", "none"
	Delay   string   `json:"delay,omitempty"` // until all replicas follow
}

// Description is what a kind of gateway can do.
type Description struct {
	Kind      string    `json:"kind"`
	Gateway   string    `json:"gateway"`
	Instances []string  `json:"instances"`
	Abilities []Ability `json:"abilities"`
}

// Ability finds the entry for a verb; a verb that is not listed is impossible.
func (d Description) Ability(v Verb) Ability {
	for _, a := range d.Abilities {
		if a.Verb == v {
			return a
		}
	}
	return Ability{Verb: v, Fitness: Impossible, Why: d.Kind + " has no such lever"}
}

// Driver speaks to one gateway with all its instances. Its methods may block up to the context's
// deadline and are called from one goroutine at a time per driver.
type Driver interface {
	// Describe says what this gateway can do; it asks nobody.
	Describe() Description
	// Read reads all instances. An unreachable instance is a state, not an error; an error means
	// that nothing could be learnt at all.
	Read(ctx context.Context) (State, error)
	// Plan builds the exact calls, difference and undo of a change from values just read. It changes
	// nothing. It refuses, with a *Refusal, a scope that it cannot hit exactly instead of widening it.
	Plan(ctx context.Context, c Change, now time.Time) (Plan, error)
	// Apply sends the plan to every instance. A timeout is an InDoubt receipt, never a failure.
	Apply(ctx context.Context, p Plan, idemKey string) (Receipt, error)
	// Revert restores what the plan had read before, on the instances that the receipt names.
	Revert(ctx context.Context, p Plan, r Receipt, idemKey string) (Receipt, error)
}

// Extender is a Driver that can move the deadline of a change that is out.
type Extender interface {
	Extend(ctx context.Context, p Plan, r Receipt, ttl time.Duration, idemKey string) (Receipt, error)
}

// Refusal is a change that a gateway cannot or will not do.
type Refusal struct {
	Verb  Verb
	Scope traffic.Scope
	Why   string
	Try   string // the nearest thing that can be done

	// NoTarget says that the scope names nothing that the gateway has, so that no other moment would help.
	NoTarget bool
}

// Error gives what, why and what to try.
func (r *Refusal) Error() string {
	s := "refused " + string(r.Verb) + " on " + r.Scope.String() + ": " + r.Why
	if r.Try != "" {
		s += "; try " + r.Try
	}
	return s
}
