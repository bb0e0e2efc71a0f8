package decode

import (
	"encoding/binary"
	"math/bits"

	"signalbox/internal/traffic"
)

// literal is some bytes that are compared eight at a time, the last eight at their end.
type literal struct {
	words [4]uint64 // the first eight, then those at offs
	mask  uint64    // of the words: all of them where there are eight bytes or more
	more  string    // what lies beyond
	n     uint16
	offs  [3]uint8
}

// inPlace is the longest that begins compares by itself.
const inPlace = 32

func newLiteral(b []byte) literal {
	l := literal{n: uint16(len(b)), mask: ^uint64(0)} //nolint:gosec // at most maxGlue
	if len(b) > inPlace {
		l.more = string(b[inPlace:])
		b = b[:inPlace]
	}
	var padded [inPlace + 8]byte
	copy(padded[:], b)
	if len(b) < 8 {
		l.mask = 1<<(8*len(b)) - 1
	}
	l.words[0] = binary.LittleEndian.Uint64(padded[:])
	for i := range l.offs {
		off := max(min(8*(i+1), len(b)-8), 0)
		l.offs[i] = uint8(off) //nolint:gosec // at most inPlace
		l.words[i+1] = binary.LittleEndian.Uint64(padded[off:])
	}
	return l
}

// begins tells whether the bytes stand at the beginning of some, or the first inPlace of them.
func (l *literal) begins(p *[reach]byte) bool {
	const most = inPlace - 1
	x := binary.LittleEndian.Uint64(p[:8]) ^ l.words[0]
	x |= binary.LittleEndian.Uint64(p[l.offs[0]&most:]) ^ l.words[1]
	x |= binary.LittleEndian.Uint64(p[l.offs[1]&most:]) ^ l.words[2]
	x |= binary.LittleEndian.Uint64(p[l.offs[2]&most:]) ^ l.words[3]
	return x&l.mask == 0
}

// goesOn tells whether the rest stands behind the first inPlace bytes.
func (l *literal) goesOn(buf []byte, i int) bool {
	return i+int(l.n) <= len(buf) && string(buf[i+inPlace:i+int(l.n)]) == l.more
}

// memo remembers the values of one field as they stand in the lines, with their quotes.
type memo struct {
	only *known // the value, as long as there is one only: many fields say the same in every line
	sets [memoSets][memoWays]known
	ids  int // given so far
	held int // values that were added
}

// known is a value that was met before.
type known struct {
	literal       // no length: none
	id      uint8 // 0: it says nothing
	says    bool
	from    traffic.Sym // of what it fell back from
}

const (
	memoBits = 8
	memoSets = 1 << memoBits
	memoWays = 2
	maxIDs   = 255
)

// set gives where a value must stand: it depends on the value alone, not on what follows.
func (m *memo) set(p *[reach]byte) *[memoWays]known {
	x, y := binary.LittleEndian.Uint64(p[1:9]), binary.LittleEndian.Uint64(p[9:17])
	qx, qy := quote(x), quote(y)
	x &= qx ^ (qx - 1)                                              // up to the first quote
	y &= (qy ^ (qy - 1)) & (uint64(int64(qx|-qx)>>63) ^ ^uint64(0)) //nolint:gosec // none of it where x had a quote
	h := (x ^ bits.RotateLeft64(y, 29)) * 0x9e3779b97f4a7c15
	return &m.sets[h>>(64-memoBits)]
}

// quote marks the first quote of eight bytes in its high bit.
func quote(x uint64) uint64 {
	x ^= quotes
	return (x - ones) &^ x & highs
}

// find gives the value at an offset, nil for one that is new.
func (m *memo) find(buf []byte, i int) *known {
	p := (*[reach]byte)(buf[i:])
	if w := m.only; w != nil && w.begins(p) && (w.n <= inPlace || w.goesOn(buf, i)) {
		return w
	}
	set := m.set(p)
	for n := range set {
		w := &set[n]
		if w.n == 0 {
			return nil
		}
		if w.begins(p) && (w.n <= inPlace || w.goesOn(buf, i)) {
			return w
		}
	}
	return nil
}

// add remembers a value that stands at an offset, in place of another where there is no room.
func (m *memo) add(buf []byte, i int, v known) {
	m.held++
	m.only = nil
	set := m.set((*[reach]byte)(buf[i:]))
	for n := range set {
		if set[n].n == 0 {
			set[n] = v
			if m.held == 1 {
				m.only = &set[n]
			}
			return
		}
	}
	copy(set[1:], set[:memoWays-1])
	set[0] = v
}
