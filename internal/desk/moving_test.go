package desk

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/internal/fault"
	"signalbox/internal/traffic"
)

// stream is what one deployment is asked in a second.
type stream struct {
	model, region, dep string
	rate, failed       int
	class              fault.Class
	fell               int // of rate, those that fell from az-eu
}

// seconds makes the records of one second after another, spread over each.
func (s *stage) second(at time.Time, flows ...stream) []traffic.Record {
	var out []traffic.Record
	for _, f := range flows {
		for i := range f.rate {
			s.n++
			r := traffic.Record{
				Time: at.Add(-time.Duration(i) * time.Second / time.Duration(f.rate)), Key: s.key(traffic.SideUpstream, f.model, f.region, f.dep),
				Outcome: traffic.NewOutcome(fault.None, 200), RequestID: fmt.Sprint("r", s.n), Known: traffic.HasLatency | traffic.HasAttempt,
				Attempt: 1, Latency: 50 * time.Millisecond,
			}
			if i < f.failed {
				r.Outcome = traffic.NewOutcome(f.class, 0)
			}
			if i >= f.rate-f.fell {
				r.FallbackFrom, r.Attempt = s.syms.Intern("az-eu"), 2
			}
			out = append(out, r)
		}
	}
	return out
}

func (s *stage) play(seconds int, flows ...stream) {
	s.t.Helper()
	for range seconds {
		time.Sleep(time.Second)
		b := traffic.Batch{Source: "log", Kind: traffic.LogSource, Records: s.second(time.Now(), flows...), State: &traffic.SourceState{Name: "log", Kind: traffic.LogSource, Health: traffic.Live, LastRead: time.Now()}}
		if err := s.desk.Emit(s.t.Context(), b); err != nil {
			s.t.Fatal(err)
		}
	}
	time.Sleep(time.Second)
	synctest.Wait()
}

var (
	wellFlows    = []stream{{model: "gpt-4o", region: "eu-west", dep: "az-eu", rate: 10}, {model: "mini", region: "us-east", dep: "az-us-mini", rate: 4}}
	cascadeFlows = []stream{
		{model: "gpt-4o", region: "eu-west", dep: "az-eu", rate: 10, failed: 9, class: fault.BadGateway},
		{model: "mini", region: "us-east", dep: "az-us-mini", rate: 12, failed: 5, class: fault.RateLimited, fell: 8},
	}
)

// TestCascadeIsTold sees what a burst pushes over its limit in the snapshot, in the journal, and with the same words in a scan.
func TestCascadeIsTold(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, dir, nil)
		defer func() { s.stop() }()
		begin := time.Now()
		s.play(120, wellFlows...)
		if got := s.desk.Snapshot().Moving; len(got) != 0 {
			t.Fatalf("in the calm: %+v", got)
		}
		s.play(40, cascadeFlows...)
		moving := s.desk.Snapshot().Moving
		if len(moving) != 1 || moving[0].Kind != "cascade" || moving[0].Where["deployment"] != "az-us-mini" || moving[0].From["region"] != "eu-west" || !moving[0].Live() {
			t.Fatalf("want one cascade, got %+v", moving)
		}
		if b := s.desk.Snapshot().Bursts; len(b) == 0 || !hasBurst(b, moving[0].Burst) {
			t.Errorf("it comes of burst %q, the bursts are %+v", moving[0].Burst, b)
		}
		s.play(120, wellFlows...)
		if m := s.desk.Snapshot().Moving; len(m) != 1 || m[0].Live() {
			t.Errorf("after its end: %+v", m)
		}
		var noted, ended bool
		for _, l := range s.desk.Snapshot().Timeline {
			noted = noted || l.Kind == "finding.noted" && strings.HasPrefix(l.Text, "cascade: ") && strings.Contains(l.Text, "lack of capacity")
			ended = ended || l.Kind == "finding.ended" && strings.Contains(l.Text, "is over")
		}
		if !noted || !ended {
			t.Errorf("the timeline tells of it: %v, of its end: %v\n%+v", noted, ended, s.desk.Snapshot().Timeline)
		}

		places := traffic.NewPlaces(100)
		scan := NewScan(s.syms, places, 0)
		at := begin
		for _, part := range []struct {
			seconds int
			flows   []stream
		}{{120, wellFlows}, {40, cascadeFlows}, {120, wellFlows}} {
			for range part.seconds {
				at = at.Add(time.Second)
				var briefs []traffic.Brief
				for _, r := range s.second(at, part.flows...) {
					briefs = append(briefs, r.Brief(places.Of(r.Key.Cell())))
				}
				scan.Add(briefs)
			}
		}
		scan.Finish()
		found := scan.Findings()
		if len(found) != 1 || found[0].Kind != "cascade" || found[0].Where["deployment"] != "az-us-mini" || found[0].End == nil || found[0].Text == "" {
			t.Errorf("a scan of the same finds %+v", found)
		}
	})
	if b, err := os.ReadFile(dir + "/journal.jsonl"); err != nil || !strings.Contains(string(b), `"moved_share"`) {
		t.Errorf("the journal has no numbers: %v", err)
	}
}

// TestCascadeOverTwoTargets tells what one burst pushes over two limits as one finding, with both targets in it.
func TestCascadeOverTwoTargets(t *testing.T) {
	dir := t.TempDir()
	second := stream{model: "haiku", region: "us-west", dep: "aws-haiku", rate: 4}
	pushed := second
	pushed.rate, pushed.failed, pushed.class, pushed.fell = 12, 9, fault.RateLimited, 8
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, dir, nil)
		defer func() { s.stop() }()
		s.play(120, append(slices.Clone(wellFlows), second)...)
		s.play(60, append(slices.Clone(cascadeFlows), pushed)...)
		moving := s.desk.Snapshot().Moving
		if len(moving) != 1 || len(moving[0].Targets) != 2 {
			t.Fatalf("want one cascade over two targets, got %+v", moving)
		}
		m := moving[0]
		if m.Where["deployment"] != "aws-haiku" || m.Targets[0].Name != m.Name || !strings.Contains(m.Text, "1 more: "+m.Targets[1].Name) {
			t.Errorf("the worst is not told first: %+v", m)
		}
		r := m.Report()
		if len(r.Targets) != 2 || r.Targets[1].Where["deployment"] != "az-us-mini" || r.Targets[1].End != nil || r.Targets[1].Numbers["refused_share"] < 0.2 {
			t.Errorf("reported as %+v", r)
		}
		s.play(120, append(slices.Clone(wellFlows), second)...)
		ended := false
		for _, l := range s.desk.Snapshot().Timeline {
			ended = ended || l.Kind == "finding.ended" && strings.Contains(l.Text, " and 1 more is over")
		}
		if m := s.desk.Snapshot().Moving; len(m) != 1 || m[0].Live() || !ended {
			t.Errorf("its end is told: %v; %+v", ended, m)
		}
	})
	if b, err := os.ReadFile(dir + "/journal.jsonl"); err != nil || !strings.Contains(string(b), `"targets":[{"where":`) {
		t.Errorf("the journal has no targets: %v", err)
	}
}

func hasBurst(all []BurstView, id string) bool {
	for i := range all {
		if all[i].ID == id {
			return true
		}
	}
	return false
}

// TestOpenBreakerIsTold reads the breaker of a target that others are served by.
func TestOpenBreakerIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, t.TempDir(), nil)
		defer func() { s.stop() }()
		k := traffic.Key{}.With(traffic.Gateway, s.syms.Intern("edge")).With(traffic.Instance, s.syms.Intern("a")).With(traffic.Deployment, s.syms.Intern("az-eu"))
		for i := range 120 {
			b := traffic.Batch{Source: "metrics", Kind: traffic.ScrapeSource, Gauges: []traffic.Gauge{{Key: k, Name: traffic.Breaker, Value: 2, At: time.Now()}}}
			if err := s.desk.Emit(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			s.play(1, wellFlows...)
			if m := s.desk.Snapshot().Moving; i < 20 && len(m) > 0 {
				t.Fatalf("after %d s already: %+v", i, m)
			}
		}
		if m := s.desk.Snapshot().Moving; len(m) != 1 || m[0].Kind != "stuck_breaker" || m[0].Where["instance"] != "a" || m[0].Numbers["failed"] != 0 {
			t.Errorf("%+v", m)
		}
	})
}

// TestOutcomeBesideAControl caps one of two deployments that fail together. When both come back by themselves, the cap
// has not helped; when only the capped one does, it has.
func TestOutcomeBesideAControl(t *testing.T) {
	for _, c := range []struct {
		name         string
		spared       int // failures a second of the other one, after the cap
		want, beside string
	}{
		{"both come back", 0, "", "it may have ended by itself"},
		{"only the capped one", 9, "helped", "without it 90% -> 90%"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, t.TempDir(), nil)
				defer func() { s.stop() }()
				region := func(one, two int) []stream {
					return []stream{
						{model: "gpt-4o", region: "eu-west", dep: "az-eu", rate: 10, failed: one, class: fault.BadGateway},
						{model: "mini", region: "eu-west", dep: "az-eu-mini", rate: 10, failed: two, class: fault.BadGateway},
						{model: "gpt-4o", region: "us-east", dep: "az-us", rate: 10},
						{model: "mini", region: "us-east", dep: "az-us-mini", rate: 10},
					}
				}
				s.play(120, region(0, 0)...)
				s.play(60, region(9, 9)...)
				b := s.desk.Snapshot().Bursts
				if len(b) != 1 || b[0].Scope["region"] != "eu-west" || b[0].Scope["model"] != "" {
					t.Fatalf("want one burst in eu-west, got %+v", b)
				}
				plan := s.do(PlanLever{Verb: "cap.set", Scope: traffic.Scope{"deployment": "az-eu"}, Value: json.RawMessage("2"), TTL: 10 * time.Minute, Reason: "test"}).Plan
				id := s.do(Throw{Plan: plan.ID, Typed: plan.Phrase}).Lever
				s.play(70, region(0, c.spared)...)
				l := s.lever(id)
				if (c.want != "" && l.Outcome != c.want) || (c.want == "" && l.Outcome == "helped") || !strings.Contains(l.OutcomeBy, c.beside) {
					t.Errorf("outcome %q (%s), want %q with %q", l.Outcome, l.OutcomeBy, c.want, c.beside)
				}
			})
		})
	}
}
