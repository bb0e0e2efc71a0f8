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
//
// A step goes through all stats, so what every second needs of one lies together in two lines of the cache, and the rest
// in its evidence.
type stat struct {
	*evidence
	most       float64  // what sum may come to with what waits
	sn, sk     float64  // of what waits: requests and failures,
	mean       boundary // and the boundary times the failures
	phi        float64  // the dispersion; 0 before the first second
	bk, be     float64  // the running block: failures, expected ones,
	bs         int32    // and seconds
	waiting    uint8    // of waits
	unlearned  uint8    // of late
	wide       bool     // what the dispersion was worked out for
	fk, fn, fe float64  // the last half minute, fading
	last       int64
	ripe       int64 // the second of the oldest block in late
}

// evidence is what of a stat is needed now and then.
type evidence struct {
	r     sixfold
	sum   float64 // of r
	waits [maxWaits]weight
	v, w  float64 // dispersion: weighted blocks
	late  [lateBlocks]scattered
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
	s.r, s.sum = sixfold{}, 0
	s.waited()
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
	for i := range s.waits[:s.waiting] {
		x := &s.waits[i]
		s.weigh(float64(x.n), float64(x.k), &x.boundary)
	}
	s.waited()
}

// waited begins to wait anew.
func (s *stat) waited() {
	s.waiting, s.most, s.sn, s.sk, s.mean = 0, s.sum, 0, 0, boundary{}
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
	share := 1 / (float64(s.waiting) * s.phi)
	var one sixfold
	if s.sk > 0 {
		mean := boundary{s.mean.still / s.sk, s.mean.drifting / s.sk}
		one = mean.rises()
	}
	for j := range one {
		one[j] = min(((s.sn-s.sk)*calmLog[j]+s.sk*one[j])*share, 460)
	}
	expAll(one[:])
	s.sum = 0
	for j, f := range one {
		all, since := inARow(f, int(s.waiting))
		s.r[j] = min(maxR, s.r[j]*all+since)
		s.sum += s.r[j]
	}
	s.waited()
}

// inARow multiplies by f so many times, and adds up what comes of each time.
func inARow(f float64, times int) (all, since float64) {
	if times == maxWaits {
		f2 := f * f
		f4 := f2 * f2
		return f4 * f4, f * (1 + f) * (1 + f2) * (1 + f4)
	}
	all = 1
	for range times {
		all *= f
		since += all
	}
	return all, since
}

// weigh adds the evidence of a second.
func (s *stat) weigh(n, k float64, normal *boundary) {
	one := 1 / s.phi
	var f sixfold
	if k > 0 {
		f = normal.rises()
	}
	for j := range f {
		f[j] = (n-k)*one*calmLog[j] + min(k*one*f[j], 460)
	}
	expAll(f[:])
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
		s.most *= raised(k/usual, k/s.phi)
	}
	s.sn += n
	if k > 0 {
		s.sk += k
		s.mean.still, s.mean.drifting = s.mean.still+k*normal.still, s.mean.drifting+k*normal.drifting
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

// rises are the logarithms of what one failure multiplies the evidence by.
func (b *boundary) rises() (l sixfold) {
	for j, eps := range strengths {
		p := b.of(j)
		l[j] = 1 + eps*(1-p)/p
	}
	logAll(&l)
	return l
}

// newStats are those of a cut.
func newStats() (s [signals]stat) {
	all := new([signals]evidence)
	for i := range s {
		s[i].evidence = &all[i]
	}
	return s
}

// push takes one second in: k failures of n, e expected, and the boundary where k is not zero. The dispersion learns
// from it only while nothing is wrong.
func (s *stat) push(sec int64, n, k, e float64, normal boundary, wide, learn bool) {
	if !learn {
		s.unlearned = 0
	}
	if ripe := s.unlearned > 0 && s.ripe < sec-guardWarm; ripe || s.wide != wide || s.phi == 0 {
		if ripe {
			s.scatters(sec)
		}
		s.scatter(wide)
	}
	s.wait(n, k, normal)
	if dt := min(sec-s.last, int64(len(fades)-1)); s.last != 0 {
		f := fades[dt]
		s.fk, s.fn, s.fe = s.fk*f, s.fn*f, s.fe*f
		s.bs += int32(dt) //nolint:gosec // bounded
	}
	s.last = sec
	s.fk, s.fn, s.fe = s.fk+k, s.fn+n, s.fe+e
	s.bk, s.be = s.bk+k, s.be+e
	if (s.bs >= blockSecs && s.be >= 2) || s.bs >= blockLong-1 {
		if learn && s.be > 0.2 {
			s.late[s.unlearned] = scattered{sec, min((s.bk-s.be)*(s.bk-s.be)/s.be, 9*s.phi)}
			s.unlearned++
			s.ripe = s.late[0].at
		}
		s.bk, s.be, s.bs = 0, 0, 0
	}
}

// scatters learns from the blocks that are old enough.
func (s *stat) scatters(sec int64) {
	old := uint8(0)
	for old < s.unlearned && s.late[old].at < sec-guardWarm {
		s.v += (s.late[old].r - s.v) / 240
		s.w += (1 - s.w) / 240
		old++
	}
	s.unlearned = uint8(copy(s.late[:], s.late[old:s.unlearned])) //nolint:gosec // a small number
	s.ripe = s.late[0].at
}

// scatter works out by how much failures scatter more than chance; in counts of a scrape one delta is many seconds, and
// its failures come together. What waits is weighed by what was known when it came.
func (s *stat) scatter(wide bool) {
	s.wide = wide
	prior := 1.3
	if wide {
		prior = 2
	}
	phi := min(max((s.v+0.1*prior)/(s.w+0.1), 1), 50)
	if phi == s.phi {
		return
	}
	if s.waiting > 0 {
		s.settle()
	}
	s.phi = phi
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
