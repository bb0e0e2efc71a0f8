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
		if n, ret := g.arrivals(i, l); n+ret > 0 {
			b := Bucket{Leaf: i, N: n + ret, Retries: ret, LogLat: g.lat[:0]}
			g.fill(&b, l, n, ret)
			emit(&b)
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

// arrivals draws how many first attempts come to a leaf, and takes the repeats that are due.
func (g *Gen) arrivals(i int, l *Leaf) (n, ret int) {
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
	return poisson(g.r, l.Rate*g.now.rate*l.blockR), ret
}

// fill draws the outcomes: first attempts, then repeats; faults hit first, the rest may fail for base reasons.
func (g *Gen) fill(b *Bucket, l *Leaf, n, ret int) {
	r, c := g.r, &g.Cfg
	pe := math.Min(0.9, g.truth[b.Leaf]*l.blockP)
	left, failed, slow := 0, 0, 1.0
	for att, m := range [2]int{n, ret} {
		q := pe
		if att == 1 {
			q = math.Max(pe, c.RetryFail)
		}
		hit := g.hit(b, l, m, att == 0, &slow)
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
	if c.Latency {
		mu := l.LatMu + g.now.lat + math.Log(slow)
		for range left {
			b.LogLat = append(b.LogLat, mu+l.LatSigma*r.NormFloat64())
		}
		g.lat = b.LogLat
	}
}

// hit lets the faults make some of m requests fail, and tells how many.
func (g *Gen) hit(b *Bucket, l *Leaf, m int, first bool, slow *float64) int {
	hit := 0
	for k, f := range g.act {
		if !f.in[b.Leaf] {
			continue
		}
		if f.class < 0 {
			if first {
				*slow *= 1 + (f.LatMult-1)*g.level[k]
			}
			continue
		}
		if f.class == Trunc && l.V[Stream] == 1 {
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
