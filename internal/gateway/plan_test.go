package gateway

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"signalbox/internal/traffic"
)

func samplePlan() Plan {
	until := time.Date(2026, 3, 2, 3, 4, 5, 0, time.UTC)
	p := Plan{
		ID: "plan-1", Gateway: "edge", Kind: "contract",
		Change:    Change{Verb: CapSet, Scope: traffic.Scope{"gateway": "edge", "deployment": "a"}, Value: Value("4"), TTL: 15 * time.Minute, Reason: "<502 & more>", Actor: "ana"},
		ReadAt:    until,
		Instances: []InstancePlan{{Name: "gw-1", Control: "cap.a", Before: Value(`{"a": 1}`), After: Value("4"), Rev: "17", BeforeUntil: &until}},
		Calls:     []Call{{Instance: "gw-1", Text: "curl", Method: "PUT", Path: "/controls/cap.a", Body: `{"value":4}`}},
		Undo:      Undo{Verb: CapLift, Calls: []Call{{Instance: "gw-1", Text: "curl", Method: "DELETE"}}},
	}
	p.Digest = p.Sum()
	return p
}

func TestPlanSurvivesAJournal(t *testing.T) {
	p := samplePlan()
	b, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	var q Plan
	if err := json.Unmarshal(b, &q); err != nil {
		t.Fatal(err)
	}
	if err := q.Intact(); err != nil {
		t.Fatalf("after a trip through JSON: %v", err)
	}
	q.Blast.Text, q.Caveats, q.ReadAt = "much", []string{"x"}, time.Time{}
	if err := q.Intact(); err != nil {
		t.Fatalf("blast radius, caveats and times are no part of the digest: %v", err)
	}
}

func TestPlanNoticesAnyChange(t *testing.T) {
	for name, alter := range map[string]func(*Plan){
		"value":     func(p *Plan) { p.Change.Value = Value("40") },
		"scope":     func(p *Plan) { p.Change.Scope["deployment"] = "b" },
		"ttl":       func(p *Plan) { p.Change.TTL++ },
		"before":    func(p *Plan) { p.Instances[0].Before = Value("1") },
		"rev":       func(p *Plan) { p.Instances[0].Rev = "18" },
		"call":      func(p *Plan) { p.Calls[0].Body = "{}" },
		"more":      func(p *Plan) { p.Calls = append(p.Calls, p.Calls[0]) },
		"undo":      func(p *Plan) { p.Undo.Calls = nil },
		"no json":   func(p *Plan) { p.Change.Value = Value("{") },
		"no digest": func(p *Plan) { p.Digest = "" },
	} {
		p := samplePlan()
		alter(&p)
		if err := p.Intact(); !errors.Is(err, ErrAltered) {
			t.Errorf("%s: got %v, want ErrAltered", name, err)
		}
	}
}

func TestCanonical(t *testing.T) {
	for in, want := range map[string]string{
		"": "null", " 4.0 ": "4", "4e1": "40", "0.5": "0.5", `{"b":1.0, "a":[2.50, 3.00]}`: `{"a":[2.50,3],"b":1}`,
		`"<a>"`: `"<a>"`, "1e999999999": "1e999999999", "true": "true",
	} {
		got, err := Canonical(Value(in))
		if err != nil || string(got) != want {
			t.Errorf("Canonical(%q) = %s, %v; want %s", in, got, err, want)
		}
	}
	for _, in := range []string{"{", "4 5", "nope"} {
		if got, err := Canonical(Value(in)); err == nil {
			t.Errorf("Canonical(%q) = %s, want an error", in, got)
		}
	}
	if !Same(Value("4"), Value("4.0")) || Same(Value("4"), Value(`"4"`)) || Same(Value("{"), Value("{")) {
		t.Error("Same compares JSON")
	}
}

func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"4", "1e9", `{"a":[1,2.0,"x"]}`, "-0", "1e-30"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once, err := Canonical(Value(s))
		if err != nil {
			return
		}
		twice, err := Canonical(once)
		if err != nil || string(once) != string(twice) {
			t.Fatalf("%q -> %s -> %s, %v", s, once, twice, err)
		}
	})
}

func TestOpposite(t *testing.T) {
	for _, v := range Verbs() {
		o := v.Opposite()
		if o == v || o.Opposite() != v || o[:3] != v[:3] {
			t.Errorf("%s <-> %s", v, o)
		}
	}
	if Verb("x").Opposite() != "" {
		t.Error("an unknown verb has no opposite")
	}
}

func TestEachPairEngagesOnce(t *testing.T) {
	for _, v := range Verbs() {
		if v.Engages() == v.Opposite().Engages() {
			t.Errorf("%s and %s: both engage, or neither", v, v.Opposite())
		}
	}
	if !CapSet.Engages() || TargetIn.Engages() || Verb("cap.halve").Engages() {
		t.Error("a cap engages, to let a target in again does not, and neither does a verb of nobody's")
	}
}
