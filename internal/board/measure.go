package board

import (
	"math/bits"
	"slices"
	"time"

	"signalbox/internal/traffic"
)

// measure is what a value says of a request.
type measure uint16

const (
	measuredLat  measure = iota // latency of a first attempt that ended well
	measuredTTFT                // its time to first token
	measuredTok                 // tokens in and out of any request that tells them
	measures
)

// A value is kept as its measure and its bin in one number.
const (
	measureShift = 10
	measureSpan  = int(measures) << measureShift
	mostValues   = 4096 // kept one by one; more of them are counted by bin
)

// measured are the values of one series in one second, as detection asks for them. They are kept as they come: most
// seconds have few, and adding one must cost next to nothing.
type measured struct {
	each []uint16
	sums *[measureSpan]int32
	fell []FellN
}

func (m *measured) reset() { m.each, m.sums, m.fell = m.each[:0], nil, m.fell[:0] }

func (m *measured) add(what measure, v float64) { m.bin(what, traffic.BinOf(v)) }

func (m *measured) bin(what measure, at int16) {
	m.each = append(m.each, uint16(what)<<measureShift|uint16(at)) //nolint:gosec // at most MaxBin
	if len(m.each) == mostValues {
		m.fold()
	}
}

// fold counts the values by bin.
func (m *measured) fold() {
	if m.sums == nil {
		m.sums = new([measureSpan]int32)
	}
	for _, x := range m.each {
		m.sums[x]++
	}
	m.each = m.each[:0]
}

// take adds what one record measured. It is asked of every record: lat and ttft are nanoseconds, of which known tells
// which there are.
func (m *measured) take(well bool, known traffic.Field, lat, ttft, in, out int64) {
	if well && known&traffic.HasLatency != 0 {
		m.add(measuredLat, float64(lat)/float64(time.Microsecond))
	}
	if well && known&traffic.HasTTFT != 0 {
		m.add(measuredTTFT, float64(ttft)/float64(time.Microsecond))
	}
	if known&(traffic.HasTokensIn|traffic.HasTokensOut) == 0 {
		return
	}
	var n int64
	if known&traffic.HasTokensIn != 0 {
		n = in
	}
	if known&traffic.HasTokensOut != 0 {
		n += out
	}
	if n > 0 {
		m.add(measuredTok, float64(n))
	}
}

// mostFrom bounds the places from which requests are told to have fallen to one series in one second.
const mostFrom = 16

// fall counts a request that fell from somewhere.
func (m *measured) fall(from traffic.Sym) {
	if from == traffic.Unknown {
		return
	}
	for i := range m.fell {
		if m.fell[i].From == from {
			m.fell[i].N++
			return
		}
	}
	if len(m.fell) >= mostFrom {
		from = traffic.Other
		if i := slices.IndexFunc(m.fell, func(f FellN) bool { return f.From == from }); i >= 0 {
			m.fell[i].N++
			return
		}
	}
	m.fell = append(m.fell, FellN{From: from, N: 1})
}

// histograms makes bins of values. Its memory is used again.
type histograms struct {
	n    [measureSpan]int32 // all 0 between two calls
	some [measureSpan / 64]uint64
	any  uint64 // which of some
}

func (h *histograms) add(x uint16, n int32) {
	h.n[x] += n
	h.some[x>>6] |= 1 << (x & 63)
	h.any |= 1 << (x >> 6)
}

// of appends the bins of one series in one second, each measure's sorted, and tells where those of each begin and end.
func (h *histograms) of(m *measured, to []traffic.Bin) (all []traffic.Bin, ends [measures + 1]int) {
	for _, x := range m.each {
		h.add(x, 1)
	}
	if m.sums != nil {
		for x, n := range m.sums {
			if n > 0 {
				h.add(uint16(x), n) //nolint:gosec // at most measureSpan
			}
		}
	}
	const words = len(h.some) / int(measures)
	next := 0 // of ends
	for ; h.any != 0; h.any &= h.any - 1 {
		w := bits.TrailingZeros64(h.any)
		for ; next <= w/words; next++ {
			ends[next] = len(to)
		}
		for b := h.some[w]; b != 0; b &= b - 1 {
			x := w<<6 | bits.TrailingZeros64(b)
			to = append(to, traffic.Bin{At: int16(x & (1<<measureShift - 1)), N: h.n[x]}) //nolint:gosec // ten bits
			h.n[x] = 0
		}
		h.some[w] = 0
	}
	for ; next <= int(measures); next++ {
		ends[next] = len(to)
	}
	return to, ends
}

// fill gives a leaf its histograms, which stand in the array that it appends to, and from where requests fell.
func (h *histograms) fill(l *Leaf, m *measured, to []traffic.Bin) []traffic.Bin {
	if len(m.fell) > 0 {
		l.Fell = m.fell
	}
	if len(m.each) == 0 && m.sums == nil {
		return to
	}
	to, ends := h.of(m, to)
	part := func(what measure) []traffic.Bin {
		from, end := ends[what], ends[what+1]
		if from == end {
			return nil
		}
		return to[from:end:end]
	}
	l.Lat, l.TTFT, l.Tok = part(measuredLat), part(measuredTTFT), part(measuredTok)
	return to
}

// secondMeasured are the values of one second that detection has not asked for yet.
type secondMeasured struct {
	sec int64
	measured
}

// measure gives the values of a second of a series; nil for one that detection has seen.
func (one *series) measure(sec, asked int64) *measured {
	if sec < asked {
		return nil
	}
	list := one.fresh
	at := len(list)
	for at > 0 && list[at-1].sec > sec {
		at--
	}
	if at > 0 && list[at-1].sec == sec {
		return &list[at-1].measured
	}
	// The array's own rest is used again: what stands beyond the end was dropped by asked.
	var spare measured
	if len(list) < cap(list) {
		spare = list[:len(list)+1][len(list)].measured
		spare.reset()
	}
	list = append(list, secondMeasured{})
	copy(list[at+1:], list[at:])
	list[at] = secondMeasured{sec: sec, measured: spare}
	one.fresh = list
	return &list[at].measured
}

// seen drops the values of the seconds before one. Their memory is kept for the next.
func (one *series) seen(sec int64) {
	list := one.fresh
	for len(list) > 0 && list[0].sec < sec {
		first := list[0]
		n := copy(list, list[1:])
		list[n] = first
		list = list[:n]
	}
	one.fresh = list
}
