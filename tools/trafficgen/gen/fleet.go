package gen

import (
	"fmt"
	"math"
	"math/rand/v2"
)

var (
	providerNames = []string{"azure", "openai", "bedrock", "vertex"}
	regionNames   = []string{"eu-west", "us-east", "us-west", "ap-south", "eu-north", "ap-east", "sa-east", "af-south"}
	endpointNames = []string{"chat", "responses", "embeddings", "images", "audio"}
)

// founder draws a fleet. The order of its draws is part of what a seed means.
type founder struct {
	g     *Gen
	r     *rand.Rand
	phase []float64 // by region
	latP  []float64 // by provider
	nser  int
}

// New builds the fleet; a zero Config but for its seed is the default one.
func New(cfg Config) *Gen {
	if cfg.Models == 0 {
		cfg = Default(cfg.Seed)
	}
	g := &Gen{
		Cfg: cfg, surge: map[int]int64{}, storm: map[int]int64{},
		Dims: []string{"model", "provider", "region", "endpoint", "env", "stream"},
		r:    rand.New(rand.NewPCG(cfg.Seed, 0x7a)), //nolint:gosec // traffic, not secrets
		// As above: what old flags do not ask for must not change what they give.
		extra: rand.New(rand.NewPCG(cfg.Seed, 0x7b)), //nolint:gosec // traffic, not secrets
	}
	g.Values = make([][]string, len(g.Dims))
	for m := range cfg.Models {
		g.Values[Model] = append(g.Values[Model], fmt.Sprintf("model-%02d", m))
	}
	g.Values[Provider] = providerNames
	g.Values[Region] = regionNames[:cfg.Regions]
	g.Values[Endpoint] = endpointNames[:cfg.Endpoints]
	g.Values[Env] = []string{"prod", "staging"}
	g.Values[Stream] = []string{"true", "false"}
	f := &founder{g: g, r: rand.New(rand.NewPCG(cfg.Seed, 0x70))} //nolint:gosec // traffic, not secrets
	f.found()
	for i := range g.Leaves {
		l := &g.Leaves[i]
		if l.V[Stream] == 1 { // only a stream can be cut
			l.mix[Trunc] = 0
			norm(&l.mix)
		}
		if endpointNames[l.V[Endpoint]] == "embeddings" {
			l.LatMu -= 1.5
		}
	}
	if cfg.Fine {
		g.refine()
	}
	for i := range g.Leaves {
		g.Leaves[i].tokMu = math.Log([]float64{900, 1500, 300, 200, 400}[g.Leaves[i].V[Endpoint]])
	}
	for range f.nser {
		g.drift = append(g.drift, drifts{
			rate: newOU(cfg.RateSigma, 1800), err: newOU(cfg.ErrSigma, 7200), lat: newOU(0.05, 1800),
		})
	}
	g.truth = make([]float64, len(g.Leaves))
	g.rateNow = make([]float64, len(g.Leaves))
	return g
}

func (f *founder) found() {
	cfg := &f.g.Cfg
	f.phase = make([]float64, cfg.Regions)
	for i := range f.phase {
		f.phase[i] = float64(i) / float64(cfg.Regions) * 2 * math.Pi
	}
	f.latP = make([]float64, len(providerNames))
	for i := range f.latP {
		f.latP[i] = 0.2 * f.r.NormFloat64()
	}
	for m := range cfg.Models {
		p1 := f.r.IntN(len(providerNames))
		p2 := -1
		if f.r.Float64() < 0.5 {
			p2 = (p1 + 1 + f.r.IntN(len(providerNames)-1)) % len(providerNames)
		}
		lat := math.Log(0.4) + f.r.Float64()*math.Log(10)
		for r := range cfg.Regions {
			f.series(m, r, [2]int{p1, p2}, lat)
		}
	}
}

func (f *founder) logUniform(a, b float64) float64 { return a * math.Exp(f.r.Float64()*math.Log(b/a)) }

// series draws one model in one region, on one provider or two.
func (f *founder) series(m, r int, providers [2]int, lat float64) {
	cfg := &f.g.Cfg
	rate := f.logUniform(cfg.RateMin, cfg.RateMax) * cfg.Scale
	if len(cfg.Rates) > 0 {
		rate = mean(cfg.Rates[f.nser%len(cfg.Rates)]) * cfg.Scale
	}
	base := f.logUniform(cfg.BaseMin, cfg.BaseMax)
	l := Leaf{series: f.nser, LatSigma: 0.55}
	l.Amp = cfg.Diurnal * (0.4 + 0.6*f.r.Float64())
	l.BlockCV = cfg.BlockCV * f.r.Float64()
	l.Phase = f.phase[r] + 0.3*f.r.NormFloat64()
	share := 0.3 + 0.5*f.r.Float64()
	for pi, p := range providers {
		if p < 0 {
			continue
		}
		w := 1.0
		if providers[1] >= 0 {
			w = share
			if pi == 1 {
				w = 1 - share
			}
		}
		l.mix = [NClass]float64{C429: 0.35, C500: 0.15, C502: 0.1, C503: 0.15, C504: 0.15, Trunc: 0.1}
		for c := range l.mix {
			l.mix[c] *= math.Exp(0.5 * f.r.NormFloat64())
		}
		norm(&l.mix)
		l.LatMu = lat + f.latP[p]
		l.V = []int{m, p, r}
		f.split(l, rate, base, w)
	}
	f.nser++
}

// split spreads a model x region x provider over endpoint, env and stream.
func (f *founder) split(l Leaf, rate, base, w float64) {
	add := func(endpoint, env, stream int, w, jitter float64) {
		l := l
		l.V = append(append([]int(nil), l.V...), endpoint, env, stream)
		l.Rate, l.Base = rate*w, math.Min(0.2, base*jitter)
		f.g.Leaves = append(f.g.Leaves, l)
	}
	if f.g.Cfg.Flat {
		add(0, 0, 0, w, 1)
		return
	}
	ew := make([]float64, f.g.Cfg.Endpoints)
	sum := 0.0
	for e := range ew {
		ew[e] = f.r.ExpFloat64() + 0.1
		sum += ew[e]
	}
	for e := range ew {
		staging := 0.03 + 0.1*f.r.Float64()
		streams := 0.2 + 0.7*f.r.Float64()
		if endpointNames[e] == "embeddings" {
			streams = 0
		}
		envs, kinds := [2]float64{1 - staging, staging}, [2]float64{streams, 1 - streams}
		for env, we := range envs {
			for st, ws := range kinds {
				// The order of the factors is part of the bytes that a seed gives.
				if x := w * ew[e] / sum * we * ws; x > 0 {
					add(e, env, st, x, math.Exp(0.4*f.r.NormFloat64()))
				}
			}
		}
	}
}

// refine splits every leaf by deployment (one or two for each model, provider and region) and by workload (a part of
// what is not streamed is batch).
func (g *Gen) refine() {
	r := rand.New(rand.NewPCG(g.Cfg.Seed, 0x71)) //nolint:gosec // traffic, not secrets
	g.Dims = append(g.Dims, "deployment", "workload")
	g.Values = append(g.Values, nil, []string{"interactive", "batch"})
	type home struct{ model, provider, region int }
	second := map[home]float64{} // the second deployment's share
	number := map[home]int{}
	var out []Leaf
	for _, l := range g.Leaves {
		at := home{l.V[Model], l.V[Provider], l.V[Region]}
		if _, known := second[at]; !known {
			second[at] = max(0, r.Float64()-0.4)
			number[at] = len(g.Values[Deployment])
			for n := 1; n == 1 || (n == 2 && second[at] > 0); n++ {
				name := fmt.Sprintf("%s-%s-%s-%d", g.Values[Model][at.model], g.Values[Provider][at.provider], g.Values[Region][at.region], n)
				g.Values[Deployment] = append(g.Values[Deployment], name)
			}
		}
		batch := 0.0
		if l.V[Stream] == 1 {
			batch = 0.1 + 0.5*r.Float64()
		}
		for n, wd := range []float64{1 - second[at], second[at]} {
			for workload, ww := range []float64{1 - batch, batch} {
				if wd*ww > 0 {
					x := l
					x.V = append(append([]int(nil), l.V...), number[at]+n, workload)
					x.Rate = l.Rate * wd * ww
					out = append(out, x)
				}
			}
		}
	}
	g.Leaves = out
}

func mean(x []float64) float64 {
	s := 0.0
	for _, v := range x {
		s += v
	}
	return math.Max(s/float64(len(x)), 1e-9)
}

func norm(m *[NClass]float64) {
	s := 0.0
	for _, v := range m {
		s += v
	}
	for i := range m {
		m[i] /= s
	}
}
