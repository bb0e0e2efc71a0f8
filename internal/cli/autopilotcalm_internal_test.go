package cli

import (
	"testing"
	"time"
)

// The autopilot throws no further lever into a burst that its last one has stopped, and does not take a lull of requests for that.
func TestCalm(t *testing.T) {
	now := time.Unix(1000, 0)
	ago := func(d time.Duration, failed, total int64) burstSample {
		return burstSample{at: now.Add(-d), failed: failed, total: total}
	}
	for name, c := range map[string]struct {
		seen          []burstSample
		failed, total int64
		want          bool
	}{
		"nothing seen":         {nil, 100, 200, false},
		"not long enough":      {[]burstSample{ago(time.Second, 100, 200)}, 100, 300, false},
		"nothing fails":        {[]burstSample{ago(9*time.Second, 0, 10), ago(5*time.Second, 100, 200)}, 100, 240, true},
		"few fail":             {[]burstSample{ago(5*time.Second, 100, 200)}, 104, 240, true},
		"it goes on":           {[]burstSample{ago(5*time.Second, 100, 200)}, 120, 240, false},
		"hardly anybody asks":  {[]burstSample{ago(5*time.Second, 100, 200)}, 100, 205, false},
		"the youngest decides": {[]burstSample{ago(8*time.Second, 20, 100), ago(4*time.Second, 100, 200)}, 101, 240, true},
	} {
		if got := calm(c.seen, now, c.failed, c.total); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
