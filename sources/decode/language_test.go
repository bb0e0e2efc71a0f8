package decode

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"signalbox/internal/traffic"
)

// decodeAll decodes lines with a mapping and shows what came of them.
func decodeAll(t testing.TB, yaml string, in ...string) []string {
	t.Helper()
	m, err := ParseFormat("own.yaml", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	kit := testKit()
	d, err := New(m.Name, Options{Kit: kit, Formats: []*Mapping{m}})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, line := range in {
		Each(d, []byte(line), received, func(_ []byte, rec traffic.Record, res Result) { out = append(out, show(kit, rec, res)) })
	}
	return out
}

// Each part of the language does what it says.
func TestLanguage(t *testing.T) {
	const head = "name: own\nlines: json\n"
	const at = `"t":"2026-11-21T12:00:00Z"`
	for _, tt := range []struct {
		name, yaml, line, want string
	}{
		{"units and paths in order", head + "fields: {time: t, model: [m.asked, m.given], latency: {path: took, unit: s}, ttft_us: first, status: [code, rc]}", `{` + at + `,"m":{"asked":null,"given":"x"},"took":1.5,"first":2500,"rc":200}`, "12:00:00.000 none id= [side=client model=x] status=200 lat=1.5s ttft=2.5ms"},
		{"a unit for each path", head + "fields: {time: t, status: s, latency: [{path: ms, unit: ms}, {path: sec, unit: s}]}", `{` + at + `,"sec":2,"s":200}`, "12:00:00.000 none id= [side=client] status=200 lat=2s"},
		{"array index and a key with dots", head + `fields: {time: t, status: s, model: 'calls[1].name', caller: 'labels."k8s.io/app"', endpoint: http.route}`, `{` + at + `,"s":200,"calls":[{"name":"a"},{"name":"b"}],"labels":{"k8s.io/app":"shop"},"http.route":"/v1/x"}`, "12:00:00.000 none id= [side=client model=b endpoint=/v1/x caller=shop] status=200"},
		{"epoch", head + "fields: {time: {path: t, unit: us}, status: s}", `{"t":1795262400250000,"s":200}`, "12:00:00.250 none id= [side=client] status=200"},
		{"Go layout and zone", head + "fields: {time: {path: t, layout: '02.01.2006 15:04:05', zone: Europe/Berlin}, status: s}", `{"t":"21.11.2026 13:00:00","s":200}`, "12:00:00.000 none id= [side=client] status=200"},
		{"strftime layout", head + "fields: {time: {path: t, layout: '%d/%b/%Y %H:%M:%S.%f'}, status: s}", `{"t":"21/Nov/2026 12:00:00.500000","s":200}`, "12:00:00.500 none id= [side=client] status=200"},
		{"values, a default and nothing", head + "fields: {time: t, status: s, workload: w, stream: k}\nvalues: {status: {DONE: ok, '*': failed}, workload: {background: batch}, stream: {sse: 'true', '*': ''}}", `{` + at + `,"s":"done","w":"Background","k":"?"}`, "12:00:00.000 none id= [side=client workload=batch]"},
		{"any other value failed", head + "fields: {time: t, status: s}\nvalues: {status: {DONE: ok, '*': failed}}", `{` + at + `,"s":"gone"}`, "12:00:00.000 server_error id= [side=client]"},
		{"constants and side", head + "side: upstream\nconstants: {provider: vllm, region: eu}\nfields: {time: t, status: s, region: r}", `{` + at + `,"s":200,"r":"us"}`, "12:00:00.000 none id= [side=upstream provider=vllm region=us] status=200"},
		{"a part of a value", head + "fields: {time: t, status: s, model: {path: url, pattern: '/deployments/([^/]+)/'}}", `{` + at + `,"s":200,"url":"https://a/openai/deployments/gpt-4o/chat"}`, "12:00:00.000 none id= [side=client model=gpt-4o] status=200"},
		{"embedded JSON", head + "embedded: x\nfields: {time: t, status: s, model: x.m}", `{` + at + `,"s":200,"x":"{\"m\":\"q\"}"}`, "12:00:00.000 none id= [side=client model=q] status=200"},
		{"ignored by value", head + "fields: {time: t, status: s}\nignore: {when: {path: ['/health*', /metrics]}}", `{` + at + `,"s":200,"path":"/healthz"}`, "ignored: the format says to ignore it"},
		{"ignored by the line", head + "fields: {time: t, status: s}\nignore: [{when: {a: 1}}, {line: 'probe'}]", `{` + at + `,"s":200,"ua":"probe/1"}`, "ignored: the format says to ignore it"},
		{"counts only some", head + "fields: {time: t, status: s}\ncount: {when: {kind: done, obj: exists, dry: absent}}", `{` + at + `,"s":200,"kind":"done","obj":{"deep":{"x":1}},"dry":true}`, "ignored: the format does not count such a line"},
		{"counts what has no status", head + "fields: {time: t, status: s, error_message: e}\ncount: {when: {kind: done, obj: exists, dry: absent}}", `{` + at + `,"e":"upstream timed out","kind":"done","obj":{"deep":1},"dry":null}`, `12:00:00.000 timeout id= [side=client] msg="upstream timed out"`},
		{"counts a success that only its rule knows", head + "fields: {time: t, model: m}\ncount: {when: {kind: done}}", `{` + at + `,"m":"x","kind":"done"}`, `12:00:00.000 none id= [side=client model=x]`},
		{"explains", head + "fields: {time: t, status: s, request_id: id, message: msg}\nexplain: {when: {kind: [err, warn]}}", `{` + at + `,"kind":"err","id":"q1","msg":"Rate limit reached for gpt-4o"}`, `12:00:00.000 rate_limited id=q1 [everything] explains msg="Rate limit reached for gpt-4o"`},
		{"no object", head + "fields: {time: t}", `12:00 hello`, "UNPARSED: not a JSON object"},
		{"logfmt", "name: own\nlines: logfmt\nfields: {time: t, status: rc, latency_s: rt}", `t=2026-11-21T12:00:00Z rc=503 rt=0.25`, "12:00:00.000 unavailable id= [side=client] status=503 lat=250ms"},
		{"regex, the second pattern", "name: own\nlines: regex\npattern: ['^A (?P<status>\\d+)$', '^(?P<t>\\S+ \\S+) B (?P<m>\\S+) (?P<status>\\d+) (?P<latency_ms>\\d+)$']\nfields: {model: m, time: {path: t, layout: '%d.%m.%Y %H:%M:%S'}}", `21.11.2026 12:00:00 B gpt 200 17`, "12:00:00.000 none id= [side=client model=gpt] status=200 lat=17ms"},
		{"regex, none", "name: own\nlines: regex\npattern: '^A (?P<status>\\d+)$'", `B 200`, "UNPARSED: no pattern matches"},
		{"an envelope's object and time", head + "unwrap: {path: body, format: json}\nfields: {time: {path: ts, unit: s}, instance: host}", `{"ts":1795262400,"host":"a","body":{"status":200,"model":"m"}}`, "12:00:00.000 none id= [instance=a side=client model=m] status=200"},
		{"an envelope in an envelope", head + "unwrap: {path: message, format: loki}\nfields: {instance: host, env: e}", `{"host":"a","e":"prod","message":"{\"line\":\"{\\\"status\\\":200}\",\"labels\":{\"pod\":\"p\"},\"timestamp\":\"2026-11-21T12:00:00Z\"}"}`, "12:00:00.000 none id= [env=prod instance=p side=client] status=200"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.Join(decodeAll(t, tt.yaml, tt.line), "\n"); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// A mistake is told with its place and what to try, and all mistakes together.
func TestParseFormatErrors(t *testing.T) {
	const ok = "name: own\nlines: json\nfields: {status: s}\n"
	for _, tt := range []struct{ name, yaml, want string }{
		{"empty", "", "own.yaml:1:1: the file is empty; begin with name:, lines: and fields:"},
		{"not YAML", "name: [", "own.yaml:1: this is not YAML:"},
		{"unknown key", ok + "feilds: {}\n", `own.yaml:4:1: unknown key "feilds" in the format; did you mean fields?`},
		{"unknown field", "name: own\nlines: json\nfields: {status: s, mdel: m}\n", `own.yaml:3:21: unknown key "mdel" in fields; did you mean model?`},
		{"unknown lines", "name: own\nlines: jsno\nfields: {status: s}\n", `own.yaml:2:8: lines: "jsno" is not known; did you mean json?`},
		{"no name", "lines: json\nfields: {status: s}\n", "own.yaml:1:1: the format has no name"},
		{"a built-in name", "name: haproxy\nlines: json\nfields: {status: s}\n", "own.yaml:1:7: haproxy is the name of a built-in format"},
		{"no fields", "name: own\nlines: json\n", "own.yaml:1:1: the format reads no field"},
		{"no unit", "name: own\nlines: json\nfields:\n  latency: took\n", "own.yaml:4:12: field latency has no unit; write latency_ms: or {path: ..., unit: ms}"},
		{"two units", "name: own\nlines: json\nfields:\n  latency_ms: {path: took, unit: s}\n", "own.yaml:4:34: the field's name says its unit already"},
		{"one field twice", "name: own\nlines: json\nfields:\n  latency_ms: a\n  latency_s: b\n", "own.yaml:5:3: latency_ms and latency_s are the same field"},
		{"key twice", "name: own\nname: two\nlines: json\nfields: {status: s}\n", `own.yaml:2:1: key "name" a second time; the first is on line 1`},
		{"bad path", "name: own\nlines: json\nfields: {status: 'a..b'}\n", `own.yaml:3:18: path "a..b" has an empty part`},
		{"bad index", "name: own\nlines: json\nfields: {status: 'a[x]'}\n", `own.yaml:3:18: path "a[x]" has something else than a number or * in its [ ]`},
		{"bad regexp", "name: own\nlines: regex\npattern: '(?P<status>\\d+'\n", "own.yaml:3:10: this is no regular expression:"},
		{"look-ahead", "name: own\nlines: regex\npattern: '(?=x)(?P<status>\\d+)'\n", "there is no look-ahead"},
		{"no group", "name: own\nlines: regex\npattern: '\\d+'\n", "own.yaml:3:10: the pattern has no named group"},
		{"no such group", "name: own\nlines: regex\npattern: '(?P<status>\\d+)'\nfields: {model: m}\n", `own.yaml:4:17: no pattern has a group called "m"`},
		{"pattern of JSON", ok + "pattern: 'x'\n", "own.yaml:4:10: pattern belongs to lines: regex; or say lines: regex"},
		{"bad value", ok + "values: {status: {done: great}}\n", `own.yaml:4:25: "great" is no status; a status code, ok or failed`},
		{"bad side", ok + "side: server\n", `own.yaml:4:7: "server" is no side`},
		{"values of nothing", ok + "values: {workload: {a: batch}}\n", "own.yaml:4:10: values of workload, which the format does not read"},
		{"a constant that varies", ok + "constants: {time: now}\n", "own.yaml:4:19: time is not the same in every line"},
		{"a rule without a condition", ok + "count: {}\n", "own.yaml:4:8: count says no condition"},
		{"unknown word of a rule", ok + "ignore: {whenn: {a: b}}\n", `own.yaml:4:10: unknown key "whenn" in ignore; did you mean when?`},
		{"bad layout", "name: own\nlines: json\nfields: {status: s, time: {path: t, layout: '%Q'}}\n", `own.yaml:3:45: layout "%Q": %Q is not known`},
		{"bad zone", "name: own\nlines: json\nfields: {status: s, time: {path: t, zone: Mars/North}}\n", "own.yaml:3:43: unknown time zone Mars/North"},
		{"unit of a text", "name: own\nlines: json\nfields: {status: {path: s, unit: ms}}\n", "own.yaml:3:34: unit belongs to time, latency, ttft and retry_after"},
		{"alias", ok + "side: &a client\n", "own.yaml:4:7: anchors and aliases are not read here"},
		{"unwrap without path", ok + "unwrap: {format: json}\n", "own.yaml:4:9: unwrap has no path"},
		{"an envelope in itself", ok + "unwrap: {path: x, format: own}\n", "own.yaml:4:27: an envelope cannot hold itself"},
		{"an envelope that counts", ok + "unwrap: {path: x}\ncount: {when: {a: b}}\n", "own.yaml:4:9: an envelope counts nothing itself"},
		{"two mistakes", "name: own\nlines: json\nfields: {statsu: s}\nsied: client\n", `own.yaml:3:10: unknown key "statsu" in fields; did you mean status?`},
		{"too long", ok + "#" + strings.Repeat("x", maxMapping), "own.yaml:1:1: the file is longer than 64 KiB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := ParseFormat("own.yaml", []byte(tt.yaml))
			if err == nil {
				t.Fatalf("no error: %+v", m)
			}
			var at *FormatError
			if !strings.Contains(err.Error(), tt.want) || !errors.As(err, &at) || at.File != "own.yaml" {
				t.Errorf("got  %s\nwant %s", err, tt.want)
			}
		})
	}
}

// A shipped format says where its names come from, and is told apart by its own lines and by no other's.
func TestShippedFormats(t *testing.T) {
	for _, m := range Shipped() {
		if len(m.Description) < 100 || m.Name+".yaml" != filepath.Base(m.File) || len(m.detect) == 0 {
			t.Errorf("%s: no source of its names, no marks, or another name than its file", m.Name)
		}
		if src, err := ShippedSource(m.Name); err != nil || !strings.Contains(string(src), "name: "+m.Name) {
			t.Errorf("%s: %v", m.Name, err)
		}
		paths, _ := filepath.Glob("testdata/*.log")
		for _, path := range paths {
			format := strings.TrimSuffix(filepath.Base(path), ".log")
			n, marked := m.marked(lines(t, path))
			if own := format == m.Name; own && 10*marked < 7*n || !own && marked > 0 {
				t.Errorf("%d of %d lines of %s bear the marks of %s", marked, n, format, m.Name)
			}
		}
	}
}

// Detection proposes a configured format before all others, and a source's own fields before shipped formats.
func TestDetectMapped(t *testing.T) {
	own, err := ParseFormat("own.yaml", []byte("name: own\nlines: json\nfields: {status: code, time: at}\ndetect: {text: '\"svc\":\"llm\"'}\n"))
	if err != nil {
		t.Fatal(err)
	}
	var sample [][]byte
	for i := range 10 {
		sample = append(sample, fmt.Appendf(nil, `{"svc":"llm","at":"2026-11-21T12:00:%02dZ","code":200,"started_at":1,"latencies":{"request":3},"response":{"status":200}}`, i))
	}
	if found := detect(sample, Options{Formats: []*Mapping{own}}); found.Format != "own" {
		t.Errorf("%+v", found)
	}
	if found := detect(sample, Options{}); found.Format != "kong" {
		t.Errorf("%+v", found)
	}
	if found := detect(sample, Options{Fields: map[string]string{"status": "code"}}); found.Format != JSON {
		t.Errorf("%+v", found)
	}
}

// A stream counts the lines within an envelope, tells their format by many of them, and gives their text on misreading.
func TestStreamOfEnvelopes(t *testing.T) {
	inner := lines(t, "testdata/signalbox.log")
	var misread []string
	s, err := NewStream(Auto, Options{Kit: testKit(), Misread: func(line []byte, _ string) { misread = append(misread, string(line)) }})
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range append(slices.Clone(inner), []byte("{cut")) {
		s.Take(Line{Text: fmt.Appendf(nil, `{"events":[{"timestamp":%d,"message":%q},{"timestamp":1795262400000,"message":%q}]}`, 1795262400000+i, line, line)}, received)
	}
	s.Settle(received)
	n := int64(2 * (len(inner) + 1))
	if tally := s.Tally(); s.Format() != "cloudwatch" || tally.Lines != n || tally.Records != int64(len(s.Records())) || tally.Records < n/2 {
		t.Errorf("%s %+v of %d lines", s.Format(), tally, n)
	}
	if len(misread) < 2 || misread[len(misread)-1] != "{cut" {
		t.Errorf("misread %q", misread)
	}
	for _, r := range s.Records() {
		if r.Received || r.Time.Before(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) {
			t.Errorf("a record without a time: %+v", r)
		}
	}
}

// What the inventory does not know is counted by the most particular name that a record has; what it knows, or
// what the lines say themselves, is not.
func TestUnknownPlaces(t *testing.T) {
	var unknown traffic.UnknownPlaces
	s, err := NewStream(JSON, Options{Kit: testKit(), Unknown: &unknown})
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`{"status":200,"deployment":"azure-eu-west-1"}`,
		`{"status":200,"deployment":"x","provider":"openai","region":"us"}`,
		`{"status":200,"deployment":"new-1","base_url":"https://a"}`,
		`{"status":200,"deployment":"new-1","provider":"openai"}`,
		`{"status":200,"base_url":"https://b"}`,
		`{"status":200}`,
	} {
		s.Take(Line{Text: []byte(line)}, received)
	}
	want := []traffic.UnknownPlace{{By: "deployment", Value: "new-1", N: 2}, {By: "base_url", Value: "https://b", N: 1}}
	if got := unknown.List(); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func FuzzParseFormat(f *testing.F) {
	for _, m := range Shipped() {
		src, err := ShippedSource(m.Name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(src), `{"status":200}`)
	}
	f.Add("name: own\nlines: regex\npattern: '(?P<status>\\d+) (?P<latency_ms>\\d+)'\n", "200 17")
	f.Add("name: own\nlines: json\nembedded: [a, a.b]\nfields: {status: 'a[*].b', time: {path: '*', unit: ns}}\nignore: {line: '^$'}\n", `{"a":"{\"b\":\"{}\"}"}`)
	f.Fuzz(func(t *testing.T, yaml, line string) {
		m, err := ParseFormat("own.yaml", []byte(yaml))
		if err != nil {
			var at *FormatError
			if !errors.As(err, &at) || at.Line < 1 {
				t.Fatalf("no place: %v", err)
			}
			return
		}
		d, err := New(m.Name, Options{Kit: testKit(), Formats: []*Mapping{m}})
		if err != nil {
			return // the format within an envelope is known only now
		}
		Each(d, []byte(line), received, func(_ []byte, rec traffic.Record, res Result) {
			if (res.Kind == Unparsed || res.Kind == Ignored) != (res.Why != "") || rec.Latency < 0 || rec.TokensIn < 0 || len(rec.Raw) > MaxRaw {
				t.Fatalf("%+v %+v", rec, res)
			}
		})
		m.marked([][]byte{[]byte(line)})
	})
}

func BenchmarkMapped(b *testing.B) {
	for _, m := range Shipped() {
		src, err := os.ReadFile("testdata/" + m.Name + ".log")
		if err != nil {
			b.Fatal(err)
		}
		line := []byte(strings.SplitN(string(src), "\n", 2)[0])
		b.Run(m.Name, func(b *testing.B) {
			d, err := New(m.Name, Options{Kit: testKit()})
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			for b.Loop() {
				Each(d, line, received, func([]byte, traffic.Record, Result) {})
			}
		})
	}
}
