package decode

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"signalbox/internal/traffic"
)

// strange are logs with names of their own, and the mapping that reads them.
var strange = []struct {
	name, format string
	line         func(i int) string
	want         map[string]string
}{
	{"nested and short", JSON, func(i int) string {
		return fmt.Sprintf(`{"when":"2026-11-21T10:00:%02d.100Z","llm":{"name":"m%d"},"result_code_http":%d,"took":0.%d,"zone":"eu"}`, i, i%2, []int{200, 529, 503}[i%3], 400+i)
	}, map[string]string{"time": "when", "model": "llm.name", "status": "result_code_http", "latency_s": "took", "region": "zone"}},
	{"parts of names", JSON, func(i int) string {
		return fmt.Sprintf(`{"when":{"timestamp":%d},"llm_model_id":"gpt-%d","rsp":{"http_status_code":%d},"perf":{"total_dur":%d},"trace_request_id":"q%d","zone":"eu","a b":1}`, 1795262400+i, i%2, 200+300*(i%2), 800+i, i)
	}, map[string]string{"time": "when.timestamp", "model": "llm_model_id", "status": "rsp.http_status_code", "latency_ms": "perf.total_dur", "request_id": "trace_request_id", "region": "zone"}},
	{"values only", JSON, func(i int) string {
		return fmt.Sprintf(`{"a":"2026-11-21 10:00:%02d,250","b":"%s","c":%d,"d":"%s","e":"665d9a40-0b69-4fae-9b6e-1a2b3c4d%04d","n":%d}`,
			i, []string{"claude-sonnet-4", "gpt-4o"}[i%2], []int{200, 502, 200, 429}[i%4], []string{"eu-west-1", "westeurope", "us-east", "europe-west4"}[i%4], i, 100*i)
	}, map[string]string{"time": "a", "model": "b", "status": "c", "region": "d", "request_id": "e"}},
	{"camel case and milliseconds", JSON, func(i int) string {
		return fmt.Sprintf(`{"finishedAt":%d,"startedAt":%d,"resultCode":"%d","engineName":"house-%d","wallMs":%d,"upstreamPool":"pool-%d","failure":"%s","promptTok":%d,"maxTokens":%d}`,
			1795262400500+i*1000, 1795262400000+i*1000, []int{200, 504}[i%2], i%3, 300+i, i%2, []string{"", "upstream timed out"}[i%2], 90+i, 200+100*(i%4))
	}, map[string]string{
		"time": "finishedAt", "status": "resultCode", "model": "engineName", "latency_ms": "wallMs", "deployment": "upstreamPool", "error_message": "failure", "tokens_in": "promptTok",
	}},
	{"a common name with another meaning", JSON, func(i int) string {
		return fmt.Sprintf(`{"time":%d.5,"stamp":"2026-11-21T10:00:%02dZ","status":"%s","rc":%d,"model":"m"}`, i, i, []string{"done in a while", "queued"}[i%2], []int{200, 500}[i%2])
	}, map[string]string{"time": "stamp", "status": "rc", "model": "model"}},
	{"logfmt", Logfmt, func(i int) string {
		return fmt.Sprintf(`lvl=%s when=2026-11-21T10:00:%02dZ engine=llama-3-%db rc=%d rt=%.3f loc=westus2 rid=req_%016x note="all of it"`,
			[]string{"info", "error"}[i%2], i, 8+62*(i%2), []int{200, 503}[i%2], 0.25+float64(i)/10, i*7919)
	}, map[string]string{"time": "when", "model": "engine", "status": "rc", "latency_s": "rt", "region": "loc", "request_id": "rid", "level": "lvl"}},
	{"outcome in words", JSON, func(i int) string {
		return fmt.Sprintf(`{"evt_time":"2026-11-21T10:00:%02dZ","llm_model":"m%d","outcome":"%s","elapsed":"1.%ds"}`, i, i%2, []string{"ok", "error"}[i%2], i)
	}, map[string]string{"time": "evt_time", "model": "llm_model", "status": "outcome", "latency_ms": "elapsed"}},
}

func strangeSample(line func(int) string) (sample [][]byte) {
	for i := range 20 {
		sample = append(sample, []byte(line(i)))
	}
	return sample
}

// What Propose suggests is a mapping that reads the log it was made for.
func TestPropose(t *testing.T) {
	for _, tt := range strange {
		t.Run(tt.name, func(t *testing.T) {
			sample := strangeSample(tt.line)
			p := Propose(sample)
			for field, path := range tt.want {
				if p.Mapped[field] != path {
					t.Errorf("%s is %q, want %q", field, p.Mapped[field], path)
				}
			}
			if len(p.Mapped) > len(tt.want)+1 {
				t.Errorf("mapped too much: %v", p.Mapped)
			}
			var pasted struct{ Fields map[string]string }
			if err := yaml.Unmarshal([]byte(p.YAML), &pasted); err != nil || !maps.Equal(pasted.Fields, p.Mapped) {
				t.Fatalf("%v: %s", err, p.YAML)
			}
			kit := testKit()
			d, err := New(tt.format, Options{Kit: kit, Fields: pasted.Fields})
			if err != nil {
				t.Fatal(err)
			}
			failed := 0
			for _, line := range sample {
				rec, res := d.Decode(line, received)
				if res.Kind != Request || rec.Received || rec.Key[traffic.Model] == traffic.Unknown ||
					rec.Known&traffic.HasStatus == 0 && tt.want["status"] != "outcome" || rec.Known&traffic.HasLatency == 0 && (tt.want["latency_s"] != "" || tt.want["latency_ms"] != "") {
					t.Fatalf("%s: %+v %+v", line, rec, res)
				}
				if rec.Outcome.Failed() {
					failed++
				}
			}
			if failed == 0 || failed == len(sample) || p.Requests != len(sample) || p.Lines != len(sample) {
				t.Errorf("%d failed; the proposal says %d of %d", failed, p.Requests, p.Lines)
			}
		})
	}
}

// For text lines of one shape a mapping file is proposed, which read as it stands reads them.
func TestProposeText(t *testing.T) {
	for _, tt := range []struct {
		name string
		line func(i int) string
		want []string
	}{
		{"a router's columns", func(i int) string {
			return fmt.Sprintf("[GIN] 2026/11/21 - 06:26:%02d | 20261121062657340908603531%05d | %d | %8s |  127.0.0.1 | POST  /v1/chat/completions", i, i*7919, []int{200, 429, 200, 503}[i%4], fmt.Sprintf("%d.487192ms", 100+i))
		}, []string{"time", "status", "latency_ms", "endpoint"}},
		{"words and pairs", func(i int) string {
			return fmt.Sprintf(`2026-11-21 10:00:%02d,250 INFO gateway model=%s code=%d took=0.%ds "POST /v1/chat/completions HTTP/1.1" done`, i, []string{"gpt-4o", "claude-sonnet-4"}[i%2], []int{200, 529}[i%2], 300+i)
		}, []string{"time", "status", "latency_ms", "endpoint", "model"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sample := append(strangeSample(tt.line), []byte("ready"))
			p := Propose(sample)
			m, err := ParseFormat("my-format.yaml", []byte(p.File))
			if err != nil {
				t.Fatalf("%v:\n%s", err, p.File)
			}
			for _, field := range tt.want {
				if p.Why[field] == "" {
					t.Errorf("no %s in\n%s", field, p.File)
				}
			}
			kit := testKit()
			d, err := New(m.Name, Options{Kit: kit, Formats: []*Mapping{m}})
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range sample[:20] {
				rec, res := d.Decode(line, received)
				if res.Kind != Request || rec.Received || rec.Known&traffic.HasStatus == 0 || rec.Known&traffic.HasLatency == 0 || kit.Symbols.Name(rec.Key[traffic.Endpoint]) != "/v1/chat/completions" {
					t.Fatalf("%s: %+v %+v\n%s", line, rec, res, p.File)
				}
			}
			if p.Requests != 20 || p.Lines != 21 {
				t.Errorf("it says %d of %d", p.Requests, p.Lines)
			}
		})
	}
	for _, text := range []string{"one two three four\nfive six seven eight", "2026-11-21 10:00:00 INFO started worker 1\n2026-11-21 10:00:01 INFO started worker 2"} {
		if p := Propose(bytes.Split([]byte(text), []byte("\n"))); p.File != "" {
			t.Errorf("a proposal for %q:\n%s", text, p.File)
		}
	}
}

// The reasons stand beside the lines, and what is guessed says so.
func TestProposeReasons(t *testing.T) {
	p := Propose(strangeSample(strange[0].line))
	for _, want := range []string{
		`status: "result_code_http"  # integers 200..529`, `time: "when"  # times, the first 2026-11-21T10:00:00Z`, `model: "llm.name"  # 2 values: m0, m1`,
		`latency_s: "took"  # numbers 0.4..0.419, unit guessed by size: seconds?`, `# deployment: (not found)`,
	} {
		if !strings.Contains(p.YAML, want) {
			t.Errorf("%q is not in\n%s", want, p.YAML)
		}
	}
}

// What only looks like a field is none.
func TestProposeRefuses(t *testing.T) {
	for _, tt := range []struct {
		line, field string
		vary        []any
	}{
		{`{"max_tokens":%v}`, "status", []any{200, 400, 500}},
		{`{"batch":%v}`, "status", []any{200, 300, 400, 500}},
		{`{"wait_ms":%v}`, "status", []any{200, 404, 500}},
		{`{"n":%v}`, "status", []any{120, 340, 512}},
		{`{"exit_code":%v}`, "status", []any{0, 0, 0}},
		{`{"expires_at":"2026-11-2%vT10:00:00Z"}`, "time", []any{1, 2, 3}},
		{`{"built":"2026-11-21T10:00:00Z","x":%v}`, "time", []any{1, 2, 3}},
		{`{"seed":%v}`, "time", []any{1795262400, 1395262400, 1695262400, 1195262400}},
		{`{"timezone":"%v"}`, "region", []any{"UTC", "Europe/Berlin"}},
		{`{"zone":"%v"}`, "region", []any{"UTC", "UTC"}},
		{`{"llm_latency":"%v"}`, "model", []any{"low", "high"}},
		{`{"model_version":"%v"}`, "model", []any{"3", "4"}},
		{`{"api_key":"%v"}`, "request_id", []any{"a81b2c3d4e5f6a7b8c9d", "b81b2c3d4e5f6a7b8c9d", "c81b2c3d4e5f6a7b8c9d"}},
		{`{"retry_delay_ms":%v}`, "latency", []any{100, 200, 300}},
		{`{"error_count":"%v"}`, "error_message", []any{"1", "2"}},
	} {
		var sample [][]byte
		for i := range 12 {
			sample = append(sample, fmt.Appendf(nil, tt.line, tt.vary[i%len(tt.vary)]))
		}
		if p := Propose(sample); covered(p.Mapped, tt.field) {
			t.Errorf("%s: %v", tt.line, p.Mapped)
		}
	}
	for _, text := range []string{"\x00 nothing", "", "started a=1 b=2\nnothing here\nnor here\nnor there\nall is well"} {
		if got := Propose(bytes.Split([]byte(text), []byte("\n"))); got.YAML != "" {
			t.Errorf("a proposal for %q: %s", text, got.YAML)
		}
	}
}

// A sample without a failure still shows which number is the status.
func TestProposeStatusWithoutFailures(t *testing.T) {
	for _, key := range []string{"rcode", "rc", "http_result", "responseCode"} {
		if p := Propose([][]byte{fmt.Appendf(nil, `{"%s":200,"x":7}`, key), fmt.Appendf(nil, `{"%s":200,"x":9}`, key)}); p.Mapped["status"] != key {
			t.Errorf("%s: %v", key, p.Mapped)
		}
	}
}

// "model_id" names the deployment in one gateway, and the model where nothing else does.
func TestProposeModelID(t *testing.T) {
	for line, want := range map[string]map[string]string{
		`{"model_id":"gpt-4o","status":200}`:                {"model": "model_id", "status": "status"},
		`{"model_id":"gpt-4o-a","model":"m1","status":200}`: {"model": "model", "deployment": "model_id", "status": "status"},
	} {
		if p := Propose([][]byte{[]byte(line)}); !maps.Equal(p.Mapped, want) {
			t.Errorf("%s: %v, want %v", line, p.Mapped, want)
		}
	}
}

func TestKeyWords(t *testing.T) {
	for key, want := range map[string][]string{
		"result_code_http": {"result", "code", "http"}, "resultCode": {"result", "code"}, "HTTPStatus": {"httpstatus"}, "llm.Model-ID": {"llm", "model", "id"}, "": nil,
	} {
		if got := keyWords(key); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", key, got, want)
		}
	}
}

// FuzzPropose holds every proposal to what it promises: it parses, it is a mapping that the decoders take,
// it reads each path once and it says how many lines it reads.
func FuzzPropose(f *testing.F) {
	for _, s := range strange {
		f.Add(bytes.Join(strangeSample(s.line)[:4], []byte("\n")))
	}
	for _, seed := range jsonSeeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		sample := bytes.Split(text, []byte("\n"))
		p := Propose(sample)
		var pasted struct{ Fields map[string]string }
		if err := yaml.Unmarshal([]byte(p.YAML), &pasted); err != nil || !maps.Equal(pasted.Fields, p.Mapped) && len(p.Mapped) > 0 {
			t.Fatalf("%v: %q, mapped %q", err, p.YAML, p.Mapped)
		}
		if _, err := New(JSON, Options{Fields: p.Mapped}); err != nil {
			t.Fatal(err)
		}
		if p.File != "" {
			if _, err := ParseFormat("fuzz.yaml", []byte(p.File)); err != nil || p.YAML != "" {
				t.Fatalf("%v: %s", err, p.File)
			}
		}
		if p.Requests > p.Lines || p.Lines > SampleLines {
			t.Fatalf("%d of %d lines", p.Requests, p.Lines)
		}
	})
}

// What all lines of a sample have may be the name of the one instance that had written so far.
func TestProposeTextReadsLinesOfOtherPlaces(t *testing.T) {
	line := func(i int, pod, deployment string) string {
		return fmt.Sprintf("2026-11-21 12:00:%02d.123 | %s | gpt-4o | %s | %d | %dms | ok", i, pod, deployment, []int{200, 503}[i%2], 100+i)
	}
	var sample [][]byte
	for i := range 40 {
		sample = append(sample, []byte(line(i, "gw-1", "az-eu-1")))
	}
	m, err := ParseFormat("my-format.yaml", []byte(Propose(sample).File))
	if err != nil {
		t.Fatal(err)
	}
	rec, res := decodeOne(t, m.Name, line(3, "gw-2", "az-us-7"), Options{Formats: []*Mapping{m}})
	if res.Kind != Request || rec.Outcome.Status() != 503 || rec.Latency != 103*time.Millisecond {
		t.Errorf("%+v, status %d", res, rec.Outcome.Status())
	}
}
