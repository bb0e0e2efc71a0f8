package runbook

import (
	"strings"
	"testing"
)

func TestPromQL(t *testing.T) {
	vars := map[string]string{"region": "eu-west", "odd": "a\"b\\c\n", "model": "gpt-4.1", "tick": "a`b"}
	asked := ""
	facts := &board{answer: func(q Query) (Answer, bool) {
		if q.Metric != promqlName {
			return Answer{}, false
		}
		asked = q.Text
		if len(q.Where) > 0 {
			t.Errorf("the scope is in %+v", q.Where)
		}
		if strings.Contains(q.Text, "nothing") {
			return Answer{Why: "Prometheus has no series for it"}, true
		}
		return Answer{Known: true, Value: 0.07}, true
	}}
	for src, want := range map[string]struct {
		truth Truth
		asked string
		why   string
	}{
		`promql("rate(errors[5m])") > 5%`:                    {True, "rate(errors[5m])", ""},
		`promql('rate(errors{region="$region"}[5m])') < 1`:   {True, `rate(errors{region="eu-west"}[5m])`, ""},
		"promql(`up{a='$odd'}`) > 50ms":                      {True, "up{a='a\"b\\\\c\\n'}", ""},
		`promql('up{a="$odd"}') > 1s`:                        {False, `up{a="a\"b\\c\n"}`, ""},
		`promql('up{a=~"x|$model"}') > 0`:                    {True, `up{a=~"x|gpt-4\\.1"}`, ""},
		"promql('up{a=`$region`}') > 0":                      {True, "up{a=`eu-west`}", ""},
		"promql('up{a=`$tick`}') > 0":                        {Unknown, "", "$tick cannot stand between backticks"},
		`promql('up{a="$open"}') > 0`:                        {Unknown, "", "$open is not filled"},
		`promql("nothing") > 0`:                              {Unknown, "nothing", "no series"},
		`not promql("nothing") > 0 and burst`:                {Unknown, "nothing", "no series"},
		`promql("a") offset 1h > 0 and promql("b") * 2 > 5%`: {True, "b", ""},
		`5% < promql("a")`:                                   {True, "a", ""},
	} {
		asked = ""
		e, err := ParseExpr("b.md", 1, src)
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		if src == `not promql("nothing") > 0 and burst` {
			facts.answers = map[string]Answer{"burst": {Known: true, Truth: True}}
		}
		r := e.Bind(vars).Eval(facts, map[string]string{"model": "m"})
		if r.Truth != want.truth || asked != want.asked || !strings.Contains(r.Why, want.why) {
			t.Errorf("%s: %+v, asked %q", src, r, asked)
		}
	}
	for src, want := range map[string]string{
		`promql > 5`: "promql asks nothing", `promql(up) > 5`: "wants its question in quotes", `promql("up > 5`: "a quote is not closed", `promql("up" > 5`: "not closed",
		`promql("$x > 1") > 0`: "a variable outside of quotes", `promql('up{a="x}') > 0`: "a quote in promql is not closed", `promql(" ") > 0`: "promql asks nothing",
		`promql("up") over 5m > 1`: "no further `over`", `promql("up"){model=m} > 1`: "cannot read the rest", `promql("up")`: "neither true nor false",
	} {
		if _, err := ParseExpr("b.md", 1, src); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", src, err, want)
		}
	}
}

func TestPromQLChecks(t *testing.T) {
	book := strings.Replace(rehearsed, "that: $backup", "promql: up{job=\"llm\", model=\"$model\"} > bool 0", 1)
	b, err := Parse("t.md", []byte(book))
	if err != nil {
		t.Fatal(err)
	}
	for numbers, want := range map[string]string{
		`[{metric: "promql('up{job=\"llm\", model=\"$model\"} > bool 0')", is: 1}, {metric: error_rate, is: 40%}]`: "ask judge fall-back escalate",
		`[{metric: "promql('up{job=\"llm\", model=\"$model\"} > bool 0')", is: 0}, {metric: error_rate, is: 40%}]`: "ask judge escalate",
		`[{metric: "promql('something else')", is: 1}, {metric: error_rate, is: 40%}]`:                             "ask judge fall-back escalate",
	} {
		ran := trialOf(t, b, "burst: {model: m}\nanswers: {rehearsal: yes}\nnumbers: "+numbers)
		if got := strings.Join(ran.Path, " "); got != want || (strings.Contains(numbers, "something") && len(ran.Unknown) != 1) {
			t.Errorf("%s: goes %s, unknown %v\n%s", numbers, got, ran.Unknown, strings.Join(ran.Log, "\n"))
		}
	}
	for to, want := range map[string]string{"promql: up{a=\"x}": "a quote in promql is not closed", "promql: up{a=\"$nobody\"}": "unknown variable $nobody", "promql: up\nthat: burst": "one of that, all and promql"} {
		_, err := Parse("t.md", []byte(strings.Replace(rehearsed, "that: $backup", to, 1)))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "t.md:") {
			t.Errorf("%s: %v, want %q", to, err, want)
		}
	}
}

// FuzzPromText: whatever a variable holds, it stays inside the string that it stands in.
func FuzzPromText(f *testing.F) {
	f.Add(`up{a="$v",b=~'$v'}`, `x"} or vector(1) #`)
	f.Add("up{a=`$v`}", "`")
	f.Fuzz(func(t *testing.T, text, value string) {
		parts, why := promParts(text)
		if why != nil || value == "" {
			return
		}
		filled, open := (&env{vars: map[string]string{"v": value}}).promText(parts)
		if open != "" {
			return
		}
		skeleton := func(s string) string {
			out := ""
			for i := 0; i < len(s); i++ {
				if strings.IndexByte("\"'`", s[i]) < 0 {
					out += string(s[i])
					continue
				}
				end := promStringEnd(s, i)
				if end < 0 {
					t.Fatalf("%q with %q: a string is open in %q", text, value, filled)
				}
				out, i = out+"S", end
			}
			return out
		}
		if a, b := skeleton(text), skeleton(filled); a != b {
			t.Fatalf("%q with %q became %q", text, value, filled)
		}
	})
}
