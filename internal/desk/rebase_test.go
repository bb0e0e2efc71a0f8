package desk

import (
	"strings"
	"testing"
	"testing/synctest"

	"signalbox/runbook"
)

const oldBook = "---\nrunbook: v1\n---\n# R\n\n## One\n\nFirst.\n\n## Two\n\nSecond.\n\n```ask\nvar: sure\nquestion: Sure?\nchoices: [yes, no]\n```\n\n## Three\n\nThird.\n"

// TestRunGoesOverToAnotherVersion: the next run takes the new file; this one only when its difference was seen, and a
// console that takes the run up later finds it where it stood.
func TestRunGoesOverToAnotherVersion(t *testing.T) {
	dir := t.TempDir()
	parse := func(src string) *runbook.Book {
		t.Helper()
		b, _ := runbook.Parse("r.md", []byte(src))
		return b
	}
	newer := parse(strings.Replace(oldBook, "Second.", "Second, slowly.", 1))
	synctest.Test(t, func(t *testing.T) {
		s := newStageWith(t, dir, nil, func(o *Options) { o.Books = []*runbook.Book{parse(oldBook)} })
		load := func(b *runbook.Book) { s.do(LoadBooks{Books: []*runbook.Book{b}}) }
		s.do(StartRun{Book: "r"})
		s.do(StepDone{})
		if v := s.desk.Snapshot().Run; v.Changed != "" || v.Newer != nil {
			t.Errorf("nothing was changed: %+v", v)
		}
		load(parse(strings.Replace(oldBook, "choices:", "choises:", 1)))
		if v := s.desk.Snapshot().Run; !strings.Contains(v.Changed, "has mistakes") || v.Newer.Disabled == "" {
			t.Errorf("with a mistake: %q", v.Changed)
		}
		if _, err := s.desk.Do(t.Context(), TakeBook{SHA256: s.desk.Snapshot().Run.Newer.SHA256}); err == nil {
			t.Error("a version with mistakes was taken")
		}
		load(newer)
		v := s.desk.Snapshot().Run
		if v.Changed != "the runbook was changed since this run began: of its steps 1 changed (T shows what)" || len(v.Newer.Steps) != 1 || strings.Join(v.Newer.Steps[0].Lines, "|") != "- Second.|+ Second, slowly." {
			t.Fatalf("changed: %q %+v", v.Changed, v.Newer)
		}
		if v.Steps[1].Step.Prose[0].Text != "Second." {
			t.Error("the run took the new version by itself")
		}
		s.do(Choose{Var: "sure", Value: "yes"})
		if _, err := s.desk.Do(t.Context(), TakeBook{SHA256: "seen before"}); err == nil || !strings.Contains(err.Error(), "changed again") {
			t.Errorf("unseen: %v", err)
		}
		s.do(TakeBook{SHA256: v.Newer.SHA256})
		v = s.desk.Snapshot().Run
		if v.Changed != "" || v.Steps[1].Step.Prose[0].Text != "Second, slowly." || v.Current != 1 || v.Steps[0].State != "done" || v.Steps[1].Blocks[0].Answer != "yes" {
			t.Errorf("taken: %+v", v)
		}
		s.do(StepDone{})
		s.stop()

		s = newStageWith(t, dir, nil, func(o *Options) { o.Books = []*runbook.Book{newer} })
		for _, x := range s.desk.Snapshot().Resumable {
			if x.Run != "" {
				s.do(ResumeRun{ID: x.Run})
			}
		}
		if v = s.desk.Snapshot().Run; v == nil || v.Current != 2 || v.Steps[1].State != "done" {
			t.Errorf("taken up: %+v", v)
		}
		s.do(StepDone{})
		if v = s.desk.Snapshot().Run; v != nil && !v.Finished {
			t.Errorf("at the end: %+v", v)
		}
		s.stop()
	})
}
