package burst

import "math"

// strengths are the shares of requests that a fault may make fail, as the statistic mixes them.
var strengths = [6]float64{0.004, 0.012, 0.035, 0.1, 0.3, 0.9}

// stat is the evidence of one signal in one cut: a Shiryaev-Roberts statistic for each strength, each the sum over
// all possible onsets of the likelihood ratio against the boundary, and the dispersion that divides it. As long as
// failures stay inside the boundary, R minus the number of seconds is a martingale for any rate: the mean time to a
// false alarm at ln R >= a is at least e^a seconds (Pollak 1987; Shin, Ramdas and Rinaldo 2024).
type stat struct {
	r          [len(strengths)]float64
	sum        float64 // of r
	v, w       float64 // dispersion: weighted blocks
	bk, be, bs float64 // the running block: failures, expected ones, seconds
	fk, fn, fe float64 // the last half minute, fading
	last       int64
	calm       [len(strengths)]float64 // what one request that ended well multiplies the evidence by
	calmPhi    float64                 // the dispersion that calm was computed for
}

const (
	maxR      = 1e200
	blockSecs = 15
	blockLong = 600
	recentSec = 30 // half-life of the last half minute
)

// fades is how much of the last half minute is left after so many seconds.
var fades = func() (f [600]float64) {
	for dt := range f {
		f[dt] = math.Exp2(-float64(dt) / recentSec)
	}
	return f
}()

// sumAt is the sum of r at which the evidence, ln of the mixture's mean, is so much.
func sumAt(value float64) float64 { return float64(len(strengths)) * math.Exp(value) }

func (s *stat) reset() { s.r, s.sum = [len(strengths)]float64{}, 0 }

const (
	priorWeight = 40 // requests that the prior of a leaf is worth
	coldFactor  = 4  // how much worse than its prior a leaf without history may be
	sureFactor  = 1.5
)

// boundary is the highest failure rate that is still normal where e failures of n were expected. v is how far off
// that may be for lack of experience, squared, and c what leaves without any may fail besides.
func (t *trait) boundary(n, e, v, c float64) float64 {
	return min(0.9, (t.mul*e+sureFactor*math.Sqrt(v)+c)/n+t.abs)
}

// push takes one second in: k failures of n, e expected, and the boundary where k is not zero. The dispersion learns
// from it only while nothing is wrong.
func (s *stat) push(sec int64, n, k, e, boundary, phi0 float64, learn bool) {
	phi := s.phi(phi0)
	if phi != s.calmPhi {
		s.calmPhi = phi
		for j, eps := range strengths {
			s.calm[j] = math.Exp(math.Log1p(-eps) / phi)
		}
	}
	f := powers(s.calm, int(n-k))
	if k > 0 {
		for j, eps := range strengths {
			f[j] *= math.Exp(min(k*math.Log1p(eps*(1-boundary)/boundary)/phi, 460))
		}
	}
	s.sum = 0
	for j := range s.r {
		s.r[j] = min(maxR, (1+s.r[j])*f[j])
		s.sum += s.r[j]
	}
	if dt := min(sec-s.last, int64(len(fades)-1)); s.last != 0 {
		f := fades[dt]
		s.fk, s.fn, s.fe = s.fk*f, s.fn*f, s.fe*f
		s.bs += float64(dt)
	}
	s.last = sec
	s.fk, s.fn, s.fe = s.fk+k, s.fn+n, s.fe+e
	s.bk, s.be = s.bk+k, s.be+e
	if (s.bs >= blockSecs && s.be >= 2) || s.bs >= blockLong-1 {
		if learn && s.be > 0.2 {
			r := min((s.bk-s.be)*(s.bk-s.be)/s.be, 9*phi)
			s.v += (r - s.v) / 240
			s.w += (1 - s.w) / 240
		}
		s.bk, s.be, s.bs = 0, 0, 0
	}
}

// powers gives each to the n: most seconds have few requests, and this is what every cut does every second.
func powers(x [len(strengths)]float64, n int) [len(strengths)]float64 {
	f := [len(strengths)]float64{1, 1, 1, 1, 1, 1}
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			for j := range f {
				f[j] *= x[j]
			}
		}
		for j := range x {
			x[j] *= x[j]
		}
	}
	return f
}

// phi is by how much failures scatter more than chance.
func (s *stat) phi(prior float64) float64 {
	return min(max((s.v+0.1*prior)/(s.w+0.1), 1), 50)
}

// material tells whether the last half minute was bad enough to stop learning from it, so many times what was expected:
// a lucky drift is not.
func (s *stat) material(times float64) bool {
	if s.fn <= 0 {
		return false
	}
	p := s.fe / s.fn
	return s.fk/s.fn > max(times*p, p+0.01)
}
