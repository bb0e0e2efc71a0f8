package conform

import (
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

const testToken = "tok-0123456789abcdef"

// model is a server that keeps the contract, with switches for single faults.
type model struct {
	*httptest.Server
	fault string

	mu        sync.Mutex
	version   int
	order     []string
	controls  map[string]*knob
	keys      map[string]remembered
	events    []map[string]any
	uses      map[string]int
	late      map[string]any // what a server that is late still shows
	lateReads int            // how often it still does
}

type knob struct {
	wire     map[string]any
	min, max float64
	deadline time.Time
	toggles  int
	last     string // the version before the present one
}

type remembered struct {
	print string
	body  []byte
	etag  string
}

func newModel(t *testing.T, fault string) *model {
	m := &model{fault: fault, controls: make(map[string]*knob), keys: make(map[string]remembered), uses: make(map[string]int)}
	m.add("cap.eu", "cap", map[string]any{"deployment": "eu"}, 50.0)
	m.add("pause.batch", "pause", map[string]any{"workload": "batch"}, false)
	m.add("retry", "retry", map[string]any{}, map[string]any{"max_attempts": 3.0, "timeout": "60s"})
	m.add("target.eu", "target", map[string]any{"deployment": "eu"}, "in")
	m.Server = httptest.NewServer(http.HandlerFunc(m.serve))
	t.Cleanup(m.Close)
	return m
}

func (m *model) add(id, kind string, scope map[string]any, base any) {
	m.version++
	k := &knob{wire: map[string]any{
		"id": id, "kind": kind, "scope": scope, "value": base, "base": base, "version": fmt.Sprint(m.version),
		"set_by": "", "reason": "", "incident": "", "expires_at": nil,
		"instances": []any{map[string]any{"name": "gw-1", "applied": true}},
	}}
	if kind == "cap" {
		k.min, k.max = 1, 1000
		k.wire["min"], k.wire["max"], k.wire["on_excess"] = 1, 1000, "wait"
	}
	m.order, m.controls[id] = append(m.order, id), k
}

func (m *model) is(fault string) bool { return m.fault == fault }

func (m *model) serve(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	status, etag, answer := m.decide(r, raw)
	if status == 0 {
		<-r.Context().Done()
		return
	}
	if m.is("lost answer") && r.Method == http.MethodPut && status == 200 && etag != "" {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json")
	if etag != "" {
		w.Header().Set("ETag", `"`+etag+`"`)
	}
	if status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "60")
	}
	w.WriteHeader(status)
	_, _ = w.Write(answer)
}

func (m *model) problem(status int, code string, r *http.Request) (int, string, []byte) {
	said := "it is " + code
	if m.is("secret echo") && status == 404 {
		said += " for " + r.Header.Get("Authorization")
	}
	b, _ := json.Marshal(map[string]any{"error": map[string]any{"code": code, "message": said}})
	return status, "", b
}

func (m *model) decide(r *http.Request, raw []byte) (int, string, []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire()
	if r.Header.Get("Authorization") != "Bearer "+testToken && !(m.is("open door") && r.Method == http.MethodGet) {
		return m.problem(401, "unauthorized", r)
	}
	switch r.URL.Path {
	case "/controls":
		return 200, "", m.list()
	case "/controls/events":
		return 200, "", m.tell(r.URL.Query().Get("after"))
	}
	id, extend := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/controls/"), "/extend")
	dry := r.URL.Query().Get("dry_run") == "1" && !m.is("dry run acts")
	rev, key := strings.Trim(r.Header.Get("If-Match"), `"`), r.Header.Get("Idempotency-Key")
	var body map[string]any
	if rev == "" {
		return m.problem(428, "no_version", r)
	}
	if key == "" && !dry && r.URL.RawQuery == "" {
		return m.problem(400, "no_key", r)
	}
	if json.Unmarshal(raw, &body) != nil {
		return m.problem(400, "bad_body", r)
	}
	whole := r.Method + r.URL.Path + string(raw)
	m.uses[key]++
	if old, ok := m.keys[key]; ok && key != "" && !m.is("keys forgotten") && !(m.is("key raced") && m.uses[key] == 3) {
		if old.print != whole {
			if m.is("key taken for another") {
				return 200, old.etag, old.body
			}
			return m.problem(422, "key_reused", r)
		}
		return 200, old.etag, old.body
	}
	k, ok := m.controls[id]
	if !ok {
		return m.problem(404, "no_such_control", r)
	}
	stale := m.is("lost update") && rev == k.last || key != "" && m.is("key raced") && m.uses[key] == 3
	if rev != k.wire["version"] && !stale {
		return m.moved(k)
	}
	return m.change(r, k, body, change{key: key, print: whole, extend: extend, dry: dry})
}

func (m *model) moved(k *knob) (int, string, []byte) {
	b, _ := json.Marshal(map[string]any{"error": map[string]any{"code": "version_moved", "message": "m"}, "current": k.wire})
	return 412, "", b
}

type change struct {
	key, print  string
	extend, dry bool
}

func (m *model) change(r *http.Request, k *knob, body map[string]any, c change) (int, string, []byte) {
	kind, fields := "reverted", map[string]any{"value": k.wire["base"], "set_by": "", "reason": "", "incident": "", "expires_at": nil}
	var end time.Time
	if r.Method != http.MethodDelete {
		if c.extend && k.wire["expires_at"] == nil {
			return m.problem(422, "nothing_to_extend", r)
		}
		if body["ttl"] == nil && !m.is("no deadline needed") {
			return m.problem(422, "no_deadline", r)
		}
		ttl, err := time.ParseDuration(fmt.Sprint(body["ttl"]))
		if body["ttl"] == nil {
			ttl, err = time.Hour, nil
		}
		if err != nil || ttl <= 0 || ttl > 24*time.Hour && !m.is("no longest deadline") {
			return m.problem(422, "out_of_bounds", r)
		}
		if m.is("wrong units") {
			ttl /= 60
		}
		code := k.wrong(body["value"])
		if _, word := body["value"].(string); m.is("names taken") && word || m.is("bounds ignored") && code == "out_of_bounds" {
			code = ""
		}
		if code != "" && !c.extend {
			return m.problem(422, code, r)
		}
		if !c.extend && (body["reason"] == nil || body["actor"] == nil) {
			return m.problem(422, "no_reason", r)
		}
		end = time.Now().Add(ttl).UTC()
		kind, fields = "set", map[string]any{"value": body["value"], "set_by": body["actor"], "reason": body["reason"], "incident": body["incident"], "expires_at": end}
		if c.extend {
			kind, fields = "extended", map[string]any{"expires_at": end}
		}
	}
	if c.dry {
		would := clone(k.wire)
		for f, v := range fields {
			would[f] = v
		}
		b, _ := json.Marshal(map[string]any{"dry_run": true, "control": would, "affected": map[string]any{"in_flight": 1}, "conflicts": []any{}})
		return 200, "", b
	}
	if kind == "set" {
		if k.toggles++; k.toggles > 30 {
			return m.problem(429, "too_many_toggles", r)
		}
		if m.is("always 412") {
			return m.moved(k)
		}
		if m.is("hang") {
			return 0, "", nil
		}
	}
	return m.commit(k, kind, fields, end, body, c)
}

func (m *model) commit(k *knob, kind string, fields map[string]any, end time.Time, body map[string]any, c change) (int, string, []byte) {
	before := clone(k.wire)
	k.deadline, k.last = end, fmt.Sprint(before["version"])
	m.version++
	for f, v := range fields {
		k.wire[f] = v
	}
	k.wire["version"] = fmt.Sprint(m.version)
	if !(m.is("events lost") && kind == "extended") {
		m.record(k, kind, before["value"], body)
	}
	b, _ := json.Marshal(k.wire)
	etag := fmt.Sprint(k.wire["version"])
	switch {
	case m.is("accepted but ignored") && kind == "set":
		k.wire, k.deadline = before, time.Time{}
	case m.is("late propagation") && kind == "set":
		m.late, m.lateReads = before, 2
	case m.is("success false") && kind == "set":
		b = []byte(`{"success": false, "message": "try later"}`)
	case m.is("extend ends it") && kind == "extended":
		k.deadline = time.Now().Add(time.Minute)
		k.wire["expires_at"] = k.deadline
		b, _ = json.Marshal(k.wire)
	case m.is("reasons stay") && kind == "reverted":
		k.wire["reason"] = "as before"
		b, _ = json.Marshal(k.wire)
		k.wire["reason"] = ""
	}
	m.keys[c.key] = remembered{c.print, b, etag}
	return 200, etag, b
}

func (m *model) record(k *knob, kind string, before any, body map[string]any) {
	text := func(name string) any {
		if v, ok := body[name].(string); ok {
			return v
		}
		return ""
	}
	m.events = append(m.events, map[string]any{
		"seq": len(m.events) + 1, "at": time.Now().UTC(), "id": k.wire["id"], "kind": kind, "actor": text("actor"),
		"reason": text("reason"), "incident": text("incident"), "before": before, "after": k.wire["value"],
	})
}

// wrong gives the code for a value that the control cannot have.
func (k *knob) wrong(v any) string {
	if fmt.Sprintf("%T", v) != fmt.Sprintf("%T", k.wire["base"]) {
		return "bad_value"
	}
	if s, ok := v.(string); ok && s != "in" && s != "out" {
		return "bad_value"
	}
	if n, ok := v.(float64); ok && k.max > 0 && (n < k.min || n > k.max) {
		return "out_of_bounds"
	}
	return ""
}

func (m *model) expire() {
	for _, id := range m.order {
		k := m.controls[id]
		if k.deadline.IsZero() || time.Now().Before(k.deadline) || m.is("deadline not held") {
			continue
		}
		before := k.wire["value"]
		k.deadline = time.Time{}
		m.version++
		for f, v := range map[string]any{"value": k.wire["base"], "set_by": "", "reason": "", "incident": "", "expires_at": nil, "version": fmt.Sprint(m.version)} {
			k.wire[f] = v
		}
		m.record(k, "expired", before, map[string]any{"actor": "gateway", "reason": "the deadline passed"})
	}
}

func (m *model) list() []byte {
	var all []any
	for _, id := range m.order {
		one := m.controls[id].wire
		if m.late != nil && m.late["id"] == id && m.lateReads > 0 {
			m.lateReads--
			one = m.late
		}
		if m.is("no deadline shown") {
			one = clone(one)
			delete(one, "expires_at")
		}
		all = append(all, one)
	}
	out := map[string]any{"gateway": "model", "instance": "gw-1", "now": time.Now().UTC(), "controls": all}
	if m.is("flood") {
		out["more"] = strings.Repeat("x", maxBody)
	}
	b, _ := json.Marshal(out)
	return b
}

func (m *model) tell(after string) []byte {
	var from int
	_, _ = fmt.Sscan(after, &from)
	out := []any{}
	for _, e := range m.events {
		if e["seq"].(int) > from || m.is("cursor ignored") {
			out = append(out, e)
		}
	}
	b, _ := json.Marshal(map[string]any{"next": len(m.events), "events": out})
	return b
}

func clone(m map[string]any) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}
