package runbook

import (
	"os"
	"strings"
	"testing"
	"time"
)

// armedFile puts blocks under one step of an otherwise valid armed file; its first block line is 8.
func armedFile(body string) string {
	return "---\nrunbook: v1\nvars: {model: {from: burst.model}}\nscope: {model: $model}\n---\n# T\n## 1. Do it\n" + body + "\n## End\nThere.\n"
}

func TestArmedErrorsAreLocated(t *testing.T) {
	action := "```action\ndo: cap.set\nset: 4\nttl: 5m\nwhy: w\ncost: c\nverify: error_rate over 1m < 5% within 5m\n"
	tests := []struct{ name, src, want string }{
		{"misspelt key", armedFile(strings.Replace(action, "ttl: 5m", "tll: 5m", 1) + "```"), `x.md:11: unknown key "tll" in action; did you mean ttl?`},
		{"the deadline it lost", armedFile(strings.Replace(action, "ttl: 5m", "tll: 5m", 1) + "```"), "x.md:9: action has no ttl"},
		{"key twice", armedFile(action + "ttl: 6m\n```"), `x.md:15: key "ttl" is given twice`},
		{"unknown verb", armedFile(strings.Replace(action, "cap.set", "cap.sett", 1) + "```"), "x.md:9: do \"cap.sett\" is not known; did you mean cap.set?"},
		{"no value", armedFile(strings.Replace(action, "set: 4\n", "", 1) + "```"), "cap.set has no set"},
		{"bad value", armedFile(strings.Replace(action, "set: 4", "set: 4x%", 1) + "```"), "x.md:10: "},
		{"value without use", armedFile(strings.Replace(action, "cap.set", "target.out", 1) + "```"), "target.out takes no value"},
		{"unknown metric", armedFile("```check\nname: n\nthat: eror_rate > 5%\n```"), "x.md:10: that: unknown metric at \"eror_rate > 5%\"; did you mean error_rate?"},
		{"number as check", armedFile("```check\nname: n\nall: [burst, error_rate]\n```"), "x.md:10: all: a number alone"},
		{"unknown target", armedFile("```check\nname: n\nthat: burst\non-false: goto ende\n```"), `x.md:8: no step "ende" to go to; did you mean end?`},
		{"unknown variable", armedFile("```check\nname: n\nthat: count{region=$modl} > 5\n```"), "x.md:10: check uses the unknown variable $modl; did you mean model?"},
		{"else not last", armedFile("```branch\n- else: next\n- when: burst\n  goto: end\n```"), "x.md:9: else is not the last arm"},
		{"branch without goto", armedFile("```branch\n- when: burst\n```"), "x.md:9: branch has no goto"},
		{"wait without an end", armedFile("```wait\nuntil: burst\n```"), "x.md:9: wait has no at-most"},
		{"ask without a question", armedFile("```ask\nvar: x\n```"), "x.md:9: ask has no question"},
		{"evidence of nothing", armedFile("```evidence\ncapture: [burst, samples 20]\n```"), `x.md:9: cannot capture "samples 20"`},
		{"widening in silence", armedFile(action + "scope: {model: other}\n```"), "action changes model from $model to other"},
		{"widening without typing", armedFile(action + "widen: [model]\n```"), "widening the scope needs a typed confirmation"},
		{"widening what is not limited", armedFile(action + "widen: [region]\nconfirm: typed\n```"), "which the book's scope does not limit"},
		{"not YAML", armedFile("```check\nname: a: b\n```"), "x.md:9: not YAML"},
		{"empty block", armedFile("```check\n```"), "x.md:9: empty"},
		{"an alias", armedFile("```evidence\ncapture: &a [burst]\nbundle: *a\n```"), "bundle is not one value"},
		{"block in a list", armedFile("- item\n  ```check\n  that: burst\n  ```"), "check block inside a list or quote"},
		{"unknown front key", "---\nrunbook: v1\nmoddel: x\n---\n## A\ntext\n", `x.md:3: unknown key "moddel" in front matter`},
		{"unknown version", "---\nrunbook: v2\n---\n## A\ntext\n", `x.md:2: runbook "v2" is not known here`},
		{"unknown dimension", "---\nrunbook: v1\nscope: {regoin: eu}\n---\n## A\ntext\n", `unknown key "regoin" in scope; did you mean region?`},
		{"variable from nowhere", "---\nrunbook: v1\nvars: {a: {from: burst.regoin}}\n---\n## A\ntext\n", `cannot take a from "burst.regoin"`},
		{"bad default", "---\nrunbook: v1\nvars: {a: {type: int, default: many}}\n---\n## A\ntext\n", "no whole number"},
		{"broken front matter still arms", "---\nrunbook: v1\nvars: {a\n---\n## A\ntext\n", "not YAML"},
		{"ttl over the limit", strings.Replace(armedFile(action+"```"), "scope:", "limits: {max-ttl: 1m}\nscope:", 1), "ttl 5m is over the book's max-ttl 1m"},
		{"no step", "---\nrunbook: v1\n---\n# A\ntext\n", "armed file without a step"},
		{"too long", "---\nrunbook: v1\n---\n## A\n" + strings.Repeat("x", maxFile), "armed file of"},
	}
	for _, tt := range tests {
		b, err := Parse("x.md", []byte(tt.src))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error\n%v\nwant %q", tt.name, err, tt.want)
			continue
		}
		if b == nil || b.Armed || len(Errors(err)) == 0 {
			t.Errorf("%s: the file cannot be read beside its errors", tt.name)
		}
		for _, s := range b.Steps {
			if len(s.Blocks) > 0 {
				t.Errorf("%s: a book with errors has live blocks", tt.name)
			}
		}
		for _, e := range Errors(err) {
			if e.File != "x.md" || e.What == "" {
				t.Errorf("%s: not located: %+v", tt.name, e)
			}
		}
	}
	if _, err := Parse("x.md", []byte(armedFile(action+"```"))); err != nil {
		t.Errorf("the file that the mistakes were made in: %v", err)
	}
}

func TestUntrustedFilesStayPlain(t *testing.T) {
	b := ParsePlain("small.md", []byte(small))
	if b.Armed || len(b.Steps) == 0 {
		t.Fatalf("armed %v, %d steps", b.Armed, len(b.Steps))
	}
	code := false
	for _, s := range b.Steps {
		if len(s.Blocks) > 0 {
			t.Errorf("step %s has blocks", s.Slug)
		}
		walkProse(s.Prose, func(p *Prose) { code = code || strings.Contains(p.Text, "do: cap.set") })
	}
	if !code {
		t.Error("the block is not even shown")
	}
}

func TestLintArmed(t *testing.T) {
	src := strings.NewReplacer(
		"vars: {model", "vars: {spare: {}, model",
	).Replace(armedFile("```check\nthat: burst\non-false: goto 1-do-it\n```\n```branch\n- when: burst\n  goto: end\n```\n" +
		"See {{moddel}}.\n## 2. Act\n```action\ndo: cap.set\nset: 4\nttl: 5m\nwhy: w\nverify: error_rate over 1m < 5%\n```\n```check\nname: again\nthat: burst\non-false: goto 1-do-it\n```"))
	b, err := Parse("x.md", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range Lint(b) {
		all = append(all, f.String())
	}
	got := strings.Join(all, "\n")
	for _, want := range []string{
		"no match", "nothing uses the variable spare", "check has no name", "branch has no else", "unknown variable {{moddel}}",
		"cap.set has no cost", "a lever without a word of prose", "verify has no end", "goes back to 1-do-it with neither a wait nor a question",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("lint does not say %q:\n%s", want, got)
		}
	}
}

func TestReviewDue(t *testing.T) {
	b := &Book{Reviewed: "2026-01-01", ReviewEvery: 24 * time.Hour * 90}
	if _, due := ReviewDue(b, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)); due {
		t.Error("due too early")
	}
	if f, due := ReviewDue(b, time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)); !due || !strings.Contains(f.What, "2026-04-01") {
		t.Errorf("not due: %+v", f)
	}
}

func TestOffers(t *testing.T) {
	file := func(id, match, scope, vars string) *Book {
		b, err := Parse(id+".md", []byte("---\nrunbook: v1\nmatch: "+match+"\nvars: {"+vars+"}\nscope: {"+scope+"}\n---\n## A\ntext\n"))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	model := "model: {from: burst.model}, region: {from: burst.region}"
	books := []*Book{
		ParsePlain("old.md", []byte("# What to do about 502 from gpt-4o\ntext\n")),
		ParsePlain("other.md", []byte("# Disk full\ntext\n")),
		file("limits", "count{class=rate_limited} over 2m > 10", "model: $model, region: $region", model),
		file("provider", "count{class in (connection, bad_gateway)} over 2m > 10", "provider: $provider", "provider: {from: burst.provider}"),
		file("region", "count{code in (502, 524)} over 2m > 10", "model: $model, region: $region", model),
		file("silent", "inflight > 3", "model: $model", "model: {from: burst.model}"),
	}
	f := &board{answer: func(q Query) (Answer, bool) {
		for _, m := range q.Where {
			if m.Label == "class" && m.Values[0] == "rate_limited" {
				return Answer{Known: true, Value: 1, Samples: 500}, true
			}
		}
		if q.Metric == "count" {
			return Answer{Known: true, Value: 80, Samples: 500}, true
		}
		return Answer{Why: "no gauge"}, true
	}}
	ids := func(v BurstView) string {
		var all []string
		for _, o := range Offers(books, v, f) {
			if o.Why == "" {
				t.Errorf("%s is offered without a why", o.Book.ID)
			}
			all = append(all, o.Book.ID)
		}
		return strings.Join(all, " ")
	}
	one := BurstView{
		Scope:   data{"provider": "azure", "model": "gpt-4o", "region": "eu-west"},
		Classes: map[string]int64{"bad_gateway": 60, "timeout": 40}, Codes: map[int]int64{502: 60, 524: 40, 200: 900},
	}
	if got := ids(one); got != "region provider old" {
		t.Errorf("one model in one region: %s", got)
	}
	whole := BurstView{Scope: data{"provider": "azure"}, Classes: map[string]int64{"connection": 60, "bad_gateway": 40}, Codes: map[int]int64{502: 40}}
	if got := ids(whole); got != "provider region old" {
		t.Errorf("a whole provider: %s", got)
	}
	if got := Offers(books, one, nil); len(got) != 1 || got[0].Book.ID != "old" {
		t.Errorf("without numbers only words count: %+v", got)
	}
	slow, err := Parse("slow.md", []byte("# Latency of one model\n\n## Look at the queue\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := Offers([]*Book{slow}, BurstView{Kind: "latency", Scope: data{"model": "gpt-4o"}}, nil); len(got) != 1 || !strings.Contains(got[0].Why, "latency") {
		t.Errorf("a burst without failures is known by its kind: %+v", got)
	}
	if got := Offers([]*Book{slow}, one, nil); len(got) != 0 {
		t.Errorf("and others are not: %+v", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte(armedFile("```branch\n- when: burst\n  goto: end\n- else: next\n```")))
	f.Add([]byte("# A\n## Fix\n1. a\n   ```sh\n   $ cat <<E\n   E\n   ```\n- [ ] b\n\n| a | b |\n|-|-|\n<details>&#27;\n"))
	if src, err := os.ReadFile("../runbooks/llm-5xx-one-model-one-region.md"); err == nil {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		b, err := Parse("x.md", src)
		if b == nil || (err != nil && len(Errors(err)) == 0) {
			t.Fatalf("book %v, error %v", b, err)
		}
		if err == nil && b.Armed && len(b.Steps) == 0 {
			t.Fatal("armed without steps")
		}
		for _, s := range b.Sections {
			walkProse(s.Prose, func(p *Prose) {
				if p.Text != clean(p.Text) {
					t.Fatalf("not clean: %q", p.Text)
				}
			})
		}
		seen := map[string]bool{}
		for _, s := range b.Steps {
			if s.Slug == "" || seen[s.Slug] || s.Title != clean(s.Title) {
				t.Fatalf("step %+v", s)
			}
			seen[s.Slug] = true
		}
		for _, finding := range Lint(b) {
			if s := finding.String(); s != clean(s) {
				t.Fatalf("finding %q", s)
			}
		}
		if err != nil {
			if s := err.Error(); s != clean(s) {
				t.Fatalf("error %q", s)
			}
		}
		if len(b.Steps) > 0 {
			w, _ := Next(Walk{}, b, Entry{Kind: EntryStart, Data: Bind(b, data{"model": "m"})})
			for range b.Steps {
				w, _ = Next(w, b, Entry{Kind: EntrySkip, Data: data{"reason": "fuzz"}})
			}
			if w.State != Done {
				t.Fatalf("skipping every step ends as %q at %q", w.State, w.Current)
			}
		}
	})
}

func FuzzParseExpr(f *testing.F) {
	for _, s := range []string{
		"count{code in (502, 524), route!=\"a b\"} over 2m > 20", "p95(ttft) over 5m > 2 * p95(ttft) over 5m offset 1h",
		"not (burst or lever{verb=cap.set}) and error_rate{region=*} < 5% for 1m within 5m", "20% of token_throughput > $x", "amplification>2",
		"$a == \"all green\" and ($b not in (x, $c) or not $d) and limit <= $e", "$a > 5% or 4s > $b",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		e, err := ParseExpr("x.md", 3, src)
		if err != nil {
			if s := err.Error(); !strings.HasPrefix(s, "x.md:3: ") || s != clean(s) {
				t.Fatalf("error %q", s)
			}
			return
		}
		// Unknown never passes: with nothing known no expression is true or false, and it says why.
		if r := e.Eval(&board{}, data{"model": "m"}); len(e.Metrics()) > 0 && r.Truth != Unknown && !constant(e) || (r.Truth == Unknown) == (r.Why == "") {
			t.Fatalf("%q: %+v", src, r)
		}
		// What is read back from its own words means the same.
		again, err := ParseExpr("x.md", 3, e.Source)
		if err != nil {
			t.Fatalf("%q does not read back: %v", e.Source, err)
		}
		if a, b := e.Eval(numbers(), nil), again.Eval(numbers(), nil); a.Truth != b.Truth {
			t.Fatalf("%q: %v and %v", src, a, b)
		}
	})
}

// constant tells whether a comparison of two plain numbers stands in the expression: it needs no facts.
func constant(e Expr) bool {
	found := false
	var look func(n truthNode)
	look = func(n truthNode) {
		switch n := n.(type) {
		case *answerNode:
			found = found || n.op == "" // whether something is filled is always known
		case compareNode:
			asks := false
			n.each(func(*queryNode) { asks = true })
			found = found || !asks
		case andNode:
			look(n.a)
			look(n.b)
		case orNode:
			look(n.a)
			look(n.b)
		case notNode:
			look(n.x)
		case heldNode:
			look(n.x)
		}
	}
	look(e.root)
	return found
}
