package runbook

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// promqlName is the metric that asks a Prometheus: promql("sum(rate(x[5m]))").
const promqlName = "promql"

// mostPromQL bounds one question to a Prometheus.
const mostPromQL = 2 << 10

func promqlMetric() Metric {
	return Metric{Name: promqlName, Gauge: true, Own: true, Help: "what the configured Prometheus answers: promql(\"sum(rate(x[5m]))\")"}
}

// promPart is a piece of a query: text that stands as it is, or a variable inside a quoted string.
type promPart struct {
	text  string
	name  string // of the variable; empty: text
	quote byte
	regex bool // the string is matched as a pattern
}

// promql reads ("...") behind the word. The text is Prometheus's own language; only its strings may hold variables.
func (p *exprParser) promql(q *queryNode) *Error {
	if !p.symbol("(") {
		return p.fail("promql asks nothing", "write like promql(\"sum(rate(errors[5m]))\")")
	}
	p.space()
	if p.pos >= len(p.src) || !strings.ContainsRune("\"'`", rune(p.src[p.pos])) {
		return p.fail("promql wants its question in quotes", "write like promql('rate(errors{job=\"llm\"}[5m])'); quotes of another kind may stand inside")
	}
	quote := p.src[p.pos]
	end := strings.IndexByte(p.src[p.pos+1:], quote)
	if end < 0 {
		return p.fail("a quote is not closed", "write "+string(quote))
	}
	text := p.src[p.pos+1 : p.pos+1+end]
	at := p.pos
	p.pos += end + 2
	if !p.symbol(")") {
		return p.fail("a parenthesis is not closed", "write )")
	}
	parts, why := promParts(text)
	if why != nil {
		p.pos = at
		return p.fail(why.What, why.Try)
	}
	p.takePromQL(q, parts)
	return nil
}

func (p *exprParser) takePromQL(q *queryNode, parts []promPart) {
	q.prom = parts
	for _, part := range parts {
		if part.name != "" {
			p.named = append(p.named, part.name)
		}
	}
}

var (
	promVar     = regexp.MustCompile(`\$([A-Za-z_][A-Za-z0-9_]*)`)
	promPattern = regexp.MustCompile(`[=!]~\s*$`)
)

// promParts cuts a query at its variables.
func promParts(text string) ([]promPart, *Error) {
	switch {
	case strings.TrimSpace(text) == "":
		return nil, &Error{What: "promql asks nothing", Try: "write like promql(\"sum(rate(errors[5m]))\")"}
	case len(text) > mostPromQL:
		return nil, &Error{What: fmt.Sprintf("a question of %d bytes to Prometheus", len(text)), Try: "record a rule there, and ask for that"}
	}
	var parts []promPart
	for rest := text; rest != ""; {
		open := strings.IndexAny(rest, "\"'`")
		outside := rest
		if open >= 0 {
			outside = rest[:open]
		}
		if promVar.MatchString(outside) {
			return nil, &Error{What: "a variable outside of quotes in promql", Try: "variables stand in label values, like region=\"$region\""}
		}
		if open < 0 {
			return append(parts, promPart{text: rest}), nil
		}
		end := promStringEnd(rest, open)
		if end < 0 {
			return nil, &Error{What: "a quote in promql is not closed", Try: "close it"}
		}
		parts = append(parts, promPart{text: rest[:open+1]})
		inside, regex := rest[open+1:end], promPattern.MatchString(outside)
		last := 0
		for _, m := range promVar.FindAllStringSubmatchIndex(inside, -1) {
			parts = append(parts, promPart{text: inside[last:m[0]]}, promPart{name: inside[m[2]:m[3]], quote: rest[open], regex: regex})
			last = m[1]
		}
		parts = append(parts, promPart{text: inside[last:]}, promPart{text: rest[end : end+1]})
		rest = rest[end+1:]
	}
	return parts, nil
}

// promStringEnd finds the quote that closes the string which begins at open, -1 where none does.
func promStringEnd(s string, open int) int {
	for i := open + 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && s[open] != '`':
			i++
		case s[i] == s[open]:
			return i
		}
	}
	return -1
}

// promText fills the variables of a query. Their values are escaped: they cannot end the string that they stand in,
// and in a pattern they mean themselves.
func (ev *env) promText(parts []promPart) (text, why string) {
	var b strings.Builder
	for _, part := range parts {
		if part.name == "" {
			b.WriteString(part.text)
			continue
		}
		value := ev.vars[part.name]
		switch {
		case value == "":
			return "", notFilled(part.name)
		case part.quote == '`' && strings.Contains(value, "`"):
			return "", "$" + part.name + " cannot stand between backticks"
		}
		if part.regex {
			value = regexp.QuoteMeta(value)
		}
		if part.quote != '`' {
			value = strings.NewReplacer(`\`, `\\`, string(part.quote), `\`+string(part.quote), "\n", `\n`).Replace(value)
		}
		b.WriteString(value)
	}
	return b.String(), ""
}

// anyUnit lets what Prometheus answers be compared with a share, a time or a number: it has no unit of its own.
func anyUnit(a, b numberNode) {
	adopt(a, b.unit())
	adopt(b, a.unit())
}

func adopt(n numberNode, unit Unit) {
	switch n := n.(type) {
	case *queryNode:
		if n.prom != nil {
			n.metric.Unit = unit
		}
	case percentOfNode:
		adopt(n.of, unit)
	case timesNode:
		if n.unit() == UnitNumber { // one of them takes the unit, the other stays a factor
			if adopt(n.a, unit); n.a.unit() == UnitNumber {
				adopt(n.b, unit)
			}
		}
	}
}

// promCheck makes the condition of a check that is one question to Prometheus: it is true where the answer is not 0.
func promCheck(file string, line int, text string) (Expr, error) {
	parts, why := promParts(text)
	if why != nil {
		return Expr{}, &Error{File: file, Line: line, What: "promql: " + why.What, Try: why.Try}
	}
	p := &exprParser{}
	q := &queryNode{metric: promqlMetric(), text: "promql(" + oneLine(clean(text)) + ")"}
	p.takePromQL(q, parts)
	return Expr{
		Source: "promql(" + promQuoted(text) + ") != 0", Line: line, minSamples: DefaultMinSamples, named: slices.Clone(p.named),
		root: compareNode{"!=", q, literalNode{0, UnitNumber, "0"}},
	}, nil
}

// promQuoted puts a query into quotes that it does not have itself, where there are any.
func promQuoted(text string) string {
	for _, quote := range []string{`"`, `'`, "`"} {
		if !strings.Contains(text, quote) {
			return quote + oneLine(text) + quote
		}
	}
	return `"` + oneLine(text) + `"`
}

// promWords is promText where an open variable makes a question that nobody asks.
func (ev *env) promWords(parts []promPart) string {
	text, why := ev.promText(parts)
	if why != "" {
		return ""
	}
	return text
}
