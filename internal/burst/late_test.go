package burst

import (
	"testing"

	"signalbox/internal/traffic"
)

// held plays seconds of which every fourth series comes late, by so many seconds.
func (w *world) held(d *Detector, from, to, late int64, of traffic.Scope) []Event {
	waiting := map[int64][]Leaf{}
	key := of.Selector(w.syms)
	var out []Event
	for sec := from; sec < to; sec++ {
		var now []Leaf
		for _, l := range w.second(sec) {
			if key.Match(l.Key) {
				waiting[sec+late] = append(waiting[sec+late], l)
			} else {
				now = append(now, l)
			}
		}
		d.Late(sec-late, waiting[sec])
		delete(waiting, sec)
		out = append(out, d.Step(sec, now)...)
	}
	return out
}

func TestLateCountsAreEvidence(t *testing.T) {
	cell := traffic.Scope{"provider": "azure", "model": "gpt-4o", "region": "eu-west"}
	for _, late := range []int64{1, 10, 60, lateSecs} {
		w := newWorld(11, 80, 0.006)
		w.faults = []trouble{{scope: cell, share: 0.7, outcome: gw502, from: begin + 200, to: begin + 320}}
		d := New(Options{Symbols: w.syms})
		events := w.held(d, begin, begin+300, late, cell)
		opened := kinds(events, Opened)
		if len(opened) != 1 || !opened[0].Scope.Equal(cell) {
			show(t, events)
			t.Fatalf("%d s late: %d bursts opened", late, len(opened))
		}
		b := opened[0]
		if delay := b.Detected.Unix() - (begin + 200); delay < late || delay > late+10 {
			t.Errorf("%d s late: detected after %d s", late, delay)
		}
		if off := b.Onset.Unix() - (begin + 200); off < -1 || off > 2 {
			t.Errorf("%d s late: onset off by %d s", late, off)
		}
		now := d.Bursts()[0]
		var came, failed int64
		for _, c := range now.Cells {
			came, failed = came+c.Req, failed+c.Err
		}
		// What fails in the last seconds has not come yet; all that has is counted.
		if now.Failed < 100-late || now.Failed != failed || now.Total != came {
			t.Errorf("%d s late: %d of %d failed, cells %d of %d", late, now.Failed, now.Total, failed, came)
		}
	}
}

func TestTooLateIsLeftOut(t *testing.T) {
	w := newWorld(12, 80, 0.006)
	d := New(Options{Symbols: w.syms})
	w.run(d, begin, begin+200)
	bad := leafOf(w.series[0].key, map[traffic.Outcome]int64{gw502: 1000})
	for range 3 {
		d.Late(begin+200-lateSecs-2, []Leaf{bad})
		d.Late(begin+200, []Leaf{bad}) // not stepped yet: it will be told with its second
	}
	if events := w.run(d, begin+200, begin+210); len(events) != 0 {
		show(t, events)
		t.Error("not silent")
	}
	d.Late(begin+208, []Leaf{bad})
	if events := w.run(d, begin+210, begin+211); len(kinds(events, Opened)) != 1 {
		show(t, events)
		t.Error("a thousand failures two seconds late say nothing")
	}
	New(Options{}).Late(1, []Leaf{bad})
}
