package board

import "signalbox/internal/traffic"

// failures remembers where the latest requests failed, as recent does: a repeat at the same place is no new evidence.
// Which request it was it knows by a number. It remembers a failure for as many records as it has room for failures.
type failures struct {
	by   map[uint64]failure
	some [1 << 16]uint16 // how many of by there are for the last bits of their numbers: most have none
	ring []uint64
	at   int
	seen int64
}

type failure struct {
	place uint32
	marks traffic.Mark
	seen  int64
}

func newFailures(n int) failures {
	return failures{by: make(map[uint64]failure), ring: make([]uint64, n)}
}

const streamMarks = traffic.Streams | traffic.Whole

// first tells whether a brief is of the first attempt of its request at its place, and remembers it if it failed.
func (f *failures) first(b *traffic.Brief) bool {
	f.seen++
	first := true
	repeats := b.Known&traffic.HasAttempt != 0 && b.Attempt > 1
	if repeats {
		was, ok := failure{}, false
		if b.Request != 0 && f.some[uint16(b.Request)] > 0 { //nolint:gosec // the last bits
			was, ok = f.by[b.Request]
		}
		if ok = ok && f.seen-was.seen <= int64(len(f.ring)); ok {
			first = was.place != b.Place || was.marks != b.Marks&streamMarks
		} else {
			first = b.Marks&traffic.FellBack != 0
		}
	}
	if b.Request != 0 && b.Outcome.Failed() {
		f.note(b)
	}
	return first
}

func (f *failures) note(b *traffic.Brief) {
	was, known := f.by[b.Request]
	if !known {
		if old := f.ring[f.at]; old != 0 {
			delete(f.by, old)
			f.some[uint16(old)]-- //nolint:gosec // the last bits
		}
		f.ring[f.at] = b.Request
		f.some[uint16(b.Request)]++ //nolint:gosec // the last bits
		f.at = (f.at + 1) % len(f.ring)
	}
	if !known || f.seen-was.seen > int64(len(f.ring)) {
		was.seen = f.seen
	}
	f.by[b.Request] = failure{place: b.Place, marks: b.Marks & streamMarks, seen: was.seen}
}
