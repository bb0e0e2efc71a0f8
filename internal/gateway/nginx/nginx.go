// Package nginx drives nginx, which has no interface to be steered by: the driver writes one file that nginx includes,
// tests it with nginx's own test, reloads, and asks the workers which file they run. The file is the operator's base
// file with other numbers in it, and nothing else. A deployment is a server of an upstream, named upstream/address.
// There is no lock and no deadline; a restart keeps what was set.
package nginx

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/traffic"
)

// Kind is how the configuration names this kind of gateway.
const Kind = "nginx"

const defaultTimeout = 5 * time.Second

// Instance is one nginx.
type Instance struct {
	Name   string
	Status string // URL of the location that returns $signalbox_generation
}

// Options say how to reach a gateway. {instance} in Through, Test and Reload stands for the instance.
type Options struct {
	Gateway   string
	Env       string
	Instances []Instance
	File      string   // that Signalbox writes and nginx includes
	Base      string   // what it is without levers; never written
	Test      []string // none: nginx -t
	Reload    []string // none: nginx -s reload
	Through   []string // a command that runs another one on the instance's machine, as ssh does
	Dir       string   // what files and commands are relative to
	// Resolve gives the deployments that a scope covers exactly, from the inventory. Nil: a scope has to name its own.
	Resolve     func(traffic.Scope) []string
	Timeout     time.Duration // of one command or request; 0 means 5 s
	Environment []string      // of the commands: without the console's secrets
	Client      *http.Client  // nil: one that follows no redirects
}

// Driver steers all nginxes of one gateway.
type Driver struct {
	opts  Options
	peers []*peer
}

var _ gateway.Driver = (*Driver)(nil)

// New makes a driver; it asks nobody.
func New(o Options) *Driver {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Client == nil {
		o.Client = gateway.Straight(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}})
	}
	if len(o.Test) == 0 {
		o.Test = []string{"nginx", "-t"}
	}
	if len(o.Reload) == 0 {
		o.Reload = []string{"nginx", "-s", "reload"}
	}
	d := &Driver{opts: o}
	for _, i := range o.Instances {
		host, _, _ := strings.Cut(i.Name, ":")
		fill := func(argv []string) []string {
			out := slices.Clone(argv)
			for n := range out {
				out[n] = strings.ReplaceAll(out[n], "{instance}", host)
			}
			return out
		}
		d.peers = append(d.peers, &peer{
			name: i.Name, status: i.Status, file: o.File, base: o.Base, through: fill(o.Through), test: fill(o.Test), reload: fill(o.Reload),
			run:    gateway.Runner{Timeout: o.Timeout, Env: o.Environment, Dir: o.Dir, Most: maxFile + 1},
			client: o.Client, timeout: o.Timeout, grace: o.Timeout,
		})
	}
	return d
}

// Describe lists the levers of an nginx whose file of levers has what they need.
func (d *Driver) Describe() gateway.Description {
	desc := gateway.Description{Kind: Kind, Gateway: d.opts.Gateway}
	for _, p := range d.peers {
		desc.Instances = append(desc.Instances, p.name)
	}
	able := map[gateway.Verb]gateway.Ability{
		gateway.CapSet: {
			Dims: []string{"deployment", "workload", "model"}, Excess: gateway.ExcessOverflow,
			Why: "max_conns of a server in an upstream with a zone: what is over it goes to the upstream's other servers, and gets 502 at once where they are full; " +
				"limit_conn of a workload or a model: what is over it is rejected at once with limit_conn_status; each nginx counts for itself",
		},
		gateway.TargetOut:     {Dims: []string{"deployment"}, Why: "down of a server in an upstream"},
		gateway.WorkloadPause: {Dims: []string{"workload"}, Excess: gateway.ExcessRejected, Why: "a split_clients that a map asks for the workload refuses all of it"},
		gateway.ShedSet:       {Dims: []string{"workload"}, Excess: gateway.ExcessRejected, Why: "a split_clients that a map asks for the workload refuses a share of the requests"},
		gateway.RouteForce:    {Dims: []string{"model"}, Why: "the entry of a map from models to upstreams; the model's name in the body stays as it is"},
		gateway.RetrySet: {
			Fitness: gateway.Nearest,
			Why:     "proxy_next_upstream_tries of the http block, for all that nginx passes on: a server or a location with a number of its own keeps it; which failures are tried again, and the timeouts, stay",
		},
	}
	never := map[gateway.Verb]string{
		gateway.FallbackOn:  "nginx has no fallback to switch. Nearest: target.in on a backup server that is down, or route.force",
		gateway.BreakerOpen: "max_fails and fail_timeout act by themselves. Nearest: target.out",
		gateway.DegradeOn:   "a fixed answer is part of nginx's configuration. Nearest: workload.pause",
	}
	for _, v := range gateway.Verbs() {
		a, ok := able[v]
		if !ok {
			a, ok = able[v.Opposite()]
		}
		if ok {
			if a.Fitness == "" {
				a.Fitness = gateway.Native
			}
			a.Holder, a.Lock = gateway.HeldByConsole, "none"
			a.Delay = "a reload: requests that run then finish under the old configuration"
		} else {
			a = gateway.Ability{Fitness: gateway.Impossible, Why: never[v] + never[v.Opposite()]}
		}
		a.Verb = v
		desc.Abilities = append(desc.Abilities, a)
	}
	return desc
}

// Read reads all instances at once.
func (d *Driver) Read(ctx context.Context) (gateway.State, error) {
	if len(d.peers) == 0 {
		return gateway.State{}, fmt.Errorf("gateway %q has no instances; name their status locations in the configuration", d.opts.Gateway)
	}
	state := gateway.State{Gateway: d.opts.Gateway, At: time.Now()}
	for _, r := range readAll(ctx, d.peers) {
		state.Instances = append(state.Instances, r.state(d.opts.Gateway))
	}
	return state, nil
}

func readAll(ctx context.Context, peers []*peer) []reading {
	out := make([]reading, len(peers))
	var wg sync.WaitGroup
	for i, p := range peers {
		wg.Go(func() { out[i] = p.read(ctx) })
	}
	wg.Wait()
	return out
}

func (r *reading) state(gw string) gateway.InstanceState {
	out := gateway.InstanceState{Name: r.peer.name, Reachable: r.err == nil, Notes: r.notes}
	if r.err != nil {
		out.Err = r.err.Error()
		return out
	}
	for _, k := range r.now.knobs {
		base, _ := r.base.lookup(k.id)
		c := gateway.Control{ID: k.id, Verb: k.verb(), Scope: k.scope(), Value: k.value, Base: base.value, Version: r.runs}
		if k.kind == downKnob && gateway.Same(base.value, downValue) {
			c.Verb = gateway.TargetIn
		}
		c.Scope["gateway"] = gw
		out.Controls = append(out.Controls, c)
	}
	return out
}

func (k *knob) verb() gateway.Verb {
	switch k.kind {
	case connKnob, limitKnob:
		return gateway.CapSet
	case downKnob:
		return gateway.TargetOut
	case shareKnob:
		return gateway.WorkloadPause
	case mapKnob:
		return gateway.RouteForce
	}
	return gateway.RetrySet
}
