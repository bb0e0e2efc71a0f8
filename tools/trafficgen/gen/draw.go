package gen

import (
	"math"
	"math/rand/v2"
)

// ou is an Ornstein-Uhlenbeck process of standard deviation sigma.
type ou struct{ x, rho, s float64 }

func newOU(sigma, tau float64) ou {
	rho := math.Exp(-1 / tau)
	return ou{rho: rho, s: sigma * math.Sqrt(1-rho*rho)}
}

func (o *ou) step(r *rand.Rand) float64 {
	o.x = o.rho*o.x + o.s*r.NormFloat64()
	return o.x
}

// gammaMean1 draws from a gamma distribution of mean 1 (Marsaglia and Tsang); cv is at most 1.
func gammaMean1(r *rand.Rand, cv float64) float64 {
	if cv <= 0.01 {
		return 1
	}
	a := 1 / (cv * cv)
	d := a - 1.0/3
	q := 1 / math.Sqrt(9*d)
	for {
		x := r.NormFloat64()
		v := 1 + q*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		if math.Log(r.Float64()) < 0.5*x*x+d-d*v+d*math.Log(v) {
			return d * v / a
		}
	}
}

func poisson(r *rand.Rand, mu float64) int {
	if mu <= 0 {
		return 0
	}
	if mu > 30 {
		return max(0, int(math.Round(mu+math.Sqrt(mu)*r.NormFloat64())))
	}
	l, k, p := math.Exp(-mu), 0, r.Float64()
	for p > l {
		k++
		p *= r.Float64()
	}
	return k
}

func binomial(r *rand.Rand, n int, p float64) int {
	switch {
	case n <= 0 || p <= 0:
		return 0
	case p >= 1:
		return n
	case p > 0.5:
		return n - binomial(r, n, 1-p)
	}
	if v := float64(n) * p * (1 - p); v > 30 {
		return min(n, max(0, int(math.Round(float64(n)*p+math.Sqrt(v)*r.NormFloat64()))))
	}
	if n < 16 {
		k := 0
		for range n {
			if r.Float64() < p {
				k++
			}
		}
		return k
	}
	k, i, lq := 0, 0, math.Log1p(-p) // waiting times between successes
	for {
		i += 1 + int(math.Log(1-r.Float64())/lq)
		if i > n {
			return k
		}
		k++
	}
}
