package desk

import (
	"slices"
	"strings"

	"signalbox/internal/traffic"
	"signalbox/runbook"
)

// gauges answers from the newest states. A page labels deployments, a question names models and regions, so the board's
// keys say which deployments the scope means.
func (f facts) gauges(q runbook.Query, a asked) runbook.Answer {
	switch q.Metric {
	case "headroom":
		return f.headroom(a)
	case "breaker":
		return f.breaker(a)
	}
	name, _ := traffic.ParseGauge(q.Metric)
	if q.Metric == "targets_in" {
		name = traffic.TargetIn
	}
	ans := f.gauge(a, name)
	if ans.Known && name == traffic.Limit && ans.Value < 0 {
		return runbook.Answer{Why: "no cap is set there", Age: ans.Age}
	}
	return ans
}

func (f facts) gauge(a asked, name traffic.GaugeName) runbook.Answer {
	v, n, age, ok := f.d.sig.board.Gauge(a.selWithoutSide(), name, f.now)
	if !ok {
		return runbook.Answer{Why: "no source tells the " + strings.ReplaceAll(name.String(), "_", " ") + " of it"}
	}
	return runbook.Answer{Known: true, Value: v, Samples: n, Age: age}
}

// headroom is what is left of the limit: nothing can be said where none is set.
func (f facts) headroom(a asked) runbook.Answer {
	limit, used := f.gauge(a, traffic.Limit), f.gauge(a, traffic.Inflight)
	switch {
	case !limit.Known:
		return limit
	case !used.Known:
		return used
	case limit.Value <= 0:
		return runbook.Answer{Why: "no cap is set there, so nothing says how much is left", Age: limit.Age}
	}
	left := max(0, limit.Value-used.Value)
	return runbook.Answer{
		Known: true, Value: left / limit.Value, Num: left, Den: limit.Value, Unit: string(runbook.UnitShare),
		Samples: limit.Samples, Age: max(limit.Age, used.Age),
	}
}

// breaker tells whether one of the scope's breakers is open.
func (f facts) breaker(a asked) runbook.Answer {
	ans := runbook.Answer{Why: "no source tells the breaker of it", Unit: string(runbook.UnitBool)}
	for _, g := range f.d.sig.board.Gauges(a.selWithoutSide(), traffic.Breaker, f.now) {
		if !ans.Known {
			ans.Known, ans.Truth, ans.Why = true, runbook.False, ""
		}
		ans.Age = max(ans.Age, f.now.Sub(g.At))
		ans.Samples++
		if g.Value >= 2 {
			ans.Truth, ans.Value = runbook.True, 1
			ans.Why = f.d.syms.Name(g.Key[traffic.Deployment])
		}
	}
	return ans
}

// changes counts what was done to the scope. Nobody told of any is no evidence where nobody tells.
func (f facts) changes(q runbook.Query, a asked) runbook.Answer {
	told := slices.ContainsFunc(f.d.sig.board.Facts(nil, f.now.Add(-changeMemory), f.now.Add(1)), traffic.Fact.IsChange)
	for _, s := range f.d.sources {
		told = told || s.Kind == traffic.ChangeSource && s.health(f.now) == traffic.Live
	}
	if !told {
		return runbook.Answer{Why: "no source tells of changes"}
	}
	from, to := f.span(q)
	n := len(f.d.sig.board.Changes(a.scope, from, to))
	return runbook.Answer{Known: true, Value: float64(n), Samples: n}
}

func (f facts) burst(a asked) runbook.Answer {
	ans := runbook.Answer{Known: true, Truth: runbook.False, Unit: string(runbook.UnitBool)}
	for _, b := range f.d.bursts {
		if b.Ended.IsZero() && b.Pages() && b.Scope.Overlaps(a.scope) {
			ans.Truth, ans.Value = runbook.True, 1
			ans.Why = b.Reason
		}
	}
	return ans
}

func (f facts) lever(a asked) runbook.Answer {
	if f.finished {
		return runbook.Answer{Why: "finished logs do not tell of levers"}
	}
	ans := runbook.Answer{Known: true, Truth: runbook.False, Unit: string(runbook.UnitBool)}
	for _, l := range f.d.levers {
		if !l.out() || (len(a.verbs) > 0 && !slices.Contains(a.verbs, string(l.plan.Change.Verb))) {
			continue
		}
		if f.d.leverWhere(l).Overlaps(a.scope) {
			ans.Truth, ans.Value = runbook.True, 1
		}
	}
	return ans
}

// leverWhere gives the lever's scope with what is known of its deployment.
func (d *Desk) leverWhere(l *lever) traffic.Scope {
	s := l.plan.Change.Scope.Clone()
	p := d.sig.placeOf(s["deployment"])
	for k, v := range map[string]string{"provider": p.provider, "model": p.model, "region": p.region} {
		if v != "" {
			s[k] = v
		}
	}
	return s
}
