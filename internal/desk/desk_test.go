package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/internal/fault"
	"signalbox/internal/gateway"
	"signalbox/internal/incident"
	"signalbox/internal/traffic"
	"signalbox/runbook"
)

const testBook = "---\n" + `runbook: v1
id: test-502
title: 502 burst on one model in one region
match: count{code in (502, 524)} over 2m > 5
vars:
  model: {type: model, from: burst.model}
  region: {type: region, from: burst.region}
  deployment: {type: deployment, from: burst.deployment}
scope: {model: $model, region: $region}
` + "---\n" + `# 502 burst
## 1. Confirm scope
` + "```check\nname: it is real\nthat: error_rate over 1m > 20%\n```\n" + `
## 2. Check provider status
` + "```ask\nvar: status\nquestion: What does the provider say?\nchoices: [green, degraded]\n```\n" + `
## 3. Reduce load safely
` + "```action\ndo: cap.set\nscope: {deployment: $deployment}\nset: 2\nttl: 10m\nwhy: give the upstream room\nverify: inflight <= 4 within 1m\n```\n" + `
## 6. Document and learn
Write down what you saw.
`

// fakeGateway is a gateway with one cap on two instances. It is a fake at the wire's end: the desk sees
// it through the driver interface alone. Before it acts it looks at the journal on disk.
type fakeGateway struct {
	mu       sync.Mutex
	caps     map[string]int // by instance
	base     int
	path     string // of the journal
	applied  []string
	reverted []string
	unsaid   []string // what was asked of the gateway without being on disk
	hang     bool
	lose     bool                  // apply, then lose the answer
	holder   string                // of deadlines; empty: the gateway
	away     bool                  // undo is not answered
	loseUndo bool                  // undo, then lose the answer
	locked   bool                  // nothing can be sent
	ends     map[string]*time.Time // as the instances report
}

func newFake(path string) *fakeGateway {
	return &fakeGateway{caps: map[string]int{"a": 8, "b": 8}, base: 8, path: path}
}

func (f *fakeGateway) Describe() gateway.Description {
	return gateway.Description{Kind: "fake", Gateway: "edge", Instances: []string{"a", "b"}, Abilities: []gateway.Ability{
		{Verb: gateway.CapSet, Fitness: gateway.Native, Dims: []string{"deployment"}, Excess: gateway.ExcessWaits, Holder: gateway.HeldByGateway},
	}}
}

func (f *fakeGateway) Read(context.Context) (gateway.State, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	st := gateway.State{Gateway: "edge", At: time.Now()}
	for _, n := range []string{"a", "b"} {
		st.Instances = append(st.Instances, gateway.InstanceState{Name: n, Reachable: true, Controls: []gateway.Control{{
			ID: "cap.az-eu", Verb: gateway.CapSet, Scope: traffic.Scope{"deployment": "az-eu"}, Value: number(f.caps[n]), Base: number(f.base), ExpiresAt: f.ends[n],
		}}})
	}
	return st, nil
}

func number(n int) gateway.Value { return gateway.Value(fmt.Sprint(n)) }

func (f *fakeGateway) Plan(ctx context.Context, c gateway.Change, now time.Time) (gateway.Plan, error) {
	if c.Scope["deployment"] != "az-eu" {
		return gateway.Plan{}, &gateway.Refusal{Verb: c.Verb, Scope: c.Scope, Why: "no such deployment"}
	}
	st, err := f.Read(ctx)
	holder := f.holder
	if holder == "" {
		holder = gateway.HeldByGateway
	}
	p := gateway.Plan{
		Gateway: "edge", Kind: "fake", Change: c, ReadAt: now, Excess: gateway.ExcessWaits,
		Deadline: gateway.Deadline{Holder: holder, At: now.Add(c.TTL)},
		Undo:     gateway.Undo{Verb: gateway.CapLift, Calls: []gateway.Call{{Text: "undo by hand"}}},
	}
	for _, i := range st.Instances {
		p.Instances = append(p.Instances, gateway.InstancePlan{Name: i.Name, Control: "cap.az-eu", Before: i.Controls[0].Value, After: c.Value})
	}
	return p, err
}

// onDisk looks for a journal line of the kind that holds the word.
func (f *fakeGateway) onDisk(kind incident.Kind, word string) {
	raw, err := os.ReadFile(f.path)
	if err != nil {
		f.unsaid = append(f.unsaid, err.Error())
		return
	}
	for line := range strings.Lines(string(raw)) {
		if strings.HasSuffix(line, "\n") && strings.Contains(line, `"kind":"`+string(kind)+`"`) && strings.Contains(line, word) {
			return
		}
	}
	f.unsaid = append(f.unsaid, string(kind)+" "+word)
}

func (f *fakeGateway) Apply(ctx context.Context, p gateway.Plan, key string) (gateway.Receipt, error) {
	f.mu.Lock()
	hang := f.hang
	f.mu.Unlock()
	if hang {
		<-ctx.Done()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.onDisk(incident.LeverRequested, key)
	f.applied = append(f.applied, key)
	r := gateway.Receipt{PlanID: p.ID, IdemKey: key, AcceptedAt: time.Now()}
	for _, i := range p.Instances {
		doubt := f.hang || f.lose
		if !f.hang {
			var n int
			if err := json.Unmarshal(i.After, &n); err != nil {
				return r, err
			}
			f.caps[i.Name] = n
		}
		r.Instances = append(r.Instances, gateway.InstanceReceipt{Name: i.Name, OK: !doubt, InDoubt: doubt})
	}
	return r, nil
}

func (f *fakeGateway) Revert(_ context.Context, p gateway.Plan, _ gateway.Receipt, key string) (gateway.Receipt, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.onDisk(incident.LeverRevertRequested, "")
	if f.locked {
		return gateway.Receipt{}, &gateway.Refusal{Verb: p.Change.Verb, Scope: p.Change.Scope, Why: "cannot be steered: token: not set"}
	}
	f.reverted = append(f.reverted, key)
	r := gateway.Receipt{PlanID: p.ID, IdemKey: key, AcceptedAt: time.Now()}
	if f.away {
		return r, errors.New("connection refused")
	}
	for _, i := range p.Instances {
		f.caps[i.Name] = f.base
		if f.loseUndo {
			continue
		}
		r.Instances = append(r.Instances, gateway.InstanceReceipt{Name: i.Name, OK: true})
	}
	return r, nil
}

// cap gives the cap of an instance as the gateway has it.
func (f *fakeGateway) cap(instance string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.caps[instance]
}

// stage is a desk in a bubble of fake time, with a gateway and traffic.
type stage struct {
	t       *testing.T
	dir     string
	syms    *traffic.Symbols
	journal *incident.Journal
	gate    *fakeGateway
	desk    *Desk
	stop    func()
	n       int
	failing string // a region where all fails
}

func newStage(t *testing.T, dir string, gate *fakeGateway) *stage {
	t.Helper()
	return newStageWith(t, dir, gate, func(*Options) {})
}

// newStageWith is a stage whose desk is configured otherwise.
func newStageWith(t *testing.T, dir string, gate *fakeGateway, change func(*Options)) *stage {
	t.Helper()
	s := &stage{t: t, dir: dir, syms: traffic.NewSymbols(0)}
	var err error
	s.journal, err = incident.Open(dir, incident.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.gate = gate
	if s.gate == nil {
		s.gate = newFake(s.journal.Path())
	}
	book, err := runbook.Parse("test.md", []byte(testBook))
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Symbols: s.syms, Journal: s.journal, Now: time.Now, Actor: "ana", Books: []*runbook.Book{book}, ExportDir: dir,
		Gateways: []Gateway{{Name: "edge", Kind: "fake", Env: "staging", Driver: s.gate}},
	}
	change(&o)
	s.desk, err = New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.desk.Run(ctx) }()
	s.stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := s.journal.Close(); err != nil {
			t.Error(err)
		}
	}
	return s
}

func (s *stage) key(side, model, region, dep string) traffic.Key {
	var k traffic.Key
	for d, v := range map[traffic.Dim]string{
		traffic.Gateway: "edge", traffic.Side: side, traffic.Model: model, traffic.Region: region, traffic.Deployment: dep,
		traffic.Provider: "azure", traffic.Workload: "interactive",
	} {
		k[d] = s.syms.Intern(v)
	}
	return k
}

// run emits one second of traffic after another. bad is the share of failures of gpt-4o in eu-west.
func (s *stage) run(seconds int, bad float64) {
	s.t.Helper()
	for range seconds {
		time.Sleep(time.Second)
		b := traffic.Batch{Source: "log", Kind: traffic.LogSource, State: &traffic.SourceState{Name: "log", Kind: traffic.LogSource, Health: traffic.Live, LastRead: time.Now()}}
		for _, c := range []struct{ model, region, dep string }{
			{"gpt-4o", "eu-west", "az-eu"}, {"gpt-4o", "us-east", "az-us"}, {"mini", "eu-west", "az-eu-mini"}, {"mini", "us-east", "az-us-mini"},
		} {
			for i := range 10 {
				s.n++
				o := traffic.NewOutcome(fault.None, 200)
				if c.dep == "az-eu" && float64(i) < 10*bad || c.region == s.failing {
					o = traffic.NewOutcome(fault.BadGateway, 502)
				}
				for _, side := range []string{traffic.SideUpstream, traffic.SideClient} {
					b.Records = append(b.Records, traffic.Record{
						Time: time.Now().Add(-time.Duration(i) * time.Millisecond), Key: s.key(side, c.model, c.region, c.dep), Outcome: o,
						RequestID: fmt.Sprint("r", s.n), Known: traffic.HasLatency | traffic.HasAttempt, Attempt: 1, Latency: 50 * time.Millisecond,
					})
				}
			}
			if c.dep == "az-eu" {
				b.Gauges = append(b.Gauges, traffic.Gauge{Key: s.key(traffic.SideUpstream, c.model, c.region, c.dep), Name: traffic.Inflight, Value: min(9, float64(2*s.gate.cap("a"))), At: time.Now()})
			}
		}
		if err := s.desk.Emit(s.t.Context(), b); err != nil {
			s.t.Fatal(err)
		}
	}
	time.Sleep(time.Second) // a pulse, so that the snapshot has it
	synctest.Wait()
}

func (s *stage) do(c Command) Result {
	s.t.Helper()
	r, err := s.desk.Do(s.t.Context(), c)
	if err != nil {
		s.t.Fatalf("%T: %v", c, err)
	}
	return r
}

func (s *stage) lever(id string) LeverView {
	s.t.Helper()
	for _, l := range s.desk.Snapshot().Levers {
		if l.ID == id {
			return l
		}
	}
	s.t.Fatalf("lever %s is not in the snapshot", id)
	return LeverView{}
}

// TestMainJob plays calm, burst, walk, lever, verify, undo and export, without a terminal.
func TestMainJob(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, dir, nil)
		defer s.stop()
		s.run(60, 0)
		if got := s.desk.Snapshot().Bursts; len(got) != 0 {
			t.Fatalf("bursts in the calm: %+v", got)
		}

		s.run(30, 0.8)
		bursts := s.desk.Snapshot().Bursts
		if len(bursts) != 1 {
			t.Fatalf("want one burst, got %+v", bursts)
		}
		b := bursts[0]
		if b.Scope["model"] != "gpt-4o" || b.Scope["region"] != "eu-west" || b.Leading != "bad_gateway" {
			t.Errorf("burst is %s of %s", b.Scope, b.Leading)
		}
		offers := s.desk.Snapshot().Offers
		if len(offers) == 0 || !offers[0].Fits || offers[0].Burst != b.ID {
			t.Fatalf("the runbook is not offered: %+v", offers)
		}

		s.do(StartRun{Book: offers[0].ID, Burst: b.ID})
		if s.desk.Snapshot().Incident == nil {
			t.Error("starting a run opens an incident")
		}
		if got := s.desk.Snapshot().Run.Steps[0].Blocks[0]; got.Truth != CheckTrue {
			t.Errorf("check says %q (%s, %s)", got.Truth, got.Text, got.Why)
		}
		first := s.desk.Snapshot().Run.Steps[0].Step.Slug
		s.do(StepDone{Step: first})
		if _, err := s.desk.Do(t.Context(), StepDone{Step: first}); err == nil || s.desk.Snapshot().Run.Current != 1 {
			t.Errorf("the second press of a key passed a step unread: %v", err)
		}
		s.do(Choose{Var: "status", Value: "green"})
		s.do(StepDone{})

		plan := s.do(PlanStep{Block: 0}).Plan
		if len(plan.Diff) != 2 || plan.Diff[0].Before != "8" || plan.Diff[0].After != "2" {
			t.Errorf("diff is %+v", plan.Diff)
		}
		id := s.do(Throw{Plan: plan.ID, Typed: plan.Phrase}).Lever
		s.run(10, 0)
		l := s.lever(id)
		if l.Accepted != Yes || l.Reported != Yes || l.Obeyed != Yes {
			t.Errorf("lever: accepted %s, reported %s, obeyed %s (%s)", l.Accepted, l.Reported, l.Obeyed, l.ObeyedWhy)
		}
		s.run(60, 0)
		if l = s.lever(id); l.Outcome != "helped" {
			t.Errorf("outcome %q (%s)", l.Outcome, l.OutcomeBy)
		}
		undo := s.do(PlanRevert{Lever: id}).Plan
		s.do(Throw{Plan: undo.ID, Typed: undo.Phrase})
		s.run(5, 0)
		if l = s.lever(id); l.State != LeverReverted || l.Reported != Yes || s.gate.cap("a") != 8 {
			t.Errorf("after undo: %s, reported %s, cap %d", l.State, l.Reported, s.gate.cap("a"))
		}
		s.do(StepDone{})
		s.do(AddNote{Text: "provider has confirmed"})
		path := s.do(Export{Format: "md"}).Path
		md, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"cap.set", "8", "helped", "provider has confirmed", "bad_gateway"} {
			if !strings.Contains(string(md), want) {
				t.Errorf("the export does not say %q", want)
			}
		}
		if len(s.gate.unsaid) != 0 {
			t.Errorf("asked of the gateway before it was on disk: %v", s.gate.unsaid)
		}
		if rep, err := incident.Verify(s.journal.Path()); err != nil || !rep.OK() {
			t.Errorf("journal: %v %v", rep.Bad, err)
		}
	})
}

// TestLostAnswerIsReadBack: an answer that never came is in doubt, and decided by reading, not by repeating.
func TestLostAnswerIsReadBack(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*fakeGateway)
		want string
	}{
		"lost after it was applied": {func(f *fakeGateway) { f.lose = true }, LeverActive},
		"never applied":             {func(f *fakeGateway) { f.hang = true }, LeverFailed},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, dir, nil)
				defer s.stop()
				s.run(3, 0)
				c.set(s.gate)
				plan := s.do(PlanLever{Verb: "cap.set", Scope: traffic.Scope{"deployment": "az-eu"}, Value: number(2), Reason: "test"}).Plan
				id := s.do(Throw{Plan: plan.ID, Typed: plan.Phrase}).Lever
				s.run(12, 0)
				if l := s.lever(id); l.State != c.want {
					t.Errorf("state %q, want %q (%s)", l.State, c.want, l.Err)
				}
				if len(s.gate.applied) != 1 {
					t.Errorf("it was sent %d times", len(s.gate.applied))
				}
			})
		})
	}
}

// TestLostUndoIsReadBack: an undo whose answer was lost is decided by reading; one that took is an undo, not a failure.
func TestLostUndoIsReadBack(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, dir, nil)
		defer s.stop()
		s.run(3, 0)
		plan := s.do(PlanLever{Verb: "cap.set", Scope: traffic.Scope{"deployment": "az-eu"}, Value: number(2), Reason: "test"}).Plan
		id := s.do(Throw{Plan: plan.ID, Typed: plan.Phrase}).Lever
		s.run(3, 0)
		s.gate.mu.Lock()
		s.gate.loseUndo = true
		s.gate.mu.Unlock()
		s.do(Revert{Lever: id, Reason: "test"})
		s.run(5, 0)
		if l := s.lever(id); l.State != LeverReverted || l.Reported != Yes || l.Err != "" {
			t.Errorf("state %q, reported %q, %q", l.State, l.Reported, l.Err)
		}
		if len(s.gate.reverted) != 1 {
			t.Errorf("it was sent %d times", len(s.gate.reverted))
		}
	})
}

// TestResumeInDoubt: a console that died between request and answer leaves a lever that the next one
// shows as in doubt and reads back.
func TestResumeInDoubt(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		first := newStage(t, dir, nil)
		first.run(3, 0)
		plan := first.do(PlanLever{Verb: "cap.set", Scope: traffic.Scope{"deployment": "az-eu"}, Value: number(2), Reason: "test"}).Plan
		id := first.do(Throw{Plan: plan.ID, Typed: plan.Phrase}).Lever
		first.run(1, 0)
		first.stop()
		cutAfter(t, first.journal.Path(), incident.LeverRequested)

		next := newStage(t, dir, first.gate)
		defer next.stop()
		if l := next.lever(id); l.State != LeverInDoubt {
			t.Errorf("after the restart: %q", l.State)
		}
		if len(next.desk.Snapshot().Resumable) == 0 {
			t.Error("the open incident is not offered")
		}
		next.run(3, 0)
		if l := next.lever(id); l.State != LeverActive || l.Reported != Yes {
			t.Errorf("after reading back: %q, reported %q", l.State, l.Reported)
		}
		if len(first.gate.applied) != 1 {
			t.Errorf("it was sent %d times", len(first.gate.applied))
		}
	})
}

// cutAfter leaves of a journal what a console had written when it died right after the first entry of a kind.
func cutAfter(t *testing.T, path string, kind incident.Kind) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var kept strings.Builder
	for line := range strings.Lines(string(raw)) {
		kept.WriteString(line)
		if strings.Contains(line, `"kind":"`+string(kind)+`"`) {
			break
		}
	}
	if err := os.WriteFile(path, []byte(kept.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestDrift: what somebody else changes is shown with before and after, and never put right silently.
func TestDrift(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, dir, nil)
		defer s.stop()
		s.run(3, 0)
		plan := s.do(PlanLever{Verb: "cap.set", Scope: traffic.Scope{"deployment": "az-eu"}, Value: number(2), Reason: "test"}).Plan
		id := s.do(Throw{Plan: plan.ID, Typed: plan.Phrase}).Lever
		s.run(3, 0)
		s.gate.mu.Lock()
		s.gate.caps["b"] = 5
		s.gate.mu.Unlock()
		s.run(6, 0)
		if l := s.lever(id); !strings.Contains(l.Drift, "5") || l.Reported != No {
			t.Errorf("drift %q, reported %q", l.Drift, l.Reported)
		}
		if s.gate.cap("b") != 5 {
			t.Error("the drift was put right silently")
		}
		undo := s.do(PlanRevert{Lever: id}).Plan
		if len(undo.Diff) != 1 || undo.Diff[0] != (DiffLine{Instance: "a", Control: "cap.az-eu", Before: "2", After: "8"}) {
			t.Errorf("the undo would change %+v", undo.Diff)
		}
		if len(undo.Caveats) != 1 || !strings.Contains(undo.Caveats[0], "cap.az-eu on b is left as it is: the lever set 2, and it is 5") || !strings.Contains(undo.Caveats[0], "plan cap.lift") {
			t.Errorf("the undo says %q", undo.Caveats)
		}
	})
}

// TestConsoleHoldsTheDeadline: where the gateway cannot hold one, the console ends the lever, and goes on
// trying while the gateway is away.
func TestConsoleHoldsTheDeadline(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, dir, nil)
		defer s.stop()
		s.gate.holder = gateway.HeldByConsole
		s.run(3, 0)
		plan := s.do(PlanLever{Verb: "cap.set", Scope: traffic.Scope{"deployment": "az-eu"}, Value: number(2), TTL: 30 * time.Second, Reason: "test"}).Plan
		if plan.SelfEnds || !strings.Contains(plan.Deadline, "NOT self-reverting") {
			t.Errorf("the plan promises %q", plan.Deadline)
		}
		id := s.do(Throw{Plan: plan.ID, Typed: plan.Phrase}).Lever
		s.run(3, 0)
		s.gate.mu.Lock()
		s.gate.away = true
		s.gate.mu.Unlock()
		s.run(40, 0)
		if l := s.lever(id); !l.Out || s.gate.cap("a") != 2 {
			t.Errorf("with the gateway away: out %v, cap %d", l.Out, s.gate.cap("a"))
		}
		s.gate.mu.Lock()
		s.gate.away = false
		s.gate.mu.Unlock()
		s.run(20, 0)
		if l := s.lever(id); l.State != LeverReverted || s.gate.cap("a") != 8 {
			t.Errorf("after its deadline: %s, cap %d (%s)", l.State, s.gate.cap("a"), l.Err)
		}
		if len(s.gate.unsaid) != 0 {
			t.Errorf("asked of the gateway before it was on disk: %v", s.gate.unsaid)
		}
	})
}

// TestUndoThatIsNotSent: where nothing can be sent, the lever stays what it was, with what is wrong, and nothing is in doubt.
func TestUndoThatIsNotSent(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, dir, nil)
		defer s.stop()
		s.run(3, 0)
		plan := s.do(PlanLever{Verb: "cap.set", Scope: traffic.Scope{"deployment": "az-eu"}, Value: number(2), TTL: 10 * time.Minute, Reason: "test"}).Plan
		id := s.do(Throw{Plan: plan.ID, Typed: plan.Phrase}).Lever
		s.run(3, 0)
		s.gate.mu.Lock()
		s.gate.locked = true
		s.gate.mu.Unlock()
		s.do(Revert{Lever: id, Reason: "test"})
		s.run(3, 0)
		if l := s.lever(id); l.State != LeverActive || !strings.Contains(l.Err, "the undo was not sent: ") || !strings.Contains(l.Err, "token: not set") || s.gate.cap("a") != 2 {
			t.Errorf("%s, %q, cap %d", l.State, l.Err, s.gate.cap("a"))
		}
		s.gate.mu.Lock()
		s.gate.locked = false
		s.gate.mu.Unlock()
		s.do(Revert{Lever: id, Reason: "test"})
		s.run(3, 0)
		if l := s.lever(id); l.State != LeverReverted || l.Err != "" {
			t.Errorf("%s, %q", l.State, l.Err)
		}
	})
}

// TestRefusals: what must not be thrown is refused with a reason.
func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, dir, nil)
		defer s.stop()
		s.run(3, 0)
		var r *Refused
		ask := func(c Command) {
			t.Helper()
			r = nil
			if _, err := s.desk.Do(t.Context(), c); !errors.As(err, &r) {
				t.Errorf("%T was not refused: %v", c, err)
			}
		}
		ask(PlanLever{Verb: "workload.pause", Scope: traffic.Scope{}})
		ask(PlanLever{Verb: "cap.set", Scope: traffic.Scope{"deployment": "nowhere"}, Value: number(1)})
		ask(PlanLever{Verb: "cap.set", Scope: traffic.Scope{"model": "mini"}, Value: number(1)}) // means two deployments
		plan := s.do(PlanLever{Verb: "cap.set", Scope: traffic.Scope{"deployment": "az-eu"}, Value: number(1)}).Plan
		if plan.Confirm != ConfirmTyped {
			t.Errorf("a quarter of the traffic must be typed, got %s", plan.Confirm)
		}
		ask(Throw{Plan: plan.ID, Typed: "y"})
		time.Sleep(planFresh + time.Second)
		ask(Throw{Plan: plan.ID, Typed: plan.Phrase})
		if len(s.gate.applied) != 0 {
			t.Error("something was sent")
		}
		ask(AddNote{})
		ask(StepDone{})
		ask(Throw{Plan: "unknown"})
	})
}

// brokenJournal fails like a full disk until it is mended.
type brokenJournal struct {
	*incident.Journal
	mu  sync.Mutex
	bad bool
}

func (b *brokenJournal) Append(ctx context.Context, d incident.Draft) (incident.Entry, error) {
	b.mu.Lock()
	bad := b.bad
	b.mu.Unlock()
	if bad {
		return incident.Entry{}, fmt.Errorf("%w: no space left", incident.ErrUnwritable)
	}
	return b.Journal.Append(ctx, d)
}

func (b *brokenJournal) set(bad bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bad = bad
}

// TestFullDisk: without a journal there are no levers; what was kept is written once there is room, in order.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, dir, nil)
		defer s.stop()
		broken := &brokenJournal{Journal: s.journal}
		d, err := New(Options{Symbols: s.syms, Journal: broken, Now: time.Now, Actor: "ana", Gateways: []Gateway{{Name: "edge", Env: "staging", Driver: s.gate}}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx) }()
		defer func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}()
		broken.set(true)
		if _, err := d.Do(ctx, AddNote{Text: "one"}); err == nil {
			t.Error("a note that is not on disk was acknowledged")
		}
		if _, err := d.Do(ctx, AddNote{Text: "two"}); err == nil {
			t.Error("a second one too")
		}
		var r *Refused
		if _, err := d.Do(ctx, PlanLever{Verb: "cap.set", Scope: traffic.Scope{"deployment": "az-eu"}, Value: number(1)}); !errors.As(err, &r) {
			t.Errorf("a lever without a journal: %v", err)
		}
		if d.Snapshot().Journal.Err == "" || d.Snapshot().WhyNot == "" {
			t.Error("the snapshot does not say that the journal cannot be written")
		}
		broken.set(false)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if d.Snapshot().Journal.Err != "" || d.Snapshot().WhyNot != "" {
			t.Errorf("still %q", d.Snapshot().Journal.Err)
		}
		raw, err := os.ReadFile(s.journal.Path())
		if err != nil {
			t.Fatal(err)
		}
		if one, two := strings.Index(string(raw), `"one"`), strings.Index(string(raw), `"two"`); one < 0 || two < one {
			t.Errorf("the kept notes are not on disk in order: %d, %d", one, two)
		}
	})
}
