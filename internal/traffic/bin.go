package traffic

import "math"

// Accuracy is the relative error that a value read back from its bin may have.
const Accuracy = 0.02

// The bins grow by gamma = (1 + Accuracy) / (1 - Accuracy): bin i holds the values in (gamma^(i-1), gamma^i], and
// 2 gamma^i / (gamma + 1) is within the accuracy of all of them. Masson C., Rim J., Lee H. (2019), DDSketch: a fast
// and fully-mergeable quantile sketch with relative-error guarantees, PVLDB 12(12), 2195-2205, section 2.1.
const gamma = (1 + Accuracy) / (1 - Accuracy)

// MaxBin is the last bin; what is larger is clamped to it, so that no log can make a histogram grow. It begins at
// 5.6e10: as microseconds more than ten hours.
const MaxBin = 620

// Bin is a bin of a histogram and how many values it holds.
type Bin struct {
	At int16
	N  int32
}

// The exponent of a float and its first binSlots bits lead to a bin or the one below it: slots are narrower than bins.
const (
	binSlots = 5
	binShift = 52 - binSlots
	binBase  = 1023 << binSlots // of 1.0
	binTop   = 36 << binSlots   // 2^36 is more than gamma^MaxBin
)

// binTable holds what would else be a logarithm for each value.
type binTable struct {
	ends  [MaxBin + 1]float64 // the largest value of each bin
	first [binTop]int16       // by slot: the bin of its smallest value
}

var bins = newBinTable()

func newBinTable() *binTable {
	t := &binTable{}
	for i := range t.ends {
		t.ends[i] = math.Pow(gamma, float64(i))
	}
	at := 0
	for slot := range t.first {
		least := math.Float64frombits(uint64(binBase+slot) << binShift) //nolint:gosec // both are positive
		for at < MaxBin && t.ends[at] < least {
			at++
		}
		t.first[slot] = int16(at) //nolint:gosec // at most MaxBin
	}
	return t
}

// BinOf gives the bin of a value, in microseconds for a duration and in pieces for a count. What is not more than one,
// or no number, is in the first.
func BinOf(v float64) int16 {
	if !(v > 1) {
		return 0
	}
	slot := int(math.Float64bits(v)>>binShift) - binBase //nolint:gosec // v is more than one
	if slot >= binTop {
		return MaxBin
	}
	at := bins.first[slot]
	if v > bins.ends[at] && at < MaxBin {
		at++
	}
	return at
}

// BinValue gives the value that stands for a bin.
func BinValue(at int16) float64 {
	if at <= 0 {
		return 1
	}
	return 2 * bins.ends[min(at, MaxBin)] / (gamma + 1)
}
