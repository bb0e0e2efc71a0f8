// Package litellm drives a LiteLLM proxy. With the companion loaded (examples/litellm) the proxy serves the control contract, and
// every lever goes that way. Without it a proxy that has a database is steered by its own admin calls, which have neither lock nor
// deadline; one without a database is read, and the driver says that it cannot be steered and how to change that.
package litellm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/gateway/contract"
	"signalbox/internal/redact"
	"signalbox/internal/traffic"
)

// Kind is how the configuration names this kind of gateway.
const Kind = "litellm"

const (
	defaultTimeout = 5 * time.Second
	maxBody        = 4 << 20
	under          = "/signalbox" // where the companion serves the contract
)

// Load says how the companion is loaded, in the lines of LiteLLM's configuration.
const Load = "signalbox control companion litellm > signalbox_companion.py beside its config.yaml, there under litellm_settings: " +
	`callbacks: ["signalbox_companion.control"], and restart it`

// Instance is one proxy; in Kubernetes each pod.
type Instance struct {
	Name string
	URL  string // of the proxy, without a path; with /signalbox it means the same
}

// Options say how to reach a gateway.
type Options struct {
	Gateway   string
	Env       string
	Instances []Instance
	Token     func(context.Context) (string, error) // the master key, or the companion's own token
	Client    *http.Client
	Timeout   time.Duration // of one request; 0 means 5 s
	Resolve   func(traffic.Scope) []string
	Through   func(network, address string) string // as the contract's
}

// Driver is the contract's driver, with words of its own where there is no companion.
type Driver struct {
	*contract.Driver
	opts   Options
	client *http.Client

	mu     sync.Mutex
	native bool                           // the last reading found a database and no companion
	lists  map[string]map[string][]string // fallbacks last seen, by instance and model: what fallback.on gives back
}

var (
	_ gateway.Driver   = (*Driver)(nil)
	_ gateway.Extender = (*Driver)(nil)
)

// New makes a driver; it asks nobody.
func New(o Options) *Driver {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	client := gateway.Straight(o.Client)
	inner := contract.Options{Gateway: o.Gateway, Env: o.Env, Token: o.Token, Client: o.Client, Timeout: o.Timeout, Resolve: o.Resolve, Through: o.Through}
	o.Instances = append([]Instance{}, o.Instances...)
	for i := range o.Instances {
		one := &o.Instances[i]
		whole := Contract(one.URL)
		one.URL = strings.TrimSuffix(whole, under)
		inner.Instances = append(inner.Instances, contract.Instance{Name: one.Name, URL: whole})
	}
	return &Driver{Driver: contract.New(inner), opts: o, client: client}
}

// Contract gives the address at which the companion of a proxy serves the contract.
func Contract(proxy string) string {
	return strings.TrimSuffix(strings.TrimSuffix(strings.TrimRight(proxy, "/"), "/controls"), under) + under
}

// Read reads all proxies. One without the companion is read by its admin calls where it has a database, and is out of
// control where it has none, with what to do about it.
func (d *Driver) Read(ctx context.Context) (gateway.State, error) {
	state, err := d.Driver.Read(ctx)
	if err != nil {
		return state, fmt.Errorf("reading LiteLLM: %w", err)
	}
	with := slices.ContainsFunc(state.Instances, func(s gateway.InstanceState) bool { return s.Reachable })
	stored := make([]bool, len(state.Instances))
	var wg sync.WaitGroup
	for i := range state.Instances {
		if one := &state.Instances[i]; !one.Reachable {
			wg.Go(func() { stored[i] = d.without(ctx, d.opts.Instances[i], one, !with) })
		}
	}
	wg.Wait()
	d.remember(!with && slices.Contains(stored, true))
	return state, nil
}

// remember notes which way the levers go, for Describe.
func (d *Driver) remember(native bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.native = native
}

// Plan goes by the companion; where no instance has it, by the admin calls of a database, else it refuses with what to do.
func (d *Driver) Plan(ctx context.Context, c gateway.Change, now time.Time) (gateway.Plan, error) {
	p, err := d.Driver.Plan(ctx, c, now)
	var refusal *gateway.Refusal
	if err == nil || errors.As(err, &refusal) {
		d.remember(false)
		return p, err //nolint:wrapcheck // a refusal is the contract's own
	}
	for _, i := range d.opts.Instances {
		switch which, why := d.bare(ctx, i); which {
		case withDatabase:
			d.remember(true)
			return d.planNative(ctx, c, now)
		case withNothing:
			return gateway.Plan{}, &gateway.Refusal{Verb: c.Verb, Scope: c.Scope, Why: i.Name + ": " + why, Try: Load}
		}
	}
	return p, err //nolint:wrapcheck // it names the instances
}

// without reads an instance that serves no contract, where it is LiteLLM that answers; it tells whether its database was read.
func (d *Driver) without(ctx context.Context, i Instance, s *gateway.InstanceState, native bool) bool {
	which, why := d.bare(ctx, i)
	if which == neither {
		return false
	}
	if which == withDatabase && native {
		controls, notes, err := d.readNative(ctx, i)
		if err != nil {
			s.Err = err.Error()
			return false
		}
		s.Reachable, s.Err, s.Controls, s.Notes = true, "", controls, notes
		return true
	}
	s.Err = fmt.Sprintf("%s (%s): not controllable: %s; to steer it: %s", i.Name, i.URL, why, Load)
	if seen := d.deployments(ctx, i); seen != "" {
		s.Notes = append(s.Notes, seen)
	}
	return false
}

// readiness is the answer of /health/readiness.
type readiness struct {
	Status string `json:"status"`
	DB     string `json:"db"`
}

// found is what answers at an instance that serves no contract.
type found int

const (
	neither      found = iota // no LiteLLM, or nothing at all
	withNothing               // LiteLLM without a database
	withDatabase              // LiteLLM with one
)

// bare tells what a LiteLLM has that answers there without the companion. It goes by answers, not by configuration.
func (d *Driver) bare(ctx context.Context, i Instance) (found, string) {
	if status, _, err := d.get(ctx, i, under+"/controls"); err != nil || status != http.StatusNotFound {
		return neither, ""
	}
	status, body, err := d.get(ctx, i, "/health/readiness")
	var r readiness
	if err != nil || status != http.StatusOK || json.Unmarshal(body, &r) != nil || r.Status == "" || r.DB == "" {
		return neither, ""
	}
	if strings.EqualFold(r.DB, "connected") {
		return withDatabase, "LiteLLM runs with a database and without the companion, which other instances have; its own admin calls have neither lock nor deadline and are not mixed with it"
	}
	return withNothing, "LiteLLM runs without a database and without the companion; its own admin calls change nothing (database: " + redact.Outside(r.DB, 40) + ")"
}

// deployments names what the proxy routes to, so that its reading is good for something.
func (d *Driver) deployments(ctx context.Context, i Instance) string {
	status, body, err := d.get(ctx, i, "/model/info")
	var list struct {
		Data []struct {
			Name string `json:"model_name"`
			Info struct {
				ID string `json:"id"`
			} `json:"model_info"`
		} `json:"data"`
	}
	if err != nil || status != http.StatusOK || json.Unmarshal(body, &list) != nil || len(list.Data) == 0 {
		return ""
	}
	var names []string
	for _, m := range list.Data {
		names = append(names, redact.Outside(m.Name, 60)+" by "+redact.Outside(m.Info.ID, 80))
	}
	const few = 6
	more := ""
	if n := len(names); n > few {
		names, more = names[:few], fmt.Sprintf(" and %d more", n-few)
	}
	return "it serves " + strings.Join(names, ", ") + more
}
