package envoy

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/gateway/envoy/source"
	"signalbox/internal/redact"
	"signalbox/internal/traffic"
)

// maxCap is the largest cap that makes sense; Envoy takes 32 bits.
const maxCap = 1_000_000

// Plan reads all processes and builds the keys of a change, with those that take it back.
func (d *Driver) Plan(ctx context.Context, c gateway.Change, now time.Time) (gateway.Plan, error) {
	b := builder{resolve: d.opts.Resolve}
	//nolint:wrapcheck // a refusal is what the desk looks for, and says all itself
	return gateway.Parts[peer, answer]{
		Kind: Kind, Gateway: d.opts.Gateway, Env: d.opts.Env,
		Ability: d.Describe().Ability(c.Verb), Instead: "`signalbox control describe` for what Envoy can do",
		Peers: d.peers, Name: func(p peer) string { return p.name }, Missing: "name their admin addresses",
		Judge: func() error {
			if err := b.askSource(ctx, d); err != nil {
				return err
			}
			return b.judgeValue()
		},
		Read: readAll, Failed: func(a answer) error { return a.err }, Add: b.add, Caveats: b.caveats,
	}.Make(ctx, &b.Draft, c, now)
}

// builder puts a plan together, one process after the other.
type builder struct {
	gateway.Draft
	resolve func(traffic.Scope) []string
	value   int64  // of a cap or a share
	forced  string // where a forced route is to lead, "" for wherever it leads
	knobs   []knob // that are changed, of the first process that has them

	source   *runtimeSource // nil: the admin layer
	atSource source.Status
	nodes    []string // of the instances
}

// judgeValue refuses here what Envoy would take: it says OK to -1, abc and 150 percent.
func (b *builder) judgeValue() error {
	v, err := gateway.Canonical(b.Change.Value)
	if err != nil {
		return b.Refuse(err.Error(), "a value in JSON")
	}
	between := func(least, most int64, unit, try string) error {
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil || n < least || n > most {
			return b.Refuse(fmt.Sprintf("its value has to be %s from %d to %d, not %s", unit, least, most, redact.Outside(string(v), 40)), try)
		}
		b.value = n
		return nil
	}
	switch b.Change.Verb {
	case gateway.CapSet:
		return between(1, maxCap, "a whole number of requests", "target.out to let nothing through")
	case gateway.ShedSet:
		return between(1, 100, "a whole percentage", "")
	case gateway.RouteForce:
		if string(v) != "null" && json.Unmarshal(v, &b.forced) != nil {
			return b.Refuse("its value has to be the name of a deployment", "")
		}
		return nil
	case gateway.RetrySet:
		var r struct {
			MaxAttempts int    `json:"max_attempts"`
			Timeout     string `json:"timeout"`
		}
		if json.Unmarshal(v, &r) != nil || r.MaxAttempts != 1 || r.Timeout != "" {
			return b.Refuse("the runtime can only switch retries off; their number and timeouts are part of the route's configuration", `the value {"max_attempts":1}`)
		}
		return nil
	}
	if string(v) != "null" {
		return b.Refuse("it takes no value", string(b.Change.Verb)+" without a value")
	}
	return nil
}

// kind is what sort of key the verb turns.
func (b *builder) kind() kind {
	switch b.Change.Verb {
	case gateway.CapSet, gateway.CapLift:
		return capKnob
	case gateway.RetrySet, gateway.RetryReset:
		return retryKnob
	case gateway.TargetOut, gateway.TargetIn:
		return weightKnob
	case gateway.RouteForce, gateway.RouteUnforce:
		return forceKnob
	}
	return pauseKnob
}

// want is what a key is set to.
func (b *builder) want(k knob) int64 {
	switch b.Change.Verb {
	case gateway.CapSet, gateway.ShedSet:
		return b.value
	case gateway.WorkloadPause, gateway.RouteForce:
		return 100
	case gateway.TargetOut, gateway.RetrySet:
		return 0
	}
	return k.base
}

// add plans the keys of one process.
func (b *builder) add(a answer) error {
	if a.err != nil {
		b.Skip(gateway.InstancePlan{Name: a.peer.name}, "could not be read: "+a.err.Error())
		return nil
	}
	if len(a.proc.notes) > 0 {
		return b.Refuse(a.peer.name+": "+strings.Join(a.proc.notes, "; "), "")
	}
	b.nodes = append(b.nodes, a.proc.node)
	if gone := missing(&b.atSource, a.proc.node, a.proc.ours); b.source != nil && len(gone) > 0 {
		b.Skip(gateway.InstancePlan{Name: a.peer.name}, "it is not connected to the runtime source: "+strings.Join(gone, ", "))
		return nil
	}
	knobs, err := b.choose(a)
	if err != nil {
		return err
	}
	for _, k := range knobs {
		ip := gateway.InstancePlan{Name: a.peer.name, Control: k.key, Rev: "started " + a.proc.began, Before: count(k.now), After: count(b.want(k))}
		if k.hidden != "" {
			return b.Refuse(fmt.Sprintf("%s of %s is decided by layer %s, which lies over ours", k.key, a.peer.name, redact.Outside(k.hidden, 80)), "that layer's own owner")
		}
		if k.now == b.want(k) {
			b.Skip(ip, "is so already: "+strconv.FormatInt(k.now, 10))
			continue
		}
		if err := b.lastTarget(a, k); err != nil {
			return err
		}
		value := strconv.FormatInt(b.want(k), 10)
		if !b.Change.Verb.Engages() {
			value = "" // what the configuration has
		}
		if b.source != nil {
			b.addSourced(ip, k, value)
			continue
		}
		back := k.admin
		if _, err := strconv.ParseUint(back, 10, 32); err != nil {
			back = "" // nothing, or what Envoy passes over
		}
		b.Send(ip, call(a.peer, k.key, value), call(a.peer, k.key, back))
		b.changes(k)
	}
	return nil
}

// changes notes a key for the caveats.
func (b *builder) changes(k knob) {
	if !slices.ContainsFunc(b.knobs, func(o knob) bool { return o.key == k.key }) {
		b.knobs = append(b.knobs, k)
	}
}

func call(p peer, key, value string) gateway.Call {
	return gateway.Call{Instance: p.name, Text: p.line(key, value), Path: key, Body: key + "=" + value}
}

// choose finds the keys that hit the scope exactly.
func (b *builder) choose(a answer) ([]knob, error) {
	kind := b.kind()
	var of, fit []knob
	for _, k := range a.proc.knobs {
		if k.kind == kind {
			of = append(of, k)
		}
	}
	if len(of) == 0 {
		return nil, b.Refuse(a.peer.name+" has no route or cluster that this lever needs: "+b.lacks(kind), "examples/envoy for a configuration that has it")
	}
	clusters := b.clusters()
	for _, k := range of {
		if b.hits(k, clusters) {
			fit = append(fit, k)
		}
	}
	if len(fit) == 0 {
		return nil, b.Change.NoTarget("nothing in the configuration of "+a.peer.name+" is hit exactly by it", gateway.OneNear(b.What, of, knob.scope))
	}
	if kind == forceKnob && b.forced != "" && fit[0].cluster != b.forced {
		return nil, b.Refuse(fmt.Sprintf("the route that could be forced leads to %s, not to %s", fit[0].cluster, redact.Outside(b.forced, 100)), "route.force with value "+strconv.Quote(fit[0].cluster))
	}
	return fit, nil
}

// clusters are those that the scope names, by itself or through the inventory.
func (b *builder) clusters() []string {
	if dep := b.What["deployment"]; dep != "" {
		return []string{dep}
	}
	if b.resolve == nil || len(b.What) == 0 {
		return nil
	}
	asked := b.Change.Scope.Clone()
	delete(asked, "workload")
	return b.resolve(asked)
}

// hits tells whether a key governs what the scope says, and nothing else.
func (b *builder) hits(k knob, clusters []string) bool {
	rest := b.What.Clone()
	switch k.kind {
	case pauseKnob, forceKnob:
		return rest.Equal(k.scope())
	case weightKnob:
		if rest["deployment"] != "" && rest["model"] != "" {
			return rest.Equal(k.scope())
		}
	case capKnob, retryKnob:
		if w := rest["workload"]; w != "" {
			if k.workload != w {
				return false
			}
			delete(rest, "workload")
		}
	}
	if rest["deployment"] != "" {
		return len(rest) == 1 && rest["deployment"] == k.cluster
	}
	return slices.Contains(clusters, k.cluster)
}

func (b *builder) lacks(k kind) string {
	switch k {
	case weightKnob:
		return "routes with weighted_clusters and a runtime_key_prefix"
	case pauseKnob:
		return "a route with direct_response, a match on the workload's header and a runtime_fraction"
	case forceKnob:
		return "a route to one cluster with a match on the model and a runtime_fraction"
	}
	return "clusters with circuit breakers"
}

// lastTarget refuses to take the last target of a route out: with all weights 0 Envoy goes on to the next route.
func (b *builder) lastTarget(a answer, k knob) error {
	if b.Change.Verb != gateway.TargetOut {
		return nil
	}
	var left []string
	for _, o := range a.proc.knobs {
		if o.kind == weightKnob && o.prefix == k.prefix && o.cluster != k.cluster && o.now > 0 {
			left = append(left, fmt.Sprintf("%s (weight %d, %d in flight)", o.cluster, o.now, a.proc.active[o.cluster]))
		}
	}
	if len(left) == 0 {
		return b.Refuse(fmt.Sprintf("%s is the last target of %s on %s: with no weight left Envoy takes the next route", k.cluster, k.prefix, a.peer.name), "target.in of another first")
	}
	b.Plan.Caveat("%s: left to serve %s: %s", a.peer.name, k.prefix, strings.Join(left, ", "))
	return nil
}

// caveats adds what an operator should know before confirming.
func (b *builder) caveats(answers []answer) {
	if b.source != nil {
		b.sourceCaveats()
	} else {
		b.adminCaveats()
	}
	b.verbCaveats(answers)
}

func (b *builder) adminCaveats() {
	if b.Change.Verb.Engages() {
		b.Plan.Deadline.At = b.Now.Add(b.Change.TTL)
		b.Plan.Caveat("NOT self-reverting: the admin layer holds no deadline; only a running console, or a timer, undoes this")
	} else {
		b.Plan.Caveat("this gives back what was out; it has no deadline")
	}
	b.Plan.Caveat("a restart of Envoy, a hot one too, forgets this")
}

func (b *builder) verbCaveats(answers []answer) {
	switch b.Change.Verb {
	case gateway.CapSet:
		b.Plan.Excess = gateway.ExcessRejected
		b.Plan.Caveat("what is over the cap gets 503 at once (UO in the log): it does not wait, and is not sent elsewhere")
		b.capCaveats(answers)
	case gateway.WorkloadPause, gateway.ShedSet:
		b.Plan.Excess = gateway.ExcessRejected
		b.Plan.Caveat("what is refused gets its answer at once; whether it is obeyed shows in the traffic only")
	case gateway.TargetOut:
		b.Plan.Caveat("requests that run there may finish; the other weights take its share")
	case gateway.RouteForce:
		b.Plan.Caveat("the model's name in the request stays as it is: the target has to know it")
	case gateway.RetrySet:
		b.Plan.Caveat("a request whose retry is refused ends with the provider's answer and the flag UO")
	}
}

func (b *builder) capCaveats(answers []answer) {
	hit := make(map[string]int)
	for _, k := range b.knobs {
		hit[k.cluster]++
		if k.now < b.value {
			b.Plan.Caveat("this LOOSENS %s from %d to %d", k.key, k.now, b.value)
		}
		for _, a := range answers {
			if n := a.proc.active[k.cluster]; a.err == nil && n > b.value {
				b.Plan.Caveat("%s: %d requests are on %s now; the cap holds once enough of them have ended", a.peer.name, n, k.cluster)
			}
		}
	}
	for _, c := range slices.Sorted(maps.Keys(hit)) {
		if n := hit[c] * len(answers); n > 1 {
			b.Plan.Caveat("each process and priority counts for itself: %d of them let %d times as much through to %s", n, n, c)
		}
	}
}
