package cli

import (
	"strings"
	"testing"

	"signalbox/internal/config"
	"signalbox/internal/gateway"
)

// The levers of examples/commands are whole, so that only their commands are left to try on the real thing.
func TestLeversOfTheExampleOfCommands(t *testing.T) {
	cfg, err := config.Load("../../examples/commands/signalbox.yaml")
	if err != nil {
		t.Fatal(err)
	}
	all, err := new(app).gateways(t.Context(), cfg, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	var can []string
	for _, g := range all {
		for _, a := range g.Driver.Describe().Abilities {
			if a.Fitness == gateway.Native {
				can = append(can, g.Name+" "+string(a.Verb))
			}
		}
	}
	want := "jobs cap.set jobs cap.lift jobs workload.pause jobs workload.resume apisix fallback.on apisix fallback.off " +
		"one-api target.out one-api target.in kong workload.pause kong workload.resume"
	if got := strings.Join(can, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestALeverThatCannotBeToldIsRefused(t *testing.T) {
	cfg, err := config.Parse("x.yaml", []byte(`version: 1
gateways:
- name: q
  kind: command
  env: staging
  levers: on
  instances: [q]
  commands:
  - {verb: workload.pause, read: [r], apply: [a], revert: [b], off: running}
`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = new(app).gateways(t.Context(), cfg, func(string) {})
	if err == nil || !strings.Contains(err.Error(), "x.yaml:9:5: gateway q: workload.pause has no on; write what `read` prints") {
		t.Errorf("%v", err)
	}
}
