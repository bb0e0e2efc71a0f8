package burst

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"signalbox/internal/traffic"
)

// post is a lookout and made-up traffic for it, second by second.
type post struct {
	*Lookout
	syms   *traffic.Symbols
	rng    *rand.Rand
	sec    int64
	states []traffic.Gauge
	ever   []Finding // every finding that was ever told, as it was first told
}

func newPost() *post {
	syms := traffic.NewSymbols(0)
	return &post{Lookout: NewLookout(syms), syms: syms, rng: rand.New(rand.NewPCG(1, 1)), sec: 1_800_000_000}
}

// flow is what one deployment is asked in a second.
type flow struct {
	dep      string // provider/model/region: its place, and with slashes its name
	side     string // upstream by default
	workload string
	rate     float64
	share    float64 // fails
	class    string
	again    float64 // of the rate, repeats at the same place
	fell     string  // from where
	fellRate float64
	took     time.Duration
}

func (p *post) leaf(f flow) Leaf {
	place := strings.Split(f.dep, "/")
	if f.side == "" {
		f.side = "upstream"
	}
	var k traffic.Key
	for d, v := range map[traffic.Dim]string{
		traffic.Gateway: "edge", traffic.Side: f.side, traffic.Provider: place[0], traffic.Model: place[1], traffic.Region: place[2],
		traffic.Deployment: f.dep, traffic.Workload: f.workload,
	} {
		k[d] = p.syms.Intern(v)
	}
	whole := func(x float64) int64 { // at random, right on average
		n := int64(x)
		if p.rng.Float64() < x-float64(n) {
			n++
		}
		return n
	}
	l := Leaf{Key: k, Req: whole(f.rate), Width: time.Second}
	bad := min(whole(f.rate*f.share), l.Req)
	if l.Req-bad > 0 {
		l.ByOutcome = append(l.ByOutcome, OutcomeN{Outcome: outcome("none", 200), N: l.Req - bad})
	}
	if bad > 0 {
		l.ByOutcome = append(l.ByOutcome, OutcomeN{Outcome: outcome(f.class, 0), N: bad})
	}
	l.Retries = min(whole(f.rate*f.again), l.Req)
	l.Again = l.Retries
	if n := min(whole(f.fellRate), l.Req); n > 0 {
		l.Fell = []FellN{{From: p.syms.Intern(f.fell), N: n}}
	}
	if f.took > 0 && l.Req > bad {
		l.Lat = []traffic.Bin{{At: traffic.BinOf(float64(f.took.Microseconds()) * (0.7 + 0.6*p.rng.Float64())), N: int32(l.Req - bad)}} //nolint:gosec // few
	}
	return l
}

// run lets some seconds pass with the same traffic.
func (p *post) run(seconds int, flows ...flow) {
	for range seconds {
		var leaves []Leaf
		for _, f := range flows {
			leaves = append(leaves, p.leaf(f))
		}
		p.Count(p.sec, leaves)
		if p.Due(p.sec) {
			p.Look(p.sec, p.states)
			p.remember()
		}
		p.sec++
	}
}

func (p *post) remember() {
	for _, f := range p.Findings() {
		known := false
		for _, o := range p.ever {
			known = known || o.ID == f.ID
		}
		if !known {
			p.ever = append(p.ever, f)
		}
	}
}

// burst opens one.
func (p *post) burst(id string, scope traffic.Scope) Burst {
	b := Burst{ID: id, Kind: KindErrors, Scope: scope, Onset: at(p.sec)}
	p.Hear([]Event{{Kind: Opened, Burst: b}})
	return b
}

// ends ends a burst now.
func (p *post) ends(b Burst) Burst {
	b.Ended = at(p.sec)
	p.Hear([]Event{{Kind: Settled, Burst: b}})
	return b
}

// only gives the one finding that lasts.
func (p *post) only(t *testing.T, kind FindingKind) Finding {
	t.Helper()
	var live []Finding
	for _, f := range p.Findings() {
		if f.Live() {
			live = append(live, f)
		}
	}
	if len(live) != 1 || live[0].Kind != kind {
		t.Fatalf("want one %s, got %+v", kind, live)
	}
	if live[0].Text == "" || live[0].Look == "" || len(live[0].Numbers) == 0 || live[0].Since.IsZero() {
		t.Errorf("it does not say why: %+v", live[0])
	}
	return live[0]
}

func (p *post) none(t *testing.T) {
	t.Helper()
	for _, f := range p.Findings() {
		if f.Live() {
			t.Errorf("want no finding, got %+v", f)
		}
	}
}

const (
	primary = "azure/gpt-4o/eu-west"
	next    = "anthropic/claude/us-east"
	other   = "openai/gpt-4o/us-east"
)

// A gateway that logs requests only, each with the deployment that answered in the end, names the model that it fell from.
func TestCascadeFromAModelOfAGatewayThatTellsRequestsOnly(t *testing.T) {
	p := newPost()
	failing := flow{dep: primary, side: "client", rate: 20, share: 0.9, class: "bad_gateway"}
	p.run(300, flow{dep: primary, side: "client", rate: 20, share: 0.005, class: "bad_gateway"}, flow{dep: next, side: "client", rate: 5})
	p.burst("b0", traffic.Scope{"provider": "openai", "model": "gpt-4o-mini"})
	p.burst("b1", traffic.Scope{"provider": "azure", "model": "gpt-4o", "region": "eu-west"})
	p.run(40, failing, flow{dep: next, side: "client", rate: 20, share: 0.3, class: "rate_limited", fell: "gpt-4o", fellRate: 15})
	if f := p.only(t, Cascade); f.Where["deployment"] != next || f.Burst != "b1" {
		t.Errorf("%+v", f)
	}
}

var azureDown = traffic.Scope{"provider": "azure", "region": "eu-west"}

func TestCascade(t *testing.T) {
	calm := []flow{{dep: primary, rate: 20, share: 0.005, class: "bad_gateway"}, {dep: next, rate: 5, share: 0.002, class: "rate_limited", took: time.Second}}
	failing := flow{dep: primary, rate: 20, share: 0.9, class: "bad_gateway"}
	for _, c := range []struct {
		name string
		now  flow
		want string // in the sentence; empty: no finding
		caps bool
	}{
		{"refused", flow{dep: next, rate: 20, share: 0.3, class: "rate_limited", fell: primary, fellRate: 15, took: time.Second}, "refuses", false},
		{"overloaded", flow{dep: next, rate: 20, share: 0.2, class: "overloaded", fell: primary, fellRate: 15, took: time.Second}, "refuses", false},
		{"slower", flow{dep: next, rate: 20, fell: primary, fellRate: 15, took: 3 * time.Second}, "times as long", false},
		{"at its cap", flow{dep: next, rate: 20, fell: primary, fellRate: 15, took: time.Second}, "24 of 24 in flight, 7 wait", true},
		{"takes it well", flow{dep: next, rate: 20, fell: primary, fellRate: 15, took: time.Second}, "", false},
		{"refuses, but gets nothing from there", flow{dep: next, rate: 20, share: 0.3, class: "rate_limited", took: time.Second}, "", false},
		{"broken by itself", flow{dep: next, rate: 20, share: 0.3, class: "server_error", fell: primary, fellRate: 15, took: time.Second}, "", false},
		{"a trickle", flow{dep: next, rate: 20, share: 0.3, class: "rate_limited", fell: primary, fellRate: 1, took: time.Second}, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPost()
			p.run(300, calm...)
			p.none(t)
			b := p.burst("b1", azureDown)
			if c.caps {
				for name, v := range map[traffic.GaugeName]float64{traffic.Inflight: 24, traffic.Limit: 24, traffic.Queue: 7} {
					p.states = append(p.states, traffic.Gauge{Key: traffic.Key{}.With(traffic.Deployment, p.syms.Intern(next)), Name: name, Value: v})
				}
			}
			p.run(40, failing, c.now)
			if c.want == "" {
				p.none(t)
				return
			}
			f := p.only(t, Cascade)
			if f.Where["provider"] != "anthropic" || f.From["provider"] != "azure" || f.Burst != "b1" || !strings.Contains(f.Text, c.want) {
				t.Errorf("%+v", f)
			}
			if got := f.Numbers["moved_share"]; got < 0.6 || got > 0.9 {
				t.Errorf("%.2f of its requests moved there, want about 3 in 4", got)
			}
			if late := f.Since.Sub(b.Onset); late < 0 || late > 30*time.Second {
				t.Errorf("since %s after the burst's onset", late)
			}
			p.ends(b)
			p.states = nil
			p.run(120, calm...)
			p.none(t)
			if all := p.Findings(); len(all) != 1 || all[0].ID != f.ID || all[0].Until.Before(f.Since) {
				t.Errorf("an ended finding is remembered: %+v", all)
			}
		})
	}
}

// TestCascadeOverSeveralTargets tells one finding of one cause: the worst target in the sentence, the others behind it,
// and those that are well again last, until nothing suffers.
func TestCascadeOverSeveralTargets(t *testing.T) {
	name := func(i int) string { return fmt.Sprintf("anthropic/claude-%d/us-east", i) }
	flows := func(failing float64, refused ...float64) []flow {
		out := []flow{{dep: primary, rate: 60, share: failing, class: "bad_gateway"}}
		for i, share := range refused {
			f := flow{dep: name(i), rate: 5, share: share, class: "rate_limited", took: time.Second}
			if failing > 0.5 {
				f.rate, f.fell, f.fellRate = 20, primary, 15
			}
			out = append(out, f)
		}
		return out
	}
	targets := func(f Finding) (names []string, suffering int) {
		for _, x := range f.Targets {
			names = append(names, x.Where["model"])
			if x.Until.IsZero() {
				suffering++
			}
		}
		return names, suffering
	}
	p := newPost()
	p.run(300, flows(0.005, 0, 0, 0)...)
	b := p.burst("b1", azureDown)
	p.run(65, flows(0.9, 0.2, 0.6, 0)...)
	first := p.only(t, Cascade)
	if names, n := targets(first); n != 2 || !slices.Equal(names, []string{"claude-1", "claude-0"}) || first.Numbers["targets"] != 2 {
		t.Errorf("%v of which %d suffer: %+v", names, n, first)
	}
	if first.Where["model"] != "claude-1" || first.Numbers["refused_share"] < 0.5 || !strings.Contains(first.Text, "1 more: anthropic") {
		t.Errorf("the worst is not told: %+v", first)
	}

	p.run(90, flows(0.9, 0.5, 0.55, 0)...) // not by as much that another name were worth it
	if f := p.only(t, Cascade); f.ID != first.ID || f.Where["model"] != "claude-1" {
		t.Errorf("%+v", f)
	}

	p.run(130, flows(0.9, 0.6, 0, 0)...)
	f := p.only(t, Cascade)
	if names, n := targets(f); f.ID != first.ID || n != 1 || !slices.Equal(names, []string{"claude-0", "claude-1"}) {
		t.Errorf("%v of which %d suffer: %+v", names, n, f)
	}
	if strings.Contains(f.Text, "more:") || f.Numbers["targets"] != 1 || !f.Since.Equal(first.Since) {
		t.Errorf("%+v", f)
	}

	p.ends(b)
	p.run(120, flows(0.005, 0, 0, 0)...)
	p.none(t)
	if all := p.Findings(); len(all) != 1 || len(all[0].Targets) != 2 || len(p.falls) != 0 {
		t.Errorf("afterwards: %+v", all)
	}
}

// A target that is part of the burst, or that fell traffic has always gone to, is no cascade.
func TestNoCascade(t *testing.T) {
	refusing := flow{dep: next, rate: 20, share: 0.3, class: "rate_limited", fell: primary, fellRate: 15}
	p := newPost()
	p.run(300, flow{dep: primary, rate: 20}, flow{dep: next, rate: 5})
	p.burst("b1", traffic.Scope{})
	p.run(60, flow{dep: primary, rate: 20, share: 0.9, class: "bad_gateway"}, refusing)
	p.none(t)

	p = newPost()
	p.run(300, flow{dep: primary, rate: 20}, flow{dep: next, rate: 20, fell: primary, fellRate: 15})
	p.burst("b1", azureDown)
	p.run(60, flow{dep: primary, rate: 20, share: 0.9, class: "bad_gateway"}, refusing)
	p.none(t)
}

func TestStuckFallback(t *testing.T) {
	calm := []flow{{dep: primary, rate: 20, share: 0.005, class: "bad_gateway"}, {dep: next, rate: 5}}
	failing := []flow{{dep: primary, rate: 20, share: 0.9, class: "bad_gateway"}, {dep: next, rate: 20, fell: primary, fellRate: 15}}
	for _, c := range []struct {
		name  string
		after []flow
		want  string
	}{
		{"well again, and still avoided", []flow{{dep: primary, rate: 5, share: 0.005, class: "bad_gateway"}, {dep: next, rate: 20, fell: primary, fellRate: 12}}, "has been well for"},
		{"not asked any more", []flow{{dep: next, rate: 25, fell: primary, fellRate: 20}}, "nobody can see"},
		{"as before", calm, ""},
		{"still failing", []flow{{dep: primary, rate: 20, share: 0.4, class: "bad_gateway"}, {dep: next, rate: 20, fell: primary, fellRate: 8}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPost()
			p.run(300, calm...)
			b := p.burst("b1", azureDown)
			p.run(120, failing...)
			b = p.ends(b)
			p.run(280, c.after...)
			p.none(t) // not yet: it must be well for five minutes
			p.run(60, c.after...)
			if c.want == "" {
				p.none(t)
				return
			}
			f := p.only(t, StuckFallback)
			if f.Where["provider"] != "anthropic" || f.From["provider"] != "azure" || f.Burst != "b1" || !strings.Contains(f.Text, c.want) || !f.Since.Equal(b.Ended) {
				t.Errorf("%+v", f)
			}
			p.run(120, calm...)
			p.none(t)
		})
	}
	t.Run("it has always been so", func(t *testing.T) {
		p := newPost()
		usual := []flow{{dep: primary, rate: 20}, {dep: next, rate: 20, fell: primary, fellRate: 15}}
		p.run(300, usual...)
		b := p.burst("b1", azureDown)
		p.run(60, failing...)
		p.ends(b)
		p.run(600, usual...)
		p.none(t)
	})
}

func TestStuckBreaker(t *testing.T) {
	open := func(p *post, value float64) {
		k := traffic.Key{}.With(traffic.Gateway, p.syms.Intern("edge")).With(traffic.Instance, p.syms.Intern("gw-a")).With(traffic.Deployment, p.syms.Intern(primary))
		p.states = []traffic.Gauge{{Key: k, Name: traffic.Breaker, Value: value}}
	}
	well, elsewhere := flow{dep: primary, rate: 5}, flow{dep: other, rate: 20}
	t.Run("others are served", func(t *testing.T) {
		p := newPost()
		open(p, 0)
		p.run(60, well, elsewhere)
		open(p, 2)
		p.run(55, well, elsewhere)
		p.none(t)
		p.run(30, well, elsewhere)
		f := p.only(t, StuckBreaker)
		if f.Where["deployment"] != primary || f.Where["instance"] != "gw-a" || f.Numbers["attempts"] < 200 || f.Numbers["failed"] != 0 || f.Numbers["open_for_s"] < 60 {
			t.Errorf("%+v", f)
		}
		open(p, 0)
		p.run(60, well, elsewhere)
		p.none(t)
	})
	t.Run("nobody tries", func(t *testing.T) {
		p := newPost()
		open(p, 2)
		p.run(90, elsewhere)
		if f := p.only(t, StuckBreaker); !strings.Contains(f.Text, "nothing has been tried") {
			t.Errorf("%+v", f)
		}
	})
	t.Run("its probes fail", func(t *testing.T) {
		p := newPost()
		open(p, 2)
		p.run(600, flow{dep: primary, rate: 0.3, share: 1, class: "bad_gateway"}, elsewhere)
		p.none(t)
	})
	t.Run("longer than the last times", func(t *testing.T) {
		p := newPost()
		for range 3 {
			open(p, 2)
			p.run(10, elsewhere)
			open(p, 0)
			p.run(60, elsewhere)
		}
		open(p, 2)
		p.run(30, elsewhere)
		p.none(t)
		p.run(25, elsewhere)
		if f := p.only(t, StuckBreaker); f.Numbers["usual_s"] < 5 || f.Numbers["usual_s"] > 15 {
			t.Errorf("%+v", f)
		}
	})
	t.Run("its page is gone", func(t *testing.T) {
		p := newPost()
		open(p, 2)
		p.run(40, elsewhere)
		p.states = nil
		p.run(300, elsewhere)
		p.none(t)
	})
}

// A log alone tells of a cool-down by what the gateway refuses itself.
func TestStuckCooldown(t *testing.T) {
	refusing := flow{dep: primary, side: "client", rate: 10, share: 0.5, class: "no_healthy_upstream"}
	for _, c := range []struct {
		name   string
		during []flow
		want   string
	}{
		{"attempts go well", []flow{refusing, {dep: primary, rate: 5}}, "went well"},
		{"nobody is asked", []flow{refusing, {dep: other, rate: 0.1}}, "went well"},
		{"attempts fail", []flow{refusing, {dep: primary, rate: 5, share: 0.3, class: "timeout"}}, ""},
		{"a gateway that tells of no attempts", []flow{refusing}, "the gateway refused"},
		{"of that one, and other requests fail", []flow{refusing, {dep: other, side: "client", rate: 5, share: 0.3, class: "timeout"}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPost()
			p.run(45, c.during...)
			p.none(t)
			p.run(60, c.during...)
			if c.want == "" {
				p.none(t)
				return
			}
			if f := p.only(t, StuckBreaker); f.Where["model"] != "gpt-4o" || !strings.Contains(f.Text, c.want) {
				t.Errorf("%+v", f)
			}
		})
	}
}

func TestRetryStorm(t *testing.T) {
	calm := []flow{
		{dep: primary, side: "client", rate: 20, workload: "interactive"},
		{dep: primary, rate: 21, again: 0.05, workload: "interactive"},
	}
	storm := []flow{
		{dep: primary, side: "client", rate: 20, workload: "interactive"},
		{dep: primary, rate: 50, again: 0.6, share: 0.7, class: "bad_gateway", workload: "interactive"},
	}
	t.Run("attempts", func(t *testing.T) {
		p := newPost()
		p.run(300, calm...)
		p.burst("b1", azureDown)
		p.run(60, storm...)
		f := p.only(t, RetryStorm)
		n := f.Numbers
		if n["attempts_per_request"] < 2 || n["attempts_per_request_before"] > 1.2 || n["repeats_share"] < 0.4 || f.Burst != "b1" {
			t.Errorf("%+v", f)
		}
		if !strings.Contains(f.Text, "gpt-4o") || !strings.Contains(f.Text, "interactive") {
			t.Errorf("it does not say who repeats: %s", f.Text)
		}
		p.run(1200, storm...)
		if f := p.only(t, RetryStorm); f.Numbers["attempts_per_request_before"] > 1.2 {
			t.Errorf("a storm is not what is usual: %+v", f)
		}
		p.run(120, calm...)
		p.none(t)
	})
	t.Run("requests alone", func(t *testing.T) {
		p := newPost()
		p.run(300, flow{dep: primary, side: "client", rate: 20, again: 0.02})
		p.run(60, flow{dep: primary, side: "client", rate: 50, again: 0.6})
		p.only(t, RetryStorm)
	})
	t.Run("more requests are none", func(t *testing.T) {
		p := newPost()
		p.run(300, calm...)
		p.run(120, flow{dep: primary, side: "client", rate: 100}, flow{dep: primary, rate: 105, again: 0.05})
		p.none(t)
	})
	t.Run("attempts elsewhere are none", func(t *testing.T) {
		p := newPost()
		p.run(300, calm...)
		p.run(120, calm[0], calm[1], flow{dep: next, rate: 15, fell: primary, fellRate: 15})
		for _, f := range p.Findings() {
			if f.Kind == RetryStorm {
				t.Errorf("%+v", f)
			}
		}
	})
	t.Run("a gateway that always asks twice", func(t *testing.T) {
		p := newPost()
		twice := []flow{{dep: primary, side: "client", rate: 20}, {dep: primary, rate: 40, again: 0.5}}
		p.run(1800, twice...)
		p.ever = nil
		p.run(600, twice...)
		if len(p.ever) > 1 {
			t.Errorf("%+v", p.ever)
		}
	})
}

// TestFindingsAreTheSame plays the same traffic twice: the same calls tell the same, ids included.
func TestFindingsAreTheSame(t *testing.T) {
	play := func() []Finding {
		p := newPost()
		var calm, bad []flow
		for i := range 6 {
			from, to := fmt.Sprintf("azure/m%d/eu-west", i), fmt.Sprintf("anthropic/m%d/us", i)
			calm = append(calm, flow{dep: from, rate: 10}, flow{dep: to, rate: 5})
			bad = append(bad, flow{dep: from, rate: 30, again: 0.6, share: 0.9, class: "bad_gateway"}, flow{dep: to, rate: 15, share: 0.4, class: "rate_limited", fell: from, fellRate: 8})
		}
		p.run(300, calm...)
		p.burst("b1", azureDown)
		p.run(60, bad...)
		return p.Findings()
	}
	first := play()
	if len(first) != 2 || len(first[0].Targets)+len(first[1].Targets) != 6 {
		t.Fatalf("want a storm and one cascade with six targets, got %+v", first)
	}
	for range 5 {
		if again := play(); !reflect.DeepEqual(again, first) {
			t.Fatalf("%+v\nand then\n%+v", first, again)
		}
	}
}

// TestCalmHasNoFindings lets six hours of a healthy fleet pass, with retries and falls as they always happen.
func TestCalmHasNoFindings(t *testing.T) {
	p := newPost()
	var flows []flow
	for i := range 8 {
		dep, to := fmt.Sprintf("azure/m%d/eu-west", i), fmt.Sprintf("openai/m%d/us", i)
		rate := float64(1 + i*i)
		flows = append(flows,
			flow{dep: dep, side: "client", rate: rate, share: 0.004, class: "bad_gateway", workload: "interactive"},
			flow{dep: dep, rate: rate * 1.02, share: 0.01, class: "bad_gateway", again: 0.015, took: time.Second},
			flow{dep: to, rate: 0.5 + rate/20, share: 0.01, class: "rate_limited", fell: dep, fellRate: rate / 100, took: time.Second},
		)
	}
	for range 6 {
		b := p.burst(fmt.Sprint("b", p.sec), azureDown)
		p.run(30, flows...)
		p.ends(b)
		p.run(3600/thrift, flows...)
	}
	if len(p.ever) > 0 {
		t.Errorf("%d findings in the calm, the first: %+v", len(p.ever), p.ever[0])
	}
}

func TestFindingsAreForgotten(t *testing.T) {
	p := newPost()
	p.run(300, flow{dep: primary, rate: 20}, flow{dep: next, rate: 5})
	b := p.burst("b1", azureDown)
	p.run(60, flow{dep: primary, rate: 20, share: 0.9, class: "bad_gateway"}, flow{dep: next, rate: 20, share: 0.3, class: "rate_limited", fell: primary, fellRate: 15})
	p.ends(b)
	p.sec += 3 * keepBurst
	p.run(1300)
	if n := len(p.Findings()) + len(p.spots) + len(p.places) + len(p.moves) + len(p.ways) + len(p.leaves) + len(p.bursts) + len(p.falls); n > 0 {
		t.Errorf("%d things are remembered for ever: %+v", n, p.bursts)
	}
}

func BenchmarkLookout(b *testing.B) {
	p := newPost()
	var leaves []Leaf
	for i := range 1000 {
		leaves = append(leaves, p.leaf(flow{dep: fmt.Sprintf("p%d/m%d/r%d", i%4, i%12, i%6), workload: fmt.Sprint(i), rate: 2, took: time.Second}))
	}
	b.ResetTimer()
	for range b.N {
		p.Count(p.sec, leaves)
		if p.Due(p.sec) {
			p.Look(p.sec, nil)
		}
		p.sec++
	}
}
