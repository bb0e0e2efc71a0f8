package incident

import (
	"cmp"
	"slices"
)

func (f *folder) run(e *Entry) *Run {
	i, ok := f.runs[e.Run]
	if !ok {
		i = len(f.Runs)
		f.runs[e.Run] = i
		f.Runs = append(f.Runs, Run{ID: e.Run, Opened: e.At, By: e.Actor})
	}
	return &f.Runs[i]
}

func (f *folder) addRun(e *Entry) {
	var d RunData
	if e.Decode(&d) != nil || e.Run == "" {
		return
	}
	r := f.run(e)
	for _, p := range []struct{ to, from *string }{
		{&r.Book, &d.Book},
		{&r.BookSHA, &d.BookSHA},
		{&r.Title, &d.Title},
		{&r.Owner, &d.Owner},
		{&r.State, &d.State},
		{&r.Reason, &d.Reason},
		{&r.Last, &d.Last},
		{&r.LastWas, &d.LastWas},
	} {
		*p.to = cmp.Or(*p.from, *p.to)
	}
	r.Epoch = max(r.Epoch, d.Epoch)
	if d.Vars != nil {
		r.Vars = d.Vars
	}
	if e.Kind == RunClosed {
		at := e.At
		r.Closed, r.ClosedBy = &at, e.Actor
		r.State = cmp.Or(d.State, "closed")
	}
}

// stepStates are the kinds that change where a step stands; the others say something about it.
var stepStates = map[Kind]string{
	StepEntered: "entered", StepDone: "done", StepSkipped: "skipped", StepTimedOut: "timed out", StepMet: "entered", StepWaiting: "waiting",
	StepEscalated: "escalated", StepAborted: "aborted", StepChosen: "left", StepBack: "left",
}

func (f *folder) addStep(e *Entry) {
	var d StepData
	if e.Decode(&d) != nil || e.Run == "" {
		return
	}
	slug := cmp.Or(d.Slug, e.Step)
	if slug == "" {
		return // about the run as a whole
	}
	r := f.run(e)
	i := slices.IndexFunc(r.Steps, func(s StepView) bool { return s.Slug == slug })
	if i < 0 {
		i = len(r.Steps)
		r.Steps = append(r.Steps, StepView{Slug: slug, State: "entered", At: e.At, By: e.Actor})
	}
	s := &r.Steps[i]
	s.Title = cmp.Or(d.Title, s.Title)
	if state, ok := stepStates[e.Kind]; ok {
		s.State, s.Reason, s.At = state, d.Reason, e.At
		if e.Kind != StepWaiting && e.Kind != StepMet { // of these the console tells; who stands at the step stays
			s.By = e.Actor
		}
		if state == "left" {
			s.Reason = "for " + cmp.Or(d.ToTitle, d.To, "another step") + bracket(d.Reason)
		}
	}
	if e.Kind != StepCheck {
		return
	}
	n := slices.IndexFunc(s.Checks, func(c StepData) bool { return c.Check == d.Check && c.Block == d.Block })
	if n < 0 {
		s.Checks = append(s.Checks, d)
		return
	}
	s.Checks[n] = d
}
