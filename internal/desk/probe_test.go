package desk

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/incident"
	"signalbox/internal/traffic"
	"signalbox/runbook"
)

// answering gives what it was told to, after a while, and remembers what it was asked.
type answering struct {
	took   time.Duration
	answer gateway.ProbeAnswer
	err    error
	asked  []gateway.Probe
}

func (a *answering) Send(ctx context.Context, p gateway.Probe) (gateway.ProbeAnswer, error) {
	a.asked = append(a.asked, p)
	select {
	case <-time.After(a.took):
	case <-ctx.Done():
		return gateway.ProbeAnswer{Failed: context.Cause(ctx).Error(), Latency: a.took}, nil
	}
	out := a.answer
	out.Latency, out.ID, out.Model = a.took, p.ID, p.Model
	return out, a.err
}

const probeBook = `---
runbook: v1
vars: {model: {type: model, from: burst.model}, region: {type: region, optional: true}}
scope: {model: $model, region: $region}
---
# Probes

## Ask

` + "```probe\nname: again\nstream: true\nfields: {temperature: 0}\n```\n\n```branch\n- when: probe.ok\n  goto: end\n- when: probe.class == rate_limited\n  goto: limit\n- else: ask\n```\n\n## Limit\n\nLess.\n\n## End\n\nDone.\n"

func probeStage(t *testing.T, dir string, points ...ProbePoint) *stage {
	t.Helper()
	book, err := runbook.Parse("probes.md", []byte(probeBook))
	if err != nil {
		t.Fatal(err)
	}
	return newStageWith(t, dir, nil, func(o *Options) {
		o.Books, o.Probes = []*runbook.Book{book}, points
	})
}

func well() gateway.ProbeAnswer {
	return gateway.ProbeAnswer{Status: 200, Complete: true, Finish: "stop", FirstToken: 300 * time.Millisecond}
}

// TestProbesInARun: sent when the operator says so, written before and after, judged, and asked by checks.
func TestProbesInARun(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		eu := &answering{took: 2 * time.Second, answer: gateway.ProbeAnswer{Status: 429, Error: true, Text: "Rate limit reached for requests", Code: "rate_limit_exceeded"}}
		us := &answering{took: time.Second, answer: well()}
		s := probeStage(t, dir, ProbePoint{Name: "us", Labels: traffic.Scope{"region": "us-east"}, Sender: us, Every: 10 * time.Second, Budget: 2},
			ProbePoint{Name: "eu", Labels: traffic.Scope{"region": "eu-west"}, Sender: eu, Every: 10 * time.Second, Budget: 2})
		s.do(StartRun{Book: "probes", Vars: map[string]string{"model": "gpt-4o", "region": "eu-west"}})
		block := func(n int) BlockView { return s.desk.Snapshot().Run.Steps[0].Blocks[n] }
		if b := block(0); b.Action != "probe of gpt-4o at eu, streamed, with temperature" || b.Disabled != "" || b.State != "" {
			t.Fatalf("before: %+v", b)
		}
		if b := block(1); b.Truth != CheckUnknown || !strings.Contains(b.Why, "no probe was sent") {
			t.Errorf("the branch before: %+v", b)
		}
		r := s.do(ProbeStep{Block: 0, Step: "ask"})
		if r.Probe == nil || r.Probe.OK || r.Probe.Class != "rate_limited" || !strings.Contains(r.Text, "429 in 2s: Rate limit reached") {
			t.Errorf("answer %q %+v", r.Text, r.Probe)
		}
		if p := eu.asked[0]; p.Model != "gpt-4o" || !p.Stream || p.Large || string(p.Fields["temperature"]) != "0" || !strings.HasPrefix(p.ID, "probe") {
			t.Errorf("asked %+v", p)
		}
		if b := block(1); b.Goto != "limit" {
			t.Errorf("the branch after: %+v", b)
		}
		_, err := s.desk.Do(t.Context(), ProbeStep{Block: 0})
		if err == nil || !strings.Contains(err.Error(), "less than 10s ago; try again in 8s") || !strings.Contains(block(0).Disabled, "less than 10s ago") {
			t.Errorf("too soon: %v, %+v", err, block(0))
		}
		time.Sleep(10 * time.Second)
		eu.answer = well()
		if r := s.do(ProbeStep{Block: 0}); !r.Probe.OK || !strings.Contains(r.Text, "well: 200 in 2s, first token 300ms, complete") || block(1).Goto != "end" {
			t.Errorf("well: %q, %+v", r.Text, block(1))
		}
		time.Sleep(10 * time.Second)
		if _, err := s.desk.Do(t.Context(), ProbeStep{Block: 0}); err == nil || !strings.Contains(err.Error(), "this run has sent 2, which is all it may") {
			t.Errorf("over the budget: %v", err)
		}
		if _, err := s.desk.Do(t.Context(), SendProbe{Request: runbook.ProbeRequest{Model: "m", Endpoint: "asia"}}); err == nil || !strings.Contains(err.Error(), "called asia; there are us, eu") {
			t.Errorf("nowhere: %v", err)
		}
		if r := s.do(SendProbe{Request: runbook.ProbeRequest{Model: "m"}}); !r.Probe.OK || len(us.asked) != 1 {
			t.Errorf("outside of a run: %+v", r)
		}
		s.stop()

		entries, err := incident.ReadAll(dir + "/" + incident.FileName)
		if err != nil {
			t.Fatal(err)
		}
		kinds := ""
		for _, e := range entries {
			if noun := e.Kind.Noun(); noun == "probe" || e.Kind == incident.StepProbed {
				kinds += string(e.Kind) + " "
			}
			var data incident.ProbeData
			if e.Kind == incident.ProbeAnswered && (e.Decode(&data) != nil || !json.Valid(data.Answer) || data.Class == "") {
				t.Errorf("entry %s", e.Data)
			}
		}
		if want := strings.Repeat("probe.sent probe.answered step.probe ", 2) + "probe.sent probe.answered "; kinds != want {
			t.Errorf("journal has %s", kinds)
		}

		// A console that takes the run up knows what its probes said.
		s = probeStage(t, dir, ProbePoint{Name: "eu", Sender: eu})
		defer s.stop()
		for _, x := range s.desk.Snapshot().Resumable {
			if x.Run != "" {
				s.do(ResumeRun{ID: x.Run})
			}
		}
		if v := s.desk.Snapshot().Run; v == nil || v.Steps[0].Blocks[1].Goto != "end" || !strings.Contains(v.Steps[0].Blocks[0].Text, "well: 200") {
			t.Errorf("taken up: %+v", v)
		}
	})
}

func TestProbesAreOffUntilConfigured(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := probeStage(t, dir)
		defer s.stop()
		s.do(StartRun{Book: "probes", Vars: map[string]string{"model": "gpt-4o"}})
		b := s.desk.Snapshot().Run.Steps[0].Blocks
		if !strings.Contains(b[0].Disabled, "no endpoint for probes is configured") || !strings.Contains(b[1].Why, "no endpoint for probes is configured") {
			t.Errorf("%+v", b)
		}
		if _, err := s.desk.Do(t.Context(), ProbeStep{Block: 0}); err == nil || !strings.Contains(err.Error(), "add probes: to the configuration") {
			t.Errorf("sent: %v", err)
		}
	})
}

// The desk does not wait for a probe, and ends it when it leaves.
func TestProbeOnItsWay(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		slow := &answering{took: time.Hour, answer: well()}
		s := probeStage(t, dir, ProbePoint{Name: "eu", Sender: slow}, ProbePoint{Name: "odd", Sender: &answering{err: errors.New("its key: not set")}})
		s.do(StartRun{Book: "probes", Vars: map[string]string{"model": "gpt-4o"}})
		answered := make(chan Result, 1)
		go func() {
			r, _ := s.desk.Do(context.Background(), ProbeStep{Block: 0})
			answered <- r
		}()
		time.Sleep(2 * time.Second)
		if b := s.desk.Snapshot().Run.Steps[0].Blocks[0]; b.State != "sent" {
			t.Errorf("on its way: %+v", b)
		}
		if _, err := s.desk.Do(t.Context(), ProbeStep{Block: 0}); err == nil || !strings.Contains(err.Error(), "has not come back") {
			t.Errorf("a second one: %v", err)
		}
		if _, err := s.desk.Do(t.Context(), SendProbe{Request: runbook.ProbeRequest{Model: "m", Endpoint: "odd"}}); err == nil || !strings.Contains(err.Error(), "its key: not set") {
			t.Errorf("a sender without its key: %v", err)
		}
		s.stop()
		if r := <-answered; r.Probe == nil || r.Probe.OK || r.Probe.Class != "cancelled" {
			t.Errorf("left: %+v", r.Probe)
		}
	})
}

func TestJudgeProbe(t *testing.T) {
	for name, tt := range map[string]struct {
		a    gateway.ProbeAnswer
		want string
	}{
		"well":           {well(), "none"},
		"timed out":      {gateway.ProbeAnswer{TimedOut: true, Failed: "no whole answer within 30s"}, "timeout"},
		"stalled":        {gateway.ProbeAnswer{Status: 200, TimedOut: true, Failed: "no whole answer within 30s", Lacks: "the answer broke off after 3 events"}, "timeout"},
		"refused":        {gateway.ProbeAnswer{Failed: "dial tcp 127.0.0.1:1: connect: connection refused"}, "connection"},
		"cut":            {gateway.ProbeAnswer{Status: 200, Stream: true, Lacks: "the stream ended after 2 events without a finish reason", Text: "rate limit"}, "truncated"},
		"no JSON":        {gateway.ProbeAnswer{Status: 200, Finish: "stop", Invalid: true, Lacks: "the answer is not the JSON that was asked for"}, "invalid_output"},
		"empty":          {gateway.ProbeAnswer{Status: 200, Finish: "stop", Lacks: "the answer is empty"}, "invalid_output"},
		"filtered":       {gateway.ProbeAnswer{Status: 200, Finish: "content_filter", Lacks: "the answer was filtered"}, "content_filtered"},
		"key":            {gateway.ProbeAnswer{Status: 401, Error: true, Code: "invalid_api_key", Text: "Incorrect API key provided"}, "auth"},
		"quota":          {gateway.ProbeAnswer{Status: 429, Error: true, Code: "insufficient_quota", Text: "You exceeded your current quota"}, "quota_exhausted"},
		"model":          {gateway.ProbeAnswer{Status: 404, Error: true, Code: "model_not_found", Text: "The model does not exist"}, "model_not_found"},
		"bare 502":       {gateway.ProbeAnswer{Status: 502, Error: true, Text: "<h1>502 Bad Gateway</h1>"}, "bad_gateway"},
		"524":            {gateway.ProbeAnswer{Status: 524, Error: true}, "timeout"},
		"redirect":       {gateway.ProbeAnswer{Status: 302, Error: true, Text: "moved"}, "invalid_output"},
		"error in a 200": {gateway.ProbeAnswer{Status: 200, Error: true, Type: "overloaded_error", Text: "Overloaded", Lacks: "the answer turned into an error"}, "overloaded"},
	} {
		if v := JudgeProbe(tt.a); v.Class != tt.want || v.OK != (tt.want == "none") || !strings.HasPrefix(v.Text, map[bool]string{true: "well", false: tt.want}[v.OK]) {
			t.Errorf("%s: %+v, want %s", name, v, tt.want)
		}
	}
}
