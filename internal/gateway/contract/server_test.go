package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeGateway serves the contract from memory, with switches for what goes wrong on the way.
// TestFakeIsJudged holds it to testdata/contract, so that the driver is not tested against wishful thinking.
type fakeGateway struct {
	*httptest.Server
	name  string
	token string

	mu       sync.Mutex
	version  int
	controls map[string]*fakeControl
	answered map[string]fakeAnswer // by idempotency key
	events   []map[string]any
	seen     []seenRequest
	now      time.Time
	fault    func(w http.ResponseWriter, r *http.Request, serve func()) // nil: none
}

type fakeControl struct {
	wire map[string]any
	min  float64
}

type fakeAnswer struct {
	sum    string
	status int
	body   []byte
}

type seenRequest struct {
	method, path string
	header       http.Header
	body         map[string]any
}

func newFake(t *testing.T, name string) *fakeGateway {
	f := &fakeGateway{
		name: name, token: "tok-0123456789abcdef", version: 16, now: time.Now().UTC(),
		controls: make(map[string]*fakeControl), answered: make(map[string]fakeAnswer),
	}
	f.add("cap.azure-eu-west-gpt-4o", "cap", map[string]any{"deployment": "azure-eu-west-gpt-4o"}, 50.0, 1)
	f.add("cap.azure-us-east-gpt-4o", "cap", map[string]any{"deployment": "azure-us-east-gpt-4o"}, 60.0, 1)
	f.add("target.azure-eu-west-gpt-4o", "target", map[string]any{"deployment": "azure-eu-west-gpt-4o"}, "in", 0)
	f.add("target.azure-us-east-gpt-4o", "target", map[string]any{"deployment": "azure-us-east-gpt-4o"}, "in", 0)
	f.add("pause.batch", "pause", map[string]any{"workload": "batch"}, false, 0)
	f.add("shed.batch", "shed", map[string]any{"workload": "batch"}, 0.0, 0)
	f.add("fallback.gpt-4o", "fallback", map[string]any{"model": "gpt-4o"}, true, 0)
	f.add("route.gpt-4o", "route", map[string]any{"model": "gpt-4o"}, "", 0)
	f.add("retry", "retry", map[string]any{}, map[string]any{"max_attempts": 3.0, "timeout": "60s"}, 0)
	f.add("breaker.azure-eu-west-gpt-4o", "breaker", map[string]any{"deployment": "azure-eu-west-gpt-4o"}, "auto", 0)
	f.add("degrade.gpt-4o", "degrade", map[string]any{"model": "gpt-4o"}, false, 0)
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		f.mu.Lock()
		fault := f.fault
		f.mu.Unlock()
		serve := func() { f.serve(w, r, body) }
		if fault == nil {
			serve()
			return
		}
		fault(w, r, serve)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fakeGateway) add(id, kind string, scope map[string]any, base any, low float64) {
	f.version++
	w := map[string]any{
		"id": id, "kind": kind, "scope": scope, "value": base, "base": base, "min": low, "max": 1000.0,
		"version": fmt.Sprint(f.version), "set_by": "", "reason": "", "incident": "", "expires_at": nil,
		"instances": []any{map[string]any{"name": f.name, "applied": true}},
	}
	if kind == "cap" {
		w["on_excess"] = "wait"
	}
	f.controls[id] = &fakeControl{wire: w, min: low}
}

// setFault replaces the fault switch.
func (f *fakeGateway) setFault(fault func(http.ResponseWriter, *http.Request, func())) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fault
}

// get reads one field of a control.
func (f *fakeGateway) get(id, field string) any {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.controls[id].wire[field]
}

// poke changes a control behind the driver's back.
func (f *fakeGateway) poke(id string, fields map[string]any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bump(f.controls[id], fields)
}

func (f *fakeGateway) bump(c *fakeControl, fields map[string]any) {
	f.version++
	for k, v := range fields {
		c.wire[k] = v
	}
	c.wire["version"] = fmt.Sprint(f.version)
}

// expire ends a change as the gateway does on time.
func (f *fakeGateway) expire(id string) {
	f.poke(id, map[string]any{"value": f.get(id, "base"), "set_by": "", "reason": "", "incident": "", "expires_at": nil})
}

// requests gives what was asked, of one method or of all.
func (f *fakeGateway) requests(method string) []seenRequest {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []seenRequest
	for _, r := range f.seen {
		if method == "" || r.method == method {
			out = append(out, r)
		}
	}
	return out
}

func (f *fakeGateway) serve(w http.ResponseWriter, r *http.Request, raw []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var body map[string]any
	_ = json.Unmarshal(raw, &body)
	f.seen = append(f.seen, seenRequest{r.Method, r.URL.RequestURI(), r.Header.Clone(), body})
	status, answer := f.decide(r, raw, body)
	b, _ := json.Marshal(answer)
	if r.Method != http.MethodGet && status == http.StatusOK {
		if v, ok := answer["version"].(string); ok {
			w.Header().Set("ETag", `"`+v+`"`)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

func problem(status int, code string) (int, map[string]any) {
	return status, map[string]any{"error": map[string]any{"code": code, "message": "it said " + code}}
}

func (f *fakeGateway) decide(r *http.Request, raw []byte, body map[string]any) (int, map[string]any) {
	if r.Header.Get("Authorization") != "Bearer "+f.token {
		return problem(http.StatusUnauthorized, "unauthorized")
	}
	switch r.URL.Path {
	case "/controls/events":
		return 200, map[string]any{"next": len(f.events), "events": f.events}
	case "/controls":
		var all []any
		for _, id := range sortedKeys(f.controls) {
			all = append(all, f.controls[id].wire)
		}
		return 200, map[string]any{"gateway": "edge", "instance": f.name, "now": f.now, "controls": all}
	}
	id, extend := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/controls/"), "/extend")
	c, ok := f.controls[id]
	if !ok {
		return problem(http.StatusNotFound, "no_such_control")
	}
	key, sum := r.Header.Get("Idempotency-Key"), r.Method+r.URL.Path+string(raw)
	if old, ok := f.answered[key]; ok && key != "" {
		if old.sum != sum {
			return problem(http.StatusUnprocessableEntity, "key_reused")
		}
		var again map[string]any
		_ = json.Unmarshal(old.body, &again)
		return old.status, again
	}
	if r.Header.Get("If-Match") != `"`+c.wire["version"].(string)+`"` {
		status, p := problem(http.StatusPreconditionFailed, "version_moved")
		p["current"] = c.wire
		return status, p
	}
	status, answer := f.change(r, c, body, extend)
	if b, err := json.Marshal(answer); err == nil && key != "" && status == 200 {
		f.answered[key] = fakeAnswer{sum, status, b}
	}
	return status, answer
}

func (f *fakeGateway) change(r *http.Request, c *fakeControl, body map[string]any, extend bool) (int, map[string]any) {
	before, kind := c.wire["value"], "reverted"
	fields := map[string]any{"value": c.wire["base"], "set_by": "", "reason": "", "incident": "", "expires_at": nil}
	if r.Method != http.MethodDelete {
		ttl, err := time.ParseDuration(fmt.Sprint(body["ttl"]))
		if err != nil || ttl <= 0 {
			return problem(http.StatusUnprocessableEntity, "no_deadline")
		}
		if n, ok := body["value"].(float64); ok && n < c.min {
			return problem(http.StatusUnprocessableEntity, "out_of_bounds")
		}
		kind, fields = "set", map[string]any{"value": body["value"], "set_by": body["actor"], "reason": body["reason"], "incident": body["incident"]}
		if extend {
			kind, fields["value"] = "extended", before
		}
		fields["expires_at"] = f.now.Add(ttl).Format(time.RFC3339)
	}
	if r.URL.Query().Get("dry_run") == "1" {
		would := map[string]any{}
		for k, v := range c.wire {
			would[k] = v
		}
		for k, v := range fields {
			would[k] = v
		}
		return 200, map[string]any{"dry_run": true, "control": would, "affected": map[string]any{"in_flight": 7, "queued": 2}, "conflicts": []any{}}
	}
	f.bump(c, fields)
	f.events = append(f.events, map[string]any{
		"seq": len(f.events) + 1, "at": f.now, "id": c.wire["id"], "kind": kind, "actor": body["actor"],
		"reason": body["reason"], "incident": body["incident"], "before": before, "after": c.wire["value"],
	})
	clone := map[string]any{}
	for k, v := range c.wire {
		clone[k] = v
	}
	return 200, clone
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	for i := range keys {
		for j := i; j > 0 && keys[j] < keys[j-1]; j-- {
			keys[j], keys[j-1] = keys[j-1], keys[j]
		}
	}
	return keys
}

// story is one file of testdata/contract.
type story struct {
	Story     string     `json:"story"`
	Exchanges []exchange `json:"exchanges"`
}

type exchange struct {
	Request struct {
		Method, Path string
		Headers      map[string]string
		Body         map[string]any
	}
	Response struct {
		Status  int
		Headers map[string]string
		Body    any
	}
}

// match holds got against what a story says: "*" is anything present, "$x" is remembered, more fields are fine.
// null, false and "" are values like any other.
func match(path string, want, got any, vars map[string]any) error {
	switch w := want.(type) {
	case string:
		if w == "*" {
			return nil
		}
		if strings.HasPrefix(w, "$") {
			if old, ok := vars[w]; ok && fmt.Sprint(old) != fmt.Sprint(got) {
				return fmt.Errorf("%s: %v, but %s was %v", path, got, w, old)
			}
			vars[w] = got
			return nil
		}
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return fmt.Errorf("%s: %v is no object", path, got)
		}
		for k, v := range w {
			have, ok := g[k]
			if !ok {
				return fmt.Errorf("%s.%s is missing", path, k)
			}
			if err := match(path+"."+k, v, have, vars); err != nil {
				return err
			}
		}
		return nil
	case []any:
		g, _ := got.([]any)
		for i, v := range w {
			if !matchAny(path, v, g, i, vars) {
				return fmt.Errorf("%s[%d]: nothing in %v is like %v", path, i, g, v)
			}
		}
		return nil
	}
	if fmt.Sprint(want) != fmt.Sprint(got) {
		return fmt.Errorf("%s: %v, want %v", path, got, want)
	}
	return nil
}

// matchAny finds a list's element: by its id where it has one, else at the same place.
func matchAny(path string, want any, got []any, i int, vars map[string]any) bool {
	if w, ok := want.(map[string]any); ok && w["kind"] == nil || !strings.Contains(path, "events") {
		for _, g := range got {
			if gm, ok := g.(map[string]any); ok && w["id"] != nil && gm["id"] != w["id"] {
				continue
			}
			if match(path, want, g, vars) == nil {
				return true
			}
		}
		return false
	}
	return i < len(got) && match(path, want, got[i], vars) == nil
}

// fill puts remembered values into a request.
func fill(s string, vars map[string]any) string {
	for k, v := range vars {
		s = strings.ReplaceAll(s, k, fmt.Sprint(v))
	}
	return s
}

func replay(t *testing.T, base, token string, s story) {
	t.Helper()
	vars := make(map[string]any)
	for i, e := range s.Exchanges {
		var body io.Reader
		if e.Request.Body != nil {
			b, err := json.Marshal(e.Request.Body)
			if err != nil {
				t.Fatal(err)
			}
			body = bytes.NewReader(b)
		}
		req, err := http.NewRequest(e.Request.Method, base+e.Request.Path, body)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range e.Request.Headers {
			req.Header.Set(k, fill(v, vars))
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		var got any
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Fatalf("%s, exchange %d: %v in %s", s.Story, i+1, err, raw)
		}
		if resp.StatusCode != e.Response.Status {
			t.Fatalf("%s, exchange %d: status %d, want %d: %s", s.Story, i+1, resp.StatusCode, e.Response.Status, raw)
		}
		for k := range e.Response.Headers {
			if resp.Header.Get(k) == "" {
				t.Errorf("%s, exchange %d: no header %s", s.Story, i+1, k)
			}
		}
		if err := match("body", e.Response.Body, got, vars); err != nil {
			t.Fatalf("%s, exchange %d: %v", s.Story, i+1, err)
		}
	}
}
