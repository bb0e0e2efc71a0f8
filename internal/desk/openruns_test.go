package desk

import (
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/internal/gateway"
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
		if runs[1].ID != b || runs[1].Current || runs[1].Owner != "ben" || runs[1].N != 1 || runs[1].Step != "One" {
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

// TestHowARunEnded: a run that was given up says so, by whom, where and why, on the screen, in the hand-over and to
// programs, and a later console still knows it.
func TestHowARunEnded(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, dir, nil)
		s.do(StartRun{Book: "test-502"})
		s.do(StepDone{})
		s.do(SetActor{Name: "ben"})
		s.do(AbortRun{Reason: "it was the network"})
		v := s.desk.Snapshot().Run
		if v == nil || !v.Finished || v.End == nil || !v.End.GivenUp || v.End.By != "ben" || v.End.N != 2 || v.End.Reason != "it was the network" || v.Current != 1 {
			t.Fatalf("shown: %+v", v.End)
		}
		end := *v.End
		lines := s.desk.Snapshot().Timeline
		var told []string
		for _, l := range lines {
			told = append(told, l.Text)
		}
		if all := strings.Join(told, "\n"); !strings.Contains(all, "ben takes the runbook over") || !strings.Contains(all, "runbook given up: ") ||
			!strings.Contains(all, "at step "+end.Step+": it was the network") || strings.Contains(all, "aborted") {
			t.Errorf("timeline:\n%s", all)
		}
		md, err := os.ReadFile(s.do(Export{Format: "md"}).Path)
		if err != nil || !strings.Contains(string(md), "given up ") || !strings.Contains(string(md), " by ben at step "+end.Step+": it was the network") {
			t.Errorf("hand-over: %v\n%s", err, md)
		}
		js, err := os.ReadFile(s.do(Export{Format: "json"}).Path)
		if err != nil || !strings.Contains(string(js), `"state": "aborted"`) || !strings.Contains(string(js), `"last_step": `) || !strings.Contains(string(js), `"closed_by"`) {
			t.Errorf("JSON: %v\n%s", err, js)
		}
		s.stop()

		s = newStage(t, dir, nil)
		s.do(ResumeIncident{ID: s.desk.Snapshot().Resumable[0].Incident})
		if ended := s.desk.Snapshot().EndedRuns; len(ended) != 1 || !ended[0].At.Equal(end.At) || ended[0].Step != end.Step || ended[0].By != end.By || !ended[0].GivenUp {
			t.Errorf("a later console: %+v, want %+v", ended, end)
		}
		s.stop()
	})
}

// TestGoingToAnotherRunIsNoTakeOver: who walks two runbooks in one console has taken over neither.
func TestGoingToAnotherRunIsNoTakeOver(t *testing.T) {
	dir := t.TempDir()
	other, _ := runbook.Parse("other.md", []byte(oldBook))
	books := func(o *Options) { o.Books = append(o.Books, other) }
	synctest.Test(t, func(t *testing.T) {
		s := newStageWith(t, dir, nil, books)
		a := s.do(StartRun{Book: "test-502"}).Run
		b := s.do(StartRun{Book: "other"}).Run
		s.do(ResumeRun{ID: a})
		s.do(ResumeRun{ID: a})
		s.do(ResumeRun{ID: b})
		s.stop()
		s = newStageWith(t, dir, nil, books)
		s.do(ResumeRun{ID: a})
		s.do(ResumeRun{ID: a})
		s.stop()
		entries, err := incident.ReadAll(s.journal.Path())
		if err != nil {
			t.Fatal(err)
		}
		var kinds []string
		for _, e := range entries {
			if e.Kind.Noun() == "run" {
				kinds = append(kinds, strings.TrimPrefix(string(e.Kind), "run."))
			}
		}
		if got, want := strings.Join(kinds, " "), "opened opened current current epoch"; got != want {
			t.Errorf("written: %s, want %s", got, want)
		}
	})
}

func TestShellWords(t *testing.T) {
	for in, want := range map[string]string{"model=gpt-4o": "model=gpt-4o", "a b": "'a b'", "": "''", "it's": `'it'\''s'`, "$(x)": "'$(x)'"} {
		if got := gateway.Line([]string{in}); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
	for d, want := range map[time.Duration]string{30 * time.Minute: "30m", time.Hour: "1h", 90 * time.Second: "1m30s", 20 * time.Second: "20s", 10 * time.Minute: "10m", 100 * time.Minute: "1h40m"} {
		if got := runbook.Brief(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}
