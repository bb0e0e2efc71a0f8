package desk

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"signalbox/internal/fault"
	"signalbox/internal/incident"
	"signalbox/internal/traffic"
)

// BenchmarkGrid lays the grid over a board of many keys with a quarter of an hour of traffic, second by second.
func BenchmarkGrid(b *testing.B) {
	for _, keys := range []int{100, 1000} {
		b.Run(fmt.Sprint(keys), func(b *testing.B) {
			syms := traffic.NewSymbols(0)
			d := &Desk{syms: syms, now: time.Now, sig: newSignals(syms, 0, time.Now())}
			now := time.Now()
			var batch traffic.Batch
			for i := range keys {
				var k traffic.Key
				k[traffic.Side] = syms.Intern(traffic.SideUpstream)
				k[traffic.Model] = syms.Intern(fmt.Sprint("m", i%20))
				k[traffic.Region] = syms.Intern(fmt.Sprint("r", i%6))
				k[traffic.Caller] = syms.Intern(fmt.Sprint("c", i))
				for s := range 900 {
					batch.Records = append(batch.Records, traffic.Record{
						Time: now.Add(-time.Duration(s) * time.Second), Key: k, Outcome: traffic.NewOutcome(fault.None, 200),
						Known: traffic.HasLatency | traffic.HasTTFT, Latency: time.Duration(s) * time.Millisecond, TTFT: time.Duration(i) * time.Millisecond,
					})
				}
			}
			d.sig.apply(batch, now)
			sec := 0
			for b.Loop() {
				d.grid(now.Add(-time.Duration(60-sec%60) * time.Second))
				sec++
			}
		})
	}
}

// liveBatches are records as a busy gateway's log tells them, in batches as a source delivers them.
func liveBatches(syms *traffic.Symbols, batches, each int, from time.Time) []traffic.Batch {
	out := make([]traffic.Batch, batches)
	n := 0
	for i := range out {
		out[i] = traffic.Batch{Source: "log", Kind: traffic.LogSource, Records: make([]traffic.Record, each)}
		for j := range out[i].Records {
			x := uint64(n) * 0x9e3779b97f4a7c15
			rec := &out[i].Records[j]
			rec.Time = from.Add(time.Duration(n) * 10 * time.Microsecond) // 100,000 a second
			for d, v := range map[traffic.Dim]string{
				traffic.Gateway: "edge", traffic.Side: traffic.SideClient, traffic.Provider: "some", traffic.Endpoint: "/v1/chat/completions",
				traffic.Model: fmt.Sprint("model-", x>>20%12), traffic.Region: fmt.Sprint("region-", x>>30%4), traffic.Caller: fmt.Sprint("team-", x>>40%6),
			} {
				rec.Key[d] = syms.Intern(v)
			}
			rec.Outcome = traffic.NewOutcome(fault.None, 200)
			rec.Known = traffic.HasLatency | traffic.HasTTFT | traffic.HasTokensIn | traffic.HasTokensOut | traffic.HasAttempt | traffic.HasStatus
			rec.Latency, rec.TTFT = time.Duration(200+x>>33%4000)*time.Millisecond, time.Duration(80+x>>35%300)*time.Millisecond
			rec.TokensIn, rec.TokensOut, rec.Attempt = int64(x>>21%5000), int64(x>>44%900), 1
			if n%33 == 0 {
				rec.Outcome, rec.Message = traffic.NewOutcome(fault.Overloaded, 529), "Overloaded: try again"
			}
			rec.RequestID = fmt.Sprintf("req_%016x%08x", x, n)
			rec.Raw = fmt.Sprintf(`{"ts":"%s","level":"info","msg":"request completed","request_id":"%s","trace_id":"%016x%016x","model":"model-%d",`+
				`"provider":"some","region":"region-%d","endpoint":"/v1/chat/completions","env":"prod","team":"team-%d","status":%d,"error":null,`+
				`"latency_ms":%d.%02d,"ttft_ms":%d.25,"stream":true,"prompt_tokens":%d,"completion_tokens":%d,"cost_usd":0.003293,"attempt":1,`+
				`"route":"primary","client":{"ip":"10.1.62.%d","ua":"langchain/0.3.7"}}`, rec.Time.UTC().Format(time.RFC3339Nano), rec.RequestID,
				x*31, x*37, x>>20%12, x>>30%4, x>>40%6, rec.Outcome.Status(), rec.Latency.Milliseconds(), x>>11%100, rec.TTFT.Milliseconds(),
				rec.TokensIn, rec.TokensOut, x>>50%250)
			n++
		}
	}
	return out
}

// BenchmarkEmit pushes a busy second of a log through a running desk: the counting, the records, the snapshots.
func BenchmarkEmit(b *testing.B) {
	for _, each := range []int{512, 2048} {
		b.Run(fmt.Sprint(each), func(b *testing.B) {
			syms := traffic.NewSymbols(0)
			journal, err := incident.Open(b.TempDir(), incident.Options{})
			if err != nil {
				b.Fatal(err)
			}
			d, err := New(Options{Symbols: syms, Journal: journal, Now: time.Now})
			if err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(b.Context())
			ended := make(chan error, 1)
			go func() { ended <- d.Run(ctx) }()
			batches := liveBatches(syms, 102_400/each, each, time.Now().Add(-time.Second))
			b.ReportAllocs()
			began := cpuTime(b)
			for b.Loop() {
				for _, batch := range batches {
					if err := d.Emit(ctx, batch); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric((cpuTime(b)-began).Seconds()*1e6/float64(b.N)/102_400, "cpu-s/Mlines")
			cancel()
			if err := errors.Join(<-ended, journal.Close()); err != nil {
				b.Fatal(err)
			}
		})
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

// BenchmarkSearchOfAMillion looks for a text that no record has, as the log pane does: over all cores, in parts.
func BenchmarkSearchOfAMillion(b *testing.B) {
	d := logDesk()
	for _, batch := range liveBatches(d.syms, 100, 10_000, time.Unix(1_767_600_000, 0)) {
		d.sig.board.Apply(batch, time.Time{})
	}
	view := d.sig.board.Records()
	d.records.Store(&view)
	for _, text := range []string{"no such text", "langchain"} {
		b.Run(text, func(b *testing.B) {
			began := cpuTime(b)
			for b.Loop() {
				q := RecordQuery{Text: text, First: true, Limit: 400}
				for more := true; more; {
					p, err := d.Records(b.Context(), q)
					if err != nil {
						b.Fatal(err)
					}
					q.Next, more = p.Next, p.More
				}
			}
			b.ReportMetric(float64((cpuTime(b)-began).Microseconds())/1e3/float64(b.N), "cpu-ms/op")
		})
	}
}

// BenchmarkKindsOfFailure sorts the newest failures among a million records into kinds, as the log pane does once a second.
func BenchmarkKindsOfFailure(b *testing.B) {
	d := logDesk()
	for _, batch := range liveBatches(d.syms, 100, 10_000, time.Unix(1_767_600_000, 0)) {
		d.sig.board.Apply(batch, time.Time{})
	}
	view := d.sig.board.Records()
	d.records.Store(&view)
	began := cpuTime(b)
	for b.Loop() {
		if p, err := d.Records(b.Context(), RecordQuery{Kinds: true, Limit: 400}); err != nil || p.Sorted != kindLook {
			b.Fatal(err, p.Sorted)
		}
	}
	b.ReportMetric(float64((cpuTime(b)-began).Microseconds())/1e3/float64(b.N), "cpu-ms/op")
}
