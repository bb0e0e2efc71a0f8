package desk

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"signalbox/internal/fault"
	"signalbox/internal/traffic"
)

// What the grid keeps from one second to the next is what it would count anew, as long as nothing comes late.
func TestGridIsTheSameCountedAnew(t *testing.T) {
	syms := traffic.NewSymbols(0)
	start := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	now := start
	d := &Desk{syms: syms, now: func() time.Time { return now }, sig: newSignals(syms, 0, start)}
	for sec := range 400 {
		now = start.Add(time.Duration(sec) * time.Second)
		b := traffic.Batch{Source: "log", Kind: traffic.LogSource}
		for i := range sec % 7 {
			rec := traffic.Record{Time: now.Add(time.Duration(i) * time.Millisecond), Outcome: traffic.NewOutcome(fault.None, 200)}
			if i%3 == 2 {
				rec.Outcome = traffic.NewOutcome(fault.ServerError, 500)
			}
			rec.Key[traffic.Side] = syms.Intern(traffic.SideClient)
			if sec > 200 && i%2 == 0 {
				rec.Key[traffic.Side] = syms.Intern(traffic.SideUpstream) // now blame is read from another side
			}
			rec.Key[traffic.Model] = syms.Intern(fmt.Sprint("m", (sec/50+i)%5))
			rec.Key[traffic.Region] = syms.Intern(fmt.Sprint("r", i%2))
			b.Records = append(b.Records, rec)
		}
		now = now.Add(500 * time.Millisecond)
		d.sig.apply(b, now)
		anew := &Desk{syms: syms, now: d.now, sig: d.sig}
		is, want := d.grid(now), anew.grid(now)
		if !reflect.DeepEqual(is, want) {
			t.Fatalf("second %d:\n%+v, anew\n%+v", sec, is, want)
		}
		if is, want := d.totals(now), anew.totals(now); !reflect.DeepEqual(is, want) {
			t.Fatalf("second %d:\n%+v, anew\n%+v", sec, is, want)
		}
	}
}
