package burst

import (
	"math"
	"math/bits"

	"signalbox/internal/traffic"
)

// signal is a group of failure classes with a statistic of its own: mixed, a weak one hides in the noise of another.
type signal uint8

const (
	fail   signal = iota // provider and gateway failures
	limit                // rate limits and quota
	auth                 // keys and permissions
	trunc                // answers cut short or invalid, mostly with status 200
	caller               // the caller's own
	signals
	good = signals // no failure
)

// trait is what a signal takes for normal before it has seen anything, and how much worse is worth saying:
// failures up to mul times the baseline plus abs are inside the null.
type trait struct {
	kind           string
	mul, abs, base float64
}

var traits = [signals]trait{
	fail:   {KindErrors, 1.4, 0.001, 0.006},
	limit:  {KindErrors, 1.4, 0.001, 0.004},
	auth:   {KindErrors, 1.4, 0.001, 0.001},
	trunc:  {KindTruncation, 1.4, 0.001, 0.001},
	caller: {KindCaller, 3, 0.02, 0.01},
}

// kindSignals are the signals whose failures a burst of a kind counts: who looks at errors wants all that fail there.
func kindSignals(kind string) [signals]bool {
	switch kind {
	case KindTruncation:
		return [signals]bool{trunc: true}
	case KindCaller:
		return [signals]bool{caller: true}
	}
	return [signals]bool{fail: true, limit: true, auth: true, trunc: true}
}

// signalTable maps the number of a class to its signal.
type signalTable [256]signal

func newSignalTable() *signalTable {
	named := map[string]signal{
		"none": good, "rate_limited": limit, "quota_exhausted": limit, "auth": auth, "account_suspended": auth,
		"truncated": trunc, "invalid_output": trunc,
	}
	var t signalTable
	for i := range t {
		class := traffic.Outcome(uint32(i) << 16).Class() //nolint:gosec // 0..255
		s, ok := named[class.String()]
		switch {
		case ok:
		case class.Caller():
			s = caller
		default:
			s = fail
		}
		t[i] = s
	}
	return &t
}

func (t *signalTable) of(o traffic.Outcome) signal { return t[uint8(o.Class())] }

// counts are the first attempts of a leaf or a cut in some time: all, those that ended well, and failures by signal.
type counts struct {
	n, ok int32
	k     [signals]int32
}

// seen is the denominator of a signal: whether an answer was cut can only be seen where there was one.
func (c *counts) seen(s signal) int32 {
	if s == trunc {
		return c.ok + c.k[trunc]
	}
	return c.n
}

// place names a set of leaves: the dimensions in mask have the values of key. The empty place is everything.
type place struct {
	mask uint16
	key  traffic.Key
}

func (p place) has(d traffic.Dim) bool { return p.mask&(1<<d) != 0 }

func (p place) with(d traffic.Dim, s traffic.Sym) place {
	p.mask |= 1 << d
	p.key[d] = s
	return p
}

func (p place) without(d traffic.Dim) place {
	p.mask &^= 1 << d
	p.key[d] = traffic.Unknown
	return p
}

func (p place) covers(k traffic.Key) bool {
	for m := p.mask; m != 0; m &= m - 1 {
		if d := bits.TrailingZeros16(m); p.key[d] != k[d] {
			return false
		}
	}
	return true
}

func (p place) scope(s *traffic.Symbols) traffic.Scope { return p.key.Labels(s) }

// cutDims are the combinations of dimensions that are watched: they gather traffic. What a burst is called does not
// depend on which of them fired.
var cutDims = [][]traffic.Dim{
	{},
	{traffic.Model},
	{traffic.Region},
	{traffic.Provider},
	{traffic.Deployment},
	{traffic.Workload},
	{traffic.Model, traffic.Region},
	{traffic.Provider, traffic.Region},
	{traffic.Model, traffic.Provider},
}

// leafDims are the dimensions that tell leaves apart here. Instances and callers are folded: too many, too thin.
var leafDims = []traffic.Dim{
	traffic.Env, traffic.Gateway, traffic.Side, traffic.Provider, traffic.Model, traffic.Region,
	traffic.Deployment, traffic.Endpoint, traffic.Workload, traffic.Stream,
}

func leafKey(k traffic.Key) traffic.Key {
	var out traffic.Key
	for _, d := range leafDims {
		out[d] = k[d]
	}
	return out
}

// strengths are the shares of requests that a fault may make fail, as the statistic mixes them.
var strengths = [6]float64{0.004, 0.012, 0.035, 0.1, 0.3, 0.9}

// stat is the evidence of one signal in one cut: a Shiryaev-Roberts statistic for each strength, each the sum over
// all possible onsets of the likelihood ratio against the boundary, and the dispersion that divides it. As long as
// failures stay inside the boundary, R minus the number of seconds is a martingale for any rate: the mean time to a
// false alarm at ln R >= a is at least e^a seconds (Pollak 1987; Shin, Ramdas and Rinaldo 2024).
type stat struct {
	r          [len(strengths)]float64
	v, w       float64 // dispersion: weighted blocks
	bk, be, bs float64 // the running block: failures, expected ones, seconds
	fk, fn, fe float64 // the last half minute, fading
	last       int64
	some       bool
	calm       [len(strengths)]float64 // what one request that ended well multiplies the evidence by
	calmPhi    float64                 // the dispersion that calm was computed for
}

const (
	maxR      = 1e200
	blockSecs = 15
	blockLong = 600
	recentSec = 30 // half-life of the last half minute
)

// fadeOne is how much of the last half minute is left after one second.
var fadeOne = math.Exp2(-1.0 / recentSec)

// value is ln of the mixture.
func (s *stat) value() float64 {
	if !s.some {
		return 0
	}
	var sum float64
	for _, r := range s.r {
		sum += r
	}
	return math.Log(max(1, sum/float64(len(strengths))))
}

func (s *stat) reset() { s.r, s.some = [len(strengths)]float64{}, false }

// tally is what one cut saw of one signal in one second, and what its leaves expected.
type tally struct{ n, k, e, v, c float64 }

// tallyOf is what one leaf adds: n requests, k failures, where p were expected from so many known requests.
func tallyOf(n, k, p, known float64) tally {
	return tally{n: n, k: k, e: n * p, v: n * n * p / (known + priorWeight), c: n * p * coldFactor * priorWeight / (known + priorWeight)}
}

func (t *tally) add(o *tally) {
	t.n += o.n
	t.k += o.k
	t.e += o.e
	t.v += o.v
	t.c += o.c
}

const (
	priorWeight = 40 // requests that the prior of a leaf is worth
	coldFactor  = 4  // how much worse than its prior a leaf without history may be
	sureFactor  = 1.5
)

// boundary is the highest failure rate that is still normal.
func (t *tally) boundary(s signal) float64 {
	p := (traits[s].mul*t.e+sureFactor*math.Sqrt(t.v)+t.c)/t.n + traits[s].abs
	return min(0.9, p)
}

// push takes one second in. The dispersion learns from it only while nothing is wrong.
func (s *stat) push(sig signal, sec int64, t *tally, phi0 float64, learn bool) {
	if t.n <= 0 {
		return
	}
	phi := s.phi(phi0)
	s.some = true
	if phi != s.calmPhi {
		s.calmPhi = phi
		for j, eps := range strengths {
			s.calm[j] = math.Exp(math.Log1p(-eps) / phi)
		}
	}
	f := powers(s.calm, int(t.n-t.k))
	if t.k > 0 {
		p0 := t.boundary(sig)
		for j, eps := range strengths {
			f[j] *= math.Exp(min(t.k*math.Log1p(eps*(1-p0)/p0)/phi, 460))
		}
	}
	for j := range s.r {
		s.r[j] = min(maxR, (1+s.r[j])*f[j])
	}
	if dt := sec - s.last; s.last != 0 && dt > 0 {
		f := fadeOne
		if dt > 1 {
			f = math.Exp2(-float64(min(dt, 600)) / recentSec)
		}
		s.fk, s.fn, s.fe = s.fk*f, s.fn*f, s.fe*f
		s.bs += float64(min(dt, blockLong))
	}
	s.last = sec
	s.fk, s.fn, s.fe = s.fk+t.k, s.fn+t.n, s.fe+t.e
	s.bk, s.be = s.bk+t.k, s.be+t.e
	if (s.bs >= blockSecs && s.be >= 2) || s.bs >= blockLong {
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

// material tells whether the last half minute was bad enough to stop learning from it: a lucky drift is not.
func (s *stat) material() bool {
	if s.fn <= 0 {
		return false
	}
	p := s.fe / s.fn
	return s.fk/s.fn > max(2*p, p+0.01)
}
