package contract

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/redact"
)

// Apply sends each call of the plan to its instance, all instances at once. The version that was read is the
// lock, and the key makes a repetition harmless.
func (d *Driver) Apply(ctx context.Context, p gateway.Plan, idemKey string) (gateway.Receipt, error) {
	if err := p.Confirmed(Kind, d.opts.Gateway); err != nil {
		return gateway.Receipt{}, err
	}
	calls, err := p.Pair(p.Calls, "call", pathOf)
	if err != nil {
		return gateway.Receipt{}, err
	}
	return everywhere(p, idemKey, func(i int, ip gateway.InstancePlan) (gateway.InstanceReceipt, *time.Time) {
		r := gateway.InstanceReceipt{Name: ip.Name, Control: ip.Control, RevBefore: ip.Rev}
		call := calls[i]
		switch {
		case call == nil && ip.Rev == "":
			r.Err = "nothing was sent: " + ip.Skip
			return r, nil
		case call == nil:
			r.OK, r.RevAfter, r.Note = true, ip.Rev, "nothing was sent: "+ip.Skip
			return r, nil
		}
		peer, err := d.peer(ip.Name)
		if err != nil {
			r.Err = err.Error()
			return r, nil
		}
		a := peer.do(ctx, request{method: call.Method, path: call.Path, body: call.Body, rev: ip.Rev, key: keyOf(idemKey, ip)})
		return peer.receipt(r, a, call.Method, ip.After)
	}), nil
}

// pathOf is where a control is served.
func pathOf(control string) string { return "/controls/" + url.PathEscape(control) }

func (d *Driver) peer(name string) (peer, error) {
	for _, p := range d.peers {
		if p.name == name {
			return p, nil
		}
	}
	return peer{}, fmt.Errorf("%s is no instance of gateway %q any more; see its configuration", name, d.opts.Gateway)
}

// longestKey is what a server has to take as an idempotency key.
const longestKey = 200

// keyOf is the idempotency key of one request of a change: the same for the same instance and control, always.
func keyOf(idemKey string, ip gateway.InstancePlan) string {
	key := idemKey + "." + url.PathEscape(ip.Name) + "." + ip.Control
	if len(key) > longestKey {
		sum := sha256.Sum256([]byte(key))
		key = hex.EncodeToString(sum[:])
	}
	return key
}

// everywhere is the plan's Everywhere, with the first of the ends that the instances gave.
func everywhere(p gateway.Plan, idemKey string, do func(int, gateway.InstancePlan) (gateway.InstanceReceipt, *time.Time)) gateway.Receipt {
	ends := make([]*time.Time, len(p.Instances))
	rec := p.Everywhere(idemKey, func(i int, ip gateway.InstancePlan) (r gateway.InstanceReceipt) {
		r, ends[i] = do(i, ip)
		return r
	})
	for _, e := range ends { // the first end is when the change stops being whole
		if e != nil && (rec.ExpiresAt == nil || e.Before(*rec.ExpiresAt)) {
			rec.ExpiresAt = e
		}
	}
	return rec
}

// receipt reads an instance's answer to a change. Whatever leaves open what the gateway did is in doubt: no
// answer, a 5xx (it may come from something in between), a success that cannot be read or says something else.
func (p peer) receipt(r gateway.InstanceReceipt, a answer, method string, want gateway.Value) (gateway.InstanceReceipt, *time.Time) {
	switch {
	case a.err != nil:
		r.Err, r.InDoubt = a.err.Error(), a.doubt
		return r, nil
	case a.status < 200 || a.status > 299:
		r.Err, r.InDoubt = p.refused(a).Error(), a.status >= 500 || a.status == http.StatusRequestTimeout
		return r, nil
	}
	c, err := parseControl(a.body)
	if err == nil && c.ID != r.Control {
		err = fmt.Errorf("it is about %q", redact.Outside(c.ID, 80))
	}
	if err != nil {
		r.Err, r.InDoubt = fmt.Sprintf("%s (%s): %d with an answer that cannot be used: %s; read back", p.name, p.where(), a.status, a.hide(err.Error(), maxText)), true
		return r, nil
	}
	r.RevAfter, r.SetBy = c.Version, c.SetBy
	if !gateway.Same(c.Value, want) {
		r.Err, r.InDoubt = fmt.Sprintf("%s (%s): it answered value %s for %s where %s was asked; read back", p.name, p.where(), a.hide(string(c.Value), 80), c.ID, want), true
		return r, p.ours(c.ExpiresAt)
	}
	r.OK = true
	if method != http.MethodDelete && c.ExpiresAt == nil {
		r.Note = "the gateway gave no end: NOT self-reverting, whatever the contract says; undo it by hand"
	}
	for _, i := range c.Instances {
		if !i.Applied {
			r.Note = join(r.Note, "replica "+redact.Outside(i.Name, maxName)+" has not applied it yet")
		}
	}
	return r, p.ours(c.ExpiresAt)
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// Revert gives back what the plan had read: DELETE where that was the base, else PUT with what was left of its
// deadline. It touches only controls that still carry our change. The plan may come from a journal, whose
// redaction can have changed its words, so its digest is not asked for.
func (d *Driver) Revert(ctx context.Context, p gateway.Plan, r gateway.Receipt, idemKey string) (gateway.Receipt, error) {
	next := func(peer peer, ip gateway.InstancePlan, undo gateway.Call, now control) (gateway.Call, gateway.Value) {
		if undo.Method == http.MethodDelete {
			return undo, now.Base
		}
		left := leftOf(ip.BeforeUntil, time.Now(), p.Change.TTL)
		if left < time.Second { // what was there before would have ended by now
			return giveBack(peer, ip.Control, now.Version, p.Change, undoReason(p.Change)), now.Base
		}
		return put(peer, ip.Control, now.Version, ip.Before, left, p.Change, undoReason(p.Change)), ip.Before
	}
	return d.onOurs(ctx, p, r, idemKey, follow{calls: p.Undo.Calls, next: next, goneIsFine: true})
}

// Extend moves the deadline of a change that is out to ttl from now, by the gateway's clock.
func (d *Driver) Extend(ctx context.Context, p gateway.Plan, r gateway.Receipt, ttl time.Duration, idemKey string) (gateway.Receipt, error) {
	if ttl < time.Second {
		return gateway.Receipt{}, errors.New("an extension needs a time of at least a second")
	}
	if p.Deadline.At.IsZero() {
		return gateway.Receipt{}, fmt.Errorf("plan %s gave something back: there is no deadline to move", p.ID)
	}
	next := func(peer peer, ip gateway.InstancePlan, _ gateway.Call, now control) (gateway.Call, gateway.Value) {
		b := body{TTL: span(ttl), Reason: p.Change.Reason, Actor: p.Change.Actor, Incident: p.Change.Incident}
		return peer.call(http.MethodPost, ip.Control, "/extend", now.Version, b), ip.After
	}
	return d.onOurs(ctx, p, r, idemKey, follow{calls: p.Calls, next: next})
}

// follow is a further request on a change that is out.
type follow struct {
	calls []gateway.Call // those of the plan that it goes with, to tell where there is one
	next  func(peer, gateway.InstancePlan, gateway.Call, control) (gateway.Call, gateway.Value)
	// goneIsFine: it is a success when our change is not there any more.
	goneIsFine bool
}

// onOurs reads the instances again and sends a further request to each control that still is ours.
func (d *Driver) onOurs(ctx context.Context, p gateway.Plan, r gateway.Receipt, idemKey string, f follow) (gateway.Receipt, error) {
	if err := p.For(Kind, d.opts.Gateway); err != nil {
		return gateway.Receipt{}, err
	}
	paired, err := p.Pair(f.calls, "call", pathOf)
	if err != nil {
		return gateway.Receipt{}, err
	}
	byName := make(map[string]reading)
	for _, one := range d.readAll(ctx, d.touched(p)) {
		byName[one.peer.name] = one
	}
	return everywhere(p, idemKey, func(i int, ip gateway.InstancePlan) (gateway.InstanceReceipt, *time.Time) {
		out := gateway.InstanceReceipt{Name: ip.Name, Control: ip.Control}
		if paired[i] == nil {
			out.OK, out.Note = true, "was not changed by this plan"
			return out, nil
		}
		seen, known := byName[ip.Name]
		now, found := seen.find(ip.Control)
		switch {
		case !known:
			out.Err = ip.Name + " is no instance of this gateway any more; see its configuration"
			return out, nil
		case seen.err != nil:
			out.Err = "nothing was sent: " + seen.err.Error()
			return out, nil
		case !found:
			out.Err = fmt.Sprintf("%s has no control %s any more; read again", ip.Name, ip.Control)
			return out, nil
		}
		out.RevBefore = now.Version
		whose, note := ownership(p, ip, receiptOf(r, ip), now)
		switch {
		case whose == ours:
			out.Note = note
			call, want := f.next(seen.peer, ip, *paired[i], now)
			a := seen.peer.do(ctx, request{method: call.Method, path: call.Path, body: call.Body, rev: now.Version, key: keyOf(idemKey, ip)})
			return seen.peer.receipt(out, a, call.Method, want)
		case whose == gone && f.goneIsFine:
			out.OK, out.RevAfter, out.Note = true, now.Version, note
		default:
			out.Err = note
		}
		return out, nil
	}), nil
}

// touched gives the instances to which the plan sends something.
func (d *Driver) touched(p gateway.Plan) []peer {
	var peers []peer
	for _, one := range d.peers {
		if slices.ContainsFunc(p.Instances, func(ip gateway.InstancePlan) bool { return ip.Name == one.name && ip.Skip == "" }) {
			peers = append(peers, one)
		}
	}
	return peers
}

// receiptOf finds what the instance answered; with none (the console died) everything is in doubt.
func receiptOf(r gateway.Receipt, ip gateway.InstancePlan) gateway.InstanceReceipt {
	for _, i := range r.Instances {
		if i.Name == ip.Name && (i.Control == ip.Control || i.Control == "") {
			return i
		}
	}
	return gateway.InstanceReceipt{Name: ip.Name, Control: ip.Control, InDoubt: true}
}

// owner says whether a control still carries our change.
type owner int

const (
	ours   owner = iota
	gone         // it never came to be, or has ended: nothing is left to take back
	others       // somebody else changed it since: drift
)

// ownership compares a control with what the plan set. The version that our request was answered with proves
// it; where no answer came, value, actor or reason, and incident have to.
func ownership(p gateway.Plan, ip gateway.InstancePlan, r gateway.InstanceReceipt, now control) (owner, string) {
	c := p.Change
	same := gateway.Same(now.Value, ip.After)
	signed := (now.SetBy == redact.Outside(c.Actor, maxName) || now.Reason == redact.Outside(redact.Secrets(c.Reason), maxText)) && now.Incident == redact.Outside(c.Incident, maxName)
	switch {
	case same && r.RevAfter != "" && now.Version == r.RevAfter:
		return ours, ""
	case now.Version == ip.Rev:
		return gone, fmt.Sprintf("%s was never changed: it still is version %s, %s", now.ID, now.Version, now.held())
	case same && (signed || !now.engaged()):
		if r.RevAfter != "" {
			return ours, fmt.Sprintf("the version moved from %s to %s, but it still is our value", r.RevAfter, now.Version)
		}
		return ours, ""
	case !now.engaged():
		return gone, fmt.Sprintf("%s had ended already: it is back at %s", now.ID, now.Base)
	}
	return others, fmt.Sprintf("%s was changed by somebody else: we set %s, it is now version %s, %s; look before you plan again",
		now.ID, ip.After, now.Version, now.held())
}
