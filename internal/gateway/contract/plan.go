package contract

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/redact"
	"signalbox/internal/traffic"
)

// Plan reads the gateway and builds the calls of a change; where the gateway offers a dry run, it is asked.
func (d *Driver) Plan(ctx context.Context, c gateway.Change, now time.Time) (gateway.Plan, error) {
	c.Reason = redact.Secrets(c.Reason)
	l, ok := levers[c.Verb]
	if !ok {
		return gateway.Plan{}, &gateway.Refusal{Verb: c.Verb, Scope: c.Scope, Why: "the contract has no such lever", Try: "one that `signalbox control describe` lists"}
	}
	peers, what, err := d.address(c)
	if err != nil {
		return gateway.Plan{}, err
	}
	readings := d.readAll(ctx, peers)
	if err := gateway.HeardAny(d.opts.Gateway, "name their URLs", readings, reading.trouble); err != nil {
		return gateway.Plan{}, err
	}
	names, err := d.names(c, l, what, readings)
	if err != nil {
		return gateway.Plan{}, err
	}
	b := builder{
		change: c, lever: l, now: now,
		plan: gateway.Plan{
			ID: gateway.NewPlanID(), Gateway: d.opts.Gateway, Kind: Kind, Change: c, ReadAt: now,
			Deadline: gateway.Deadline{Holder: gateway.HeldByGateway},
			Undo:     gateway.Undo{Verb: c.Verb.Opposite()},
		},
	}
	for _, r := range readings {
		for _, name := range names {
			if err := b.add(r, name); err != nil {
				return gateway.Plan{}, err
			}
		}
	}
	if err := b.worthwhile(); err != nil {
		return gateway.Plan{}, err
	}
	b.judge(readings, names)
	if err := d.rehearse(ctx, &b); err != nil {
		return gateway.Plan{}, err
	}
	b.plan.Digest = b.plan.Sum()
	return b.plan, nil
}

// address gives the peers that a change means, and what of them.
func (d *Driver) address(c gateway.Change) ([]peer, traffic.Scope, error) {
	return gateway.Addressed(c, d.opts.Gateway, d.opts.Env, d.peers, func(p peer) string { return p.name })
}

// names gives the values of the lever's dimension that the scope covers exactly, one control each.
func (d *Driver) names(c gateway.Change, l lever, what traffic.Scope, readings []reading) ([]string, error) {
	offered, refuse := offers(l, readings), c.NoTarget
	if len(offered) == 0 {
		return nil, &gateway.Refusal{Verb: c.Verb, Scope: c.Scope, Why: "the gateway lists no control of kind " + l.kind, Try: "`signalbox control describe` for what it can do"}
	}
	name, named := what[l.dim]
	switch {
	case l.dim == "" && len(what) > 0:
		return nil, refuse("its one "+l.kind+" control governs all traffic and cannot be narrowed to "+what.String(), "the scope gateway="+d.opts.Gateway+" alone")
	case l.dim == "":
		return []string{""}, nil
	case named && len(what) == 1:
		if !slices.Contains(offered, name) {
			return nil, refuse("no "+l.kind+" control for "+what.String(), some(assign(l.dim, gateway.Near(name, offered))))
		}
		return []string{name}, nil
	case l.dim == "deployment" && d.opts.Resolve != nil && len(what) > 0:
		names := d.opts.Resolve(c.Scope.Clone())
		for _, n := range names {
			if !slices.Contains(offered, n) {
				return nil, refuse("it covers deployment "+n+", for which there is no "+l.kind+" control", some(assign(l.dim, gateway.Near(n, offered))))
			}
		}
		if len(names) > 0 {
			names = slices.Clone(names)
			slices.Sort(names)
			return slices.Compact(names), nil
		}
	}
	try := some(assign(l.dim, gateway.Near(name, offered)))
	if named && slices.Contains(offered, name) {
		try = l.dim + "=" + name + " alone, which governs all of it"
	}
	if len(what) == 0 {
		return nil, refuse("a "+l.kind+" control needs its "+l.dim, try)
	}
	return nil, refuse("a "+l.kind+" control acts on one "+l.dim+" and cannot hit exactly this", try)
}

// offers lists the values of the lever's dimension for which some instance has a control.
func offers(l lever, readings []reading) []string {
	var out []string
	for _, r := range readings {
		for _, c := range r.controls {
			if name, ok := l.governs(c); ok {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// governs tells what a control acts on, if it is one that the lever can move.
func (l lever) governs(c control) (string, bool) {
	if c.Kind != l.kind {
		return "", false
	}
	if l.dim == "" {
		return "", len(c.Scope) == 0
	}
	name := c.Scope[l.dim]
	return name, name != "" && len(c.Scope) == 1
}

func assign(dim string, names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = strings.TrimPrefix(dim+"="+redact.Outside(n, maxName), "=")
	}
	return out
}

// some names a few of many.
func some(names []string) string {
	const few = 8
	if len(names) > few {
		return strings.Join(names[:few], ", ") + fmt.Sprintf(" or one of %d more", len(names)-few)
	}
	return strings.Join(names, " or ")
}

// builder puts a plan together, one control of one instance after the other.
type builder struct {
	change gateway.Change
	lever  lever
	now    time.Time
	plan   gateway.Plan
	sends  []send
}

// send is a call that will be made, with what it is made on.
type send struct {
	peer    peer
	control control
	call    gateway.Call
}

func (b *builder) refuse(why, try string) error {
	return &gateway.Refusal{Verb: b.change.Verb, Scope: b.change.Scope, Why: why, Try: try}
}

func (b *builder) skip(ip gateway.InstancePlan, why string) {
	ip.Skip = why
	b.plan.Instances = append(b.plan.Instances, ip)
}

func (b *builder) add(r reading, name string) error {
	ip := gateway.InstancePlan{Name: r.peer.name, Control: strings.TrimSuffix(b.lever.kind+" "+name, " ")}
	if r.err != nil {
		b.skip(ip, "could not be read: "+r.err.Error())
		return nil
	}
	i := slices.IndexFunc(r.controls, func(c control) bool {
		got, ok := b.lever.governs(c)
		return ok && got == name
	})
	if i < 0 {
		b.skip(ip, "has no such control")
		return nil
	}
	c := r.controls[i]
	want, err := b.lever.desired(b.change, c.Base)
	if err != nil {
		return b.refuse(redact.Outside(err.Error(), maxText), "")
	}
	want = b.lever.filled(want, c.Value)
	ip.Control, ip.Before, ip.After, ip.Rev, ip.BeforeUntil = c.ID, c.Value, want, c.Version, c.ExpiresAt
	if gateway.Same(c.Value, want) {
		b.skip(ip, "is so already: "+c.held())
		return nil
	}
	call, undo, err := b.calls(r.peer, c, want)
	if err != nil {
		return err
	}
	b.plan.Instances = append(b.plan.Instances, ip)
	b.plan.Calls = append(b.plan.Calls, call)
	b.plan.Undo.Calls = append(b.plan.Undo.Calls, undo)
	b.sends = append(b.sends, send{peer: r.peer, control: c, call: call})
	return nil
}

// calls gives the request that sets a control and the one that takes that back.
func (b *builder) calls(p peer, c control, want gateway.Value) (call, undo gateway.Call, err error) {
	if gateway.Same(want, c.Base) {
		call = giveBack(p, c.ID, c.Version, b.change, b.change.Reason)
	} else {
		if b.change.TTL < time.Second {
			return call, undo, b.refuse("a change needs a deadline of at least a second", "--ttl 15m")
		}
		if err := c.within(want); err != nil {
			return call, undo, b.refuse(err.Error(), "a value that the gateway takes")
		}
		call = put(p, c.ID, c.Version, want, b.change.TTL, b.change, b.change.Reason)
	}
	if c.engaged() {
		return call, put(p, c.ID, "", c.Value, leftOf(c.ExpiresAt, b.now, b.change.TTL), b.change, undoReason(b.change)), nil
	}
	return call, giveBack(p, c.ID, "", b.change, undoReason(b.change)), nil
}

// fallbackTTL is how long a restored value lasts that had no end when it was read.
const fallbackTTL = 15 * time.Minute

// leftOf is what is left of the deadline of a value that was read.
func leftOf(until *time.Time, now time.Time, ttl time.Duration) time.Duration {
	switch {
	case until != nil:
		return until.Sub(now).Round(time.Second)
	case ttl > 0:
		return ttl
	}
	return fallbackTTL
}

func undoReason(c gateway.Change) string { return strings.TrimSpace("undo: " + c.Reason) }

func put(p peer, id, rev string, v gateway.Value, ttl time.Duration, c gateway.Change, why string) gateway.Call {
	b := body{Value: v, TTL: span(ttl), OnExpiry: "restore", Reason: why, Actor: c.Actor, Incident: c.Incident}
	return p.call(http.MethodPut, id, "", rev, b)
}

func giveBack(p peer, id, rev string, c gateway.Change, why string) gateway.Call {
	return p.call(http.MethodDelete, id, "", rev, body{Reason: why, Actor: c.Actor, Incident: c.Incident})
}

// call writes a request down, also as the line that an operator could type. $TOKEN and $KEY are theirs to
// fill in; $REV where the version is not known yet.
func (p peer) call(method, id, suffix, rev string, b body) gateway.Call {
	c := gateway.Call{Instance: p.name, Method: method, Path: "/controls/" + url.PathEscape(id) + suffix, Body: b.text()}
	match, note := `'If-Match: "`+rev+`"'`, ""
	if rev == "" {
		match = `"If-Match: \"$REV\""`
		note = "  # REV: the version of " + id + " as GET " + p.base + "/controls shows it then"
	}
	c.Text = "curl -sS -X " + method + " -H \"Authorization: Bearer $TOKEN\" -H " + match +
		" -H \"Idempotency-Key: $KEY\" -H 'Content-Type: application/json' -d " + quote(c.Body) + " " + quote(p.base+c.Path) + note
	if p.through != "" {
		c.Text += "  # sent from where `" + p.through + "` leads"
	}
	return c
}

// quote makes a text one word of a shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// within compares a number with the control's bounds.
func (c control) within(v gateway.Value) error {
	n, isNumber := number(v)
	if !isNumber {
		return nil
	}
	if low, ok := number(c.Min); ok && n.Cmp(low) < 0 {
		return fmt.Errorf("%s is under the gateway's least value %s for %s", v, c.Min, c.ID)
	}
	if high, ok := number(c.Max); ok && n.Cmp(high) > 0 {
		return fmt.Errorf("%s is over the gateway's greatest value %s for %s", v, c.Max, c.ID)
	}
	return nil
}
