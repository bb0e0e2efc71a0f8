package desk

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"signalbox/internal/fault"
	"signalbox/internal/gateway"
	"signalbox/internal/traffic"
	"signalbox/runbook"
)

// sighted is a desk that only sees.
func sighted() *Desk {
	syms := traffic.NewSymbols(0)
	return &Desk{syms: syms, now: time.Now, sig: newSignals(syms, 0, time.Now())}
}

func (d *Desk) key(names map[traffic.Dim]string) traffic.Key {
	var k traffic.Key
	for dim, v := range names {
		k[dim] = d.syms.Intern(v)
	}
	return k
}

// A gateway whose log has no tokens must not be told to have none flowing.
func TestTokensAreUnknownWhereNobodyLogsThem(t *testing.T) {
	d, now := sighted(), time.Now()
	r := traffic.Record{
		Time: now.Add(-2 * time.Second), Outcome: traffic.NewOutcome(fault.None, 200),
		Key: d.key(map[traffic.Dim]string{traffic.Side: traffic.SideClient, traffic.Gateway: "edge", traffic.Model: "gpt-4o"}),
	}
	d.sig.apply(traffic.Batch{Source: "log", Kind: traffic.LogSource, Records: []traffic.Record{r}}, now)
	q := runbook.Query{Metric: "token_throughput", Over: time.Minute}
	if a := (facts{d: d, now: now}).Ask(q); a.Known || !strings.Contains(a.Why, "no log line tells tokens") {
		t.Errorf("without any tokens told: %+v", a)
	}

	// Told an hour ago and none now: nothing flows, and that is known.
	old := r
	old.Time, old.TokensOut, old.Known = now.Add(-time.Hour), 600, traffic.HasTokensOut
	d.sig.apply(traffic.Batch{Source: "log", Kind: traffic.LogSource, Records: []traffic.Record{old}}, now)
	if a := (facts{d: d, now: now}).Ask(q); !a.Known || a.Value != 0 {
		t.Errorf("told an hour ago: %+v", a)
	}
}

// HAProxy lets what is over a server's cap wait in the queue of the backend.
func TestObeyedCapCountsTheQueueOfTheGroup(t *testing.T) {
	d, now := sighted(), time.Now()
	gauge := func(deployment string, name traffic.GaugeName, v float64) traffic.Gauge {
		return traffic.Gauge{Key: d.key(map[traffic.Dim]string{traffic.Gateway: "edge", traffic.Deployment: deployment}), Name: name, Value: v, At: now}
	}
	d.sig.apply(traffic.Batch{Source: "page", Kind: traffic.ScrapeSource, Gauges: []traffic.Gauge{
		gauge("gpt-4o/eu", traffic.Inflight, 2), gauge("gpt-4o/eu", traffic.Queue, 0), gauge("gpt-4o", traffic.Queue, 5),
	}}, now)
	l := &lever{plan: gateway.Plan{
		Gateway: "edge", Instances: []gateway.InstancePlan{{Name: "edge"}},
		Change: gateway.Change{Verb: gateway.CapSet, Scope: traffic.Scope{"deployment": "gpt-4o/eu"}, Value: json.RawMessage("4")},
	}}
	if p := d.proveCap(l); p.fact != Yes || !strings.Contains(p.why, "5 wait") {
		t.Errorf("%+v", p)
	}
}
