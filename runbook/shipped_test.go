package runbook_test

import (
	"io/fs"
	"os"
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
	class, code string
	truncated   float64
}

func (f traffic) Ask(q runbook.Query) runbook.Answer {
	a := runbook.Answer{Known: true, Samples: 500, Value: 0.4, Num: 200, Den: 500}
	switch q.Metric {
	case "truncated":
		a.Value = f.truncated
	case "count":
		a.Value = 0
		for _, m := range q.Where {
			for _, v := range m.Values {
				if v == f.class || v == f.code {
					a.Value = 200
				}
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
	}
	for _, tt := range tests {
		offers := runbook.Offers(shipped(t), tt.burst, tt.facts)
		if len(offers) == 0 || offers[0].Book.ID != tt.first {
			t.Errorf("%v: offered %+v, want %s first", tt.burst.Classes, offers, tt.first)
		}
	}
}

// A walk through each shipped book passes every step, fills every action and meets no dead end.
func TestShippedBooksCanBeWalked(t *testing.T) {
	burst := map[string]string{"provider": "azure", "model": "gpt-4o", "region": "eu-west", "deployment": "azure-eu-west-gpt-4o", "env": "drill"}
	for _, b := range shipped(t) {
		data := map[string]string{"run": "r"}
		for k, v := range runbook.Bind(b, burst) {
			data["var."+k] = v
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
				if bl.Action != nil && bl.Action.Do != runbook.DoRelease {
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
