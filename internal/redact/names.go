package redact

import "strings"

// announced says whether the words that the label wants stand before it: "api_" before "key".
func (l *label) announced(before string) bool {
	if len(l.before) == 0 {
		return true
	}
	if n := len(before); n > 0 && strings.IndexByte("-_. ", before[n-1]) >= 0 {
		before = before[:n-1]
	}
	for _, w := range l.before {
		if len(before) >= len(w) && hasFold(before[len(before)-len(w):], w) {
			return true
		}
	}
	return false
}

// valueAfter finds the value that belongs to the name which ends at s[i]: name=value, "name": "value" in JSON at any depth of
// escaping, name => value, --name value, and Python's (b'name', b'value').
func valueAfter(s string, i int, l *label) (span, bool) {
	from, ok := separator(s, i)
	if !ok {
		return span{}, false
	}
	from, depth, quoted := opening(s, from)
	if l.placed(s[from:]) {
		return span{}, false // before looking for its end: what is ruled out must not cost the rest of the text each time
	}
	to := l.ending(s, from, depth, quoted)
	if from, ok = l.secret(s, from, to, quoted); !ok {
		return span{}, false
	}
	return l.span(s, from, to), true
}

func (l *label) span(s string, from, to int) span {
	sp := span{from: from, to: to, rule: l.rule, kind: l.kind}
	if l.rule == "api-key" && azureKey(s[from:to]) {
		sp.rule, sp.kind = "azure", "key:azure"
	}
	sp.byShape(s)
	return sp
}

// azureKey knows the two shapes that Azure gives the keys of its AI services: 32 hex digits, and since 2024 84 letters and digits.
func azureKey(v string) bool {
	return len(v) == 32 && allIn(v, lowerHex) || len(v) == 84 && allIn(v, alnum)
}

// separator skips from the end of a name to the beginning of its value.
func separator(s string, i int) (int, bool) {
	j, quote := skipQuote(s, i)
	j = skipSpace(s, j)
	if j >= len(s) {
		return 0, false
	}
	switch {
	case s[j] == ':' || s[j] == '=':
		j++
		if j < len(s) && (s[j] == '=' || s[j] == '>') {
			j++
		}
	case s[j] == ',' && quote && strings.HasPrefix(s[skipSpace(s, j+1):], "b'"):
		j++
	case !quote && j > i && flagName(s[:i]):
		return j, true
	default:
		return 0, false
	}
	return skipSpace(s, j), true
}

// flagName says whether s ends in the name of a command-line flag.
func flagName(s string) bool {
	for i := len(s) - 1; i > 0 && len(s)-i < 40; i-- {
		if s[i] == '-' && s[i-1] == '-' {
			return i < 2 || s[i-2] == ' ' || s[i-2] == '"' || s[i-2] == '\''
		}
		if s[i] != '-' && !alnum[s[i]] {
			return false
		}
	}
	return false
}

func skipSpace(s string, i int) int {
	for n := 0; i < len(s) && n < 8 && (s[i] == ' ' || s[i] == '\t'); n++ {
		i++
	}
	return i
}

// skipQuote skips one quote and the backslashes before it.
func skipQuote(s string, i int) (int, bool) {
	j := i
	for j < len(s) && s[j] == '\\' {
		j++
	}
	if j < len(s) && (s[j] == '"' || s[j] == '\'') {
		return j + 1, true
	}
	return i, false
}

// opening skips what stands before a value: a list's bracket, Python's b, a quote. depth counts the backslashes of the quote.
func opening(s string, i int) (from, depth int, quoted bool) {
	if strings.HasPrefix(s[i:], "[\"") || strings.HasPrefix(s[i:], "['") || strings.HasPrefix(s[i:], "[\\") {
		i++ // headers are lists in many logs
	}
	if strings.HasPrefix(s[i:], "b'") || strings.HasPrefix(s[i:], "b\"") {
		i++
	}
	from, quoted = skipQuote(s, i)
	return from, from - 1 - i, quoted
}

// ending returns where the value that begins at s[from] ends. A quoted one ends at the quote that is escaped no deeper than the one
// that opened it, or with the text.
func (l *label) ending(s string, from, depth int, quoted bool) int {
	if quoted {
		return closing(s, from, s[from-1], depth)
	}
	to := from
	for ; to < len(s) && !valueEnd[s[to]] || l.kind == "auth:cookie" && to < len(s) && s[to] == ';'; to++ {
		if s[to] == '<' && pseudonymAt(s, to) > 0 {
			break
		}
		if s[to] != ' ' || l.kind == "auth:cookie" {
			continue // a Cookie header has many values, parted by semicolon and space
		}
		if _, ok := schemeEnd(s[from : to+1]); !ok {
			break
		}
	}
	return to
}

func closing(s string, from int, quote byte, depth int) int {
	backslashes := 0
	for to := from; to < len(s); to++ {
		switch s[to] {
		case '\\':
			backslashes++
			continue
		case quote:
			if backslashes <= depth {
				return to - backslashes
			}
		}
		backslashes = 0
	}
	return len(s)
}

// schemeEnd returns the length of the authentication scheme and its space at the beginning of v.
func schemeEnd(v string) (int, bool) {
	for _, scheme := range []string{"bearer ", "basic ", "token ", "apikey ", "api-key ", "key "} {
		if hasFold(v, scheme) {
			n := len(scheme)
			for n < len(v) && v[n] == ' ' {
				n++
			}
			return n, true
		}
	}
	return 0, false
}

// secret says whether s[from:to] is worth hiding, and from where: the name of a scheme before it stays.
func (l *label) secret(s string, from, to int, quoted bool) (int, bool) {
	if n, ok := schemeEnd(s[from:to]); ok {
		from += n
	}
	v := s[from:to]
	low := l.min
	if !quoted && l.rule == "password" {
		low = 4
	}
	if len(v) < low || pseudonymAt(v, 0) == len(v) || l.placed(v) || reference(v) {
		return from, false
	}
	if len(v) <= 16 && notSecrets[strings.ToLower(v)] || strings.Trim(v, "*. ") == "" || len(v) > 2 && strings.Trim(v, "xX") == "" {
		return from, false
	}
	switch {
	case l.rule == "token" && l.before == nil && (strings.ContainsAny(v, " ") || allIn(v, digitsOnly)):
		return from, false // a token of a text
	}
	return from, true
}

// placed says whether v begins as the place of a secret does, instead of being one: ${NAME}, {{ name }}, $(command), file:/PATH; as
// a bracket does; and the shell's PWD, which is the working directory.
func (l *label) placed(v string) bool {
	if l.word == "pwd" && strings.HasPrefix(v, "/") {
		return true
	}
	if l.rule != "password" && v != "" && strings.IndexByte("[{(", v[0]) >= 0 {
		return true // a structure or a remark, no key
	}
	for _, p := range []string{"${", "{{", "$(", "file:/", "file:./"} {
		if strings.HasPrefix(v, p) {
			return true
		}
	}
	return false
}

// reference says whether v, as a whole, is the name of a secret's place: $NAME, env:NAME, os.environ/NAME.
func reference(v string) bool {
	for _, p := range []string{"$", "env:", "os.environ/"} {
		if name, ok := strings.CutPrefix(v, p); ok && name != "" {
			return allIn(name, envName)
		}
	}
	return false
}

// labelOf returns the label that a JSON key, as a whole, is the name of; nil for none.
func labelOf(key string) *label {
	for i := range labels {
		l := &labels[i]
		at := len(key) - len(l.word)
		if at >= 0 && hasFold(key[at:], l.word) && l.announced(key[:at]) {
			return l
		}
	}
	return nil
}

var (
	lettersOnly = classOf(letters)
	digitsOnly  = classOf(digits)
	envName     = classOf(uppers + digits + "_")
	queryValue  = classOf(digits + letters + "-._~+/=%")
	valueEnd    = classOf("\t\r\n,;&\"'`)]}\\")
)
