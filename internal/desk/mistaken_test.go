package desk

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/internal/gateway"
)

// wider is a gateway that plans whatever it is asked for.
type wider struct{ *fakeGateway }

func (wider) Describe() gateway.Description {
	return gateway.Description{Kind: "fake", Gateway: "edge", Abilities: []gateway.Ability{
		{Verb: gateway.CapSet, Fitness: gateway.Native, Dims: []string{"deployment"}},
		{Verb: gateway.TargetOut, Fitness: gateway.Native, Dims: []string{"deployment"}},
		{Verb: gateway.RouteForce, Fitness: gateway.Native, Dims: []string{"model"}},
	}}
}

func (wider) Plan(_ context.Context, c gateway.Change, now time.Time) (gateway.Plan, error) {
	return gateway.Plan{Gateway: "edge", Kind: "fake", Change: c, ReadAt: now, Instances: []gateway.InstancePlan{{Name: "a", Control: "x", Before: number(1), After: number(2)}}}, nil
}

// A plan says when a neighbour is the one that fails, and when requests would be sent to where they fail.
func TestPlanSaysWhatSpeaksAgainstIt(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newStageWith(t, dir, nil, func(o *Options) { o.Gateways[0].Driver = wider{newFake(o.Journal.Path())} })
		defer s.stop()
		s.run(70, 0.8)
		for _, c := range []struct {
			verb, scope string
			value       gateway.Value
			touches     string
			says        string // empty: nothing
		}{
			{"target.out", "deployment=az-us", nil, "none of them failed", "is this the right one? Of the attempts of the last minute 0 of 600 failed here, 480 of 600 at az-eu"},
			{"cap.set", "deployment=az-us", number(2), "none of them failed", "0 of 600 failed here"},
			{"target.out", "deployment=az-eu", nil, "480 of them failed", ""},
			{"target.out", "deployment=az-us-mini", nil, "none of them failed", ""}, // of another model
			{"route.force", "model=gpt-4o", gateway.Value(`"az-eu"`), "480 of them failed", "az-eu, where all of it would go, fails: 480 of 600 attempts"},
			{"route.force", "model=gpt-4o", gateway.Value(`"az-us"`), "480 of them failed", ""},
			{"route.force", "model=gpt-4o", gateway.Value(`"cold"`), "480 of them failed", ""},
		} {
			p := s.do(PlanLever{Verb: c.verb, Scope: scopeIn(c.scope), Value: c.value, Reason: "test"}).Plan
			if got := strings.Join(p.Caveats, "; "); c.says == "" && strings.Contains(got, "attempts") || !strings.Contains(got, c.says) {
				t.Errorf("%s %s %s says %q, want %q", c.verb, c.scope, c.value, got, c.says)
			}
			if !strings.Contains(p.Blast, c.touches) {
				t.Errorf("%s %s touches %q, want %q", c.verb, c.scope, p.Blast, c.touches)
			}
			s.do(Decline{Plan: p.ID})
		}
	})
}

// A cap that is a share of no cap holds nothing back, and the plan says so.
func TestLooseCap(t *testing.T) {
	plan := func(verb gateway.Verb, value string, instances int, b gateway.Blast) gateway.Plan {
		p := gateway.Plan{Change: gateway.Change{Verb: verb}, Blast: b}
		for range instances {
			p.Instances = append(p.Instances, gateway.InstancePlan{After: gateway.Value(value)})
		}
		return p
	}
	for name, c := range map[string]struct {
		plan gateway.Plan
		want string
	}{
		"half of no cap":          {plan(gateway.CapSet, "5000", 1, gateway.Blast{Inflight: -1, Requests: 87, OfAll: 300}), "room for 5000 at a time, and all of the last minute were 87"},
		"of several instances":    {plan(gateway.CapSet, "50", 2, gateway.Blast{Inflight: -1, Requests: 87, OfAll: 300}), "room for 100"},
		"a tight one":             {plan(gateway.CapSet, "4", 2, gateway.Blast{Inflight: -1, Requests: 87, OfAll: 300}), ""},
		"over what is in flight":  {plan(gateway.CapSet, "100", 1, gateway.Blast{Inflight: 7, Requests: 87, OfAll: 300}), "7 are in flight now"},
		"near what is in flight":  {plan(gateway.CapSet, "8", 1, gateway.Blast{Inflight: 7, Requests: 87, OfAll: 300}), ""},
		"nothing is seen":         {plan(gateway.CapSet, "5000", 1, gateway.Blast{Inflight: -1}), ""},
		"no cap at all":           {plan(gateway.ShedSet, "5000", 1, gateway.Blast{Inflight: -1, Requests: 87, OfAll: 300}), ""},
		"a value that is no cap ": {plan(gateway.CapSet, `"x"`, 1, gateway.Blast{Inflight: -1, Requests: 87, OfAll: 300}), ""},
	} {
		if got := looseCap(c.plan); !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
}
