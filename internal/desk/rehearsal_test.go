package desk

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/incident"
	"signalbox/internal/traffic"
)

func TestWhatAPlanSaysOfRehearsals(t *testing.T) {
	now := time.Date(2026, 3, 2, 3, 0, 0, 0, time.UTC)
	d := &Desk{now: func() time.Time { return now }}
	change := gateway.Change{Verb: gateway.FallbackOn, Scope: traffic.Scope{"model": "gpt-4o"}}
	said := func(c gateway.Change) string {
		if v := d.rehearsed(c); v != nil {
			return v.Words
		}
		return ""
	}
	if s := said(change); s != "" {
		t.Errorf("without an endpoint: %q", s)
	}
	d.points = []*probePoint{{}}
	if s := said(change); !strings.Contains(s, "never rehearsed") || !strings.Contains(s, "--for gpt-4o") {
		t.Errorf("never: %q", s)
	}
	learn := func(at time.Time, text string) {
		e := incident.Entry{At: at, Kind: incident.Rehearsed, Data: []byte(`{"model":"llama-3","for":"gpt-4o","text":"` + text + `"}`)}
		d.learnRehearsal(e)
	}
	learn(now.Add(-9*24*time.Hour), "refused: tools")
	if s := said(change); !strings.Contains(s, "STALE (older than 7 days)") || !strings.Contains(s, "9 days ago, on llama-3: refused: tools") {
		t.Errorf("stale: %q", s)
	}
	learn(now.Add(-3*time.Minute), "all well")
	learn(now.Add(-time.Hour), "an older one, read later")
	if s := said(change); s != "last rehearsed 3 min ago, on llama-3: all well" {
		t.Errorf("fresh: %q", s)
	}
	d.o.RehearsalAge = time.Minute
	if s := said(change); !strings.Contains(s, "STALE") {
		t.Errorf("by the configured age: %q", s)
	}
	change.Verb = gateway.FallbackOff
	if s := said(change); s != "" {
		t.Errorf("switching it off: %q", s)
	}
}

// A rehearsal is sent beside the desk, one at a time, and what comes out is on record before it is shown.
func TestRunRehearsal(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		asked, answer := make(chan string), make(chan error)
		s := newStageWith(t, dir, nil, func(o *Options) {
			o.Probes = []ProbePoint{{Name: "eu"}}
			o.Rehearse = func(ctx context.Context, endpoint, model string) (RehearsalView, error) {
				if model == "breaks" {
					panic("so it does")
				}
				asked <- endpoint + " " + model
				select {
				case err := <-answer:
					return RehearsalView{Endpoint: "eu", Model: model, Text: "refused: seed", Trials: []TrialView{{Name: "seed", Verdict: "refused"}}}, err
				case <-ctx.Done():
					return RehearsalView{}, ctx.Err()
				}
			}
		})
		defer s.stop()
		type got struct {
			r   Result
			err error
		}
		first := make(chan got, 1)
		run := func(c RunRehearsal) {
			r, err := s.desk.Do(context.Background(), c)
			first <- got{r, err}
		}
		go run(RunRehearsal{Model: "llama-3", For: "gpt-4o", Endpoint: "eu"})
		if a := <-asked; a != "eu llama-3" {
			t.Errorf("asked for %q", a)
		}
		if _, err := s.desk.Do(t.Context(), RunRehearsal{Model: "other"}); err == nil || !strings.Contains(err.Error(), "another one is under way") {
			t.Errorf("a second one meanwhile: %v", err)
		}
		answer <- nil
		g := <-first
		if g.err != nil || g.r.Tried == nil || g.r.Tried.For != "gpt-4o" || len(g.r.Tried.Trials) != 1 {
			t.Errorf("%+v, %v", g.r, g.err)
		}
		go run(RunRehearsal{Model: "llama-3"})
		<-asked
		time.Sleep(RehearsalTimeout) // its target never answers
		if g := <-first; g.err == nil {
			t.Errorf("without an answer: %+v", g.r)
		}
		for _, c := range []RunRehearsal{{}, {Model: "breaks"}} {
			if _, err := s.desk.Do(t.Context(), c); err == nil {
				t.Errorf("%+v was done", c)
			}
		}
		text, err := os.ReadFile(filepath.Join(dir, incident.FileName))
		if n := strings.Count(string(text), `"rehearsal.done"`); err != nil || n != 1 || !strings.Contains(string(text), "refused: seed") {
			t.Errorf("the journal has %d rehearsals: %v", n, err)
		}
	})
}

// A plan has the last rehearsal request by request, also after a restart: from the report in the journal.
func TestAPlanHasTheRehearsalWhole(t *testing.T) {
	now := time.Date(2026, 3, 2, 3, 0, 0, 0, time.UTC)
	d := sighted()
	d.now = func() time.Time { return now }
	d.o.RehearsalAge = time.Hour
	d.points = []*probePoint{{}}
	change := gateway.Change{Verb: gateway.RouteForce, Scope: traffic.Scope{"model": "gpt-4o"}, Value: gateway.Value(`"local-llama"`)}
	if v := d.rehearsed(change); v == nil || !v.At.IsZero() || v.For != "gpt-4o" || v.Model != "" {
		t.Errorf("never, to nobody knows which model: %+v", v)
	}
	d.sig.learn(d.key(map[traffic.Dim]string{traffic.Deployment: "local-llama", traffic.Model: "llama-3", traffic.Region: "local"}))
	if v := d.rehearsed(change); v == nil || v.Model != "llama-3" {
		t.Errorf("never, to a deployment of llama-3: %+v", v)
	}
	report := `{"trials":[{"name":"plain","verdict":"accepted","latency_ms":210.4,"complete":true},` +
		`{"name":"stream","verdict":"broken","latency_ms":430,"ttft_ms":120,"why":"it ends early"},{"name":"seed","verdict":"refused","latency_ms":1e300,"why":"400"}]}`
	d.learnRehearsal(incident.Entry{At: now.Add(-2 * time.Hour), Kind: incident.Rehearsed, Data: []byte(`{"endpoint":"eu","model":"llama-3","for":"gpt-4o","text":"t","report":` + report + `}`)})
	if all := d.rehearsalViews(); len(all) != 1 || all[0].For != "gpt-4o" || all[0].Stale == "" || all[0].Trials != nil {
		t.Errorf("all of them: %+v", all)
	}
	v := d.rehearsed(change)
	if v == nil || v.Stale != "older than 60 min" || v.Endpoint != "eu" || len(v.Trials) != 3 {
		t.Fatalf("it is %+v", v)
	}
	if x := v.Trials[0]; !x.OK || !x.Whole || x.Latency.Milliseconds() != 210 {
		t.Errorf("plain: %+v", x)
	}
	if x := v.Trials[1]; x.OK || x.Whole || x.FirstText != 120*time.Millisecond || x.Text != "430 ms, first text after 120 ms  it ends early" {
		t.Errorf("stream: %+v", x)
	}
	if x := v.Trials[2]; x.OK || x.Latency <= 0 || x.Why != "400" {
		t.Errorf("seed: %+v", x)
	}
	for _, bad := range []string{"", "null", "[]", `{"trials":7}`} {
		if got := trialsOf([]byte(bad)); len(got) != 0 {
			t.Errorf("%q gives %+v", bad, got)
		}
	}
}
