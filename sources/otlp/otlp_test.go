package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/proto"

	"signalbox/internal/traffic"
	"signalbox/sources"
	"signalbox/sources/decode"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// sink is the desk's side: it takes batches, or holds them up.
type sink struct {
	mu      sync.Mutex
	records []traffic.Record
	state   traffic.SourceState
	changed chan struct{}
	held    chan struct{} // closed: batches with records are taken; nil: always
}

func (k *sink) emit(ctx context.Context, b traffic.Batch) error {
	if k.held != nil && len(b.Records) > 0 {
		select {
		case <-k.held:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	k.mu.Lock()
	k.records = append(k.records, b.Records...)
	k.state = *b.State
	k.mu.Unlock()
	select {
	case k.changed <- struct{}{}:
	default:
	}
	return nil
}

func (k *sink) now() ([]traffic.Record, traffic.SourceState) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.records), k.state
}

// until waits for what is to come.
func (k *sink) until(t *testing.T, what string, ok func([]traffic.Record, traffic.SourceState) bool) ([]traffic.Record, traffic.SourceState) {
	t.Helper()
	limit := time.After(time.Minute)
	for {
		if r, st := k.now(); ok(r, st) {
			return r, st
		}
		select {
		case <-k.changed:
		case <-limit:
			r, st := k.now()
			t.Fatalf("never saw %s: %d records, state %+v", what, len(r), st)
		}
	}
}

// running is a source that listens.
type running struct {
	*sink
	url  string
	kit  sources.Kit
	stop func() error
}

func listen(t *testing.T, opt Options, held chan struct{}) *running {
	t.Helper()
	opt.Name, opt.Listen = "otel", "127.0.0.1:0"
	if opt.Kit.Now == nil {
		opt.Kit.Now = func() time.Time { return noon.Add(time.Minute) }
	}
	opt.Kit = opt.Kit.Complete()
	s, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	r := &running{sink: &sink{changed: make(chan struct{}, 1), held: held}, kit: opt.Kit}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, r.emit) }()
	var once sync.Once
	var ended error
	r.stop = func() error {
		once.Do(func() { cancel(); ended = <-done })
		return ended
	}
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("the source ended with %v", err)
		}
	})
	_, st := r.until(t, "the address", func(_ []traffic.Record, st traffic.SourceState) bool { return strings.HasPrefix(st.Where, "http://") })
	r.url = st.Where
	return r
}

func (r *running) name(s traffic.Sym) string { return r.kit.Symbols.Name(s) }

// post sends a request as an exporter does.
func post(t *testing.T, url, kind string, body []byte, header ...string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
		req.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer), resp.Header
}

func zipped(t *testing.T, body []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// request is a request of one record of a gateway, in JSON as the protocol writes it.
const request = `{"resourceLogs":[{"resource":{"attributes":[
 {"key":"service.name","value":{"stringValue":"llm-gw"}},
 {"key":"service.instance.id","value":{"stringValue":"gw-1"}},
 {"key":"telemetry.sdk.language","value":{"stringValue":"python"}},
 {"key":"cloud.region","value":{"stringValue":"eu-west"}}]},
 "scopeLogs":[{"scope":{"name":"gw","attributes":[{"key":"deployment.environment.name","value":{"stringValue":"production"}}]},
 "logRecords":[{"timeUnixNano":"1795262400000000000","observedTimeUnixNano":"1795262401000000000","severityNumber":17,"severityText":"Error",
 "traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","unknownMember":{"a":1},
 "body":{"kvlistValue":{"values":[{"key":"error","value":{"kvlistValue":{"values":[{"key":"message","value":{"stringValue":"upstream 502: bad gateway"}}]}}}]}},
 "attributes":[
 {"key":"gen_ai.request.model","value":{"stringValue":"gpt-4o"}},
 {"key":"gen_ai.provider.name","value":{"stringValue":"azure"}},
 {"key":"http.response.status_code","value":{"intValue":"502"}},
 {"key":"http.server.request.duration","value":{"doubleValue":1.25}},
 {"key":"gen_ai.usage.input_tokens","value":{"intValue":812}},
 {"key":"gen_ai.response.finish_reasons","value":{"arrayValue":{"values":[{"stringValue":"stop"}]}}},
 {"key":"gen_ai.input.messages","value":{"stringValue":"what is my salary"}}]}]}]}]}`

func binary(t *testing.T, text string) []byte {
	t.Helper()
	data, err := readJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	body, err := proto.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestBothFormsGiveTheSameRecord(t *testing.T) {
	t.Parallel()
	body := binary(t, request)
	sent := []struct {
		name, kind, want string
		body             []byte
		header           []string
	}{
		{"json", "application/json; charset=utf-8", "{}", []byte(request), nil},
		{"json, packed", kindJSON, "{}", zipped(t, []byte(request)), []string{"Content-Encoding", "gzip"}},
		{"protobuf", kindProtobuf, "", body, nil},
		{"protobuf, packed", kindProtobuf, "", zipped(t, body), []string{"Content-Encoding", "gzip"}},
	}
	r := listen(t, Options{}, nil)
	for i, s := range sent {
		status, answer, header := post(t, r.url, s.kind, s.body, s.header...)
		if status != http.StatusOK || answer != s.want || !strings.HasPrefix(s.kind, header.Get("Content-Type")) {
			t.Errorf("%s: answered %d %q as %s", s.name, status, answer, header.Get("Content-Type"))
		}
		r.until(t, s.name, func(rec []traffic.Record, _ traffic.SourceState) bool { return len(rec) > i })
	}
	records, st := r.now()
	got := records[0]
	for i, rec := range records[1:] {
		if rec != got {
			t.Errorf("%s gives another record than %s:\n%+v\n%+v", sent[i+1].name, sent[0].name, rec, got)
		}
	}
	for dim, want := range map[traffic.Dim]string{
		traffic.Gateway: "llm-gw", traffic.Instance: "gw-1", traffic.Region: "eu-west", traffic.Env: "production", traffic.Model: "gpt-4o",
		traffic.Provider: "azure", traffic.Side: traffic.SideClient,
	} {
		if name := r.name(got.Key[dim]); name != want {
			t.Errorf("%s is %q, want %q", dim, name, want)
		}
	}
	if !got.Time.Equal(noon) || got.Received || got.Outcome.Status() != 502 || got.Outcome.Class().String() != "bad_gateway" ||
		got.Latency != 1250*time.Millisecond || got.TokensIn != 812 || r.name(got.Finish) != "stop" ||
		got.RequestID != "5b8efff798038103d269b633813fc60c" || got.Message != "upstream 502: bad gateway" {
		t.Errorf("the record is %+v", got)
	}
	if strings.Contains(got.Raw, "salary") || strings.Contains(got.Raw, "python") {
		t.Errorf("what was said and what says nothing is left out, but the line is %s", got.Raw)
	}
	if st.Lines != 4 || st.Unparsed != 0 || st.Dropped != 0 || st.Format != "otlp" || st.Health != traffic.Live || !st.Newest.Equal(noon) {
		t.Errorf("the state is %+v", st)
	}
}

// bodies makes a request of records whose bodies are text.
func bodies(attrs string, lines ...string) []byte {
	var recs []string
	for i, l := range lines {
		recs = append(recs, fmt.Sprintf(`{"observedTimeUnixNano":"%d","body":{"stringValue":%q},"attributes":[%s]}`, noon.Add(time.Duration(i)*time.Second).UnixNano(), l, attrs))
	}
	return []byte(`{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"edge"}},{"key":"k8s.pod.name","value":{"stringValue":"edge-7"}}]},
 "scopeLogs":[{"logRecords":[` + strings.Join(recs, ",") + `]}]}]}`)
}

func attr(key, value string) string {
	return fmt.Sprintf(`{"key":%q,"value":{"stringValue":%q}}`, key, value)
}

func TestBodiesThatAreLogLines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, format string
		attrs        string
		lines        []string
		want         []string // status, model, region, endpoint, time of each record
	}{
		{
			name: "access lines", format: "otlp+access", attrs: attr("cloud.region", "eu-west") + "," + attr("gen_ai.request.model", "gpt-4o"),
			lines: []string{
				`10.0.0.1 - - [21/Nov/2026:11:59:58 +0000] "POST /v1/chat/completions HTTP/1.1" 200 512 "-" "curl"`,
				`10.0.0.1 - - [21/Nov/2026:11:59:59 +0000] "POST /v1/chat/completions HTTP/1.1" 502 51 "-" "curl"`,
			},
			want: []string{"200 gpt-4o eu-west /v1/chat/completions 11:59:58", "502 gpt-4o eu-west /v1/chat/completions 11:59:59"},
		},
		{
			name: "JSON lines", format: "otlp+json", attrs: attr("cloud.region", "us-east"),
			lines: []string{
				`{"ts":"2026-11-21T11:59:57Z","model":"gpt-4o","status":200,"path":"/v1/messages","latency_ms":12}`,
				`{"model":"gpt-4o-mini","status":429,"path":"/v1/messages","error":"slow down"}`,
			},
			want: []string{"200 gpt-4o us-east /v1/messages 11:59:57", "429 gpt-4o-mini us-east /v1/messages 12:00:01"},
		},
		{
			name: "logfmt", format: "otlp+logfmt", attrs: attr("cloud.region", "us-east"),
			lines: []string{
				`time=2026-11-21T11:59:56Z level=info model=gpt-4o status=200 path=/v1/messages`,
				`time=2026-11-21T11:59:57Z level=error model=gpt-4o status=503 path=/v1/messages err="overloaded"`,
			},
			want: []string{"200 gpt-4o us-east /v1/messages 11:59:56", "503 gpt-4o us-east /v1/messages 11:59:57"},
		},
		{
			name: "prose beside attributes", format: "otlp+text",
			attrs: attr("cloud.region", "us-east") + `,{"key":"http.response.status_code","value":{"intValue":"504"}}`,
			lines: []string{"request took too long, giving up"}, want: []string{"504  us-east  12:00:00"},
		},
		{
			name: "prose alone", format: "otlp+text", attrs: attr("gen_ai.request.model", "claude"),
			lines: []string{"the cat sat on the mat", "anthropic answered 529 overloaded_error: Overloaded"}, want: []string{"529 claude   12:00:01"},
		},
		{
			name: "a traceback in pieces", format: "otlp+text", attrs: attr("gen_ai.request.model", "gpt-4o"),
			lines: []string{"Traceback (most recent call last):", `  File "app.py", line 7, in ask`, "openai.RateLimitError: Error code: 429 - Rate limit reached"},
			want:  []string{"429 gpt-4o   12:00:00"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := listen(t, Options{}, nil)
			if status, answer, _ := post(t, r.url, kindJSON, bodies(c.attrs, c.lines...)); status != http.StatusOK {
				t.Fatalf("answered %d %s", status, answer)
			}
			if err := r.stop(); err != nil { // what was accepted is handed over at the end
				t.Fatal(err)
			}
			records, st := r.now()
			var have []string
			for _, rec := range records {
				have = append(have, fmt.Sprintf("%d %s %s %s %s", rec.Outcome.Status(), r.name(rec.Key[traffic.Model]), r.name(rec.Key[traffic.Region]),
					r.name(rec.Key[traffic.Endpoint]), rec.Time.UTC().Format(time.TimeOnly)))
				if r.name(rec.Key[traffic.Instance]) != "edge-7" {
					t.Errorf("the instance is %q", r.name(rec.Key[traffic.Instance]))
				}
			}
			if !slices.Equal(have, c.want) {
				t.Errorf("records %q, want %q", have, c.want)
			}
			if st.Format != c.format || st.Health != traffic.Ended || st.Lines != int64(len(c.lines)) {
				t.Errorf("the state is %+v", st)
			}
		})
	}
}

func TestEachSenderHasItsOwnFormat(t *testing.T) {
	t.Parallel()
	r := listen(t, Options{}, nil)
	for i := range 3 {
		one := bodies("", `{"model":"m","status":200}`)
		two := bytes.ReplaceAll(bodies("", `127.0.0.1 - - [21/Nov/2026:11:59:58 +0000] "GET / HTTP/1.1" 500 1`), []byte("edge-7"), fmt.Appendf(nil, "edge-%d", 10+i))
		for _, body := range [][]byte{one, two} {
			if status, answer, _ := post(t, r.url, kindJSON, body); status != http.StatusOK {
				t.Fatalf("answered %d %s", status, answer)
			}
		}
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	records, st := r.now()
	if len(records) != 6 || st.Unparsed != 0 || st.Format != "otlp+access+json" {
		t.Errorf("%d records, state %+v", len(records), st)
	}
}

func TestSendersAreBounded(t *testing.T) {
	t.Parallel()
	now := noon
	s, err := New(Options{Name: "otel", Listen: "127.0.0.1:0", Kit: sources.Kit{Now: func() time.Time { return now }}})
	if err != nil {
		t.Fatal(err)
	}
	one := func(name string) {
		s.take(delivery{items: []item{{sender: name, own: []byte(`"status":500`)}}})
	}
	for i := range 2 * maxSenders {
		one(fmt.Sprint("pod-", i))
	}
	if len(s.senders) != maxSenders || len(s.out) != 2*maxSenders {
		t.Errorf("%d senders have streams of their own, %d records", len(s.senders), len(s.out))
	}
	now = now.Add(2 * idleSender)
	one("a pod of the next day")
	if len(s.senders) != 1 || s.senders["a pod of the next day"] == nil {
		t.Errorf("%d senders are remembered although all others have been quiet", len(s.senders))
	}
	if n := s.state().Unmapped; n != 0 || len(s.out) != 2*maxSenders+1 {
		t.Errorf("%d unmapped, %d records", n, len(s.out))
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	r := listen(t, Options{Token: "s3cret", MaxBody: 4 << 10, MaxPlain: 16 << 10}, nil)
	auth := []string{"Authorization", "Bearer s3cret"}
	bomb := zipped(t, bytes.Repeat([]byte(" "), 1<<20))
	for _, c := range []struct {
		name, url, kind string
		body            []byte
		header          []string
		want            int
		says            string
	}{
		{"no token", r.url, kindJSON, []byte("{}"), nil, http.StatusUnauthorized, "token"},
		{"another token", r.url, kindJSON, []byte("{}"), []string{"Authorization", "Bearer s3cre"}, http.StatusUnauthorized, "token"},
		{"basic", r.url, kindJSON, []byte("{}"), []string{"Authorization", "Basic s3cret"}, http.StatusUnauthorized, "token"},
		{"right", r.url, kindJSON, []byte("{}"), auth, http.StatusOK, ""},
		{"empty protobuf", r.url, kindProtobuf, nil, auth, http.StatusOK, ""},
		{"empty JSON", r.url, kindJSON, nil, auth, http.StatusBadRequest, "empty"},
		{"not JSON", r.url, kindJSON, []byte("hello"), auth, http.StatusBadRequest, "not an OTLP"},
		{"a list", r.url, kindJSON, []byte("[]"), auth, http.StatusBadRequest, "not an OTLP"},
		{"wrong type", r.url, kindJSON, []byte(`{"resourceLogs":"x"}`), auth, http.StatusBadRequest, "not an OTLP"},
		{"not protobuf", r.url, kindProtobuf, []byte("hello"), auth, http.StatusBadRequest, "not an OTLP"},
		{"text", r.url, "text/plain", []byte("{}"), auth, http.StatusUnsupportedMediaType, "application/json"},
		{"too large", r.url, kindJSON, bytes.Repeat([]byte(" "), 5<<10), auth, http.StatusRequestEntityTooLarge, "larger than 4096"},
		{"too large unpacked", r.url, kindJSON, bomb, append([]string{"Content-Encoding", "gzip"}, auth...), http.StatusRequestEntityTooLarge, "larger than 16384"},
		{"not gzip", r.url, kindJSON, []byte("{}"), append([]string{"Content-Encoding", "gzip"}, auth...), http.StatusBadRequest, "cannot be read"},
		{"packed otherwise", r.url, kindJSON, []byte("{}"), append([]string{"Content-Encoding", "br"}, auth...), http.StatusUnsupportedMediaType, "gzip"},
		{"spans", strings.Replace(r.url, "logs", "traces", 1), kindJSON, []byte("{}"), auth, http.StatusNotFound, "only logs"},
	} {
		status, answer, header := post(t, c.url, c.kind, c.body, c.header...)
		if status != c.want || !strings.Contains(answer, c.says) {
			t.Errorf("%s: answered %d %q, want %d with %q", c.name, status, answer, c.want, c.says)
		}
		if strings.Contains(answer, "s3cret") || header.Get("Retry-After") != "" {
			t.Errorf("%s: answered %q, Retry-After %q", c.name, answer, header.Get("Retry-After"))
		}
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if _, st := r.now(); st.Unparsed != 6 || st.Lines != 0 {
		t.Errorf("the state is %+v", st)
	}
}

func TestWithoutATokenOnlyThisMachineByName(t *testing.T) {
	t.Parallel()
	r := listen(t, Options{}, nil)
	if status, answer, _ := post(t, r.url, kindJSON, []byte("{}"), "Host", "evil.example:4318"); status != http.StatusForbidden {
		t.Errorf("a page of another name was answered %d %s", status, answer)
	}
	if status, _, _ := post(t, r.url, kindJSON, []byte("{}"), "Host", "localhost:4318"); status != http.StatusOK {
		t.Errorf("localhost was answered %d", status)
	}
	resp, err := http.Get(r.url)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != http.MethodPost {
		t.Errorf("GET was answered %d, Allow %q", resp.StatusCode, resp.Header.Get("Allow"))
	}
}

// TestFullQueue holds the desk up: what does not fit is refused with a time to come back, and counted.
func TestFullQueue(t *testing.T) {
	t.Parallel()
	held := make(chan struct{})
	r := listen(t, Options{MaxQueue: 2}, held)
	accepted, refused := 0, 0
	var after string
	for range 8 {
		switch status, answer, header := post(t, r.url, kindJSON, []byte(request)); status {
		case http.StatusOK:
			accepted++
		case http.StatusServiceUnavailable:
			refused++
			after = header.Get("Retry-After")
			if !strings.Contains(answer, `"code":14`) {
				t.Errorf("refused with %s", answer)
			}
		default:
			t.Fatalf("answered %d %s", status, answer)
		}
	}
	if accepted < 2 || refused < 4 || after != "1" {
		t.Errorf("%d accepted, %d refused, Retry-After %q", accepted, refused, after)
	}
	close(held)
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	records, st := r.now()
	if len(records) != accepted || st.Dropped != int64(refused) || st.Lines != int64(accepted) {
		t.Errorf("%d of %d accepted records came; %d dropped of %d refused", len(records), accepted, st.Dropped, refused)
	}
}

func TestAnAddressThatIsTaken(t *testing.T) {
	t.Parallel()
	first := listen(t, Options{}, nil)
	addr := strings.TrimSuffix(strings.TrimPrefix(first.url, "http://"), Path)
	s, err := New(Options{Name: "second", Listen: addr})
	if err != nil {
		t.Fatal(err)
	}
	k := &sink{changed: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, k.emit) }()
	_, st := k.until(t, "the trouble", func(_ []traffic.Record, st traffic.SourceState) bool { return st.Health == traffic.Failing })
	if !strings.Contains(st.Detail, addr) || !strings.Contains(st.Detail, "another console") {
		t.Errorf("the detail is %q", st.Detail)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestOnlyLoopback(t *testing.T) {
	t.Parallel()
	for listen, ok := range map[string]bool{
		"127.0.0.1:4318": true, "[::1]:4318": true, "localhost:4318": true, "127.9.9.9:0": true,
		"0.0.0.0:4318": false, ":4318": false, "192.168.1.4:4318": false, "[::]:4318": false, "gw.example:4318": false, "127.0.0.1": false, "127.0.0.1:http": false,
	} {
		if _, err := New(Options{Name: "otel", Listen: listen}); (err == nil) != ok {
			t.Errorf("%s: %v", listen, err)
		}
	}
}

func TestAFieldMappingCounts(t *testing.T) {
	t.Parallel()
	if _, err := New(Options{Name: "otel", Listen: "127.0.0.1:0", Fields: map[string]string{"colour": "x"}}); err == nil {
		t.Error("a mapping of an unknown field was taken")
	}
	r := listen(t, Options{Fields: map[string]string{"model": "app.llm"}}, nil)
	post(t, r.url, kindJSON, bodies(attr("app.llm", "phi")+","+attr("status", "500"), ""))
	rec, _ := r.until(t, "the record", func(rec []traffic.Record, _ traffic.SourceState) bool { return len(rec) == 1 })
	if r.name(rec[0].Key[traffic.Model]) != "phi" || !rec[0].Time.Equal(noon) {
		t.Errorf("the record is %+v", rec[0])
	}
}

// FuzzJSON reads requests in JSON: whatever comes, lines come of it that a decoder can read.
func FuzzJSON(f *testing.F) {
	f.Add([]byte(request))
	f.Add(bodies(attr("a", "b"), `{"status":200}`, "x=1 y=2", "a\tb"))
	f.Fuzz(func(t *testing.T, body []byte) { check(t, body, readJSON) })
}

// FuzzProtobuf does the same with the binary form.
func FuzzProtobuf(f *testing.F) {
	for _, text := range [][]byte{[]byte(request), bodies(attr("a", "b"), `{"status":200}`, "x=1 y=2", "a\tb")} {
		data, err := readJSON(text)
		if err != nil {
			f.Fatal(err)
		}
		body, err := proto.Marshal(data)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) { check(t, body, readProtobuf) })
}

func check(t *testing.T, body []byte, read func([]byte) (*logspb.LogsData, error)) {
	data, err := read(body)
	if err != nil {
		return
	}
	own, err := newSender(decode.Options{Source: "fuzz"})
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range itemsOf(data) {
		if line := it.whole(); len(line) > 8*(maxOwn+maxShared) || !json.Valid(line) {
			t.Fatalf("a line of %d bytes, %.200q", len(line), line)
		}
		own.take(it, noon)
	}
	own.settle(noon)
}

// BenchmarkRequest takes a request of 512 records with fields from its bytes to records for the desk.
func BenchmarkRequest(b *testing.B) {
	data, err := readJSON([]byte(request))
	if err != nil {
		b.Fatal(err)
	}
	scope := data.ResourceLogs[0].ScopeLogs[0]
	for range 511 {
		scope.LogRecords = append(scope.LogRecords, scope.LogRecords[0])
	}
	body, err := proto.Marshal(data)
	if err != nil {
		b.Fatal(err)
	}
	s, err := New(Options{Name: "otel", Listen: "127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		data, err := readProtobuf(body)
		if err != nil {
			b.Fatal(err)
		}
		s.take(delivery{items: itemsOf(data)})
		if len(s.out) != 512 {
			b.Fatalf("%d records", len(s.out))
		}
		s.out = s.out[:0]
	}
}
