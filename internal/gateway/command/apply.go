package command

import (
	"context"
	"errors"
	"fmt"
	"time"

	"signalbox/internal/gateway"
)

// Apply runs the command of each instance of the plan. Each is read before (it still has to show what the plan read)
// and after (it has to show what was set): the exit code alone proves nothing.
func (d *Driver) Apply(ctx context.Context, p gateway.Plan, idemKey string) (gateway.Receipt, error) {
	if err := p.Confirmed(Kind, d.opts.Gateway); err != nil {
		return gateway.Receipt{}, err
	}
	if err := d.fits(p); err != nil {
		return gateway.Receipt{}, err
	}
	return d.unlocked(p.Change.TTL).Apply(ctx, p, idemKey), nil
}

func (d *Driver) unlocked(ttl time.Duration) gateway.Unlocked {
	return gateway.Unlocked{
		Done: "run", Show: show,
		Look: func(ctx context.Context, ip gateway.InstancePlan) (gateway.Glance, error) {
			_, v, err := d.look(ctx, ip)
			return gateway.Glance{Value: v, Rev: ip.Rev}, err
		},
		Set: func(ctx context.Context, _ int, ip gateway.InstancePlan, want gateway.Value, r gateway.InstanceReceipt) gateway.InstanceReceipt {
			return d.set(ctx, d.byID(ip.Control), ip, want, ttl, r)
		},
	}
}

// fits tells whether the commands that would run are those that the plan shows: the configuration may have changed
// since it was confirmed.
func (d *Driver) fits(p gateway.Plan) error {
	calls, err := p.Pair(p.Calls, "command", gateway.Itself)
	if err != nil {
		return err
	}
	for i, c := range calls {
		ip := p.Instances[i]
		if c == nil {
			continue
		}
		if l := d.byID(ip.Control); l == nil || *c != d.call(l, ip, ip.After, p.Change.TTL) {
			return fmt.Errorf("the configuration has another command for %s than plan %s shows; plan again", ip.Control, p.ID)
		}
	}
	return nil
}

// Revert puts each instance back to what the plan had read, where it still shows what the plan set.
func (d *Driver) Revert(ctx context.Context, p gateway.Plan, rec gateway.Receipt, idemKey string) (gateway.Receipt, error) {
	if err := p.For(Kind, d.opts.Gateway); err != nil {
		return gateway.Receipt{}, err
	}
	return d.unlocked(p.Change.TTL).Revert(ctx, p, rec, idemKey), nil
}

// followEvery is how often a control is read until it shows what was set: what a command asks for may come later.
const followEvery = 250 * time.Millisecond

// set runs the command and reads back, for no longer than one command may take.
func (d *Driver) set(ctx context.Context, l *Lever, ip gateway.InstancePlan, want gateway.Value, ttl time.Duration, r gateway.InstanceReceipt) gateway.InstanceReceipt {
	_, failed := d.run.Do(ctx, d.setting(l, ip.Name, want, ttl), nil)
	if failed != nil && !errors.Is(failed, gateway.ErrEnded) && !errors.Is(failed, gateway.ErrStopped) {
		r.Err = failed.Error() // it never ran
		return r
	}
	now, err := d.follow(ctx, l, ip.Name, want, failed == nil)
	switch {
	case err != nil && failed != nil:
		r.Err, r.InDoubt = failed.Error()+"; and "+err.Error(), true
	case err != nil:
		r.OK, r.Note = true, "accepted, but not read back: "+err.Error()
	case gateway.Same(now, want):
		r.OK, r.RevAfter = true, ip.Rev
		if failed != nil {
			r.Note = failed.Error() + ", but it reads " + show(now)
		}
	case failed != nil:
		r.Err, r.InDoubt = fmt.Sprintf("%v; it reads %s now", failed, show(now)), errors.Is(failed, gateway.ErrStopped)
	default:
		r.Err = fmt.Sprintf("the command ended well, but %s of %s reads %s instead of %s; run its `read` by hand before you plan again", ip.Control, ip.Name, show(now), show(want))
	}
	return r
}

// follow reads until the control shows what is wanted; after a command that failed it looks once.
func (d *Driver) follow(ctx context.Context, l *Lever, instance string, want gateway.Value, patient bool) (gateway.Value, error) {
	until := time.Now().Add(d.opts.Timeout)
	for {
		now, err := d.read(ctx, instance, l)
		if !patient || (err == nil && gateway.Same(now, want)) || time.Now().After(until) {
			return now, err
		}
		select {
		case <-ctx.Done():
			return now, err
		case <-time.After(followEvery):
		}
	}
}

// look finds the lever of a plan's control, and reads it.
func (d *Driver) look(ctx context.Context, ip gateway.InstancePlan) (*Lever, gateway.Value, error) {
	l := d.byID(ip.Control)
	if l == nil {
		return nil, nil, fmt.Errorf("gateway %q has no command for %s any more; see its configuration", d.opts.Gateway, ip.Control)
	}
	v, err := d.read(ctx, ip.Name, l)
	return l, v, err
}

func (d *Driver) byID(control string) *Lever {
	for i := range d.opts.Levers {
		if l := &d.opts.Levers[i]; l.ID() == control {
			return l
		}
	}
	return nil
}
