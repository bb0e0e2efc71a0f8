package ui

import (
	"slices"

	tea "charm.land/bubbletea/v2"

	"signalbox/internal/desk"
)

// way is where an arm of a branch leads, and under what.
type way struct{ slug, title, when string }

// ways are the steps that a step's branch may lead to, where it leaves that to the operator or cannot tell; each once.
func ways(r *desk.RunView, s *desk.StepView) []way {
	var out []way
	for i := range s.Step.Blocks {
		if i >= len(s.Blocks) || !s.Blocks[i].Asks {
			continue
		}
		for _, a := range s.Step.Blocks[i].Branch {
			slug, named := a.Goto.Slug()
			at := slices.IndexFunc(r.Steps, func(v desk.StepView) bool { return v.Step.Slug == slug })
			if !named || at < 0 || slices.ContainsFunc(out, func(w way) bool { return w.slug == slug }) {
				continue
			}
			w := way{slug: slug, title: r.Steps[at].Step.Title, when: "else"}
			if !a.Else {
				w.when = "when " + a.When.Source
			}
			out = append(out, w)
		}
	}
	return out
}

// decide asks the operator what a branch could not: on to the next step, or where one of its arms leads.
func (m *model) decide(why string, arms []way) tea.Cmd {
	r, _ := m.running()
	next := "mark the step done"
	if r.Next > r.Current && r.Next < len(r.Steps) {
		next += ", and on to " + r.Steps[r.Next].Step.Title
	}
	d := &choice{title: why + ": where to?", options: []option{{"stay here, and look again", "", func(*model) tea.Cmd { return nil }}}}
	for _, a := range arms {
		d.options = append(d.options, option{"go to " + a.title, a.when, func(m *model) tea.Cmd {
			return m.do("going to "+a.title, desk.StepJump{Slug: a.slug}, nil)
		}})
	}
	d.options = append(d.options, option{next, "", (*model).stepDone})
	return m.open(d, byKey)
}
