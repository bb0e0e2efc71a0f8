package board

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"signalbox/internal/traffic"
)

func one(source string, t time.Time) traffic.Batch {
	return logs(source, traffic.Record{Time: t, Outcome: ok200})
}

func TestWatermark(t *testing.T) {
	type step struct {
		source string
		event  time.Duration // -1: nothing comes
		now    time.Duration
		want   time.Duration // of the watermark
	}
	const s = time.Second
	for _, c := range []struct {
		name  string
		live  bool
		steps []step
	}{
		{"one source in order", false, []step{{"a", 0, 0, 0}, {"a", 3 * s, s, 3 * s}, {"a", 4 * s, s, 4 * s}}},
		{"the slower of two", false, []step{{"a", 10 * s, 0, 10 * s}, {"b", 7 * s, 0, 10 * s}, {"a", 20 * s, s, 15 * s}, {"b", 19 * s, s, 19 * s}}},
		{"at most five seconds behind", false, []step{{"a", 0, 0, 0}, {"b", 100 * s, 60 * s, 95 * s}}},
		{"never back", false, []step{{"a", 50 * s, 0, 50 * s}, {"b", 46 * s, 0, 50 * s}, {"b", 47 * s, s, 50 * s}}},
		{"a line out of order makes it wait", false, []step{{"a", 10 * s, 0, 10 * s}, {"a", 9 * s, 0, 10 * s}, {"a", 20 * s, 0, 19*s + 166666667}}},
		{"live it goes on without traffic", true, []step{{"a", 0, 0, 0}, {"a", -1, 4 * s, 0}, {"a", -1, 8 * s, 3 * s}, {"a", -1, 60 * s, 55 * s}}},
		{"live, from a log whose clock is behind", true, []step{{"a", -3600 * s, 0, -3600 * s}, {"a", -1, 8 * s, -3597 * s}}},
		{"live, a silent source does not hold it back", true, []step{{"a", 0, 0, 0}, {"b", 10 * s, 10 * s, 5 * s}, {"b", 21 * s, 21 * s, 21 * s}}},
		{"live, a source that comes every twenty seconds is waited for", true, []step{{"a", 0, 0, 0}, {"a", 20 * s, 20 * s, 20 * s}, {"a", -1, 40 * s, 20 * s}, {"a", -1, 46 * s, 21 * s}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := New(Options{})
			if !b.Watermark(at(0), c.live).IsZero() {
				t.Error("a watermark before the first event")
			}
			for i, x := range c.steps {
				if x.event != -1 {
					b.Apply(one(x.source, at(x.event)), at(x.now))
				}
				if got := b.Watermark(at(x.now), c.live).Sub(epoch); got-x.want > time.Millisecond || x.want-got > time.Millisecond {
					t.Errorf("step %d: %v, want %v", i, got, x.want)
				}
			}
		})
	}
}

func TestFailingSourcesDoNotHoldTheWatermark(t *testing.T) {
	b := New(Options{})
	b.Apply(one("a", at(0)), at(0))
	b.Apply(traffic.Batch{Source: "a", State: &traffic.SourceState{Health: traffic.Waiting}}, at(0))
	b.Apply(one("b", at(3*time.Second)), at(0))
	if got := b.Watermark(at(0), false); !got.Equal(at(3 * time.Second)) {
		t.Errorf("watermark %v", got.Sub(epoch))
	}
}

func TestWatermarkNeverGoesBackAndLateIsCounted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := New(Options{})
		live := rapid.Bool().Draw(t, "live")
		now, last := at(0), time.Time{}
		late, counted := 0, 0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 4000).Draw(t, "tick")) * time.Millisecond)
			event := now.Add(time.Duration(rapid.IntRange(-40_000, 90_000).Draw(t, "off")) * time.Millisecond)
			a := b.Apply(one(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "source"), event), now)
			if event.Sub(now) > skewLimit {
				event = now
			}
			if want := !last.IsZero() && event.Unix() < last.Unix(); want != (a.Late == 1) {
				t.Fatalf("late %d, event %v, watermark %v", a.Late, event, last)
			}
			late += a.Late
			counted++
			if rec := b.Records().At(counted - 1); rec.Late != (a.Late == 1) {
				t.Fatal("the record is not marked")
			}
			mark := b.Watermark(now, live)
			if mark.Before(last) {
				t.Fatalf("back from %v to %v", last, mark)
			}
			last = mark
		}
		if s := b.Stats(); s.Late != int64(late) {
			t.Fatalf("%d late, %d in the stats", late, s.Late)
		}
		if w := b.Window(Query{From: at(-time.Hour), To: at(time.Hour)}); w.Req != int64(counted) {
			t.Fatalf("%d of %d counted", w.Req, counted)
		}
	})
}

func TestAuthority(t *testing.T) {
	syms := traffic.NewSymbols(0)
	b := New(Options{Symbols: syms})
	k := keyOf(syms, "gateway", "edge", "side", "client")
	elsewhere := keyOf(syms, "gateway", "other", "side", "client")
	scrape := func(k traffic.Key, from, n int64) traffic.Batch {
		return traffic.Batch{Source: "m", Kind: traffic.ScrapeSource, Counts: []traffic.Count{{
			Key: k, Outcome: ok200, N: n, From: at(time.Duration(from) * time.Second), To: at(time.Duration(from+10) * time.Second),
		}}}
	}
	all := Query{From: at(-time.Hour), To: at(time.Hour)}
	b.Apply(scrape(k, 0, 50), at(10*time.Second))
	b.Apply(scrape(elsewhere, 0, 10), at(10*time.Second))
	if w := b.Window(all); w.Req != 60 {
		t.Errorf("without a log the scrape counts: %d", w.Req)
	}
	for sec := range int64(400) {
		rec := traffic.Record{Time: at(time.Duration(sec) * time.Second), Key: k, Outcome: ok200}
		b.Apply(logs("l", rec, rec, rec, rec), rec.Time)
		if sec%10 == 0 {
			b.Apply(scrape(k, sec, 50), rec.Time.Add(10*time.Second))
		}
		if found := b.Crosscheck(rec.Time); sec < 290 && len(found) > 0 {
			t.Fatalf("after %d s: %v", sec, found)
		}
	}
	if w := b.Window(all); w.Req != 1610 {
		t.Errorf("with a log the scrape of its gateway must not count: %d", w.Req)
	}
	found := b.Crosscheck(at(400 * time.Second))
	if len(found) != 1 || found[0].Log != 1200 || found[0].Scrape != 1500 || found[0].Measure != MeasureRequests {
		t.Fatalf("%+v", found)
	}
	if text := found[0].String(); !strings.Contains(text, "1200") || !strings.Contains(text, "1500") || !strings.Contains(text, "edge") {
		t.Error(text)
	}
	b.Prefer(k[traffic.Gateway], k[traffic.Side], traffic.ScrapeSource)
	if w := b.Window(all); w.Req != 50+40*50+10 {
		t.Errorf("with the scrape preferred: %d", w.Req)
	}
	if leaves := b.Leaves(at(5 * time.Second).Unix()); len(leaves) != 2 || leaves[0].Width+leaves[1].Width != 20*time.Second {
		t.Errorf("leaves %+v", leaves)
	}
}
