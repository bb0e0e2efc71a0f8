package board

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"signalbox/internal/traffic"
)

// drawn makes records of some places, nearly in order, with repeats.
func drawn(r *rand.Rand, syms *traffic.Symbols, n int) []traffic.Record {
	out := make([]traffic.Record, n)
	for i := range out {
		var k traffic.Key
		k[traffic.Model], k[traffic.Region] = syms.Intern(fmt.Sprint("m", r.IntN(3))), syms.Intern(fmt.Sprint("r", r.IntN(3)))
		k[traffic.Side] = syms.Intern([]string{"client", "upstream"}[r.IntN(2)])
		at := time.Unix(1_800_000_000, int64(i)*7e6-int64(r.IntN(3000))*1e6)
		switch {
		case i > n/2:
			at = at.Add(3 * time.Hour)
		case r.IntN(200) == 0:
			at = at.Add(-time.Minute)
		}
		out[i] = traffic.Record{
			Time: at, Key: k, RequestID: fmt.Sprint("q", i-r.IntN(30)), Attempt: 1 + r.IntN(2), Known: traffic.HasAttempt,
			Outcome: outcome("none", 200), Explains: r.IntN(50) == 0,
		}
		switch r.IntN(12) {
		case 0, 1:
			out[i].Outcome = outcome("server_error", 500+r.IntN(4))
		case 2:
			out[i].Outcome = outcome("bad_request", 400)
		}
		if rec := &out[i]; r.IntN(8) > 0 {
			rec.Known |= traffic.HasLatency | traffic.HasTokensIn
			rec.Latency, rec.TokensIn = time.Duration(r.ExpFloat64()*1e9), r.Int64N(4000)
		}
		if rec := &out[i]; r.IntN(2) > 0 {
			rec.Known |= traffic.HasTTFT | traffic.HasTokensOut
			rec.TTFT, rec.TokensOut = time.Duration(r.ExpFloat64()*1e8), r.Int64N(400)
		}
		if r.IntN(9) == 0 {
			out[i].FallbackFrom = k[traffic.Model]
		}
	}
	return out
}

// shown prints leaves without their order, which differs: a digest's is that in which places appeared.
func shown(leaves []Leaf) []string {
	var out []string
	for _, l := range leaves {
		out = append(out, fmt.Sprint(l))
	}
	slices.Sort(out)
	return out
}

// A digest counts each second, and the day, as a board does that is given the same records.
func TestDigestCountsAsABoard(t *testing.T) {
	syms := traffic.NewSymbols(0)
	places := traffic.NewPlaces(100)
	b, d := New(Options{Symbols: syms}), NewDigest(places)
	all := drawn(rand.New(rand.NewPCG(1, 2)), syms, 20*batchLen+100)
	var stepped int64
	seconds := 0
	compare := func(to time.Time) {
		if stepped == 0 {
			stepped, _ = b.NextSecond(0)
			stepped--
		}
		for next, ok := b.NextSecond(stepped + 1); ok && next < to.Unix(); next, ok = b.NextSecond(stepped + 1) {
			if got, ok := d.NextSecond(stepped + 1); !ok || got != next {
				t.Fatalf("after %d the digest's next second is %d, the board's %d", stepped, got, next)
			}
			if got, want := shown(d.Leaves(next)), shown(b.Leaves(next)); !slices.Equal(got, want) {
				t.Fatalf("second %d: %v, want %v", next, got, want)
			}
			stepped = next
			seconds++
		}
		stepped = max(stepped, to.Unix()-1)
		d.Close(to.Unix())
	}
	var late int
	for from := 0; from < len(all); from += batchLen {
		batch := all[from:min(from+batchLen, len(all))]
		late += b.Apply(traffic.Batch{Source: "s", Kind: traffic.LogSource, Records: batch}, time.Time{}).Late
		briefs := make([]traffic.Brief, len(batch))
		for i := range batch {
			briefs[i] = batch[i].Brief(places.Of(batch[i].Key))
		}
		if n, looked := d.Take(briefs); n != len(batch) || looked != (n == batchLen) {
			t.Fatalf("took %d of %d", n, len(batch))
		}
		d.Pause()
		if got, want := d.Watermark(), b.Watermark(time.Time{}, false); !got.Equal(want) {
			t.Fatalf("watermark %v, want %v", got, want)
		}
		compare(d.Watermark())
	}
	compare(d.Newest().Add(2 * time.Second))
	if late == 0 || int(d.Late) != late || seconds < 20 {
		t.Errorf("%d late, want %d; %d seconds", d.Late, late, seconds)
	}
	sameSums(t, b, d)
}

func sameSums(t *testing.T, b *Board, d *Digest) {
	t.Helper()
	to := d.Newest()
	sums := d.Sums()
	for _, s := range sums {
		w := b.Window(Query{Sel: exactly(s.Key), From: to.Add(-24 * time.Hour), To: to.Add(time.Second)})
		if w.Req != s.Req {
			t.Errorf("%v: %d requests, want %d", s.Key, s.Req, w.Req)
		}
		for _, o := range s.ByOutcome {
			if w.ByOutcome[o.Outcome] != o.N {
				t.Errorf("%v: %d of %v, want %d", s.Key, o.N, o.Outcome, w.ByOutcome[o.Outcome])
			}
		}
	}
	if keys := b.Keys(traffic.Selector{}); len(keys) != len(sums) {
		t.Errorf("%d places, want %d", len(sums), len(keys))
	}
}

func exactly(k traffic.Key) traffic.Selector {
	var sel traffic.Selector
	for _, dim := range traffic.Dims() {
		sel = sel.Is(dim, k[dim])
	}
	return sel
}

// What is older than a day is not told, and does not fill the memory.
func TestDigestKeepsADay(t *testing.T) {
	places := traffic.NewPlaces(10)
	d := NewDigest(places)
	for minute := range 3 * 24 * 60 {
		at := time.Unix(1_800_000_000, 0).Add(time.Duration(minute) * time.Minute)
		d.Take([]traffic.Brief{{At: at.UnixNano(), Outcome: outcome("none", 200)}})
		places.Of(traffic.Key{})
		d.Pause()
		d.Close(d.Watermark().Unix())
	}
	d.Close(d.Newest().Unix() + 2)
	if sums := d.Sums(); len(sums) != 1 || sums[0].Req != 24*60+1 || len(d.minutes) > 24*60+2 {
		t.Errorf("%+v of %d minutes", sums, len(d.minutes))
	}
}

// The work of a digest grows with the briefs: what a second holds is looked at a bounded number of times.
func TestDigestHoldsOpenSecondsOnly(t *testing.T) {
	places := traffic.NewPlaces(10)
	places.Of(traffic.Key{})
	d := NewDigest(places)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 200_000 {
		at := int64(i)*int64(time.Second) + r.Int64N(int64(20*time.Second))
		if _, looked := d.Take([]traffic.Brief{{At: at, Outcome: outcome("none", 200)}}); looked {
			d.Close(d.Watermark().Unix())
		}
		if len(d.open) > batchLen+30 || len(d.spare) > batchLen+30 {
			t.Fatalf("%d seconds are open, %d spare", len(d.open), len(d.spare))
		}
	}
}
