package decode

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"signalbox/internal/traffic"
)

// Who asked stays out of the record, wherever the line says it.
func TestAccessDropsTheCaller(t *testing.T) {
	for _, line := range []string{
		`203.0.113.9 - ana [21/Nov/2026:12:40:00 +0000] "POST /v1/x HTTP/1.1" 500 1 "https://a/203.0.113.9" "ua" "203.0.113.9" rt=1.0`,
		`INFO:     203.0.113.9:5000 - "POST /v1/x HTTP/1.1" 500 Internal Server Error`,
		`[2026-11-21T12:40:13.100Z] "POST /v1/x HTTP/2" 503 UH 90 19 2 - "203.0.113.9" "curl/8" "id" "llm" "-"`,
	} {
		kit := testKit()
		rec, res := decodeOne(t, Access, line, Options{Kit: kit})
		if all := fmt.Sprintf("%+v %v", rec, rec.Key.Labels(kit.Symbols)); res.Kind != Request || strings.Contains(all, "203.0.113") || strings.Contains(all, "ana") {
			t.Errorf("%+v of %s: %s", res, line, all)
		}
		if !strings.Contains(rec.Raw, "/v1/x") {
			t.Errorf("raw text %q", rec.Raw)
		}
	}
}

// Whoever asks chooses the path: the endpoints of a decoder are bounded.
func TestAccessEndpointsAreBounded(t *testing.T) {
	kit := testKit()
	d, err := New(Access, Options{Kit: kit})
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[traffic.Sym]bool)
	for i := range 2000 {
		rec, res := d.Decode(fmt.Appendf(nil, `1.1.1.1 - - [21/Nov/2026:12:40:00 +0000] "GET /p%dx/%s HTTP/1.1" 404 0`, i, strings.Repeat("/a", i%40)), received)
		if res.Kind != Request {
			t.Fatalf("%+v", res)
		}
		seen[rec.Key[traffic.Endpoint]] = true
		if n := len(kit.Symbols.Name(rec.Key[traffic.Endpoint])); n > maxEndpoint {
			t.Fatalf("an endpoint of %d bytes", n)
		}
	}
	if len(seen) > maxEndpoints+1 {
		t.Errorf("%d endpoints", len(seen))
	}
}

func TestPlainEndpoint(t *testing.T) {
	for in, want := range map[string]string{
		"/v1/chat/completions": "/v1/chat/completions",
		"/openai/deployments/gpt-4o-2024-08-06/chat/completions": "/openai/deployments/gpt-4o-2024-08-06/chat/completions",
		"/v1/batches/12345": "/v1/batches/*",
		"/v1/runs/665d9a40-0b69-4fae-9b6e-1a2b3c4d5e6f/steps":     "/v1/runs/*/steps",
		"/v1/threads/thread_Ab3dE5fG7hJ9kL1mN3pQ5rS7/messages":    "/v1/threads/*/messages",
		"/model/anthropic.claude-3-5-sonnet-20241022-v2:0/invoke": "/model/anthropic.claude-3-5-sonnet-20241022-v2:0/invoke",
		"/a/b/c/d/e/f/g/h/i/j/k":                                  "/a/b/c/d/e/f/g/h/...",
		"/":                                                       "/",
	} {
		if got := string(plainEndpoint([]byte(in))); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

// nginx's access log counts requests; its error log counts attempts, and beside access lines says nothing new.
func TestDetectAccess(t *testing.T) {
	access := `10.0.3.7 - - [21/Nov/2026:12:40:00 +0000] "POST /v1/chat/completions HTTP/1.1" 200 812 "-" "curl/8"`
	broken := `2026/11/21 12:40:10 [error] 29#29: *17 upstream timed out (110: Connection timed out) while reading response header from upstream, client: 10.0.3.7`
	for name, tt := range map[string]struct{ lines, want string }{
		"access":          {access + "\n" + access, Access},
		"both":            {access + "\n" + broken + "\n" + access, Access},
		"error log":       {broken + "\n" + broken, NginxError},
		"health only":     {strings.ReplaceAll(access, "/v1/chat/completions", "/healthz"), Access},
		"uvicorn":         {"INFO:     Started server process [1]\nINFO:     127.0.0.1:5000 - \"POST /v1/x HTTP/1.1\" 200 OK", Access},
		"a client's line": {`2026-11-21 12:43:20,400 - INFO - HTTP Request: POST https://api.example/v1/x "HTTP/1.1 200 OK"`, Text},
		"with pairs":      {access + " rt=0.1 uct=0.0 urt=0.1", Access},
		"in JSON":         {`{"model":"m","status":200,"line":"1.1.1.1 - - [x] \"GET / HTTP/1.1\" 200"}`, JSON},
	} {
		var sample [][]byte
		for l := range strings.SplitSeq(tt.lines, "\n") {
			sample = append(sample, []byte(l))
		}
		if got := Detect(sample); got.Format != tt.want {
			t.Errorf("%s: %+v, want %s", name, got, tt.want)
		}
	}
	rec, res := decodeOne(t, Text, broken, Options{})
	if res.Kind != Request || rec.Received || rec.Time.UTC().Format(time.TimeOnly) != "12:40:10" {
		t.Errorf("the error line gives %+v %+v", rec, res)
	}
}

func TestStamp(t *testing.T) {
	berlin := time.FixedZone("+1", 3600)
	for line, want := range map[string]string{
		"2026-11-21T12:00:00Z upstream failed":           "2026-11-21T12:00:00Z",
		"2026/11/21 12:00:00 upstream failed":            "2026-11-21T11:00:00Z",
		"2026/11/21 12:00:00.250 upstream failed":        "2026-11-21T11:00:00.25Z",
		"2026-11-21 12:00:00,123 - ERROR - x":            "2026-11-21T11:00:00.123Z",
		"[2026-11-21 12:00:00] x":                        "2026-11-21T11:00:00Z",
		"ERROR 2026-11-21T12:00:00+01:00 x":              "2026-11-21T11:00:00Z",
		"Nov 21 12:00:00 edge app[3]: x":                 "2026-11-21T11:00:00Z",
		"<134>Nov  1 12:00:00 edge app[3]: x":            "2026-11-01T11:00:00Z",
		"Dec 31 23:59:59 edge app[3]: x":                 "2025-12-31T22:59:59Z", // of last year
		"<134>1 2026-11-21T12:00:00.5Z edge app 3 - - x": "2026-11-21T12:00:00.5Z",
		"E1121 12:00:00.250000       1 proxy.go:31] x":   "2026-11-21T11:00:00.25Z",
		"1795262400.25 x":                                "2026-11-21T12:00:00.25Z",
		"user 1795262400 failed":                         "",
		"Now 21 12:00:00 x":                              "",
		"upstream failed since 2026-11-21T12:00:00Z":     "",
		"": "",
		"E1399 12:00:00.250000       1 proxy.go:31] x":     "",
		"a report of 2026-11-21T12:00:00Z, in three words": "",
	} {
		got := ""
		if at := stampOf([]byte(line), berlin, received); !at.IsZero() {
			got = at.UTC().Format(time.RFC3339Nano)
		}
		if got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

// Ollama, One API and others log by the Gin framework, between lines of their own.
func TestAccessOfGin(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		want  []string
	}{
		"Ollama": {
			[]string{
				`time=2026-11-21T12:00:00.123Z level=INFO source=server.go:631 msg="llama runner started in 2.01 seconds"`,
				`[GIN] 2026/11/21 - 12:00:03 | 200 |  2.345678901s |       127.0.0.1 | POST     "/api/chat"`,
				`[GIN] 2026/11/21 - 12:00:04 | 404 |     512.3µs |       127.0.0.1 | POST     "/api/generate"`,
				`[GIN] 2026/11/21 - 12:00:05 | 500 |         2m0s |       127.0.0.1 | POST     "/v1/chat/completions"`,
				`time=2026-11-21T12:00:05.000Z level=ERROR source=server.go:800 msg="llama runner terminated" error="signal: killed"`,
				`[GIN] 2026/11/21 - 12:00:06 | 200 |      25.1µs |       127.0.0.1 | GET      "/healthz"`,
			},
			[]string{"12:00:03 none 2.345678901s", "12:00:04 model_not_found 512.3µs", "12:00:05 server_error 2m0s"},
		},
		"One API": {
			[]string{
				`[INFO] 2026/11/21 - 12:00:00 | 2026112112000012345678 | user 1 has enough quota`,
				`[GIN] 2026/11/21 - 12:00:01 | 2026112112000012345678 | 200 |  1.2s |      10.0.1.5 |    POST /v1/chat/completions`,
				`[ERR] 2026/11/21 - 12:00:02 | 2026112112000212345679 | relay error (channel id 3, user id: 1): Rate limit reached for gpt-4o on requests per min`,
				`[GIN] 2026/11/21 - 12:00:02 | 2026112112000212345679 | 429 |  234ms |      10.0.1.5 |    POST /v1/chat/completions`,
				`[ERR] 2026/11/21 - 12:00:03 | 2026112112000312345680 | 当前分组 default 下对于模型 gpt-4o 无可用渠道`,
				`[GIN] 2026/11/21 - 12:00:03 | 2026112112000312345680 | 503 |  2ms |      10.0.1.5 |    POST /v1/chat/completions`,
			},
			[]string{"12:00:01 none 1.2s", "12:00:02 rate_limited 234ms", "12:00:03 no_healthy_upstream 2ms"},
		},
		"vLLM": {
			[]string{
				`INFO 11-21 12:00:00 [api_server.py:1289] Starting vLLM API server 0 on http://0.0.0.0:8000`,
				`INFO 11-21 12:00:05 [async_llm.py:261] Added request chatcmpl-abc.`,
				`INFO:     10.0.1.5:44112 - "POST /v1/chat/completions HTTP/1.1" 200 OK`,
				`ERROR 11-21 12:00:13 [core.py:398] EngineCore hit an exception: torch.OutOfMemoryError: CUDA out of memory.`,
				`INFO:     10.0.1.5:44113 - "POST /v1/chat/completions HTTP/1.1" 500 Internal Server Error`,
			},
			[]string{"12:00:05 none 0s", "12:00:13 server_error 0s"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTestStream(t, Auto)
			giveAll(s, c.lines, received)
			s.Settle(received)
			var got []string
			for _, rec := range s.Records() {
				got = append(got, fmt.Sprint(rec.Time.Format(time.TimeOnly), " ", rec.Outcome.Class(), " ", rec.Latency))
				if strings.Contains(rec.Raw, "10.0.1.5") || strings.Contains(rec.Raw, "127.0.0.1") {
					t.Errorf("who asked is in %q", rec.Raw)
				}
			}
			if s.Format() != Access || !slices.Equal(got, c.want) || s.Tally().Unparsed != 0 {
				t.Errorf("as %s: %q, %d unparsed", s.Format(), got, s.Tally().Unparsed)
			}
		})
	}
}
