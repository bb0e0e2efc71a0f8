package haproxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/redact"
	"signalbox/internal/traffic"
)

// maxTTL bounds a deadline that HAProxy holds.
const maxTTL = 31 * 24 * time.Hour

// mapVerb is the verb under which a map's entries are known, "" where maps have no part in it.
func (d *Driver) mapVerb(v gateway.Verb, what traffic.Scope) gateway.Verb {
	if !d.opts.Maps {
		return ""
	}
	switch v {
	case gateway.WorkloadPause, gateway.WorkloadResume, gateway.ShedSet, gateway.ShedLift:
		return gateway.WorkloadPause
	case gateway.RouteForce, gateway.RouteUnforce:
		return gateway.RouteForce
	case gateway.CapSet, gateway.CapLift:
		if len(what) == 1 && (what["model"] != "" || what["workload"] != "") {
			return gateway.CapSet
		}
	}
	return ""
}

// planMaps plans the entries of maps that hit the scope; ok is false where there are none and servers may do.
func (b *builder) planMaps(verb gateway.Verb, what traffic.Scope) (ok bool, err error) {
	var hit, all []string
	for _, r := range b.readings {
		for _, e := range r.proc.maps {
			if e.verb != verb {
				continue
			}
			scope := traffic.Scope{e.dim: e.key}
			all = append(all, scope.String())
			if scope.Equal(what) {
				hit = append(hit, e.id())
			}
		}
	}
	slices.Sort(hit)
	slices.Sort(all)
	hit, all = slices.Compact(hit), slices.Compact(all)
	if len(hit) == 0 {
		if verb == gateway.CapSet {
			return false, nil
		}
		return true, b.change.NoTarget("no map of levers has an entry that this hits exactly: HAProxy takes no others", gateway.OneOf(gateway.Near(what.String(), all)))
	}
	value, err := b.mapValue()
	if err != nil {
		return true, err
	}
	b.plan.Deadline.Holder = gateway.HeldByGateway
	until := b.now.Add(b.change.TTL).Truncate(time.Second).UTC()
	for _, r := range b.readings {
		for _, id := range hit {
			b.addEntry(r, id, value, until)
		}
	}
	if b.change.Verb.Engages() {
		b.plan.Deadline.At = until
	}
	return true, nil
}

// mapValue judges the value of a change; nil for one that gives something back.
func (b *builder) mapValue() (gateway.Value, error) {
	v, err := gateway.Canonical(b.change.Value)
	if err != nil {
		return nil, b.refuse(redact.Outside(err.Error(), 200), "a value in JSON")
	}
	if b.change.Verb.Engages() && (b.change.TTL < time.Second || b.change.TTL > maxTTL) {
		return nil, b.refuse(fmt.Sprintf("a change needs a deadline from a second to %s", maxTTL), "--ttl 15m")
	}
	n, numErr := strconv.ParseInt(string(v), 10, 64)
	switch b.change.Verb {
	case gateway.CapSet:
		if numErr != nil || n < 1 || n > maxLimit {
			return nil, b.refuse(fmt.Sprintf("%s is not a whole number from 1 to %d", redact.Outside(string(v), 40), maxLimit), "workload.pause or target.out to let nothing through")
		}
	case gateway.ShedSet:
		if numErr != nil || n < 1 || n > 100 {
			return nil, b.refuse(redact.Outside(string(v), 40)+" is not a whole percentage from 1 to 100", "")
		}
	case gateway.RouteForce:
		return b.forced(v)
	default:
		if string(v) != "null" {
			return nil, b.refuse(string(b.change.Verb)+" takes no value", "")
		}
		if b.change.Verb == gateway.WorkloadPause {
			return gateway.Value("100"), nil
		}
		return nil, nil
	}
	return v, nil
}

// forced wants a backend with servers on each process: HAProxy would take any name, and answer 503.
func (b *builder) forced(v gateway.Value) (gateway.Value, error) {
	var to string
	if json.Unmarshal(v, &to) != nil || !plainName(to) {
		return nil, b.refuse("its value has to be the name of a backend", "")
	}
	for _, r := range b.readings {
		if r.err != nil || slices.ContainsFunc(r.proc.servers, func(s server) bool { return s.backend == to && s.serves() }) {
			continue
		}
		var backends []string
		for _, s := range r.proc.servers {
			if s.serves() {
				backends = append(backends, s.backend)
			}
		}
		slices.Sort(backends)
		return nil, b.refuse(fmt.Sprintf("%s has no backend %s with a server that takes requests", r.peer.name, redact.Outside(to, 60)), gateway.OneOf(slices.Compact(backends)))
	}
	return v, nil
}

// addEntry plans one entry of one process.
func (b *builder) addEntry(r reading, id string, value gateway.Value, until time.Time) {
	ip := gateway.InstancePlan{Name: r.peer.name, Control: id}
	if r.err != nil {
		b.skip(ip, "could not be read: "+r.err.Error())
		return
	}
	e, ok := r.proc.entry(id)
	if !ok {
		b.skip(ip, "has no entry for it")
		return
	}
	ip.Rev, ip.Before, ip.After = "pid "+r.proc.pid, e.value(), value
	next, back := off, off
	if value == nil {
		ip.After = e.base()
	} else {
		next = mapText(until.Add(r.skew(b.now)), value)
	}
	if e.out() {
		end := e.until.Add(-r.skew(b.now))
		back, ip.BeforeUntil = mapText(e.until, e.value()), &end
	}
	if gateway.Same(ip.Before, ip.After) {
		b.skip(ip, "is so already: "+show(ip.Before))
		return
	}
	if skew := r.skew(b.now); skew != 0 {
		b.plan.Caveat("the clock of %s is %s off this one; its deadline is set by its own", r.peer.name, skew)
	}
	b.send(r, ip, mapCommand(e.file, e.key, next), mapCommand(e.file, e.key, back))
}

// skew is how far HAProxy's clock is ahead of ours, 0 where it is the same as far as can be told.
func (r *reading) skew(now time.Time) time.Duration {
	d := r.proc.clock.Sub(now).Round(time.Second)
	if r.proc.clock.IsZero() || d.Abs() <= sameClock {
		return 0
	}
	return d
}

// judgeMaps adds what an operator should know of a lever that HAProxy ends by itself.
func (b *builder) judgeMaps() {
	b.plan.CaveatSkipped()
	if b.change.Verb.Engages() {
		b.plan.Caveat("HAProxy itself ends this on time, also when nothing of Signalbox runs any more")
	} else {
		b.plan.Caveat("this gives back what was out; it has no deadline")
	}
	b.plan.Caveat("a reload of HAProxy reads its maps from their files, and so ends this at once")
	switch b.change.Verb {
	case gateway.CapSet:
		b.plan.Excess = gateway.ExcessRejected
		b.plan.Caveat("what is over the cap gets 429 at once; it does not wait")
		if n := len(b.readings); n > 1 {
			b.plan.Caveat("each process counts for itself: %d processes let %d times as much through", n, n)
		}
	case gateway.WorkloadPause, gateway.ShedSet:
		b.plan.Excess = gateway.ExcessRejected
		b.plan.Caveat("what is refused gets 503 with Retry-After at once")
	case gateway.RouteForce:
		b.plan.Caveat("the model's name in the body stays as it is: the target has to know it")
	}
}

// sendMap writes an entry and reads back what it has become, to the letter.
func (d *Driver) sendMap(ctx context.Context, p peer, command string, ip gateway.InstancePlan, r gateway.InstanceReceipt) gateway.InstanceReceipt {
	if err := p.write(ctx, command); err != nil {
		var lost *lostError
		r.Err, r.InDoubt = err.Error(), errors.As(err, &lost)
		return r
	}
	now := d.read(ctx, p)
	e, ok := now.proc.entry(ip.Control)
	switch {
	case now.err != nil:
		r.OK, r.Note = true, "accepted, but not read back: "+now.err.Error()
	case !ok || mapCommand(e.file, e.key, e.raw) != command:
		r.Err = fmt.Sprintf("%s took %q, but %s reads %q; somebody else is changing it, look before you plan again", p.where(), command, ip.Control, e.raw)
	default:
		r.OK, r.RevAfter = true, "pid "+now.proc.pid
	}
	return r
}

var _ gateway.Extender = (*Driver)(nil)

// Extend moves the deadline of entries that still show what the plan set.
func (d *Driver) Extend(ctx context.Context, p gateway.Plan, rec gateway.Receipt, ttl time.Duration, idemKey string) (gateway.Receipt, error) {
	if err := p.For(Kind, d.opts.Gateway); err != nil {
		return gateway.Receipt{}, err
	}
	if p.Deadline.Holder != gateway.HeldByGateway || p.Deadline.At.IsZero() || ttl < time.Second || ttl > maxTTL {
		return gateway.Receipt{}, fmt.Errorf("plan %s has no deadline at HAProxy that could be moved by %s", p.ID, ttl)
	}
	now := time.Now()
	until := now.Add(ttl).Truncate(time.Second).UTC()
	out := p.Everywhere(idemKey, func(_ int, ip gateway.InstancePlan) gateway.InstanceReceipt {
		r := gateway.InstanceReceipt{Name: ip.Name, Control: ip.Control}
		at := slices.IndexFunc(d.peers, func(q peer) bool { return q.name == ip.Name })
		switch {
		case ip.Skip != "" || rec.Refused(ip):
			r.OK, r.Note = true, "was not changed by this plan"
			return r
		case at < 0:
			r.Err = fmt.Sprintf("nothing was sent: %s is no instance of gateway %q any more", ip.Name, d.opts.Gateway)
			return r
		}
		seen := d.read(ctx, d.peers[at])
		e, ok := seen.proc.entry(ip.Control)
		switch {
		case seen.err != nil:
			r.Err = "nothing was sent: " + seen.err.Error()
			return r
		case !ok || !gateway.Same(e.value(), ip.After):
			r.Err = fmt.Sprintf("nothing was sent: %s of %s does not show %s any more", ip.Control, ip.Name, show(ip.After))
			return r
		}
		return d.sendMap(ctx, d.peers[at], mapCommand(e.file, e.key, mapText(until.Add(seen.skew(now)), ip.After)), ip, r)
	})
	out.ExpiresAt = &until
	return out, nil
}

// isMap tells whether a control is an entry of a map.
func isMap(control string) bool { return strings.HasPrefix(control, "map ") }
