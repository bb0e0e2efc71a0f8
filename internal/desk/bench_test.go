package desk

import (
	"fmt"
	"testing"
	"time"

	"signalbox/internal/fault"
	"signalbox/internal/traffic"
)

// BenchmarkGrid lays the grid over a board of many keys, as each second does.
func BenchmarkGrid(b *testing.B) {
	for _, keys := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprint(keys), func(b *testing.B) {
			syms := traffic.NewSymbols(0)
			d := &Desk{syms: syms, now: time.Now, sig: newSignals(syms, 0, time.Now())}
			now := time.Now()
			var batch traffic.Batch
			for i := range keys {
				var k traffic.Key
				k[traffic.Side] = syms.Intern(traffic.SideUpstream)
				k[traffic.Model] = syms.Intern(fmt.Sprint("m", i%20))
				k[traffic.Region] = syms.Intern(fmt.Sprint("r", i%6))
				k[traffic.Caller] = syms.Intern(fmt.Sprint("c", i))
				for s := range 60 {
					batch.Records = append(batch.Records, traffic.Record{Time: now.Add(-time.Duration(s) * time.Second), Key: k, Outcome: traffic.NewOutcome(fault.None, 200)})
				}
			}
			d.sig.apply(batch, now)
			for b.Loop() {
				d.grid(now)
			}
		})
	}
}
