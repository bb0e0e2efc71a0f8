package board

import "time"

// Stats says how full the board is and what it had to give up.
type Stats struct {
	Keys        int   // series held
	Folded      int   // keys that were folded into "other" since there was last room, as far as they are remembered
	FoldedN     int64 // records and counts that were
	Late        int64
	Skewed      int64
	TooOld      int64 // older than everything the board keeps: not counted
	Explained   int64 // records that only add text to another
	Orphans     int64 // of them, those whose request never came
	Records     int   // held
	Dropped     int64 // records that went to make room
	Gauges      int
	GaugesLost  int64 // states refused because there were too many
	Buckets     int
	Fine        time.Duration // how far back whole seconds reach
	RecordBytes int64         // estimates
	BucketBytes int64
}

// Estimates of memory: a record's columns, and a bucket with a few bins.
const (
	recordBytes = 330
	bucketBytes = 260
)

// Stats gives the board's state.
func (b *Board) Stats() Stats {
	s := b.stats
	s.Keys, s.Folded, s.FoldedN = len(b.series.byKey), len(b.series.folded), b.series.foldedN
	s.TooOld = b.series.tooOld
	s.Orphans = b.recent.orphans
	s.Records, s.Dropped = int(b.recs.next-b.recs.base), b.recs.droppedN
	s.Gauges, s.GaugesLost = len(b.states.byID), b.states.refused
	s.Buckets = b.series.buckets
	s.Fine = time.Duration(b.series.spans[0]) * time.Second
	s.RecordBytes = int64(len(b.recs.segs))*segmentLen*recordBytes + int64(b.recs.text)
	s.BucketBytes = int64(b.series.buckets) * bucketBytes
	return s
}
