package runbook

import (
	"fmt"
	"slices"
	"strings"
)

// answerNode asks for what the operator answered or a field holds: `$rehearsal == yes`, `$model in (a, b)`, or `$model`
// alone, which asks whether it is filled with anything but no.
type answerNode struct {
	name   string
	op     string // == != in notin, empty: alone
	values []string
	text   string // as written
}

// answerNumber is a field that holds a number, compared with one: `limit <= $cap`. Its unit is that of the other side.
type answerNumber struct {
	name string
	kind Unit
}

func (n *answerNode) each(func(*queryNode))  {}
func (n answerNumber) each(func(*queryNode)) {}
func (n answerNumber) unit() Unit            { return n.kind }

// notFilled says why what needs these variables is not known.
func notFilled(names ...string) string { return "$" + strings.Join(names, ", $") + " is not filled" }

// truth of an answer. What was not answered is unknown, except where that is what is asked.
func (n *answerNode) truth(ev *env) Result {
	value := ev.vars[n.name]
	shown := value
	if shown == "" {
		shown = "not filled"
	}
	r := Result{Unit: UnitBool, Text: strings.Replace(n.text, "$"+n.name, fmt.Sprintf("$%s (%s)", n.name, clean(oneLine(shown))), 1)}
	if n.op == "" {
		r.Truth = truthOf(value != "" && !declined(value))
		return r
	}
	if value == "" {
		r.Why = notFilled(n.name)
		return r
	}
	same := false
	for _, want := range n.values {
		filled, why := ev.fill(want)
		if why != "" {
			r.Why = why
			return r
		}
		same = same || filled == value
	}
	r.Truth = truthOf(same == (n.op == "==" || n.op == "in"))
	return r
}

// declined tells an answer that says no.
func declined(value string) bool {
	return strings.EqualFold(value, "no") || strings.EqualFold(value, "false")
}

func (n answerNumber) number(ev *env) amount {
	a := amount{unit: n.kind, text: "$" + n.name}
	value := ev.vars[n.name]
	if value == "" {
		a.why = notFilled(n.name)
		return a
	}
	a.text += " (" + clean(oneLine(value)) + ")"
	p := &exprParser{src: value}
	lit, err := p.literal()
	switch {
	case err != nil || p.pos < len(p.src):
		a.why = fmt.Sprintf("$%s is %q, which is no number", n.name, clean(oneLine(value)))
	case lit.kind != n.kind:
		a.why = fmt.Sprintf("$%s is %q, which is not in the unit of the other side", n.name, clean(oneLine(value)))
	default:
		a.known, a.value = true, lit.value
	}
	return a
}

// answer reads what follows a $name that stands where a number or a truth could: a comparison with words or with a
// number, or nothing.
func (p *exprParser) answer(name string) (operand, *Error) {
	at := p.pos - len(name) - 1
	p.named = append(p.named, name)
	n := &answerNode{name: name}
	mark := p.pos
	switch op := p.operator(); {
	case op == "==" || op == "!=":
		if err := p.answerValues(n, op, false); err != nil {
			return operand{}, err
		}
	case op != "":
		right, err := p.value()
		switch {
		case err != nil:
			return operand{}, err
		case right.num == nil:
			return operand{}, p.fail("$"+name+" is compared with something that is no number", "write a number, or == for a word")
		}
		return operand{yes: compareNode{op, answerNumber{name, right.num.unit()}, right.num}}, nil
	case p.keyword("in"):
		if err := p.answerValues(n, "in", true); err != nil {
			return operand{}, err
		}
	case p.keyword("not"):
		if !p.keyword("in") {
			p.pos = mark
			return operand{yes: p.bare(n, at)}, nil // what follows is told by whoever reads on
		}
		if err := p.answerValues(n, "notin", true); err != nil {
			return operand{}, err
		}
	case p.symbol("*"):
		return operand{}, p.fail("a field cannot be multiplied", "put the product into the field")
	default:
		return operand{yes: p.bare(n, at)}, nil
	}
	n.text = oneLine(p.src[at:p.pos])
	p.answers = append(p.answers, n)
	return operand{yes: n}, nil
}

func (p *exprParser) bare(n *answerNode, at int) *answerNode {
	n.text = oneLine(p.src[at : at+1+len(n.name)])
	p.answers = append(p.answers, n)
	return n
}

func (p *exprParser) answerValues(n *answerNode, op string, many bool) *Error {
	if many && !p.symbol("(") {
		return p.fail("a list is missing after in", "write like `$"+n.name+" in (yes, partly)`")
	}
	p.space()
	m := Match{Label: n.name}
	if err := p.values(&m, many); err != nil {
		return err
	}
	n.op, n.values = op, m.Values
	for _, v := range n.values {
		if name, isVar := varName(v); isVar {
			p.named = append(p.named, name)
		}
	}
	if slices.Contains(n.values, "*") {
		return p.fail("* stands for any value", "write `$"+n.name+"` alone to ask whether it is filled")
	}
	return nil
}

// reference reads $name, where one stands next.
func (p *exprParser) reference() (name string, ok bool, err *Error) {
	at := p.pos
	if !p.symbol("$") {
		return "", false, nil
	}
	if p.pos < len(p.src) && isLetter(p.src[p.pos]) {
		from := p.pos
		for p.pos < len(p.src) && (isLetter(p.src[p.pos]) || isDigit(p.src[p.pos])) {
			p.pos++
		}
		return p.src[from:p.pos], true, nil
	}
	p.pos = at
	return "", false, p.fail("$ without a name", "write like `$rehearsal == yes`")
}
