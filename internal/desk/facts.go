package desk

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"signalbox/internal/board"
	"signalbox/internal/fault"
	"signalbox/internal/traffic"
	"signalbox/runbook"
)

// facts answers the questions of checks from the live board, levers and bursts. It is used on the
// desk's goroutine only.
type facts struct {
	d        *Desk
	now      time.Time
	finished bool // finished logs: there is no gateway to ask
	run      *run // whose checks are asked; nil: none's
}

// defaultOver is the window of a question that names none.
const defaultOver = 2 * time.Minute

// asked is a query turned into selectors.
type asked struct {
	sel      traffic.Selector
	codes    []int
	notCodes []int
	classes  []string
	notClass []string
	verbs    []string
	side     string
	scope    traffic.Scope // the terms that pin one value
}

// Ask answers one query. What cannot be known is never given as a number.
func (f facts) Ask(q runbook.Query) runbook.Answer {
	switch {
	case strings.HasPrefix(q.Metric, "probe."):
		return f.probe(q)
	case q.Metric == "promql":
		return f.prom(q)
	}
	a, err := f.selectors(q)
	if err != "" {
		return runbook.Answer{Why: err}
	}
	switch q.Metric {
	case "burst":
		return f.burst(a)
	case "lever":
		return f.lever(a)
	case "inflight", "queue", "limit", "remaining", "targets_in", "headroom", "breaker":
		return f.gauges(q, a)
	case "amplification":
		return f.amplification(q, a)
	case "changes":
		return f.changes(q, a)
	}
	from, to := f.span(q)
	w := f.window(a, from, to, needless(q.Metric))
	ans := runbook.Answer{Samples: int(w.Req), Age: f.age(a), Known: true}
	if why := f.blind(a, w); why != "" {
		return runbook.Answer{Why: why, Age: ans.Age}
	}
	return f.number(q, a, w, ans)
}

func (f facts) number(q runbook.Query, a asked, w board.Window, ans runbook.Answer) runbook.Answer {
	over := q.Over
	if over <= 0 {
		over = defaultOver
	}
	hits := a.matching(w)
	if why := f.untold(q.Metric, a, w); why != "" {
		return runbook.Answer{Why: why, Age: ans.Age}
	}
	switch q.Metric {
	case "error_rate":
		ans.Num, ans.Den, ans.Unit = float64(hits), float64(w.Req), string(runbook.UnitShare)
	case "truncated":
		ans.Num, ans.Den, ans.Unit = float64(byClass(w, fault.Truncated)), float64(w.Req), string(runbook.UnitShare)
	case "schema_failed":
		ans.Num, ans.Den, ans.Unit = float64(byClass(w, fault.InvalidOutput)), float64(w.Req), string(runbook.UnitShare)
	case "retry_ratio":
		ans.Num, ans.Den, ans.Unit = float64(w.Retry), float64(w.Req), string(runbook.UnitShare)
	case "fallback_ratio":
		ans.Num, ans.Den, ans.Unit = float64(w.Fallback), float64(w.Req), string(runbook.UnitShare)
	case "retries":
		ans.Value = float64(w.Retry)
	case "fallbacks":
		ans.Value = float64(w.Fallback)
	case "tokens_cached":
		ans.Value = float64(w.TokCached)
	case "errors", "count":
		ans.Value = float64(hits)
	case "requests":
		ans.Value = float64(w.Req)
	case "rate":
		ans.Value = float64(w.Req) / over.Seconds()
	case "tokens_in":
		ans.Value = float64(w.TokIn)
	case "tokens_out":
		ans.Value = float64(w.TokOut)
	case "token_throughput":
		ans.Value = float64(w.TokOut) / over.Seconds()
	case "latency", "ttft":
		return f.quantile(q, w, ans)
	default:
		return runbook.Answer{Why: "the desk does not know the metric " + q.Metric}
	}
	if ans.Unit == string(runbook.UnitShare) {
		if ans.Den == 0 {
			return runbook.Answer{Why: "no requests", Age: ans.Age}
		}
		ans.Value = ans.Num / ans.Den
	}
	return ans
}

// toldMemory is how far back a line that told a measure is looked for.
const toldMemory = 2 * time.Hour

// untold says of a measure that not every log tells that none does: that nothing was counted is no evidence then that
// there was nothing.
func (f facts) untold(metric string, a asked, w board.Window) string {
	tokens := strings.HasPrefix(metric, "token")
	switch {
	case tokens && w.TokIn+w.TokOut == 0:
	case strings.HasPrefix(metric, "retr") && w.Retry == 0 && len(f.d.sig.upstream) == 0:
	case strings.HasPrefix(metric, "fallback") && w.Fallback == 0:
	default:
		return ""
	}
	var sel traffic.Selector
	for _, t := range a.sel.Terms {
		if t.Dim == traffic.Gateway {
			sel = sel.And(t)
		}
	}
	told, since := f.d.sig.board.Told(sel), f.d.sig.edge(f.now).Add(-toldMemory)
	switch {
	case tokens && told.Tokens.Before(since):
		return "no log line tells tokens"
	case strings.HasPrefix(metric, "retr") && told.Repeats.Before(since):
		return "no log line tells of repeated attempts"
	case strings.HasPrefix(metric, "fallback") && told.Fallbacks.Before(since):
		return "no log line tells of fallbacks"
	}
	return ""
}

func (f facts) quantile(q runbook.Query, w board.Window, ans runbook.Answer) runbook.Answer {
	sk := w.Lat
	if q.Metric == "ttft" {
		sk = w.TTFT
	}
	v, ok := sk.Quantile(q.Quantile)
	if !ok && w.Req == 0 {
		return runbook.Answer{Why: "no request in that time", Age: ans.Age}
	}
	if !ok {
		return runbook.Answer{Why: "no log line tells the " + q.Metric, Age: ans.Age}
	}
	ans.Value, ans.Unit, ans.Samples = v.Seconds(), string(runbook.UnitTime), int(sk.Count())
	return ans
}

// span gives the window of event time that a query means.
func (f facts) span(q runbook.Query) (from, to time.Time) {
	over := q.Over
	if over <= 0 {
		over = defaultOver
	}
	edge := f.d.sig.edge(f.now)
	if f.finished {
		edge = edge.Truncate(time.Second).Add(time.Second) // no more will come of the last second
	}
	to = edge.Add(-q.Offset)
	return to.Add(-over), to
}

// age is how old the newest event is of the logs that could have seen what is asked for: of the gateway that the
// query names, else of any. That one model is quiet, or that the window lies in the past, makes no answer stale.
func (f facts) age(a asked) time.Duration {
	newest := f.d.sig.board.Newest()
	for _, t := range a.sel.Terms {
		if t.Dim == traffic.Gateway && !t.Not {
			newest = f.d.sig.board.Told(traffic.Selector{}.And(t)).Newest
		}
	}
	if newest.IsZero() {
		return time.Duration(1<<62 - 1)
	}
	return max(0, f.now.Sub(newest))
}

// blind says why a window without requests is no evidence of silence: nothing was ever read that could tell.
func (f facts) blind(a asked, w board.Window) string {
	if w.Req > 0 || len(f.d.sig.board.Keys(traffic.Selector{})) > 0 && a.side == traffic.SideClient {
		return ""
	}
	if w.Req == 0 && f.d.sig.board.Newest().IsZero() {
		return "no source has told anything yet"
	}
	if w.Req == 0 && f.d.allSilent(f.now) {
		return "every source is silent"
	}
	if w.Req == 0 {
		return f.d.sourceDown(a.scope[traffic.Gateway.String()], f.now)
	}
	return ""
}

// sourceDown names a log source that should tell of a gateway and does not: nothing counted is no evidence then. An
// empty gateway is any.
func (d *Desk) sourceDown(gw string, now time.Time) string {
	for _, name := range slices.Sorted(maps.Keys(d.sources)) {
		s := d.sources[name]
		if s.Kind != traffic.LogSource || (gw != "" && s.Gateway != "" && s.Gateway != gw) {
			continue
		}
		if h := s.health(now); h == traffic.Failing || h == traffic.Waiting {
			return "source " + s.Name + " is " + string(h)
		}
	}
	return ""
}

// window counts what a query selects. Asked of the upstream side, each gateway answers with its attempts, or with its own
// requests where it logs no attempts; the two are never added for one gateway.
func (f facts) window(a asked, from, to time.Time, skip board.Sketches) board.Window {
	if a.side == traffic.SideUpstream {
		return f.d.sig.windowSide(a.selWithoutSide(), from, to, skip)
	}
	return f.d.sig.window(a.sel, from, to, skip)
}

// needless says which sketches a metric has no use for.
func needless(metric string) board.Sketches {
	switch metric {
	case "latency":
		return board.FirstTokens
	case "ttft":
		return board.Latencies
	}
	return board.NoSketch
}

// selectors turns a query into selectors over keys, codes and classes.
func (f facts) selectors(q runbook.Query) (asked, string) {
	a := asked{scope: traffic.Scope{}}
	for _, m := range q.Where {
		switch m.Label {
		case "code":
			if err := a.addCodes(m); err != "" {
				return a, err
			}
		case "class":
			a.addClasses(m)
		case "verb":
			a.verbs = m.Values
		case "side":
			a.side = firstOf(m.Values)
		default:
			if err := f.addTerm(&a, m); err != "" {
				return a, err
			}
		}
	}
	if a.side != "" {
		a.sel = f.d.sig.side(a.sel, a.side)
	}
	return a, ""
}

func (f facts) addTerm(a *asked, m runbook.Match) string {
	dim, ok := traffic.ParseDim(m.Label)
	if !ok {
		return "the desk does not know the label " + m.Label
	}
	t := traffic.Term{Dim: dim, Not: negated(m)}
	for _, v := range m.Values {
		if sym, known := f.d.syms.Lookup(v); known && sym != traffic.Unknown {
			t.Any = append(t.Any, sym)
		}
	}
	a.sel = a.sel.And(t)
	if !t.Not && len(m.Values) == 1 {
		a.scope[m.Label] = m.Values[0]
	}
	return ""
}

func negated(m runbook.Match) bool { return m.Op == "!=" || m.Op == "notin" }

func (a *asked) addCodes(m runbook.Match) string {
	for _, v := range m.Values {
		n, err := strconv.Atoi(v)
		if err != nil {
			return fmt.Sprintf("%q is no status code", v)
		}
		if negated(m) {
			a.notCodes = append(a.notCodes, n)
		} else {
			a.codes = append(a.codes, n)
		}
	}
	return ""
}

func (a *asked) addClasses(m runbook.Match) {
	if negated(m) {
		a.notClass = append(a.notClass, m.Values...)
	} else {
		a.classes = append(a.classes, m.Values...)
	}
}

// matching counts the outcomes that the query names; without a code or class, the failures that are not
// the callers' own.
func (a asked) matching(w board.Window) int64 {
	if len(a.codes)+len(a.notCodes)+len(a.classes)+len(a.notClass) == 0 {
		return w.Err
	}
	var n int64
	for o, c := range w.ByOutcome {
		if a.wants(o) {
			n += c
		}
	}
	return n
}

func (a asked) wants(o traffic.Outcome) bool {
	class := o.Class().String()
	switch {
	case len(a.codes) > 0 && !slices.Contains(a.codes, o.Status()):
		return false
	case slices.Contains(a.notCodes, o.Status()) || slices.Contains(a.notClass, class):
		return false
	case len(a.classes) > 0 && !slices.Contains(a.classes, class):
		return false
	}
	return len(a.codes)+len(a.classes) > 0 || o.Failed()
}

func byClass(w board.Window, c fault.Class) int64 {
	var n int64
	for o, k := range w.ByOutcome {
		if o.Class() == c {
			n += k
		}
	}
	return n
}

func (f facts) amplification(q runbook.Query, a asked) runbook.Answer {
	from, to := f.span(q)
	sel := a.selWithoutSide()
	client := f.d.sig.count(f.d.sig.side(sel, traffic.SideClient), from, to)
	up := f.d.sig.count(f.d.sig.side(sel, traffic.SideUpstream), from, to)
	if len(f.d.sig.upstream) == 0 {
		return runbook.Answer{Why: "no source tells of the attempts at providers"}
	}
	if client.Req == 0 {
		return runbook.Answer{Why: "no requests of clients", Age: f.age(a)}
	}
	return runbook.Answer{
		Known: true, Value: float64(up.Req) / float64(client.Req), Num: float64(up.Req), Den: float64(client.Req),
		Samples: int(client.Req), Age: f.age(a),
	}
}

func (a asked) selWithoutSide() traffic.Selector {
	var sel traffic.Selector
	for _, t := range a.sel.Terms {
		if t.Dim != traffic.Side {
			sel.Terms = append(sel.Terms, t)
		}
	}
	return sel
}

func firstOf(s []string) string {
	if len(s) == 0 {
		return ""
	}
	return s[0]
}
