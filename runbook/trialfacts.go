package runbook

import "slices"

// Ask answers from the trial's numbers: the one with the most labels in common that holds at the time, the last of those.
func (r *runner) Ask(q Query) Answer {
	if m, _ := metricNamed(q.Metric); m.Own && q.Text == "" {
		return r.walk.AskProbe(q, r.now)
	}
	best, labels := -1, -1
	for i, n := range r.trial.Numbers {
		if common, ok := r.holds(n, q); ok && common >= labels {
			best, labels = i, common
		}
	}
	if best < 0 && q.Metric == "lever" {
		return r.leverOut(q)
	}
	if best < 0 {
		return Answer{Why: "the trial gives no number for " + q.Metric}
	}
	return r.trial.Numbers[best].Answer
}

// leverOut tells whether a lever of the trial is out, where no number says otherwise.
func (r *runner) leverOut(q Query) Answer {
	a := Answer{Known: true, Truth: False}
	for _, l := range r.out {
		if !slices.ContainsFunc(q.Where, func(m Match) bool { return m.Label == "verb" && !slices.Contains(m.Values, l.Verb) }) {
			a.Truth = True
		}
	}
	return a
}

func (r *runner) holds(n Number, q Query) (common int, ok bool) {
	if n.query == nil || n.query.metric.Name != q.Metric || (n.query.quantile != 0 && n.query.quantile != q.Quantile) ||
		(n.query.offset > 0 && q.Offset < n.query.offset) || (n.over && n.query.over != q.Over) {
		return 0, false
	}
	at := r.now.Add(-q.Offset)
	begin := r.start
	if n.After != "" {
		var inForce bool
		if begin, inForce = r.since[n.After]; !inForce {
			return 0, false
		}
	}
	if (n.After != "" || n.From > 0) && at.Before(begin.Add(n.From)) {
		return 0, false
	}
	if n.query.prom != nil && (&env{vars: r.walk.Vars}).promWords(n.query.prom) != q.Text {
		return 0, false
	}
	for _, m := range n.query.where {
		if !r.selects(m, q) {
			return 0, false
		}
	}
	common = len(n.query.where)
	if n.query.offset > 0 {
		common++
	}
	return common, true
}

// selects tells whether a query has a label as a number names it; * is for a query that does not name it.
func (r *runner) selects(m Match, q Query) bool {
	if m.Values[0] == "*" {
		return !slices.ContainsFunc(q.Where, func(o Match) bool { return o.Label == m.Label })
	}
	return slices.ContainsFunc(q.Where, func(o Match) bool {
		return o.Label == m.Label && o.Op == m.Op && slices.Equal(o.Values, r.filled(m.Values))
	})
}

func (r *runner) filled(values []string) []string {
	out := slices.Clone(values)
	for i, v := range out {
		if name, isVar := varName(v); isVar {
			out[i] = r.walk.Vars[name]
		}
	}
	return out
}
