package command

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/redact"
	"signalbox/internal/traffic"
)

// Plan reads the lever on all instances that are meant, and builds the commands of the change and of its undo.
func (d *Driver) Plan(ctx context.Context, c gateway.Change, now time.Time) (gateway.Plan, error) {
	c.Reason = redact.Secrets(c.Reason)
	names, what, err := gateway.Addressed(c, d.opts.Gateway, d.opts.Env, d.opts.Instances, func(s string) string { return s })
	if err != nil {
		return gateway.Plan{}, err
	}
	l, err := d.lever(c, what)
	if err != nil {
		return gateway.Plan{}, err
	}
	want, why, try := l.wanted(c)
	if why != "" {
		return gateway.Plan{}, &gateway.Refusal{Verb: c.Verb, Scope: c.Scope, Why: why, Try: try}
	}
	p := gateway.Plan{
		ID: gateway.NewPlanID(), Gateway: d.opts.Gateway, Kind: Kind, Change: c, ReadAt: now,
		Deadline: gateway.Deadline{Holder: gateway.HeldByConsole}, Undo: gateway.Undo{Verb: c.Verb.Opposite()},
	}
	errs := make([]error, 0, len(names))
	for _, name := range names {
		before, err := d.read(ctx, name, l)
		errs = append(errs, err)
		d.add(&p, l, name, before, want, err)
	}
	if err := gateway.HeardAny(d.opts.Gateway, "name its instances", errs, func(err error) error { return err }); err != nil {
		return gateway.Plan{}, err
	}
	if len(p.Calls) == 0 {
		return gateway.Plan{}, &gateway.Refusal{
			Verb: c.Verb, Scope: c.Scope, Why: "there is nothing to change: it is " + show(want) + " already", Try: "`signalbox control state` for what is there",
		}
	}
	d.judge(&p, l, now)
	p.Digest = p.Sum()
	return p, nil
}

// lever finds the one whose scope is exactly what is asked for; it never widens.
func (d *Driver) lever(c gateway.Change, what traffic.Scope) (*Lever, error) {
	var near []string
	for i := range d.opts.Levers {
		l := &d.opts.Levers[i]
		if l.Verb != c.Verb && l.Verb.Opposite() != c.Verb {
			continue
		}
		if l.Scope.Equal(what) {
			return l, nil
		}
		near = append(near, l.Scope.String())
	}
	if len(near) == 0 {
		return nil, &gateway.Refusal{Verb: c.Verb, Scope: c.Scope, Why: "no command is configured for it", Try: "`signalbox control describe` for what there is"}
	}
	slices.Sort(near)
	return nil, c.NoTarget("its commands hit other scopes than this one", strings.Join(gateway.Near(what.String(), slices.Compact(near)), " or "))
}

func (d *Driver) add(p *gateway.Plan, l *Lever, instance string, before, want gateway.Value, err error) {
	ip := gateway.InstancePlan{Name: instance, Control: l.ID(), Before: before, After: want}
	switch {
	case err != nil:
		ip.Skip, ip.Before = "could not be read: "+err.Error(), gateway.Value("null")
	case gateway.Same(before, want):
		ip.Rev, ip.Skip = "read", "is so already: "+show(before)
	default:
		ip.Rev = "read"
	}
	p.Instances = append(p.Instances, ip)
	if ip.Skip != "" {
		return
	}
	p.Calls = append(p.Calls, d.call(l, ip, want, p.Change.TTL))
	p.Undo.Calls = append(p.Undo.Calls, d.call(l, ip, before, p.Change.TTL))
}

// call is the command that gives a control a value, with its words as JSON for who sends it.
func (d *Driver) call(l *Lever, ip gateway.InstancePlan, v gateway.Value, ttl time.Duration) gateway.Call {
	argv := d.setting(l, ip.Name, v, ttl)
	body, _ := json.Marshal(argv) //nolint:errchkjson // strings
	return gateway.Call{Instance: ip.Name, Text: redact.Secrets(gateway.Line(argv)), Path: ip.Control, Body: redact.Secrets(string(body))}
}

func (d *Driver) setting(l *Lever, instance string, v gateway.Value, ttl time.Duration) []string {
	if gateway.Same(v, l.base()) {
		return fill(l.Revert, instance, nil, 0)
	}
	return fill(l.Apply, instance, v, int64(ttl/time.Second))
}

// judge adds what an operator should know before confirming.
func (d *Driver) judge(p *gateway.Plan, l *Lever, now time.Time) {
	p.CaveatSkipped()
	if p.Change.Verb == l.Verb {
		p.Deadline.At = now.Add(p.Change.TTL)
		p.Excess = l.Excess
		p.Caveat("NOT self-reverting: only a running console, or a timer, runs the command that takes this back")
	} else {
		p.Caveat("this gives back what was out; it has no deadline")
	}
	p.Caveat("a command has no lock: the state is read before and after it, and what happens between is not seen")
}
