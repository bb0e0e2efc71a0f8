package desk

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/internal/incident"
	"signalbox/internal/traffic"
)

// An incident that a lever from a shell opens beside a console is offered there, and the console's own first lever or run joins it; one
// that is closed elsewhere is over here, and is not offered any more.
func TestIncidentOpenedBeside(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		gate := newFake(dir + "/" + incident.FileName)
		stays := newStageWith(t, dir, gate, func(*Options) {})
		defer stays.stop()
		thrownAndLeft(t, dir, gate)
		stays.run(2, 0)
		s := stays.desk.Snapshot()
		if s.Incident != nil || len(s.Resumable) != 1 || !strings.Contains(s.Resumable[0].Text, "was opened by ana in another console") {
			t.Fatalf("incident %+v, to be taken up %+v", s.Incident, s.Resumable)
		}
		if !strings.Contains(strings.Join(s.Findings, "\n"), "R takes it up here") {
			t.Errorf("findings %q", s.Findings)
		}
		id := s.Resumable[0].Incident
		if r := stays.do(StartRun{Book: "test-502"}); r.Incident != id {
			t.Errorf("the run belongs to %s, and %s is open", r.Incident, id)
		}
		other, err := incident.Open(dir, incident.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		closed := incident.Draft{At: time.Now(), Actor: incident.Actor{ID: "ben"}, Incident: id, Kind: incident.IncidentClosed, Data: incident.IncidentData{}}
		if _, err := other.Append(t.Context(), closed); err != nil {
			t.Fatal(err)
		}
		stays.run(2, 0)
		s = stays.desk.Snapshot()
		if s.Incident != nil || len(s.Resumable) != 0 || !strings.Contains(strings.Join(s.Findings, "\n"), "ben has closed it") {
			t.Errorf("after its end: %+v, %+v, %q", s.Incident, s.Resumable, s.Findings)
		}
		again := stays.do(OpenIncident{Title: "another"}).Incident
		stays.do(CloseIncident{Force: true})
		stays.run(2, 0)
		if s = stays.desk.Snapshot(); again == id || len(s.Resumable) != 0 {
			t.Errorf("%s was closed, and is offered: %+v", again, s.Resumable)
		}
	})
}

// Levers of a gateway that no request names are not connected with the traffic, and every place that would count it says so.
func TestTrafficThatNamesAnotherGateway(t *testing.T) {
	for name, c := range map[string]struct{ says, want string }{
		"another one":    {"litellm", "they name litellm, which is not configured: if they go through edge, give their source gateway: edge"},
		"none":           {"", "no source says which gateway its requests go through"},
		"the configured": {"edge", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, dir, nil)
				defer s.stop()
				for range 3 {
					time.Sleep(time.Second)
					k := s.key(traffic.SideUpstream, "gpt-4o", "eu-west", "az-eu")
					k[traffic.Gateway] = s.syms.Intern(c.says)
					if err := s.desk.Emit(t.Context(), traffic.Batch{Source: "log", Kind: traffic.LogSource, Records: []traffic.Record{{Time: time.Now(), Key: k}}}); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(2 * time.Second)
				synctest.Wait()
				plan := s.do(PlanLever{Verb: "cap.set", Scope: traffic.Scope{"deployment": "az-eu"}, Value: []byte("2"), Reason: "room"}).Plan
				snap := s.desk.Snapshot()
				of := ReachOf(snap, traffic.Scope{"model": "gpt-4o", "region": "eu-west"}, time.Now())
				findings, caveats, gaps := strings.Join(snap.Findings, "\n"), strings.Join(plan.Caveats, "\n"), strings.Join(of.Gaps, "\n")
				if c.want == "" {
					if findings+gaps != "" || strings.Contains(caveats, "gateway") || !strings.Contains(plan.Blast, "requests of the last minute (100%)") {
						t.Errorf("findings %q, caveats %q, gaps %q, %s", findings, caveats, gaps, plan.Blast)
					}
					return
				}
				if !strings.Contains(findings, c.want) || !strings.Contains(caveats, c.want) || gaps == "" || !strings.Contains(plan.Blast, "no request of edge was seen") {
					t.Errorf("findings %q, caveats %q, gaps %q, %s", findings, caveats, gaps, plan.Blast)
				}
			})
		})
	}
}

// A run that was begun before the burst was found has its fields open: what the burst says is proposed, and nothing is filled by itself.
func TestBurstProposesOpenFields(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, dir, nil)
		defer s.stop()
		s.run(60, 0)
		s.do(StartRun{Book: "test-502"})
		fields := func() (open, said []string) {
			for _, f := range s.desk.Snapshot().Run.Fields {
				if f.Value == "" {
					open = append(open, f.Name)
				}
				if f.Proposed != "" {
					said = append(said, f.Name+"="+f.Proposed)
				}
			}
			return open, said
		}
		if open, said := fields(); len(open) == 0 || len(said) != 0 {
			t.Fatalf("before: open %v, proposed %v", open, said)
		}
		s.run(30, 0.8)
		open, said := fields()
		if len(open) == 0 || !strings.Contains(strings.Join(said, " "), "model=gpt-4o") {
			t.Errorf("after: open %v, proposed %v", open, said)
		}
		s.do(Choose{Var: open[0], Value: "mine"})
		s.run(2, 0.8)
		if after, _ := fields(); len(after) != len(open)-1 {
			t.Errorf("filled %s: open %v", open[0], after)
		}
	})
}
