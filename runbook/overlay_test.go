package runbook

import (
	"strings"
	"testing"
)

const upstream = "# HighErrorRate\n\n## Meaning\n\nMany fail.\n\n## Diagnosis\n\n1. Look at the pods with `kubectl get pods -n <namespace>`\n2. Look at the logs\n\n## Mitigation\n\nRestart it.\n"

const overlay = `overlay: v1
match: error_rate over 2m > 5%
vars:
  model: {type: model, from: burst.model}
scope: {model: $model}
limits: {max-ttl: 1h}
steps:
  diagnosis-1:
    - check:
        name: it is real
        that: error_rate over 2m > 5%
        on-false: goto mitigation
  diagnosis:
    - ask: {var: seen, question: "What is in the logs?"}
  mitigation:
    - action:
        do: workload.pause
        scope: {workload: batch}
        ttl: 30m
        why: batch can wait
        cost: batch waits
        verify: error_rate over 1m < 5% within 5m
`

func TestOverlayArmsAFileOfOthers(t *testing.T) {
	plain := ParsePlain("HighErrorRate.md", []byte(upstream))
	b, err := ParseOverlay("HighErrorRate.overlay.yaml", []byte(overlay), plain)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, st := range b.Steps {
		words := st.Slug
		for _, bl := range st.Blocks {
			words += " " + string(bl.Kind)
		}
		kinds = append(kinds, words)
	}
	if got, want := strings.Join(kinds, ", "), "diagnosis-1 check, diagnosis-2 ask, mitigation action"; got != want {
		t.Errorf("blocks %s, want %s", got, want)
	}
	if !b.Armed || b.SHA256 == plain.SHA256 || len(b.Vars) != 2 || b.Title != "HighErrorRate" || b.Steps[0].Prose == nil {
		t.Errorf("%+v", b)
	}
	if plain.Armed || len(plain.Steps[0].Blocks) > 0 || len(plain.Vars) != 1 {
		t.Error("the plain book changed")
	}
	for _, f := range Lint(b) {
		t.Error(f)
	}
	ran := (Trial{Burst: data{"model": "m"}, Numbers: nil}).Run(b)
	if ran.End != "done" || len(ran.Unknown) != 1 || len(ran.Levers) != 1 {
		t.Errorf("walked: %+v", ran)
	}
}

func TestOverlayMistakesAreLocated(t *testing.T) {
	plain := ParsePlain("a.md", []byte(upstream))
	tests := []struct{ from, to, want string }{
		{"mitigation:", "mitigatoin:", `a.overlay.yaml:15: a.md has no heading or step "mitigatoin" any more; did you mean mitigation?`},
		{"  mitigation:", "  meaning:", `a.overlay.yaml:15: the heading "meaning" is no step`},
		{"overlay: v1", "overlay: v2", `a.overlay.yaml:1: overlay "v2" is not known here`},
		{"on-false", "on-falze", "a.overlay.yaml:12: unknown key \"on-falze\" in check; did you mean on-false?"},
		{"- action:", "- acton:", `a.overlay.yaml:16: unknown block "acton"; did you mean action?`},
		{"error_rate over 2m > 5%\n        on", "error_rat over 2m > 5%\n        on", "a.overlay.yaml:11: that: unknown metric"},
		{"goto mitigation", "goto nowhere", "a.overlay.yaml:9: no step \"nowhere\" to go to"},
		{"ttl: 30m", "ttl: 2h", "a.overlay.yaml:16: ttl 2h is over the book's max-ttl 1h"},
		{"scope: {model: $model}", "scope: {model: $modl}", "$modl"},
	}
	for _, tt := range tests {
		b, err := ParseOverlay("a.overlay.yaml", []byte(strings.Replace(overlay, tt.from, tt.to, 1)), plain)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.to, err, tt.want)
			continue
		}
		if b.Armed || len(b.Findings) == 0 || len(b.Steps) != 3 {
			t.Errorf("%s: still armed, or nothing said: %+v", tt.to, b.Findings)
		}
	}
	armed := smallBook(t)
	if _, err := ParseOverlay("x.overlay.yaml", []byte(overlay), armed); err == nil || !strings.Contains(err.Error(), "arms itself") {
		t.Errorf("over an armed book: %v", err)
	}
}

func FuzzParseOverlay(f *testing.F) {
	f.Add([]byte(overlay))
	f.Add([]byte("overlay: v1\nsteps:\n  mitigation: [{check: {that: burst}}]\n"))
	plain := ParsePlain("a.md", []byte(upstream))
	f.Fuzz(func(t *testing.T, src []byte) {
		b, err := ParseOverlay("a.overlay.yaml", src, plain)
		if b == nil || len(b.Steps) != len(plain.Steps) || (err != nil) == b.Armed {
			t.Fatalf("%+v %v", b, err)
		}
		if err != nil && (err.Error() != clean(err.Error()) || len(Errors(err)) == 0) {
			t.Fatalf("error %q", err)
		}
		Lint(b)
	})
}
