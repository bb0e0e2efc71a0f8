package board

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// fold is what folding means, slowly.
func fold(s string) string {
	var b strings.Builder
	for _, r := range s {
		b.WriteString(strings.ToLower(string(r)))
	}
	return b.String()
}

func FuzzNeedle(f *testing.F) {
	for _, s := range [][2]string{
		{"upstream RESET by peer", "Reset"},
		{"@[`{AZaz\x7f", "[`"},
		{"eine Größe", "GRÖSSE"},
		{"ΣΊΓΜΑ σίγμα", "ΣΊ"},
		{"0 K", "k"},
		{"日本 Upstream", "日本 up"},
		{"a long line that goes on for more than eight bytes, AND THEN ENDS", "then ends"},
		{"", "x"},
		{"x", ""},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, text, want string) {
		if !utf8.ValidString(text) || !utf8.ValidString(want) {
			t.Skip("folding is about letters")
		}
		var buf []byte
		n := newNeedle(want, false)
		got := n.in(text, &buf)
		if n.wide {
			if should := strings.Contains(fold(text), fold(want)); got != should {
				t.Errorf("%q in %q: %v", want, text, got)
			}
			return
		}
		ascii := strings.Map(func(r rune) rune {
			if r >= 'A' && r <= 'Z' {
				r += 'a' - 'A'
			}
			return r
		}, text)
		if should := strings.Contains(ascii, string(n.text)); got != should {
			t.Errorf("%q in %q: %v", want, text, got)
		}
		exact := newNeedle(want, true)
		if exact.in(text, &buf) != strings.Contains(text, want) {
			t.Errorf("exactly %q in %q", want, text)
		}
	})
}
