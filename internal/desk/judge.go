package desk

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"signalbox/internal/incident"
	"signalbox/runbook"
)

// tickRuns looks at waits, checks and stop-ifs once a second.
func (d *Desk) tickRuns() {
	r := d.run()
	if r == nil || !r.walk.Live() {
		return
	}
	d.judgeChecks(r)
	if p := r.walk.Pending; p != nil && p.Kind == runbook.KindWait {
		d.judgeWait(r, p)
	}
	d.judgeVerify(r)
	d.judgeStops(r)
}

func (d *Desk) judgeWait(r *run, p *runbook.Pending) {
	s, _ := r.book.Step(p.Step)
	if p.Block >= len(s.Blocks) || s.Blocks[p.Block].Wait == nil {
		return
	}
	over := func(outcome, text string) {
		_ = d.step(r, runbook.Entry{Kind: runbook.EntryWaitOver, Step: p.Step, Block: p.Block, Data: map[string]string{"outcome": outcome, "text": text}})
	}
	w, text := s.Blocks[p.Block].Wait, ""
	if !w.Until.Zero() {
		res := d.eval(r, w.Until)
		if text = res.Text; res.Truth == runbook.True {
			over("met", text)
			return
		}
		if res.Truth == runbook.Unknown {
			text = strings.TrimSpace(text + ", which is unknown: " + res.Why)
		}
	}
	if !p.Until.IsZero() && !d.now().Before(p.Until) {
		over("timeout", text)
	}
}

func (d *Desk) eval(r *run, e runbook.Expr) runbook.Result {
	return r.walk.Eval(r.book, e, facts{d: d, now: d.now(), run: r})
}

// judgeChecks evaluates the checks and branches of the current step on the live board.
func (d *Desk) judgeChecks(r *run) {
	if !r.walk.Live() {
		return
	}
	s, i := r.book.Step(r.walk.Current)
	if i < 0 {
		return
	}
	results, arms := map[int]runbook.Result{}, map[int]string{}
	for n, b := range s.Blocks {
		switch {
		case b.Check != nil:
			results[n] = d.eval(r, b.Check.That)
			arms[n] = checkLeads(b.Check, results[n].Truth)
		case len(b.Branch) > 0:
			way := r.walk.Decide(r.book, b.Branch, facts{d: d, now: d.now(), run: r})
			results[n] = runbook.Result{Truth: way.Truth, Text: way.Text, Why: way.Why}
			arms[n] = slugOf(way.Target)
		}
	}
	r.results, r.arms = results, arms
}

// checkLeads gives the step that a check sends to, where it names one.
func checkLeads(c *runbook.Check, truth runbook.Truth) string {
	to := runbook.ToAsk // an unknown check sends nobody anywhere
	switch truth {
	case runbook.True:
		to = c.OnTrue
	case runbook.False:
		to = c.OnFalse
	}
	return slugOf(to)
}

// slugOf gives the step that a target names, empty where it names none.
func slugOf(t runbook.Target) string {
	if slug, ok := t.Slug(); ok {
		return slug
	}
	return ""
}

// freezeChecks writes what the checks of the step said at the moment the operator went on.
func (d *Desk) freezeChecks(r *run) {
	d.judgeChecks(r)
	blocks := slices.Sorted(maps.Keys(r.results))
	for _, n := range blocks {
		res := r.results[n]
		data := map[string]string{"truth": res.Truth.String(), "text": res.Text, "why": res.Why}
		if to := r.arms[n]; to != "" {
			data["to"] = to
		}
		_ = d.step(r, runbook.Entry{Kind: runbook.EntryCheckResult, Block: n, Data: data})
	}
}

// verdict is what an action's verify says: live until it is true or its time is over, then final.
type verdict struct {
	result runbook.Result
	final  bool
}

// defaultWithin is how long a verify may take where the runbook does not say.
const defaultWithin = 2 * time.Minute

// judgeVerify looks whether an action did what its runbook expects of it. True settles it; a verify that
// is not true within its time is false, and where the step says so the walk is offered another way.
func (d *Desk) judgeVerify(r *run) {
	for _, l := range d.levers {
		if l.plan.Change.Run != r.id || l.state != LeverActive || l.asking {
			continue
		}
		a := d.actionOf(r, l)
		if a == nil || a.Verify.Zero() || r.verified[l.id].final {
			continue
		}
		res := d.eval(r, a.Verify)
		within := cmp.Or(a.Verify.Within(), defaultWithin)
		v := verdict{result: res, final: res.Truth == runbook.True || d.now().Sub(l.acceptAt) > within}
		if r.verified == nil {
			r.verified = map[string]verdict{}
		}
		r.verified[l.id] = v
		if v.final {
			at, _ := r.book.Step(l.plan.Change.Step)
			data := incident.StepData{Slug: at.Slug, Title: r.walk.Fill(at.Title), Check: "verify: " + res.Text, Truth: res.Truth.String(), Why: res.Why}
			_ = d.write(entryDraft{kind: incident.StepCheck, incident: r.incident, run: r.id, step: l.plan.Change.Step, data: data, actor: byDesk})
		}
	}
}

// verifyWords says how the verify of a lever stands.
func (r *run) verifyWords(lever string) string {
	v, ok := r.verified[lever]
	if !ok {
		return ""
	}
	s := "; verify: " + v.result.Text + " is " + v.result.Truth.String()
	if v.final && v.result.Truth != runbook.True {
		s += ", its time is over: take it back (u), or go on another way"
	}
	return s
}

// judgeStops takes a lever back when its stop-if was true twice in a row. It lives only while a console
// lives: the deadline is the guarantee.
func (d *Desk) judgeStops(r *run) {
	for _, l := range d.levers {
		if l.plan.Change.Run != r.id || l.state != LeverActive || l.asking {
			continue
		}
		a := d.actionOf(r, l)
		if a == nil || a.StopIf.Zero() {
			continue
		}
		if d.eval(r, a.StopIf).Truth != runbook.True {
			r.stops[l.id] = 0
			continue
		}
		if r.stops[l.id]++; r.stops[l.id] == 2 {
			_ = d.sendRevert(l, "stop-if is true: "+strings.TrimSpace(a.StopIf.Source), true)
		}
	}
}
