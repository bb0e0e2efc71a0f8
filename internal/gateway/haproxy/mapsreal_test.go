package haproxy

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"signalbox/internal/component"
	"signalbox/internal/gateway"
)

// withMaps is a running HAProxy with the configuration of examples/haproxy; h.get's socket is its gateway's.
type withMaps struct {
	*realHAProxy
	eu, us, mini *upstream
}

func startMaps(t *testing.T) *withMaps {
	t.Helper()
	binary := component.HAProxy(t)
	dir, err := os.MkdirTemp("", "sb") // t.TempDir can be too long for a socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	w := &withMaps{eu: newUpstream(t), us: newUpstream(t), mini: newUpstream(t)}
	swap := strings.NewReplacer("bind 127.0.0.1:8480", "bind unix@"+dir+"/front.sock", "bind 127.0.0.1:8404", "bind unix@"+dir+"/metrics.sock", "unix@run/admin.sock", "unix@"+dir+"/admin.sock",
		"127.0.0.1:9101", w.eu.Listener.Addr().String(), "127.0.0.1:9102", w.us.Listener.Addr().String(), "127.0.0.1:9103", w.mini.Listener.Addr().String())
	files, err := filepath.Glob("../../../examples/haproxy/*.map")
	if err != nil || len(files) != 5 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, f := range append(files, "../../../examples/haproxy/haproxy.cfg") {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		text, name := swap.Replace(string(b)), filepath.Base(f)
		if name == "haproxy.cfg" {
			name = "h.cfg"
			for _, m := range files {
				text = strings.ReplaceAll(text, "map("+filepath.Base(m)+")", "map("+filepath.Join(dir, filepath.Base(m))+")")
			}
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.realHAProxy = &realHAProxy{dir: dir, binary: binary, client: frontOf(dir)}
	t.Cleanup(w.client.CloseIdleConnections)
	t.Cleanup(w.kill)
	w.start(t)
	return w
}

func (w *withMaps) mapDriver() *Driver {
	return New(Options{Gateway: "edge", Maps: true, Instances: []Instance{{Name: "h1", Addr: "unix:" + filepath.Join(w.dir, "admin.sock")}}})
}

func (w *withMaps) ask(workload, model string) (int, http.Header) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://llm/v1/chat/completions", strings.NewReader(`{"model":"`+model+`"}`))
	if err != nil {
		return 0, nil
	}
	req.Header.Set("X-Workload", workload)
	resp, err := w.client.Do(req)
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, resp.Header
}

func (w *withMaps) asks(n int, workload, model string) func() map[int]int {
	var mu sync.Mutex
	got := make(map[int]int)
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			status, _ := w.ask(workload, model)
			mu.Lock()
			got[status]++
			mu.Unlock()
		})
	}
	return func() map[int]int { wg.Wait(); return got }
}

func lasting(c gateway.Change, ttl time.Duration) gateway.Change {
	c.TTL = ttl
	return c
}

// Each lever of the maps is thrown under requests and taken back; all are as before then.
func TestMapLeversOnARealHAProxy(t *testing.T) {
	w := startMaps(t)
	d := w.mapDriver()
	calm := w.mapControls(t, d)
	for name, tc := range map[string]struct {
		c     gateway.Change
		proof func(t *testing.T)
	}{
		"pause": {change(gateway.WorkloadPause, "", "workload", "batch"), func(t *testing.T) {
			if status, head := w.ask("batch", "gpt-4o"); status != 503 || head.Get("Retry-After") == "" {
				t.Errorf("%d, Retry-After %q", status, head.Get("Retry-After"))
			}
			if got := w.asks(10, "batch", "gpt-4o")(); got[503] != 10 {
				t.Errorf("batch %v", got)
			}
			if got := w.asks(10, "interactive", "gpt-4o")(); got[200] != 10 {
				t.Errorf("interactive %v", got)
			}
		}},
		"shed": {change(gateway.ShedSet, "30", "workload", "batch"), func(t *testing.T) {
			if got := w.asks(300, "batch", "gpt-4o")(); got[503] < 40 || got[503] > 150 || got[200]+got[503] != 300 { // 90 of 300, with 6 deviations to each side
				t.Errorf("%v", got)
			}
		}},
		"cap of a model": {change(gateway.CapSet, "3", "model", "gpt-4o"), func(t *testing.T) {
			w.holds(t, "interactive", "gpt-4o", 3)
		}},
		"cap of a workload": {change(gateway.CapSet, "2", "workload", "batch"), func(t *testing.T) {
			w.holds(t, "batch", "gpt-4o", 2)
			if got := w.asks(10, "interactive", "gpt-4o")(); got[200] != 10 {
				t.Errorf("interactive %v", got)
			}
		}},
		"force": {change(gateway.RouteForce, `"gpt-4o-mini"`, "model", "gpt-4o"), func(t *testing.T) {
			before := w.mini.served.Load()
			if got := w.asks(10, "interactive", "gpt-4o")(); got[200] != 10 || w.mini.served.Load() != before+10 {
				t.Errorf("%v, %d of them at mini", got, w.mini.served.Load()-before)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := mustPlan(t, d, tc.c)
			if p.Deadline.Holder != gateway.HeldByGateway || p.Deadline.At.IsZero() || strings.Contains(strings.Join(p.Caveats, "\n"), "NOT self-reverting") {
				t.Errorf("%+v", p)
			}
			r, err := d.Apply(t.Context(), p, "k1")
			mustAll(t, r, err)
			if r.ExpiresAt == nil || !r.ExpiresAt.Equal(p.Deadline.At) {
				t.Errorf("it ends at %v, the plan says %v", r.ExpiresAt, p.Deadline.At)
			}
			tc.proof(t)
			back, err := d.Revert(t.Context(), p, r, "k2")
			mustAll(t, back, err)
			if now := w.mapControls(t, d); now != calm {
				t.Errorf("after the undo\n%s\nbefore\n%s", now, calm)
			}
			if got := w.asks(10, "batch", "gpt-4o")(); got[200] != 10 {
				t.Errorf("after the undo %v", got)
			}
		})
	}
}

// holds sends twice as many requests and more as a cap lets through, and sees exactly the cap run.
func (w *withMaps) holds(t *testing.T, workload, model string, most int) {
	t.Helper()
	letEU, letUS := w.eu.stop(), w.us.stop()
	defer letEU()
	defer letUS()
	var refused sync.WaitGroup
	done := make(chan map[int]int, 1)
	wait := w.asks(most*2+5, workload, model)
	refused.Go(func() { done <- wait() })
	eventually(t, "as many run as the cap lets through", func() bool { return int(w.eu.inside.Load()+w.us.inside.Load()) == most })
	letEU()
	letUS()
	refused.Wait()
	if got := <-done; got[200]+got[429] != most*2+5 || got[200] < most || got[429] == 0 {
		t.Errorf("%v", got)
	}
}

func (w *withMaps) mapControls(t *testing.T, d *Driver) string {
	t.Helper()
	s, err := d.Read(t.Context())
	if err != nil || !s.Instances[0].Reachable {
		t.Fatalf("%+v, %v", s, err)
	}
	var b strings.Builder
	for _, c := range s.Instances[0].Controls {
		fmt.Fprintf(&b, "%s %s %s of %s until %v\n", filepath.Base(c.ID), c.Scope, c.Value, c.Base, c.ExpiresAt)
	}
	return b.String()
}

// The deadline is HAProxy's: nothing of ours runs, and the lever ends.
func TestHAProxyEndsALever(t *testing.T) {
	w := startMaps(t)
	d := w.mapDriver()
	p := mustPlan(t, d, lasting(change(gateway.WorkloadPause, "", "workload", "batch"), 3*time.Second))
	r, err := d.Apply(t.Context(), p, "k1")
	mustAll(t, r, err)
	if status, _ := w.ask("batch", "gpt-4o"); status != 503 && time.Now().Before(p.Deadline.At) {
		t.Errorf("paused, yet %d", status)
	}
	eventually(t, "batch is served again", func() bool { status, _ := w.ask("batch", "gpt-4o"); return status == 200 })
	if early := time.Until(p.Deadline.At); early > time.Second {
		t.Errorf("it ended %s early", early)
	}
	back, err := d.Revert(t.Context(), p, r, "k2")
	mustAll(t, back, err)
	if !strings.Contains(back.Instances[0].Note, "back already") {
		t.Errorf("%+v", back)
	}
	// Extended while it is out, it goes on; ended, it cannot be extended.
	if e, err := d.Extend(t.Context(), p, r, time.Minute, "k3"); err != nil || e.Instances[0].OK {
		t.Errorf("%+v, %v", e, err)
	}
	p = mustPlan(t, d, lasting(change(gateway.CapSet, "3", "workload", "batch"), 2*time.Second))
	r, err = d.Apply(t.Context(), p, "k4")
	mustAll(t, r, err)
	e, err := d.Extend(t.Context(), p, r, time.Hour, "k5")
	mustAll(t, e, err)
	s, err := d.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range s.Instances[0].Controls {
		if c.ID == p.Instances[0].Control && (string(c.Value) != "3" || c.ExpiresAt == nil || !c.ExpiresAt.Equal(*e.ExpiresAt)) {
			t.Errorf("%+v, the receipt says %v", c, e.ExpiresAt)
		}
	}
	// Another lever over it: its undo gives back what was there, with the time that was left.
	q := mustPlan(t, d, change(gateway.CapSet, "1", "workload", "batch"))
	if until := q.Instances[0].BeforeUntil; until == nil || !until.Equal(*e.ExpiresAt) || !strings.Contains(q.Undo.Calls[0].Body, ":3") {
		t.Errorf("%+v", q)
	}
	rq, err := d.Apply(t.Context(), q, "k6")
	mustAll(t, rq, err)
	back, err = d.Revert(t.Context(), q, rq, "k7")
	mustAll(t, back, err)
	if now := w.mapControls(t, d); !strings.Contains(now, "signalbox-cap-workload.map batch {gateway=edge workload=batch} 3") && !strings.Contains(now, " 3 of null until") {
		t.Error(now)
	}
	t.Run("a restart ends it", func(t *testing.T) {
		w.kill()
		w.start(t)
		s, err := d.Read(t.Context())
		if err != nil || strings.Contains(w.mapControls(t, d), " 3 of null") || !strings.Contains(strings.Join(s.Instances[0].Notes, ""), "was reloaded") {
			t.Errorf("%+v, %v", s.Instances[0].Notes, err)
		}
	})
}

func TestMapRefusals(t *testing.T) {
	w := startMaps(t)
	d := w.mapDriver()
	for name, tc := range map[string]struct {
		c    gateway.Change
		says string
	}{
		"a workload of nobody":   {change(gateway.WorkloadPause, "", "workload", "night"), "workload=batch"},
		"a hostile key":          {change(gateway.WorkloadPause, "", "workload", "batch 1:1\nset map x"), "workload=batch"},
		"too wide":               {change(gateway.WorkloadPause, ""), "hits exactly"},
		"narrower than the map":  {change(gateway.ShedSet, "5", "workload", "batch", "region", "eu"), "hits exactly"},
		"a backend of nobody":    {change(gateway.RouteForce, `"nope"`, "model", "gpt-4o"), "gpt-4o-mini"},
		"a backend that is none": {change(gateway.RouteForce, `"st_model"`, "model", "gpt-4o"), "has no backend st_model"},
		"no name":                {change(gateway.RouteForce, `"a b"`, "model", "gpt-4o"), "name of a backend"},
		"minus one":              {change(gateway.CapSet, "-1", "model", "gpt-4o"), "whole number"},
		"101 percent":            {change(gateway.ShedSet, "101", "workload", "batch"), "percentage"},
		"for ever":               {lasting(change(gateway.WorkloadPause, "", "workload", "batch"), 40*24*time.Hour), "deadline"},
		"at once":                {lasting(change(gateway.WorkloadPause, "", "workload", "batch"), time.Millisecond), "deadline"},
		"as it is":               {change(gateway.WorkloadResume, "", "workload", "batch"), "nothing to change"},
		"a model of no map":      {change(gateway.CapSet, "4", "model", "llama"), "refused"},
	} {
		if p, err := d.Plan(t.Context(), tc.c, time.Now()); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	// A plan whose command was altered is not sent, nor one that is altered in a journal and reverted.
	p := mustPlan(t, d, change(gateway.WorkloadPause, "", "workload", "batch"))
	p.Undo.Calls[0].Body = "set map " + filepath.Join(w.dir, "models.map") + " gpt-4o elsewhere"
	if _, err := d.Revert(t.Context(), p, gateway.Receipt{}, "k"); err == nil || !strings.Contains(err.Error(), "does not fit") {
		t.Errorf("%v", err)
	}
	// What somebody writes by hand that is no lever is told.
	file := filepath.Join(w.dir, "signalbox-refuse-workload.map")
	if err := d.peers[0].write(t.Context(), "set map "+file+" batch paused"); err != nil {
		t.Fatal(err)
	}
	if s, err := d.Read(t.Context()); err != nil || !strings.Contains(strings.Join(s.Instances[0].Notes, ""), "has no effect") {
		t.Errorf("%+v, %v", s.Instances[0].Notes, err)
	}
	if status, _ := w.ask("batch", "gpt-4o"); status != 200 {
		t.Errorf("it has an effect: %d", status)
	}
}

// FuzzMap reads what `show map` could answer; what it takes for a lever it can set again.
func FuzzMap(f *testing.F) {
	f.Add("0x5636 batch 1795307172:100\n0x5637 night 0:0\n\n")
	f.Add("0x1 batch 1795307172:007\n")
	f.Add("x a\x1b[1m 99999999999999:1\n0 b 5:-1\n1 c :\n")
	f.Fuzz(func(t *testing.T, text string) {
		p := process{clock: time.Unix(1_700_000_000, 0)}
		for _, k := range mapKinds {
			p.addMap(k, "a/"+k.name, text)
		}
		for _, e := range p.maps {
			if e.out() && !fitsMap(mapCommand(e.file, e.key, mapText(e.until, e.value())), e.id(), e.value()) {
				t.Fatalf("%+v reads %s, and cannot be set so", e, e.value())
			}
			if _, err := gateway.Canonical(e.value()); err != nil {
				t.Fatalf("%+v: %v", e, err)
			}
		}
	})
}
