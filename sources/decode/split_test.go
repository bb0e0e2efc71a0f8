package decode

import (
	"slices"
	"strings"
	"testing"
)

func split(blocks []string, flush bool) ([]string, Splitter) {
	var s Splitter
	var out []string
	take := func(l Line) {
		text := string(l.Text)
		if l.Cut {
			text += " (cut)"
		}
		out = append(out, text)
	}
	for _, b := range blocks {
		s.Feed([]byte(b), take)
	}
	if flush {
		s.Flush(take)
	}
	return out, s
}

func TestSplitter(t *testing.T) {
	tests := []struct {
		name   string
		blocks []string
		flush  bool
		want   []string
	}{
		{"whole lines", []string{"a\nb\n"}, false, []string{"a", "b"}},
		{"partial line is held", []string{"a\nb"}, false, []string{"a"}},
		{"partial line at the end", []string{"a\nb"}, true, []string{"a", "b"}},
		{"carriage returns", []string{"a\r\nb\r\n"}, false, []string{"a", "b"}},
		{"carriage return cut off its line feed", []string{"a\r", "\nb\n"}, false, []string{"a", "b"}},
		{"lone carriage return stays", []string{"a\rb\n"}, false, []string{"a\rb"}},
		{"empty lines", []string{"\n\r\n\na\n"}, false, []string{"a"}},
		{"byte order mark", []string{"\xef\xbb\xbfa\n\xef\xbb\xbfb\n"}, false, []string{"a", "\xef\xbb\xbfb"}},
		{"hole of NUL bytes", []string{"a\n\x00\x00\x00", "\x00b\n"}, false, []string{"a", "b"}},
		{"NUL inside", []string{"a\x00b\n"}, false, []string{"a\x00b"}},
		{"invalid UTF-8", []string{"\xff\xfe\n"}, false, []string{"\xff\xfe"}},
		{"rune cut by a block", []string{"\xe7\xb9", "\x81\n"}, false, []string{"繁"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, _ := split(tt.blocks, tt.flush); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// However a text is cut into blocks, the lines are the same.
func TestSplitterAnyCut(t *testing.T) {
	const text = "one\r\ntwo 繁\n\nthree\x00\n{\"a\":1}\r\nend"
	want, _ := split([]string{text}, true)
	for i := range text {
		for j := i; j < len(text); j++ {
			if got, _ := split([]string{text[:i], text[i:j], text[j:]}, true); !slices.Equal(got, want) {
				t.Fatalf("cut at %d and %d: got %q, want %q", i, j, got, want)
			}
		}
	}
}

func TestSplitterTooLong(t *testing.T) {
	for _, size := range []int{MaxLine - 1, MaxLine, MaxLine + 1, 3 * MaxLine} {
		long := strings.Repeat("x", size)
		for _, blocks := range [][]string{{long + "\nb\n"}, {long[:size/2], long[size/2:] + "\nb", "\n"}} {
			got, s := split(blocks, false)
			over := max(0, size-MaxLine)
			if len(got) != 2 || got[1] != "b" || strings.HasSuffix(got[0], "(cut)") != (over > 0) || s.Lost != int64(over) {
				t.Errorf("%d bytes in %d blocks: %d lines, lost %d, want %d", size, len(blocks), len(got), s.Lost, over)
			}
			if cuts := int64(min(over, 1)); s.Cuts != cuts {
				t.Errorf("%d bytes: %d cuts, want %d", size, s.Cuts, cuts)
			}
		}
	}
}

func FuzzSplitter(f *testing.F) {
	f.Add("a\nb\r\n\x00c", 3)
	f.Add("\xef\xbb\xbfa\n\n", 1)
	f.Fuzz(func(t *testing.T, text string, at int) {
		whole, _ := split([]string{text}, true)
		at = min(max(at, 0), len(text))
		if cut, _ := split([]string{text[:at], text[at:]}, true); !slices.Equal(cut, whole) {
			t.Fatalf("cut at %d: %q, whole: %q", at, cut, whole)
		}
		for _, line := range whole {
			if line == "" || strings.Contains(line, "\n") {
				t.Fatalf("not a line: %q", line)
			}
		}
	})
}
