package contract

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/redact"
	"signalbox/internal/traffic"
)

const euCap = "cap.azure-eu-west-gpt-4o"

func driver(gws ...*fakeGateway) *Driver {
	o := Options{
		Gateway: "edge", Env: "production", Timeout: 2 * time.Second,
		Token: func(context.Context) (string, error) { return gws[0].token, nil },
	}
	for _, g := range gws {
		o.Instances = append(o.Instances, Instance{Name: g.name, URL: g.URL})
	}
	return New(o)
}

func mustPlan(t *testing.T, d *Driver, c gateway.Change) gateway.Plan {
	t.Helper()
	p, err := d.Plan(t.Context(), c, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Intact(); err != nil {
		t.Fatal(err)
	}
	return p
}

func mustApply(t *testing.T, d *Driver, p gateway.Plan, key string) gateway.Receipt {
	t.Helper()
	r, err := d.Apply(t.Context(), p, key)
	if err != nil {
		t.Fatal(err)
	}
	if ok, _, all := r.Accepted(); ok != all {
		t.Fatalf("not all accepted: %+v", r)
	}
	return r
}

func change(v gateway.Verb, value string, scope ...string) gateway.Change {
	c := gateway.Change{Verb: v, Scope: traffic.Scope{"gateway": "edge"}, TTL: 10 * time.Minute, Reason: "r", Actor: "ana", Incident: "inc-1"}
	if value != "" {
		c.Value = gateway.Value(value)
	}
	for i := 0; i < len(scope); i += 2 {
		c.Scope[scope[i]] = scope[i+1]
	}
	return c
}

func TestEveryLeverSetsAndGivesBack(t *testing.T) {
	const eu = "azure-eu-west-gpt-4o"
	for _, tc := range []struct {
		on, off gateway.Verb
		value   string
		dim     string
		name    string
		id      string
		want    string
	}{
		{gateway.CapSet, gateway.CapLift, "4", "deployment", eu, euCap, "4"},
		{gateway.WorkloadPause, gateway.WorkloadResume, "", "workload", "batch", "pause.batch", "true"},
		{gateway.ShedSet, gateway.ShedLift, "30", "workload", "batch", "shed.batch", "30"},
		{gateway.TargetOut, gateway.TargetIn, "", "deployment", eu, "target." + eu, `"out"`},
		{gateway.FallbackOff, gateway.FallbackOn, "", "model", "gpt-4o", "fallback.gpt-4o", "false"},
		{gateway.RouteForce, gateway.RouteUnforce, `"azure-us-east-gpt-4o"`, "model", "gpt-4o", "route.gpt-4o", `"azure-us-east-gpt-4o"`},
		{gateway.RetrySet, gateway.RetryReset, `{"timeout":"20s","max_attempts":1}`, "", "", "retry", `{"max_attempts":1,"timeout":"20s"}`},
		{gateway.BreakerOpen, gateway.BreakerReset, "", "deployment", eu, "breaker." + eu, `"open"`},
		{gateway.DegradeOn, gateway.DegradeOff, "", "model", "gpt-4o", "degrade.gpt-4o", "true"},
	} {
		t.Run(string(tc.on), func(t *testing.T) {
			gw1, gw2 := newFake(t, "gw-1"), newFake(t, "gw-2")
			d := driver(gw1, gw2)
			var scope []string
			if tc.dim != "" {
				scope = []string{tc.dim, tc.name}
			}
			base := gw1.get(tc.id, "base")
			p := mustPlan(t, d, change(tc.on, tc.value, scope...))
			if p.Undo.Verb != tc.off || p.Deadline.Holder != gateway.HeldByGateway || p.Deadline.At.Sub(p.ReadAt) != 10*time.Minute {
				t.Errorf("plan: undo %s, deadline %+v", p.Undo.Verb, p.Deadline)
			}
			r := mustApply(t, d, p, "k1")
			if r.ExpiresAt == nil {
				t.Error("no end in the receipt")
			}
			state, err := d.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range state.Instances {
				n := slices.IndexFunc(i.Controls, func(c gateway.Control) bool { return c.ID == tc.id })
				c := i.Controls[n]
				if string(c.Value) != tc.want || c.Verb != tc.on || !c.Engaged() || c.SetBy != "ana" || c.Scope["gateway"] != "edge" || c.ExpiresAt == nil {
					t.Errorf("%s reads back %+v", i.Name, c)
				}
			}
			off := mustPlan(t, d, change(tc.off, "", scope...))
			if !off.Deadline.At.IsZero() {
				t.Errorf("giving back has a deadline: %v", off.Deadline)
			}
			mustApply(t, d, off, "k2")
			for _, gw := range []*fakeGateway{gw1, gw2} {
				if got := gw.get(tc.id, "value"); fmt.Sprint(got) != fmt.Sprint(base) {
					t.Errorf("%s: %v, want base %v", gw.name, got, base)
				}
			}
			// The lift's own undo brings the lever back, with what was left of its time.
			back, err := d.Revert(t.Context(), off, gateway.Receipt{}, "k3")
			if ok, _, all := back.Accepted(); err != nil || ok != all {
				t.Fatalf("undo of the lift: %+v, %v", back, err)
			}
			if got, _ := json.Marshal(gw2.get(tc.id, "value")); string(got) != tc.want {
				t.Errorf("after undoing the lift: %s", got)
			}
		})
	}
}

// What a value leaves out stays as it is, on each instance for itself, and what is sent is whole.
func TestAPartOfARetryPolicy(t *testing.T) {
	gw1, gw2 := newFake(t, "gw-1"), newFake(t, "gw-2")
	d := driver(gw1, gw2)
	shows := func(want string) bool {
		b, err := json.Marshal(gw2.get("retry", "value"))
		return err == nil && gateway.Same(b, gateway.Value(want))
	}
	first := mustPlan(t, d, change(gateway.RetrySet, `{"max_attempts":2,"timeout":"90s"}`, "instance", "gw-2"))
	if rec, err := d.Apply(t.Context(), first, "k0"); err != nil || !rec.Instances[0].OK {
		t.Fatalf("%+v %v", rec, err)
	}
	for _, tc := range []struct{ given, one, two string }{
		{`{"max_attempts":1}`, `{"max_attempts":1,"timeout":"60s"}`, `{"max_attempts":1,"timeout":"90s"}`},
		{`{"timeout":"5s"}`, `{"max_attempts":3,"timeout":"5s"}`, `{"max_attempts":2,"timeout":"5s"}`},
	} {
		p := mustPlan(t, d, change(gateway.RetrySet, tc.given))
		if string(p.Instances[0].After) != tc.one || string(p.Instances[1].After) != tc.two || !strings.Contains(p.Calls[0].Body, tc.one) {
			t.Errorf("%s: %s and %s, sent %s", tc.given, p.Instances[0].After, p.Instances[1].After, p.Calls[0].Body)
		}
		rec, err := d.Apply(t.Context(), p, "k"+tc.given)
		if err != nil || !rec.Instances[0].OK || !rec.Instances[1].OK || !shows(tc.two) {
			t.Errorf("%+v %v: %s", rec, err, gw2.get("retry", "value"))
		}
		if rec, err = d.Revert(t.Context(), p, rec, "r"+tc.given); err != nil || !rec.Instances[0].OK || !shows(`{"max_attempts":2,"timeout":"90s"}`) {
			t.Errorf("%+v %v: %s", rec, err, gw2.get("retry", "value"))
		}
	}
	// A gateway whose policy has no such field is sent what was given.
	if got := levers[gateway.RetrySet].filled(gateway.Value(`{"max_attempts":1}`), gateway.Value(`{"max_attempts":3}`)); string(got) != `{"max_attempts":1}` {
		t.Errorf("%s", got)
	}
}

func TestRefusals(t *testing.T) {
	gw := newFake(t, "gw-1")
	d := driver(gw)
	eu := "azure-eu-west-gpt-4o"
	for name, tc := range map[string]struct {
		c        gateway.Change
		why, try string
	}{
		"wider than a control":    {change(gateway.CapSet, "4", "model", "gpt-4o", "region", "eu-west"), "cannot hit exactly", "deployment=" + eu},
		"narrower than a control": {change(gateway.CapSet, "4", "deployment", eu, "workload", "batch"), "cannot hit exactly", "deployment=" + eu + " alone"},
		"nothing named":           {change(gateway.CapSet, "4"), "needs its deployment", "deployment="},
		"unknown deployment":      {change(gateway.CapSet, "4", "deployment", "nope"), "no cap control", eu},
		"retry of one model":      {change(gateway.RetrySet, `{"max_attempts":1}`, "model", "gpt-4o"), "all traffic", "alone"},
		"other gateway":           {change(gateway.CapSet, "4", "gateway", "other", "deployment", eu), "this is gateway edge", "gateway=edge"},
		"other environment":       {change(gateway.CapSet, "4", "env", "staging", "deployment", eu), "production", "env"},
		"unknown instance":        {change(gateway.CapSet, "4", "instance", "gw-9", "deployment", eu), "no instance gw-9", "instance=gw-1"},
		"cap of nothing":          {change(gateway.CapSet, "0", "deployment", eu), "whole number", ""},
		"cap without value":       {change(gateway.CapSet, "", "deployment", eu), "needs a value", ""},
		"cap as text":             {change(gateway.CapSet, `"4"`, "deployment", eu), "whole number", ""},
		"over the bound":          {change(gateway.CapSet, "5000", "deployment", eu), "greatest value 1000", ""},
		"pause with a value":      {change(gateway.WorkloadPause, "false", "workload", "batch"), "takes no value", ""},
		"nothing out":             {change(gateway.CapLift, "", "deployment", eu), "nothing to change", ""},
		"route to nowhere":        {change(gateway.RouteForce, `""`, "model", "gpt-4o"), "name of a deployment", ""},
		"retry of nothing":        {change(gateway.RetrySet, `{}`), "or one of the two", ""},
		"retry no times":          {change(gateway.RetrySet, `{"max_attempts":0}`), "or one of the two", ""},
		"retry as it is":          {change(gateway.RetrySet, `{"timeout":"60s"}`), "nothing to change", ""},
		"retry for ever":          {change(gateway.RetrySet, `{"max_attempts":1,"timeout":"never"}`), "no duration", ""},
		"unknown verb":            {change("cap.wish", "4", "deployment", eu), "no such lever", "describe"},
		"no deadline": {func() gateway.Change {
			c := change(gateway.CapSet, "4", "deployment", eu)
			c.TTL = 0
			return c
		}(), "deadline", "--ttl"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := d.Plan(t.Context(), tc.c, time.Now())
			var r *gateway.Refusal
			if !errors.As(err, &r) || !strings.Contains(r.Why, tc.why) || !strings.Contains(r.Try, tc.try) {
				t.Errorf("got %v, want why %q, try %q", err, tc.why, tc.try)
			}
		})
	}
	for _, r := range gw.requests("") {
		if r.method != http.MethodGet {
			t.Errorf("a refused change sent %s %s", r.method, r.path)
		}
	}
}

func TestPlanSaysWhatMatters(t *testing.T) {
	gw := newFake(t, "gw-1")
	d := driver(gw)
	gw.poke(euCap, map[string]any{"value": 8.0, "set_by": "bob", "reason": "x", "incident": "inc-0", "expires_at": time.Now().Add(5 * time.Minute).UTC().Format(time.RFC3339)})
	c := capTo(4)
	c.Reason = "it's <odd> & sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD"
	p := mustPlan(t, d, c)
	i := p.Instances[0]
	if string(i.Before) != "8" || string(i.After) != "4" || i.Rev != gw.get(euCap, "version") || i.BeforeUntil == nil || p.Excess != gateway.ExcessWaits {
		t.Errorf("instance %+v, excess %q", i, p.Excess)
	}
	all := strings.Join(p.Caveats, "\n")
	for _, want := range []string{"replaces what is out", "bob", "affects 2 queued, 7 in flight"} {
		if !strings.Contains(all, want) {
			t.Errorf("caveats miss %q:\n%s", want, all)
		}
	}
	call := p.Calls[0].Text
	for _, want := range []string{"curl -sS -X PUT", `"Authorization: Bearer $TOKEN"`, `'If-Match: "` + i.Rev + `"'`, `it'\''s <odd> & `, gw.URL + "/controls/" + euCap} {
		if !strings.Contains(call, want) {
			t.Errorf("the call misses %q: %s", want, call)
		}
	}
	if strings.Contains(call, gw.token) || strings.Contains(call, "sk-proj-abc") {
		t.Errorf("a secret in %s", call)
	}
	if p.Undo.Calls[0].Method != http.MethodPut || !strings.Contains(p.Undo.Calls[0].Body, `"value":8`) {
		t.Errorf("undo goes back to what was read, bob's 8: %+v", p.Undo.Calls[0])
	}

	r := mustApply(t, d, p, "k")
	if _, err := d.Revert(t.Context(), p, r, "k2"); err != nil {
		t.Fatal(err)
	}
	ends, err := time.Parse(time.RFC3339, fmt.Sprint(gw.get(euCap, "expires_at")))
	if gw.get(euCap, "value") != 8.0 || err != nil || time.Until(ends) > 5*time.Minute+10*time.Second {
		t.Errorf("after the undo: %v until %v, %v", gw.get(euCap, "value"), ends, err)
	}
}

func TestConflictsInWords(t *testing.T) {
	for raw, want := range map[string]string{
		`"cap is set too"`: "cap is set too",
		`{"id":"cap.x","value":4,"set_by":"bob","why":"is set on the same deployment"}`: "cap.x (4, set by bob): is set on the same deployment",
		`{"why":"nothing is left"}`: "nothing is left",
		`[1,2]`:                     "[1,2]",
	} {
		if got := clash(json.RawMessage(raw)); got != want {
			t.Errorf("%s: %q, want %q", raw, got, want)
		}
	}
}

func TestKeysAreShortAndSteady(t *testing.T) {
	ip := gateway.InstancePlan{Name: "gw 1", Control: "cap.x"}
	if got := keyOf("k", ip); got != "k.gw%201.cap.x" {
		t.Error(got)
	}
	ip.Control = strings.Repeat("x", 300)
	other := ip
	other.Name = "gw 2"
	if a, b := keyOf("k", ip), keyOf("k", other); len(a) > longestKey || a == b || a != keyOf("k", ip) {
		t.Error(a, b)
	}
}

func TestLastTarget(t *testing.T) {
	gw := newFake(t, "gw-1")
	d := driver(gw)
	out := func(name string) gateway.Plan {
		return mustPlan(t, d, change(gateway.TargetOut, "", "deployment", name))
	}
	p := out("azure-eu-west-gpt-4o")
	if p.Blast.LastTarget {
		t.Error("us-east is still in")
	}
	mustApply(t, d, p, "k")
	if p := out("azure-us-east-gpt-4o"); !p.Blast.LastTarget || !strings.Contains(strings.Join(p.Caveats, "\n"), "nothing is left") {
		t.Errorf("the last target goes out unnoticed: %+v", p.Caveats)
	}
	if p := mustPlan(t, d, change(gateway.RouteForce, `"nowhere"`, "model", "gpt-4o")); !strings.Contains(strings.Join(p.Caveats, "\n"), `no control names a deployment "nowhere"`) {
		t.Errorf("caveats: %v", p.Caveats)
	}
}

func TestResolveCoversSeveralDeployments(t *testing.T) {
	gw1, gw2 := newFake(t, "gw-1"), newFake(t, "gw-2")
	d := driver(gw1, gw2)
	d.opts.Resolve = func(s traffic.Scope) []string {
		if s["provider"] == "azure" {
			return []string{"azure-us-east-gpt-4o", "azure-eu-west-gpt-4o"}
		}
		return nil
	}
	p := mustPlan(t, d, change(gateway.CapSet, "4", "provider", "azure"))
	if len(p.Calls) != 4 {
		t.Fatalf("%d calls", len(p.Calls))
	}
	r := mustApply(t, d, p, "k")
	if back, err := d.Revert(t.Context(), p, r, "k2"); err != nil || len(back.Instances) != 4 {
		t.Fatalf("%+v %v", back, err)
	}
	if gw2.get("cap.azure-us-east-gpt-4o", "value") != 60.0 {
		t.Error("not given back")
	}
	var refusal *gateway.Refusal
	if _, err := d.Plan(t.Context(), change(gateway.CapSet, "4", "provider", "openai"), time.Now()); !errors.As(err, &refusal) {
		t.Errorf("nothing covered: %v", err)
	}
}

func TestInstanceDown(t *testing.T) {
	gw1, gw2 := newFake(t, "gw-1"), newFake(t, "gw-2")
	d := driver(gw1, gw2)
	gw2.Close()
	state, err := d.Read(t.Context())
	if err != nil || !state.Instances[0].Reachable || state.Instances[1].Reachable || !strings.Contains(state.Instances[1].Err, "gw-2") {
		t.Fatalf("%+v, %v", state, err)
	}
	p := mustPlan(t, d, capTo(4))
	if !strings.Contains(strings.Join(p.Caveats, "\n"), "PARTIAL") {
		t.Errorf("caveats: %v", p.Caveats)
	}
	r, err := d.Apply(t.Context(), p, "k")
	if ok, doubt, all := r.Accepted(); err != nil || ok != 1 || doubt != 0 || all != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	one := change(gateway.CapSet, "9", "deployment", "azure-us-east-gpt-4o", "instance", "gw-1")
	if p := mustPlan(t, d, one); len(p.Instances) != 1 {
		t.Errorf("instance=gw-1 addresses %v", p.Instances)
	}
	gw1.Close()
	if _, err := d.Plan(t.Context(), capTo(5), time.Now()); err == nil || !strings.Contains(err.Error(), "no instance") {
		t.Errorf("nothing to read: %v", err)
	}
	// A connection that was refused was never sent: that is a failure, not a doubt.
	r, err = d.Apply(t.Context(), p, "k")
	if _, doubt, _ := r.Accepted(); err != nil || doubt != 0 || r.Instances[0].Err == "" {
		t.Errorf("%+v, %v", r, err)
	}
}

func onPut(fault func(w http.ResponseWriter, r *http.Request, serve func())) func(http.ResponseWriter, *http.Request, func()) {
	return func(w http.ResponseWriter, r *http.Request, serve func()) {
		if r.Method == http.MethodPut && r.URL.RawQuery == "" {
			fault(w, r, serve)
			return
		}
		serve()
	}
}

func hijack(w http.ResponseWriter) {
	if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
		_ = c.Close()
	}
}

func TestFaultsWhileApplying(t *testing.T) {
	release := make(chan struct{})
	for name, tc := range map[string]struct {
		fault func(gw *fakeGateway) func(http.ResponseWriter, *http.Request, func())
		doubt bool
		ok    bool
		says  string
		took  bool // the gateway did apply it
	}{
		"hang": {doubt: true, says: "no answer within", fault: func(*fakeGateway) func(http.ResponseWriter, *http.Request, func()) {
			return onPut(func(_ http.ResponseWriter, r *http.Request, _ func()) {
				select {
				case <-release:
				case <-r.Context().Done():
				}
			})
		}},
		"answer lost after it was applied": {doubt: true, took: true, says: "gw-1", fault: func(*fakeGateway) func(http.ResponseWriter, *http.Request, func()) {
			return onPut(func(w http.ResponseWriter, _ *http.Request, serve func()) {
				serve()
				hijack(w)
			})
		}},
		"502 from in between": {doubt: true, says: "502", fault: status(http.StatusBadGateway, "<html>bad gateway</html>")},
		"version moved": {says: "plan again", fault: func(gw *fakeGateway) func(http.ResponseWriter, *http.Request, func()) {
			return onPut(func(_ http.ResponseWriter, _ *http.Request, serve func()) {
				gw.poke(euCap, map[string]any{"value": 8.0, "set_by": "bob"})
				serve()
			})
		}},
		"other key in flight":   {says: "read back", fault: status(http.StatusConflict, `{"error":{"code":"in_flight","message":"busy"}}`)},
		"too many toggles":      {says: "wait", fault: status(http.StatusTooManyRequests, `{"error":{"code":"slow_down","message":"x"}}`)},
		"redirect":              {says: "redirects are not followed", fault: status(http.StatusTemporaryRedirect, "")},
		"success without words": {doubt: true, says: "cannot be used", fault: status(http.StatusOK, "OK")},
		"success about another": {doubt: true, says: "it is about", fault: status(http.StatusOK, `{"id":"cap.x","kind":"cap","value":4,"base":9,"version":"3"}`)},
		"another value":         {doubt: true, says: "answered value 5", fault: status(http.StatusOK, `{"id":"`+euCap+`","kind":"cap","value":5,"base":50,"version":"99"}`)},
		"no deadline held":      {ok: true, says: "NOT self-reverting", fault: status(http.StatusOK, `{"id":"`+euCap+`","kind":"cap","value":4,"base":50,"version":"99","expires_at":null}`)},
		"oversize":              {doubt: true, says: "longer than", fault: status(http.StatusOK, strings.Repeat("x", maxBody+10))},
		"secret echo":           {says: "<token>", fault: status(http.StatusForbidden, `{"error":{"code":"forbidden","message":"Bearer tok-0123456789abcdef and sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD may not`+"\\u001b[31m"+`"}}`)},
	} {
		t.Run(name, func(t *testing.T) {
			gw := newFake(t, "gw-1")
			d := driver(gw)
			p := mustPlan(t, d, capTo(4))
			gw.setFault(tc.fault(gw))
			for i := range d.peers {
				d.peers[i].timeout = 300 * time.Millisecond
			}
			if name == "oversize" {
				d.peers[0].timeout = 5 * time.Second
			}
			r, err := d.Apply(t.Context(), p, "k")
			if err != nil {
				t.Fatal(err)
			}
			i := r.Instances[0]
			if i.OK != tc.ok || i.InDoubt != tc.doubt || !strings.Contains(i.Err+i.Note, tc.says) {
				t.Errorf("receipt %+v", i)
			}
			if strings.Contains(i.Err, gw.token) || strings.Contains(i.Err, "sk-proj-abc") || strings.ContainsRune(i.Err, 0x1b) || len(i.Err) > 2000 {
				t.Errorf("not fit for a screen: %q", i.Err)
			}
			if took := gw.get(euCap, "value") == 4.0; took != tc.took {
				t.Errorf("applied: %v", took)
			}
		})
	}
	close(release)
}

func status(code int, body string) func(*fakeGateway) func(http.ResponseWriter, *http.Request, func()) {
	return func(*fakeGateway) func(http.ResponseWriter, *http.Request, func()) {
		return onPut(func(w http.ResponseWriter, _ *http.Request, _ func()) {
			w.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
			w.WriteHeader(code)
			_, _ = w.Write([]byte(body))
		})
	}
}

func TestSameKeyAfterALostAnswer(t *testing.T) {
	gw := newFake(t, "gw-1")
	d := driver(gw)
	p := mustPlan(t, d, capTo(4))
	var lost atomic.Bool
	lost.Store(true)
	gw.setFault(onPut(func(w http.ResponseWriter, _ *http.Request, serve func()) {
		serve() // applied; the answer that serve wrote is thrown away with the connection
		if lost.Load() {
			hijack(w)
		}
	}))
	if r, err := d.Apply(t.Context(), p, "k"); err != nil || !r.Instances[0].InDoubt {
		t.Fatalf("%+v %v", r, err)
	}
	version := gw.get(euCap, "version")
	lost.Store(false)
	r := mustApply(t, d, p, "k")
	if r.Instances[0].RevAfter != version || gw.get(euCap, "version") != version {
		t.Errorf("applied twice: %v, then %v", version, r.Instances[0])
	}
}

func TestRevert(t *testing.T) {
	for name, tc := range map[string]struct {
		between func(*fakeGateway, *gateway.Receipt)
		ok      bool
		says    string
		value   float64
	}{
		"ours":            {func(*fakeGateway, *gateway.Receipt) {}, true, "", 50},
		"receipt lost":    {func(_ *fakeGateway, r *gateway.Receipt) { *r = gateway.Receipt{} }, true, "", 50},
		"ended by itself": {func(g *fakeGateway, _ *gateway.Receipt) { g.expire(euCap) }, true, "ended already", 50},
		"changed by bob":  {func(g *fakeGateway, _ *gateway.Receipt) { g.poke(euCap, map[string]any{"value": 9.0, "set_by": "bob"}) }, false, "somebody else", 9},
		"same value, bob's": {func(g *fakeGateway, _ *gateway.Receipt) {
			g.poke(euCap, map[string]any{"set_by": "bob", "reason": "mine", "incident": "inc-7"})
		}, false, "bob", 4},
		"extended elsewhere": {func(g *fakeGateway, _ *gateway.Receipt) { g.poke(euCap, map[string]any{"expires_at": nil}) }, true, "still is our value", 50},
		"instance without answer": {func(g *fakeGateway, _ *gateway.Receipt) {
			g.setFault(func(w http.ResponseWriter, _ *http.Request, _ func()) { hijack(w) })
		}, false, "nothing was sent", 4},
	} {
		t.Run(name, func(t *testing.T) {
			gw := newFake(t, "gw-1")
			d := driver(gw)
			c := capTo(4)
			c.Reason, c.Run = "as told by sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD", "ana@example.com"
			p := mustPlan(t, d, c)
			r := mustApply(t, d, p, "k")
			tc.between(gw, &r)
			b, err := json.Marshal(p) // another process reverts from the journal alone
			if err != nil {
				t.Fatal(err)
			}
			var q gateway.Plan
			if err := json.Unmarshal([]byte(redact.Secrets(string(b))), &q); err != nil {
				t.Fatal(err)
			}
			back, err := driver(gw).Revert(t.Context(), q, r, "k2")
			if err != nil {
				t.Fatal(err)
			}
			i := back.Instances[0]
			if i.OK != tc.ok || !strings.Contains(i.Err+i.Note, tc.says) || gw.get(euCap, "value") != tc.value {
				t.Errorf("%+v, value %v", i, gw.get(euCap, "value"))
			}
		})
	}
	t.Run("never applied", func(t *testing.T) {
		gw := newFake(t, "gw-1")
		d := driver(gw)
		p := mustPlan(t, d, capTo(4))
		back, err := d.Revert(t.Context(), p, gateway.Receipt{}, "k2")
		if err != nil || !back.Instances[0].OK || !strings.Contains(back.Instances[0].Note, "never changed") {
			t.Errorf("%+v, %v", back, err)
		}
	})
	t.Run("extend after the end", func(t *testing.T) {
		gw := newFake(t, "gw-1")
		d := driver(gw)
		p := mustPlan(t, d, capTo(4))
		r := mustApply(t, d, p, "k")
		gw.expire(euCap)
		long, err := d.Extend(t.Context(), p, r, time.Hour, "k3")
		if err != nil || long.Instances[0].OK || !strings.Contains(long.Instances[0].Err, "ended already") {
			t.Errorf("%+v, %v", long, err)
		}
	})
}

func TestOnlyWhatWasConfirmed(t *testing.T) {
	gw := newFake(t, "gw-1")
	d := driver(gw)
	p := mustPlan(t, d, capTo(4))
	p.Calls[0].Body = strings.Replace(p.Calls[0].Body, "4", "400", 1)
	if _, err := d.Apply(t.Context(), p, "k"); !errors.Is(err, gateway.ErrAltered) {
		t.Errorf("altered call: %v", err)
	}
	p.Gateway = "other"
	if _, err := d.Apply(t.Context(), p, "k"); err == nil {
		t.Error("the plan of another gateway was applied")
	}
	if n := len(gw.requests(http.MethodPut)); n != 1 {
		t.Errorf("%d PUTs, want the dry run alone", n)
	}
}

func TestReadIsOnItsGuard(t *testing.T) {
	for name, tc := range map[string]struct{ answer, says string }{
		"not json":      {"<html>", "no JSON"},
		"other service": {`{"status":"ok"}`, `no "controls"`},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(tc.answer)) }))
			defer srv.Close()
			s, err := New(Options{Gateway: "edge", Instances: []Instance{{Name: "gw-1", URL: srv.URL}}}).Read(t.Context())
			if err != nil || s.Instances[0].Reachable || !strings.Contains(s.Instances[0].Err, tc.says) {
				t.Errorf("%+v, %v", s, err)
			}
		})
	}
	t.Run("bad controls are left out", func(t *testing.T) {
		answer := `{"controls":[{"id":"a b","kind":"cap","version":"1"},{"id":"ok","kind":"cap","version":"1","value":4.0,"base":4,"reason":"x\u001b[2J","expires_at":null},
			{"id":"v","kind":"cap","version":"1\"2"},{"id":"ok","kind":"cap","version":"2"},{"id":7}]}`
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(answer)) }))
		defer srv.Close()
		s, err := New(Options{Gateway: "edge", Instances: []Instance{{Name: "gw-1", URL: srv.URL}}}).Read(t.Context())
		i := s.Instances[0]
		if err != nil || len(i.Controls) != 1 || len(i.Notes) != 4 || i.Controls[0].Engaged() || strings.ContainsRune(i.Controls[0].Reason, 0x1b) {
			t.Errorf("%+v, %v", s, err)
		}
	})
	t.Run("address with the endpoint", func(t *testing.T) {
		gw := newFake(t, "gw-1")
		for _, tail := range []string{"", "/", "/controls", "/controls/"} {
			o := Options{Gateway: "edge", Instances: []Instance{{Name: "gw-1", URL: gw.URL + tail}}, Token: func(context.Context) (string, error) { return gw.token, nil }}
			if s, err := New(o).Read(t.Context()); err != nil || !s.Instances[0].Reachable {
				t.Errorf("%q: %+v, %v", tail, s.Instances[0].Err, err)
			}
		}
	})
	t.Run("bad addresses", func(t *testing.T) {
		for _, u := range []string{"", "gw:8080", "ftp://x", "http://", "http://u:hunter2secret@gw", "http://gw?x=1", "::"} {
			s, err := New(Options{Gateway: "edge", Instances: []Instance{{Name: "gw-1", URL: u}}}).Read(t.Context())
			if err != nil || s.Instances[0].Reachable || strings.Contains(s.Instances[0].Err, "hunter2") {
				t.Errorf("%q: %+v, %v", u, s, err)
			}
		}
	})
	t.Run("token that cannot be had", func(t *testing.T) {
		gw := newFake(t, "gw-1")
		d := driver(gw)
		d.peers[0].token = func(context.Context) (string, error) { return "", errors.New("file is 0644") }
		s, err := d.Read(t.Context())
		if err != nil || !strings.Contains(s.Instances[0].Err, "0644") || len(gw.requests("")) != 0 {
			t.Errorf("%+v, %v", s, err)
		}
	})
	t.Run("untrusted certificate", func(t *testing.T) {
		srv := httptest.NewUnstartedServer(http.NotFoundHandler())
		srv.Config.ErrorLog = log.New(io.Discard, "", 0)
		srv.StartTLS()
		defer srv.Close()
		s, err := New(Options{Gateway: "edge", Instances: []Instance{{Name: "gw-1", URL: srv.URL}}}).Read(t.Context())
		if err != nil || s.Instances[0].Reachable || !strings.Contains(s.Instances[0].Err, "certificate") {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

func TestDescribeLearns(t *testing.T) {
	gw := newFake(t, "gw-1")
	d := driver(gw)
	if a := d.Describe().Ability(gateway.DegradeOn); a.Fitness != gateway.Native || len(a.Dims) != 1 || a.Holder != gateway.HeldByGateway {
		t.Errorf("%+v", a)
	}
	delete(gw.controls, "degrade.gpt-4o")
	if _, err := d.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	desc := d.Describe()
	if a := desc.Ability(gateway.DegradeOn); a.Fitness != gateway.Impossible || a.Why == "" {
		t.Errorf("%+v", a)
	}
	if len(desc.Abilities) != len(gateway.Verbs()) || desc.Ability(gateway.CapSet).Fitness != gateway.Native {
		t.Errorf("%+v", desc)
	}
}

func FuzzListing(f *testing.F) {
	f.Add([]byte(`{"controls":[{"id":"a","kind":"cap","version":"1","value":4,"base":4,"scope":{"deployment":"x"},"instances":[{"name":"n","applied":false}]}]}`))
	f.Add([]byte(`{"controls":null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, odd, err := parseListing(b)
		all := l.Controls
		if err != nil && (all != nil || odd != nil) {
			t.Fatal("both an error and controls")
		}
		for _, c := range all {
			g := c.asControl("edge")
			if plainName(c.ID) != nil || plainName(c.Version) != nil || strings.ContainsRune(g.Reason+g.SetBy, 0x1b) || !json.Valid(g.Value) {
				t.Fatalf("%+v", g)
			}
			call := put(peer{name: "n", base: "http://gw"}, c.ID, c.Version, g.Value, time.Minute, gateway.Change{}, "r")
			if strings.ContainsAny(call.Text, "\n\x00") {
				t.Fatalf("%q", call.Text)
			}
		}
	})
}
