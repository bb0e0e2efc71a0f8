package burst

import (
	"math"

	"signalbox/internal/traffic"
)

// What a mark takes for granted. Its unit is a bin of traffic.BinOf: steps of four percent.
const (
	markWarm   = 20   // values from which there is a mark
	markMemory = 3000 // values that it remembers at the least,
	markSecs   = 1800 // and seconds: what a busy leaf does for some seconds is not normal yet
	markHigh   = 0.1  // share of values that lie beyond the upper tenth
	markBeyond = 2    // bins beyond it where the mark is: values that are told in whole seconds may all be equal to it
	markApart  = 10   // bins that the mark is from the median at the least: what takes less than half as long again is not slow
	markSpread = 1.2816
	markLeast  = 2 // bins that median and mark are apart at the least, for the size of steps
	// densities of a normal distribution at its median and at the mark, for a standard deviation of one.
	densityHalf = 0.3989
	densityHigh = 0.1755
)

// mark follows the median of what one leaf measures and the value that a tenth of it exceeds; a little beyond that is
// the mark. Counts of what exceeds the mark add up over leaves, which quantiles do not, and whatever the shape of the
// values a tenth is a tenth. Both are followed by stochastic approximation (Robbins and Monro 1951): constant memory,
// and no value is kept.
type mark struct {
	n          float32 // values seen, up to the memory
	half, high float32 // as long as it is cold: mean, and mean of squares
	// of this second
	fresh       int32
	over, upper int32 // beyond the upper tenth, and beyond the median
	sum, square float32
}

func (m *mark) warm() bool { return m.n >= markWarm }

// take counts the values of a second and gives how many are beyond the mark, of how many; none as long as there is no
// mark. The mark itself moves with settle only, so that the order of values changes nothing.
func (m *mark) take(bins []traffic.Bin) (n, k int32) {
	if len(bins) == 0 {
		return 0, 0
	}
	at, high, half := whole(max(m.high+markBeyond, m.half+markApart)), whole(m.high), whole(m.half)
	for _, b := range bins {
		v := int32(b.At)
		n += b.N
		k += b.N & ((at - v) >> 31) // where v is beyond it: no branch, since a tenth and a half are not to be foretold
		m.over += b.N & ((high - v) >> 31)
		m.upper += b.N & ((half - v) >> 31)
	}
	m.fresh += n
	if m.warm() {
		return n, k
	}
	for _, b := range bins {
		m.sum += float32(b.At) * float32(b.N)
		m.square += float32(b.At) * float32(b.At) * float32(b.N)
	}
	return 0, 0
}

// whole is the highest whole number that is not beyond x.
func whole(x float32) int32 { return int32(math.Floor(float64(x))) }

// settle ends a second with values: the mark moves, unless it is not to learn. perSecond is how many values are usual.
func (m *mark) settle(learn bool, perSecond float64) {
	n := float32(m.fresh)
	switch {
	case !learn:
	case !m.warm():
		all := m.n + n
		m.half += (m.sum/n - m.half) * n / all
		m.high += (m.square/n - m.high) * n / all
		if m.n = all; m.warm() {
			m.high = m.half + markSpread*float32(math.Sqrt(float64(max(m.high-m.half*m.half, markLeast*markLeast))))
		}
	default:
		m.n = min(m.n+n, float32(max(markMemory, markSecs*perSecond)))
		sd := max((m.high-m.half)/markSpread, markLeast)
		step := sd / max(m.n, n)
		m.half += step / densityHalf * (float32(m.upper) - n/2)
		m.high += step / densityHigh * (float32(m.over) - n*markHigh)
		m.high = max(m.high, m.half)
	}
	m.fresh, m.over, m.upper, m.sum, m.square = 0, 0, 0, 0, 0
}
