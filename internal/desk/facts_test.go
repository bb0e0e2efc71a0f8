package desk

import (
	"encoding/json"
	"slices"
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
	p := proofs(t, 0, [3]float64{2, 0, 5}, [3]float64{2, 0, 5})
	if p[0].fact != Pending || p[1].fact != Yes || !strings.Contains(p[1].why, "5 wait") {
		t.Errorf("%+v", p)
	}
}

// A cap is obeyed where the traffic shows it, and not where there is little traffic just then, or none.
func TestObeyedCapIsSeenInTheTraffic(t *testing.T) {
	for name, c := range map[string]struct {
		was  float64 // in flight when it was planned
		seen [][3]float64
		want string
	}{
		"at the cap":                         {3, [][3]float64{{4}, {4}}, Yes},
		"over it before, near it now":        {9, [][3]float64{{3}, {2}}, Yes},
		"over it":                            {9, [][3]float64{{9}, {9}}, No},
		"one low value":                      {9, [][3]float64{{9}, {3}}, Pending},
		"low values between high ones":       {9, [][3]float64{{3}, {9}, {4}}, Pending},
		"over it before, and traffic ended":  {9, [][3]float64{{0}, {0}, {0}}, CannotTell},
		"over it before, and traffic faded":  {9, [][3]float64{{1}, {1}}, CannotTell},
		"always under it":                    {2, [][3]float64{{2}, {3}, {2}}, CannotTell},
		"over it again after it was obeyed":  {9, [][3]float64{{4}, {4}, {6}}, No},
		"some wait, few of them run already": {0, [][3]float64{{1, 3}, {1, 3}}, Yes},
	} {
		all := proofs(t, c.was, c.seen...)
		if p := all[len(all)-1]; p.fact != c.want {
			t.Errorf("%s: %+v, not %s", name, p, c.want)
		}
	}
	d, now := sighted(), time.Now()
	d.inflight(now.Add(-2*time.Second), [3]float64{4, 3, 3})
	l := capOf4(9)
	l.acceptAt = now
	if p := d.proveCap(l); p.fact != Pending {
		t.Errorf("what was seen before the gateway had accepted it shows %+v", p)
	}
}

// A fallback is seen where a request fell. That none did tells against it only where requests failed to the last, for which it
// was there: not an attempt whose repeat was served, nor a request that was on its way when the gateway accepted.
func TestObeyedFallbackIsSeenInTheTraffic(t *testing.T) {
	type line struct {
		side, model string
		after       time.Duration // after the gateway accepted
		class       fault.Class
		fell        bool
		workload    string
	}
	const up, user = traffic.SideUpstream, traffic.SideClient
	for name, c := range map[string]struct {
		lines []line
		want  string
	}{
		"what a pause refuses fails":    {[]line{{user, "m", 5 * time.Second, fault.Overloaded, false, "batch"}}, CannotTell},
		"what is not paused fails, too": {[]line{{user, "m", 5 * time.Second, fault.Overloaded, false, "batch"}, {user, "m", 5 * time.Second, fault.RateLimited, false, ""}}, No},
		"one fell":                      {[]line{{user, "m", 5 * time.Second, fault.None, true, ""}}, Yes},
		"requests fail":                 {[]line{{user, "m", 5 * time.Second, fault.RateLimited, false, ""}}, No},
		"all is served":                 {[]line{{user, "m", 5 * time.Second, fault.None, false, ""}}, CannotTell},
		"nothing came":                  {nil, CannotTell},
		"an attempt was repeated":       {[]line{{up, "m", 5 * time.Second, fault.RateLimited, false, ""}, {user, "m", 6 * time.Second, fault.None, false, ""}}, CannotTell},
		"a log of attempts alone":       {[]line{{up, "m", 5 * time.Second, fault.RateLimited, false, ""}}, No},
		"it was on its way":             {[]line{{user, "m", time.Second, fault.RateLimited, false, ""}}, CannotTell},
		"another model's requests fail": {[]line{{user, "n", 5 * time.Second, fault.RateLimited, false, ""}}, CannotTell},
	} {
		d, at := sighted(), time.Now().Truncate(time.Second)
		now := at.Add(10 * time.Second)
		d.now = func() time.Time { return now }
		b := traffic.Batch{Source: "log", Kind: traffic.LogSource}
		for _, x := range c.lines {
			r := traffic.Record{
				Time: at.Add(x.after), Outcome: traffic.NewOutcome(x.class, 200), Attempt: 1,
				Key: d.key(map[traffic.Dim]string{traffic.Side: x.side, traffic.Gateway: "edge", traffic.Model: x.model, traffic.Workload: x.workload}),
			}
			if x.fell {
				r.FallbackFrom = d.syms.Intern("openai-m")
			}
			b.Records = append(b.Records, r)
		}
		b.Records = append(b.Records, traffic.Record{Time: now, Key: d.key(map[traffic.Dim]string{traffic.Gateway: "other"})}) // time goes on
		d.sig.apply(b, now)
		d.levers = append(d.levers, &lever{state: LeverActive, plan: gateway.Plan{
			Gateway: "edge", Change: gateway.Change{Verb: gateway.WorkloadPause, Scope: traffic.Scope{"workload": "batch"}},
		}})
		l := &lever{acceptAt: at, plan: gateway.Plan{
			Gateway: "edge", Change: gateway.Change{Verb: gateway.FallbackOn, Scope: traffic.Scope{"model": "m"}},
		}}
		if p := d.proveFallback(l); p.fact != c.want {
			t.Errorf("%s: %+v, want %s", name, p, c.want)
		}
	}
}

// proofs gives what a cap of 4 looks like after each of these values of in flight, its queue and the queue of its group,
// five seconds apart.
func proofs(t *testing.T, was float64, values ...[3]float64) (all []proof) {
	t.Helper()
	d, l, now := sighted(), capOf4(was), time.Now()
	d.now = func() time.Time { return now }
	for _, v := range values {
		d.inflight(now, v)
		all = append(all, d.proveCap(l))
		now = now.Add(5 * time.Second)
	}
	return all
}

func capOf4(was float64) *lever {
	return &lever{plan: gateway.Plan{
		Gateway: "edge", Instances: []gateway.InstancePlan{{Name: "edge"}}, Blast: gateway.Blast{Inflight: was},
		Change: gateway.Change{Verb: gateway.CapSet, Scope: traffic.Scope{"deployment": "gpt-4o/eu"}, Value: json.RawMessage("4")},
	}}
}

// inflight tells the desk what runs and waits.
func (d *Desk) inflight(at time.Time, v [3]float64) {
	gauge := func(deployment string, name traffic.GaugeName, v float64) traffic.Gauge {
		return traffic.Gauge{Key: d.key(map[traffic.Dim]string{traffic.Gateway: "edge", traffic.Deployment: deployment}), Name: name, Value: v, At: at}
	}
	d.sig.apply(traffic.Batch{Source: "page", Kind: traffic.ScrapeSource, Gauges: []traffic.Gauge{
		gauge("gpt-4o/eu", traffic.Inflight, v[0]), gauge("gpt-4o/eu", traffic.Queue, v[1]), gauge("gpt-4o", traffic.Queue, v[2]),
	}}, at)
}

// states is a desk that was told a few states of one deployment, and one request.
func states(t *testing.T, gauges map[traffic.GaugeName]float64) (*Desk, time.Time) {
	t.Helper()
	d, now := sighted(), time.Now()
	b := traffic.Batch{Source: "page", Kind: traffic.ScrapeSource}
	for name, v := range gauges {
		b.Gauges = append(b.Gauges, traffic.Gauge{Key: d.key(map[traffic.Dim]string{traffic.Gateway: "edge", traffic.Deployment: "eu"}), Name: name, Value: v, At: now})
	}
	d.sig.apply(b, now)
	return d, now
}

func TestStatesAnswer(t *testing.T) {
	tests := []struct {
		metric string
		told   map[traffic.GaugeName]float64
		known  bool
		value  float64
		truth  runbook.Truth
		why    string
	}{
		{"limit", map[traffic.GaugeName]float64{traffic.Limit: 8}, true, 8, runbook.Unknown, ""},
		{"limit", map[traffic.GaugeName]float64{traffic.Limit: -1}, false, 0, runbook.Unknown, "no cap is set"},
		{"limit", nil, false, 0, runbook.Unknown, "no source tells the limit"},
		{"headroom", map[traffic.GaugeName]float64{traffic.Limit: 8, traffic.Inflight: 6}, true, 0.25, runbook.Unknown, ""},
		{"headroom", map[traffic.GaugeName]float64{traffic.Limit: 8, traffic.Inflight: 9}, true, 0, runbook.Unknown, ""},
		{"headroom", map[traffic.GaugeName]float64{traffic.Limit: -1, traffic.Inflight: 9}, false, 0, runbook.Unknown, "no cap is set"},
		{"headroom", map[traffic.GaugeName]float64{traffic.Limit: 8}, false, 0, runbook.Unknown, "inflight"},
		{"remaining", map[traffic.GaugeName]float64{traffic.Remaining: 40}, true, 40, runbook.Unknown, ""},
		{"targets_in", map[traffic.GaugeName]float64{traffic.TargetIn: 1}, true, 1, runbook.Unknown, ""},
		{"breaker", map[traffic.GaugeName]float64{traffic.Breaker: 2}, true, 1, runbook.True, "eu"},
		{"breaker", map[traffic.GaugeName]float64{traffic.Breaker: 1}, true, 0, runbook.False, ""},
		{"breaker", nil, false, 0, runbook.Unknown, "no source tells the breaker"},
		{"changes", nil, false, 0, runbook.Unknown, "no source tells of changes"},
	}
	for _, tt := range tests {
		d, now := states(t, tt.told)
		got := facts{d: d, now: now}.Ask(runbook.Query{Metric: tt.metric, Where: []runbook.Match{{Label: "deployment", Op: "=", Values: []string{"eu"}}}})
		if got.Known != tt.known || got.Value != tt.value || got.Truth != tt.truth || !strings.Contains(got.Why, tt.why) {
			t.Errorf("%s of %v: %+v", tt.metric, tt.told, got)
		}
	}
}

func TestChangesAreCounted(t *testing.T) {
	d, now := sighted(), time.Now()
	d.sig.apply(traffic.Batch{Source: "ci", Kind: traffic.ChangeSource, Facts: []traffic.Fact{
		{Kind: traffic.ChangeDeploy, Text: "gateway 2.1", From: now.Add(-10 * time.Minute)},
		{Kind: traffic.ChangeConfig, Text: "timeout", From: now.Add(-2 * time.Hour)},
	}}, now)
	for over, want := range map[time.Duration]float64{30 * time.Minute: 1, 5 * time.Minute: 0, 3 * time.Hour: 2} {
		if a := (facts{d: d, now: now}).Ask(runbook.Query{Metric: "changes", Over: over}); !a.Known || a.Value != want {
			t.Errorf("over %v: %+v, want %v", over, a, want)
		}
	}
}

// Nothing counted while a log that should tell cannot be read is no evidence of silence.
func TestASourceThatIsDownMakesZeroUnknown(t *testing.T) {
	d, now := sighted(), time.Now()
	r := traffic.Record{
		Time: now.Add(-time.Second), Outcome: traffic.NewOutcome(fault.None, 200),
		Key: d.key(map[traffic.Dim]string{traffic.Side: traffic.SideClient, traffic.Gateway: "edge", traffic.Model: "m"}),
	}
	d.sig.apply(traffic.Batch{Source: "edge-log", Kind: traffic.LogSource, Records: []traffic.Record{r}}, now)
	up, down := &sourceState{}, &sourceState{}
	up.Name, up.Kind, up.Gateway, up.Health = "edge-log", traffic.LogSource, "edge", traffic.Live
	down.Name, down.Kind, down.Gateway, down.Health = "core-log", traffic.LogSource, "core", traffic.Failing
	d.sources = map[string]*sourceState{"edge-log": up, "core-log": down}
	ask := func(gw string) runbook.Answer {
		return facts{d: d, now: now}.Ask(runbook.Query{Metric: "requests", Over: time.Minute, Where: []runbook.Match{
			{Label: "gateway", Op: "=", Values: []string{gw}}, {Label: "model", Op: "=", Values: []string{"x"}},
		}})
	}
	if a := ask("core"); a.Known || a.Why != "source core-log is failing" {
		t.Errorf("of the gateway whose log fails: %+v", a)
	}
	if a := ask("edge"); !a.Known || a.Value != 0 {
		t.Errorf("of the other one: %+v", a)
	}
}

// One gateway logs attempts, the other its own requests only: a question about the upstream side counts both.
func TestUpstreamOfTwoKindsOfGateways(t *testing.T) {
	d, now := sighted(), time.Now()
	rec := func(side, gw string) traffic.Record {
		return traffic.Record{
			Time: now.Add(-time.Second), Outcome: traffic.NewOutcome(fault.BadGateway, 502),
			Key: d.key(map[traffic.Dim]string{traffic.Side: side, traffic.Gateway: gw, traffic.Model: "m"}),
		}
	}
	d.sig.apply(traffic.Batch{Source: "log", Kind: traffic.LogSource, Records: []traffic.Record{
		rec(traffic.SideClient, "a"), rec(traffic.SideUpstream, "a"), rec(traffic.SideUpstream, "a"), rec(traffic.SideClient, "b"),
	}}, now)
	a := facts{d: d, now: now}.Ask(runbook.Query{Metric: "errors", Over: time.Minute, Where: []runbook.Match{{Label: "side", Op: "=", Values: []string{"upstream"}}}})
	if a.Value != 3 {
		t.Errorf("%+v, want the two attempts of a and the request of b", a)
	}
}

func TestLogsAnswerAsOfTheirEnd(t *testing.T) {
	syms := traffic.NewSymbols(0)
	logs := NewLogs(syms, 0)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var k traffic.Key
	k[traffic.Side], k[traffic.Model] = syms.Intern(traffic.SideClient), syms.Intern("m")
	for i := range 600 {
		o := traffic.NewOutcome(fault.None, 200)
		if i >= 540 {
			o = traffic.NewOutcome(fault.BadGateway, 502)
		}
		logs.Take(traffic.Batch{Source: "log", Records: []traffic.Record{{Time: at.Add(time.Duration(i) * time.Second), Outcome: o, Key: k}}})
	}
	for src, want := range map[string]runbook.Truth{
		"error_rate over 1m > 90%": runbook.True, "error_rate over 5m > 30%": runbook.False, "error_rate over 1m offset 5m > 1%": runbook.False,
		"lever": runbook.Unknown, "retry_ratio over 5m < 50%": runbook.Unknown, "fallbacks over 5m == 0": runbook.Unknown, "burst": runbook.True,
	} {
		e, err := runbook.ParseExpr("", 0, src)
		if err != nil {
			t.Fatal(err)
		}
		r := e.Eval(logs.Facts(), nil)
		if r.Truth != want || len(r.Terms) != 1 || (want == runbook.Unknown) != (r.Why != "") {
			t.Errorf("%s: %+v, want %v", src, r, want)
		}
	}
}

// A burst that begins after a lever of ours where the lever reaches may be its doing, and says so; what was thrown against the
// burst came after it began.
func TestLeversBeforeABurstStandBesideIt(t *testing.T) {
	d, onset := sighted(), time.Now()
	ago := func(m int) time.Time { return onset.Add(-time.Duration(m) * time.Minute) }
	add := func(verb gateway.Verb, region string, accepted, ended time.Time) {
		d.levers = append(d.levers, &lever{acceptAt: accepted, endedAt: ended, by: "ben", plan: gateway.Plan{
			Gateway: "edge", Change: gateway.Change{Verb: verb, Scope: traffic.Scope{"gateway": "edge", "model": "m", "region": region}},
		}})
	}
	add(gateway.CapSet, "eu", ago(3), time.Time{})
	add(gateway.TargetOut, "eu", ago(20), ago(1))
	add(gateway.ShedSet, "eu", ago(40), ago(35))            // long ago
	add(gateway.BreakerOpen, "us", ago(2), time.Time{})     // elsewhere
	add(gateway.FallbackOn, "eu", ago(-1), time.Time{})     // the answer to it
	add(gateway.RouteForce, "eu", time.Time{}, time.Time{}) // refused
	d.sig.apply(traffic.Batch{Source: "deploys", Facts: []traffic.Fact{{Kind: traffic.ChangeDeploy, Text: "v12", From: ago(2)}}}, onset)
	b := &burstState{}
	b.Scope, b.Onset = traffic.Scope{"model": "m", "region": "eu"}, onset
	var got []string
	for _, c := range d.before(b) {
		got = append(got, c.Kind+" "+c.Text+" "+c.Who)
	}
	want := []string{"lever target.out m@eu ended ben", "deploy v12 ", "lever cap.set m@eu ben", "lever target.out m@eu ben"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
