package desk

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/internal/incident"
	"signalbox/runbook"
)

const evidenceBook = "---\nrunbook: v1\n---\n# E\n\n## Freeze\n\n" +
	"```evidence\ncapture: [burst, error-samples 3, request-ids 5, levers, controls, chart error_rate 2m, chart latency 1m, chart rps 1m, chart inflight 1m]\n```\n\n" +
	"## Freeze less\n\n```evidence\ncapture: [levers]\n```\n\n## Wait\n\n```wait\nuntil: error_rate over 30s < 1% for 5s\nat-most: 20s\non-timeout: ask\n```\n"

// TestEvidenceIsWhatTheBlockNames: what is named is kept and nothing else, and the hash that the screen shows is that of the entry.
func TestEvidenceIsWhatTheBlockNames(t *testing.T) {
	dir := t.TempDir()
	book, err := runbook.Parse("evidence.md", []byte(evidenceBook))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := newStageWith(t, dir, nil, func(o *Options) { o.Books = []*runbook.Book{book} })
		defer s.stop()
		s.run(60, 0)
		s.run(60, 0.5)
		s.do(StartRun{Book: "evidence", Burst: s.desk.Snapshot().Bursts[0].ID})
		s.do(StepDone{})
		entries, err := incident.ReadAll(s.journal.Path())
		if err != nil {
			t.Fatal(err)
		}
		var all []evidence
		for _, e := range entries {
			var data stepEntry
			if e.Kind == incident.StepEvidence && e.Decode(&data) == nil && data.Evidence != nil {
				all = append(all, *data.Evidence)
				shown := data.Reason[strings.LastIndex(data.Reason, " ")+1:]
				if data.Evidence.hash() != data.Evidence.SHA256 || !strings.HasPrefix(data.Evidence.SHA256, shown) || len(shown) != 12 {
					t.Errorf("hash %s, of the entry %s, shown %q", data.Evidence.SHA256, data.Evidence.hash(), data.Reason)
				}
			}
		}
		if len(all) != 2 {
			t.Fatalf("%d entries of evidence", len(all))
		}
		ev := all[0]
		if ev.Burst == nil || len(ev.Records) != 3 || len(ev.RequestIDs) != 5 || len(ev.Charts) != 4 {
			t.Fatalf("kept: %+v", ev)
		}
		rate := ev.Charts[0].Points
		if len(rate) != 12 || rate[0] == nil || *rate[0] != 0 || rate[11] == nil || *rate[11] < 0.3 || ev.Charts[2].Metric != "rate" || len(ev.Charts[3].Points) != 1 {
			t.Errorf("charts: %+v", ev.Charts)
		}
		if less := all[1]; less.Burst != nil || less.Records != nil || less.Charts != nil {
			t.Errorf("more than was named: %+v", less)
		}
		if text := s.desk.Snapshot().Run.Steps[0].Blocks[0].Text; !strings.Contains(text, "3 failing records, 5 request ids, 0 levers out") {
			t.Errorf("shown: %q", text)
		}
	})
}

// TestAWaitSaysHowItEnded: one whose time is up is not drawn like one that was met, and neither is told for the other.
func TestAWaitSaysHowItEnded(t *testing.T) {
	book, err := runbook.Parse("evidence.md", []byte(evidenceBook))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		rate        float64
		state, told string
	}{{0.9, "timeout", "its time is up"}, {0, "met", "what it waited for is so"}} {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			s := newStageWith(t, dir, nil, func(o *Options) { o.Books = []*runbook.Book{book} })
			defer s.stop()
			s.run(60, tt.rate)
			s.do(StartRun{Book: "evidence"})
			s.do(StepJump{Slug: "wait"})
			s.run(30, tt.rate)
			time.Sleep(2 * time.Second)
			b := s.desk.Snapshot().Run.Steps[2].Blocks[0]
			if b.State != tt.state || b.Open || strings.Contains(b.Text, "left") {
				t.Errorf("shown: %+v", b)
			}
			found, begun := false, false
			for _, l := range s.desk.Snapshot().Timeline {
				found = found || strings.Contains(l.Text, "the wait is over ("+tt.told) && strings.Contains(l.Text, " so: error_rate ") && l.Actor == byDesk.ID
				begun = begun || strings.Contains(l.Text, "waiting for error_rate over 30s < 1% for 5s until ") && l.Actor == byDesk.ID
				if l.Kind == string(incident.StepChosen) && l.Actor == byDesk.ID {
					t.Errorf("a jump is told as the console's: %+v", l)
				}
			}
			if !found || !begun {
				t.Errorf("the timeline does not say %q of the console: %+v", tt.told, s.desk.Snapshot().Timeline)
			}
		})
	}
}
