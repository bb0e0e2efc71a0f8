package runbook

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

const small = `---
runbook: v1
match: count{code in (502, 524)} over 2m > 10
vars:
  model: {type: model, from: burst.model}
  region: {type: region, from: burst.region, optional: true}
  deployment: {type: deployment, from: burst.deployment, optional: true}
  cap: {type: int, default: 4}
scope: {model: $model, region: $region}
limits: {max-ttl: 1h, max-actions: 2}
---
# Small: {{model}}
## Meaning
Nothing to do here.
## 1. Confirm scope
Look at {{model}}.
` + "```check\nname: real\nthat: error_rate over 2m > 5%\non-false: goto escalate\n```\n" +
	"```branch\n- when: error_rate{region!=$region} over 2m > 30%\n  goto: escalate\n- else: next\n```\n" +
	"## 2. Check provider status\n```ask\nvar: state\nquestion: What does it say?\nchoices: [green, red]\n```\n" +
	"## 3. Reduce load\n" +
	"```action\ndo: cap.set\nscope: {deployment: $deployment}\nset: $cap\nttl: 15m\nwhy: room for {{model}}\nverify: error_rate over 1m < 5% within 5m\non-fail: escalate\n```\n" +
	"### Then wait\n```wait\nuntil: error_rate over 1m < 5%\nat-most: 10m\non-timeout: escalate\n```\n" +
	"## Escalate\n```escalate\nto: [support]\n```\n"

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func smallBook(t *testing.T) *Book {
	t.Helper()
	b, err := Parse("small.md", []byte(small))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func kinds(effects []Effect) string {
	var all []string
	for _, e := range effects {
		s := string(e.Kind)
		if e.To != "" {
			s += ">" + e.To
		}
		all = append(all, s)
	}
	return strings.Join(all, " ")
}

type data = map[string]string

func TestWalk(t *testing.T) {
	b := smallBook(t)
	steps := []struct {
		e       Entry
		current string
		effects string // refuse carries a part of its reason
	}{
		{Entry{Kind: EntryDone}, "", "refuse:has not started"},
		{Entry{Kind: EntryStart, Data: data{"run": "r1", "var.model": "gpt-4o", "var.cap": "nonsense"}}, "1-confirm-scope", "ask_check ask_check"},
		{Entry{Kind: EntryStart}, "1-confirm-scope", "refuse:already started"},
		{Entry{Kind: EntryCheckResult, Block: 0, Data: data{"truth": "false", "text": "error_rate 1%"}}, "1-confirm-scope", "offer>escalate"},
		{Entry{Kind: EntryCheckResult, Block: 0, Data: data{"truth": "unknown", "why": "no data"}}, "1-confirm-scope", ""},
		{Entry{Kind: EntryCheckResult, Block: 1, Data: data{"truth": "true", "to": "escalate"}}, "1-confirm-scope", "offer>escalate"},
		{Entry{Kind: EntryCheckResult, Block: 1, Data: data{"truth": "true", "to": "elsewhere"}}, "1-confirm-scope", ""},
		{Entry{Kind: EntryCheckResult, Block: 9}, "1-confirm-scope", "refuse:no such block"},
		{Entry{Kind: EntryWaitOver, Block: 0}, "1-confirm-scope", "refuse:does not belong"},
		{Entry{Kind: EntryBack}, "1-confirm-scope", "refuse:no step before"},
		{Entry{Kind: EntrySkip}, "1-confirm-scope", "refuse:needs a reason"},
		{Entry{Kind: EntryDone, Step: "3-reduce-load"}, "1-confirm-scope", "refuse:not the current one"},
		{Entry{Kind: EntryDone}, "2-check-provider-status", "ask_operator"},
		{Entry{Kind: EntryDone}, "2-check-provider-status", "refuse:answer first: What does it say?"},
		{Entry{Kind: EntryChoose, Data: data{"var": "state", "value": "blue"}}, "2-check-provider-status", "refuse:choose one of green, red"},
		{Entry{Kind: EntryChoose, Data: data{"var": "weather", "value": "blue"}}, "2-check-provider-status", "refuse:no variable weather"},
		{Entry{Kind: EntryChoose, Data: data{"var": "state", "value": "red"}}, "2-check-provider-status", ""},
		{Entry{Kind: EntryBind, Data: data{"var": "cap", "value": "six"}}, "2-check-provider-status", "refuse:no whole number"},
		{Entry{Kind: EntryBind, Data: data{"var": "cap", "value": "6"}}, "2-check-provider-status", ""},
		{Entry{Kind: EntryDone}, "3-reduce-load", "plan_action"},
		{Entry{Kind: EntryActionPlanned, Data: data{"plan": "p1"}}, "3-reduce-load", ""},
		{Entry{Kind: EntryActionResult, Data: data{"lever": "l1", "state": "active"}}, "3-reduce-load", ""},
		{Entry{Kind: EntryActionResult, Data: data{"lever": "l1", "state": "active", "outcome": "worse"}}, "3-reduce-load", "offer>escalate"},
		{Entry{Kind: EntryDone}, "then-wait", "start_wait"},
		{Entry{Kind: EntryWaitStarted}, "then-wait", ""},
		{Entry{Kind: EntryDone}, "then-wait", "refuse:not over"},
		{Entry{Kind: EntryBack}, "3-reduce-load", "plan_action"},
		{Entry{Kind: EntryJump, Data: data{"to": "nowhere"}}, "3-reduce-load", "refuse:no step nowhere"},
		{Entry{Kind: EntryJump, Data: data{"to": "then-wait"}}, "then-wait", "start_wait"},
		{Entry{Kind: EntryWaitOver, Data: data{"outcome": "timeout"}}, "then-wait", "offer>escalate"},
		{Entry{Kind: EntryJump, Data: data{"to": "escalate"}}, "escalate", "prepare"},
		{Entry{Kind: "dance"}, "escalate", "refuse:unknown kind"},
		{Entry{Kind: EntrySkip, Data: data{"reason": "well again"}}, "", "list_levers"},
		{Entry{Kind: EntryDone}, "", "refuse:has ended"},
		{Entry{Kind: EntryNote, Data: data{"text": "late"}}, "", ""},
		{Entry{Kind: EntryActionResult, Step: "3-reduce-load", Data: data{"lever": "l1", "state": "reverted"}}, "", ""},
	}
	var w Walk
	var entries []Entry
	for i, s := range steps {
		s.e.At = t0.Add(time.Duration(i) * time.Minute)
		before := w
		var effects []Effect
		w, effects = Next(w, b, s.e)
		entries = append(entries, s.e)
		got := kinds(effects)
		if len(effects) == 1 && effects[0].Kind == Refuse {
			want, ok := strings.CutPrefix(s.effects, "refuse:")
			if !ok || !strings.Contains(effects[0].Why, want) {
				t.Fatalf("entry %d %s refused: %s, want %q", i, s.e.Kind, effects[0].Why, s.effects)
			}
			if !reflect.DeepEqual(before, w) {
				t.Fatalf("entry %d was refused and changed the walk", i)
			}
			got = s.effects
		}
		if w.Current != s.current || got != s.effects {
			t.Fatalf("entry %d %s: at %q with %q, want %q with %q", i, s.e.Kind, w.Current, got, s.current, s.effects)
		}
		if folded := Fold(b, entries); !reflect.DeepEqual(folded, w) {
			t.Fatalf("after entry %d the fold differs:\n%+v\n%+v", i, folded, w)
		}
	}
	if w.State != Done || w.Vars["cap"] != "6" || w.Vars["state"] != "red" || !reflect.DeepEqual(w.Levers, []string{"l1"}) {
		t.Errorf("ended as %+v", w)
	}
	if st := w.Step("escalate"); st.State != Skipped || st.Reason != "well again" || st.At.IsZero() {
		t.Errorf("skipped step: %+v", st)
	}
	if st := w.Step("then-wait"); st.Visits != 2 {
		t.Errorf("visited twice: %+v", st)
	}
	if bs := w.Step("3-reduce-load").Blocks[0]; bs.Lever != "l1" || bs.State != "reverted" {
		t.Errorf("action block: %+v", bs)
	}
}

// A resumed wait keeps the absolute deadline it was given, however long the console was gone.
func TestWaitSurvivesRestart(t *testing.T) {
	b := smallBook(t)
	until := t0.Add(7 * time.Minute)
	w := Fold(b, []Entry{
		{At: t0, Kind: EntryStart, Data: data{"var.model": "m"}},
		{At: t0, Kind: EntryJump, Data: data{"to": "then-wait"}},
		{At: t0.Add(time.Second), Kind: EntryWaitStarted, Data: data{"until": until.Format(time.RFC3339Nano)}},
	})
	if w.Pending == nil || w.Pending.Kind != KindWait || !w.Pending.Until.Equal(until) {
		t.Fatalf("pending %+v", w.Pending)
	}
	if e := w.Enter(b); len(e) != 1 || e[0].Kind != StartWait || !e[0].Until.Equal(until) {
		t.Errorf("effects after a resume: %+v", e)
	}
	w, _ = Next(w, b, Entry{At: t0, Kind: EntryBack})
	w, effects := Next(w, b, Entry{At: t0.Add(time.Hour), Kind: EntryJump, Data: data{"to": "then-wait"}})
	if len(effects) != 1 || !effects[0].Until.Equal(t0.Add(70*time.Minute)) || !w.Pending.Until.IsZero() {
		t.Errorf("a second visit waits anew: %+v", effects)
	}
}

func TestAbortListsLevers(t *testing.T) {
	b := smallBook(t)
	w := Fold(b, []Entry{
		{At: t0, Kind: EntryStart, Data: data{"var.model": "m"}},
		{At: t0, Kind: EntryActionResult, Step: "3-reduce-load", Data: data{"lever": "l9", "state": "active"}},
	})
	w, effects := Next(w, b, Entry{At: t0, Kind: EntryAbort, Data: data{"reason": "wrong book"}})
	if w.State != Aborted || w.Reason != "wrong book" || kinds(effects) != "list_levers" || !strings.Contains(effects[0].Why, "l9") {
		t.Errorf("%+v %+v", w, effects)
	}
}

func TestBindAndFields(t *testing.T) {
	b := smallBook(t)
	vars := Bind(b, data{"model": "gpt-4o\x1b[31m", "provider": "azure"})
	if want := (data{"model": "gpt-4o[31m", "cap": "4"}); !reflect.DeepEqual(vars, want) {
		t.Errorf("bound %v, want %v", vars, want)
	}
	busiest := &Book{Vars: []Var{{Name: "m", From: "busiest.model"}, {Name: "r", From: "busiest.region"}, {Name: "d", From: "burst.deployment"}}}
	given := data{"model": "pinned", "busiest.model": "other", "busiest.region": "eu", "busiest.deployment": "no"}
	if got, want := Bind(busiest, given), (data{"m": "pinned", "r": "eu"}); !reflect.DeepEqual(got, want) {
		t.Errorf("busiest: %v, want %v", got, want)
	}
	w := Fold(b, []Entry{{At: t0, Kind: EntryStart}})
	var missing []string
	for _, f := range w.Fields(b) {
		if f.Missing {
			missing = append(missing, f.Name)
		}
	}
	if !reflect.DeepEqual(missing, []string{"model"}) {
		t.Errorf("missing %v", missing)
	}
	check := b.Steps[0].Blocks[0].Check.That
	if r := w.Eval(b, check, numbers()); r.Truth != Unknown || r.Why != "$model is not filled" {
		t.Errorf("a check without its scope: %+v", r)
	}
	if _, err := Resolve(b, b.Steps[2].Blocks[0].Action, w); err == nil || !strings.Contains(err.Error(), "small.md:") || !strings.Contains(err.Error(), "$model is not filled") {
		t.Errorf("resolve without a model: %v", err)
	}
}

func TestResolve(t *testing.T) {
	b := smallBook(t)
	act := b.Steps[2].Blocks[0].Action
	start := func(vars data) Walk {
		d := data{}
		for k, v := range vars {
			d["var."+k] = v
		}
		return Fold(b, []Entry{{At: t0, Kind: EntryStart, Data: d}})
	}
	tests := []struct {
		vars data
		want string
	}{
		{data{"model": "m", "region": "r"}, "cap.set model=m region=r to 4 for 15m"},
		{data{"model": "m"}, "cap.set model=m to 4 for 15m"},
		{data{"model": "m", "region": "r", "deployment": "d", "cap": "9"}, "cap.set d to 9 for 15m"},
	}
	for _, tt := range tests {
		l, err := Resolve(b, act, start(tt.vars))
		if err != nil || l.String() != tt.want || l.Reason != "room for m" {
			t.Errorf("%v: %q %q %v, want %q", tt.vars, l, l.Reason, err, tt.want)
		}
	}
	w := start(data{"model": "m"})
	w.Levers = []string{"a", "b"}
	if _, err := Resolve(b, act, w); err == nil || !strings.Contains(err.Error(), "the book allows 2") {
		t.Errorf("over the limit: %v", err)
	}
}

func TestDecide(t *testing.T) {
	b := smallBook(t)
	w := Fold(b, []Entry{{At: t0, Kind: EntryStart, Data: data{"var.model": "m", "var.region": "r"}}})
	arms := b.Steps[0].Blocks[1].Branch
	f := numbers()
	if d := w.Decide(b, arms, f); d.Truth != True || d.Target != "escalate" || !strings.HasPrefix(d.Text, "error_rate{region!=r} 38.1%") {
		t.Errorf("38%% elsewhere: %+v", d)
	}
	f.answers["error_rate"] = Answer{Known: true, Value: 0.01, Samples: 500}
	if d := w.Decide(b, arms, f); d.Truth != True || d.Target != ToNext || d.Arm != 1 {
		t.Errorf("1%% elsewhere: %+v", d)
	}
	f.answers["error_rate"] = Answer{Known: true, Value: 0.9, Samples: 3}
	if d := w.Decide(b, arms, f); d.Truth != Unknown || d.Target != ToAsk || d.Why == "" {
		t.Errorf("3 samples elsewhere: %+v", d)
	}
}

func TestFill(t *testing.T) {
	b := smallBook(t)
	w := Fold(b, []Entry{{At: t0, Kind: EntryStart, Data: data{"var.model": "gpt-4o"}}})
	filled := w.FillProse(b.Steps[0].Prose)
	if filled[0].Text != "Look at gpt-4o." || filled[0].Spans[0].Text != "Look at gpt-4o." || b.Steps[0].Prose[0].Text != "Look at {{model}}." {
		t.Errorf("filled %+v, book %+v", filled[0], b.Steps[0].Prose[0])
	}
}

func TestValue(t *testing.T) {
	tests := []struct {
		v    Value
		base float64
		json string
	}{
		{Value{Kind: IntValue, Int: 4}, 0, "4"},
		{Value{Kind: PercentValue, Int: 60}, 80, "48"},
		{Value{Kind: PercentValue, Int: 10}, 3, "1"},
		{Value{Kind: PercentValue, Int: 10}, 0, ""},
		{Value{Kind: TextValue, Text: "local-llama-3"}, 0, `"local-llama-3"`},
		{Value{Kind: FieldsValue, Fields: data{"max_attempts": "2", "timeout": "20s"}}, 0, `{"max_attempts":2,"timeout":"20s"}`},
	}
	for _, tt := range tests {
		got, err := tt.v.JSON(tt.base)
		if string(got) != tt.json || (err != nil) != (tt.json == "") {
			t.Errorf("%s of %v: %s %v, want %s", tt.v, tt.base, got, err, tt.json)
		}
	}
}

// TestEscalationIsWalkedByThoseWhoAreLedThere: a step that tells others is no station on the way of those who need nobody. Whoever
// goes there goes on after it, so that nobody who has told others leaves the rest of the book undone. Where nothing leads there it is a
// step like any other.
func TestEscalationIsWalkedByThoseWhoAreLedThere(t *testing.T) {
	const book = "---\nrunbook: v1\n---\n# B\n## One\n```check\nname: x\nthat: error_rate over 2m < 5%\non-false: %s\n```\n" +
		"## Tell\n```escalate\nto: [support]\n```\n## Learn\nWrite it down.\n"
	for _, tt := range []struct{ onFalse, jump, path string }{
		{"escalate-not", "", ""},
		{"tell", "", "one learn"},
		{"tell", "tell", "one tell learn"},
		{"ask", "", "one tell learn"},
		{"learn", "", "one tell learn"},
	} {
		b, err := Parse("b.md", []byte(strings.Replace(book, "%s", tt.onFalse, 1)))
		if tt.path == "" {
			if err == nil {
				t.Errorf("%s: a step that is not there was found", tt.onFalse)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		w, _ := Next(Walk{}, b, Entry{Kind: EntryStart, At: t0})
		var path []string
		for w.Live() {
			path = append(path, w.Current)
			e := Entry{Kind: EntryDone, At: t0}
			if w.Current == "one" && tt.jump != "" {
				e = Entry{Kind: EntryJump, At: t0, Data: data{"to": tt.jump}}
			}
			w, _ = Next(w, b, e)
		}
		if got := strings.Join(path, " "); got != tt.path {
			t.Errorf("on-false: %s, jump %q: walked %s, want %s", tt.onFalse, tt.jump, got, tt.path)
		}
	}
}
