package board

import (
	"testing"
	"time"

	"signalbox/internal/traffic"
)

// TestSeriesByAddsUp: the courses of the combinations add up to the course of everything, and each is its own.
func TestSeriesByAddsUp(t *testing.T) {
	syms := traffic.NewSymbols(0)
	b := New(Options{Symbols: syms})
	start := time.Unix(1_700_000_000, 0)
	var batch traffic.Batch
	for i := range 300 {
		var k traffic.Key
		k[traffic.Model] = syms.Intern([]string{"a", "b", "c"}[i%3])
		k[traffic.Region] = syms.Intern([]string{"eu", "us"}[i%2])
		o := outcome("none", 200)
		if i%7 == 0 {
			o = outcome("timeout", 504)
		}
		batch.Records = append(batch.Records, traffic.Record{Time: start.Add(time.Duration(i) * 200 * time.Millisecond), Key: k, Outcome: o})
	}
	b.Apply(batch, start.Add(time.Minute))
	all := b.Series(traffic.Selector{}, start, 10*time.Second, 6)
	sum := make([]Point, 6)
	for k, points := range b.SeriesBy(traffic.Selector{}, start, 10*time.Second, 6, traffic.Model, traffic.Region) {
		own := b.Series(traffic.Selector{}.Is(traffic.Model, k[traffic.Model]).Is(traffic.Region, k[traffic.Region]), start, 10*time.Second, 6)
		for i, p := range points {
			if p != own[i] {
				t.Errorf("%v, step %d: %+v, by itself %+v", k.Labels(syms), i, p, own[i])
			}
			sum[i].Req += p.Req
			sum[i].Err += p.Err
		}
	}
	for i := range all {
		if sum[i] != all[i] || all[i].Req == 0 {
			t.Errorf("step %d: together %+v, parts %+v", i, all[i], sum[i])
		}
	}
	if got := b.SeriesBy(traffic.Selector{}.Is(traffic.Model, syms.Intern("never")), start, time.Second, 3); len(got) != 0 {
		t.Errorf("nothing selected gives %v", got)
	}
}
