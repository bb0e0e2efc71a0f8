package runbook

import (
	"slices"
	"strings"
)

// Fill replaces {{name}} in prose by the walk's value; an open one stays as it is.
func (w Walk) Fill(text string) string {
	if !strings.Contains(text, "{{") {
		return text
	}
	return braces.ReplaceAllStringFunc(text, func(m string) string {
		if v := w.Vars[strings.TrimSpace(strings.Trim(m, "{}"))]; v != "" {
			return v
		}
		return m
	})
}

// FillProse gives a copy of prose with {{name}} replaced in its texts, and placeholders of commands by the values of
// the fields of their names. A value that a shell could take for more than a word stays out of commands.
func (w Walk) FillProse(prose []Prose) []Prose {
	out := slices.Clone(prose)
	for i := range out {
		p := &out[i]
		open := p.placeholders()
		code := p.Kind == Code
		if code {
			p.Text = fillCommand(p.Text, open, w.Vars)
		} else {
			p.Text = w.Fill(p.Text)
		}
		p.Spans = slices.Clone(p.Spans)
		for j := range p.Spans {
			s := &p.Spans[j]
			before := s.Text
			if s.Style == CodeSpan {
				s.Text = fillCommand(s.Text, open, w.Vars)
			} else {
				s.Text = w.Fill(s.Text)
			}
			if s.Style == CodeSpan && s.Text != before {
				p.Text = strings.ReplaceAll(p.Text, before, s.Text)
			}
		}
		p.Commands = slices.Clone(p.Commands)
		for j := range p.Commands {
			c := &p.Commands[j]
			c.Text = fillCommand(c.Text, c.Placeholders, w.Vars)
			c.Placeholders = slices.DeleteFunc(slices.Clone(c.Placeholders), func(ph Placeholder) bool { return !strings.Contains(c.Text, ph.Text) })
		}
		p.Kids = w.FillProse(p.Kids)
	}
	return out
}

// placeholders lists those of a node's own commands.
func (p *Prose) placeholders() []Placeholder {
	var all []Placeholder
	for _, c := range p.Commands {
		all = append(all, c.Placeholders...)
	}
	return all
}
