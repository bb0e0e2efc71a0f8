package board

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"signalbox/internal/traffic"
)

func TestRecordsKeepWhatWasRead(t *testing.T) {
	syms := traffic.NewSymbols(0)
	b := New(Options{Symbols: syms})
	rec := traffic.Record{
		Time: at(time.Second), Key: keyOf(syms, "model", "gpt-4o"), Served: syms.Intern("gpt-4o-2024"), Outcome: gw502,
		Known: traffic.HasLatency | traffic.HasAttempt, Latency: time.Second, TTFT: 2, RetryAfter: 3, TokensIn: 4, TokensOut: 5,
		TokensCached: 6, Attempt: 2, FallbackFrom: syms.Intern("x"), Finish: syms.Intern("stop"), Source: syms.Intern("log"),
		Shape: 7, RequestID: "r1", Code: "c", Type: "t", Message: "m", Raw: "raw",
	}
	b.Apply(logs("l", rec), at(time.Second))
	if got := b.Records().At(0); got != rec {
		t.Errorf("got  %+v\nwant %+v", got, rec)
	}
	if got := b.Records().At(1); got != (traffic.Record{}) {
		t.Errorf("beyond the end: %+v", got)
	}
}

func TestLastAndSearch(t *testing.T) {
	b := New(Options{})
	const total = segmentLen + 32_768
	for i := range total {
		r := traffic.Record{Time: at(time.Duration(i) * time.Millisecond), Outcome: ok200, RequestID: fmt.Sprint("req-", i)}
		if i%1000 == 0 && i > total-7000 {
			r.Outcome, r.Message = gw502, "Upstream Reset"
		}
		b.Apply(logs("l", r), r.Time)
	}
	recs := b.Records()
	failed := recs.Last(3, func(r traffic.Record) bool { return r.Outcome.Failed() })
	if len(failed) != 3 || failed[0].RequestID != "req-98000" || failed[2].RequestID != "req-96000" {
		t.Errorf("%v", failed)
	}
	if by := recs.LastBy(100, func(h Head) bool { return h.Outcome == gw502 }, nil); len(by) != 7 {
		t.Errorf("%d by head", len(by))
	}
	for text, want := range map[string]int{"upstream reset": 7, "Upstream": 7, "UPSTREAM": 0, "req-96143": 1, "REQ-96143": 0, "nothing": 0} {
		if got := recs.Search(text, 10); len(got) != want {
			t.Errorf("%q: %d found, want %d", text, len(got), want)
		}
	}
}

func TestOldRecordsGo(t *testing.T) {
	b := New(Options{MaxRecords: 8000})
	total := 20_010
	for i := range total {
		b.Apply(logs("l", traffic.Record{Time: at(time.Duration(i)), Outcome: ok200, RequestID: fmt.Sprint(i)}), at(0))
	}
	recs, s := b.Records(), b.Stats()
	if recs.Len() < 8000 || recs.Len() > 8000+blockRecords || s.Dropped+int64(recs.Len()) != int64(total) {
		t.Errorf("%d held, %d dropped of %d", recs.Len(), s.Dropped, total)
	}
	if got := recs.At(0).RequestID; got != fmt.Sprint(recs.First()) {
		t.Errorf("oldest is %s, first %d", got, recs.First())
	}
	fat := New(Options{MaxText: 1 << 19})
	for i := range 30_000 {
		fat.Apply(logs("l", traffic.Record{Time: at(time.Duration(i)), Raw: fmt.Sprintf("%x", sha256.Sum256([]byte{byte(i), byte(i >> 8), byte(i >> 16)}))}), at(0))
	}
	if s := fat.Stats(); s.Records != 30_000 || s.LetGo == 0 || s.TextBytes > 1<<19+3*blockText {
		t.Errorf("%d records, %d without their line, %d bytes of text with room for a megabyte", s.Records, s.LetGo, s.TextBytes)
	}
}

func TestExplanationsJoinTheFailure(t *testing.T) {
	b := New(Options{})
	trace := func(id, text string) traffic.Record {
		return traffic.Record{Explains: true, RequestID: id, Message: text, Raw: "trace " + id}
	}
	before := func() Records {
		b.Apply(logs("l",
			traffic.Record{Time: at(0), Outcome: gw502, RequestID: "a", Raw: "line a"},
			traffic.Record{Time: at(1), Outcome: ok200, RequestID: "a"},
			trace("late", "came first")), at(0))
		return b.Records()
	}()
	a := b.Apply(logs("l",
		trace("a", "reset by peer"),
		traffic.Record{Time: at(2), Outcome: gw502, RequestID: "late"},
		trace("", "whose?")), at(0))
	if a.Explained != 2 || a.Counted != 1 || a.Records != 3 {
		t.Errorf("%+v", a)
	}
	if got := before.At(0); got.Message != "" || got.Raw != "line a" {
		t.Errorf("a view changed after it was made: %+v", got)
	}
	now := b.Records()
	if got := now.At(0); got.Message != "reset by peer" || got.Raw != "line a\ntrace a" {
		t.Errorf("not joined: %+v", got)
	}
	if got := now.At(2); got.Message != "came first" {
		t.Errorf("a text that came before its record: %+v", got)
	}
	if w := b.Window(Query{From: at(0), To: at(time.Second)}); w.Req != 3 {
		t.Errorf("%d counted", w.Req)
	}
	if s := b.Stats(); s.Orphans != 1 || s.Explained != 3 {
		t.Errorf("%+v", s)
	}
}

func TestFirstAttempts(t *testing.T) {
	syms := traffic.NewSymbols(0)
	b := New(Options{Symbols: syms})
	eu, us := keyOf(syms, "deployment", "eu"), keyOf(syms, "deployment", "us")
	try := func(id string, n int, k traffic.Key, o traffic.Outcome) traffic.Record {
		return traffic.Record{Time: at(0), RequestID: id, Known: traffic.HasAttempt, Attempt: n, Key: k, Outcome: o}
	}
	b.Apply(logs("l",
		try("a", 1, eu, gw502), try("a", 2, eu, gw502), try("a", 3, us, gw502), try("a", 4, us, ok200),
		try("", 2, eu, gw502), traffic.Record{Time: at(0), Key: eu, Outcome: gw502}), at(0))
	first := map[traffic.Key]int64{}
	for _, l := range b.Leaves(epoch.Unix()) {
		first[l.Key] = l.FirstReq
	}
	if first[eu] != 2 || first[us] != 1 {
		t.Errorf("first attempts: %d in eu, want 2; %d in us, want 1", first[eu], first[us])
	}
	if w := b.Window(Query{From: at(0), To: at(time.Second)}); w.Req != 6 || w.Retry != 3 {
		t.Errorf("%d requests, %d repeats", w.Req, w.Retry)
	}
}

func TestReadersNeedNoLock(t *testing.T) {
	b := New(Options{MaxRecords: 8000})
	views := make(chan Records)
	var wg sync.WaitGroup
	wg.Go(func() {
		for v := range views {
			n := v.Len()
			got := v.Last(50, func(r traffic.Record) bool { return r.Outcome.Failed() })
			again := v.Last(50, func(r traffic.Record) bool { return r.Outcome.Failed() })
			if v.Len() != n || len(got) != len(again) {
				t.Error("the view changed")
				return
			}
			for i := range got {
				if got[i] != again[i] {
					t.Errorf("the view changed: %+v then %+v", got[i], again[i])
					return
				}
			}
		}
	})
	for i := range 24_000 {
		id := fmt.Sprint(i)
		batch := logs("l", traffic.Record{Time: at(time.Duration(i)), Outcome: gw502, RequestID: id}, traffic.Record{Explains: true, RequestID: id, Message: "because"})
		b.Apply(batch, at(0))
		if i%500 == 0 {
			views <- b.Records()
		}
	}
	close(views)
	wg.Wait()
}

// In a flood nothing is packed tighter; when it ends, all is.
func TestTightenWaitsForTheFloodToEnd(t *testing.T) {
	b := New(Options{MaxText: 400 << 10})
	raw := strings.Repeat("a line of text that packs well, ", 20)
	for i := range 3000 {
		rec := traffic.Record{Time: at(0), Outcome: gw502, Raw: fmt.Sprint(i, raw)}
		rec.Raw += fmt.Sprint(i*7919%104729, i*31, i*i)
		b.recs.append(&rec, true)
	}
	sealed := b.recs.sealed
	if sealed < 4 || b.recs.text <= b.recs.maxText/8 {
		t.Fatalf("%d blocks of %d bytes", sealed, b.recs.text)
	}
	b.recs.maxText = b.recs.text
	for b.recs.sealed = 1000; ; b.recs.sealed += 4 { // two more than in quiet times, for as long as it lasts
		if !b.Tighten(100) || b.recs.loose != 0 {
			t.Fatalf("%d blocks were packed in a flood", b.recs.loose)
		}
		if b.recs.sealed == floodBlocks {
			break
		}
	}
	calls := 1
	for b.Tighten(2) && b.recs.loose == 0 {
		calls++
	}
	if calls*calmBlocks > floodBlocks {
		t.Errorf("the flood is over after %d calls", calls)
	}
	for b.Tighten(2) {
		continue
	}
	if b.recs.text > b.recs.maxText/2 && b.recs.loose != len(b.recs.blocks) {
		t.Errorf("%d of %d blocks were packed after it", b.recs.loose, len(b.recs.blocks))
	}
	if b.recs.loose == 0 {
		t.Error("nothing was packed")
	}
}
