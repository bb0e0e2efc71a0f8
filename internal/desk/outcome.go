package desk

import (
	"slices"
	"strings"
	"time"

	"signalbox/internal/board"
	"signalbox/internal/burst"
	"signalbox/internal/gateway"
	"signalbox/internal/incident"
	"signalbox/internal/traffic"
)

const (
	// leastSettle and mostSettle bound what is left out after a lever: requests that were under way when it
	// was thrown still end the old way, so the time is their latency.
	leastSettle = 3 * time.Second
	mostSettle  = 15 * time.Second
	// leastAfter is the least traffic after a lever on which its outcome is judged.
	leastAfter = 10
	// mostBefore is how long before a lever its burst is looked at; the whole burst, as levers are thrown at its worst.
	mostBefore = 10 * time.Minute
	// growing is what is left out of a burst's beginning where enough remains: failures had not come to their height.
	growing = 10 * time.Second
)

// judgeOutcome compares failures before and after the lever, at the times that burst.Looks names, on the traffic that
// it should mend: the attempts in the burst's scope, or where the lever has emptied that, the clients' requests for the
// model.
func (d *Desk) judgeOutcome(l *lever) {
	since := d.now().Sub(l.acceptAt)
	if l.looks >= len(burst.Looks) || since < burst.Looks[l.looks] {
		return
	}
	for l.looks < len(burst.Looks) && since >= burst.Looks[l.looks] {
		l.looks++
	}
	c := d.compared(l)
	width := blockWidth(c.from, l.acceptAt)
	windows := func(sels []traffic.Selector) burst.Windows {
		return burst.Windows{Before: d.sig.blocks(sels, c.from, l.acceptAt, width, c.hurts), After: d.sig.blocks(sels, c.to, c.edge, width, c.hurts)}
	}
	t := burst.Trial{Cell: windows(c.blame), Width: width}
	if len(c.spared) > 0 {
		wide := windows(c.spared)
		t.Control = &burst.Windows{Before: less(wide.Before, t.Cell.Before), After: less(wide.After, t.Cell.After)}
	}
	e := t.Judge()
	l.outcome, l.outcomeBy = outcomeWords(string(e.Verdict)), c.what+": "+e.Text
	if e.Note != "" {
		l.outcomeBy += "; " + e.Note
	}
	_ = d.recordLever(incident.LeverVerified, l, l.outcomeBy)
	d.dirty = true
}

// comparison is what is compared for a lever, and when.
type comparison struct {
	what           string
	hurts          func(board.Window) burst.Block // what is counted; nil: failures
	blame          []traffic.Selector
	spared         []traffic.Selector // this traffic and its siblings that did not get the lever; nil: there are none
	from, to, edge time.Time
}

func (d *Desk) compared(l *lever) comparison {
	b, scope, onset := d.hurt(l)
	c := comparison{from: later(onset, l.acceptAt.Add(-mostBefore)), edge: d.sig.edge(d.now())}
	if l.acceptAt.Sub(c.from) >= 3*growing {
		c.from = c.from.Add(growing)
	}
	wide := scope
	if own := d.leverWhere(l); l.plan.Change.Verb == gateway.CapSet && scope.Covers(own) && !own.Covers(scope) {
		scope = own // a part of the burst: the rest of it shows what happens without the lever
		scope["gateway"] = l.plan.Gateway
	}
	sel := scope.Selector(d.syms)
	before := d.sig.windowSide(sel, c.from, l.acceptAt, board.FirstTokens)
	settle := leastSettle
	if p, ok := before.Lat.Quantile(0.95); ok {
		settle = min(max(settle, p), mostSettle)
	}
	c.to = l.acceptAt.Add(settle)
	c.what, c.blame = "attempts in "+scopeWords(scope), d.sig.blameSelectors(sel)
	if b != nil {
		c.measure(b, d.sig.windowSide(sel, onset.Add(-mostBefore), onset, 0))
	}
	if d.sig.countSide(sel, c.to, c.edge).Req >= leastAfter {
		if !wide.Equal(scope) {
			c.spared = d.sig.blameSelectors(wide.Selector(d.syms))
		}
		return c
	}
	all := traffic.Scope{"gateway": l.plan.Gateway}
	if m := scope["model"]; m != "" {
		all["model"] = m
	}
	c.hurts = nil // what clients wait for is not what attempts take
	c.what, c.blame = "clients of "+scopeWords(all), []traffic.Selector{d.sig.side(all.Selector(d.syms), traffic.SideClient)}
	return c
}

// measure counts what a burst is about where that is no failure: answers that take longer than a tenth of them did
// before it, or repeats.
func (c *comparison) measure(b *burstState, usual board.Window) {
	switch b.Kind {
	case burst.KindLatency:
		took := func(w *board.Window) *board.Sketch { return &w.Lat }
		if strings.Contains(b.Leading, "first") {
			took = func(w *board.Window) *board.Sketch { return &w.TTFT }
		}
		mark, ok := took(&usual).Quantile(0.9)
		if !ok {
			return
		}
		c.what = "slower than " + mark.Round(10*time.Millisecond).String() + ", " + c.what
		c.hurts = func(w board.Window) burst.Block {
			s := took(&w)
			return burst.Block{N: s.Count(), K: s.Above(mark)}
		}
	case burst.KindRetries:
		c.what = "repeats, " + c.what
		c.hurts = func(w board.Window) burst.Block { return burst.Block{N: w.Req, K: min(w.Retry, w.Req)} }
	}
}

func outcomeWords(v string) string {
	switch v {
	case "no_change":
		return "no change yet"
	case "cannot_tell":
		return "cannot tell"
	}
	return v
}

// hurt gives the traffic that a lever should mend, and since when it suffers: the burst that was live when the lever was
// thrown and its scope, else all of the gateway.
func (d *Desk) hurt(l *lever) (*burstState, traffic.Scope, time.Time) {
	var found *burstState
	for _, b := range d.bursts {
		if b.Detected.After(l.at) || (!b.Live() && b.Ended.Before(l.at)) {
			continue
		}
		if b.Pages() {
			found = b
			break
		}
		if found == nil && b.Kind == burst.KindRetries { // no page, but what a lever on retries should mend
			found = b
		}
	}
	if found == nil {
		return nil, traffic.Scope{"gateway": l.plan.Gateway}, l.acceptAt.Add(-2 * time.Minute)
	}
	scope := found.Scope.Clone()
	scope["gateway"] = l.plan.Gateway
	return found, scope, found.Onset
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// blockWidth is ten seconds, or a little more so that whole blocks cover the span. It is never less: failures scatter
// together for about that long, and narrow blocks would hide it.
func blockWidth(from, to time.Time) time.Duration {
	n := max(1, to.Sub(from)/burst.BlockLen)
	return max(burst.BlockLen, (to.Sub(from) / n).Truncate(time.Second))
}

// blocks gives counts in whole blocks of one width, the newest ones of the span; of a shorter span, one block.
func (s *signals) blocks(sels []traffic.Selector, from, to time.Time, width time.Duration, hurts func(board.Window) burst.Block) burst.WindowCounts {
	from, to = from.Truncate(time.Second), to.Truncate(time.Second)
	width = max(time.Second, min(width, to.Sub(from)))
	n := int(max(1, to.Sub(from)/width))
	out := make(burst.WindowCounts, n)
	begin := to.Add(-time.Duration(n) * width)
	for _, sel := range sels {
		if hurts == nil {
			for i, p := range s.board.Series(sel, begin, width, n) {
				out[i].N += p.Req
				out[i].K += p.Err
			}
			continue
		}
		for i := range out {
			at := begin.Add(time.Duration(i) * width)
			b := hurts(s.window(sel, at, at.Add(width), 0))
			out[i].N += b.N
			out[i].K += b.K
		}
	}
	return out
}

// less takes the counts of a part off those of the whole.
func less(whole, part burst.WindowCounts) burst.WindowCounts {
	out := slices.Clone(whole)
	for i := range out[:min(len(out), len(part))] {
		out[i].N, out[i].K = max(0, out[i].N-part[i].N), max(0, out[i].K-part[i].K)
	}
	return out
}
