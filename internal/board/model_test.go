package board

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"signalbox/internal/traffic"
)

var modelWords = []string{
	"Overloaded", "upstream reset", "request_id", "gpt-4o", "Größe", "ΣΊΓΜΑ", "\xff\xfe", "a\nb", "{\"k\":1}", "x", "", "QUOTA exceeded", "日本",
}

func randomText(r *rand.Rand, most int) string {
	var b strings.Builder
	for range r.IntN(most + 1) {
		b.WriteString(modelWords[r.IntN(len(modelWords))])
		fmt.Fprintf(&b, " %x ", r.Uint32())
	}
	return b.String()
}

// randomNumber is mostly small and now and then what no column has room for.
func randomNumber(r *rand.Rand) int64 {
	switch r.IntN(8) {
	case 0:
		return 0
	case 1:
		return r.Int64() - r.Int64()
	case 2:
		return int64(r.IntN(4)) + 1<<31 - 2
	case 3:
		return int64(r.IntN(4)) + 1<<32 - 2
	}
	return int64(r.IntN(5000))
}

func randomRecord(r *rand.Rand, n int) traffic.Record {
	rec := traffic.Record{
		Time: at(time.Duration(n) * time.Millisecond), Outcome: ok200, Source: traffic.Sym(r.IntN(3)),
		Known: traffic.Field(r.IntN(1 << 8)), RequestID: fmt.Sprintf("Req-%d", n), Raw: randomText(r, 12),
	}
	rec.Key[traffic.Model], rec.Key[traffic.Region] = traffic.Sym(r.IntN(20)), traffic.Sym(r.IntN(6))
	if r.IntN(50) == 0 {
		rec.Key[traffic.Caller] = traffic.Sym(r.IntN(60_000))
	}
	rec.Latency, rec.TTFT = time.Duration(randomNumber(r)), time.Duration(randomNumber(r))*time.Microsecond
	rec.TokensIn, rec.TokensOut, rec.TokensCached = randomNumber(r), randomNumber(r), randomNumber(r)
	if r.IntN(4) == 0 {
		rec.Attempt, rec.FallbackFrom, rec.Finish, rec.Served = int(randomNumber(r)), traffic.Sym(r.IntN(5)), traffic.Sym(r.IntN(5)), traffic.Sym(r.IntN(5))
	}
	if r.IntN(5) == 0 {
		rec.Outcome = traffic.Outcome(uint32(1+r.IntN(18))<<16 | uint32(400+r.IntN(200)))
		rec.Code, rec.Type, rec.Message = randomText(r, 1), randomText(r, 1), randomText(r, 3)
		rec.RetryAfter, rec.Shape = time.Duration(randomNumber(r)), r.Uint64()
	}
	if r.IntN(3000) == 0 {
		rec.Raw = strings.Repeat("long ", 40_000)
	}
	return rec
}

// held is the record as columns hold it: long durations are to the microsecond.
func held(rec traffic.Record) traffic.Record {
	for _, d := range []*time.Duration{&rec.Latency, &rec.TTFT} {
		if *d > spanExact && *d <= spanRoom*time.Microsecond {
			*d = d.Round(time.Microsecond)
		}
	}
	rec.Time = rec.Time.UTC()
	return rec
}

// model is the record log as a slice: what a board must show.
type model struct {
	all   []traffic.Record
	added map[int64][]explanation // newest first, as they join
}

func (m *model) append(b *Board, r *rand.Rand, n int) {
	for range n {
		rec := randomRecord(r, len(m.all))
		b.recs.append(&rec, true)
		m.all = append(m.all, held(rec))
	}
}

func (m *model) explain(b *Board, r *rand.Rand) {
	if len(m.all) == 0 {
		return
	}
	seq := int64(len(m.all) - 1 - r.IntN(min(len(m.all), 3000)))
	text := explanation{message: randomText(r, 2), raw: randomText(r, 2)}
	if b.recs.explain(seq, text) {
		m.added[seq] = append([]explanation{text}, m.added[seq]...)
	}
}

// want is the record as the view must show it; without its own raw line where that was let go.
func (m *model) want(seq int64, gone bool) traffic.Record {
	rec := m.all[seq]
	if gone {
		rec.Raw = ""
	}
	for _, a := range m.added[seq] {
		a.join(&rec)
	}
	return rec
}

// compare checks a whole view against the model and gives what the view shows.
func (m *model) compare(t *testing.T, b *Board) []traffic.Record {
	t.Helper()
	v := b.Records()
	s := b.Stats()
	if int(v.First())+v.Len() != len(m.all) || s.Dropped != v.First() || s.Records != v.Len() {
		t.Fatalf("%d records from %d on, %d dropped, of %d", v.Len(), v.First(), s.Dropped, len(m.all))
	}
	var shown []traffic.Record
	d := v.Reader()
	whole, lost := false, int64(0)
	for i := range v.Len() {
		seq := v.First() + int64(i)
		got := d.At(i)
		gone := false
		if want := m.want(seq, false); got != want {
			gone = got == m.want(seq, true) && s.LetGo > 0
			if !gone || whole || want.Outcome.Failed() {
				t.Fatalf("record %d of %d, gone %v after a whole one %v:\ngot  %+v\nwant %+v", seq, len(m.all), gone, whole, got, want)
			}
		}
		if gone {
			lost++
		}
		whole = whole || !gone && !got.Outcome.Failed() && m.all[seq].Raw != "" && seq%blockRecords == 0
		shown = append(shown, got)
	}
	if s.LetGo < lost || s.LetGo > lost+blockRecords { // a block of which some records have gone counts whole
		t.Fatalf("%d have lost their line, %d are counted", lost, s.LetGo)
	}
	return shown
}

// hits finds by looking at everything.
func hits(shown []traffic.Record, first int64, f Find) []Hit {
	fold := func(s string) string { return s }
	if !f.CaseCounts {
		fold = func(s string) string { return string(foldWide(nil, []byte(s))) }
	}
	var out []Hit
	bad, good := f.Failures, f.Successes
	for i := len(shown) - 1; i >= 0; i-- {
		r := &shown[i]
		want := &good
		if r.Outcome.Failed() {
			want = &bad
		}
		if *want <= 0 || !f.Sel.Match(r.Key) {
			continue
		}
		has := f.Text == "" || f.InKey != nil && f.InKey(r.Key) || f.InOutcome != nil && f.InOutcome(r.Outcome)
		for _, s := range []string{r.RequestID, r.Code, r.Type, r.Message, r.Raw} {
			has = has || strings.Contains(fold(s), fold(f.Text))
		}
		if has != (f.Not && f.Text != "") {
			*want--
			out = append(out, Hit{first + int64(i), r.Outcome.Failed()})
		}
	}
	return out
}

var modelNeedles = []string{
	"", "overloaded", "Overloaded", "UPSTREAM RESET", "größe", "GRÖSSE", "σίγμα", "k\":1", "req-1", "REQ-77", "zzz", "日本", "a1", "\xff", "4", "quota ",
}

func (m *model) search(t *testing.T, b *Board, r *rand.Rand, shown []traffic.Record) {
	t.Helper()
	v := b.Records()
	f := Find{
		Text: modelNeedles[r.IntN(len(modelNeedles))], CaseCounts: r.IntN(3) == 0, Not: r.IntN(4) == 0,
		Failures: r.IntN(3) * r.IntN(2000), Successes: r.IntN(3) * r.IntN(2000),
	}
	if r.IntN(2) == 0 {
		f.Sel = f.Sel.Is(traffic.Model, traffic.Sym(r.IntN(20)))
	}
	if r.IntN(4) == 0 {
		f.InKey = func(k traffic.Key) bool { return k[traffic.Region] == 3 }
		f.InOutcome = func(o traffic.Outcome) bool { return o.Status() == 417 }
	}
	got, reached := v.Finder(f).Look(noEnd{}, v.First(), v.First()+int64(v.Len()))
	want := hits(shown, v.First(), f)
	if !reflect.DeepEqual(got, want) && len(got)+len(want) > 0 {
		t.Fatalf("%+v: %d hits, want %d\n%v\n%v", f, len(got), len(want), got[:min(5, len(got))], want[:min(5, len(want))])
	}
	if reached != v.First() && len(got) < f.Failures+f.Successes && f.Failures+f.Successes > 0 {
		t.Fatalf("stopped at %d with %d hits", reached, len(got))
	}
}

func TestRecordsAreLikeASlice(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			b := New(Options{MaxRecords: 1500 + r.IntN(3000), MaxText: 60_000 + r.IntN(500_000)})
			m := &model{added: map[int64][]explanation{}}
			for range 7 {
				m.append(b, r, r.IntN(1200))
				for range r.IntN(100) {
					m.explain(b, r)
				}
				if r.IntN(3) == 0 {
					for range floodBlocks {
						b.Tighten(0) // blocks that came before are no flood any more
					}
					b.Tighten(r.IntN(20))
				}
				shown := m.compare(t, b)
				for range 4 {
					m.search(t, b, r, shown)
				}
			}
		})
	}
}

// TestRecordsOverSegments is the same over the border between segments.
func TestRecordsOverSegments(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 1))
	b := New(Options{MaxRecords: 3000})
	m := &model{added: map[int64][]explanation{}}
	rec := held(traffic.Record{Time: at(0), Outcome: gw502, RequestID: "plain"})
	for range segmentLen - 1500 {
		b.recs.append(&rec, true)
		m.all = append(m.all, rec)
	}
	for range 4 {
		m.append(b, r, 800)
		m.explain(b, r)
		m.search(t, b, r, m.compare(t, b))
	}
}

func TestFinderStopsWhenNobodyWaits(t *testing.T) {
	b := New(Options{})
	for i := range 5000 {
		b.Apply(logs("l", traffic.Record{Time: at(time.Duration(i)), Outcome: ok200, Raw: "line"}), at(0))
	}
	v := b.Records()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got, reached := v.Finder(Find{Text: "line", Successes: 9000}).Look(ctx, 0, 5000)
	if len(got) != 0 || reached != 5000 {
		t.Errorf("%d found, down to %d", len(got), reached)
	}
	f := v.Finder(Find{Text: "line", Successes: 10})
	first, reached := f.Look(t.Context(), 0, 5000)
	next, _ := f.Look(t.Context(), 0, reached)
	if len(first) != 10 || len(next) != 10 || next[0].Seq != first[9].Seq-1 {
		t.Errorf("a search cannot be taken up where it stopped: %v then %v", first, next)
	}
}

// TestViewsStandStill reads views in several goroutines while the owner appends, explains, thins and tightens.
func TestViewsStandStill(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	b := New(Options{MaxRecords: 6000, MaxText: 300_000})
	m := &model{added: map[int64][]explanation{}}
	var wg sync.WaitGroup
	views := make(chan Records)
	for range 2 {
		wg.Go(func() {
			for v := range views {
				before := v.Last(40, nil)
				f := Find{Text: "overloaded", Failures: 50, Successes: 50}
				was, _ := v.Finder(f).Look(noEnd{}, v.First(), v.First()+int64(v.Len()))
				is, _ := v.Finder(f).Look(noEnd{}, v.First(), v.First()+int64(v.Len()))
				if after := v.Last(40, nil); !reflect.DeepEqual(before, after) || !reflect.DeepEqual(was, is) {
					t.Error("a view changed")
				}
			}
		})
	}
	for range 30 {
		m.append(b, r, 300)
		views <- b.Records()
		for range 40 {
			m.explain(b, r)
		}
		b.Tighten(2)
	}
	close(views)
	wg.Wait()
}

func TestExplainedSince(t *testing.T) {
	b := New(Options{})
	rec := traffic.Record{Time: at(0), Outcome: gw502}
	for range 3 * maxExplained {
		b.recs.append(&rec, true)
	}
	_, mark, _ := b.Records().Explained(0)
	for i := range int64(10) {
		b.recs.explain(i, explanation{message: "m"})
	}
	old := b.Records()
	who, next, ok := old.Explained(mark)
	if !ok || len(who) != 10 || who[9] != 9 {
		t.Fatalf("%v %v", who, ok)
	}
	for i := range int64(2*maxExplained + 5) {
		b.recs.explain(i+100, explanation{message: "m"})
	}
	if who, _, ok := b.Records().Explained(next); ok {
		t.Errorf("%d of more than are remembered", len(who))
	}
	if again, _, _ := old.Explained(mark); !reflect.DeepEqual(again, who) {
		t.Error("the old view changed")
	}
}
