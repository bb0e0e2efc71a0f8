package board

import (
	"slices"
	"time"
)

// LateSpan is how far behind the watermark late counts are still handed to detection. Older ones count on the board
// alone.
const LateSpan = 90 * time.Second

// maxLate bounds the late counts that wait to be handed over: what is beyond counts on the board alone.
const maxLate = 20_000

// lateCount is what one series counted in a second after detection had seen it.
type lateCount struct {
	sec int64
	of  *series
	bucket
}

// late keeps what came after its second was closed, until detection asks for it.
func (b *Board) late(sec int64, of *series, put func(*bucket)) {
	mark := b.times.closedTo()
	if sec >= mark || sec < mark-int64(LateSpan/time.Second) {
		return
	}
	for i := len(b.lates) - 1; i >= 0 && i >= len(b.lates)-64; i-- {
		if x := &b.lates[i]; x.sec == sec && x.of == of {
			put(&x.bucket)
			return
		}
	}
	if len(b.lates) >= maxLate {
		return
	}
	b.lates = append(b.lates, lateCount{sec: sec, of: of})
	put(&b.lates[len(b.lates)-1].bucket)
}

// LateSeconds hands over, oldest second first, what has come since the last time for seconds that were closed already. The
// leaves are valid during the visit; of what was measured they tell nothing.
func (b *Board) LateSeconds(visit func(sec int64, leaves []Leaf)) {
	if len(b.lates) == 0 {
		return
	}
	slices.SortFunc(b.lates, func(x, y lateCount) int {
		if x.sec != y.sec {
			return int(x.sec - y.sec)
		}
		return compareKeys(x.of.key, y.of.key)
	})
	var leaves []Leaf
	for i := range b.lates {
		x := &b.lates[i]
		if i > 0 && b.lates[i-1].sec != x.sec && len(leaves) > 0 {
			visit(b.lates[i-1].sec, leaves)
			leaves = leaves[:0]
		}
		if b.rights.counts(x.of.ident) {
			leaves = append(leaves, x.leaf(x.of.key))
		}
	}
	if len(leaves) > 0 {
		visit(b.lates[len(b.lates)-1].sec, leaves)
	}
	b.lates = b.lates[:0]
}

// late is that of a Board.
func (d *Digest) late(sec int64, place uint32, o OutcomeN, retry bool) {
	if sec < d.markSec-int64(LateSpan/time.Second) {
		return
	}
	i, found := slices.BinarySearchFunc(d.lates, sec, func(c *counts, sec int64) int { return int(c.start - sec) })
	if !found {
		d.lates = slices.Insert(d.lates, i, d.fresh(sec))
	}
	d.lates[i].put(place, o, retry)
}

// LateSeconds is that of a Board.
func (d *Digest) LateSeconds(visit func(sec int64, leaves []Leaf)) {
	for _, c := range d.lates {
		d.leaves, d.outcomes, d.bins = d.leaves[:0], d.outcomes[:0], d.bins[:0]
		for _, n := range c.at {
			if n > 0 {
				d.leaf(&c.cells[n-1], &detail{})
			}
		}
		visit(c.start, d.leaves)
		d.spare = append(d.spare, c)
	}
	clear(d.lates)
	d.lates = d.lates[:0]
}
