package envoy

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"signalbox/internal/component"
	"signalbox/internal/gateway"
	"signalbox/internal/gateway/envoy/source"
	"signalbox/internal/traffic"
)

// TestMain is also the process that serves a runtime, for the tests to kill.
func TestMain(m *testing.M) {
	addr, file, ok := strings.Cut(os.Getenv("SIGNALBOX_TEST_RUNTIME"), " ")
	if !ok {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	src, err := source.Open(file, time.Now)
	if err == nil {
		var l net.Listener
		if l, err = new(net.ListenConfig).Listen(ctx, "tcp", addr); err == nil {
			err = src.Serve(ctx, l)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serving is a process that serves a runtime.
type serving struct {
	t          *testing.T
	addr, file string
	cmd        *exec.Cmd
}

func (s *serving) start() {
	s.t.Helper()
	s.cmd = exec.Command(os.Args[0])
	s.cmd.Env = append(os.Environ(), "SIGNALBOX_TEST_RUNTIME="+s.addr+" "+s.file)
	s.cmd.Stderr = os.Stderr
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(s.kill)
}

func (s *serving) kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

func startServing(t *testing.T, addr string) *serving {
	s := &serving{t: t, addr: addr, file: filepath.Join(t.TempDir(), "runtime.json")}
	s.start()
	return s
}

// connected waits until all layers of so many Envoys are connected.
func (e *edge) connected(d *Driver, nodes int) {
	e.t.Helper()
	e.eventually("all layers are connected", func() bool {
		st, err := d.source.status(e.t.Context())
		return err == nil && len(st.Nodes) == 3*nodes
	})
}

// value is what a control of an instance reads, and until when.
func (e *edge) value(d *Driver, instance, id string) (string, *time.Time) {
	e.t.Helper()
	s, err := d.Read(e.t.Context())
	if err != nil {
		e.t.Fatal(err)
	}
	for _, i := range s.Instances {
		for _, c := range i.Controls {
			if i.Name == instance && c.ID == id {
				return string(c.Value), c.ExpiresAt
			}
		}
	}
	return "none", nil
}

// TestRealEnvoySourced throws every lever through a runtime source, and sees Envoy get it again after a restart.
func TestRealEnvoySourced(t *testing.T) {
	t.Parallel()
	component.Envoy(t)
	addr := component.FreeAddress(t)
	startServing(t, addr)
	e := startEdgeOf(t, "edge-1", addr)
	e.sourced = true
	d := e.driver()
	e.connected(d, 1)
	before := e.controls(d)
	e.eachLever(t, d)
	t.Run("after a restart Envoy has it again", func(t *testing.T) {
		undo := e.throw(d, gateway.CapSet, "5", traffic.Scope{"deployment": "gpt4o_azure_eu", "workload": "batch"})
		with := e.controls(d)
		e.stop()
		e.run()
		e.eventually("the cap is back", func() bool { return e.controls(d) == with })
		undo()
		if after := e.controls(d); after != before {
			t.Errorf("after the undo:\n%s\nwant\n%s", after, before)
		}
	})
	t.Run("another layer over ours", func(t *testing.T) {
		if err := e.driver().peers[0].modify(t.Context(), "signalbox.pause.batch", "7"); err != nil {
			t.Fatal(err)
		}
		_, err := d.Plan(t.Context(), gateway.Change{Verb: gateway.WorkloadPause, Scope: traffic.Scope{"workload": "batch"}, TTL: time.Minute, Reason: "test"}, time.Now())
		if err == nil || !strings.Contains(err.Error(), "decided by layer admin") {
			t.Errorf("%v", err)
		}
	})
}

// TestEnvoyEndsLevers: the process that served the levers is killed, and each Envoy ends each lever at its own deadline.
func TestEnvoyEndsLevers(t *testing.T) {
	t.Parallel()
	component.Envoy(t)
	const capKey, pauseKey = "circuit_breakers.gpt4o_azure_eu.default.max_requests", "signalbox.pause.batch"
	addr := component.FreeAddress(t)
	server := startServing(t, addr)
	e, f := startEdgeOf(t, "edge-1", addr), startEdgeOf(t, "edge-2", addr)
	d := New(Options{Gateway: "edge", Env: "staging", Timeout: 10 * time.Second, Source: "http://" + addr, Instances: []Instance{
		{Name: "edge-1", URL: "http://" + e.admin}, {Name: "edge-2", URL: "http://" + f.admin},
	}})
	e.connected(d, 2)
	throw := func(verb gateway.Verb, value string, ttl time.Duration, scope traffic.Scope) (gateway.Plan, gateway.Receipt) {
		t.Helper()
		p, err := d.Plan(t.Context(), gateway.Change{Verb: verb, Scope: scope, Value: gateway.Value(value), TTL: ttl, Reason: "test", Actor: "ana"}, time.Now())
		if err != nil || p.Deadline.Holder != gateway.HeldByGateway || len(p.Calls) != 2 {
			t.Fatalf("%v %+v", err, p)
		}
		rec, err := d.Apply(t.Context(), p, "k")
		if ok, _, all := rec.Accepted(); err != nil || ok != all || rec.ExpiresAt == nil {
			t.Fatalf("%v %+v", err, rec)
		}
		return p, rec
	}
	pause, pauseRec := throw(gateway.WorkloadPause, "", 5*time.Minute, traffic.Scope{"workload": "batch"})
	if _, until := e.value(d, "edge-2", pauseKey); until == nil || !until.Equal(*pauseRec.ExpiresAt) {
		t.Errorf("it ends at %v, the receipt says %v", until, pauseRec.ExpiresAt)
	}
	capPlan, capRec := throw(gateway.CapSet, "3", 6*time.Second, traffic.Scope{"deployment": "gpt4o_azure_eu", "workload": "batch"})
	server.kill()
	both := func(key, want string) bool {
		a, _ := e.value(d, "edge-1", key)
		b, _ := e.value(d, "edge-2", key)
		return a == want && b == want
	}
	if time.Until(*capRec.ExpiresAt) > time.Second && !both(capKey, "3") {
		t.Error("the cap ended with the process that served it")
	}
	e.eventually("Envoy itself ends the cap", func() bool { return both(capKey, "200") })
	if early := time.Until(*capRec.ExpiresAt); early > time.Second {
		t.Errorf("it ended %s early", early)
	}
	if !both(pauseKey, "100") || e.ask(5, "batch")()[503] != 5 || f.ask(5, "batch")()[503] != 5 {
		t.Error("the pause ended with the cap, though it has a deadline of its own")
	}
	// Nobody serves: an undo cannot be told, and says so; a state is still read, with a note.
	if back, err := d.Revert(t.Context(), pause, pauseRec, "k2"); err != nil || back.Instances[0].OK || !strings.Contains(back.Instances[0].Err, "serve-envoy") {
		t.Errorf("%v %+v", err, back)
	}
	if s, err := d.Read(t.Context()); err != nil || !s.Instances[0].Reachable || !strings.Contains(strings.Join(s.Instances[0].Notes, ""), "serve-envoy") {
		t.Errorf("%v %+v", err, s.Instances[0].Notes)
	}
	server.start() // knows from its file what is out, so the Envoys that come back keep it
	e.connected(d, 2)
	if !both(pauseKey, "100") {
		t.Error("the new process ended the pause")
	}
	more, err := d.Extend(t.Context(), pause, pauseRec, 10*time.Minute, "k3")
	if ok, _, all := more.Accepted(); err != nil || ok != all || !more.ExpiresAt.After(*pauseRec.ExpiresAt) {
		t.Errorf("%v %+v", err, more)
	}
	if back, err := d.Revert(t.Context(), capPlan, capRec, "k4"); err != nil || !strings.Contains(back.Instances[0].Note, "back already") {
		t.Errorf("%v %+v", err, back)
	}
	back, err := d.Revert(t.Context(), pause, more, "k5")
	if ok, _, all := back.Accepted(); err != nil || ok != all || !both(pauseKey, "0") {
		t.Errorf("%v %+v", err, back)
	}
	t.Run("an Envoy that is not connected", func(t *testing.T) { unconnected(t, d, f) })
}

// unconnected: what no Envoy follows is taken back at the source, or it would come into force later.
func unconnected(t *testing.T, d *Driver, f *edge) {
	alone := New(Options{Gateway: "edge", Timeout: 10 * time.Second, Source: d.opts.Source, Instances: []Instance{{Name: "edge-2", URL: "http://" + f.admin}}})
	c := gateway.Change{Verb: gateway.CapSet, Scope: traffic.Scope{"deployment": "gpt4o_azure_eu", "workload": "batch"}, Value: gateway.Value("4"), TTL: time.Minute, Reason: "test"}
	p, err := alone.Plan(t.Context(), c, time.Now())
	if err != nil || !strings.Contains(strings.Join(p.Caveats, "\n"), "edge-1") {
		t.Fatalf("%v %v", err, p.Caveats)
	}
	f.source = component.FreeAddress(t) // another bootstrap: it looks elsewhere
	text, err := os.ReadFile(filepath.Join(f.dir, "envoy.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(f.source)
	_, old, _ := net.SplitHostPort(strings.TrimPrefix(d.opts.Source, "http://"))
	if err := os.WriteFile(filepath.Join(f.dir, "envoy.yaml"), []byte(strings.ReplaceAll(string(text), "port_value: "+old, "port_value: "+port)), 0o600); err != nil {
		t.Fatal(err)
	}
	f.stop()
	f.run()
	rec, err := alone.Apply(t.Context(), p, "k6")
	if err != nil || rec.Instances[0].OK || !strings.Contains(rec.Instances[0].Err, "taken back at the source") {
		t.Errorf("%v %+v", err, rec)
	}
	if st, err := alone.source.status(t.Context()); err != nil || len(st.Entries) != 0 {
		t.Errorf("%v %+v", err, st)
	}
	if _, err := alone.Plan(t.Context(), c, time.Now()); err == nil || !strings.Contains(err.Error(), "not connected to the runtime source") {
		t.Errorf("%v", err)
	}
}
