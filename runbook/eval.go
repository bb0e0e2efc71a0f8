package runbook

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// heldLooks is how many instants a `for` looks at, beside now.
const heldLooks = 6

// env is what one evaluation knows.
type env struct {
	facts      Facts
	scope      map[string]string
	open       []string // variables of the scope without a value
	vars       map[string]string
	shift      time.Duration // how far back a `for` looks now
	minSamples int
	maxAge     time.Duration
	terms      *[]Term
}

// amount is a number that may be unknown.
type amount struct {
	known    bool
	why      string
	text     string
	value    float64
	num, den float64
	samples  int
	age      time.Duration
	unit     Unit
	asked    bool // it came from Facts
}

// Eval answers the expression. Labels that it does not name come from scope; a value of `*` drops one.
// The side is upstream unless the expression or the scope says otherwise (gauges, burst, lever and
// amplification have none by default); a metric that asks for
// side=client, and amplification, leave out the scope's provider, region, deployment and endpoint, which a
// client's request does not have. What is not known is Unknown, never false, and says why.
func (e Expr) Eval(f Facts, scope map[string]string) Result { return e.eval(f, scope, nil) }

// eval answers while variables of the scope may be open: numbers are unknown then, answers of the operator are not.
func (e Expr) eval(f Facts, scope map[string]string, open []string) Result {
	if e.root == nil {
		return Result{Why: "there is no expression"}
	}
	if f == nil {
		return Result{Text: e.Source, Why: "nothing answers"}
	}
	var terms []Term
	r := e.root.truth(&env{facts: f, scope: scope, open: open, vars: e.vars, minSamples: e.minSamples, maxAge: e.maxAge, terms: &terms})
	r.Terms = terms
	switch {
	case r.Truth != Unknown:
		r.Why = ""
	case r.Why == "":
		r.Why = "no reason given"
	}
	return r
}

// query builds what is asked; why is not empty where a variable is open.
func (ev *env) query(n *queryNode) (q Query, why string) {
	q = Query{Metric: n.metric.Name, Quantile: n.quantile, Over: n.over, Offset: n.offset + ev.shift}
	if len(ev.open) > 0 && !n.metric.Own {
		return q, notFilled(ev.open...)
	}
	if n.prom != nil {
		q.Text, why = ev.promText(n.prom)
		return q, why
	}
	side := ""
	for _, m := range n.where {
		m.Values = slices.Clone(m.Values)
		for i, v := range m.Values {
			if m.Values[i], why = ev.fill(v); why != "" {
				return q, why
			}
		}
		if m.Label == "side" && m.Op == "=" {
			side = m.Values[0]
		}
		if m.Values[0] != "*" {
			q.Where = append(q.Where, m)
		}
	}
	if why = ev.imply(n, &q, side == "client" || n.metric.Name == "amplification"); why != "" {
		return q, why
	}
	slices.SortStableFunc(q.Where, func(a, b Match) int {
		return cmp.Compare(slices.Index(labels(), a.Label), slices.Index(labels(), b.Label))
	})
	return q, ""
}

// imply adds the labels of the scope that the metric does not name, and the default side.
func (ev *env) imply(n *queryNode, q *Query, client bool) (why string) {
	named := func(label string) bool {
		return slices.ContainsFunc(n.where, func(m Match) bool { return m.Label == label })
	}
	for _, label := range dims() {
		v, ok := ev.scope[label]
		if label == "side" && v == "" {
			v, ok = "upstream", !n.metric.Gauge && n.metric.Name != "amplification"
		}
		if n.metric.Own {
			return ""
		}
		upstreamOnly := label == "provider" || label == "region" || label == "deployment" || label == "endpoint"
		if !ok || v == "" || named(label) || (client && upstreamOnly) {
			continue
		}
		if v, why = ev.fill(v); why != "" {
			return why
		}
		q.Where = append(q.Where, Match{Label: label, Op: "=", Values: []string{v}, Implied: true})
	}
	return ""
}

func (ev *env) fill(v string) (value, why string) {
	name, ok := varName(v)
	if !ok {
		return v, ""
	}
	if filled := ev.vars[name]; filled != "" {
		return filled, ""
	}
	return "", notFilled(name)
}

// fillText puts values in place of variables, for the reader.
func (ev *env) fillText(text string) string {
	if !strings.Contains(text, "$") {
		return text
	}
	return labelVar.ReplaceAllStringFunc(text, func(v string) string {
		if filled := ev.vars[v[1:]]; filled != "" {
			return filled
		}
		return v
	})
}

var labelVar = regexp.MustCompile(`\$[A-Za-z_][A-Za-z0-9_]*`)

func (n literalNode) number(*env) amount {
	return amount{known: true, value: n.value, unit: n.kind, text: n.text}
}

func (n *queryNode) number(ev *env) amount {
	a := amount{unit: n.metric.Unit, asked: true}
	q, why := ev.query(n)
	text := ev.fillText(n.text)
	if why == "" {
		ans := ev.facts.Ask(q)
		a.value, a.num, a.den, a.samples, a.age = ans.Value, ans.Num, ans.Den, ans.Samples, ans.Age
		why = ev.distrust(n, ans)
		ev.note(n, q, ans, why)
	}
	a.known, a.why = why == "", why
	a.text = text
	if a.known {
		a.text += " " + format(a.value, a.unit)
		if a.unit == UnitShare && a.den > 0 {
			a.text += fmt.Sprintf(" (%s/%s)", format(a.num, UnitNumber), format(a.den, UnitNumber))
		}
	}
	a.text += n.windowText()
	return a
}

func (n *queryNode) windowText() string {
	s := ""
	if n.over > 0 {
		s += " over " + Brief(n.over)
	}
	if n.offset > 0 {
		s += " offset " + Brief(n.offset)
	}
	return s
}

// distrust says why an answer does not count, "" when it does.
func (ev *env) distrust(n *queryNode, a Answer) string {
	switch {
	case !a.Known && a.Why != "":
		return clean(oneLine(a.Why))
	case !a.Known:
		return "no data for " + n.text
	case math.IsNaN(a.Value) || math.IsInf(a.Value, 0):
		return n.text + " is not a number"
	case a.Age > ev.limit(n.metric):
		return fmt.Sprintf("%s is stale: newest data %s old, at most %s", n.text, Brief(a.Age), Brief(ev.limit(n.metric)))
	case n.metric.Samples && a.Samples < ev.minSamples:
		return fmt.Sprintf("%s rests on %d requests%s, at least %d are needed", n.text, a.Samples, n.windowText(), ev.minSamples)
	case (n.metric.Traffic || (n.offset > 0 && n.metric.Name != "changes")) && !n.metric.Gauge && a.Samples <= 0:
		return fmt.Sprintf("%s: no request%s", n.text, n.windowText())
	}
	return ""
}

func (n timesNode) number(ev *env) amount {
	a, b := n.a.number(ev), n.b.number(ev)
	main, value := a, a.value*b.value
	if !a.asked {
		main = b
	}
	main.known, main.value, main.unit = a.known && b.known, value, n.unit()
	main.why = joinWhy(a.why, b.why)
	main.text = a.text + " * " + b.text
	return main
}

func (n percentOfNode) number(ev *env) amount {
	a := n.of.number(ev)
	a.value *= n.percent.value
	a.text = n.percent.text + " of " + a.text
	return a
}

func (n compareNode) truth(ev *env) Result {
	a, b := n.a.number(ev), n.b.number(ev)
	main := a
	if !a.asked {
		main = b
	}
	r := Result{
		Text: a.text + " " + n.op + " " + b.text, Value: main.value, Unit: main.unit,
		Num: main.num, Den: main.den, Samples: main.samples, Age: max(a.age, b.age),
	}
	if !a.known || !b.known {
		r.Why = joinWhy(a.why, b.why)
		return r
	}
	yes := false
	switch n.op {
	case "<":
		yes = a.value < b.value
	case "<=":
		yes = a.value <= b.value
	case ">":
		yes = a.value > b.value
	case ">=":
		yes = a.value >= b.value
	case "==":
		yes = a.value == b.value
	case "!=":
		yes = a.value != b.value
	}
	r.Truth = truthOf(yes)
	return r
}

func (n factNode) truth(ev *env) Result {
	r := Result{Unit: UnitBool, Text: ev.fillText(n.text) + n.windowText()}
	q, why := ev.query(n.queryNode)
	if why == "" {
		ans := ev.facts.Ask(q)
		why = ev.distrust(n.queryNode, ans)
		ev.note(n.queryNode, q, ans, why)
		if r.Age, r.Samples = ans.Age, ans.Samples; why == "" {
			r.Truth = ans.Truth
			if ans.Why != "" {
				r.Text += " (" + clean(oneLine(ans.Why)) + ")"
			}
		}
		if why == "" && ans.Truth == Unknown {
			why = "no data for " + n.text
		}
	}
	r.Why = why
	return r
}

func (n andNode) truth(ev *env) Result {
	return join(" and ", n.a.truth(ev), n.b.truth(ev), Truth.And, False)
}

func (n orNode) truth(ev *env) Result {
	return join(" or ", n.a.truth(ev), n.b.truth(ev), Truth.Or, True)
}

// join keeps the numbers of the side that settled it, else of the left one.
func join(word string, a, b Result, op func(Truth, Truth) Truth, settles Truth) Result {
	r := a
	if a.Truth != settles && b.Truth == settles {
		r = b
	}
	r.Truth = op(a.Truth, b.Truth)
	r.Text = a.Text + word + b.Text
	r.Why = ""
	if r.Truth == Unknown {
		r.Why = joinWhy(a.Why, b.Why)
	}
	r.Age = max(a.Age, b.Age)
	return r
}

func (n notNode) truth(ev *env) Result {
	r := n.x.truth(ev)
	r.Truth = r.Truth.Not()
	r.Text = "not " + r.Text
	return r
}

// truth of a held condition: it must be true now and at every look back to the beginning of the time.
func (n heldNode) truth(ev *env) Result {
	now := n.x.truth(ev)
	text := now.Text + " for " + Brief(n.hold)
	worst := now
	for i := 1; i <= heldLooks && worst.Truth != False; i++ {
		past := *ev
		past.shift += n.hold * time.Duration(i) / heldLooks
		ago := past.shift - ev.shift
		r := n.x.truth(&past)
		switch {
		case r.Truth == False:
			now.Truth, now.Why = False, ""
			now.Text = text + " (not " + Brief(ago) + " ago)"
			return now
		case r.Truth == Unknown && worst.Truth == True:
			worst = r
			worst.Why = Brief(ago) + " ago: " + r.Why
		}
	}
	now.Truth, now.Why, now.Text = worst.Truth, worst.Why, text
	return now
}

func truthOf(yes bool) Truth {
	if yes {
		return True
	}
	return False
}

func joinWhy(a, b string) string {
	switch {
	case a == "" || a == b:
		return b
	case b == "":
		return a
	}
	return a + "; " + b
}

// format prints a number with its unit, in as few digits as tell it apart.
func format(v float64, u Unit) string {
	switch u {
	case UnitShare:
		return digits(v*100) + "%"
	case UnitTime:
		if v < 1 {
			return digits(v*1000) + "ms"
		}
		if v < 120 {
			return digits(v) + "s"
		}
		return Brief(time.Duration(v * float64(time.Second)).Round(time.Second))
	}
	return digits(v)
}

func digits(v float64) string {
	abs := math.Abs(v)
	switch {
	case v == math.Trunc(v) && abs < 1e15, abs >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case abs >= 10:
		return trimZeros(strconv.FormatFloat(v, 'f', 1, 64))
	}
	return trimZeros(strconv.FormatFloat(v, 'f', 2, 64))
}

func trimZeros(s string) string { return strings.TrimRight(strings.TrimRight(s, "0"), ".") }

// Brief writes a duration as the check language does: 2m rather than 2m0s, and tenths of a second at the finest.
func Brief(d time.Duration) string {
	if d >= time.Second {
		d = d.Round(100 * time.Millisecond)
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}
