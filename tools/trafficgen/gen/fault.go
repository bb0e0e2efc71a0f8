package gen

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Fault is one labelled disturbance of the requests in Scope. What Eps and LatMult mean depends on Class:
//
//   - a class of failures: a share Eps of the requests fails with it, on top of the base rate
//   - latency, ttft, tokens: the latency, the time to first token or the tokens are multiplied by LatMult
//   - loss: a share Eps of the requests does not come
//   - surge: RateMult times the requests come
//   - retries: every attempt is repeated with chance Eps, whatever came of it
//
// A fault of any class may multiply the requests by RateMult besides.
type Fault struct {
	ID       int               `json:"id"`
	Kind     string            `json:"kind"`
	Scope    map[string]string `json:"scope"` // empty: all traffic
	Start    int64             `json:"start"` // second
	End      int64             `json:"end"`
	Class    string            `json:"class"`
	Eps      float64           `json:"eps,omitempty"`
	LatMult  float64           `json:"lat_mult,omitempty"`
	RampS    int64             `json:"ramp_s,omitempty"`
	OnS      int64             `json:"on_s,omitempty"`
	OffS     int64             `json:"off_s,omitempty"`
	RateMult float64           `json:"rate_mult,omitempty"`
	From     map[string]string `json:"from,omitempty"` // of a cascade: the scope from which its traffic falls
	class    int
	in       []bool
}

// Level is the fault's strength in second t, 0..1.
func (f *Fault) Level(t int64) float64 {
	if t < f.Start || t >= f.End {
		return 0
	}
	if f.OnS > 0 && (t-f.Start)%(f.OnS+f.OffS) >= f.OnS {
		return 0
	}
	if f.RampS > 0 && t-f.Start < f.RampS {
		return float64(t-f.Start+1) / float64(f.RampS)
	}
	return 1
}

// In tells whether leaf i is in the fault's scope.
func (f *Fault) In(i int) bool { return f.in[i] }

// ClassCode is the outcome class of the fault, -1 for one that makes no request fail.
func (f *Fault) ClassCode() int { return f.class }

// AddFault registers a fault: Scope by names of values, Class by name.
func (g *Gen) AddFault(f Fault) {
	f.ID = len(g.Faults)
	f.class = slices.Index(ClassName[:], f.Class)
	f.in = make([]bool, len(g.Leaves))
	for i := range g.Leaves {
		f.in[i] = true
		for d, n := range g.Dims {
			if v, has := f.Scope[n]; has && g.Name(i, d) != v {
				f.in[i] = false
			}
		}
	}
	g.Faults = append(g.Faults, f)
}

// Kinds is the repertoire of PlanFaults where no kinds are asked for.
var Kinds = []string{
	"series", "model", "region", "provider", "provider_region", "all", "endpoint_provider",
	"slow_ramp", "blip_20s", "truncated", "latency", "flapping", "weak", "rate_limit",
}

// MoreKinds are the kinds that have to be asked for: they need Config.TTFT, Config.Tokens or Config.Fine, or are about
// the volume of traffic. A cascade is two faults: one target fails, and what falls back to another is more than that
// may take.
var MoreKinds = []string{
	"loss", "loss_part", "surge", "ttft", "tokens", "retries", "cascade", "deployment", "workload", "quota",
}

// PlanFaults lays out faults from second `from` to `to`, with `gap` quiet seconds between them on average: kinds in
// turn, scope and strength at random. A share `pair` of them gets a second fault in a disjoint scope.
func (g *Gen) PlanFaults(from, to, gap int64, pair float64, kinds []string) {
	r := rand.New(rand.NewPCG(g.Cfg.Seed, 0xfa)) //nolint:gosec // traffic, not secrets
	if len(kinds) == 0 {
		kinds = Kinds
	}
	t := from
	for i := 0; ; i++ {
		f := g.randomFault(r, kinds[i%len(kinds)])
		f.Start = t
		f.End += t
		if f.End >= to {
			return
		}
		g.AddFault(f)
		end := f.End
		if f.Kind == "cascade" {
			g.addFall(r, f)
		} else if r.Float64() < pair {
			g.addSecond(r, f)
		}
		t = end + gap/2 + r.Int64N(gap)
	}
}

// addSecond adds another cause that begins up to 20 s later and ends with the first.
func (g *Gen) addSecond(r *rand.Rand, first Fault) {
	for range 50 {
		f := g.randomFault(r, []string{"series", "model", "provider_region", "rate_limit"}[r.IntN(4)])
		f.Start = first.Start + r.Int64N(20)
		f.End = first.End
		if disjoint(first.Scope, f.Scope) {
			g.AddFault(f)
			return
		}
	}
}

func disjoint(a, b map[string]string) bool {
	for k, v := range a {
		if w, ok := b[k]; ok && w != v {
			return true
		}
	}
	return false
}

// spots are the dimensions that a kind's scope names; one of several is drawn.
var spots = map[string][][]int{
	"series": {{Model, Region}}, "model": {{Model}}, "region": {{Region}}, "provider": {{Provider}},
	"provider_region": {{Provider, Region}}, "all": {{}}, "endpoint_provider": {{Provider, Endpoint}},
	"slow_ramp": {{Model, Region}}, "rate_limit": {{Model, Provider}},
	"blip_20s":   {{Model, Region}, {Provider, Region}, {Model}},
	"truncated":  {{Model}, {Provider, Region}, {Model, Region}},
	"latency":    {{Model}, {Provider, Region}, {Model, Region}, {Provider}},
	"flapping":   {{Model, Region}, {Provider, Region}},
	"weak":       {{Model}, {Provider, Region}, {Region}},
	"loss":       {{Model, Region}, {Region}, {Provider, Region}, {}},
	"loss_part":  {{Model}, {Region}, {Provider, Region}},
	"surge":      {{Model, Region}, {Model}},
	"ttft":       {{Model}, {Provider, Region}, {Provider}},
	"tokens":     {{Model}, {Model, Region}},
	"retries":    {{Model}, {Region}, {Model, Region}},
	"cascade":    {{Model, Provider}},
	"deployment": {{Deployment}},
	"workload":   {{Workload}, {Model, Workload}},
	"quota":      {{Workload, Provider}},
}

// randomFault draws a fault that begins at 0. The order of the draws is part of what a seed means.
func (g *Gen) randomFault(r *rand.Rand, kind string) Fault {
	l := &g.Leaves[r.IntN(len(g.Leaves))]
	five := []string{"server_error", "bad_gateway", "unavailable", "timeout"}[r.IntN(4)]
	f := Fault{Kind: kind, Class: five, Scope: map[string]string{}}
	f.End = int64(60 * math.Exp(r.Float64()*math.Log(20))) // 1..20 min
	f.Eps = 0.03 * math.Exp(r.Float64()*math.Log(33))      // 3..100 %
	if at := spots[kind]; len(at) > 0 {
		dims := at[0]
		if len(at) > 1 {
			dims = at[r.IntN(len(at))]
		}
		for _, d := range dims {
			f.Scope[g.Dims[d]] = g.Values[d][l.V[d]]
		}
	}
	switch kind {
	case "slow_ramp":
		f.RampS, f.End = 600, 900
		f.Eps = 0.1 * math.Exp(r.Float64()*math.Log(8))
	case "blip_20s":
		f.End, f.Eps = 20, 0.5+0.5*r.Float64()
	case "truncated":
		f.Class, f.Eps = "truncated", 0.05*math.Exp(r.Float64()*math.Log(12))
	case "latency":
		f.Class, f.Eps, f.LatMult = "latency", 0, 1.5*math.Exp(r.Float64()*math.Log(4))
	case "flapping":
		f.End, f.OnS, f.OffS, f.Eps = 600, 15, 30, 0.2+0.6*r.Float64()
	case "weak":
		f.End, f.Eps = 1200, 0.01+0.01*r.Float64()
	case "rate_limit":
		f.Class = "rate_limited"
	default:
		f.more(r)
	}
	return f
}

// more is what MoreKinds have of their own.
func (f *Fault) more(r *rand.Rand) {
	switch f.Kind {
	case "loss":
		f.Class, f.Eps = "loss", 1
	case "loss_part":
		f.Class, f.Eps = "loss", 0.6+0.35*r.Float64()
	case "surge":
		f.Class, f.Eps, f.RateMult = "surge", 0, 3+5*r.Float64()
	case "ttft":
		f.Class, f.Eps, f.LatMult = "ttft", 0, 2*math.Exp(r.Float64()*math.Log(4))
	case "tokens":
		f.Class, f.Eps, f.LatMult = "tokens", 0, 2*math.Exp(r.Float64()*math.Log(4))
	case "retries":
		f.Class, f.Eps = "retries", 0.2+0.5*r.Float64()
	case "cascade":
		f.Class, f.Eps = "unavailable", 0.5+0.5*r.Float64()
	case "quota":
		f.Class = "rate_limited"
	}
}

// addFall adds the other half of a cascade: what fails at one target falls back to another, which may not take so
// much and answers a part of it with 429.
func (g *Gen) addFall(r *rand.Rand, from Fault) {
	var failing float64
	at := map[[2]int]float64{} // model, provider -> requests a second
	for i := range g.Leaves {
		l := &g.Leaves[i]
		if g.Name(i, Model) == from.Scope["model"] {
			if g.Name(i, Provider) == from.Scope["provider"] {
				failing += l.Rate * from.Eps
			}
			continue
		}
		at[[2]int{l.V[Model], l.V[Provider]}] += l.Rate
	}
	keys := make([][2]int, 0, len(at))
	for k := range at {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b [2]int) int { return slices.Compare(a[:], b[:]) })
	to := keys[r.IntN(len(keys))]
	f := Fault{Kind: "cascade_target", Class: "rate_limited", Start: from.Start + 3, End: from.End, From: from.Scope}
	f.Scope = map[string]string{"model": g.Values[Model][to[0]], "provider": g.Values[Provider][to[1]]}
	f.RateMult = min(4, 1+failing/at[to])
	f.Eps = max(0.05, 1-1.1/f.RateMult)
	g.AddFault(f)
}
