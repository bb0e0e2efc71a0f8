package desk

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/runbook"
)

const releaseBook = "---\nrunbook: v1\nvars: {deployment: {type: deployment}, model: {type: model}}\nscope: {model: $model}\n---\n# R\n\n## Act\n\n" +
	"```action\ndo: cap.set\nscope: {deployment: $deployment}\nset: 2\nttl: 30m\nwhy: room\nverify: inflight <= 4 within 1m\n```\n\n" +
	"```action\ndo: release\nwhy: it is over\npace: 1m\nstop-if: error_rate over 30s > 20%\n```\n"

// TestReleaseKeepsItsPace: levers come back one at a time, no sooner than the runbook says, and not into new failures.
func TestReleaseKeepsItsPace(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		book, err := runbook.Parse("release.md", []byte(releaseBook))
		if err != nil {
			t.Fatal(err)
		}
		s := newStageWith(t, dir, nil, func(o *Options) { o.Books = []*runbook.Book{book} })
		defer s.stop()
		s.run(60, 0)
		s.do(StartRun{Book: "release", Vars: map[string]string{"deployment": "az-eu", "model": "gpt-4o"}})
		throw := func(block int) {
			t.Helper()
			p := s.do(PlanStep{Block: block}).Plan
			if block == 1 && (p.Reason != "it is over" || strings.Contains(p.Blast, "also out here")) {
				t.Errorf("the plan of the release: why %q, blast %q", p.Reason, p.Blast)
			}
			s.do(Throw{Plan: p.ID, Typed: p.Phrase})
			s.run(15, 0)
		}
		refused := func(want string) {
			t.Helper()
			if _, err := s.desk.Do(t.Context(), PlanStep{Block: 1}); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("release: %v, want %q", err, want)
			}
			if b := s.desk.Snapshot().Run.Steps[0].Blocks[1]; !strings.Contains(b.Disabled, want) || b.Moot == b.Soon || b.Moot != (want == "is out") {
				t.Errorf("shown: %+v, want %q", b, want)
			}
		}
		refused("is out")
		throw(0)
		throw(1)
		throw(0)
		refused("the last lever came back less than 1m0s ago, which is the runbook's pace")
		time.Sleep(30 * time.Second)
		s.run(40, 0.9)
		refused("its stop-if is true: error_rate")
		s.run(40, 0)
		throw(1)
		for _, l := range s.desk.Snapshot().Levers {
			if l.Out {
				t.Errorf("%s is out", l.Title)
			}
		}
		refused("is out")
	})
}
