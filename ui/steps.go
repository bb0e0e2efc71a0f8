package ui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"signalbox/internal/desk"
	"signalbox/runbook"
)

// askProbe sends a probe after one y: it is a real request, marked and small, that somebody pays for.
func (m *model) askProbe(block int, step string, p *runbook.Probe, v *desk.BlockView) tea.Cmd {
	text := []line{{strong, "sends ", v.Action}}
	if p.Why != "" {
		text = append(text, line{plainStyle, "why   ", p.Why})
	}
	text = append(text, line{dim, "costs ", "one small request, marked as a probe and written down; it changes nothing"})
	return m.open(&sure{
		title: "probe", text: text, foot: "sends it",
		yes: func(m *model) tea.Cmd {
			return m.do("sending the "+v.Action, desk.ProbeStep{Block: block, Step: step}, nil)
		},
	}, byKey)
}

// stepsKey lists the steps of the run: how earlier ones ended, and what is next. Taking one reads it; the run stays where it is.
func (m *model) stepsKey() tea.Cmd {
	r, _ := m.running()
	d := &choice{title: "steps of " + r.Title + " (enter reads one, :jump goes to one)"}
	for i := range r.Steps {
		s := &r.Steps[i]
		mark, text := "  ", s.Step.Title
		switch s.State {
		case "done":
			mark = m.th.ok + " "
			text += ", done " + hms(s.At) + "Z"
		case "skipped":
			mark = m.th.no + " "
			text += ", skipped " + hms(s.At) + "Z"
		case "current":
			mark = m.th.mark + " "
			d.cur = i
		}
		slug := s.Step.Slug
		d.options = append(d.options, option{mark + two(i+1) + " " + text, endWords(s), func(m *model) tea.Cmd { return m.read(r.Book, slug) }})
	}
	return m.open(d, byKey)
}

// endWords says how a step ended: why it was skipped, what its checks said, what was answered and what its levers did.
func endWords(s *desk.StepView) string {
	if s.State == "" {
		return ""
	}
	var parts []string
	if s.Reason != "" {
		parts = append(parts, s.Reason)
	}
	truths := map[string]int{}
	for i := range s.Step.Blocks {
		if i >= len(s.Blocks) {
			break
		}
		b, v := &s.Step.Blocks[i], &s.Blocks[i]
		switch {
		case b.Check != nil && v.Truth != "":
			truths[v.Truth]++
		case b.Ask != nil && v.Answer != "":
			parts = append(parts, b.Ask.Var+" = "+v.Answer)
		case b.Action != nil && v.State != "":
			parts = append(parts, v.Action+" "+strings.ReplaceAll(v.State, "_", " "))
		}
	}
	for _, t := range []string{desk.CheckTrue, desk.CheckFalse, desk.CheckUnknown} {
		if n := truths[t]; n > 0 {
			parts = append(parts, plural(n, "check", "checks")+" "+t)
		}
	}
	return strings.Join(parts, "; ")
}

// copyStep copies the command of the current step, asks which where there are several, and copies the title where there
// is none. A command with a value left open is copied as it stands.
func (m *model) copyStep() tea.Cmd {
	_, s := m.running()
	if s == nil {
		return m.copyText("", "")
	}
	all := m.stepCommands(s)
	switch len(all) {
	case 0:
		return m.copyText("the step's title", clean(s.Step.Title))
	case 1:
		return m.copyText(all[0].what, all[0].text)
	}
	d := &choice{title: "copy which command?"}
	var lines []string
	for _, c := range all {
		lines = append(lines, c.text)
		d.options = append(d.options, option{strings.ReplaceAll(c.text, "\n", " "), c.detail, func(m *model) tea.Cmd { return m.copyText(c.what, c.text) }})
	}
	d.options = append(d.options, option{"all of them", plural(len(all), "command", "commands"), func(m *model) tea.Cmd {
		return m.copyText(plural(len(all), "command", "commands"), strings.Join(lines, "\n"))
	}})
	return m.open(d, byKey)
}

// copied is a command: what the status line calls it, what it does, and its text.
type copied struct{ what, detail, text string }

// stepCommands lists the commands of a step: those of its text, and of each lever what plans it by hand or, once it is
// out, what takes it back at the gateway itself; last, the message to whom the step wants told.
func (m *model) stepCommands(s *desk.StepView) []copied {
	var all []copied
	for _, c := range s.Step.Commands() {
		all = append(all, copied{"the command", "", cleanLines(c.Text)})
	}
	for i := range s.Blocks {
		v := &s.Blocks[i]
		if l := m.lever(v.Lever); l != nil && l.Out && len(l.Undo) > 0 {
			all = append(all, copied{"the undo by hand", "takes " + clean(l.Title) + " back at the gateway itself", cleanAll(l.Undo)})
		} else if v.Command != "" {
			all = append(all, copied{"the command that plans it", "plans the lever from a shell; nothing is sent yet", clean(v.Command)})
		}
	}
	for i := range s.Step.Blocks {
		if e := s.Step.Blocks[i].Escalate; e != nil && e.Say != "" {
			all = append(all, copied{"the message", "to " + clean(strings.Join(e.To, ", ")), cleanLines(e.Say)})
		}
	}
	return all
}

// cleanLines makes text of several lines safe, line by line.
func cleanLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = clean(lines[i])
	}
	return strings.Join(lines, "\n")
}

func (m *model) whyNotNewer() string {
	if why := m.whyNoRun(); why != "" {
		return why
	}
	if r, _ := m.running(); r.Newer == nil {
		return "it has not changed"
	}
	return ""
}

// newerKey shows how the runbook on disk differs from the one of the run. The run goes over to it on y alone.
func (m *model) newerKey() tea.Cmd {
	r, _ := m.running()
	n := r.Newer
	var text []line
	for _, s := range n.Steps {
		text = append(text, line{strong, s.Kind, s.Title})
		for _, l := range s.Lines {
			st := plainStyle
			switch {
			case strings.HasPrefix(l, "+"):
				st = good
			case strings.HasPrefix(l, "-"):
				st = bad
			}
			text = append(text, line{st, "  ", l})
		}
	}
	if len(n.Steps) == 0 {
		text = append(text, line{plainStyle, "", "no step differs"})
	}
	text = append(text, line{dim, "", "finished steps stay as they were"})
	if n.Disabled != "" {
		m.say(sayRefused, n.Disabled)
		return nil
	}
	return m.open(&sure{title: "the runbook has changed", text: text, foot: "takes the new version for this run", yes: func(m *model) tea.Cmd {
		return m.do("taking the new version", desk.TakeBook{SHA256: n.SHA256}, nil)
	}}, byKey)
}
