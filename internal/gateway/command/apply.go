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
	if err := p.For(Kind, d.opts.Gateway); err != nil {
		return gateway.Receipt{}, err
	}
	if err := p.Intact(); err != nil {
		return gateway.Receipt{}, err
	}
	if err := d.fits(p); err != nil {
		return gateway.Receipt{}, err
	}
	return p.Everywhere(idemKey, func(_ int, ip gateway.InstancePlan) gateway.InstanceReceipt {
		r := gateway.InstanceReceipt{Name: ip.Name, Control: ip.Control, RevBefore: ip.Rev}
		switch {
		case ip.Skip != "" && ip.Rev == "":
			r.Err = "nothing was run: " + ip.Skip
			return r
		case ip.Skip != "":
			r.OK, r.RevAfter, r.Note = true, ip.Rev, "nothing was run: "+ip.Skip
			return r
		}
		l, now, err := d.look(ctx, ip)
		switch {
		case err != nil:
			r.Err = "nothing was run: " + err.Error()
			return r
		case gateway.Same(now, ip.After):
			r.OK, r.RevAfter, r.Note = true, ip.Rev, "it was so already: "+ip.Control+" is "+show(now)
			return r
		case !gateway.Same(now, ip.Before):
			r.Err = fmt.Sprintf("nothing was run: somebody changed %s of %s since it was read: it was %s, now it is %s; plan again",
				ip.Control, ip.Name, show(ip.Before), show(now))
			return r
		}
		return d.set(ctx, l, ip, ip.After, p.Change.TTL, r)
	}), nil
}

// fits tells whether the commands that would run are those that the plan shows: the configuration may have changed
// since it was confirmed.
func (d *Driver) fits(p gateway.Plan) error {
	next := 0
	for _, ip := range p.Instances {
		if ip.Skip != "" {
			continue
		}
		l := d.byID(ip.Control)
		if l == nil || next >= len(p.Calls) || p.Calls[next] != d.call(l, ip, ip.After, p.Change.TTL) {
			return fmt.Errorf("the configuration has another command for %s than plan %s shows; plan again", ip.Control, p.ID)
		}
		next++
	}
	if next != len(p.Calls) {
		return fmt.Errorf("plan %s has more commands than controls; plan again", p.ID)
	}
	return nil
}

// Revert puts each instance back to what the plan had read, where it still shows what the plan set.
func (d *Driver) Revert(ctx context.Context, p gateway.Plan, rec gateway.Receipt, idemKey string) (gateway.Receipt, error) {
	if err := p.For(Kind, d.opts.Gateway); err != nil {
		return gateway.Receipt{}, err
	}
	return p.Everywhere(idemKey, func(_ int, ip gateway.InstancePlan) gateway.InstanceReceipt {
		r := gateway.InstanceReceipt{Name: ip.Name, Control: ip.Control, RevBefore: ip.Rev}
		if ip.Skip != "" {
			r.OK, r.Note = true, "was not changed by this plan"
			return r
		}
		l, now, err := d.look(ctx, ip)
		switch {
		case err != nil:
			r.Err = "nothing was run: " + err.Error()
			return r
		case gateway.Same(now, ip.Before):
			r.OK, r.RevAfter, r.Note = true, ip.Rev, "it is back already: "+ip.Control+" is "+show(now)
			return r
		case !gateway.Same(now, ip.After):
			r.Err = fmt.Sprintf("nothing was run: somebody else changed %s of %s: we set %s, it is now %s; look before you plan again",
				ip.Control, ip.Name, show(ip.After), show(now))
			return r
		case refused(rec, ip):
			r.Err = fmt.Sprintf("nothing was run: our change of %s on %s was refused, yet it reads %s: somebody else set that", ip.Control, ip.Name, show(now))
			return r
		}
		return d.set(ctx, l, ip, ip.Before, p.Change.TTL, r)
	}), nil
}

// refused tells whether the instance answered that it did not do it.
func refused(rec gateway.Receipt, ip gateway.InstancePlan) bool {
	for _, i := range rec.Instances {
		if i.Name == ip.Name && i.Control == ip.Control {
			return !i.OK && !i.InDoubt
		}
	}
	return false
}

// followEvery is how often a control is read until it shows what was set: what a command asks for may come later.
const followEvery = 250 * time.Millisecond

// set runs the command and reads back, for no longer than one command may take.
func (d *Driver) set(ctx context.Context, l *Lever, ip gateway.InstancePlan, want gateway.Value, ttl time.Duration, r gateway.InstanceReceipt) gateway.InstanceReceipt {
	_, failed := d.run.do(ctx, d.setting(l, ip.Name, want, ttl))
	if failed != nil && !errors.Is(failed, errEnded) && !errors.Is(failed, errStopped) {
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
		r.Err, r.InDoubt = fmt.Sprintf("%v; it reads %s now", failed, show(now)), errors.Is(failed, errStopped)
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
