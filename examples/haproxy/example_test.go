// Package haproxy_test runs the example's configuration on a real HAProxy.
package haproxy_test

import (
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
	"testing"
	"time"

	"signalbox/internal/component"
)

func TestConfigurationIsValid(t *testing.T) {
	cmd := exec.Command(component.HAProxy(t), "-c", "-f", "haproxy.cfg")
	if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "WARNING") {
		t.Errorf("%v\n%s", err, out)
	}
}

// The inventory of signalbox.yaml has to know each server of haproxy.cfg, and no other.
func TestInventoryKnowsEveryServer(t *testing.T) {
	cfg, yaml := read(t, "haproxy.cfg"), read(t, "signalbox.yaml")
	var servers, mapped []string
	backend := ""
	for line := range strings.Lines(cfg) {
		f := strings.Fields(line)
		switch {
		case len(f) > 1 && f[0] == "backend":
			backend = f[1]
		case len(f) > 1 && f[0] == "server":
			servers = append(servers, backend+"/"+f[1])
		}
	}
	for _, m := range regexp.MustCompile(`deployment: ([^}]+)}`).FindAllStringSubmatch(yaml, -1) {
		mapped = append(mapped, m[1])
	}
	if !slices.Equal(servers, mapped) {
		t.Errorf("servers %v\nmapped %v", servers, mapped)
	}
	for _, m := range regexp.MustCompile(`(?m)^[^#\s]\S*\s+(\S+)$`).FindAllStringSubmatch(read(t, "models.map"), -1) {
		if !strings.Contains(cfg, "\nbackend "+m[1]+"\n") {
			t.Errorf("models.map sends to backend %q, which is not there", m[1])
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// edge is a running HAProxy with the example's configuration, its ports moved to sockets in a folder of its own.
type edge struct {
	dir    string
	client *http.Client
}

func start(t *testing.T, upstreams map[string]http.HandlerFunc) *edge {
	t.Helper()
	binary := component.HAProxy(t)
	dir, err := os.MkdirTemp("", "sb") // t.TempDir can be too long for a socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	cfg := strings.NewReplacer("bind 127.0.0.1:8480", "bind unix@front.sock", "bind 127.0.0.1:8404", "bind unix@metrics.sock").Replace(read(t, "haproxy.cfg"))
	for addr, h := range upstreams {
		u := httptest.NewServer(h)
		t.Cleanup(u.Close)
		cfg = strings.ReplaceAll(cfg, addr, u.Listener.Addr().String())
	}
	files := map[string]string{"haproxy.cfg": cfg}
	maps, err := filepath.Glob("*.map")
	if err != nil || len(maps) != 5 {
		t.Fatalf("%v, %v", maps, err)
	}
	for _, name := range maps {
		files[name] = read(t, name)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "run"), 0o700); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "run", "haproxy.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(binary, "-db", "-f", "haproxy.cfg")
	cmd.Dir, cmd.Stdout = dir, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	e := &edge{dir: dir, client: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, host string) (net.Conn, error) {
			name, _, _ := net.SplitHostPort(host)
			return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(dir, name+".sock"))
		},
	}}}
	t.Cleanup(e.client.CloseIdleConnections)
	for _, socket := range []string{filepath.Join("run", "admin.sock"), "front.sock", "metrics.sock"} { // they come one after the other
		eventually(t, "HAProxy answers on "+socket, func() bool {
			c, err := net.Dial("unix", filepath.Join(dir, socket))
			if err == nil {
				c.Close()
			}
			return err == nil
		})
	}
	return e
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

// line is what the test needs of a log line.
type line struct {
	T        float64 `json:"t"`
	ID       string  `json:"id"`
	Backend  string  `json:"be"`
	Server   string  `json:"srv"`
	Model    string  `json:"model"`
	Stream   string  `json:"stream"`
	Workload string  `json:"workload"`
	Status   int     `json:"status"`
	Term     string  `json:"term"`
}

// lines reads the log; every line has to be JSON.
func (e *edge) lines(t *testing.T) []line {
	t.Helper()
	var out []line
	for text := range strings.Lines(read(t, filepath.Join(e.dir, "run", "haproxy.log"))) {
		if !strings.HasSuffix(text, "\n") {
			continue // still being written
		}
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		out = append(out, l)
	}
	return out
}

// ask sends one request and gives its status, 0 for none, with the line that HAProxy logged for it.
func (e *edge) ask(ctx context.Context, t *testing.T, body []byte, head ...string) (int, line) {
	t.Helper()
	before := len(e.lines(t))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://front/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(head); i += 2 {
		req.Header.Set(head[i], head[i+1])
	}
	status := 0
	if resp, err := e.client.Do(req); err == nil {
		status = resp.StatusCode
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	eventually(t, "the request is logged", func() bool { return len(e.lines(t)) > before })
	all := e.lines(t)
	return status, all[len(all)-1]
}

// chat is a request as clients write it: messages before the model.
func chat(model string, size int) []byte {
	b, err := json.Marshal(struct {
		Messages []string `json:"messages"`
		Model    string   `json:"model"`
		Stream   bool     `json:"stream"`
	}{[]string{strings.Repeat("x", size)}, model, true})
	if err != nil {
		panic(err)
	}
	return b
}

func TestModelIsSeenWhereItCanBe(t *testing.T) {
	ok := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, "{}")
	}
	e := start(t, map[string]http.HandlerFunc{"127.0.0.1:9101": ok, "127.0.0.1:9102": ok, "127.0.0.1:9103": ok})
	for name, tc := range map[string]struct {
		body           []byte
		head           []string
		model, backend string
	}{
		"short":                 {chat("gpt-4o", 10), nil, "gpt-4o", "gpt-4o"},
		"30 kB before the name": {chat("gpt-4o", 30_000), nil, "gpt-4o", "gpt-4o"},
		"other name for it":     {chat("gpt-4o-2024-11-20", 10), nil, "gpt-4o-2024-11-20", "gpt-4o"},
		"header wins":           {chat("gpt-4o", 10), []string{"X-Model", "gpt-4o-mini"}, "gpt-4o-mini", "gpt-4o-mini"},
		"header, 200 kB":        {chat("gpt-4o", 200_000), []string{"X-Model", "gpt-4o-mini"}, "gpt-4o-mini", "gpt-4o-mini"},
		"too large to read":     {chat("gpt-4o", 200_000), nil, "-", "unsorted"},
		"no model":              {[]byte(`{"messages":[]}`), nil, "-", "unsorted"},
		"no JSON":               {[]byte("hello"), nil, "-", "unsorted"},
		"a model of nobody":     {chat("llama", 10), nil, "llama", "unsorted"},
		"a hostile name":        {chat("a\"b\\c\n\x1b"+strings.Repeat("z", 9000), 10), nil, "a\"b\\c\n\x1b" + strings.Repeat("z", 93), "unsorted"},
	} {
		t.Run(name, func(t *testing.T) {
			status, l := e.ask(t.Context(), t, tc.body, append(tc.head, "X-Workload", "batch")...)
			if status != http.StatusOK || l.Model != tc.model || l.Backend != tc.backend || l.Term != "----" || l.Workload != "batch" || l.ID == "" || l.T < 1e9 {
				t.Errorf("status %d, logged %+v", status, l)
			}
		})
	}
	resp, err := e.client.Get("http://metrics/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, _ := io.ReadAll(resp.Body)
	if !strings.Contains(string(page), `haproxy_server_limit_sessions{proxy="gpt-4o",server="azure-eu-west"} 50`) {
		t.Errorf("no limit in the metrics: %.300s", page)
	}
}

// What a provider does wrong has to be in the log, with the status and the letters that docs and decoders rely on.
func TestFailuresAreInTheLog(t *testing.T) {
	e := start(t, map[string]http.HandlerFunc{"127.0.0.1:9103": func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		switch how := r.Header.Get("X-How"); how {
		case "502", "429":
			if r.Header.Get("X-Request-ID") == "" {
				t.Error("no request id came through")
			}
			http.Error(w, "{}", map[string]int{"502": 502, "429": 429}[how])
		case "reset":
			panic(http.ErrAbortHandler)
		case "cut", "hang":
			fmt.Fprint(w, "data: {}\n\n")
			_ = http.NewResponseController(w).Flush()
			if how == "cut" {
				panic(http.ErrAbortHandler)
			}
			<-r.Context().Done()
		case "mute":
			<-r.Context().Done()
		default:
			fmt.Fprint(w, "data: [DONE]\n\n")
		}
	}})
	for _, tc := range []struct {
		how    string
		status int // as logged
		term   string
		leave  bool // the client does not wait
	}{
		{"none", 200, "----", false},
		{"502", 502, "----", false},
		{"429", 429, "----", false},
		{"reset", 502, "SH--", false}, // after requests on the same client: also then it is logged
		{"cut", 200, "SD--", false},
		{"hang", 200, "CD--", true},
		{"mute", 400, "CH--", true},
	} {
		t.Run(tc.how, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if tc.leave {
				time.AfterFunc(200*time.Millisecond, cancel)
			}
			_, l := e.ask(ctx, t, chat("gpt-4o-mini", 10), "X-How", tc.how)
			if l.Status != tc.status || l.Term != tc.term || l.Server != "openai-us" || l.Stream != "1" {
				t.Errorf("logged %+v", l)
			}
		})
	}
}
