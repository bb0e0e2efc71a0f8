package ui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// field is one input of a form.
type field struct {
	label  string
	hint   string
	values []string // allowed values, chosen with ctrl+n; empty: any text
	text   editor
	need   bool
	check  func(text string) string // says what is wrong with it
	whole  bool                     // the first letter that is typed replaces what it came with
	edited bool
}

// input edits the field. Whoever types "30m" where 15m stands means 30m, and not 15m30m.
func (x *field) input(k tea.KeyPressMsg) {
	if x.fresh() && k.Text != "" && k.Mod&^tea.ModShift == 0 {
		x.text = editor{}
	}
	x.edited = true
	x.text.key(k)
}

// fresh tells whether typing replaces what the field came with.
func (x *field) fresh() bool { return x.whole && !x.edited && x.text.String() != "" }

// textField is an input that must not stay empty.
func textField(label, value, hint string) field {
	return field{label: label, hint: hint, text: newEditor(value), need: true}
}

func choiceField(label, value string, values []string) field {
	return field{label: label, values: values, text: newEditor(value), need: true, hint: "ctrl+n: " + strings.Join(values, ", ")}
}

// form asks for some values. Its intent is what submit returns; what is wrong with the values it says itself.
type form struct {
	sheet
	title  string
	head   []line
	fields []field
	cur    int
	wrong  string
	submit func(m *model, values []string) (cmd tea.Cmd, wrong string)
	label  string // what enter does at the end: "plan it"
}

func (d *form) mode() mode { return modeForm }

func (d *form) input(_ *model, k tea.KeyPressMsg) tea.Cmd {
	if len(d.fields) > 0 {
		d.fields[d.cur].input(k)
	}
	return nil
}

func (d *form) values() []string {
	out := make([]string, len(d.fields))
	for i := range d.fields {
		out[i] = strings.TrimSpace(d.fields[i].text.String())
	}
	return out
}

func (d *form) draw(f frame) (string, []string) {
	lines := f.lines(d.head)
	if len(lines) > 0 {
		lines = append(lines, f.say(plainStyle, ""))
	}
	wide := 0
	for _, x := range d.fields {
		wide = max(wide, width(clean(x.label)))
	}
	at := 0
	for i := range d.fields {
		x := &d.fields[i]
		if i == d.cur {
			at = len(lines)
		}
		r := f.selected(i == d.cur)
		r.base = plainStyle
		r.field(accent, x.label, wide+1)
		if i == d.cur && x.fresh() {
			x.text.drawWhole(r)
		} else {
			x.text.draw(r, r.room(), i == d.cur)
		}
		lines = append(lines, r.line())
		if i == d.cur && x.hint != "" {
			for _, h := range wrap(x.hint, f.w-wide-4) {
				lines = append(lines, f.row().to(wide+3).put(dim, h).line())
			}
		}
	}
	foot := []string{f.say(plainStyle, "")}
	if d.wrong != "" {
		parts := wrap(d.wrong, f.w-2)
		if most := max(1, f.h/2); len(parts) > most {
			parts = append(parts[:most-1:most-1], parts[most-1]+" "+f.th.more)
		}
		for i, w := range parts {
			mark := "! "
			if i > 0 {
				mark = "  "
			}
			foot = append(foot, f.row().put(bad, mark).put(plainStyle, w).line())
		}
	}
	last := "next field"
	if d.cur == len(d.fields)-1 {
		last = d.label
	}
	foot = append(foot, f.row().put(accent, "enter").put(plainStyle, " "+last+", ").put(accent, "tab").put(plainStyle, " next, ").
		put(accent, "esc").put(plainStyle, " leave").line())
	rows := f.h - len(foot)
	if at >= rows {
		d.first = at - rows + 2
	}
	return d.title, append(d.scroll(f, lines, rows), foot...)
}

func (m *model) formMove(by int) tea.Cmd {
	if d, ok := m.top().(*form); ok && len(d.fields) > 0 {
		d.cur = (d.cur + by + len(d.fields)) % len(d.fields)
	}
	return nil
}

func (m *model) formCycle(by int) tea.Cmd {
	d, ok := m.top().(*form)
	if !ok || len(d.fields) == 0 {
		return nil
	}
	x := &d.fields[d.cur]
	if len(x.values) == 0 {
		return nil
	}
	at := -1
	for i, v := range x.values {
		if v == x.text.String() {
			at = i
		}
	}
	if at < 0 && by < 0 {
		at = 0
	}
	x.text, x.edited = newEditor(x.values[(at+by+len(x.values))%len(x.values)]), true
	return nil
}

// formEnter goes through the fields; from the last one it submits.
func (m *model) formEnter() tea.Cmd {
	d, ok := m.top().(*form)
	if !ok {
		return nil
	}
	if d.cur < len(d.fields)-1 {
		d.cur++
		return nil
	}
	for i := range d.fields {
		x := &d.fields[i]
		v := strings.TrimSpace(x.text.String())
		if why := x.wrong(v); why != "" {
			d.cur, d.wrong = i, why
			return nil
		}
	}
	cmd, wrong := d.submit(m, d.values())
	d.wrong = wrong
	if wrong != "" {
		return nil
	}
	m.drop(d)
	return cmd
}

func (x *field) wrong(v string) string {
	if v == "" && x.need {
		return x.label + " is needed"
	}
	if v != "" && x.check != nil {
		return x.check(v)
	}
	if v == "" || len(x.values) == 0 {
		return ""
	}
	for _, ok := range x.values {
		if ok == v {
			return ""
		}
	}
	return x.label + " is one of " + strings.Join(x.values, ", ") + " (ctrl+n goes through them)"
}

// drop takes a dialog off the stack, also when another has come above it.
func (m *model) drop(d dialog) {
	for i := range m.stack {
		if m.stack[i].base().id == d.base().id {
			m.stack = append(m.stack[:i:i], m.stack[i+1:]...)
			break
		}
	}
	m.touch()
}
