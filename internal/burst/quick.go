package burst

import "math"

// Exponentials and logarithms are what weighing evidence costs, and there are always six of each at a time. These work
// on all of them at once, so that none waits for another; they are off by less than a part in 10^14, and evidence of minutes
// by less than one in 10^11.

// sixfold has one number for each strength.
type sixfold = [len(strengths)]float64

const (
	expBits = 6 // of the table of powers
	logBits = 7 // of the table of logarithms
	// expLow is the least that expAll tells apart: its e to the power of less is as good as nothing.
	expLow, expHigh = -700, 700
	// toWhole added to a number below 2^31 leaves that rounded in its last bits.
	toWhole = 3 << 51
)

// powers are two to the power of each fraction.
var powers = func() (t [1 << expBits]float64) {
	for i := range t {
		t[i] = math.Exp2(float64(i) / float64(len(t)))
	}
	return t
}()

// near has for each stretch of [1, 2) what brings its middle to one, and the logarithm of the middle.
var near = func() (t [1 << logBits]struct{ inverse, log float64 }) {
	for i := range t {
		middle := 1 + (float64(i)+0.5)/float64(len(t))
		t[i].inverse = 1 / middle
		t[i].log = -math.Log(t[i].inverse)
	}
	return t
}()

// expAll makes each the power of e: of a fraction of two from the table, and of the small rest as a polynomial.
func expAll(x []float64) {
	const (
		scale = (1 << expBits) / math.Ln2
		high  = 6.93147180369123816490e-01 / (1 << expBits) // ln 2 in two parts: a whole number of the first is exact
		low   = 1.90821492927058770002e-10 / (1 << expBits)
	)
	for j, v := range x {
		if v < expLow {
			v = expLow
		} else if v > expHigh {
			v = expHigh
		}
		t := v*scale + toWhole
		n := t - toWhole
		r := v - n*high - n*low
		i := int64(int32(math.Float64bits(t))) //nolint:gosec // the last bits are a whole number
		whole := math.Float64frombits(uint64(i>>expBits+1023) << 52)
		rest := 1 + r + r*r*((1./2+r*(1./6))+r*r*(1./24+r*(1./120)))
		x[j] = whole * powers[i&(1<<expBits-1)] * rest
	}
}

// logAll makes each its logarithm. They are positive, and not too small to be normal numbers.
func logAll(x *sixfold) {
	for j, v := range x {
		bits := math.Float64bits(v)
		two := float64(int64(bits>>52) - 1023) //nolint:gosec // eleven bits
		at := &near[bits>>(52-logBits)&(1<<logBits-1)]
		r := math.Float64frombits(bits&(1<<52-1)|1023<<52)*at.inverse - 1
		rest := r - r*r*((1./2-r*(1./3))+r*r*((1./4-r*(1./5))+r*r*(1./6)))
		x[j] = two*math.Ln2 + (at.log + rest)
	}
}
