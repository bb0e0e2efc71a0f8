package board

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"signalbox/internal/traffic"
)

// More lines than may wait, of many series by turns and of three seconds, come to what they come to one by one.
func TestTalliesCountInAnyPortion(t *testing.T) {
	const lines, series = mostWaiting + 5000, 40
	syms := traffic.NewSymbols(0)
	places := traffic.NewPlaces(1 << 20)
	for i := range series {
		places.Of(keyOf(syms, "model", fmt.Sprint("m", i)))
	}
	batch := func(from, to int) traffic.Batch {
		l := &traffic.Lines{Places: places, Keys: places.Keys(), Text: []byte("{}")}
		for i := from; i < to; i++ {
			x := traffic.Line{Brief: traffic.Brief{
				At: at(time.Duration(i) * 3 * time.Second / lines).UnixNano(), Place: uint32(i * 7 % series), Outcome: ok200, Attempt: int32(i % 3), //nolint:gosec // small
				Latency: int64(i) * 1000, TTFT: int64(i) * 300, TokensIn: int64(i % 5000), TokensOut: int64(i % 11), TokensCached: int64(i % 7),
				Known: traffic.HasStatus | traffic.HasAttempt | traffic.HasLatency | traffic.HasTTFT | traffic.HasTokensIn | traffic.HasTokensOut | traffic.HasTokensCached,
			}, Size: 2}
			if i%97 == 0 {
				x.From = traffic.Sym(3)
			}
			if i%13 == 0 {
				x.Known, x.Latency, x.TTFT = traffic.HasStatus, 0, 0
			}
			l.All = append(l.All, x)
		}
		return traffic.Batch{Source: "log", Lines: l}
	}
	whole, parts := New(Options{Symbols: syms}), New(Options{Symbols: syms})
	whole.Apply(batch(0, lines), at(3*time.Second))
	for i := 0; i < lines; i += 1000 {
		parts.Apply(batch(i, min(i+1000, lines)), at(3*time.Second))
		if parts.series.settle(); len(parts.series.waiting) > 0 {
			t.Fatal("something waits that was settled")
		}
	}
	q := Query{From: at(0), To: at(3 * time.Second)}
	got, want := whole.Split(q, traffic.Model), parts.Split(q, traffic.Model)
	if !reflect.DeepEqual(got, want) || len(got) != series {
		t.Errorf("%d parts; %+v, settled often %+v", len(got), got[0], want[0])
	}
	var all int64
	for sec := range int64(3) {
		got, want := whole.Leaves(epoch.Unix()+sec), parts.Leaves(epoch.Unix()+sec)
		if !reflect.DeepEqual(got, want) || len(got) != series {
			t.Errorf("second %d: %d leaves; %+v, settled often %+v", sec, len(got), got[0], want[0])
		}
		for _, l := range got {
			all += l.Req
		}
	}
	if all != lines {
		t.Errorf("%d of %d are counted", all, lines)
	}
}
