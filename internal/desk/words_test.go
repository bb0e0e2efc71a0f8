package desk

import (
	"slices"
	"testing"
	"time"

	"signalbox/internal/fault"
	"signalbox/internal/gateway"
	"signalbox/internal/traffic"
	"signalbox/runbook"
)

// TestOneVocabulary: what a runbook can name is what the desk, the gateways and the classes know.
func TestOneVocabulary(t *testing.T) {
	words := runbook.Vocabulary()
	var classes, verbs []string
	for _, c := range fault.Classes() {
		classes = append(classes, c.String())
	}
	for _, v := range gateway.Verbs() {
		verbs = append(verbs, string(v))
	}
	same(t, "classes", words.Classes, classes)
	same(t, "verbs", words.Verbs, verbs)
	for _, d := range traffic.Dims() {
		if !slices.Contains(words.Labels, d.String()) {
			t.Errorf("a check cannot name the dimension %s", d)
		}
	}
	syms := traffic.NewSymbols(0)
	d := &Desk{syms: syms, now: time.Now, sig: newSignals(syms, 0, time.Now())}
	for _, m := range words.Metrics {
		a := facts{d: d, now: time.Now()}.Ask(runbook.Query{Metric: m.Name, Quantile: 0.95, Over: time.Minute})
		if !a.Known && a.Why == "the desk does not know the metric "+m.Name {
			t.Error(a.Why)
		}
		if a.Known && !m.Gauge && m.Name != "requests" && m.Name != "rate" && a.Samples == 0 && a.Age < time.Hour {
			t.Errorf("%s is known on an empty board: %+v", m.Name, a)
		}
	}
}

func same(t *testing.T, what string, a, b []string) {
	t.Helper()
	for _, x := range a {
		if !slices.Contains(b, x) && x != "none" {
			t.Errorf("%s: %q is known to runbooks only", what, x)
		}
	}
	for _, x := range b {
		if !slices.Contains(a, x) && x != "none" {
			t.Errorf("%s: %q is not known to runbooks", what, x)
		}
	}
}
