// Package envoy_test runs the example's configuration on a real Envoy.
package envoy_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"signalbox/internal/component"
)

// The inventory of signalbox.yaml has to know each cluster of envoy.yaml, and no other.
func TestInventoryKnowsEveryCluster(t *testing.T) {
	names := func(file, pattern string) (out []string) {
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(read(t, file), -1) {
			out = append(out, m[1])
		}
		return out
	}
	clusters, mapped := names("envoy.yaml", `(?m)^  - name: (gpt\S+)$`), names("signalbox.yaml", `deployment: ([^}]+)}`)
	if len(clusters) == 0 || !slices.Equal(clusters, mapped) {
		t.Errorf("clusters %v\nmapped %v", clusters, mapped)
	}
}

// edge is a running Envoy with the example's configuration, in a folder of its own.
type edge struct {
	dir, base, admin string
	client           *http.Client
	actor            *actor
}

func start(t *testing.T) *edge {
	t.Helper()
	binary := component.Envoy(t)
	e := &edge{dir: t.TempDir(), actor: &actor{seen: make(map[string]int), release: make(chan struct{})}}
	front, admin := component.FreeAddress(t), component.FreeAddress(t)
	e.base, e.admin = "http://"+front, "http://"+admin
	config := strings.NewReplacer("port_value: 10000", portOf(front), "port_value: 17950", portOf(component.FreeAddress(t)), "port_value: 9901", portOf(admin), "timeout: 60s", "timeout: 20s", "per_try_timeout: 58s", "per_try_timeout: 1s",
		"port_value: 9101", portOf(serve(t, e.actor)), "port_value: 9102", portOf(serve(t, e.actor)), "port_value: 9103", portOf(serve(t, e.actor))).Replace(read(t, "envoy.yaml"))
	for name, text := range map[string]string{"envoy.yaml": config, "signalbox.yaml": read(t, "signalbox.yaml")} {
		if err := os.WriteFile(filepath.Join(e.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(e.dir, "run"), 0o700); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd := exec.Command(binary, "-c", "envoy.yaml", "--file-flush-interval-msec", "50", "--use-dynamic-base-id", "--concurrency", "1", "-l", "warn")
	cmd.Dir, cmd.Stdout, cmd.Stderr = e.dir, &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { // ends with the process, which the cleanup kills
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
		if t.Failed() {
			t.Logf("Envoy said:\n%s", said.String())
		}
	})
	e.client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	eventually(t, "Envoy answers", func() bool {
		select {
		case <-ended:
			t.Fatal("Envoy ended")
		default:
		}
		resp, err := e.client.Get(e.admin + "/ready")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		c, err := net.Dial("tcp", front)
		if err != nil {
			return false
		}
		_ = c.Close()
		return resp.StatusCode == http.StatusOK
	})
	return e
}

// actor plays the providers: the header x-case names the request, and how it is to fail.
type actor struct {
	release chan struct{} // ends what is held
	mu      sync.Mutex
	seen    map[string]int
}

func (a *actor) count(name string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.seen[name]
}

func (a *actor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	name := r.Header.Get("x-case")
	a.mu.Lock()
	a.seen[name]++
	nth := a.seen[name]
	a.mu.Unlock()
	how, _, _ := strings.Cut(name, "/")
	rc := http.NewResponseController(w)
	switch how {
	case "429":
		w.Header().Set("Retry-After", "1")
		fail(w, http.StatusTooManyRequests)
	case "500", "401", "400", "529":
		var status int
		_, _ = fmt.Sscan(how, &status)
		fail(w, status)
	case "503":
		fail(w, http.StatusServiceUnavailable)
	case "once":
		if nth == 1 {
			fail(w, http.StatusServiceUnavailable)
			return
		}
		whole(w)
	case "reset":
		panic(http.ErrAbortHandler) // net/http's way to drop the connection
	case "hang":
		<-r.Context().Done()
	case "hold":
		select {
		case <-a.release:
		case <-r.Context().Done():
		}
		whole(w)
	case "stream", "cut", "left":
		w.Header().Set("Content-Type", "text/event-stream")
		for range 3 {
			_, _ = io.WriteString(w, `data: {"choices":[{"index":0,"delta":{"content":"word"}}]}`+"\n\n")
			_ = rc.Flush()
		}
		if how == "cut" {
			panic(http.ErrAbortHandler)
		}
		if how == "left" {
			<-r.Context().Done()
		}
		_, _ = io.WriteString(w, "data: [DONE]\n\n")
	default:
		whole(w)
	}
}

func fail(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"error":{"message":"failed on cue"}}`)
}

func whole(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"choices":[{"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":12,"completion_tokens":5}}`)
}

// asked is one request of a client, and what has to come of it.
type asked struct {
	name, model string // the name begins with how the provider fails
	stream      bool
	leaves      bool
	status      int // as the client saw it, and as the log has it but for one that left
	class       string
	attempts    []string // classes, one for each request that a provider saw

	id string
}

func calls() []*asked {
	return []*asked{
		{name: "ok", model: "gpt-4o", status: 200, class: "none", attempts: []string{"none"}},
		{name: "stream", model: "gpt-4o", stream: true, status: 200, class: "none", attempts: []string{"none"}},
		{name: "429", model: "gpt-4o", status: 429, class: "rate_limited", attempts: []string{"rate_limited", "rate_limited", "rate_limited"}},
		{name: "503", model: "gpt-4o", status: 503, class: "unavailable", attempts: []string{"unavailable", "unavailable", "unavailable"}},
		{name: "once", model: "gpt-4o", status: 200, class: "none", attempts: []string{"unavailable", "none"}},
		{name: "500", model: "gpt-4o", status: 500, class: "server_error", attempts: []string{"server_error"}},
		{name: "529", model: "gpt-4o", status: 529, class: "overloaded", attempts: []string{"overloaded"}},
		{name: "401", model: "gpt-4o", status: 401, class: "auth", attempts: []string{"auth"}},
		{name: "400", model: "gpt-4o", status: 400, class: "bad_request", attempts: []string{"bad_request"}},
		{name: "reset", model: "gpt-4o", status: 503, class: "connection", attempts: []string{"connection"}},
		{name: "hang", model: "gpt-4o", status: 504, class: "timeout", attempts: []string{"timeout"}},
		{name: "cut", model: "gpt-4o", stream: true, status: 200, class: "truncated", attempts: []string{"truncated"}},
		{name: "left", model: "gpt-4o", stream: true, leaves: true, status: 200, class: "cancelled", attempts: []string{"none"}},
		{name: "unknown", model: "no-such-model", status: 404, class: "model_not_found"},
	}
}

func (e *edge) ask(t *testing.T, a *asked) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.base+"/v1/chat/completions?key=secret", strings.NewReader(fmt.Sprintf(`{"messages":[],"model":%q,"stream":%v}`, a.model, a.stream)))
	if err != nil {
		t.Error(err)
		return
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Case", a.name)
	req.Header.Set("X-Workload", "interactive")
	resp, err := e.client.Do(req)
	if err != nil {
		t.Errorf("%s: %v", a.name, err)
		return
	}
	defer resp.Body.Close()
	if a.leaves {
		_, _ = io.ReadFull(resp.Body, make([]byte, 1))
		cancel()
	}
	_, _ = io.Copy(io.Discard, resp.Body) // a stream may break off
	a.id = resp.Header.Get("x-request-id")
	if resp.StatusCode != a.status || a.id == "" {
		t.Errorf("%s: the client got %d, want %d; id %q", a.name, resp.StatusCode, a.status, a.id)
	}
}

// cap fills the cluster that is allowed one request, and asks once more.
func (e *edge) cap(t *testing.T) []*asked {
	e.set(t, "circuit_breakers.gpt4o_mini_openai_us.default.max_requests=1")
	first := &asked{name: "hold", model: "gpt-4o-mini", status: 200, class: "none", attempts: []string{"none"}}
	second := &asked{name: "over", model: "gpt-4o-mini", status: 503, class: "no_healthy_upstream"}
	var running sync.WaitGroup
	running.Go(func() { e.ask(t, first) })
	eventually(t, "the slot is taken", func() bool { return e.actor.count(first.name) == 1 })
	e.ask(t, second)
	close(e.actor.release)
	running.Wait()
	return []*asked{first, second}
}

// pause refuses batch work by its route.
func (e *edge) pause(t *testing.T) {
	e.set(t, "signalbox.pause.batch=100")
	req, err := http.NewRequest(http.MethodPost, e.base+"/v1/chat/completions", strings.NewReader(`{"model":"gpt-4o"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Workload", "batch")
	resp, err := e.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") != "30" {
		t.Errorf("paused batch work got %d", resp.StatusCode)
	}
}

func (e *edge) set(t *testing.T, key string) {
	t.Helper()
	resp, err := e.client.Post(e.admin+"/runtime_modify?"+key, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d", key, resp.StatusCode)
	}
}

// TestRealEnvoy drives requests of every kind through a real Envoy, and compares what its two logs tell with what the
// clients got and the providers saw.
func TestRealEnvoy(t *testing.T) {
	e := start(t)
	all := calls()
	var running sync.WaitGroup
	for _, a := range all {
		running.Go(func() { e.ask(t, a) })
	}
	running.Wait()
	all = append(all, e.cap(t)...)
	e.pause(t)

	access, attempts := filepath.Join(e.dir, "run", "access.json"), filepath.Join(e.dir, "run", "attempts.json")
	eventually(t, "every request has its line", func() bool { return strings.Count(read(t, access), "\n") >= len(all)+1 })
	sent := 0
	for _, a := range all {
		sent += e.actor.count(a.name)
	}
	eventually(t, "every attempt has its line", func() bool { return strings.Count(read(t, attempts), "\n") >= sent })
	if strings.Contains(read(t, access), "secret") {
		t.Error("the access log has the query")
	}
	records := e.tail(t)
	byID := make(map[string][]record)
	for _, r := range records {
		byID[r.ID] = append(byID[r.ID], r)
	}
	requests := 0
	for _, r := range records {
		if r.Side == "client" {
			requests++
		}
	}
	if requests != len(all)+1 {
		t.Errorf("%d requests are counted, %d were asked", requests, len(all)+1)
	}
	for _, a := range all {
		e.check(t, a, byID[a.id])
	}
}

func (e *edge) check(t *testing.T, a *asked, lines []record) {
	var client []record
	var attempts []string
	for _, r := range lines {
		if r.Side == "client" {
			client = append(client, r)
			continue
		}
		attempts = append(attempts, r.Class)
		if r.Provider == "" || r.Region == "" || r.Model == "" {
			t.Errorf("%s: an attempt without a place: %+v", a.name, r)
		}
	}
	if len(attempts) != e.actor.count(a.name) || a.attempts != nil && !slices.Equal(attempts, a.attempts) {
		t.Errorf("%s: attempts %v, want %v; the providers saw %d", a.name, attempts, a.attempts, e.actor.count(a.name))
	}
	if len(client) != 1 {
		t.Errorf("%s: %d client lines: %+v", a.name, len(client), lines)
		return
	}
	c := client[0]
	if c.Class != a.class || c.Model != a.model || !a.leaves && c.Status != a.status || c.Workload != "interactive" || c.Endpoint != "/v1/chat/completions" {
		t.Errorf("%s: %+v, want %s %d", a.name, c, a.class, a.status)
	}
	if a.name == "ok" && (c.TokensOut != 5 || c.TokensIn != 12) {
		t.Errorf("%s: tokens %d and %d", a.name, c.TokensIn, c.TokensOut)
	}
	if c.Stream == nil || a.stream != *c.Stream {
		t.Errorf("%s: stream %v", a.name, c.Stream)
	}
}

// record is what signalbox tail tells of a line, as far as the test looks.
type record struct {
	Unparsed  bool   `json:"unparsed"`
	Raw       string `json:"raw"`
	Side      string `json:"side"`
	ID        string `json:"request_id"`
	Model     string `json:"model"`
	Provider  string `json:"provider"`
	Region    string `json:"region"`
	Endpoint  string `json:"endpoint"`
	Workload  string `json:"workload"`
	Stream    *bool  `json:"stream"`
	Class     string `json:"class"`
	Status    int    `json:"status"`
	TokensIn  int64  `json:"tokens_in"`
	TokensOut int64  `json:"tokens_out"`
}

// tail reads both logs with the program itself, by the example's own configuration.
func (e *edge) tail(t *testing.T) []record {
	t.Helper()
	program := filepath.Join(e.dir, "signalbox")
	if out, err := exec.Command("go", "build", "-o", program, "../..").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(program, "tail", "-c", filepath.Join(e.dir, "signalbox.yaml"), "--once", "--output", "json")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("signalbox tail: %v\n%s", err, errs.String())
	}
	var all []record
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		var r record
		if err := json.Unmarshal(s.Bytes(), &r); err != nil {
			t.Fatalf("%v in %s", err, s.Text())
		}
		if r.Unparsed {
			t.Errorf("a line that could not be read: %s", r.Raw)
			continue
		}
		all = append(all, r)
	}
	return all
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s.Listener.Addr().String()
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return "port_value: " + port
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(b)
}

// eventually waits for another process to get somewhere; it fails only after a time in which it must have.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatalf("waited in vain: %s", what)
}
