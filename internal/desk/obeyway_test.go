package desk

import (
	"encoding/json"
	"testing"
	"time"

	"signalbox/internal/fault"
	"signalbox/internal/gateway"
	"signalbox/internal/traffic"
)

// attempt is one request on one side, some seconds after the lever was accepted.
type attempt struct {
	side, model, dep string
	failed, fell     bool
	n                int // which attempt
	after            time.Duration
}

func TestWaysAreSeenInTheTraffic(t *testing.T) {
	const up, client = traffic.SideUpstream, traffic.SideClient
	route := gateway.Change{Verb: gateway.RouteForce, Scope: traffic.Scope{"gateway": "edge", "model": "gpt-4o"}, Value: json.RawMessage(`"eu"`)}
	fall := gateway.Change{Verb: gateway.FallbackOn, Scope: traffic.Scope{"gateway": "edge", "model": "gpt-4o"}}
	retry := gateway.Change{Verb: gateway.RetrySet, Scope: traffic.Scope{"gateway": "edge"}, Value: json.RawMessage(`{"max_attempts":1}`)}
	out := gateway.Change{Verb: gateway.TargetOut, Scope: traffic.Scope{"gateway": "edge", "deployment": "eu", "model": "gpt-4o"}}
	asked := attempt{side: client, model: "gpt-4o", after: 7 * time.Second}
	at := func(dep string) attempt { return attempt{side: up, model: "gpt-4o", dep: dep, after: 7 * time.Second} }
	before := func(a attempt) attempt { a.after = -20 * time.Second; return a }
	for name, c := range map[string]struct {
		change gateway.Change
		seen   []attempt
		want   string
	}{
		"all at the target":                 {route, []attempt{before(at("us")), asked, at("eu")}, Yes},
		"some elsewhere":                    {route, []attempt{before(at("us")), asked, at("eu"), at("us")}, No},
		"its fallback elsewhere":            {route, []attempt{before(at("us")), asked, at("eu"), {side: up, model: "gpt-4o", dep: "us", fell: true, after: 7 * time.Second}}, Yes},
		"nobody asks":                       {route, []attempt{before(at("us"))}, CannotTell},
		"its target is in no log":           {route, []attempt{asked, {side: up, model: "mini", dep: "us", after: 7 * time.Second}}, CannotTell},
		"it fell back":                      {fall, []attempt{{side: client, model: "gpt-4o", fell: true, after: 7 * time.Second}}, Yes},
		"another model fell back":           {fall, []attempt{{side: client, model: "mini", fell: true, after: 7 * time.Second}, {side: client, model: "gpt-4o", failed: true, after: 7 * time.Second}}, No},
		"an attempt fell back, of whom?":    {fall, []attempt{{side: up, model: "mini", fell: true, after: 7 * time.Second}, {side: client, model: "gpt-4o", failed: true, after: 7 * time.Second}}, CannotTell},
		"nothing failed":                    {fall, []attempt{asked}, CannotTell},
		"no retries any more":               {retry, []attempt{before(attempt{side: up, model: "gpt-4o", dep: "eu", n: 2}), {side: up, model: "gpt-4o", dep: "eu", failed: true, after: 7 * time.Second}}, Yes},
		"retries":                           {retry, []attempt{before(attempt{side: up, model: "gpt-4o", dep: "eu", n: 2}), {side: up, model: "gpt-4o", dep: "eu", failed: true, n: 2, after: 7 * time.Second}}, No},
		"there were none before":            {retry, []attempt{{side: up, model: "gpt-4o", dep: "eu", failed: true, after: 7 * time.Second}}, CannotTell},
		"nothing to try again":              {retry, []attempt{before(attempt{side: up, model: "gpt-4o", dep: "eu", n: 2}), at("eu")}, CannotTell},
		"out for its model, in for another": {out, []attempt{before(at("eu")), {side: up, model: "mini", dep: "eu", after: 7 * time.Second}}, Yes},
		"still in for its model":            {out, []attempt{before(at("eu")), at("eu")}, No},
	} {
		d, accepted := sighted(), time.Now()
		d.wires = map[string]*wire{"edge": {spec: Gateway{Name: "edge"}}}
		b := traffic.Batch{Source: "log", Kind: traffic.LogSource}
		for i, a := range c.seen {
			o := traffic.NewOutcome(fault.None, 200)
			if a.failed {
				o = traffic.NewOutcome(fault.BadGateway, 502)
			}
			r := traffic.Record{
				Key:  d.key(map[traffic.Dim]string{traffic.Gateway: "edge", traffic.Side: a.side, traffic.Model: a.model, traffic.Deployment: a.dep}),
				Time: accepted.Add(a.after), Outcome: o, Attempt: max(1, a.n), Known: traffic.HasAttempt, RequestID: string(rune('a' + i)),
			}
			if a.fell {
				r.FallbackFrom = d.syms.Intern("gpt-4o")
			}
			b.Records = append(b.Records, r)
		}
		now := accepted.Add(10 * time.Second)
		d.now = func() time.Time { return now }
		d.sig.apply(b, now)
		d.sig.advance(now, now)
		l := &lever{acceptAt: accepted, plan: gateway.Plan{Gateway: "edge", Change: c.change, Blast: gateway.Blast{Requests: 10}}}
		if p := d.prove(l); p.fact != c.want {
			t.Errorf("%s: %+v, not %s", name, p, c.want)
		}
	}
}
