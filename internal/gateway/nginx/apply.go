package nginx

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"signalbox/internal/gateway"
	"signalbox/internal/redact"
)

// Apply writes, tests and reloads what the plan says, control by control. nginx has no lock, so each is read before and
// after.
func (d *Driver) Apply(ctx context.Context, p gateway.Plan, idemKey string) (gateway.Receipt, error) {
	if err := p.Confirmed(Kind, d.opts.Gateway); err != nil {
		return gateway.Receipt{}, err
	}
	if err := fits(p, p.Calls); err != nil {
		return gateway.Receipt{}, err
	}
	return d.unlocked(d.look).Apply(ctx, p, idemKey), nil
}

// Revert puts each control back to what the plan had read, where it still shows what the plan set. The plan may come
// from a journal, whose redaction can have changed its words, so its digest is not asked for.
func (d *Driver) Revert(ctx context.Context, p gateway.Plan, rec gateway.Receipt, idemKey string) (gateway.Receipt, error) {
	if err := p.For(Kind, d.opts.Gateway); err != nil {
		return gateway.Receipt{}, err
	}
	if err := fits(p, p.Undo.Calls); err != nil {
		return gateway.Receipt{}, err
	}
	return d.unlocked(d.lookBack).Revert(ctx, p, rec, idemKey), nil
}

func (d *Driver) unlocked(look func(context.Context, gateway.InstancePlan) (gateway.Glance, error)) gateway.Unlocked {
	return gateway.Unlocked{
		Done: "written", Show: show, Look: look,
		Set: func(ctx context.Context, _ int, ip gateway.InstancePlan, want gateway.Value, r gateway.InstanceReceipt) gateway.InstanceReceipt {
			p, err := d.peer(ip.Name)
			if err != nil {
				r.Err = "nothing was written: " + err.Error()
				return r
			}
			if err := p.alone(ctx, func() { r = p.set(ctx, ip, want, r) }); err != nil {
				r.Err = "nothing was written: " + err.Error()
			}
			return r
		},
	}
}

// fits tells whether the calls of a plan say what its values say.
func fits(p gateway.Plan, calls []gateway.Call) error {
	paired, err := p.Pair(calls, "change", gateway.Itself)
	if err != nil {
		return err
	}
	for i, c := range paired {
		ip := p.Instances[i]
		if c != nil && c.Body != body(ip.Control, ip.After) && c.Body != body(ip.Control, ip.Before) {
			return fmt.Errorf("plan %s has a change of %s that does not fit its values; plan again", p.ID, ip.Control)
		}
	}
	return nil
}

func (d *Driver) peer(name string) (*peer, error) {
	i := slices.IndexFunc(d.peers, func(p *peer) bool { return p.name == name })
	if i < 0 {
		return nil, fmt.Errorf("%s is no instance of gateway %q any more; see its configuration", name, d.opts.Gateway)
	}
	return d.peers[i], nil
}

// look reads one control of one instance.
func (d *Driver) look(ctx context.Context, ip gateway.InstancePlan) (gateway.Glance, error) {
	p, err := d.peer(ip.Name)
	if err != nil {
		return gateway.Glance{}, err
	}
	r := p.read(ctx)
	if r.err != nil {
		return gateway.Glance{}, r.err
	}
	return r.glance(ip.Control)
}

func (r *reading) glance(control string) (gateway.Glance, error) {
	k, ok := r.now.lookup(control)
	if !ok {
		return gateway.Glance{}, fmt.Errorf("%s of %s has no %s any more; read again", r.peer.file, r.peer.name, redact.Outside(control, 100))
	}
	return gateway.Glance{Value: k.value, Rev: "generation " + r.runs}, nil
}

// lookBack reads one control for an undo. Where the workers do not run the file, a console has ended between writing and
// reloading: as long as the file has one of the two values of the plan it counts as changed, so that it is written and
// loaded whatever it says.
func (d *Driver) lookBack(ctx context.Context, ip gateway.InstancePlan) (gateway.Glance, error) {
	p, err := d.peer(ip.Name)
	if err != nil {
		return gateway.Glance{}, err
	}
	r := p.read(ctx)
	if r.err != nil && !errors.Is(r.err, errUnloaded) {
		return gateway.Glance{}, r.err
	}
	g, err := r.glance(ip.Control)
	if err == nil && r.err != nil && gateway.Same(g.Value, ip.Before) {
		g.Value = ip.After
	}
	return g, err
}

// set writes one control, tests, reloads and asks the workers. What nginx does not take is put back.
func (p *peer) set(ctx context.Context, ip gateway.InstancePlan, want gateway.Value, r gateway.InstanceReceipt) gateway.InstanceReceipt {
	now := p.read(ctx) // again, now that no other console of this machine writes
	unloaded := errors.Is(now.err, errUnloaded)
	k, ok := now.now.lookup(ip.Control)
	switch {
	case now.err != nil && !unloaded:
		r.Err = "nothing was written: " + now.err.Error()
		return r
	case !ok || !gateway.Same(k.value, ip.Before) && !gateway.Same(k.value, ip.After):
		r.Err = fmt.Sprintf("nothing was written: somebody changed %s of %s just now; plan again", ip.Control, ip.Name)
		return r
	}
	values := now.now.values()
	values[ip.Control] = want
	text, generation := now.base.next(values, now.now.generation.text)
	if _, err := readLevers(text); err != nil {
		r.Err = fmt.Sprintf("nothing was written: what would be written cannot be read: %v", err)
		return r
	}
	if err := p.put(ctx, text); err != nil {
		return p.undone(ctx, now, r, fmt.Errorf("writing %s: %w", p.file, err), false)
	}
	if err := p.check(ctx); err != nil {
		return p.undone(ctx, now, r, fmt.Errorf("nginx refuses %s %s: %w", ip.Control, show(want), err), false)
	}
	_, failed := p.command(ctx, p.reload, nil)
	if failed != nil {
		failed = fmt.Errorf("reloading: %w", failed)
	}
	if err := p.follow(ctx, generation); err != nil {
		return p.undone(ctx, now, r, errors.Join(failed, err), true)
	}
	r.OK, r.RevAfter = true, "generation "+generation
	if failed != nil {
		r.Note = failed.Error() + ", but the workers run generation " + generation
	}
	return r
}

// undone puts the file back as it was read, and makes sure that the workers run it.
func (p *peer) undone(ctx context.Context, was reading, r gateway.InstanceReceipt, why error, reloaded bool) gateway.InstanceReceipt {
	ctx = context.WithoutCancel(ctx) // half a change is worse than a late answer; each call has its own timeout
	r.Err = fmt.Sprintf("%s: %v", p.name, why)
	if text, err := p.get(ctx, p.file); err != nil || text != was.now.text {
		if err := p.put(ctx, was.now.text); err != nil {
			r.Err += fmt.Sprintf("; and %s could NOT be put back (%v): it is not what the workers run", p.file, err)
			r.InDoubt = true
			return r
		}
	}
	r.Err += "; " + p.file + " is as it was"
	switch {
	case was.err != nil: // what was there was not in force either
		r.InDoubt = true
		return r
	case !reloaded:
		return r
	}
	_, failed := p.command(ctx, p.reload, nil)
	if err := p.follow(ctx, was.now.generation.text); err != nil {
		r.Err += fmt.Sprintf(", but what the workers run is not known: %v", errors.Join(failed, err))
		r.InDoubt = true
	}
	return r
}
