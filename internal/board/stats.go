package board

import "time"

// Stats says how full the board is and what it had to give up.
type Stats struct {
	Keys        int   // series held
	Folded      int   // keys that were folded into "other" since there was last room, as far as they are remembered
	FoldedN     int64 // records and counts that were
	Late        int64
	Skewed      int64
	TooOld      int64 // older than everything the board keeps: not counted; of what was counted when somebody asked last
	Explained   int64 // records that only add text to another
	Orphans     int64 // of them, those whose request never came
	Records     int   // held
	Dropped     int64 // records that went to make room
	LetGo       int64 // of the records held, successes that lost their raw line to make room
	Gauges      int
	GaugesLost  int64         // states refused because there were too many
	Buckets     int           // of what was counted when somebody asked last
	Fine        time.Duration // how far back whole seconds reach
	RecordBytes int64         // of columns and their tables
	TextBytes   int64         // of text, packed, and of what others explained
	BucketBytes int64         // an estimate
}

// bucketBytes is an estimate of the memory of a bucket with a few bins.
const bucketBytes = 260

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
	s.LetGo = b.recs.letGoN
	s.RecordBytes, s.TextBytes = b.recs.bytes(), b.recs.textBytes()
	s.BucketBytes = int64(b.series.buckets) * bucketBytes
	return s
}
