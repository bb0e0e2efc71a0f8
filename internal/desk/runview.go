package desk

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"signalbox/runbook"
)

// runView gives the current run as the screen shows it.
func (d *Desk) runView(now time.Time) *RunView {
	r := d.run()
	if r == nil {
		return nil
	}
	v := &RunView{ID: r.id, Book: r.book.ID, Title: r.walk.Fill(r.book.Title), Burst: r.walk.Burst, Finished: !r.walk.Live(), Changed: r.changedWords(), Newer: r.changeView()}
	for i, s := range r.book.Steps {
		st := r.walk.Step(s.Slug)
		sv := StepView{Step: filled(r, s), State: string(st.State), Reason: st.Reason, At: st.At}
		for n := range s.Blocks {
			sv.Blocks = append(sv.Blocks, d.blockView(r, s, n, st.Blocks[n], now))
		}
		if s.Slug == r.walk.Current {
			v.Current, v.Next, v.Stage = i, r.book.After(i), s.Stage
		}
		v.Steps = append(v.Steps, sv)
	}
	if v.Finished {
		end := r.ended()
		v.End, v.Current = &end, max(0, end.N-1)
	}
	proposed := d.proposals(r, now)
	for _, x := range r.book.Vars {
		f := FieldView{Name: x.Name, Value: r.walk.Vars[x.Name], Prompt: x.Prompt, Values: x.Values, Optional: x.Optional}
		if f.Value == "" && x.From != "" {
			f.Proposed = proposed[x.Name]
		}
		v.Fields = append(v.Fields, f)
	}
	return v
}

// filled gives a step with the run's values in its text.
func filled(r *run, s runbook.Step) runbook.Step {
	s.Title = r.walk.Fill(s.Title)
	s.Prose = r.walk.FillProse(s.Prose)
	s.Blocks = slices.Clone(s.Blocks)
	for i := range s.Blocks {
		b := &s.Blocks[i]
		switch {
		case b.Action != nil:
			a := *b.Action
			a.Why, a.Cost = r.walk.Fill(a.Why), r.walk.Fill(a.Cost)
			b.Action = &a
		case b.Ask != nil:
			q := *b.Ask
			q.Question = r.walk.Fill(q.Question)
			b.Ask = &q
		case b.Escalate != nil:
			e := *b.Escalate
			e.Say = r.walk.Fill(e.Say)
			b.Escalate = &e
		}
	}
	return s
}

func (d *Desk) blockView(r *run, s runbook.Step, n int, st runbook.BlockState, now time.Time) BlockView {
	b := s.Blocks[n]
	current := s.Slug == r.walk.Current && r.walk.Live()
	v := BlockView{Lever: st.Lever}
	switch {
	case b.Check != nil || len(b.Branch) > 0:
		v.Truth, v.Text, v.Why = st.Truth.String(), st.Text, st.Why
		if res, live := r.results[n]; live && current {
			v.Truth, v.Text, v.Why = res.Truth.String(), res.Text, res.Why
		}
		if len(b.Branch) > 0 && current {
			v.Asks = r.asks[n]
		}
		if to := r.arms[n]; to != "" && current {
			v.Why, v.Goto = "goes to "+r.label(to), to
		}
	case b.Action != nil:
		d.actionBlock(r, b.Action, current, st, &v)
	case b.Probe != nil:
		d.probeBlock(r, b.Probe, n, current, st, &v)
	case b.Ask != nil:
		v.Answer = r.walk.Vars[b.Ask.Var]
	case b.Wait != nil:
		p := r.walk.Pending
		v.Open = current && p != nil && p.Kind == runbook.KindWait && p.Block == n
		r.waitBlock(b.Wait, current, st, now, &v)
	default:
		v.Text = st.Text
	}
	if v.Goto != "" {
		v.Leads = r.label(v.Goto)
	}
	return v
}

// actionBlock shows an action: what it would do and why it cannot, how its lever stands, and where the book goes if that did not help.
func (d *Desk) actionBlock(r *run, a *runbook.Action, current bool, st runbook.BlockState, v *BlockView) {
	v.State, v.Action = st.State, a.Do
	if l := d.leverByID(st.Lever); l != nil {
		v.State = leverFacts(l) + r.verifyWords(l.id)
	}
	if current {
		does := d.actionWords(r, a)
		v.Action, v.Disabled, v.Command, v.Aim = does.words, does.disabled, does.command, does.aim
		v.Soon, v.Moot = does.soon, does.moot
		v.Goto, v.Why = d.actionLeads(r, a, st)
	}
}

// waitBlock shows how long a wait goes on, how it ended, and where the book goes if its time was up.
func (r *run) waitBlock(w *runbook.Wait, current bool, st runbook.BlockState, now time.Time, v *BlockView) {
	v.State, v.Text = st.Outcome, "at most "+runbook.Brief(w.AtMost)
	switch {
	case !current:
	case st.Outcome == "" && !st.Until.IsZero():
		v.Text = fmt.Sprintf("%s left", max(0, st.Until.Sub(now)).Round(time.Second))
		if p := r.walk.Pending; p != nil && r.waited != "" {
			v.Text += "; now " + r.waited
		}
	case st.Outcome == "timeout":
		if v.Goto = slugOf(w.OnTimeout); v.Goto != "" {
			v.Why = "the book goes to " + r.label(v.Goto)
		}
	}
}

// label names a step of the run to people: nobody knows the steps by their slugs.
func (r *run) label(slug string) string {
	s, i := r.book.Step(slug)
	if i < 0 {
		return slug
	}
	return runbook.StepLabel(i+1, r.walk.Fill(s.Title))
}

// leverFacts says the three facts and the outcome of a lever in a line.
func leverFacts(l *lever) string {
	s := l.state + ": accepted " + l.accepted + ", reported back " + l.reported + ", obeyed " + strings.ReplaceAll(l.obeyed, "_", " ")
	if l.outcome != "" {
		s += ", outcome " + l.outcome
	}
	return s
}
