package decode

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signalbox/internal/traffic"
	"signalbox/sources"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var received = time.Date(2026, 11, 21, 13, 0, 0, 0, time.UTC)

func testKit() sources.Kit {
	return sources.Kit{
		Symbols: traffic.NewSymbols(0),
		Inventory: traffic.NewInventory([]traffic.Mapping{
			{Match: map[string]string{"deployment": "azure-eu-west-*"}, Set: map[string]string{"provider": "azure", "region": "eu-west"}},
			{Match: map[string]string{"deployment": "llm/azure.eu-*"}, Set: map[string]string{"provider": "azure", "region": "eu-west", "model": "gpt-4o"}},
		}),
	}
}

func lines(t testing.TB, path string) [][]byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out [][]byte
	for s := bufio.NewScanner(f); s.Scan(); {
		out = append(out, []byte(s.Text()))
	}
	return out
}

// show prints a record as the golden files hold it.
func show(k sources.Kit, rec traffic.Record, res Result) string {
	switch res.Kind {
	case Ignored:
		return "ignored: " + res.Why
	case Unparsed:
		return "UNPARSED: " + res.Why
	case Request, Explains:
	}
	name := k.Symbols.Name
	labels := rec.Key.Labels(k.Symbols).String()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s id=%s [%s]", rec.Time.UTC().Format("15:04:05.000"), rec.Outcome.Class(), rec.RequestID, labels)
	if rec.Explains {
		b.WriteString(" explains")
	}
	for _, f := range []struct {
		has  traffic.Field
		text string
	}{
		{traffic.HasStatus, fmt.Sprintf("status=%d", rec.Outcome.Status())},
		{traffic.HasLatency, "lat=" + rec.Latency.String()},
		{traffic.HasTTFT, "ttft=" + rec.TTFT.String()},
		{traffic.HasTokensIn, fmt.Sprintf("in=%d", rec.TokensIn)},
		{traffic.HasTokensOut, fmt.Sprintf("out=%d", rec.TokensOut)},
		{traffic.HasTokensCached, fmt.Sprintf("cached=%d", rec.TokensCached)},
		{traffic.HasAttempt, fmt.Sprintf("attempt=%d", rec.Attempt)},
		{traffic.HasRetryAfter, "after=" + rec.RetryAfter.String()},
	} {
		if rec.Known&f.has != 0 {
			b.WriteString(" " + f.text)
		}
	}
	for _, f := range [][2]string{{"served", name(rec.Served)}, {"from", name(rec.FallbackFrom)}, {"finish", name(rec.Finish)}, {"code", rec.Code}, {"type", rec.Type}, {"msg", rec.Message}} {
		if f[1] != "" {
			fmt.Fprintf(&b, " %s=%q", f[0], f[1])
		}
	}
	if rec.Shape != 0 {
		fmt.Fprintf(&b, " shape=%x", rec.Shape)
	}
	if rec.Received || res.Skewed {
		fmt.Fprintf(&b, " received=%v skewed=%v", rec.Received, res.Skewed)
	}
	if res.Unmapped {
		b.WriteString(" unmapped")
	}
	return b.String()
}

// Every format's real lines are told apart, and decoded as the golden file says.
func TestGolden(t *testing.T) {
	paths, _ := filepath.Glob("testdata/*.log")
	if len(paths) == 0 {
		t.Fatal("no lines in testdata")
	}
	for _, path := range paths {
		format := strings.TrimSuffix(filepath.Base(path), ".log")
		t.Run(format, func(t *testing.T) {
			sample := lines(t, path)
			if found := Detect(sample); found.Format != format {
				t.Errorf("taken for %s (%s)", found.Format, found.Why)
			}
			kit := testKit()
			d, err := New(format, Options{Kit: kit, Source: "test", Labels: sources.Labels{Env: "production"}})
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			for _, line := range sample {
				Each(d, line, received, func(_ []byte, rec traffic.Record, res Result) {
					fmt.Fprintln(&out, show(kit, rec, res))
				})
			}
			golden := filepath.Join("testdata", format+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(out.String()), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if out.String() != string(want) {
				t.Errorf("got\n%swant\n%s", out.String(), want)
			}
		})
	}
}
