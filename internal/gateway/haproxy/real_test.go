package haproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"signalbox/internal/component"
	"signalbox/internal/gateway"
)

// upstream is a provider behind HAProxy that can be made to hold its answers.
type upstream struct {
	*httptest.Server
	served, inside, peak atomic.Int64
	hold                 atomic.Pointer[chan struct{}]
}

func newUpstream(t *testing.T) *upstream {
	u := &upstream{}
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := u.inside.Add(1)
		defer u.inside.Add(-1)
		for old := u.peak.Load(); n > old && !u.peak.CompareAndSwap(old, n); old = u.peak.Load() {
			continue
		}
		if c := u.hold.Load(); c != nil {
			<-*c
		}
		u.served.Add(1)
		_, _ = io.WriteString(w, "ok")
	}))
	t.Cleanup(u.Close)
	return u
}

// stop makes the upstream hold answers; the function it gives lets them go.
func (u *upstream) stop() (release func()) {
	c := make(chan struct{})
	u.hold.Store(&c)
	return sync.OnceFunc(func() { u.hold.Store(nil); close(c) })
}

// realHAProxy is a running HAProxy with two servers in one backend, on sockets in a folder of its own.
type realHAProxy struct {
	dir    string
	binary string
	cmd    *exec.Cmd
	client *http.Client
}

const realConfig = `
global
  stats socket unix@%[1]s/admin.sock mode 600 level admin
  stats socket unix@%[1]s/read.sock mode 600 level operator
defaults
  mode http
  timeout connect 1s
  timeout client 10s
  timeout server 10s
  timeout queue 10s
frontend llm
  bind unix@%[1]s/front.sock
  default_backend gpt-4o
backend gpt-4o
  server azure-eu-west %[2]s maxconn 50
  server azure-us-east %[3]s maxconn 50
backend mini
  server openai %[3]s
`

func startHAProxy(t *testing.T, eu, us *upstream) *realHAProxy {
	t.Helper()
	binary := component.HAProxy(t)
	dir, err := os.MkdirTemp("", "sb") // t.TempDir can be too long for a socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	cfg := fmt.Sprintf(realConfig, dir, eu.Listener.Addr(), us.Listener.Addr())
	if err := os.WriteFile(filepath.Join(dir, "h.cfg"), []byte(cfg), 0o600); err != nil {
		t.Fatal(err)
	}
	h := &realHAProxy{dir: dir, binary: binary, client: frontOf(dir)}
	t.Cleanup(h.client.CloseIdleConnections)
	t.Cleanup(h.kill)
	h.start(t)
	return h
}

// frontOf is a client of the gateway that listens in a folder.
func frontOf(dir string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: 100,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(dir, "front.sock"))
		},
	}}
}

func (h *realHAProxy) start(t *testing.T) {
	t.Helper()
	h.cmd = exec.Command(h.binary, "-db", "-f", filepath.Join(h.dir, "h.cfg"))
	var said strings.Builder
	h.cmd.Stdout, h.cmd.Stderr = &said, &said
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := peer{name: "h1", network: "unix", address: h.dir + "/admin.sock", dial: new(net.Dialer).DialContext, timeout: time.Second}
	eventually(t, "HAProxy answers", func() bool {
		_, err := p.ask(t.Context(), "show info")
		return err == nil
	})
}

func (h *realHAProxy) kill() {
	if h.cmd == nil || h.cmd.Process == nil {
		return
	}
	_ = h.cmd.Process.Kill()
	_ = h.cmd.Wait()
	h.cmd = nil
}

func (h *realHAProxy) driver(socket string) *Driver {
	return New(Options{Gateway: "edge", Instances: []Instance{{Name: "h1", Addr: "unix:" + filepath.Join(h.dir, socket)}}})
}

func (h *realHAProxy) get(ctx context.Context) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://llm/", nil)
	if err != nil {
		return 0, err
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// burst sends n requests at once and gives a function that waits for all and counts those that were served.
func (h *realHAProxy) burst(ctx context.Context, n int) func() int64 {
	var ok atomic.Int64
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			if status, err := h.get(ctx); err == nil && status == http.StatusOK {
				ok.Add(1)
			}
		})
	}
	return func() int64 { wg.Wait(); return ok.Load() }
}

// eventually waits for another process to get somewhere; it fails only after a time in which it must have.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatalf("waited in vain: %s", what)
}

func (h *realHAProxy) server(t *testing.T, id string) server {
	t.Helper()
	p := peer{name: "h1", network: "unix", address: h.dir + "/admin.sock", dial: new(net.Dialer).DialContext, timeout: time.Second}
	proc, err := p.process(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, ok := proc.find(id)
	if !ok {
		t.Fatalf("no server %s in %+v", id, proc)
	}
	return s
}

func TestRealHAProxy(t *testing.T) {
	euUp, usUp := newUpstream(t), newUpstream(t)
	h := startHAProxy(t, euUp, usUp)
	d := h.driver("admin.sock")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	calm, err := d.Read(ctx)
	if err != nil || len(calm.Instances[0].Controls) != 6 || len(calm.Instances[0].Notes) != 0 {
		t.Fatalf("%+v, %v", calm, err)
	}
	if c := control(t, d, 0, limitID("mini/openai")); string(c.Value) != "null" {
		t.Errorf("a server without maxconn reads %s", c.Value)
	}

	out := mustPlan(t, d, change(gateway.TargetOut, "", "deployment", "gpt-4o/azure-us-east"))
	outDone, err := d.Apply(ctx, out, "k1")
	mustAll(t, outDone, err)
	if served := h.burst(ctx, 20)(); served != 20 || usUp.served.Load() != 0 {
		t.Errorf("drained, yet us-east served %d of %d", usUp.served.Load(), served)
	}

	t.Run("a cap queues the excess", func(t *testing.T) { capQueues(ctx, t, h, d, euUp) })

	t.Run("the last server of a backend", func(t *testing.T) {
		if p := mustPlan(t, d, change(gateway.TargetOut, "", "deployment", eu)); !p.Blast.LastTarget {
			t.Errorf("unnoticed: %v", p.Caveats)
		}
	})

	back, err := d.Revert(ctx, out, outDone, "k2")
	mustAll(t, back, err)
	if served := h.burst(ctx, 40)(); served != 40 || usUp.served.Load() == 0 {
		t.Errorf("after the undo us-east served %d of %d", usUp.served.Load(), served)
	}
	now, err := d.Read(ctx)
	if err != nil || !reflect.DeepEqual(now.Instances[0].Controls, calm.Instances[0].Controls) {
		t.Errorf("after the undo:\n%+v\nbefore:\n%+v, %v", now.Instances[0].Controls, calm.Instances[0].Controls, err)
	}

	t.Run("a read-only socket", func(t *testing.T) {
		var r *gateway.Refusal
		ro := h.driver("read.sock")
		if s, err := ro.Read(ctx); err != nil || !s.Instances[0].Reachable {
			t.Errorf("reading: %+v, %v", s, err)
		}
		if _, err := ro.Plan(ctx, change(gateway.CapSet, "4", "deployment", eu), time.Now()); !errors.As(err, &r) || !strings.Contains(r.Why, "level operator") {
			t.Errorf("planning: %v", err)
		}
		if err := ro.peers[0].write(ctx, limitCommand(eu, 4)); err == nil || !strings.Contains(err.Error(), "level admin") {
			t.Errorf("writing: %v", err)
		}
	})

	t.Run("answers to what HAProxy will not do", func(t *testing.T) {
		for command, says := range map[string]string{
			"set maxconn server gpt-4o/nope 3":          "No such server",
			"set maxconn server nope/x 3":               "No such backend",
			"set server gpt-4o/azure-eu-west state odd": "expects 'ready'",
			"set the table":                             "does not know",
		} {
			if err := d.peers[0].write(ctx, command); err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%q: %v", command, err)
			}
		}
		// It takes -1 without a word; the driver never sends it, and tells it where somebody else did.
		if err := d.peers[0].write(ctx, "set maxconn server mini/openai -1"); err != nil {
			t.Errorf("-1: %v", err)
		}
		s, err := d.Read(ctx)
		if err != nil || !strings.Contains(strings.Join(s.Instances[0].Notes, ""), "somebody sent -1") {
			t.Errorf("%+v, %v", s.Instances[0].Notes, err)
		}
	})

	t.Run("a restart forgets", func(t *testing.T) {
		p := mustPlan(t, d, change(gateway.CapSet, "7", "deployment", eu))
		r, err := d.Apply(ctx, p, "k5")
		mustAll(t, r, err)
		h.kill()
		if s, err := d.Read(ctx); err != nil || s.Instances[0].Reachable || s.Instances[0].Err == "" {
			t.Errorf("down: %+v, %v", s, err)
		}
		h.start(t)
		s, err := d.Read(ctx)
		if err != nil || len(s.Instances[0].Notes) == 0 || !strings.Contains(s.Instances[0].Notes[0], "was reloaded") {
			t.Errorf("%+v, %v", s, err)
		}
		if r, err := d.Apply(ctx, p, "k6"); err != nil || r.Instances[0].OK || !strings.Contains(r.Instances[0].Err, "was reloaded") {
			t.Errorf("an old plan on a new process: %+v, %v", r, err)
		}
		back, err := d.Revert(ctx, p, r, "k7")
		mustAll(t, back, err)
		if n := h.server(t, eu).limit; n != 50 || !strings.Contains(back.Instances[0].Note, "reloaded") {
			t.Errorf("maxconn %d, %+v", n, back)
		}
	})
}

// capQueues caps a server to 2 under held traffic: 2 run, the rest waits, and all are served after the undo.
func capQueues(ctx context.Context, t *testing.T, h *realHAProxy, d *Driver, up *upstream) {
	p := mustPlan(t, d, change(gateway.CapSet, "2", "deployment", eu))
	r, err := d.Apply(ctx, p, "k3")
	mustAll(t, r, err)
	if s := h.server(t, eu); s.limit != 2 {
		t.Fatalf("HAProxy reads maxconn %d", s.limit)
	}
	up.peak.Store(0)
	release := up.stop()
	defer release()
	wait := h.burst(ctx, 8)
	eventually(t, "2 run and 6 wait", func() bool {
		s := h.server(t, eu)
		return s.inUse == 2 && s.queued == 6 || s.inUse == 2 && up.inside.Load() == 2 && h.backendQueue(t) == 6
	})
	if n := up.inside.Load(); n != 2 {
		t.Errorf("%d requests are with the provider", n)
	}
	if again := mustPlan(t, d, change(gateway.CapSet, "1", "deployment", eu)); !strings.Contains(strings.Join(again.Caveats, "\n"), "2 requests are on") {
		t.Errorf("caveats %v", again.Caveats)
	}
	back, err := d.Revert(ctx, p, r, "k4")
	mustAll(t, back, err)
	if s := h.server(t, eu); s.limit != 50 {
		t.Errorf("after the undo maxconn reads %d", s.limit)
	}
	release()
	if served := wait(); served != 8 {
		t.Errorf("%d of 8 were served after the undo", served)
	}
}

// backendQueue is what waits in the backend for any server.
func (h *realHAProxy) backendQueue(t *testing.T) int64 {
	t.Helper()
	p := peer{name: "h1", network: "unix", address: h.dir + "/admin.sock", dial: new(net.Dialer).DialContext, timeout: time.Second}
	text, err := p.ask(t.Context(), "show stat gpt-4o 2 -1")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text) {
		if f := strings.Split(line, ","); f[0] == "gpt-4o" {
			return count(f[2])
		}
	}
	return -1
}
