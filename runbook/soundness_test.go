package runbook

import (
	"testing"

	"pgregory.net/rapid"
)

// exprText draws an expression of the language.
func exprText(t *rapid.T, depth int) string {
	kind := rapid.IntRange(0, 7).Draw(t, "kind")
	if depth == 0 {
		kind = []int{0, 1, 2, 3, 7, 7, 7, 7}[kind]
	}
	op := rapid.SampledFrom([]string{"<", "<=", ">", ">=", "==", "!="}).Draw(t, "op")
	switch kind {
	case 0:
		return "error_rate over 1m " + op + " 5%"
	case 1:
		return "count{class=timeout} over 1m " + op + " 2 * errors over 1m"
	case 2:
		return "token_throughput over 1m " + op + " 50% of token_throughput over 1m offset 1h"
	case 3:
		return rapid.SampledFrom([]string{"burst", "lever{verb=cap.set}", "inflight < 5 for 1m"}).Draw(t, "fact")
	case 4:
		return "not (" + exprText(t, depth-1) + ")"
	case 7:
		return rapid.SampledFrom([]string{"$ok == yes", "$ok != yes", "$ok in (yes, partly)", "$ok not in (no)", "inflight " + op + " $cap", "$cap " + op + " inflight"}).Draw(t, "answer")
	case 5:
		return "(" + exprText(t, depth-1) + " and " + exprText(t, depth-1) + ")"
	}
	return "(" + exprText(t, depth-1) + " or " + exprText(t, depth-1) + ")"
}

// What an expression says while some facts are unknown it still says whatever those facts turn out to be:
// so nothing passes, and nothing fails, by what is not known.
func TestUnknownNeverDecides(t *testing.T) {
	names := []string{"error_rate", "count", "errors", "token_throughput", "inflight", "burst", "lever"}
	value := func(t *rapid.T, name string) Answer {
		return Answer{
			Known: true, Samples: 100, Truth: rapid.SampledFrom([]Truth{True, False}).Draw(t, name+" truth"),
			Value: rapid.SampledFrom([]float64{0, 0.01, 0.05, 1, 4, 40}).Draw(t, name+" value"),
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		src := exprText(t, 3)
		e, err := ParseExpr("x.md", 1, src)
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		partly, whole := &board{answers: map[string]Answer{}}, &board{answers: map[string]Answer{}}
		for _, name := range names {
			whole.answers[name] = value(t, name)
			if rapid.Bool().Draw(t, name+" known") {
				partly.answers[name] = whole.answers[name]
			}
		}
		answers, given := map[string]string{"ok": rapid.SampledFrom([]string{"yes", "no", "partly"}).Draw(t, "ok"), "cap": "4"}, map[string]string{}
		for _, name := range []string{"ok", "cap"} {
			if rapid.Bool().Draw(t, name+" answered") {
				given[name] = answers[name]
			}
		}
		before, after := e.Bind(given).Eval(partly, nil), e.Bind(answers).Eval(whole, nil)
		if before.Truth != Unknown && before.Truth != after.Truth {
			t.Fatalf("%s was %v on half the facts and is %v on all", src, before.Truth, after.Truth)
		}
		if (before.Truth == Unknown) != (before.Why != "") || after.Truth == Unknown {
			t.Fatalf("%s: %+v, then %+v", src, before, after)
		}
	})
}
