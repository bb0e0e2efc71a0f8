package desk

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/traffic"
)

// sluggish is a gateway that takes its time for a plan.
type sluggish struct {
	*fakeGateway
	takes time.Duration
}

func (s sluggish) Plan(ctx context.Context, c gateway.Change, now time.Time) (gateway.Plan, error) {
	select {
	case <-time.After(s.takes):
		return s.fakeGateway.Plan(ctx, c, now)
	case <-ctx.Done():
		return gateway.Plan{}, context.Cause(ctx)
	}
}

// TestASlowGatewayHasTheTimeThatIsGiven: what the configuration gives a gateway for its answers is what it has.
func TestASlowGatewayHasTheTimeThatIsGiven(t *testing.T) {
	for name, c := range map[string]struct {
		given, takes time.Duration
		why          string
	}{
		"as usual":         {0, 4 * time.Second, ""},
		"too slow":         {0, 12 * time.Second, "gateway edge did not answer within 5s"},
		"given more":       {20 * time.Second, 12 * time.Second, ""},
		"slower than that": {20 * time.Second, time.Minute, "gateway edge did not answer within 20s"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				s := newStageWith(t, dir, nil, func(o *Options) {
					o.Gateways[0].Timeout = c.given
					o.Gateways[0].Driver = sluggish{o.Gateways[0].Driver.(*fakeGateway), c.takes}
				})
				defer s.stop()
				s.run(3, 0)
				_, err := s.desk.Do(t.Context(), PlanLever{Verb: "cap.set", Scope: traffic.Scope{"deployment": "az-eu"}, Value: number(2), Reason: "test"})
				if (err == nil) != (c.why == "") || err != nil && !strings.Contains(err.Error(), c.why) {
					t.Errorf("the plan ends with %v, not %q", err, c.why)
				}
			})
		})
	}
}
