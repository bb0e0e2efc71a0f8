// Package contract drives a gateway that serves the reference control contract (docs/control-contract.md)
// over HTTP. The gateway holds every deadline and locks by version; testdata/contract judges both ends.
package contract

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/traffic"
)

// Kind is how the configuration names this kind of gateway.
const Kind = "contract"

const defaultTimeout = 5 * time.Second

// Instance is one process of the gateway; each is asked by itself.
type Instance struct {
	Name string
	URL  string // http or https, with or without /controls
}

// Options say how to reach a gateway.
type Options struct {
	Gateway   string
	Env       string
	Instances []Instance
	// Token gives the bearer token for each request; nil sends none. It is asked every time, so that a
	// rotated token is picked up.
	Token func(context.Context) (string, error)
	// Client may carry a transport with client certificates; redirects are never followed whatever it says.
	Client  *http.Client
	Timeout time.Duration // of one request; 0 means 5 s
	// Through words the command by which the client reaches an address, for messages and calls by hand; nil: none.
	Through func(network, address string) string
	// Resolve gives the deployments that a scope covers exactly (from the inventory), none where it cannot
	// be hit by deployments alone. Nil: a scope has to name its deployment.
	Resolve func(traffic.Scope) []string
}

// Driver speaks the contract with all instances of one gateway.
type Driver struct {
	opts  Options
	peers []peer

	mu    sync.Mutex
	kinds map[string]bool // control kinds seen in the last read; nil before the first
}

var (
	_ gateway.Driver   = (*Driver)(nil)
	_ gateway.Extender = (*Driver)(nil)
)

// New makes a driver; it asks nobody. An instance whose URL cannot be used reads as unreachable.
func New(o Options) *Driver {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	client := gateway.Straight(o.Client)
	d := &Driver{opts: o}
	for _, i := range o.Instances {
		p := peer{name: i.Name, client: client, token: o.Token, timeout: o.Timeout, ahead: new(atomic.Int64)}
		p.base, p.bad = parseBase(i.URL)
		if u, err := url.Parse(i.URL); err == nil && o.Through != nil {
			p.through = o.Through("tcp", u.Host)
		}
		d.peers = append(d.peers, p)
	}
	return d
}

func parseBase(raw string) (string, error) {
	u, err := url.Parse(strings.TrimSuffix(strings.TrimRight(raw, "/"), "/controls"))
	switch {
	case err != nil:
		return "", errors.New("the URL cannot be read; write it like https://gateway.example:8443")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return "", fmt.Errorf("%q is no URL of a gateway; write it like https://gateway.example:8443", u.Redacted())
	case u.User != nil:
		return "", errors.New("the URL carries a user or password; take it out and give a token instead")
	case u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("%q has a query or fragment; give the URL up to /controls", u.Redacted())
	}
	return u.String(), nil
}

// Describe lists the levers. Once the gateway was read, a kind of control that it does not list is impossible.
func (d *Driver) Describe() gateway.Description {
	desc := gateway.Description{Kind: Kind, Gateway: d.opts.Gateway}
	for _, p := range d.peers {
		desc.Instances = append(desc.Instances, p.name)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, v := range gateway.Verbs() {
		l := levers[v]
		a := gateway.Ability{
			Verb: v, Fitness: gateway.Native, Holder: gateway.HeldByGateway, Lock: "if-match",
			Delay: "none; a control names the replicas that have not applied it yet",
		}
		if l.dim != "" {
			a.Dims = []string{l.dim}
		}
		if l.kind == "cap" {
			a.Why = "what happens to the excess is the control's on_excess; the plan shows it"
		}
		if d.kinds != nil && !d.kinds[l.kind] {
			a = gateway.Ability{Verb: v, Fitness: gateway.Impossible, Why: "the gateway lists no control of kind " + l.kind}
		}
		desc.Abilities = append(desc.Abilities, a)
	}
	return desc
}

// Read reads all instances at once.
func (d *Driver) Read(ctx context.Context) (gateway.State, error) {
	if len(d.peers) == 0 {
		return gateway.State{}, fmt.Errorf("gateway %q has no instances; name their URLs in the configuration", d.opts.Gateway)
	}
	answers := d.readAll(ctx, d.peers)
	state := gateway.State{Gateway: d.opts.Gateway, At: time.Now()}
	for _, a := range answers {
		state.Instances = append(state.Instances, a.state(d.opts.Gateway))
	}
	if err := ctx.Err(); err != nil && !anyReachable(state) {
		return state, fmt.Errorf("reading gateway %q: %w", d.opts.Gateway, context.Cause(ctx))
	}
	return state, nil
}

func anyReachable(s gateway.State) bool {
	for _, i := range s.Instances {
		if i.Reachable {
			return true
		}
	}
	return false
}

// reading is what one instance answered to a read.
type reading struct {
	peer     peer
	controls []control
	odd      []string
	err      error
}

// readAll asks all peers at once and waits for all of them; the answers are in the order of the peers.
func (d *Driver) readAll(ctx context.Context, peers []peer) []reading {
	out := make([]reading, len(peers))
	var wg sync.WaitGroup
	for i, p := range peers {
		wg.Go(func() {
			out[i] = reading{peer: p}
			out[i].controls, out[i].odd, out[i].err = p.controls(ctx)
		})
	}
	wg.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	kinds := make(map[string]bool)
	heard := true
	for _, r := range out {
		heard = heard && r.err == nil
		for _, c := range r.controls {
			kinds[c.Kind] = true
		}
	}
	if heard && len(peers) == len(d.peers) {
		d.kinds = kinds
	}
	return out
}

func (r reading) find(id string) (control, bool) {
	for _, c := range r.controls {
		if c.ID == id {
			return c, true
		}
	}
	return control{}, false
}

func (r reading) state(gw string) gateway.InstanceState {
	s := gateway.InstanceState{Name: r.peer.name, Reachable: r.err == nil, Notes: r.odd}
	if r.err != nil {
		s.Err = r.err.Error()
		return s
	}
	for _, c := range r.controls {
		s.Controls = append(s.Controls, c.asControl(gw))
	}
	sort.Slice(s.Controls, func(i, j int) bool { return s.Controls[i].ID < s.Controls[j].ID })
	return s
}

func (r reading) trouble() error { return r.err }
