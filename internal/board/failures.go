package board

import "signalbox/internal/traffic"

// failures remembers where the latest requests failed, as recent does: a repeat at the same place is no new evidence.
// Which request it was it knows by a number. It remembers a failure for as many records as it has room for failures.
type failures struct {
	heads [1 << 16]uint16 // by the last bits of a number: one more than where a failure of such a one stands, 0 for none
	ring  []failure
	at    int
	seen  int64
}

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
	first := true
	if b.Known&traffic.HasAttempt != 0 && b.Attempt > 1 {
		if was := f.find(b.Request); was != nil && f.seen-was.seen <= int64(len(f.ring)) {
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
	if request == 0 {
		return nil
	}
	for at := f.heads[uint16(request)]; at > 0; { //nolint:gosec // the last bits
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
		was = &f.ring[f.at]
		if was.request != 0 {
			f.drop(was)
		}
		head := &f.heads[uint16(b.Request)] //nolint:gosec // the last bits
		*was = failure{request: b.Request, seen: f.seen, next: *head}
		*head = uint16(f.at + 1) //nolint:gosec // see newFailures
		f.at = (f.at + 1) % len(f.ring)
	}
	if f.seen-was.seen > int64(len(f.ring)) {
		was.seen = f.seen
	}
	was.place, was.marks = b.Place, b.Marks&streamMarks
}

// drop takes a failure out of the list that it stands in.
func (f *failures) drop(was *failure) {
	link := &f.heads[uint16(was.request)] //nolint:gosec // the last bits
	for &f.ring[*link-1] != was {
		link = &f.ring[*link-1].next
	}
	*link = was.next
}
