package decode

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// decodedBy gives what a worker makes of a text that it decodes several times, with its track or without.
func decodedBy(t testing.TB, b *Bulk, text []byte, tracked bool) ([]string, *Worker) {
	t.Helper()
	w := b.Worker()
	if !tracked {
		w.track.pause = 1 << 62
	}
	var out []string
	k := blockOf(text)
	for range 3 {
		b.Begin(k)
		w.Decode(k)
		_, keys, syms := k.Keys()
		for _, brief := range k.Briefs {
			place := fmt.Sprint(keys[brief.Place].Labels(syms))
			if brief.Place = 0; brief.Attempt <= 1 && !brief.Outcome.Failed() {
				brief.Request = 0 // nobody asks
			}
			out = append(out, fmt.Sprintf("%+v %s", brief, place))
		}
		out = append(out, fmt.Sprintf("%+v %v %+v %d %d %+v %v", k.Lack, k.bads, k.tally, k.newest, k.lines, k.after, k.unknown))
	}
	return out, w
}

func sameDecoded(t testing.TB, b *Bulk, text []byte) *Worker {
	t.Helper()
	want, _ := decodedBy(t, b, text, false)
	got, w := decodedBy(t, b, text, true)
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			t.Fatalf("along the track %d is\n%s\nwant\n%s\nin %.2000q", i, got[min(i, len(got)-1)], want[i], text)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d, want %d", len(got), len(want))
	}
	return w
}

// onTrack counts the lines of a text that a worker's track takes.
func onTrack(w *Worker, text []byte) (taken, lines int) {
	k := blockOf(text)
	w.track.before = received.Unix()
	for at := 0; at < len(text)-reach; lines++ {
		next := w.track.take(k, k.Buf[:len(text)+Room], at)
		if next > 0 {
			taken++
		} else {
			_, _, next = cutLine(text, at)
		}
		at = next
	}
	return taken, lines
}

// Along the track the odd lines of the generator come to the briefs to which they come without it.
func TestTrackReadsWhatTheTemplateReads(t *testing.T) {
	text := messyLog(t, "-n", "6000", "-messy-kinds", "shuffled,crlf,extra,spaced,escaped,dup,badutf8,half,empty,nul,array,wrongtype")
	w := sameDecoded(t, bulkOf(t, gatewayLines(60)), text)
	if taken, lines := onTrack(w, text); taken < lines/2 {
		t.Errorf("the track takes %d of %d lines", taken, lines)
	}
}

// A gateway's successes are taken along the track, whatever is absent at times and in whatever units they are told.
func TestTrackTakesSuccesses(t *testing.T) {
	plain := string(gatewayLines(600))
	for name, text := range map[string]string{
		"as they are": plain,
		"CRLF":        strings.ReplaceAll(plain, "\n", "\r\n"),
		"numbers as text": strings.NewReplacer(`"status":200`, `"status":"200"`, `"stream":true`, `"stream":"false"`, `"attempt":`, `"attempt":"1","no":`).
			Replace(plain),
		"seconds":         strings.ReplaceAll(strings.ReplaceAll(plain, "latency_ms", "latency_s"), "Z\"", "+00:00\""),
		"long numbers":    strings.ReplaceAll(plain, ".25,", ".2512345678901234,"),
		"absent at times": strings.ReplaceAll(plain, `"region":"eu-west-1",`, ""),
		"empty at times":  strings.ReplaceAll(plain, `"region":"eu-west-1",`, `"region":null,`),
		"epoch":           strings.ReplaceAll(plain, `"ts":"`, `"ts":1767355200.25,"was":"`),
		"finish reasons":  strings.ReplaceAll(plain, `"error":null`, `"error":null,"finish_reason":"stop","original_model":"gpt-9"`),
		"failures":        strings.ReplaceAll(plain, `"status":200,"error":null`, `"status":529,"error":{"type":"overloaded_error","code":"over","message":"it said \"Overloaded\""}`),
		"two of a kind":   strings.ReplaceAll(plain, `"model":`, `"trace_id":"0123456789abcdef","requestmodel":"gpt-old","location":null,"model":`),
	} {
		t.Run(name, func(t *testing.T) {
			w := sameDecoded(t, bulkOf(t, []byte(text[:10_000])), []byte(text))
			least := 95
			if name == "two of a kind" {
				least = 0 // a worse name before a better one is left to the template
			}
			if taken, lines := onTrack(w, []byte(text)); taken < lines*least/100 {
				t.Errorf("the track takes %d of %d lines", taken, lines)
			}
		})
	}
}

// trackLines are lines that a track must not be misled by, after one that it was laid from.
func trackLines() []string {
	plain := strings.TrimSuffix(string(gatewayLines(1)), "\n")
	again := strings.Replace(plain, `"attempt":1`, `"attempt":2`, 1)
	out := []string{plain, again, strings.Replace(again, "req_01", `re\n01`, 1), strings.Replace(again, "req_01", "req\x8101", 1)}
	failed := strings.Replace(plain, `"status":200,"error":null`, `"status":503,"error":{"type":"overloaded_error","code":"over","message":"it is overloaded"}`, 1)
	silent := strings.Replace(failed, `{"type":"overloaded_error","code":"over","message":"it is overloaded"}`, `{"type":null,"code":null,"message":"-"}`, 1)
	out = append(out, failed, silent, strings.Replace(silent, "request completed", "no healthy upstream", 1))
	for _, r := range [][2]string{
		{`"status":503`, `"status":200`},
		{`"status":503`, `"status":429`},
		{`"status":503`, `"status":401`},
		{`"status":503`, `"status":600`},
		{`"status":503`, `"status":399`},
		{`it is overloaded`, `quota exceeded`},
		{`it is overloaded`, `it is \u006fverloaded`},
		{`it is overloaded`, `-`},
		{`it is overloaded`, ``},
		{`"it is overloaded"`, `null`},
		{`"it is overloaded"`, `7`},
		{`"over"`, `"context_length_exceeded"`},
		{`"over"`, `null`},
		{`"over"`, `429`},
		{`"overloaded_error"`, `"insufficient_quota"`},
		{`"overloaded_error"`, `null`},
		{`"stream":true`, `"stream":false`},
		{`"provider":"openai"`, `"provider":"bedrock"`},
		{`"env":"prod"`, `"env":"prod","finish_reason":"stop"`},
		{`"env":"prod"`, `"env":"prod","retry_after":3`},
		{`"env":"prod"`, `"env":"prod","error_message":"no healthy upstream"`},
		{`"team":"t0"`, `"team":"t0","err":"no healthy upstream"`},
		{`"env":"prod"`, `"env":"prod","side":"upstream"`},
		{`"team":"t0"`, `"team":"t0","original_model":"m9"`},
		{`"attempt":1`, `"attempt":2`},
		{`request completed`, `no healthy upstream`},
	} {
		if line := strings.Replace(failed, r[0], r[1], 1); line != failed {
			out = append(out, line)
		} else {
			panic(r[0])
		}
	}
	for _, r := range [][2]string{
		{`"status":200`, `"status":0200`},
		{`"status":200`, `"status":20`},
		{`"status":200`, `"status":429`},
		{`"status":200`, `"status":2e2`},
		{`"status":200`, `"status":null`},
		{`"status":200`, `"status":200.0`},
		{`"status":200`, `"status":"-"`},
		{`"status":200,"error":null`, `"status":200,"error":"boom"`},
		{`"error":null`, `"error":""`},
		{`"error":null`, `"side":"upstream"`},
		{`.25,"ttft`, `.25e1,"ttft`},
		{`.25,"ttft`, `.,"ttft`},
		{`"latency_ms":0.25`, `"latency_ms":00.25`},
		{`"latency_ms":0.25`, `"latency_ms":-0.25`},
		{`"latency_ms":0.25`, `"latency_ms":"1.5s"`},
		{`"latency_ms":0.25`, `"latency_ms":"0.25"`},
		{`"latency_ms":0.25`, `"latency_ms":1e300`},
		{`"latency_ms":0.25`, `"latency_ms":12345678.1234567890123456789`},
		{`0.003293`, `0.0032931234567891`},
		{`0.003293`, `00.3`},
		{`0.003293`, `1e`},
		{`0.003293`, `true`},
		{`"completion_tokens":0`, `"completion_tokens":1234567890`},
		{`"completion_tokens":0`, `"completion_tokens":1.5`},
		{`"completion_tokens":0`, `"completion_tokens":null`},
		{`"attempt":1`, `"attempt":9999999`},
		{`"attempt":1`, `"attempt":1234567`},
		{`"attempt":1`, `"attempt":2`},
		{`"attempt":1`, `"attempt":null`},
		{`"stream":true`, `"stream":false`},
		{`"stream":true`, `"stream":null`},
		{`"stream":true`, `"stream":1`},
		{`"stream":true`, `"stream":truE`},
		{`"region":"eu-west-0"`, `"region":""`},
		{`"region":"eu-west-0"`, `"region":null`},
		{`"region":"eu-west-0"`, `"region":7`},
		{`"region":"eu-west-0"`, `"region":"-"`},
		{`"region":"eu-west-0"`, `"region":"eu\u002dwest-0"`},
		{`"region":"eu-west-0"`, `"region":"größe"`},
		{`"region":"eu-west-0"`, "\"region\":\"\xff\""},
		{`"region":"eu-west-0"`, `"region":"eu-west-0","location":"us"`},
		{`"region":"eu-west-0"`, `"location":"us","region":"eu-west-0"`},
		{`"region":"eu-west-0"`, `"region":"eu-west-0","region":"us"`},
		{`"region":"eu-west-0"`, `"region":null,"location":"us"`},
		{`"region":"eu-west-0"`, `"location":"us","region":null`},
		{`"region":"eu-west-0"`, `"region":"` + strings.Repeat("a-very-long-region-", 9) + `"`},
		{`"team":"t0"`, `"deployment":"d1"`},
		{`/v1/chat/completions`, `/v1/chat/completions?k=1`},
		{`langchain/0.3.7`, `a "quoted" agent`},
		{`langchain/0.3.7`, `größe`},
		{`langchain/0.3.7`, "tab\there"},
		{`request completed`, `request \"completed\"`},
		{`request completed`, "request\x00completed"},
		{`request completed`, ``},
		{`request completed`, `request \qcomplet`},
		{`"request_id":"req_01`, `"attempt":2,"request_id":"re\n01`},
		{`"latency_ms":0.25`, `"duration":3,"request":{"latency_ms":0.25}`},
		{`"latency_ms":0.25`, `"request":{"latency_ms":0.25},"duration":3`},
		{`12:00:00.000000Z`, `12:00:60.000000Z`},
		{`12:00:00.000000Z`, `12:00:00.00000xZ`},
		{`12:00:00.000000Z`, `12:00:00Z`},
		{`12:00:00.000000Z`, `12:00:00.0+01:00`},
		{`2026-01-02T12`, `2031-01-02T12`},
		{`2026-01-02T12`, `1999-01-02T12`},
		{`"ts":"2026-01-02T12:00:00.000000Z"`, `"ts":null`},
		{`"ts":"2026-01-02T12:00:00.000000Z"`, `"ts":1767355200`},
		{`"request_id":"req_01000000000000000000000000"`, `"request_id":null,"attempt":2`},
		{`"request_id":"req_0`, `"request_id":"req_\u0030`},
		{`"env":"prod"`, `"env":"prod","finish_reason":"length"`},
		{`"env":"prod"`, `"env":"prod","finish_reason":"stop"`},
		{`"env":"prod"`, `"env":"prod","finish_reason":"content_filter"`},
		{`"env":"prod"`, `"env":"prod","original_model":"-"`},
		{`"env":"prod"`, `"env":"prod","original_model":"m9"`},
		{`"env":"prod"`, `"env":"prod","duration":3`},
		{`"env":"prod"`, `"env":"prod","attempt":3`},
		{`"env":"prod"`, `"env":"prod","took_ms":3`},
		{`"ttft_ms":null`, `"ttft_ms":null,"firsttokenms":3`},
		{`"ttft_ms":null`, `"firsttokenms":3,"ttft_ms":null`},
		{`}}`, `}} `},
		{`}}`, `}`},
		{`}}`, `}},`},
		{`{"ts"`, `{ "ts"`},
		{`{"ts"`, `{"team":"x:1","ts"`},
	} {
		if line := strings.Replace(plain, r[0], r[1], 1); line != plain {
			out = append(out, line)
		} else {
			panic(r[0])
		}
	}
	return out
}

// Whatever a track was laid from, it makes of a line what is made of it without, or leaves it.
func TestTrackIsNotMisled(t *testing.T) {
	lines := trackLines()
	b := bulkOf(t, gatewayLines(60))
	for i := 0; i < len(lines); i += 1 + i%2 {
		first := lines[i]
		var text bytes.Buffer
		for _, second := range lines {
			text.WriteString(first + "\n" + second + "\n" + second + "\n" + first + "\n")
		}
		sameDecoded(t, b, text.Bytes())
		if i%8 == 0 {
			sameDecoded(t, b, []byte(strings.Repeat(first+"\n", 9)))
		}
	}
}

// Names without end cost a bounded memory, and places stay what they are.
func TestTrackIsBounded(t *testing.T) {
	var text bytes.Buffer
	for i, line := range slices.Collect(bytes.Lines(gatewayLines(3000))) {
		line = bytes.ReplaceAll(line, []byte(`"gpt-`), fmt.Appendf(nil, `"gpt-%d-`, i*i%977))
		if i%5 == 0 {
			line = bytes.Replace(line, []byte(`"env"`), fmt.Appendf(nil, `"k%d":1,"env"`, i), 1)
		}
		text.Write(line)
	}
	w := sameDecoded(t, bulkOf(t, gatewayLines(60)), text.Bytes())
	if n := len(w.track.steps); n > maxTrack || w.track.held > maxStops {
		t.Errorf("%d steps, %d places", n, w.track.held)
	}
}

// A number read eight digits at a time is the one that a draft has.
func TestShortNumbers(t *testing.T) {
	for _, text := range []string{"0", "7", "42", "1234567", "12345678", "0.5", "1895.08", "0.000001", "1234567.7654321", "1.12345678", "01", "-1", "1.", ".5", "x", "1e3", "1.5e3"} {
		var p [reach]byte
		copy(p[:], text+`,"next":12345678,`)
		n, frac, end := shortNumber(&p, 0)
		if end == 0 {
			continue
		}
		var d draft
		d.set(fLatency, 2, time.Second, value{kind: numberValue, bytes: []byte(text[:end])})
		want, ok := d.number(fLatency)
		if got := float64(n) / tens[frac]; !ok || got != want {
			t.Errorf("%q is %v, want %v %v", text[:end], got, want, ok)
		}
	}
	if n, frac, end := shortNumber((*[reach]byte)(bytes.Repeat([]byte("1234567.7654321,"), 3)), 0); n != 12345677654321 || frac != 7 || end != 15 {
		t.Errorf("%d %d %d", n, frac, end)
	}
}

func FuzzTrack(f *testing.F) {
	lines := trackLines()
	for i, line := range lines {
		f.Add([]byte(lines[0]), []byte(line))
		f.Add([]byte(line), []byte(lines[(i+1)%len(lines)]))
	}
	b := bulkOf(f, gatewayLines(60))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		if len(first)+len(second) > 64<<10 {
			return
		}
		sameDecoded(t, b, slices.Concat(first, []byte("\n"), second, []byte("\n"), second, []byte("\n"), first, []byte("\n"), first, []byte("\n")))
	})
}
