package decode

import (
	"bytes"
	"fmt"
	"testing"
	"time"
)

// gatewayLines are lines as a gateway writes them for requests that went well.
func gatewayLines(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, `{"ts":"2026-01-02T12:%02d:%02d.%06dZ","level":"info","msg":"request completed","request_id":"req_01%024d","model":"gpt-%d","provider":"openai","region":"eu-west-%d","endpoint":"/v1/chat/completions","env":"prod","team":"t%d","status":200,"error":null,"latency_ms":%d.25,"ttft_ms":%s,"stream":true,"prompt_tokens":%d,"completion_tokens":%d,"cost_usd":0.003293,"attempt":%d,"client":{"ip":"10.1.62.%d","ua":"langchain/0.3.7"}}`+"\n",
			i/60%60, i%60, i, i, i%3, i%2, i%8, i, []string{"null", "12.50"}[i%2], i*7, i*3, 1+i%3, i%256)
	}
	return b.Bytes()
}

func blockOf(text []byte) *Block {
	return &Block{Buf: append(make([]byte, 0, len(text)+Room), text...), Now: received}
}

func bulkOf(t testing.TB, text []byte) *Bulk {
	t.Helper()
	s, err := NewStream(JSON, Options{Kit: testKit().Complete()})
	if err != nil {
		t.Fatal(err)
	}
	var split Splitter
	split.Feed(text, func(l Line) { s.Take(l, received) })
	b := s.Bulk()
	if b == nil {
		t.Fatal("the stream cannot be taken in blocks")
	}
	return b
}

// A line that tells of a success costs no memory of its own.
func TestWorkerAllocatesNothingForSuccesses(t *testing.T) {
	text := gatewayLines(400)
	b := bulkOf(t, text)
	w, k := b.Worker(), blockOf(text)
	b.Begin(k)
	if n := testing.AllocsPerRun(20, func() { w.Decode(k) }); n > 0 {
		t.Errorf("%.1f allocations for 400 lines", n)
	}
	if len(k.Briefs) != 399 || len(k.bads) != 0 {
		t.Errorf("%d briefs of all lines but the last, %d bad lines", len(k.Briefs), len(k.bads))
	}
}

// Nor does one that tells of a failure which was met before.
func TestWorkerAllocatesLittleForFailures(t *testing.T) {
	text := bytes.ReplaceAll(gatewayLines(400), []byte(`"status":200,"error":null`), []byte(`"status":529,"error":{"type":"overloaded_error","message":"upstream said \"Overloaded\""}`))
	b := bulkOf(t, text)
	w, k := b.Worker(), blockOf(text)
	b.Begin(k)
	if n := testing.AllocsPerRun(20, func() { w.Decode(k) }); n > 400 {
		t.Errorf("%.1f allocations for 400 lines", n)
	}
	if len(k.Briefs) != 399 || !k.Briefs[7].Outcome.Failed() {
		t.Errorf("%d briefs, the eighth %+v", len(k.Briefs), k.Briefs[7])
	}
}

func BenchmarkWorker(b *testing.B) {
	text := gatewayLines(480)
	bulk := bulkOf(b, text)
	w, k := bulk.Worker(), blockOf(text)
	bulk.Begin(k)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		w.Decode(k)
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/480, "ns/line")
}

// BenchmarkFollowed is the way of a line that is followed: a record with its raw text.
func BenchmarkFollowed(b *testing.B) {
	text := gatewayLines(480)
	s, err := NewStream(JSON, Options{Kit: testKit().Complete()})
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
