package desk

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/traffic"
)

// Reach is a lever that could be thrown for a cell or a burst, or why it cannot.
type Reach struct {
	Gateway string
	Verb    string
	Scope   traffic.Scope // what a plan of it would name
	Whole   string        // how far it reaches, in words
	Fitness string        // native, nearest, impossible
	Why     string        // what nearest does besides, or why it is impossible
	Not     string        // why it cannot be thrown now; empty: it can
	Try     string        // what to do about that
	Force   string        // why it is thrown only by somebody who says that it is meant
	Mind    []string      // what else to know before a plan
	Asked   bool          // the current step of the runbook names the lever
	Block   int           // block of that step which names exactly this one, -1 for none

	breadth int
}

// Impossible tells whether the gateway has nothing like it.
func (r *Reach) Impossible() bool { return r.Fitness == string(gateway.Impossible) }

// Reaching is every lever for a cell or a burst on all gateways, and what keeps more from being said.
type Reaching struct {
	Levers []Reach
	Gaps   []string
}

// reachVerbs are the levers that take load or blame off something, narrow before wide. What takes them back is an undo.
var reachVerbs = []gateway.Verb{
	gateway.CapSet, gateway.TargetOut, gateway.BreakerOpen, gateway.FallbackOn, gateway.RouteForce, gateway.DegradeOn,
	gateway.WorkloadPause, gateway.ShedSet, gateway.RetrySet,
}

// The breadth of what a lever names.
var breadths = map[string]int{"deployment": 0, "model": 1, "workload": 2, "": 3}

// ReachOf lists the levers that reach the scope of a cell or a burst, on all gateways that its requests go through: first
// those that the runbook's current step names, then from narrow to wide, and last what is impossible.
// It reads nothing but the snapshot: a plan asks the gateway afresh, and may refuse more.
func ReachOf(s *Snapshot, scope traffic.Scope, now time.Time) Reaching {
	a := reacher{s: s, now: now, scope: scope}
	a.gather()
	for i := range s.Gateways {
		a.through(&s.Gateways[i])
	}
	if len(s.Gateways) == 0 {
		a.gap("no gateway is configured: name it under gateways: with levers: on")
	}
	slices.SortStableFunc(a.out.Levers, func(x, y Reach) int {
		return cmp.Or(cmp.Compare(x.rank(), y.rank()), cmp.Compare(x.breadth, y.breadth))
	})
	return a.out
}

func (r *Reach) rank() int {
	switch {
	case r.Impossible() && !r.Asked:
		return 3
	case r.Block >= 0:
		return 0
	case r.Asked:
		return 1
	}
	return 2
}

// reacher is one question.
type reacher struct {
	s         *Snapshot
	now       time.Time
	scope     traffic.Scope
	servings  []Serving
	workloads []string
	models    []string
	mapped    []string
	others    map[string][]string // cells that a deployment serves besides, in words
	mates     map[string][]string // deployments of a gateway that serve one of the models
	seen      bool                // something of it has been seen
	out       Reaching
}

func (a *reacher) gap(format string, args ...any) {
	a.out.Gaps = append(a.out.Gaps, fmt.Sprintf(format, args...))
}

// gather takes from the grid what the scope's requests go through.
func (a *reacher) gather() {
	a.others, a.mates = map[string][]string{}, map[string][]string{}
	exact := false
	each := func(do func(c *Cell)) {
		for _, row := range a.s.Grid.Cells {
			for i := range row {
				do(&row[i])
			}
		}
	}
	each(func(c *Cell) { exact = exact || c.Scope.Equal(a.scope) })
	in := func(c *Cell) bool {
		return c.Scope.Equal(a.scope) || !exact && c.Scope.Overlaps(a.scope) && a.servedBy(c)
	}
	each(func(c *Cell) {
		if !in(c) {
			return
		}
		a.seen = a.seen || len(c.Servings) > 0
		for _, v := range c.Servings {
			if a.meant(v) {
				a.servings = addOnce(a.servings, v)
			}
		}
		for _, w := range c.Workloads {
			a.workloads = addOnce(a.workloads, w)
		}
		for _, m := range c.Mapped {
			a.mapped = addOnce(a.mapped, m)
		}
		if m := c.Scope["model"]; m != "" {
			a.models = addOnce(a.models, m)
		}
	})
	each(func(c *Cell) {
		for _, v := range c.Servings {
			id := v.Gateway + " " + v.Deployment
			if !in(c) {
				a.others[id] = addOnce(a.others[id], c.Scope.Short())
			}
			if slices.Contains(a.models, c.Scope["model"]) {
				a.mates[v.Gateway] = addOnce(a.mates[v.Gateway], v.Deployment)
			}
		}
	})
	a.silent()
}

// silent takes from the scope itself, and from the inventory, what no request of late has told: an outage may be just that.
func (a *reacher) silent() {
	if m := a.scope["model"]; m != "" && len(a.models) == 0 {
		a.models = []string{m}
	}
	if !a.seen && a.s.Inventory != nil {
		place := a.scope.Clone()
		maps.DeleteFunc(place, func(dim, _ string) bool { return !slices.Contains(placeDims, dim) })
		if len(place) > 0 {
			a.mapped = append(a.mapped, a.s.Inventory(place)...)
		}
	}
}

// servedBy tells whether a cell's requests may go where the scope says; of one that names no place in its servings they may.
func (a *reacher) servedBy(c *Cell) bool {
	return len(c.Servings) == 0 || slices.ContainsFunc(c.Servings, a.meant)
}

// meant tells whether a serving is one that the scope means.
func (a *reacher) meant(v Serving) bool {
	return fits(a.scope["provider"], v.Provider) && fits(a.scope["deployment"], v.Deployment) && fits(a.scope["gateway"], v.Gateway)
}

func fits(want, is string) bool { return want == "" || is == "" || want == is }

func addOnce[T comparable](list []T, v T) []T {
	if slices.Contains(list, v) {
		return list
	}
	return append(list, v)
}

// through lists the levers of one gateway, where the requests go through it.
func (a *reacher) through(g *GatewayView) {
	if !g.Levers {
		a.gap("%s: no levers: %s", g.Name, cmp.Or(g.WhyNot, "set levers: on for it"))
		return
	}
	named, unnamed := false, false
	for _, v := range a.servings {
		named, unnamed = named || v.Gateway == g.Name, unnamed || v.Gateway == ""
	}
	switch {
	case named:
	case unnamed:
		a.gap("%s: no source says whether this goes through it; give the source of these lines gateway: %s", g.Name, g.Name)
	case a.seen:
		if g.Astray != "" {
			a.gap("%s: nothing of this went through it in the last %d min: %s", g.Name, int(recentSpan.Minutes()), g.Astray)
			return
		}
		a.gap("%s: nothing of this went through it in the last %d min", g.Name, int(recentSpan.Minutes()))
		return
	default:
		a.gap("%s: nothing of this was seen lately, so nothing says what it goes through", g.Name)
	}
	deps := a.deployments(g)
	for _, v := range reachVerbs {
		a.verb(g, v, deps)
	}
}

// deployments names what of the gateway serves the scope; where nothing says it, that is told.
func (a *reacher) deployments(g *GatewayView) []string {
	var deps []string
	for _, v := range a.servings {
		if (v.Gateway == g.Name || v.Gateway == "") && v.Deployment != "" {
			deps = addOnce(deps, v.Deployment)
		}
	}
	for _, m := range a.mapped {
		if len(g.Deployments) == 0 || slices.Contains(g.Deployments, m) {
			deps = addOnce(deps, m)
		}
	}
	if dep := a.scope["deployment"]; dep != "" {
		deps = addOnce(deps, dep)
	}
	slices.Sort(deps)
	return deps
}

// verb lists what a verb of the gateway can name for the scope.
func (a *reacher) verb(g *GatewayView, v gateway.Verb, deps []string) {
	ab := AbilityView{Verb: string(v), Fitness: string(gateway.Impossible), Why: g.Kind + " has no such lever"}
	for _, x := range g.Abilities {
		if x.Verb == ab.Verb {
			ab = x
		}
	}
	base := Reach{Gateway: g.Name, Verb: string(v), Scope: traffic.Scope{"gateway": g.Name}, Fitness: ab.Fitness, Why: ab.Why, Block: -1}
	if base.Impossible() {
		base.Whole, base.Not = g.Name, "impossible: "+ab.Why
		a.add(base, ab)
		return
	}
	dim, targets := a.targets(ab.Dims, deps)
	base.breadth = breadths[dim]
	if dim != "" && len(targets) == 0 {
		base.Not, base.Try = a.unnamed(g, dim)
		base.Whole = "?"
		a.add(base, ab)
		return
	}
	a.each(g, ab, base, dim, targets)
	for _, other := range ab.Dims { // a gateway may have caps of models or workloads beside those of deployments
		if other != dim {
			base.breadth = breadths[other]
			a.each(g, ab, base, other, a.listed(g, v, other))
		}
	}
}

// each lists a verb for each of its targets.
func (a *reacher) each(g *GatewayView, ab AbilityView, base Reach, dim string, targets []string) {
	for _, t := range targets {
		x := base
		x.Scope = traffic.Scope{"gateway": g.Name}
		if dim != "" {
			x.Scope[dim] = t
		}
		x.Whole = a.whole(g, dim, t)
		a.judge(g, gateway.Verb(ab.Verb), dim, t, &x)
		if x.Whole != "" {
			a.add(x, ab)
		}
	}
}

// listed gives what of the scope the gateway has controls for that name nothing but one dimension.
func (a *reacher) listed(g *GatewayView, v gateway.Verb, dim string) []string {
	var of []string
	switch {
	case dim == "model":
		of = a.models
	case dim == "workload" && a.scope["workload"] != "":
		of = []string{a.scope["workload"]}
	case dim == "workload":
		of = a.workloads
	}
	return slices.DeleteFunc(slices.Clone(of), func(t string) bool { return g.only(v, dim, t) == nil })
}

// The words for how it stands with a lever that could be thrown.
const (
	ReachCan    = "can"
	ReachNear   = "nearest"
	ReachForce  = "by force"
	ReachNotNow = "not now"
	ReachCannot = "cannot"
)

// Word says in a word how it stands with the lever.
func (r *Reach) Word() string {
	switch {
	case r.Impossible():
		return ReachCannot
	case r.Not != "":
		return ReachNotNow
	case r.Force != "":
		return ReachForce
	case r.Fitness == string(gateway.Nearest):
		return ReachNear
	}
	return ReachCan
}

// targets gives the dimension that a plan takes of those that the verb knows, as aim does, and the values that the scope has.
func (a *reacher) targets(dims, deps []string) (dim string, targets []string) {
	switch {
	case slices.Contains(dims, "deployment"):
		return "deployment", deps
	case slices.Contains(dims, "workload"):
		if w := a.scope["workload"]; w != "" {
			return "workload", []string{w}
		}
		if len(a.workloads) == 0 {
			return "workload", []string{traffic.WorkloadBatch}
		}
		return "workload", a.workloads
	case slices.Contains(dims, "model"):
		return "model", a.models
	}
	return "", []string{""}
}

// unnamed says what is missing for a lever whose target nothing names, and what to configure.
func (a *reacher) unnamed(g *GatewayView, dim string) (why, try string) {
	if dim != "deployment" {
		return "nothing says which " + dim + " this is", "select a cell that names one"
	}
	try = "let the log name its deployment, or map one under inventory: {match: {deployment: NAME}, set: " + braces(a.scope) + "}"
	if len(g.Deployments) > 0 {
		try += "; " + g.Name + " has " + strings.Join(g.Deployments[:min(len(g.Deployments), 6)], ", ")
	}
	return "nothing says which deployment of " + g.Name + " serves it", try
}

// braces writes the place of a scope as the configuration has it.
func braces(s traffic.Scope) string {
	var parts []string
	for _, dim := range []string{"provider", "model", "region"} {
		if v := s[dim]; v != "" {
			parts = append(parts, dim+": "+v)
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// whole says how far a lever reaches.
func (a *reacher) whole(g *GatewayView, dim, target string) string {
	switch dim {
	case "deployment":
		if others := a.others[g.Name+" "+target]; len(others) > 0 {
			return "this deployment, also " + strings.Join(others[:min(len(others), 3)], ", ")
		}
		return "this deployment"
	case "model":
		return "all of " + target + " at " + g.Name
	case "workload":
		return "all " + target + " at " + g.Name
	}
	return "everything at " + g.Name
}

// add puts a lever into the list, with what the runbook says of it.
func (a *reacher) add(x Reach, ab AbilityView) {
	if !x.Impossible() && !ab.SelfEnds {
		x.Mind = append(x.Mind, "NOT self-reverting: the console holds its deadline")
	}
	r := a.s.Run
	if r != nil && !r.Finished && r.Current < len(r.Steps) {
		step := &r.Steps[r.Current]
		for i := range step.Step.Blocks {
			b := &step.Step.Blocks[i]
			if b.Action == nil || b.Action.Do != x.Verb {
				continue
			}
			x.Asked = true
			if i < len(step.Blocks) && step.Blocks[i].Lever == "" && step.Blocks[i].Aim != nil && step.Blocks[i].Aim.Equal(x.Scope) {
				x.Block = i
			}
		}
	}
	a.out.Levers = append(a.out.Levers, x)
}
