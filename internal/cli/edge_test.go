package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"signalbox/internal/component"
)

// edge is a real HAProxy with the files of examples/haproxy, stand-in providers behind it and load before it.
// Only addresses differ from the example.
type edge struct {
	dir   string
	proxy *exec.Cmd
	eu    *standIn // azure-eu-west
	us    *standIn // azure-us-east
	other *standIn // openai-us
	stop  func()   // of the load
}

// startEdge runs HAProxy; replace changes the two configuration files further, as pairs of old and new.
func startEdge(t *testing.T, replace ...string) *edge {
	t.Helper()
	binary := component.HAProxy(t)
	dir, err := os.MkdirTemp("", "sb") // t.TempDir can be too long for a socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	e := &edge{dir: dir, eu: newStandIn(t, 40*time.Millisecond), us: newStandIn(t, 60*time.Millisecond), other: newStandIn(t, 40*time.Millisecond)}
	swap := strings.NewReplacer(append([]string{
		"bind 127.0.0.1:8480", "bind unix@front.sock", "maps: on}", "maps: on, timeout: 30s}", // no speed of this machine is tested
		"127.0.0.1:8404", component.FreeAddress(t),
		"127.0.0.1:9101", e.eu.addr(), "127.0.0.1:9102", e.us.addr(), "127.0.0.1:9103", e.other.addr(),
	}, replace...)...)
	for _, name := range []string{
		"haproxy.cfg", "models.map", "signalbox.yaml", "signalbox-refuse-workload.map", "signalbox-cap-model.map", "signalbox-cap-workload.map", "signalbox-force-model.map",
	} {
		text, err := os.ReadFile(filepath.Join("..", "..", "examples", "haproxy", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(swap.Replace(string(text))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "run"), 0o700); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(e.path("run/haproxy.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	e.proxy = exec.CommandContext(t.Context(), binary, "-db", "-f", "haproxy.cfg")
	e.proxy.Dir, e.proxy.Stdout = dir, log
	if err := e.proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.halt)
	for _, socket := range []string{"run/admin.sock", "front.sock"} { // they come one after the other
		for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
			if c, err := net.Dial("unix", e.path(socket)); err == nil {
				c.Close()
				break
			}
			if time.Now().After(end) {
				t.Fatalf("HAProxy does not answer on %s", socket)
			}
		}
	}
	return e
}

func (e *edge) path(name string) string { return filepath.Join(e.dir, filepath.FromSlash(name)) }

// halt ends load and HAProxy, so that its log is finished.
func (e *edge) halt() {
	if e.stop != nil {
		e.stop()
		e.stop = nil
	}
	if e.proxy.ProcessState == nil {
		_ = e.proxy.Process.Kill()
		_ = e.proxy.Wait()
	}
}

// ask sends one command to the runtime socket, as an operator would with socat.
func (e *edge) ask(t *testing.T, command string) string {
	t.Helper()
	c, err := net.Dial("unix", e.path("run/admin.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := fmt.Fprintln(c, command); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// server is what HAProxy itself says about a server.
type server struct {
	Status string // UP, DRAIN or no check
	Limit  string // maxconn
	Total  int    // sessions since the start
}

// servers reads `show stat`.
func (e *edge) servers(t *testing.T) map[string]server {
	t.Helper()
	lines := strings.Split(strings.TrimPrefix(e.ask(t, "show stat"), "# "), "\n")
	col := map[string]int{}
	for i, name := range strings.Split(lines[0], ",") {
		col[name] = i
	}
	out := map[string]server{}
	for _, l := range lines[1:] {
		f := strings.Split(l, ",")
		if len(f) < len(col) || f[col["svname"]] == "FRONTEND" || f[col["svname"]] == "BACKEND" {
			continue
		}
		total, err := strconv.Atoi(f[col["stot"]])
		if err != nil {
			t.Fatalf("show stat: %q", l)
		}
		out[f[col["pxname"]]+"/"+f[col["svname"]]] = server{f[col["status"]], f[col["slim"]], total}
	}
	return out
}

// levers is the part of the servers that levers move.
func (e *edge) levers(t *testing.T) map[string]server {
	t.Helper()
	out := e.servers(t)
	for name, s := range out {
		s.Total = 0
		out[name] = s
	}
	return out
}

// logLine is what the tests need of a line of the log.
type logLine struct {
	BE, Srv, Term, Retries string
	Status                 int
}

// logged counts the finished requests of the log by deployment.
func (e *edge) logged(t *testing.T) map[string]int {
	t.Helper()
	return e.tally(t, func(l logLine) string { return l.BE + "/" + l.Srv })
}

// ends counts them by how they ended.
func (e *edge) ends(t *testing.T) map[string]int {
	t.Helper()
	return e.tally(t, func(l logLine) string {
		return fmt.Sprint(l.BE, "/", l.Srv, " ", l.Status, " ", l.Term, " retries ", l.Retries)
	})
}

func (e *edge) tally(t *testing.T, by func(logLine) string) map[string]int {
	t.Helper()
	text, err := os.ReadFile(e.path("run/haproxy.log"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	for l := range strings.Lines(string(text)) {
		var v logLine
		if json.Unmarshal([]byte(l), &v) == nil {
			out[by(v)]++
		}
	}
	return out
}

// load sends requests until it is stopped: six callers of gpt-4o, one of them with 30 kB of messages before the
// model, and two of gpt-4o-mini, who say so in the header. Each waits for its answer, so that the load is bounded.
func (e *edge) load(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	e.stop = func() { cancel(); wg.Wait() }
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", e.path("front.sock"))
		},
	}}
	for i := range 8 {
		wg.Go(func() {
			tick := time.NewTicker(100 * time.Millisecond)
			defer tick.Stop()
			for ctx.Err() == nil {
				e.request(client, i) // one that was sent is seen through to its end
				select {
				case <-tick.C:
				case <-ctx.Done():
				}
			}
		})
	}
}

func (e *edge) request(client *http.Client, caller int) {
	body := map[string]any{"model": "gpt-4o", "stream": caller%2 == 0}
	head := map[string]string{"X-Workload": "interactive"}
	text := "{"
	switch caller {
	case 0:
		text = `{"messages":[{"role":"user","content":"` + strings.Repeat("word ", 6000) + `"}],`
	case 1:
		head["X-Workload"] = "batch"
	case 6, 7:
		delete(body, "model")
		head["X-Model"] = "gpt-4o-mini"
	}
	rest, err := json.Marshal(body)
	if err != nil {
		return
	}
	req, err := http.NewRequest(http.MethodPost, "http://edge/v1/chat/completions", strings.NewReader(text+string(rest[1:])))
	if err != nil {
		return
	}
	for k, v := range maps.All(head) {
		req.Header.Set(k, v)
	}
	if resp, err := client.Do(req); err == nil {
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}

// standIn is a provider that fails on cue, and counts what it served and how.
type standIn struct {
	*httptest.Server
	latency        time.Duration
	failing        atomic.Bool
	served, failed atomic.Int64
}

func newStandIn(t *testing.T, latency time.Duration) *standIn {
	t.Helper()
	p := &standIn{latency: latency}
	p.Server = httptest.NewUnstartedServer(http.HandlerFunc(p.answer))
	p.Config.ErrorLog = nil
	p.Start()
	t.Cleanup(p.Close)
	return p
}

func (p *standIn) addr() string { return p.Listener.Addr().String() }

// answer takes its time, and fails with two 502 of its own for each time that it hangs up without one: what leads is no matter of chance.
func (p *standIn) answer(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	select {
	case <-time.After(p.latency):
	case <-r.Context().Done():
		return
	}
	p.served.Add(1)
	if !p.failing.Load() {
		_, _ = io.WriteString(w, `{"object":"chat.completion","choices":[{"finish_reason":"stop"}]}`)
		return
	}
	if p.failed.Add(1)%3 == 0 {
		panic(http.ErrAbortHandler)
	}
	http.Error(w, `{"error":{"message":"upstream is not well","type":"server_error"}}`, http.StatusBadGateway)
}

// gate stands between signalbox and HAProxy's socket. It can keep answers back, or everything.
type gate struct {
	target string
	mu     sync.Mutex
	open   chan struct{} // closed: everything passes
	lose   loss
	lost   chan string // the changing commands whose answer was lost
}

// loss is what becomes of a command that changes something.
type loss int

const (
	nothing    loss = iota
	theAnswer       // HAProxy does it; the answer is kept back
	theCommand      // HAProxy never hears of it
)

// newGate listens on run/gate.sock of the edge.
func newGate(t *testing.T, e *edge) *gate {
	t.Helper()
	l, err := net.Listen("unix", e.path("run/gate.sock"))
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{target: e.path("run/admin.sock"), open: make(chan struct{}), lost: make(chan string, 16)}
	close(g.open)
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { g.pass(ctx, c) })
		}
	})
	t.Cleanup(func() { cancel(); _ = l.Close(); wg.Wait() })
	return g
}

// shut keeps everything back from now on; the function it gives lets it pass.
func (g *gate) shut() (open func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := make(chan struct{})
	g.open = c
	return func() { close(c) }
}

func (g *gate) loses(l loss) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lose = l
}

// pass carries one conversation: one line, its answer, the end.
func (g *gate) pass(ctx context.Context, c net.Conn) {
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return
	}
	g.mu.Lock()
	open, lose := g.open, g.lose
	g.mu.Unlock()
	select {
	case <-open:
	case <-ctx.Done():
		return
	}
	changes := strings.HasPrefix(line, "set ")
	var answer bytes.Buffer
	if !changes || lose != theCommand {
		up, err := net.Dial("unix", g.target)
		if err != nil {
			return
		}
		defer up.Close()
		if _, err := io.WriteString(up, line); err != nil {
			return
		}
		_, _ = io.Copy(&answer, up)
	}
	if changes && lose != nothing {
		g.lost <- strings.TrimSpace(line)
		<-ctx.Done()
		return
	}
	_, _ = c.Write(answer.Bytes())
}
