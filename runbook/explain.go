package runbook

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Term is one number, or one yes or no, that an expression asked for, with what it rests on.
type Term struct {
	Text   string // "p95(ttft{model=gpt-4o}) over 5m"
	Query  Query
	Unit   Unit
	Answer Answer
	Why    string // why it does not count; empty where it does
}

// maxTerms bounds what one result explains.
const maxTerms = 64

func (ev *env) note(n *queryNode, q Query, a Answer, why string) {
	if ev.terms == nil || ev.shift != 0 || len(*ev.terms) >= maxTerms {
		return
	}
	t := Term{Text: ev.fillText(n.text) + n.windowText(), Query: q, Unit: n.metric.Unit, Answer: a, Why: why}
	if !slices.ContainsFunc(*ev.terms, func(o Term) bool { return o.Text == t.Text }) {
		*ev.terms = append(*ev.terms, t)
	}
}

// limit is how old an answer may be.
func (ev *env) limit(m Metric) time.Duration {
	switch {
	case ev.maxAge > 0:
		return ev.maxAge
	case m.Own && m.Name != promqlName:
		return probeMaxAge
	}
	return DefaultMaxAge
}

// Value prints the number with its unit, "yes" or "no", or "unknown".
func (t Term) Value() string {
	switch {
	case !t.Answer.Known:
		return "unknown"
	case t.Unit == UnitBool && t.Answer.Truth == True:
		return "yes"
	case t.Unit == UnitBool && t.Answer.Truth == False:
		return "no"
	case t.Unit == UnitBool:
		return "unknown"
	case t.Unit == UnitShare && t.Answer.Den > 0:
		return fmt.Sprintf("%s (%s of %s)", format(t.Answer.Value, t.Unit), format(t.Answer.Num, UnitNumber), format(t.Answer.Den, UnitNumber))
	}
	return format(t.Answer.Value, t.Unit)
}

// Basis says what the number rests on: over which labels, how many requests, how old the newest data is.
func (t Term) Basis() string {
	var parts []string
	if where := matchWords(t.Query.Where); where != "" {
		parts = append(parts, where)
	}
	if m, _ := metricNamed(t.Query.Metric); !m.Gauge && t.Answer.Known {
		s := strconv.Itoa(t.Answer.Samples) + " request"
		if t.Answer.Samples != 1 {
			s += "s"
		}
		parts = append(parts, s)
	}
	if t.Answer.Known {
		parts = append(parts, "newest data "+Brief(t.Answer.Age.Round(time.Second))+" old")
	}
	if t.Why != "" {
		parts = append(parts, "does not count: "+t.Why)
	}
	return strings.Join(parts, "; ")
}

// matchWords prints selectors as an author writes them; what was implied stands in brackets.
func matchWords(where []Match) string {
	var written, implied []string
	for _, m := range where {
		s := m.Label + m.Op + strings.Join(m.Values, ",")
		if op := map[string]string{"in": " in ", "notin": " not in "}[m.Op]; op != "" {
			s = m.Label + op + "(" + strings.Join(m.Values, ", ") + ")"
		}
		if m.Implied {
			implied = append(implied, s)
		} else {
			written = append(written, s)
		}
	}
	s := strings.Join(written, " ")
	if len(implied) > 0 {
		s = strings.TrimSpace(s + " [" + strings.Join(implied, " ") + "]")
	}
	return s
}
