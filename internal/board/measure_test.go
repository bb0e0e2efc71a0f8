package board

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"signalbox/internal/traffic"
)

// histogram counts the values of leaves by bin.
type histogram map[int16]int64

func (h histogram) add(bins []traffic.Bin) {
	for i, b := range bins {
		if b.N <= 0 || i > 0 && bins[i-1].At >= b.At {
			panic(fmt.Sprint("bins are not sorted or empty: ", bins))
		}
		h[b.At] += int64(b.N)
	}
}

// heard is what detection is told of one second beside its counts.
type heard struct {
	lat, ttft, tok histogram
	again          int64
	callers, fell  map[traffic.Sym]int64
}

func newHeard() heard {
	return heard{lat: histogram{}, ttft: histogram{}, tok: histogram{}, callers: map[traffic.Sym]int64{}, fell: map[traffic.Sym]int64{}}
}

func (a *heard) leaves(list []Leaf) {
	for _, l := range list {
		a.lat.add(l.Lat)
		a.ttft.add(l.TTFT)
		a.tok.add(l.Tok)
		a.again += l.Again
		for _, c := range l.Callers {
			a.callers[c.Caller] += c.N
		}
		for _, f := range l.Fell {
			a.fell[f.From] += f.N
		}
	}
}

// record says of one record what the leaves should come to.
func (a *heard) record(rec *traffic.Record) {
	us := func(d time.Duration) int16 { return traffic.BinOf(float64(d) / 1e3) }
	if rec.Known&traffic.HasAttempt != 0 && rec.Attempt > 1 {
		a.again++
	} else if !rec.Outcome.Failed() {
		if rec.Known&traffic.HasLatency != 0 {
			a.lat[us(rec.Latency)]++
		}
		if rec.Known&traffic.HasTTFT != 0 {
			a.ttft[us(rec.TTFT)]++
		}
	}
	if n := rec.TokensIn + rec.TokensOut; n > 0 {
		a.tok[traffic.BinOf(float64(n))]++
	}
	if rec.Outcome.Class().Caller() {
		a.callers[rec.Key[traffic.Caller]]++
	}
	if rec.FallbackFrom != traffic.Unknown {
		a.fell[rec.FallbackFrom]++
	}
}

func (a *heard) same(b *heard) bool {
	return maps.Equal(a.lat, b.lat) && maps.Equal(a.ttft, b.ttft) && maps.Equal(a.tok, b.tok) && a.again == b.again && maps.Equal(a.callers, b.callers) && maps.Equal(a.fell, b.fell)
}

// measuredRecords are those of three busy seconds of one model.
func measuredRecords(r *rand.Rand, n int) []traffic.Record {
	out := make([]traffic.Record, n)
	for i := range out {
		rec := &out[i]
		*rec = traffic.Record{Time: time.Unix(1_800_000_000+int64(i*3/n), int64(i)), Outcome: outcome("none", 200), Attempt: 1, Known: traffic.HasAttempt}
		rec.Key[traffic.Model], rec.Key[traffic.Caller] = 5, traffic.Sym(10+r.IntN(3))
		rec.Key[traffic.Stream] = traffic.Sym(20 + r.IntN(2))
		switch r.IntN(10) {
		case 0:
			rec.Outcome = outcome("bad_request", 400)
		case 1:
			rec.Outcome = outcome("bad_gateway", 502)
		case 2:
			rec.Attempt = 2 // and it is not told of what
		case 3:
			rec.FallbackFrom = traffic.Sym(30 + r.IntN(3))
		}
		if r.IntN(4) > 0 {
			rec.Known |= traffic.HasLatency | traffic.HasTTFT
			rec.Latency, rec.TTFT = time.Duration(r.ExpFloat64()*2e9), time.Duration(r.ExpFloat64()*1e8)
		}
		switch r.IntN(3) {
		case 0:
			rec.Known |= traffic.HasTokensIn
			rec.TokensIn = r.Int64N(100)
		case 1:
			rec.Known |= traffic.HasTokensIn | traffic.HasTokensOut
			rec.TokensIn, rec.TokensOut = 10+r.Int64N(100_000), r.Int64N(4000)
		}
	}
	return out
}

// What detection is told of latencies, tokens, attempts and callers is what the records say, live and of a finished log.
func TestLeavesMeasureWhatTheRecordsSay(t *testing.T) {
	for _, n := range []int{30, 3000, 40_000} { // of which the last are too many to be kept one by one
		all := measuredRecords(rand.New(rand.NewPCG(7, uint64(n))), n)
		places := traffic.NewPlaces(100)
		b, d := New(Options{}), NewDigest(places)
		want := map[int64]*heard{}
		for from := 0; from < n; from += batchLen {
			batch := all[from:min(from+batchLen, n)]
			b.Apply(traffic.Batch{Source: "s", Kind: traffic.LogSource, Records: batch}, time.Time{})
			var briefs []traffic.Brief
			for i := range batch {
				rec := &batch[i]
				briefs = append(briefs, rec.Brief(places.Of(rec.Key.Cell())))
				a, ok := want[rec.Time.Unix()]
				if !ok {
					x := newHeard()
					a = &x
					want[rec.Time.Unix()] = a
				}
				a.record(rec)
			}
			d.Take(briefs)
		}
		for i := range int64(3) {
			sec := 1_800_000_000 + i
			live, scan := newHeard(), newHeard()
			live.leaves(b.Leaves(sec))
			live2 := newHeard()
			live2.leaves(b.Leaves(sec))
			leaves := d.Leaves(sec)
			scan.leaves(leaves)
			if !live.same(want[sec]) || !live2.same(want[sec]) || !scan.same(want[sec]) {
				t.Fatalf("%d records, second %d: live %v\nscan %v\nwant %v", n, i, live, scan, want[sec])
			}
			if len(leaves) != 2 {
				t.Errorf("%d leaves: whether an answer was a stream is not told apart", len(leaves))
			}
			d.Close(sec + 1)
		}
	}
}

// What was measured is held until detection has asked, and no longer than the finest resolution when nobody asks.
func TestMeasuredSecondsAreGivenUp(t *testing.T) {
	b := New(Options{})
	put := func(sec int64) {
		b.Apply(traffic.Batch{Source: "s", Kind: traffic.LogSource, Records: []traffic.Record{{
			Time: time.Unix(sec, 0), Outcome: outcome("none", 200), Known: traffic.HasLatency, Latency: time.Second,
		}}}, time.Time{})
	}
	held := func() (n int) {
		for _, s := range b.series.all {
			n += len(s.fresh)
		}
		return n
	}
	const start = 1_800_000_000
	for i := range int64(100) {
		put(start + i)
		if l := b.Leaves(start + i - 2); i >= 2 && (len(l) != 1 || len(l[0].Lat) != 1 || l[0].Lat[0].N != 1) {
			t.Fatalf("second %d: %+v", i, l)
		}
		if n := held(); n > 3 {
			t.Fatalf("%d seconds are held", n)
		}
	}
	put(start + 50)
	if l := b.Leaves(start + 50); len(l) != 1 || l[0].Req != 2 || l[0].Lat != nil || held() > 3 {
		t.Errorf("a second that was asked for long ago: %+v, %d held", l, held())
	}
	b = New(Options{})
	b.Watermark(time.Time{}, false)
	for i := range int64(5000) {
		put(start + i)
		b.Watermark(time.Time{}, false)
	}
	if n := held(); int64(n) > defaultSpans[0]+20 {
		t.Errorf("%d seconds are held for nobody", n)
	}
}
