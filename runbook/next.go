package runbook

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Next applies one entry to a walk and says what should happen now. An entry that does not fit leaves the
// walk as it was and gives a Refuse effect. Nothing here acts: effects are offers to the desk, and where a
// branch or a failed check points elsewhere, going there is the operator's own jump.
func Next(w Walk, b *Book, e Entry) (Walk, []Effect) {
	if e.Step == "" {
		e.Step = w.Current
	}
	if why := w.misfit(b, e); why != "" {
		return w, []Effect{{Kind: Refuse, Step: e.Step, Block: e.Block, Why: why}}
	}
	w = w.clone()
	switch e.Kind {
	case EntryStart:
		return w.start(b, e)
	case EntryDone:
		w.settle(w.Current, Done, e.Data["note"], e.At)
		return w.advance(b, e)
	case EntrySkip:
		w.settle(w.Current, Skipped, e.Data["reason"], e.At)
		return w.advance(b, e)
	case EntryBack:
		to := w.Trail[len(w.Trail)-1]
		w.Trail = slices.Clone(w.Trail[:len(w.Trail)-1])
		w.leave()
		return w.enter(b, to, e.At)
	case EntryJump:
		w.Trail = append(slices.Clone(w.Trail), w.Current)
		w.leave()
		return w.enter(b, e.Data["to"], e.At)
	case EntryAbort:
		w.leave()
		return w.end(Aborted, e.Data["reason"], e)
	case EntryNote:
		return w, nil
	}
	return w.blockEntry(b, e)
}

// Fold applies entries in order: to resume a walk is to fold what was journaled. The effects of standing
// where it ends come from Enter.
func Fold(b *Book, entries []Entry) Walk {
	var w Walk
	for _, e := range entries {
		w, _ = Next(w, b, e)
	}
	return w
}

// misfit says why an entry cannot be applied, "" when it can.
func (w Walk) misfit(b *Book, e Entry) string {
	if e.Kind == EntryStart {
		switch {
		case w.State != Waiting:
			return "the run has already started"
		case len(b.Steps) == 0:
			return b.Name + " has no steps"
		}
		return ""
	}
	if why := w.notNow(e.Kind); why != "" {
		return why
	}
	st, i := b.Step(e.Step)
	switch e.Kind {
	case EntryDone, EntrySkip:
		return w.cannotLeave(b, e)
	case EntryBack:
		if len(w.Trail) == 0 {
			return "there is no step before this one"
		}
	case EntryJump:
		if _, to := b.Step(e.Data["to"]); to < 0 {
			return "there is no step " + clean(e.Data["to"])
		}
	case EntryChoose, EntryBind:
		return w.cannotSet(b, e)
	case EntryNote, EntryAbort:
	case EntryWaitStarted, EntryWaitOver, EntryActionPlanned, EntryActionResult, EntryCheckResult, EntryProbe, EntryEvidence:
		if i < 0 || e.Block < 0 || e.Block >= len(st.Blocks) {
			return "there is no such block in the step"
		}
		return wrongBlock(e.Kind, st.Blocks[e.Block].Kind)
	default:
		return "unknown kind of entry " + clean(string(e.Kind))
	}
	return ""
}

// notNow says why nothing of a kind can happen to a walk that has not begun, or has ended. What was under way then
// still comes in.
func (w Walk) notNow(kind EntryKind) string {
	switch {
	case w.State == Waiting:
		return "the run has not started"
	case w.State != Current && !slices.Contains([]EntryKind{EntryNote, EntryActionResult, EntryEvidence, EntryProbe}, kind):
		return "the run has ended"
	}
	return ""
}

func (w Walk) cannotLeave(b *Book, e Entry) string {
	switch {
	case e.Step != w.Current:
		return "step " + clean(e.Step) + " is not the current one"
	case e.Kind == EntrySkip && strings.TrimSpace(e.Data["reason"]) == "":
		return "skipping needs a reason"
	case e.Kind == EntryDone && w.Pending != nil && w.Pending.Kind == KindAsk:
		st, _ := b.Step(w.Current)
		return "answer first: " + st.Blocks[w.Pending.Block].Ask.Question
	case e.Kind == EntryDone && w.Pending != nil:
		return "the wait is not over; skip the step with a reason to go on without it"
	}
	return ""
}

func (w Walk) cannotSet(b *Book, e Entry) string {
	name, value := e.Data["var"], strings.TrimSpace(e.Data["value"])
	v, declared := b.Var(name)
	asked := askFor(b, name)
	switch {
	case !declared && asked == nil:
		return "the book has no variable " + clean(name)
	case value == "":
		return name + " needs a value"
	case asked != nil && len(asked.Choices) > 0 && !slices.Contains(asked.Choices, value):
		return name + ": choose one of " + strings.Join(asked.Choices, ", ")
	case declared:
		if err := v.Check(value); err != nil {
			return err.Error()
		}
	}
	return ""
}

func askFor(b *Book, name string) *Ask {
	for _, st := range b.Steps {
		for _, bl := range st.Blocks {
			if bl.Ask != nil && bl.Ask.Var == name {
				return bl.Ask
			}
		}
	}
	return nil
}

func wrongBlock(e EntryKind, k BlockKind) string {
	fits := map[EntryKind][]BlockKind{
		EntryWaitStarted: {KindWait}, EntryWaitOver: {KindWait}, EntryActionPlanned: {KindAction}, EntryActionResult: {KindAction},
		EntryCheckResult: {KindCheck, KindBranch}, EntryProbe: {KindProbe}, EntryEvidence: {KindEvidence, KindEscalate},
	}
	if !slices.Contains(fits[e], k) {
		return string(e) + " does not belong to a block of kind " + string(k)
	}
	return ""
}

func (w Walk) start(b *Book, e Entry) (Walk, []Effect) {
	w.Run, w.Burst, w.Book, w.SHA256 = e.Data["run"], e.Data["burst"], b.ID, b.SHA256
	w.State, w.Started = Current, e.At
	for _, v := range b.Vars {
		value := e.Data["var."+v.Name]
		if value == "" || v.Check(value) != nil {
			value = v.Default
		}
		if value != "" {
			w.Vars[v.Name] = value
		}
	}
	return w.enter(b, b.Steps[0].Slug, e.At)
}

func (w *Walk) settle(slug string, s State, reason string, at time.Time) {
	st := w.Steps[slug]
	st.State, st.Reason, st.At = s, clean(reason), at
	w.Steps[slug] = st
}

// leave takes the current step back to waiting: it was neither done nor skipped.
func (w *Walk) leave() {
	if st := w.Steps[w.Current]; st.State == Current {
		st.State = Waiting
		w.Steps[w.Current] = st
	}
}

func (w Walk) advance(b *Book, e Entry) (Walk, []Effect) {
	_, i := b.Step(w.Current)
	if i < 0 {
		return w.end(Done, "", e)
	}
	next := b.After(i)
	if next < 0 {
		return w.end(Done, "", e)
	}
	w.Trail = append(slices.Clone(w.Trail), w.Current)
	return w.enter(b, b.Steps[next].Slug, e.At)
}

func (w Walk) end(s State, reason string, e Entry) (Walk, []Effect) {
	w.Last, w.By = w.Current, clean(e.Actor)
	w.State, w.Reason, w.Ended, w.Current, w.Pending = s, clean(reason), e.At, "", nil
	if len(w.Levers) > 0 {
		return w, []Effect{{Kind: ListLevers, Why: "the run threw " + strings.Join(w.Levers, ", ")}}
	}
	return w, nil
}

// enter makes a step current. Its waits begin anew; answers and results of an earlier visit stay to be read.
func (w Walk) enter(b *Book, slug string, at time.Time) (Walk, []Effect) {
	st := w.Steps[slug]
	st.State, st.At, st.Reason = Current, at, ""
	st.Visits++
	st.Blocks = maps.Clone(st.Blocks)
	step, _ := b.Step(slug)
	for i, bl := range step.Blocks {
		if bl.Wait != nil {
			delete(st.Blocks, i)
		}
	}
	w.Steps[slug] = st
	w.Current = slug
	w.Pending = w.pending(step)
	return w, w.Enter(b)
}

// pending finds the first question without an answer, or wait that is not over.
func (w Walk) pending(st Step) *Pending {
	for i, bl := range st.Blocks {
		state := w.Steps[st.Slug].Blocks[i]
		switch {
		case bl.Ask != nil && w.Vars[bl.Ask.Var] == "":
			return &Pending{Kind: KindAsk, Step: st.Slug, Block: i}
		case bl.Wait != nil && state.Outcome == "":
			return &Pending{Kind: KindWait, Step: st.Slug, Block: i, Until: state.Until}
		}
	}
	return nil
}

// Enter lists the effects of standing in the current step, to be issued again after a resume. A wait that
// already has its deadline keeps it.
func (w Walk) Enter(b *Book) []Effect {
	step, i := b.Step(w.Current)
	if i < 0 || w.State != Current {
		return nil
	}
	state := w.Steps[step.Slug]
	var all []Effect
	for i, bl := range step.Blocks {
		e := Effect{Step: step.Slug, Block: i}
		switch bl.Kind {
		case KindCheck, KindBranch:
			e.Kind = AskCheck
		case KindAsk:
			if w.Vars[bl.Ask.Var] != "" {
				continue
			}
			e.Kind = AskOperator
		case KindWait:
			if state.Blocks[i].Outcome != "" {
				continue
			}
			e.Kind, e.Until = StartWait, state.Blocks[i].Until
			if e.Until.IsZero() {
				e.Until = state.At.Add(bl.Wait.AtMost)
			}
		case KindAction:
			e.Kind = PlanAction
		case KindProbe:
			e.Kind = OfferProbe
		case KindEvidence:
			if state.Blocks[i].Text != "" {
				continue
			}
			e.Kind = Capture
		case KindEscalate:
			e.Kind = Prepare
		}
		all = append(all, e)
	}
	return all
}

// blockEntry applies an entry that belongs to one block.
func (w Walk) blockEntry(b *Book, e Entry) (Walk, []Effect) {
	if e.Kind == EntryChoose || e.Kind == EntryBind {
		return w.set(b, e), nil
	}
	step, _ := b.Step(e.Step)
	block := step.Blocks[e.Block]
	st := w.Steps[e.Step]
	bs, to := st.Blocks[e.Block].after(block, e)
	if e.Kind == EntryProbe {
		w.Probes = append(slices.Clone(w.Probes), probeResult(block.Probe.Name, e))
	}
	if bs.Lever != "" && !slices.Contains(w.Levers, bs.Lever) {
		w.Levers = append(slices.Clone(w.Levers), bs.Lever)
	}
	st.Blocks = withBlock(st.Blocks, e.Block, bs)
	w.Steps[e.Step] = st
	if e.Step == w.Current {
		w.Pending = w.pending(step)
	}
	if slug, ok := to.Slug(); ok && w.State == Current && slug != w.Current {
		return w, []Effect{{Kind: OfferStep, Step: e.Step, Block: e.Block, To: slug, Why: bs.Text}}
	}
	return w, nil
}

// withBlock copies the states of a step's blocks with one of them changed.
func withBlock(all map[int]BlockState, i int, bs BlockState) map[int]BlockState {
	all = maps.Clone(all)
	if all == nil {
		all = map[int]BlockState{}
	}
	all[i] = bs
	return all
}

// after is the state of a block after an entry, and where the block then points.
func (bs BlockState) after(block Block, e Entry) (BlockState, Target) {
	bs.At = e.At
	to := ToAsk
	switch e.Kind {
	case EntryWaitStarted:
		bs.Until = e.At.Add(block.Wait.AtMost)
		if until, err := time.Parse(time.RFC3339Nano, e.Data["until"]); err == nil {
			bs.Until = until
		}
	case EntryWaitOver:
		bs.Outcome = "met"
		if e.Data["outcome"] == "timeout" {
			bs.Outcome, to = "timeout", block.Wait.OnTimeout
		}
	case EntryActionPlanned:
		bs.State, bs.Outcome = "planned", ""
		if lever := clean(e.Data["lever"]); lever != "" {
			bs.Lever = lever
		}
	case EntryActionResult:
		bs.Lever, bs.State, bs.Outcome = clean(e.Data["lever"]), clean(e.Data["state"]), clean(e.Data["outcome"])
		if bs.Outcome == "worse" || bs.Outcome == "failed" || bs.State == "failed" {
			to = block.Action.OnFail
		}
	case EntryCheckResult:
		bs.Truth, bs.Text, bs.Why = ParseTruth(e.Data["truth"]), clean(e.Data["text"]), clean(e.Data["why"])
		to = afterCheck(block, bs.Truth, e.Data["to"])
	case EntryProbe:
		bs.Truth, bs.State, bs.Text, bs.Outcome = truthOf(e.Data["ok"] == "true"), "answered", clean(e.Data["text"]), clean(e.Data["class"])
	case EntryEvidence:
		bs.Text = clean(e.Data["ref"])
	}
	return bs, to
}

func afterCheck(b Block, t Truth, to string) Target {
	switch {
	case b.Check != nil && t == True:
		return b.Check.OnTrue
	case b.Check != nil && t == False:
		return b.Check.OnFalse
	case b.Check == nil && t == True && slices.ContainsFunc(b.Branch, func(a Arm) bool { return string(a.Goto) == to }):
		return Target(to)
	}
	return ToAsk
}

// set fills a variable; where it is the answer to a question, the question's block shows it.
func (w Walk) set(b *Book, e Entry) Walk {
	name, value := e.Data["var"], clean(strings.TrimSpace(e.Data["value"]))
	w.Vars[name] = value
	step, _ := b.Step(w.Current)
	for i, bl := range step.Blocks {
		if bl.Ask != nil && bl.Ask.Var == name {
			st := w.Steps[w.Current]
			st.Blocks = withBlock(st.Blocks, i, BlockState{At: e.At, Text: value})
			w.Steps[w.Current] = st
		}
	}
	w.Pending = w.pending(step)
	return w
}
