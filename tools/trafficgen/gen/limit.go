package gen

import "math"

// Limit is what physics allows for one fault: a detector that knows the scope, the healthy rates and the strength, and
// may raise one false alarm in 30 days, cannot on average be faster than LimitS (Lorden's bound). OracleS is the delay
// of that detector (CUSUM of the true log-likelihood ratio, first attempts only) on the traffic that was drawn; 0: it
// did not speak while the fault lasted.
type Limit struct {
	LimitS   float64 `json:"limit_s"`
	OracleS  float64 `json:"oracle_s"`
	Nats     float64 `json:"nats"`     // information until the end, or until both have spoken
	Requests int     `json:"requests"` // first attempts in scope, likewise
	llr      float64
	slowS    float64 // OracleS of a fault of latency, which the labels leave out
}

// Oracle is the delay of the oracle in seconds, 0 where it was blind.
func (l Limit) Oracle() float64 { return max(l.OracleS, l.slowS) }

// Month is the time between false alarms behind the limit, in seconds.
const Month = 30 * 86400

// KL is the Kullback-Leibler divergence of Bernoulli(p1) from Bernoulli(p0), in nats.
func KL(p1, p0 float64) float64 {
	x := 0.0
	if p1 > 0 {
		x += p1 * math.Log(p1/p0)
	}
	if p1 < 1 {
		x += (1 - p1) * math.Log((1-p1)/(1-p0))
	}
	return x
}

// Tracker wraps Step and keeps the Limit of every fault.
type Tracker struct {
	G    *Gen
	Lim  []Limit
	n    []int
	k    [][3]int  // failures by oracle's signal: five hundreds, 429, truncation
	slow []float64 // evidence of slowness
}

// NewTracker must be made after the faults are planned.
func NewTracker(g *Gen) *Tracker {
	return &Tracker{
		G: g, Lim: make([]Limit, len(g.Faults)), n: make([]int, len(g.Leaves)), k: make([][3]int, len(g.Leaves)),
		slow: make([]float64, len(g.Leaves)),
	}
}

// Step advances one second and updates the limits.
func (tr *Tracker) Step(emit func(*Bucket)) {
	g, t := tr.G, tr.G.T
	clear(tr.n)
	clear(tr.k)
	clear(tr.slow)
	g.Step(func(b *Bucket) {
		tr.n[b.Leaf] = b.N - b.Retries
		tr.k[b.Leaf] = [3]int{b.First[C500] + b.First[C502] + b.First[C503] + b.First[C504], b.First[C429], b.First[Trunc]}
		tr.slow[b.Leaf] = g.slowness(b)
		emit(b)
	})
	for i := range g.Faults {
		f, m := &g.Faults[i], &tr.Lim[i]
		if lv := f.Level(t); lv > 0 && (m.LimitS == 0 || m.Oracle() == 0) {
			tr.learn(f, m, lv)
			m.judge(float64(t-f.Start+1), f.class < 0)
		}
	}
}

// slowness is the log-likelihood ratio of the latencies of a bucket under the faults of latency that are on.
func (g *Gen) slowness(b *Bucket) float64 {
	x, l := 0.0, &g.Leaves[b.Leaf]
	for k, f := range g.act {
		if f.class >= 0 || !f.in[b.Leaf] {
			continue
		}
		d := math.Log(1 + (f.LatMult-1)*g.level[k])
		mu := l.LatMu + g.now.lat
		for _, v := range b.LogLat {
			x += d * (v - mu - d/2) / (l.LatSigma * l.LatSigma)
		}
	}
	return x
}

// learn adds this second's information and evidence of the leaves in scope.
func (tr *Tracker) learn(f *Fault, m *Limit, lv float64) {
	g := tr.G
	for l := range g.Leaves {
		if !f.in[l] {
			continue
		}
		lf := &g.Leaves[l]
		if f.class < 0 { // a shift of a normal in the log domain
			if m.LimitS == 0 {
				d := math.Log(1 + (f.LatMult-1)*lv)
				m.Nats += g.rateNow[l] * d * d / (2 * lf.LatSigma * lf.LatSigma)
				m.Requests += tr.n[l]
			}
			m.llr += tr.slow[l]
			continue
		}
		s, share := 0, lf.mix[C500]+lf.mix[C502]+lf.mix[C503]+lf.mix[C504]
		switch f.class {
		case C429:
			s, share = 1, lf.mix[C429]
		case Trunc:
			if lf.V[Stream] == 1 {
				continue
			}
			s, share = 2, lf.mix[Trunc]
		}
		p0 := math.Max(1e-5, g.truth[l]*share)
		p1 := math.Min(0.9999, p0+f.Eps*lv*(1-p0))
		m.Nats += g.rateNow[l] * KL(p1, p0)
		k, n := float64(tr.k[l][s]), float64(tr.n[l])
		m.llr += k*math.Log(p1/p0) + (n-k)*math.Log((1-p1)/(1-p0))
		m.Requests += tr.n[l]
	}
	m.llr = math.Max(m.llr, 0)
}

// judge looks whether the bound is reached, and whether the oracle speaks, after so many seconds.
func (l *Limit) judge(elapsed float64, slow bool) {
	rate := l.Nats / elapsed
	if slow && l.LimitS > 0 {
		rate = l.Nats / l.LimitS
	}
	h := math.Log(Month * math.Max(rate, 1e-9))
	if l.LimitS == 0 && l.Nats >= h-1 && l.Nats > 1 {
		l.LimitS = elapsed
	}
	switch {
	case l.Oracle() > 0 || l.llr < h || l.llr <= 1:
	case slow:
		l.slowS = elapsed
	default:
		l.OracleS = elapsed
	}
}
