package ui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"signalbox/internal/desk"
)

func (m *model) whyNoRuns() string {
	if len(m.snap.Runs)+len(m.snap.EndedRuns) == 0 {
		return "no runbook was begun in this incident; r starts one"
	}
	return ""
}

// endWord says in a word how a run ended.
func endWord(th *theme, e *desk.EndedRun) (mark, word string, st style) {
	if e.GivenUp {
		return th.no, "given up", warn
	}
	return th.ok, "finished", good
}

// endSentence says where, by whom, when and why a run ended.
func endSentence(e *desk.EndedRun) string {
	text := "at step " + itoa(e.N) + " of " + itoa(e.Of)
	if e.GivenUp && e.Step != "" {
		text += ", " + e.Step
	}
	if e.By != "" {
		text += ", by " + e.By
	}
	if text += ", " + hms(e.At) + "Z"; e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}

// endedLines say that the run on the screen has ended, and how.
func endedLines(f frame, r *desk.RunView) []string {
	e := r.End
	if e == nil {
		e = &desk.EndedRun{At: f.now}
	}
	mark, word, st := endWord(f.th, e)
	out := []string{f.row().put(st, " "+mark+" "+word+": ").put(plainStyle, r.Title).line()}
	if r.End == nil {
		return out
	}
	for _, part := range wrap(endSentence(e), f.w-5) {
		out = append(out, f.row().put(dim, "   "+part).line())
	}
	return out
}

// stillOpen names the runbooks that wait beside the one that ended, and the key that goes to them.
func stillOpen(f frame) []string {
	var open []desk.OpenRun
	for _, o := range f.snap.Runs {
		if !o.Current {
			open = append(open, o)
		}
	}
	if len(open) == 0 {
		return nil
	}
	o := open[len(open)-1]
	r := f.row().put(warn, " W").put(plainStyle, " goes on with ").put(strong, shorten(f.th, o.Title, f.w/2)).put(dim, ", step "+itoa(o.N)+" of "+itoa(o.Of))
	if n := len(open); n > 1 {
		r.put(dim, ", or one of "+itoa(n-1)+" more")
	}
	return []string{r.line()}
}

// runsKey lists the open runs of the incident; the chosen one becomes the current one. It begins at the next after that.
func (m *model) runsKey() tea.Cmd {
	d := &choice{title: "runbooks of this incident; go to which?"}
	for i, r := range m.snap.Runs {
		label, detail := r.Title, "step "+itoa(r.N)+" of "+itoa(r.Of)+", "+r.Step+"; "
		if r.Current {
			label += "  CURRENT"
			d.cur = (i + 1) % len(m.snap.Runs)
		}
		if r.Owner != "" {
			detail += r.Owner + ", "
		}
		detail += "since " + hms(r.Since) + "Z"
		d.options = append(d.options, option{label, detail, func(m *model) tea.Cmd {
			if r.Current {
				return m.look(bookID)
			}
			return tea.Batch(m.look(bookID), m.do("going to "+r.Title, desk.ResumeRun{ID: r.ID}, nil))
		}})
	}
	for i := range m.snap.EndedRuns {
		e := &m.snap.EndedRuns[i]
		mark, word, _ := endWord(m.th, e)
		d.options = append(d.options, option{mark + " " + e.Title + "  " + word, endSentence(e), func(m *model) tea.Cmd { return m.read(e.Book, "") }})
	}
	return m.open(d, byKey)
}

// leversOf lists the levers that a run threw and that are still out.
func (m *model) leversOf(run string) []desk.LeverView {
	var out []desk.LeverView
	for i := range m.snap.Levers {
		if l := &m.snap.Levers[i]; l.Out && l.Run == run {
			out = append(out, *l)
		}
	}
	return out
}

// abortKey ends the run, and then asks for each lever that it threw and that is still out.
func (m *model) abortKey() tea.Cmd {
	r, _ := m.running()
	id := r.ID
	d := &form{
		title: "end the run of " + r.Title, label: "end the run",
		fields: []field{textField("reason", "", "it goes into the record")},
	}
	for _, l := range m.leversOf(id) {
		d.head = append(d.head, line{warn, "out", l.Title + ", " + untilWords(&l) + ": you are asked what becomes of it"})
	}
	d.submit = func(m *model, v []string) (tea.Cmd, string) {
		if now, _ := m.running(); now == nil || now.ID != id {
			return nil, "another run is current by now: leave this form"
		}
		return m.do(d.label, desk.AbortRun{Reason: v[0]}, func(m *model, _ desk.Result) tea.Cmd {
			return m.askEach(m.leversOf(id), "given up", v[0])
		}), ""
	}
	return m.open(d, byKey)
}

func untilWords(l *desk.LeverView) string {
	if l.ExpiresAt.IsZero() {
		return "its end is not known"
	}
	s := "until " + hms(l.ExpiresAt) + "Z"
	if !l.SelfEnds {
		return s + ", NOT self-reverting"
	}
	return s + ", the gateway ends it by itself"
}

// askEach asks for one lever after another whether it stays. Each is frozen by its id; taking one back goes through its
// plan, and the question about the next one comes with that plan and waits below it.
//
// A run that was given up has told its reason; where it was finished, keeping a lever asks for one.
func (m *model) askEach(levers []desk.LeverView, ended, reason string) tea.Cmd {
	if len(levers) == 0 {
		return nil
	}
	l, rest := levers[0], levers[1:]
	title := "the run is " + ended + "; " + l.Title + " is out"
	if len(rest) > 0 {
		title += ", and " + itoa(len(rest)) + " more"
	}
	next := func(m *model) tea.Cmd { return m.askEach(rest, ended, reason) }
	why := strings.TrimSuffix("the run is "+ended+": "+reason, ": ")
	return m.open(&choice{title: title, options: []option{
		{"take it back", l.Change + ", " + l.State + "; a plan first, then a confirmation", func(m *model) tea.Cmd {
			if m.jobs.plan != 0 { // it would be let go for this one
				m.say(sayHint, "a plan is still being read; it comes first")
				return m.askEach(levers, ended, reason)
			}
			cmd := m.askPlan("planning the undo of "+l.Title, desk.PlanRevert{Lever: l.ID, Reason: why})
			m.jobs.running[len(m.jobs.running)-1].below = next
			return cmd
		}},
		{"keep it", untilWords(&l) + "; the decision goes into the record", func(m *model) tea.Cmd {
			if reason == "" {
				return tea.Batch(next(m), m.open(m.reasonForm("keep "+l.Title, "keep it", func(text string) desk.Command {
					return desk.KeepLever{Lever: l.ID, Reason: text}
				}), byKey))
			}
			return tea.Batch(next(m), m.do("keeping "+l.Title, desk.KeepLever{Lever: l.ID, Reason: reason}, nil))
		}},
		{"decide later", "it stays out for now, and the levers pane lists it; esc leaves all that are not decided", next},
	}}, byItself)
}
