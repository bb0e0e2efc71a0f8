package runbook

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean removes what could steer a terminal or deceive a reader: control characters, escape sequences'
// introducers, direction overrides and invisible marks. Newline and tab stay; invalid UTF-8 becomes U+FFFD.
func clean(s string) string {
	if isClean(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range s {
		if !banned(r) {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isClean(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if banned(r) {
			return false
		}
	}
	return true
}

func banned(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < 0x20 || (r >= 0x7f && r <= 0x9f):
		return true
	case r == 0x2028 || r == 0x2029, r >= 0xE0000 && r <= 0xE007F:
		return true
	case r == 0x200D || r == 0x200C: // joiners: emoji and several scripts need them
		return false
	}
	return unicode.Is(unicode.Cf, r)
}
