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
	c.Reason = redact.Secrets(c.Reason)
	if a := d.Describe().Ability(c.Verb); a.Fitness == gateway.Impossible {
		return gateway.Plan{}, &gateway.Refusal{Verb: c.Verb, Scope: c.Scope, Why: a.Why, Try: "`signalbox control describe` for what Envoy can do"}
	}
	b := builder{change: c, resolve: d.opts.Resolve, plan: gateway.Plan{
		ID: gateway.NewPlanID(), Gateway: d.opts.Gateway, Kind: Kind, Change: c, ReadAt: now,
		Deadline: gateway.Deadline{Holder: gateway.HeldByConsole}, Undo: gateway.Undo{Verb: c.Verb.Opposite()},
	}}
	peers, what, err := gateway.Addressed(c, d.opts.Gateway, d.opts.Env, d.peers, func(p peer) string { return p.name })
	if err != nil {
		return gateway.Plan{}, err
	}
	b.what = what
	if err := b.askSource(ctx, d); err != nil {
		return gateway.Plan{}, err
	}
	if err := b.judgeValue(); err != nil {
		return gateway.Plan{}, err
	}
	answers := readAll(ctx, peers)
	errs := make([]error, 0, len(answers))
	for _, a := range answers {
		errs = append(errs, a.err)
	}
	if err := gateway.HeardAny(d.opts.Gateway, "name their admin addresses", errs); err != nil {
		return gateway.Plan{}, err
	}
	for _, a := range answers {
		if err := b.add(a); err != nil {
			return gateway.Plan{}, err
		}
	}
	if len(b.plan.Calls) == 0 {
		return gateway.Plan{}, b.refuse("there is nothing to change: "+b.skipped(), "`signalbox control state` for what is there")
	}
	b.caveats(answers, now)
	b.plan.Digest = b.plan.Sum()
	return b.plan, nil
}

// builder puts a plan together, one process after the other.
type builder struct {
	change  gateway.Change
	what    traffic.Scope // without the gateway's own dimensions
	resolve func(traffic.Scope) []string
	value   int64  // of a cap or a share
	forced  string // where a forced route is to lead, "" for wherever it leads
	plan    gateway.Plan
	knobs   []knob // that are changed, of the first process that has them

	source   *runtimeSource // nil: the admin layer
	atSource source.Status
	nodes    []string // of the instances
}

func (b *builder) refuse(why, try string) error {
	return &gateway.Refusal{Verb: b.change.Verb, Scope: b.change.Scope, Why: why, Try: try}
}

// judgeValue refuses here what Envoy would take: it says OK to -1, abc and 150 percent.
func (b *builder) judgeValue() error {
	v, err := gateway.Canonical(b.change.Value)
	if err != nil {
		return b.refuse(err.Error(), "a value in JSON")
	}
	between := func(least, most int64, unit, try string) error {
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil || n < least || n > most {
			return b.refuse(fmt.Sprintf("its value has to be %s from %d to %d, not %s", unit, least, most, redact.Outside(string(v), 40)), try)
		}
		b.value = n
		return nil
	}
	switch b.change.Verb {
	case gateway.CapSet:
		return between(1, maxCap, "a whole number of requests", "target.out to let nothing through")
	case gateway.ShedSet:
		return between(1, 100, "a whole percentage", "")
	case gateway.RouteForce:
		if string(v) != "null" && json.Unmarshal(v, &b.forced) != nil {
			return b.refuse("its value has to be the name of a deployment", "")
		}
		return nil
	case gateway.RetrySet:
		var r struct {
			MaxAttempts int    `json:"max_attempts"`
			Timeout     string `json:"timeout"`
		}
		if json.Unmarshal(v, &r) != nil || r.MaxAttempts != 1 || r.Timeout != "" {
			return b.refuse("the runtime can only switch retries off; their number and timeouts are part of the route's configuration", `the value {"max_attempts":1}`)
		}
		return nil
	}
	if string(v) != "null" {
		return b.refuse("it takes no value", string(b.change.Verb)+" without a value")
	}
	return nil
}

// kind is what sort of key the verb turns.
func (b *builder) kind() kind {
	switch b.change.Verb {
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
	switch b.change.Verb {
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
		b.plan.Instances = append(b.plan.Instances, gateway.InstancePlan{Name: a.peer.name, Skip: "could not be read: " + a.err.Error()})
		return nil
	}
	if len(a.proc.notes) > 0 {
		return b.refuse(a.peer.name+": "+strings.Join(a.proc.notes, "; "), "")
	}
	b.nodes = append(b.nodes, a.proc.node)
	if gone := missing(&b.atSource, a.proc.node, a.proc.ours); b.source != nil && len(gone) > 0 {
		b.plan.Instances = append(b.plan.Instances, gateway.InstancePlan{Name: a.peer.name, Skip: "it is not connected to the runtime source: " + strings.Join(gone, ", ")})
		return nil
	}
	knobs, err := b.choose(a)
	if err != nil {
		return err
	}
	for _, k := range knobs {
		ip := gateway.InstancePlan{Name: a.peer.name, Control: k.key, Rev: "started " + a.proc.began, Before: count(k.now), After: count(b.want(k))}
		if k.hidden != "" {
			return b.refuse(fmt.Sprintf("%s of %s is decided by layer %s, which lies over ours", k.key, a.peer.name, redact.Outside(k.hidden, 80)), "that layer's own owner")
		}
		if k.now == b.want(k) {
			ip.Skip = "is so already: " + strconv.FormatInt(k.now, 10)
			b.plan.Instances = append(b.plan.Instances, ip)
			continue
		}
		if err := b.lastTarget(a, k); err != nil {
			return err
		}
		value := strconv.FormatInt(b.want(k), 10)
		if !b.change.Verb.Engages() {
			value = "" // what the configuration has
		}
		if b.source != nil {
			b.addSourced(ip, k, value)
			continue
		}
		b.plan.Instances = append(b.plan.Instances, ip)
		b.plan.Calls = append(b.plan.Calls, call(a.peer, k.key, value))
		back := k.admin
		if _, err := strconv.ParseUint(back, 10, 32); err != nil {
			back = "" // nothing, or what Envoy passes over
		}
		b.plan.Undo.Calls = append(b.plan.Undo.Calls, call(a.peer, k.key, back))
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
		return nil, b.refuse(a.peer.name+" has no route or cluster that this lever needs: "+b.lacks(kind), "examples/envoy for a configuration that has it")
	}
	clusters := b.clusters()
	for _, k := range of {
		if b.hits(k, clusters) {
			fit = append(fit, k)
		}
	}
	if len(fit) == 0 {
		return nil, b.change.NoTarget("nothing in the configuration of "+a.peer.name+" is hit exactly by it", near(b.what, of))
	}
	if kind == forceKnob && b.forced != "" && fit[0].cluster != b.forced {
		return nil, b.refuse(fmt.Sprintf("the route that could be forced leads to %s, not to %s", fit[0].cluster, redact.Outside(b.forced, 100)), "route.force with value "+strconv.Quote(fit[0].cluster))
	}
	return fit, nil
}

// clusters are those that the scope names, by itself or through the inventory.
func (b *builder) clusters() []string {
	if dep := b.what["deployment"]; dep != "" {
		return []string{dep}
	}
	if b.resolve == nil || len(b.what) == 0 {
		return nil
	}
	asked := b.change.Scope.Clone()
	delete(asked, "workload")
	return b.resolve(asked)
}

// hits tells whether a key governs what the scope says, and nothing else.
func (b *builder) hits(k knob, clusters []string) bool {
	rest := b.what.Clone()
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

// near lists the scopes that there are, those that are most like the one that was asked for first.
func near(what traffic.Scope, knobs []knob) string {
	var all []string
	for _, k := range knobs {
		all = append(all, k.scope().String())
	}
	slices.Sort(all)
	return gateway.OneOf(gateway.Near(what.String(), slices.Compact(all)))
}

// lastTarget refuses to take the last target of a route out: with all weights 0 Envoy goes on to the next route.
func (b *builder) lastTarget(a answer, k knob) error {
	if b.change.Verb != gateway.TargetOut {
		return nil
	}
	var left []string
	for _, o := range a.proc.knobs {
		if o.kind == weightKnob && o.prefix == k.prefix && o.cluster != k.cluster && o.now > 0 {
			left = append(left, fmt.Sprintf("%s (weight %d, %d in flight)", o.cluster, o.now, a.proc.active[o.cluster]))
		}
	}
	if len(left) == 0 {
		return b.refuse(fmt.Sprintf("%s is the last target of %s on %s: with no weight left Envoy takes the next route", k.cluster, k.prefix, a.peer.name), "target.in of another first")
	}
	b.plan.Caveat("%s: left to serve %s: %s", a.peer.name, k.prefix, strings.Join(left, ", "))
	return nil
}

func (b *builder) skipped() string {
	var why []string
	for _, i := range b.plan.Instances {
		why = append(why, strings.TrimSpace(i.Name+" "+i.Control+" "+i.Skip))
	}
	return strings.Join(why, "; ")
}

// caveats adds what an operator should know before confirming.
func (b *builder) caveats(answers []answer, now time.Time) {
	b.plan.CaveatSkipped()
	if b.source != nil {
		b.sourceCaveats(now)
	} else {
		b.adminCaveats(now)
	}
	b.verbCaveats(answers)
}

func (b *builder) adminCaveats(now time.Time) {
	if b.change.Verb.Engages() {
		b.plan.Deadline.At = now.Add(b.change.TTL)
		b.plan.Caveat("NOT self-reverting: the admin layer holds no deadline; only a running console, or a timer, undoes this")
	} else {
		b.plan.Caveat("this gives back what was out; it has no deadline")
	}
	b.plan.Caveat("a restart of Envoy, a hot one too, forgets this")
}

func (b *builder) verbCaveats(answers []answer) {
	switch b.change.Verb {
	case gateway.CapSet:
		b.plan.Excess = gateway.ExcessRejected
		b.plan.Caveat("what is over the cap gets 503 at once (UO in the log): it does not wait, and is not sent elsewhere")
		b.capCaveats(answers)
	case gateway.WorkloadPause, gateway.ShedSet:
		b.plan.Excess = gateway.ExcessRejected
		b.plan.Caveat("what is refused gets its answer at once; whether it is obeyed shows in the traffic only")
	case gateway.TargetOut:
		b.plan.Caveat("requests that run there may finish; the other weights take its share")
	case gateway.RouteForce:
		b.plan.Caveat("the model's name in the request stays as it is: the target has to know it")
	case gateway.RetrySet:
		b.plan.Caveat("a request whose retry is refused ends with the provider's answer and the flag UO")
	}
}

func (b *builder) capCaveats(answers []answer) {
	hit := make(map[string]int)
	for _, k := range b.knobs {
		hit[k.cluster]++
		if k.now < b.value {
			b.plan.Caveat("this LOOSENS %s from %d to %d", k.key, k.now, b.value)
		}
		for _, a := range answers {
			if n := a.proc.active[k.cluster]; a.err == nil && n > b.value {
				b.plan.Caveat("%s: %d requests are on %s now; the cap holds once enough of them have ended", a.peer.name, n, k.cluster)
			}
		}
	}
	for _, c := range slices.Sorted(maps.Keys(hit)) {
		if n := hit[c] * len(answers); n > 1 {
			b.plan.Caveat("each process and priority counts for itself: %d of them let %d times as much through to %s", n, n, c)
		}
	}
}
