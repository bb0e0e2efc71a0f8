package board

import (
	"math"
	"math/bits"
	"slices"
	"time"

	"signalbox/internal/traffic"
)

// The unit of a sketch is a microsecond; its bins are those of traffic.BinOf. What is longer than ten hours is clamped.
const (
	sketchUnit = time.Microsecond
	maxBin     = traffic.MaxBin
)

// bin is an index in the upper 16 bits and a count in the lower 48.
type bin uint64

const binShift = 48

func (b bin) index() int   { return int(b >> binShift) } //nolint:gosec // 16 bits
func (b bin) count() int64 { return int64(b & (1<<binShift - 1)) }

// Sketch counts durations in bins that grow geometrically: quantiles are right within 2 percent, and two sketches
// add up to the sketch of both. The zero Sketch is empty.
type Sketch struct {
	bins []bin    // sorted by index, none empty
	few  []uint16 // the indexes of what was added since, one by one in no order: most seconds of most series have few
}

// mostFew bounds what is kept one by one.
const mostFew = 256

// binOf is the bin of a duration.
func binOf(d time.Duration) int { return int(traffic.BinOf(float64(d) / float64(sketchUnit))) }

// Add counts one duration; a negative one counts as zero.
func (s *Sketch) Add(d time.Duration) { s.one(uint16(binOf(d))) } //nolint:gosec // 0..maxBin

func (s *Sketch) one(index uint16) {
	if len(s.few) == mostFew {
		s.settle()
	}
	if s.few == nil {
		s.few = make([]uint16, 0, 8)
	}
	s.few = append(s.few, index)
}

// settle puts what was added one by one into the bins. A sketch that has none of it is left alone, so that it may be read
// anywhere.
func (s *Sketch) settle() {
	if len(s.few) == 0 {
		return
	}
	var n [maxBin + 1]uint16
	var some [maxBin/64 + 1]uint64
	for _, x := range s.few {
		n[x]++
		some[x/64] |= 1 << (x % 64)
	}
	distinct := 0
	for _, w := range some {
		distinct += bits.OnesCount64(w)
	}
	old := s.bins
	s.bins = make([]bin, 0, len(old)+distinct)
	for i, w := range some {
		for ; w != 0; w &= w - 1 {
			x := 64*i + bits.TrailingZeros64(w)
			for len(old) > 0 && old[0].index() < x {
				s.bins, old = append(s.bins, old[0]), old[1:]
			}
			b := bin(x)<<binShift | bin(n[x]) //nolint:gosec // both are small and positive
			if len(old) > 0 && old[0].index() == x {
				b, old = old[0]+bin(n[x]), old[1:]
			}
			s.bins = append(s.bins, b)
		}
	}
	s.bins, s.few = append(s.bins, old...), s.few[:0]
}

func (s *Sketch) add(index int, n int64) {
	key := bin(index) << binShift //nolint:gosec // 0..maxBin
	i, found := slices.BinarySearchFunc(s.bins, key, func(b, k bin) int { return (b >> binShift).compare(k >> binShift) })
	if found {
		s.bins[i] += bin(n) //nolint:gosec // n is positive
		return
	}
	s.bins = slices.Insert(s.bins, i, key|bin(n)) //nolint:gosec // n is positive
}

func (b bin) compare(o bin) int {
	switch {
	case b < o:
		return -1
	case b > o:
		return 1
	}
	return 0
}

// Merge adds all that the other sketch counted.
func (s *Sketch) Merge(o Sketch) {
	if len(s.bins) == 0 {
		s.bins = slices.Clone(o.bins)
	} else {
		for _, b := range o.bins {
			s.add(b.index(), b.count())
		}
	}
	for _, x := range o.few {
		s.one(x)
	}
}

// Count is the number of durations counted.
func (s *Sketch) Count() int64 {
	n := int64(len(s.few))
	for _, b := range s.bins {
		n += b.count()
	}
	return n
}

// Quantile gives the value that a share q of the durations does not exceed, within 2 percent; false when it is empty.
func (s *Sketch) Quantile(q float64) (time.Duration, bool) {
	n := s.Count()
	if n == 0 {
		return 0, false
	}
	s.settle()
	rank := int64(math.Floor(min(max(q, 0), 1) * float64(n-1)))
	var seen int64
	for _, b := range s.bins {
		if seen += b.count(); seen > rank {
			return binValue(b.index()), true
		}
	}
	return binValue(s.bins[len(s.bins)-1].index()), true
}

func binValue(index int) time.Duration {
	return time.Duration(traffic.BinValue(int16(index)) * float64(sketchUnit)) //nolint:gosec // at most maxBin
}

// Above counts the durations that are longer than d, right to the width of a bin.
func (s *Sketch) Above(d time.Duration) int64 {
	s.settle()
	at := binOf(d)
	var n int64
	for _, b := range s.bins {
		if b.index() > at {
			n += b.count()
		}
	}
	return n
}

// dense adds sketches up without searching; Window uses one for all its buckets.
type dense struct{ n *[maxBin + 1]int64 }

func (d *dense) add(s *Sketch) {
	if len(s.bins)+len(s.few) == 0 {
		return
	}
	if d.n == nil {
		d.n = new([maxBin + 1]int64)
	}
	for _, b := range s.bins {
		d.n[b.index()] += b.count()
	}
	for _, x := range s.few {
		d.n[x]++
	}
}

func (d *dense) sketch() Sketch {
	var s Sketch
	if d.n == nil {
		return s
	}
	for i, n := range d.n {
		if n > 0 {
			s.bins = append(s.bins, bin(i)<<binShift|bin(n)) //nolint:gosec // both are small and positive
		}
	}
	return s
}
