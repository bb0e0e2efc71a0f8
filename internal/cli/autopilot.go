package cli

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"signalbox/internal/desk"
	"signalbox/runbook"
)

// autopilot is a scripted operator: a client of the desk with the same commands as a human, who walks the
// runbook that fits the first burst, confirms each lever as asked, and notes what it could not do.
type autopilot struct {
	desk *desk.Client
	say  func(format string, args ...any)
	// pace is how long a human needs to read a step; an operator who acts in no time proves nothing.
	pace time.Duration
	// patience is how long a wait is waited for before the autopilot goes on without it; 0: to its end. The wait before a
	// release is always waited for: going back too early is how an incident begins again.
	patience time.Duration
	knows    map[string]string // fields and answers, by name
	seen     []burstSample     // of the run's burst, while it waits
}

// fly waits for a burst that a runbook fits and walks it. It ends when the runbook does, or ctx.
func (p *autopilot) fly(ctx context.Context) error {
	burst, book, err := p.waitForBurst(ctx)
	if err != nil {
		return ended(err)
	}
	p.say("autopilot: walking %s for burst %s", book, burst)
	if _, err := p.desk.Do(ctx, desk.StartRun{Book: book, Burst: burst}); err != nil {
		return ended(err)
	}
	if err := p.fill(ctx); err != nil {
		return ended(err)
	}
	for ctx.Err() == nil {
		run := p.desk.Snapshot().Run
		if run == nil || run.Finished {
			return nil
		}
		if err := p.step(ctx, run); err != nil {
			return ended(err)
		}
	}
	return nil
}

// fill gives the run's fields that are open what the operator knows.
func (p *autopilot) fill(ctx context.Context) error {
	run := p.desk.Snapshot().Run
	if run == nil {
		return nil
	}
	for _, f := range run.Fields {
		if value := p.knows[f.Name]; value != "" && value != f.Value {
			if _, err := p.desk.Do(ctx, desk.Choose{Var: f.Name, Value: value}); p.refused(err) != nil {
				return err
			}
		}
	}
	return nil
}

// ended tells the end of the drill from a mistake of the autopilot.
func ended(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, desk.ErrStopped) {
		return nil
	}
	return err
}

func (p *autopilot) waitForBurst(ctx context.Context) (burst, book string, err error) {
	for {
		for _, o := range p.desk.Snapshot().Offers {
			if o.Fits && pages(p.desk.Snapshot(), o.Burst) {
				return o.Burst, o.ID, nil
			}
		}
		select {
		case <-p.desk.Changed():
		case <-ctx.Done():
			return "", "", context.Cause(ctx)
		}
	}
}

// pages tells whether a burst is one that wakes somebody: nobody walks a runbook by itself for a note.
func pages(s *desk.Snapshot, burst string) bool {
	return slices.ContainsFunc(s.Bursts, func(b desk.BurstView) bool { return b.ID == burst && b.Page })
}

// step does what the current step wants, then goes to where its branch says or to the next.
func (p *autopilot) step(ctx context.Context, run *desk.RunView) error {
	s := run.Steps[run.Current]
	p.say("autopilot: step %d/%d %s", run.Current+1, len(run.Steps), s.Step.Title)
	if err := p.rest(ctx, p.pace); err != nil {
		return err
	}
	for n, b := range s.Step.Blocks {
		if err := p.block(ctx, s, n, b); err != nil {
			return err
		}
	}
	return p.leave(ctx, s)
}

func (p *autopilot) block(ctx context.Context, s desk.StepView, n int, b runbook.Block) error {
	switch {
	case b.Ask != nil && s.Blocks[n].Answer == "":
		value := p.knows[b.Ask.Var]
		if value == "" || len(b.Ask.Choices) > 0 && !slices.Contains(b.Ask.Choices, value) {
			value = append(b.Ask.Choices, "none")[0]
		}
		_, err := p.desk.Do(ctx, desk.Choose{Var: b.Ask.Var, Value: value})
		return p.refused(err)
	case b.Probe != nil && s.Blocks[n].State == "" && s.Blocks[n].Disabled == "":
		r, err := p.desk.Do(ctx, desk.ProbeStep{Block: n, Step: s.Step.Slug})
		if err == nil {
			p.say("autopilot: %s", r.Text)
		}
		return p.refused(err)
	case b.Action != nil && b.Action.Do == runbook.DoRelease:
		return p.release(ctx, s.Step.Slug, n)
	case b.Action != nil && s.Blocks[n].Lever == "" && p.settling():
		p.say("autopilot: %s is not thrown: the burst is settling", b.Action.Do)
	case b.Action != nil && s.Blocks[n].Lever == "":
		return p.act(ctx, n)
	}
	return nil
}

// release takes back what the run threw, one lever after the other at the pace of the book, until none is out or the book
// says to stop.
func (p *autopilot) release(ctx context.Context, step string, block int) error {
	for {
		snap := p.desk.Snapshot()
		run := snap.Run
		if run == nil || run.Finished || run.Steps[run.Current].Step.Slug != step ||
			!slices.ContainsFunc(snap.Levers, func(l desk.LeverView) bool { return l.Out && l.Run == run.ID }) {
			return nil
		}
		why := run.Steps[run.Current].Blocks[block].Disabled
		var err error
		switch {
		case strings.Contains(why, "stop-if"):
			p.say("autopilot: release: %s", why)
			return nil
		case why == "":
			err = p.act(ctx, block)
		default:
			err = p.rest(ctx, p.pace)
		}
		if err != nil {
			return err
		}
	}
}

// act plans, confirms as asked and waits until the gateway has answered.
func (p *autopilot) act(ctx context.Context, block int) error {
	r, err := p.desk.Do(ctx, desk.PlanStep{Block: block})
	if err != nil {
		return p.refused(err)
	}
	p.say("autopilot: %s (%s)", r.Plan.Title, r.Plan.Blast)
	r, err = p.desk.Do(ctx, desk.Throw{Plan: r.Plan.ID, Typed: r.Plan.Phrase})
	if err != nil {
		return p.refused(err)
	}
	for {
		for _, l := range p.desk.Snapshot().Levers {
			if l.ID == r.Lever && l.State != desk.LeverRequested && l.State != desk.LeverReverting {
				p.say("autopilot: %s: %s, accepted %s", l.Title, l.State, l.AcceptedN)
				return nil
			}
		}
		select {
		case <-p.desk.Changed():
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// leave goes where the step's checks and branches say, once its waits are over; else to the next step.
func (p *autopilot) leave(ctx context.Context, s desk.StepView) error {
	since := time.Now()
	for {
		p.watch()
		now := p.desk.Snapshot().Run
		if now == nil || now.Finished || now.Steps[now.Current].Step.Slug != s.Step.Slug {
			return nil // an answer or a wait has moved the walk on
		}
		st := now.Steps[now.Current]
		if open(st) && (p.patience == 0 || time.Since(since) < p.patience || beforeRelease(now)) {
			if err := p.rest(ctx, p.pace); err != nil {
				return err
			}
			continue
		}
		if to := branch(st); to != "" {
			if _, err := p.desk.Do(ctx, desk.StepJump{Slug: to}); err == nil {
				return nil
			}
		}
		if open(st) {
			_, err := p.desk.Do(ctx, desk.StepSkip{Reason: "autopilot: a drill has no time for a longer wait"})
			return err
		}
		if slices.ContainsFunc(st.Step.Blocks, throws) && !thrown(st) && p.settling() {
			_, err := p.desk.Do(ctx, desk.StepSkip{Reason: "autopilot: the burst is settling, its lever is not needed"})
			return err
		}
		note := "by the autopilot"
		if slices.ContainsFunc(s.Step.Blocks, func(b runbook.Block) bool { return b.Escalate != nil }) {
			note += ": a drill, nobody was told"
		}
		_, err := p.desk.Do(ctx, desk.StepDone{Note: note})
		var r *desk.Refused
		if errors.As(err, &r) {
			_, err = p.desk.Do(ctx, desk.StepSkip{Reason: "autopilot: " + r.Why})
		}
		return err
	}
}

// beforeRelease tells whether the step after the current one takes levers back.
func beforeRelease(run *desk.RunView) bool {
	if run.Next < 0 || run.Next >= len(run.Steps) {
		return false
	}
	return slices.ContainsFunc(run.Steps[run.Next].Step.Blocks, func(b runbook.Block) bool {
		return b.Action != nil && b.Action.Do == runbook.DoRelease
	})
}

// open tells whether a wait of the step goes on.
func open(s desk.StepView) bool {
	for _, b := range s.Blocks {
		if b.Open {
			return true
		}
	}
	return false
}

// branch gives where the step's branches and checks lead, if not on.
func branch(s desk.StepView) string {
	for _, b := range s.Blocks {
		if b.Goto != "" {
			return b.Goto
		}
	}
	return ""
}

// refused notes what the desk would not do and goes on: the next step may still help.
func (p *autopilot) refused(err error) error {
	var r *desk.Refused
	if errors.As(err, &r) {
		p.say("autopilot: %s", r.Error())
		return nil
	}
	return err
}

func (p *autopilot) rest(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
