package runbook

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Bounds of an expression: what an author writes stays far below them.
const (
	maxExprBytes = 4 << 10
	maxExprDepth = 40
)

// ParseExpr reads one expression of the check language; name and line say where it stands.
//
//	expr    = and {"or" and}            and  = held {"and" held}
//	held    = truth ["for" TIME]        truth = "not" held | "(" expr ")" | burst | lever | value OP value | answer
//	value   = one {"*" one}             one   = NUMBER[unit] | N% "of" one | metric | pNN(metric)
//	answer  = $name | $name == WORD | $name in (WORD, ...) | $name OP value | value OP $name
//	metric  = NAME [{label OP value, label in (a, b), ...}] ["over" TIME] ["offset" TIME]
//
// A "within TIME" may stand at the end of the whole, for a verify.
func ParseExpr(name string, line int, src string) (Expr, error) {
	p := &exprParser{src: src}
	e := Expr{Source: oneLine(src), Line: line, minSamples: DefaultMinSamples}
	err := p.parse(&e)
	if err != nil {
		err.File, err.Line = name, line
		return Expr{}, err
	}
	return e, nil
}

type exprParser struct {
	src     string
	pos     int
	depth   int
	named   []string      // variables that stand for an answer
	answers []*answerNode // what is asked of them
}

// operand is a number or a truth; exactly one is set.
type operand struct {
	num numberNode
	yes truthNode
}

func (p *exprParser) parse(e *Expr) *Error {
	if len(p.src) > maxExprBytes {
		return &Error{What: fmt.Sprintf("expression of %d bytes", len(p.src)), Try: "split it into several checks"}
	}
	if p.space(); p.pos == len(p.src) {
		return &Error{What: "empty expression", Try: "write a comparison, like `error_rate over 2m > 5%`"}
	}
	root, err := p.or()
	if err != nil {
		return err
	}
	if p.keyword("within") {
		if e.within, err = p.duration("within"); err != nil {
			return err
		}
	}
	if p.space(); p.pos < len(p.src) {
		return p.fail("cannot read the rest", "join conditions with and, or; a time needs over, offset, for or within before it")
	}
	if e.root, err = p.asTruth(root); err != nil {
		return err
	}
	e.named, e.answers = p.named, p.answers
	return nil
}

func (p *exprParser) fail(what, try string) *Error {
	rest := p.src[min(p.pos, len(p.src)):]
	if len(rest) > 24 {
		rest = strings.ToValidUTF8(rest[:24], "") + "..."
	}
	if rest = oneLine(clean(rest)); rest == "" {
		what += " at the end of the expression"
	} else {
		what += fmt.Sprintf(" at %q", rest)
	}
	return &Error{What: what, Try: try}
}

func (p *exprParser) asTruth(o operand) (truthNode, *Error) {
	if o.yes != nil {
		return o.yes, nil
	}
	return nil, p.fail("a number alone is neither true nor false", "compare it, like `error_rate over 2m > 5%`")
}

func (p *exprParser) or() (operand, *Error) {
	return p.joined("or", p.and, func(a, b truthNode) truthNode { return orNode{a, b} })
}

func (p *exprParser) and() (operand, *Error) {
	return p.joined("and", p.held, func(a, b truthNode) truthNode { return andNode{a, b} })
}

func (p *exprParser) joined(word string, next func() (operand, *Error), join func(a, b truthNode) truthNode) (operand, *Error) {
	left, err := next()
	if err != nil {
		return operand{}, err
	}
	for p.keyword(word) {
		a, err := p.asTruth(left)
		if err != nil {
			return operand{}, err
		}
		right, err := next()
		if err != nil {
			return operand{}, err
		}
		b, err := p.asTruth(right)
		if err != nil {
			return operand{}, err
		}
		left = operand{yes: join(a, b)}
	}
	return left, nil
}

func (p *exprParser) held() (operand, *Error) {
	if p.depth++; p.depth > maxExprDepth {
		return operand{}, p.fail("nested too deeply", "split it into several checks")
	}
	defer func() { p.depth-- }()
	if p.keyword("not") {
		o, err := p.held()
		if err != nil {
			return operand{}, err
		}
		x, err := p.asTruth(o)
		return operand{yes: notNode{x}}, err
	}
	o, err := p.comparison()
	if err != nil {
		return operand{}, err
	}
	for p.keyword("for") {
		x, err := p.asTruth(o)
		if err != nil {
			return operand{}, err
		}
		d, err := p.duration("for")
		if err != nil {
			return operand{}, err
		}
		o = operand{yes: heldNode{x, d}}
	}
	return o, nil
}

func (p *exprParser) comparison() (operand, *Error) {
	left, err := p.value()
	if err != nil {
		return operand{}, err
	}
	at := p.pos
	op := p.operator()
	if op == "" {
		return left, nil
	}
	if left.num == nil {
		p.pos = at
		return operand{}, p.fail("true or false cannot be compared", "leave the comparison out, or write not in front")
	}
	if name, ok, err := p.reference(); err != nil {
		return operand{}, err
	} else if ok {
		p.named = append(p.named, name)
		return operand{yes: compareNode{op, left.num, answerNumber{name, left.num.unit()}}}, nil
	}
	right, err := p.value()
	if err != nil {
		return operand{}, err
	}
	if right.num == nil {
		return operand{}, p.fail("true or false cannot be compared", "join it with and, or")
	}
	anyUnit(left.num, right.num)
	if err := sameUnit(left.num, right.num); err != nil {
		return operand{}, err
	}
	return operand{yes: compareNode{op, left.num, right.num}}, nil
}

func (p *exprParser) value() (operand, *Error) {
	left, err := p.one()
	if err != nil || left.num == nil {
		return left, err
	}
	for p.symbol("*") {
		right, err := p.one()
		if err != nil {
			return operand{}, err
		}
		if right.num == nil || (left.num.unit() != UnitNumber && right.num.unit() != UnitNumber) {
			return operand{}, p.fail("only a plain number can multiply", "write like `2 * p95(ttft) over 5m`")
		}
		left = operand{num: timesNode{left.num, right.num}}
	}
	return left, nil
}

func (p *exprParser) one() (operand, *Error) {
	if p.depth++; p.depth > maxExprDepth {
		return operand{}, p.fail("nested too deeply", "split it into several checks")
	}
	defer func() { p.depth-- }()
	if p.space(); p.pos < len(p.src) && isDigit(p.src[p.pos]) {
		return p.numberOrShare()
	}
	if p.symbol("(") {
		o, err := p.or()
		if err != nil {
			return operand{}, err
		}
		if !p.symbol(")") {
			return operand{}, p.fail("a parenthesis is not closed", "write )")
		}
		return o, nil
	}
	if name, ok, err := p.reference(); err != nil {
		return operand{}, err
	} else if ok {
		return p.answer(name)
	}
	p.space()
	at := p.pos
	q, err := p.query()
	if err == nil && q.metric.Name == "probe.class" {
		err = p.probeClass(q, at)
	}
	if err != nil {
		return operand{}, err
	}
	if q.metric.Unit == UnitBool {
		return operand{yes: factNode{q}}, nil
	}
	return operand{num: q}, nil
}

func (p *exprParser) numberOrShare() (operand, *Error) {
	lit, err := p.literal()
	if err != nil {
		return operand{}, err
	}
	if lit.kind != UnitShare || !p.keyword("of") {
		return operand{num: lit}, nil
	}
	of, err := p.one()
	if err != nil {
		return operand{}, err
	}
	if of.num == nil {
		return operand{}, p.fail("a percentage of true or false", "write like `20% of token_throughput over 5m offset 1h`")
	}
	return operand{num: percentOfNode{lit, of.num}}, nil
}

func (p *exprParser) literal() (literalNode, *Error) {
	at := p.pos
	for p.pos < len(p.src) && (isDigit(p.src[p.pos]) || p.src[p.pos] == '.') {
		p.pos++
	}
	v, err := strconv.ParseFloat(p.src[at:p.pos], 64)
	if err != nil || v > 1e15 {
		p.pos = at
		return literalNode{}, p.fail("not a number", "write like 5, 0.5% or 2s")
	}
	if p.pos < len(p.src) && p.src[p.pos] == '%' {
		p.pos++
		return literalNode{v / 100, UnitShare, p.src[at:p.pos]}, nil
	}
	if p.pos < len(p.src) && isLetter(p.src[p.pos]) {
		p.pos = at
		d, err := p.duration("")
		return literalNode{d.Seconds(), UnitTime, p.src[at:p.pos]}, err
	}
	return literalNode{v, UnitNumber, p.src[at:p.pos]}, nil
}

// query reads a metric, or pNN of one. The window may stand inside or after the parentheses of pNN.
func (p *exprParser) query() (*queryNode, *Error) {
	at := p.pos
	name := p.word()
	quantile, isQuantile := quantileOf(name)
	open := isQuantile && p.symbol("(")
	if open {
		p.space()
		at = p.pos
		name = p.word()
	}
	m, ok := metricNamed(name)
	switch {
	case name == "":
		return nil, p.fail("a metric is missing", "write one of "+strings.Join(metricNames(), ", "))
	case isQuantile && !open:
		return nil, p.fail("a metric is missing after "+name, "write like `"+name+"(latency) over 5m`")
	case !ok:
		p.pos = at
		return nil, p.fail("unknown metric", suggest(name, metricNames()))
	case open && !m.Quantile:
		p.pos = at
		return nil, p.fail(name+" has no percentiles", "use latency or ttft")
	case m.Quantile && !open:
		p.pos = at
		return nil, p.fail(name+" needs a percentile", "write like `p95("+name+") over 5m`")
	}
	q := &queryNode{metric: m, quantile: quantile}
	read := p.labels
	if m.Name == promqlName {
		read = p.promql
	}
	if err := read(q); err != nil {
		return nil, err
	}
	q.text = oneLine(p.src[at:p.pos])
	if open {
		q.text = fmt.Sprintf("p%s(%s)", strconv.FormatFloat(quantile*100, 'f', -1, 64), q.text)
	}
	if err := p.window(q); err != nil {
		return nil, err
	}
	if open {
		if !p.symbol(")") {
			return nil, p.fail("a parenthesis is not closed", "write )")
		}
		if err := p.window(q); err != nil {
			return nil, err
		}
	}
	if q.over == 0 && !m.Gauge {
		q.over = defaultOver
	}
	return q, nil
}

// window reads over and offset, each at most once.
func (p *exprParser) window(q *queryNode) *Error {
	for _, w := range []struct {
		word string
		into *time.Duration
	}{{"over", &q.over}, {"offset", &q.offset}} {
		at := p.pos
		if !p.keyword(w.word) {
			continue
		}
		if *w.into != 0 || (q.metric.Own && q.prom == nil) || (w.word == "over" && q.metric.Gauge) {
			p.pos = at
			return p.fail(q.metric.Name+" takes no further `"+w.word+"`", "leave it out")
		}
		d, err := p.duration(w.word)
		if err != nil {
			return err
		}
		*w.into = d
	}
	return nil
}

func quantileOf(word string) (float64, bool) {
	digits, ok := strings.CutPrefix(word, "p")
	if !ok || digits == "" || len(digits) > 5 {
		return 0, false
	}
	v, err := strconv.ParseFloat(digits, 64)
	if err != nil || v <= 0 || v >= 100 || !isDigit(digits[0]) {
		return 0, false
	}
	return v / 100, true
}

func metricNames() []string {
	var names []string
	for _, m := range metrics() {
		names = append(names, m.Name)
	}
	return names
}
