package board

import (
	"context"
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"signalbox/internal/traffic"
)

// gatewayLine is a record as a gateway's JSON log tells it, of about 530 bytes; a few in a hundred failed.
func gatewayLine(syms *traffic.Symbols, i int) traffic.Record {
	x := uint64(i) * 0x9e3779b97f4a7c15
	model := fmt.Sprint("model-", x>>20%12)
	region := fmt.Sprint("region-", x>>30%6)
	rec := traffic.Record{
		Time: at(time.Duration(i) * time.Millisecond), Outcome: ok200, RequestID: fmt.Sprintf("req_%016x%08x", x, i),
		Known:   traffic.HasLatency | traffic.HasTTFT | traffic.HasTokensIn | traffic.HasTokensOut | traffic.HasAttempt | traffic.HasStatus,
		Key:     keyOf(syms, "gateway", "edge", "side", "client", "model", model, "region", region, "caller", fmt.Sprint("team-", x>>40%20)),
		Latency: time.Duration(200+x>>33%4000) * time.Millisecond, TTFT: time.Duration(80+x>>35%300) * time.Millisecond,
		TokensIn: int64(x >> 21 % 5000), TokensOut: int64(x >> 44 % 900), Attempt: 1, Source: syms.Intern("log"),
	}
	failure := `"error":null`
	if i%33 == 0 {
		rec.Outcome, rec.Code, rec.Message = gw502, "upstream_error", fmt.Sprintf("upstream connect error or disconnect/reset before headers, attempt %d", i)
		failure = `"error":{"code":"upstream_error","message":"` + rec.Message + `"}`
	}
	rec.Raw = fmt.Sprintf(`{"ts":"%s","level":"info","msg":"request completed","request_id":"%s","trace_id":"%016x%016x",`+
		`"model":"%s","provider":"some","region":"%s","endpoint":"/v1/chat/completions","env":"prod","team":"team-%d","status":%d,%s,`+
		`"latency_ms":%d.%02d,"ttft_ms":%d.25,"stream":true,"prompt_tokens":%d,"completion_tokens":%d,"cost_usd":0.003293,"attempt":1,`+
		`"route":"primary","client":{"ip":"10.1.62.%d","ua":"langchain/0.3.7"}}`,
		rec.Time.Format(time.RFC3339Nano), rec.RequestID, x*31, x*37, model, region, x>>40%20, rec.Outcome.Status(), failure,
		rec.Latency.Milliseconds(), x>>11%100, rec.TTFT.Milliseconds(), rec.TokensIn, rec.TokensOut, x>>50%250)
	return rec
}

// filled is a board with n such records and a marker in the text of a few.
func filled(n int, o Options) (*Board, Records) {
	o.Symbols = traffic.NewSymbols(0)
	b := New(o)
	for i := range n {
		rec := gatewayLine(o.Symbols, i)
		b.recs.append(&rec, true)
	}
	return b, b.Records()
}

func TestRecordsFitTheirRoom(t *testing.T) {
	const n = segmentLen
	syms := traffic.NewSymbols(0)
	lines := make([]traffic.Record, 4000) // more than a block's: none is packed as a copy of another
	for i := range lines {
		lines[i] = gatewayLine(syms, i)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	b := New(Options{Symbols: syms})
	for i := range n {
		b.recs.append(&lines[i%len(lines)], true)
	}
	v := b.Records()
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(lines)
	s := b.Stats()
	columns, text := float64(s.RecordBytes)/n, float64(s.TextBytes)/n
	heap := float64(after.HeapAlloc) - float64(before.HeapAlloc)
	t.Logf("%.1f bytes of columns and %.1f of packed text a record, %.1f on the heap", columns, text, heap/n)
	if columns > 64 || text > 140 {
		t.Errorf("%.1f bytes of columns and %.1f of text a record: a million take more than 64 MB and 140 MB", columns, text)
	}
	if heap > 1.3*float64(s.RecordBytes+s.TextBytes) {
		t.Errorf("the heap grew by %.0f bytes, %d are counted", heap, s.RecordBytes+s.TextBytes)
	}
	runtime.KeepAlive(v)
}

func TestTextStaysInItsRoom(t *testing.T) {
	const room = 1500 << 10
	b, v := filled(segmentLen/4, Options{MaxText: room})
	s := b.Stats()
	if s.TextBytes > room+3*blockText || s.LetGo == 0 || s.Dropped > 0 {
		t.Fatalf("%d bytes, %d let go, %d dropped", s.TextBytes, s.LetGo, s.Dropped)
	}
	d := v.Reader()
	var gone int64
	for i := range v.Len() {
		rec := d.At(i)
		if rec.Raw == "" {
			gone++
		}
		if rec.RequestID == "" || rec.Outcome.Failed() && (rec.Raw == "" || rec.Message == "") {
			t.Fatalf("record %d lost what it should keep: %+v", i, rec)
		}
	}
	if gone != s.LetGo || v.LetGo() != s.LetGo {
		t.Errorf("%d have no line, %d are counted", gone, s.LetGo)
	}
}

func TestBoardsWithoutRecordsKeepNone(t *testing.T) {
	b := New(Options{MaxRecords: -1})
	for i := range 100 {
		b.Apply(logs("l", traffic.Record{Time: at(0), Outcome: gw502, RequestID: fmt.Sprint(i), Raw: "x"}, traffic.Record{Explains: true, RequestID: fmt.Sprint(i), Message: "m"}), at(0))
	}
	if s := b.Stats(); s.Records != 0 || s.RecordBytes != 0 || s.TextBytes != 0 || s.Explained != 100 || s.Orphans != 0 {
		t.Errorf("%+v", s)
	}
	if b.Records().Len() != 0 || len(b.Records().Last(5, nil)) != 0 {
		t.Error("a record is shown")
	}
	if w := b.Window(Query{From: at(0), To: at(time.Second)}); w.Req != 100 {
		t.Errorf("%d counted", w.Req)
	}
	bare := New(Options{MaxText: -1})
	bare.Apply(logs("l", traffic.Record{Time: at(0), Outcome: gw502, RequestID: "a", Raw: "x"}), at(0))
	if rec := bare.Records().At(0); rec.Outcome != gw502 || rec.Raw != "" {
		t.Errorf("%+v", rec)
	}
}

// cpuTime is the processor time of this process: on a machine that is shared it says more than the clock.
func cpuTime(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkAppendRecord(b *testing.B) {
	syms := traffic.NewSymbols(0)
	recs := make([]traffic.Record, 20_000)
	bytes := 0
	for i := range recs {
		recs[i] = gatewayLine(syms, i)
		bytes += len(recs[i].Raw)
	}
	b.SetBytes(int64(bytes / len(recs)))
	board := New(Options{Symbols: syms})
	b.ReportAllocs()
	i, began := 0, cpuTime(b)
	for b.Loop() {
		board.recs.append(&recs[i%len(recs)], true)
		i++
	}
	b.ReportMetric(float64((cpuTime(b)-began).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// BenchmarkMillionRecords asks questions of a full board.
func BenchmarkMillionRecords(b *testing.B) {
	for _, how := range []string{"fast", "tight"} {
		board, v := filled(1_000_000, Options{MaxText: 1 << 30})
		if how == "tight" {
			board.opts.MaxText, board.recs.maxText = 1, 1
			for board.Tighten(1 << 20) {
			}
			v = board.Records()
		}
		s := board.Stats()
		from, to := v.First(), v.First()+int64(v.Len())
		model, _ := board.opts.Symbols.Lookup("model-3")
		sel := traffic.Selector{}.Is(traffic.Model, model)
		for _, q := range []struct {
			name string
			find Find
		}{
			{"fields", Find{Sel: sel, Failures: 1 << 30}},
			{"text, newest 200", Find{Text: "langchain", Failures: 200, Successes: 200}},
			{"text, one hit", Find{Text: "REQ_0000000000000000", Failures: 200, Successes: 200}},
			{"text, none", Find{Text: "no such text anywhere", Failures: 200, Successes: 200}},
			{"text, failures", Find{Text: "attempt 999999", Failures: 200}},
		} {
			b.Run(how+"/"+q.name, func(b *testing.B) {
				began := cpuTime(b)
				for b.Loop() {
					v.Finder(q.find).Look(context.Background(), from, to)
				}
				b.ReportMetric(float64((cpuTime(b)-began).Microseconds())/1e3/float64(b.N), "cpu-ms/op")
				b.ReportMetric(float64(s.RecordBytes)/1e6, "MB-columns")
				b.ReportMetric(float64(s.TextBytes)/1e6, "MB-text")
			})
		}
		b.Run(how+"/head: model, status, latency", func(b *testing.B) {
			found, began := 0, cpuTime(b)
			for b.Loop() {
				v.LastBy(1<<30, func(h Head) bool {
					if h.Outcome == ok200 && h.Latency > 4100*time.Millisecond && h.Key[traffic.Model] == model {
						found++
					}
					return false
				}, nil)
			}
			b.ReportMetric(float64((cpuTime(b)-began).Microseconds())/1e3/float64(b.N), "cpu-ms/op")
			if found == 0 {
				b.Fatal("nothing is found")
			}
		})
		b.Run(how+"/collect garbage", func(b *testing.B) {
			for b.Loop() {
				runtime.GC()
			}
		})
	}
}
