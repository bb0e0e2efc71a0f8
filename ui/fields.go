package ui

import (
	"cmp"
	"strings"

	tea "charm.land/bubbletea/v2"

	"signalbox/internal/desk"
)

// fieldKey fills a variable of the run; with several it asks which, and offers what a live burst says of all that are open.
func (m *model) fieldKey() tea.Cmd {
	r, _ := m.running()
	switch len(r.Fields) {
	case 0:
		m.say(sayHint, "this runbook has no fields")
		return nil
	case 1:
		return m.fill(r.Fields[0])
	}
	d := &choice{title: "which field?"}
	from, words := proposedFields(r)
	if len(from) > 1 {
		d.options = append(d.options, option{"all from the burst", words, func(m *model) tea.Cmd { return m.fillAll(from) }})
	}
	first := true
	for _, x := range r.Fields {
		label := x.Name + " = " + x.Value
		if x.Value == "" {
			label = x.Name + " (open)"
		}
		if x.Value == "" && first && len(from) <= 1 {
			d.cur, first = len(d.options), false
		}
		d.options = append(d.options, option{label, x.Prompt, func(m *model) tea.Cmd { return m.fill(x) }})
	}
	return m.open(d, byKey)
}

// proposedFields are the open fields of which a live burst says something, and that in words.
func proposedFields(r *desk.RunView) (from []desk.FieldView, words string) {
	var all []string
	for _, x := range r.Fields {
		if x.Value == "" && x.Proposed != "" {
			from, all = append(from, x), append(all, x.Name+" = "+x.Proposed)
		}
	}
	return from, strings.Join(all, ", ")
}

// fillAll takes for each field what the burst says.
func (m *model) fillAll(from []desk.FieldView) tea.Cmd {
	var cmds []tea.Cmd
	for _, x := range from {
		cmds = append(cmds, m.do("filling "+x.Name, desk.Choose{Var: x.Name, Value: x.Proposed}, nil))
	}
	return tea.Batch(cmds...)
}

// fillWords and fillOpen are the obvious thing where a field is open: one by one, or all of them from the burst.
func fillWords(r *desk.RunView, x *desk.FieldView) string {
	if from, _ := proposedFields(r); len(from) > 1 {
		return "fill the open fields"
	}
	return "fill " + x.Name
}

func (m *model) fillOpen(x desk.FieldView) tea.Cmd {
	if r, _ := m.running(); r != nil {
		if from, _ := proposedFields(r); len(from) > 1 {
			return m.fieldKey()
		}
	}
	return m.fill(x)
}

func (m *model) fill(x desk.FieldView) tea.Cmd {
	value := cmp.Or(x.Value, x.Proposed)
	f := textField(x.Name, value, "")
	if len(x.Values) > 0 {
		f = choiceField(x.Name, value, x.Values)
	}
	head := []line{{plainStyle, "", x.Prompt}}
	if x.Value == "" && x.Proposed != "" {
		head = append(head, line{dim, "", "the burst says " + x.Proposed})
	}
	return m.open(&form{
		title: "field " + x.Name, head: head, label: "fill it", fields: []field{f},
		submit: func(m *model, v []string) (tea.Cmd, string) {
			return m.do("filling "+x.Name, desk.Choose{Var: x.Name, Value: v[0]}, nil), ""
		},
	}, byKey)
}
