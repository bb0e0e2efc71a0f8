package decode

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"signalbox/internal/fault"
	"signalbox/internal/traffic"
	"signalbox/sources"
)

// flatten does with encoding/json what the scanner does in one pass.
func flatten(prefix string, v any, out map[string]string) {
	join := func(key string) string {
		if prefix == "" {
			return key
		}
		return prefix + "." + key
	}
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			flatten(join(k), e, out)
		}
	case []any:
		for i, e := range v {
			flatten(join(fmt.Sprint(i)), e, out)
		}
	case string:
		out[prefix] = "s" + v
	case json.Number:
		out[prefix] = "n" + v.String()
	case bool:
		out[prefix] = fmt.Sprint("b", v)
	case nil:
		out[prefix] = "null"
	}
}

func scanned(data []byte) (map[string]string, bool) {
	out := make(map[string]string)
	s := scanner{visit: func(path []byte, v value) {
		text := strings.ToValidUTF8(string(v.bytes), "\uFFFD")
		switch v.kind {
		case stringValue:
			text = "s" + text
		case numberValue:
			text = "n" + text
		case boolValue:
			text = "b" + text
		case nullValue:
			text = "null"
		}
		out[strings.ToValidUTF8(string(path), "\uFFFD")] = text
	}}
	return out, s.scan(data)
}

// sameAsJSON tells how the scanner differs from encoding/json on one line.
func sameAsJSON(data []byte) error {
	var v map[string]any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	err := d.Decode(&v)
	ok := err == nil && v != nil && json.Valid(data)
	got, gotOK := scanned(data)
	if gotOK != ok {
		return fmt.Errorf("scanner says %v, encoding/json %v: %q", gotOK, ok, data)
	}
	if !ok || !utf8.Valid(data) {
		return nil
	}
	want := make(map[string]string)
	flatten("", v, want)
	for k, w := range want {
		if g, there := got[k]; there && g != w && !strings.Contains(string(data), `"`+k+`":`) {
			return fmt.Errorf("%q: %q, want %q", k, g, w)
		}
		if _, there := got[k]; !there && strings.Count(k, ".") < maxSeen-1 {
			return fmt.Errorf("%q is missing, want %q", k, w)
		}
	}
	return nil
}

var jsonSeeds = []string{
	`{}`, `{"a":1}`, ` { "a" : [ 1 , "x" , null , true ] } `, `{"a":{"b":{"c":-1.5e+3}}}`, `{"a":"\u0041\n\"\\\ud83d\ude00"}`, `{"a":"\ud83d"}`,
	`{"a":1,"a":2}`, `{"a":01}`, `{"a":.5}`, `{"a":1.}`, `{"a":1e}`, `{"a":"` + "\x01" + `"}`, `{"a":1} x`, `{"a":1,}`, `{"a"}`, `[1]`, `"x"`, `{`, `{"a":tru}`, ``,
	`{"a":[]}`, `{"a":[1,]}`, `{"":1}`, `{"a.b":1,"a":{"b":2}}`, `{"a":"\x"}`, `{"a":"\u12"}`, `{"\u0061":1}`, `{"a":nul`, `null`, `{"a":-}`, `{"a":-0}`,
}

func TestScannerLikeEncodingJSON(t *testing.T) {
	for _, seed := range jsonSeeds {
		if err := sameAsJSON([]byte(seed)); err != nil {
			t.Errorf("%s: %v", seed, err)
		}
	}
	for _, line := range lines(t, "testdata/json.log") {
		if err := sameAsJSON(line); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	if got, _ := scanned([]byte(`{"a":1,"a":2}`)); got["a"] != "n2" {
		t.Errorf("of two equal keys the last wins, got %q", got["a"])
	}
}

func TestScannerDepth(t *testing.T) {
	for depth, want := range map[int]bool{50: true, maxDepth + 10: false, 100_000: false} {
		deep := `{"a":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `}`
		if _, ok := scanned([]byte(deep)); ok != want {
			t.Errorf("depth %d: %v, want %v", depth, ok, want)
		}
	}
}

func FuzzScanner(f *testing.F) {
	for _, s := range jsonSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := sameVisits(data); err != nil {
			t.Fatalf("%q: %v", data, err)
		}
	})
}

func TestParseTime(t *testing.T) {
	berlin := time.FixedZone("+1", 3600)
	tests := []struct {
		kind valueKind
		text string
		want string // in UTC; empty: not a time
	}{
		{stringValue, "2026-11-21T12:00:00Z", "2026-11-21T12:00:00Z"},
		{stringValue, "2026-11-21T12:00:00.123456789+02:00", "2026-11-21T10:00:00.123456789Z"},
		{stringValue, "2026-11-21T12:00:00+0200", "2026-11-21T10:00:00Z"},
		{stringValue, "2026-11-21 12:00:00,123", "2026-11-21T11:00:00.123Z"},
		{stringValue, "2026-11-21T12:00:00.5", "2026-11-21T11:00:00.5Z"},
		{stringValue, "21/Nov/2026:12:00:00 +0000", "2026-11-21T12:00:00Z"},
		{stringValue, "1795262400", "2026-11-21T12:00:00Z"},
		{stringValue, "2026-11-21 12:00:00.25 UTC", "2026-11-21T12:00:00.25Z"},
		{stringValue, "2026-11-21T12:00:00Z[UTC]", "2026-11-21T12:00:00Z"},
		{stringValue, "2026-11-21T13:00:00.25+01", "2026-11-21T12:00:00.25Z"},
		{stringValue, "20261121T120000Z", "2026-11-21T12:00:00Z"},
		{stringValue, "20261121130000", "2026-11-21T12:00:00Z"},
		{stringValue, "21.11.2026 13:00:00", "2026-11-21T12:00:00Z"},
		{stringValue, "11/21/2026, 1:00:00 PM", "2026-11-21T12:00:00Z"},
		{stringValue, "Nov 21, 2026 1:00:00 PM", "2026-11-21T12:00:00Z"},
		{stringValue, "Sat, 21 Nov 2026 12:00:00 GMT", "2026-11-21T12:00:00Z"},
		{stringValue, "Sat, 21 Nov 2026 12:00:00 PDT", ""}, // whose offset nobody says
		{numberValue, "1795262400", "2026-11-21T12:00:00Z"},
		{numberValue, "1795262400.25", "2026-11-21T12:00:00.25Z"},
		{numberValue, "1795262400250", "2026-11-21T12:00:00.25Z"},
		{numberValue, "1795262400250000", "2026-11-21T12:00:00.25Z"},
		{numberValue, "1795262400250000000", "2026-11-21T12:00:00.25Z"},
		{numberValue, "1.79526240025e9", "2026-11-21T12:00:00.25Z"},
		{numberValue, "0", ""},
		{numberValue, "12", ""},
		{stringValue, "yesterday", ""},
		{stringValue, "0001-01-01T00:00:00Z", ""},
		{boolValue, "true", ""},
		{stringValue, strings.Repeat("1", 100), ""},
	}
	for _, tt := range tests {
		got, ok := parseTime(value{tt.kind, []byte(tt.text)}, berlin)
		if ok != (tt.want != "") || ok && got.UTC().Format(time.RFC3339Nano) != tt.want {
			t.Errorf("%s: got %v %v, want %q", tt.text, got.UTC().Format(time.RFC3339Nano), ok, tt.want)
		}
	}
}

func decodeOne(t *testing.T, format, line string, opt Options) (traffic.Record, Result) {
	t.Helper()
	d, err := New(format, opt)
	if err != nil {
		t.Fatal(err)
	}
	return d.Decode([]byte(line), received)
}

func TestTimeRules(t *testing.T) {
	line := func(at time.Time) string {
		return `{"time":"` + at.Format(time.RFC3339Nano) + `","status":200,"model":"m"}`
	}
	tests := []struct {
		name          string
		line          string
		want          time.Time
		isRec, skewed bool
	}{
		{"event time", line(received.Add(-time.Hour)), received.Add(-time.Hour), false, false},
		{"a little ahead", line(received.Add(59 * time.Second)), received.Add(59 * time.Second), false, false},
		{"far ahead", line(received.Add(61 * time.Second)), received, true, true},
		{"none", `{"status":200,"model":"m"}`, received, true, false},
		{"no year", `{"time":"` + received.Add(-time.Hour).Format(time.Stamp) + `","status":200}`, received.Add(-time.Hour).Truncate(time.Second), false, false},
		{"no day", `{"time":"` + received.Add(-time.Hour).Format("15:04:05") + `","status":200}`, received.Add(-time.Hour).Truncate(time.Second), false, false},
		{"no time", `{"time":"soon","status":200,"model":"m"}`, received, true, false},
	}
	for _, tt := range tests {
		rec, res := decodeOne(t, JSON, tt.line, Options{})
		if !rec.Time.Equal(tt.want) || rec.Received != tt.isRec || res.Skewed != tt.skewed {
			t.Errorf("%s: got %v received=%v skewed=%v", tt.name, rec.Time, rec.Received, res.Skewed)
		}
	}
}

func TestBounds(t *testing.T) {
	long := strings.Repeat("é", 5000)
	kit := testKit()
	rec, res := decodeOne(t, JSON, `{"status":500,"error":"`+long+`","error_code":"`+long+`","model":"`+long+`","request_id":"`+long+`"}`, Options{Kit: kit})
	if res.Kind != Request {
		t.Fatalf("%+v", res)
	}
	for what, s := range map[string]string{"raw": rec.Raw, "message": rec.Message, "code": rec.Code, "id": rec.RequestID} {
		if len(s) > MaxRaw || what != "raw" && (len(s) > MaxMessage+3 || !utf8.ValidString(s)) {
			t.Errorf("%s has %d bytes, valid %v", what, len(s), utf8.ValidString(s))
		}
	}
	if n := len(kit.Symbols.Name(rec.Key[traffic.Model])); n > 200 {
		t.Errorf("model of %d bytes", n)
	}
}

// The configured gateway overrules the line's, the other labels fill in.
func TestLabels(t *testing.T) {
	kit := testKit()
	rec, _ := decodeOne(t, Signalbox, string(lines(t, "testdata/signalbox.log")[0]),
		Options{Kit: kit, Labels: sources.Labels{Env: "staging", Gateway: "llm", Instance: "x"}})
	got := rec.Key.Labels(kit.Symbols)
	for dim, want := range map[string]string{"gateway": "llm", "env": "staging", "instance": "gw-a"} {
		if got[dim] != want {
			t.Errorf("%s is %q, want %q", dim, got[dim], want)
		}
	}
}

func TestConfiguredFields(t *testing.T) {
	kit := testKit()
	opt := Options{Kit: kit, Fields: map[string]string{
		"time": "when", "model": "req.name", "status": "out.c", "latency_s": "dur", "error_message": "why.text", "request_id": "n",
	}}
	rec, res := decodeOne(t, JSON, `{"when":1795262400,"req":{"name":"m1"},"model":"not this","out":{"c":"503"},"dur":2.5,"why":{"text":"no healthy upstream"},"n":17}`, opt)
	if res.Kind != Request || rec.Outcome.Class() != fault.NoHealthyUpstream || rec.Outcome.Status() != 503 || rec.Latency != 2500*time.Millisecond ||
		kit.Symbols.Name(rec.Key[traffic.Model]) != "m1" || rec.RequestID != "17" || rec.Time.Unix() != 1795262400 {
		t.Errorf("%+v %+v", rec, res)
	}
	for name, want := range map[string]string{"latency": "unit", "colour": "not known"} {
		if _, err := New(JSON, Options{Fields: map[string]string{name: "x"}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one about %q", name, err, want)
		}
	}
	if _, err := New("nonsense", Options{}); err == nil || !strings.Contains(err.Error(), "haproxy-json") {
		t.Errorf("an unknown format gives %v", err)
	}
}

// A number whose unit nobody names is unknown, and not guessed.
func TestUnitsAreNotGuessed(t *testing.T) {
	rec, _ := decodeOne(t, JSON, `{"model":"m","status":200,"duration":12}`, Options{})
	if rec.Known&traffic.HasLatency != 0 {
		t.Errorf("latency %v of a bare number", rec.Latency)
	}
}

func TestDetect(t *testing.T) {
	tests := []struct {
		name, lines, want string
	}{
		{"banner before JSON", "starting up\nloading\n" + `{"status":200,"model":"m"}` + "\n" + `{"status":200,"model":"m"}`, JSON},
		{"JSON without requests", `{"msg":"a"}` + "\n" + `{"msg":"b"}`, JSON},
		{"prose", "hello there\nall is well", Text},
		{"prose with two pairs", "a=1 b=2 started\nnothing here\nnor here", Text},
		{"nothing", "", Text},
		{"NUL and noise", "\x00\xff\n{{{", Text},
	}
	for _, tt := range tests {
		var sample [][]byte
		for l := range strings.SplitSeq(tt.lines, "\n") {
			sample = append(sample, []byte(l))
		}
		if got := Detect(sample); got.Format != tt.want || got.Why == "" {
			t.Errorf("%s: %+v, want %s", tt.name, got, tt.want)
		}
	}
}

// A file that is no text is called so; one with odd letters or colours is not.
func TestDetectBinary(t *testing.T) {
	for text, want := range map[string]bool{"\x7fELF\x00\x01": true, "\xff\x01\x02\xfe": true, "caf\xe9 failed": false, "\x1b[31merror\x1b[0m": false, "plain": false} {
		if got := Detect([][]byte{[]byte(text)}); strings.Contains(got.Why, "binary") != want {
			t.Errorf("%q: %s", text, got.Why)
		}
	}
}

// The plain success of the reference gateway costs the raw line and nothing else.
func TestSuccessAllocates(t *testing.T) {
	kit := testKit()
	for format, file := range map[string]string{Signalbox: "testdata/signalbox.log", HAProxyJSON: "testdata/haproxy-json.log", JSON: "testdata/json.log"} {
		line := lines(t, file)[0]
		d, err := New(format, Options{Kit: kit})
		if err != nil {
			t.Fatal(err)
		}
		d.Decode(line, received)
		if n := testing.AllocsPerRun(100, func() { d.Decode(line, received) }); n > 8 {
			t.Errorf("%s: %v allocations a line", format, n)
		} else {
			t.Logf("%s: %v allocations a line", format, n)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, format := range Formats() {
		if format == LiteLLMErrors {
			continue // reads the lines of litellm
		}
		for _, line := range lines(f, "testdata/"+format+".log") {
			f.Add(line)
		}
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if bytes.IndexByte(line, '\n') >= 0 {
			return
		}
		before := bytes.Clone(line)
		for _, format := range Formats() {
			kit := testKit()
			d, err := New(format, Options{Kit: kit})
			if err != nil {
				t.Fatal(err)
			}
			rec, res := d.Decode(line, received)
			if !bytes.Equal(line, before) {
				t.Fatalf("%s changed the line", format)
			}
			if res.Kind == Unparsed || res.Kind == Ignored {
				if res.Why == "" {
					t.Fatalf("%s: no reason", format)
				}
				continue
			}
			if rec.Time.IsZero() || rec.Time.Sub(received) > MaxSkew+24*365*time.Hour || len(rec.Raw) > MaxRaw || len(rec.Message) > MaxMessage+3 ||
				rec.Latency < 0 || rec.TTFT < 0 || rec.TokensIn < 0 || rec.Attempt < 0 || !utf8.ValidString(rec.Message) {
				t.Fatalf("%s: %+v", format, rec)
			}
		}
		Detect([][]byte{line})
		Propose([][]byte{line})
	})
}

func BenchmarkDecode(b *testing.B) {
	for _, format := range Formats() {
		if format == LiteLLMErrors {
			continue // the same lines as litellm
		}
		line := lines(b, "testdata/"+format+".log")[0]
		b.Run(format, func(b *testing.B) {
			d, err := New(format, Options{Kit: testKit()})
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			for b.Loop() {
				d.Decode(line, received)
			}
		})
	}
}
