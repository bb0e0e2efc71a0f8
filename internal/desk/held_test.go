package desk

import (
	"testing"
	"testing/synctest"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/incident"
	"signalbox/internal/traffic"
)

// It is seen of each instance whether it holds a lever: of one that somebody else has changed, and of one that went away.
func TestWhoHoldsALever(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, dir, nil)
		defer s.stop()
		s.run(5, 0)
		p := s.do(PlanLever{Verb: "cap.set", Scope: traffic.Scope{"deployment": "az-eu"}, Value: []byte("2"), Reason: "room"}).Plan
		id := s.do(Throw{Plan: p.ID, Typed: p.Phrase}).Lever
		words := func() string {
			time.Sleep(6 * time.Second)
			synctest.Wait()
			l := s.lever(id)
			return l.HeldWords()
		}
		if got := words(); got != "2 of 2 instances hold it" {
			t.Errorf("in force: %q", got)
		}
		s.gate.mu.Lock()
		s.gate.caps["b"] = 5
		s.gate.mu.Unlock()
		if got := words(); got != "1 of 2 instances hold it: b is 5" {
			t.Errorf("changed by somebody: %q", got)
		}
		if h := s.lever(id).Held; len(h) != 2 || h[0] != (InstanceHold{"a", "cap.az-eu", Yes, "2", ""}) || h[1] != (InstanceHold{"b", "cap.az-eu", No, "5", "is 5"}) {
			t.Errorf("%+v", h)
		}
		if r := s.do(Look{}); len(r.Levers) != 1 || len(r.Levers[0].Held) != 2 {
			t.Errorf("a look: %+v", r.Levers)
		}
		s.do(Revert{Lever: id, Reason: "over"})
		if got := words(); got != "" {
			t.Errorf("taken back: %q", got)
		}
	})
}

// A console that looks after a lever is killed with an extension under way: whoever looks next is told the end that the
// gateway reports, not the one that the journal has.
func TestALookTellsTheEndThatIs(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		gate := newFake(dir + "/" + incident.FileName)
		thrownAndLeft(t, dir, gate)
		s := newStageWith(t, dir, gate, func(o *Options) { o.Brief = true })
		defer s.stop()
		before := s.do(Look{}).Levers[0].ExpiresAt
		for _, c := range []struct {
			a, b, want time.Duration // after what the journal has; 0: none is reported
		}{
			{time.Second, time.Second, 0}, // clocks and rounding
			{0, 0, 0},
			{10 * time.Minute, 10 * time.Minute, 10 * time.Minute},
			{10 * time.Minute, 0, 10 * time.Minute},
			{-time.Minute, -5 * time.Minute, -time.Minute},
		} {
			ends := map[string]*time.Time{}
			for name, later := range map[string]time.Duration{"a": c.a, "b": c.b} {
				if at := before.Add(later); later != 0 {
					ends[name] = &at
				}
			}
			gate.mu.Lock()
			gate.ends = ends
			gate.mu.Unlock()
			if got := s.do(Look{}).Levers[0].ExpiresAt.Sub(before); got != c.want {
				t.Errorf("a reports %s later, b %s, and a look shows %s", c.a, c.b, got)
			}
		}
	})
}

// What cannot be said of an instance is said so, and an instance holds a lever on several controls only by all of them.
func TestHeldWords(t *testing.T) {
	control := func(id string, v string) gateway.Control { return gateway.Control{ID: id, Value: gateway.Value(v)} }
	w := &wire{state: gateway.State{Instances: []gateway.InstanceState{
		{Name: "a", Reachable: true, Controls: []gateway.Control{control("x", "2"), control("y", "2")}},
		{Name: "b", Reachable: true, Controls: []gateway.Control{control("x", "2"), control("y", "9")}},
		{Name: "c", Err: "connection refused"},
		{Name: "d", Reachable: true},
	}}}
	plan := func(names ...string) gateway.Plan {
		var p gateway.Plan
		for _, n := range names {
			for _, id := range []string{"x", "y"} {
				p.Instances = append(p.Instances, gateway.InstancePlan{Name: n, Control: id, Before: gateway.Value("8"), After: gateway.Value("2"), Rev: "1"})
			}
		}
		return p
	}
	left := plan("a", "c")
	left.Instances[2].Rev, left.Instances[2].Skip = "", "could not be read"
	for _, c := range []struct {
		plan gateway.Plan
		want string
	}{
		{plan("a"), "its one instance holds it"},
		{plan("b"), "its one instance does not hold it: b is 9"},
		{plan("a", "b"), "1 of 2 instances hold it: b is 9"},
		{plan("a", "c"), "1 of 2 instances hold it: c does not answer: connection refused"},
		{plan("a", "d"), "1 of 2 instances hold it: d does not list the control"},
		{plan("e"), "whether its one instance holds it is not known: e has not been read"},
		{left, "1 of 2 instances hold it: c left out: could not be read"},
	} {
		l := &lever{plan: c.plan}
		v := LeverView{Held: l.holds(w)}
		if got := v.HeldWords(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
