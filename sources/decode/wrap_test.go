package decode

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"signalbox/internal/traffic"
	"signalbox/sources"
)

// streamed decodes lines with a stream and prints what came out as the golden files hold it.
func streamed(t testing.TB, format string, opt Options, sample [][]byte) (*Stream, string) {
	t.Helper()
	s, err := NewStream(format, opt)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range sample {
		s.Take(Line{Text: line}, received)
	}
	s.Settle(received)
	var out strings.Builder
	for _, rec := range s.Records() {
		fmt.Fprintln(&out, show(opt.Kit, rec, Result{Kind: Request}))
	}
	n := s.Tally()
	fmt.Fprintf(&out, "%d lines, %d records, %d unparsed\n", n.Lines, n.Records, n.Unparsed)
	return s, out.String()
}

// Every wrapper's real lines are told, taken off and decoded as the golden file says, by themselves and as
// configured. A file is called after its format; what follows a dot says what is particular to it.
func TestGoldenStreams(t *testing.T) {
	paths, _ := filepath.Glob("testdata/streams/*.log")
	if len(paths) == 0 {
		t.Fatal("no lines in testdata")
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".log")
		format, _, _ := strings.Cut(name, ".")
		t.Run(name, func(t *testing.T) {
			sample := lines(t, path)
			opt := Options{Kit: testKit(), Source: "test", Labels: sources.Labels{Env: "production"}}
			s, got := streamed(t, Auto, opt, sample)
			if s.Format() != format || s.Found().Format != format {
				t.Errorf("taken for %s (%s)", s.Format(), s.Found().Why)
			}
			golden := strings.TrimSuffix(path, ".log") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%swant\n%s", got, want)
			}
			around, _, _ := splitFormat(format)
			for _, asked := range []string{format, strings.Join(around, between), strings.Join(append(around, Auto), between)} {
				if asked == "" {
					continue
				}
				opt.Kit = testKit()
				if s, got := streamed(t, asked, opt, sample); got != string(want) || s.Format() != format {
					t.Errorf("as %s: %s, got\n%swant\n%s", asked, s.Format(), got, want)
				}
			}
		})
	}
}

func TestCheckFormat(t *testing.T) {
	for format, ok := range map[string]bool{
		"": true, Auto: true, JSON: true, "cri": true, "cri+json": true, "cri+auto": true, "kubectl+cri+json": true,
		"nonsense": false, "cri+nonsense": false, "json+cri": false, "+json": false, "cri+": true,
		"cri+cri+cri+cri+cri+json": false,
	} {
		if err := Check(format); (err == nil) != ok {
			t.Errorf("%q: %v", format, err)
		}
		if _, err := NewStream(format, Options{}); (err == nil) != ok {
			t.Errorf("a stream of %q: %v", format, err)
		}
	}
	if err := Check("cri+nonsense"); err == nil || !strings.Contains(err.Error(), "haproxy-json") || !strings.Contains(err.Error(), "journald") {
		t.Errorf("the error names nothing to try: %v", err)
	}
}

// What stands in a line that no wrapper has made is not taken for one.
func TestWrappersStealNothing(t *testing.T) {
	for line, want := range map[string]string{
		`{"log":"x","stream":"stdout","time":"2026-11-21T12:00:00Z","level":"info","msg":"m","status":200,"model":"m"}`: JSON,
		`{"log":"x","stream":true,"time":"2026-11-21T12:00:00Z","status":200,"model":"m"}`:                              JSON,
		"2026-11-21T12:00:00Z upstream failed: 503 Service Unavailable":                                                 Text,
		"2026-11-21T12:00:00Z stdout is gone":                                                                           Text,
		"ERROR    | Connection error.":                                                                                  Text,
		"error | Connection error.":                                                                                     Text,
		"name | status\na | 1":                                                                                          Text,
		"[pod/x] hello":                                                                                                 Text,
		"Nov 21 12:00:00 the provider failed":                                                                           Text,
		"E1121 12:00:00 upstream failed":                                                                                Text,
		"<134> Nov 21 12:00:00 gw app: x":                                                                               Text,
		"<1345>Nov 21 12:00:00 gw app: x":                                                                               Text,
		"<134>1 yesterday gw app - - - x":                                                                               Text,
		"<134>1 2026-11-21T12:00:00Z gw app - - [x x":                                                                   Text,
	} {
		var sample [][]byte
		for l := range strings.SplitSeq(line, "\n") {
			sample = append(sample, []byte(l))
		}
		if got := Detect(sample); got.Format != want {
			t.Errorf("%s: %+v", line, got)
		}
	}
}

// A few lines are enough to tell a wrapper whose shape is its own, and a format inside that is told by one.
func TestDetectWrapperOnFewLines(t *testing.T) {
	for _, format := range []string{"docker+json", "cri+json", "kubectl+json", "kubectl+cri+json", "compose+json", "journald+json", "syslog+json", "timestamps+json", "klog+text"} {
		all := lines(t, "testdata/streams/"+format+".log")
		for n := 1; n <= min(5, len(all)); n++ {
			if format == "compose+json" && n == 3 {
				continue // the third line is of another program
			}
			if got := Detect(all[:n]); got.Format != format || got.Confidence <= 0 && Inner(format) != Text || got.Confidence > 1 {
				t.Errorf("%d lines of %s: %+v", n, format, got)
			}
		}
	}
}

// What is read without its wrapper all the same can be read with it: then the host is the instance.
func TestAskedForSyslog(t *testing.T) {
	kit := testKit()
	s, _ := streamed(t, "syslog+haproxy", Options{Kit: kit}, lines(t, "testdata/haproxy.log"))
	if n := s.Tally(); n.Unparsed != 0 || n.Records != 4 {
		t.Errorf("%+v", n)
	}
	for _, rec := range s.Records() {
		if got := kit.Symbols.Name(rec.Key[traffic.Instance]); got != "edge" {
			t.Errorf("instance %q", got)
		}
	}
}

func TestSyslogHeads(t *testing.T) {
	for line, want := range map[string]string{
		"<131>Nov 21 12:00:00 gw-a app[7]: x":                                   "12:00:00 gw-a err x",
		"Nov 21 12:00:00.250000 gw-a app[7]: x":                                 "12:00:00.25 gw-a  x",
		"<131>Nov  1 12:00:00 gw-a app: x":                                      "12:00:00 gw-a err x",
		"<131>Nov 21 12:00:00 app[7]: x":                                        "12:00:00  err x",
		"<14>1 2026-11-21T12:00:00.5+00:00 - app - - - x":                       "12:00:00.5  info x",
		"<14>1 2026-11-21T12:00:00Z gw-a app 7 id [a@1 b=\"\\]\"][c d=\"e\"] x": "12:00:00 gw-a info x",
		"<14>2026-11-21T12:00:00Z gw-a app[7]: x":                               "12:00:00 gw-a info x",
		"Nov 21 12:00:00.x gw-a app[7]: x":                                      "",
		"Nov 21 12:00:00":                                                       "",
		"<999>Nov 21 12:00:00 gw-a app[7]: x":                                   "",
		"Nov 21 12:00:00 gw-a an app says: x":                                   "",
	} {
		w := wrapped{text: []byte(line)}
		got := ""
		if (syslogLine{}).open(&w, frame{zone: time.UTC, received: received}) {
			got = fmt.Sprintf("%s %s %s %s", w.at.Format("15:04:05.999"), w.instance, w.level, w.text)
		}
		if got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

// A line whose rest does not come is bounded, and handed over at the end; what did not fit is counted.
func TestPartsAreBounded(t *testing.T) {
	s, err := NewStream("cri+text", Options{})
	if err != nil {
		t.Fatal(err)
	}
	half := strings.Repeat("x", MaxLine/2)
	for range 3 {
		s.Take(Line{Text: []byte("2026-11-21T12:00:00Z stdout P " + half)}, received)
	}
	s.SettleDue(received.Add(time.Second))
	if n := s.Tally(); n.Lost != int64(MaxLine/2) || len(s.chain.parts) != 1 {
		t.Errorf("%+v, %d parts", n, len(s.chain.parts))
	}
	s.SettleDue(received.Add(partWithin))
	if len(s.chain.parts) != 0 {
		t.Error("the line still waits for its rest")
	}
	for i := range 3 * maxLanes {
		s.Take(Line{Text: fmt.Appendf(nil, "2026-11-21T12:00:00Z stdout P %d", i)}, received)
	}
	if len(s.chain.parts) > maxLanes {
		t.Errorf("%d parts are held", len(s.chain.parts))
	}
}

// A collector may take the line feeds off: then nothing is a part.
func TestDockerWithoutLineFeeds(t *testing.T) {
	line := `{"log":"{\"model\":\"m\",\"status\":200}","stream":"stdout","time":"2026-11-21T12:43:20Z"}`
	_, got := streamed(t, Auto, Options{Kit: testKit()}, [][]byte{[]byte(line), []byte(line), []byte(line), []byte(line)})
	if !strings.Contains(got, "4 lines, 4 records, 0 unparsed") {
		t.Error(got)
	}
	pod := `{"log":"{\"model\":\"m\",\"status\":200}","stream":"stdout","_p":"F","time":"2026-11-21T12:43:20Z","kubernetes":{"pod_name":"gw-x2k","container_name":"proxy"}}`
	_, got = streamed(t, Auto, Options{Kit: testKit()}, [][]byte{[]byte(pod)})
	if !strings.Contains(got, "1 records") || !strings.Contains(got, "instance=gw-x2k") {
		t.Error(got)
	}
}

// The line's own time and instance come first, then the wrapper's, then the configured ones.
func TestWhoTellsTheInstance(t *testing.T) {
	for line, want := range map[string]string{
		`<134>Nov 21 12:43:20 gw-a gw: {"model":"m","status":200,"instance":"own"}`: "own",
		`<134>Nov 21 12:43:20 gw-a gw: {"model":"m","status":200}`:                  "gw-a",
		`<134>Nov 21 12:43:20 gw: {"model":"m","status":200}`:                       "configured",
		`{"model":"m","status":200}`:                                                "configured",
	} {
		kit := testKit()
		s, _ := streamed(t, "syslog+json", Options{Kit: kit, Labels: sources.Labels{Instance: "configured"}}, [][]byte{[]byte(line)})
		if got := kit.Symbols.Name(s.Records()[0].Key[traffic.Instance]); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

// A wrapper whose clock is wrong is not believed.
func TestWrapperFromTheFuture(t *testing.T) {
	s, _ := streamed(t, "cri+json", Options{Kit: testKit()}, [][]byte{[]byte(`2036-11-21T12:43:20Z stdout F {"model":"m","status":200}`)})
	if rec := s.Records()[0]; !rec.Received || !rec.Time.Equal(received) {
		t.Errorf("%v %v", rec.Time, rec.Received)
	}
}

// A time without a zone that lies after the one at which the wrapper got the line was read in a wrong zone.
func TestWrapperMendsTheZone(t *testing.T) {
	s, _ := streamed(t, "cri+json", Options{Kit: testKit()}, [][]byte{[]byte(`2026-11-21T12:43:20Z stdout F {"time":"2026-11-21 13:43:20","model":"m","status":200}`)})
	if rec := s.Records()[0]; rec.Received || rec.Time.UTC().Format(time.TimeOnly) != "12:43:20" || s.Tally().Skewed != 1 {
		t.Errorf("%v %+v", rec.Time, s.Tally())
	}
}

func FuzzStream(f *testing.F) {
	paths, _ := filepath.Glob("testdata/streams/*.log")
	for _, path := range paths {
		all := lines(f, path)
		for i, line := range all {
			f.Add(line, all[(i+1)%len(all)], uint8(i)) //nolint:gosec // any number will do
		}
	}
	formats := []string{Auto, Text, JSON, Access}
	for _, w := range Wrappers() {
		formats = append(formats, w, w+between+Text)
	}
	f.Fuzz(func(t *testing.T, a, b []byte, which uint8) {
		format := formats[int(which)%len(formats)]
		s, err := NewStream(format, Options{Kit: testKit()})
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range [][]byte{a, b, a, a, b, b} {
			s.Take(Line{Text: bytes.Clone(line)}, received)
			s.SettleDue(received.Add(time.Second))
		}
		s.Settle(received)
		n := s.Tally()
		if n.Lines != 6 || n.Records != int64(len(s.Records())) || n.Records > n.Lines || s.lanes.busy != 0 {
			t.Fatalf("%s: %+v, %d records, %d lanes hold something", format, n, len(s.Records()), s.lanes.busy)
		}
		for _, rec := range s.Records() {
			if rec.Time.IsZero() || rec.Time.Sub(received) > MaxSkew || len(rec.Raw) > MaxRaw || len(rec.Message) > MaxMessage+3 || !utf8.ValidString(rec.Message) {
				t.Fatalf("%s: %+v", format, rec)
			}
		}
	})
}

func BenchmarkUnwrap(b *testing.B) {
	paths, _ := filepath.Glob("testdata/streams/*.log")
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".log")
		format, _, _ := strings.Cut(name, ".")
		around, _, _ := splitFormat(format)
		if len(around) == 0 {
			continue
		}
		line := lines(b, path)[1]
		b.Run(name, func(b *testing.B) {
			c := newChain(around, nil, time.UTC)
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			for b.Loop() {
				c.unwrap(line, received)
			}
		})
	}
}
