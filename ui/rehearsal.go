package ui

import (
	tea "charm.land/bubbletea/v2"

	"signalbox/internal/desk"
)

func (m *model) whyNoRehearsal() string {
	if m.snap.NoProbe != "" {
		return "no rehearsal: " + m.snap.NoProbe
	}
	return ""
}

// rehearseKey asks for the target of a fallback. Each request of a rehearsal is small and marked, and somebody pays for it.
func (m *model) rehearseKey() tea.Cmd {
	scope, _ := m.target()
	d := &form{title: "rehearse a fallback", label: "send about a dozen small, marked requests; no traffic is moved"}
	d.fields = []field{
		textField("target", "", "the model that the fallback would use; it is asked parameter by parameter"),
		{label: "for", text: newEditor(scope["model"]), hint: "the model whose fallback it is: its plan tells of this; empty: the target's own"},
		{label: "through", text: newEditor(""), hint: "an endpoint of probes: in the configuration; empty: the first"},
	}
	d.submit = func(m *model, v []string) (tea.Cmd, string) {
		return m.do("rehearsing "+v[0], desk.RunRehearsal{Model: v[0], For: v[1], Endpoint: v[2]}, (*model).rehearsed), ""
	}
	return m.open(d, byKey)
}

// rehearsed shows what the target did with each request, what it did not take first.
func (m *model) rehearsed(r desk.Result) tea.Cmd {
	v := r.Tried
	if v == nil {
		return nil
	}
	what := v.Model
	if v.For != "" {
		what += " as fallback of " + v.For
	}
	s := bad
	if v.OK {
		s = good
	}
	t := []line{{strong, "target   ", what + ", through " + v.Endpoint}, {s, "result   ", v.Text}}
	for _, well := range []bool{false, true} {
		for _, x := range v.Trials {
			mark, s := m.th.ok, plainStyle
			if !x.OK {
				mark, s = m.th.no, warn
			}
			if x.OK == well {
				t = append(t, line{s, mark + " ", x.Name + " " + x.Verdict + ": " + x.Text})
			}
		}
	}
	t = append(t, line{dim, "", "it is in the record; plans of fallback.on and route.force for this model show it"})
	return m.open(newPage("rehearsal of "+v.Model, t), byItself)
}
