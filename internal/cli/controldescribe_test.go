package cli_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"signalbox/internal/gateway"
)

// shownGate is what describe tells of a gateway.
type shownGate struct {
	Name      string
	Levers    bool
	Heard     bool
	Asked     []struct{ Name, Err string }
	Abilities []gateway.Ability
}

func (g shownGate) has(v gateway.Verb) gateway.Ability {
	return gateway.Description{Abilities: g.Abilities}.Ability(v)
}

// liteLLM answers as a LiteLLM without the companion does.
func liteLLM(t *testing.T, answers map[string]string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := answers[r.URL.Path]
		if !ok {
			http.Error(w, `{"detail":"Not Found"}`, http.StatusNotFound)
			return
		}
		_, _ = fmt.Fprint(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// What runs at a gateway decides which levers it has: describe asks, says what it heard, and says so where it did not.
func TestDescribeAsksWhatRunsThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	serveSlowly(t, dir) // its one control is a cap
	bare := liteLLM(t, map[string]string{"/health/readiness": `{"status":"healthy","db":"Not connected"}`})
	stored := liteLLM(t, map[string]string{
		"/health/readiness": `{"status":"healthy","db":"connected"}`,
		"/model/info":       `{"data":[{"model_name":"gpt-4o","litellm_params":{},"model_info":{"id":"az-eu","db_model":true}}]}`,
		"/key/list":         `{"keys":[],"total_count":0,"current_page":1,"total_pages":1}`, "/team/list": `[]`,
	})
	file, err := os.OpenFile(filepath.Join(dir, "signalbox.yaml"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(file, `- {name: bare, kind: litellm, env: staging, levers: on, instances: ["pod=%s"], timeout: 30s}
- {name: stored, kind: litellm, env: staging, levers: on, instances: ["pod=%s"], timeout: 30s}
- {name: away, kind: litellm, env: staging, levers: on, instances: ["pod=http://127.0.0.1:1"], timeout: 30s}
`, bare, stored)
	if err != nil || file.Close() != nil {
		t.Fatal(err)
	}
	for _, offline := range []bool{false, true} {
		var d struct{ Gateways []shownGate }
		args := []string{"describe"}
		if offline {
			args = append(args, "--offline")
		}
		well(t, dir, &d, args...)
		edge, bare, stored, away := d.Gateways[0], d.Gateways[1], d.Gateways[2], d.Gateways[3]
		if offline != (edge.has(gateway.WorkloadPause).Fitness == gateway.Native) || edge.has(gateway.CapSet).Fitness != gateway.Native || edge.Heard == offline {
			t.Errorf("offline %v: of a gateway with one cap: heard %v, %+v", offline, edge.Heard, edge.has(gateway.WorkloadPause))
		}
		if offline != (stored.has(gateway.CapSet).Dims[0] == "deployment") || stored.Heard == offline {
			t.Errorf("offline %v: with a database: %+v", offline, stored.has(gateway.CapSet))
		}
		for _, g := range []shownGate{bare, away} {
			if g.Heard || !g.Levers || g.has(gateway.CapSet).Fitness != gateway.Native || (len(g.Asked) == 1) == offline {
				t.Errorf("offline %v: %s: %+v", offline, g.Name, g)
			}
		}
		text, code := controls(t, dir, args...)
		wants := []string{"OUT OF REACH", "bare  litellm  staging", "not controllable: LiteLLM runs without a database and without the companion", "not heard: no instance answers; what its kind can do, by the configuration:", "lists no control of kind pause"}
		if offline {
			wants = []string{"not asked; what its kind can do, by the configuration:"}
		}
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("offline %v: %q is not in\n%s", offline, want, text)
			}
		}
		if code != 0 || offline && strings.Contains(text, "OUT OF REACH") {
			t.Errorf("offline %v: exit code %d\n%s", offline, code, text)
		}
	}
	// A plan takes the lever's target from what runs there, too: a cap is of a key's alias where there is a database.
	if out, code := controls(t, dir, "plan", "cap.set", "gateway=stored", "workload=nightly", "--value", "4"); code != 2 || !strings.Contains(out, "no key with the alias nightly") {
		t.Errorf("%d\n%s", code, out)
	}
}
