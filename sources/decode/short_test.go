package decode

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"signalbox/internal/traffic"
	"signalbox/sources"
)

// inShort is how a stream takes a log, with lines in place of plain successes or without. It clears at odd moments.
type inShort struct {
	records []traffic.Record
	tally   Tally
	lines   int
	found   string
	text    []string
}

func takeLog(t testing.TB, text []byte, kit sources.Kit, short bool) inShort {
	t.Helper()
	opt := Options{Kit: kit, Source: "log", Labels: sources.Labels{Env: "prod"}, Unknown: &traffic.UnknownPlaces{}}
	if short {
		opt.Places = traffic.NewPlaces(1 << 20)
	}
	s, err := NewStream(Auto, opt)
	if err != nil {
		t.Fatal(err)
	}
	var out inShort
	collect := func() {
		l, next := s.Lines(), 0
		for i := range l.All {
			x := &l.All[i]
			for ; next < int(x.After); next++ {
				out.records = append(out.records, s.Records()[next])
			}
			out.records = append(out.records, l.Record(x))
			out.lines++
		}
		out.records = append(out.records, s.Records()[next:]...)
		s.Clear()
	}
	n := 0
	var split Splitter
	split.Feed(text, func(l Line) {
		s.Take(l, received)
		if n++; n%57 == 0 {
			collect()
		}
	})
	s.Settle(received)
	collect()
	for i := range out.records {
		out.records[i].Time = out.records[i].Time.UTC()
	}
	out.tally, out.found, out.text = s.Tally(), s.Format(), s.Examples()
	out.tally.Newest = out.tally.Newest.UTC()
	return out
}

// sameInShort holds lines against the records that they stand for.
func sameInShort(t testing.TB, text []byte) int {
	t.Helper()
	kit := testKit().Complete()
	whole, short := takeLog(t, text, kit, false), takeLog(t, text, kit, true)
	if whole.lines != 0 || whole.tally != short.tally || whole.found != short.found || !reflect.DeepEqual(whole.text, short.text) {
		t.Fatalf("%+v %s, in short %+v %s", whole.tally, whole.found, short.tally, short.found)
	}
	if len(whole.records) != len(short.records) {
		t.Fatalf("%d records, in short %d", len(whole.records), len(short.records))
	}
	for i := range whole.records {
		if whole.records[i] != short.records[i] {
			t.Fatalf("record %d is\n%+v, in short\n%+v", i, whole.records[i], short.records[i])
		}
	}
	return short.lines
}

func TestLinesAreTheRecordsInShort(t *testing.T) {
	text := messyLog(t, "-n", "6000", "-messy-kinds", "shuffled,crlf,extra,spaced,escaped,dup,badutf8,half,text,empty,nul,array,wrongtype")
	if n := sameInShort(t, text); n < 3000 {
		t.Errorf("%d of 6000 became lines", n)
	}
}

// What stands between lines, changes their format, or makes one more than a plain success.
func TestLinesBetweenOthers(t *testing.T) {
	ok := func(i int, more string) string {
		return fmt.Sprintf(`{"ts":"2026-01-02T12:00:%02dZ","request_id":"q-%d","model":"m%d","status":200,"latency_ms":%d%s}`, i%60, i, i%3, i, more)
	}
	var b strings.Builder
	for i := range 300 {
		fmt.Fprintln(&b, ok(i, ""))
		switch i % 30 {
		case 3:
			fmt.Fprintf(&b, `{"ts":"2026-01-02T12:00:%02dZ","request_id":"f-%d","model":"m","status":502,"error":"bad gateway"}`+"\n", i%60, i)
		case 5:
			fmt.Fprint(&b, "Traceback (most recent call last):\n  File \"a.py\", line 3, in f\nTimeoutError: timed out\n")
		case 7:
			fmt.Fprintln(&b, ok(i, `,"finish_reason":"stop","served_model":"m-1","stream":true`))
			fmt.Fprintln(&b, ok(i, `,"finish_reason":"length","stream":true`))
			fmt.Fprintln(&b, ok(i, `,"stream":true`))
			fmt.Fprintln(&b, ok(i, `,"finish_reason":"content_filter"`))
		case 9:
			fmt.Fprintln(&b, ok(i, `,"retry_after_ms":20`))
			fmt.Fprintln(&b, ok(i, `,"fallback_from":"m0","attempt":2`))
			fmt.Fprintln(&b, ok(i, `,"side":"upstream"`))
			fmt.Fprintln(&b, ok(i, `,"shape":"00ff00ff00ff00ff"`))
		case 11:
			fmt.Fprintln(&b, strings.Replace(ok(i, ""), "q-", `q\u002d`, 1))
			fmt.Fprintln(&b, strings.Replace(ok(i, ""), "q-", strings.Repeat("q", 300), 1))
			fmt.Fprintln(&b, `{"pad":"`+strings.Repeat("x", 3000)+`",`+ok(i, "")[1:])
		case 13:
			fmt.Fprintln(&b, strings.Replace(ok(i, ""), "2026-01-02", "2036-01-02", 1))
			fmt.Fprintln(&b, strings.Replace(ok(i, ""), `"ts"`, `"no"`, 1))
		}
	}
	for i := range 500 { // another format, and the first again
		fmt.Fprintf(&b, "time=2026-01-02T12:10:%02dZ model=m status=200 latency_ms=%d\n", i%60, i)
	}
	for i := range 500 {
		fmt.Fprintln(&b, ok(i, ""))
	}
	if n := sameInShort(t, []byte(b.String())); n < 500 {
		t.Errorf("only %d became lines", n)
	}
}

// Lines read along the track say what their records say: how they finished, who answered, from where they fell.
func TestLinesAlongTheTrack(t *testing.T) {
	var b bytes.Buffer
	for i, line := range bytes.Split(bytes.TrimSpace(gatewayLines(600)), []byte("\n")) {
		line = bytes.TrimSuffix(line, []byte("}"))
		fmt.Fprintf(&b, `%s,"finish_reason":"%s","served_model":%s,"fallback_from":%s,"host":"h%d","shape":"","retry_after_ms":null}`+"\n", line,
			[]string{"stop", "tool_calls", "length"}[i%3], []string{`"m-1"`, `"m-2"`, "null", `""`}[i%4], []string{`""`, `"a"`, `"b"`}[i%3], i%5)
	}
	if n := sameInShort(t, b.Bytes()); n < 340 { // the first tell the format
		t.Errorf("%d of 600 became lines", n)
	}
	s, err := NewStream(JSON, Options{Kit: testKit().Complete(), Places: traffic.NewPlaces(1 << 20)})
	if err != nil {
		t.Fatal(err)
	}
	var split Splitter
	split.Feed(bytes.Repeat(b.Bytes(), 3), func(l Line) { s.Take(l, received) })
	misses := 0
	split.Feed(b.Bytes(), func(l Line) {
		was := s.short.worker.track.misses
		if s.Take(l, received); s.short.worker.track.misses > was {
			misses++
		}
	})
	if misses > 230 { // a third has another finish, which is a failure
		t.Errorf("%d of 600 lines left the track", misses)
	}
}

// A burst of failures, which become records, does not keep successes from the track.
func TestLinesGoAlongTheTrackInABurst(t *testing.T) {
	s, err := NewStream(JSON, Options{Kit: testKit().Complete(), Places: traffic.NewPlaces(1 << 20)})
	if err != nil {
		t.Fatal(err)
	}
	good := gatewayLines(300)
	bad := bytes.ReplaceAll(good, []byte(`"status":200,"error":null`), []byte(`"status":529,"error":{"type":"overloaded_error","message":"Overloaded"}`))
	text := append(bytes.Repeat(append(bytes.Clone(bad), good...), 3), good...)
	var split Splitter
	split.Feed(text, func(l Line) { s.Take(l, received) })
	if tr := s.short.worker.track; tr.pause > 0 || tr.misses > 250 || len(tr.steps) < 10 {
		t.Errorf("pause %d, %d misses, %d steps", tr.pause, tr.misses, len(tr.steps))
	}
}

// FuzzLines holds lines against records on logs that change.
func FuzzLines(f *testing.F) {
	f.Add(gatewayLines(5), "status", "statuz", uint8(3))
	f.Add([]byte(`{"status":200,"request_id":" q ","model":"m"}`+"\n"), `"m"`, `"m","ts":"2026-01-02T12:00:00Z"`, uint8(7))
	f.Add([]byte(`{"status":200,"finish_reason":"stop","stream":true}`+"\n"), "stop", "", uint8(2))
	f.Add([]byte(`{"ts":"2026-01-02T12:00:00.5Z","status":200,"served_model":"a","fallback_from":"b","finish_reason":"stop","request_id":"q","model":"m","latency_ms":2.5}`+"\n"), `"a"`, `null`, uint8(5))
	f.Fuzz(func(t *testing.T, text []byte, old, with string, each uint8) {
		if len(text) == 0 || len(text) > 4<<10 || len(old) == 0 || len(with) > 100 {
			return
		}
		if text[len(text)-1] != '\n' {
			text = append(bytes.Clone(text), '\n')
		}
		var all []byte
		for i := range 300 {
			one := text
			if each > 0 && i%int(each) == 0 {
				one = bytes.ReplaceAll(text, []byte(old), []byte(with))
			}
			if len(all)+len(one) > 256<<10 {
				break
			}
			all = append(all, one...)
		}
		sameInShort(t, all)
	})
}

// A success costs no memory of its own when it becomes a line.
func TestLinesAllocateNothing(t *testing.T) {
	text := gatewayLines(400)
	s, err := NewStream(JSON, Options{Kit: testKit().Complete(), Places: traffic.NewPlaces(1 << 20)})
	if err != nil {
		t.Fatal(err)
	}
	var split Splitter
	take := func() {
		split.Feed(text, func(l Line) { s.Take(l, received) })
		if n := len(s.Lines().All) + len(s.Records()); n != 400 {
			t.Fatalf("%d of 400", n)
		}
		s.Clear()
	}
	take()
	if n := testing.AllocsPerRun(20, take); n > 2 {
		t.Errorf("%.1f allocations for 400 lines", n)
	}
}

// BenchmarkLines is the way of a plain success that is followed.
func BenchmarkLines(b *testing.B) {
	text := gatewayLines(480)
	s, err := NewStream(JSON, Options{Kit: testKit().Complete(), Places: traffic.NewPlaces(1 << 20)})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		var split Splitter
		split.Feed(text, func(l Line) { s.Take(l, time.Time(received)) })
		s.Clear()
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/480, "ns/line")
}
