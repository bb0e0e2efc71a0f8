package runbook

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c == '_' || (c|0x20 >= 'a' && c|0x20 <= 'z') }

func (p *exprParser) space() {
	for p.pos < len(p.src) && strings.IndexByte(" \t\r\n", p.src[p.pos]) >= 0 {
		p.pos++
	}
}

// word reads a name: letters, digits, underscores. "p99.9" is a word too.
func (p *exprParser) word() string {
	p.space()
	at := p.pos
	for p.pos < len(p.src) && (isLetter(p.src[p.pos]) || isDigit(p.src[p.pos]) || (p.src[p.pos] == '.' && p.pos > at)) {
		p.pos++
	}
	return p.src[at:p.pos]
}

// keyword takes the word if it stands next, and leaves everything as it is otherwise.
func (p *exprParser) keyword(word string) bool {
	at := p.pos
	if p.word() == word {
		return true
	}
	p.pos = at
	return false
}

func (p *exprParser) symbol(s string) bool {
	p.space()
	if strings.HasPrefix(p.src[p.pos:], s) {
		p.pos += len(s)
		return true
	}
	return false
}

func (p *exprParser) operator() string {
	for _, op := range []string{"<=", ">=", "==", "!=", "<", ">", "="} {
		if p.symbol(op) {
			if op == "=" {
				return "=="
			}
			return op
		}
	}
	return ""
}

// duration reads 500ms, 30s, 2m, 1h or several of them joined.
func (p *exprParser) duration(after string) (time.Duration, *Error) {
	p.space()
	at := p.pos
	for p.pos < len(p.src) && (isDigit(p.src[p.pos]) || isLetter(p.src[p.pos]) || p.src[p.pos] == '.') {
		p.pos++
	}
	d, err := parseDuration(p.src[at:p.pos])
	if err != nil || d <= 0 {
		p.pos = at
		what := "not a time"
		if after != "" {
			what += " after " + after
		}
		return 0, p.fail(what, "write like 500ms, 30s, 2m or 1h")
	}
	return d, nil
}

// parseDuration reads a time of at most 999 days; d is a day.
func parseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 0 || n > 999 {
			return 0, fmt.Errorf("%q is not a number of days", s)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	for _, unit := range []string{"ns", "us", "µs"} {
		if strings.HasSuffix(s, unit) {
			return 0, fmt.Errorf("%q: the smallest unit is ms", s)
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a time", s)
	}
	if d < 0 || d > 999*24*time.Hour {
		return 0, fmt.Errorf("%q is out of range", s)
	}
	return d, nil
}

// labels reads {label OP value, ...}; a label may be named once.
func (p *exprParser) labels(q *queryNode) *Error {
	if !p.symbol("{") {
		return nil
	}
	for !p.symbol("}") {
		m, err := p.label(q.metric)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(q.where, func(o Match) bool { return o.Label == m.Label }) {
			return p.fail("label "+m.Label+" is named twice", "use in (a, b) for alternatives")
		}
		q.where = append(q.where, m)
		if p.symbol(",") {
			continue
		}
		if !p.symbol("}") {
			return p.fail("the labels are not closed", "write , or }")
		}
		break
	}
	return nil
}

func (p *exprParser) label(metric Metric) (Match, *Error) {
	p.space()
	at := p.pos
	m := Match{Label: p.word()}
	if !slices.Contains(labels(), m.Label) {
		p.pos = at
		return m, p.fail("unknown label", suggest(m.Label, labels()))
	}
	if !labelTakes(metric, m.Label) {
		p.pos = at
		return m, p.fail(metric.Name+" has no label "+m.Label, "leave it out")
	}
	many := false
	switch {
	case p.keyword("in"):
		m.Op, many = "in", true
	case p.keyword("not"):
		if !p.keyword("in") {
			return m, p.fail("`in` is missing after not", "write like `code not in (200, 201)`")
		}
		m.Op, many = "notin", true
	default:
		switch op := p.operator(); op {
		case "==":
			m.Op = "="
		case "!=":
			m.Op = op
		default:
			return m, p.fail("label "+m.Label+" needs =, !=, in or not in", "write like `"+m.Label+"=...`")
		}
	}
	if many && !p.symbol("(") {
		return m, p.fail("a list is missing after in", "write like `code in (502, 524)`")
	}
	if err := p.values(&m, many); err != nil {
		return m, err
	}
	return m, checkValues(m)
}

func (p *exprParser) values(m *Match, many bool) *Error {
	for {
		v, err := p.labelValue()
		if err != nil {
			return err
		}
		m.Values = append(m.Values, v)
		switch {
		case !many:
			return nil
		case p.symbol(","):
			if len(m.Values) >= 64 {
				return p.fail("more than 64 values", "shorten the list")
			}
		case p.symbol(")"):
			return nil
		default:
			return p.fail("the list is not closed", "write , or )")
		}
	}
}

// labelValue reads a bare word (gpt-4o, azure/eu), a quoted text, $var or * for any.
func (p *exprParser) labelValue() (string, *Error) {
	if p.symbol(`"`) {
		end := strings.IndexByte(p.src[p.pos:], '"')
		if end < 0 {
			return "", p.fail("a quote is not closed", `write "`)
		}
		v := p.src[p.pos : p.pos+end]
		p.pos += end + 1
		if v = clean(v); v == "" || strings.HasPrefix(v, "$") {
			return "", p.fail("an empty value, or a variable in quotes", "write $name without quotes")
		}
		return v, nil
	}
	at := p.pos
	for p.pos < len(p.src) && (isLetter(p.src[p.pos]) || isDigit(p.src[p.pos]) || strings.IndexByte("-./:@$*", p.src[p.pos]) >= 0) {
		p.pos++
	}
	v := p.src[at:p.pos]
	if _, isVar := varName(v); v == "" || (strings.Contains(v, "$") && !isVar) || (strings.Contains(v, "*") && v != "*") {
		p.pos = at
		return "", p.fail("a value is missing", `write a word, "quoted text", $variable, or * for any`)
	}
	return v, nil
}

// checkValues refuses codes, classes and verbs that do not exist: they would be silently never true.
func checkValues(m Match) *Error {
	for _, v := range m.Values {
		if _, isVar := varName(v); isVar {
			continue
		}
		if v == "*" {
			if m.Op != "=" {
				return &Error{What: "* stands for any value of " + m.Label, Try: "write `" + m.Label + "=*`"}
			}
			continue
		}
		var known []string
		switch m.Label {
		case "code":
			if n, err := strconv.Atoi(v); err != nil || n < 0 || n > 999 {
				return &Error{What: fmt.Sprintf("%q is no status code", v), Try: "write like `code in (502, 524)`"}
			}
		case "class":
			known = classes()
		case "verb":
			known = verbs()
		case "side":
			known = []string{"client", "upstream"}
		}
		if known != nil && !slices.Contains(known, v) {
			return &Error{What: fmt.Sprintf("unknown %s %q", m.Label, v), Try: suggest(v, known)}
		}
	}
	return nil
}

// varName gives the name of a $variable.
func varName(v string) (string, bool) {
	name, ok := strings.CutPrefix(v, "$")
	return name, ok && isName(name)
}

func isName(s string) bool {
	for i := range len(s) {
		if !isLetter(s[i]) && (i == 0 || !isDigit(s[i])) {
			return false
		}
	}
	return s != ""
}

// labelTakes says whether a label makes sense on a metric.
func labelTakes(m Metric, label string) bool {
	if m.Own || label == "probe" {
		return m.Own && label == "probe" && m.Name != promqlName
	}
	switch label {
	case "code", "class":
		return !m.Gauge
	case "verb":
		return m.Name == "lever"
	}
	return slices.Contains(dims(), label)
}

// sameUnit refuses numbers of different units: 0.05 is not 5%, and 2 is not 2s.
func sameUnit(a, b numberNode) *Error {
	ua, ub := a.unit(), b.unit()
	if ua == ub {
		return nil
	}
	try := map[Unit]string{
		UnitShare:  "write the share in percent, like 5%",
		UnitTime:   "write the time with its unit, like 2s or 500ms",
		UnitNumber: "write a plain number",
	}
	want := ua
	if _, literal := a.(literalNode); literal {
		want = ub
	}
	names := map[Unit]string{UnitShare: "a share", UnitTime: "a time", UnitNumber: "a number"}
	return &Error{What: fmt.Sprintf("compares %s with %s", names[ua], names[ub]), Try: try[want]}
}
