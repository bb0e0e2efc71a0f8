package tail_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"signalbox/internal/component"
	"signalbox/internal/traffic"
	"signalbox/sources"
	"signalbox/sources/decode"
	"signalbox/sources/tail"
)

const haproxyConfig = `global
  log stdout len 8192 format raw local0
defaults
  mode http
  log global
  option abortonclose
  timeout connect 1s
  timeout client 30s
  timeout server 1s
  timeout queue 1s
  retries 0
  log-format '{"t":%%Ts.%%ms,"id":%%{+Q}ID,"be":"%%b","srv":"%%s","model":"%%[var(txn.model),json]","stream":"%%[var(txn.stream)]","status":%%ST,"term":"%%tsc","Tw":%%Tw,"Tc":%%Tc,"Tr":%%Tr,"Td":%%Td,"Ta":%%Ta,"bytes":%%B,"srv_queue":%%sq,"be_queue":%%bq,"retries":"%%rc"}'
frontend llm
  bind %s
  option http-buffer-request
  http-request set-var(txn.model) req.body,json_query('$.model')
  http-request set-var(txn.stream) req.body,json_query('$.stream')
  unique-id-format %%{+X}o%%ci%%cp%%Ts%%rt
  use_backend dead if { path /dead }
  default_backend llm
backend llm
  server azure.eu-west %s maxconn 50
backend dead
  server gone %s
`

// startHAProxy starts a real HAProxy in front of an upstream, with its log in a file. It gives the address.
func startHAProxy(t *testing.T, upstream, logPath string) string {
	t.Helper()
	bin := component.HAProxy(t)
	address, dead := component.FreeAddress(t), component.FreeAddress(t)
	config := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(config, fmt.Appendf(nil, haproxyConfig, address, upstream, dead), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, bin, "-db", "-f", config)
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // killed by the line above
		_ = out.Close()
	})
	component.Listens(t, "haproxy", address)
	return address
}

// provider fails as the request's path says.
func provider(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	switch r.URL.Path {
	case "/429":
		w.WriteHeader(http.StatusTooManyRequests)
	case "/reset":
		panic(http.ErrAbortHandler)
	case "/cut":
		_, _ = io.WriteString(w, "half an ans")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case "/hang":
		<-r.Context().Done()
	default:
		_, _ = io.WriteString(w, "{}")
	}
}

// A real HAProxy's log is told by itself, and each request counts once as what it was.
func TestRealHAProxy(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(provider))
	defer upstream.Close()
	logPath := filepath.Join(t.TempDir(), "gw.log")
	address := startHAProxy(t, strings.TrimPrefix(upstream.URL, "http://"), logPath)
	kit := sources.Kit{Symbols: traffic.NewSymbols(0), Inventory: traffic.NewInventory([]traffic.Mapping{
		{Match: map[string]string{"deployment": "llm/azure.eu-*"}, Set: map[string]string{"provider": "azure", "region": "eu-west"}},
	})}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	// Each request on a connection of its own: on one that it has used before, HAProxy passes a reset on to
	// the client and logs nothing, for the client to try again.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	asked := []string{"/ok", "/429", "/reset", "/cut", "/hang", "/dead"}
	for _, path := range asked {
		body := strings.NewReader(`{"model":"gpt-4o","stream":true}`)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+path, body)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body) // it may be cut
		_ = resp.Body.Close()
	}

	got := tailUntil(ctx, t, kit, logPath, len(asked))
	want := []string{
		"none/200 llm/azure.eu-west eu-west", "rate_limited/429 llm/azure.eu-west eu-west", "connection/502 llm/azure.eu-west eu-west",
		"truncated/200 llm/azure.eu-west eu-west", "timeout/504 llm/azure.eu-west eu-west", "connection/503 dead/gone ",
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func tailUntil(ctx context.Context, t *testing.T, kit sources.Kit, path string, n int) []string {
	t.Helper()
	src, err := tail.New(tail.Options{Name: "log", Path: path, FromStart: true, Kit: kit})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var out []string
	if err := src.Run(ctx, func(_ context.Context, b traffic.Batch) error {
		for _, r := range b.Records {
			if kit.Symbols.Name(r.Key[traffic.Model]) != "gpt-4o" {
				t.Errorf("model of %s is %q", r.Raw, kit.Symbols.Name(r.Key[traffic.Model]))
			}
			out = append(out, fmt.Sprintf("%s/%d %s %s", r.Outcome.Class(), r.Outcome.Status(), kit.Symbols.Name(r.Key[traffic.Deployment]), kit.Symbols.Name(r.Key[traffic.Region])))
		}
		if len(out) >= n {
			if b.State.Format != decode.HAProxyJSON || b.State.Unparsed != 0 {
				t.Errorf("%+v", *b.State)
			}
			cancel()
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}
