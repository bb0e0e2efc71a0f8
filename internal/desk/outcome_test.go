package desk

import (
	"strings"
	"testing"
	"time"

	"signalbox/internal/board"
	"signalbox/internal/burst"
)

// TestOutcomeMeasuresWhatTheBurstIsAbout counts slow answers for a burst of slow answers, repeats for one of repeats,
// and failures for all others.
func TestOutcomeMeasuresWhatTheBurstIsAbout(t *testing.T) {
	var usual, now board.Window
	for i := range 100 {
		usual.Lat.Add(time.Duration(i+1) * 10 * time.Millisecond) // a tenth takes more than 0.9 s, within the two percent of a sketch
		usual.TTFT.Add(time.Duration(i+1) * time.Millisecond)
		now.Lat.Add(time.Duration(i+1) * 20 * time.Millisecond)
		now.TTFT.Add(time.Duration(i+1) * 500 * time.Microsecond)
	}
	now.Req, now.Err, now.Retry = 100, 7, 30
	for _, c := range []struct {
		kind, leading string
		slow          int64 // at least; 0: none
		what          string
	}{
		{burst.KindLatency, "slow", 50, "slower than 8"},
		{burst.KindLatency, "slow_first_token", 0, "slower than 90ms"},
		{burst.KindRetries, "retries", 30, "repeats, "},
	} {
		cmp := comparison{what: "attempts"}
		cmp.measure(&burstState{Burst: burst.Burst{Kind: c.kind, Leading: c.leading}}, usual)
		got := cmp.hurts(now)
		if got.N != 100 || got.K < c.slow || got.K > c.slow+8 || !strings.HasPrefix(cmp.what, c.what) {
			t.Errorf("%s %s: %+v of %q", c.kind, c.leading, got, cmp.what)
		}
	}
	for _, kind := range []string{burst.KindErrors, burst.KindTruncation} {
		cmp := comparison{what: "attempts"}
		if cmp.measure(&burstState{Burst: burst.Burst{Kind: kind}}, usual); cmp.hurts != nil || cmp.what != "attempts" {
			t.Errorf("%s is measured by something else than failures: %q", kind, cmp.what)
		}
	}
	cmp := comparison{}
	if cmp.measure(&burstState{Burst: burst.Burst{Kind: burst.KindLatency}}, board.Window{}); cmp.hurts != nil {
		t.Error("no latency was told before the burst, and it is compared")
	}
}
