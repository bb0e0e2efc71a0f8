package runbook

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// joined makes one error of located ones, nil of none.
func joined(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	return errors.Join(errs...)
}

const (
	trialTick  = 5 * time.Second
	trialSteps = 200 // a walk that passes more steps goes round in circles
	// defaultVerify is how long a verify may take where the book does not say.
	defaultVerify = 2 * time.Minute
)

// Ran is what came of a trial.
type Ran struct {
	Trial    Trial
	Path     []string
	Levers   []string
	Probes   []string // as sent: "NAME: gpt-4o at eu, streamed"
	Outcomes map[string]string
	Waits    map[string]string
	Unknown  []string
	Asked    []string
	End      string
	Offered  bool
	Took     time.Duration // of simulated time
	Log      []string      // what happened, line by line
	Failures []Finding     // what was expected and did not happen
}

// runner walks a book with the walk's own reducer. Nothing in it waits: time is a number.
type runner struct {
	book  *Book
	trial Trial
	walk  Walk
	start time.Time
	now   time.Time
	since map[string]time.Time // by verb: when a lever of it came into force
	out   []Lever
	ran   *Ran

	refused bool // an entry was: the trial ends there
}

// Run walks a trial to its end and compares it with what was expected.
func (t Trial) Run(b *Book) Ran {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r := &runner{book: b, trial: t, start: start, now: start, since: map[string]time.Time{}, ran: &Ran{Trial: t, Outcomes: map[string]string{}, Waits: map[string]string{}}}
	r.ran.Offered = !b.match.Zero() && b.match.Eval(r, t.Burst).Truth == True
	data := map[string]string{"run": "trial"}
	vars := Bind(b, t.Burst)
	maps.Copy(vars, t.Fields)
	for k, v := range vars {
		data["var."+k] = v
	}
	if r.enter(Entry{Kind: EntryStart, Data: data}) {
		for n := 0; r.walk.Live(); n++ {
			if n == trialSteps {
				r.fail("goes round in circles: %d steps without an end", trialSteps)
				break
			}
			if !r.step() {
				break
			}
		}
	}
	if r.ran.End == "" && r.walk.State == Done {
		r.ran.End = "done"
	}
	r.ran.Took = r.now.Sub(r.start)
	r.compare()
	return *r.ran
}

func (r *runner) log(format string, args ...any) {
	if len(r.ran.Log) < 2000 {
		at := Brief(r.now.Sub(r.start))
		r.ran.Log = append(r.ran.Log, fmt.Sprintf("%6s  ", at)+oneLine(fmt.Sprintf(format, args...)))
	}
}

func (r *runner) fail(format string, args ...any) {
	f := Finding{File: r.trial.file, Line: cmp.Or(r.trial.Expect.Line, r.trial.Line), Severity: SevError, What: oneLine(fmt.Sprintf(format, args...))}
	r.ran.Failures = append(r.ran.Failures, f)
}

// enter applies an entry; one that the walk refuses is a failure of the trial.
func (r *runner) enter(e Entry) bool {
	e.At = r.now
	var effects []Effect
	r.walk, effects = Next(r.walk, r.book, e)
	for _, f := range effects {
		if f.Kind == Refuse {
			r.fail("%s at %s was refused: %s", e.Kind, cmp.Or(e.Step, r.walk.Current), f.Why)
			r.refused = true
			return false
		}
	}
	return true
}

// step does the blocks of the current step and leaves it. It is false where the operator stops.
func (r *runner) step() bool {
	st, _ := r.book.Step(r.walk.Current)
	r.ran.Path = append(r.ran.Path, st.Slug)
	r.log("step %s", st.Slug)
	lead, open := "", false
	for i, bl := range st.Blocks {
		to, left := r.block(st, i, bl)
		if lead == "" {
			lead = to
		}
		open = open || left
	}
	if r.refused {
		return false
	}
	switch at := r.trial.At[st.Slug]; {
	case at == "stop":
		r.ran.End = st.Slug
		return false
	case at == "abort":
		r.abort(st.Slug)
		return false
	case at == "skip":
		return r.enter(Entry{Kind: EntrySkip, Data: map[string]string{"reason": "the trial says so"}})
	case at == "next":
		lead = ""
	case at != "":
		lead = at
	case open:
		r.ran.Asked = append(r.ran.Asked, st.Slug)
	}
	if lead != "" && lead != st.Slug {
		r.log("goes to %s", lead)
		return r.enter(Entry{Kind: EntryJump, Data: map[string]string{"to": lead}})
	}
	return r.enter(Entry{Kind: EntryDone})
}

// abort ends the walk, and asks for each lever that is out, newest first: kept, or taken back.
func (r *runner) abort(slug string) {
	if !r.enter(Entry{Kind: EntryAbort, Data: map[string]string{"reason": "the trial says so"}}) {
		return
	}
	r.ran.End = slug
	r.log("aborts the run: %d levers are out", len(r.out))
	for _, l := range slices.Backward(r.out) {
		if slices.Contains(r.trial.Keep, l.Verb) {
			r.log("keeps %s", l)
			continue
		}
		r.log("takes back %s", l)
		r.ran.Levers = append(r.ran.Levers, "undo "+l.String())
		delete(r.since, l.Verb)
	}
}

// block does one block. to is where it leads, empty for on; open tells that the book leaves it to the operator.
func (r *runner) block(st Step, i int, bl Block) (to string, open bool) {
	e := Entry{Step: st.Slug, Block: i}
	switch {
	case bl.Check != nil:
		res := r.walk.Eval(r.book, bl.Check.That, r)
		return r.judged(e, res.Truth, cmp.Or(bl.Check.Name, "check"), res.Text, res.Why, map[Truth]Target{True: bl.Check.OnTrue, False: bl.Check.OnFalse}[res.Truth])
	case len(bl.Branch) > 0:
		d := r.walk.Decide(r.book, bl.Branch, r)
		return r.judged(e, d.Truth, "branch", d.Text, d.Why, d.Target)
	case bl.Ask != nil:
		r.answer(bl.Ask)
	case bl.Wait != nil:
		return r.wait(e, bl.Wait)
	case bl.Action != nil && bl.Action.Do == DoRelease:
		r.release(st.Slug, bl.Action)
	case bl.Action != nil:
		return r.act(e, bl.Action)
	case bl.Probe != nil:
		r.probe(e, bl.Probe)
	case bl.Evidence != nil, bl.Escalate != nil:
		e.Kind, e.Data = EntryEvidence, map[string]string{"ref": "trial"}
		r.enter(e)
	}
	return "", false
}

func (r *runner) judged(e Entry, truth Truth, what, text, why string, target Target) (to string, open bool) {
	slug := slugIf(target.Slug())
	if truth == Unknown {
		slug = ""
	}
	r.log("%s: %s: %s %s", what, truth, text, why)
	e.Kind, e.Data = EntryCheckResult, map[string]string{"truth": truth.String(), "text": text, "why": why, "to": slug}
	r.enter(e)
	if truth == Unknown && !slices.Contains(r.ran.Unknown, e.Step) {
		r.ran.Unknown = append(r.ran.Unknown, e.Step)
	}
	return slug, slug == "" && (truth == Unknown || target == ToAsk)
}

func (r *runner) answer(a *Ask) {
	value, ok := r.trial.Answers[a.Var]
	if !ok {
		value = "none"
		if len(a.Choices) > 0 {
			value = a.Choices[0]
		}
	}
	r.log("answers %s: %s", a.Question, value)
	r.enter(Entry{Kind: EntryChoose, Data: map[string]string{"var": a.Var, "value": value}})
}

func (r *runner) wait(e Entry, w *Wait) (to string, open bool) {
	e.Kind = EntryWaitStarted
	r.enter(e)
	until, outcome := r.now.Add(w.AtMost), "timeout"
	for {
		if !w.Until.Zero() && r.walk.Eval(r.book, w.Until, r).Truth == True {
			outcome = "met"
			break
		}
		if !r.now.Before(until) {
			break
		}
		r.now = r.now.Add(trialTick)
	}
	r.log("wait: %s", outcome)
	r.ran.Waits[e.Step] = outcome
	e.Kind, e.Data = EntryWaitOver, map[string]string{"outcome": outcome}
	r.enter(e)
	if outcome == "timeout" {
		return slugIf(w.OnTimeout.Slug()), w.OnTimeout == ToAsk
	}
	return "", false
}

func slugIf(slug string, ok bool) string {
	if ok {
		return slug
	}
	return ""
}

// act throws one lever and looks whether it does what the book expects of it.
func (r *runner) act(e Entry, a *Action) (to string, open bool) {
	l, err := Resolve(r.book, a, r.walk)
	if err != nil {
		r.log("%s cannot be planned: %v", a.Do, err)
		r.ran.Outcomes[e.Step] = "refused"
		return "", true
	}
	does := cmp.Or(r.trial.Gateway[a.Do], "applied")
	r.log("throws %s: %s", l, does)
	r.ran.Levers = append(r.ran.Levers, l.String())
	id := fmt.Sprintf("lever-%d", len(r.ran.Levers))
	e.Kind, e.Data = EntryActionPlanned, map[string]string{"lever": id}
	r.enter(e)
	outcome, state := does, "failed"
	switch does {
	case "applied":
		r.since[a.Do], state = r.now, "active"
		r.out = append(r.out, l)
		outcome = r.verify(l)
	case "in_doubt":
		state = "in_doubt"
	}
	r.ran.Outcomes[e.Step] = outcome
	r.log("%s %s", a.Do, outcome)
	result := map[string]string{"failed": "failed", "stopped": "worse", "helped": "helped"}[outcome]
	e.Kind, e.Data = EntryActionResult, map[string]string{"lever": id, "state": state, "outcome": result}
	r.enter(e)
	if outcome == "helped" {
		return "", false
	}
	if outcome == "impossible" || outcome == "in_doubt" {
		return "", true
	}
	slug, named := l.OnFail.Slug()
	return slugIf(slug, named), !named
}

// verify looks at the numbers until the verify is true, the stop-if is, or the time is over.
func (r *runner) verify(l Lever) string {
	until := r.now.Add(cmp.Or(l.Verify.Within(), defaultVerify))
	for {
		r.now = r.now.Add(trialTick)
		switch {
		case l.Verify.Zero():
			return "helped"
		case !l.StopIf.Zero() && r.walk.Eval(r.book, l.StopIf, r).Truth == True:
			return "stopped"
		case r.walk.Eval(r.book, l.Verify, r).Truth == True:
			return "helped"
		case !r.now.Before(until):
			return "failed"
		}
	}
}

// release takes the levers back, newest first, and stops where the numbers turn.
func (r *runner) release(slug string, a *Action) {
	r.ran.Levers = append(r.ran.Levers, DoRelease)
	outcome := "helped"
	defer func() { r.ran.Outcomes[slug] = cmp.Or(r.ran.Outcomes[slug], outcome) }()
	for len(r.out) > 0 {
		l := r.out[len(r.out)-1]
		r.out = r.out[:len(r.out)-1]
		delete(r.since, l.Verb)
		r.now = r.now.Add(max(a.Pace, trialTick))
		r.log("takes back %s", l)
		if !a.StopIf.Zero() && r.walk.Eval(r.book, a.StopIf, r).Truth == True {
			outcome = "stopped"
			r.log("release stopped: %d stay out", len(r.out))
			return
		}
	}
}

// compare looks at what was expected.
func (r *runner) compare() {
	e, got := r.trial.Expect, r.ran
	list := func(key string, want, have []string) {
		if e.given[key] && !slices.Equal(want, have) {
			r.fail("%s: %s is [%s], expected [%s]", r.trial.Name, key, strings.Join(have, ", "), strings.Join(want, ", "))
		}
	}
	list("path", e.Path, got.Path)
	list("levers", e.Levers, got.Levers)
	list("probes", e.Probes, got.Probes)
	list("unknown", e.Unknown, got.Unknown)
	list("asked", e.Asked, got.Asked)
	for _, x := range []struct {
		key        string
		want, have map[string]string
	}{{"outcome", e.Outcomes, got.Outcomes}, {"wait", e.Waits, got.Waits}} {
		for _, slug := range slices.Sorted(maps.Keys(x.want)) {
			if have := cmp.Or(x.have[slug], "not reached"); have != x.want[slug] {
				r.fail("%s: the %s of %s is %s, expected %s", r.trial.Name, x.key, slug, have, x.want[slug])
			}
		}
	}
	if e.End != "" && e.End != got.End {
		r.fail("%s: it ends at %s, expected %s", r.trial.Name, cmp.Or(got.End, r.walk.Current), e.End)
	}
	if offered := map[bool]string{true: "yes", false: "no"}[got.Offered]; e.Offered != "" && e.Offered != offered {
		r.fail("%s: offered is %s, expected %s", r.trial.Name, offered, e.Offered)
	}
}
