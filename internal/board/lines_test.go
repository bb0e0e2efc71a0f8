package board

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"signalbox/internal/traffic"
)

// lineWriter makes batches whose successes are lines, and the same batches with all of them as records.
type lineWriter struct {
	syms   *traffic.Symbols
	places *traffic.Places
	source traffic.Sym
	at     time.Time
}

func (w *lineWriter) batch(t *rapid.T) (short, whole traffic.Batch) {
	l := &traffic.Lines{Places: w.places, Source: w.source}
	short = traffic.Batch{Source: "log", Lines: l}
	for range rapid.IntRange(0, 40).Draw(t, "records") {
		rec := w.record(t)
		if !rec.Outcome.Failed() && !rec.Explains {
			w.shorten(l, rec, len(short.Records))
		} else {
			short.Records = append(short.Records, rec)
		}
		whole.Records = append(whole.Records, rec)
	}
	l.Keys = w.places.Keys()
	whole.Source = short.Source
	return short, whole
}

func (w *lineWriter) record(t *rapid.T) traffic.Record {
	w.at = w.at.Add(time.Duration(rapid.IntRange(-300, 700).Draw(t, "step")) * time.Millisecond)
	id := rapid.SampledFrom([]string{"", "q1", "q2", "q3", "q4"}).Draw(t, "id")
	rec := traffic.Record{
		Time: w.at, Source: w.source, RequestID: id, Raw: fmt.Sprintf(`{"id":"%s","at":%d}`, id, w.at.UnixNano()),
		Outcome: outcome("none", 200), Known: traffic.HasStatus | traffic.HasLatency | traffic.HasTTFT | traffic.HasTokensIn | traffic.HasTokensOut,
		Latency: time.Duration(rapid.IntRange(0, 1<<42).Draw(t, "latency")), TTFT: time.Duration(rapid.IntRange(0, 1<<33).Draw(t, "ttft")),
		TokensIn: int64(rapid.IntRange(0, 1<<33).Draw(t, "in")), TokensOut: int64(rapid.IntRange(0, 900).Draw(t, "out")),
		Received: rapid.IntRange(0, 9).Draw(t, "received") == 0,
		Served:   w.syms.Intern(rapid.SampledFrom([]string{"", "m-1", "m-2"}).Draw(t, "served")),
	}
	rec.Key[traffic.Model] = w.syms.Intern("m" + strconv.Itoa(rapid.IntRange(0, 5).Draw(t, "model")))
	rec.Key[traffic.Side] = w.syms.Intern(traffic.SideClient)
	rec.Key[traffic.Caller] = w.syms.Intern(rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "caller"))
	if n := rapid.IntRange(0, 3).Draw(t, "attempt"); n > 0 {
		rec.Attempt, rec.Known = n, rec.Known|traffic.HasAttempt
	}
	switch rapid.IntRange(0, 11).Draw(t, "kind") {
	case 0:
		rec.FallbackFrom = w.syms.Intern("m9")
	case 1:
		rec.Shape = 7
	case 2:
		rec.Attempt, rec.Known = 300, rec.Known|traffic.HasAttempt
	case 3:
		rec.Explains, rec.Code, rec.Message = true, "c", "why"
	case 4, 5:
		rec.Outcome, rec.Code, rec.Message = outcome("overloaded", 529), "overloaded", "Overloaded"
	case 6:
		rec.Time = w.at.Add(time.Hour) // a clock that is wrong
	}
	return rec
}

// shorten adds a record as a line.
func (w *lineWriter) shorten(l *traffic.Lines, rec traffic.Record, records int) {
	x := traffic.Line{
		Brief: rec.Brief(w.places.Of(rec.Key)), Served: rec.Served, Finish: rec.Finish, Shape: rec.Shape,
		After: int32(records), Begin: uint32(len(l.Text)), Size: uint32(len(rec.Raw)), ID: uint32(len(`{"id":"`)), IDSize: uint32(len(rec.RequestID)), //nolint:gosec // small
	}
	l.Text = append(l.Text, rec.Raw...)
	l.All = append(l.All, x)
}

// answersOf is what a board says of everything that it was told.
func answersOf(b *Board, to time.Time) []any {
	out := []any{b.Newest(), b.Watermark(to, false)}
	b.LateSeconds(func(sec int64, leaves []Leaf) { out = append(out, "late", sec, slices.Clone(leaves)) })
	for sec := to.Add(-10 * time.Minute).Unix(); sec <= to.Unix()+1; sec++ {
		if l := b.Leaves(sec); len(l) > 0 {
			out = append(out, sec, l)
		}
	}
	v := b.Records()
	for i := range v.Len() {
		out = append(out, v.At(i))
	}
	s := b.Stats()
	s.RecordBytes, s.TextBytes = 0, 0 // room that was not used up
	return append(out, s, b.Window(Query{From: to.Add(-time.Hour), To: to.Add(time.Hour)}), b.Split(Query{From: to.Add(-time.Hour), To: to.Add(time.Hour)}, traffic.Model, traffic.Caller))
}

// A board makes of lines what it makes of the records that they are in short.
func TestLinesCountAsRecords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		syms := traffic.NewSymbols(0)
		w := &lineWriter{syms: syms, places: traffic.NewPlaces(1000), source: syms.Intern("log"), at: time.Unix(1_800_000_000, 0).UTC()}
		opts := Options{
			Symbols: syms, MaxKeys: rapid.SampledFrom([]int{0, 3}).Draw(t, "keys"), MaxText: rapid.SampledFrom([]int{0, -1}).Draw(t, "text"),
			MaxRecords: rapid.SampledFrom([]int{0, 20, -1}).Draw(t, "most"), MaxFlood: rapid.SampledFrom([]int{0, 300, -1}).Draw(t, "flood"),
		}
		short, whole := New(opts), New(opts)
		for range rapid.IntRange(1, 6).Draw(t, "batches") {
			s, r := w.batch(t)
			now := w.at
			if is, want := short.Apply(s, now), whole.Apply(r, now); is != want {
				t.Fatalf("applied %+v, as records %+v", is, want)
			}
			if rapid.Bool().Draw(t, "look") {
				short.Watermark(now, true)
				whole.Watermark(now, true)
			}
			if rapid.IntRange(0, 9).Draw(t, "pause") == 0 {
				w.at = w.at.Add(25 * time.Hour) // series go
			}
		}
		is, want := answersOf(short, w.at), answersOf(whole, w.at)
		for i := range min(len(is), len(want)) {
			if !reflect.DeepEqual(is[i], want[i]) {
				t.Fatalf("%d:\n%+v, as records\n%+v", i, is[i], want[i])
			}
		}
		if len(is) != len(want) {
			t.Fatalf("%d answers, as records %d", len(is), len(want))
		}
	})
}

// A line has its request id within its text, and keeps it when it loses that text.
func TestLinesKeepTheirIDs(t *testing.T) {
	var d draft
	d.reset(100)
	want := map[int64]texts{}
	for i := range int64(60) {
		x := texts{id: fmt.Sprintf("req-%d", i*i), raw: fmt.Sprintf(`{"n":%d,"id":"req-%d","more":true}`, i, i*i)}
		switch at := len(fmt.Sprintf(`{"n":%d,"id":"`, i)); {
		case i%7 == 0:
			x.message, x.code = "why", "c"
			d.add(x)
		case i%11 == 0:
			x.id = ""
			d.text = append(d.text, x.raw...)
			d.enterLine(len(x.raw), 0, 0)
		default:
			d.text = append(d.text, x.raw...)
			d.enterLine(len(x.raw), at, len(x.id))
		}
		want[100+i] = x
	}
	var u unpacked
	var scratch []byte
	same := func(b *block, of string) {
		u.open(b)
		for seq, x := range want {
			if got := u.texts(seq); got != x {
				t.Errorf("%s: %d is %+v, not %+v", of, seq, got, x)
			}
		}
	}
	b := d.pack(fastPacking, &scratch)
	same(b, "packed")
	thin := b.thinned(&u, &draft{}, &scratch, func(seq int64) bool { return seq%2 == 0 })
	gone := int32(0)
	for seq, x := range want {
		if seq%2 == 0 {
			gone++
			x.raw = ""
			want[seq] = x
		}
	}
	if same(thin, "thinned"); thin.gone != gone {
		t.Errorf("%d of %d have lost their text", thin.gone, gone)
	}
	same(thin.thinned(&u, &draft{}, &scratch, func(int64) bool { return false }), "thinned again")
}
