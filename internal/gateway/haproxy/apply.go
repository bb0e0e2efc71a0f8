package haproxy

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"signalbox/internal/gateway"
)

// Apply sends each command of the plan. HAProxy has no lock, so each process is read before (it still has to
// show what the plan read) and after (it has to show what was set).
func (d *Driver) Apply(ctx context.Context, p gateway.Plan, idemKey string) (gateway.Receipt, error) {
	if err := p.For(Kind, d.opts.Gateway); err != nil {
		return gateway.Receipt{}, err
	}
	if err := p.Intact(); err != nil {
		return gateway.Receipt{}, err
	}
	commands, err := pair(p, p.Calls)
	if err != nil {
		return gateway.Receipt{}, err
	}
	return p.Everywhere(idemKey, func(i int, ip gateway.InstancePlan) gateway.InstanceReceipt {
		r := gateway.InstanceReceipt{Name: ip.Name, Control: ip.Control, RevBefore: ip.Rev}
		switch {
		case ip.Skip != "" && ip.Rev == "":
			r.Err = "nothing was sent: " + ip.Skip
			return r
		case ip.Skip != "":
			r.OK, r.RevAfter, r.Note = true, ip.Rev, "nothing was sent: "+ip.Skip
			return r
		}
		peer, now, err := d.look(ctx, ip)
		switch {
		case err != nil:
			r.Err = "nothing was sent: " + err.Error()
			return r
		case now.rev != ip.Rev:
			r.Err = fmt.Sprintf("nothing was sent: HAProxy of %s was reloaded since it was read (%s, now %s); plan again", ip.Name, ip.Rev, now.rev)
			return r
		case gateway.Same(now.value, ip.After):
			r.OK, r.RevAfter, r.Note = true, now.rev, "it was so already: "+ip.Control+" is "+show(now.value)
			return r
		case !gateway.Same(now.value, ip.Before):
			r.Err = fmt.Sprintf("nothing was sent: somebody changed %s of %s since it was read: it was %s, now it is %s; plan again", ip.Control, ip.Name, show(ip.Before), show(now.value))
			return r
		}
		return d.sendAndLook(ctx, peer, commands[i], ip, ip.After, r)
	}), nil
}

// sendAndLook writes and reads back.
func (d *Driver) sendAndLook(ctx context.Context, p peer, command string, ip gateway.InstancePlan, want gateway.Value, r gateway.InstanceReceipt) gateway.InstanceReceipt {
	if err := p.write(ctx, command); err != nil {
		var lost *lostError
		r.Err, r.InDoubt = err.Error(), errors.As(err, &lost)
		return r
	}
	_, now, err := d.look(ctx, ip)
	switch {
	case err != nil: // it was accepted; what it became is for the next read
		r.OK, r.Note = true, "accepted, but not read back: "+err.Error()
	case !gateway.Same(now.value, want):
		r.Err = fmt.Sprintf("%s took %q, but %s reads %s instead of %s; somebody else is changing it, look before you plan again", p.where(), command, ip.Control, show(now.value), show(want))
		r.RevAfter = now.rev
	default:
		r.OK, r.RevAfter = true, now.rev
	}
	return r
}

// Revert puts each server back to what the plan had read, where it still shows what the plan set. The plan may
// come from a journal, whose redaction can have changed its words, so its digest is not asked for.
func (d *Driver) Revert(ctx context.Context, p gateway.Plan, rec gateway.Receipt, idemKey string) (gateway.Receipt, error) {
	if err := p.For(Kind, d.opts.Gateway); err != nil {
		return gateway.Receipt{}, err
	}
	commands, err := pair(p, p.Undo.Calls)
	if err != nil {
		return gateway.Receipt{}, err
	}
	return p.Everywhere(idemKey, func(i int, ip gateway.InstancePlan) gateway.InstanceReceipt {
		r := gateway.InstanceReceipt{Name: ip.Name, Control: ip.Control}
		if ip.Skip != "" {
			r.OK, r.Note = true, "was not changed by this plan"
			return r
		}
		peer, now, err := d.look(ctx, ip)
		if err != nil {
			r.Err = "nothing was sent: " + err.Error()
			return r
		}
		r.RevBefore = now.rev
		switch {
		case gateway.Same(now.value, ip.Before):
			r.OK, r.RevAfter, r.Note = true, now.rev, "it is back already: "+ip.Control+" is "+show(now.value)
			if now.rev != ip.Rev {
				r.Note += "; HAProxy was reloaded (" + ip.Rev + ", now " + now.rev + ")"
			}
			d.restored(ip)
			return r
		case !gateway.Same(now.value, ip.After):
			r.Err = fmt.Sprintf("nothing was sent: somebody else changed %s of %s: we set %s, it is now %s; look before you plan again", ip.Control, ip.Name, show(ip.After), show(now.value))
			return r
		case refused(rec, ip):
			r.Err = fmt.Sprintf("nothing was sent: our change of %s on %s was refused, yet it reads %s: somebody else set that", ip.Control, ip.Name, show(now.value))
			return r
		}
		if r = d.sendAndLook(ctx, peer, commands[i], ip, ip.Before, r); r.OK {
			d.restored(ip)
		}
		return r
	}), nil
}

// restored mends the memory of a driver that first saw a server while our own cap was on it, as after a restart of
// the console: the cap is not what the configuration has, and what was there before it is no change by somebody else.
func (d *Driver) restored(ip gateway.InstancePlan) {
	word, id, _ := strings.Cut(ip.Control, " ")
	if word != "maxconn" {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	m := d.seen[ip.Name]
	if m == nil || !gateway.Same(limitValue(m.limits[id]), ip.After) {
		return
	}
	if n, err := strconv.ParseInt(strings.Trim(string(ip.Before), `"`), 10, 64); err == nil {
		m.limits[id] = n
	} else {
		m.limits[id] = 0 // null: no limit
	}
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

// pair puts the commands beside the controls that they move. They are built anew from the plan's values and have
// to equal what the plan says: nothing else is ever sent down a socket that would take any command.
func pair(p gateway.Plan, calls []gateway.Call) ([]string, error) {
	out := make([]string, len(p.Instances))
	next := 0
	for i, ip := range p.Instances {
		if ip.Skip != "" {
			continue
		}
		if next >= len(calls) || calls[next].Instance != ip.Name || calls[next].Path != ip.Control {
			return nil, fmt.Errorf("plan %s has no command for %s of %s; plan again", p.ID, ip.Control, ip.Name)
		}
		command := calls[next].Body
		if command != commandFor(ip.Control, ip.After) && command != commandFor(ip.Control, ip.Before) {
			return nil, fmt.Errorf("plan %s has a command for %s that does not fit its values; plan again", p.ID, ip.Control)
		}
		out[i] = command
		next++
	}
	if next != len(calls) {
		return nil, fmt.Errorf("plan %s has more commands than controls; plan again", p.ID)
	}
	return out, nil
}

// commandFor is the command that gives a control a value, "" where there is none.
func commandFor(control string, v gateway.Value) string {
	word, id, _ := strings.Cut(control, " ")
	backend, name, _ := strings.Cut(id, "/")
	if !plainName(backend) || !plainName(name) {
		return ""
	}
	text := strings.Trim(string(v), `"`)
	switch {
	case word == "maxconn" && text == "null":
		return limitCommand(id, 0)
	case word == "maxconn":
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 {
			return limitCommand(id, n)
		}
	case word == "state" && (text == stateReady || text == stateDrain || text == stateMaint):
		return stateCommand(id, text)
	}
	return ""
}

// show words a value for a message.
func show(v gateway.Value) string {
	if len(v) == 0 || string(v) == "null" {
		return "no limit"
	}
	return clean(strings.Trim(string(v), `"`), 40)
}

// glance is one control as just read.
type glance struct {
	value gateway.Value
	rev   string
}

// look reads one control of one instance.
func (d *Driver) look(ctx context.Context, ip gateway.InstancePlan) (peer, glance, error) {
	for _, p := range d.peers {
		if p.name != ip.Name {
			continue
		}
		r := d.read(ctx, p)
		if r.err != nil {
			return p, glance{}, r.err
		}
		word, id, _ := strings.Cut(ip.Control, " ")
		s, ok := r.proc.find(id)
		if !ok {
			return p, glance{}, fmt.Errorf("%s has no server %s any more; read again", p.where(), clean(id, 100))
		}
		g := glance{value: stateValue(s.state()), rev: "pid " + r.proc.pid}
		if word == "maxconn" {
			g.value = limitValue(s.limit)
		}
		return p, g, nil
	}
	return peer{}, glance{}, fmt.Errorf("%s is no instance of gateway %q any more; see its configuration", ip.Name, d.opts.Gateway)
}
