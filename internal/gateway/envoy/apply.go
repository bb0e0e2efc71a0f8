package envoy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/redact"
)

// Apply sets each key of the plan. Envoy has no lock, so each is read before and after.
func (d *Driver) Apply(ctx context.Context, p gateway.Plan, idemKey string) (gateway.Receipt, error) {
	if err := p.Confirmed(Kind, d.opts.Gateway); err != nil {
		return gateway.Receipt{}, err
	}
	values, err := pair(p, p.Calls)
	if err != nil {
		return gateway.Receipt{}, err
	}
	if p.Deadline.Holder == gateway.HeldByGateway {
		if d.source == nil {
			return gateway.Receipt{}, fmt.Errorf("plan %s is for a runtime source, and the configuration names none any more; plan again", p.ID)
		}
		return d.applySourced(ctx, p, idemKey), nil
	}
	return d.unlocked(values).Apply(ctx, p, idemKey), nil
}

// Revert puts each key of the admin layer back to what the plan had read there. The plan may come from a journal, whose
// redaction can have changed its words, so its digest is not asked for.
func (d *Driver) Revert(ctx context.Context, p gateway.Plan, rec gateway.Receipt, idemKey string) (gateway.Receipt, error) {
	if err := p.For(Kind, d.opts.Gateway); err != nil {
		return gateway.Receipt{}, err
	}
	values, err := pair(p, p.Undo.Calls)
	if err != nil {
		return gateway.Receipt{}, err
	}
	if p.Deadline.Holder == gateway.HeldByGateway {
		if d.source == nil {
			return gateway.Receipt{}, fmt.Errorf("plan %s is for a runtime source, and the configuration names none any more; Envoy ends it by itself", p.ID)
		}
		return d.sourced(p.Change, time.Time{}).Revert(ctx, p, rec, idemKey), nil
	}
	return d.unlocked(values).Revert(ctx, p, rec, idemKey), nil
}

// unlocked changes one key after the other, to these values of the admin layer.
func (d *Driver) unlocked(values []string) gateway.Unlocked {
	return gateway.Unlocked{
		Done: "sent", Show: func(v gateway.Value) string { return redact.Outside(string(v), 40) }, Look: d.look,
		Set: func(ctx context.Context, i int, ip gateway.InstancePlan, want gateway.Value, r gateway.InstanceReceipt) gateway.InstanceReceipt {
			return d.set(ctx, ip, values[i], want, r)
		},
		Restarted: func(ip gateway.InstancePlan, now gateway.Glance) string {
			return fmt.Sprintf("Envoy of %s was restarted since it was read (%s, now %s)", ip.Name, ip.Rev, now.Rev)
		},
	}
}

// followFor is how long a key is read until its value is in force: worker threads follow within milliseconds.
const (
	followFor   = 2 * time.Second
	followEvery = 50 * time.Millisecond
)

// set writes a key and reads back what is in force.
func (d *Driver) set(ctx context.Context, ip gateway.InstancePlan, value string, want gateway.Value, r gateway.InstanceReceipt) gateway.InstanceReceipt {
	p, err := d.peer(ip.Name)
	if err != nil {
		r.Err = "nothing was sent: " + err.Error()
		return r
	}
	if err := p.modify(ctx, ip.Control, value); err != nil {
		var lost *lostError
		r.Err, r.InDoubt = err.Error(), errors.As(err, &lost)
		return r
	}
	return d.follow(ctx, ip, want, r)
}

// follow reads until what is wanted is in force.
func (d *Driver) follow(ctx context.Context, ip gateway.InstancePlan, want gateway.Value, r gateway.InstanceReceipt) gateway.InstanceReceipt {
	until := time.Now().Add(followFor)
	for {
		now, err := d.look(ctx, ip)
		switch {
		case err != nil: // it was heard; what it became is for the next read
			r.OK, r.Note = true, "accepted, but not read back: "+err.Error()
			return r
		case gateway.Same(now.Value, want):
			r.OK, r.RevAfter = true, now.Rev
			return r
		case time.Now().After(until) || ctx.Err() != nil:
			r.RevAfter = now.Rev
			r.Err = fmt.Sprintf("%s said OK, but %s reads %s instead of %s; somebody else is changing it, look before you plan again", ip.Name, ip.Control, now.Value, want)
			return r
		}
		time.Sleep(followEvery)
	}
}

func (d *Driver) peer(name string) (peer, error) {
	i := slices.IndexFunc(d.peers, func(p peer) bool { return p.name == name })
	if i < 0 {
		return peer{}, fmt.Errorf("%s is no instance of gateway %q any more; see its configuration", name, d.opts.Gateway)
	}
	return d.peers[i], nil
}

// look reads one key of one instance.
func (d *Driver) look(ctx context.Context, ip gateway.InstancePlan) (gateway.Glance, error) {
	p, err := d.peer(ip.Name)
	if err != nil {
		return gateway.Glance{}, err
	}
	proc, err := p.read(ctx)
	if err != nil {
		return gateway.Glance{}, err
	}
	k, ok := proc.find(ip.Control)
	if !ok {
		return gateway.Glance{}, fmt.Errorf("the configuration of %s has no %s any more; read again", ip.Name, redact.Outside(ip.Control, 100))
	}
	return gateway.Glance{Value: count(k.now), Rev: "started " + proc.began}, nil
}

// pair puts the values beside the keys that they set. Only whole numbers and nothing are ever sent.
func pair(p gateway.Plan, calls []gateway.Call) ([]string, error) {
	paired, err := p.Pair(calls, "call", gateway.Itself)
	if err != nil {
		return nil, err
	}
	out := make([]string, len(paired))
	for i, c := range paired {
		if c == nil {
			continue
		}
		key := p.Instances[i].Control
		value, ok := strings.CutPrefix(c.Body, key+"=")
		if _, err := strconv.ParseUint(value, 10, 32); !ok || (err != nil && value != "") {
			return nil, fmt.Errorf("plan %s has a call for %s that does not fit it; plan again", p.ID, key)
		}
		out[i] = value
	}
	return out, nil
}
