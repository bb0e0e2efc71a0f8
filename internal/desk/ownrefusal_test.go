package desk

import (
	"strings"
	"testing"
	"time"

	"signalbox/internal/burst"
	"signalbox/internal/gateway"
	"signalbox/internal/traffic"
)

// What a pause of ours refuses is told by the gateway's log like any failure, and the burst of it says whose doing it is.
func TestBurstOfOurOwnPause(t *testing.T) {
	thrown := time.Date(2026, 3, 2, 2, 0, 0, 0, time.UTC)
	out := func(verb gateway.Verb, work string, ended time.Time) *lever {
		l := &lever{at: thrown, acceptAt: thrown, endedAt: ended}
		l.plan.Gateway = "edge"
		l.plan.Change = gateway.Change{Verb: verb, Scope: traffic.Scope{"gateway": "edge", "workload": work}}
		return l
	}
	pause := out(gateway.WorkloadPause, "batch", time.Time{})
	seen := func(side, class string, after time.Duration, scope traffic.Scope) *burstState {
		b := &burstState{}
		b.Burst = burst.Burst{Side: side, Leading: class, Onset: thrown.Add(after), Scope: scope}
		return b
	}
	batch := traffic.Scope{"workload": "batch"}
	for name, c := range map[string]struct {
		l    *lever
		b    *burstState
		ours bool
	}{
		"its refusals":             {pause, seen(traffic.SideClient, "unavailable", 3*time.Second, batch), true},
		"with 429":                 {pause, seen(traffic.SideClient, "rate_limited", time.Second, traffic.Scope{"workload": "batch", "gateway": "edge"}), true},
		"a blocked key of LiteLLM": {pause, seen(traffic.SideClient, "account_suspended", time.Second, batch), true},
		"its 401 without a text":   {pause, seen(traffic.SideClient, "auth", time.Second, batch), true},
		"of a shed":                {out(gateway.ShedSet, "batch", time.Time{}), seen(traffic.SideClient, "rate_limited", time.Second, batch), true},
		"before it":                {pause, seen(traffic.SideClient, "unavailable", -time.Minute, batch), false},
		"after its end":            {out(gateway.WorkloadPause, "batch", thrown.Add(time.Minute)), seen(traffic.SideClient, "unavailable", 2*time.Minute, batch), false},
		"of other work":            {pause, seen(traffic.SideClient, "unavailable", time.Second, traffic.Scope{"workload": "interactive"}), false},
		"wider than the pause":     {pause, seen(traffic.SideClient, "unavailable", time.Second, traffic.Scope{"model": "gpt-4o"}), false},
		"of the providers":         {pause, seen(traffic.SideUpstream, "unavailable", time.Second, batch), false},
		"another kind":             {pause, seen(traffic.SideClient, "bad_gateway", time.Second, batch), false},
		"at another gateway":       {pause, seen(traffic.SideClient, "unavailable", time.Second, traffic.Scope{"workload": "batch", "gateway": "other"}), false},
		"of a lever never sent":    {&lever{at: thrown, plan: pause.plan}, seen(traffic.SideClient, "unavailable", time.Second, batch), false},
	} {
		d := &Desk{levers: []*lever{c.l}}
		text := d.ownRefusals(c.b)
		if strings.Contains(text, "our own lever refuses them: workload.pause batch") != (c.ours && c.l == pause) || (text != "") != c.ours {
			t.Errorf("%s: %q", name, text)
		}
	}
}
