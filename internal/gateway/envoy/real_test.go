package envoy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"signalbox/internal/component"
	"signalbox/internal/gateway"
	"signalbox/internal/traffic"
)

// provider is one region: it holds what is asked of it until it is let go, and counts.
type provider struct {
	*httptest.Server
	mu            sync.Mutex
	running, most int
	seen          int
	status        int
	hold          chan struct{} // nil: answers at once
}

func newProvider(t *testing.T) *provider {
	p := &provider{status: http.StatusOK}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		p.mu.Lock()
		p.seen++
		p.running++
		p.most = max(p.most, p.running)
		hold, status := p.hold, p.status
		p.mu.Unlock()
		if hold != nil {
			select {
			case <-hold:
			case <-r.Context().Done():
			}
		}
		p.mu.Lock()
		p.running--
		p.mu.Unlock()
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"choices":[]}`)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *provider) set(status int, hold chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status, p.hold, p.seen, p.most = status, hold, 0, 0
}

func (p *provider) counts() (seen, running, most int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen, p.running, p.most
}

// edge is a real Envoy with the configuration of examples/envoy.
type edge struct {
	t           *testing.T
	dir, binary string
	front       string
	admin       string
	eu, us      *provider
	client      *http.Client
	stop        func()
	source      string // where its bootstrap looks for a runtime source
	sourced     bool   // the driver uses it
}

func startEdge(t *testing.T) *edge { return startEdgeOf(t, "edge-1", component.FreeAddress(t)) }

func startEdgeOf(t *testing.T, node, source string) *edge {
	t.Helper()
	e := &edge{t: t, source: source, dir: t.TempDir(), binary: component.Envoy(t), eu: newProvider(t), us: newProvider(t)}
	e.front, e.admin = component.FreeAddress(t), component.FreeAddress(t)
	text, err := os.ReadFile("../../../examples/envoy/envoy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	port := func(addr string) string { return "port_value: " + addr[strings.LastIndexByte(addr, ':')+1:] }
	config := strings.NewReplacer("port_value: 10000", port(e.front), "id: edge-1", "id: "+node, "port_value: 17950", port(e.source), "port_value: 9901", port(e.admin), "port_value: 9101", port(e.eu.URL), "port_value: 9102", port(e.us.URL)).Replace(string(text))
	if err := os.WriteFile(filepath.Join(e.dir, "envoy.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(e.dir, "run"), 0o700); err != nil {
		t.Fatal(err)
	}
	e.client = &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
	t.Cleanup(e.client.CloseIdleConnections)
	e.run()
	return e
}

// run starts Envoy; it is stopped by stop, at the latest when the test ends.
func (e *edge) run() {
	e.t.Helper()
	var said bytes.Buffer
	cmd := exec.Command(e.binary, "-c", "envoy.yaml", "--use-dynamic-base-id", "--concurrency", "2", "-l", "warn")
	cmd.Dir, cmd.Stdout, cmd.Stderr = e.dir, &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		e.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { // ends with the process, which stop kills
		_ = cmd.Wait()
		close(ended)
	}()
	var once sync.Once
	e.stop = func() {
		once.Do(func() {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			<-ended
		})
	}
	e.t.Cleanup(func() {
		e.stop()
		if e.t.Failed() {
			e.t.Logf("Envoy said:\n%s", said.String())
		}
	})
	e.eventually("Envoy answers", func() bool {
		resp, err := e.client.Get("http://" + e.admin + "/ready")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		c, err := net.Dial("tcp", e.front)
		if err == nil {
			_ = c.Close()
		}
		return err == nil && resp.StatusCode == http.StatusOK
	})
}

func (e *edge) eventually(what string, is func() bool) {
	e.t.Helper()
	for until := time.Now().Add(time.Minute); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(until) {
			e.t.Fatalf("still not so after 30 s: %s", what)
		}
	}
}

// ask sends requests side by side and gives how often each status came, when all have come.
func (e *edge) ask(n int, workload string) func() map[int]int {
	var mu sync.Mutex
	got := make(map[int]int)
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			req, err := http.NewRequest(http.MethodPost, "http://"+e.front+"/v1/chat/completions", strings.NewReader(`{"model":"gpt-4o"}`))
			if err != nil {
				e.t.Error(err)
				return
			}
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("X-Workload", workload)
			resp, err := e.client.Do(req)
			if err != nil {
				e.t.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			mu.Lock()
			got[resp.StatusCode]++
			mu.Unlock()
		})
	}
	return func() map[int]int { wg.Wait(); return got }
}

func (e *edge) driver() *Driver {
	o := Options{Gateway: "edge", Env: "staging", Instances: []Instance{{Name: "edge-1", URL: "http://" + e.admin}}, Timeout: 10 * time.Second}
	if e.sourced {
		o.Source = "http://" + e.source
	}
	return New(o)
}

// throw plans and applies, and gives what takes it back.
func (e *edge) throw(d *Driver, verb gateway.Verb, value string, scope traffic.Scope) (undo func()) {
	e.t.Helper()
	p, err := d.Plan(e.t.Context(), gateway.Change{Verb: verb, Scope: scope, Value: gateway.Value(value), TTL: time.Minute, Reason: "test"}, time.Now())
	if err != nil {
		e.t.Fatal(err)
	}
	rec, err := d.Apply(e.t.Context(), p, "k")
	if ok, _, all := rec.Accepted(); err != nil || ok != all {
		e.t.Fatalf("%s: %v %+v", verb, err, rec)
	}
	b, err := json.Marshal(p) // as another process reads it from the journal
	if err != nil {
		e.t.Fatal(err)
	}
	return func() {
		e.t.Helper()
		var q gateway.Plan
		if err := json.Unmarshal(b, &q); err != nil {
			e.t.Fatal(err)
		}
		back, err := e.driver().Revert(e.t.Context(), q, rec, "k2")
		if ok, _, all := back.Accepted(); err != nil || ok != all {
			e.t.Errorf("undo of %s: %v %+v", verb, err, back)
		}
	}
}

// TestRealEnvoy throws every lever on a real Envoy under requests, sees it obeyed by what reaches the providers, and
// takes it back.
func TestRealEnvoy(t *testing.T) {
	t.Parallel()
	e := startEdge(t)
	d := e.driver()
	before := e.controls(d)
	e.eachLever(t, d)
	t.Run("a restart forgets", func(t *testing.T) {
		undo := e.throw(d, gateway.CapSet, "5", traffic.Scope{"deployment": "gpt4o_azure_eu", "workload": "batch"})
		e.stop()
		e.run()
		if after := e.controls(d); after != before {
			t.Errorf("after a restart:\n%s\nwant\n%s", after, before)
		}
		undo() // finds it back already
	})
}

func (e *edge) eachLever(t *testing.T, d *Driver) {
	before := e.controls(d)
	for _, sub := range []struct {
		name string
		test func(*edge, *testing.T, *Driver)
	}{
		{"cap", (*edge).testCap},
		{"drain", (*edge).testDrain},
		{"pause and shed", (*edge).testPause},
		{"force", (*edge).testForce},
		{"retries off", (*edge).testRetries},
	} {
		t.Run(sub.name, func(t *testing.T) {
			e.eu.set(http.StatusOK, nil)
			e.us.set(http.StatusOK, nil)
			sub.test(e, t, d)
			if after := e.controls(d); after != before {
				t.Errorf("not all was taken back:\n%s\nwant\n%s", after, before)
			}
		})
	}
}

func (e *edge) controls(d *Driver) string {
	e.t.Helper()
	s, err := d.Read(e.t.Context())
	if err != nil || !s.Instances[0].Reachable {
		e.t.Fatalf("%v %+v", err, s)
	}
	var b strings.Builder
	for _, c := range s.Instances[0].Controls {
		fmt.Fprintf(&b, "%s %s %s of %s\n", c.ID, c.Scope, c.Value, c.Base)
	}
	return b.String()
}

// testCap: at most three batch requests reach a region, the rest is refused, and other requests are not touched.
func (e *edge) testCap(t *testing.T, d *Driver) {
	undoWeight := e.throw(d, gateway.TargetOut, "", traffic.Scope{"deployment": "gpt4o_azure_us"})
	defer undoWeight()
	undo := e.throw(d, gateway.CapSet, "3", traffic.Scope{"deployment": "gpt4o_azure_eu", "workload": "batch"})
	hold := make(chan struct{})
	e.eu.set(http.StatusOK, hold)
	batch := e.ask(10, "batch")
	e.eventually("three batch requests run", func() bool { _, n, _ := e.eu.counts(); return n == 3 })
	interactive := e.ask(5, "interactive")
	e.eventually("five others run beside them", func() bool { _, n, _ := e.eu.counts(); return n == 8 })
	close(hold)
	if got := batch(); got[200] != 3 || got[503] != 7 {
		t.Errorf("batch: %v", got)
	}
	if got := interactive(); got[200] != 5 {
		t.Errorf("interactive: %v", got)
	}
	undo()
	e.eu.set(http.StatusOK, nil)
	if got := e.ask(10, "batch")(); got[200] != 10 {
		t.Errorf("after the undo: %v", got)
	}
}

func (e *edge) testDrain(t *testing.T, d *Driver) {
	undo := e.throw(d, gateway.TargetOut, "", traffic.Scope{"deployment": "gpt4o_azure_eu", "model": "gpt-4o"})
	if got := e.ask(30, "interactive")(); got[200] != 30 {
		t.Errorf("%v", got)
	}
	if eu, _, _ := e.eu.counts(); eu != 0 {
		t.Errorf("%d requests reached the drained region", eu)
	}
	_, err := d.Plan(t.Context(), gateway.Change{Verb: gateway.TargetOut, Scope: traffic.Scope{"deployment": "gpt4o_azure_us"}, TTL: time.Minute, Reason: "test"}, time.Now())
	if err == nil || !strings.Contains(err.Error(), "last target") {
		t.Errorf("the last target can be taken out: %v", err)
	}
	undo()
	e.eventually("the region is used again", func() bool {
		e.ask(10, "interactive")()
		eu, _, _ := e.eu.counts()
		return eu > 0
	})
}

func (e *edge) testPause(t *testing.T, d *Driver) {
	batch := traffic.Scope{"workload": "batch"}
	undo := e.throw(d, gateway.WorkloadPause, "", batch)
	if got := e.ask(10, "batch")(); got[503] != 10 {
		t.Errorf("paused: %v", got)
	}
	if got := e.ask(10, "interactive")(); got[200] != 10 {
		t.Errorf("interactive beside it: %v", got)
	}
	undo()
	undo = e.throw(d, gateway.ShedSet, "50", batch)
	if got := e.ask(200, "batch")(); got[503] < 50 || got[200] < 50 {
		t.Errorf("half shed: %v", got)
	}
	undo()
	if got := e.ask(10, "batch")(); got[200] != 10 {
		t.Errorf("after the undo: %v", got)
	}
}

func (e *edge) testForce(t *testing.T, d *Driver) {
	undo := e.throw(d, gateway.RouteForce, `"gpt4o_azure_us"`, traffic.Scope{"model": "gpt-4o"})
	e.ask(30, "interactive")()
	if eu, _, _ := e.eu.counts(); eu != 0 {
		t.Errorf("%d requests went elsewhere", eu)
	}
	undo()
	e.eventually("both regions are used again", func() bool {
		e.ask(10, "interactive")()
		eu, _, _ := e.eu.counts()
		return eu > 0
	})
}

func (e *edge) testRetries(t *testing.T, d *Driver) {
	undoWeight := e.throw(d, gateway.TargetOut, "", traffic.Scope{"deployment": "gpt4o_azure_us"})
	defer undoWeight()
	e.eu.set(http.StatusBadGateway, nil)
	undo := e.throw(d, gateway.RetrySet, `{"max_attempts":1}`, traffic.Scope{"deployment": "gpt4o_azure_eu"})
	e.ask(5, "interactive")()
	if n, _, _ := e.eu.counts(); n != 5 {
		t.Errorf("5 requests made %d attempts with retries off", n)
	}
	undo()
	e.eu.set(http.StatusBadGateway, nil)
	e.ask(1, "interactive")()
	if n, _, _ := e.eu.counts(); n != 3 {
		t.Errorf("one request made %d attempts with retries on, want 3", n)
	}
}
