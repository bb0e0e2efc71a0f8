package redact

import (
	"encoding/base64"
	"slices"
	"strings"
)

// needle is one form in which a known secret can stand in a text.
type needle struct {
	text, secret string
	rule, kind   string
}

// needles are all forms of all known secrets.
type needles struct {
	all    []needle
	second [256]uint32 // by first byte of a known secret, plain or escaped: what can follow, by its low five bits
}

const minKnown = 4

// Learn makes a secret known that the console came to hold after New. It may be called while others redact.
func (r *Redactor) Learn(secret string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.known.Load()
	known := &needles{all: slices.Clone(old.all), second: old.second}
	known.add(strings.TrimSpace(secret))
	r.known.Store(known)
}

func (k *needles) add(secret string) {
	if len(secret) < minKnown {
		return
	}
	sp := span{from: 0, to: len(secret), rule: "known", kind: "own"}
	sp.byShape(secret)
	add := func(text string) {
		if len(text) < minKnown {
			return
		}
		k.all = append(k.all, needle{text: text, secret: secret, rule: "known", kind: sp.kind})
		for _, next := range []byte{text[1], '"', '\'', '\\', '%'} {
			k.second[text[0]] |= 1 << (next & 31)
		}
	}
	add(secret)
	for _, form := range encodings(secret) {
		add(form)
	}
	k.second['\\'], k.second['%'] = ^uint32(0), ^uint32(0) // its first character may be an escape
}

// encodings returns what base64 makes of secret, wherever in a longer text it stands ("user:secret"): at each of three offsets, the
// characters that depend on secret alone.
func encodings(secret string) []string {
	var out []string
	for offset := range 3 {
		padded := strings.Repeat("\x00", offset) + secret
		whole := len(padded) / 3 * 3
		text := base64.StdEncoding.EncodeToString([]byte(padded[:whole]))
		if offset > 0 && len(text) >= 4 {
			text = text[offset+1:] // 1 byte before it shapes 2 characters, 2 shape 3
		}
		if len(text) < 8 {
			continue // too short to mean anything
		}
		out = append(out, text)
		if url := strings.NewReplacer("+", "-", "/", "_").Replace(text); url != text {
			out = append(out, url)
		}
	}
	return out
}

// find finds the known secrets, the longest where several begin at one place.
func (k *needles) find(s string) []span {
	var spans []span
	for i := 0; i+1 < len(s); i++ {
		mask := k.second[s[i]]
		if mask == 0 || mask>>(s[i+1]&31)&1 == 0 {
			continue
		}
		best := span{}
		for n := range k.all {
			one := &k.all[n]
			if s[i] != one.text[0] && s[i] != '\\' && s[i] != '%' {
				continue
			}
			if to := matchLoose(s, i, one.text); to > best.to {
				best = span{from: i, to: to, rule: one.rule, kind: one.kind, secret: one.secret}
			}
		}
		if best.to > 0 {
			spans = append(spans, best)
			i = best.to - 1
		}
	}
	return spans
}

// matchLoose returns where text ends that begins at s[i], or 0. Between its characters quotes and backslashes are passed over, and a
// character may be written as \u002d, \n or %2D.
func matchLoose(s string, i int, text string) int {
	for k := 0; k < len(text); {
		if i >= len(s) {
			return 0
		}
		if c, size := decodeEscape(s, i); size > 0 && c == text[k] {
			i += size
			k++
			continue
		}
		switch {
		case s[i] == text[k]:
			k++
		case k > 0 && (s[i] == '"' || s[i] == '\'' || s[i] == '\\'):
			// Passed over: it interrupts the secret.
		default:
			return 0
		}
		i++
	}
	return i
}

// decodeEscape reads the escape of one ASCII character at s[i]: the character and the length of the escape, 0 if there is none.
func decodeEscape(s string, i int) (byte, int) {
	switch s[i] {
	case '%':
		if i+2 < len(s) && anyHex[s[i+1]] && anyHex[s[i+2]] {
			return unhex(s[i+1])<<4 | unhex(s[i+2]), 3
		}
	case '\\':
		j := i
		for j < len(s) && s[j] == '\\' && j-i < 16 {
			j++
		}
		if strings.HasPrefix(s[j:], "u00") && j+4 < len(s) && anyHex[s[j+3]] && anyHex[s[j+4]] {
			return unhex(s[j+3])<<4 | unhex(s[j+4]), j + 5 - i
		}
		if j < len(s) {
			switch s[j] {
			case 'n':
				return '\n', j + 1 - i
			case 't':
				return '\t', j + 1 - i
			case 'r':
				return '\r', j + 1 - i
			}
		}
	}
	return 0, 0
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}

// unescaped returns s with \u00XX and %XX read as the characters that they mean, so that the rules see a key through them, and for
// each byte of that view (and its end) the offset in s. Without such an escape it returns nil.
func unescaped(s string) (string, []int) {
	if !strings.Contains(s, `\u00`) && strings.IndexByte(s, '%') < 0 {
		return "", nil
	}
	view, at := make([]byte, 0, len(s)), make([]int, 0, len(s)+1)
	found := false
	for i := 0; i < len(s); {
		c, size := decodeEscape(s, i)
		if size == 0 || c < 0x20 || c >= 0x7f {
			view, at = append(view, s[i]), append(at, i)
			i++
			continue
		}
		view, at = append(view, c), append(at, i)
		i += size
		found = true
	}
	if !found {
		return "", nil
	}
	return string(view), append(at, len(s))
}
