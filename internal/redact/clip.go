package redact

import (
	"strconv"
	"unicode/utf8"
)

// Clip bounds s to limit bytes, cut on a rune edge, and marks what is missing: "…(+123 bytes)". The mark counts towards limit; where
// limit has no room for it the text is cut without one. Remove secrets before clipping: half a key is still a key, and no rule knows it.
func Clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	if limit <= 0 {
		return ""
	}
	keep := limit
	for {
		cut := runeEdge(s, keep)
		mark := "…(+" + strconv.Itoa(len(s)-cut) + " bytes)"
		if len(mark) > limit {
			return s[:runeEdge(s, limit)]
		}
		if cut+len(mark) <= limit {
			return s[:cut] + mark
		}
		keep = min(cut-1, limit-len(mark))
	}
}

// Outside makes a text from outside fit for a screen and a file, in at most limit bytes. Secrets go first: the visible form of a control
// character could hide where one begins.
func Outside(s string, limit int) string { return Clip(Terminal(Secrets(s)), limit) }

// runeEdge returns the largest offset up to n that does not cut a rune. Bytes that are not UTF-8 count as runes of their own.
func runeEdge(s string, n int) int {
	for back := range utf8.UTFMax {
		at := n - back
		if at <= 0 {
			return 0
		}
		if utf8.RuneStart(s[at]) {
			return at
		}
	}
	return n
}
