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
	seen []seen // by leaf
}

// seen is what a leaf showed in this second.
type seen struct {
	first, all, again int       // first attempts, all attempts, repeats
	k                 [3]int    // failures of first attempts: five hundreds, 429, truncation
	slow              []float64 // by fault that is on and is one of what is measured: its log-likelihood ratio
}

// NewTracker must be made after the faults are planned.
func NewTracker(g *Gen) *Tracker {
	return &Tracker{G: g, Lim: make([]Limit, len(g.Faults)), seen: make([]seen, len(g.Leaves))}
}

// Step advances one second and updates the limits.
func (tr *Tracker) Step(emit func(*Bucket)) {
	g, t := tr.G, tr.G.T
	clear(tr.seen)
	g.Step(func(b *Bucket) {
		x := &tr.seen[b.Leaf]
		x.first, x.all, x.again = b.N-b.Retries, b.N, b.Retries
		x.k = [3]int{b.First[C500] + b.First[C502] + b.First[C503] + b.First[C504], b.First[C429], b.First[Trunc]}
		for k, f := range g.act {
			if f.in[b.Leaf] && f.measured() {
				x.slow = append(x.slow, g.slowness(b, f, g.level[k]))
			}
		}
		emit(b)
	})
	for i := range g.Faults {
		f, m := &g.Faults[i], &tr.Lim[i]
		if lv := f.Level(t); lv > 0 && (m.LimitS == 0 || m.Oracle() == 0) {
			tr.learn(f, m, lv)
			m.judge(float64(t-f.Start+1), f.Class == "latency")
		}
	}
}

// measured tells whether the fault shows in something that is measured of every request.
func (f *Fault) measured() bool {
	return f.Class == "latency" || f.Class == "ttft" || f.Class == "tokens"
}

// spread is the standard deviation of the logarithm in which a measured fault shows.
func (f *Fault) spread(l *Leaf) float64 {
	switch f.Class {
	case "ttft":
		return math.Hypot(l.LatSigma, firstSigma)
	case "tokens":
		return tokSigma
	}
	return l.LatSigma
}

// slowness is the log-likelihood ratio of what was measured under one fault.
func (g *Gen) slowness(b *Bucket, f *Fault, lv float64) float64 {
	l := &g.Leaves[b.Leaf]
	logs, mu := b.LogLat, l.LatMu+g.now.lat
	switch f.Class {
	case "ttft":
		logs, mu = b.LogTTFT, mu+firstMu
	case "tokens":
		logs, mu = b.LogTok, l.tokMu
	}
	d, s := math.Log(1+(f.LatMult-1)*lv), f.spread(l)
	x := 0.0
	for _, v := range logs {
		x += d * (v - mu - d/2) / (s * s)
	}
	return x
}

// learn adds this second's information and evidence of the leaves in scope.
func (tr *Tracker) learn(f *Fault, m *Limit, lv float64) {
	g := tr.G
	for l := range g.Leaves {
		if !f.in[l] || (g.Leaves[l].V[Stream] == 1 && (f.class == Trunc || f.Class == "ttft")) {
			continue
		}
		x := &tr.seen[l]
		if f.Class != "latency" || m.LimitS == 0 {
			m.Requests += x.first
		}
		switch {
		case f.class >= 0:
			tr.failures(f, m, l, lv)
		case f.measured(): // a shift of a normal in the log domain
			if f.Class != "latency" || m.LimitS == 0 {
				lf := &g.Leaves[l]
				d, s := math.Log(1+(f.LatMult-1)*lv), f.spread(lf)
				m.Nats += g.rateNow[l] * d * d / (2 * s * s)
			}
			for _, v := range x.slow {
				m.llr += v
			}
		case f.Class == "retries":
			q0 := math.Max(1e-4, g.truth[l]*g.Cfg.Retry)
			q1 := math.Min(0.95, (f.Eps*lv+q0)/(1+f.Eps*lv))
			m.Nats += g.rateNow[l] * KL(q1, q0)
			k, n := float64(x.again), float64(x.all)
			m.llr += k*math.Log(q1/q0) + (n-k)*math.Log((1-q1)/(1-q0))
		default: // the number of requests
			r := math.Max(0.005, 1-f.Eps*lv)
			if f.RateMult > 0 {
				r = 1 + (f.RateMult-1)*lv
			}
			m.Nats += g.rateNow[l] * (r*math.Log(r) + 1 - r)
			m.llr += float64(x.first)*math.Log(r) + g.rateNow[l]*(1-r)
		}
	}
	m.llr = math.Max(m.llr, 0)
}

// failures adds what a fault that makes requests fail shows at one leaf.
func (tr *Tracker) failures(f *Fault, m *Limit, l int, lv float64) {
	g, lf, x := tr.G, &tr.G.Leaves[l], &tr.seen[l]
	s, share := 0, lf.mix[C500]+lf.mix[C502]+lf.mix[C503]+lf.mix[C504]
	switch f.class {
	case C429:
		s, share = 1, lf.mix[C429]
	case Trunc:
		s, share = 2, lf.mix[Trunc]
	}
	p0 := math.Max(1e-5, g.truth[l]*share)
	p1 := math.Min(0.9999, p0+f.Eps*lv*(1-p0))
	m.Nats += g.rateNow[l] * KL(p1, p0)
	k, n := float64(x.k[s]), float64(x.first)
	m.llr += k*math.Log(p1/p0) + (n-k)*math.Log((1-p1)/(1-p0))
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
