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
