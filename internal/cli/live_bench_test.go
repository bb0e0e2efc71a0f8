package cli

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"signalbox/internal/desk"
	"signalbox/internal/incident"
	"signalbox/internal/traffic"
	"signalbox/sources"
	"signalbox/sources/tail"
)

// writeGatewayLog writes n lines as a gateway that logs JSON writes them, two thousand a second of log time, 3 percent failures.
func writeGatewayLog(tb testing.TB, path string, n int, from time.Time) {
	tb.Helper()
	f, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	models := []string{"gpt-4o", "gpt-4o-mini", "claude-sonnet-4-5", "claude-haiku-4-5", "llama-3.3-70b-instruct", "mistral-large"}
	regions := []string{"us-east-1", "eu-west-1", "ap-south-1", "onprem-a"}
	for i := range n {
		at := from.Add(time.Duration(i) * 500 * time.Microsecond)
		status, failure := 200, `"error":null`
		if i%33 == 0 {
			status, failure = 529, `"error":{"code":"overloaded_error","message":"Overloaded: the model is \"busy\", try again"}`
		}
		x := uint64(i) * 0x9e3779b97f4a7c15 //nolint:gosec // a scramble, not a size
		fmt.Fprintf(w, `{"ts":"%s","level":"info","msg":"request completed","request_id":"req_%016x%08x","trace_id":"%016x%016x",`+
			`"model":"%s","provider":"some","region":"%s","endpoint":"/v1/chat/completions","env":"prod","team":"team-%d","status":%d,%s,`+
			`"latency_ms":%d.%02d,"ttft_ms":%d.25,"stream":true,"prompt_tokens":%d,"completion_tokens":%d,"cost_usd":0.003293,"attempt":1,`+
			`"route":"primary","client":{"ip":"10.1.62.%d","ua":"langchain/0.3.7"}}`+"\n",
			at.UTC().Format("2006-01-02T15:04:05.000000Z"), x, i, x*31, x*37, models[x>>20%6], regions[x>>30%4], x>>40%8, status, failure,
			200+x>>33%4000, x>>11%100, 80+x>>35%300, x>>21%5000, x>>44%900, x>>50%250)
	}
	if err := w.Flush(); err != nil {
		tb.Fatal(err)
	}
	if err := f.Close(); err != nil {
		tb.Fatal(err)
	}
}

// cpu is the processor time that this process has taken.
func cpu(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkLivePath reads a log into a desk as fast as it goes, and with nobody at the desk: what the parts of the live path cost.
func BenchmarkLivePath(b *testing.B) {
	const lines = 200_000
	path := filepath.Join(b.TempDir(), "gateway.log")
	writeGatewayLog(b, path, lines, time.Now().Add(-lines*500*time.Microsecond))
	for _, part := range []struct {
		name  string
		desk  bool
		lines bool
	}{{"decode", false, false}, {"decode and desk", true, false}, {"decode to lines", false, true}, {"decode to lines and desk", true, true}} {
		b.Run(part.name, func(b *testing.B) {
			began := cpu(b)
			for b.Loop() {
				if n := readLive(b, path, part.desk, part.lines); n != lines {
					b.Fatalf("%d of %d lines arrived", n, lines)
				}
			}
			b.ReportMetric((cpu(b)-began).Seconds()*1e6/float64(b.N)/lines, "cpu-s/Mlines")
		})
	}
}

func readLive(b *testing.B, path string, apply, lines bool) int {
	b.Helper()
	syms := traffic.NewSymbols(0)
	journal, err := incident.Open(b.TempDir(), incident.Options{})
	if err != nil {
		b.Fatal(err)
	}
	d, err := desk.New(desk.Options{Symbols: syms, Journal: journal, Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	src, err := tail.New(tail.Options{Name: "log", Path: path, FromStart: true, Once: true, Lines: lines, Kit: sources.Kit{Symbols: syms}})
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	err = src.Run(ctx, func(ctx context.Context, batch traffic.Batch) error {
		n += len(batch.Records) + batch.Lines.Len()
		if !apply {
			return nil
		}
		return d.Emit(ctx, batch)
	})
	cancel()
	if end := <-ended; err != nil || end != nil {
		b.Fatal(err, end)
	}
	if err := journal.Close(); err != nil {
		b.Fatal(err)
	}
	return n
}
