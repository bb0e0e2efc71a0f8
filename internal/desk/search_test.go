package desk

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"signalbox/internal/fault"
	"signalbox/internal/traffic"
)

// logDesk is a desk of which only the records are used.
func logDesk() *Desk {
	syms := traffic.NewSymbols(0)
	return &Desk{syms: syms, now: time.Now, sig: newSignals(syms, 0, time.Now())}
}

// put lays records on the board and publishes them.
func (d *Desk) put(recs ...traffic.Record) {
	d.sig.board.Apply(traffic.Batch{Source: "log", Kind: traffic.LogSource, Records: recs}, time.Time{})
	view := d.sig.board.Records()
	d.records.Store(&view)
}

func logRecord(d *Desk, i int, failed bool) traffic.Record {
	rec := traffic.Record{Time: time.Unix(1_767_600_000, int64(i)*1e6), Outcome: traffic.NewOutcome(fault.None, 200), RequestID: fmt.Sprint("r-", i)}
	rec.Key[traffic.Model] = d.syms.Intern([]string{"gpt-4o", "claude"}[i%2])
	rec.Raw = fmt.Sprintf(`{"line":%d,"ua":"Agent/1.0"}`, i)
	if failed {
		rec.Outcome, rec.Message = traffic.NewOutcome(fault.Timeout, 504), "upstream request timeout"
	}
	return rec
}

// finish asks until the answer is whole.
func finish(t *testing.T, d *Desk, q RecordQuery) (RecordPage, int) {
	t.Helper()
	for n := 1; ; n++ {
		p, err := d.Records(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if !p.More {
			return p, n
		}
		if p.Looked <= 0 || p.Looked >= p.Of {
			t.Fatalf("looked at %d of %d and there is more", p.Looked, p.Of)
		}
		q.Next = p.Next
	}
}

func ids(lines []RecordLine) string {
	var out []string
	for _, l := range lines {
		out = append(out, strings.TrimPrefix(l.ID, "r-"))
	}
	return strings.Join(out, " ")
}

func TestRecordsAnswerInParts(t *testing.T) {
	d := logDesk()
	const n = 2*furtherLook + firstLook
	recs := make([]traffic.Record, 0, n)
	for i := range n {
		recs = append(recs, logRecord(d, i, i%1000 == 0))
	}
	d.put(recs...)
	q := RecordQuery{Text: "LINE\":77,", Limit: 10}
	p, err := d.Records(t.Context(), q)
	if err != nil || !p.More || p.Looked != firstLook || p.Of != n {
		t.Fatalf("%+v %v", p, err)
	}
	if p, pages := finish(t, d, q); ids(p.Lines) != "77" || p.Looked != n || pages != 3 {
		t.Errorf("%q in %d pages, looked at %d", ids(p.Lines), pages, p.Looked)
	}
	if p, pages := finish(t, d, RecordQuery{Text: "agent/", Limit: 3}); ids(p.Lines) != fmt.Sprint(n-1, n-2, n-3) || pages != 1 {
		t.Errorf("newest first: %q in %d pages", ids(p.Lines), pages)
	}
	if p, _ := finish(t, d, RecordQuery{Text: "Timeout", First: true, Limit: 8}); len(p.Lines) != 4 || p.Lines[0].Class != "timeout" {
		t.Errorf("%d lines", len(p.Lines))
	}
	p, _ = finish(t, d, RecordQuery{First: true, Limit: 6, Scope: traffic.Scope{"model": "claude"}})
	if len(p.Lines) != 6 || p.Lines[0].Class != "none" {
		t.Errorf("all failures are of the other model: %q", ids(p.Lines))
	}
	p, _ = finish(t, d, RecordQuery{First: true, Limit: 6})
	if got := ids(p.Lines); got != fmt.Sprintf("%d %d %d %d %d %d", 294000, 293000, 292000, n-1, n-2, n-3) {
		t.Errorf("failures first: %q", got)
	}
	p, _ = finish(t, d, RecordQuery{Text: "!agent", Limit: 5})
	if len(p.Lines) != 0 {
		t.Errorf("without a text that all have: %q", ids(p.Lines))
	}
}

func TestRecordsGoOnWithWhatIsNew(t *testing.T) {
	d := logDesk()
	for i := range 50 {
		d.put(logRecord(d, i, i%10 == 0))
	}
	all, _ := finish(t, d, RecordQuery{Limit: 5})
	search, _ := finish(t, d, RecordQuery{Limit: 5, Text: "because of the disk"})
	if len(search.Lines) != 0 {
		t.Fatal(ids(search.Lines))
	}
	d.put(logRecord(d, 50, false), logRecord(d, 51, true))
	if p, _ := finish(t, d, RecordQuery{Next: all.Next}); ids(p.Lines) != "51 50 49 48 47" {
		t.Errorf("%q", ids(p.Lines))
	}
	d.put(traffic.Record{Explains: true, RequestID: "r-40", Message: "ignored: the record has one", Raw: "Because of the disk"},
		traffic.Record{Explains: true, RequestID: "r-51", Raw: "something else"})
	p, _ := finish(t, d, RecordQuery{Next: search.Next})
	if ids(p.Lines) != "40" || !strings.Contains(p.Lines[0].Raw, "Because of the disk") {
		t.Errorf("an explained record is not found: %q", ids(p.Lines))
	}
	if p, _ := finish(t, d, RecordQuery{Next: all.Next}); !strings.Contains(p.Lines[0].Raw, "something else") {
		t.Errorf("the line is not made anew: %q", p.Lines[0].Raw)
	}
	d.put(func() (recs []traffic.Record) {
		for i := range 2000 {
			recs = append(recs, logRecord(d, 100+i, false))
		}
		return recs
	}()...)
	if p, _ := finish(t, d, RecordQuery{Next: all.Next}); ids(p.Lines) != "2099 2098 2097 2096 2095" {
		t.Errorf("%q", ids(p.Lines))
	}
}

// TestASearchIsTheSameInParts asks one question again and again while records come in, are explained and go, and another one
// only at the end.
func TestASearchIsTheSameInParts(t *testing.T) {
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 2))
		d := logDesk()
		q := []RecordQuery{
			{Text: "timeout", Limit: 20},
			{Text: "!timeout", Limit: 20, First: true},
			{Limit: 20, First: true},
			{Text: "line\":1", Limit: 500, Scope: traffic.Scope{"model": "claude"}},
			{Failures: true, Limit: 7, Text: "r-1"},
			{Text: "gpt-4", Limit: 30},
			{Text: "tale of the disk", Limit: 30},
			{Limit: 40},
		}[seed]
		on := q
		n := 0
		for range 30 {
			var recs []traffic.Record
			for range r.IntN(900) {
				recs = append(recs, logRecord(d, n, r.IntN(20) == 0))
				n++
			}
			for range r.IntN(10) {
				recs = append(recs, traffic.Record{Explains: true, RequestID: fmt.Sprint("r-", r.IntN(n+1)), Raw: "the tale of the disk"})
			}
			d.put(recs...)
			p, err := d.Records(t.Context(), on)
			if err != nil {
				t.Fatal(err)
			}
			on.Next = p.Next
		}
		parts, _ := finish(t, d, on)
		whole, _ := finish(t, d, q)
		if ids(parts.Lines) != ids(whole.Lines) || parts.Looked != whole.Looked {
			t.Errorf("%+v: in parts\n%q\nat once\n%q", q, ids(parts.Lines), ids(whole.Lines))
		}
	}
}

func TestASearchEndsWithItsAsker(t *testing.T) {
	d := logDesk()
	for i := range 5000 {
		d.put(logRecord(d, i, false))
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("another search was typed")
	cancel(gone)
	if _, err := d.Records(ctx, RecordQuery{Text: "line"}); !errors.Is(err, gone) {
		t.Errorf("%v", err)
	}
}

// Kinds are counted over the newest failures, of one side and outcome each; what differs between two of a kind is not looked at.
func TestKindsOfFailure(t *testing.T) {
	d := logDesk()
	fail := func(i int, model, side, text string) traffic.Record {
		r := logRecord(d, i, true)
		r.Message, r.Key[traffic.Model], r.Key[traffic.Side] = text, d.syms.Intern(model), d.syms.Intern(side)
		return r
	}
	for i := range 30 {
		d.put(logRecord(d, 10*i, false))
		d.put(fail(10*i+1, "gpt-4o", traffic.SideUpstream, fmt.Sprintf("Upstream reset (req_%dab) after %d ms", i, 3*i)))
		if i%3 == 0 {
			d.put(fail(10*i+2, "claude", traffic.SideUpstream, fmt.Sprintf("upstream reset (req_%dcd) after %d ms", i, i)))
			d.put(fail(10*i+3, "claude", traffic.SideClient, fmt.Sprintf("upstream reset (req_%dcd) after %d ms", i, i)))
		}
	}
	d.put(fail(999, "gpt-4o", traffic.SideUpstream, "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD is \x1b[31mno key"))
	p, _ := finish(t, d, RecordQuery{Kinds: true, Limit: 10})
	if len(p.Lines) != 3 || len(p.Kinds) != 3 || p.Sorted != 51 || p.Kinds[0].N != 40 || p.Kinds[1].N != 10 || p.Kinds[2].N != 1 {
		t.Fatalf("%+v", p)
	}
	if p.Kinds[0].Places != 2 || ids(p.Lines[:1]) != "291" || !p.Since.Equal(p.Kinds[0].First) {
		t.Errorf("the most frequent: %+v of %s since %s", p.Kinds[0], ids(p.Lines[:1]), p.Since)
	}
	if text := p.Lines[2].Text; strings.Contains(text, "abcdefghij") || strings.Contains(text, "\x1b") {
		t.Errorf("a secret or a control character comes to the screen: %q", text)
	}
	id := p.Kinds[1].ID
	for i := range 60 {
		d.put(fail(2000+i, "claude", traffic.SideClient, fmt.Sprintf("upstream reset (req_%dcd) after %d ms", i, i)))
	}
	if p, _ = finish(t, d, RecordQuery{Next: p.Next}); p.Kinds[0].N != 70 || p.Kinds[0].ID != id {
		t.Errorf("a kind that has grown is another one: %+v", p.Kinds)
	}
	if p, _ := finish(t, d, RecordQuery{Kinds: true, Limit: 10, Scope: traffic.Scope{"model": "gpt-4o"}}); len(p.Kinds) != 2 || p.Kinds[0].N != 30 {
		t.Errorf("of one model: %+v", p.Kinds)
	}
	for i := range kindLook {
		d.put(fail(9000+i, "gpt-4o", traffic.SideUpstream, "one and the same"))
	}
	if p, _ := finish(t, d, RecordQuery{Kinds: true, Limit: 10}); p.Sorted != kindLook || len(p.Kinds) != 1 || p.Kinds[0].N != kindLook {
		t.Errorf("more than is looked at: looked at %d, %+v", p.Sorted, p.Kinds)
	}
}
