package board

import (
	"signalbox/internal/traffic"
)

// records is the owner's side of the record log: columns in segments, text in packed blocks.
type records struct {
	segs    []*segment
	segBase int64 // sequence number of the first record of segs[0]
	base    int64 // of the first record held
	next    int64
	index   segmentIndex

	blocks  []*block
	front   int // blocks dropped from the array that blocks lies in
	draft   draft
	thinned int // blocks from the oldest on that are thin
	loose   int // blocks from the oldest on that are as tight as they get
	sealed  int // blocks that came of late, see Tighten

	explained
	maxN, maxText     int
	text              int // bytes of packed text and of explanations
	droppedN, letGoN  int64
	scratch           []byte
	unpacked          unpacked
	withText, withAny bool
}

func newRecords(maxN, maxText int) records {
	return records{maxN: maxN, maxText: maxText, index: newSegmentIndex(), withText: maxText > 0, withAny: maxN > 0}
}

// append adds a record and gives its sequence number. Where it is not whole, its raw line is let go.
func (r *records) append(rec *traffic.Record, whole bool) int64 {
	s := r.room()
	if s == nil {
		return r.next - 1
	}
	s.put(rec, &r.index)
	var t texts
	if r.withText {
		t = textsOf(rec)
	}
	if !whole {
		t.raw = ""
	}
	r.open(t.size())
	r.draft.add(t)
	if r.withText && !whole {
		r.letGo()
	}
	return r.next - 1
}

// room gives the next record its number, and the segment that it goes into; nil where none are kept.
func (r *records) room() *segment {
	r.next++
	if !r.withAny {
		r.base = r.next
		return nil
	}
	if len(r.segs) == 0 || r.segs[len(r.segs)-1].n == segmentLen {
		r.grow()
	}
	return r.segs[len(r.segs)-1]
}

// open makes the draft ready for the texts of the newest record.
func (r *records) open(size int) {
	if !r.draft.fits(size) {
		r.seal()
	}
	if r.draft.n == 0 {
		r.draft.reset(r.next - 1)
	}
}

// grow begins a segment. Views keep the old list.
func (r *records) grow() {
	grown := make([]*segment, len(r.segs), len(r.segs)+1)
	copy(grown, r.segs)
	if len(r.segs) == 0 {
		r.segBase = r.next - 1
	}
	r.segs = append(grown, &segment{})
	r.index.empty()
}

// seal packs the draft and makes room where there is too much.
func (r *records) seal() {
	b := r.draft.pack(fastPacking, &r.scratch)
	r.draft.n = 0
	r.text += b.bytes()
	r.blocks = append(r.blocks, b) // beyond what any view of this array sees
	r.sealed++
	r.trim()
}

// trim makes room. Where text takes too much, successes lose their raw lines, oldest first; then the oldest records go, as they
// do where there are too many. A block's records go together.
func (r *records) trim() {
	base := max(r.base, r.next-int64(r.maxN))
	if r.text > r.maxText {
		r.thin()
	}
	for at, text := 0, r.text; text > r.maxText && at < len(r.blocks)-1; at++ {
		text -= r.blocks[at].bytes()
		base = max(base, r.blocks[at].end())
	}
	r.dropTo(base)
}

// thin takes the raw lines of successes out of the oldest blocks, a few more than needed, because the list is copied: views keep
// theirs.
func (r *records) thin() {
	if r.thinned >= len(r.blocks) {
		return
	}
	r.blocks = append(make([]*block, 0, len(r.blocks)+len(r.blocks)/8+16), r.blocks...)
	r.front = 0
	var spare draft
	for enough := r.maxText - r.maxText/64; r.text > enough && r.thinned < len(r.blocks); r.thinned++ {
		b := r.blocks[r.thinned]
		if b.thin {
			continue
		}
		thin := b.thinned(&r.unpacked, &spare, &r.scratch, func(seq int64) bool { return seq < r.base || !r.failedAt(seq) })
		r.text += thin.bytes() - b.bytes()
		r.letGoN += int64(thin.gone - b.gone)
		r.blocks[r.thinned] = thin
	}
}

func (r *records) failedAt(seq int64) bool {
	s, i := r.at(seq)
	return failed(s.outcome[i])
}

func (r *records) at(seq int64) (*segment, int) {
	off := seq - r.segBase
	return r.segs[off/segmentLen], int(off % segmentLen)
}

// dropTo lets go of all records before base. Memory is given back by the block and by the segment.
func (r *records) dropTo(base int64) {
	r.droppedN += base - r.base
	r.base = base
	n := 0
	for n < len(r.blocks) && r.blocks[n].end() <= base {
		r.text -= r.blocks[n].bytes()
		r.letGoN -= int64(r.blocks[n].gone)
		n++
	}
	r.blocks, r.front = r.blocks[n:], r.front+n
	r.thinned, r.loose = max(r.thinned-n, 0), max(r.loose-n, 0)
	if r.front > 16+len(r.blocks)/8 { // what lies before the list is held as long as its array
		r.blocks, r.front = append(make([]*block, 0, len(r.blocks)+len(r.blocks)/8+16), r.blocks...), 0
	}
	for len(r.segs) > 1 && r.segBase+segmentLen <= base {
		r.text -= r.segs[0].forget()
		r.segs = append([]*segment(nil), r.segs[1:]...)
		r.segBase += segmentLen
	}
}

// calmBlocks is how many blocks of text may come between two calls of Tighten that are no flood, and floodBlocks how many more are
// remembered: so long a flood must be over.
const (
	calmBlocks  = 2
	floodBlocks = 20 * calmBlocks
)

// Tighten packs up to n of the oldest blocks of text as tight as they get, where more than half of the room for text is taken. It
// costs about half a millisecond a block, and is for when there is time: where more blocks come than a few between two calls, it
// lets it be, because in a flood what it packs is soon thrown away. It tells whether there is more to do.
func (b *Board) Tighten(n int) bool {
	r := &b.recs
	r.sealed = min(max(r.sealed-calmBlocks, 0), floodBlocks)
	if r.text <= r.maxText/2 || r.loose >= len(r.blocks) {
		return false
	}
	if r.sealed > calmBlocks {
		return true
	}
	r.blocks = append(make([]*block, 0, len(r.blocks)+len(r.blocks)/8+16), r.blocks...)
	r.front = 0
	for ; n > 0 && r.loose < len(r.blocks); r.loose++ {
		old := r.blocks[r.loose]
		if old.how == tightPacking {
			continue
		}
		r.unpacked.open(old)
		d := draft{first: old.first, n: int(old.n), dir: old.data[:old.dir], text: r.unpacked.text}
		made := d.pack(tightPacking, &r.scratch)
		made.thin, made.gone = old.thin, old.gone
		if made.bytes() < old.bytes() {
			r.text += made.bytes() - old.bytes()
			r.blocks[r.loose] = made
		}
		n--
	}
	return r.loose < len(r.blocks)
}

// bytes is the memory that columns take.
func (r *records) bytes() int64 {
	var n int64
	for _, s := range r.segs {
		n += int64(s.bytes())
	}
	return n
}

// textBytes is the memory that text takes, packed and not yet packed.
func (r *records) textBytes() int64 {
	return int64(r.text + cap(r.draft.text) + cap(r.draft.dir))
}
