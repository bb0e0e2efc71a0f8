package traffic

import (
	"testing"
	"time"

	"signalbox/internal/fault"
)

func TestBriefSaysWhatTheRecordSays(t *testing.T) {
	rec := Record{
		Time: time.Unix(5, 6), Received: true, FallbackFrom: 9, RequestID: "q", Attempt: 2, Known: HasAttempt | HasLatency, Latency: time.Second,
		TTFT: 2, TokensIn: 3, TokensOut: 4, TokensCached: 5, Outcome: NewOutcome(fault.Timeout, 504),
	}
	got := rec.Brief(7)
	want := Brief{
		At: 5_000_000_006, Request: RequestHash([]byte("q")), Latency: int64(time.Second), TTFT: 2, TokensIn: 3, TokensOut: 4, TokensCached: 5,
		Outcome: rec.Outcome, Place: 7, Attempt: 2, Known: rec.Known, Marks: Received | FellBack, From: 9,
	}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if rec = (Record{Explains: true}); rec.Brief(0).Marks != Explains || rec.Brief(0).Request != 0 {
		t.Errorf("%+v", rec.Brief(0))
	}
	if q := RequestHash([]byte("q")); q == RequestHash([]byte("r")) || q != got.Request {
		t.Error("ids are not told apart by their numbers")
	}
}

func TestPlacesAreBounded(t *testing.T) {
	p := NewPlaces(2)
	a, b, c := Key{Model: 5, Env: 3, Caller: 4}, Key{Model: 6}, Key{Model: 7, Env: 3}
	if p.Of(a) != 0 || p.Of(b) != 1 || p.Of(a) != 0 || p.Key(1) != b {
		t.Errorf("%v", p.Keys())
	}
	if n := p.Of(c); n != 2 || p.Key(n)[Model] != Other || p.Key(n)[Env] != 3 || p.Of(Key{Model: 8, Env: 3}) != 2 {
		t.Errorf("beyond the bound: %v", p.Keys())
	}
	a[Stream] = 9
	if a.Cell() != (Key{Model: 5, Env: 3, Stream: 9}) {
		t.Errorf("%v", a.Cell())
	}
}
