package cli_test

import (
	"strings"
	"testing"
	"time"
)

// A lever that a command throws and HAProxy itself ends: the process that threw it is gone long before.
func TestHAProxyEndsWhatACommandThrew(t *testing.T) {
	t.Parallel()
	e := startEdge(t)
	entry := func() string { return e.ask(t, "get map signalbox-refuse-workload.map batch") }
	for ttl := 4 * time.Second; ; ttl *= 5 { // of a deadline that came before the answer was read nothing can be told
		began := time.Now()
		out, err := signalboxIn(t, e.dir, "control", "apply", "workload.pause", "gateway=edge", "workload=batch", "--ttl", ttl.String(),
			"--reason", "batch drowns the rest", "--yes", "-c", "signalbox.yaml", "--state-dir", "state", "--output", "json")
		if err == nil && strings.Contains(string(out), `"holder":"gateway"`) && strings.Contains(entry(), ":100") {
			break
		}
		if time.Since(began) < ttl || ttl > time.Minute {
			t.Fatalf("%v\n%s\n%s", err, out, entry())
		}
	}
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		state, err := signalboxIn(t, e.dir, "control", "state", "-c", "signalbox.yaml", "--state-dir", "state", "--output", "json")
		if err != nil {
			t.Fatalf("%v\n%s", err, state)
		}
		if !strings.Contains(string(state), `"value":100`) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("still out:\n%s", state)
		}
	}
}
