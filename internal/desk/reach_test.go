package desk

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"signalbox/internal/fault"
	"signalbox/internal/gateway"
	"signalbox/internal/traffic"
	"signalbox/runbook"
)

var reachAt = time.Date(2026, 3, 14, 2, 17, 30, 0, time.UTC)

// reachable is a snapshot with two gateways: gpt-4o goes through edge, to one deployment in each region.
func reachable() *Snapshot {
	cell := func(region, dep string) Cell {
		return Cell{
			Scope: traffic.Scope{"model": "gpt-4o", "region": region}, Req: 100,
			Servings: []Serving{{"edge", dep, "azure"}}, Workloads: []string{"batch", "interactive"},
		}
	}
	native := func(v gateway.Verb, dims ...string) AbilityView {
		return AbilityView{Verb: string(v), Fitness: "native", Dims: dims, SelfEnds: true}
	}
	return &Snapshot{
		Grid: Grid{Models: []string{"gpt-4o"}, Regions: []string{"eu-west", "us-east"}, Cells: [][]Cell{{cell("eu-west", "az-eu"), cell("us-east", "az-us")}}},
		Gateways: []GatewayView{{
			Name: "edge", Kind: "contract", Levers: true, ReadAt: reachAt,
			Instances: []InstanceView{{Name: "a", Reachable: true}, {Name: "b", Reachable: true}},
			Abilities: []AbilityView{
				native(gateway.CapSet, "deployment"), native(gateway.TargetOut, "deployment"), native(gateway.FallbackOn, "model"), native(gateway.RouteForce, "model"),
				native(gateway.WorkloadPause, "workload"),
				{Verb: "retry.set", Fitness: "nearest", Why: "for every request at once"},
				{Verb: "breaker.open", Fitness: "impossible", Why: "it has no breaker"},
			},
			Deployments: []string{"az-eu", "az-us"},
			Knobs: []KnobView{
				{Verb: "cap.set", Scope: traffic.Scope{"deployment": "az-eu"}, Values: []string{"8"}, Base: "8"},
				{Verb: "cap.set", Scope: traffic.Scope{"deployment": "az-us"}, Values: []string{"8"}, Base: "8"},
				{Verb: "target.out", Scope: traffic.Scope{"deployment": "az-eu"}, Values: []string{"in"}, Base: "in"},
				{Verb: "target.out", Scope: traffic.Scope{"deployment": "az-us"}, Values: []string{"in"}, Base: "in"},
				{Verb: "workload.pause", Scope: traffic.Scope{"workload": "batch"}, Values: []string{"off"}, Base: "off"},
				{Verb: "fallback.on", Scope: traffic.Scope{"model": "gpt-4o"}, Values: []string{"off"}, Base: "off"},
			},
		}, {
			Name: "other", Kind: "haproxy", Levers: true, ReadAt: reachAt, Instances: []InstanceView{{Name: "h", Reachable: true}},
		}},
	}
}

var euWest = traffic.Scope{"model": "gpt-4o", "region": "eu-west"}

// reachOf finds a lever by its verb and target.
func reachOf(t *testing.T, r Reaching, verb, target string) *Reach {
	t.Helper()
	for i := range r.Levers {
		x := &r.Levers[i]
		if x.Verb == verb && (target == "" || x.Scope["deployment"]+x.Scope["model"]+x.Scope["workload"] == target) {
			return x
		}
	}
	t.Fatalf("no %s %s among %+v; gaps %q", verb, target, r.Levers, r.Gaps)
	return nil
}

func TestReachSaysWhatAndWhyNot(t *testing.T) {
	for name, tt := range map[string]struct {
		change       func(s *Snapshot)
		verb, target string
		not, try     string // parts; "" is none at all
		force        string
		mind, whole  string
	}{
		"it can":          {verb: "cap.set", target: "az-eu", mind: "in force: 8", whole: "this deployment"},
		"of a model":      {verb: "fallback.on", target: "gpt-4o", whole: "all of gpt-4o at edge"},
		"never rehearsed": {verb: "fallback.on", target: "gpt-4o", mind: "never rehearsed"},
		"rehearsed":       {change: func(s *Snapshot) { s.Rehearsals = []RehearsalView{{For: "gpt-4o", Words: "the rehearsal is STALE"}} }, verb: "route.force", mind: "is STALE"},
		"of a workload":   {verb: "workload.pause", target: "batch", whole: "all batch at edge"},
		"of all":          {verb: "retry.set", whole: "everything at edge", mind: "NOT self-reverting"},
		"impossible":      {verb: "breaker.open", not: "impossible: it has no breaker", whole: "edge"},
		"nobody's lever":  {verb: "degrade.on", not: "contract has no such lever"},
		"read-only":       {change: func(s *Snapshot) { s.ReadOnly = true }, verb: "cap.set", not: "read-only", try: "--read-only"},
		"no journal":      {change: func(s *Snapshot) { s.WhyNot = "the disk is full" }, verb: "cap.set", not: "the disk is full"},
		"read-only place": {change: func(s *Snapshot) { s.Gateways[0].WhyNot = "environment prod is read-only" }, verb: "cap.set", not: "prod is read-only"},
		"not read yet":    {change: func(s *Snapshot) { s.Gateways[0].Instances, s.Gateways[0].ReadAt = nil, time.Time{} }, verb: "cap.set", not: "not been read yet"},
		"token missing":   {change: func(s *Snapshot) { downed(s, 0); downed(s, 1) }, verb: "cap.set", not: "none of the 2 instances of edge answers: 401", try: "token"},
		"out of reach":    {change: func(s *Snapshot) { downed(s, 0); downed(s, 1); s.Gateways[0].Err = "the token is not set" }, verb: "cap.set", not: "edge cannot be reached: the token is not set"},
		"one instance":    {change: func(s *Snapshot) { downed(s, 1) }, verb: "cap.set", target: "az-eu", mind: "1 of 2 instances answer: it would be PARTIAL: 401"},
		"floor":           {change: func(s *Snapshot) { s.Gateways[0].LeastCap = 8 }, verb: "cap.set", target: "az-eu", not: "the cap in force is 8, and the least is 8"},
		"above the floor": {change: func(s *Snapshot) { s.Gateways[0].LeastCap = 2 }, verb: "cap.set", target: "az-eu", mind: "least_cap is 2"},
		"out already": {change: func(s *Snapshot) {
			*knobAt(s, 2) = KnobView{Verb: "target.out", Scope: knobAt(s, 2).Scope, Values: []string{"out"}, Base: "in", Engaged: true, SetBy: "curl"}
		}, verb: "target.out", not: "it is so already: out by curl"},
		"on a part": {change: func(s *Snapshot) {
			*knobAt(s, 2) = KnobView{Verb: "target.out", Scope: knobAt(s, 2).Scope, Values: []string{"out", "in"}, Base: "in", Engaged: true, SetBy: "curl"}
		}, verb: "target.out", mind: "set away from in by curl"},
		"others are left":  {verb: "target.out", target: "az-eu", mind: "left for it: az-us"},
		"last target":      {change: func(s *Snapshot) { k := knobAt(s, 3); k.Engaged, k.Values = true, []string{"out"} }, verb: "target.out", target: "az-eu", force: "last target of gpt-4o"},
		"another is out":   {change: thrownBy(LeverView{Verb: "cap.set", Out: true, State: LeverActive, By: "ana"}, "deployment", "az-eu"), verb: "cap.set", not: "out there, by ana", try: "take it back first"},
		"its undo counts":  {change: thrownBy(LeverView{Verb: "cap.lift", Out: true, State: LeverActive}, "deployment", "az-eu"), verb: "cap.set", not: "out there"},
		"elsewhere":        {change: thrownBy(LeverView{Verb: "cap.set", Out: true, State: LeverActive}, "deployment", "az-us"), verb: "cap.set", target: "az-eu"},
		"in flight":        {change: thrownBy(LeverView{Verb: "cap.set", Out: true, Unsettled: true, State: LeverRequested}, "deployment", "az-eu"), verb: "target.out", target: "az-eu", not: "under way: requested", try: "read back"},
		"emptying another": {change: thrownBy(LeverView{Verb: "route.force", Out: true, Unsettled: true, State: LeverInDoubt}, "model", "claude"), verb: "target.out", target: "az-eu", not: "under way"},
		"a moment ago":     {change: thrownBy(LeverView{Verb: "cap.set", State: LeverReverted, EndedAt: reachAt.Add(-2 * time.Second)}, "deployment", "az-eu"), verb: "cap.set", not: "changed 5s ago or less"},
		"made it worse":    {change: thrownBy(LeverView{Verb: "fallback.on", State: LeverReverted, Outcome: "worse", OutcomeBy: "0% -> 14%"}, "model", "gpt-4o"), verb: "fallback.on", mind: "worse 0% -> 14%"},
		"it flaps": {change: func(s *Snapshot) {
			for range 2 {
				thrownBy(LeverView{Verb: "cap.set", State: LeverReverted, At: reachAt.Add(-5 * time.Minute), EndedAt: reachAt.Add(-time.Minute)}, "deployment", "az-eu")(s)
			}
		}, verb: "cap.set", force: "flaps: thrown and taken back 2 times"},
		"unknown name":    {change: func(s *Snapshot) { s.Grid.Cells[0][0].Servings[0].Deployment = "azure/gpt4o" }, verb: "cap.set", not: "edge lists no cap of azure/gpt4o", try: "az-eu, az-us"},
		"nothing maps it": {change: func(s *Snapshot) { s.Grid.Cells[0][0].Servings[0].Deployment = "" }, verb: "cap.set", not: "nothing says which deployment of edge serves it", try: "inventory: {match: {deployment: NAME}, set: {model: gpt-4o, region: eu-west}}; edge has az-eu, az-us", whole: "?"},
		"the inventory does": {change: func(s *Snapshot) {
			c := &s.Grid.Cells[0][0]
			c.Servings[0].Deployment, c.Mapped = "", []string{"az-eu", "of another gateway"}
		}, verb: "cap.set", target: "az-eu", whole: "this deployment"},
		"it serves others too": {change: func(s *Snapshot) { s.Grid.Cells[0][1].Servings[0].Deployment = "az-eu" }, verb: "cap.set", target: "az-eu", whole: "this deployment, also gpt-4o@us-east"},
	} {
		t.Run(name, func(t *testing.T) {
			s := reachable()
			if tt.change != nil {
				tt.change(s)
			}
			x := reachOf(t, ReachOf(s, euWest, reachAt), tt.verb, tt.target)
			for what, p := range map[string][2]string{"not": {x.Not, tt.not}, "try": {x.Try, tt.try}, "force": {x.Force, tt.force}} {
				if !strings.Contains(p[0], p[1]) || p[1] == "" && what != "try" && p[0] != "" {
					t.Errorf("%s is %q, want %q", what, p[0], p[1])
				}
			}
			if mind := strings.Join(x.Mind, "; "); !strings.Contains(mind, tt.mind) {
				t.Errorf("mind is %q, want %q", mind, tt.mind)
			}
			if !strings.Contains(x.Whole, tt.whole) {
				t.Errorf("it reaches %q, want %q", x.Whole, tt.whole)
			}
		})
	}
}

// Of a gateway that pauses and sheds by one control, both are for the workloads that it lists.
func TestReachOfAShedThatIsAPause(t *testing.T) {
	s := reachable()
	s.Gateways[0].Abilities = append(s.Gateways[0].Abilities, AbilityView{Verb: "shed.set", Fitness: "native", Dims: []string{"workload"}})
	if x := reachOf(t, ReachOf(s, euWest, reachAt), "shed.set", "batch"); x.Not != "" {
		t.Errorf("shed of batch: %q", x.Not)
	}
	for _, x := range ReachOf(s, euWest, reachAt).Levers {
		if x.Verb == "shed.set" && x.Scope["workload"] == "interactive" {
			t.Errorf("offered: %+v", x)
		}
	}
	x := reachOf(t, ReachOf(s, traffic.Scope{"workload": "interactive"}, reachAt), "shed.set", "interactive")
	if x.Not != "edge lists no such control of interactive" || x.Try != "it has batch" {
		t.Errorf("asked for: not %q, try %q", x.Not, x.Try)
	}
}

func knobAt(s *Snapshot, i int) *KnobView { return &s.Gateways[0].Knobs[i] }

func downed(s *Snapshot, i int) {
	x := &s.Gateways[0].Instances[i]
	x.Reachable, x.Err = false, "401: the token is missing"
}

func thrownBy(l LeverView, dim, target string) func(*Snapshot) {
	return func(s *Snapshot) {
		l.Gateway, l.Scope, l.Title = "edge", traffic.Scope{"gateway": "edge", dim: target}, l.Verb+" "+target
		if l.At.IsZero() {
			l.At = reachAt.Add(-20 * time.Minute)
		}
		if l.EndedAt.IsZero() && !l.Out {
			l.EndedAt = reachAt.Add(-19 * time.Minute)
		}
		s.Levers = append(s.Levers, l)
	}
}

// What the runbook's step names comes first, then narrow before wide, and what is impossible last.
func TestReachIsOrderedByTheSituation(t *testing.T) {
	order := func(s *Snapshot) (words []string) {
		for _, x := range ReachOf(s, euWest, reachAt).Levers {
			words = append(words, x.Verb)
		}
		return words
	}
	s := reachable()
	plain := []string{"cap.set", "target.out", "fallback.on", "route.force", "workload.pause", "retry.set", "breaker.open", "degrade.on", "shed.set"}
	if got := order(s); !slices.Equal(got, plain) {
		t.Errorf("without a run: %v", got)
	}
	act := func(do string) runbook.Block {
		return runbook.Block{Kind: runbook.KindAction, Action: &runbook.Action{Do: do}}
	}
	s.Run = &RunView{Steps: []StepView{{
		Step:   runbook.Step{Slug: "cap", Blocks: []runbook.Block{act("retry.set"), act("target.out")}},
		Blocks: []BlockView{{}, {Aim: traffic.Scope{"gateway": "edge", "deployment": "az-eu"}}},
	}}}
	r := ReachOf(s, euWest, reachAt)
	if got := order(s); got[0] != "target.out" || got[1] != "retry.set" || got[2] != "cap.set" || got[8] != "shed.set" {
		t.Errorf("with a step that names two: %v", got)
	}
	if x := r.Levers[0]; !x.Asked || x.Block != 1 {
		t.Errorf("the step's own lever: %+v", x)
	}
	if x := r.Levers[1]; !x.Asked || x.Block != -1 {
		t.Errorf("a lever that the step names, of unknown aim: %+v", x)
	}
}

// A gateway that carries nothing of it, one without levers, and traffic that names no gateway are told.
func TestReachTellsItsGaps(t *testing.T) {
	s := reachable()
	s.Gateways = append(s.Gateways, GatewayView{Name: "dark", WhyNot: "configured without levers"})
	r := ReachOf(s, euWest, reachAt)
	gaps := strings.Join(r.Gaps, "\n")
	if !strings.Contains(gaps, "other: nothing of this went through it") || !strings.Contains(gaps, "dark: no levers: configured without levers") {
		t.Errorf("gaps are %q", r.Gaps)
	}
	for _, x := range r.Levers {
		if x.Gateway != "edge" {
			t.Errorf("%s of %s is listed", x.Verb, x.Gateway)
		}
	}
	s.Grid.Cells[0][0].Servings[0].Gateway = ""
	if gaps = strings.Join(ReachOf(s, euWest, reachAt).Gaps, "\n"); !strings.Contains(gaps, "give the source of these lines gateway: edge") {
		t.Errorf("gaps are %q", gaps)
	}
	if got := ReachOf(&Snapshot{}, euWest, reachAt).Gaps; len(got) != 1 || !strings.Contains(got[0], "no gateway is configured") {
		t.Errorf("gaps are %q", got)
	}
	if got := ReachOf(reachable(), traffic.Scope{"model": "unheard"}, reachAt).Gaps; len(got) != 2 || !strings.Contains(got[0], "nothing of this was seen lately") {
		t.Errorf("gaps are %q", got)
	}
	burst := traffic.Scope{"provider": "azure", "model": "gpt-4o"}
	if r = ReachOf(reachable(), burst, reachAt); reachOf(t, r, "cap.set", "az-eu").Not != "" || reachOf(t, r, "cap.set", "az-us").Not != "" {
		t.Errorf("a burst of both regions reaches %+v", r.Levers)
	}
}

// Whatever the levers are, what the pane calls braked is what a throw would refuse for another lever's sake, and the other way round.
func TestReachAgreesWithTheBrakes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 11))
	verbs := []gateway.Verb{gateway.CapSet, gateway.CapLift, gateway.TargetOut, gateway.BreakerOpen, gateway.RouteForce, gateway.FallbackOn}
	states := []string{LeverRequested, LeverActive, LeverPartial, LeverInDoubt, LeverFailed, LeverReverting, LeverReverted, LeverExpired}
	dims := map[gateway.Verb]string{gateway.RouteForce: "model", gateway.FallbackOn: "model"}
	scopeOf := func(v gateway.Verb, target string) traffic.Scope {
		if d := dims[v]; d != "" {
			return traffic.Scope{"gateway": "edge", d: target}
		}
		return traffic.Scope{"gateway": "edge", "deployment": target}
	}
	kind := func(v gateway.Verb) string { return strings.Split(string(v), ".")[0] }
	planOf := func(v gateway.Verb, target string) gateway.Plan {
		return gateway.Plan{
			Gateway: "edge", Change: gateway.Change{Verb: v, Scope: scopeOf(v, target)}, ReadAt: reachAt,
			Instances: []gateway.InstancePlan{{Name: "a", Control: kind(v) + "." + target}},
		}
	}
	braked := 0
	for n := range 4000 {
		d := sighted()
		d.now = func() time.Time { return reachAt }
		s := reachable()
		for range 1 + rnd.IntN(3) {
			v := verbs[rnd.IntN(len(verbs))]
			l := &lever{
				id: fmt.Sprint(n), plan: planOf(v, []string{"az-eu", "az-us"}[rnd.IntN(2)]), state: states[rnd.IntN(len(states))],
				at: reachAt.Add(-time.Duration(rnd.IntN(20)) * time.Second), asking: rnd.IntN(4) == 0, reported: []string{Pending, Yes, No}[rnd.IntN(3)],
			}
			if !l.out() {
				l.endedAt = l.at.Add(time.Duration(rnd.IntN(1+int(reachAt.Sub(l.at)/time.Second))) * time.Second)
			}
			d.levers = append(d.levers, l)
		}
		s.Levers = d.leverViews()
		v := verbs[rnd.IntN(len(verbs))]
		sh := &shown{plan: planOf(v, "az-eu"), block: -1}
		sh.plan.ReadAt = reachAt
		var want string
		for _, l := range d.levers {
			if err := d.brake(sh, l); err != nil && want == "" {
				want = err.Why
			}
		}
		a := reacher{s: s, now: reachAt}
		x := Reach{Verb: string(v), Scope: scopeOf(v, "az-eu")}
		got, _ := a.braked(&s.Gateways[0], v, &x)
		if (got == "") != (want == "") {
			t.Fatalf("%s: the pane says %q, a throw %q; levers %+v", v, got, want, s.Levers)
		}
		if got != "" {
			braked++
		}
	}
	if braked < 400 || braked > 3900 {
		t.Errorf("%d of 4000 were braked: the test shows little", braked)
	}
}

// The grid tells which ways the requests of a cell take, from the traffic, and from the inventory where that does not say.
func TestCellsTellTheirWays(t *testing.T) {
	now := time.Now()
	d := sighted()
	d.o.Inventory = func(s traffic.Scope) []string {
		if s["region"] == "us" {
			return []string{"by-map"}
		}
		return nil
	}
	var records []traffic.Record
	for n := range 60 {
		at := now.Add(-time.Duration(n) * 500 * time.Millisecond)
		up := map[traffic.Dim]string{traffic.Side: traffic.SideUpstream, traffic.Gateway: "edge", traffic.Model: "gpt-4o", traffic.Region: "eu", traffic.Deployment: "az-eu", traffic.Provider: "azure"}
		if n%2 == 0 {
			up[traffic.Region], up[traffic.Deployment] = "us", ""
		}
		asked := map[traffic.Dim]string{traffic.Side: traffic.SideClient, traffic.Gateway: "edge", traffic.Model: "gpt-4o", traffic.Workload: traffic.WorkloadBatch}
		records = append(records,
			traffic.Record{Time: at, Key: d.key(up), Outcome: traffic.NewOutcome(fault.None, 200)},
			traffic.Record{Time: at, Key: d.key(asked), Outcome: traffic.NewOutcome(fault.None, 200)})
	}
	d.sig.apply(traffic.Batch{Source: "log", Kind: traffic.LogSource, Records: records}, now)
	g := d.grid(now)
	cells := map[string]Cell{}
	for _, row := range g.Cells {
		for _, c := range row {
			cells[c.Scope["region"]] = c
		}
	}
	eu, us := cells["eu"], cells["us"]
	if !slices.Equal(eu.Servings, []Serving{{"edge", "az-eu", "azure"}}) || len(eu.Mapped) != 0 || !slices.Equal(eu.Workloads, []string{traffic.WorkloadBatch}) {
		t.Errorf("eu goes %+v, mapped %v, workloads %v", eu.Servings, eu.Mapped, eu.Workloads)
	}
	if !slices.Equal(us.Servings, []Serving{{"edge", "", "azure"}}) || !slices.Equal(us.Mapped, []string{"by-map"}) {
		t.Errorf("us goes %+v, mapped %v", us.Servings, us.Mapped)
	}
	d.laid.waysAt = time.Time{}
	if late := d.through(now.Add(recentSpan+2*time.Minute), nil); len(late) != 0 {
		t.Errorf("ways are remembered too long: %v", late)
	}
}

// Controls of several instances are one knob, which knows where they differ.
func TestKnobsJoinInstances(t *testing.T) {
	ctl := func(value string) gateway.Control {
		return gateway.Control{ID: "target.az", Verb: gateway.TargetOut, Scope: traffic.Scope{"gateway": "edge", "deployment": "az"}, Value: gateway.Value(value), Base: gateway.Value(`"in"`)}
	}
	moved := ctl(`"out"`)
	moved.SetBy = "curl"
	got := knobsOf(gateway.State{Instances: []gateway.InstanceState{{Name: "a", Controls: []gateway.Control{ctl(`"in"`)}}, {Name: "b", Controls: []gateway.Control{moved}}}})
	if len(got) != 1 || !got[0].Engaged || got[0].SetBy != "curl" || !slices.Equal(got[0].Values, []string{"in", "out"}) || got[0].Scope["gateway"] != "" {
		t.Errorf("knobs are %+v", got)
	}
	if !got[0].on(gateway.TargetOut) || got[0].on(gateway.TargetIn) {
		t.Errorf("it is out: %+v", got[0])
	}
}

// A scope that names a deployment means what that one serves, and a gateway's own controls of a model or a workload are
// listed beside those of deployments.
func TestReachOfADeploymentAndOfOtherCaps(t *testing.T) {
	s := reachable()
	s.Grid.Cells = append(s.Grid.Cells, []Cell{{
		Scope: traffic.Scope{"model": "mini", "region": "eu-west"}, Req: 10, Servings: []Serving{{"edge", "az-mini", "azure"}}, Workloads: []string{"batch"},
	}})
	for scope, models := range map[string][]string{"az-eu": {"gpt-4o"}, "az-mini": {"mini"}} {
		var got []string
		for _, x := range ReachOf(s, traffic.Scope{"deployment": scope}, reachAt).Levers {
			if x.Verb == "fallback.on" {
				got = append(got, x.Scope["model"])
			}
		}
		if !slices.Equal(got, models) {
			t.Errorf("fallbacks of deployment %s: %v", scope, got)
		}
	}
	s.Gateways[0].Abilities[0].Dims = []string{"deployment", "model", "workload"}
	s.Gateways[0].Knobs = append(s.Gateways[0].Knobs,
		KnobView{Verb: "cap.set", Scope: traffic.Scope{"workload": "batch"}, Values: []string{"none"}, Base: "none"},
		KnobView{Verb: "cap.set", Scope: traffic.Scope{"model": "claude"}, Values: []string{"9"}, Base: "9"})
	r := ReachOf(s, euWest, reachAt)
	if x := reachOf(t, r, "cap.set", "batch"); x.Word() != ReachCan || x.Whole != "all batch at edge" {
		t.Errorf("%+v", x)
	}
	if x := reachOf(t, r, "cap.set", "az-eu"); x.Whole != "this deployment" {
		t.Errorf("%+v", x)
	}
	if n := len(slices.DeleteFunc(r.Levers, func(x Reach) bool { return x.Verb != "cap.set" })); n != 2 {
		t.Errorf("%d caps reach it: of the deployment and of batch", n)
	}
	s.Inventory = func(of traffic.Scope) []string {
		if of.Equal(traffic.Scope{"model": "quiet", "region": "eu-west"}) {
			return []string{"az-us", "of another gateway"}
		}
		return nil
	}
	quiet := traffic.Scope{"model": "quiet", "region": "eu-west", "workload": "batch"}
	if x := reachOf(t, ReachOf(s, quiet, reachAt), "cap.set", "az-us"); x.Word() != ReachCan {
		t.Errorf("silent, and in the inventory: %+v", x)
	}
	if x := reachOf(t, ReachOf(s, traffic.Scope{"model": "unheard-of"}, reachAt), "fallback.on", "unheard-of"); x.Whole != "all of unheard-of at edge" {
		t.Errorf("a model that nothing of was seen: %+v", x)
	}
}
