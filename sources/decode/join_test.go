package decode

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"signalbox/internal/fault"
)

const loggedError = "2026-11-21 12:43:20,100 - ERROR - ask failed"

var rateLimitTrace = []string{
	"Traceback (most recent call last):", `  File "x.py", line 1, in y`, "    ask()", "openai.RateLimitError: Error code: 429 - Rate limit reached",
}

func giveAll(s *Stream, lines []string, now time.Time) {
	for _, l := range lines {
		s.Take(Line{Text: []byte(l)}, now)
	}
}

func newTestStream(t *testing.T, format string) *Stream {
	t.Helper()
	s, err := NewStream(format, Options{Kit: testKit()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What waits for its trace is handed over by the next line, or after a short while without one.
func TestHeldRecordsAreHandedOver(t *testing.T) {
	s := newTestStream(t, Text)
	giveAll(s, append([]string{loggedError}, rateLimitTrace...), received)
	if n := len(s.Records()); n != 0 {
		t.Fatalf("%d records before the trace has ended", n)
	}
	s.SettleDue(received.Add(settleWithin / 2))
	if n := len(s.Records()); n != 0 {
		t.Fatalf("%d records before the wait is over", n)
	}
	s.SettleDue(received.Add(settleWithin))
	if n := len(s.Records()); n != 1 {
		t.Fatalf("%d records after the wait", n)
	}
	giveAll(s, append([]string{loggedError}, rateLimitTrace...), received)
	giveAll(s, []string{"2026-11-21 12:43:21,100 - INFO - on we go"}, received)
	if n := len(s.Records()); n != 2 {
		t.Fatalf("%d records after the next line", n)
	}
	for _, rec := range s.Records() {
		if rec.Outcome.Class() != fault.RateLimited || !strings.Contains(rec.Message, "ask failed") || !strings.Contains(rec.Raw, "x.py") {
			t.Errorf("%+v", rec)
		}
	}
}

// A failure is counted once, however many lines it writes, and two failures are two.
func TestOneFailureIsOneRecord(t *testing.T) {
	alone := strings.Join(rateLimitTrace, "\n")
	python := loggedError + "\n" + alone
	for name, tt := range map[string]struct {
		lines string
		want  int
	}{
		"a logger's line":                {loggedError, 0},
		"a line that says what":          {"2026-11-21 12:43:20,100 - ERROR - Connection error.", 1},
		"a line and its trace":           {python, 1},
		"twice":                          {python + "\n" + python, 2},
		"a trace alone":                  {alone, 1},
		"two traces":                     {alone + "\n" + alone, 2},
		"chained by handling":            {alone + "\n\nDuring handling of the above exception, another exception occurred:\n\n" + alone, 1},
		"chained by cause":               {alone + "\nThe above exception was the direct cause of the following exception:\n" + alone, 1},
		"a trace that breaks off":        {rateLimitTrace[0] + "\n" + rateLimitTrace[1] + "\n2026-11-21 12:43:20,100 - INFO - fine", 0},
		"a failure after a broken trace": {rateLimitTrace[0] + "\n" + rateLimitTrace[1] + "\n2026-11-21 12:43:20,100 - ERROR - Connection error.", 1},
		"exceptions in a row":            {rateLimitTrace[3] + "\n" + rateLimitTrace[3] + "\n" + rateLimitTrace[3], 3},
		"a group":                        {"  + Exception Group Traceback (most recent call last):\n  |   File \"x\", line 1\n  | ExceptionGroup: all failed (2 sub-exceptions)\n  +-+---------------- 1 ----------------\n    | Traceback (most recent call last):\n    |   File \"x\", line 2\n    | openai.APITimeoutError: Request timed out.\n    +------------------------------------", 1},
		"a message of several lines":     {alone + ".\nReceived Model Group=gpt-4o\nAvailable Model Group Fallbacks=None\n2026-11-21 12:43:20,100 - INFO - fine", 1},
		"a thread's":                     {"Exception in thread Thread-1 (run):\n" + alone, 1},
		"an asyncio task's":              {"Task exception was never retrieved\nfuture: <Task finished name='Task-1' coro=<main() done>>\n" + alone, 1},
		"a program's own mistake":        {strings.Join(rateLimitTrace[:3], "\n") + "\nValueError: no rows", 0},
		"a mistake after a failure":      {alone + "\nDuring handling of the above exception, another exception occurred:\n" + strings.Join(rateLimitTrace[:3], "\n") + "\nKeyError: 'x'", 1},
	} {
		s := newTestStream(t, Text)
		giveAll(s, strings.Split(tt.lines, "\n"), received)
		s.Settle(received)
		if n := len(s.Records()); n != tt.want {
			t.Errorf("%s: %d records, want %d", name, n, tt.want)
		}
	}
}

// The exception that came first decides, as far as it says anything.
func TestInnermostCauseDecides(t *testing.T) {
	frames := "Traceback (most recent call last):\n  File \"x\", line 1, in y\n"
	for lines, want := range map[string]fault.Class{
		frames + "httpx.ReadTimeout: timed out\nThe above exception was the direct cause of the following exception:\n" + frames + "openai.APIConnectionError: Connection error.":                            fault.Timeout,
		frames + "KeyError: 'x'\nDuring handling of the above exception, another exception occurred:\n" + frames + "openai.RateLimitError: Error code: 429":                                                  fault.RateLimited,
		"java.lang.RuntimeException: call failed\n\tat a.B.c(B.java:1)\nCaused by: java.net.SocketTimeoutException: Read timed out\n\tat a.B.d(B.java:2)":                                                    fault.Timeout,
		"TypeError: fetch failed\n    at ask (/a.js:1:1) {\n  [cause]: Error: connect ECONNREFUSED 10.0.0.9:443\n      at x (node:net:1:1)\n}":                                                               fault.Connection,
		"2026-11-21 12:43:20 ERROR 500 Internal Server Error\n" + frames + "openai.RateLimitError: Error code: 429 - Rate limit reached":                                                                     fault.RateLimited,
		"2026-11-21 12:43:20 ERROR quota: Error code: 429 - You exceeded your current quota, please check your plan and billing details.\n" + frames + "openai.RateLimitError: Error code: 429 - Rate limit": fault.QuotaExhausted,
	} {
		s := newTestStream(t, Text)
		giveAll(s, strings.Split(lines, "\n"), received)
		s.Settle(received)
		if len(s.Records()) != 1 || s.Records()[0].Outcome.Class() != want {
			t.Errorf("%s\ngives %+v, want %v", lines, s.Records(), want)
		}
	}
}

// A trace without an end and lanes without number cost no more than their bounds.
func TestTracesAreBounded(t *testing.T) {
	s := newTestStream(t, Text)
	giveAll(s, []string{loggedError, rateLimitTrace[0]}, received)
	frame := "  " + strings.Repeat("x", 1000)
	for range 2 * maxTraceLines {
		s.Take(Line{Text: []byte(frame)}, received)
	}
	l := &s.lanes.only
	if len(l.under.text) > maxTraceText || l.under.lines > maxTraceLines || len(l.under.causes) > maxCauses {
		t.Errorf("%d bytes, %d lines", len(l.under.text), l.under.lines)
	}
	s = newTestStream(t, "kubectl+text")
	for i := range 5000 {
		giveAll(s, []string{fmt.Sprintf("[pod/gw-%d/app] %s", i, loggedError)}, received)
	}
	if n := len(s.lanes.order); n > 5*maxLanes {
		t.Errorf("%d lanes", n)
	}
	s.Settle(received)
	if s.lanes.busy != 0 {
		t.Errorf("%d lanes hold something after the end", s.lanes.busy)
	}
}

// In a finished file a lane that has fallen silent does not keep its failure until the end.
func TestQuietLanesAreHandedOver(t *testing.T) {
	s := newTestStream(t, "kubectl+text")
	fails := "[pod/gw-1/app] 2026-11-21T12:43:%02dZ ERROR Connection error."
	giveAll(s, []string{fmt.Sprintf(fails, 20)}, received)
	giveAll(s, []string{strings.Replace(fmt.Sprintf(fails, 25), "gw-1", "gw-2", 1)}, received)
	if n := len(s.Records()); n != 1 {
		t.Errorf("%d records five seconds later", n)
	}
	for range 2 * quietLines {
		giveAll(s, []string{"[pod/gw-3/app] nothing"}, received)
	}
	if n := len(s.Records()); n != 2 {
		t.Errorf("%d records many lines later", n)
	}
}

// What heads no trace passes at once: only failures wait.
func TestSuccessesDoNotWait(t *testing.T) {
	s := newTestStream(t, JSON)
	giveAll(s, []string{`{"model":"m","status":200}`}, received)
	if n := len(s.Records()); n != 1 {
		t.Errorf("%d records", n)
	}
	giveAll(s, []string{`{"model":"m","status":500}`}, received)
	if n := len(s.Records()); n != 1 {
		t.Errorf("%d records: a failure waits for its trace", n)
	}
	s = newTestStream(t, HAProxyJSON)
	giveAll(s, []string{string(lines(t, "testdata/haproxy-json.log")[1])}, received)
	if n := len(s.Records()); n != 1 {
		t.Errorf("%d records: HAProxy writes no traces", n)
	}
}

func FuzzTrace(f *testing.F) {
	for _, name := range []string{"text.python-traceback", "text.go-panic", "text.node-stack", "text.java-stack"} {
		f.Add(string(joined(lines(f, "testdata/streams/"+name+".log"))))
	}
	f.Fuzz(func(t *testing.T, text string) {
		var tr trace
		active := false
		for line := range strings.SplitSeq(text, "\n") {
			b := []byte(line)
			if active && tr.add(b) {
				continue
			}
			kind := traceOf(b)
			if active = kind != noTrace || len(b) > 0 && goesOn(b); active {
				tr.begin(kind, b)
			}
			if len(tr.text) > maxTraceText || len(tr.causes) > maxCauses || len(tr.innermost()) != len(tr.causes) {
				t.Fatalf("%d bytes, %d causes", len(tr.text), len(tr.causes))
			}
		}
	})
}

func joined(all [][]byte) []byte {
	var out []byte
	for _, l := range all {
		out = append(append(out, l...), '\n')
	}
	return out
}

func BenchmarkTraceback(b *testing.B) {
	all := lines(b, "testdata/streams/text.python-traceback.log")
	s, err := NewStream(Text, Options{Kit: testKit()})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(joined(all))))
	b.ReportAllocs()
	for b.Loop() {
		for _, line := range all {
			s.Take(Line{Text: line}, received)
		}
		s.Clear()
	}
}

// What a stream costs over its decoder: wrappers, lanes and counting, on lines that succeed and that fail.
func BenchmarkStream(b *testing.B) {
	all := lines(b, "testdata/json.log")
	wrappedLine := lines(b, "testdata/streams/cri+json.log")[0]
	for _, bb := range []struct {
		name, format string
		line         []byte
	}{{"json", JSON, all[0]}, {"json fails", JSON, all[1]}, {"cri+json", "cri+json", wrappedLine}} {
		b.Run(bb.name, func(b *testing.B) {
			s, err := NewStream(bb.format, Options{Kit: testKit()})
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(bb.line)))
			b.ReportAllocs()
			for b.Loop() {
				s.Take(Line{Text: bb.line}, received)
				s.Clear()
			}
		})
	}
}

// The way through a stream costs a success nothing that the decoder does not cost.
func TestStreamAddsNoAllocation(t *testing.T) {
	line := lines(t, "testdata/json.log")[0]
	kit := testKit()
	d, err := New(JSON, Options{Kit: kit})
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewStream(JSON, Options{Kit: kit})
	if err != nil {
		t.Fatal(err)
	}
	for range SampleLines + 1 { // the first lines are kept as a sample
		d.Decode(line, received)
		s.Take(Line{Text: line}, received)
		s.Clear()
	}
	alone := testing.AllocsPerRun(200, func() { d.Decode(line, received) })
	through := testing.AllocsPerRun(200, func() {
		s.Take(Line{Text: line}, received)
		s.Clear()
	})
	if through > alone {
		t.Errorf("%v allocations a line, of the decoder alone %v", through, alone)
	}
}
