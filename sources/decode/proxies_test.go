package decode

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"signalbox/internal/fault"
	"signalbox/internal/traffic"
)

// How HAProxy says that a request ended, in both of its formats.
func TestHAProxyTerminations(t *testing.T) {
	for name, tt := range map[string]struct {
		server, term string
		status       int
		tr           int
		want         fault.Class
	}{
		"ok stream":                   {"azure.eu-west", "----", 200, 101, fault.None},
		"SD: stream cut":              {"azure.eu-west", "SD--", 200, 101, fault.Truncated},
		"sD: stream stalled":          {"azure.eu-west", "sD--", 200, 101, fault.Truncated},
		"SH: reset before headers":    {"azure.eu-west", "SH--", 502, -1, fault.Connection},
		"sH: server timeout":          {"azure.eu-west", "sH--", 504, -1, fault.Timeout},
		"provider's 429":              {"azure.eu-west", "----", 429, 20, fault.RateLimited},
		"CD: client left":             {"azure.eu-west", "CD--", 200, 101, fault.Cancelled},
		"CH: left before headers":     {"azure.eu-west", "CH--", 400, -1, fault.Cancelled},
		"sQ: waited too long":         {"<NOSRV>", "sQ--", 503, -1, fault.Overloaded},
		"SC with no server":           {"<NOSRV>", "SC--", 503, -1, fault.NoHealthyUpstream},
		"SC with a server":            {"azure.eu-west", "SC--", 503, -1, fault.Connection},
		"LR: answered by a rule":      {"<NOSRV>", "LR--", 404, -1, fault.ModelNotFound},
		"PR: refused by a rule":       {"<NOSRV>", "PR--", 429, -1, fault.RateLimited},
		"PH: an answer of no use":     {"azure.eu-west", "PH--", 502, -1, fault.BadGateway},
		"redispatched, then served":   {"azure.us-east", "----", 200, 101, fault.None},
		"a 503 that the server wrote": {"azure.us-east", "----", 503, 10, fault.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			asJSON := fmt.Sprintf(`{"t":1795265000.100,"id":"r1","be":"llm","srv":%q,"model":"gpt-4o","stream":"1","status":%d,"term":%q,"Tw":0,"Tc":0,"Tr":%d,"Td":1,"Ta":102,"bytes":7,"retries":"+1"}`, tt.server, tt.status, tt.term, tt.tr)
			asText := fmt.Sprintf(`10.0.1.2:33317 [21/Nov/2026:12:43:20.100] llm llm/%s 0/0/1/%d/102 %d 7 - - %s 3/3/2/1/+1 0/0 "POST /v1/chat/completions HTTP/1.1"`, tt.server, tt.tr, tt.status, tt.term)
			for format, line := range map[string]string{HAProxyJSON: asJSON, HAProxyText: asText} {
				rec, res := decodeOne(t, format, line, Options{})
				if res.Kind != Request || rec.Outcome.Class() != tt.want || rec.Outcome.Status() != tt.status {
					t.Errorf("%s: %+v %v %d, want %v", format, res, rec.Outcome.Class(), rec.Outcome.Status(), tt.want)
				}
				tried := !strings.HasPrefix(tt.server, "<")
				if has := rec.Known&traffic.HasAttempt != 0; has != tried || tried && rec.Attempt != 2 {
					t.Errorf("%s: attempt %d, known %v", format, rec.Attempt, has)
				}
				if rec.Known&traffic.HasTTFT != 0 && tt.tr < 0 {
					t.Errorf("%s: a time to the first byte of an answer that never came", format)
				}
			}
		})
	}
	for name, line := range map[string]string{
		"PROMEX": `{"t":1795265000.100,"id":"r1","be":"llm","srv":"<PROMEX>","model":"","status":200,"term":"LR--","Ta":0}`,
		"STATS":  `{"t":1795265000.100,"id":"r1","be":"llm","srv":"<STATS>","model":"","status":200,"term":"LR--","Ta":0}`,
	} {
		if _, res := decodeOne(t, HAProxyJSON, line, Options{}); res.Kind != Ignored {
			t.Errorf("%s: %+v", name, res)
		}
	}
}

// How Envoy says that a request ended, in JSON, in Istio's text and, as far as it can, in the default text.
func TestEnvoyFlags(t *testing.T) {
	for name, tt := range map[string]struct {
		status         int
		flags, details string
		want           fault.Class
	}{
		"answered":                    {200, "-", "via_upstream", fault.None},
		"capped by us":                {503, "UO", "upstream_reset_before_response_started{overflow}", fault.NoHealthyUpstream},
		"a retry was refused":         {503, "UO", "via_upstream", fault.Unavailable},
		"retries used up":             {429, "URX", "via_upstream", fault.RateLimited},
		"answered by the route":       {503, "-", "direct_response", fault.Unavailable},
		"stream cut":                  {200, "UPE", "upstream_reset_after_response_started{protocol_error}", fault.Truncated},
		"stream reset":                {200, "UC", "upstream_reset_after_response_started{connection_termination}", fault.Truncated},
		"stream stalled":              {200, "SI", "stream_idle_timeout", fault.Timeout},
		"silent":                      {504, "UT", "response_timeout", fault.Timeout},
		"closed early":                {503, "UC", "upstream_reset_before_response_started{connection_termination}", fault.Connection},
		"refused":                     {503, "UF", "upstream_reset_before_response_started{delayed_connect_error:_Connection_refused}", fault.Connection},
		"refused, retries used up":    {503, "UF,URX", "upstream_reset_before_response_started{remote_connection_failure}", fault.Connection},
		"client left":                 {0, "DC", "downstream_remote_disconnect", fault.Cancelled},
		"client left in the answer":   {200, "DC", "downstream_remote_disconnect", fault.Cancelled},
		"no healthy host":             {503, "UH", "no_healthy_upstream", fault.NoHealthyUpstream},
		"no cluster":                  {503, "NC", "cluster_not_found", fault.NoHealthyUpstream},
		"no route":                    {404, "NR", "route_not_found", fault.ModelNotFound},
		"no memory":                   {503, "-", "overload", fault.Overloaded},
		"limited by Envoy":            {429, "RL", "request_rate_limited", fault.RateLimited},
		"bad answer before headers":   {502, "UPE", "upstream_reset_before_response_started{protocol_error}", fault.BadGateway},
		"the provider's server error": {500, "-", "via_upstream", fault.ServerError},
	} {
		t.Run(name, func(t *testing.T) {
			const target = `[2026-11-21T12:40:20.100Z] "POST /v1/chat/completions HTTP/1.1" `
			const tail = ` 90 19 250 - "10.0.3.7" "curl/8" "5f0e" "llm" "10.1.0.1:443"`
			lines := map[string]string{
				EnvoyJSON: fmt.Sprintf(`{"start_time":"2026-11-21T12:40:20.100Z","path":"/v1/chat/completions","response_code":%d,"response_flags":%q,"response_code_details":%q,"duration":250,"upstream_cluster":"llm"}`, tt.status, tt.flags, tt.details),
				Access:    target + fmt.Sprintf(`%d %s %s - "-"`, tt.status, tt.flags, tt.details) + tail + " llm 10.1.0.2:5 10.2.0.1:80 10.0.3.7:4 - default",
			}
			if tt.flags != "-" && tt.details != "via_upstream" && !strings.Contains(tt.details, "after_response_started") {
				lines["default text"] = target + fmt.Sprintf(`%d %s`, tt.status, tt.flags) + tail
			}
			for format, line := range lines {
				rec, res := decodeOne(t, strings.Replace(format, "default text", Access, 1), line, Options{})
				if res.Kind != Request || rec.Outcome.Class() != tt.want || rec.Outcome.Status() != tt.status {
					t.Errorf("%s: %+v %v %d, want %v", format, res, rec.Outcome.Class(), rec.Outcome.Status(), tt.want)
				}
				if at := rec.Time.UTC().Format("15:04:05.000"); at != "12:40:20.350" || rec.Latency != 250*time.Millisecond {
					t.Errorf("%s: ended at %s after %v", format, at, rec.Latency)
				}
			}
		})
	}
}

// A line of the router's upstream_log is an attempt, and a line of the listener's log with a count is not.
func TestEnvoyAttempts(t *testing.T) {
	kit := testKit()
	for line, want := range map[string]string{
		`{"id":"a","attempt":"2","upstream":"127.0.0.1:1","status":429,"flags":"-","ms":12}`:                    traffic.SideUpstream,
		`{"id":"a","attempt":1,"upstream":"127.0.0.1:1","status":0,"flags":"-","ms":12}`:                        traffic.SideUpstream,
		`{"id":"a","attempts":2,"model":"m","cluster":"c","status":429,"flags":"-","ms":12}`:                    traffic.SideClient,
		`{"id":"a","attempt":2,"model":"m","cluster":"c","status":429,"flags":"-","details":"x","ms":12}`:       traffic.SideClient,
		`{"request_id":"a","response_code":429,"response_flags":"-","upstream_host":"1.1.1.1:1","duration":12}`: traffic.SideClient,
	} {
		rec, res := decodeOne(t, EnvoyJSON, line, Options{Kit: kit})
		if side := kit.Symbols.Name(rec.Key[traffic.Side]); res.Kind != Request || side != want || !rec.Outcome.Failed() || rec.RequestID != "a" {
			t.Errorf("%s: %+v %s %v", line, res, side, rec.Outcome.Class())
		}
	}
	for flags, want := range map[string]fault.Class{"UF": fault.Connection, "-": fault.Cancelled} { // given up as the client left
		rec, _ := decodeOne(t, EnvoyJSON, `{"id":"a","attempt":1,"upstream":"127.0.0.1:1","status":0,"flags":"`+flags+`","ms":12}`, Options{})
		if rec.Outcome.Class() != want || !rec.Received {
			t.Errorf("an attempt without an answer and with %s is %v, received %v", flags, rec.Outcome.Class(), rec.Received)
		}
	}
}

// Nginx's lists have one entry for each server that was tried.
func TestLastOf(t *testing.T) {
	for list, want := range map[string]struct {
		last string
		n    int
	}{
		"":                          {"", 0},
		"-":                         {"", 0},
		"200":                       {"200", 1},
		"502, 200":                  {"200", 2},
		"502, 503 : 200":            {"200", 3},
		"503 : 200":                 {"200", 2},
		"10.0.0.1:80, 10.0.0.2:80":  {"10.0.0.2:80", 2},
		"unix:/a.sock : [::1]:8080": {"[::1]:8080", 2},
		"-, 0.4":                    {"0.4", 2},
	} {
		if last, n := lastOf([]byte(list)); string(last) != want.last || n != want.n {
			t.Errorf("%q: %q %d, want %+v", list, last, n, want)
		}
	}
	if _, n := lastOf([]byte(strings.Repeat("1,", 1e6))); n > maxAttempts+1 {
		t.Errorf("%d entries", n)
	}
}

// Who asked is in no record of nginx's error log.
func TestNginxErrorsDropTheCaller(t *testing.T) {
	for _, line := range lines(t, "testdata/nginx-error.log") {
		kit := testKit()
		rec, _ := decodeOne(t, NginxError, string(line), Options{Kit: kit})
		if all := fmt.Sprintf("%+v %v", rec, rec.Key.Labels(kit.Symbols)); strings.Contains(all, "10.0.3.7") {
			t.Errorf("%s of %s", all, line)
		}
	}
}

// One line is enough to tell a format whose shape is its own.
func TestDetectOnOneLine(t *testing.T) {
	for _, format := range []string{Signalbox, HAProxyJSON, HAProxyText, NginxJSON, NginxError, EnvoyJSON, Access} {
		for _, n := range []int{1, 2, 5} {
			sample := lines(t, "testdata/"+format+".log")[:n]
			if got := Detect(sample); got.Format != format {
				t.Errorf("%d lines of %s: %+v", n, format, got)
			}
		}
	}
	one := Detect(lines(t, "testdata/json.log")[:1])
	all := Detect(lines(t, "testdata/json.log"))
	if one.Confidence >= all.Confidence || one.Confidence < 0.5 {
		t.Errorf("confidence %v by one line, %v by all", one.Confidence, all.Confidence)
	}
}
