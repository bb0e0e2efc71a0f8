package redact

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// Terminal returns s as one line that is safe to print on any terminal: C0 and C1 controls, DEL, bidirectional overrides and
// isolates, zero-width and invisible characters, line and paragraph separators and bytes that are not UTF-8 become visible escapes
// ("\x1b", "\u202e"); a tab becomes one space and a newline "\n". A clean string is returned as it is, without a copy. The escapes
// are for eyes: they cannot be turned back, because a backslash of the text stays single.
func Terminal(s string) string { return visible(s, false) }

// TerminalLines is Terminal for texts of several lines: newlines stay, and "\r\n" counts as one newline.
func TerminalLines(s string) string { return visible(s, true) }

func visible(s string, keepLines bool) string {
	at := firstUnsafe(s, keepLines)
	if at == len(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	b.WriteString(s[:at])
	for i := at; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			writeHex(&b, 'x', rune(s[i]), 2)
		case r == '\t':
			b.WriteByte(' ')
		case r == '\n' && keepLines:
			b.WriteByte('\n')
		case r == '\r' && keepLines && strings.HasPrefix(s[i+1:], "\n"):
			// The newline that follows stands for both.
		case unsafeRune(r):
			writeEscape(&b, r)
		default:
			b.WriteString(s[i : i+size])
		}
		i += size
	}
	return b.String()
}

// firstUnsafe returns the offset of the first byte that visible would change, or len(s).
func firstUnsafe(s string, keepLines bool) int {
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c < 0x7f || c == '\n' && keepLines {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			return i
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 || unsafeRune(r) {
			return i
		}
		i += size
	}
	return len(s)
}

// unsafeRune says whether a terminal would obey r, hide it, or let it reorder or overlay its neighbours.
func unsafeRune(r rune) bool {
	switch {
	case r < 0x20 || r >= 0x7f && r < 0xa0:
		return true
	case r < 0xa0:
		return false
	case r >= 0xfdd0 && r <= 0xfdef || r&0xfffe == 0xfffe:
		return true // noncharacters
	case r == 0x034f || r == 0x115f || r == 0x1160 || r == 0x17b4 || r == 0x17b5 || r == 0x3164 || r == 0xffa0:
		return true // joiner and fillers: drawn as nothing, counted as something
	case r >= 0x180b && r <= 0x180f || r >= 0xe0000 && r <= 0xe0fff:
		return true // Mongolian selectors; tags and further selectors, used to smuggle text past readers
	}
	return unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co)
}

func writeEscape(b *strings.Builder, r rune) {
	switch {
	case r == '\n':
		b.WriteString(`\n`)
	case r == '\r':
		b.WriteString(`\r`)
	case r < 0x80:
		writeHex(b, 'x', r, 2)
	case r <= 0xffff:
		writeHex(b, 'u', r, 4)
	default:
		writeHex(b, 'U', r, 8)
	}
}

func writeHex(b *strings.Builder, letter byte, r rune, digits int) {
	b.WriteByte('\\')
	b.WriteByte(letter)
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		b.WriteByte(hexDigits[r>>shift&0xf])
	}
}
