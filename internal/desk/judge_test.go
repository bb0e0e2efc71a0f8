package desk

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/internal/incident"
	"signalbox/runbook"
)

const judgedBook = "---\nrunbook: v1\nvars: {deployment: {type: deployment, default: az-eu}}\n---\n# J\n\n## Look\n\n" +
	"```check\nname: well\nthat: error_rate{region=eu-west, model=gpt-4o} over 30s < 20%\non-false: goto act\n```\n\n" +
	"## Act\n\n```action\ndo: cap.set\nscope: {deployment: $deployment}\nset: 2\nttl: 30m\nwhy: room\n" +
	"verify: error_rate{region=eu-west, model=gpt-4o} over 15s < 5% within 30s\nstop-if: error_rate{region=us-east} over 10s > 50%\non-fail: other\n```\n\n" +
	"## Wait\n\n```wait\nuntil: error_rate{region=eu-west, model=gpt-4o} over 10s < 1%\nat-most: 20s\non-timeout: other\n```\n\n## Other\n\nDo something else.\n"

// judged is a stage with the book above, walked to its action, whose lever is out.
func judged(t *testing.T, dir string) (s *stage, lever string) {
	t.Helper()
	book, err := runbook.Parse("judged.md", []byte(judgedBook))
	if err != nil {
		t.Fatal(err)
	}
	other, err := runbook.Parse("other.md", []byte(oldBook))
	if err != nil {
		t.Fatal(err)
	}
	s = newStageWith(t, dir, nil, func(o *Options) { o.Books = []*runbook.Book{book, other} })
	s.run(60, 0.5)
	s.do(StartRun{Book: "judged"})
	if b := s.desk.Snapshot().Run.Steps[0].Blocks[0]; b.Goto != "act" {
		t.Errorf("a check that is false leads to act: %+v", b)
	}
	s.do(StepJump{Slug: "act"})
	p := s.do(PlanStep{Block: 0}).Plan
	return s, s.do(Throw{Plan: p.ID, Typed: p.Phrase}).Lever
}

// TestTheBookLeadsOn: where a lever does not bring what it should, and where the time of a wait is up, the screen offers the step
// that the book names for it, and what was thrown before is named also when the walk stands elsewhere.
func TestTheBookLeadsOn(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, _ := judged(t, dir)
		s.run(10, 0.5)
		if b := s.desk.Snapshot().Run.Steps[1].Blocks[0]; b.Goto != "" {
			t.Errorf("before its time is over: %+v", b)
		}
		s.run(30, 0.5)
		if b := s.desk.Snapshot().Run.Steps[1].Blocks[0]; b.Goto != "other" || b.Leads != "step 4, Other" || !strings.Contains(b.Why, "in time") {
			t.Errorf("a lever that did not help leads to other: %+v", b)
		}
		s.do(StepDone{})
		s.run(3, 0.5)
		if all := strings.Join(s.desk.Snapshot().Findings, "\n"); !strings.Contains(all, "has not brought what Act expects of it: error_rate") || !strings.Contains(all, "goes to step 4, Other") {
			t.Errorf("findings: %s", all)
		}
		if b := s.desk.Snapshot().Run.Steps[2].Blocks[0]; b.Goto != "" || !b.Open {
			t.Errorf("a wait that goes on leads nowhere: %+v", b)
		}
		s.run(25, 0.5)
		if b := s.desk.Snapshot().Run.Steps[2].Blocks[0]; b.Goto != "other" || b.State != "timeout" {
			t.Errorf("a wait whose time is up leads to other: %+v", b)
		}
		s.stop()

		again := newStageWith(t, dir, s.gate, func(o *Options) {
			book, _ := runbook.Parse("judged.md", []byte(judgedBook))
			o.Books = []*runbook.Book{book}
		})
		defer again.stop()
		again.run(10, 0.5)
		if all := verdicts(t, again); len(all) != 1 {
			t.Errorf("the proof of one lever was judged %d times: %+v", len(all), all)
		}
		again.run(20, 0)
		if all := verdicts(t, again); len(all) != 2 || all[1].Truth != "true" || !strings.Contains(all[1].Why, "late") {
			t.Errorf("it has come late: %+v", all)
		}
		if all := strings.Join(again.desk.Snapshot().Findings, "\n"); strings.Contains(all, "has not brought") {
			t.Errorf("findings: %s", all)
		}
	})
}

// verdicts are those on levers that the journal holds.
func verdicts(t *testing.T, s *stage) []incident.StepData {
	t.Helper()
	entries, err := incident.ReadAll(s.journal.Path())
	if err != nil {
		t.Fatal(err)
	}
	var all []incident.StepData
	for _, e := range entries {
		var data incident.StepData
		if e.Kind == incident.StepCheck && e.Decode(&data) == nil && strings.HasPrefix(data.Check, "verify: ") {
			all = append(all, data)
		}
	}
	return all
}

// A console that was started anew before a lever was proven judges it by what it sees itself: its board is empty at first, which
// proves nothing, and the time of the proof begins again.
func TestAProofIsJudgedAfterARestart(t *testing.T) {
	for name, c := range map[string]struct {
		failing float64
		truth   string
	}{"it helps": {0, "true"}, "it does not": {0.5, "false"}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				s, id := judged(t, dir)
				s.run(5, 0.5)
				s.stop()
				if all := verdicts(t, s); len(all) != 0 {
					t.Fatalf("judged before its time: %+v", all)
				}
				time.Sleep(10 * time.Minute)
				again := newStageWith(t, dir, s.gate, func(o *Options) {
					book, _ := runbook.Parse("judged.md", []byte(judgedBook))
					o.Books = []*runbook.Book{book}
				})
				defer again.stop()
				again.run(2, c.failing)
				if all := verdicts(t, again); len(all) != 0 {
					t.Errorf("judged by an empty board: %+v", all)
				}
				again.run(40, c.failing)
				if all := verdicts(t, again); len(all) != 1 || all[0].Truth != c.truth || all[0].Lever != id {
					t.Errorf("judged as %+v, want %s", all, c.truth)
				}
			})
		})
	}
}

// TestStopIfOutlivesTheWalk: a lever is taken back by its stop-if also while another runbook is the current one, after its own run
// was given up, and after the console was started anew.
func TestStopIfOutlivesTheWalk(t *testing.T) {
	for name, leave := range map[string]func(t *testing.T, s *stage, dir string) *stage{
		"another is current": func(_ *testing.T, s *stage, _ string) *stage { s.do(StartRun{Book: "other"}); return s },
		"it was given up":    func(_ *testing.T, s *stage, _ string) *stage { s.do(AbortRun{Reason: "wrong book"}); return s },
		"a later console": func(t *testing.T, s *stage, dir string) *stage {
			s.stop()
			return newStageWith(t, dir, s.gate, func(o *Options) {
				book, _ := runbook.Parse("judged.md", []byte(judgedBook))
				o.Books = []*runbook.Book{book}
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				s, id := judged(t, dir)
				s.run(5, 0.1)
				s = leave(t, s, dir)
				defer func() { s.stop() }()
				s.run(15, 0.1)
				if l := s.lever(id); !l.Out {
					t.Fatalf("taken back too early: %+v", l)
				}
				s.fail(15, "us-east")
				time.Sleep(2 * time.Second)
				if l := s.lever(id); l.Out {
					t.Errorf("its stop-if is true, and it is out: %+v", l)
				}
			})
		})
	}
}

// fail makes all of a region fail for some seconds.
func (s *stage) fail(seconds int, region string) {
	s.t.Helper()
	s.failing = region
	s.run(seconds, 0)
	s.failing = ""
}

// TestABranchThatDoesNotKnowAsks: it is shown as one that asks, with why; and the titles of what is offered name no field by its braces.
func TestABranchThatDoesNotKnowAsks(t *testing.T) {
	const text = "---\nrunbook: v1\ntitle: ask about {{model}}\nmatch: error_rate over 1m > 5%\nvars: {model: {type: model, from: burst.model}}\n---\n# B\n\n## One\n\n" +
		"```branch\n- when: error_rate{model=nobody} over 1m > 5%\n  goto: two\n- else: next\n```\n\n## Two\n\nRead {{model}}.\n"
	book, err := runbook.Parse("b.md", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newStageWith(t, dir, nil, func(o *Options) { o.Books = []*runbook.Book{book} })
		defer s.stop()
		s.run(30, 0)
		if all := s.desk.Snapshot().Offers; len(all) != 1 || all[0].Title != "ask about model" {
			t.Errorf("offered without a burst: %+v", all)
		}
		s.run(40, 0.8)
		all := s.desk.Snapshot().Offers
		if len(all) != 1 || all[0].Title != "ask about gpt-4o" || !all[0].Fits {
			t.Errorf("offered: %+v", all)
		}
		s.do(StartRun{Book: "b", Burst: all[0].Burst})
		s.run(2, 0.8)
		if b := s.desk.Snapshot().Run.Steps[0].Blocks[0]; !b.Asks || b.Goto != "" || b.Truth != CheckUnknown || b.Why == "" {
			t.Errorf("the branch: %+v", b)
		}
	})
}
