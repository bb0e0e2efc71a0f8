package cli

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"signalbox/internal/drill"
	"signalbox/internal/gateway/conform"
)

// TestTheDrillKeepsTheContract holds the drill's gateway, under its load, to everything that the contract promises, and
// every request and answer on the way to its OpenAPI description.
func TestTheDrillKeepsTheContract(t *testing.T) {
	fleet, err := drill.Start(t.Context(), drill.Options{Scenario: "calm", Seed: 1, Dir: t.TempDir(), Users: 50})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fleet.Stop() })
	ids := []string{"cap.azure-eu-west-gpt-4o", "pause.batch", "target.local-llama-3", "route.gpt-4o", "retry"}
	wire := &exchanges{}
	r, err := conform.Run(t.Context(), conform.Options{
		URL: fleet.Instances()[0].ControlsURL, Controls: ids, Values: map[string]string{"route.gpt-4o": `"openai-gpt-4o"`},
		Token: func(context.Context) (string, error) { return fleet.Token(), nil }, Actor: "ana", Reason: "conformance", Short: 500 * time.Millisecond, Timeout: 10 * time.Second,
		Client: &http.Client{Transport: wire},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Checks {
		if c.Verdict == conform.Fail {
			t.Errorf("%s %s: %s\n%v", c.Name, c.Control, c.Why, c.Exchanges)
		}
		if c.Verdict == conform.Skip && !slices.Contains([]string{"too many toggles", "value bounds", "value name"}, c.Name) {
			t.Errorf("%s %s was skipped: %s", c.Name, c.Control, c.Why)
		}
	}
	checkDescription(t, wire.all)
}
