package runbook

import (
	"maps"
	"slices"
	"time"
)

// What an answer needs before it counts, where a block does not say otherwise.
const (
	DefaultMinSamples = 20
	DefaultMaxAge     = 30 * time.Second
	defaultOver       = 2 * time.Minute
)

// Expr is one parsed expression of the check language. The zero Expr is no expression: it evaluates to
// unknown. It is immutable; Bind and With give changed copies.
type Expr struct {
	Source string
	Line   int

	root       truthNode
	named      []string      // variables whose values are compared, beside those in labels
	answers    []*answerNode // and with what
	vars       map[string]string
	within     time.Duration
	minSamples int
	maxAge     time.Duration // 0: what the metric's default is
}

// Zero tells whether there is no expression at all.
func (e Expr) Zero() bool { return e.root == nil }

// Within is the time that a verify allows until the expression must be true, 0 where it names none.
func (e Expr) Within() time.Duration { return e.within }

// Bind fills $variables; those that are not in vars stay open, and an expression with an open one is unknown.
func (e Expr) Bind(vars map[string]string) Expr {
	merged := maps.Clone(e.vars)
	if merged == nil {
		merged = map[string]string{}
	}
	maps.Copy(merged, vars)
	e.vars = merged
	return e
}

// With changes the least number of samples and the greatest age; 0 keeps what is set.
func (e Expr) With(minSamples int, maxAge time.Duration) Expr {
	if minSamples > 0 {
		e.minSamples = minSamples
	}
	if maxAge > 0 {
		e.maxAge = maxAge
	}
	return e
}

// Vars lists the variables that the expression names, each once.
func (e Expr) Vars() []string {
	var names []string
	for _, name := range e.named {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	e.queries(func(q *queryNode) {
		for _, m := range q.where {
			for _, v := range m.Values {
				if name, ok := varName(v); ok && !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
		}
	})
	return names
}

// Reach is how far back the expression looks: its longest window, with its offset and the time that it must have held.
func (e Expr) Reach() time.Duration {
	longest, held := time.Duration(0), time.Duration(0)
	e.queries(func(q *queryNode) { longest = max(longest, q.over+q.offset) })
	if e.root != nil {
		held = holds(e.root)
	}
	return longest + held
}

func holds(n truthNode) time.Duration {
	switch n := n.(type) {
	case heldNode:
		return n.hold + holds(n.x)
	case notNode:
		return holds(n.x)
	case andNode:
		return max(holds(n.a), holds(n.b))
	case orNode:
		return max(holds(n.a), holds(n.b))
	}
	return 0
}

// Metrics lists the metrics that the expression asks for, each once.
func (e Expr) Metrics() []string {
	var names []string
	e.queries(func(q *queryNode) {
		if !slices.Contains(names, q.metric.Name) {
			names = append(names, q.metric.Name)
		}
	})
	return names
}

func (e Expr) queries(f func(*queryNode)) {
	if e.root != nil {
		e.root.each(f)
	}
}

// Result is what an expression says now, and why.
type Result struct {
	Truth Truth
	Text  string // the expression with its numbers: "error_rate 38% (812/2130) over 2m > 5%"
	Why   string // why it is unknown

	// The number that decided, or the first one asked for.
	Value    float64
	Unit     Unit
	Num, Den float64
	Samples  int
	Age      time.Duration

	Terms []Term // everything that was asked for, as of now
}

// The tree of an expression. A node is a number or a truth; the parser has checked which may stand where.
type (
	numberNode interface {
		number(*env) amount
		unit() Unit
		each(func(*queryNode))
	}
	truthNode interface {
		truth(*env) Result
		each(func(*queryNode))
	}

	literalNode struct {
		value float64
		kind  Unit
		text  string
	}
	queryNode struct {
		metric       Metric
		quantile     float64
		where        []Match
		over, offset time.Duration
		text         string     // the metric with its labels, as written
		prom         []promPart // of promql
	}
	timesNode     struct{ a, b numberNode }
	percentOfNode struct {
		percent literalNode
		of      numberNode
	}

	compareNode struct {
		op   string
		a, b numberNode
	}
	factNode struct{ *queryNode }
	andNode  struct{ a, b truthNode }
	orNode   struct{ a, b truthNode }
	notNode  struct{ x truthNode }
	heldNode struct {
		x    truthNode
		hold time.Duration
	}
)

func (n literalNode) unit() Unit   { return n.kind }
func (n *queryNode) unit() Unit    { return n.metric.Unit }
func (n percentOfNode) unit() Unit { return n.of.unit() }
func (n timesNode) unit() Unit {
	if u := n.a.unit(); u != UnitNumber {
		return u
	}
	return n.b.unit()
}

func (n literalNode) each(func(*queryNode))     {}
func (n *queryNode) each(f func(*queryNode))    { f(n) }
func (n timesNode) each(f func(*queryNode))     { n.a.each(f); n.b.each(f) }
func (n percentOfNode) each(f func(*queryNode)) { n.of.each(f) }
func (n compareNode) each(f func(*queryNode))   { n.a.each(f); n.b.each(f) }
func (n andNode) each(f func(*queryNode))       { n.a.each(f); n.b.each(f) }
func (n orNode) each(f func(*queryNode))        { n.a.each(f); n.b.each(f) }
func (n notNode) each(f func(*queryNode))       { n.x.each(f) }
func (n heldNode) each(f func(*queryNode))      { n.x.each(f) }
