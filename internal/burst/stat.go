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
	most   float64 // what the evidence may come to with what waits
	sn     float64 // of what waits: requests
	be     float64 // the running block: expected failures,
	base   int64   // and the second before it
	fn, fe float64 // the last half minute, in the measure of its second: requests, and expected failures
	ripe   int64   // the second of the oldest block in late; never for none, long ago before the first second
	// of waits, of those in it the ones with failures, and of late
	waiting, failing, unlearned uint8
	wide                        bool // what the dispersion was worked out for

	*evidence
	phi    float64           // the dispersion; 0 before the first second
	ns     [maxWaits]float32 // what waits: requests
	bk, fk float64           // failures of the running block, and of the last half minute
}

// evidence is what of a stat is needed now and then.
type evidence struct {
	r     sixfold
	sum   float64  // of r
	sk    float64  // of what waits: failures,
	mean  boundary // and the boundary times the failures
	waits [maxWaits]weight
	v, w  float64 // dispersion: weighted blocks
	late  [lateBlocks]scattered
}

// weight is the failures of a second that waits, and the boundary.
type weight struct {
	boundary
	k float32
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
	stretch    = 512 * recentSec         // so long grows what a second counts, and then begins anew
	never      = math.MaxInt64
)

// fadeOne is how much of the last half minute is left after one second.
var fadeOne = math.Exp2(-1.0 / recentSec)

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

// catchUp weighs what waits, second by second. Where nothing failed, one is like another with as many requests.
func (s *stat) catchUp() {
	one := 1 / s.phi
	var calm sixfold
	last := float32(-1)
	for i, n := range s.ns[:s.waiting] {
		if s.failing>>i&1 != 0 {
			s.weigh(float64(n), float64(s.waits[i].k), &s.waits[i].boundary)
			continue
		}
		if n != last {
			last = n
			for j := range calm {
				calm[j] = float64(n) * one * calmLog[j]
			}
			expAll(calm[:])
		}
		s.times(&calm)
	}
	s.waited()
}

// waited begins to wait anew.
func (s *stat) waited() {
	s.most, s.sn, s.waiting = s.sum, 0, 0
	if s.failing != 0 {
		s.failing, s.sk, s.mean = 0, 0, boundary{}
	}
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
	if s.failing != 0 {
		mean := boundary{s.mean.still / s.sk, s.mean.drifting / s.sk}
		one = mean.rises()
	}
	calm := s.sn - s.sk
	for j := range one {
		one[j] = atMost((calm*calmLog[j]+s.sk*one[j])*share, 460)
	}
	expAll(one[:])
	ev, sum := s.evidence, 0.0
	for j, f := range one {
		all, since := inARow(f, int(s.waiting))
		r := atMost(ev.r[j]*all+since, maxR)
		ev.r[j] = r
		sum += r
	}
	ev.sum = sum
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

// weigh adds the evidence of a second with failures.
func (s *stat) weigh(n, k float64, normal *boundary) {
	one := 1 / s.phi
	f := normal.rises()
	for j := range f {
		f[j] = (n-k)*one*calmLog[j] + atMost(k*one*f[j], 460)
	}
	expAll(f[:])
	s.times(&f)
}

// times adds the evidence of a second that multiplies it by so much.
func (s *stat) times(f *sixfold) {
	ev, sum := s.evidence, 0.0
	for j := range ev.r {
		r := atMost((1+ev.r[j])*f[j], maxR)
		ev.r[j] = r
		sum += r
	}
	ev.sum = sum
}

// atMost is the lesser of two numbers, of which none is NaN: min has to think of those.
func atMost(x, most float64) float64 {
	if x > most {
		return most
	}
	return x
}

// wait puts a second off.
func (s *stat) wait(n, k float64, normal *boundary) {
	s.most += float64(len(strengths))
	s.sn += n
	s.ns[s.waiting] = float32(n)
	if k > 0 {
		if usual := n * atMost(normal.still, 0.9); k > usual { // no strength makes more of it than the likeliest
			s.most *= raised(k/usual, k/s.phi)
		}
		s.sk += k
		s.mean.still, s.mean.drifting = s.mean.still+k*normal.still, s.mean.drifting+k*normal.drifting
		s.waits[s.waiting] = weight{*normal, float32(k)}
		s.failing |= 1 << s.waiting
	}
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
func (b *boundary) of(j int) float64 { return atMost(b.still+drifts[j]*(b.drifting-b.still), 0.9) }

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
		s[i].evidence, s[i].ripe = &all[i], math.MinInt64
	}
	return s
}

// push takes one second in: k failures of n, e expected, and the boundary where k is not zero. The dispersion learns
// from it only while nothing is wrong.
func (s *stat) push(now *moment, n, k, e float64, normal *boundary, wide, learn bool) {
	if !learn && s.unlearned > 0 {
		s.unlearned, s.ripe = 0, never
	}
	if s.ripe < now.sec-guardWarm || s.wide != wide {
		s.reckon(now.sec, wide)
	}
	s.wait(n, k, normal)
	s.fn, s.fe = s.fn+n*now.grown, s.fe+e*now.grown
	s.be += e
	if k > 0 {
		s.fk += k * now.grown
		s.bk += k
	}
	if secs := now.sec - s.base; (secs >= blockSecs && s.be >= 2) || secs >= blockLong-1 {
		s.endBlock(now.sec, learn)
	}
}

// endBlock keeps what the running block says of the scatter, and begins the next.
func (s *stat) endBlock(sec int64, learn bool) {
	if learn && s.be > 0.2 {
		s.late[s.unlearned] = scattered{sec, min((s.bk-s.be)*(s.bk-s.be)/s.be, 9*s.phi)}
		s.unlearned++
		s.ripe = s.late[0].at
	}
	s.bk, s.be, s.base = 0, 0, sec
}

// reckon works the dispersion out anew: there are blocks old enough to learn from, or it is the first second.
func (s *stat) reckon(sec int64, wide bool) {
	if s.phi == 0 {
		s.base = sec
	}
	s.scatters(sec)
	s.scatter(wide)
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
	s.ripe = never
	if s.unlearned > 0 {
		s.ripe = s.late[0].at
	}
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

// moment is what all stats are told of the second that is pushed. grown is how much more its counts count than those at
// the beginning of its stretch: what is added up so fades, but for a factor that all of it shares.
type moment struct {
	sec   int64
	grown float64
}

func momentOf(sec int64) moment {
	return moment{sec, math.Exp2(float64(sec%stretch) / recentSec)}
}

// begin takes the last half minute into a stretch, so many after the one that it was counted in.
func (s *stat) begin(after int64) {
	f := math.Exp2(-stretch / recentSec * float64(after))
	s.fk, s.fn, s.fe = s.fk*f, s.fn*f, s.fe*f
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
