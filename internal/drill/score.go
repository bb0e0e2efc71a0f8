package drill

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// grace is how long after its fault a burst may still open and count for it.
const grace = 30 * time.Second

// SeenBurst is a burst as the console reported it.
type SeenBurst struct {
	ID            string
	DetectedAfter time.Duration // since Fleet.Started
	Scope         map[string]string
	Class         string
}

// ScoredBurst is a seen burst and the verdict on it.
type ScoredBurst struct {
	SeenBurst
	Expected bool // it is a declared fault's own; a lawful consequence is neither expected nor false
	Why      string
}

// Score is how well a scenario's faults were found.
type Score struct {
	Bursts     []ScoredBurst
	Missed     int
	False      int
	MissedWhat []string // the missed faults' names and scopes
}

// Score compares what was seen with what was declared. A burst is expected
// when it opened in a fault's window, or within 30 s after it, and its scope
// covers exactly the deployments of a declared scope; lawful when a declared
// consequence, or the impact of a fault on clients, explains it; else false.
func (s Scenario) Score(bursts []SeenBurst) Score {
	var score Score
	found := make([]bool, len(s.Faults))
	for _, b := range bursts {
		scored := ScoredBurst{SeenBurst: b}
		if i := s.faultOf(b); i >= 0 {
			found[i] = true
			scored.Expected, scored.Why = true, "fault "+s.Faults[i].Name
		} else if why, ok := s.lawful(b); ok {
			scored.Why = "consequence: " + why
		} else {
			score.False++
			scored.Why = "false: " + s.nearest(b)
		}
		score.Bursts = append(score.Bursts, scored)
	}
	for i, f := range s.Faults {
		if !found[i] {
			score.Missed++
			score.MissedWhat = append(score.MissedWhat, f.Name+" at "+scopeText(f.Scopes[0]))
		}
	}
	return score
}

func (s Scenario) faultOf(b SeenBurst) int {
	return slices.IndexFunc(s.Faults, func(f Fault) bool {
		return during(b.DetectedAfter, f.From, f.To) && carries(f.Classes, b.Class) &&
			slices.ContainsFunc(f.Scopes, func(scope map[string]string) bool { return sameScope(b.Scope, scope) })
	})
}

func (s Scenario) lawful(b SeenBurst) (why string, ok bool) {
	for _, f := range s.Faults {
		if during(b.DetectedAfter, f.From, f.To) && impact(b.Scope, f) {
			return "impact of " + f.Name + " on clients", true
		}
	}
	for _, e := range s.Consequences {
		if during(b.DetectedAfter, e.From, e.To) && carries(e.Classes, b.Class) && consistent(b.Scope, e.Scope) {
			return e.Why, true
		}
	}
	return "", false
}

// nearest says what kept a burst from being expected.
func (s Scenario) nearest(b SeenBurst) string {
	for _, f := range s.Faults {
		in := during(b.DetectedAfter, f.From, f.To)
		for _, scope := range f.Scopes {
			if sameScope(b.Scope, scope) && !in {
				return fmt.Sprintf("opened at %v, fault %s lasts from %v to %v", b.DetectedAfter.Round(time.Millisecond), f.Name, f.From, f.To)
			}
		}
		if in && overlap(b.Scope, f.Scopes[0]) {
			return fmt.Sprintf("scope is %s, fault %s has %s", scopeText(b.Scope), f.Name, scopeText(f.Scopes[0]))
		}
	}
	return "no fault or consequence at " + scopeText(b.Scope)
}

func during(at, from, to time.Duration) bool { return at >= from && at <= to+grace }

func carries(classes []string, class string) bool {
	return len(classes) == 0 || class == "" || slices.Contains(classes, class)
}

// narrowing are the dimensions that cut a deployment's traffic into parts. Two
// equal scopes name the same part. Others (side, gateway, env, endpoint) have
// one value here, or say where it was seen, not what it covers.
var narrowing = []string{"workload", "stream", "instance", "caller"}

// sameScope says whether two scopes cover the same traffic, however named.
func sameScope(a, b map[string]string) bool {
	for _, dim := range narrowing {
		if a[dim] != b[dim] {
			return false
		}
	}
	got := covered(a)
	return len(got) > 0 && slices.Equal(got, covered(b))
}

func overlap(a, b map[string]string) bool {
	theirs := covered(b)
	return slices.ContainsFunc(covered(a), func(name string) bool { return slices.Contains(theirs, name) })
}

// impact says whether a client-side scope could show the fault: it names
// nothing that lies outside the fault's models. A client's deployment is only
// the last one tried, so only the model is judged.
func impact(scope map[string]string, f Fault) bool {
	if scope["side"] != "client" {
		return false
	}
	model, named := scope["model"]
	if !named {
		return overlap(scope, f.Scopes[0])
	}
	return slices.ContainsFunc(deployments(), func(d Deployment) bool {
		return d.Model == model && d.within(f.Target)
	})
}

// consistent says whether scope contradicts no value of pattern, and names at
// least one of its dimensions (an empty pattern takes anything).
func consistent(scope, pattern map[string]string) bool {
	names := len(pattern) == 0
	for dim, want := range pattern {
		got, ok := scope[dim]
		if !ok {
			continue
		}
		if want != "*" && got != want {
			return false
		}
		names = true
	}
	return names
}

func scopeText(scope map[string]string) string {
	if len(scope) == 0 {
		return "everything"
	}
	var parts []string
	for _, dim := range slices.Sorted(maps.Keys(scope)) {
		parts = append(parts, dim+"="+scope[dim])
	}
	return strings.Join(parts, " ")
}
