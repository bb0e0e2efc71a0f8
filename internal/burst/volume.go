package burst

import (
	"math"
	"slices"
)

// turn is a way in which the amount of traffic may turn out wrong.
type turn uint8

const (
	lost   turn = iota // far less than usual
	surged             // far more
	turns
)

// What volume takes for normal. Less than lostAt of the usual traffic is a loss, more than surgedAt a surge; in between
// days and weeks go their way.
const (
	lostAt   = 0.6
	surgedAt = 1.5

	volBlock  = 15   // seconds of a block: what means and scatter are learned from
	volLag    = 8    // blocks before one is learned, so that what begins is not normal at once
	volFast   = 900  // half-lives of the two means
	volSlow   = 7200 //
	volNear   = 120  // of the mean that scatter is measured against
	volMute   = 3600 // nothing is said about the first hour
	volLeast  = 5    // expected requests that a look at the scatter needs
	volSure   = 1.5  // standard errors by which a mean may be off
	volDoubt  = 6    // evidence from which nothing is learned
	volDoubts = 1800 // seconds, at the most
	volPhi    = 2    // scatter before it was seen
	volWild   = 5000 // and at the most: who calls in waves has scatter in proportion to its traffic
)

// lostTo are the shares of the boundary that a loss may leave, surgedTo the multiples of it that a surge may reach.
var (
	lostTo   = [...]float64{0.01, 0.1, 0.25, 0.5}
	surgedTo = [...]float64{1.5, 2, 4}
)

// ways are all of them.
const ways = len(lostTo) + len(surgedTo)

// wayLog are the logarithms of how many times as many requests a way leaves.
var wayLog = func() (l [ways]float64) {
	for j, r := range slices.Concat(lostTo[:], surgedTo[:]) {
		l[j] = math.Log(r)
	}
	return l
}()

// evidenceAt is the sum of a turn's statistics at which its evidence is so much.
func (t turn) evidenceAt(value float64) float64 {
	if t == lost {
		return float64(len(lostTo)) * math.Exp(value)
	}
	return float64(len(surgedTo)) * math.Exp(value)
}

// doubtAt is the evidence from which nothing is learned.
var doubtAt = [turns]float64{lost.evidenceAt(volDoubt), surged.evidenceAt(volDoubt)}

// volume is the evidence that one cut has lost traffic, or got far more than usual: Shiryaev-Roberts statistics over
// the number of requests, empty seconds included. Usual is, for a loss, the lower of a mean over a quarter of an hour
// and one over two hours, and for a surge the higher: so neither the end of a surge is a loss nor the end of a loss a
// surge, and the time of day moves both.
type volume struct {
	blocks     [volLag]float64 // not learned yet, as a ring
	at         int
	block      float64 // the running one: requests, seconds, and seconds in doubt
	secs, dark int
	known      int // blocks learned
	fast, slow float64
	near       float64 // requests a second of the latest blocks
	nears      int
	v, w       float64 // scatter: weighted looks
	sn, se     float64 // the running look: requests, and expected ones
	age, doubt int
	mute       int // seconds for which no evidence is taken: after a burst of it

	less [len(lostTo)]float64
	more [len(surgedTo)]float64
	sums [turns]float64 // of them
	pace pace           // what a second does to them, until means or scatter change
}

// pace is what a second does to the evidence: the same in all seconds of a block. Most seconds of most places are empty,
// and do no more than to multiply.
type pace struct {
	known          bool
	request, empty [ways]float64 // what a request adds to the exponents, and the exponents of a second without any
	factors        [ways]float64 // of a second without any
}

// phi is by how much the number of requests scatters more than chance.
func (v *volume) phi() float64 { return min(max((v.v+0.1*volPhi)/(v.w+0.1), 1), volWild) }

// usual are the requests a second that a turn is held against: of the two means the one that says less about it, and
// as far off as chance may have it.
func (v *volume) usual(t turn) float64 {
	if t == lost {
		u := min(v.fast, v.slow)
		return max(0, u-volSure*math.Sqrt(u/volFast))
	}
	u := max(v.fast, v.slow)
	return u + volSure*math.Sqrt(u/volFast)
}

// value is ln of the evidence for a turn.
func (v *volume) value(t turn) float64 {
	if one := t.evidenceAt(0); v.sums[t] > one {
		return math.Log(v.sums[t] / one)
	}
	return 0
}

func (v *volume) reset(mute int) {
	v.less, v.more, v.sums, v.mute = [len(lostTo)]float64{}, [len(surgedTo)]float64{}, [turns]float64{}, mute
}

// push takes one second in. A second that is not learned is one that a burst explains.
func (v *volume) push(n float64, learn bool) {
	v.age++
	if v.age > volMute && v.mute == 0 {
		v.weigh(n)
	}
	v.mute = max(v.mute-1, 0)
	v.block += n
	v.secs++
	switch {
	case !learn:
		v.dark++
	case v.sums[lost] > doubtAt[lost] || v.sums[surged] > doubtAt[surged]:
		if v.doubt = min(v.doubt+1, volDoubts+1); v.doubt <= volDoubts {
			v.dark++
		}
	default:
		v.doubt = max(v.doubt-1, 0)
	}
	if v.secs == volBlock {
		v.endBlock()
	}
}

// weigh adds the evidence of a second.
func (v *volume) weigh(n float64) {
	if !v.pace.known {
		v.pace = v.paced()
	}
	f := v.pace.factors
	if n > 0 {
		for j := range f {
			f[j] = v.pace.empty[j] + n*v.pace.request[j]
		}
		bounded(&f)
	}
	v.sums = [turns]float64{}
	for j := range v.less {
		v.less[j] = min(maxR, (1+v.less[j])*f[j])
		v.sums[lost] += v.less[j]
	}
	for j := range v.more {
		v.more[j] = min(maxR, (1+v.more[j])*f[len(lostTo)+j])
		v.sums[surged] += v.more[j]
	}
}

// paced works out what a second does to the evidence.
func (v *volume) paced() pace {
	p := pace{known: true}
	one := 1 / v.phi()
	less, more := v.usual(lost)*lostAt, v.usual(surged)*surgedAt
	for j, r := range lostTo {
		p.empty[j] = less * (1 - r) * one
	}
	for j, r := range surgedTo {
		p.empty[len(lostTo)+j] = more * (1 - r) * one
	}
	for j := range p.empty {
		p.request[j] = wayLog[j] * one
	}
	p.factors = p.empty
	bounded(&p.factors)
	return p
}

// bounded makes factors of exponents. What a surge does in one second is bounded.
func bounded(f *[ways]float64) {
	for j := len(lostTo); j < ways; j++ {
		f[j] = min(f[j], 460)
	}
	expAll(f[:])
}

// endBlock learns the block that has become old enough, and the scatter.
func (v *volume) endBlock() {
	n := v.block
	if v.dark > 0 {
		n = -1 // not learned
	}
	v.block, v.secs, v.dark, v.pace.known = 0, 0, 0, false
	if n >= 0 {
		v.scatter(n)
	}
	old := v.blocks[v.at]
	v.blocks[v.at] = n
	v.at = (v.at + 1) % volLag
	if v.age <= volLag*volBlock || old < 0 {
		return
	}
	v.known++
	step := func(half float64) float64 { return max(1-math.Exp2(-volBlock/half), 1/float64(v.known)) }
	v.fast += (old/volBlock - v.fast) * step(volFast)
	v.slow += (old/volBlock - v.slow) * step(volSlow)
}

// scatter holds a block against those shortly before it: the time of day is not scatter.
func (v *volume) scatter(n float64) {
	if v.nears > 0 {
		v.sn += n
		v.se += v.near * volBlock
		if v.se >= volLeast {
			r := min((v.sn-v.se)*(v.sn-v.se)/v.se, 9*v.phi())
			v.v += (r - v.v) / 240
			v.w += (1 - v.w) / 240
			v.sn, v.se = 0, 0
		}
	}
	v.nears++
	v.near += (n/volBlock - v.near) * max(1-math.Exp2(-volBlock/float64(volNear)), 1/float64(v.nears))
}
