package board

import (
	"strings"
	"time"

	"signalbox/internal/traffic"
)

// Records is an immutable view of the records held: it may be read in any goroutine while the board goes on. What a view shows
// stays in memory as long as the view does.
type Records struct {
	segs    []*segment
	segBase int64
	newest  tables // of the newest segment, which still grows
	blocks  []*block
	draft   draft
	base    int64
	n       int
	explained
	letGo int64
}

// Records gives a view of the records held now.
func (b *Board) Records() Records {
	r := &b.recs
	v := Records{
		segs: r.segs, segBase: r.segBase, blocks: r.blocks[:len(r.blocks):len(r.blocks)], draft: r.draft,
		base: r.base, n: int(r.next - r.base), explained: r.explained, letGo: r.letGoN,
	}
	if n := len(r.segs); n > 0 {
		v.newest = r.segs[n-1].tables
	}
	r.draft.seen = r.draft.n > 0
	return v
}

// Len is the number of records in the view.
func (r Records) Len() int { return r.n }

// First is the sequence number of At(0). Sequence numbers grow by one a record and are never given twice.
func (r Records) First() int64 { return r.base }

// LetGo is the number of successes among the records held that have lost their raw line to make room, or have not kept it in a
// flood.
func (r Records) LetGo() int64 { return r.letGo }

// Explained gives the sequence numbers of the records that other lines explained since the mark, and the new mark. It gives false
// where too many were since, or none were asked about yet: then any record may have been.
func (r Records) Explained(mark uint64) ([]int64, uint64, bool) {
	if mark < r.from || mark > r.seq {
		return nil, r.seq, mark == r.seq
	}
	return r.who[mark-r.from:], r.seq, true
}

// At gives the i-th record of the view, oldest first; the zero Record outside. It unpacks a block of text: for many records at a
// time there are Last, LastBy and Reader.
func (r Records) At(i int) traffic.Record { return r.Reader().At(i) }

// where gives the place of a record.
func (r *Records) where(seq int64) (*segment, int, *tables) {
	off := seq - r.segBase
	n := int(off / segmentLen)
	s := r.segs[n]
	if n == len(r.segs)-1 {
		return s, int(off % segmentLen), &r.newest
	}
	return s, int(off % segmentLen), &s.tables
}

// Reader reads records of a view one by one; it keeps the block of text that it unpacked last, so that neighbours cost little.
// It belongs to one goroutine.
type Reader struct {
	view Records
	u    unpacked
}

// Reader makes a reader of the view.
func (r Records) Reader() *Reader { return &Reader{view: r} }

// At is like that of the view.
func (d *Reader) At(i int) traffic.Record {
	if i < 0 || i >= d.view.n {
		return traffic.Record{}
	}
	return d.record(d.view.base + int64(i))
}

// Seq gives the record with this sequence number, false where the view does not hold it.
func (d *Reader) Seq(seq int64) (traffic.Record, bool) {
	i := seq - d.view.base
	if i < 0 || i >= int64(d.view.n) {
		return traffic.Record{}, false
	}
	return d.record(seq), true
}

func (d *Reader) record(seq int64) traffic.Record {
	s, i, t := d.view.where(seq)
	rec := s.get(i, t)
	d.unpack(seq)
	x := d.u.texts(seq)
	rec.RequestID, rec.Code, rec.Type, rec.Message, rec.Raw = x.id, x.code, x.kind, x.message, x.raw
	for a := s.note(i, d.view.seq); a != nil; a = a.prev {
		a.text.join(&rec)
	}
	return rec
}

// unpack makes u hold the block with the record's text.
func (d *Reader) unpack(seq int64) {
	if first := d.u.first; len(d.u.entries) > 0 && seq >= first && seq < first+int64(len(d.u.entries)) {
		return
	}
	if d.view.draft.n > 0 && seq >= d.view.draft.first {
		d.u.openDraft(&d.view.draft)
		return
	}
	d.u.open(d.view.blocks[d.view.block(seq)])
}

// block finds the block that holds a record.
func (r *Records) block(seq int64) int {
	lo, hi := 0, len(r.blocks)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1) //nolint:gosec // both are lengths
		if r.blocks[mid].end() <= seq {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// Head is what a filter can see of a record without building it.
type Head struct {
	Time    time.Time
	Key     *traffic.Key // the board's own: to be read only
	Outcome traffic.Outcome
	Latency time.Duration // 0 where it is unknown
}

// Last gives the newest n records for which keep holds, newest first; a nil keep keeps all.
func (r Records) Last(n int, keep func(traffic.Record) bool) []traffic.Record {
	return r.LastBy(n, nil, keep)
}

// LastBy is Last with a first filter that sees only the columns, for selections that keep few of many.
func (r Records) LastBy(n int, head func(Head) bool, keep func(traffic.Record) bool) []traffic.Record {
	var out []traffic.Record
	d := r.Reader()
	for to := r.base + int64(r.n); to > r.base && len(out) < n; {
		s, last, t := r.where(to - 1)
		low := max(r.base, to-1-int64(last))
		for i := last; i >= last-int(to-1-low) && len(out) < n; i-- {
			if head != nil && !head(Head{
				Time: time.Unix(0, s.at[i]), Key: &t.keys[s.key[i]], Outcome: unpackOutcome(s.outcome[i]), Latency: s.latency[i].duration(),
			}) {
				continue
			}
			if rec := d.record(to - 1 - int64(last-i)); keep == nil || keep(rec) {
				out = append(out, rec)
			}
		}
		to = low
	}
	return out
}

// Search gives the newest n records that contain the text, newest first. Letter case counts only where the text has
// an upper-case letter.
func (r Records) Search(text string, n int) []traffic.Record {
	hits, _ := r.Finder(Find{Text: text, CaseCounts: text != strings.ToLower(text), Failures: n, Successes: n}).Look(noEnd{}, r.base, r.base+int64(r.n))
	var out []traffic.Record
	d := r.Reader()
	for _, h := range hits[:min(n, len(hits))] {
		out = append(out, d.record(h.Seq))
	}
	return out
}
