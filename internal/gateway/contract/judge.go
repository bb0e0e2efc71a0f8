package contract

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/redact"
)

func number(v []byte) (*big.Float, bool) {
	s := strings.TrimSpace(string(v))
	if s == "" || len(s) > 40 || strings.ContainsAny(s, "nIiPpXx") {
		return nil, false
	}
	n, _, err := big.ParseFloat(s, 10, 128, big.ToNearestEven)
	return n, err == nil
}

// worthwhile refuses a plan that would send nothing.
func (b *builder) worthwhile() error {
	if len(b.plan.Calls) > 0 {
		return nil
	}
	var why []string
	already := true
	for _, i := range b.plan.Instances {
		why = append(why, i.Name+" "+i.Skip)
		already = already && i.Rev != ""
	}
	try := "`signalbox control state` for what is there"
	if already && !b.lever.base {
		try = "`signalbox control extend` to keep it longer"
	}
	return b.refuse("there is nothing to change: "+strings.Join(why, "; "), try)
}

// judge adds what an operator should know: excess, deadline, whose change is replaced, what is missing.
func (b *builder) judge(readings []reading, names []string) {
	p := &b.plan
	for _, i := range p.Instances {
		switch {
		case i.Skip != "" && i.Rev == "":
			b.plan.Caveat("%s is left out, so this will be PARTIAL: %s", i.Name, i.Skip)
		case i.Skip != "":
			b.plan.Caveat("%s %s", i.Name, i.Skip)
		}
	}
	for _, s := range b.sends {
		if s.call.Method == http.MethodPut {
			p.Deadline.At = b.now.Add(b.change.TTL)
			if b.lever.kind == "cap" {
				p.Excess = s.control.excess()
			}
		}
		if s.control.engaged() {
			b.plan.Caveat("%s: this replaces what is out on %s: %s", s.peer.name, s.control.ID, s.control.held())
		}
		for _, r := range s.control.Instances {
			if !r.Applied {
				b.plan.Caveat("%s: replica %s has not applied the present value of %s yet", s.peer.name, redact.Outside(r.Name, maxName), s.control.ID)
			}
		}
		if s.peer.token != nil && strings.HasPrefix(s.peer.base, "http:") && !loopback(s.peer.base) {
			b.plan.Caveat("%s: the token travels without TLS to %s", s.peer.name, s.peer.base)
		}
	}
	if p.Deadline.At.IsZero() {
		b.plan.Caveat("this gives back what was out; it has no deadline")
	}
	if b.lever.kind == "route" && !b.lever.base {
		b.unknownTarget(readings)
	}
	if b.change.Verb == gateway.TargetOut {
		p.Blast.LastTarget = lastTarget(readings, names)
	}
	if p.Blast.LastTarget {
		b.plan.Caveat("after this no deployment is in any more: nothing is left to serve")
	}
}

func loopback(base string) bool {
	host := strings.TrimPrefix(base, "http://")
	return strings.HasPrefix(host, "127.") || strings.HasPrefix(host, "localhost") || strings.HasPrefix(host, "[::1]")
}

// unknownTarget warns of a route to a deployment that no control names: some gateways take any name and then answer 503.
func (b *builder) unknownTarget(readings []reading) {
	var to string
	if err := json.Unmarshal(b.change.Value, &to); err != nil {
		return
	}
	var known []string
	for _, r := range readings {
		for _, c := range r.controls {
			if d := c.Scope["deployment"]; d != "" {
				known = append(known, d)
			}
		}
	}
	slices.Sort(known)
	known = slices.Compact(known)
	if len(known) > 0 && !slices.Contains(known, to) {
		b.plan.Caveat("no control names a deployment %q; there are %s", redact.Outside(to, maxName), some(assign("", known)))
	}
}

// lastTarget tells whether some instance would have no deployment left that is in.
func lastTarget(readings []reading, out []string) bool {
	for _, r := range readings {
		in, all := 0, 0
		for _, c := range r.controls {
			if c.Kind != "target" {
				continue
			}
			all++
			if gateway.Same(c.Value, gateway.Value(`"in"`)) && !slices.Contains(out, c.Scope["deployment"]) {
				in++
			}
		}
		if all > 0 && in == 0 {
			return true
		}
	}
	return false
}

// rehearse asks for a dry run of each PUT. A gateway without one is no obstacle, but the plan says so;
// one that would refuse the change refuses it now.
func (d *Driver) rehearse(ctx context.Context, b *builder) error {
	results := make([]answer, len(b.sends))
	var wg sync.WaitGroup
	for i, s := range b.sends {
		if s.call.Method != http.MethodPut {
			continue
		}
		wg.Go(func() {
			results[i] = s.peer.do(ctx, request{method: http.MethodPut, path: s.call.Path + "?dry_run=1", body: s.call.Body, rev: s.control.Version})
		})
	}
	wg.Wait()
	for i, a := range results {
		s := b.sends[i]
		if s.call.Method != http.MethodPut {
			continue
		}
		switch {
		case a.err != nil:
			b.plan.Caveat("not simulated: %s", a.err)
		case a.status == http.StatusOK:
			b.tried(s, a)
		case a.status == http.StatusNotFound, a.status == http.StatusMethodNotAllowed, a.status == http.StatusNotImplemented, a.status >= 500:
			b.plan.Caveat("not simulated: %s gave no dry run (%d)", s.peer.name, a.status)
		default:
			return b.refuse("the gateway would not do it: "+s.peer.refused(a).Error(), "")
		}
	}
	return nil
}

func (b *builder) tried(s send, a answer) {
	var t trial
	if err := json.Unmarshal(a.body, &t); err != nil || !t.DryRun {
		// Without dry_run in the answer the gateway may have taken the parameter for nothing and done it.
		b.plan.Caveat("%s did not say that its dry run was one; look whether %s has changed already", s.peer.name, s.control.ID)
		return
	}
	if t.Control.Value != nil && !gateway.Same(t.Control.Value, s.want()) {
		b.plan.Caveat("%s would set %s to %s instead", s.peer.name, s.control.ID, a.hide(string(t.Control.Value), 80))
	}
	if e := t.Control.ExpiresAt; e != nil && e.Before(b.now.Add(b.change.TTL).Add(-time.Minute)) {
		b.plan.Caveat("%s would end it sooner than asked, at %s", s.peer.name, e.UTC().Format(time.RFC3339))
	}
	var touched []string
	for what, n := range t.Affected {
		if f, ok := n.(float64); ok && len(touched) < 6 {
			touched = append(touched, fmt.Sprintf("%g %s", f, strings.ReplaceAll(a.hide(what, 40), "_", " ")))
		}
	}
	if slices.Sort(touched); len(touched) > 0 {
		b.plan.Caveat("%s: affects %s", s.peer.name, strings.Join(touched, ", "))
	}
	for i, c := range t.Conflicts {
		if i == 5 {
			b.plan.Caveat("%s: and %d more conflicts", s.peer.name, len(t.Conflicts)-i)
			break
		}
		b.plan.Caveat("%s: conflict: %s", s.peer.name, a.hide(clash(c), 200))
	}
}

// clash words one conflict: a text, or an object that says why.
func clash(raw json.RawMessage) string {
	var text string
	if err := json.Unmarshal(raw, &text); err == nil {
		return text
	}
	var c struct {
		ID    string        `json:"id"`
		Value gateway.Value `json:"value"`
		SetBy string        `json:"set_by"`
		Why   string        `json:"why"`
	}
	if err := json.Unmarshal(raw, &c); err != nil || c.ID == "" && c.Why == "" {
		return string(raw)
	}
	var held []string
	if len(c.Value) > 0 {
		held = append(held, string(c.Value))
	}
	if c.SetBy != "" {
		held = append(held, "set by "+c.SetBy)
	}
	text = c.ID
	if len(held) > 0 {
		text += " (" + strings.Join(held, ", ") + ")"
	}
	if c.Why != "" {
		text += ": " + c.Why
	}
	return strings.TrimPrefix(text, ": ")
}

// want is the value in the call's body.
func (s send) want() gateway.Value {
	var b body
	if err := json.Unmarshal([]byte(s.call.Body), &b); err != nil {
		return nil
	}
	return b.Value
}
