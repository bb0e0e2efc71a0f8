package desk

import (
	"slices"
	"time"

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
	before, width := d.sig.blocks(c.blame, c.from, l.acceptAt)
	t := burst.Trial{Width: width}
	t.Cell.Before, t.Cell.After = before, d.sig.blocksOf(c.blame, c.to, c.edge, width)
	if len(c.spared) > 0 {
		wide := burst.Windows{Before: d.sig.blocksOf(c.spared, c.from, l.acceptAt, width), After: d.sig.blocksOf(c.spared, c.to, c.edge, width)}
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
	blame          []traffic.Selector
	spared         []traffic.Selector // this traffic and its siblings that did not get the lever; nil: there are none
	from, to, edge time.Time
}

func (d *Desk) compared(l *lever) comparison {
	scope, onset := d.hurt(l)
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
	before := d.sig.countSide(sel, c.from, l.acceptAt)
	settle := leastSettle
	if p, ok := before.Lat.Quantile(0.95); ok {
		settle = min(max(settle, p), mostSettle)
	}
	c.to = l.acceptAt.Add(settle)
	c.what, c.blame = "attempts in "+scopeWords(scope), d.sig.blameSelectors(sel)
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
	c.what, c.blame = "clients of "+scopeWords(all), []traffic.Selector{d.sig.side(all.Selector(d.syms), traffic.SideClient)}
	return c
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

// hurt gives the traffic whose failures a lever should mend, and since when it fails: the scope of the
// burst that was live when the lever was thrown, else all of the gateway.
func (d *Desk) hurt(l *lever) (traffic.Scope, time.Time) {
	for _, b := range d.bursts {
		if b.Detected.After(l.at) || (!b.Live() && b.Ended.Before(l.at)) || !b.Pages() {
			continue
		}
		scope := b.Scope.Clone()
		scope["gateway"] = l.plan.Gateway
		return scope, b.Onset
	}
	return traffic.Scope{"gateway": l.plan.Gateway}, l.acceptAt.Add(-2 * time.Minute)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// blocks gives counts in blocks of ten seconds, or a little wider so that they cover the span; how wide they are is told.
// They are never narrower: failures scatter together for about that long, and narrow blocks would hide it.
func (s *signals) blocks(sels []traffic.Selector, from, to time.Time) (burst.WindowCounts, time.Duration) {
	n := max(1, to.Sub(from)/burst.BlockLen)
	width := max(burst.BlockLen, (to.Sub(from) / n).Truncate(time.Second))
	return s.blocksOf(sels, from, to, width), width
}

// blocksOf gives counts in whole blocks of one width, the newest ones of the span; of a shorter span, one block.
func (s *signals) blocksOf(sels []traffic.Selector, from, to time.Time, width time.Duration) burst.WindowCounts {
	from, to = from.Truncate(time.Second), to.Truncate(time.Second)
	width = max(time.Second, min(width, to.Sub(from)))
	n := int(max(1, to.Sub(from)/width))
	out := make(burst.WindowCounts, n)
	begin := to.Add(-time.Duration(n) * width)
	for _, sel := range sels {
		for i, p := range s.board.Series(sel, begin, width, n) {
			out[i].N += p.Req
			out[i].K += p.Err
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
