package desk

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/internal/incident"
	"signalbox/internal/traffic"
)

// meanwhile is a journal in which something happens just before an undo is written.
type meanwhile struct {
	*incident.Journal
	happens func()
}

func (m *meanwhile) Append(ctx context.Context, d incident.Draft) (incident.Entry, error) {
	if d.Kind == incident.LeverRevertRequested && m.happens != nil {
		happens := m.happens
		m.happens = nil
		happens()
	}
	return m.Journal.Append(ctx, d) //nolint:wrapcheck // the journal's own
}

// thrownAndLeft throws a cap by a console that ends then, as a command does.
func thrownAndLeft(t *testing.T, dir string, gate *fakeGateway) (lever string) {
	t.Helper()
	s := newStageWith(t, dir, gate, func(o *Options) { o.Brief = true })
	defer s.stop()
	p := s.do(PlanLever{Verb: "cap.set", Scope: traffic.Scope{"deployment": "az-eu"}, Value: []byte("2"), Reason: "room"}).Plan
	id := s.do(Throw{Plan: p.ID, Typed: p.Phrase}).Lever
	time.Sleep(3 * time.Second)
	synctest.Wait()
	if l := s.lever(id); l.State != LeverActive || l.Reported != Yes {
		t.Fatalf("thrown: %+v", l)
	}
	return id
}

// appendAs writes what another console does.
func appendAs(t *testing.T, j *incident.Journal, kind incident.Kind, data incident.LeverData) {
	t.Helper()
	if _, err := j.Append(t.Context(), incident.Draft{At: time.Now(), Actor: *byDesk, Kind: kind, Data: data}); err != nil {
		t.Fatal(err)
	}
}

// An undo meets another console that has only begun to look after the lever, however often, or one that has asked for the
// undo itself: the first is none of the operator's business, the second has come first.
func TestUndoMeetsAnotherConsole(t *testing.T) {
	for name, c := range map[string]struct {
		kinds []incident.Kind // what the other console writes
		want  string          // of the refusal; empty: there is none
	}{
		"adopted":       {[]incident.Kind{incident.LeverAdopted}, ""},
		"being undone":  {[]incident.Kind{incident.LeverAdopted, incident.LeverRevertRequested}, "another console came first: it is reverting"},
		"undone":        {[]incident.Kind{incident.LeverAdopted, incident.LeverRevertRequested, incident.LeverReverted}, "another console came first: it is reverted"},
		"only observed": {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				gate := newFake(dir + "/" + incident.FileName)
				id := thrownAndLeft(t, dir, gate)
				other, err := incident.Open(dir, incident.Options{})
				if err != nil {
					t.Fatal(err)
				}
				defer other.Close()
				j := &meanwhile{}
				s := newStageWith(t, dir, gate, func(o *Options) {
					o.Brief = true
					j.Journal = o.Journal.(*incident.Journal)
					o.Journal = j
				})
				defer s.stop()
				from := s.desk.leverByID(id).ward.Owner
				j.happens = func() {
					for _, kind := range c.kinds {
						appendAs(t, other, kind, incident.LeverData{ID: id, Owner: "desk-other", From: from})
						from = "desk-other"
					}
				}
				_, err = s.desk.Do(t.Context(), Revert{Lever: id, Reason: "it is over"})
				time.Sleep(3 * time.Second)
				synctest.Wait()
				var r *Refused
				if c.want == "" {
					if err != nil || s.lever(id).State != LeverReverted || s.lever(id).Reported != Yes || gate.cap("a") != 8 || len(gate.reverted) != 1 {
						t.Errorf("%v, %+v, asked %v", err, s.lever(id), gate.reverted)
					}
					return
				}
				if !errors.As(err, &r) || !strings.Contains(err.Error(), c.want) || len(gate.reverted) != 0 {
					t.Errorf("%v, asked %v", err, gate.reverted)
				}
			})
		})
	}
}

// A command that throws a lever and one that takes it back stand beside a console that stays and adopts what is left.
func TestUndoBesideAConsoleThatStays(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		gate := newFake(dir + "/" + incident.FileName)
		stays := newStageWith(t, dir, gate, func(*Options) {})
		defer stays.stop()
		id := thrownAndLeft(t, dir, gate)
		j := &meanwhile{}
		brief := newStageWith(t, dir, gate, func(o *Options) {
			o.Brief = true
			j.Journal = o.Journal.(*incident.Journal)
			o.Journal = j
		})
		defer brief.stop()
		j.happens = func() { time.Sleep(1500 * time.Millisecond) } // the other one looks meanwhile
		if _, err := brief.desk.Do(t.Context(), Revert{Lever: id, Reason: "it is over"}); err != nil {
			t.Error(err)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		for name, s := range map[string]*stage{"the console that stays": stays, "the command": brief} {
			if l := s.lever(id); l.State != LeverReverted || l.Reported != Yes {
				t.Errorf("%s: %s, reported %s", name, l.State, l.Reported)
			}
		}
		if len(gate.reverted) != 1 || gate.cap("b") != 8 {
			t.Errorf("asked %v, the cap is %d", gate.reverted, gate.cap("b"))
		}
		if out := stays.desk.Snapshot().Levers; len(out) > 0 && out[0].Out {
			t.Errorf("still out: %+v", out[0])
		}
	})
}
