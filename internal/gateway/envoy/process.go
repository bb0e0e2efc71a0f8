package envoy

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"signalbox/internal/redact"
)

// number is a whole number that Envoy writes with quotes where it has 64 bits.
type number int64

// UnmarshalJSON reads 3 and "3".
func (n *number) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseInt(strings.Trim(string(b), `"`), 10, 64)
	if err != nil {
		return fmt.Errorf("%s is no whole number: %w", redact.Outside(string(b), 40), err)
	}
	*n = number(v)
	return nil
}

// The priorities of Envoy's circuit breakers, as runtime keys write them.
const (
	normal = "default"
	high   = "high"
)

// What Envoy takes where the configuration says nothing (envoy.config.cluster.v3.CircuitBreakers).
const (
	defaultRequests = 1024
	defaultRetries  = 3
)

// knob is one runtime key that Signalbox knows how to turn, with what it is now and what the configuration has.
type knob struct {
	key       string
	kind      kind
	cluster   string // caps, retries, weights; where a forced route leads
	model     string // weights and forced routes; "" where the route does not tell
	workload  string // pauses; of caps, where exactly one workload uses the priority
	prefix    string // of weights: those of one route add up
	now, base int64
	admin     string // what our layer has, "" for nothing
	hidden    string // the name of a later layer that decides in its place
}

type kind uint8

const (
	capKnob kind = iota
	retryKnob
	weightKnob
	pauseKnob // a share of requests that a route of its own refuses
	forceKnob // a share of requests that a route of its own leads elsewhere
)

// process is one Envoy as just read.
type process struct {
	began  string // when it was started: another one has forgotten what was set
	node   string
	ours   []string // the layers that levers are set in
	active map[string]int64
	knobs  []knob
	notes  []string
}

func (p *process) find(key string) (knob, bool) {
	i := slices.IndexFunc(p.knobs, func(k knob) bool { return k.key == key })
	if i < 0 {
		return knob{}, false
	}
	return p.knobs[i], true
}

// read asks one Envoy for all that the levers need.
func (p peer) read(ctx context.Context) (process, error) {
	var clusters clustersPage
	var runtime runtimePage
	var dump dumpPage
	for path, into := range map[string]any{"/clusters?format=json": &clusters, "/runtime?format=json": &runtime, "/config_dump": &dump} {
		if err := p.page(ctx, path, into); err != nil {
			return process{}, err
		}
	}
	out := process{active: make(map[string]int64)}
	b := reading{runtime: &runtime, ours: []string{"admin"}, base: make(map[string]breakers), users: make(map[string]map[string]bool)}
	if p.sourced {
		b.ours = slices.DeleteFunc(slices.Clone(runtime.Layers), func(l string) bool { return !strings.HasPrefix(l, layerPrefix) })
	}
	out.ours = b.ours
	b.configured(&dump, &out)
	for i := range clusters.Statuses {
		c := &clusters.Statuses[i]
		for _, h := range c.Hosts {
			for _, s := range h.Stats {
				if s.Name == "rq_active" {
					out.active[c.Name] += int64(s.Value)
				}
			}
		}
		if !slices.Contains(b.apart, c.Name) {
			b.caps(c.Name, c.Breakers)
		}
	}
	out.knobs = b.knobs
	slices.SortFunc(out.knobs, func(x, y knob) int { return strings.Compare(x.key, y.key) }) // Envoy's own order changes
	if p.sourced && len(b.ours) == 0 {
		out.notes = append(out.notes, "its runtime has no layer called "+layerPrefix+"-1 that is served by Signalbox; examples/envoy has one")
	}
	if !p.sourced && !slices.Contains(runtime.Layers, "admin") {
		out.notes = append(out.notes, "its runtime has no admin layer, so nothing can be set: add {name: admin, admin_layer: {}} to layered_runtime")
	}
	if out.began == "" {
		return process{}, fmt.Errorf("%s: %s/config_dump names no bootstrap; is this Envoy's admin address?", p.name, p.base)
	}
	return out, nil
}

// configured takes what the configuration says of the process, its clusters and its routes.
func (b *reading) configured(dump *dumpPage, out *process) {
	for _, c := range dump.Configs {
		if strings.HasSuffix(c.Type, ".BootstrapConfigDump") {
			for _, l := range c.Bootstrap.Runtime.Layers {
				for _, g := range l.RTDS.Config.API.Services {
					b.apart = append(b.apart, g.Envoy.Cluster)
				}
			}
			out.began, out.node = c.LastUpdated, redact.Outside(c.Bootstrap.Node.ID, 100)
		}
		for _, e := range slices.Concat(c.StaticClust, c.DynamicActive) {
			b.base[e.Cluster.Name] = e.Cluster.Breakers
		}
		for _, e := range slices.Concat(c.Static, c.Dynamic) {
			for _, h := range e.Config.Hosts {
				for i := range h.Routes {
					b.route(&h.Routes[i])
				}
			}
		}
	}
}

// reading puts the pages together.
type reading struct {
	runtime *runtimePage
	ours    []string
	apart   []string                   // clusters that serve Envoy itself
	base    map[string]breakers        // by cluster: as configured
	users   map[string]map[string]bool // by cluster and priority: the workloads that use it, "" for any
	knobs   []knob
}

// add takes a key in, once: routes may share one.
func (b *reading) add(k knob) {
	if k.key == "" || slices.ContainsFunc(b.knobs, func(o knob) bool { return o.key == k.key }) {
		return
	}
	e := b.runtime.Entries[k.key]
	below := true
	for i, l := range b.runtime.Layers {
		v := ""
		if i < len(e.Layers) {
			v = e.Layers[i]
		}
		switch {
		case slices.Contains(b.ours, l):
			below = false
			if v != "" {
				k.admin = v
			}
		case v != "" && !below:
			k.hidden = l
		}
	}
	b.knobs = append(b.knobs, k)
}

// entry is a key's value where it is one that Envoy takes, else the configured one.
func (b *reading) entry(key string, configured, most int64) int64 {
	n, err := strconv.ParseUint(b.runtime.Entries[key].Final, 10, 32)
	if err != nil {
		return configured // none, or a value that Envoy passes over
	}
	return min(int64(n), most) //nolint:gosec // 32 bits
}

func (b *reading) route(r *routeWire) {
	workload, model := r.asked()
	if f := r.Match.Fraction; f != nil && f.Key != "" {
		base := int64(f.Default.Numerator)
		if f.Default.Denominator != "" && f.Default.Denominator != "HUNDRED" {
			return // shares finer than a percent are not for an operator's hand
		}
		k := knob{key: f.Key, base: base, now: b.entry(f.Key, base, 100), model: model, workload: workload}
		switch {
		case r.Direct != nil && workload != "" && model == "":
			k.kind = pauseKnob
			b.add(k)
		case r.Route != nil && r.Route.Cluster != "" && model != "" && workload == "":
			k.kind, k.cluster = forceKnob, r.Route.Cluster
			b.add(k)
			b.used(r.Route.Cluster, r.Route.Priority, workload)
		}
		return
	}
	if r.Route == nil {
		return
	}
	b.used(r.Route.Cluster, r.Route.Priority, workload)
	if w := r.Route.Weighted; w != nil {
		for _, c := range w.Clusters {
			b.used(c.Name, r.Route.Priority, workload)
			if w.Prefix != "" {
				key := w.Prefix + "." + c.Name
				b.add(knob{
					key: key, kind: weightKnob, cluster: c.Name, model: model, prefix: w.Prefix,
					base: int64(c.Weight), now: b.entry(key, int64(c.Weight), 1<<32-1),
				})
			}
		}
	}
}

// asked is the workload and the model that a route is for, as far as it says so by an exact match.
func (r *routeWire) asked() (workload, model string) {
	for _, h := range r.Match.Headers {
		exact := h.String.Exact + h.Exact
		switch n := strings.ToLower(h.Name); {
		case strings.Contains(n, "workload"), strings.Contains(n, "traffic-class"):
			workload = exact
		case strings.Contains(n, "model"):
			model = exact
		}
	}
	for _, m := range r.Match.Metadata {
		if n := len(m.Path); n > 0 && m.Path[n-1].Key == "model" {
			model = m.Value.String.Exact
		}
	}
	return workload, model
}

func (b *reading) used(cluster, priority, workload string) {
	if cluster == "" {
		return
	}
	id := cluster + " " + priorityKey(priority)
	if b.users[id] == nil {
		b.users[id] = make(map[string]bool)
	}
	b.users[id][workload] = true
}

func priorityKey(wire string) string {
	if wire == "HIGH" {
		return high
	}
	return normal
}

// caps are the two knobs of each priority that a route of the cluster uses; where no route is known, of the normal one.
func (b *reading) caps(cluster string, now breakers) {
	known := b.users[cluster+" "+normal] != nil || b.users[cluster+" "+high] != nil
	for _, t := range now.Thresholds {
		priority := priorityKey(t.Priority)
		users := b.users[cluster+" "+priority]
		if t.MaxRequests == nil || t.MaxRetries == nil || (users == nil && (known || priority == high)) {
			continue
		}
		requests, retries := int64(defaultRequests), int64(defaultRetries)
		for _, c := range b.base[cluster].Thresholds {
			if priorityKey(c.Priority) != priority {
				continue
			}
			if c.MaxRequests != nil {
				requests = int64(*c.MaxRequests)
			}
			if c.MaxRetries != nil {
				retries = int64(*c.MaxRetries)
			}
		}
		only := ""
		if len(users) == 1 {
			for w := range users {
				only = w
			}
		}
		key := "circuit_breakers." + cluster + "." + priority
		b.add(knob{key: key + ".max_requests", kind: capKnob, cluster: cluster, workload: only, now: int64(*t.MaxRequests), base: requests})
		b.add(knob{key: key + ".max_retries", kind: retryKnob, cluster: cluster, workload: only, now: int64(*t.MaxRetries), base: retries})
	}
}
