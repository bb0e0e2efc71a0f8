package burst

import "math"

// strengths are the shares of requests that a fault may make fail, as the statistic mixes them.
var strengths = [6]float64{0.004, 0.012, 0.035, 0.1, 0.3, 0.9}

// drifts is how much of what a drift may add to the failures of a place is taken for normal where they are tried for a
// fault of each strength. A drift is slow and adds parts of what is usual, which only a weak fault can be mistaken for:
// to a strong one it would be the rare chance that the alarm's threshold is for. What is not known yet is granted to all.
var drifts = [len(strengths)]float64{1, 0.6, 0.25, 0, 0, 0}

// calmLog are the logarithms of what one request that ended well multiplies the evidence by.
var calmLog = func() (l [len(strengths)]float64) {
	for j, eps := range strengths {
		l[j] = math.Log1p(-eps)
	}
	return l
}()

// stat is the evidence of one signal in one cut: a Shiryaev-Roberts statistic for each strength, each the sum over
// all possible onsets of the likelihood ratio against the boundary, and the dispersion that divides it. As long as
// failures stay inside the boundary, R minus the number of seconds is a martingale for any rate: the mean time to a
// false alarm at ln R >= a is at least e^a seconds (Pollak 1987; Shin, Ramdas and Rinaldo 2024).
//
// What comes in waits, as long as the evidence cannot be so much that anybody asks: most seconds of most cuts say nothing,
// and a few of them together cost what one does.
type stat struct {
	r          [len(strengths)]float64
	sum        float64 // of r
	most       float64 // what sum may come to with what waits
	waits      [maxWaits]weight
	waiting    int
	v, w       float64 // dispersion: weighted blocks
	late       [lateBlocks]scattered
	unlearned  int     // of late
	bk, be, bs float64 // the running block: failures, expected ones, seconds
	fk, fn, fe float64 // the last half minute, fading
	last       int64
	calm       [len(strengths)]float64 // what one request that ended well multiplies the evidence by
	calmPhi    float64                 // the dispersion that calm was computed for
}

// weight is one second that waits: requests, failures among them, and the boundary where there are any.
type weight struct {
	n, k float32
	boundary
}

// scattered is a block whose scatter is not learned yet: a burst that begins is none, and would need more evidence for it.
type scattered struct {
	at int64
	r  float64
}

// maxWaits is for how many seconds evidence waits.
const maxWaits = 8

// stirring is evidence that may be the beginning of something.
var stirring = sumAt(4)

const (
	maxR       = 1e200
	blockSecs  = 15
	blockLong  = 600
	lateBlocks = guardWarm/blockSecs + 2 // so many end until the first is learned
	recentSec  = 30                      // half-life of the last half minute
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

func (s *stat) reset() {
	s.r, s.sum, s.most, s.waiting = [len(strengths)]float64{}, 0, 0, 0
}

// reaches tells whether the evidence is so much: it is weighed, second by second, where it may be.
func (s *stat) reaches(sum float64) bool {
	if s.most < sum {
		return false
	}
	s.catchUp()
	return s.sum >= sum
}

// catchUp weighs what waits, second by second.
func (s *stat) catchUp() {
	for _, x := range s.waits[:s.waiting] {
		s.weigh(float64(x.n), float64(x.k), x.boundary)
	}
	s.waiting, s.most = 0, s.sum
}

// settle weighs what waits: at once, where nothing is on its way.
func (s *stat) settle() {
	if s.most < stirring {
		s.fold()
	} else {
		s.catchUp()
	}
}

// fold weighs what waits as if each second had been like the others: it costs what one second does. That is no more than
// what chance allows, either: an even share of a likelihood ratio has a mean of at most one as the ratio has.
func (s *stat) fold() {
	var n, k float64
	var mean boundary
	for _, x := range s.waits[:s.waiting] {
		n, k = n+float64(x.n), k+float64(x.k)
		mean.still, mean.drifting = mean.still+float64(x.k)*x.still, mean.drifting+float64(x.k)*x.drifting
	}
	if k > 0 {
		mean.still, mean.drifting = mean.still/k, mean.drifting/k
	}
	share := 1 / (float64(s.waiting) * s.calmPhi)
	s.sum = 0
	for j, eps := range strengths {
		l := (n - k) * calmLog[j]
		if k > 0 {
			p := mean.of(j)
			l += k * math.Log1p(eps*(1-p)/p)
		}
		one, all, since := math.Exp(min(l*share, 460)), 1.0, 0.0
		for range s.waiting {
			all *= one
			since += all
		}
		s.r[j] = min(maxR, s.r[j]*all+since)
		s.sum += s.r[j]
	}
	s.waiting, s.most = 0, s.sum
}

// weigh adds the evidence of a second.
func (s *stat) weigh(n, k float64, normal boundary) {
	f := powers(s.calm, int(n-k))
	if k > 0 {
		for j, eps := range strengths {
			p := normal.of(j)
			f[j] *= math.Exp(min(k*math.Log1p(eps*(1-p)/p)/s.calmPhi, 460))
		}
	}
	s.sum = 0
	for j := range s.r {
		s.r[j] = min(maxR, (1+s.r[j])*f[j])
		s.sum += s.r[j]
	}
}

// wait puts a second off.
func (s *stat) wait(n, k float64, normal boundary) {
	s.most += float64(len(strengths))
	if usual := n * min(0.9, normal.still); k > usual { // no strength makes more of it than the likeliest
		s.most *= raised(k/usual, k/s.calmPhi)
	}
	s.waits[s.waiting] = weight{float32(n), float32(k), normal}
	if s.waiting++; s.waiting == maxWaits {
		s.settle()
	}
}

// raised is no less than x to the a, for x no less than 1.
func raised(x, a float64) float64 {
	if a <= 1 {
		return 1 + a*(x-1) // Bernoulli
	}
	return math.Exp(a * math.Log(x))
}

const (
	priorWeight = 40 // requests that the prior of a leaf is worth
	coldFactor  = 4  // how much worse than its prior a leaf without history may be
	sureFactor  = 1.5
)

// boundary is the highest failure rate that is still normal: without any drift, and with as much of it as is not worth
// saying.
type boundary struct{ still, drifting float64 }

// boundary is what is normal where e failures of n were expected. v is how far off that may be for lack of experience,
// squared, and c what leaves without any may fail besides; all of it is taken so many times while a watch is wary.
func (t *trait) boundary(n, e, v, c, wary float64) boundary {
	still := wary * ((e+sureFactor*math.Sqrt(v)+c)/n + t.abs)
	b := boundary{still: still, drifting: still + wary*(t.mul-1)*e/n}
	if t.family != failing {
		b.still = b.drifting
	}
	return b
}

// of is the boundary of one strength.
func (b *boundary) of(j int) float64 { return min(0.9, b.still+drifts[j]*(b.drifting-b.still)) }

// push takes one second in: k failures of n, e expected, and the boundary where k is not zero. The dispersion learns
// from it only while nothing is wrong.
func (s *stat) push(sec int64, n, k, e float64, normal boundary, phi0 float64, learn bool) {
	s.scatters(sec, learn)
	phi := s.phi(phi0)
	if phi != s.calmPhi {
		if s.waiting > 0 {
			s.settle()
		}
		s.calmPhi = phi
		for j := range strengths {
			s.calm[j] = math.Exp(calmLog[j] / phi)
		}
	}
	s.wait(n, k, normal)
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
			s.late[s.unlearned] = scattered{sec, min((s.bk-s.be)*(s.bk-s.be)/s.be, 9*phi)}
			s.unlearned++
		}
		s.bk, s.be, s.bs = 0, 0, 0
	}
}

// scatters learns from the blocks that are old enough, and forgets those that turned out to begin a burst.
func (s *stat) scatters(sec int64, learn bool) {
	if !learn {
		s.unlearned = 0
	}
	old := 0
	for old < s.unlearned && s.late[old].at < sec-guardWarm {
		s.v += (s.late[old].r - s.v) / 240
		s.w += (1 - s.w) / 240
		old++
	}
	if old > 0 {
		s.unlearned = copy(s.late[:], s.late[old:s.unlearned])
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
