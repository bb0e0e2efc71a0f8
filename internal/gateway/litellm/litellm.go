// Package litellm drives a LiteLLM proxy. With the companion loaded (examples/litellm) the proxy serves the control contract, and
// every lever goes that way; without it the proxy is read, and the driver says that it cannot be steered and how to change that.
package litellm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
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
}

// Driver is the contract's driver, with words of its own where there is no companion.
type Driver struct {
	*contract.Driver
	opts   Options
	client *http.Client
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
	inner := contract.Options{Gateway: o.Gateway, Env: o.Env, Token: o.Token, Client: o.Client, Timeout: o.Timeout, Resolve: o.Resolve}
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

// Describe says what the companion offers: without it nothing can be thrown.
func (d *Driver) Describe() gateway.Description {
	desc := d.Driver.Describe()
	desc.Kind = Kind
	for i, a := range desc.Abilities {
		desc.Abilities[i] = companion(a)
	}
	return desc
}

// companion puts what is special about the companion into the ability of the contract.
func companion(a gateway.Ability) gateway.Ability {
	if a.Fitness == gateway.Impossible {
		return a
	}
	a.Delay = "none; every worker of a host follows at its next request, and each pod is an instance"
	switch a.Verb {
	case gateway.CapSet, gateway.CapLift:
		a.Excess = gateway.ExcessOverflow
		a.Why = "counted over all workers of a host; the excess goes to other deployments of the model, then to its fallback, else it gets 429; Linux only"
	case gateway.TargetOut, gateway.TargetIn:
		a.Why = "the router passes it over; with all deployments of a model out, its fallback serves"
	case gateway.WorkloadPause, gateway.WorkloadResume, gateway.ShedSet, gateway.ShedLift:
		a.Excess = gateway.ExcessRejected
		a.Why = "429 with Retry-After, for requests that name their workload (metadata.workload or the header x-workload)"
	case gateway.FallbackOn, gateway.FallbackOff:
		a.Why = "of models for which LiteLLM has a fallback"
	case gateway.RouteForce, gateway.RouteUnforce:
		a.Why = "to a deployment of the same model or of another; its fallback stays"
	case gateway.RetrySet, gateway.RetryReset:
		a.Why = "for every request, in place of the router's num_retries and timeout"
	case gateway.BreakerOpen, gateway.BreakerReset:
		return gateway.Ability{Verb: a.Verb, Fitness: gateway.Impossible, Why: "LiteLLM's cool-downs cannot be set. Nearest: target.out"}
	case gateway.DegradeOn, gateway.DegradeOff:
		return gateway.Ability{Verb: a.Verb, Fitness: gateway.Impossible, Why: "LiteLLM has no fixed answer. Nearest: route.force to a cheaper model, or workload.pause"}
	}
	return a
}

// Read reads all proxies. One without the companion reads as out of control, with what to do about it.
func (d *Driver) Read(ctx context.Context) (gateway.State, error) {
	state, err := d.Driver.Read(ctx)
	if err != nil {
		return state, fmt.Errorf("reading LiteLLM: %w", err)
	}
	var wg sync.WaitGroup
	for i := range state.Instances {
		if one := &state.Instances[i]; !one.Reachable {
			wg.Go(func() { d.explain(ctx, d.opts.Instances[i], one) })
		}
	}
	wg.Wait()
	return state, nil
}

// Plan refuses, with what to do about it, where the companion is missing.
func (d *Driver) Plan(ctx context.Context, c gateway.Change, now time.Time) (gateway.Plan, error) {
	p, err := d.Driver.Plan(ctx, c, now)
	var refusal *gateway.Refusal
	if err == nil || errors.As(err, &refusal) {
		return p, err //nolint:wrapcheck // a refusal is the contract's own
	}
	for _, i := range d.opts.Instances {
		if bare, why := d.bare(ctx, i); bare {
			return gateway.Plan{}, &gateway.Refusal{Verb: c.Verb, Scope: c.Scope, Why: i.Name + ": " + why, Try: Load}
		}
	}
	return p, fmt.Errorf("planning on LiteLLM: %w", err)
}

// explain says why an instance has no levers, where it is LiteLLM that answers.
func (d *Driver) explain(ctx context.Context, i Instance, s *gateway.InstanceState) {
	bare, why := d.bare(ctx, i)
	if !bare {
		return
	}
	s.Err = fmt.Sprintf("%s (%s): not controllable: %s; to steer it: %s", i.Name, i.URL, why, Load)
	if seen := d.deployments(ctx, i); seen != "" {
		s.Notes = append(s.Notes, seen)
	}
}

// readiness is the answer of /health/readiness.
type readiness struct {
	Status string `json:"status"`
	DB     string `json:"db"`
}

// bare tells whether a LiteLLM answers there that does not have the companion, and what it has instead.
func (d *Driver) bare(ctx context.Context, i Instance) (bool, string) {
	if status, _, err := d.get(ctx, i, under+"/controls"); err != nil || status != http.StatusNotFound {
		return false, ""
	}
	status, body, err := d.get(ctx, i, "/health/readiness")
	var r readiness
	if err != nil || status != http.StatusOK || json.Unmarshal(body, &r) != nil || r.Status == "" || r.DB == "" {
		return false, ""
	}
	if strings.EqualFold(r.DB, "connected") {
		return true, "LiteLLM runs with a database and without the companion; its own admin calls have neither lock nor deadline and are not used"
	}
	return true, "LiteLLM runs without a database and without the companion; its own admin calls change nothing (database: " + redact.Outside(r.DB, 40) + ")"
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

// get asks one thing that changes nothing. /health itself is never asked: it sends a request to every deployment.
func (d *Driver) get(ctx context.Context, i Instance, path string) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, d.opts.Timeout)
	defer cancel()
	if u, err := url.Parse(i.URL); err != nil || u.Host == "" || u.User != nil {
		return 0, nil, errors.New("no URL of a proxy")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, i.URL+path, http.NoBody)
	if err != nil {
		return 0, nil, fmt.Errorf("asking %s: %w", i.Name, err)
	}
	if d.opts.Token != nil {
		token, err := d.opts.Token(ctx)
		if err != nil {
			return 0, nil, fmt.Errorf("getting the token: %w", err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := d.client.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("asking %s: %w", i.Name, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return 0, nil, fmt.Errorf("asking %s: %w", i.Name, err)
	}
	return resp.StatusCode, body, nil
}
