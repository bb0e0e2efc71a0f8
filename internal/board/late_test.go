package board

import (
	"testing"
	"time"

	"signalbox/internal/traffic"
)

// What the seconds told and what came late for them make up all there was, on either board.
func TestLateSecondsAreToldOnce(t *testing.T) {
	type told struct{ req, failed int64 }
	for name, run := range map[string]func(t *testing.T, recs []traffic.Record, syms *traffic.Symbols, put func(sec int64, late bool, l []Leaf)){
		"board": func(t *testing.T, recs []traffic.Record, syms *traffic.Symbols, put func(int64, bool, []Leaf)) {
			b := New(Options{Symbols: syms})
			for i := range recs {
				b.Apply(logs("a", recs[i]), recs[i].Time)
				mark := b.Watermark(time.Time{}, false).Unix()
				b.LateSeconds(func(sec int64, l []Leaf) { put(sec, true, l) })
				for sec := epoch.Unix(); sec < mark; sec++ {
					put(sec, false, b.Leaves(sec))
				}
			}
			b.LateSeconds(func(int64, []Leaf) { t.Error("told twice") })
		},
		"digest": func(t *testing.T, recs []traffic.Record, syms *traffic.Symbols, put func(int64, bool, []Leaf)) {
			places := traffic.NewPlaces(100)
			d := NewDigest(places)
			for i := range recs {
				d.Take([]traffic.Brief{recs[i].Brief(places.Of(recs[i].Key.Cell()))})
				d.Pause()
				mark := d.Watermark().Unix()
				d.LateSeconds(func(sec int64, l []Leaf) { put(sec, true, l) })
				for sec, ok := d.NextSecond(0); ok && sec < mark; sec, ok = d.NextSecond(sec + 1) {
					put(sec, false, d.Leaves(sec))
				}
				d.Close(mark)
			}
			d.LateSeconds(func(int64, []Leaf) { t.Error("told twice") })
		},
	} {
		t.Run(name, func(t *testing.T) {
			syms := traffic.NewSymbols(0)
			key := keyOf(syms, "side", "client", "model", "a")
			var recs []traffic.Record
			add := func(sec int64, o traffic.Outcome, n int) {
				for range n {
					recs = append(recs, traffic.Record{Time: epoch.Add(time.Duration(sec) * time.Second), Key: key, Outcome: o})
				}
			}
			for sec := range int64(200) {
				add(sec, ok200, 2)
			}
			add(150, gw502, 3)      // 49 s behind
			add(120, gw502, 2)      // 79 s behind
			add(200-1-95, gw502, 4) // too late
			add(205, ok200, 1)      // closes what is before
			onTime, late := told{}, map[int64]told{}
			closed := map[int64]bool{}
			run(t, recs, syms, func(sec int64, isLate bool, leaves []Leaf) {
				for _, l := range leaves {
					switch {
					case isLate:
						x := late[sec-epoch.Unix()]
						late[sec-epoch.Unix()] = told{x.req + l.Req, x.failed + l.Err}
					case !closed[sec]:
						onTime.req += l.Req
						onTime.failed += l.Err
					}
				}
				closed[sec] = closed[sec] || !isLate
			})
			if onTime != (told{400, 0}) {
				t.Errorf("in time %v", onTime)
			}
			if len(late) != 2 || late[150] != (told{3, 3}) || late[120] != (told{2, 2}) {
				t.Errorf("late %v", late)
			}
		})
	}
}

// A slow scrape's counts reach back into seconds that other sources have closed.
func TestWideCountsComeLate(t *testing.T) {
	syms := traffic.NewSymbols(0)
	b := New(Options{Symbols: syms})
	log, metrics := keyOf(syms, "gateway", "a", "side", "client"), keyOf(syms, "gateway", "b", "side", "client")
	for sec := range 31 {
		b.Apply(logs("log", traffic.Record{Time: at(time.Duration(sec) * time.Second), Key: log, Outcome: ok200}), time.Time{})
	}
	closed := b.Watermark(time.Time{}, false).Unix()
	b.Apply(traffic.Batch{Source: "scrape", Kind: traffic.ScrapeSource, Counts: []traffic.Count{{
		Key: metrics, Outcome: ok200, N: 30, From: at(5 * time.Second), To: at(35 * time.Second),
	}}}, time.Time{})
	var req int64
	b.LateSeconds(func(sec int64, leaves []Leaf) {
		for _, l := range leaves {
			if l.Key == metrics && l.Width == 30*time.Second && sec < closed {
				req += l.Req
			}
		}
	})
	if want := closed - epoch.Unix() - 5; req != want || want < 10 {
		t.Errorf("%d late, want %d", req, want)
	}
}
