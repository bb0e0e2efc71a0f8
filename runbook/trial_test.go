package runbook

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every shipped book has a test, and walks the way that it says.
func TestShippedBooksWalkAsTheirTestsSay(t *testing.T) {
	books, err := filepath.Glob("../runbooks/*.md")
	if err != nil || len(books) == 0 {
		t.Fatal("no shipped runbook", err)
	}
	for _, path := range books {
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Parse(filepath.Base(path), src)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(path, ".md") + ".test.yaml"
		test, err := os.ReadFile(name)
		if err != nil {
			t.Errorf("%s has no test: %v", path, err)
			continue
		}
		trials, err := ParseTrials(filepath.Base(name), test, b)
		if err != nil {
			t.Fatal(err)
		}
		unknown := false
		for _, trial := range trials {
			ran := trial.Run(b)
			for _, f := range ran.Failures {
				t.Error(f)
			}
			unknown = unknown || len(ran.Unknown) > 0
		}
		if !unknown || len(trials) < 3 {
			t.Errorf("%s: %d cases, one with unknown data: %v", name, len(trials), unknown)
		}
	}
}

func trialOf(t *testing.T, b *Book, src string) Ran {
	t.Helper()
	trial, err := ParseTrial("x.test.yaml", []byte(src), b)
	if err != nil {
		t.Fatal(err)
	}
	return trial.Run(b)
}

// A run that is given up asks for each lever that is out.
func TestTrialAborts(t *testing.T) {
	b := smallBook(t)
	src := "burst: {model: m, region: r}\nnumbers:\n- {metric: error_rate, is: 40%}\n- {metric: 'error_rate{region!=$region}', is: 1%}\nat: {escalate: abort}\n"
	back := trialOf(t, b, src)
	if n := len(back.Levers); n != 2 || back.Levers[1] != "undo "+back.Levers[0] || back.End != "escalate" {
		t.Errorf("taken back: %v, ends at %s\n%s", back.Levers, back.End, strings.Join(back.Log, "\n"))
	}
	kept := trialOf(t, b, src+"keep: [cap.set]\n")
	if len(kept.Levers) != 1 || !strings.Contains(strings.Join(kept.Log, "\n"), "keeps cap.set") {
		t.Errorf("kept: %v\n%s", kept.Levers, strings.Join(kept.Log, "\n"))
	}
	if _, err := ParseTrial("x", []byte("keep: [cap.st]"), b); err == nil || !strings.Contains(err.Error(), "unknown lever") {
		t.Errorf("a verb that is none: %v", err)
	}
}

func TestTrialSeesWhatGoesWrong(t *testing.T) {
	b := smallBook(t)
	numbers := "numbers:\n- {metric: error_rate, is: 40%}\n- {metric: 'error_rate{region!=$region}', is: 1%}\n"
	tests := []struct{ name, src, failure string }{
		{"another path", "burst: {model: m, region: r}\n" + numbers + "at: {then-wait: stop}\nexpect: {path: [1-confirm-scope, escalate]}", "path is [1-confirm-scope, 2-check-provider-status, 3-reduce-load"},
		{"another end", "burst: {model: m, region: r}\n" + numbers + "at: {1-confirm-scope: stop}\nexpect: {end: done}", "ends at 1-confirm-scope, expected done"},
		{"a lever that does not help", "burst: {model: m, region: r}\n" + numbers + "at: {escalate: stop}\nexpect: {outcomes: {3-reduce-load: helped}}", "outcome of 3-reduce-load is failed, expected helped"},
		{"a wait that is not met", "burst: {model: m, region: r}\n" + numbers + "at: {escalate: stop, 3-reduce-load: next}\nexpect: {waits: {then-wait: met}}", "wait of then-wait is timeout, expected met"},
		{"an answer that is none of the choices", "burst: {model: m}\nanswers: {state: blue}\n" + numbers, "choose one of green, red"},
		{"offered", "burst: {model: m}\nnumbers:\n- {metric: 'count{code in (502, 524)}', is: 3}\nat: {1-confirm-scope: stop}\nexpect: {offered: yes}", "offered is no, expected yes"},
	}
	for _, tt := range tests {
		ran := trialOf(t, b, tt.src)
		if len(ran.Failures) != 1 || !strings.Contains(ran.Failures[0].What, tt.failure) || ran.Failures[0].Line == 0 {
			t.Errorf("%s: %v\n%s", tt.name, ran.Failures, strings.Join(ran.Log, "\n"))
		}
	}

	ran := trialOf(t, b, "burst: {model: m, region: r}\n"+numbers+"- {metric: error_rate, is: 2%, after: cap.set, from: 40s}\ngateway: {}\n")
	if ran.End != "done" || ran.Outcomes["3-reduce-load"] != "helped" || ran.Waits["then-wait"] != "met" || ran.Took < 40e9 || len(ran.Failures) > 0 {
		t.Errorf("helped: %+v", ran)
	}
	for _, does := range []string{"refused", "moved", "in_doubt", "impossible"} {
		ran := trialOf(t, b, "burst: {model: m, region: r}\n"+numbers+"gateway: {cap.set: "+does+"}\nat: {escalate: stop, then-wait: stop}\n")
		if ran.Outcomes["3-reduce-load"] != does {
			t.Errorf("%s: %+v", does, ran.Outcomes)
		}
	}
	if ran := trialOf(t, b, "burst: {model: m}\nnumbers:\n- {metric: error_rate, unknown: the log is down}\nat: {2-check-provider-status: stop}\n"); len(ran.Unknown) != 1 || len(ran.Asked) != 1 {
		t.Errorf("unknown data: %+v", ran)
	}
}

func TestTrialMistakesAreLocated(t *testing.T) {
	b := smallBook(t)
	src := "test: v1\ncases:\n- name: a\n  burts: {model: m}\n- name: b\n  numbers:\n  - {metric: error_rat, is: 5%}\n  - {metric: error_rate, is: 0.05}\n  - {metric: burst, is: maybe}\n  - {metric: errors}\n" +
		"  - {metric: errors, is: 3, after: cap.st}\n  at: {nowhere: next}\n  gateway: {cap.set: mooved}\n  expect:\n    path: [1-confirm-scop]\n"
	_, err := ParseTrials("x.test.yaml", []byte(src), b)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		`x.test.yaml:4: unknown key "burts" in case; did you mean burst?`, "x.test.yaml:7: unknown metric", "x.test.yaml:8: error_rate is not told as \"0.05\"; write a percentage",
		"x.test.yaml:9: burst is true or false", "x.test.yaml:10: a number needs either is or unknown", `x.test.yaml:11: unknown lever "cap.st"; did you mean cap.set?`,
		`x.test.yaml:12: the book has no step "nowhere"`, `a gateway cannot do "mooved"; did you mean moved?`, `did you mean 1-confirm-scope?`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in\n%v", want, err)
		}
	}
	for _, bad := range []string{"", "test: v2\ncases: [{name: x}]", "test: v1", "cases: {", "test: v1\ncases: []"} {
		if _, err := ParseTrials("x.test.yaml", []byte(bad), b); err == nil || !strings.HasPrefix(err.Error(), "x.test.yaml") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// A plain book is walked from its first step to its last.
func TestPlainBookIsWalked(t *testing.T) {
	b := ParsePlain("x.md", []byte("# A\n## Fix\n1. Check it\n2. Restart it\n"))
	if ran := (Trial{}).Run(b); ran.End != "done" || strings.Join(ran.Path, " ") != "fix-1 fix-2" {
		t.Errorf("%+v", ran)
	}
	if ran := (Trial{}).Run(ParsePlain("x.md", nil)); ran.End == "done" || len(ran.Failures) != 1 {
		t.Errorf("an empty file: %+v", ran)
	}
}

func FuzzParseTrials(f *testing.F) {
	f.Add([]byte("test: v1\ncases:\n- name: a\n  burst: {model: m}\n  numbers:\n  - {metric: 'error_rate{side=client}', is: 40%, after: cap.set, from: 10s}\n  expect: {path: [escalate], end: done}\n"))
	if src, err := os.ReadFile("../runbooks/rate-limit-storm.test.yaml"); err == nil {
		f.Add(src)
	}
	b, err := Parse("small.md", []byte(small))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		trials, err := ParseTrials("x.test.yaml", src, b)
		if err != nil {
			if s := err.Error(); s != clean(s) || len(Errors(err)) == 0 {
				t.Fatalf("error %q", s)
			}
			return
		}
		for i := range trials[:min(len(trials), 4)] {
			ran := trials[i].Run(b)
			for _, l := range ran.Log {
				if l != clean(l) {
					t.Fatalf("log %q", l)
				}
			}
			if len(ran.Path) > trialSteps {
				t.Fatalf("%d steps", len(ran.Path))
			}
		}
	})
}
