package decode

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"signalbox/internal/fault"
	"signalbox/internal/traffic"
	"signalbox/sources"
)

// litellmTally is what a LiteLLM decoder counted of some lines.
type litellmTally struct {
	requests, failed, explains, unparsed int
	classes                              string
	records                              []traffic.Record
}

func readLiteLLM(t testing.TB, format string, kit sources.Kit, text ...string) litellmTally {
	t.Helper()
	d, err := New(format, Options{Kit: kit})
	if err != nil {
		t.Fatal(err)
	}
	var n litellmTally
	var classes []string
	for _, line := range text {
		d.(*litellm).Each([]byte(line), received, func(_ []byte, rec traffic.Record, res Result) {
			switch res.Kind {
			case Request:
				n.requests++
				n.records = append(n.records, rec)
				if rec.Outcome.Failed() {
					n.failed++
					classes = append(classes, rec.Outcome.Class().String())
				}
			case Explains:
				n.explains++
				n.records = append(n.records, rec)
			case Unparsed:
				n.unparsed++
			case Ignored:
			}
		})
	}
	n.classes = strings.Join(classes, " ")
	return n
}

func proxyLine(second float64, id, text string) string {
	return fmt.Sprintf(`{"message": "litellm.proxy.proxy_server._handle_llm_api_exception%slitellm_call_id=%s - %s", "level": "ERROR", "timestamp": "2026-11-21T12:40:%09.6f", "litellm_call_id": "%s", "component": "LiteLLM Proxy", "logger": "common_request_processing.py:1687"}`, raised, id, text, second, id)
}

func uvicornLine(second float64, status int) string {
	return fmt.Sprintf(`{"message": "10.1.2.3:40126 - \"POST /v1/chat/completions HTTP/1.1\" %d", "level": "INFO", "timestamp": "2026-11-21T12:40:%09.6f", "component": "uvicorn.access", "logger": "h11_impl.py:477"}`, status, second)
}

const (
	limited = "litellm.RateLimitError: RateLimitError: OpenAIException - Rate limit reached for gpt-4o. Please try again in 2s."
	broken  = "litellm.InternalServerError: InternalServerError: OpenAIException - The server had an error while processing your request."
	refused = `{"message": "litellm.proxy.proxy_server.async_data_generator` + raised + `litellm.APIConnectionError: Response payload is not completed", "level": "ERROR", "timestamp": "2026-11-21T12:40:09.5", "component": "LiteLLM Proxy", "logger": "proxy_server.py:10328"}`
)

// One failure writes up to four lines and counts once, in whatever order two streams were mixed.
func TestLiteLLMCountsAFailureOnce(t *testing.T) {
	router := strings.Replace(proxyLine(1, "a", limited), "litellm.proxy.proxy_server._handle_llm_api_exception"+raised, "litellm.router.py::async_function_with_fallbacks() - Error occurred while trying to do fallbacks - ", 1)
	for name, tt := range map[string]struct {
		lines            []string
		requests, failed int
		classes          string
	}{
		"all lines":          {[]string{router, router, proxyLine(1.1, "a", limited), uvicornLine(1.13, 429)}, 1, 1, "rate_limited"},
		"only its error":     {[]string{router, proxyLine(1.1, "a", limited)}, 1, 1, "rate_limited"},
		"only its access":    {[]string{uvicornLine(1.13, 429), uvicornLine(1.2, 200)}, 2, 1, "rate_limited"},
		"access first":       {[]string{uvicornLine(1.13, 429), proxyLine(1.1, "a", limited)}, 1, 1, "rate_limited"},
		"two of one kind":    {[]string{proxyLine(1.1, "a", limited), proxyLine(1.11, "b", limited), uvicornLine(1.13, 429), uvicornLine(1.14, 429)}, 2, 2, "rate_limited rate_limited"},
		"two kinds, crossed": {[]string{proxyLine(1.1, "a", limited), proxyLine(1.11, "b", broken), uvicornLine(1.13, 500), uvicornLine(1.14, 429)}, 2, 2, "rate_limited server_error"},
		"another failure":    {[]string{proxyLine(1.1, "a", limited), uvicornLine(1.13, 422), uvicornLine(1.14, 429)}, 2, 2, "rate_limited bad_request"},
		"an old error":       {[]string{proxyLine(1.1, "a", limited), uvicornLine(49.13, 429)}, 2, 2, "rate_limited rate_limited"},
		"one after another":  {[]string{uvicornLine(1.13, 429), proxyLine(1.4, "a", limited), uvicornLine(1.42, 429)}, 2, 2, "rate_limited rate_limited"},
		"a stream":           {[]string{uvicornLine(9.1, 200), refused}, 2, 1, "truncated"},
		"a stream at once":   {[]string{refused, uvicornLine(9.6, 500)}, 1, 1, "truncated"},
		"unknown and known":  {[]string{proxyLine(1.1, "a", "litellm.APIError: APIError: OpenAIException - Overloaded"), proxyLine(1.11, "b", limited), uvicornLine(1.13, 429), uvicornLine(1.14, 529)}, 2, 2, "overloaded rate_limited"},
		"unknown status":     {[]string{proxyLine(1.1, "a", "litellm.APIError: APIError: OpenAIException - Overloaded"), uvicornLine(1.13, 529)}, 1, 1, "overloaded"},
	} {
		t.Run(name, func(t *testing.T) {
			n := readLiteLLM(t, LiteLLM, testKit(), tt.lines...)
			if n.requests != tt.requests || n.failed != tt.failed || n.classes != tt.classes || n.unparsed != 0 {
				t.Errorf("%d requests, %d failed: %s, %d unparsed", n.requests, n.failed, n.classes, n.unparsed)
			}
		})
	}
}

// What is remembered of lines that wait for their twin is bounded.
func TestLiteLLMTwinsAreBounded(t *testing.T) {
	d, err := New(LiteLLM, Options{Kit: testKit()})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		d.Decode([]byte(proxyLine(float64(i%60), fmt.Sprint(i), limited)), received)
		d.Decode([]byte(uvicornLine(float64(i%60), 500)), received)
	}
	l := d.(*litellm)
	if len(l.told.errors) > maxTwins || len(l.told.accesses) > maxTwins || len(l.told.errors) == 0 {
		t.Errorf("%d errors and %d accesses are remembered", len(l.told.errors), len(l.told.accesses))
	}
}

// An array holds several payloads, as generic_api posts them.
func TestLiteLLMArray(t *testing.T) {
	var payloads []string
	for _, line := range lines(t, "testdata/litellm.log") {
		if bytes.Contains(line, []byte("completionStartTime")) {
			payloads = append(payloads, string(line))
		}
	}
	single := readLiteLLM(t, LiteLLM, testKit(), payloads...)
	array := readLiteLLM(t, LiteLLM, testKit(), "["+strings.Join(payloads, ", ")+"]")
	if array.requests != single.requests || array.classes != single.classes || array.requests < 8 || array.unparsed != 0 {
		t.Errorf("one by one %d %s, as an array %d %s (%d unparsed)", single.requests, single.classes, array.requests, array.classes, array.unparsed)
	}
	for _, bad := range []string{"[]", "[1]", "[{}]", `[{"a":1},]`, `[{"a":1}`, `[{"a":1}] x`, "[" + payloads[0] + " " + payloads[1] + "]"} {
		if n := readLiteLLM(t, LiteLLM, testKit(), bad); n.requests != 0 || n.unparsed != 1 {
			t.Errorf("%.40s gives %d requests, %d unparsed", bad, n.requests, n.unparsed)
		}
	}
}

// Prompts, answers, keys and who asked stay out of the record, wherever they stand in the line.
func TestLiteLLMDropsWhatIsPrivate(t *testing.T) {
	kit := testKit()
	payload := `{"litellm_call_id":"c1","status":"failure","startTime":1795264830.25,"endTime":1795264831.5,"completionStartTime":1795264831.5,"response_time":1.25,"model":"openai/m","model_group":"m","model_id":"d",` +
		`"metadata":{"user_api_key_hash":"88dc28d0f030c55e","requester_ip_address":"203.0.113.9"},"messages":[{"role":"user","content":"a secret prompt"}],"response":{"choices":[{"message":{"content":"a secret answer"}}]},"error_str":"litellm.Timeout: timed out","error_information":{"error_code":"408","error_class":"Timeout"}}`
	auth := `{"message": "litellm.proxy.proxy_server.user_api_key_auth` + raised + `No connected db.\nRequester IP Address:203.0.113.9", "level": "ERROR", "timestamp": "2026-11-21T12:40:13", "requester_ip": "203.0.113.9", "component": "LiteLLM Proxy", "logger": "auth_exception_handler.py:197"}`
	n := readLiteLLM(t, LiteLLM, kit, payload, auth, strings.Replace(uvicornLine(20, 200), "10.1.2.3", "203.0.113.9", 1), `INFO:     203.0.113.9:40150 - "POST /v1/chat/completions HTTP/1.1" 500 Internal Server Error`)
	if n.requests != 4 || n.classes != "timeout auth server_error" {
		t.Errorf("%d requests: %s", n.requests, n.classes)
	}
	for _, rec := range n.records {
		all := fmt.Sprintf("%+v %v", rec, rec.Key.Labels(kit.Symbols))
		for _, private := range []string{"secret", "88dc28d0", "203.0.113"} {
			if strings.Contains(all, private) {
				t.Errorf("%q is in %s", private, all)
			}
		}
		if rec.Raw == "" {
			t.Errorf("nothing is kept of the line: %+v", rec)
		}
	}
}

// Beside the callback's lines nothing of LiteLLM's log counts.
func TestLiteLLMBesideTheCallback(t *testing.T) {
	callback := `{"time":"2026-11-21T12:40:01.2Z","kind":"request","request_id":"a","model":"gpt-4o","status":429,"error_type":"RateLimitError"}`
	log := []string{proxyLine(1.1, "a", limited), uvicornLine(1.13, 429), refused}
	n := readLiteLLM(t, LiteLLM, testKit(), append([]string{callback}, log...)...)
	if n.requests != 1 || n.failed != 1 || n.explains != 1 {
		t.Errorf("in one stream: %d requests, %d failed, %d explain", n.requests, n.failed, n.explains)
	}
	n = readLiteLLM(t, LiteLLMErrors, testKit(), log...)
	if n.requests != 0 || n.explains != 1 || n.records[0].RequestID != "a" || n.records[0].Outcome.Class() != fault.RateLimited {
		t.Errorf("as a source of its own: %+v", n)
	}
}

// Plain text lines have a time without a date: that of the latest day on which they can have been written.
func TestLiteLLMPlainTime(t *testing.T) {
	berlin := time.FixedZone("+1", 3600)
	for clock, want := range map[string]string{"13:59:58": "2026-11-21T12:59:58Z", "14:00:30": "2026-11-21T13:00:30Z", "14:02:00": "2026-11-20T13:02:00Z", "00:10:00": "2026-11-20T23:10:00Z", "23:59:59": "2026-11-20T22:59:59Z"} {
		d, err := New(LiteLLM, Options{Kit: testKit(), Zone: berlin})
		if err != nil {
			t.Fatal(err)
		}
		rec, res := d.Decode([]byte(clock+" - LiteLLM Proxy:ERROR: x.py:1 - litellm.proxy.proxy_server._handle_llm_api_exception"+raised+limited), received)
		if got := rec.Time.UTC().Format(time.RFC3339); res.Kind != Request || rec.Received || got != want {
			t.Errorf("%s is %s, want %s (%+v)", clock, got, want, res)
		}
	}
}

func TestDetectLiteLLM(t *testing.T) {
	plain := "INFO:     Started server process [1]\nINFO:     10.0.0.1:5000 - \"POST /v1/x HTTP/1.1\" 200 OK"
	for name, tt := range map[string]struct{ text, want string }{
		"json":           {uvicornLine(1, 200) + "\n" + proxyLine(2, "a", limited), LiteLLM},
		"errors only":    {proxyLine(2, "a", limited), LiteLLM},
		"plain":          {plain + "\n14:31:15 - LiteLLM Proxy:ERROR: x.py:1 - litellm.proxy.proxy_server._handle_llm_api_exception" + raised + broken + "\nTraceback (most recent call last):\n  File \"x\"", LiteLLM},
		"only uvicorn":   {plain, Access},
		"other JSON":     {`{"time":"2026-11-21T12:40:00Z","model":"m","status":200,"litellm_call_id":"x"}`, JSON},
		"callback lines": {`{"time":"2026-11-21T12:40:00Z","kind":"attempt","request_id":"a","model":"m","status":200}`, Signalbox},
	} {
		var sample [][]byte
		for l := range strings.SplitSeq(tt.text, "\n") {
			sample = append(sample, []byte(l))
		}
		if got := Detect(sample); got.Format != tt.want {
			t.Errorf("%s: %+v, want %s", name, got, tt.want)
		}
	}
	if got := DetectWith([][]byte{[]byte(uvicornLine(1, 200))}, map[string]string{"status": "code"}, nil); got.Format == LiteLLM {
		t.Errorf("a mapping of fields is for JSON: %+v", got)
	}
}

// The decoder remembers lines, so several at once are tried.
func FuzzLiteLLM(f *testing.F) {
	all := lines(f, "testdata/litellm.log")
	for i := 0; i+4 < len(all); i += 3 {
		f.Add(bytes.Join(all[i:i+4], []byte("\n")))
	}
	f.Add([]byte("[" + uvicornLine(1, 200) + "]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, format := range []string{LiteLLM, LiteLLMErrors} {
			d, err := New(format, Options{Kit: testKit()})
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for line := range bytes.SplitSeq(text, []byte("\n")) {
				d.(*litellm).Each(line, received, func(_ []byte, rec traffic.Record, res Result) {
					n++
					switch res.Kind {
					case Unparsed, Ignored:
						if res.Why == "" {
							t.Fatal("no reason")
						}
					case Request, Explains:
						if rec.Time.IsZero() || len(rec.Raw) > MaxRaw || len(rec.Message) > MaxMessage+3 || rec.Latency < 0 || rec.TTFT < 0 || rec.TokensIn < 0 || rec.Attempt < 0 {
							t.Fatalf("%+v", rec)
						}
						if res.Kind == Request && format == LiteLLMErrors && !bytes.Contains(line, []byte("kind")) && !bytes.Contains(line, []byte("Time")) && !bytes.Contains(line, []byte(`\u`)) {
							t.Fatalf("counted %q", line)
						}
					}
				})
			}
			if n == 0 && len(text) > 0 {
				t.Fatal("no line was handed over")
			}
		}
	})
}
