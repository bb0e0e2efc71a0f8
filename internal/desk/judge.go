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

// tickRuns looks at waits, checks, proofs and stop-ifs once a second. Of the runs that are not current, and of those that have
// ended, the levers may still be out: they are judged until they are not.
func (d *Desk) tickRuns() {
	for _, r := range d.runs {
		if p := r.walk.Pending; r.here && r.walk.Live() && p != nil && p.Kind == runbook.KindWait {
			d.judgeWait(r, p)
		}
		d.judgeVerify(r)
		d.judgeStops(r)
	}
	if r := d.run(); r != nil {
		d.judgeChecks(r)
	}
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
	r.waited = text
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
	results, arms, asks := map[int]runbook.Result{}, map[int]string{}, map[int]bool{}
	for n, b := range s.Blocks {
		switch {
		case b.Check != nil:
			results[n] = d.eval(r, b.Check.That)
			arms[n] = checkLeads(b.Check, results[n].Truth)
		case len(b.Branch) > 0:
			way := r.walk.Decide(r.book, b.Branch, facts{d: d, now: d.now(), run: r})
			results[n] = runbook.Result{Truth: way.Truth, Text: way.Text, Why: way.Why}
			arms[n], asks[n] = slugOf(way.Target), way.Target == runbook.ToAsk
		}
	}
	r.results, r.arms, r.asks = results, arms, asks
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

// verdict is what an action's verify says: live until it is true or its time is over, then final. One that is final and not
// true is still looked at, because what came late has come all the same: nobody should throw the next lever for it.
type verdict struct {
	result runbook.Result
	final  bool
	since  time.Time // when this console first looked
}

// proven tells whether what the action should bring is there.
func (v verdict) proven() bool { return v.final && v.result.Truth == runbook.True }

// defaultWithin is how long a verify may take where the runbook does not say.
const defaultWithin = 2 * time.Minute

// judgeVerify looks whether an action did what its runbook expects of it. True settles it; a verify that
// is not true within its time is false, and where the step says so the walk is offered another way. A console that was started
// anew gives it that time again: what the one before had seen is gone, and an empty board proves nothing.
func (d *Desk) judgeVerify(r *run) {
	for _, l := range d.levers {
		if !d.judges(r, l) {
			continue
		}
		a := d.actionOf(r, l)
		old := r.verified[l.id]
		if a == nil || a.Verify.Zero() || old.proven() {
			continue
		}
		v := old
		if v.since.IsZero() {
			v.since = d.now()
		}
		res := d.eval(r, a.Verify)
		within := cmp.Or(a.Verify.Within(), defaultWithin)
		switch {
		case !old.final:
			v.result, v.final = res, res.Truth == runbook.True || d.now().Sub(later(l.acceptAt, v.since)) > within
		case res.Truth != runbook.Unknown: // what was known does not become unknown again
			v.result = res
		}
		if r.verified == nil {
			r.verified = map[string]verdict{}
		}
		r.verified[l.id] = v
		if v.final && (!old.final || v.result.Truth != old.result.Truth) {
			d.tellVerdict(r, l, v.result, old.final)
		}
	}
}

// tellVerdict writes a verdict down.
func (d *Desk) tellVerdict(r *run, l *lever, res runbook.Result, late bool) {
	at, _ := r.book.Step(l.plan.Change.Step)
	data := incident.StepData{Slug: at.Slug, Title: r.walk.Fill(at.Title), Lever: l.id, Check: "verify: " + res.Text, Truth: res.Truth.String(), Why: res.Why}
	if late && res.Truth == runbook.True {
		data.Why = "late, " + runbook.Brief(d.now().Sub(l.acceptAt).Round(time.Second)) + " after the lever"
	}
	_ = d.write(entryDraft{kind: incident.StepCheck, incident: r.incident, run: r.id, step: l.plan.Change.Step, data: data, actor: byDesk})
}

// verifyWords says how the verify of a lever stands.
func (r *run) verifyWords(lever string) string {
	v, ok := r.verified[lever]
	if !ok {
		return ""
	}
	s := "; verify: " + v.result.Text + " is " + v.result.Truth.String()
	if v.final && v.result.Truth != runbook.True {
		s += ", its time is over: take it back, or go on another way"
	}
	return s
}

const (
	// stopAfter is how often in a row a stop-if must be true, stopAgain how often the undo is tried where it was not sent.
	stopAfter, stopAgain = 2, 15
)

// judges tells whether this console judges a lever of a run: it looks after the lever, and nothing about it is on its way.
func (d *Desk) judges(r *run, l *lever) bool {
	return l.plan.Change.Run == r.id && l.state == LeverActive && !l.asking && d.owns(l)
}

// actionLeads gives where the book goes on from an action that did not help, and why.
func (d *Desk) actionLeads(r *run, a *runbook.Action, st runbook.BlockState) (to, why string) {
	to = slugOf(a.OnFail)
	l := d.leverByID(st.Lever)
	if to == "" || l == nil {
		return "", ""
	}
	v := r.verified[l.id]
	switch {
	case r.stops[l.id] >= stopAfter:
		return to, "its stop-if came true: the book goes to " + r.label(to)
	case l.state == LeverFailed:
		return to, "it failed: the book goes to " + r.label(to)
	case l.outcome == "worse":
		return to, "it made it worse: the book goes to " + r.label(to)
	case v.final && v.result.Truth != runbook.True:
		return to, "what it should bring did not come in time: the book goes to " + r.label(to)
	}
	return "", ""
}

// unproven says which levers that are out have not brought what their runbook expects, where the walk stands elsewhere by now.
func (d *Desk) unproven() []string {
	var out []string
	for _, r := range d.runs {
		for _, l := range d.levers {
			v := r.verified[l.id]
			if l.plan.Change.Run != r.id || !l.out() || !v.final || v.result.Truth == runbook.True || l.plan.Change.Step == r.walk.Current && r.walk.Live() {
				continue
			}
			s, _ := r.book.Step(l.plan.Change.Step)
			text := leverTitle(l.plan.Change) + " has not brought what " + r.walk.Fill(s.Title) + " expects of it: " + v.result.Text + " is " + v.result.Truth.String()
			if a := d.actionOf(r, l); a != nil && r.walk.Live() && slugOf(a.OnFail) != "" {
				text += "; the runbook goes to " + r.label(slugOf(a.OnFail)) + " then (:jump)"
			}
			out = append(out, text+"; u takes it back")
		}
	}
	return out
}

// judgeStops takes a lever back when its stop-if was true twice in a row. It lives only while a console
// lives: the deadline is the guarantee.
func (d *Desk) judgeStops(r *run) {
	for _, l := range d.levers {
		if !d.judges(r, l) {
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
		if r.stops[l.id]++; r.stops[l.id] == stopAfter || r.stops[l.id]%stopAgain == 0 {
			_ = d.sendRevert(l, "stop-if is true: "+strings.TrimSpace(a.StopIf.Source), true)
		}
	}
}
