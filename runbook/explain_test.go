package runbook

import "testing"

// Every number that an answer rests on is told once, with what it was asked of.
func TestResultsExplainThemselves(t *testing.T) {
	f := numbers()
	tests := []struct{ src, text, value, basis string }{
		{"error_rate{region!=eu} over 5m > 5%", "error_rate{region!=eu} over 5m", "38.1% (812 of 2130)", "region!=eu [side=upstream model=m]; 2130 requests; newest data 0s old"},
		{"error_rate > 5% for 10m", "error_rate over 2m", "38.1% (812 of 2130)", "[side=upstream model=m]; 2130 requests; newest data 0s old"},
		{"not burst", "burst", "unknown", "[model=m]; does not count: no source for burst"},
		{"2 * in_flight > 5", "in_flight", "unknown", "[model=m]; does not count: no source for inflight"},
	}
	for _, tt := range tests {
		e, err := ParseExpr("x.md", 1, tt.src)
		if err != nil {
			t.Fatal(err)
		}
		delete(f.answers, "burst")
		delete(f.answers, "inflight")
		r := e.Eval(f, data{"model": "m"})
		if len(r.Terms) != 1 {
			t.Errorf("%s: %d terms %+v", tt.src, len(r.Terms), r.Terms)
			continue
		}
		if x := r.Terms[0]; x.Text != tt.text || x.Value() != tt.value || x.Basis() != tt.basis {
			t.Errorf("%s\n got %q = %q, %q\nwant %q = %q, %q", tt.src, x.Text, x.Value(), x.Basis(), tt.text, tt.value, tt.basis)
		}
	}
	e, err := ParseExpr("x.md", 1, "p95(ttft) > 2 * p95(ttft) offset 1h or p95(ttft) > 9s")
	if err != nil {
		t.Fatal(err)
	}
	if r := e.Eval(numbers(), nil); len(r.Terms) != 2 || r.Terms[1].Text != "p95(ttft) over 2m offset 1h" {
		t.Errorf("asked twice and told twice: %+v", r.Terms)
	}
}
