package desk

import (
	"strings"
	"testing"
	"time"

	"signalbox/internal/burst"
	"signalbox/internal/fault"
	"signalbox/internal/traffic"
)

// One client that sends the same poisonous request again and again is told from a provider that breaks.
func TestOneRequestShapeIsToldFromASpread(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		name   string
		failed func(shape uint64, n int) bool
		one    bool
		said   string
	}{
		{"one shape", func(shape uint64, _ int) bool { return shape == 7 }, true, "are of one shape"},
		{"all alike", func(_ uint64, n int) bool { return n%3 == 0 }, false, "over 8 shapes"},
	} {
		d := sighted()
		var records []traffic.Record
		for n := range 400 {
			r := traffic.Record{
				Time: now.Add(-time.Duration(n) * 100 * time.Millisecond), Shape: uint64(n%8) + 1, Outcome: traffic.NewOutcome(fault.None, 200),
				Key: d.key(map[traffic.Dim]string{traffic.Side: traffic.SideUpstream, traffic.Model: "gpt-4o", traffic.Region: "eu-west"}),
			}
			if tt.failed(r.Shape, n) {
				r.Outcome = traffic.NewOutcome(fault.ServerError, 500)
			}
			records = append(records, r)
			r.Key = d.key(map[traffic.Dim]string{traffic.Side: traffic.SideUpstream, traffic.Model: "gpt-4o", traffic.Region: "us"})
			r.Outcome = traffic.NewOutcome(fault.ServerError, 500) // elsewhere: not of this burst
			records = append(records, r)
		}
		d.sig.apply(traffic.Batch{Source: "log", Kind: traffic.LogSource, Records: records}, now)
		b := &burstState{Burst: burst.Burst{
			ID: "b1", Side: traffic.SideUpstream, Scope: traffic.Scope{"model": "gpt-4o", "region": "eu-west"}, Onset: now.Add(-time.Minute),
		}, matched: true}
		d.spreadOf(b)
		v := d.burstView(b)
		if v.OneShape != tt.one || !strings.Contains(v.Spread, tt.said) {
			t.Errorf("%s: one shape %v, %q", tt.name, v.OneShape, v.Spread)
		}
	}
}
