package conform

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func run(t *testing.T, m *model, ids ...string) Report {
	t.Helper()
	r, err := Run(t.Context(), options(m, ids...))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func options(m *model, ids ...string) Options {
	return Options{
		URL: m.URL + "/controls", Controls: ids, Actor: "ana", Reason: "trial", Short: time.Second, Timeout: 2 * time.Second,
		Token: func(context.Context) (string, error) { return testToken, nil },
	}
}

func TestAServerThatKeepsTheContractPasses(t *testing.T) {
	t.Parallel()
	m := newModel(t, "")
	r := run(t, m, m.order...)
	for _, c := range r.Checks {
		if c.Verdict == Fail {
			t.Errorf("%s %s: %s %v", c.Name, c.Control, c.Why, c.Exchanges)
		}
		if c.Verdict == Skip && !slices.Contains([]string{"too many toggles", "value bounds", "value name"}, c.Name) {
			t.Errorf("%s %s was skipped: %s", c.Name, c.Control, c.Why)
		}
	}
	if want := len(reading) + len(m.order)*(len(changing)+1) + 2; len(r.Checks) != want {
		t.Errorf("%d checks, want %d", len(r.Checks), want)
	}
	for id, k := range m.controls {
		if k.wire["expires_at"] != nil {
			t.Errorf("%s was left at %v", id, k.wire["value"])
		}
	}
}

// subjectOf names the control that is tried with a fault: a number where nothing else is needed.
func subjectOf(fault string) string {
	if fault == "names taken" {
		return "target.eu"
	}
	return "cap.eu"
}

// Each fault has to fail the check that is about it, before any other, and the control has to be at its base in the end.
func TestEachFaultFailsItsCheck(t *testing.T) {
	t.Parallel()
	checks := map[string]string{
		"late propagation":      "in force",
		"accepted but ignored":  "in force",
		"success false":         "set",
		"hang":                  "set",
		"always 412":            "set",
		"lost answer":           "set",
		"wrong units":           "deadline as asked",
		"lost update":           "compare and set",
		"key raced":             "key in flight",
		"keys forgotten":        "same key",
		"key taken for another": "key reused",
		"secret echo":           "no secrets",
		"open door":             "token required",
		"no deadline needed":    "deadline required",
		"no longest deadline":   "deadline bounds",
		"bounds ignored":        "value bounds",
		"names taken":           "value name",
		"dry run acts":          "dry run",
		"deadline not held":     "deadline held",
		"extend ends it":        "extend",
		"reasons stay":          "give back",
		"events lost":           "event log",
		"cursor ignored":        "event log",
		"no deadline shown":     "listing",
	}
	// Most of a trial is waiting, so all run at once.
	models, reports := make(map[string]*model), make(map[string]*Report)
	for fault := range checks {
		models[fault], reports[fault] = newModel(t, fault), &Report{}
	}
	var running sync.WaitGroup
	for fault, m := range models {
		running.Go(func() {
			var err error
			if *reports[fault], err = Run(t.Context(), options(m, subjectOf(fault))); err != nil {
				t.Errorf("%s: %v", fault, err)
			}
		})
	}
	running.Wait()
	for fault, check := range checks {
		t.Run(fault, func(t *testing.T) {
			m, r := models[fault], *reports[fault]
			first := slices.IndexFunc(r.Checks, func(c Check) bool { return c.Verdict == Fail })
			if first < 0 {
				t.Fatal("nothing failed")
			}
			if c := r.Checks[first]; c.Name != check || c.Why == "" {
				t.Errorf("%q failed first (%s), want %q", c.Name, c.Why, check)
			}
			m.mu.Lock()
			defer m.mu.Unlock()
			if k := m.controls[subjectOf(fault)]; k.wire["value"] != k.wire["base"] && fault != "no deadline shown" {
				t.Errorf("it was left at %v", k.wire["value"])
			}
			if text := written(t, r); strings.Contains(text, testToken) {
				t.Error("the report holds the token")
			}
		})
	}
}

func written(t *testing.T, r Report) string {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Without a control that may be changed nothing is sent that could change one.
func TestWithoutAControlItOnlyReads(t *testing.T) {
	m := newModel(t, "")
	r := run(t, m)
	if !r.OK() || r.Count(Skip) != len(changing) || r.Count(Pass) != len(reading)+2 {
		t.Errorf("%+v", r)
	}
	if len(m.events) != 0 {
		t.Errorf("something was changed: %v", m.events)
	}
	if c := r.Checks[len(reading)]; !strings.Contains(c.Why, "cap.eu") {
		t.Errorf("no control is offered: %s", c.Why)
	}
}

// What somebody has set is not touched.
func TestAControlThatIsOutIsLeftAlone(t *testing.T) {
	m := newModel(t, "")
	k := m.controls["cap.eu"]
	k.wire["value"], k.wire["set_by"], k.deadline = 4.0, "bob", time.Now().Add(time.Hour)
	k.wire["expires_at"] = k.deadline
	r := run(t, m, "cap.eu")
	if !r.OK() || len(m.events) != 0 || k.wire["value"] != 4.0 {
		t.Errorf("%v, value %v", m.events, k.wire["value"])
	}
	if n := r.Count(Skip); n != len(changing)+1 {
		t.Errorf("%d skipped", n)
	}
}

func TestTheBrakeOnToggling(t *testing.T) {
	t.Parallel()
	m := newModel(t, "")
	o := options(m, "cap.eu")
	o.Toggles = true
	r, err := Run(t.Context(), o)
	if err != nil || !r.OK() {
		t.Fatalf("%+v, %v", r, err)
	}
	n := slices.IndexFunc(r.Checks, func(c Check) bool { return c.Name == "too many toggles" })
	if r.Checks[n].Verdict != Pass {
		t.Errorf("%+v", r.Checks[n])
	}
}

func TestWhatCannotBeAsked(t *testing.T) {
	m := newModel(t, "flood")
	for name, o := range map[string]Options{
		"too long":     options(m),
		"no server":    {URL: "http://127.0.0.1:1"},
		"no address":   {URL: "gateway.example"},
		"a password":   {URL: "http://ana:geheim@127.0.0.1:1"},
		"wrong token":  {URL: newModel(t, "").URL},
		"no control":   options(newModel(t, ""), "cap.us"),
		"not contract": {URL: newModel(t, "").URL + "/nowhere"},
	} {
		_, err := Run(t.Context(), o)
		if err == nil || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: %v", name, err)
		}
		if name == "no server" && !errors.Is(err, ErrAway) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
