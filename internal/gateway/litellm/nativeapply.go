package litellm

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/redact"
)

// Apply does what the plan says, by the companion or by the calls of a database, whichever it was planned for.
func (d *Driver) Apply(ctx context.Context, p gateway.Plan, idemKey string) (gateway.Receipt, error) {
	if p.Kind != Kind {
		return d.Driver.Apply(ctx, p, idemKey) //nolint:wrapcheck // the contract's own words
	}
	if err := p.Confirmed(Kind, d.opts.Gateway); err != nil {
		return gateway.Receipt{}, err
	}
	u, err := d.unlocked(p, p.Calls)
	if err != nil {
		return gateway.Receipt{}, err
	}
	return u.Apply(ctx, p, idemKey), nil
}

// Revert gives back what the plan had read. The plan may come from a journal, whose redaction can have changed its words, so
// its digest is not asked for.
func (d *Driver) Revert(ctx context.Context, p gateway.Plan, rec gateway.Receipt, idemKey string) (gateway.Receipt, error) {
	if p.Kind != Kind {
		return d.Driver.Revert(ctx, p, rec, idemKey) //nolint:wrapcheck // the contract's own words
	}
	if err := p.For(Kind, d.opts.Gateway); err != nil {
		return gateway.Receipt{}, err
	}
	u, err := d.unlocked(p, p.Undo.Calls)
	if err != nil {
		return gateway.Receipt{}, err
	}
	return u.Revert(ctx, p, rec, idemKey), nil
}

// Extend moves the deadline of a change that the companion holds; those of a database have none that LiteLLM knows of.
func (d *Driver) Extend(ctx context.Context, p gateway.Plan, r gateway.Receipt, ttl time.Duration, idemKey string) (gateway.Receipt, error) {
	if p.Kind == Kind {
		return gateway.Receipt{}, fmt.Errorf("plan %s: LiteLLM holds no deadline without the companion; the console holds it", p.ID)
	}
	return d.Driver.Extend(ctx, p, r, ttl, idemKey) //nolint:wrapcheck // the contract's own words
}

func (d *Driver) instance(name string) (Instance, error) {
	i := slices.IndexFunc(d.opts.Instances, func(i Instance) bool { return i.Name == name })
	if i < 0 {
		return Instance{}, fmt.Errorf("%s is no instance of gateway %q any more; see its configuration", name, d.opts.Gateway)
	}
	return d.opts.Instances[i], nil
}

// unlocked changes one control after the other: LiteLLM has no lock. The calls have to be those that the values give.
func (d *Driver) unlocked(p gateway.Plan, calls []gateway.Call) (gateway.Unlocked, error) {
	next := 0
	for _, ip := range p.Instances {
		if ip.Skip != "" {
			continue
		}
		i, err := d.instance(ip.Name)
		if err != nil {
			return gateway.Unlocked{}, err
		}
		on, errOn := d.call(i, ip.Control, ip.After)
		off, errOff := d.call(i, ip.Control, ip.Before)
		if errOn != nil || errOff != nil || next >= len(calls) || !same(calls[next], on) && !same(calls[next], off) {
			return gateway.Unlocked{}, fmt.Errorf("plan %s has a call for %s of %s that does not fit its values; plan again", p.ID, redact.Outside(ip.Control, 120), ip.Name)
		}
		next++
	}
	if next != len(calls) {
		return gateway.Unlocked{}, fmt.Errorf("plan %s has more calls than controls; plan again", p.ID)
	}
	return gateway.Unlocked{
		Done: "sent", Show: func(v gateway.Value) string { return redact.Outside(string(v), 80) }, Look: d.look,
		Set: func(ctx context.Context, _ int, ip gateway.InstancePlan, want gateway.Value, r gateway.InstanceReceipt) gateway.InstanceReceipt {
			others := slices.ContainsFunc(p.Instances, func(o gateway.InstancePlan) bool { return o.Control == ip.Control && o.Name != ip.Name && o.Rev != "" })
			return d.set(ctx, ip, want, p.Change.Actor, others, r)
		},
	}, nil
}

func same(a, b gateway.Call) bool {
	return a.Instance == b.Instance && a.Method == b.Method && a.Path == b.Path && a.Body == b.Body
}

// look reads one control of one instance.
func (d *Driver) look(ctx context.Context, ip gateway.InstancePlan) (gateway.Glance, error) {
	i, err := d.instance(ip.Name)
	if err != nil {
		return gateway.Glance{}, err
	}
	k, err := d.one(ctx, i, ip.Control)
	if err != nil {
		return gateway.Glance{}, err
	}
	return gateway.Glance{Value: k.value, Rev: version(k)}, nil
}

// version is what marks a reading: LiteLLM keeps a time for teams and keys and nothing else. No lock hangs on it.
func version(k knob) string {
	if k.rev == "" {
		return "unversioned"
	}
	return redact.Outside(k.rev, 60)
}

// set sends one call and reads back. What is read counts, not what was answered: LiteLLM answers 200 to things that it does not
// store, and an error to some that it has stored. others tells whether the change goes to more instances.
func (d *Driver) set(ctx context.Context, ip gateway.InstancePlan, want gateway.Value, actor string, others bool, r gateway.InstanceReceipt) gateway.InstanceReceipt {
	i, err := d.instance(ip.Name)
	if err != nil {
		r.Err = "nothing was sent: " + err.Error()
		return r
	}
	c, err := d.call(i, ip.Control, want)
	if err != nil {
		r.Err = "nothing was sent: " + err.Error()
		return r
	}
	sent := d.send(ctx, i, c, actor)
	now, looked := d.look(context.WithoutCancel(ctx), ip) // each request has its own timeout
	var lost *lostError
	var no *refusedError
	switch {
	case looked == nil && gateway.Same(now.Value, want):
		r.OK, r.RevAfter = true, now.Rev
		if sent != nil {
			r.Note = "it reads as set, although: " + sent.Error()
		}
	case errors.As(sent, &lost), errors.As(sent, &no) && no.status >= http.StatusInternalServerError:
		r.Err, r.InDoubt = sent.Error(), true
	case errors.As(sent, &no) && no.status == http.StatusNotFound && c.Method == http.MethodDelete && looked == nil:
		if others { // they share a database: the one that was asked first has taken it out of there
			r.OK, r.Note = true, "another instance has taken it out of the database; this one still falls back to "+redact.Outside(string(now.Value), 80)+" and follows within 30 s"
			return r
		}
		r.InDoubt = true
		r.Err = fmt.Sprintf("%s; yet it reads %s: either another process has just taken it away, and this one follows within 30 s, or it stands under \"*\", which is left alone",
			no.Error(), redact.Outside(string(now.Value), 80))
	case sent != nil:
		r.Err = sent.Error()
	case looked != nil: // it was taken; what it became is for the next read
		r.OK, r.Note = true, "accepted, but not read back: "+looked.Error()
	default:
		r.RevAfter = now.Rev
		r.Err = fmt.Sprintf("%s answered well to %s, but %s reads %s instead of %s; somebody else is changing it, or LiteLLM has not stored it: look before you plan again",
			ip.Name, c.Path, redact.Outside(ip.Control, 120), redact.Outside(string(now.Value), 80), redact.Outside(string(want), 80))
	}
	return r
}
