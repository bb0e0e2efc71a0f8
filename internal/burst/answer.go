package burst

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Extent says whether a burst keeps to one value of a dimension.
type Extent string

// The extents.
const (
	Isolated   Extent = "isolated"    // one value fails, the others beside it are clean
	Widespread Extent = "spread"      // several values fail
	Untold     Extent = "cannot tell" // nothing to compare with, or too little of it
)

// Tally counts requests at their first attempt.
type Tally struct {
	Req, Err int64
	Expected float64 // failures that were to be expected
}

func (t *Tally) add(o Tally) {
	t.Req, t.Err, t.Expected = t.Req+o.Req, t.Err+o.Err, t.Expected+o.Expected
}

// Answer says of one dimension whether a burst keeps to one value of it: the first questions on call. Is it one
// environment, one provider, one model, one region, one endpoint, one class of error?
type Answer struct {
	Dim     string // a dimension's name, or "class"
	Extent  Extent
	Value   string  // isolated: the value; cannot tell: the only one that has traffic, if that is why
	Failing int     // spread: how many values fail
	Values  int     // how many values have traffic there
	Inside  Tally   // what fails: that value, or the values that fail
	Beside  Tally   // the others: within the scope, or else the same place with another value
	Bound   float64 // beside: at most this failure rate beyond the normal one, with 95% confidence; 1 without traffic
	Text    string  // "other regions clean: 0 of 8214", "all 5 models", "only production has traffic"
}

// Quiz are the counts that an answer is drawn from.
type Quiz struct {
	Dim    string
	Parts  []Part // the values with traffic inside the scope
	Beside Tally  // traffic outside with another value, else the same; of one value inside only
	Only   bool   // no traffic anywhere has another value
}

// Part is one value of a dimension and what it counted inside the scope.
type Part struct {
	Value string
	Tally Tally
}

// What an answer needs.
const (
	cleanShare = 0.25 // of the strength inside: a place is clean if it can fail no more than this beyond normal, and fails if it fails more
	askScatter = 1.5  // by how much failures askScatter more than chance
	oneSided   = 1.645
)

// plurals are the dimensions as a sentence names several values of them.
var plurals = map[string]string{
	"env": "environments", "provider": "providers", "model": "models", "region": "regions", "deployment": "deployments",
	"endpoint": "endpoints", "workload": "workloads", "stream": "kinds of answer", "caller": "callers",
	"gateway": "gateways", "class": "classes",
}

// Answer tells from the counts whether failures keep to one value.
func (q Quiz) Answer() Answer {
	a := Answer{Dim: q.Dim, Extent: Untold, Values: len(q.Parts), Bound: 1}
	switch len(q.Parts) {
	case 0:
		a.Text = "no traffic tells its " + q.Dim
	case 1:
		q.beside(&a)
	default:
		q.within(&a)
	}
	return a
}

// beside compares the only value inside with the others outside.
func (q Quiz) beside(a *Answer) {
	one, others := q.Parts[0], plurals[q.Dim]
	a.Value, a.Inside, a.Beside = one.Value, one.Tally, q.Beside
	strength := one.Tally.strength()
	low, high := q.Beside.excess()
	switch {
	case q.Beside.Req == 0 && q.Only:
		a.Text = fmt.Sprintf("only %s has traffic", one.Value)
	case q.Beside.Req == 0:
		a.Text = fmt.Sprintf("only %s has traffic there", one.Value)
	case high <= cleanShare*strength:
		a.Extent, a.Bound, a.Failing = Isolated, high, 1
		a.Text = fmt.Sprintf("other %s clean: %d of %d", others, q.Beside.Err, q.Beside.Req)
	case low > cleanShare*strength:
		a.Extent, a.Bound = Widespread, high
		a.Text = fmt.Sprintf("other %s fail too: %d of %d", others, q.Beside.Err, q.Beside.Req)
	default:
		a.Bound = high
		a.Text = fmt.Sprintf("too little elsewhere: %d of %d in other %s", q.Beside.Err, q.Beside.Req, others)
	}
}

// within compares the values inside with each other.
func (q Quiz) within(a *Answer) {
	var all Tally
	for _, p := range q.Parts {
		all.add(p.Tally)
	}
	strength := all.strength()
	for _, p := range q.Parts {
		strength = max(strength, min(p.Tally.least(), 1)) // one that fails alone is weaker in the mean of all
	}
	var failing, clean, unclear []Part
	for _, p := range q.Parts {
		switch low, high := p.Tally.excess(); {
		case low > cleanShare*strength:
			failing = append(failing, p)
			a.Inside.add(p.Tally)
		case high <= cleanShare*strength:
			clean = append(clean, p)
			a.Beside.add(p.Tally)
		default:
			unclear = append(unclear, p)
		}
	}
	if a.Beside.Req > 0 {
		_, a.Bound = a.Beside.excess()
	}
	others := plurals[q.Dim]
	a.Failing = len(failing)
	switch {
	case len(failing) == 1 && len(unclear) == 0:
		a.Extent, a.Value = Isolated, failing[0].Value
		a.Text = fmt.Sprintf("of the %s only %s: others clean: %d of %d", others, a.Value, a.Beside.Err, a.Beside.Req)
	case len(failing) == 2 && len(q.Parts) == 2:
		a.Extent, a.Text = Widespread, "both "+others
	case len(failing) > 1 && len(failing) == len(q.Parts):
		a.Extent, a.Text = Widespread, fmt.Sprintf("all %d %s", len(failing), others)
	case len(failing) > 1:
		a.Extent = Widespread
		a.Text = fmt.Sprintf("%d of %d %s", len(failing), len(q.Parts), others)
		var rest []string
		if len(clean) > 0 {
			rest = append(rest, "clean: "+some(clean))
		}
		if len(unclear) > 0 {
			rest = append(rest, fmt.Sprintf("%d with too little traffic", len(unclear)))
		}
		a.Text += " (" + strings.Join(rest, "; ") + ")"
	case len(failing) == 1:
		a.Inside, a.Failing = failing[0].Tally, 1
		a.Text = fmt.Sprintf("%s fails, the other %d %s have too little traffic", failing[0].Value, len(q.Parts)-1, others)
	default:
		a.Text = fmt.Sprintf("too little traffic for each of %d %s", len(q.Parts), others)
	}
}

// some names the values with most traffic.
func some(parts []Part) string {
	slices.SortFunc(parts, func(x, y Part) int {
		return cmp.Or(cmp.Compare(y.Tally.Req, x.Tally.Req), cmp.Compare(x.Value, y.Value))
	})
	text := parts[0].Value
	switch n := len(parts); {
	case n == 2:
		text += " and " + parts[1].Value
	case n > 2:
		text += fmt.Sprintf(" and %d more", n-1)
	}
	return text
}

// strength is the share of requests that fail and would else not have.
func (t Tally) strength() float64 {
	n := float64(t.Req)
	if n <= t.Expected {
		return 0
	}
	return min(max((float64(t.Err)-t.Expected)/(n-t.Expected), 0), 1)
}

// least is the strength that a tally shows for certain.
func (t Tally) least() float64 { low, _ := t.excess(); return low }

// excess bounds the failure rate beyond the normal one, from below and from above, each with 95% confidence (Wilson
// and Hilferty's approximation of the Poisson limits).
func (t Tally) excess() (low, high float64) {
	if t.Req == 0 {
		return 0, 1
	}
	k, e, n := float64(t.Err)/askScatter, t.Expected, float64(t.Req)
	cube := func(x float64) float64 { return x * x * x }
	high = (k + 1) * cube(1-1/(9*(k+1))+oneSided/(3*math.Sqrt(k+1)))
	if k > 0 {
		low = k * cube(max(1-1/(9*k)-oneSided/(3*math.Sqrt(k)), 0))
	}
	return max((low*askScatter-e)/n, 0), min(max((high*askScatter-e)/n, 0), 1)
}
