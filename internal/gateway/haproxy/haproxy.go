// Package haproxy drives HAProxy through its runtime socket. A deployment is a server, named backend/server.
// The socket has no lock and no deadlines, and a reload forgets what was set through it: the driver compares
// before and after it writes, and says who has to end a change. Where HAProxy's configuration has rules for it, levers are
// entries of maps with a time in them, and HAProxy ends them by itself.
package haproxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/redact"
	"signalbox/internal/traffic"
)

// Kind is how the configuration names this kind of gateway.
const Kind = "haproxy"

const defaultTimeout = 3 * time.Second

// Instance is one HAProxy process.
type Instance struct {
	Name string
	Addr string // unix:/run/haproxy.sock or tcp:127.0.0.1:9999
}

// Options say how to reach a gateway.
type Options struct {
	Gateway   string
	Env       string
	Instances []Instance
	// Resolve gives the deployments (backend/server) that a scope covers exactly, from the inventory; none where
	// servers alone cannot hit it. Nil: a scope has to name its deployment.
	Resolve func(traffic.Scope) []string
	// Maps says that HAProxy's configuration has the maps and rules of examples/haproxy: levers that it ends by itself.
	Maps    bool
	Timeout time.Duration // of one command; 0 means 3 s
	// Dial connects to a socket; nil uses the net package.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Through words the command by which Dial reaches an address, for messages and calls by hand; nil: none.
	Through func(network, address string) string
}

// Driver speaks with all processes of one gateway.
type Driver struct {
	opts  Options
	peers []peer

	mu   sync.Mutex
	seen map[string]*memory // by instance
}

// memory is what the driver remembers of an instance, to notice a reload and to know what a lift goes back to.
type memory struct {
	pid    string
	uptime time.Duration
	limits map[string]int64 // maxconn of each server when this process was first seen
	before string           // pid of the process that this one replaced, "" for the first
}

var _ gateway.Driver = (*Driver)(nil)

// New makes a driver; it asks nobody. An instance whose address cannot be used reads as unreachable.
func New(o Options) *Driver {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	d := &Driver{opts: o, seen: make(map[string]*memory)}
	for _, i := range o.Instances {
		p := peer{name: i.Name, dial: o.Dial, timeout: o.Timeout}
		p.network, p.address, p.bad = ParseAddr(i.Addr)
		if o.Through != nil {
			p.through, p.session = o.Through(p.network, p.address), new(session)
		}
		d.peers = append(d.peers, p)
	}
	return d
}

// ParseAddr reads the address of a runtime socket: unix:/path, unix@/path, /path or tcp:host:port.
func ParseAddr(s string) (network, address string, err error) {
	if strings.ContainsAny(s, "\n\x00") {
		return "", "", errors.New("the address of the runtime socket holds a control character")
	}
	for _, prefix := range []string{"unix:", "unix@"} {
		if path, ok := strings.CutPrefix(s, prefix); ok && path != "" {
			return "unix", path, nil
		}
	}
	switch {
	case strings.HasPrefix(s, "/"), strings.HasPrefix(s, "./"), strings.HasPrefix(s, "../"):
		return "unix", s, nil
	}
	hostPort, ok := strings.CutPrefix(s, "tcp:")
	if host, port, err := net.SplitHostPort(hostPort); ok && err == nil && host != "" && port != "" {
		return "tcp", hostPort, nil
	}
	return "", "", fmt.Errorf("%q is no address of a runtime socket; write unix:/run/haproxy.sock or tcp:127.0.0.1:9999", redact.Outside(s, 80))
}

// Describe lists the levers that the runtime socket can throw without help from HAProxy's configuration.
func (d *Driver) Describe() gateway.Description {
	desc := gateway.Description{Kind: Kind, Gateway: d.opts.Gateway}
	for _, p := range d.peers {
		desc.Instances = append(desc.Instances, p.name)
	}
	const noPolicy = "the runtime socket cannot change it; it is part of HAProxy's configuration and takes a reload"
	why := map[gateway.Verb]string{
		gateway.WorkloadPause: "HAProxy knows no workloads; it needs a map and a deny rule in its configuration. Nearest: cap.set on the servers that batch uses",
		gateway.ShedSet:       "HAProxy knows no workloads; it needs a deny rule with rand() in its configuration. Nearest: cap.set, whose excess waits",
		gateway.FallbackOn:    "a fallback is a backup server or another backend of the configuration. Nearest: target.out on the first choice, then backup servers take over",
		gateway.RouteForce:    "it needs a map in the configuration. Nearest: target.out on all other servers of the backend",
		gateway.RetrySet:      "retries and timeouts: " + noPolicy,
		gateway.BreakerOpen:   "HAProxy has no breaker to open. Nearest: target.out",
		gateway.DegradeOn:     "a fixed answer: " + noPolicy,
	}
	for _, v := range gateway.Verbs() {
		a := gateway.Ability{Verb: v, Fitness: gateway.Impossible, Why: why[v] + why[v.Opposite()]}
		switch v {
		case gateway.CapSet, gateway.CapLift:
			a = gateway.Ability{
				Fitness: gateway.Native, Excess: gateway.ExcessWaits,
				Why: "server maxconn; each process counts for itself; what is over it waits for `timeout queue`, then gets 503; a reload forgets it",
			}
		case gateway.TargetOut, gateway.TargetIn:
			a = gateway.Ability{Fitness: gateway.Native, Why: "server state drain: what runs may finish; a reload forgets it, unless a server-state-file keeps it"}
		}
		if m, ok := d.byMap(v, a); ok {
			desc.Abilities = append(desc.Abilities, m)
			continue
		}
		if a.Fitness == gateway.Native {
			a.Verb, a.Dims, a.Holder, a.Lock, a.Delay = v, []string{"deployment"}, gateway.HeldByConsole, "none", "at once"
		}
		desc.Abilities = append(desc.Abilities, a)
	}
	return desc
}

// byMap describes a verb for which the configuration has maps.
func (d *Driver) byMap(v gateway.Verb, a gateway.Ability) (gateway.Ability, bool) {
	if !d.opts.Maps {
		return a, false
	}
	m := gateway.Ability{Verb: v, Fitness: gateway.Native, Holder: gateway.HeldByGateway, Lock: "none", Delay: "at once"}
	switch v {
	case gateway.CapSet, gateway.CapLift:
		m.Dims, m.Excess, m.Holder = []string{"deployment", "model", "workload"}, gateway.ExcessWaits, gateway.HeldByConsole
		m.Why = "of a server: " + a.Why + "; of a model or a workload: an entry of a map with a deadline that HAProxy itself holds, and 429 at once for what is over it"
	case gateway.WorkloadPause, gateway.WorkloadResume:
		m.Dims, m.Excess, m.Why = []string{"workload"}, gateway.ExcessRejected, "an entry of a map, by `maps: on` and the rules of examples/haproxy; a reload ends it"
	case gateway.ShedSet, gateway.ShedLift:
		m.Dims, m.Excess, m.Why = []string{"workload"}, gateway.ExcessRejected, "an entry of a map, for a share of the requests; a reload ends it"
	case gateway.RouteForce, gateway.RouteUnforce:
		m.Dims, m.Why = []string{"model"}, "an entry of a map, to another backend; a reload ends it; the model's name in the body stays as it is"
	default:
		return a, false
	}
	return m, true
}

// Read reads all instances at once.
func (d *Driver) Read(ctx context.Context) (gateway.State, error) {
	if len(d.peers) == 0 {
		return gateway.State{}, fmt.Errorf("gateway %q has no instances; name their runtime sockets in the configuration", d.opts.Gateway)
	}
	state := gateway.State{Gateway: d.opts.Gateway, At: time.Now()}
	for _, r := range d.readAll(ctx, d.peers) {
		state.Instances = append(state.Instances, r.state(d.opts.Gateway))
	}
	return state, nil
}

// reading is one process as just read.
type reading struct {
	peer  peer
	proc  process
	bases map[string]int64
	note  string
	err   error
}

func (d *Driver) readAll(ctx context.Context, peers []peer) []reading {
	out := make([]reading, len(peers))
	var wg sync.WaitGroup
	for i, p := range peers {
		wg.Go(func() { out[i] = d.read(ctx, p) })
	}
	wg.Wait()
	return out
}

func (d *Driver) read(ctx context.Context, p peer) reading {
	r := reading{peer: p}
	if r.proc, r.err = p.process(ctx); r.err == nil && d.opts.Maps {
		r.err = p.readMaps(ctx, &r.proc)
	}
	if r.err == nil {
		r.bases, r.note = d.remember(p.name, r.proc)
	}
	return r
}

// remember notes a process and gives the maxconn of its servers when it was first seen. Another pid, or an
// uptime that went back, is another process: what was set on the old one is gone.
func (d *Driver) remember(instance string, now process) (map[string]int64, string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	m := d.seen[instance]
	if m == nil || m.pid != now.pid || now.uptime+time.Second < m.uptime {
		fresh := &memory{pid: now.pid, limits: make(map[string]int64)}
		if m != nil {
			fresh.before = m.pid
		}
		m = fresh
		d.seen[instance] = m
	}
	m.uptime = now.uptime
	bases := make(map[string]int64, len(now.servers))
	for _, s := range now.servers {
		if _, ok := m.limits[s.id()]; !ok {
			m.limits[s.id()] = s.limit
		}
		bases[s.id()] = m.limits[s.id()]
	}
	if m.before == "" || now.uptime > reloadNews {
		return bases, ""
	}
	return bases, fmt.Sprintf("HAProxy was reloaded %s ago (pid %s, now %s): caps and drains that were set before are lost", now.uptime, m.before, now.pid)
}

// reloadNews is how long a reload is told.
const reloadNews = 30 * time.Minute

func (r reading) trouble() error { return r.err }
