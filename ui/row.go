package ui

import (
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"signalbox/internal/redact"
)

// row builds one line of the screen. Every string that is drawn goes through put, which is where
// untrusted text becomes safe and where lines are kept to their width; nothing else writes to a screen.
type row struct {
	th   *theme
	b    []byte
	used int
	max  int
	base style // drawn under everything, for a selected line
	full bool  // something did not fit: the rest is left out
}

func newRow(th *theme, width int) *row {
	return &row{th: th, max: width, b: make([]byte, 0, width+64)}
}

// plain tells whether s is printable ASCII: then its width is its length and it is safe as it is.
func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// clean makes one line of untrusted text safe to draw, and of a width that terminals agree on.
func clean(s string) string {
	if plain(s) {
		return s
	}
	s = redact.Terminal(s)
	if strings.IndexFunc(s, isSelector) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if isSelector(r) {
			return -1
		}
		return r
	}, s)
}

// isSelector tells variation selectors apart: terminals disagree on the width of what they follow.
func isSelector(r rune) bool { return r >= 0xfe00 && r <= 0xfe0f }

// bound keeps a text from costing more than a line can show: no character takes more than a few bytes a column.
func bound(s string, columns int) string {
	limit := 8*max(columns, 0) + 64
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// width counts the columns of a clean string.
func width(s string) int {
	if plain(s) {
		return len(s)
	}
	return ansi.StringWidth(s)
}

// cut shortens a clean string to at most n columns, without a mark.
func cut(s string, n int) string {
	if n <= 0 {
		return ""
	}
	if plain(s) {
		return s[:min(len(s), n)]
	}
	return ansi.Truncate(s, n, "")
}

// put draws text in a style. What does not fit is cut and marked, and the rest of the line is left out.
func (r *row) put(s style, text string) *row {
	if r.full || text == "" {
		return r
	}
	text = clean(bound(text, r.max-r.used))
	w := width(text)
	if r.used+w > r.max {
		r.full = true
		room := r.max - r.used
		if room <= 0 {
			return r
		}
		text = cut(text, room-1) + r.th.more
		w = min(width(text), room)
	}
	r.write(s, text)
	r.used += w
	return r
}

func (r *row) write(s style, text string) {
	base, top := r.th.sgr[r.base], r.th.sgr[s]
	if base == "" && top == "" {
		r.b = append(r.b, text...)
		return
	}
	r.b = append(append(r.b, base...), top...)
	r.b = append(append(r.b, text...), "\x1b[m"...)
}

// field draws text in exactly n columns, cut or padded on the right.
func (r *row) field(s style, text string, n int) *row {
	text = clean(text)
	w := width(text)
	if w > n {
		text = cut(text, n-1) + r.th.more
		w = width(text)
	}
	return r.put(s, text).skip(n - w)
}

// right draws text in exactly n columns, padded on the left.
func (r *row) right(s style, text string, n int) {
	text = clean(text)
	r.skip(n-width(text)).put(s, text)
}

// spread draws text on the left and tail at the right end. The tail is what matters: it is never cut for the text.
func (r *row) spread(s style, text string, ts style, tail string) {
	tail = clean(tail)
	room := r.room() - width(tail) - 2
	if room < 4 {
		r.put(s, text).put(ts, tail)
		return
	}
	r.field(s, text, room).put(plainStyle, " ").put(ts, tail)
}

// maybe draws text only where all of it fits.
func (r *row) maybe(s style, text string) {
	if !r.full && width(clean(text)) <= r.room() {
		r.put(s, text)
	}
}

// skip leaves n columns blank.
func (r *row) skip(n int) *row {
	n = min(n, r.max-r.used)
	if n > 0 {
		r.write(plainStyle, spaces(n))
		r.used += n
	}
	return r
}

// to goes on at column n, if the line has not got there yet.
func (r *row) to(n int) *row { return r.skip(n - r.used) }

// room tells how many columns are left.
func (r *row) room() int {
	if r.full {
		return 0
	}
	return r.max - r.used
}

// line ends the row: exactly max columns.
func (r *row) line() string {
	r.skip(r.max - r.used)
	return string(r.b)
}

const blank = "                                                                                                                                                                                                                                                                "

// spaces gives n spaces, mostly without making any.
func spaces(n int) string {
	if n <= 0 {
		return ""
	}
	if n <= len(blank) {
		return blank[:n]
	}
	return strings.Repeat(" ", n)
}

// wrap breaks untrusted text into lines of at most n columns, at spaces where it can. Newlines of the
// text stay newlines.
func wrap(text string, n int) []string {
	n = max(n, 1)
	var out []string
	for _, part := range strings.Split(redact.TerminalLines(text), "\n") {
		out = append(out, wrapLine(clean(part), n)...)
	}
	return out
}

func wrapLine(s string, n int) []string {
	if width(s) <= n {
		return []string{s}
	}
	indent := len(s) - len(strings.TrimLeft(s, " "))
	if indent > n/2 {
		indent = 0
	}
	var out []string
	line, used := spaces(indent), indent
	for _, word := range strings.Fields(s) {
		w := width(word)
		if used > indent && used+1+w > n {
			out = append(out, line)
			line, used = spaces(indent), indent
		}
		if used > indent {
			line, used = line+" ", used+1
		}
		for used+w > n { // a word longer than a line
			head := cut(word, n-used)
			if head == "" {
				_, size := utf8.DecodeRuneInString(word)
				head = word[:size]
			}
			out = append(out, line+head)
			word = word[len(head):]
			w = width(word)
			line, used = spaces(indent), indent
		}
		line, used = line+word, used+w
	}
	if used > indent || len(out) == 0 {
		out = append(out, line)
	}
	return out
}
