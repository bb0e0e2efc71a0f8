package scrape

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"signalbox/internal/fault"
	"signalbox/internal/traffic"
	"signalbox/sources"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func testKit() sources.Kit {
	return sources.Kit{
		Symbols: traffic.NewSymbols(0),
		Inventory: traffic.NewInventory([]traffic.Mapping{
			{Match: map[string]string{"deployment": "llm/azure.eu-*"}, Set: map[string]string{"provider": "azure", "region": "eu-west"}},
		}),
	}
}

func page1(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// told prints gauges and counts, sorted.
func told(s *traffic.Symbols, gauges []traffic.Gauge, counts []traffic.Count) []string {
	var out []string
	for _, g := range gauges {
		out = append(out, fmt.Sprintf("%s [%s] %v", g.Name, g.Key.Labels(s), g.Value))
	}
	for _, c := range counts {
		out = append(out, fmt.Sprintf("%s/%d [%s] +%d in %v", c.Outcome.Class(), c.Outcome.Status(), c.Key.Labels(s), c.N, c.To.Sub(c.From)))
	}
	slices.Sort(out)
	return out
}

func newTestReader(t testing.TB, kit sources.Kit) *reader {
	t.Helper()
	r, err := newReader("auto", kit, sources.Labels{Gateway: "edge", Instance: "a"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestHAProxyPage(t *testing.T) {
	kit := testKit()
	r := newTestReader(t, kit)
	gauges, counts, rows, err := r.read(bytes.NewReader(page1(t, "haproxy-1.prom")), noon)
	if err != nil || rows == 0 || r.name() != "haproxy" {
		t.Fatalf("%d rows of %s: %v", rows, r.name(), err)
	}
	const eu = "[gateway=edge instance=a provider=azure region=eu-west deployment=llm/azure.eu-west]"
	const us = "[gateway=edge instance=a deployment=llm/azure.us-east]"
	want := []string{
		"inflight " + eu + " 17", "inflight " + us + " 0", "limit " + eu + " 50", "limit " + us + " -1",
		"queue [gateway=edge instance=a deployment=llm] 4", "queue [gateway=edge instance=a deployment=reject] 0",
		"queue " + eu + " 2", "queue " + us + " 0", "target_in " + eu + " 1", "target_in " + us + " 0",
	}
	slices.Sort(want)
	if got := told(kit.Symbols, gauges, counts); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// The first page is a base, the second counts its growth, a restart counts from zero.
func TestCountersGrowAndReset(t *testing.T) {
	kit := testKit()
	r := newTestReader(t, kit)
	const eu = "[gateway=edge instance=a side=client provider=azure region=eu-west deployment=llm/azure.eu-west]"
	for i, step := range []struct {
		page string
		want []string
	}{
		{"haproxy-1.prom", nil},
		{"haproxy-2.prom", []string{"none/200 " + eu + " +40 in 5s", "server_error/500 " + eu + " +7 in 5s"}},
		{"haproxy-2.prom", nil},
		{"haproxy-restarted.prom", []string{"none/200 " + eu + " +9 in 5s", "server_error/500 " + eu + " +1 in 5s"}},
	} {
		_, counts, _, err := r.read(bytes.NewReader(page1(t, step.page)), noon.Add(time.Duration(i)*5*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		if got := told(kit.Symbols, nil, counts); !slices.Equal(got, step.want) {
			t.Errorf("page %d: got %q, want %q", i, got, step.want)
		}
	}
}

func TestGatewayPage(t *testing.T) {
	kit := testKit()
	r := newTestReader(t, kit)
	text := page1(t, "gateway.prom")
	if _, _, _, err := r.read(bytes.NewReader(text), noon); err != nil {
		t.Fatal(err)
	}
	text = bytes.ReplaceAll(text, []byte("} 40"), []byte("} 44"))
	text = append(text, `gateway_requests_total{code="429",deployment="d",model="m",side="upstream",workload="batch"} 3`+"\n"...) // new since the base
	gauges, counts, _, err := r.read(bytes.NewReader(text), noon.Add(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	const d = "deployment=azure-eu-west-gpt-4o"
	want := []string{
		"breaker [gateway=edge instance=a " + d + "] 2", "inflight [gateway=edge instance=a " + d + " workload=batch] 2",
		"inflight [gateway=edge instance=a " + d + " workload=interactive] 5", "limit [gateway=edge instance=a " + d + "] 8",
		"queue [gateway=edge instance=a " + d + " workload=batch] 7", "target_in [gateway=edge instance=a " + d + "] 1",
		"none/200 [gateway=edge instance=a side=client model=gpt-4o " + d + " workload=interactive] +4 in 1s",
		"rate_limited/429 [gateway=edge instance=a side=upstream model=m deployment=d workload=batch] +3 in 1s",
	}
	slices.Sort(want)
	if got := told(kit.Symbols, gauges, counts); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestOutcomeOf(t *testing.T) {
	for status, want := range map[int]fault.Class{0: fault.Connection, 200: fault.None, 429: fault.RateLimited, 502: fault.BadGateway, 524: fault.Timeout} {
		if got := outcomeOf(status); got.Class() != want || got.Status() != status {
			t.Errorf("%d: %s/%d", status, got.Class(), got.Status())
		}
	}
}

// run scrapes until stop says that enough has come.
func run(t *testing.T, opt Options, stop func(traffic.Batch) bool) {
	t.Helper()
	if opt.Every == 0 {
		opt.Every = leastEvery
	}
	s, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	enough := false
	err = s.Run(ctx, func(_ context.Context, b traffic.Batch) error {
		if stop(b) {
			enough = true
			cancel()
		}
		return nil
	})
	if err != nil || !enough {
		t.Fatalf("ended with %v, enough: %v", err, enough)
	}
}

// An outage is told with what, where and what to try, and ends by itself; what came in the meantime counts
// over the whole gap.
func TestOutage(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch asked.Add(1) {
		case 1:
			_, _ = w.Write(page1(t, "haproxy-1.prom"))
		case 2, 3:
			http.Error(w, "down for lunch", http.StatusServiceUnavailable)
		default:
			_, _ = w.Write(page1(t, "haproxy-2.prom"))
		}
	}))
	defer server.Close()
	var states []traffic.SourceState
	run(t, Options{Name: "m", URL: server.URL + "/metrics?token=secret", Kit: testKit()}, func(b traffic.Batch) bool {
		states = append(states, *b.State)
		if len(states) < 4 {
			return false
		}
		if len(b.Counts) != 2 || b.Counts[0].N != 40 || b.Counts[0].To.Sub(b.Counts[0].From) < 2*leastEvery {
			t.Errorf("after the outage: %+v", b.Counts)
		}
		return true
	})
	want := []traffic.Health{traffic.Live, traffic.Failing, traffic.Failing, traffic.Live}
	for i, s := range states {
		if s.Health != want[i] || strings.Contains(s.Where+s.Detail, "secret") {
			t.Errorf("state %d: %+v", i, s)
		}
	}
	for _, part := range []string{"503", server.URL, "down for lunch", "tried again"} {
		if !strings.Contains(states[1].Detail, part) {
			t.Errorf("%q does not say %q", states[1].Detail, part)
		}
	}
	if states[3].Detail != "" || states[3].Format != "prometheus/haproxy" {
		t.Errorf("%+v", states[3])
	}
}

func TestFailures(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer other.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/elsewhere":
			http.Redirect(w, r, other.URL, http.StatusFound)
		case "/html":
			_, _ = w.Write([]byte("<html>\x1b[31mlogin</html>"))
		case "/empty":
		case "/unknown":
			_, _ = w.Write([]byte("go_goroutines 7\n"))
		case "/large":
			block := []byte("# " + strings.Repeat("x", 1<<20) + "\n")
			for range maxBody>>20 + 1 {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		case "/auth":
			http.Error(w, "who are you", http.StatusUnauthorized)
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	tests := []struct {
		path   string
		health traffic.Health
		detail string
	}{
		{"/elsewhere", traffic.Failing, "another host"},
		{"/html", traffic.Failing, "not a Prometheus page"},
		{"/empty", traffic.Failing, "no metrics"},
		{"/unknown", traffic.Live, "none of the page's 1 metric families"},
		{"/large", traffic.Failing, "larger than 32 MiB"},
		{"/auth", traffic.Failing, "token"},
		{"/none", traffic.Failing, "path"},
	}
	for _, tt := range tests {
		run(t, Options{URL: server.URL + tt.path, Every: 5 * time.Second, Kit: testKit()}, func(b traffic.Batch) bool {
			if b.State.Health != tt.health || !strings.Contains(b.State.Detail, tt.detail) || strings.Contains(b.State.Detail, "\x1b") || len(b.State.Detail) > maxDetail+10 {
				t.Errorf("%s: %+v", tt.path, b.State)
			}
			return true
		})
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	run(t, Options{URL: strings.Replace(gone.URL, "http://", "http://user:password@", 1), Kit: testKit()}, func(b traffic.Batch) bool {
		if b.State.Health != traffic.Failing || !strings.Contains(b.State.Detail, "cannot be reached") || strings.Contains(b.State.Detail+b.State.Where, "password") {
			t.Errorf("%+v", b.State)
		}
		return true
	})
}

func TestTokenGzipAndRedirectWithinHost(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" {
			http.Redirect(w, r, "/metrics", http.StatusFound)
			return
		}
		if r.Header.Get("Authorization") != "Bearer t0k" || !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			t.Errorf("headers %v", r.Header)
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = z.Write(page1(t, "gateway.prom"))
		_ = z.Close()
	}))
	defer server.Close()
	token := func(context.Context) (string, error) { return "t0k", nil }
	run(t, Options{URL: server.URL, Token: token, Kit: testKit()}, func(b traffic.Batch) bool {
		if b.State.Health != traffic.Live || len(b.Gauges) == 0 || b.Kind != traffic.ScrapeSource {
			t.Errorf("%+v", b.State)
		}
		return true
	})
	none := func(context.Context) (string, error) { return "", errors.New("no such variable") }
	run(t, Options{URL: server.URL, Token: none, Kit: testKit()}, func(b traffic.Batch) bool {
		if b.State.Health != traffic.Failing || !strings.Contains(b.State.Detail, "no such variable") {
			t.Errorf("%+v", b.State)
		}
		return true
	})
}

func TestNewRefuses(t *testing.T) {
	for _, opt := range []Options{
		{URL: ""}, {URL: "ftp://x/y"}, {URL: "http://"}, {URL: "http://h/\x00"}, {URL: "http://h", Every: time.Millisecond}, {URL: "http://h", Map: "nonsense"},
	} {
		if _, err := New(opt); err == nil {
			t.Errorf("%+v is accepted", opt)
		}
	}
}

// A page may take as long as its timeout says, not as its interval.
func TestTimeout(t *testing.T) {
	for name, c := range map[string]struct{ every, timeout, want time.Duration }{
		"as it says, over the interval":  {time.Second, 30 * time.Second, 30 * time.Second},
		"as it says, under the interval": {time.Minute, 200 * time.Millisecond, 200 * time.Millisecond},
		"the interval":                   {4 * time.Second, 0, 4 * time.Second},
		"a short interval":               {100 * time.Millisecond, 0, time.Second},
		"a long interval":                {time.Minute, 0, maxTimeout},
	} {
		s, err := New(Options{URL: "http://h", Every: c.every, Timeout: c.timeout})
		if err != nil || s.client.Timeout != c.want {
			t.Errorf("%s: %v, %v", name, s.client.Timeout, err)
		}
	}
	silent := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-silent }))
	defer server.Close()
	defer close(silent)
	run(t, Options{URL: server.URL, Every: time.Hour, Timeout: time.Millisecond, Kit: testKit()}, func(b traffic.Batch) bool {
		if b.State.Health != traffic.Failing || !strings.Contains(b.State.Detail, "cannot be reached") {
			t.Errorf("%+v", b.State)
		}
		return true
	})
}

func FuzzPage(f *testing.F) {
	for _, name := range []string{"haproxy-1.prom", "haproxy-restarted.prom", "gateway.prom"} {
		f.Add(page1(f, name))
	}
	f.Add([]byte(`haproxy_server_status{proxy="a",server="b",state="UP"} 1` + "\n" + `haproxy_server_http_responses_total{proxy="a",server="b",code="5xx"} +Inf` + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r := newTestReader(t, testKit())
		for i := range 2 {
			gauges, counts, _, err := r.read(bytes.NewReader(text), noon.Add(time.Duration(i)*time.Second))
			if err != nil {
				return
			}
			for _, g := range gauges {
				if math.IsNaN(g.Value) || g.Name.String() == "" {
					t.Fatalf("%+v", g)
				}
			}
			if len(counts) > 0 {
				t.Fatalf("the same page again has grown by %+v", counts)
			}
		}
	})
}

var _ sources.Source = (*Scrape)(nil)
