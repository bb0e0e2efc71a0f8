package probe

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/redact"
)

const key = "sk-verysecret-0123456789abcdef0123456789"

// asked is the request that a server saw.
type asked struct {
	header http.Header
	path   string
	body   map[string]any
}

// serve answers every request the same way and keeps the last one.
func serve(t *testing.T, status int, kind, body string) (Endpoint, *asked) {
	t.Helper()
	var last asked
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		last = asked{header: r.Header, path: r.URL.RequestURI()}
		if err := json.Unmarshal(raw, &last.body); err != nil {
			t.Errorf("the probe is no JSON: %v", err)
		}
		w.Header().Set("Content-Type", kind)
		w.Header().Set("X-Request-Id", "req_1")
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return Endpoint{Name: "eu", URL: s.URL + "/v1", Key: func(context.Context) (string, error) { return key, nil }, Timeout: 20 * time.Second}, &last
}

const wholeOK = `{"model":"gpt-4o-2024","choices":[{"message":{"content":"ok"},"finish_reason":"stop"}],"usage":{"prompt_tokens":14,"completion_tokens":1}}`

func event(s string) string { return "data: " + s + "\n\n" }

const (
	first = `{"model":"m","choices":[{"delta":{"role":"assistant"}}]}`
	word  = `{"choices":[{"delta":{"content":"o"}}]}`
	last  = `{"choices":[{"delta":{"content":"k"},"finish_reason":"stop"}]}`
)

func TestAnswers(t *testing.T) {
	jsonFormat := map[string]json.RawMessage{"response_format": json.RawMessage(`{"type":"json_object"}`)}
	schema := map[string]json.RawMessage{"response_format": json.RawMessage(`{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object","required":["city"],"properties":{"city":{"type":"string"}}}}}`)}
	says := func(text, finish string) string {
		raw, _ := json.Marshal(text)
		return `{"choices":[{"message":{"content":` + string(raw) + `},"finish_reason":"` + finish + `"}]}`
	}
	tests := map[string]struct {
		probe        gateway.Probe
		status       int
		kind, body   string
		complete     bool
		lacks, text  string
		invalid      bool
		pieces       int
		code, finish string
	}{
		"whole":            {status: 200, kind: "application/json", body: wholeOK, complete: true, text: "ok", finish: "stop"},
		"capped":           {status: 200, kind: "application/json", body: says("half of", "length"), complete: true, text: "half", finish: "length"},
		"filtered":         {status: 200, kind: "application/json", body: says("", "content_filter"), lacks: "filtered", finish: "content_filter"},
		"empty":            {status: 200, kind: "application/json", body: says("", "stop"), lacks: "empty", finish: "stop"},
		"no finish":        {status: 200, kind: "application/json", body: `{"choices":[{"message":{"content":"x"}}]}`, lacks: "no finish reason", text: "x"},
		"page":             {status: 200, kind: "text/html", body: "<html>gateway</html>", lacks: "no JSON", invalid: true, text: "<html>"},
		"parts":            {status: 200, kind: "application/json", body: `{"choices":[{"message":{"content":[{"type":"text","text":"ok"}]},"finish_reason":"stop"}]}`, complete: true, text: "ok", finish: "stop"},
		"tool call":        {status: 200, kind: "application/json", body: `{"choices":[{"message":{"content":null,"tool_calls":[{"id":"1"}]},"finish_reason":"tool_calls"}]}`, complete: true, finish: "tool_calls"},
		"error in a 200":   {status: 200, kind: "application/json", body: `{"error":{"message":"overloaded","type":"overloaded_error"}}`, lacks: "turned into an error", text: "overloaded"},
		"429":              {status: 429, kind: "application/json", body: `{"error":{"message":"Rate limit reached","type":"requests","code":"rate_limit_exceeded"}}`, text: "Rate limit reached", code: "rate_limit_exceeded"},
		"number for code":  {status: 400, kind: "application/json", body: `{"error":{"message":"bad","code":400,"status":"INVALID_ARGUMENT"}}`, text: "bad", code: "400"},
		"bare string":      {status: 500, kind: "application/json", body: `{"error":"boom"}`, text: "boom"},
		"proxy's page":     {status: 502, kind: "text/html", body: "<h1>502 Bad Gateway</h1>", text: "502 Bad Gateway"},
		"redirect":         {status: 302, kind: "text/plain", body: "moved", text: "moved"},
		"stream":           {probe: gateway.Probe{Stream: true}, status: 200, kind: "text/event-stream; charset=utf-8", body: ": hi\n\n" + event(first) + event(word) + event(last) + event("[DONE]"), complete: true, pieces: 3, text: "ok", finish: "stop"},
		"cut stream":       {probe: gateway.Probe{Stream: true}, status: 200, kind: "text/event-stream", body: event(first) + event(word), pieces: 2, lacks: "ended after 2 events without a finish reason", text: "o"},
		"empty stream":     {probe: gateway.Probe{Stream: true}, status: 200, kind: "text/event-stream", body: "", lacks: "without an event"},
		"stream to error":  {probe: gateway.Probe{Stream: true}, status: 200, kind: "text/event-stream", body: event(word) + event(`{"error":{"message":"upstream gone","code":"server_error"}}`), pieces: 2, lacks: "turned into an error", text: "upstream gone", code: "server_error"},
		"garbled stream":   {probe: gateway.Probe{Stream: true}, status: 200, kind: "text/event-stream", body: event("{half"), lacks: "no JSON", invalid: true},
		"whole for stream": {probe: gateway.Probe{Stream: true}, status: 200, kind: "application/json", body: wholeOK, complete: true, text: "ok", finish: "stop"},
		"JSON":             {probe: gateway.Probe{Fields: jsonFormat}, status: 200, kind: "application/json", body: says(`{"a":1}`, "stop"), complete: true, finish: "stop", text: `{"a":1}`},
		"no JSON":          {probe: gateway.Probe{Fields: jsonFormat}, status: 200, kind: "application/json", body: says("sure! here", "stop"), lacks: "not the JSON", invalid: true, finish: "stop", text: "sure"},
		"fits the schema":  {probe: gateway.Probe{Fields: schema}, status: 200, kind: "application/json", body: says(`{"city":"Oslo"}`, "stop"), complete: true, finish: "stop", text: "Oslo"},
		"fits no schema":   {probe: gateway.Probe{Fields: schema}, status: 200, kind: "application/json", body: says(`{"city":7}`, "stop"), lacks: "does not fit the schema at /city", invalid: true, finish: "stop", text: "7"},
		"too long":         {status: 200, kind: "application/json", body: strings.Repeat("x", mostAnswer+10), lacks: "longer than", text: ""},
		"endless stream":   {probe: gateway.Probe{Stream: true}, status: 200, kind: "text/event-stream", body: strings.Repeat(event(word), mostAnswer/len(event(word))+10), lacks: "longer than", pieces: -1, text: "oooo"},
	}
	for name, tt := range tests {
		e, _ := serve(t, tt.status, tt.kind, tt.body)
		tt.probe.Model = "gpt-4o"
		a, err := e.Send(t.Context(), tt.probe)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if a.Complete != tt.complete || !strings.Contains(a.Lacks, tt.lacks) || (tt.lacks == "") != (a.Lacks == "") || !strings.Contains(a.Text, tt.text) ||
			a.Invalid != tt.invalid || (tt.pieces >= 0 && a.Pieces != tt.pieces) || a.Code != tt.code || a.Finish != tt.finish || a.Status != tt.status {
			t.Errorf("%s: %+v", name, a)
		}
		if a.Latency <= 0 || a.Request != "req_1" || a.RetryAfter != "7" || (a.FirstToken > 0) != (tt.pieces > 1 || tt.pieces < 0) || a.Answered() != (tt.complete && tt.status == 200) {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// A probe says that it is one, asks for next to nothing and has no optional field by itself.
func TestRequestIsMarkedAndSmall(t *testing.T) {
	e, got := serve(t, 200, "application/json", wholeOK)
	a, err := e.Send(t.Context(), gateway.Probe{Model: "gpt-4o", MaxTokens: 5000})
	if err != nil || a.TokensIn != 14 || a.TokensOut != 1 || a.Served != "gpt-4o-2024" {
		t.Fatalf("%+v, %v", a, err)
	}
	if got.header.Get(HeaderMark) != a.ID || got.header.Get("X-Request-Id") != a.ID || got.header.Get("User-Agent") != UserMark || got.header.Get("Authorization") != "Bearer "+key {
		t.Errorf("headers %v", got.header)
	}
	if len(got.body) != 4 || got.body["user"] != UserMark || got.body["max_tokens"] != float64(DefaultMaxTokens) || got.path != "/v1/chat/completions" {
		t.Errorf("%s %v", got.path, got.body)
	}
	e.MaxTokens, e.MaxField, e.KeyHeader, e.Headers = 50, "max_completion_tokens", "api-key", map[string]string{"X-Region": "eu"}
	e.URL += "/deployments/x/chat/completions?api-version=1"
	if _, err := e.Send(t.Context(), gateway.Probe{Model: "m", Stream: true, Large: true, Fields: map[string]json.RawMessage{"temperature": json.RawMessage("0")}}); err != nil {
		t.Fatal(err)
	}
	if got.header.Get("api-key") != key || got.header.Get("Authorization") != "" || got.header.Get("X-Region") != "eu" ||
		got.path != "/v1/deployments/x/chat/completions?api-version=1" || got.body["max_completion_tokens"] != float64(50) || got.body["stream"] != true || got.body["temperature"] != float64(0) {
		t.Errorf("%s %v %v", got.path, got.header, got.body["stream"])
	}
	if text := got.body["messages"].([]any)[0].(map[string]any)["content"].(string); len(text) < 6000 || len(text) > 12000 {
		t.Errorf("a large prompt has %d bytes", len(text))
	}
}

func TestNothingIsSent(t *testing.T) {
	e, got := serve(t, 200, "application/json", wholeOK)
	unset := e
	unset.Key = func(context.Context) (string, error) { return "", errors.New("PROBE_KEY is not set") }
	odd := e
	odd.URL = "gateway.example/v1"
	for want, send := range map[string]func() error{
		"needs a model": func() error { _, err := e.Send(t.Context(), gateway.Probe{}); return err },
		"field user is": func() error {
			_, err := e.Send(t.Context(), gateway.Probe{Model: "m", Fields: map[string]json.RawMessage{"user": nil}})
			return err
		},
		"at most 32768 are sent": func() error {
			_, err := e.Send(t.Context(), gateway.Probe{Model: "m", Prompt: strings.Repeat("x", 40<<10)})
			return err
		},
		"its key: PROBE_KEY":      func() error { _, err := unset.Send(t.Context(), gateway.Probe{Model: "m"}); return err },
		"its url is no http addr": func() error { _, err := odd.Send(t.Context(), gateway.Probe{Model: "m"}); return err },
	} {
		if err := send(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if got.path != "" {
		t.Error("something was sent")
	}
}

// What the endpoint repeats of the key, and what a terminal would obey, is not told on.
func TestTextsAreHarmless(t *testing.T) {
	e, _ := serve(t, 401, "application/json", `{"error":{"message":"Incorrect API key `+key+` \u001b[31m","code":"invalid_api_key"}}`)
	a, err := e.Send(t.Context(), gateway.Probe{Model: "m"})
	if err != nil || strings.Contains(a.Text, "verysecret") || strings.ContainsRune(a.Text, 0x1b) || !strings.Contains(a.Text, "Incorrect API key") {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestBrokenAndSlow(t *testing.T) {
	hold := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Header.Get("X-How") {
		case "slow":
			select {
			case <-hold:
			case <-r.Context().Done():
			}
		case "stalls":
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, event(word))
			w.(http.Flusher).Flush()
			select {
			case <-hold:
			case <-r.Context().Done():
			}
		case "cut":
			w.Header().Set("Content-Length", "5000")
			_, _ = io.WriteString(w, wholeOK[:40])
		}
	}))
	for how, want := range map[string]struct {
		status        int
		failed, lacks string
		timedOut      bool
	}{
		"slow":   {0, "no whole answer within 300ms", "", true},
		"stalls": {200, "no whole answer within 300ms", "broke off after 1 events", true},
		"cut":    {200, "broke off in the middle", "the answer broke off", false},
	} {
		e := Endpoint{Name: "x", URL: s.URL, Headers: map[string]string{"X-How": how}, Timeout: 300 * time.Millisecond}
		if how == "cut" {
			e.Timeout = 20 * time.Second
		}
		a, err := e.Send(t.Context(), gateway.Probe{Model: "m", Stream: how == "stalls"})
		if err != nil || a.Status != want.status || !strings.Contains(a.Failed, want.failed) || !strings.Contains(a.Lacks, want.lacks) || a.TimedOut != want.timedOut || a.Complete {
			t.Errorf("%s: %+v, %v", how, a, err)
		}
	}
	close(hold)
	s.Close()
	a, err := Endpoint{Name: "x", URL: s.URL}.Send(t.Context(), gateway.Probe{Model: "m"})
	if err != nil || a.Status != 0 || !strings.Contains(a.Failed, "refused") || a.TimedOut {
		t.Errorf("nobody there: %+v, %v", a, err)
	}
}

func FuzzAnswer(f *testing.F) {
	for _, s := range []string{wholeOK, event(first) + event(last) + event("[DONE]"), `{"error":{"code":[1],"message":7}}`, "data: {\"choices\":[{\"delta\":null}]}\n\n"} {
		f.Add(200, true, s)
		f.Add(500, false, s)
	}
	f.Fuzz(func(t *testing.T, status int, stream bool, body string) {
		kind := "application/json"
		if stream {
			kind = "text/event-stream"
		}
		r := &reply{known: redact.New(nil, key), probe: gateway.Probe{Fields: map[string]json.RawMessage{"response_format": json.RawMessage(`{"type":"json_object"}`)}}}
		r.answer.SentAt = time.Now()
		r.read(t.Context(), &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(strings.NewReader(body))})
		a := r.told()
		if a.Complete && (a.Lacks != "" || a.Finish == "" || status < 200 || status > 299) {
			t.Fatalf("complete: %+v", a)
		}
		for _, s := range []string{a.Text, a.Lacks, a.Code, a.Type, a.Finish, a.Served} {
			if s != redact.Terminal(s) || len(s) > mostText {
				t.Fatalf("text %q", s)
			}
		}
	})
}
