package nginx

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"signalbox/internal/component"
	"signalbox/internal/gateway"
	"signalbox/internal/traffic"
)

// upstream is a provider that can be made to hold its answers or to fail.
type upstream struct {
	*httptest.Server
	served, inside, peak, status atomic.Int64
	hold                         atomic.Pointer[chan struct{}]
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
		if s := u.status.Load(); s != 0 {
			w.WriteHeader(int(s))
		}
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

// realNginx is a running nginx with the example's configuration, in a folder and on ports of its own.
type realNginx struct {
	dir, binary, front, status string
	eu, us, mini               *upstream
	cmd                        *exec.Cmd
	said                       strings.Builder
	client                     *http.Client
}

func startNginx(t *testing.T) *realNginx {
	t.Helper()
	n := &realNginx{binary: component.Nginx(t), dir: t.TempDir(), eu: newUpstream(t), us: newUpstream(t), mini: newUpstream(t), front: component.FreeAddress(t), status: component.FreeAddress(t)}
	moved := strings.NewReplacer("127.0.0.1:8481", n.front, "127.0.0.1:8405", n.status, "127.0.0.1:9101", host(n.eu), "127.0.0.1:9102", host(n.us), "127.0.0.1:9103", host(n.mini))
	if err := os.Mkdir(n.path("run"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"nginx.conf", "levers.base.conf"} {
		b, err := os.ReadFile(filepath.Join("../../../examples/nginx", name))
		if err != nil {
			t.Fatal(err)
		}
		n.write(t, name, moved.Replace(string(b)))
	}
	n.write(t, "run/levers.conf", n.read(t, "levers.base.conf"))
	// On a kept connection a request can meet the close of an old worker.
	n.client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	t.Cleanup(n.kill)
	n.start(t)
	return n
}

func host(u *upstream) string { return u.Listener.Addr().String() }

func (n *realNginx) path(name string) string { return filepath.Join(n.dir, name) }

func (n *realNginx) read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(n.path(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (n *realNginx) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(n.path(name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (n *realNginx) start(t *testing.T) {
	t.Helper()
	n.cmd = exec.Command(n.binary, "-p", n.dir, "-c", "nginx.conf", "-g", "daemon off;")
	n.cmd.Stdout, n.cmd.Stderr = &n.said, &n.said
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := n.driver().peers[0]
	eventually(t, "nginx answers", func() bool {
		_, err := p.generation(t.Context())
		return err == nil
	})
}

// kill ends nginx with its workers.
func (n *realNginx) kill() {
	if n.cmd == nil {
		return
	}
	_ = syscall.Kill(-n.cmd.Process.Pid, syscall.SIGKILL)
	_ = n.cmd.Wait()
	n.cmd = nil
}

func (n *realNginx) driver(change ...func(*Options)) *Driver {
	o := Options{
		Gateway: "edge", Env: "production", Instances: []Instance{{Name: "n1", Status: "http://" + n.status + "/signalbox"}},
		File: "run/levers.conf", Base: "levers.base.conf", Dir: n.dir,
		Test: []string{n.binary, "-p", n.dir, "-c", "nginx.conf", "-t"}, Reload: []string{n.binary, "-p", n.dir, "-c", "nginx.conf", "-s", "reload"},
	}
	for _, f := range change {
		f(&o)
	}
	return New(o)
}

// ask sends one request of a workload for a model.
func (n *realNginx) ask(workload, model string) (int, http.Header) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+n.front+"/v1/chat/completions", strings.NewReader("{}"))
	if err != nil {
		return 0, nil
	}
	req.Header.Set("X-Workload", workload)
	req.Header.Set("X-Model", model)
	resp, err := n.client.Do(req)
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return 0, nil
	}
	return resp.StatusCode, resp.Header
}

// burst sends n requests at once; the function it gives waits for all, and counts them by status.
func (n *realNginx) burst(many int, workload, model string) func() map[int]int {
	var mu sync.Mutex
	got := make(map[int]int)
	var wg sync.WaitGroup
	for range many {
		wg.Go(func() {
			status, _ := n.ask(workload, model)
			mu.Lock()
			got[status]++
			mu.Unlock()
		})
	}
	return func() map[int]int { wg.Wait(); return got }
}

// traffic keeps interactive requests going; the function it gives ends them, and tells what they got.
func (n *realNginx) traffic(model string) func() map[int]int {
	var ended atomic.Bool
	got := make(chan map[int]int)
	for range 3 {
		go func() {
			mine := make(map[int]int)
			for !ended.Load() {
				status, _ := n.ask("interactive", model)
				mine[status]++
				time.Sleep(2 * time.Millisecond) // some traffic, not all that the machine can do
			}
			got <- mine
		}()
	}
	return func() map[int]int {
		ended.Store(true)
		all := make(map[int]int)
		for range 3 {
			for status, k := range <-got {
				all[status] += k
			}
		}
		return all
	}
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

func change(v gateway.Verb, value string, scope ...string) gateway.Change {
	c := gateway.Change{Verb: v, Scope: traffic.Scope{"gateway": "edge"}, TTL: time.Minute, Reason: "test", Actor: "ana"}
	if value != "" {
		c.Value = gateway.Value(value)
	}
	for i := 0; i < len(scope); i += 2 {
		c.Scope[scope[i]] = scope[i+1]
	}
	return c
}

func mustPlan(t *testing.T, d *Driver, c gateway.Change) gateway.Plan {
	t.Helper()
	p, err := d.Plan(t.Context(), c, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func mustApply(t *testing.T, d *Driver, p gateway.Plan) gateway.Receipt {
	t.Helper()
	r, err := d.Apply(t.Context(), p, "k")
	if err != nil || len(r.Instances) == 0 || slices.ContainsFunc(r.Instances, func(i gateway.InstanceReceipt) bool { return !i.OK }) {
		t.Fatalf("%+v, %v", r, err)
	}
	return r
}

func mustRevert(t *testing.T, d *Driver, p gateway.Plan, r gateway.Receipt) {
	t.Helper()
	back, err := d.Revert(t.Context(), p, r, "k")
	if err != nil || slices.ContainsFunc(back.Instances, func(i gateway.InstanceReceipt) bool { return !i.OK }) {
		t.Fatalf("%+v, %v", back, err)
	}
}

func controls(t *testing.T, d *Driver) []gateway.Control {
	t.Helper()
	s, err := d.Read(t.Context())
	if err != nil || !s.Instances[0].Reachable {
		t.Fatalf("%+v, %v", s, err)
	}
	for i := range s.Instances[0].Controls {
		s.Instances[0].Controls[i].Version = ""
	}
	return s.Instances[0].Controls
}

// Each lever is thrown and taken back while other requests come and go; none of those may fail by a reload.
func TestEachLeverOnARealNginx(t *testing.T) {
	n := startNginx(t)
	d := n.driver()
	calm := controls(t, d)
	for name, tc := range map[string]struct {
		c      gateway.Change
		excess gateway.Excess
		proof  func(t *testing.T)
	}{
		"target.out":   {change(gateway.TargetOut, "", "deployment", "gpt-4o/"+host(n.eu)), "", n.proveOut},
		"cap.set":      {change(gateway.CapSet, "2", "deployment", "gpt-4o/"+host(n.eu)), gateway.ExcessOverflow, n.proveCap},
		"cap of batch": {change(gateway.CapSet, "2", "workload", "batch"), gateway.ExcessRejected, n.proveBatchCap},
		"pause":        {change(gateway.WorkloadPause, "", "workload", "batch"), gateway.ExcessRejected, n.provePause},
		"shed":         {change(gateway.ShedSet, "30", "workload", "batch"), gateway.ExcessRejected, n.proveShed},
		"force":        {change(gateway.RouteForce, `"gpt-4o-mini"`, "model", "gpt-4o"), "", n.proveForce},
		"retry":        {change(gateway.RetrySet, `{"max_attempts":1}`), "", n.proveRetry},
	} {
		t.Run(name, func(t *testing.T) {
			end := n.traffic("gpt-4o-mini")
			p := mustPlan(t, d, tc.c)
			if p.Excess != tc.excess || p.Deadline.Holder != gateway.HeldByConsole || !strings.Contains(strings.Join(p.Caveats, "\n"), "NOT self-reverting") {
				t.Errorf("%+v", p)
			}
			r := mustApply(t, d, p)
			tc.proof(t)
			mustRevert(t, d, p, r)
			if got := end(); len(got) != 1 || got[http.StatusOK] == 0 {
				t.Errorf("requests beside it got %v", got)
			}
			if now := controls(t, d); !reflect.DeepEqual(now, calm) {
				t.Errorf("after the undo:\n%+v\nbefore:\n%+v", now, calm)
			}
			if got := n.burst(20, "batch", "gpt-4o")(); got[http.StatusOK] != 20 {
				t.Errorf("after the undo %v", got)
			}
		})
	}
}

func (n *realNginx) proveOut(t *testing.T) {
	before := n.eu.served.Load()
	if got := n.burst(30, "interactive", "gpt-4o")(); got[200] != 30 || n.eu.served.Load() != before {
		t.Errorf("out, yet it served %d; %v", n.eu.served.Load()-before, got)
	}
}

func (n *realNginx) proveCap(t *testing.T) {
	n.eu.peak.Store(0)
	n.us.peak.Store(0)
	letEU, letUS := n.eu.stop(), n.us.stop()
	defer letEU()
	defer letUS()
	wait := n.burst(12, "interactive", "gpt-4o")
	eventually(t, "2 run in eu and the rest in us", func() bool { return n.eu.inside.Load() == 2 && n.us.inside.Load() == 10 })
	letEU()
	letUS()
	if got := wait(); got[200] != 12 || n.eu.peak.Load() != 2 {
		t.Errorf("%v, %d at once in eu", got, n.eu.peak.Load())
	}
}

func (n *realNginx) proveBatchCap(t *testing.T) {
	letEU, letUS := n.eu.stop(), n.us.stop()
	defer letEU()
	defer letUS()
	batch := n.burst(9, "batch", "gpt-4o")
	others := n.burst(6, "interactive", "gpt-4o")
	eventually(t, "2 of batch and 6 others run", func() bool { return n.eu.inside.Load()+n.us.inside.Load() == 8 })
	letEU()
	letUS()
	if got := batch(); got[429] != 7 || got[200] != 2 {
		t.Errorf("batch %v", got)
	}
	if got := others(); got[200] != 6 {
		t.Errorf("others %v", got)
	}
}

func (n *realNginx) provePause(t *testing.T) {
	status, head := n.ask("batch", "gpt-4o")
	if status != 503 || head.Get("Retry-After") != "30" {
		t.Errorf("%d, Retry-After %q", status, head.Get("Retry-After"))
	}
	if got := n.burst(20, "batch", "gpt-4o")(); got[503] != 20 {
		t.Errorf("batch %v", got)
	}
	if got := n.burst(20, "interactive", "gpt-4o")(); got[200] != 20 {
		t.Errorf("interactive %v", got)
	}
}

func (n *realNginx) proveShed(t *testing.T) {
	got := make(map[int]int)
	for range 10 { // at once they would be over the servers' caps
		for status, k := range n.burst(30, "batch", "gpt-4o")() {
			got[status] += k
		}
	}
	if got[503] < 40 || got[503] > 150 || got[200]+got[503] != 300 { // 90 of 300, with 6 deviations to each side
		t.Errorf("%v", got)
	}
}

func (n *realNginx) proveForce(t *testing.T) {
	before, eu, us := n.mini.served.Load(), n.eu.served.Load(), n.us.served.Load()
	got := n.burst(20, "interactive", "gpt-4o")()
	if got[200] != 20 || n.mini.served.Load() < before+20 || n.eu.served.Load() != eu || n.us.served.Load() != us {
		t.Errorf("%v; mini served %d", got, n.mini.served.Load()-before)
	}
}

func (n *realNginx) proveRetry(t *testing.T) {
	n.eu.status.Store(503)
	defer n.eu.status.Store(0)
	if got := n.burst(10, "interactive", "gpt-4o")(); got[503] == 0 {
		t.Errorf("one attempt, yet nobody saw the failure: %v", got)
	}
}

// Scopes of the inventory are those of servers: a region is its servers, of both upstreams.
func TestScopes(t *testing.T) {
	n := startNginx(t)
	us := []string{"gpt-4o/" + host(n.us), "gpt-4o-mini/" + host(n.us)}
	d := n.driver(func(o *Options) {
		o.Resolve = func(s traffic.Scope) []string {
			if s["region"] == "us-east" && s["model"] == "" {
				return us
			}
			return nil
		}
	})
	p := mustPlan(t, d, change(gateway.TargetOut, "", "region", "us-east"))
	if len(p.Calls) != 2 || p.Blast.LastTarget {
		t.Errorf("%+v", p)
	}
	r := mustApply(t, d, p)
	if !strings.Contains(n.read(t, "run/levers.conf"), host(n.us)+" max_conns=50 down;") {
		t.Error(n.read(t, "run/levers.conf"))
	}
	last := mustPlan(t, d, change(gateway.TargetOut, "", "deployment", "gpt-4o/"+host(n.eu)))
	if !last.Blast.LastTarget || !strings.Contains(strings.Join(last.Caveats, "\n"), "nothing is left to serve upstream gpt-4o") {
		t.Errorf("%+v", last)
	}
	mustRevert(t, d, p, r)
	for name, c := range map[string]gateway.Change{
		"nothing of that name":  change(gateway.TargetOut, "", "deployment", "gpt-4o/1.2.3.4:5"),
		"a workload of nobody":  change(gateway.WorkloadPause, "", "workload", "interactive"),
		"too wide":              change(gateway.TargetOut, ""),
		"half of a server":      change(gateway.CapSet, "4", "deployment", us[0], "workload", "batch"),
		"no upstream":           change(gateway.RouteForce, `"nope"`, "model", "gpt-4o"),
		"not a name":            change(gateway.RouteForce, `"a; return 200"`, "model", "gpt-4o"),
		"minus one":             change(gateway.CapSet, "-1", "deployment", us[0]),
		"over what nginx takes": change(gateway.CapSet, "70000", "workload", "batch"),
		"101 percent":           change(gateway.ShedSet, "101", "workload", "batch"),
		"a timeout":             change(gateway.RetrySet, `{"max_attempts":2,"timeout":"3s"}`),
		"no fallback":           change(gateway.FallbackOn, "", "model", "gpt-4o"),
		"as it is":              change(gateway.TargetIn, "", "deployment", us[0]),
		"another gateway":       change(gateway.TargetOut, "", "gateway", "other", "deployment", us[0]),
	} {
		if p, err := d.Plan(t.Context(), c, time.Now()); err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

// The words of the plan, typed by hand, do what they say.
func TestCallsByHand(t *testing.T) {
	n := startNginx(t)
	d := n.driver()
	p := mustPlan(t, d, change(gateway.TargetOut, "", "deployment", "gpt-4o/"+host(n.eu)))
	for _, c := range []gateway.Call{p.Calls[0], p.Undo.Calls[0]} {
		cmd := exec.Command("sh", "-c", c.Text)
		cmd.Dir = n.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", c.Text, err, out)
		}
		if down := strings.Contains(n.read(t, "run/levers.conf"), host(n.eu)+" max_conns=50 down;"); down != (c.Text == p.Calls[0].Text) {
			t.Errorf("%s gave\n%s", c.Text, n.read(t, "run/levers.conf"))
		}
	}
	if n.read(t, "run/levers.conf") != n.read(t, "levers.base.conf") {
		t.Error("undone by hand it is not the base")
	}
}

func TestWhatGoesWrong(t *testing.T) {
	n := startNginx(t)
	d := n.driver()
	ctx := t.Context()
	before := n.read(t, "run/levers.conf")
	out := change(gateway.TargetOut, "", "deployment", "gpt-4o/"+host(n.eu))
	apply := func(d *Driver, p gateway.Plan) gateway.InstanceReceipt {
		r, err := d.Apply(ctx, p, "k")
		if err != nil || len(r.Instances) != 1 {
			t.Fatalf("%+v, %v", r, err)
		}
		return r.Instances[0]
	}
	unchanged := func(t *testing.T, why string) {
		t.Helper()
		if got := n.read(t, "run/levers.conf"); got != before {
			t.Errorf("%s left\n%s", why, got)
		}
		if left, _ := filepath.Glob(n.path("run/*.new")); len(left) > 0 {
			t.Errorf("%s left %v", why, left)
		}
	}

	t.Run("nginx refuses", func(t *testing.T) {
		good := n.read(t, "nginx.conf")
		p := mustPlan(t, d, out)
		n.write(t, "nginx.conf", good+"\nnonsense on;\n")
		defer n.write(t, "nginx.conf", good)
		if r := apply(d, p); r.OK || r.InDoubt || !strings.Contains(r.Err, `unknown directive "nonsense"`) || !strings.Contains(r.Err, "is as it was") {
			t.Errorf("%+v", r)
		}
		unchanged(t, "a refusal")
	})
	t.Run("the reload fails", func(t *testing.T) {
		bad := n.driver(func(o *Options) { o.Reload, o.Timeout = []string{"false"}, 1500*time.Millisecond })
		if r := apply(bad, mustPlan(t, bad, out)); r.OK || r.InDoubt || !strings.Contains(r.Err, "`false` ended with 1") || !strings.Contains(r.Err, "is as it was") {
			t.Errorf("%+v", r)
		}
		unchanged(t, "a failed reload")
	})
	t.Run("the reload does nothing", func(t *testing.T) {
		bad := n.driver(func(o *Options) { o.Reload, o.Timeout = []string{"true"}, 1500*time.Millisecond })
		if r := apply(bad, mustPlan(t, bad, out)); r.OK || !strings.Contains(r.Err, "the workers still run generation 0") {
			t.Errorf("%+v", r)
		}
		unchanged(t, "a reload that does nothing")
	})
	t.Run("a command says no and did it", func(t *testing.T) {
		odd := n.driver(func(o *Options) {
			o.Reload = []string{"sh", "-c", n.binary + " -p " + n.dir + " -c nginx.conf -s reload; exit 3"}
		})
		p := mustPlan(t, odd, out)
		if r := apply(odd, p); !r.OK || !strings.Contains(r.Note, "ended with 3") {
			t.Errorf("%+v", r)
		}
		mustRevert(t, d, p, gateway.Receipt{})
	})
	t.Run("through another command", func(t *testing.T) {
		far := n.driver(func(o *Options) {
			o.Through, o.Test, o.Reload = []string{"env", "-C", n.dir}, []string{n.binary, "-p", ".", "-c", "nginx.conf", "-t"}, []string{n.binary, "-p", ".", "-c", "nginx.conf", "-s", "reload"}
		})
		p := mustPlan(t, far, out)
		mustRevert(t, far, p, mustApply(t, far, p))
	})
	t.Run("no nginx", func(t *testing.T) {
		p := mustPlan(t, d, out)
		n.kill()
		if s, err := d.Read(ctx); err != nil || s.Instances[0].Reachable || !strings.Contains(s.Instances[0].Err, "is nginx running?") {
			t.Errorf("%+v, %v", s, err)
		}
		if r := apply(d, p); r.OK || r.InDoubt || !strings.Contains(r.Err, "nothing was written") {
			t.Errorf("%+v", r)
		}
		if _, err := d.Plan(ctx, out, time.Now()); err == nil {
			t.Error("planned without nginx")
		}
		n.start(t)
	})
	t.Run("a restart keeps it", func(t *testing.T) {
		p := mustPlan(t, d, out)
		r := mustApply(t, d, p)
		n.kill()
		n.start(t)
		n.proveOut(t)
		mustRevert(t, d, p, r)
	})
}

// A console that ends between writing and reloading leaves a file that nobody runs.
func TestAnEndBetweenWritingAndReloading(t *testing.T) {
	n := startNginx(t)
	d := n.driver()
	p := mustPlan(t, d, change(gateway.TargetOut, "", "deployment", "gpt-4o/"+host(n.eu)))
	base, err := readLevers(n.read(t, "levers.base.conf"))
	if err != nil {
		t.Fatal(err)
	}
	values := base.values()
	values[p.Instances[0].Control] = downValue
	text, gen := base.next(values, "0")
	if err := d.peers[0].put(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	s, err := d.Read(t.Context())
	if err != nil || s.Instances[0].Reachable || !strings.Contains(s.Instances[0].Err, "is generation "+gen+", the workers run 0") {
		t.Errorf("%+v, %v", s, err)
	}
	if r, err := d.Apply(t.Context(), p, "k"); err != nil || r.Instances[0].OK || !strings.Contains(r.Instances[0].Err, "nothing was written") {
		t.Errorf("%+v, %v", r, err)
	}
	mustRevert(t, d, p, gateway.Receipt{})
	if c := controls(t, d); string(c[1].Value) != `"up"` {
		t.Errorf("%+v", c)
	}
	// The same within an undo: the file is back, the workers are not.
	r := mustApply(t, d, p)
	now, _ := readLevers(n.read(t, "run/levers.conf"))
	text, _ = base.next(base.values(), now.generation.text)
	if err := d.peers[0].put(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	n.proveOut(t)
	mustRevert(t, d, p, r)
	before := n.eu.served.Load()
	if got := n.burst(20, "interactive", "gpt-4o")(); got[200] != 20 || n.eu.served.Load() == before {
		t.Errorf("%v; it served %d", got, n.eu.served.Load()-before)
	}
}

func TestEditsByHand(t *testing.T) {
	n := startNginx(t)
	d := n.driver()
	p := mustPlan(t, d, change(gateway.CapSet, "4", "deployment", "gpt-4o/"+host(n.eu)))
	r := mustApply(t, d, p)
	// A number that is a lever: read, and told.
	ours := n.read(t, "run/levers.conf")
	n.write(t, "run/levers.conf", strings.Replace(ours, "max_conns=4;", "max_conns=7;", 1))
	s, err := d.Read(t.Context())
	if err != nil || string(s.Instances[0].Controls[0].Value) != "7" || !strings.Contains(strings.Join(s.Instances[0].Notes, ""), "edited by hand") {
		t.Errorf("%+v, %v", s, err)
	}
	if back, err := d.Revert(t.Context(), p, r, "k"); err != nil || back.Instances[0].OK || !strings.Contains(back.Instances[0].Err, "somebody else changed") {
		t.Errorf("%+v, %v", back, err)
	}
	// Anything else: no lever is thrown, for it would bring the edit into force or throw it away.
	n.write(t, "run/levers.conf", ours+"\nserver_tokens off;\n")
	if s, err := d.Read(t.Context()); err != nil || s.Instances[0].Reachable || !strings.Contains(s.Instances[0].Err, "in more than levers") {
		t.Errorf("%+v, %v", s, err)
	}
	n.write(t, "run/levers.conf", ours)
	n.write(t, "levers.base.conf", n.read(t, "levers.base.conf")+"\n# more\n")
	if s, err := d.Read(t.Context()); err != nil || s.Instances[0].Reachable {
		t.Errorf("%+v, %v", s, err)
	}
}

// Two consoles of one machine, at the same moment on two controls: both have to come through.
func TestTwoConsoles(t *testing.T) {
	n := startNginx(t)
	one, two := n.driver(), n.driver()
	p := mustPlan(t, one, change(gateway.CapSet, "4", "deployment", "gpt-4o/"+host(n.eu)))
	q := mustPlan(t, two, change(gateway.ShedSet, "10", "workload", "batch"))
	var wg sync.WaitGroup
	recs := make([]gateway.Receipt, 2)
	wg.Go(func() { recs[0], _ = one.Apply(t.Context(), p, "k1") })
	wg.Go(func() { recs[1], _ = two.Apply(t.Context(), q, "k2") })
	wg.Wait()
	text := n.read(t, "run/levers.conf")
	for i, r := range recs {
		// The other's file may have been there without its reload, and then nothing is written.
		if len(r.Instances) != 1 || !r.Instances[0].OK && !strings.Contains(r.Instances[0].Err, "nothing was written") {
			t.Errorf("%d: %+v", i, r)
		}
		if r.Instances[0].OK != strings.Contains(text, []string{"max_conns=4;", "10% 1;"}[i]) {
			t.Errorf("%d: %+v in\n%s", i, r, text)
		}
	}
	if s, err := one.Read(t.Context()); err != nil || !s.Instances[0].Reachable {
		t.Errorf("%+v, %v", s, err)
	}
}
