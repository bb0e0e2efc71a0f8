package board

import (
	"math"
	"reflect"
	"testing"
	"time"

	"signalbox/internal/traffic"
)

// flooded lets a board take seconds of so many records, one in 33 of them failed, in ten batches each, as the clock goes on beside
// the log's time.
func flooded(b *Board, syms *traffic.Symbols, each, seconds int, clock func(log time.Duration) time.Duration) {
	for i := range seconds * 10 {
		var recs []traffic.Record
		for j := range each / 10 {
			rec := gatewayLine(syms, i*each/10+j)
			rec.Time = at(time.Duration(i)*time.Second/10 + time.Duration(j)*time.Second/time.Duration(each))
			recs = append(recs, rec)
		}
		b.Apply(logs("l", recs...), at(clock(time.Duration(i+1)*time.Second/10)))
	}
}

func asLogged(log time.Duration) time.Duration { return log }

func TestAFloodKeepsSomeLines(t *testing.T) {
	const each, room = 2000, 128 << 10 // about 270 lines of 2000
	syms := traffic.NewSymbols(0)
	b, all := New(Options{Symbols: syms, MaxFlood: room}), New(Options{Symbols: syms, MaxFlood: -1})
	flooded(b, syms, each, 8, asLogged)
	flooded(all, syms, each, 8, asLogged)
	v, whole := b.Records(), all.Records()
	kept, run, longest, gone := make([]int, 8), 0, 0, int64(0)
	for i := range v.Len() {
		got, want := v.At(i), whole.At(i)
		if got.Raw != "" {
			kept[i/each] += len(got.Raw)
			run = 0
		} else {
			if run++; i/each > 1 {
				longest = max(longest, run)
			}
			want.Raw = ""
			gone++
		}
		if got != want {
			t.Fatalf("record %d is\n%+v, not\n%+v", i, got, want)
		}
		if got.Outcome.Failed() && got.Raw == "" {
			t.Errorf("record %d failed and lost its line", i)
		}
		if got.Outcome.Failed() {
			kept[i/each] -= len(got.Raw)
		}
	}
	if gone == 0 || v.LetGo() != gone || b.Stats().LetGo != gone || all.Stats().LetGo != 0 {
		t.Errorf("%d have no line, %d are counted; of all %d", gone, v.LetGo(), all.Stats().LetGo)
	}
	for sec, n := range kept[2:] {
		if n < room*9/10 || n > room*11/10 {
			t.Errorf("second %d keeps %d bytes, not about %d", sec+2, n, room)
		}
	}
	if longest > 16 {
		t.Errorf("%d in a row have no line where one in 8 keeps it", longest)
	}
	id := whole.At(each*5 + 7).RequestID
	if hit := v.Search(id, 1); len(hit) != 1 || hit[0].RequestID != id {
		t.Errorf("%s is not found: %v", id, hit)
	}
	q := Query{From: at(0), To: at(8 * time.Second)}
	if got, want := b.Window(q), all.Window(q); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v is counted, not %+v", got, want)
	}
	if got, want := b.Leaves(epoch.Unix()+5), all.Leaves(epoch.Unix()+5); !reflect.DeepEqual(got, want) {
		t.Error("the leaves of a second differ")
	}
}

// What is no flood keeps all lines: a log that is read faster than it was written, and one whose time comes in steps.
func TestNoFloodKeepsAllLines(t *testing.T) {
	for name, c := range map[string]struct {
		each  int
		clock func(time.Duration) time.Duration
	}{
		"few":              {200, asLogged},
		"read back":        {200, func(log time.Duration) time.Duration { return log/100 + time.Hour }},
		"the clock stands": {200, func(time.Duration) time.Duration { return 0 }},
		"log in steps":     {2000, func(log time.Duration) time.Duration { return log * 60 }},
	} {
		syms := traffic.NewSymbols(0)
		b := New(Options{Symbols: syms, MaxFlood: 128 << 10})
		if flooded(b, syms, c.each, 5, c.clock); b.Stats().LetGo != 0 {
			t.Errorf("%s: %d of %d have lost their lines", name, b.Stats().LetGo, b.Stats().Records)
		}
	}
}

// After a flood lines are kept within a second, and at once after a pause.
func TestAFloodEnds(t *testing.T) {
	f := newFlood(1000)
	kept := func(n int, event, clock time.Duration) (k int) {
		for range n {
			if f.keeps(100) {
				k++
			}
		}
		f.look(at(event), at(clock))
		return k
	}
	kept(0, 0, 0)
	for _, c := range []struct {
		n            int
		event, clock time.Duration
		least, most  int
	}{
		{500, time.Second, time.Second, 500, 500}, // nothing told that they would come
		{500, 2 * time.Second, 2 * time.Second, 8, 12},
		{500, 3 * time.Second, 3 * time.Second, 8, 12},
		{9, 4 * time.Second, 4 * time.Second, 0, 1},
		{9, 5 * time.Second, 5 * time.Second, 9, 9},
		{500, 6 * time.Second, 6 * time.Second, 500, 500},
		{0, 6 * time.Second, time.Minute, 0, 0},
		{9, 6 * time.Second, time.Minute, 9, 9},
	} {
		if k := kept(c.n, c.event, c.clock); k < c.least || k > c.most {
			t.Errorf("by %s, %d of %d are kept, want %d to %d", c.event, k, c.n, c.least, c.most)
		}
	}
	// A log of which every second line is of one kind keeps as many of that kind as of the other.
	f = flood{most: 1, share: math.MaxUint64 / 2}
	var of [2]int
	for i := range 10_000 {
		if f.keeps(1) {
			of[i%2]++
		}
	}
	if math.Abs(float64(of[0]-of[1])) > 20 {
		t.Errorf("of two kinds by turns %d and %d are kept", of[0], of[1])
	}
}
