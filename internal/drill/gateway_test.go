package drill

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// rig is one gateway instance before a provider that the test plays.
type rig struct {
	*gateway
	url  string
	path string // of the access log
	book *logbook
	t    *testing.T
}

func tuning() GatewayTuning {
	return GatewayTuning{
		Cap: 8, BreakerPercent: 50, BreakerWindow: time.Minute, BreakerMinimum: 1000, BreakerOpen: time.Minute,
		MaxAttempts: 3, Timeout: 5 * time.Second,
	}
}

func newRig(t *testing.T, g GatewayTuning, provider http.HandlerFunc) *rig {
	t.Helper()
	upstream := httptest.NewServer(provider)
	t.Cleanup(upstream.Close)
	bases := map[string]string{}
	for _, d := range deployments() {
		bases[d.Name] = upstream.URL
	}
	path := filepath.Join(t.TempDir(), "access.log")
	book, err := openLogbook(path, filepath.Join(t.TempDir(), "error.log"))
	if err != nil {
		t.Fatal(err)
	}
	gw := newGateway(gatewaySetup{name: "gw-t", token: "t0ken", tuning: g, bases: bases, log: book, seed: 1})
	front := httptest.NewServer(gw)
	t.Cleanup(func() {
		front.Close()
		gw.close()
		if err := book.close(); err != nil {
			t.Error(err)
		}
	})
	return &rig{gateway: gw, url: front.URL, path: path, book: book, t: t}
}

type reply struct {
	status int
	header http.Header
	body   string
}

func (r *rig) do(method, path, body string, header ...string) reply {
	r.t.Helper()
	got, err := r.try(r.t.Context(), method, path, body, header...)
	if err != nil {
		r.t.Fatal(err)
	}
	return got
}

// try is for goroutines, which may not end the test.
func (r *rig) try(ctx context.Context, method, path, body string, header ...string) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, method, r.url+path, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(data)}, err
}

func (r *rig) chat(model string, header ...string) reply {
	r.t.Helper()
	return r.do(http.MethodPost, "/v1/chat/completions", chatBody(model, false), header...)
}

func chatBody(model string, stream bool) string {
	return fmt.Sprintf(`{"model":%q,"stream":%v,"messages":[{"role":"user","content":"when?"}]}`, model, stream)
}

// lines are the access log's, once it has at least n: a line is written after
// the answer, so the client may be faster.
func (r *rig) lines(n int) []logLine {
	r.t.Helper()
	var list []logLine
	eventually(r.t, fmt.Sprintf("%d log lines", n), func() bool {
		list = readLines(r.t, r.path)
		return len(list) >= n
	})
	return list
}

func readLines(t *testing.T, path string) []logLine {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list []logLine
	for in := bufio.NewScanner(bytes.NewReader(data)); in.Scan(); {
		var line logLine
		dec := json.NewDecoder(bytes.NewReader(in.Bytes()))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&line); err != nil {
			t.Fatalf("line %q: %v", in.Text(), err)
		}
		list = append(list, line)
	}
	return list
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s within 10 s", what)
		}
	}
}

// say answers like OpenAI, at Anthropic's path like Anthropic.
func say(w http.ResponseWriter, r *http.Request, text string) {
	s := script{model: "m", words: []string{text}, usage: usage{In: 3, Out: 2}}
	if strings.HasSuffix(r.URL.Path, "/v1/messages") {
		_, _ = w.Write(anthropicVoice{}.whole(s))
		return
	}
	_, _ = w.Write(openaiVoice{}.whole(s))
}

func refuseWith(w http.ResponseWriter, provider string, c cue) {
	(&actor{provider: provider}).fail(w, "gpt-4o", c)
}

func TestRetriesEndWell(t *testing.T) {
	var calls atomic.Int64
	r := newRig(t, tuning(), func(w http.ResponseWriter, q *http.Request) {
		if calls.Add(1) < 3 {
			refuseWith(w, "azure", cue{kind: badGateway})
			return
		}
		say(w, q, "at noon")
	})
	got := r.chat("gpt-4o-mini", "X-Request-Id", "r-1")
	if got.status != http.StatusOK || !strings.Contains(got.body, "at noon") || calls.Load() != 3 {
		t.Fatalf("status %d after %d calls: %s", got.status, calls.Load(), got.body)
	}
	lines := r.lines(4)
	for i, line := range lines[:3] {
		if line.Kind != "attempt" || line.Attempt != i+1 || line.RequestID != "r-1" || line.Deployment == "" {
			t.Errorf("attempt line %d is %+v", i, line)
		}
	}
	if lines[0].Status != http.StatusBadGateway || !strings.Contains(lines[0].ErrorMessage, "<h1>502 Bad Gateway</h1>") || lines[0].Level != "error" {
		t.Errorf("the first attempt says %+v", lines[0])
	}
	last := lines[3]
	if last.Kind != "request" || last.Status != http.StatusOK || last.Attempt != 3 || last.FinishReason != "stop" || last.TokensIn != 3 || last.ErrorCode != "" {
		t.Errorf("the request's line is %+v", last)
	}
}

func TestWhatIsNotRetried(t *testing.T) {
	for _, c := range []struct {
		kind failureKind
		want int
	}{{unauthorized, http.StatusUnauthorized}, {badRequest, http.StatusBadRequest}, {filtered, http.StatusBadRequest}} {
		t.Run(string(c.kind), func(t *testing.T) {
			var calls atomic.Int64
			r := newRig(t, tuning(), func(w http.ResponseWriter, _ *http.Request) {
				calls.Add(1)
				refuseWith(w, "openai", cue{kind: c.kind})
			})
			if got := r.chat("llama-3"); got.status != c.want || calls.Load() != 1 {
				t.Errorf("status %d after %d calls, want %d after 1", got.status, calls.Load(), c.want)
			}
		})
	}
}

func TestPauseBetweenAttempts(t *testing.T) {
	limited := &answer{status: 429, failure: &failure{RetryAfter: time.Second}}
	broken := &answer{status: 502, failure: &failure{}}
	for _, c := range []struct {
		name     string
		last     *answer
		attempts int
		luck     float64
		want     time.Duration
	}{
		{"never before Retry-After", limited, 1, 0, time.Second},
		{"a little after it", limited, 4, 0.8, 1200 * time.Millisecond},
		{"first backoff, no luck", broken, 1, 0, 40 * time.Millisecond},
		{"first backoff, all luck", broken, 1, 1, 80 * time.Millisecond},
		{"it doubles", broken, 3, 1, 320 * time.Millisecond},
		{"it is bounded", broken, 20, 1, longestPause},
	} {
		if got := pause(c.last, c.attempts, c.luck); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	var calls atomic.Int64
	var first atomic.Int64
	r := newRig(t, tuning(), func(w http.ResponseWriter, q *http.Request) {
		if calls.Add(1) == 1 {
			first.Store(time.Now().UnixNano())
			w.Header().Set("Retry-After-Ms", "300")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		if since := time.Since(time.Unix(0, first.Load())); since < 300*time.Millisecond {
			t.Errorf("came again after %v", since)
		}
		say(w, q, "now")
	})
	if got := r.chat("gpt-4o-mini"); got.status != http.StatusOK {
		t.Fatalf("status %d", got.status)
	}
	if line := r.lines(2)[0]; line.RetryAfterMS != 300 {
		t.Errorf("the line says %d ms", line.RetryAfterMS)
	}
}

func TestRetryAfterTooFar(t *testing.T) {
	var calls atomic.Int64
	r := newRig(t, tuning(), func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.Header().Set("Retry-After", "86400")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	got := r.chat("gpt-4o-mini")
	if got.status != http.StatusTooManyRequests || calls.Load() != 1 || got.header.Get("Retry-After") != "86400" {
		t.Errorf("status %d, Retry-After %q after %d calls", got.status, got.header.Get("Retry-After"), calls.Load())
	}
}

func TestTimeoutAndConnection(t *testing.T) {
	g := tuning()
	g.MaxAttempts, g.Timeout = 1, 60*time.Millisecond
	r := newRig(t, g, func(w http.ResponseWriter, q *http.Request) {
		if strings.Contains(q.URL.Path, "openai/deployments") {
			_, _ = io.Copy(io.Discard, q.Body) // only then does the server notice that the gateway hung up
			wait(q.Context(), 5*time.Second)
			return
		}
		hangUp(w, true)
	})
	if got := r.chat("gpt-4o-mini"); got.status != http.StatusGatewayTimeout || !strings.Contains(got.body, codeTimeout) {
		t.Errorf("silence: %d %s", got.status, got.body)
	}
	if got := r.chat("llama-3"); got.status != http.StatusBadGateway || !strings.Contains(got.body, codeConnection) {
		t.Errorf("reset: %d %s", got.status, got.body)
	}
	for _, line := range r.lines(4) {
		if line.Kind == "attempt" && line.Status != 0 {
			t.Errorf("an attempt without an answer has status %d", line.Status)
		}
	}
}

func TestFallback(t *testing.T) {
	r := newRig(t, tuning(), func(w http.ResponseWriter, q *http.Request) {
		if strings.HasPrefix(q.URL.Path, "/v1/messages") {
			var got anthropicRequest
			if err := json.NewDecoder(q.Body).Decode(&got); err != nil || got.MaxTokens != defaultMaxTokens || got.Model != "claude-sonnet" {
				t.Errorf("the fallback got %+v, %v", got, err)
			}
			say(w, q, "from another")
			return
		}
		refuseWith(w, "azure", cue{kind: unauthorized})
	})
	if got := r.chat("gpt-4o-mini"); got.status != http.StatusUnauthorized {
		t.Fatalf("with the fallback off: status %d", got.status)
	}
	r.fallback["gpt-4o-mini"].Store(true)
	if got := r.chat("gpt-4o-mini"); got.status != http.StatusOK || !strings.Contains(got.body, "from another") {
		t.Fatalf("with the fallback on: %d %s", got.status, got.body)
	}
	lines := r.lines(5)
	last := lines[len(lines)-1]
	if last.Deployment != "anthropic-claude-sonnet" || !strings.HasPrefix(last.FallbackFrom, "azure-") || last.Model != "gpt-4o-mini" || last.Attempt != 2 {
		t.Errorf("the request's line is %+v", last)
	}
}

func TestBreaker(t *testing.T) {
	g := tuning()
	g.BreakerMinimum, g.BreakerOpen, g.MaxAttempts = 4, 200*time.Millisecond, 1
	var calls atomic.Int64
	var well atomic.Bool
	r := newRig(t, g, func(w http.ResponseWriter, q *http.Request) {
		calls.Add(1)
		if well.Load() {
			say(w, q, "again")
			return
		}
		refuseWith(w, "llama", cue{kind: serverError})
	})
	target := r.targets["local-llama-3"]
	for range 4 {
		if got := r.chat("llama-3"); got.status != http.StatusInternalServerError {
			t.Fatalf("status %d", got.status)
		}
	}
	if target.breakerState() != 2 {
		t.Fatalf("state %v after four failures of four", target.breakerState())
	}
	got := r.chat("llama-3")
	if got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, codeNoUpstream) || calls.Load() != 4 || got.header.Get("Retry-After") == "" {
		t.Errorf("while open: %d %s, %d calls", got.status, got.body, calls.Load())
	}
	well.Store(true)
	eventually(t, "closed breaker", func() bool {
		_ = r.chat("llama-3")
		return target.breakerState() == 0
	})
	lines := r.lines(9)
	if line := lines[8]; line.Kind != "request" || line.ErrorCode != codeNoUpstream || line.Deployment != "local-llama-3" || line.Attempt != 0 {
		t.Errorf("the refused request's line is %+v", line)
	}
}

func TestBreakerHalfOpenLetsFewThrough(t *testing.T) {
	g := tuning()
	g.BreakerOpen = time.Millisecond
	d := deployments()[0]
	target := newTarget(d, "", g)
	target.breaker.Open()
	eventually(t, "half-open breaker", func() bool { return target.permit() })
	if target.breakerState() != 1 {
		t.Fatalf("state %v, want half-open", target.breakerState())
	}
	let := 1
	for range 10 {
		if target.permit() {
			let++
		}
	}
	if let != 3 {
		t.Errorf("%d probes were let through, want 3", let)
	}
	for range 2 {
		target.record(&answer{status: 200})
	}
	if target.breakerState() != 0 {
		t.Errorf("state %v after two good probes", target.breakerState())
	}
}

func TestMetricsAgreeWithTheLog(t *testing.T) {
	r := newRig(t, tuning(), func(w http.ResponseWriter, q *http.Request) { say(w, q, "x") })
	_ = r.chat("llama-3", "X-Workload", "batch")
	_ = r.do(http.MethodPost, "/v1/chat/completions", chatBody("no-such-model", false))
	_ = r.lines(3)
	page := r.do(http.MethodGet, "/metrics", "").body
	for _, want := range []string{
		`gateway_requests_total{code="200",deployment="local-llama-3",model="llama-3",side="client",workload="batch"} 1`,
		`gateway_requests_total{code="200",deployment="local-llama-3",model="llama-3",side="upstream",workload="batch"} 1`,
		`gateway_requests_total{code="404",deployment="",model="other",side="client",workload="interactive"} 1`,
		`gateway_cap_limit{deployment="local-llama-3"} 8`,
		`gateway_breaker_state{deployment="local-llama-3"} 0`,
		`gateway_target_in{deployment="local-llama-3"} 1`,
		`gateway_inflight{deployment="local-llama-3",workload="batch"} 0`,
		`gateway_queue_depth{deployment="local-llama-3",workload="batch"} 0`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	if strings.Contains(page, "no-such-model") {
		t.Error("a client's text became a label")
	}
}

func TestRequestsThatCannotBeUnderstood(t *testing.T) {
	r := newRig(t, tuning(), func(http.ResponseWriter, *http.Request) { t.Error("the provider was asked") })
	for _, c := range []struct {
		body string
		want int
	}{
		{`{`, 400},
		{`[]`, 400},
		{`{"model":"gpt-4o"}`, 400},
		{`{"messages":[{"role":"user","content":"x"}]}`, 400},
		{chatBody("gpt-9", false), 404},
		{strings.Repeat("x", longestRequest+1), 413},
	} {
		if got := r.do(http.MethodPost, "/v1/chat/completions", c.body); got.status != c.want {
			t.Errorf("%.40q: status %d, want %d", c.body, got.status, c.want)
		}
	}
}
