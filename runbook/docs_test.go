package runbook

import (
	"os"
	"strings"
	"testing"
)

// examples are the fences of four backticks of the page that teaches the format, by the name behind their language.
func examples(t *testing.T) map[string]string {
	t.Helper()
	src, err := os.ReadFile("../docs/runbooks.md")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	name := ""
	for l := range strings.SplitSeq(string(src), "\n") {
		info, fence := strings.CutPrefix(strings.TrimSpace(l), "````")
		switch {
		case fence && name == "" && info != "":
			words := strings.Fields(info)
			name = words[len(words)-1]
		case fence && info == "":
			name = ""
		case name != "":
			all[name] += l + "\n"
		}
	}
	if name != "" {
		t.Fatalf("%s is not closed", name)
	}
	return all
}

func TestExamplesOfTheDocs(t *testing.T) {
	all := examples(t)
	plain := ParsePlain("high-error-rate.md", []byte(all["high-error-rate.md"]))
	if got := strings.Join([]string{plain.Steps[0].Slug, plain.Steps[1].Slug, plain.Steps[2].Slug}, " "); len(plain.Steps) != 3 || got != "diagnosis-1 diagnosis-2 mitigation" {
		t.Errorf("plain steps: %s", got)
	}
	if vars := Bind(plain, data{"region": "eu"}); vars["region"] != "eu" || len(plain.Vars) != 2 {
		t.Errorf("fields %+v", plain.Vars)
	}
	over, err := ParseOverlay("high-error-rate.overlay.yaml", []byte(all["high-error-rate.overlay.yaml"]), plain)
	if err != nil || len(Lint(over)) > 0 {
		t.Errorf("overlay: %v %v", err, Lint(over))
	}
	armed, err := Parse("slow-model.md", []byte(all["slow-model.md"]))
	if err != nil || len(Lint(armed)) > 0 || !armed.Armed {
		t.Fatalf("armed: %v %v", err, Lint(armed))
	}
	trials, err := ParseTrials("slow-model.test.yaml", []byte(all["slow-model.test.yaml"]), armed)
	if err != nil || len(trials) != 3 {
		t.Fatalf("%d cases, %v", len(trials), err)
	}
	for _, trial := range trials {
		for _, f := range trial.Run(armed).Failures {
			t.Error(f)
		}
	}
	probed, err := Parse("is-it-us.md", []byte(all["is-it-us.md"]))
	if err != nil || len(Lint(probed)) > 0 {
		t.Fatalf("probes: %v %v", err, Lint(probed))
	}
	if trials, err = ParseTrials("is-it-us.test.yaml", []byte(all["is-it-us.test.yaml"]), probed); err != nil || len(trials) != 2 {
		t.Fatalf("%d cases, %v", len(trials), err)
	}
	for _, trial := range trials {
		for _, f := range trial.Run(probed).Failures {
			t.Error(f)
		}
	}
	count := 0
	for l := range strings.SplitSeq(strings.TrimSpace(all["expr"]), "\n") {
		count++
		if _, err := ParseExpr("docs", count, l); err != nil {
			t.Error(err)
		}
	}
	if count < 10 {
		t.Errorf("%d expressions", count)
	}
}
