package drill

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestStreams(t *testing.T) {
	for _, c := range []struct {
		name, model string
		voice       voice
		keep        int  // events from the end that are left out
		abort       bool // break the connection instead of ending the body
		wantCode    string
	}{
		{"whole, OpenAI", "gpt-4o-mini", openaiVoice{}, 0, false, ""},
		{"whole, Anthropic", "claude-sonnet", anthropicVoice{}, 0, false, ""},
		{"ends early, OpenAI", "gpt-4o-mini", openaiVoice{}, 3, false, codeTruncated},
		{"ends early, Anthropic", "claude-sonnet", anthropicVoice{}, 3, false, codeTruncated},
		{"breaks, OpenAI", "gpt-4o-mini", openaiVoice{}, 3, true, codeTruncated},
		{"breaks, Anthropic", "claude-sonnet", anthropicVoice{}, 3, true, codeTruncated},
	} {
		t.Run(c.name, func(t *testing.T) {
			var calls atomic.Int64
			r := newRig(t, tuning(), func(w http.ResponseWriter, _ *http.Request) {
				calls.Add(1)
				events, _ := c.voice.stream(script{model: "m-1", words: []string{"the ", "train ", "waits"}, usage: usage{In: 9, Out: 3}})
				w.Header().Set("Content-Type", "text/event-stream")
				_, _ = io.WriteString(w, strings.Join(events[:len(events)-c.keep], ""))
				if c.abort {
					_ = http.NewResponseController(w).Flush()
					panic(http.ErrAbortHandler)
				}
			})
			got := r.do(http.MethodPost, "/v1/chat/completions", chatBody(c.model, true))
			text, ended := streamed(t, got.body)
			if got.status != http.StatusOK || text != "the train waits" || ended != (c.wantCode == "") {
				t.Errorf("status %d, text %q, ended %v:\n%s", got.status, text, ended, got.body)
			}
			if calls.Load() != 1 {
				t.Errorf("asked %d times although the answer had begun", calls.Load())
			}
			for _, line := range r.lines(2) {
				if line.ErrorCode != c.wantCode || line.Status != http.StatusOK || !line.Stream {
					t.Errorf("the %s line is %+v", line.Kind, line)
				}
				if wantFinish := map[bool]string{true: "stop"}[c.wantCode == ""]; line.FinishReason != wantFinish {
					t.Errorf("finish_reason %q, want %q", line.FinishReason, wantFinish)
				}
				if c.wantCode == "" && (line.TTFTMS <= 0 || line.TokensOut != 3 || line.ServedModel != "m-1") {
					t.Errorf("the %s line is %+v", line.Kind, line)
				}
			}
		})
	}
}

// streamed is the text of a client's stream, and whether it ended properly.
func streamed(t *testing.T, body string) (text string, ended bool) {
	t.Helper()
	_ = readEvents(strings.NewReader(body), func(data []byte) (bool, error) {
		p, err := openaiDialect{}.event(data)
		if err != nil {
			t.Errorf("event %q: %v", data, err)
		}
		text, ended = text+p.Text, ended || p.Last
		return true, nil
	})
	return text, ended
}

func TestErrorInsideAStream(t *testing.T) {
	r := newRig(t, tuning(), func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n")
	})
	got := r.do(http.MethodPost, "/v1/chat/completions", chatBody("claude-sonnet", true))
	if got.status != http.StatusBadGateway || !strings.Contains(got.body, "Overloaded") {
		t.Errorf("%d %s", got.status, got.body)
	}
	lines := r.lines(4) // nothing had begun: three attempts were made
	if lines[0].ErrorType != "overloaded_error" || lines[3].Attempt != 3 {
		t.Errorf("lines %+v", lines)
	}
}

func TestHalfAnAnswer(t *testing.T) {
	var calls atomic.Int64
	r := newRig(t, tuning(), func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.Header().Set("Content-Length", "500")
		_, _ = io.WriteString(w, `{"id":"x","choices":[`)
	})
	got := r.chat("gpt-4o-mini")
	if got.status != http.StatusBadGateway || !strings.Contains(got.body, codeTruncated) || calls.Load() != 1 {
		t.Errorf("%d %s after %d calls", got.status, got.body, calls.Load())
	}
	if line := r.lines(2)[0]; line.Status != http.StatusOK || line.ErrorCode != codeTruncated {
		t.Errorf("the attempt's line is %+v", line)
	}
}

func TestJSONAnswers(t *testing.T) {
	const schema = `{"type":"json_schema","json_schema":{"name":"s","schema":{"type":"object","required":["a"]}}}`
	for _, c := range []struct {
		format, text string
		ok           bool
	}{
		{`{"type":"json_object"}`, `{"b":1}`, true},
		{`{"type":"json_object"}`, `{"b":`, false},
		{`{"type":"text"}`, `{"b":`, true},
		{schema, `{"a":1}`, true},
		{schema, `{"b":1}`, false},
		{`{"type":"json_schema","json_schema":{"name":"s","schema":{"$ref":"file:///etc/hostname"}}}`, `{"b":1}`, false},
	} {
		r := newRig(t, tuning(), func(w http.ResponseWriter, q *http.Request) { say(w, q, c.text) })
		body := fmt.Sprintf(`{"model":"llama-3","messages":[{"role":"user","content":"x"}],"response_format":%s}`, c.format)
		got := r.do(http.MethodPost, "/v1/chat/completions", body)
		if (got.status == http.StatusOK) != c.ok || !c.ok && !strings.Contains(got.body, codeInvalid) {
			t.Errorf("%s as %s: %d %s", c.text, c.format, got.status, got.body)
		}
	}
}

func TestIdempotencyKey(t *testing.T) {
	var calls atomic.Int64
	slow := make(chan struct{})
	r := newRig(t, tuning(), func(w http.ResponseWriter, q *http.Request) {
		n := calls.Add(1)
		<-slow
		say(w, q, fmt.Sprint("answer ", n))
	})
	var wg sync.WaitGroup
	replies := make(chan reply, 3)
	for range 3 {
		wg.Go(func() {
			got, err := r.try(t.Context(), http.MethodPost, "/v1/chat/completions", chatBody("llama-3", false), "Idempotency-Key", "k1", "X-Caller", "team")
			if err != nil {
				t.Error(err)
			}
			replies <- got
		})
	}
	eventually(t, "call", func() bool { return calls.Load() > 0 })
	close(slow)
	wg.Wait()
	close(replies)
	replayed := 0
	for got := range replies {
		if got.status != http.StatusOK || !strings.Contains(got.body, "answer 1") {
			t.Errorf("%d %s", got.status, got.body)
		}
		if got.header.Get("Idempotency-Replayed") != "" {
			replayed++
		}
	}
	if calls.Load() != 1 || replayed != 2 {
		t.Errorf("the provider was asked %d times, %d answers were replayed", calls.Load(), replayed)
	}
	if got := r.chat("gpt-4o", "Idempotency-Key", "k1", "X-Caller", "team"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("the key on another request: %d", got.status)
	}
	if got := r.chat("llama-3", "Idempotency-Key", "k1", "X-Caller", "other"); got.status != http.StatusOK || calls.Load() != 2 {
		t.Errorf("another caller's key: %d after %d calls", got.status, calls.Load())
	}
}

func TestFailedAnswersAreNotReplayed(t *testing.T) {
	var calls atomic.Int64
	r := newRig(t, tuning(), func(w http.ResponseWriter, q *http.Request) {
		if calls.Add(1) == 1 {
			refuseWith(w, "openai", cue{kind: unauthorized})
			return
		}
		say(w, q, "mended")
	})
	if got := r.chat("llama-3", "Idempotency-Key", "k"); got.status != http.StatusUnauthorized {
		t.Fatalf("status %d", got.status)
	}
	if got := r.chat("llama-3", "Idempotency-Key", "k"); got.status != http.StatusOK || got.header.Get("Idempotency-Replayed") != "" {
		t.Errorf("the repeat: %d %s", got.status, got.body)
	}
}

func TestDedupeForgets(t *testing.T) {
	d := newDedupe()
	now := time.Now()
	k, first := d.enter("a", 1, now)
	if !first {
		t.Fatal("not first")
	}
	d.settle("a", k, true, recorded{})
	if _, first = d.enter("a", 1, now.Add(keptFor-time.Second)); first {
		t.Error("forgot too early")
	}
	if _, first = d.enter("a", 1, now.Add(keptFor)); !first {
		t.Error("did not forget")
	}
	for i := range 2 * keptAnswers {
		d.enter(fmt.Sprint(i), 1, now)
	}
	if len(d.byKey) > keptAnswers || len(d.order) > keptAnswers {
		t.Errorf("keeps %d answers", len(d.byKey))
	}
}

func TestRotationKeepsEveryLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	r, err := openRotating(path, 1000, 50)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 100 {
				r.line(map[string]int{"writer": w, "line": i})
			}
		})
	}
	wg.Wait()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r.line("late lines are dropped")
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) < 5 {
		t.Fatalf("files %v, %v", files, err)
	}
	seen := map[string]bool{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) > 1000 {
			t.Errorf("%s has %d bytes", file, len(data))
		}
		for line := range strings.Lines(string(data)) {
			if !json.Valid([]byte(line)) || !strings.HasSuffix(line, "\n") {
				t.Errorf("torn line %q", line)
			}
			seen[line] = true
		}
	}
	if len(seen) != 400 {
		t.Errorf("%d different lines of 400", len(seen))
	}
}

func TestRotationDropsTheOldest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	r, err := openRotating(path, 10, 2)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		r.line(1000000 + i)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(path + "*")
	data, err := os.ReadFile(path + ".2")
	if err != nil || len(files) != 3 || strings.TrimSpace(string(data)) != "1000003" {
		t.Errorf("files %v, the oldest holds %q, %v", files, data, err)
	}
}

func TestLogLineIsBounded(t *testing.T) {
	r := newRig(t, tuning(), func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, "\x1b[31m"+strings.Repeat("é", 4000))
	})
	_ = r.chat("llama-3", "X-Caller", strings.Repeat("c", 500), "X-Request-Id", "has a space")
	line := r.lines(2)[1]
	if len(line.ErrorMessage) > longestMessage || strings.ContainsAny(line.ErrorMessage, "\x1b") || len(line.Caller) > 64 || strings.Contains(line.RequestID, " ") {
		t.Errorf("the line is %+v", line)
	}
}

func FuzzStream(f *testing.F) {
	f.Add([]byte("data: {\"choices\":[]}\n\ndata: [DONE]\n\n"))
	f.Add([]byte("event: x\ndata: {\ndata: }\n\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, d := range []dialect{openaiDialect{}, anthropicDialect{}} {
			_ = readEvents(strings.NewReader(string(body)), func(data []byte) (bool, error) {
				p, err := d.event(data)
				return !p.Last, err
			})
			_, _ = d.whole(body)
		}
		if readFailure(body) == nil {
			t.Error("a failure without a failure")
		}
	})
}

func FuzzParseChat(f *testing.F) {
	f.Add([]byte(chatBody("gpt-4o", true)))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := parseChat(body)
		if err != nil {
			return
		}
		if r.Model == "" || len(r.Messages) == 0 || len(r.shape()) != 16 {
			t.Errorf("accepted %+v", r)
		}
		for _, d := range deployments() {
			req, err := dialectOf(d).request(t.Context(), &target{Deployment: d, baseURL: "http://127.0.0.1"}, r)
			if err != nil {
				t.Fatal(err)
			}
			_ = req.Body.Close()
		}
	})
}
