package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func post(t *testing.T, url, body string) (int, string, error) {
	t.Helper()
	resp, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

func TestFailsOnCue(t *testing.T) {
	p := &provider{name: "p", latency: 0}
	p.set(failure{how: "none"})
	srv := httptest.NewServer(p.handler())
	defer srv.Close()
	chat := srv.URL + "/v1/chat/completions"
	const whole, stream = `{"model":"m"}`, `{"model":"m","stream":true}`
	for _, tc := range []struct {
		how, body string
		status    int
		has       string
		broken    bool
	}{
		{"none", whole, 200, `"finish_reason":"stop"`, false},
		{"none", stream, 200, "data: [DONE]", false},
		{"502", whole, 502, "server_error", false},
		{"429", stream, 429, "rate_limit_exceeded", false},
		{"reset", whole, 0, "", true},
		{"cut", whole, 200, "", true},
		{"cut", stream, 200, "data: {", true},
		{"none", "no json", 400, "invalid_request", false},
	} {
		if status, said, err := post(t, srv.URL+"/fail?for=1m&how="+tc.how, ""); err != nil || status != 200 {
			t.Fatalf("%d %s %v", status, said, err)
		}
		status, got, err := post(t, chat, tc.body)
		if status != tc.status || !strings.Contains(got, tc.has) || (err != nil) != tc.broken {
			t.Errorf("%s %s: %d %q %v", tc.how, tc.body, status, got, err)
		}
	}
	for _, bad := range []string{"how=200", "how=x", "how=502&for=x", "how=502&share=7"} {
		if status, _, err := post(t, srv.URL+"/fail?"+bad, ""); err != nil || status != 400 {
			t.Errorf("%s: %d, %v", bad, status, err)
		}
	}
}

func TestOnlyFromThisMachine(t *testing.T) {
	p := &provider{}
	for addr, want := range map[string]int{"127.0.0.1:5": 200, "[::1]:5": 200, "10.0.0.1:5": 403, "x": 403} {
		r := httptest.NewRequest(http.MethodPost, "/fail?how=none", nil)
		r.RemoteAddr = addr
		w := httptest.NewRecorder()
		p.handler().ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("from %s: %d", addr, w.Code)
		}
	}
}

func TestFailureHasATime(t *testing.T) {
	at := time.Unix(1000, 0)
	f, err := newFailure("502", 1, at, time.Minute)
	if err != nil || f.hits(at.Add(-1)) || !f.hits(at) || f.hits(at.Add(time.Minute)) {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestFlags(t *testing.T) {
	var out bytes.Buffer
	for _, args := range [][]string{{"-fail", "often"}, {"-share", "3"}, {"-nope"}, {"-listen", "256.0.0.1:1"}} {
		if err := run(args, &out); err == nil {
			t.Errorf("%v was taken", args)
		}
	}
}
