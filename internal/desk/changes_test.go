package desk

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/internal/incident"
	"signalbox/internal/traffic"
)

// tell has a source tell of changes.
func (s *stage) tell(facts ...traffic.Fact) {
	s.t.Helper()
	if err := s.desk.Emit(s.t.Context(), traffic.Batch{Source: "deploys", Kind: traffic.ChangeSource, Facts: slices.Clone(facts)}); err != nil {
		s.t.Fatal(err)
	}
	time.Sleep(time.Second)
	synctest.Wait()
}

func texts(views []ChangeView) []string {
	var out []string
	for _, v := range views {
		out = append(out, v.Text)
	}
	return out
}

// written counts the change entries of the journal by their title, and tells of which incident they are.
func (s *stage) written() map[string][]string {
	s.t.Helper()
	entries, err := incident.ReadAll(s.journal.Path())
	if err != nil {
		s.t.Fatal(err)
	}
	out := map[string][]string{}
	for _, e := range entries {
		var d incident.FactData
		if e.Kind == incident.Change && e.Decode(&d) == nil {
			out[d.Title] = append(out[d.Title], e.Incident)
		}
	}
	return out
}

// exported gives the incident's lines that tell of changes.
func (s *stage) exported(id string) []string {
	s.t.Helper()
	entries, err := incident.ReadAll(s.journal.Path())
	if err != nil {
		s.t.Fatal(err)
	}
	var out []string
	for _, l := range incident.Timeline(entries, id) {
		if l.Kind == incident.Change {
			out = append(out, l.At.UTC().Format("15:04:05")+" "+l.Text)
		}
	}
	return out
}

// TestWhatWasChangedStandsBesideTheBurst tells of changes before and during a burst, by a source, by another process and
// by the operator.
func TestWhatWasChangedStandsBesideTheBurst(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, dir, nil)
		s.run(60, 0)
		born := time.Now()
		facts := []traffic.Fact{
			{Kind: traffic.ChangeDeploy, Text: "long ago", From: born.Add(-2 * time.Hour)},
			{Kind: traffic.ChangeDeploy, Text: "gateway v12", Who: "ben", From: born.Add(-10 * time.Minute), Scope: traffic.Scope{"region": "eu-west"}},
			{Kind: traffic.ChangeConfig, Text: "retries 5 in us-east", From: born.Add(-5 * time.Minute), Scope: traffic.Scope{"region": "us-east"}},
			{Kind: traffic.ChangeFlag, Text: "router \x1b[2Jv2 key sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD", From: born.Add(-time.Minute)},
			{Kind: traffic.FactStatus, Text: "all systems operational", From: born.Add(-time.Minute)},
		}
		s.tell(facts...)
		s.tell(facts...) // a file that was read anew
		shot := s.desk.Snapshot()
		if got := texts(shot.Changes); len(got) != 3 || got[2] != "gateway v12" || strings.ContainsAny(got[0], "\x1b") || strings.Contains(got[0], "abcdef") {
			t.Errorf("changes %q", got)
		}
		if shot.Grid.From.IsZero() || shot.Grid.From.After(born) {
			t.Errorf("the charts begin at %v", shot.Grid.From)
		}
		s.run(30, 0.8)
		bursts := s.desk.Snapshot().Bursts
		if len(bursts) != 1 {
			t.Fatalf("bursts %+v", bursts)
		}
		if got := texts(bursts[0].Changes); len(got) != 2 || got[1] != "gateway v12" || !strings.HasPrefix(got[0], "router") {
			t.Errorf("beside the burst stands %q", got)
		}

		other, err := incident.Open(dir, incident.Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = other.Append(t.Context(), incident.Draft{
			At: born.Add(-2 * time.Minute), Actor: incident.Actor{ID: "cara", Via: "claimed"}, Kind: incident.Change,
			Data: incident.FactData{Kind: traffic.ChangeOther, Title: "proxy restarted", From: born.Add(-2 * time.Minute)},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Close(); err != nil {
			t.Fatal(err)
		}
		s.run(3, 0.8)
		if got := texts(s.desk.Snapshot().Bursts[0].Changes); len(got) != 3 || got[1] != "proxy restarted" {
			t.Errorf("with what another process wrote there stands %q", got)
		}

		id := s.do(OpenIncident{Title: "502s"}).Incident
		s.tell(traffic.Fact{Kind: traffic.ChangeDeploy, Text: "rollback to v11", From: time.Now()})
		s.do(AddNote{Kind: "change", Text: "flag router-v2 off"})
		lines := strings.Join(s.exported(id), "\n")
		for _, want := range []string{
			"change: deploy gateway v12, by ben (region=eu-west)", "change: config retries 5", "change: flag router \\x1b", "change: proxy restarted",
			"change: deploy rollback to v11", "change: flag router-v2 off",
		} {
			if strings.Count(lines, want) != 1 {
				t.Errorf("the timeline tells %q %d times:\n%s", want, strings.Count(lines, want), lines)
			}
		}
		if strings.Contains(lines, "long ago") || !strings.Contains(lines, born.Add(-10*time.Minute).UTC().Format("15:04:05")+" change: deploy gateway v12") {
			t.Errorf("the timeline is\n%s", lines)
		}
		s.stop()

		again := newStage(t, dir, nil)
		defer again.stop()
		again.tell(facts...)
		for title, of := range again.written() {
			if len(of) != 1 {
				t.Errorf("%q stands in the journal %d times", title, len(of))
			}
			if want := map[bool]string{true: id}[title == "rollback to v11" || title == "flag router-v2 off"]; of[0] != want {
				t.Errorf("%q is of incident %q, want %q", title, of[0], want)
			}
		}
		if got := again.desk.Snapshot().Changes; len(got) != 6 {
			t.Errorf("the next console shows %q", texts(got))
		}
	})
}

func TestScanListsWhatWasChanged(t *testing.T) {
	t.Parallel()
	syms := traffic.NewSymbols(0)
	st := &stage{syms: syms}
	places := traffic.NewPlaces(10)
	s := NewScan(syms, places, 0)
	born := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	var briefs []traffic.Brief
	cell := places.Of(st.key(traffic.SideClient, "gpt-4o", "eu-west", "a"))
	for sec := range 180 {
		for i := range 20 {
			o := traffic.NewOutcome(0, 200)
			if sec >= 120 && i%2 == 0 {
				o = traffic.NewOutcome(1, 502)
			}
			briefs = append(briefs, traffic.Brief{At: born.Add(time.Duration(sec) * time.Second).UnixNano(), Place: cell, Outcome: o})
		}
	}
	s.Tell([]traffic.Fact{
		{Kind: traffic.ChangeDeploy, Text: "v12", From: born.Add(time.Minute)},
		{Kind: traffic.ChangeDeploy, Text: "another model", From: born.Add(time.Minute), Scope: traffic.Scope{"model": "mini"}},
		{Kind: traffic.ChangeDeploy, Text: "after", From: born.Add(170 * time.Second)},
	})
	s.Add(briefs)
	s.Finish()
	bursts := s.Bursts()
	if len(bursts) == 0 {
		t.Fatal("no burst")
	}
	if got := bursts[0].Changes; len(got) != 1 || got[0].Text != "v12" || !got[0].Time.Equal(born.Add(time.Minute)) {
		t.Errorf("changes %+v", got)
	}
}
