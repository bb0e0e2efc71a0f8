package runbook

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// board answers by metric, and remembers what was asked.
type board struct {
	answers map[string]Answer
	asked   []Query
	answer  func(Query) (Answer, bool)
}

func (b *board) Ask(q Query) Answer {
	b.asked = append(b.asked, q)
	if b.answer != nil {
		if a, ok := b.answer(q); ok {
			return a
		}
	}
	if a, ok := b.answers[q.Metric]; ok {
		return a
	}
	return Answer{Why: "no source for " + q.Metric}
}

func numbers() *board {
	return &board{answers: map[string]Answer{
		"error_rate":       {Known: true, Value: 812.0 / 2130, Num: 812, Den: 2130, Samples: 2130},
		"count":            {Known: true, Value: 31, Samples: 400},
		"errors":           {Known: true, Value: 0, Samples: 0},
		"requests":         {Known: true, Value: 0},
		"latency":          {Known: true, Value: 2.4, Samples: 300},
		"ttft":             {Known: true, Value: 0.8, Samples: 5},
		"token_throughput": {Known: true, Value: 50, Samples: 100},
		"inflight":         {Known: true, Value: 12, Age: time.Minute},
		"burst":            {Known: true, Truth: True},
		"lever":            {Known: true, Truth: False},
	}}
}

func TestEval(t *testing.T) {
	tests := []struct {
		src   string
		truth Truth
		text  string // contained in Text
		why   string // contained in Why
	}{
		{"error_rate over 2m > 5%", True, "error_rate 38.1% (812/2130) over 2m > 5%", ""},
		{"error_rate > 50%", False, "over 2m > 50%", ""},
		{"count{code in (502, 524)} over 2m > 20", True, "count{code in (502, 524)} 31 over 2m > 20", ""},
		{"p95(latency) over 5m < 3s", True, "p95(latency) 2.4s over 5m < 3s", ""},
		{"p95(latency over 5m) < 2400ms", False, "", ""},
		{"p99.9(latency) over 5m <= 2 * p50(latency) over 5m", True, "", ""},
		{"token_throughput over 5m > 20% of token_throughput over 5m offset 1h", True, "20% of token_throughput 50 over 5m offset 1h", ""},
		{"burst", True, "burst", ""},
		{"lever{verb=cap.set}", False, "", ""},
		{"not lever{verb=cap.set} and burst", True, "not lever", ""},
		{"burst or amplification > 2", True, "", ""},
		{"burst and amplification > 2", Unknown, "", "no source for amplification"},
		{"lever and amplification > 2", False, "", ""},
		{"not amplification > 2", Unknown, "", "no source for amplification"},
		{"p95(ttft) > 1s", Unknown, "", "rests on 5 requests over 2m, at least 20"},
		{"inflight < 20", Unknown, "", "stale: newest data 1m old"},
		{"errors over 1m < 5", Unknown, "", "no request over 1m"},
		{"requests over 1m < 5", True, "requests 0 over 1m < 5", ""},
		{"requests over 1m < 5 for 1m", True, "", ""},
		{"requests over 1m >= requests over 5m offset 1h", Unknown, "", "no request over 5m offset 1h"},
		{"(error_rate > 5%) and not (count{class=timeout} > 100)", True, "", ""},
		{"error_rate over 2m > 5% for 1m", True, "> 5% for 1m", ""},
		{"count{region=$region} > 5", Unknown, "", "$region is not filled"},
		{"error_rate over 1m < 5% within 5m", False, "", ""},
		{"5% < error_rate over 2m", True, "", ""},
	}
	for _, tt := range tests {
		e, err := ParseExpr("b.md", 7, tt.src)
		if err != nil {
			t.Errorf("%s: %v", tt.src, err)
			continue
		}
		r := e.Eval(numbers(), nil)
		if r.Truth != tt.truth || !strings.Contains(r.Text, tt.text) || !strings.Contains(r.Why, tt.why) {
			t.Errorf("%s\n got %v %q why %q\nwant %v %q why %q", tt.src, r.Truth, r.Text, r.Why, tt.truth, tt.text, tt.why)
		}
		if (r.Truth == Unknown) != (r.Why != "") {
			t.Errorf("%s: %v with why %q", tt.src, r.Truth, r.Why)
		}
	}
}

func TestParseExprErrors(t *testing.T) {
	tests := []struct{ src, want string }{
		{"", "empty expression"},
		{"error_rat > 5%", "did you mean error_rate?"},
		{"inflght > 5", "did you mean inflight?"},
		{"error_rate > 0.05", "compares a share with a number; write the share in percent"},
		{"5 < error_rate", "write the share in percent"},
		{"p95(latency) > 2", "write the time with its unit"},
		{"latency > 2s", "p95(latency)"},
		{"p95(errors) > 2", "errors has no percentiles"},
		{"p95 > 2s", "a metric is missing after p95"},
		{"error_rate", "neither true nor false"},
		{"error_rate > 5% banana", `cannot read the rest at "banana"`},
		{"error_rate{regoin=eu} > 5%", "did you mean region?"},
		{"count{class=rate_limitd} > 5", "did you mean rate_limited?"},
		{"count{code=5xx} > 5", "no status code"},
		{"count{code in 502} > 5", "list is missing"},
		{"count{code in (502} > 5", "list is not closed"},
		{"count{region} > 5", "needs =, !=, in or not in"},
		{"count{region=a, region=b} > 5", "named twice"},
		{"inflight{code=502} > 5", "has no label code"},
		{"inflight over 2m > 5", "no further `over`"},
		{"error_rate over 2 > 5%", "not a time after over"},
		{"error_rate over 2m over 3m > 5%", `cannot read the rest at "over 3m`},
		{"burst > 5", "cannot be compared"},
		{"burst and error_rate", "neither true nor false"},
		{"(burst", "not closed"},
		{"burst and", "a metric is missing"},
		{"error_rate * error_rate > 5%", "only a plain number can multiply"},
		{"count{side=server} > 5", "unknown side"},
		{"count{region!=*} > 5", "write `region=*`"},
		{`count{region="$x"} > 5`, "without quotes"},
		{strings.Repeat("(", 200) + "burst", "nested too deeply"},
		{strings.Repeat("not ", 200) + "burst", "nested too deeply"},
		{strings.Repeat("burst or ", 2000) + "burst", "split it"},
	}
	for _, tt := range tests {
		_, err := ParseExpr("b.md", 7, tt.src)
		if err == nil || !strings.HasPrefix(err.Error(), "b.md:7: ") || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.60s: error %v, want %q", tt.src, err, tt.want)
		}
	}
}

func TestQueryLabels(t *testing.T) {
	scope := map[string]string{"model": "gpt-4o", "region": "eu-west", "provider": "azure"}
	tests := []struct{ src, want string }{
		{"error_rate > 5%", "side=upstream* provider=azure* model=gpt-4o* region=eu-west*"},
		{"error_rate{region!=eu-west} > 5%", "side=upstream* provider=azure* model=gpt-4o* region!=eu-west"},
		{"error_rate{region=*} > 5%", "side=upstream* provider=azure* model=gpt-4o*"},
		{"error_rate{side=client} > 5%", "side=client model=gpt-4o*"},
		{"error_rate{side=client, region=eu-west} > 5%", "side=client model=gpt-4o* region=eu-west"},
		{"count{code not in (200, 201), model=\"a b\"} > 5", "side=upstream* provider=azure* model=a b region=eu-west* codenotin200,201"},
		{"amplification > 2", "model=gpt-4o*"},
		{"count{model=$other, region=$none} > 2", "unknown"},
	}
	for _, tt := range tests {
		e, err := ParseExpr("b.md", 1, tt.src)
		if err != nil {
			t.Fatal(err)
		}
		f := &board{}
		e.Bind(map[string]string{"other": "x"}).Eval(f, scope)
		got := "unknown"
		if len(f.asked) > 0 {
			var parts []string
			for _, m := range f.asked[0].Where {
				s := m.Label + m.Op + strings.Join(m.Values, ",")
				if m.Implied {
					s += "*"
				}
				parts = append(parts, s)
			}
			got = strings.Join(parts, " ")
		}
		if got != tt.want {
			t.Errorf("%s asks %q, want %q", tt.src, got, tt.want)
		}
	}
}

// A condition that has to hold must have held at every look back, and says when it did not.
func TestForLooksBack(t *testing.T) {
	e, err := ParseExpr("b.md", 1, "error_rate over 1m < 1% for 6m")
	if err != nil {
		t.Fatal(err)
	}
	f := &board{}
	bad := 10 * time.Minute
	unknown := 10 * time.Minute
	f.answer = func(q Query) (Answer, bool) {
		a := Answer{Known: true, Samples: 1000, Value: 0.001}
		if q.Offset >= bad {
			a.Value = 0.5
		}
		if q.Offset >= unknown {
			a = Answer{Why: "the log was cut"}
		}
		return a, true
	}
	if r := e.Eval(f, nil); r.Truth != True {
		t.Errorf("held: %+v", r)
	}
	if len(f.asked) != heldLooks+1 || f.asked[len(f.asked)-1].Offset != 6*time.Minute {
		t.Errorf("asked %d times, last %v", len(f.asked), f.asked[len(f.asked)-1].Offset)
	}
	bad = 3 * time.Minute
	if r := e.Eval(f, nil); r.Truth != False || !strings.Contains(r.Text, "(not 3m ago)") {
		t.Errorf("broken 3m ago: %+v", r)
	}
	bad, unknown = time.Hour, 5*time.Minute
	if r := e.Eval(f, nil); r.Truth != Unknown || !strings.Contains(r.Why, "5m ago: the log was cut") {
		t.Errorf("unknown 5m ago: %+v", r)
	}
}

func TestKleene(t *testing.T) {
	all := []Truth{True, False, Unknown}
	and := map[string]Truth{
		"true true": True, "true false": False, "true unknown": Unknown, "false true": False, "false false": False,
		"false unknown": False, "unknown true": Unknown, "unknown false": False, "unknown unknown": Unknown,
	}
	for _, a := range all {
		for _, b := range all {
			if got := a.And(b); got != and[fmt.Sprint(a, " ", b)] {
				t.Errorf("%v and %v = %v", a, b, got)
			}
			if got, want := a.Or(b), a.Not().And(b.Not()).Not(); got != want {
				t.Errorf("%v or %v = %v, want %v", a, b, got, want)
			}
		}
		if a.Not().Not() != a || ParseTruth(a.String()) != a {
			t.Errorf("%v does not come back", a)
		}
	}
	if True.Or(Unknown) != True || False.Or(Unknown) != Unknown || Unknown.Not() != Unknown {
		t.Error("or and not of unknown")
	}
}
