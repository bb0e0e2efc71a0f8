package ui

import (
	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"signalbox/internal/redact"
)

// editor is one line of input: the keys and the text are those of the bubbles' text input, the drawing is
// ours, because a pane's row is styled without a style sheet. The zero editor is an empty line.
type editor struct{ in *textinput.Model }

// maxInput bounds what can be typed or pasted.
const maxInput = 500

func newEditor(s string) editor {
	e := editor{}
	e.insert(s)
	return e
}

func (e *editor) input() *textinput.Model {
	if e.in == nil {
		in := textinput.New()
		in.CharLimit = maxInput
		in.Focus() // its command blinks a cursor that is drawn by us
		e.in = &in
	}
	return e.in
}

func (e *editor) String() string { return e.input().Value() }

// insert puts text in at the cursor; what a screen may not show stays outside.
func (e *editor) insert(s string) {
	in := e.input()
	text, at := []rune(in.Value()), in.Position()
	added := []rune(redact.Terminal(s))
	in.SetValue(string(text[:at]) + string(added) + string(text[at:]))
	in.SetCursor(at + len(added))
}

// key edits; a key that means nothing to a line of input is dropped.
func (e *editor) key(k tea.KeyPressMsg) {
	if k.Text != "" && k.Mod&^tea.ModShift == 0 {
		e.insert(k.Text)
		return
	}
	in, _ := e.input().Update(k) // its commands read the clipboard: the terminal's own paste is used instead
	*e.in = in
}

// draw shows the end of the text that the cursor is in, within n columns; the cursor is a reversed cell.
func (e *editor) draw(r *row, n int, focused bool) {
	stop := min(r.max, r.used+n)
	text, at := []rune(e.input().Value()), e.input().Position()
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

// drawWhole shows the text as chosen: the next letter replaces all of it.
func (e *editor) drawWhole(r *row) {
	text := cut(clean(e.String()), r.room())
	r.b = append(r.b, "\x1b[7m"...)
	r.b = append(r.b, text...)
	r.b = append(r.b, "\x1b[m"...)
	r.used += width(text)
}
