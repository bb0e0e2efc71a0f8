package ui

import (
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"signalbox/internal/desk"
)

func (m *model) whyNoRehearsal() string {
	if m.snap.NoProbe != "" {
		return "no rehearsal: " + m.snap.NoProbe
	}
	return ""
}

// trying is a rehearsal under way, asked for at a plan; without a job there is none.
type trying struct {
	job   uint64
	model string
	since time.Time
}

// rehearseKey asks for the target of a fallback. Each request of a rehearsal is small and marked, and somebody pays for it.
func (m *model) rehearseKey() tea.Cmd {
	scope, _ := m.target()
	return m.rehearseForm("", scope["model"], func(m *model, c desk.RunRehearsal) tea.Cmd {
		return m.do("rehearsing "+c.Model, c, (*model).rehearsed)
	})
}

func (m *model) rehearseForm(target, whose string, run func(*model, desk.RunRehearsal) tea.Cmd) tea.Cmd {
	d := &form{title: "rehearse a fallback", label: "send about a dozen small, marked requests; no traffic is moved"}
	d.fields = []field{
		textField("target", target, "the model that the fallback would use; it is asked parameter by parameter"),
		{label: "for", text: newEditor(whose), hint: "the model whose fallback it is: its plan tells of this; empty: the target's own"},
		{label: "through", text: newEditor(""), hint: "an endpoint of probes: in the configuration; empty: the first"},
	}
	d.submit = func(m *model, v []string) (tea.Cmd, string) {
		return run(m, desk.RunRehearsal{Model: v[0], For: v[1], Endpoint: v[2]}), ""
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

func (m *model) whyNotTry() string {
	p, ok := m.top().(*planDialog)
	switch {
	case !ok || p.plan.Rehearsal == nil:
		return "nothing to rehearse: this plan sends no requests to another target"
	case p.tried.job != 0:
		return "a rehearsal is under way"
	}
	return m.whyNoRehearsal()
}

// tryKey rehearses what the plan on top would send its requests to. The plan stays as it is and can be confirmed meanwhile;
// what comes out is put into it.
func (m *model) tryKey() tea.Cmd {
	p, ok := m.top().(*planDialog)
	if !ok {
		return nil
	}
	r := p.plan.Rehearsal
	if r.Model == "" {
		return m.rehearseForm("", r.For, func(m *model, c desk.RunRehearsal) tea.Cmd { return m.try(p, c) })
	}
	return m.try(p, desk.RunRehearsal{Model: r.Model, For: r.For, Endpoint: r.Endpoint})
}

func (m *model) try(p *planDialog, c desk.RunRehearsal) tea.Cmd {
	cmd := m.do("rehearsing "+c.Model, c, (*model).tried)
	p.tried = trying{m.jobs.next, c.Model, m.now()}
	return cmd
}

// tried puts a rehearsal into the plan that it was for; where that is gone, it has a page of its own.
func (m *model) tried(r desk.Result) tea.Cmd {
	if r.Tried == nil {
		return nil
	}
	for _, d := range m.stack {
		if p, ok := d.(*planDialog); ok && p.plan.Rehearsal != nil && p.plan.Rehearsal.For == r.Tried.For {
			v := *r.Tried
			v.Words = p.plan.Rehearsal.Words // of the caveat that it stands for
			p.plan.Rehearsal = &v
			return nil
		}
	}
	return m.rehearsed(r)
}

// triedEnds forgets a rehearsal that has ended, however it did.
func (m *model) triedEnds(job uint64) {
	for _, d := range m.stack {
		if p, ok := d.(*planDialog); ok && p.tried.job == job {
			p.tried = trying{}
		}
	}
}

// mostBad bounds the requests that a plan tells of one by one; the pane's own rehearsal shows all.
const mostBad = 3

// rehearsal is what a plan shows of the last one: how old, what the target did not take, how fast and how whole it answers.
func (p *planDialog) rehearsal(f frame) []line {
	r := p.plan.Rehearsal
	if r == nil {
		return nil
	}
	key := keyIn(p.mode(), "rehearse") + " rehearses it now"
	var t []line
	switch {
	case r.At.IsZero():
		t = append(t, line{bad, "rehearsed", "NEVER: nobody knows what its target makes of these requests"})
	default:
		s, text := bad, short(f.now.Sub(r.At))+" ago on "+r.Model
		if r.OK {
			s = good
		}
		if r.Endpoint != "" {
			text += " through " + r.Endpoint
		}
		if r.Stale != "" {
			s, text = warn, "STALE ("+r.Stale+"): "+text
		}
		t = append(t, line{s, "rehearsed", text + ": " + r.Text})
	}
	t = append(t, badTrials(r.Trials)...)
	if text := speedOf(r.Trials); text != "" {
		t = append(t, line{plainStyle, "         ", text})
	}
	switch {
	case p.tried.job != 0:
		t = append(t, line{accent, "         ", "rehearsing " + p.tried.model + " for " + short(f.now.Sub(p.tried.since)) + "; this plan can be sent meanwhile"})
	case f.snap.NoProbe != "":
		t = append(t, line{dim, "         ", "it cannot be rehearsed here: " + f.snap.NoProbe})
	default:
		t = append(t, line{dim, "         ", key + ": about a dozen small, marked requests"})
	}
	return t
}

func badTrials(all []desk.TrialView) []line {
	var t []line
	n := 0
	for _, x := range all {
		if x.OK {
			continue
		}
		if n++; n <= mostBad {
			t = append(t, line{warn, "         ", strings.TrimSuffix(x.Verdict+" "+x.Name+": "+x.Why, ": ")})
		}
	}
	if n > mostBad {
		t = append(t, line{warn, "         ", "and " + itoa(n-mostBad) + " more: t in the levers pane tells each"})
	}
	return t
}

// speedOf says how fast the target answered, and how whole.
func speedOf(all []desk.TrialView) string {
	var parts []string
	whole := 0
	for _, x := range all {
		if x.Whole {
			whole++
		}
		switch {
		case x.Name == "plain" && x.Latency > 0:
			parts = append(parts, "answers in "+latency(x.Latency))
		case x.Name == "stream" && x.OK && x.FirstText > 0:
			parts = append(parts, "streams, first text after "+latency(x.FirstText))
		case x.Name == "stream" && !x.OK:
			parts = append(parts, "does NOT stream")
		}
	}
	if len(all) == 0 {
		return ""
	}
	return strings.Join(append(parts, itoa(whole)+" of "+itoa(len(all))+" answers whole"), ", ")
}
