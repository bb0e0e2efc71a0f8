package redact

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTerminal(t *testing.T) {
	for _, c := range []struct{ in, line, lines string }{
		{"plain", "plain", "plain"},
		{"日本 é ✓ 👍", "日本 é ✓ 👍", "日本 é ✓ 👍"},
		{"a\tb", "a b", "a b"},
		{"a\nb", `a\nb`, "a\nb"},
		{"a\r\nb", `a\r\nb`, "a\nb"},
		{"a\rb", `a\rb`, `a\rb`},
		{"\x1b[2J\x1b]0;x\x07", `\x1b[2J\x1b]0;x\x07`, `\x1b[2J\x1b]0;x\x07`},
		{"\x9b31m", `\x9b31m`, `\x9b31m`},
		{"\u009b31m", `\u009b31m`, `\u009b31m`},
		{"\x7f\x00", `\x7f\x00`, `\x7f\x00`},
		{"a\u202eb\u2066c", `a\u202eb\u2066c`, `a\u202eb\u2066c`},
		{"z\u200bw\u200d\ufeff\u00ad", `z\u200bw\u200d\ufeff\u00ad`, `z\u200bw\u200d\ufeff\u00ad`},
		{"l\u2028p\u2029", `l\u2028p\u2029`, `l\u2028p\u2029`},
		{"t\U000e0041", `t\U000e0041`, `t\U000e0041`},
		{"\xff\xc3(", `\xff\xc3(`, `\xff\xc3(`},
		{"\ufffd", "\ufffd", "\ufffd"},
	} {
		if got := Terminal(c.in); got != c.line {
			t.Errorf("Terminal(%q) = %q, want %q", c.in, got, c.line)
		}
		if got := TerminalLines(c.in); got != c.lines {
			t.Errorf("TerminalLines(%q) = %q, want %q", c.in, got, c.lines)
		}
	}
}

func TestClip(t *testing.T) {
	long := strings.Repeat("ab日", 200)
	for _, max := range []int{-1, 0, 1, 5, 10, 17, 18, 19, 20, 99, 100, 101, 999, 1000, 2000} {
		got := Clip(long, max)
		if len(got) > max && max >= 0 {
			t.Errorf("Clip to %d gives %d bytes", max, len(got))
		}
		if !utf8.ValidString(got) {
			t.Errorf("Clip to %d cuts a rune: %q", max, got)
		}
		if max >= 30 && max < len(long) && !strings.HasSuffix(got, " bytes)") {
			t.Errorf("Clip to %d is unmarked: %q", max, got)
		}
	}
	if got, want := Clip(strings.Repeat("x", 200), 100), strings.Repeat("x", 85)+"…(+115 bytes)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzTerminal(f *testing.F) {
	f.Add("a\x1b[31m\u202e\xff\r\n")
	f.Fuzz(func(t *testing.T, s string) {
		for name, got := range map[string]string{"Terminal": Terminal(s), "TerminalLines": strings.ReplaceAll(TerminalLines(s), "\n", "")} {
			if !utf8.ValidString(got) {
				t.Fatalf("%s(%q) is not UTF-8: %q", name, s, got)
			}
			for _, r := range got {
				if unsafeRune(r) {
					t.Fatalf("%s(%q) has %U: %q", name, s, r, got)
				}
			}
		}
		if once := Terminal(s); Terminal(once) != once {
			t.Fatalf("Terminal is not stable on %q", s)
		}
		for _, max := range []int{0, 3, 20, 64} {
			if c := Clip(s, max); len(c) > max || Clip(c, max) != c {
				t.Fatalf("Clip(%q, %d) = %q", s, max, c)
			}
		}
	})
}
