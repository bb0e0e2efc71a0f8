package desk

import (
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"signalbox/internal/incident"
	"signalbox/runbook"
)

// TestSeveralRunsAreOpen: one run is current, the other one keeps its step, and a later console lists both.
func TestSeveralRunsAreOpen(t *testing.T) {
	dir := t.TempDir()
	other, _ := runbook.Parse("other.md", []byte(oldBook))
	books := func(o *Options) { o.Books = append(o.Books, other) }
	synctest.Test(t, func(t *testing.T) {
		s := newStageWith(t, dir, nil, books)
		a := s.do(StartRun{Book: "test-502"}).Run
		s.do(StepDone{})
		b := s.do(StartRun{Book: "other"}).Run
		s.do(SetActor{Name: "ben"})
		s.do(ResumeRun{ID: a})
		runs := s.desk.Snapshot().Runs
		if len(runs) != 2 || !runs[0].Current || runs[0].Owner != "ben" || runs[0].N != 2 || runs[0].Of != 4 || runs[0].Since.IsZero() {
			t.Fatalf("runs: %+v", runs)
		}
		if runs[1].ID != b || runs[1].Current || runs[1].Owner != "ana" || runs[1].N != 1 || runs[1].Step != "One" {
			t.Errorf("the other: %+v", runs[1])
		}
		if v := s.desk.Snapshot().Run; v.ID != a || v.Current != 1 {
			t.Errorf("current: %s at %d", v.ID, v.Current)
		}
		s.stop()

		s = newStageWith(t, dir, nil, books)
		s.do(ResumeRun{ID: b})
		if runs = s.desk.Snapshot().Runs; len(runs) != 2 || runs[0].Owner != "ben" || !runs[1].Current {
			t.Errorf("taken up later: %+v", runs)
		}
		s.do(AbortRun{Reason: "not this one"})
		if runs = s.desk.Snapshot().Runs; len(runs) != 1 || runs[0].ID != a {
			t.Errorf("after the end of one: %+v", runs)
		}
		s.stop()
	})
}

// TestLeversOfAnEndedRun: the run's levers are named, and what was decided about each is in the journal.
func TestLeversOfAnEndedRun(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, dir, nil)
		defer s.stop()
		s.run(60, 0)
		s.run(30, 0.8)
		s.do(StartRun{Book: "test-502", Burst: s.desk.Snapshot().Bursts[0].ID})
		s.do(StepJump{Slug: s.desk.Snapshot().Run.Steps[2].Step.Slug})
		plan := s.do(PlanStep{Block: 0}).Plan
		id := s.do(Throw{Plan: plan.ID, Typed: plan.Phrase}).Lever
		s.run(5, 0)
		if res := s.do(AbortRun{Reason: "wrong book"}); len(res.Live) != 1 {
			t.Errorf("live: %v", res.Live)
		}
		if l := s.lever(id); l.Run == "" || !l.Out {
			t.Errorf("the end of the run touched its lever: %+v", l)
		}
		s.do(KeepLever{Lever: id, Reason: "still needed"})
		undo := s.do(PlanRevert{Lever: id}).Plan
		s.do(Throw{Plan: undo.ID, Typed: undo.Phrase})
		s.run(5, 0)
		if _, err := s.desk.Do(t.Context(), KeepLever{Lever: id}); err == nil {
			t.Error("a lever that has ended was kept")
		}
		md, err := os.ReadFile(s.do(Export{Format: "md"}).Path)
		if err != nil || !strings.Contains(string(md), "decided: cap.set") || !strings.Contains(string(md), "still needed") {
			t.Errorf("the export does not tell the decision: %v\n%s", err, md)
		}
		if rep, err := incident.Verify(s.journal.Path()); err != nil || !rep.OK() {
			t.Errorf("journal: %v %v", rep.Bad, err)
		}
	})
}
