package drill

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func TestScenariosAreWhole(t *testing.T) {
	list := Scenarios()
	var names []string
	for _, s := range list {
		names = append(names, s.Name)
		if s.Title == "" || s.Brief == "" {
			t.Errorf("%s: no title or brief", s.Name)
		}
		if s.Length > 45*time.Second {
			t.Errorf("%s: a headless run of %v is too long", s.Name, s.Length)
		}
		for _, f := range s.Faults {
			if got := covered(f.Scopes[0]); !slices.Equal(got, covered(f.Target)) {
				t.Errorf("%s: fault %s hits %v and declares %v", s.Name, f.Name, covered(f.Target), got)
			}
		}
	}
	want := []string{"azure-eu-502", "calm", "provider-down", "rate-limit-storm", "truncated-streams"}
	if !slices.Equal(names, want) {
		t.Errorf("scenarios %v, want %v", names, want)
	}
}

// The cohorts' shares must add up, or the last one gets what is left over.
func TestCohortsAddUp(t *testing.T) {
	users, workers := 0, 0
	for _, c := range cohorts() {
		users += c.interactive
		workers += c.batch
		if !slices.Contains(models(), c.model) {
			t.Errorf("cohort %s asks for unknown model %s", c.caller, c.model)
		}
	}
	if users != 100 || workers != 16 {
		t.Errorf("shares add up to %d%% and %d/16", users, workers)
	}
}

func TestScenarioErrors(t *testing.T) {
	good, err := scenarioFiles.ReadFile("scenarios/azure-eu-502.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, from, to, want string }{
		{"unknown key", "title:", "titel:", "line 2: field titel not found"},
		{"long calm", "calm: 9s", "calm: 16s", "calm 16s: at most 15s"},
		{"fault in the calm", "    from: 9s\n    to: 38s\n    scopes", "    from: 8s\n    to: 38s\n    scopes", "must lie between"},
		{"unknown kind", "bad_gateway: 60", "bad_getaway: 60", `unknown failure kind "bad_getaway"`},
		{"no such target", "target: {provider: azure, model: gpt-4o", "target: {provider: azure, model: gpt-5", "matches no deployment"},
		{"consequences of nothing", string(faultsOf(good)), "", "a scenario without a fault"},
		{"no such deployment", "local-llama-3: 600", "local-llama-9: 600", `unknown deployment "local-llama-9"`},
		{"no breaker", "breaker_percent: 50", "breaker_percent: 0", "the breaker needs percent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(string(good), c.from, c.to, 1)
			if text == string(good) {
				t.Fatalf("%q does not occur", c.from)
			}
			files := fstest.MapFS{"scenarios/x.yaml": {Data: []byte(text)}}
			_, err := readScenarios(files)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "x.yaml: ") {
				t.Errorf("got %v, want x.yaml: ... %s", err, c.want)
			}
		})
	}
}

// faultsOf is the part of a scenario file that declares its faults.
func faultsOf(file []byte) []byte {
	from, to := bytes.Index(file, []byte("faults:")), bytes.Index(file, []byte("consequences:"))
	return file[from:to]
}

// A calm scenario finds everything to be false, and misses nothing.
func TestScoreOfACalm(t *testing.T) {
	s, err := findScenario("calm")
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Score(nil); got.Missed != 0 || got.False != 0 {
		t.Errorf("nothing was seen: %+v", got)
	}
	got := s.Score([]SeenBurst{{ID: "b", DetectedAfter: 20 * time.Second, Scope: scope("model", "gpt-4o"), Class: "timeout"}})
	if got.Missed != 0 || got.False != 1 || !strings.HasPrefix(got.Bursts[0].Why, "false: ") {
		t.Errorf("a burst in the calm: %+v", got)
	}
}

func FuzzParseScenario(f *testing.F) {
	data, err := scenarioFiles.ReadFile("scenarios/provider-down.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte("name: x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parseScenario("fuzz.yaml", data)
		if err == nil && s.check() != nil {
			t.Error("accepted a scenario that fails its own check")
		}
	})
}

func scope(pairs ...string) map[string]string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

func TestScore(t *testing.T) {
	const expected, lawful, wrong = "expected", "lawful", "false"
	whole := scope("provider", "azure", "model", "gpt-4o", "region", "eu-west")
	for _, c := range []struct {
		name     string
		scenario string
		at       time.Duration
		scope    map[string]string
		class    string
		want     string
	}{
		{"the declared scope", "azure-eu-502", 12 * time.Second, whole, "bad_gateway", expected},
		{"by its deployment", "azure-eu-502", 12 * time.Second, scope("deployment", "azure-eu-west-gpt-4o"), "timeout", expected},
		{"model and region, which only one provider serves", "azure-eu-502", 12 * time.Second, scope("model", "gpt-4o", "region", "eu-west", "side", "upstream"), "bad_gateway", expected},
		{"in the calm", "azure-eu-502", 5 * time.Second, whole, "bad_gateway", wrong},
		{"within the grace", "azure-eu-502", 60 * time.Second, whole, "bad_gateway", expected},
		{"after the grace", "azure-eu-502", 90 * time.Second, whole, "bad_gateway", wrong},
		{"the whole region", "azure-eu-502", 12 * time.Second, scope("provider", "azure", "region", "eu-west"), "bad_gateway", wrong},
		{"the model's impact on clients", "azure-eu-502", 12 * time.Second, scope("side", "client", "model", "gpt-4o"), "bad_gateway", lawful},
		{"another model on the client side", "azure-eu-502", 12 * time.Second, scope("side", "client", "model", "llama-3"), "bad_gateway", wrong},
		{"the fallback target's refusals", "azure-eu-502", 20 * time.Second, scope("deployment", "anthropic-claude-sonnet"), "rate_limited", lawful},
		{"the same by provider and model", "azure-eu-502", 20 * time.Second, scope("provider", "anthropic", "model", "claude-sonnet"), "rate_limited", lawful},
		{"the fallback target down", "azure-eu-502", 20 * time.Second, scope("deployment", "anthropic-claude-sonnet"), "connection", wrong},
		{"the breaker's refusals", "azure-eu-502", 20 * time.Second, scope("model", "gpt-4o"), "no_healthy_upstream", lawful},
		{"a part of it only", "azure-eu-502", 12 * time.Second, scope("provider", "azure", "model", "gpt-4o", "region", "eu-west", "workload", "interactive"), "bad_gateway", wrong},
		{"a provider by its one deployment", "rate-limit-storm", 12 * time.Second, scope("deployment", "openai-gpt-4o"), "rate_limited", expected},
		{"the wrong class", "rate-limit-storm", 12 * time.Second, scope("provider", "openai"), "auth", wrong},
		{"streams only", "truncated-streams", 12 * time.Second, scope("deployment", "azure-us-east-gpt-4o-mini", "stream", "true"), "truncated", expected},
		{"a whole provider", "provider-down", 12 * time.Second, scope("provider", "azure"), "connection", expected},
		{"a part of the provider", "provider-down", 12 * time.Second, scope("provider", "azure", "region", "eu-west"), "connection", lawful},
		{"everything", "provider-down", 12 * time.Second, scope(), "connection", wrong},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := findScenario(c.scenario)
			if err != nil {
				t.Fatal(err)
			}
			score := s.Score([]SeenBurst{{ID: "b1", DetectedAfter: c.at, Scope: c.scope, Class: c.class}})
			got := lawful
			switch {
			case score.Bursts[0].Expected:
				got = expected
			case score.False == 1:
				got = wrong
			}
			if got != c.want {
				t.Errorf("scored %s (%s), want %s", got, score.Bursts[0].Why, c.want)
			}
			if missed := map[bool]int{true: 0, false: 1}[got == expected]; score.Missed != missed || len(score.MissedWhat) != missed {
				t.Errorf("missed %d %v, want %d", score.Missed, score.MissedWhat, missed)
			}
		})
	}
}

func TestScoreFollowsAnotherCalm(t *testing.T) {
	s, err := findScenario("azure-eu-502")
	if err != nil {
		t.Fatal(err)
	}
	moved := s.shifted(2 * time.Second)
	b := SeenBurst{DetectedAfter: 4 * time.Second, Scope: s.Faults[0].Scopes[0], Class: "bad_gateway"}
	if got := moved.Score([]SeenBurst{b}); !got.Bursts[0].Expected {
		t.Errorf("with a calm of 2 s, a burst after 4 s: %s", got.Bursts[0].Why)
	}
	if got := s.Score([]SeenBurst{b}); got.False != 1 {
		t.Errorf("with a calm of %v, a burst after 4 s: %s", s.Calm, got.Bursts[0].Why)
	}
}

func TestFaultsMayLast(t *testing.T) {
	s, err := findScenario("provider-down")
	if err != nil {
		t.Fatal(err)
	}
	long := s.lasting(10 * time.Minute)
	if err := long.check(); err != nil {
		t.Fatal(err)
	}
	if long.Calm != s.Calm || long.Faults[0].From != s.Faults[0].From || long.Faults[0].To != s.Faults[0].To+10*time.Minute {
		t.Errorf("the windows are now %v, %v-%v", long.Calm, long.Faults[0].From, long.Faults[0].To)
	}
	if s.Faults[0].To > s.Length || s.Consequences[0].To > s.Length {
		t.Error("the scenario it was made of has changed")
	}
}
