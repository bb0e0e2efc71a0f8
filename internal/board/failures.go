package board

import "signalbox/internal/traffic"

// failures remembers where the latest requests failed, as recent does: a repeat at the same place is no new evidence.
// Which request it was it knows by a number. It remembers a failure for as many records as it has room for failures, and
// drops it then: most logs have few, so that most questions are answered by a bit, which is all of it that is at hand.
type failures struct {
	some  [headCount / 64]uint64 // which heads are not 0
	heads [headCount]uint16      // by the last bits of a number: one more than where a failure of such a one stands, 0 for none
	ring  []failure              // those that are remembered stand from old to at, in the order in which they came
	at    int
	old   int
	held  int
	seen  int64
}

const headCount = 1 << 16

type failure struct {
	request uint64
	seen    int64
	place   uint32
	next    uint16 // as in heads: another whose number ends with the same bits
	marks   traffic.Mark
}

// newFailures has room for n, which is less than 1<<16.
func newFailures(n int) failures { return failures{ring: make([]failure, n)} }

const streamMarks = traffic.Streams | traffic.Whole

// first tells whether a brief is of the first attempt of its request at its place, and remembers it if it failed.
func (f *failures) first(b *traffic.Brief) bool {
	f.seen++
	for f.held > 0 && f.seen-f.ring[f.old].seen > int64(len(f.ring)) {
		f.drop()
	}
	first := true
	if b.Known&traffic.HasAttempt != 0 && b.Attempt > 1 {
		if was := f.find(b.Request); was != nil {
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

func (f *failures) find(request uint64) *failure {
	at := uint16(request) //nolint:gosec // the last bits
	if f.some[at>>6]>>(at&63)&1 == 0 || request == 0 {
		return nil
	}
	for at := f.heads[at]; at > 0; {
		was := &f.ring[at-1]
		if was.request == request {
			return was
		}
		at = was.next
	}
	return nil
}

func (f *failures) note(b *traffic.Brief) {
	was := f.find(b.Request)
	if was == nil {
		if f.held == len(f.ring) {
			f.drop()
		}
		at := uint16(b.Request) //nolint:gosec // the last bits
		was = &f.ring[f.at]
		*was = failure{request: b.Request, seen: f.seen, next: f.heads[at]}
		f.heads[at] = uint16(f.at + 1) //nolint:gosec // see newFailures
		f.some[at>>6] |= 1 << (at & 63)
		f.at = (f.at + 1) % len(f.ring)
		f.held++
	}
	was.place, was.marks = b.Place, b.Marks&streamMarks
}

// drop forgets the oldest.
func (f *failures) drop() {
	was := &f.ring[f.old]
	at := uint16(was.request) //nolint:gosec // the last bits
	link := &f.heads[at]
	for &f.ring[*link-1] != was {
		link = &f.ring[*link-1].next
	}
	*link = was.next
	if f.heads[at] == 0 {
		f.some[at>>6] &^= 1 << (at & 63)
	}
	f.old = (f.old + 1) % len(f.ring)
	f.held--
}
