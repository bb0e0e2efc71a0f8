package desk

import (
	"strings"
	"testing"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/incident"
	"signalbox/internal/traffic"
)

func TestWhatAPlanSaysOfRehearsals(t *testing.T) {
	now := time.Date(2026, 3, 2, 3, 0, 0, 0, time.UTC)
	d := &Desk{now: func() time.Time { return now }}
	change := gateway.Change{Verb: gateway.FallbackOn, Scope: traffic.Scope{"model": "gpt-4o"}}
	if s := d.rehearsed(change); s != "" {
		t.Errorf("without an endpoint: %q", s)
	}
	d.points = []*probePoint{{}}
	if s := d.rehearsed(change); !strings.Contains(s, "never rehearsed") || !strings.Contains(s, "--for gpt-4o") {
		t.Errorf("never: %q", s)
	}
	learn := func(at time.Time, text string) {
		e := incident.Entry{At: at, Kind: incident.Rehearsed, Data: []byte(`{"model":"llama-3","for":"gpt-4o","text":"` + text + `"}`)}
		d.learnRehearsal(e)
	}
	learn(now.Add(-9*24*time.Hour), "refused: tools")
	if s := d.rehearsed(change); !strings.Contains(s, "STALE (older than 7 days)") || !strings.Contains(s, "9 days ago, on llama-3: refused: tools") {
		t.Errorf("stale: %q", s)
	}
	learn(now.Add(-3*time.Minute), "all well")
	learn(now.Add(-time.Hour), "an older one, read later")
	if s := d.rehearsed(change); s != "last rehearsed 3 min ago, on llama-3: all well" {
		t.Errorf("fresh: %q", s)
	}
	d.o.RehearsalAge = time.Minute
	if s := d.rehearsed(change); !strings.Contains(s, "STALE") {
		t.Errorf("by the configured age: %q", s)
	}
	change.Verb = gateway.FallbackOff
	if s := d.rehearsed(change); s != "" {
		t.Errorf("switching it off: %q", s)
	}
}
