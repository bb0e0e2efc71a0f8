package board

import (
	"testing"
	"time"

	"signalbox/internal/traffic"
)

// A window that was counted once is given again as long as the board is the same, and never after.
func TestWindowKeptUntilTheBoardChanges(t *testing.T) {
	syms := traffic.NewSymbols(0)
	b := New(Options{Symbols: syms})
	key := keyOf(syms, "side", "client", "model", "a")
	add := func(s int, o traffic.Outcome) {
		b.Apply(logs("log", traffic.Record{Time: at(time.Duration(s) * time.Second), Key: key, Outcome: o}), at(time.Minute))
	}
	add(1, gw502)
	add(2, ok200)
	q := Query{From: at(0), To: at(10 * time.Second), Skip: NoSketch}
	first := b.Window(q)
	first.ByOutcome[ok200] = 99 // it shares nothing with the board
	for range 2 {
		if again := b.Window(q); again.Req != 2 || again.Err != 1 || again.ByOutcome[ok200] != 1 {
			t.Errorf("asked again: %+v", again)
		} else {
			again.ByOutcome[gw502] = 99
		}
	}
	if len(b.kept.windows) != 1 {
		t.Errorf("%d windows are kept", len(b.kept.windows))
	}
	for name, other := range map[string]Query{
		"another span":     {From: at(2 * time.Second), To: at(10 * time.Second), Skip: NoSketch},
		"another selector": {From: q.From, To: q.To, Skip: NoSketch, Sel: traffic.Selector{}.Is(traffic.Model, key[traffic.Model]).And(traffic.Term{Dim: traffic.Side, Not: true, Any: []traffic.Sym{key[traffic.Side]}})},
		"with a code":      {From: q.From, To: q.To, Skip: NoSketch, Codes: []int{502}},
		"with sketches":    {From: q.From, To: q.To},
	} {
		w := b.Window(other)
		if fresh := New(Options{Symbols: syms}); same(w, rebuilt(fresh, key).Window(other)) != "" {
			t.Errorf("%s: %s", name, same(w, fresh.Window(other)))
		}
	}
	add(3, gw502)
	if w := b.Window(q); w.Req != 3 || w.Err != 2 {
		t.Errorf("after one more: %+v", w)
	}
	b.Window(q)
	b.Prefer(key[traffic.Gateway], key[traffic.Side], traffic.ScrapeSource)
	if len(b.kept.windows) != 0 {
		t.Error("another source counts, and what was counted before is kept")
	}
}

// rebuilt has what TestWindowKept has counted first, and nothing was asked of it yet.
func rebuilt(b *Board, key traffic.Key) *Board {
	b.Apply(logs("log", traffic.Record{Time: at(time.Second), Key: key, Outcome: gw502}, traffic.Record{Time: at(2 * time.Second), Key: key, Outcome: ok200}), at(time.Minute))
	return b
}

// What a log told last is known without a look at its seconds, whether it came as a record or as a line.
func TestTold(t *testing.T) {
	syms := traffic.NewSymbols(0)
	b := New(Options{Symbols: syms})
	quiet, loud := keyOf(syms, "gateway", "q"), keyOf(syms, "gateway", "l")
	tokens := traffic.Record{Time: at(3 * time.Second), Key: loud, Known: traffic.HasTokensIn, TokensIn: 7}
	repeat := traffic.Record{Time: at(5 * time.Second), Key: loud, Known: traffic.HasAttempt, Attempt: 2, RequestID: "r"}
	before := traffic.Record{Time: at(4 * time.Second), Key: loud, Known: traffic.HasAttempt, Attempt: 1, RequestID: "r"}
	fell := traffic.Record{Time: at(6 * time.Second), Key: loud, FallbackFrom: syms.Intern("x")}
	b.Apply(logs("log", traffic.Record{Time: at(9 * time.Second), Key: quiet}, tokens, before, repeat, fell), at(time.Minute))

	places := traffic.NewPlaces(8)
	line := traffic.Line{Brief: traffic.Brief{At: at(8 * time.Second).UnixNano(), Place: places.Of(loud), Known: traffic.HasTokensOut, TokensOut: 3}}
	b.Apply(traffic.Batch{Source: "lines", Kind: traffic.LogSource, Lines: &traffic.Lines{Places: places, Keys: places.Keys(), All: []traffic.Line{line}}}, at(time.Minute))

	of := func(k traffic.Key) Told { return b.Told(traffic.Selector{}.Is(traffic.Gateway, k[traffic.Gateway])) }
	want := Told{Newest: at(8 * time.Second), Tokens: at(8 * time.Second), Repeats: at(5 * time.Second), Fallbacks: at(6 * time.Second)}
	if got := of(loud); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := of(quiet); got != (Told{Newest: at(9 * time.Second)}) {
		t.Errorf("of a log that tells nothing: %+v", got)
	}
	if got := of(keyOf(syms, "gateway", "none")); got != (Told{}) {
		t.Errorf("of no log: %+v", got)
	}
	if got := b.Told(traffic.Selector{}).Newest; !got.Equal(at(9 * time.Second)) {
		t.Errorf("newest of all: %v", got)
	}
}
