package decode

import (
	"fmt"
	"testing"
	"time"

	"signalbox/internal/fault"
	"signalbox/internal/traffic"
)

// Lines of gateways and proxies as their documents have them, which the common names have to do for.
func TestJSONOfOtherGatewaysTellsTimeStatusAndError(t *testing.T) {
	for name, c := range map[string]struct {
		line   string
		class  fault.Class
		status int
		at     string
	}{
		"Cloudflare's AI gateway": {
			`{"Cached":false,"CreatedAt":"2026-11-21T12:00:01Z","Duration":134,"Endpoint":"chat/completions","Gateway":"prod","ID":"01K","Model":"gpt-4o","Provider":"openai","StatusCode":429,"Success":false}`,
			fault.RateLimited, 429, "12:00:01",
		},
		"Helicone": {
			`{"response_body":{"error":{"message":"You exceeded your current quota","type":"insufficient_quota"}},"response_id":"r","response_created_at":"2026-11-21T12:00:02Z","response_status":429,"request_id":"q","request_body":{"model":"gpt-4o"},"provider":"OPENAI","delay_ms":120,"completion_tokens":0}`,
			fault.QuotaExhausted, 429, "12:00:02",
		},
		"a success with the text of an answer": {
			`{"time":"2026-11-21T12:00:03Z","model":"gpt-4o","status":200,"response_body":"{\"id\":\"r\",\"error\":null,\"output\":\"the server is overloaded\"}"}`,
			fault.None, 200, "12:00:03",
		},
		"a status of success around an error": {
			`{"time":"2026-11-21T12:00:04Z","model":"claude","status":200,"response_body":"{\"error\":{\"message\":\"Provider returned error\",\"code\":429,\"metadata\":{\"raw\":\"{\\\"type\\\":\\\"error\\\",\\\"error\\\":{\\\"type\\\":\\\"overloaded_error\\\",\\\"message\\\":\\\"Overloaded\\\"}}\"}}}"}`,
			fault.Overloaded, 200, "12:00:04",
		},
		"an answer as a text beside a plain status": {
			`{"time":"2026-11-21T12:00:05Z","level":"error","msg":"upstream","model":"x","status":500,"response":"{\"error\":{\"message\":\"prompt is too long: 210000 tokens > 200000 maximum\",\"type\":\"invalid_request_error\"}}"}`,
			fault.ContextOverflow, 500, "12:00:05",
		},
		"a list of errors": {
			`{"time":"2026-11-21T12:00:06Z","level":"error","msg":"upstream","model":"x","status":500,"errors":[{"message":"Overloaded","type":"overloaded_error"}]}`,
			fault.Overloaded, 500, "12:00:06",
		},
	} {
		t.Run(name, func(t *testing.T) {
			rec, res := decodeOne(t, JSON, c.line, Options{})
			if res.Kind != Request || rec.Outcome.Class() != c.class || rec.Outcome.Status() != c.status || rec.Time.Format(time.TimeOnly) != c.at {
				t.Errorf("%v %s %d at %s", res, rec.Outcome.Class(), rec.Outcome.Status(), rec.Time)
			}
		})
	}
}

// A duration without a unit is not taken for one, but it tells that the line is about a call that ended.
func TestJSONCountsAFailedCallWhoseDurationHasNoUnit(t *testing.T) {
	d, err := New(JSON, Options{})
	if err != nil {
		t.Fatal(err)
	}
	d.Decode([]byte(`{"level":"info","model":"gpt-4o","status":200,"elapsed":812.1,"time":1795262400,"message":"done"}`), received)
	rec, res := d.Decode([]byte(`{"level":"error","error":"dial tcp 10.0.0.1:443: connect: connection refused","model":"gpt-4o","elapsed":3.1,"time":1795262401,"message":"upstream failed"}`), received)
	if res.Kind != Request || rec.Outcome.Class() != fault.Connection || rec.Known&traffic.HasLatency != 0 {
		t.Errorf("%v %s", res, rec.Outcome.Class())
	}
}

// The target of a line of tracing is a module of the program.
func TestJSONTakesNoModuleForADeployment(t *testing.T) {
	kit := testKit()
	for line, want := range map[string]string{
		`{"timestamp":"2026-11-21T12:00:03Z","level":"INFO","fields":{"message":"finished","status":200},"target":"tower_http::trace::on_response"}`: "",
		`{"timestamp":"2026-11-21T12:00:03Z","level":"INFO","message":"finished","status":200,"target":"az-eu-1"}`:                                   "az-eu-1",
	} {
		rec, _ := decodeOne(t, JSON, line, Options{Kit: kit})
		if got := kit.Symbols.Name(rec.Key[traffic.Deployment]); got != want {
			t.Errorf("deployment %q of %s", got, line)
		}
	}
}

// Many gateways read a finish reason only where the answer comes whole. Then one that was streamed is not cut for want of
// one; where streams have it, one without is.
func TestAStreamIsNotCutBecauseWholeAnswersHaveAFinishReason(t *testing.T) {
	whole := `{"time":"2026-11-21T12:00:00Z","model":"m","status":200,"stream":false,"finish_reason":"stop"}`
	ended := `{"time":"2026-11-21T12:00:01Z","model":"m","status":200,"stream":true,"finish_reason":"stop"}`
	bare := `{"time":"2026-11-21T12:00:02Z","model":"m","status":200,"stream":true}`
	for name, c := range map[string]struct {
		lines []string
		want  int
	}{
		"only whole answers tell":   {[]string{whole, bare, whole, bare, whole, bare, bare}, 0},
		"streams tell":              {[]string{ended, bare, whole, ended, bare}, 2},
		"none has been seen so far": {[]string{bare, whole, bare, ended, bare}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTestStream(t, JSON)
			giveAll(s, c.lines, received)
			s.Settle(received)
			cut := 0
			for _, rec := range s.Records() {
				if rec.Outcome.Class() == fault.Truncated {
					cut++
				}
			}
			if cut != c.want || len(s.Records()) != len(c.lines) {
				t.Errorf("%d of %d were taken for cut, want %d", cut, len(s.Records()), c.want)
			}
		})
	}
}

// Some loggers write time and level before their pairs, and not as pairs.
func TestLogfmtTellsTimeAndLevelByItsHead(t *testing.T) {
	d, err := New(Logfmt, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		`2026-11-21 12:00:00 [info     ] request done                   model=gpt-4o status=200`:               "12:00:00 none",
		`2026-11-21 12:00:01,250 ERROR call failed model=gpt-4o latency=30s error="context deadline exceeded"`: "12:00:01 timeout",
		`12:00:02 WRN upstream slow model=gpt-4o status=200`:                                                   "12:00:02 none",
		`ts=2026-11-21T12:00:03Z level=error msg="call failed" model=gpt-4o status=529`:                        "12:00:03 overloaded",
		`Nov 21 12:00:04 request done model=gpt-4o status=200 at=2026-11-21T11:00:00Z`:                         "12:00:04 none",
	} {
		rec, res := d.Decode([]byte(line), received)
		if got := rec.Time.Format(time.TimeOnly) + " " + rec.Outcome.Class().String(); res.Kind != Request || rec.Received || got != want {
			t.Errorf("%s: %+v %s", line, res, got)
		}
	}
}

// Where a status stands logs have phrases, words, signs of no answer, and beside it whether all went well.
func TestJSONStatusesThatAreNoNumber(t *testing.T) {
	for line, want := range map[string]string{
		`"status":"429 Too Many Requests"`:                         "rate_limited 429",
		`"status":"HTTP 503"`:                                      "unavailable 503",
		`"status":"HTTP/1.1 200 OK"`:                               "none 200",
		`"status":"timeout"`:                                       "timeout 0",
		`"status":"timed_out","error":"it took too long"`:          "timeout 0",
		`"status":"rate limited"`:                                  "rate_limited 0",
		`"status":"canceled"`:                                      "cancelled 0",
		`"status":"failed","error":"Overloaded"`:                   "overloaded 0",
		`"status":"successful"`:                                    "none 0",
		`"status":-1,"error":"ECONNRESET"`:                         "connection 0",
		`"outcome":"error"`:                                        "server_error 0",
		`"success":false,"error":"Overloaded"`:                     "overloaded 0",
		`"ok":false,"latency_ms":3`:                                "server_error 0",
		`"ok":true,"latency_ms":3`:                                 "none 0",
		`"success":true,"status":503`:                              "unavailable 503",
		`"success":false,"status":200,"error":"retried once: 429"`: "none 200",
		`"status":"429x","latency_ms":3`:                           "none 0",
		`"result":{"success":"no boolean"},"latency_ms":3`:         "none 0",
	} {
		rec, res := decodeOne(t, JSON, `{"time":"2026-11-21T12:00:00Z","model":"m",`+line+`}`, Options{})
		if got := fmt.Sprint(rec.Outcome.Class(), " ", rec.Outcome.Status()); res.Kind != Request || got != want {
			t.Errorf("%s: %+v %s, want %s", line, res, got, want)
		}
	}
	for _, line := range []string{`{"msg":"health","ok":true}`, `{"msg":"health","ok":false}`} {
		if _, res := decodeOne(t, JSON, line, Options{}); res.Kind != Ignored {
			t.Errorf("%s: %+v", line, res)
		}
	}
}
