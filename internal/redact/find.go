package redact

import (
	"encoding/base64"
	"strings"
)

// find returns the secrets in s by shape and by name, in order and apart. One pass from left to right: a table says at which bytes a
// rule could begin, and what was found or ruled out is not looked at twice, so the time is linear in the length of s.
func find(s string) []span {
	var spans []span
	floor := 0 // nothing before it may become part of a secret
	for i := 0; i < len(s); {
		mask := rules.second[s[i]]
		if mask == 0 || i+1 >= len(s) || mask>>(s[i+1]&31)&1 == 0 {
			i++
			continue
		}
		sp, next := at(s, i, floor)
		if sp.to > sp.from {
			spans = append(spans, sp)
		}
		if next > i {
			i, floor = next, next
			continue
		}
		i++
	}
	return spans
}

// at looks for a secret that begins, or is announced, at s[i]. It returns the span, empty if there is none, and where to go on; i
// itself means that nothing was found.
func at(s string, i, floor int) (span, int) {
	switch s[i] {
	case '<':
		return span{}, i + pseudonymAt(s, i)
	case '@':
		return mailAt(s, i, floor)
	case ':':
		return userinfoAt(s, i)
	case '-':
		return pemAt(s, i)
	case '?', '&':
		return queryAt(s, i)
	}
	if sp, ok := shapeAt(s, i); ok {
		return sp, sp.to
	}
	if sp, ok := jwtAt(s, i); ok {
		return sp, sp.to
	}
	if sp, ok := schemeAt(s, i); ok {
		return sp, sp.to
	}
	for _, n := range rules.labels[s[i]] {
		l := &labels[n]
		if !hasFold(s[i:], l.word) || !l.announced(s[:i]) {
			continue
		}
		if sp, ok := valueAfter(s, i+len(l.word), l); ok {
			return sp, sp.to
		}
	}
	return span{}, i
}

// edge says whether a token can begin at s[i]: there is no letter or digit before it, save one that belongs to an escape.
func edge(s string, i int) bool {
	if i == 0 || !alnum[s[i-1]] {
		return true
	}
	if i >= 2 && s[i-2] == '\\' && strings.IndexByte("ntrbf", s[i-1]) >= 0 {
		return true
	}
	if i >= 3 && s[i-3] == '%' && anyHex[s[i-1]] && anyHex[s[i-2]] {
		return true
	}
	if i >= 6 && s[i-6] == '\\' && s[i-5] == 'u' && allIn(s[i-4:i], anyHex) {
		return true
	}
	return afterColour(s, i)
}

// afterColour says whether a colour sequence ("[31m") ends before s[i], with its ESC as a byte, as text or already taken away.
func afterColour(s string, i int) bool {
	if s[i-1] != 'm' {
		return false
	}
	for j := i - 2; j >= 0 && i-j < 16; j-- {
		if s[j] == '[' {
			return true
		}
		if s[j] != ';' && !digitsOnly[s[j]] {
			return false
		}
	}
	return false
}

func run(s string, from int, c *class) int {
	to := from
	for to < len(s) && c[s[to]] {
		to++
	}
	return to
}

func shapeAt(s string, i int) (span, bool) {
	for _, n := range rules.shapes[s[i]] {
		sh := &shapes[n]
		if !strings.HasPrefix(s[i:], sh.prefix) || !edge(s, i) {
			continue
		}
		to := run(s, i+len(sh.prefix), sh.body)
		size := to - i - len(sh.prefix)
		if size < sh.min || sh.exact && size != sh.min {
			continue
		}
		sp := span{from: i, to: to, rule: sh.rule, kind: sh.kind}
		if sh.prefix == "sk-" && !skBody(s[i+len("sk-"):to], &sp) {
			continue
		}
		return sp, true
	}
	return span{}, false
}

// skBody judges what follows a bare "sk-": many vendors use it, and so does the Slovak language ("sk-SK").
func skBody(body string, sp *span) bool {
	if strings.Contains(body, "T3BlbkFJ") || len(body) >= 40 && allIn(body, alnum) {
		sp.rule, sp.kind = "openai", "key:openai"
		return true
	}
	if strings.ContainsAny(body, digits+"*") || len(body) >= 40 {
		return true
	}
	return len(body) >= 16 && strings.ContainsAny(body, uppers)
}

// jwtAt finds a JSON Web Token (RFC 7519): two base64url parts that begin with eyJ, which is {" encoded, and a signature, which is
// empty in an unsigned one.
func jwtAt(s string, i int) (span, bool) {
	if !strings.HasPrefix(s[i:], "eyJ") || !edge(s, i) || i > 0 && (s[i-1] == '-' || s[i-1] == '_') {
		return span{}, false
	}
	head := run(s, i, base64url)
	if head-i < 10 || !strings.HasPrefix(s[head:], ".eyJ") {
		return span{}, false
	}
	to := run(s, head+1, base64url)
	if to < len(s) && s[to] == '.' {
		to = run(s, to+1, base64url)
	}
	return span{from: i, to: to, rule: "jwt", kind: "key:jwt"}, true
}

// schemeAt finds credentials by their HTTP authentication scheme (RFC 6750, RFC 7617), wherever they stand.
func schemeAt(s string, i int) (span, bool) {
	var from int
	basic := false
	switch {
	case hasFold(s[i:], "bearer"):
		from = afterScheme(s, i+len("bearer"))
	case hasFold(s[i:], "basic"):
		// A space alone: a sign that can also stand in the value would let each of many "basic=" look at the whole rest.
		if from, basic = afterScheme(s, i+len("basic")), true; from > 0 && strings.IndexByte(" \t%", s[i+len("basic")]) < 0 {
			return span{}, false
		}
	}
	if from == 0 || !edge(s, i) {
		return span{}, false
	}
	to := run(s, from, token68)
	value := s[from:to]
	if basic {
		if len(value) < 8 || !encodesPair(value) {
			return span{}, false
		}
		return span{from: from, to: to, rule: "basic", kind: "auth:basic"}, true
	}
	if len(value) < 6 || len(value) < 20 && !strings.ContainsAny(value, digits) || notSecrets[strings.ToLower(strings.TrimRight(value, ".-"))] {
		return span{}, false
	}
	sp := span{from: from, to: to, rule: "bearer", kind: "auth:bearer"}
	sp.byShape(s)
	return sp, true
}

// afterScheme returns where the credentials begin that follow a scheme's name, or 0.
func afterScheme(s string, i int) int {
	from := i
	for from < len(s) && from-i < 8 {
		switch {
		case strings.IndexByte(" \t:=+\"'\\", s[from]) >= 0:
			from++
		case strings.HasPrefix(s[from:], "%20"):
			from += len("%20")
		default:
			if from == i {
				return 0
			}
			return from
		}
	}
	return 0
}

// encodesPair says whether value is base64 of something with a colon in it, as user:password is.
func encodesPair(value string) bool {
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(value, "="))
	return err == nil && strings.IndexByte(string(raw), ':') >= 0
}

// byShape gives the span the name of the vendor whose shape the whole of it has, so that one key has one pseudonym everywhere.
func (sp *span) byShape(s string) {
	value := s[sp.from:sp.to]
	if value == "" {
		return
	}
	if v, ok := shapeAt(value, 0); ok && v.to == len(value) {
		sp.rule, sp.kind = v.rule, v.kind
	} else if v, ok := jwtAt(value, 0); ok && v.to == len(value) {
		sp.rule, sp.kind = v.rule, v.kind
	}
}

// mailAt finds an address around the @ at s[i]. model@region, as operators type it, has no dot after the @ and stays.
func mailAt(s string, i, floor int) (span, int) {
	from := i
	for from > floor && i-from < 64 && mailLocal[s[from-1]] {
		from--
	}
	to := run(s, i+1, mailDomain)
	if to-i > 255 {
		return span{}, i
	}
	for to > i+1 && !alnum[s[to-1]] {
		to-- // the full stop of the sentence
	}
	dot := strings.LastIndexByte(s[i+1:to], '.')
	if from == i || dot < 1 {
		return span{}, i
	}
	if top := s[i+1+dot+1 : to]; len(top) < 2 || !allIn(top, lettersOnly) {
		return span{}, i
	}
	return span{from: from, to: to, rule: "email", kind: "mail"}, to
}

// userinfoAt finds the password of a URL (RFC 3986, 3.2.1), or a token in the place of the user. The user's name stays.
func userinfoAt(s string, i int) (span, int) {
	if !strings.HasPrefix(s[i:], "://") {
		return span{}, i
	}
	from := i + len("://")
	stop := from
	for stop < len(s) && stop-from < 512 && strings.IndexByte(" \t\r\n\"'<>`\\", s[stop]) < 0 {
		stop++
	}
	authority := s[from:stop]
	if end := strings.IndexAny(authority, "/?#"); end >= 0 && !unescapedPassword(authority[:end]) {
		authority = authority[:end]
	}
	sign := strings.LastIndexByte(authority, '@')
	if sign < 0 {
		return span{}, i
	}
	to := from + sign
	rule, kind := "url-password", "cred:url"
	if colon := strings.IndexByte(authority[:sign], ':'); colon >= 0 {
		from += colon + 1
	} else if sign < 16 {
		return span{}, to + 1 // a user's name, git@: part of the address, not an e-mail address
	}
	sp := span{from: from, to: to, rule: rule, kind: kind}
	sp.byShape(s)
	return sp, to + 1
}

// unescapedPassword says whether what looks like host:port is rather user:password with a slash in the password.
func unescapedPassword(authority string) bool {
	_, port, ok := strings.Cut(authority, ":")
	return ok && port != "" && strings.IndexByte(authority, '@') < 0 && !allIn(port, digitsOnly)
}

// queryAt finds the keys that Google ("key") and Azure ("sig") take as parameters of a URL.
func queryAt(s string, i int) (span, int) {
	for _, name := range []string{"key=", "sig=", "code="} {
		if !strings.HasPrefix(s[i+1:], name) {
			continue
		}
		from := i + 1 + len(name)
		to := run(s, from, queryValue)
		if to-from < 16 {
			continue
		}
		sp := span{from: from, to: to, rule: "url-parameter", kind: "key:url"}
		sp.byShape(s)
		return sp, to
	}
	return span{}, i
}

// pemAt finds a private key in PEM (RFC 7468), also with its newlines escaped. One that is cut off counts to the end of the text.
func pemAt(s string, i int) (span, int) {
	const begin, end = "-----BEGIN ", "-----END "
	if !strings.HasPrefix(s[i:], begin) {
		return span{}, i
	}
	head := s[i+len(begin) : min(len(s), i+len(begin)+40)]
	if !strings.Contains(head, "PRIVATE KEY") {
		return span{}, i
	}
	to := len(s)
	if n := strings.Index(s[i:], end); n >= 0 {
		to = i + n + len(end)
		if n := strings.Index(s[to:min(len(s), to+48)], "-----"); n >= 0 {
			to += n + len("-----")
		}
	}
	return span{from: i, to: to, rule: "private-key", kind: "key:pem"}, to
}

// hasFold says whether s begins with the lower-case ASCII word, in any case.
func hasFold(s, word string) bool {
	if len(s) < len(word) {
		return false
	}
	for i := range len(word) {
		if c := s[i]; c != word[i] && (c < 'A' || c > 'Z' || c+'a'-'A' != word[i]) {
			return false
		}
	}
	return true
}
