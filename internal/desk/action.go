package desk

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"signalbox/internal/gateway"
	"signalbox/internal/incident"
	"signalbox/internal/traffic"
	"signalbox/runbook"
)

// planStep plans the action of a block of the current step: the same way as a lever thrown by hand.
func (d *Desk) planStep(c PlanStep, reply func(Result, error)) {
	r, s, block, err := d.blockSeen(c.Step, c.Block)
	if err == nil && block.Action == nil {
		err = &Refused{What: "this step", Why: "it has no action there"}
	}
	if err != nil {
		reply(Result{}, err)
		return
	}
	a := block.Action
	if a.Do == runbook.DoRelease {
		d.release(r, a, reply)
		return
	}
	lv, err := runbook.Resolve(r.book, a, r.walk)
	var value json.RawMessage
	if err == nil {
		value, err = leverValue(lv.Value)
	}
	if err != nil {
		reply(Result{}, &Refused{What: a.Do, Why: err.Error(), Try: "fill the field first (enter on it)"})
		return
	}
	d.planLever(PlanLever{Verb: lv.Verb, Scope: lv.Scope, Value: value, TTL: lv.TTL, Reason: lv.Reason}, r.id, s.Slug, c.Block, reply)
}

// blockSeen gives the block of the current step that an operator means, and the run and the step that it is of. It
// refuses what is not what they looked at: no run, a run that has moved on, no such block.
func (d *Desk) blockSeen(step string, block int) (*run, runbook.Step, runbook.Block, error) {
	r := d.run()
	if r == nil || !r.walk.Live() {
		return nil, runbook.Step{}, runbook.Block{}, &Refused{What: "this step", Why: "no runbook is being walked", Try: "start one (r)"}
	}
	if err := r.seen(step); err != nil {
		return nil, runbook.Step{}, runbook.Block{}, err
	}
	s, _ := r.book.Step(r.walk.Current)
	if block < 0 || block >= len(s.Blocks) {
		return nil, runbook.Step{}, runbook.Block{}, &Refused{What: "this step", Why: "it has no block there"}
	}
	return r, s, s.Blocks[block], nil
}

// leverValue gives a runbook's value as JSON. A percentage stays words: only a fresh read of the gateway
// knows of what.
func leverValue(v runbook.Value) (json.RawMessage, error) {
	if v.Kind == runbook.PercentValue {
		return json.Marshal(v.String())
	}
	return v.JSON(0)
}

// planRevert shows what taking a lever back would do.
func (d *Desk) planRevert(c PlanRevert, reply func(Result, error)) {
	l := d.leverByID(c.Lever)
	if l == nil || !l.out() {
		reply(Result{}, &Refused{What: "undo", Why: "that lever is not out"})
		return
	}
	w, ok := d.wires[l.plan.Gateway]
	if !ok {
		reply(Result{}, &Refused{What: "undo of " + leverTitle(l.plan.Change), Why: "gateway " + l.plan.Gateway + " is not configured here", Try: "undo it by hand: " + strings.Join(l.view().Undo, "; ")})
		return
	}
	p := l.plan
	p.ID, p.ReadAt, p.Change.Reason = d.newID("plan"), d.now(), cmp.Or(c.Reason, "undo")
	var left []string
	p.Instances, left = l.undoes(w)
	p.Blast.LastTarget = false
	d.fillBlast(w, &p, l.id)
	p.Calls, p.Undo = l.plan.Undo.Calls, gateway.Undo{Calls: l.plan.Calls}
	s := &shown{plan: p, lever: l.id, block: -1, view: d.planView(w, p)}
	s.view.Revert, s.view.Lever, s.view.Force = true, l.id, nil
	s.view.Title = "undo " + leverTitle(l.plan.Change)
	s.view.Excess, s.view.Deadline, s.view.SelfEnds, s.view.Caveats = "", "none: it restores what was read before the lever", true, left
	s.view.Rehearsal = nil
	s.view.Confirm, s.view.Phrase = ConfirmPlain, ""
	if w.spec.Typed {
		s.view.Confirm, s.view.Phrase = ConfirmTyped, d.phrase(p.Change.Scope)
	}
	d.keepPlan(s)
	reply(Result{Text: "planned " + s.view.Title, Plan: &s.view}, nil)
}

// undoes gives what taking a lever back would change, as last read, and says what it leaves alone: what is as before already, and
// what somebody else has set since, for no undo overwrites that.
func (l *lever) undoes(w *wire) (diff []gateway.InstancePlan, left []string) {
	for _, i := range l.plan.Instances {
		c, ok := w.control(i.Name, i.Control)
		if i.Skip != "" || ok && gateway.Same(c.Value, i.Before) {
			continue
		}
		if ok && !l.inForceAt(c, i) {
			left = append(left, fmt.Sprintf("%s on %s is left as it is: the lever set %s, and it is %s%s; see who wants that, then plan %s",
				i.Control, i.Name, valueWords(i.After), valueWords(c.Value), setBy(c), l.plan.Change.Verb.Opposite()))
			continue
		}
		diff = append(diff, gateway.InstancePlan{Name: i.Name, Control: i.Control, Before: i.After, After: i.Before})
	}
	return diff, left
}

// decline records that the operator saw the plan and did not want it.
func (d *Desk) decline(c Decline) (Result, error) {
	s, ok := d.plans[c.Plan]
	if !ok {
		return Result{}, nil
	}
	delete(d.plans, c.Plan)
	if s.lever != "" {
		return Result{Text: "nothing was sent"}, nil // the lever is out as before
	}
	err := d.recordLever(incident.LeverDeclined, s.asLever(d.record.open), "")
	return Result{Text: "nothing was sent"}, err
}

// noteAction ties a lever to the block that asked for it.
func (d *Desk) noteAction(l *lever, block int) {
	r := d.run()
	if r == nil || block < 0 || l.plan.Change.Run != r.id {
		return
	}
	_ = d.step(r, runbook.Entry{Kind: runbook.EntryActionPlanned, Step: l.plan.Change.Step, Block: block, Data: map[string]string{"lever": l.id}})
}

// actionEnded tells the walk how the lever of an action ended.
func (d *Desk) actionEnded(l *lever) {
	for _, r := range d.runs {
		if r.id != l.plan.Change.Run || !r.walk.Live() {
			continue
		}
		step, block, ok := blockOf(r, l.id)
		if !ok {
			return
		}
		_ = d.step(r, runbook.Entry{Kind: runbook.EntryActionResult, Step: step, Block: block, Data: map[string]string{"lever": l.id, "state": l.state, "outcome": l.outcome}})
	}
}

// blockOf finds the block whose action threw a lever.
func blockOf(r *run, lever string) (step string, block int, ok bool) {
	for slug, st := range r.walk.Steps {
		for n, b := range st.Blocks {
			if b.Lever == lever {
				return slug, n, true
			}
		}
	}
	return "", 0, false
}

func (d *Desk) actionOf(r *run, l *lever) *runbook.Action {
	step, block, ok := blockOf(r, l.id)
	if !ok {
		return nil
	}
	s, _ := r.book.Step(step)
	if block >= len(s.Blocks) {
		return nil
	}
	return s.Blocks[block].Action
}

// intent is what an action would do: in words, as the command line that plans the same, and what its lever names. Disabled
// says why it cannot be planned.
type intent struct {
	words, disabled, command string
	soon, moot               bool // disabled for now only; a release that has nothing to take back
	aim                      traffic.Scope
}

// actionWords says what an action would do, resolved as far as it can be.
func (d *Desk) actionWords(r *run, a *runbook.Action) intent {
	if a.Do == runbook.DoRelease {
		return d.releaseWords(r, a)
	}
	lv, err := runbook.Resolve(r.book, a, r.walk)
	if err != nil {
		return intent{words: a.Do, disabled: err.Error()}
	}
	words := a.Do + " " + traffic.Scope(lv.Scope).Short()
	w, err := d.wireFor(lv.Scope, false)
	if err == nil && d.whyNot(w) != "" {
		err = fmt.Errorf("%s", d.whyNot(w))
	}
	var scope traffic.Scope
	if err == nil {
		scope, err = d.aim(w, gateway.Verb(lv.Verb), lv.Scope, false)
	}
	if err != nil {
		return intent{words: words, disabled: err.Error(), command: planLine(lv, lv.Scope)}
	}
	words = a.Do + " " + scopeWords(scope)
	if v := lv.Value.String(); v != "" {
		words += " to " + v
	}
	return intent{words: words + " for " + runbook.Brief(clampTTL(lv.TTL)), disabled: d.refusal, command: planLine(lv, scope), aim: scope}
}

// planLine is the command line that plans a lever; with apply for plan it throws it, after it was confirmed.
func planLine(lv runbook.Lever, scope traffic.Scope) string {
	words := []string{"signalbox", "control", "plan", lv.Verb}
	for _, dim := range slices.Sorted(maps.Keys(scope)) {
		words = append(words, dim+"="+scope[dim])
	}
	if v := lv.Value.String(); v != "" {
		words = append(words, "--value", v)
	}
	words = append(words, "--ttl", runbook.Brief(clampTTL(lv.TTL)))
	if lv.Reason != "" {
		words = append(words, "--reason", lv.Reason)
	}
	return gateway.Line(words)
}
