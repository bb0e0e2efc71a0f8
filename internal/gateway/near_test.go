package gateway

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"signalbox/internal/traffic"
)

func TestNearPutsTheLikeliestFirst(t *testing.T) {
	names := []string{"llm/us", "llm/eu", "claude/eu", "gpt-4o/eu-west", "gpt-4o/us-east"}
	for word, first := range map[string]string{
		"llm/eau": "llm/eu", "gpt4o/eu-west": "gpt-4o/eu-west", "GPT-4O/US-EAST": "gpt-4o/us-east", "llm/us": "llm/us", "claude": "claude/eu",
	} {
		if got := Near(word, names); got[0] != first {
			t.Errorf("%q is most like %q, not %q", word, first, got[0])
		}
	}
	if names[0] != "llm/us" {
		t.Error("the list that was given is sorted")
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		n    int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "abc", 0}, {"kitten", "sitting", 3}, {strings.Repeat("a", 500), "b", maxNear}} {
		if n := distance(c.a, c.b); n != c.n {
			t.Errorf("%.10q to %q: %d, not %d", c.a, c.b, n, c.n)
		}
	}
	if err := quick.Check(func(a, b string) bool {
		n := distance(a, b)
		return n == distance(b, a) && n <= max(len(a), len(b)) && (n == 0) == (a[:min(len(a), maxNear)] == b[:min(len(b), maxNear)])
	}, nil); err != nil {
		t.Error(err)
	}
}

// What the gateway has not is told apart from what it will not do now.
func TestAddressSaysThatThereIsNoTarget(t *testing.T) {
	for scope, try := range map[string]string{"instance": "instance=gw-1 or instance=gw-2", "env": "the scope without env=", "gateway": "gateway=edge"} {
		c := Change{Verb: CapSet, Scope: traffic.Scope{scope: "gw-11"}, TTL: time.Minute}
		_, _, err := c.Address("edge", "prod", []string{"gw-2", "gw-1"})
		var r *Refusal
		if !errors.As(err, &r) || !r.NoTarget || !strings.Contains(r.Try, try) {
			t.Errorf("%s: %v", scope, err)
		}
	}
	if !slices.Equal(Near("gw-2", []string{"gw-1", "gw-2"}), []string{"gw-2", "gw-1"}) {
		t.Error("what is equal is not the nearest")
	}
}
