package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/traffic"
)

// The faults of a gateway, each for the next change that an instance is asked for.
const (
	faultHang     = "hang"           // no answer, no effect
	faultLate     = "late"           // no answer; it takes effect seconds after the asker has given up
	faultLost     = "answer lost"    // it takes effect, and the answer is lost
	faultRefused  = "success false"  // an error, no effect
	faultIgnored  = "ignored"        // accepted, and nothing happens
	faultMoved    = "412"            // somebody else was faster
	faultEndless  = "no deadline"    // it takes effect and never ends by itself
	faultOverrun  = "lost update"    // it takes effect and is overwritten at once by somebody else
	faultStranger = "bob"            // who overwrites
	latePause     = 9 * time.Second  // of faultLate
	worldTTL      = 40 * time.Second // of most levers
)

var worldFaults = []string{faultHang, faultLate, faultLost, faultRefused, faultIgnored, faultMoved, faultEndless, faultOverrun}

const (
	worldControl = "cap.az-eu"
	worldBase    = 8
)

// world is a gateway of two instances with one cap, as it really is. Processes come to it by a driver, over HTTP as the
// contract says or without lock and deadline; it remembers what was done to it.
type world struct {
	mu        sync.Mutex
	instances []*knob
	effects   []effect
	late      sync.WaitGroup
}

// knob is the control of one instance.
type knob struct {
	name    string
	value   int
	version int
	setBy   string
	reason  string
	inc     string
	ends    time.Time
	endless bool
	fault   string
	down    bool
	keys    map[string][]byte
}

// effect is one change that really happened.
type effect struct {
	at         time.Time
	inst, kind string // set, end, extend
	key        string
	by, reason string
	was, is    int
	wasBy      string
}

func newWorld() *world {
	w := &world{}
	for _, n := range []string{"a", "b"} {
		w.instances = append(w.instances, &knob{name: n, value: worldBase, version: 1, keys: map[string][]byte{}})
	}
	return w
}

// tick ends what is past its deadline, as a gateway does.
func (w *world) tick(k *knob) {
	if k.ends.IsZero() || k.endless || time.Now().Before(k.ends) {
		return
	}
	w.effects = append(w.effects, effect{at: time.Now(), inst: k.name, kind: "expire", was: k.value, is: worldBase, wasBy: k.setBy})
	k.value, k.setBy, k.reason, k.inc, k.ends = worldBase, "", "", "", time.Time{}
	k.version++
}

// values gives what is in force, and who set it.
func (w *world) values() (values []int, by []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, k := range w.instances {
		w.tick(k)
		values, by = append(values, k.value), append(by, k.setBy)
	}
	return values, by
}

// stranger changes an instance behind everybody's back.
func (w *world) stranger(inst, value int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	k := w.instances[inst]
	w.tick(k)
	w.effects = append(w.effects, effect{at: time.Now(), inst: k.name, kind: "set", by: faultStranger, was: k.value, is: value, wasBy: k.setBy})
	k.value, k.setBy, k.reason, k.ends, k.endless = value, faultStranger, "mine", time.Time{}, false
	k.version++
}

// givenBack tells whether an instance shows what an undo gave back to the stranger: nobody's lever. It ends by itself, but on a
// gateway that ends nothing; there it is just as the stranger had left it.
func (w *world) givenBack(inst int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	k := w.instances[inst]
	if !k.endless && k.ends.IsZero() || !strings.HasPrefix(k.reason, "undo") {
		return false
	}
	return slices.ContainsFunc(w.effects, func(e effect) bool { return e.inst == k.name && e.by == faultStranger && e.is == k.value })
}

// setFault arms a fault, or takes an instance away from the network.
func (w *world) setFault(inst int, fault string, down bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.instances[inst].fault, w.instances[inst].down = fault, down
}

func (w *world) calm() {
	for i := range w.instances {
		w.setFault(i, "", false)
	}
}

func (k *knob) wire() map[string]any {
	c := map[string]any{
		"id": worldControl, "kind": "cap", "scope": map[string]any{"deployment": "az-eu"}, "value": k.value, "base": worldBase, "min": 1, "max": 100,
		"version": fmt.Sprint(k.version), "set_by": k.setBy, "reason": k.reason, "incident": k.inc, "expires_at": nil, "on_excess": "wait",
		"instances": []any{map[string]any{"name": k.name, "applied": true}},
	}
	if !k.ends.IsZero() && !k.endless {
		c["expires_at"] = k.ends.UTC().Format(time.RFC3339Nano)
	}
	return c
}

// wire is a process's way to the instances of the contract's kind, by host name; no port is opened.
type wire struct {
	w *world
	p *process
}

func (t wire) RoundTrip(r *http.Request) (*http.Response, error) {
	changes := r.Method != http.MethodGet && r.URL.RawQuery == ""
	if t.p.dead.Load() || changes && t.p.burnt() {
		return nil, errors.New("the process is dead")
	}
	k := t.w.knobAt(r.URL.Host)
	body, err := io.ReadAll(r.Body)
	if r.Body == nil || err != nil {
		body = nil
	}
	t.w.mu.Lock()
	fault, down := k.fault, k.down
	if changes {
		k.fault = ""
	}
	t.w.mu.Unlock()
	if down {
		return nil, errors.New("connect: connection refused")
	}
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil && trace.WroteHeaders != nil {
		trace.WroteHeaders() // from here on nobody knows whether it arrives
	}
	serve := func() *http.Response {
		t.w.mu.Lock()
		defer t.w.mu.Unlock()
		t.w.tick(k)
		return t.w.serve(k, r, body)
	}
	if !changes {
		return serve(), nil
	}
	resp, err := t.faulty(r.Context(), k, fault, serve)
	if t.p.burnt() {
		return nil, errors.New("the process is dead")
	}
	return resp, err
}

func (w *world) knobAt(host string) (k *knob) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, i := range w.instances {
		if i.name == host {
			k = i
		}
	}
	return k
}

// faulty serves a change with what goes wrong.
func (t wire) faulty(ctx context.Context, k *knob, fault string, serve func() *http.Response) (*http.Response, error) {
	switch fault {
	case faultHang, faultLate:
		if fault == faultLate {
			t.w.late.Go(func() {
				time.Sleep(latePause)
				_ = serve().Body.Close()
			})
		}
		<-ctx.Done()
		return nil, ctx.Err()
	case faultLost:
		_ = serve().Body.Close()
		return nil, io.ErrUnexpectedEOF
	case faultRefused:
		return answered(http.StatusInternalServerError, map[string]any{"success": false}), nil
	case faultIgnored:
		t.w.mu.Lock()
		was := *k
		t.w.mu.Unlock()
		resp := serve()
		t.w.mu.Lock()
		defer t.w.mu.Unlock()
		if k.version != was.version {
			t.w.effects = t.w.effects[:len(t.w.effects)-1]
			keys := k.keys
			*k = was
			k.keys, k.version, k.fault = keys, was.version+1, ""
		}
		return resp, nil
	case faultMoved:
		t.w.mu.Lock()
		k.version++
		t.w.mu.Unlock()
	case faultEndless:
		defer func() {
			t.w.mu.Lock()
			k.endless = k.setBy != "" && k.setBy != faultStranger
			t.w.mu.Unlock()
		}()
	case faultOverrun:
		resp := serve()
		t.w.stranger(indexOf(t.w, k), 3)
		return resp, nil
	}
	return serve(), nil
}

func indexOf(w *world, k *knob) int {
	for i, o := range w.instances {
		if o == k {
			return i
		}
	}
	return 0
}

func answered(status int, v any) *http.Response {
	rec := httptest.NewRecorder()
	raw, _ := json.Marshal(v)
	rec.Header().Set("Content-Type", "application/json")
	rec.WriteHeader(status)
	_, _ = rec.Write(raw)
	return rec.Result()
}

func refusal(status int, code string) *http.Response {
	return answered(status, map[string]any{"error": map[string]any{"code": code, "message": code}})
}

// serve answers one request of the contract. The world is locked.
func (w *world) serve(k *knob, r *http.Request, raw []byte) *http.Response {
	if r.URL.Path == "/controls" {
		return answered(200, map[string]any{"gateway": "edge", "instance": k.name, "now": time.Now().UTC(), "controls": []any{k.wire()}})
	}
	var body struct {
		Value                   float64
		TTL                     string
		Reason, Actor, Incident string
	}
	_ = json.NewDecoder(bytes.NewReader(raw)).Decode(&body)
	key := r.Header.Get("Idempotency-Key")
	if old, ok := k.keys[key]; ok && key != "" {
		return answered(200, json.RawMessage(old))
	}
	if r.Header.Get("If-Match") != `"`+fmt.Sprint(k.version)+`"` {
		return answered(http.StatusPreconditionFailed, map[string]any{"error": map[string]any{"code": "version_moved", "message": "moved"}, "current": k.wire()})
	}
	next, kind := *k, "end"
	next.value, next.setBy, next.reason, next.inc, next.ends, next.endless = worldBase, "", "", "", time.Time{}, false
	if r.Method != http.MethodDelete {
		ttl, err := time.ParseDuration(body.TTL)
		if err != nil || ttl <= 0 {
			return refusal(http.StatusUnprocessableEntity, "no_deadline")
		}
		kind, next.value, next.setBy, next.reason, next.inc, next.ends = "set", int(body.Value), body.Actor, body.Reason, body.Incident, time.Now().Add(ttl)
		if strings.HasSuffix(r.URL.Path, "/extend") {
			kind, next.value = "extend", k.value
		}
	}
	if r.URL.RawQuery != "" {
		return answered(200, map[string]any{"dry_run": true, "control": next.wire(), "affected": map[string]any{"in_flight": 1, "queued": 0}, "conflicts": []any{}})
	}
	w.effects = append(w.effects, effect{at: time.Now(), inst: k.name, kind: kind, key: key, by: body.Actor, reason: body.Reason, was: k.value, is: next.value, wasBy: k.setBy})
	next.version++
	*k = next
	out, _ := json.Marshal(k.wire())
	k.keys[key] = out
	return answered(200, json.RawMessage(out))
}

// bare is a driver to the same world as a gateway without lock and deadline: what is set stays until it is taken back.
type bare struct {
	w *world
	p *process
}

func (b bare) Describe() gateway.Description {
	return gateway.Description{Kind: "bare", Gateway: "edge", Instances: []string{"a", "b"}, Abilities: []gateway.Ability{
		{Verb: gateway.CapSet, Fitness: gateway.Native, Dims: []string{"deployment"}, Holder: gateway.HeldByConsole, Lock: "none"},
	}}
}

func (b bare) knob(name string) (*knob, error) {
	for _, k := range b.w.instances {
		if k.name == name && k.down {
			return nil, errors.New(name + ": connection refused")
		}
		if k.name == name {
			return k, nil
		}
	}
	return nil, errors.New("no such instance")
}

func (b bare) Read(context.Context) (gateway.State, error) {
	b.w.mu.Lock()
	defer b.w.mu.Unlock()
	st := gateway.State{Gateway: "edge", At: time.Now()}
	for _, k := range b.w.instances {
		if k.down || b.p.dead.Load() {
			st.Instances = append(st.Instances, gateway.InstanceState{Name: k.name, Err: "connection refused"})
			continue
		}
		st.Instances = append(st.Instances, gateway.InstanceState{Name: k.name, Reachable: true, Controls: []gateway.Control{{
			ID: worldControl, Verb: gateway.CapSet, Scope: traffic.Scope{"deployment": "az-eu"}, Value: asValue(k.value), Base: asValue(worldBase), SetBy: k.setBy,
		}}})
	}
	return st, nil
}

func asValue(n int) gateway.Value { return gateway.Value(fmt.Sprint(n)) }

func (b bare) Plan(ctx context.Context, c gateway.Change, now time.Time) (gateway.Plan, error) {
	st, err := b.Read(ctx)
	if err != nil {
		return gateway.Plan{}, err
	}
	p := gateway.Plan{
		ID: gateway.NewPlanID(), Gateway: "edge", Kind: "bare", Change: c, ReadAt: now, Deadline: gateway.Deadline{Holder: gateway.HeldByConsole, At: now.Add(c.TTL)},
		Undo: gateway.Undo{Verb: gateway.CapLift, Calls: []gateway.Call{{Text: "by hand"}}},
	}
	for _, i := range st.Instances {
		ip := gateway.InstancePlan{Name: i.Name, Control: worldControl, After: c.Value}
		if i.Reachable {
			ip.Before, ip.Rev = i.Controls[0].Value, "1"
		} else {
			ip.Skip = i.Err
		}
		p.Instances = append(p.Instances, ip)
	}
	p.Digest = p.Sum()
	return p, nil
}

func (b bare) unlocked(key, by, reason string) gateway.Unlocked {
	return gateway.Unlocked{
		Done: "sent", Show: func(v gateway.Value) string { return string(v) },
		Look: func(_ context.Context, ip gateway.InstancePlan) (gateway.Glance, error) {
			b.w.mu.Lock()
			defer b.w.mu.Unlock()
			k, err := b.knob(ip.Name)
			if err != nil || b.p.dead.Load() {
				return gateway.Glance{}, errors.Join(err, errors.New("not read"))
			}
			return gateway.Glance{Value: asValue(k.value), Rev: "1"}, nil
		},
		Set: func(ctx context.Context, _ int, ip gateway.InstancePlan, want gateway.Value, r gateway.InstanceReceipt) gateway.InstanceReceipt {
			return b.set(ctx, key, by, reason, ip, want, r)
		},
	}
}

// set changes one knob, with what goes wrong.
func (b bare) set(ctx context.Context, key, by, reason string, ip gateway.InstancePlan, want gateway.Value, r gateway.InstanceReceipt) gateway.InstanceReceipt {
	if b.p.burnt() {
		r.InDoubt, r.Err = true, "the process is dead"
		return r
	}
	b.w.mu.Lock()
	k, err := b.knob(ip.Name)
	if err != nil {
		b.w.mu.Unlock()
		r.Err = err.Error()
		return r
	}
	fault := k.fault
	k.fault = ""
	b.w.mu.Unlock()
	var n int
	_ = json.Unmarshal(want, &n)
	do := func() {
		b.w.mu.Lock()
		defer b.w.mu.Unlock()
		kind := "set"
		if n == worldBase {
			kind = "end"
		}
		b.w.effects = append(b.w.effects, effect{at: time.Now(), inst: k.name, kind: kind, key: key, by: by, reason: reason, was: k.value, is: n, wasBy: k.setBy})
		k.value, k.setBy = n, by
		switch {
		case n == worldBase:
			k.setBy = ""
		case reason == "undo": // it gives back what somebody else had set
			k.setBy = faultStranger
		}
	}
	r.OK = true
	switch fault {
	case faultHang:
		<-ctx.Done()
		r.OK, r.InDoubt, r.Err = false, true, "no answer"
	case faultLost:
		do()
		r.OK, r.InDoubt, r.Err = false, true, "answer lost"
	case faultRefused, faultMoved:
		r.OK, r.Err = false, "refused"
	case faultIgnored:
	case faultOverrun:
		do()
		b.w.stranger(indexOf(b.w, k), 3)
	default:
		do()
	}
	if b.p.burnt() {
		r.OK, r.InDoubt, r.Err = false, true, "the process is dead"
	}
	return r
}

func (b bare) Apply(ctx context.Context, p gateway.Plan, key string) (gateway.Receipt, error) {
	if err := p.Confirmed("bare", "edge"); err != nil {
		return gateway.Receipt{}, err
	}
	return b.unlocked(key, p.Change.Actor, p.Change.Reason).Apply(ctx, p, key), nil
}

func (b bare) Revert(ctx context.Context, p gateway.Plan, r gateway.Receipt, key string) (gateway.Receipt, error) {
	return b.unlocked(key, p.Change.Actor, "undo").Revert(ctx, p, r, key), nil
}
