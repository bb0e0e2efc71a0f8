package gateway

import (
	"context"
	"strings"
	"time"

	"signalbox/internal/redact"
	"signalbox/internal/traffic"
)

// Draft is a plan that is being made. What builds one of a kind of gateway embeds it.
type Draft struct {
	Change Change
	What   traffic.Scope // of the change, without the gateway's own dimensions
	Now    time.Time
	Plan   Plan
}

// Refuse refuses the change.
func (d *Draft) Refuse(why, try string) error {
	return &Refusal{Verb: d.Change.Verb, Scope: d.Change.Scope, Why: why, Try: try}
}

// Skip notes a control to which nothing is sent.
func (d *Draft) Skip(ip InstancePlan, why string) {
	ip.Skip = why
	d.Plan.Instances = append(d.Plan.Instances, ip)
}

// Send notes a control that is changed: by which call, and by which one it is taken back.
func (d *Draft) Send(ip InstancePlan, do, undo Call) {
	d.Plan.Instances = append(d.Plan.Instances, ip)
	d.Plan.Calls, d.Plan.Undo.Calls = append(d.Plan.Calls, do), append(d.Plan.Undo.Calls, undo)
}

// skipped says why nothing is sent to any control.
func (d *Draft) skipped() string {
	var why []string
	for _, i := range d.Plan.Instances {
		why = append(why, strings.TrimSpace(i.Name+" "+redact.Outside(i.Control, 120)+" "+i.Skip))
	}
	return strings.Join(why, "; ")
}

// Parts are what a kind of gateway gives to the making of a plan: P is how it knows an instance, R what it reads of one.
type Parts[P, R any] struct {
	Kind, Gateway, Env string
	Ability            Ability // of the change's verb
	Instead            string  // what to try where that is impossible
	Peers              []P
	Name               func(P) string
	Missing            string       // what to configure where there are no peers
	Judge              func() error // the change itself, before anything is read
	Read               func(context.Context, []P) []R
	Failed             func(R) error // why an instance could not be read
	Add                func(R) error // plans the controls of one instance; of one that could not be read it says so
	Caveats            func([]R)     // what an operator should know, once all is planned
}

// Make makes a plan from values just read. It changes nothing, and refuses a change that no instance has room for: an impossible
// one, one of which nothing could be read, and one that is so everywhere already.
func (p Parts[P, R]) Make(ctx context.Context, d *Draft, c Change, now time.Time) (Plan, error) {
	c.Reason = redact.Secrets(c.Reason)
	d.Change, d.Now = c, now
	if p.Ability.Fitness == Impossible {
		return Plan{}, d.Refuse(p.Ability.Why, p.Instead)
	}
	d.Plan = Plan{
		ID: NewPlanID(), Gateway: p.Gateway, Kind: p.Kind, Change: c, ReadAt: now,
		Deadline: Deadline{Holder: HeldByConsole}, Undo: Undo{Verb: c.Verb.Opposite()},
	}
	peers, what, err := Addressed(c, p.Gateway, p.Env, p.Peers, p.Name)
	if err != nil {
		return Plan{}, err
	}
	d.What = what
	if err := p.Judge(); err != nil {
		return Plan{}, err
	}
	readings := p.Read(ctx, peers)
	if err := HeardAny(p.Gateway, p.Missing, readings, p.Failed); err != nil {
		return Plan{}, err
	}
	for _, r := range readings {
		if err := p.Add(r); err != nil {
			return Plan{}, err
		}
	}
	if len(d.Plan.Calls) == 0 {
		return Plan{}, d.Refuse("there is nothing to change: "+d.skipped(), "`signalbox control state` for what is there")
	}
	d.Plan.CaveatSkipped()
	p.Caveats(readings)
	d.Plan.Digest = d.Plan.Sum()
	return d.Plan, nil
}
