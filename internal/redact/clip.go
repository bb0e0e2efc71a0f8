package redact

import (
	"strconv"
	"unicode/utf8"
)

// Clip bounds s to max bytes, cut on a rune edge, and marks what is missing: "…(+123 bytes)". The mark counts towards max; where max
// has no room for it the text is cut without one. Remove secrets before clipping: half a key is still a key, and no rule knows it.
func Clip(s string, max int) string {
	if len(s) <= max {
		return s
	}
	if max <= 0 {
		return ""
	}
	keep := max
	for {
		cut := runeEdge(s, keep)
		mark := "…(+" + strconv.Itoa(len(s)-cut) + " bytes)"
		if len(mark) > max {
			return s[:runeEdge(s, max)]
		}
		if cut+len(mark) <= max {
			return s[:cut] + mark
		}
		keep = min(cut-1, max-len(mark))
	}
}

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
