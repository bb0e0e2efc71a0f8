package board

import (
	"strings"

	"signalbox/internal/traffic"
)

// maxAdditions bounds what other lines may add to one record.
const maxAdditions = 4

// addition is text that another line told about a record. It carries when it was added, so that a view does not
// change after it was made.
type addition struct {
	seq  uint64
	text explanation
	prev *addition
}

type explanation struct{ code, kind, message, raw string }

func (e *explanation) size() int {
	return len(e.code) + len(e.kind) + len(e.message) + len(e.raw)
}

// kept is the explanation without the line that it was part of, which may be a whole block of a file.
func (e *explanation) kept() explanation {
	return explanation{strings.Clone(e.code), strings.Clone(e.kind), strings.Clone(e.message), strings.Clone(e.raw)}
}

// explained remembers which records were explained, in the order in which they were.
type explained struct {
	seq  uint64  // of additions
	who  []int64 // sequence numbers of the latest ones' records
	from uint64  // what came before who[0]
}

// maxExplained bounds how many of the latest additions are remembered by the order in which they came.
const maxExplained = 16_384

func (x *explained) add(at int64) {
	if len(x.who) >= 2*maxExplained { // views keep the old list
		x.from += maxExplained
		x.who = append(make([]int64, 0, 2*maxExplained), x.who[maxExplained:]...)
	}
	x.who = append(x.who, at)
	x.seq++
}

// explain adds text to the record with this sequence number, if it is still held and lacks it.
func (r *records) explain(at int64, text explanation) bool {
	if !r.withAny {
		return true // nobody will ask
	}
	if at < r.base || at >= r.next {
		return false
	}
	s, i := r.at(at)
	bit := uint32(1) << (i % 32)
	s.mu.Lock()
	defer s.mu.Unlock()
	prev := s.notes[uint16(i)] //nolint:gosec // below segmentLen
	depth := 0
	for a := prev; a != nil; a = a.prev {
		depth++
	}
	if depth >= maxAdditions {
		return false
	}
	if !r.withText {
		text = explanation{}
	}
	r.explained.add(at)
	r.text += text.size() + noteOverhead
	if s.notes == nil {
		s.notes = map[uint16]*addition{}
	}
	s.notes[uint16(i)] = &addition{seq: r.seq, text: text.kept(), prev: prev} //nolint:gosec // below segmentLen
	s.added[i/32].Or(bit)
	return true
}

// noteOverhead is the memory of an addition besides its text.
const noteOverhead = 128

// forget gives the text bytes that the segment's additions took.
func (s *segment) forget() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, a := range s.notes {
		for ; a != nil; a = a.prev {
			n += a.text.size() + noteOverhead
		}
	}
	return n
}

// note gives what others said of a record up to seq, newest first.
func (s *segment) note(i int, seq uint64) *addition {
	if s.added[i/32].Load()&(1<<(i%32)) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.notes[uint16(i)] //nolint:gosec // below segmentLen
	for a != nil && a.seq > seq {
		a = a.prev
	}
	return a
}

// join fills what the record does not say itself; raw lines follow each other.
func (e *explanation) join(rec *traffic.Record) {
	for _, f := range []struct{ have, more *string }{
		{&rec.Code, &e.code}, {&rec.Type, &e.kind}, {&rec.Message, &e.message},
	} {
		if *f.have == "" {
			*f.have = *f.more
		}
	}
	if e.raw != "" && rec.Raw != "" {
		rec.Raw += "\n" + e.raw
	} else {
		rec.Raw += e.raw
	}
}
