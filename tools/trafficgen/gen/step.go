package gen

import "math"

// drifts are the slow random walks of one series.
type drifts struct{ rate, err, lat ou }

// pace is what a series does in this second: factors of its request and failure rates, and what is added to its log
// latency.
type pace struct{ rate, err, lat float64 }

// Step advances one second and calls emit for every leaf with requests.
func (g *Gen) Step(emit func(*Bucket)) {
	g.begin()
	last := -1
	for i := range g.Leaves {
		l := &g.Leaves[i]
		if l.series != last {
			last = l.series
			g.now = g.paceOf(l)
		}
		b := &g.bucket
		*b = Bucket{Leaf: i, LogLat: g.lat[:0]}
		n, ret := g.arrivals(b, l)
		again := l.again[g.T&3]
		l.again[g.T&3] = 0
		if b.N, b.Retries = n+ret+again, ret+again; b.N > 0 {
			g.fill(b, l, [3]int{n, ret, again})
			emit(b)
		}
	}
	g.T++
}

// begin starts surges and storms and collects the faults of this second.
func (g *Gen) begin() {
	c := &g.Cfg
	if c.Surges > 0 && g.r.Float64() < c.Surges/86400 {
		g.surge[g.r.IntN(len(g.drift))] = g.T + 120 + g.r.Int64N(480)
	}
	if c.Storms > 0 && g.r.Float64() < c.Storms/86400 {
		g.storm[g.r.IntN(len(g.Leaves))] = g.T + 30 + g.r.Int64N(300)
	}
	g.act, g.level = g.act[:0], g.level[:0]
	for i := range g.Faults {
		if v := g.Faults[i].Level(g.T); v > 0 {
			g.act = append(g.act, &g.Faults[i])
			g.level = append(g.level, v)
		}
	}
}

func (g *Gen) paceOf(l *Leaf) pace {
	c, d := &g.Cfg, &g.drift[l.series]
	load := math.Sin(2*math.Pi*float64(g.T)/86400 + l.Phase)
	var p pace
	if len(c.Rates) > 0 {
		tab := c.Rates[l.series%len(c.Rates)]
		p.rate = tab[int(g.T/600)%len(tab)] / mean(tab)
	} else {
		p.rate = (1 + l.Amp*load) * math.Exp(d.rate.step(g.r))
	}
	if end, ok := g.surge[l.series]; ok {
		if g.T < end {
			p.rate *= 3
		} else {
			delete(g.surge, l.series)
		}
	}
	p.err = (1 + c.ErrDiurnal*load) * math.Exp(d.err.step(g.r))
	p.lat = math.Log(1+0.25*(1+load)) + d.lat.step(g.r)
	return p
}

// arrivals draws how many first attempts come to a leaf, and takes the repeats of failures that are due.
func (g *Gen) arrivals(b *Bucket, l *Leaf) (n, ret int) {
	i := b.Leaf
	if g.T%10 == int64(i%10) || l.blockP == 0 {
		l.blockP = gammaMean1(g.r, l.BlockCV)
	}
	if g.T%5 == int64(i%5) || l.blockR == 0 {
		l.blockR = gammaMean1(g.r, g.Cfg.BurstCV)
	}
	g.truth[i] = math.Min(0.5, l.Base*g.now.err)
	g.rateNow[i] = l.Rate * g.now.rate
	ret = l.retry[g.T&3]
	l.retry[g.T&3] = 0
	return poisson(g.r, l.Rate*g.now.rate*l.blockR*g.volume(b)), ret
}

// volume is what the faults make of the requests of a leaf: a factor.
func (g *Gen) volume(b *Bucket) float64 {
	x := 1.0
	for k, f := range g.act {
		switch {
		case !f.in[b.Leaf]:
		case f.Class == "loss":
			x *= 1 - f.Eps*g.level[k]
		case f.RateMult > 0:
			more := 1 + (f.RateMult-1)*g.level[k]
			x *= more
			if f.From != nil {
				b.Fallen, b.From = 1-1/more, f.From["model"]
			}
		}
	}
	return x
}

// fill draws the outcomes: first attempts, then repeats of failures, then other repeats; faults hit first, the rest may
// fail for base reasons.
func (g *Gen) fill(b *Bucket, l *Leaf, tries [3]int) {
	r, c := g.r, &g.Cfg
	pe := math.Min(0.9, g.truth[b.Leaf]*l.blockP)
	left, failed := 0, 0
	for att, m := range tries {
		q := pe
		if att == 1 {
			q = math.Max(pe, c.RetryFail)
		}
		hit := g.hit(b, l, m, att == 0)
		m -= hit
		k := binomial(r, m, q)
		failed += hit + k
		left += m - k
		g.classes(b, l, k, att == 0)
	}
	if end, ok := g.storm[b.Leaf]; ok {
		if g.T < end {
			x := binomial(r, left, 0.4)
			b.Cls[ClientErr] += x
			left -= x
		} else {
			delete(g.storm, b.Leaf)
		}
	}
	x := binomial(r, left, 0.005)
	b.Cls[ClientErr] += x
	left -= x
	b.Cls[OK] = left
	if failed > 0 && c.Retry > 0 {
		for j := binomial(r, failed, c.Retry); j > 0; j-- {
			l.retry[(g.T+1+int64(r.IntN(3)))&3]++
		}
	}
	for k, f := range g.act {
		if f.Class == "retries" && f.in[b.Leaf] {
			for j := binomial(r, b.N, f.Eps*g.level[k]); j > 0; j-- {
				l.again[(g.T+1+int64(r.IntN(3)))&3]++
			}
		}
	}
	g.measure(b, l, left)
}

// measure draws latencies, times to first token and tokens of the requests that ended well.
func (g *Gen) measure(b *Bucket, l *Leaf, answers int) {
	if !g.Cfg.Latency {
		return
	}
	mu := l.LatMu + g.now.lat + math.Log(g.times(b.Leaf, "latency"))
	for range answers {
		b.LogLat = append(b.LogLat, mu+l.LatSigma*g.r.NormFloat64())
	}
	g.lat = b.LogLat
	if g.Cfg.TTFT && l.V[Stream] == 0 {
		late := math.Log(g.times(b.Leaf, "ttft"))
		b.LogTTFT = g.first[:0]
		for i, v := range b.LogLat {
			x := v + min(firstMu+firstSigma*g.extra.NormFloat64(), -0.01)
			if late > 0 { // the whole answer comes so much later, too
				b.LogLat[i] = math.Log(math.Exp(v) + math.Exp(x+late) - math.Exp(x))
			}
			b.LogTTFT = append(b.LogTTFT, x+late)
		}
		g.first = b.LogTTFT
	}
	if g.Cfg.Tokens {
		mu := l.tokMu + math.Log(g.times(b.Leaf, "tokens"))
		b.LogTok = g.tok[:0]
		for range answers {
			b.LogTok = append(b.LogTok, mu+tokSigma*g.extra.NormFloat64())
		}
		g.tok = b.LogTok
	}
}

// The first token comes after about a fifth of the whole time.
const (
	firstMu    = -1.6
	firstSigma = 0.3
	tokSigma   = 0.9
)

// times is by how much the faults of a class multiply what is measured at a leaf.
func (g *Gen) times(leaf int, class string) float64 {
	x := 1.0
	for k, f := range g.act {
		if f.Class == class && f.in[leaf] {
			x *= 1 + (f.LatMult-1)*g.level[k]
		}
	}
	return x
}

// hit lets the faults make some of m requests fail, and tells how many.
func (g *Gen) hit(b *Bucket, l *Leaf, m int, first bool) int {
	hit := 0
	for k, f := range g.act {
		if !f.in[b.Leaf] || f.class < 0 || (f.class == Trunc && l.V[Stream] == 1) {
			continue
		}
		x := binomial(g.r, m-hit, f.Eps*g.level[k])
		b.Cls[f.class] += x
		if first {
			b.First[f.class] += x
		}
		hit += x
	}
	return hit
}

// classes draws the classes of k base failures.
func (g *Gen) classes(b *Bucket, l *Leaf, k int, first bool) {
	for ; k > 0; k-- {
		u := g.r.Float64()
		for cl := range l.mix {
			if u -= l.mix[cl]; u < 0 || cl == NClass-1 {
				b.Cls[cl]++
				if first {
					b.First[cl]++
				}
				break
			}
		}
	}
}
