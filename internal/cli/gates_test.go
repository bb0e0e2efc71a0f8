package cli

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"signalbox/internal/config"
	"signalbox/internal/desk"
	"signalbox/internal/gateway"
	"signalbox/internal/traffic"
)

// The levers of examples/commands are whole, so that only their commands are left to try on the real thing.
func TestLeversOfTheExampleOfCommands(t *testing.T) {
	cfg, err := config.Load("../../examples/commands/signalbox.yaml")
	if err != nil {
		t.Fatal(err)
	}
	all, err := new(app).gateways(t.Context(), cfg, nil, func(string) {})
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
	want := "jobs cap.set jobs cap.lift jobs workload.pause jobs workload.resume jobs target.out jobs target.in apisix fallback.on apisix fallback.off " +
		"one-api target.out one-api target.in kong workload.pause kong workload.resume " +
		"bifrost workload.pause bifrost workload.resume bifrost target.out bifrost target.in bifrost fallback.on bifrost fallback.off " +
		"portkey fallback.on portkey fallback.off higress target.out higress target.in higress fallback.on higress fallback.off"
	if got := strings.Join(can, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// documented answers as the documentation of Bifrost, Portkey and Higress says that they do: a PUT changes the fields that
// it names, or the whole.
type documented struct {
	mu   sync.Mutex
	at   map[string]string // path: what a GET answers
	puts []string
}

// sent gives what was put so far, path and body.
func (d *documented) sent() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.puts)
}

func (d *documented) last() string {
	all := d.sent()
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1]
}

func (d *documented) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.Header.Get("Authorization") == "" && r.Header.Get("X-Portkey-Api-Key") == "" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if r.Method == http.MethodPut {
		body, _ := io.ReadAll(r.Body)
		d.puts = append(d.puts, r.URL.Path+" "+string(body))
		replace := map[string]string{
			"/api/governance/virtual-keys/vk-batch":       `{"virtual_key":%s}`,
			"/api/governance/routing-rules/gpt-4o-second": `{"rule":%s}`,
			"/api/providers/azure/keys/azure-eu":          `{"keys":[{"id":"azure-us","enabled":true},%s]}`,
			"/v1/configs/pc-gpt-4o":                       `{"success":true,"data":%s}`,
			"/v1/ai/routes/gpt-4o":                        `{"success":true,"data":%s}`,
		}[r.URL.Path]
		d.at[strings.TrimSuffix(r.URL.Path, "/azure-eu")] = fmt.Sprintf(replace, body)
		return
	}
	answer, ok := d.at[r.URL.Path]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
	}
	_, _ = io.WriteString(w, answer)
}

// The recipes that build what they send out of what they read keep the rest of it, and read their own effect. Whether the
// real gateways answer so is not tested.
func TestRecipesOverHTTP(t *testing.T) {
	for _, tool := range []string{"curl", "jq", "sh"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs " + tool)
		}
	}
	fake := &documented{at: map[string]string{
		"/api/governance/virtual-keys/vk-batch":       `{"virtual_key":{"id":"vk-batch","value":"sk-bf-hidden","is_active":true}}`,
		"/api/governance/routing-rules/gpt-4o-second": `{"rule":{"id":"gpt-4o-second","enabled":false}}`,
		"/api/providers/azure/keys":                   `{"keys":[{"id":"azure-us","enabled":true},{"id":"azure-eu","value":"sk-****","weight":1,"enabled":true}]}`,
		"/v1/configs/pc-gpt-4o":                       `{"success":true,"data":{"config":{"strategy":{"mode":"single"},"targets":[{"virtual_key":"main"},{"virtual_key":"second"}]}}}`,
		"/v1/ai/routes/gpt-4o": `{"success":true,"data":{"name":"gpt-4o","version":"17","upstreams":[{"provider":"azure-eu","weight":50},{"provider":"azure-us","weight":50}],` +
			`"fallbackConfig":{"enabled":false,"upstreams":[{"provider":"openai"}]}}}`,
	}}
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	home := t.TempDir()
	t.Setenv("HOME", home)
	for name, text := range map[string]string{"bifrost": `header = "Authorization: Bearer key"`, "portkey": `header = "x-portkey-api-key: key"`, "higress": `user = "admin:key"`} {
		file := filepath.Join(home, ".config", "signalbox", name+".curl")
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile("../../examples/commands/signalbox.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Parse("x.yaml", []byte(strings.NewReplacer("http://{instance}:8080/", server.URL+"/", "https://{instance}/", server.URL+"/").Replace(string(text))))
	if err != nil {
		t.Fatal(err)
	}
	all, err := new(app).gateways(t.Context(), cfg, nil, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ gateway, verb, scope, sent, back string }{
		{"bifrost", "workload.pause", "workload=batch", `{"is_active":false}`, `{"is_active":true}`},
		{"bifrost", "fallback.on", "model=gpt-4o", `{"enabled":true}`, `{"enabled":false}`},
		{"bifrost", "target.out", "deployment=azure-eu", `{"id":"azure-eu","value":"sk-****","weight":1,"enabled":false}`, `{"id":"azure-eu","value":"sk-****","weight":1,"enabled":true}`},
		{"portkey", "fallback.on", "model=gpt-4o", `"mode":"fallback"},"targets":[{"virtual_key":"main"},{"virtual_key":"second"}]`, `"mode":"single"},"targets":[{"virtual_key":"main"}`},
		{"higress", "fallback.on", "model=gpt-4o", `"version":"17","upstreams":[{"provider":"azure-eu","weight":50},{"provider":"azure-us","weight":50}],"fallbackConfig":{"enabled":true,"upstreams":[{"provider":"openai"}]`, `"enabled":false`},
		{"higress", "target.out", "deployment=azure-eu", `[{"provider":"azure-eu","weight":0},{"provider":"azure-us","weight":100}]`, `[{"provider":"azure-eu","weight":50},{"provider":"azure-us","weight":50}]`},
	} {
		d := all[slices.IndexFunc(all, func(g desk.Gateway) bool { return g.Name == c.gateway })].Driver
		dim, name, _ := strings.Cut(c.scope, "=")
		scope := traffic.Scope{"gateway": c.gateway, dim: name}
		if c.gateway == "bifrost" {
			scope["instance"] = "bifrost-1"
		}
		p, err := d.Plan(t.Context(), gateway.Change{Verb: gateway.Verb(c.verb), Scope: scope, TTL: time.Minute, Reason: "r", Actor: "ana"}, time.Now())
		if err != nil {
			t.Fatalf("%s %s: %v", c.gateway, c.verb, err)
		}
		rec, err := d.Apply(t.Context(), p, "k")
		if err != nil || !rec.Instances[0].OK || !strings.Contains(fake.last(), c.sent) {
			t.Errorf("%s %s: %+v %v, sent %q", c.gateway, c.verb, rec, err, fake.sent())
		}
		rec, err = d.Revert(t.Context(), p, rec, "k2")
		if err != nil || !rec.Instances[0].OK || !strings.Contains(fake.last(), c.back) {
			t.Errorf("%s %s back: %+v %v, sent %q", c.gateway, c.verb, rec, err, fake.sent())
		}
	}
	// A gateway that is gone gets nothing sent.
	before := len(fake.sent())
	fake.mu.Lock()
	fake.at = map[string]string{}
	fake.mu.Unlock()
	for _, g := range all {
		if g.Name == "higress" {
			_, err := g.Driver.Plan(t.Context(), gateway.Change{Verb: gateway.FallbackOn, Scope: traffic.Scope{"gateway": "higress", "model": "gpt-4o"}, TTL: time.Minute}, time.Now())
			if err == nil || len(fake.sent()) != before {
				t.Errorf("%v, %q", err, fake.sent())
			}
		}
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
	_, err = new(app).gateways(t.Context(), cfg, nil, func(string) {})
	if err == nil || !strings.Contains(err.Error(), "x.yaml:9:5: gateway q: workload.pause has no on; write what `read` prints") {
		t.Errorf("%v", err)
	}
}
