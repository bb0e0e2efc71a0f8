package envoy

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/traffic"
)

// fake answers like the admin interface of Envoy 1.40 does, OK to whatever is set, with switches for what the real one
// cannot be made to do. The real one is tested in real_test.go.
type fake struct {
	*httptest.Server
	mu      sync.Mutex
	began   string
	layers  []string
	entries map[string][]string // by key: a value for each layer
	asked   []string            // what was set
	deaf    bool                // says OK and does nothing
	break1  func(http.ResponseWriter) bool
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{began: "2026-11-21T10:00:00Z", layers: []string{"disk", "admin"}, entries: map[string][]string{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fake) final(key string) string {
	final := ""
	for _, v := range f.entries[key] {
		if v != "" {
			final = v
		}
	}
	return final
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch r.URL.Path {
	case "/runtime_modify":
		if f.break1 != nil && f.break1(w) {
			return
		}
		for k, v := range r.URL.Query() {
			f.asked = append(f.asked, k+"="+v[0])
			if !f.deaf {
				f.set(k, "admin", v[0])
			}
		}
		fmt.Fprintln(w, "OK")
	case "/runtime":
		entries := map[string]any{}
		for k, v := range f.entries {
			entries[k] = map[string]any{"final_value": f.final(k), "layer_values": v}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"layers": f.layers, "entries": entries})
	case "/clusters":
		requests := "200"
		if v := f.final("circuit_breakers.eu.default.max_requests"); v != "" {
			requests = v
		}
		fmt.Fprintf(w, `{"cluster_statuses":[
			{"name":"eu","host_statuses":[{"stats":[{"name":"rq_active","value":"12"}]},{"stats":[{"name":"rq_active"},{"name":"rq_total","value":"9"}]}],
			 "circuit_breakers":{"thresholds":[{"max_requests":%s,"max_retries":3},{"priority":"HIGH","max_requests":1024,"max_retries":3}]}},
			{"name":"us","circuit_breakers":{"thresholds":[{"max_requests":1024,"max_retries":3},{"priority":"HIGH","max_requests":1024,"max_retries":3}]}}]}`, requests)
	case "/config_dump":
		fmt.Fprintf(w, `{"configs":[
			{"@type":"type.googleapis.com/envoy.admin.v3.BootstrapConfigDump","last_updated":%q},
			{"@type":"type.googleapis.com/envoy.admin.v3.ClustersConfigDump","static_clusters":[{"cluster":{"name":"eu","circuit_breakers":{"thresholds":[{"max_requests":200}]}}},{"cluster":{"name":"us"}}]},
			{"@type":"type.googleapis.com/envoy.admin.v3.RoutesConfigDump","static_route_configs":[{"route_config":{"virtual_hosts":[{"routes":[
				{"name":"p","match":{"headers":[{"name":"x-workload","string_match":{"exact":"batch"}}],"runtime_fraction":{"default_value":{},"runtime_key":"pause.batch"}},"direct_response":{"status":503}},
				{"name":"fine","match":{"headers":[{"name":"x-workload","string_match":{"exact":"bulk"}}],"runtime_fraction":{"default_value":{"denominator":"MILLION"},"runtime_key":"pause.bulk"}},"direct_response":{"status":503}},
				{"name":"m","match":{"dynamic_metadata":[{"path":[{"key":"model"}],"value":{"string_match":{"exact":"gpt-4o"}}}]},"route":{"weighted_clusters":{"runtime_key_prefix":"w.m","clusters":[{"name":"eu","weight":70},{"name":"us","weight":30}]}}}
			]}]}}]}]}`, f.began)
	default:
		http.NotFound(w, r)
	}
}

func (f *fake) set(key, layer, value string) {
	if f.entries[key] == nil {
		f.entries[key] = make([]string, len(f.layers))
	}
	if i := slices.Index(f.layers, layer); i >= 0 {
		f.entries[key][i] = value
	}
}

func (f *fake) with(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fake) driver(more ...Instance) *Driver {
	return New(Options{
		Gateway: "edge", Env: "staging", Instances: append([]Instance{{Name: "e1", URL: f.URL}}, more...), Timeout: 5 * time.Second,
		Resolve: func(s traffic.Scope) []string {
			if s["region"] == "eu-west" && len(s) == 1 {
				return []string{"eu"}
			}
			return nil
		},
	})
}

func change(verb gateway.Verb, value string, scope traffic.Scope) gateway.Change {
	return gateway.Change{Verb: verb, Scope: scope, Value: gateway.Value(value), TTL: time.Minute, Reason: "test"}
}

var eu = traffic.Scope{"deployment": "eu"}

func planned(t *testing.T, d *Driver, c gateway.Change) gateway.Plan {
	t.Helper()
	p, err := d.Plan(t.Context(), c, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPlanOfACap(t *testing.T) {
	f := newFake(t)
	p := planned(t, f.driver(), change(gateway.CapSet, "8", traffic.Scope{"region": "eu-west"}))
	if len(p.Calls) != 1 || p.Calls[0].Body != "circuit_breakers.eu.default.max_requests=8" || p.Undo.Calls[0].Body != "circuit_breakers.eu.default.max_requests=" {
		t.Errorf("%+v\n%+v", p.Calls, p.Undo.Calls)
	}
	if string(p.Instances[0].Before) != "200" || p.Excess != gateway.ExcessRejected || p.Deadline.Holder != gateway.HeldByConsole {
		t.Errorf("%+v", p)
	}
	for _, want := range []string{"12 requests are on eu now", "NOT self-reverting", "a restart of Envoy"} {
		if !strings.Contains(strings.Join(p.Caveats, "\n"), want) {
			t.Errorf("no caveat %q in %q", want, p.Caveats)
		}
	}
	if !strings.HasPrefix(p.Calls[0].Text, "curl -X POST '"+f.URL+"/runtime_modify?circuit_breakers.eu.default.max_requests=8'") {
		t.Error(p.Calls[0].Text)
	}
}

func TestRefusals(t *testing.T) {
	f := newFake(t)
	f.set("pause.batch", "disk", "0")
	for _, c := range []struct {
		want   string
		change gateway.Change
	}{
		{"from 1 to 1000000", change(gateway.CapSet, "-1", eu)},
		{"from 1 to 1000000", change(gateway.CapSet, "0", eu)},
		{"from 1 to 1000000", change(gateway.CapSet, `"abc"`, eu)},
		{"from 1 to 1000000", change(gateway.CapSet, "1.9", eu)},
		{"from 1 to 100", change(gateway.ShedSet, "150", traffic.Scope{"workload": "batch"})},
		{"hit exactly", change(gateway.CapSet, "8", traffic.Scope{"deployment": "uk"})},
		{"hit exactly", change(gateway.CapSet, "8", traffic.Scope{"deployment": "eu", "workload": "batch"})},
		{"hit exactly", change(gateway.CapSet, "8", traffic.Scope{"deployment": "eu", "region": "eu-west"})},
		{"hit exactly", change(gateway.CapSet, "8", traffic.Scope{})},
		{"hit exactly", change(gateway.TargetOut, "", traffic.Scope{"deployment": "eu", "model": "gpt-4o-mini"})},
		{"hit exactly", change(gateway.WorkloadPause, "", traffic.Scope{"workload": "bulk"})},
		{"takes no value", change(gateway.TargetOut, "1", eu)},
		{"needs: a route to one cluster", change(gateway.RouteForce, "", traffic.Scope{"model": "gpt-4o"})},
		{"only switch retries off", change(gateway.RetrySet, `{"max_attempts":2}`, eu)},
		{"no fallback to switch", change(gateway.FallbackOn, "", traffic.Scope{"model": "gpt-4o"})},
		{"nothing to change", change(gateway.CapLift, "", eu)},
		{"this is gateway edge", change(gateway.CapSet, "8", traffic.Scope{"gateway": "other", "deployment": "eu"})},
	} {
		_, err := f.driver().Plan(t.Context(), c.change, time.Now())
		var refusal *gateway.Refusal
		if !errors.As(err, &refusal) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s %s: %v", c.change.Verb, c.change.Scope, c.change.Value, err)
		}
	}
	f.with(func() {
		f.layers = []string{"disk", "admin", "rtds"}
		f.entries = map[string][]string{}
		f.set("w.m.eu", "rtds", "70")
	})
	if _, err := f.driver().Plan(t.Context(), change(gateway.TargetOut, "", eu), time.Now()); err == nil || !strings.Contains(err.Error(), "decided by layer rtds") {
		t.Errorf("a hidden key: %v", err)
	}
	f.with(func() { f.layers = []string{"disk"}; f.entries = map[string][]string{} })
	if _, err := f.driver().Plan(t.Context(), change(gateway.CapSet, "8", eu), time.Now()); err == nil || !strings.Contains(err.Error(), "no admin layer") {
		t.Errorf("without an admin layer: %v", err)
	}
}

func TestTheLastTargetStays(t *testing.T) {
	f := newFake(t)
	f.set("w.m.us", "admin", "0")
	_, err := f.driver().Plan(t.Context(), change(gateway.TargetOut, "", eu), time.Now())
	if err == nil || !strings.Contains(err.Error(), "eu is the last target of w.m") {
		t.Errorf("%v", err)
	}
}

func TestUndoGivesBackWhatTheAdminLayerHad(t *testing.T) {
	f := newFake(t)
	f.set("w.m.eu", "admin", "40")
	f.set("w.m.us", "admin", "abc") // Envoy says OK to it, and goes on with 30
	d := f.driver()
	p := planned(t, d, change(gateway.TargetOut, "", traffic.Scope{"deployment": "eu"}))
	rec, err := d.Apply(t.Context(), p, "k")
	if err != nil || !rec.Instances[0].OK || f.final("w.m.eu") != "0" {
		t.Fatalf("%v %+v", err, rec)
	}
	if rec, err = d.Revert(t.Context(), p, rec, "k2"); err != nil || !rec.Instances[0].OK || f.final("w.m.eu") != "40" {
		t.Errorf("%v %+v: %s", err, rec, f.final("w.m.eu"))
	}
	s, err := d.Read(t.Context())
	for _, c := range s.Instances[0].Controls {
		if c.ID == "w.m.us" && (string(c.Value) != "30" || c.Engaged()) {
			t.Errorf("%v %+v", err, c)
		}
	}
}

func TestFaultsWhileApplying(t *testing.T) {
	const key = "circuit_breakers.eu.default.max_requests"
	for _, c := range []struct {
		name  string
		fault func(*fake)
		ok    bool
		doubt bool
		says  string
		sent  bool
	}{
		{"OK and nothing done", func(f *fake) { f.deaf = true }, false, false, "said OK, but", true},
		{"somebody was faster", func(f *fake) { f.set(key, "admin", "7") }, false, false, "somebody changed", false},
		{"somebody did the same", func(f *fake) { f.set(key, "admin", "8") }, true, false, "so already", false},
		{"restarted", func(f *fake) { f.began = "2026-11-21T11:00:00Z" }, false, false, "was restarted", false},
		{"the answer is lost", func(f *fake) {
			f.break1 = func(http.ResponseWriter) bool {
				f.set(key, "admin", "8")
				panic(http.ErrAbortHandler)
			}
		}, false, true, "is this Envoy running", false},
		{"refused", func(f *fake) {
			f.break1 = func(w http.ResponseWriter) bool {
				http.Error(w, "no\x1b[31m", http.StatusServiceUnavailable)
				return true
			}
		}, false, false, "status 503: no", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			d := f.driver()
			p := planned(t, d, change(gateway.CapSet, "8", eu))
			f.with(func() { c.fault(f) })
			rec, err := d.Apply(t.Context(), p, "k")
			if err != nil {
				t.Fatal(err)
			}
			r := rec.Instances[0]
			if r.OK != c.ok || r.InDoubt != c.doubt || !strings.Contains(r.Err+r.Note, c.says) || strings.ContainsRune(r.Err, 0x1b) || (len(f.asked) > 0) != c.sent {
				t.Errorf("%+v, sent %v", r, f.asked)
			}
		})
	}
}

func TestRevertLeavesWhatSomebodyElseSet(t *testing.T) {
	f := newFake(t)
	d := f.driver()
	p := planned(t, d, change(gateway.CapSet, "8", eu))
	rec, err := d.Apply(t.Context(), p, "k")
	if err != nil {
		t.Fatal(err)
	}
	f.with(func() { f.set("circuit_breakers.eu.default.max_requests", "admin", "9") })
	back, err := d.Revert(t.Context(), p, rec, "k2")
	if err != nil || back.Instances[0].OK || !strings.Contains(back.Instances[0].Err, "somebody else changed") {
		t.Errorf("%v %+v", err, back)
	}
}

func TestOnlyNumbersAreSent(t *testing.T) {
	f := newFake(t)
	d := f.driver()
	p := planned(t, d, change(gateway.CapSet, "8", eu))
	rec, err := d.Apply(t.Context(), p, "k")
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"circuit_breakers.eu.default.max_requests=abc", "other.key=1", "circuit_breakers.eu.default.max_requests=8&quitquitquit=1"} {
		q := p
		q.Undo.Calls = []gateway.Call{p.Undo.Calls[0]}
		q.Undo.Calls[0].Body = body
		if _, err := d.Revert(t.Context(), q, rec, "k2"); err == nil {
			t.Errorf("%s was sent", body)
		}
	}
	p.Calls[0].Body = "circuit_breakers.eu.default.max_requests=80"
	if _, err := d.Apply(t.Context(), p, "k"); !errors.Is(err, gateway.ErrAltered) {
		t.Errorf("%v", err)
	}
}

func TestOneOfTwoIsOutOfReach(t *testing.T) {
	f := newFake(t)
	d := f.driver(Instance{Name: "e2", URL: "http://127.0.0.1:1"})
	p := planned(t, d, change(gateway.CapSet, "8", eu))
	if !strings.Contains(strings.Join(p.Caveats, "\n"), "PARTIAL") {
		t.Errorf("%q", p.Caveats)
	}
	rec, err := d.Apply(t.Context(), p, "k")
	if ok, _, all := rec.Accepted(); err != nil || ok != 1 || all != 2 {
		t.Errorf("%v %+v", err, rec)
	}
	s, err := d.Read(t.Context())
	if err != nil || !s.Instances[0].Reachable || s.Instances[1].Reachable || !strings.Contains(s.Instances[1].Err, "is this its admin address") {
		t.Errorf("%v %+v", err, s)
	}
}

func TestDescribe(t *testing.T) {
	d := newFake(t).driver().Describe()
	for v, want := range map[gateway.Verb]gateway.Fitness{
		gateway.CapSet: gateway.Native, gateway.TargetIn: gateway.Native, gateway.RetrySet: gateway.Nearest, gateway.DegradeOff: gateway.Impossible,
	} {
		if a := d.Ability(v); a.Fitness != want || len(a.Why) < 20 {
			t.Errorf("%s: %+v", v, a)
		}
	}
}

func FuzzProcess(f *testing.F) {
	f.Add([]byte(`{"configs":[{"@type":"x.BootstrapConfigDump","last_updated":"t"}],"cluster_statuses":[{"name":"eu","circuit_breakers":{"thresholds":[{"max_requests":3,"max_retries":"4"}]}}],"layers":["admin"],"entries":{"k":{"final_value":"1","layer_values":["1"]}}}`))
	f.Add([]byte(`{"configs":[{"static_route_configs":[{"route_config":{"virtual_hosts":[{"routes":[{"route":{"weighted_clusters":{"runtime_key_prefix":"w","clusters":[{"name":"a","weight":-1}]}}}]}]}}]}],"layers":[],"entries":{"w.a":{"layer_values":["","",""]}}}`))
	f.Fuzz(func(t *testing.T, page []byte) {
		p := peer{name: "e", base: "http://127.0.0.1", timeout: time.Second, client: &http.Client{Transport: answers(page)}}
		proc, err := p.read(t.Context())
		if err != nil {
			return
		}
		for _, k := range proc.knobs {
			if k.key == "" || k.scope() == nil || k.verb() == "" {
				t.Errorf("%+v", k)
			}
		}
	})
}

// answers gives the same page to every request.
type answers []byte

func (a answers) RoundTrip(*http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	_, _ = w.Write(a)
	return w.Result(), nil
}
