package burst

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"signalbox/internal/traffic"
)

func TestAnswers(t *testing.T) {
	part := func(v string, req, err int64, expected float64) Part { return Part{v, Tally{req, err, expected}} }
	for _, c := range []struct {
		name   string
		quiz   Quiz
		extent Extent
		value  string
		text   string
	}{
		{"others are clean", Quiz{Dim: "region", Parts: []Part{part("eu", 400, 120, 2)}, Beside: Tally{8214, 0, 40}}, Isolated, "eu", "other regions clean: 0 of 8214"},
		{"others fail as much", Quiz{Dim: "region", Parts: []Part{part("eu", 400, 120, 2)}, Beside: Tally{800, 200, 4}}, Widespread, "eu", "other regions fail too: 200 of 800"},
		{"too few others", Quiz{Dim: "region", Parts: []Part{part("eu", 400, 120, 2)}, Beside: Tally{8, 0, 0.04}}, Untold, "eu", "too little elsewhere: 0 of 8 in other regions"},
		{"no others there", Quiz{Dim: "env", Parts: []Part{part("production", 400, 120, 2)}}, Untold, "production", "only production has traffic there"},
		{"no others at all", Quiz{Dim: "env", Parts: []Part{part("production", 400, 120, 2)}, Only: true}, Untold, "production", "only production has traffic"},
		{"unknown", Quiz{Dim: "caller"}, Untold, "", "no traffic tells its caller"},
		{"all", Quiz{Dim: "model", Parts: []Part{part("a", 100, 30, 1), part("b", 300, 80, 1), part("c", 90, 40, 1)}}, Widespread, "", "all 3 models"},
		{"most", Quiz{Dim: "model", Parts: []Part{part("a", 100, 30, 1), part("b", 300, 80, 1), part("c", 900, 4, 5)}}, Widespread, "", "2 of 3 models (clean: c)"},
		{"most, and one too thin", Quiz{Dim: "model", Parts: []Part{part("a", 100, 30, 1), part("b", 300, 80, 1), part("c", 5, 1, 0)}}, Widespread, "", "2 of 3 models (1 with too little traffic)"},
		{"one of several", Quiz{Dim: "model", Parts: []Part{part("a", 100, 60, 1), part("b", 300, 1, 1), part("c", 900, 4, 5)}}, Isolated, "a", "of the models only a: others clean: 5 of 1200"},
		{"one, others too thin", Quiz{Dim: "model", Parts: []Part{part("a", 100, 60, 1), part("b", 3, 1, 0), part("c", 2, 0, 0)}}, Untold, "", "a fails, the other 2 models have too little traffic"},
		{"all too thin", Quiz{Dim: "model", Parts: []Part{part("a", 3, 1, 0), part("b", 3, 1, 0)}}, Untold, "", "too little traffic for each of 2 models"},
		{"a weak fault needs more to be clean", Quiz{Dim: "region", Parts: []Part{part("eu", 9000, 180, 45)}, Beside: Tally{300, 1, 1.5}}, Untold, "eu", "too little elsewhere: 1 of 300 in other regions"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := c.quiz.Answer()
			if a.Dim != c.quiz.Dim || a.Extent != c.extent || a.Value != c.value || a.Text != c.text {
				t.Errorf("%+v, want %s %q %q", a, c.extent, c.value, c.text)
			}
		})
	}
}

// However the numbers fall, an answer keeps to what it was told.
func TestAnswersAddUp(t *testing.T) {
	tally := rapid.Custom(func(t *rapid.T) Tally {
		n := rapid.Int64Range(1, 100_000).Draw(t, "requests")
		return Tally{n, rapid.Int64Range(0, n).Draw(t, "failures"), float64(n) * rapid.Float64Range(0, 0.1).Draw(t, "normal")}
	})
	rapid.Check(t, func(t *rapid.T) {
		var q Quiz
		q.Dim = "model"
		for i, x := range rapid.SliceOfN(tally, 0, 5).Draw(t, "parts") {
			q.Parts = append(q.Parts, Part{string(rune('a' + i)), x})
		}
		if rapid.Bool().Draw(t, "others") {
			q.Beside = tally.Draw(t, "beside")
		}
		a := q.Answer()
		var all Tally
		for _, p := range q.Parts {
			all.add(p.Tally)
		}
		if a.Text == "" || a.Values != len(q.Parts) || a.Failing > a.Values || a.Bound < 0 || a.Bound > 1 {
			t.Fatalf("%+v", a)
		}
		if len(q.Parts) > 1 && a.Inside.Req+a.Beside.Req > all.Req {
			t.Fatalf("%+v has more requests than %+v", a, all)
		}
		if a.Extent == Isolated && (a.Value == "" || a.Beside.Req == 0 || a.Bound > a.Inside.strength()) {
			t.Fatalf("isolated, but %+v", a)
		}
	})
}

func TestBlame(t *testing.T) {
	isolated := func(d traffic.Dim) Answer {
		return Answer{Dim: d.String(), Extent: Isolated, Value: "x", Text: "others clean"}
	}
	spread := func(d traffic.Dim) Answer {
		return Answer{Dim: d.String(), Extent: Widespread, Failing: 2, Values: 2, Text: "all 2"}
	}
	untold := func(d traffic.Dim) Answer { return Answer{Dim: d.String(), Extent: Untold, Text: "only x has traffic"} }
	for _, c := range []struct {
		name    string
		domains map[string]int64
		answers []Answer
		want    string
	}{
		{"nothing failed", nil, nil, ""},
		{"callers", map[string]int64{"caller": 9, "provider": 1}, nil, "caller"},
		{"429 everywhere is still the account", map[string]int64{"account": 9}, []Answer{spread(traffic.Provider)}, "account"},
		{"503 at one provider", map[string]int64{"provider": 9}, []Answer{isolated(traffic.Provider)}, "provider"},
		{"502 of one model, others behind the gateway are clean", map[string]int64{"gateway": 9}, []Answer{isolated(traffic.Model)}, "provider"},
		{"503 at two providers at once", map[string]int64{"provider": 9}, []Answer{spread(traffic.Provider)}, "gateway"},
		{"one gateway of two", map[string]int64{"provider": 9}, []Answer{isolated(traffic.Gateway), isolated(traffic.Provider)}, "gateway"},
		{"one provider only", map[string]int64{"provider": 9}, []Answer{untold(traffic.Provider)}, ""},
		{"connections", map[string]int64{"network": 9}, []Answer{spread(traffic.Provider)}, "network"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := suggest(place{}, c.domains, c.answers); got.Domain != c.want || (got.Domain != "" && got.Why == "") {
				t.Errorf("%+v, want %q", got, c.want)
			}
		})
	}
}

// What a burst says of where it is, from the traffic of a whole fleet.
func TestBurstsAnswer(t *testing.T) {
	w := newWorld(3, 200, 0.006)
	w.faults = []trouble{{
		scope: traffic.Scope{"provider": "azure", "region": "eu-west"}, share: 0.5, outcome: gw502, from: begin + 600, to: begin + 700,
	}}
	d := New(Options{Symbols: w.syms})
	w.run(d, begin, begin+660)
	list := d.Bursts()
	if len(list) != 1 {
		t.Fatalf("%d bursts", len(list))
	}
	b := list[0]
	for dim, want := range map[string]Extent{
		"env": Untold, "gateway": Untold, "provider": Isolated, "region": Isolated, "model": Widespread, "workload": Widespread,
		"endpoint": Untold, "caller": Untold, "class": Isolated,
	} {
		if a := answerOf(b.Answers, dim); a.Extent != want {
			t.Errorf("%s: %+v, want %s", dim, a, want)
		}
	}
	if b.Blame.Domain != "provider" {
		t.Errorf("%+v", b.Blame)
	}
	for _, part := range []string{
		"of the excess 502s are provider=azure region=eu-west", "both models there", "other regions clean: ", "env cannot be told: only drill has traffic",
		"only bad_gateway, other classes as usual",
	} {
		if !strings.Contains(b.Reason, part) {
			t.Errorf("%q not in %q", part, b.Reason)
		}
	}
}
