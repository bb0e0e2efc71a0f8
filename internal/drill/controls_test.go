package drill

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// story is one file of testdata/contract.
type story struct {
	Story     string
	Exchanges []struct {
		Request struct {
			Method, Path string
			Headers      map[string]string
			Body         any
		}
		Response struct {
			Status  int
			Headers map[string]string
			Body    any
		}
	}
}

func TestContractStories(t *testing.T) {
	files, err := filepath.Glob("../../testdata/contract/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var s story
			if err := json.Unmarshal(data, &s); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			r := newRig(t, tuning(), func(http.ResponseWriter, *http.Request) {})
			replayStory(t, r, s)
		})
	}
}

func replayStory(t *testing.T, r *rig, s story) {
	known := map[string]any{}
	for i, e := range s.Exchanges {
		where := fmt.Sprintf("%s: exchange %d, %s %s", s.Story, i+1, e.Request.Method, e.Request.Path)
		body := ""
		if e.Request.Body != nil {
			data, err := json.Marshal(filledIn(e.Request.Body, known))
			if err != nil {
				t.Fatal(err)
			}
			body = string(data)
		}
		header := []string{"Authorization", "Bearer t0ken"}
		for name, value := range e.Request.Headers {
			header = append(header, name, fmt.Sprint(filledIn(value, known)))
		}
		got := r.do(e.Request.Method, e.Request.Path, body, header...)
		if got.status != e.Response.Status {
			t.Fatalf("%s: status %d, want %d: %s", where, got.status, e.Response.Status, got.body)
		}
		for name, want := range e.Response.Headers {
			if value := got.header.Get(name); value == "" || want != "*" && value != want {
				t.Errorf("%s: header %s is %q, want %q", where, name, value, want)
			}
		}
		var answer any
		if err := json.Unmarshal([]byte(got.body), &answer); err != nil {
			t.Fatalf("%s: %v", where, err)
		}
		holds(t, where, e.Response.Body, answer, known)
	}
}

// filledIn puts remembered values where a request names them.
func filledIn(v any, known map[string]any) any {
	switch v := v.(type) {
	case string:
		for name, value := range known {
			if v == "$"+name {
				return value
			}
			v = strings.ReplaceAll(v, "$"+name, fmt.Sprint(value))
		}
		return v
	case map[string]any:
		filled := map[string]any{}
		for key, value := range v {
			filled[key] = filledIn(value, known)
		}
		return filled
	}
	return v
}

// holds checks that got has what want lists; it may have more.
func holds(t *testing.T, where string, want, got any, known map[string]any) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			t.Errorf("%s: %v is no object", where, got)
			return
		}
		for key, value := range want {
			member, there := object[key]
			if !there {
				t.Errorf("%s: no %s", where, key)
				continue
			}
			holds(t, where+" "+key, value, member, known)
		}
	case []any:
		list, _ := got.([]any)
		for i, value := range want {
			found := pick(value, list, i)
			if found == nil {
				t.Errorf("%s: no member %d like %v in %v", where, i, value, got)
				continue
			}
			holds(t, fmt.Sprintf("%s[%d]", where, i), value, found, known)
		}
	case string:
		name, remembered := strings.CutPrefix(want, "$")
		switch {
		case want == "*":
		case !remembered:
			if got != want {
				t.Errorf("%s: %v, want %q", where, got, want)
			}
		case known[name] == nil:
			known[name] = got
		case known[name] != got:
			t.Errorf("%s: %v, want %v", where, got, known[name])
		}
	default:
		if got != want {
			t.Errorf("%s: %v, want %v", where, got, want)
		}
	}
}

// pick finds the member of a list that a story means: controls by their id,
// anything else by its place.
func pick(want any, list []any, i int) any {
	wanted, _ := want.(map[string]any)
	if _, versioned := wanted["version"]; versioned {
		for _, member := range list {
			if object, ok := member.(map[string]any); ok && object["id"] == wanted["id"] {
				return member
			}
		}
		return nil
	}
	if i < len(list) {
		return list[i]
	}
	return nil
}

// put sets a control and ends the test if that is refused.
func (r *rig) put(id, value, ttl string) control {
	r.t.Helper()
	got := r.change(http.MethodPut, id, fmt.Sprintf(`{"value":%s,"ttl":%q,"reason":"test","actor":"ana"}`, value, ttl))
	if got.status != http.StatusOK {
		r.t.Fatalf("setting %s to %s: %d %s", id, value, got.status, got.body)
	}
	var c control
	if err := json.Unmarshal([]byte(got.body), &c); err != nil {
		r.t.Fatal(err)
	}
	return c
}

func (r *rig) change(method, id, body string) reply {
	r.t.Helper()
	etag := r.do(http.MethodGet, "/controls/"+id, "", "Authorization", "Bearer t0ken").header.Get("ETag")
	return r.do(method, "/controls/"+id, body, "Authorization", "Bearer t0ken", "If-Match", etag, "Idempotency-Key", randomHex(8))
}

func TestControlsNeedTheToken(t *testing.T) {
	r := newRig(t, tuning(), func(http.ResponseWriter, *http.Request) {})
	for _, header := range []string{"", "Bearer", "Bearer wrong", "t0ken"} {
		for _, path := range []string{"/controls", "/controls/events", "/controls/retry"} {
			if got := r.do(http.MethodGet, path, "", "Authorization", header); got.status != http.StatusUnauthorized {
				t.Errorf("%s with %q: status %d", path, header, got.status)
			}
		}
		if got := r.do(http.MethodPut, "/controls/retry", `{}`, "Authorization", header); got.status != http.StatusUnauthorized {
			t.Errorf("PUT with %q: status %d", header, got.status)
		}
	}
}

func TestControlRefusals(t *testing.T) {
	r := newRig(t, tuning(), func(http.ResponseWriter, *http.Request) {})
	for _, c := range []struct {
		id, body string
		status   int
		code     string
	}{
		{"cap.openai-gpt-4o", `{"value":"4","ttl":"1m","reason":"r","actor":"a"}`, 422, "bad_value"},
		{"cap.openai-gpt-4o", `{"value":4.5,"ttl":"1m","reason":"r","actor":"a"}`, 422, "bad_value"},
		{"cap.openai-gpt-4o", `{"value":100000,"ttl":"1m","reason":"r","actor":"a"}`, 422, "out_of_bounds"},
		{"cap.openai-gpt-4o", `{"value":4,"ttl":"-1m","reason":"r","actor":"a"}`, 422, "out_of_bounds"},
		{"cap.openai-gpt-4o", `{"value":4,"ttl":"48h","reason":"r","actor":"a"}`, 422, "out_of_bounds"},
		{"cap.openai-gpt-4o", `{"value":4,"ttl":"soon","reason":"r","actor":"a"}`, 422, "bad_value"},
		{"cap.openai-gpt-4o", `{"value":4,"ttl":"1m","actor":"a"}`, 422, "no_reason"},
		{"cap.openai-gpt-4o", `{"value":4,"ttl":"1m","reason":"r"}`, 422, "no_reason"},
		{"cap.openai-gpt-4o", `{"value":4,"ttl":"1m","reason":"r","actor":"a","on_expiry":"keep"}`, 422, "bad_value"},
		{"cap.openai-gpt-4o", `{`, 400, "bad_body"},
		{"target.openai-gpt-4o", `{"value":"away","ttl":"1m","reason":"r","actor":"a"}`, 422, "bad_value"},
		{"shed.batch", `{"value":100,"ttl":"1m","reason":"r","actor":"a"}`, 422, "out_of_bounds"},
		{"pause.batch", `{"value":null,"ttl":"1m","reason":"r","actor":"a"}`, 422, "bad_value"},
		{"route.gpt-4o", `{"value":"nowhere","ttl":"1m","reason":"r","actor":"a"}`, 422, "bad_value"},
		{"retry", `{"value":{"max_attempts":99,"timeout":"1s"},"ttl":"1m","reason":"r","actor":"a"}`, 422, "out_of_bounds"},
		{"retry", `{"value":{"attempts":2},"ttl":"1m","reason":"r","actor":"a"}`, 422, "bad_value"},
	} {
		got := r.change(http.MethodPut, c.id, c.body)
		if got.status != c.status || !strings.Contains(got.body, `"`+c.code+`"`) {
			t.Errorf("%s %s: %d %s", c.id, c.body, got.status, got.body)
		}
	}
	auth := []string{"Authorization", "Bearer t0ken"}
	if got := r.do(http.MethodPut, "/controls/retry", `{}`, auth...); got.status != http.StatusPreconditionRequired {
		t.Errorf("without If-Match: %d", got.status)
	}
	if got := r.do(http.MethodPut, "/controls/retry", `{}`, append(auth, "If-Match", `"x"`)...); got.status != http.StatusBadRequest {
		t.Errorf("without a key: %d", got.status)
	}
	if got := r.change(http.MethodPost, "retry/extend", `{"ttl":"1m"}`); got.status != http.StatusPreconditionRequired && got.status != http.StatusUnprocessableEntity {
		t.Errorf("extending what is not set: %d", got.status)
	}
	if got := r.do(http.MethodGet, "/controls/events?after=x", "", auth...); got.status != http.StatusBadRequest {
		t.Errorf("a bad cursor: %d", got.status)
	}
}

func TestTooManyToggles(t *testing.T) {
	r := newRig(t, tuning(), func(http.ResponseWriter, *http.Request) {})
	for i := range mostToggles {
		r.put("cap.openai-gpt-4o", fmt.Sprint(i+1), "1m")
	}
	got := r.change(http.MethodPut, "cap.openai-gpt-4o", `{"value":4,"ttl":"1m","reason":"r","actor":"a"}`)
	if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := r.change(http.MethodDelete, "cap.openai-gpt-4o", `{"reason":"r","actor":"a"}`); got.status != http.StatusOK {
		t.Errorf("giving back: %d %s", got.status, got.body)
	}
	r.put("cap.local-llama-3", "2", "1m") // another control is another matter
}

// bench is a set of controls whose one lever the test sees.
func bench(act func(any)) *controls {
	return newControls("gw-t", "t0ken", []lever{{
		id: "cap.x", kind: "cap", scope: map[string]string{"deployment": "x"}, base: 8,
		parse: parseInt(1, 10), act: act, affected: func() (int, int) { return 0, 0 },
	}})
}

func changeTo(c *controls, verb, value, ttl, key string) change {
	return change{
		verb: verb, id: "cap.x", ifMatch: c.all()[0].Version, key: key, print: hash64(verb, value, ttl),
		body: changeBody{Value: json.RawMessage(value), TTL: ttl, Reason: "r", Actor: "ana", Incident: "inc-1"},
	}
}

func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now atomic.Int64
		c := bench(func(v any) { n, _ := v.(int); now.Store(int64(n)) })
		defer c.close()
		do := func(verb, value, ttl, key string) {
			if _, no := c.make(changeTo(c, verb, value, ttl, key)); no != nil {
				t.Fatalf("%s: %+v", verb, no)
			}
		}
		do("set", "4", "10m", "k1")
		time.Sleep(9 * time.Minute)
		do("extended", "", "10m", "k2")
		time.Sleep(9 * time.Minute)
		synctest.Wait()
		if now.Load() != 4 {
			t.Fatalf("value %d before the extended deadline", now.Load())
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		one := c.all()[0]
		if now.Load() != 8 || one.Value != 8 || one.ExpiresAt != nil || one.SetBy != "" {
			t.Errorf("after the deadline: acts %d, control %+v", now.Load(), one)
		}
		last := c.events[len(c.events)-1]
		if last.Kind != "expired" || last.Before != 4 || last.After != 8 || last.Incident != "inc-1" {
			t.Errorf("the last event is %+v", last)
		}
		do("set", "5", "10m", "k3")
		do("reverted", "", "", "k4")
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		if got := len(c.events); got != 5 {
			t.Errorf("%d events, want 5: a value given back expired as well", got)
		}
	})
}

func TestChangeInFlight(t *testing.T) {
	started, finish := make(chan struct{}), make(chan struct{})
	c := bench(func(any) { close(started); <-finish })
	defer c.close()
	first := changeTo(c, "set", "4", "10m", "k1")
	done := make(chan *refused)
	go func() {
		_, no := c.make(first)
		done <- no
	}()
	<-started
	for _, other := range []change{first, changeTo(c, "set", "5", "10m", "k2")} {
		if _, no := c.make(other); no == nil || no.status != http.StatusConflict {
			t.Errorf("key %s while k1 is in flight: %+v", other.key, no)
		}
	}
	close(finish)
	if no := <-done; no != nil {
		t.Fatalf("%+v", no)
	}
	if again, no := c.make(first); no != nil || again.Value != 4 || len(c.events) != 1 {
		t.Errorf("the same key again: %+v, %+v, %d events", again, no, len(c.events))
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	r := newRig(t, tuning(), func(http.ResponseWriter, *http.Request) {})
	before := r.controls.all()
	r.put("target.azure-us-east-gpt-4o-mini", `"out"`, "1m")
	got := r.change(http.MethodPut, "target.azure-eu-west-gpt-4o-mini?dry_run=1", "")
	if got.status == http.StatusOK {
		t.Fatalf("no If-Match and no body: %s", got.body)
	}
	etag := r.do(http.MethodGet, "/controls/target.azure-eu-west-gpt-4o-mini", "", "Authorization", "Bearer t0ken").header.Get("ETag")
	got = r.do(http.MethodPut, "/controls/target.azure-eu-west-gpt-4o-mini?dry_run=1", `{"value":"out","ttl":"1m","reason":"r","actor":"a"}`,
		"Authorization", "Bearer t0ken", "If-Match", etag)
	if got.status != http.StatusOK || !strings.Contains(got.body, "nothing would be left for gpt-4o-mini") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if r.targets["azure-eu-west-gpt-4o-mini"].out.Load() {
		t.Error("the dry run acted")
	}
	after := r.controls.all()
	for i := range after {
		if after[i].ID != "target.azure-us-east-gpt-4o-mini" && after[i].Version != before[i].Version {
			t.Errorf("%s moved", after[i].ID)
		}
	}
}

func TestCapLimitsConcurrency(t *testing.T) {
	var now, most atomic.Int64
	open := make(chan struct{})
	r := newRig(t, tuning(), func(w http.ResponseWriter, q *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		seen := most.Load()
		for n > seen && !most.CompareAndSwap(seen, n) {
			seen = most.Load()
		}
		<-open
		say(w, q, "x")
	})
	r.put("cap.local-llama-3", "2", "1m")
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			if got, err := r.try(t.Context(), http.MethodPost, "/v1/chat/completions", chatBody("llama-3", false)); err != nil || got.status != http.StatusOK {
				t.Errorf("%v %v", got, err)
			}
		})
	}
	eventually(t, "two at the provider and four waiting", func() bool {
		_, waiting, _ := r.targets["local-llama-3"].queue.load(interactive)
		return waiting == 4 && now.Load() == 2
	})
	etag := r.do(http.MethodGet, "/controls/cap.local-llama-3", "", "Authorization", "Bearer t0ken").header.Get("ETag")
	dry := r.do(http.MethodPut, "/controls/cap.local-llama-3?dry_run=1", `{"value":1,"ttl":"1m","reason":"r","actor":"a"}`, "Authorization", "Bearer t0ken", "If-Match", etag)
	if !strings.Contains(dry.body, `"affected":{"in_flight":2,"queued":4}`) {
		t.Errorf("the dry run says %s", dry.body)
	}
	close(open)
	wg.Wait()
	if most.Load() != 2 {
		t.Errorf("%d requests at once at the provider, cap 2", most.Load())
	}
	queued := 0
	for _, line := range r.lines(12) {
		if line.Kind == "request" && line.QueueMS > 0 {
			queued++
		}
	}
	if queued < 4 {
		t.Errorf("%d lines say that they waited", queued)
	}
}

// Each other kind of control, through the wire, seen by what traffic does.
func TestControlsAct(t *testing.T) {
	r := newRig(t, tuning(), func(w http.ResponseWriter, q *http.Request) { say(w, q, q.URL.Path) })
	at := func(model string, header ...string) string {
		got := r.chat(model, header...)
		var a openaiAnswer
		if err := json.Unmarshal([]byte(got.body), &a); err != nil || len(a.Choices) == 0 {
			return got.body
		}
		return a.Choices[0].Message.Content
	}
	last := func() logLine { l := r.lines(1); return l[len(l)-1] }
	eu := []string{"X-Region", "eu-west"}

	_ = at("gpt-4o-mini", eu...)
	r.put("target.azure-eu-west-gpt-4o-mini", `"out"`, "1m")
	_ = at("gpt-4o-mini", eu...)
	eventually(t, "request at the other region", func() bool { return last().Deployment == "azure-us-east-gpt-4o-mini" })

	r.put("route.gpt-4o-mini", `"anthropic-claude-sonnet"`, "1m")
	if got := at("gpt-4o-mini"); got != "/v1/messages" {
		t.Errorf("route: answered by %s", got)
	}
	r.put("degrade.claude-sonnet", "true", "1m")
	if got := at("claude-sonnet"); !strings.Contains(got, "short of capacity") {
		t.Errorf("degrade: %s", got)
	}
	r.put("breaker.local-llama-3", `"open"`, "1m")
	if got := at("llama-3"); !strings.Contains(got, codeNoUpstream) {
		t.Errorf("breaker: %s", got)
	}
	r.put("fallback.llama-3", "true", "1m")
	if got := at("llama-3"); !strings.HasPrefix(got, "/openai/deployments/gpt-4o-mini/") {
		t.Errorf("fallback: %s", got)
	}
	r.put("breaker.local-llama-3", `"auto"`, "1m")
	if got := at("llama-3"); got != "/v1/chat/completions" {
		t.Errorf("breaker reset: %s", got)
	}
	r.put("shed.batch", "95", "1m")
	shed := 0
	for range 40 {
		if strings.Contains(at("llama-3", "X-Workload", "batch"), codeShed) {
			shed++
		}
	}
	if shed < 30 || strings.Contains(at("llama-3"), codeShed) {
		t.Errorf("shed: %d of 40 batch requests at 95%%", shed)
	}
	set := r.put("retry", `{"max_attempts":1,"timeout":"1m"}`, "1m")
	if got := r.retries.Load(); got.MaxAttempts != 1 || got.Timeout != time.Minute {
		t.Errorf("retry: %+v", got.retrySettings)
	}
	if value, _ := set.Value.(map[string]any); value["timeout"] != "1m" {
		t.Errorf("the retry control reads back as %v", set.Value)
	}
}

func TestPauseHoldsBatchOnly(t *testing.T) {
	r := newRig(t, tuning(), func(w http.ResponseWriter, q *http.Request) { say(w, q, "x") })
	r.put("pause.batch", "true", "1m")
	held := make(chan reply, 1)
	go func() {
		got, err := r.try(t.Context(), http.MethodPost, "/v1/chat/completions", chatBody("llama-3", false), "X-Workload", "batch")
		if err != nil {
			t.Error(err)
		}
		held <- got
	}()
	eventually(t, "held request", func() bool { return r.holds[batch].held() == 1 })
	if got := r.chat("llama-3"); got.status != http.StatusOK {
		t.Errorf("interactive work: %d", got.status)
	}
	if len(held) != 0 {
		t.Error("batch work passed a pause")
	}
	if got := r.change(http.MethodDelete, "pause.batch", `{"reason":"over","actor":"ana"}`); got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := <-held; got.status != http.StatusOK {
		t.Errorf("after the pause: %d %s", got.status, got.body)
	}
}

func TestPauseEndsInARefusal(t *testing.T) {
	r := newRig(t, tuning(), func(http.ResponseWriter, *http.Request) { t.Error("the provider was asked") })
	r.holds[batch].longest = 20 * time.Millisecond
	r.put("pause.batch", "true", "1m")
	got := r.chat("llama-3", "X-Workload", "batch")
	if got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, codePaused) || got.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func FuzzControlBody(f *testing.F) {
	f.Add("cap.openai-gpt-4o", []byte(`{"value":4,"ttl":"15m","reason":"r","actor":"ana"}`))
	f.Add("retry", []byte(`{"value":{"max_attempts":2,"timeout":"1s"},"ttl":"1h","reason":"r","actor":"ana"}`))
	g := newGateway(gatewaySetup{name: "gw-t", token: "t0ken", tuning: tuning(), bases: map[string]string{}, seed: 1})
	f.Cleanup(g.close)
	f.Fuzz(func(t *testing.T, id string, body []byte) {
		var version string
		for _, c := range g.controls.all() {
			if c.ID == id {
				version = c.Version
			}
		}
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/controls/x", strings.NewReader(string(body)))
		req.SetPathValue("id", id)
		req.Header.Set("If-Match", `"`+version+`"`)
		req.Header.Set("Idempotency-Key", randomHex(8))
		w := httptest.NewRecorder()
		g.controls.serveChange("set")(w, req)
		data, err := io.ReadAll(w.Body)
		if err != nil || !json.Valid(data) {
			t.Errorf("%d %s", w.Code, data)
		}
		if w.Code == http.StatusOK && !strings.Contains(string(data), `"expires_at":"`) {
			t.Errorf("set without a deadline: %s", data)
		}
	})
}
