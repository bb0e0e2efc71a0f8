package burst

import (
	"testing"

	"signalbox/internal/traffic"
)

// What was usual before a burst is what it was, however long the burst lasts and however many seconds happen to be kept.
func TestUsualOutlastsThePast(t *testing.T) {
	w := newWorld(4, 60, 0.02)
	w.faults = []trouble{{scope: traffic.Scope{"region": "eu-west"}, share: 0.4, outcome: outcome("unavailable", 503), from: begin + 700, to: begin + 5000}}
	d := New(Options{Symbols: w.syms})
	w.run(d, begin, begin+760)
	if len(d.blame.lives) != 1 {
		t.Fatalf("%+v", d.Bursts())
	}
	b := d.blame.lives[0]
	_, before := d.blame.usual(b, d.sec).byClass()
	answer := func() Answer { return answerOf(d.Bursts()[0].Answers, classDim) }
	first := answer()
	w.run(d, begin+760, begin+2600)
	if _, now := d.blame.usual(b, d.sec).byClass(); now != before || before == 0 {
		t.Errorf("%d failures were usual, and half an hour later %d", before, now)
	}
	if last := answer(); first.Extent != Isolated || last.Extent != Isolated || last.Value != first.Value {
		t.Errorf("%+v\n%+v", first, last)
	}
}
