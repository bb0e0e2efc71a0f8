// Package litellm_test runs the example's configuration and its callback on a real LiteLLM.
package litellm_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
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
)

// proxy is a running LiteLLM with the example's configuration, in a folder of its own.
type proxy struct {
	dir, base, key string
	actor          *actor
	client         *http.Client
	payloads       *sink
}

// moreModels are for cases that the example's models are too well off for.
const moreModels = `
  - model_name: alone
    litellm_params: {model: openai/alone, api_base: "http://127.0.0.1:9103/v1", api_key: os.environ/OPENAI_KEY, timeout: 30}
    model_info: {id: alone.openai.us, provider: openai, region: us}
  - model_name: impatient
    litellm_params: {model: openai/impatient, api_base: "http://127.0.0.1:9103/v1", api_key: os.environ/OPENAI_KEY, timeout: 6}
    model_info: {id: impatient.openai.us, provider: openai, region: us}
  - model_name: single
    litellm_params: {model: openai/single, api_base: "http://127.0.0.1:9103/v1", api_key: os.environ/OPENAI_KEY, timeout: 30}
    model_info: {id: single.openai.us, provider: openai, region: us}
  - model_name: capped
    litellm_params: {model: openai/capped, api_base: "http://127.0.0.1:9103/v1", api_key: os.environ/OPENAI_KEY, timeout: 30, max_parallel_requests: 1}
    model_info: {id: capped.openai.us, provider: openai, region: us}
  - model_name: cold
    litellm_params: {model: openai/cold, api_base: "http://127.0.0.1:9101/v1", api_key: os.environ/AZURE_EU_KEY, timeout: 30}
    model_info: {id: cold.azure.eu-west, provider: azure, region: eu-west}
  - model_name: cold
    litellm_params: {model: openai/cold, api_base: "http://127.0.0.1:9102/v1", api_key: os.environ/AZURE_US_KEY, timeout: 30}
    model_info: {id: cold.azure.us-east, provider: azure, region: us-east}

litellm_settings:`

// start runs LiteLLM in front of the actors, with the callback, and with payloads posted to a sink.
func start(t *testing.T) *proxy {
	t.Helper()
	binary := component.LiteLLM(t)
	p := &proxy{dir: t.TempDir(), key: "sk-" + randomHex(t), actor: &actor{seen: make(map[string]int), release: make(chan struct{}), begun: make(chan struct{})}, payloads: &sink{}}
	config := strings.Replace(read(t, "config.yaml"), "\nlitellm_settings:", moreModels, 1)
	for _, change := range [][2]string{{`"signalbox_callback.signalbox"`, `"signalbox_callback.signalbox", "generic_api"`}, {"allowed_fails: 3", "allowed_fails: 10"}, {"timeout: 60", "timeout: 30"}} {
		if !strings.Contains(config, change[0]) {
			t.Fatalf("config.yaml has no %s", change[0])
		}
		config = strings.ReplaceAll(config, change[0], change[1])
	}
	for port, name := range map[string]string{"9101": "eu", "9102": "us", "9103": "mini"} {
		config = strings.ReplaceAll(config, "127.0.0.1:"+port, serve(t, p.actor.as(name)))
	}
	for name, text := range map[string]string{"config.yaml": config, "signalbox_callback.py": read(t, "signalbox_callback.py"), "signalbox.yaml": read(t, "signalbox.yaml")} {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(p.dir, "run"), 0o700); err != nil {
		t.Fatal(err)
	}
	p.launch(t, binary, nil, "SIGNALBOX_LOG=run/calls/signalbox.jsonl", "DEFAULT_FLUSH_INTERVAL_SECONDS=1", "GENERIC_LOGGER_ENDPOINT=http://"+serve(t, p.payloads))
	return p
}

// launch runs LiteLLM in the proxy's folder until the test ends, and waits until it answers.
func (p *proxy) launch(t *testing.T, binary string, flags []string, env ...string) {
	t.Helper()
	address := component.FreeAddress(t)
	p.base = "http://" + address
	p.client = &http.Client{Timeout: 60 * time.Second}
	t.Cleanup(p.client.CloseIdleConnections)
	_, port, _ := net.SplitHostPort(address)
	log, err := os.Create(filepath.Join(p.dir, "run", "litellm.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(binary, append([]string{"--config", "config.yaml", "--host", "127.0.0.1", "--port", port, "--telemetry", "False"}, flags...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Env = append(append(os.Environ(), "LITELLM_MASTER_KEY="+p.key, "LITELLM_LOCAL_MODEL_COST_MAP=True", "TZ=UTC",
		"AZURE_EU_KEY=sk-eu-0123456789", "AZURE_US_KEY=sk-us-0123456789", "OPENAI_KEY=sk-mini-0123456789"), env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { // ends with the process, which the cleanup kills
		_ = cmd.Wait() // killed, or told of in its log
		close(ended)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // with whatever it has started
		<-ended
	})
	p.ready(t, ended)
}

func (p *proxy) ready(t *testing.T, ended chan struct{}) {
	t.Helper()
	began := time.Now()
	for time.Since(began) < 3*time.Minute {
		select {
		case <-ended:
			t.Fatalf("LiteLLM ended:\n%s", read(t, filepath.Join(p.dir, "run", "litellm.log")))
		default:
		}
		if resp, err := p.client.Get(p.base + "/health/liveliness"); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				t.Logf("LiteLLM answers after %v", time.Since(began).Round(100*time.Millisecond))
				return
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("LiteLLM does not answer")
}

// sink takes the arrays of payloads that generic_api posts, one payload a line.
type sink struct {
	mu   sync.Mutex
	text []byte
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var payloads []json.RawMessage
	if body, err := io.ReadAll(r.Body); err == nil && json.Unmarshal(body, &payloads) == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, one := range payloads {
			s.text = append(append(s.text, one...), '\n')
		}
	}
	w.WriteHeader(http.StatusOK)
}

func (s *sink) lines() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.text)
}

// asked is one request of a client, and what has to come of it.
type asked struct {
	name, model, cue string
	path             string // of the interface, chat completions by default
	stream, wrongKey bool
	leaves, cuts     bool // the client hangs up, the provider breaks off, once the stream has begun

	status int    // as the client saw it; 0: any
	class  string // that the client's line and log have to have
	from   string // the model that it fell from

	id string // call id, from the answer's header
}

func (p *proxy) ask(t *testing.T, a *asked) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	body := fmt.Sprintf(`{"model":%q,"stream":%v,"messages":[{"role":"user","content":"%s case=%s %s"}],"metadata":{"workload":"batch"},"max_tokens":100}`, a.model, a.stream, prompt, a.name, a.cue)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.base+cmp.Or(a.path, "/v1/chat/completions"), strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return
	}
	key := p.key
	if a.wrongKey {
		key += "-wrong"
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := p.client.Do(req)
	if err != nil {
		t.Errorf("%s: %v", a.name, err)
		return
	}
	defer resp.Body.Close()
	if a.leaves || a.cuts {
		_, _ = io.ReadFull(resp.Body, make([]byte, 1))
	}
	if a.leaves {
		cancel()
	}
	if a.cuts {
		close(p.actor.begun)
	}
	text, _ := io.ReadAll(resp.Body) // a stream may break off
	a.id = resp.Header.Get("x-litellm-call-id")
	if a.status == 0 {
		a.status = resp.StatusCode
	}
	if resp.StatusCode != a.status {
		t.Errorf("%s: the client got %d, want %d: %s", a.name, resp.StatusCode, a.status, text)
	}
}

// record is what signalbox tail tells of a line, as far as the test looks.
type record struct {
	Unparsed   bool    `json:"unparsed"`
	Raw        string  `json:"raw"`
	Explains   bool    `json:"explains"`
	Side       string  `json:"side"`
	ID         string  `json:"request_id"`
	Model      string  `json:"model"`
	Provider   string  `json:"provider"`
	Region     string  `json:"region"`
	Deployment string  `json:"deployment"`
	Class      string  `json:"class"`
	Status     int     `json:"status"`
	Attempt    int     `json:"attempt"`
	From       string  `json:"fallback_from"`
	Workload   string  `json:"workload"`
	TokensOut  int64   `json:"tokens_out"`
	LatencyMS  float64 `json:"latency_ms"`
}

// tail reads a log with the program itself.
func tail(t *testing.T, program, format, path string) []record {
	t.Helper()
	cmd := exec.Command(program, "tail", "--once", "--output", "json", "--format", format, path)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("signalbox tail %s: %v\n%s", path, err, errs.String())
	}
	var all []record
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		var r record
		if err := json.Unmarshal(s.Bytes(), &r); err != nil {
			t.Fatalf("%v in %s", err, s.Text())
		}
		if r.Unparsed {
			t.Errorf("%s: a line that could not be read: %s", filepath.Base(path), r.Raw)
			continue
		}
		all = append(all, r)
	}
	return all
}

// build makes the program, once for all that is read with it.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "signalbox")
	if out, err := exec.Command("go", "build", "-o", path, "../..").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
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

func randomHex(t *testing.T) string {
	t.Helper()
	b := make([]byte, 16)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(b)
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
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
