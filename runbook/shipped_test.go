package runbook_test

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"signalbox/runbook"
)

func shipped(t *testing.T) []*runbook.Book {
	t.Helper()
	dir := os.DirFS("../runbooks")
	names, err := fs.Glob(dir, "*.md")
	if err != nil || len(names) == 0 {
		t.Fatal("no shipped playbooks", err)
	}
	var books []*runbook.Book
	for _, name := range names {
		src, err := fs.ReadFile(dir, name)
		if err != nil {
			t.Fatal(err)
		}
		b, err := runbook.Parse(name, src)
		if err != nil {
			t.Fatal(err)
		}
		books = append(books, b)
	}
	return books
}

// traffic answers every metric as in one incident: a share of the requests fails with one class and code.
type traffic struct {
	class, code    string
	truncated      float64
	slower, larger float64 // than before: times
}

func (f traffic) Ask(q runbook.Query) runbook.Answer {
	a := runbook.Answer{Known: true, Samples: 500, Value: 0.4, Num: 200, Den: 500}
	switch q.Metric {
	case "truncated":
		a.Value = f.truncated
	case "burst", "lever", "breaker", "probe.ok":
		a.Truth = runbook.False
	case "latency", "ttft":
		a.Value = 2
		if q.Offset == 0 {
			a.Value *= max(f.slower, 1)
		}
	case "tokens_in", "tokens_out":
		a.Value = 1000
		if q.Offset == 0 {
			a.Value *= max(f.larger, 1)
		}
	case "count":
		a.Value = 0
		for _, m := range q.Where {
			hit := slices.Contains(m.Values, f.class) || slices.Contains(m.Values, f.code)
			if (m.Label == "class" || m.Label == "code") && hit == (m.Op == "=" || m.Op == "in") {
				a.Value = 200
			}
		}
	}
	return a
}

// Each of the shipped books is the first one offered for the burst that it was written for.
func TestShippedBooksAreOffered(t *testing.T) {
	type scope = map[string]string
	one := scope{"provider": "azure", "model": "gpt-4o", "region": "eu-west"}
	tests := []struct {
		burst runbook.BurstView
		facts traffic
		first string
	}{
		{
			runbook.BurstView{Scope: one, Classes: map[string]int64{"bad_gateway": 60, "timeout": 35, "no_healthy_upstream": 30}, Codes: map[int]int64{502: 60, 504: 35, 503: 30}},
			traffic{class: "bad_gateway", code: "502"},
			"llm-5xx-one-model-one-region",
		},
		{
			runbook.BurstView{Scope: one, Classes: map[string]int64{"bad_gateway": 60, "timeout": 35}},
			traffic{class: "bad_gateway"},
			"llm-5xx-one-model-one-region",
		},
		{
			runbook.BurstView{Scope: scope{"provider": "openai"}, Classes: map[string]int64{"rate_limited": 90, "no_healthy_upstream": 5}, Codes: map[int]int64{429: 90}},
			traffic{class: "rate_limited", code: "429"},
			"rate-limit-storm",
		},
		{
			runbook.BurstView{Scope: scope{"provider": "azure"}, Classes: map[string]int64{"connection": 90, "bad_gateway": 10}, Codes: map[int]int64{502: 10}},
			traffic{class: "connection"},
			"provider-down",
		},
		{
			runbook.BurstView{Scope: scope{"provider": "azure", "model": "gpt-4o-mini", "region": "us-east", "stream": "true"}, Classes: map[string]int64{"truncated": 90}, Codes: map[int]int64{200: 90}},
			traffic{class: "truncated", code: "200", truncated: 0.6},
			"truncated-streams",
		},
		{
			runbook.BurstView{Scope: one, Classes: map[string]int64{"timeout": 95, "bad_gateway": 5}, Codes: map[int]int64{524: 95, 502: 5}},
			traffic{class: "timeout", code: "524"},
			"llm-5xx-one-model-one-region",
		},
		{
			runbook.BurstView{Scope: one, Classes: map[string]int64{"timeout": 95}, Codes: map[int]int64{524: 95}},
			traffic{class: "timeout", code: "524"},
			"timeouts-long-requests",
		},
		{
			runbook.BurstView{Scope: scope{"provider": "azure"}, Classes: map[string]int64{"server_error": 90}, Codes: map[int]int64{500: 90}},
			traffic{class: "server_error", code: "500"},
			"provider-down",
		},
		{
			runbook.BurstView{Scope: scope{"provider": "anthropic"}, Classes: map[string]int64{"overloaded": 90}, Codes: map[int]int64{529: 90}},
			traffic{class: "overloaded", code: "529"},
			"provider-overloaded",
		},
		{
			runbook.BurstView{Scope: scope{"model": "gpt-4o"}, Classes: map[string]int64{"no_healthy_upstream": 90, "bad_gateway": 4}, Codes: map[int]int64{503: 90, 502: 4}},
			traffic{class: "no_healthy_upstream", code: "503"},
			"gateway-cool-down",
		},
		{runbook.BurstView{Kind: "latency", Scope: one, Classes: map[string]int64{"none": 300}}, traffic{slower: 5}, "latency-and-tokens"},
		{runbook.BurstView{Kind: "traffic", Scope: scope{"model": "gpt-4o"}, Classes: map[string]int64{"none": 300}}, traffic{larger: 6}, "cost-runaway"},
	}
	for class, want := range shippedFor {
		tests = append(tests, struct {
			burst runbook.BurstView
			facts traffic
			first string
		}{runbook.BurstView{Scope: one, Classes: map[string]int64{class: 90, "none": 10}}, traffic{class: class}, want})
	}
	books := shipped(t)
	for _, tt := range tests {
		offers := runbook.Offers(books, tt.burst, tt.facts)
		if len(offers) == 0 || offers[0].Book.ID != tt.first || offers[0].Why == "" {
			t.Errorf("%v %v: offered %s, want %s first", tt.burst.Kind, tt.burst.Classes, offered(offers), tt.first)
		}
	}
}

// shippedFor names the book that is first for a burst of one class, on one model in one region.
var shippedFor = map[string]string{
	"rate_limited": "rate-limit-storm", "quota_exhausted": "quota-exhausted", "overloaded": "provider-overloaded", "unavailable": "provider-overloaded",
	"auth": "auth-and-keys", "account_suspended": "auth-and-keys", "model_not_found": "api-error-triage", "bad_request": "api-error-triage",
	"context_overflow": "refused-requests", "content_filtered": "refused-requests", "server_error": "api-error-triage",
	"bad_gateway": "llm-5xx-one-model-one-region", "timeout": "timeouts-long-requests", "connection": "provider-down",
	"truncated": "truncated-streams", "invalid_output": "truncated-streams", "no_healthy_upstream": "gateway-cool-down", "cancelled": "latency-and-tokens",
}

// Every class of failure has a book.
func TestEveryClassHasABook(t *testing.T) {
	for _, class := range runbook.Vocabulary().Classes {
		if class != "none" && shippedFor[class] == "" {
			t.Errorf("no shipped book is first for %s", class)
		}
	}
}

func offered(all []runbook.Offer) string {
	var s []string
	for _, o := range all {
		s = append(s, fmt.Sprintf("%s (%.2f: %s)", o.Book.ID, o.Score, o.Why))
	}
	return strings.Join(s, "\n\t")
}

// A walk through each shipped book passes every step, fills every action and meets no dead end.
func TestShippedBooksCanBeWalked(t *testing.T) {
	burst := map[string]string{"provider": "azure", "model": "gpt-4o", "region": "eu-west", "deployment": "azure-eu-west-gpt-4o", "env": "drill"}
	for _, b := range shipped(t) {
		data := map[string]string{"run": "r"}
		for k, v := range runbook.Bind(b, burst) {
			data["var."+k] = v
		}
		for _, v := range b.Vars { // what only the operator knows
			if data["var."+v.Name] == "" && v.From == "" {
				data["var."+v.Name] = "another-" + v.Type
			}
		}
		w, _ := runbook.Next(runbook.Walk{}, b, runbook.Entry{Kind: runbook.EntryStart, Data: data})
		levers := map[string]string{}
		for steps := 0; w.Live() && steps < 100; steps++ {
			step, _ := b.Step(w.Current)
			for i, bl := range step.Blocks {
				e := runbook.Entry{Step: step.Slug, Block: i}
				switch bl.Kind {
				case runbook.KindAsk:
					e.Kind, e.Data = runbook.EntryChoose, map[string]string{"var": bl.Ask.Var, "value": "text"}
					if len(bl.Ask.Choices) > 0 {
						e.Data["value"] = bl.Ask.Choices[0]
					}
				case runbook.KindWait:
					e.Kind = runbook.EntryWaitOver
				case runbook.KindAction:
					l, err := runbook.Resolve(b, bl.Action, w)
					if err != nil {
						t.Error(err)
					}
					if strings.Contains(l.Reason+l.Cost, "{{") {
						t.Errorf("%s: not filled: %s %s", step.Slug, l.Reason, l.Cost)
					}
					levers[l.Verb] = l.String()
					continue
				case runbook.KindCheck:
					if r := w.Eval(b, bl.Check.That, traffic{class: "bad_gateway", code: "502"}); r.Truth == runbook.Unknown {
						t.Errorf("%s: %s: %s", step.Slug, r.Text, r.Why)
					}
					continue
				default:
					continue
				}
				var effects []runbook.Effect
				w, effects = runbook.Next(w, b, e)
				for _, f := range effects {
					if f.Kind == runbook.Refuse {
						t.Errorf("%s: %s", step.Slug, f.Why)
					}
				}
			}
			w, _ = runbook.Next(w, b, runbook.Entry{Kind: runbook.EntryDone})
		}
		if w.State != runbook.Done {
			t.Errorf("%s: ends as %q at %q", b.ID, w.State, w.Current)
		}
		for verb, want := range map[string]string{
			"cap.set": "cap.set azure-eu-west-gpt-4o to ", "target.out": "target.out azure-eu-west-gpt-4o for ",
			"fallback.on": "fallback.on model=gpt-4o for ", "workload.pause": "workload.pause workload=batch for ",
			"shed.set": "shed.set workload=interactive to 20 for ", "route.force": "route.force model=gpt-4o to ",
			"breaker.reset": "breaker.reset azure-eu-west-gpt-4o", "retry.set": "retry.set to max_attempts ",
		} {
			if got, has := levers[verb]; has && !strings.HasPrefix(got, want) {
				t.Errorf("%s: %q, want %q", b.ID, got, want)
			}
		}
	}
}

func TestShippedBooksAreClean(t *testing.T) {
	for _, b := range shipped(t) {
		if !b.Armed || b.Match == "" || b.ID+".md" != b.Name {
			t.Errorf("%s: armed %v, id %q, match %q", b.Name, b.Armed, b.ID, b.Match)
		}
		for _, f := range runbook.Lint(b) {
			t.Error(f)
		}
		stages := map[int]bool{}
		levers := 0
		for _, s := range b.Steps {
			stages[s.Stage] = true
			for _, bl := range s.Blocks {
				if bl.Action != nil {
					levers++
				}
			}
		}
		for n := 1; n <= 6; n++ {
			if !stages[n] {
				t.Errorf("%s has no step of stage %d", b.Name, n)
			}
		}
		if levers == 0 {
			t.Errorf("%s throws no lever", b.Name)
		}
		if os.Getenv("SHOW") != "" {
			for _, s := range b.Steps {
				t.Log(s.Stage, s.Slug, s.Role, s.Line, len(s.Prose), len(s.Blocks), strings.Join(func() (k []string) {
					for _, b := range s.Blocks {
						k = append(k, string(b.Kind))
					}
					return
				}(), " "))
			}
		}
	}
}
