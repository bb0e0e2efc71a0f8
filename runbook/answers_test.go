package runbook

import (
	"strings"
	"testing"
)

func TestAnswersInExpressions(t *testing.T) {
	vars := map[string]string{"rehearsal": "yes", "model": "gpt-4o", "cap": "8", "share": "40%", "state": "all green", "off": "no", "other": "gpt-4o", "word": "abc"}
	tests := []struct {
		src   string
		truth Truth
		text  string
		why   string
	}{
		{"$rehearsal == yes", True, "$rehearsal (yes) == yes", ""},
		{"$rehearsal = no", False, "$rehearsal (yes) = no", ""},
		{"$rehearsal != no", True, "", ""},
		{"$rehearsal in (yes, partly)", True, "$rehearsal (yes) in (yes, partly)", ""},
		{"$rehearsal not in (yes, partly)", False, "", ""},
		{`$state == "all green"`, True, "", ""},
		{"$model", True, "$model (gpt-4o)", ""},
		{"$backup", False, "$backup (not filled)", ""},
		{"not $backup", True, "", ""},
		{"$off", False, "", ""},
		{"$model == $other", True, "", ""},
		{"$model == $backup", Unknown, "", "$backup is not filled"},
		{"$backup == gpt-4o", Unknown, "$backup (not filled) == gpt-4o", "$backup is not filled"},
		{"$backup != gpt-4o", Unknown, "", "$backup is not filled"},
		{"not ($backup == gpt-4o)", Unknown, "", "$backup is not filled"},
		{"$backup == x or burst", True, "", ""},
		{"$backup == x and lever", False, "", ""},
		{"($rehearsal == yes) and error_rate over 2m > 5%", True, "", ""},
		{"$cap > 4", True, "$cap (8) > 4", ""},
		{"$cap >= 2 * requests over 1m", True, "", ""},
		{"4 < $cap", True, "4 < $cap (8)", ""},
		{"error_rate over 2m < $share", True, "< $share (40%)", ""},
		{"$share > 5%", True, "", ""},
		{"$share > 5", Unknown, "", `$share is "40%", which is not in the unit of the other side`},
		{"$word < 5", Unknown, "", `$word is "abc", which is no number`},
		{"$nothing < 5", Unknown, "", "$nothing is not filled"},
	}
	for _, tt := range tests {
		e, err := ParseExpr("b.md", 7, tt.src)
		if err != nil {
			t.Errorf("%s: %v", tt.src, err)
			continue
		}
		r := e.Bind(vars).Eval(numbers(), nil)
		if r.Truth != tt.truth || !strings.Contains(r.Text, tt.text) || !strings.Contains(r.Why, tt.why) {
			t.Errorf("%s\n got %v %q why %q\nwant %v %q why %q", tt.src, r.Truth, r.Text, r.Why, tt.truth, tt.text, tt.why)
		}
		if len(e.Vars()) == 0 {
			t.Errorf("%s names no variable", tt.src)
		}
	}
	for src, want := range map[string]string{
		"$ == yes": "$ without a name", "$x in yes": "a list is missing", "$x not (a)": "cannot read the rest", "$x == *": "ask whether it is filled",
		"$x < burst": "compared with something that is no number", "$x == ": "a value is missing", "$x * 2 > 5": "a field cannot be multiplied",
		"$x <": "a metric is missing", "5% of $x > 2": "a percentage of true or false",
	} {
		if _, err := ParseExpr("b.md", 7, src); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", src, err, want)
		}
	}
}

const rehearsed = `---
runbook: v1
vars:
  model: {type: model, from: burst.model}
  backup: {type: model, optional: true}
scope: {model: $model}
---
# T

## Ask

` + "```ask\nvar: rehearsal\nquestion: Did the rehearsal pass?\nchoices: [yes, no, not tried]\n```\n\n" + `## Judge

` + "```check\nname: somewhere to go\nthat: $backup\non-false: escalate\n```\n\n" +
	"```branch\n- when: $rehearsal == yes and error_rate over 2m > 5%\n  goto: fall-back\n- when: $rehearsal in (no, \"not tried\")\n  goto: escalate\n- else: ask\n```\n\n" + `## Fall back

Go.

## Escalate

Call.
`

// A branch goes where the operator's answer says, in a trial and after a restart in the middle.
func TestAnswersDecideBranches(t *testing.T) {
	b, err := Parse("t.md", []byte(rehearsed))
	if err != nil {
		t.Fatal(err)
	}
	for answers, want := range map[string]string{
		"fields: {backup: b}\nanswers: {rehearsal: yes}":           "ask judge fall-back escalate",
		"fields: {backup: b}\nanswers: {rehearsal: no}":            "ask judge escalate",
		`answers: {rehearsal: yes}`:                                "ask judge escalate",
		"fields: {backup: b}\nanswers: {rehearsal: \"not tried\"}": "ask judge escalate",
	} {
		ran := trialOf(t, b, "burst: {model: m}\n"+answers+"\nnumbers: [{metric: error_rate, is: 40%}]")
		if got := strings.Join(ran.Path, " "); got != want || len(ran.Failures) > 0 {
			t.Errorf("%s goes %s, want %s %v", answers, got, want, ran.Failures)
		}
	}
	entries := []Entry{
		{Kind: EntryStart, Data: map[string]string{"run": "r", "var.model": "m"}},
		{Kind: EntryChoose, Data: map[string]string{"var": "rehearsal", "value": "no"}},
		{Kind: EntryDone},
	}
	w := Fold(b, entries)
	st, _ := b.Step("judge")
	if d := w.Decide(b, st.Blocks[1].Branch, numbers()); d.Truth != True || d.Target != "escalate" {
		t.Errorf("after a restart it decides %+v", d)
	}
}

// While the scope is open no number counts, but what the operator answered does.
func TestAnswersWithAnOpenScope(t *testing.T) {
	b, err := Parse("t.md", []byte(rehearsed))
	if err != nil {
		t.Fatal(err)
	}
	w := Fold(b, []Entry{{Kind: EntryStart}, {Kind: EntryChoose, Data: map[string]string{"var": "rehearsal", "value": "no"}}, {Kind: EntryDone}})
	st, _ := b.Step("judge")
	if d := w.Decide(b, st.Blocks[1].Branch, numbers()); d.Truth != True || d.Target != "escalate" {
		t.Errorf("no with an open scope: %+v", d)
	}
	w.Vars["rehearsal"] = "yes"
	if d := w.Decide(b, st.Blocks[1].Branch, numbers()); d.Truth != Unknown || d.Why != "$model is not filled" {
		t.Errorf("yes with an open scope: %+v", d)
	}
}

func TestAnswersAreKnownNames(t *testing.T) {
	for from, c := range map[string]struct{ to, want string }{
		"when: $rehearsal == yes":  {"when: $rehearsl == yes", "did you mean rehearsal?"},
		"in (no, \"not tried\")":   {"in (no, maybe)", `compares $rehearsal with "maybe", which is no answer to it`},
		"that: $backup":            {"that: $backups", "did you mean backup?"},
		"- else: ask":              {"- when: $late == yes\n  goto: next\n- else: ask", "unknown variable $late"},
		"that: $backup\non-false:": {"that: $backup == $nobody\non-false:", "unknown variable $nobody"},
	} {
		_, err := Parse("t.md", []byte(strings.Replace(rehearsed, from, c.to, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.to, err, c.want)
		}
	}
	late := strings.Replace(rehearsed, "## Escalate\n", "## Escalate\n\n```ask\nvar: late\nquestion: Late?\nchoices: [yes, no]\n```\n", 1)
	late = strings.Replace(late, "- else: ask", "- when: $late == yes\n  goto: next\n- else: ask", 1)
	b, err := Parse("t.md", []byte(late))
	if err != nil {
		t.Fatal(err)
	}
	found := ""
	for _, f := range Lint(b) {
		found += f.String() + "\n"
	}
	if !strings.Contains(found, "needs the answer $late, which is asked later, in escalate") {
		t.Errorf("lint says %s", found)
	}
	for src, want := range map[string]string{"answers: {rehearsl: yes}": "did you mean rehearsal?", "fields: {bakup: x}": "did you mean backup?"} {
		if _, err := ParseTrial("t.yaml", []byte(src), b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", src, err, want)
		}
	}
}
