package haproxy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"signalbox/internal/gateway"
	"signalbox/internal/redact"
)

// Apply sends each command of the plan. HAProxy has no lock, so each process is read before (it still has to
// show what the plan read) and after (it has to show what was set).
func (d *Driver) Apply(ctx context.Context, p gateway.Plan, idemKey string) (gateway.Receipt, error) {
	if err := p.Confirmed(Kind, d.opts.Gateway); err != nil {
		return gateway.Receipt{}, err
	}
	commands, err := pair(p, p.Calls)
	if err != nil {
		return gateway.Receipt{}, err
	}
	rec := d.unlocked(commands).Apply(ctx, p, idemKey)
	if at := p.Deadline.At; p.Deadline.Holder == gateway.HeldByGateway && !at.IsZero() {
		rec.ExpiresAt = &at
	}
	return rec, nil
}

// unlocked changes one server after the other, by these commands; a revert builds its own.
func (d *Driver) unlocked(commands []string) gateway.Unlocked {
	return gateway.Unlocked{
		Done: "sent", Show: show, Restored: d.restored,
		Look: func(ctx context.Context, ip gateway.InstancePlan) (gateway.Glance, error) {
			return d.look(ctx, ip)
		},
		Set: func(ctx context.Context, i int, ip gateway.InstancePlan, want gateway.Value, r gateway.InstanceReceipt) gateway.InstanceReceipt {
			at := slices.IndexFunc(d.peers, func(p peer) bool { return p.name == ip.Name }) // Look has found it
			if isMap(ip.Control) {
				return d.sendMap(ctx, d.peers[at], commands[i], ip, r)
			}
			return d.sendAndLook(ctx, d.peers[at], commands[i], ip, want, r)
		},
		Restarted: func(ip gateway.InstancePlan, now gateway.Glance) string {
			return fmt.Sprintf("HAProxy of %s was reloaded since it was read (%s, now %s)", ip.Name, ip.Rev, now.Rev)
		},
	}
}

// sendAndLook writes and reads back.
func (d *Driver) sendAndLook(ctx context.Context, p peer, command string, ip gateway.InstancePlan, want gateway.Value, r gateway.InstanceReceipt) gateway.InstanceReceipt {
	if err := p.write(ctx, command); err != nil {
		var lost *lostError
		r.Err, r.InDoubt = err.Error(), errors.As(err, &lost)
		return r
	}
	now, err := d.look(ctx, ip)
	switch {
	case err != nil: // it was accepted; what it became is for the next read
		r.OK, r.Note = true, "accepted, but not read back: "+err.Error()
	case !gateway.Same(now.Value, want):
		r.Err = fmt.Sprintf("%s took %q, but %s reads %s instead of %s; somebody else is changing it, look before you plan again", p.where(), command, ip.Control, show(now.Value), show(want))
		r.RevAfter = now.Rev
	default:
		r.OK, r.RevAfter = true, now.Rev
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
	return d.unlocked(commands).Revert(ctx, p, rec, idemKey), nil
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

// pair puts the commands beside the controls that they move. They are built anew from the plan's values and have
// to equal what the plan says: nothing else is ever sent down a socket that would take any command.
func pair(p gateway.Plan, calls []gateway.Call) ([]string, error) {
	paired, err := p.Pair(calls, "command", gateway.Itself)
	if err != nil {
		return nil, err
	}
	out := make([]string, len(paired))
	for i, c := range paired {
		if c == nil {
			continue
		}
		ip := p.Instances[i]
		if isMap(ip.Control) && fitsMap(c.Body, ip.Control, ip.After, ip.Before) {
			out[i] = c.Body
			continue
		}
		if c.Body != commandFor(ip.Control, ip.After) && c.Body != commandFor(ip.Control, ip.Before) {
			return nil, fmt.Errorf("plan %s has a command for %s that does not fit its values; plan again", p.ID, ip.Control)
		}
		out[i] = c.Body
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
	return redact.Outside(strings.Trim(string(v), `"`), 40)
}

// look reads one control of one instance.
func (d *Driver) look(ctx context.Context, ip gateway.InstancePlan) (gateway.Glance, error) {
	for _, p := range d.peers {
		if p.name != ip.Name {
			continue
		}
		r := d.read(ctx, p)
		if r.err != nil {
			return gateway.Glance{}, r.err
		}
		if isMap(ip.Control) {
			e, ok := r.proc.entry(ip.Control)
			if !ok {
				return gateway.Glance{}, fmt.Errorf("%s has no entry %s any more; read again", p.where(), redact.Outside(ip.Control, 200))
			}
			return gateway.Glance{Value: e.value(), Rev: "pid " + r.proc.pid}, nil
		}
		word, id, _ := strings.Cut(ip.Control, " ")
		s, ok := r.proc.find(id)
		if !ok {
			return gateway.Glance{}, fmt.Errorf("%s has no server %s any more; read again", p.where(), redact.Outside(id, 100))
		}
		g := gateway.Glance{Value: stateValue(s.state()), Rev: "pid " + r.proc.pid}
		if word == "maxconn" {
			g.Value = limitValue(s.limit)
		}
		return g, nil
	}
	return gateway.Glance{}, fmt.Errorf("%s is no instance of gateway %q any more; see its configuration", ip.Name, d.opts.Gateway)
}
