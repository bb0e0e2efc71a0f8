package ui

import (
	tea "charm.land/bubbletea/v2"

	"signalbox/internal/redact"
)

// editor is one line of input.
type editor struct {
	text []rune
	at   int
}

// maxInput bounds what can be typed or pasted.
const maxInput = 500

func newEditor(s string) editor {
	e := editor{}
	e.insert(s)
	return e
}

func (e *editor) String() string { return string(e.text) }

func (e *editor) insert(s string) {
	for _, r := range redact.Terminal(s) {
		if len(e.text) >= maxInput {
			return
		}
		e.text = append(e.text, 0)
		copy(e.text[e.at+1:], e.text[e.at:])
		e.text[e.at] = r
		e.at++
	}
}

// key edits; a key that means nothing to a line of input is dropped.
func (e *editor) key(k tea.KeyPressMsg) {
	switch k.String() {
	case "left", "ctrl+b":
		e.at = max(0, e.at-1)
	case "right", "ctrl+f":
		e.at = min(len(e.text), e.at+1)
	case "home", "ctrl+a":
		e.at = 0
	case "end", "ctrl+e":
		e.at = len(e.text)
	case "backspace", "ctrl+h":
		if e.at > 0 {
			e.at--
			e.text = append(e.text[:e.at], e.text[e.at+1:]...)
		}
	case "delete", "ctrl+d":
		if e.at < len(e.text) {
			e.text = append(e.text[:e.at], e.text[e.at+1:]...)
		}
	case "ctrl+u":
		e.text, e.at = e.text[e.at:], 0
	case "ctrl+k":
		e.text = e.text[:e.at]
	case "ctrl+w":
		to := e.at
		for to > 0 && e.text[to-1] == ' ' {
			to--
		}
		for to > 0 && e.text[to-1] != ' ' {
			to--
		}
		e.text = append(e.text[:to], e.text[e.at:]...)
		e.at = to
	default:
		e.insert(k.Text)
	}
}

// draw shows the end of the text that the cursor is in, within n columns; the cursor is a reversed cell.
func (e *editor) draw(r *row, n int, focused bool) {
	stop := min(r.max, r.used+n)
	text := e.text
	at := e.at
	for at > 0 && width(string(text[:at])) >= n {
		text, at = text[1:], at-1
	}
	put := func(s style, t string) {
		if room := stop - r.used; room > 0 {
			r.put(s, cut(clean(t), room))
		}
	}
	if !focused {
		put(plainStyle, string(text))
		return
	}
	put(strong, string(text[:at]))
	under := " "
	if at < len(text) {
		under = string(text[at])
	}
	if r.used < stop {
		r.b = append(r.b, "\x1b[7m"...)
		r.b = append(r.b, clean(under)...)
		r.b = append(r.b, "\x1b[m"...)
		r.used += width(clean(under))
	}
	if at < len(text) {
		put(strong, string(text[at+1:]))
	}
}
