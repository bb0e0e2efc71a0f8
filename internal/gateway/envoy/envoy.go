// Package envoy drives Envoy through the admin layer of its runtime: one key for each lever. A deployment is a
// cluster. Envoy answers OK to misspelt keys and senseless values alike, so the driver only turns keys that it has
// found in the running configuration, and reads back what is in force. The layer has no lock and no deadlines, and a
// restart forgets it. Where Envoy takes its runtime from Signalbox (folder source), keys are set there instead, and Envoy
// itself ends them on time.
package envoy

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/gateway/envoy/source"
	"signalbox/internal/redact"
	"signalbox/internal/traffic"
)

// Kind is how the configuration names this kind of gateway.
const Kind = "envoy"

const defaultTimeout = 3 * time.Second

// Instance is one Envoy process.
type Instance struct {
	Name string
	URL  string // of its admin interface, such as http://127.0.0.1:9901
}

// Options say how to reach a gateway.
type Options struct {
	Gateway   string
	Env       string
	Instances []Instance
	// Resolve gives the clusters that a scope covers exactly, from the inventory. Nil: a scope has to name its deployment.
	Resolve func(traffic.Scope) []string
	// Source is the URL of the runtime source that the Envoys' bootstrap names. None: keys are set in the admin layer.
	Source  string
	Timeout time.Duration // of one request; 0 means 3 s
	Client  *http.Client  // nil: one that follows no redirects
	// Through words the command by which the client reaches an address, for messages and calls by hand; nil: none.
	Through func(network, address string) string
}

// Driver speaks with all processes of one gateway.
type Driver struct {
	opts   Options
	peers  []peer
	source *runtimeSource // nil: the admin layer
}

var _ gateway.Driver = (*Driver)(nil)

// New makes a driver; it asks nobody.
func New(o Options) *Driver {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Client == nil {
		o.Client = gateway.Straight(nil)
	}
	d := &Driver{opts: o}
	if o.Source != "" {
		d.source = &runtimeSource{base: strings.TrimRight(o.Source, "/"), client: o.Client, timeout: o.Timeout}
		if o.Through != nil {
			d.source.client = gateway.Straight(nil) // the source is on this machine
		}
	}
	for _, i := range o.Instances {
		p := peer{name: i.Name, base: strings.TrimRight(i.URL, "/"), client: o.Client, timeout: o.Timeout, sourced: o.Source != ""}
		if u, err := url.Parse(i.URL); err == nil && o.Through != nil {
			p.through = "`" + o.Through("tcp", u.Host) + "`"
		}
		d.peers = append(d.peers, p)
	}
	return d
}

// Describe lists the levers of an Envoy whose configuration has the routes that they need.
func (d *Driver) Describe() gateway.Description {
	desc := gateway.Description{Kind: Kind, Gateway: d.opts.Gateway}
	for _, p := range d.peers {
		desc.Instances = append(desc.Instances, p.name)
	}
	const route = "part of the route's configuration, not of the runtime"
	able := map[gateway.Verb]gateway.Ability{
		gateway.CapSet: {
			Dims: []string{"deployment", "workload"}, Excess: gateway.ExcessRejected,
			Why: "max_requests of the cluster's circuit breaker, for each priority that its routes use; what is over it gets 503 at once, and goes nowhere else; each process counts for itself",
		},
		gateway.TargetOut: {
			Dims: []string{"deployment", "model"},
			Why:  "weight 0 in routes with weighted_clusters and a runtime_key_prefix; requests that run may finish; the last target of a route stays in",
		},
		gateway.WorkloadPause: {Dims: []string{"workload"}, Excess: gateway.ExcessRejected, Why: "a route with direct_response that sleeps behind a runtime_fraction; the workload gets its answer at once"},
		gateway.ShedSet:       {Dims: []string{"workload"}, Excess: gateway.ExcessRejected, Why: "the route of workload.pause, for a share of the requests"},
		gateway.RouteForce:    {Dims: []string{"model"}, Why: "a route to one cluster that sleeps behind a runtime_fraction; the model's name in the body stays as it is"},
		gateway.RetrySet:      {Dims: []string{"deployment"}, Fitness: gateway.Nearest, Why: "max_retries 0 of the cluster's circuit breaker: no retries at all; how many there are otherwise is " + route},
	}
	never := map[gateway.Verb]string{
		gateway.FallbackOn:  "Envoy has no fallback to switch. Nearest: target.out on the first choice, or route.force",
		gateway.BreakerOpen: "outlier detection ejects by itself and is " + route + ". Nearest: target.out",
		gateway.DegradeOn:   "a fixed answer is " + route + ". Nearest: workload.pause",
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
			a.Holder, a.Lock, a.Delay = gateway.HeldByConsole, "none", "at once"
			if d.source != nil {
				a.Holder, a.Lock = gateway.HeldByGateway, "the runtime source's compare and set"
			} else {
				a.Why += "; a restart, hot ones too, forgets it"
			}
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
		return gateway.State{}, fmt.Errorf("gateway %q has no instances; name their admin addresses in the configuration", d.opts.Gateway)
	}
	state := gateway.State{Gateway: d.opts.Gateway, At: time.Now()}
	var ends source.Status
	var trouble error
	if d.source != nil {
		ends, trouble = d.source.status(ctx)
	}
	for _, r := range readAll(ctx, d.peers) {
		i := r.state(d.opts.Gateway)
		if trouble != nil {
			i.Notes = append(i.Notes, trouble.Error())
		} else {
			r.ends(&i, &ends)
		}
		state.Instances = append(state.Instances, i)
	}
	return state, nil
}

// answer is one Envoy as just read.
type answer struct {
	peer peer
	proc process
	err  error
}

func readAll(ctx context.Context, peers []peer) []answer {
	out := make([]answer, len(peers))
	var wg sync.WaitGroup
	for i, p := range peers {
		wg.Go(func() {
			out[i].peer = p
			out[i].proc, out[i].err = p.read(ctx)
		})
	}
	wg.Wait()
	return out
}

func (a answer) state(gw string) gateway.InstanceState {
	out := gateway.InstanceState{Name: a.peer.name, Reachable: a.err == nil, Notes: a.proc.notes}
	if a.err != nil {
		out.Err = a.err.Error()
		return out
	}
	for _, k := range a.proc.knobs {
		c := gateway.Control{ID: k.key, Verb: k.verb(), Scope: k.scope(), Value: count(k.now), Base: count(k.base)}
		c.Scope["gateway"] = gw
		out.Controls = append(out.Controls, c)
		if k.hidden != "" {
			out.Notes = append(out.Notes, fmt.Sprintf("%s is decided by layer %s, which lies over ours", k.key, redact.Outside(k.hidden, 80)))
		}
	}
	return out
}

// ends tells what the source says of the controls: until when they are set, and by whom.
func (a answer) ends(i *gateway.InstanceState, st *source.Status) {
	for n := range i.Controls {
		c := &i.Controls[n]
		if e := entryOf(st, c.ID); e != nil && gateway.Same(c.Value, count(int64(e.Value))) {
			c.ExpiresAt, c.SetBy, c.Reason = &e.Until, redact.Outside(e.By, 80), redact.Outside(e.Reason, 200)
		}
	}
	if gone := missing(st, a.proc.node, a.proc.ours); a.err == nil && a.peer.sourced && len(gone) > 0 {
		i.Notes = append(i.Notes, "it is not connected to the runtime source, so it follows no change there: "+strings.Join(gone, ", "))
	}
}

func (k knob) verb() gateway.Verb {
	return [...]gateway.Verb{gateway.CapSet, gateway.RetrySet, gateway.TargetOut, gateway.WorkloadPause, gateway.RouteForce}[k.kind]
}

// scope is what the knob hits.
func (k knob) scope() traffic.Scope {
	s := traffic.Scope{}
	switch k.kind {
	case capKnob, retryKnob:
		s["deployment"] = k.cluster
		if k.workload != "" {
			s["workload"] = k.workload
		}
	case weightKnob:
		s["deployment"] = k.cluster
		if k.model != "" {
			s["model"] = k.model
		}
	case pauseKnob:
		s["workload"] = k.workload
	case forceKnob:
		s["model"] = k.model
	}
	return s
}

func count(n int64) gateway.Value { return gateway.Value(strconv.FormatInt(n, 10)) }

// line is a change of one key as an operator could type it.
func (p peer) line(key, value string) string {
	text := fmt.Sprintf("curl -X POST '%s/runtime_modify?%s'", p.base, url.Values{key: {value}}.Encode())
	if p.through != "" {
		text += "  # sent from where " + p.through + " leads"
	}
	return text
}
