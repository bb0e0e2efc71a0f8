package scrape

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"signalbox/internal/component"
	"signalbox/internal/traffic"
)

const haproxyConfig = `defaults
  mode http
  timeout connect 1s
  timeout client 1s
  timeout server 1s
frontend llm
  bind %s
  http-request use-service prometheus-exporter if { path /metrics }
  default_backend llm
backend llm
  server azure.eu-west 127.0.0.1:1 maxconn 50
  server azure.us-east 127.0.0.1:1 disabled
`

// startHAProxy starts a real HAProxy with its exporter. It gives the address.
func startHAProxy(t *testing.T) string {
	t.Helper()
	bin := component.HAProxy(t)
	address := component.FreeAddress(t)
	config := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(config, fmt.Appendf(nil, haproxyConfig, address), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, bin, "-db", "-f", config)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // killed by the line above
	})
	component.Listens(t, "haproxy", address)
	return address
}

// The page of a real HAProxy gives the states of its servers.
func TestRealHAProxy(t *testing.T) {
	address := startHAProxy(t)
	kit := testKit()
	run(t, Options{URL: "http://" + address + "/metrics", Kit: kit}, func(b traffic.Batch) bool {
		var got []string
		for _, g := range b.Gauges {
			got = append(got, fmt.Sprintf("%s %s %v", g.Name, kit.Symbols.Name(g.Key[traffic.Deployment]), g.Value))
		}
		for _, want := range []string{
			"target_in llm/azure.eu-west 1", "target_in llm/azure.us-east 0", "limit llm/azure.eu-west 50", "limit llm/azure.us-east -1",
			"inflight llm/azure.eu-west 0", "queue llm/azure.eu-west 0", "queue llm 0",
		} {
			if !slices.Contains(got, want) {
				t.Errorf("no %q in %q", want, got)
			}
		}
		if b.State.Health != traffic.Live || b.State.Detail != "" || b.State.Format != "prometheus/haproxy" {
			t.Errorf("%+v", *b.State)
		}
		return true
	})
}
