package board

import (
	"strings"
	"sync/atomic"
	"time"

	"signalbox/internal/traffic"
)

// segmentLen is the number of records in a segment.
const segmentLen = 4096

// segment is a run of records in columns, so that a filter over time, key or outcome touches little memory. The
// owner appends; whoever holds a view reads only what was there when the view was made, so neither needs a lock.
type segment struct {
	at      [segmentLen]int64 // unix nanoseconds
	outcome [segmentLen]traffic.Outcome
	flags   [segmentLen]uint8
	key     [segmentLen]traffic.Key
	rest    [segmentLen]rest
	added   [segmentLen]atomic.Pointer[addition] // the only column that is written to after publication
	n       int                                  // owner only
	text    int                                  // bytes of text; owner only
}

const (
	flagReceived = 1 << iota
	flagLate
)

// rest is the part of a record that nothing filters by.
type rest struct {
	served, fallback, finish, source traffic.Sym
	known                            traffic.Field
	attempt                          int32
	latency, ttft, retryAfter        time.Duration
	tokIn, tokOut, tokCached         int64
	shape                            uint64
	id, code, kind, message, raw     string
}

// addition is text that another line told about a record. It carries when it was added, so that a view does not
// change after it was made.
type addition struct {
	seq  uint64
	text explanation
	prev *addition
}

type explanation struct{ code, kind, message, raw string }

// records is the owner's side of the record log.
type records struct {
	segs             []*segment
	base             int64 // sequence number of the first record held
	next             int64
	seq              uint64 // of additions
	maxN, maxText    int
	text             int
	droppedN, addedN int64
}

func newRecords(maxN, maxText int) records { return records{maxN: maxN, maxText: maxText} }

// append adds a record and gives its sequence number. The oldest segments go when there are too many.
func (r *records) append(rec traffic.Record) int64 {
	if len(r.segs) == 0 || r.segs[len(r.segs)-1].n == segmentLen {
		grown := make([]*segment, len(r.segs), len(r.segs)+1) // views keep the old slice
		copy(grown, r.segs)
		r.segs = append(grown, &segment{})
	}
	s := r.segs[len(r.segs)-1]
	i := s.n
	s.at[i], s.outcome[i], s.key[i] = rec.Time.UnixNano(), rec.Outcome, rec.Key
	if rec.Received {
		s.flags[i] |= flagReceived
	}
	if rec.Late {
		s.flags[i] |= flagLate
	}
	s.rest[i] = rest{
		served: rec.Served, fallback: rec.FallbackFrom, finish: rec.Finish, source: rec.Source, known: rec.Known,
		attempt: int32(min(max(rec.Attempt, 0), 1<<20)), //nolint:gosec // bounded here
		latency: rec.Latency, ttft: rec.TTFT, retryAfter: rec.RetryAfter,
		tokIn: rec.TokensIn, tokOut: rec.TokensOut, tokCached: rec.TokensCached, shape: rec.Shape,
		id: rec.RequestID, code: rec.Code, kind: rec.Type, message: rec.Message, raw: rec.Raw,
	}
	s.n++
	size := len(rec.RequestID) + len(rec.Code) + len(rec.Type) + len(rec.Message) + len(rec.Raw)
	s.text += size
	r.text += size
	r.next++
	r.trim()
	return r.next - 1
}

func (r *records) trim() {
	for len(r.segs) > 1 && (r.next-r.base-int64(r.segs[0].n) >= int64(r.maxN) || r.text > r.maxText) {
		r.base += int64(r.segs[0].n)
		r.droppedN += int64(r.segs[0].n)
		r.text -= r.segs[0].text
		r.segs = append([]*segment(nil), r.segs[1:]...)
	}
}

// maxAdditions bounds what other lines may add to one record.
const maxAdditions = 4

// explain adds text to the record with this sequence number, if it is still held and lacks it.
func (r *records) explain(at int64, text explanation) bool {
	if at < r.base || at >= r.next {
		return false
	}
	s := r.segs[(at-r.base)/segmentLen]
	i := (at - r.base) % segmentLen
	prev := s.added[i].Load()
	depth := 0
	for a := prev; a != nil; a = a.prev {
		depth++
	}
	if depth >= maxAdditions {
		return false
	}
	r.seq++
	r.addedN++
	size := len(text.code) + len(text.kind) + len(text.message) + len(text.raw)
	s.text += size
	r.text += size
	s.added[i].Store(&addition{seq: r.seq, text: text, prev: prev})
	return true
}

// Records is an immutable view of the records held: it may be read in any goroutine while the board goes on.
type Records struct {
	segs []*segment
	base int64
	n    int
	seq  uint64
}

// Records gives a view of the records held now.
func (b *Board) Records() Records {
	r := &b.recs
	return Records{segs: r.segs, base: r.base, n: int(r.next - r.base), seq: r.seq}
}

// Len is the number of records in the view.
func (r Records) Len() int { return r.n }

// First is the sequence number of At(0). Sequence numbers grow by one a record and are never given twice.
func (r Records) First() int64 { return r.base }

// At gives the i-th record of the view, oldest first; the zero Record outside.
func (r Records) At(i int) traffic.Record {
	if i < 0 || i >= r.n {
		return traffic.Record{}
	}
	s, j := r.segs[i/segmentLen], i%segmentLen
	x := &s.rest[j]
	rec := traffic.Record{
		Time: time.Unix(0, s.at[j]).UTC(), Received: s.flags[j]&flagReceived != 0, Late: s.flags[j]&flagLate != 0,
		Key: s.key[j], Served: x.served, Outcome: s.outcome[j], Known: x.known,
		Latency: x.latency, TTFT: x.ttft, RetryAfter: x.retryAfter,
		TokensIn: x.tokIn, TokensOut: x.tokOut, TokensCached: x.tokCached, Attempt: int(x.attempt),
		FallbackFrom: x.fallback, Finish: x.finish, Source: x.source, Shape: x.shape,
		RequestID: x.id, Code: x.code, Type: x.kind, Message: x.message, Raw: x.raw,
	}
	for a := s.added[j].Load(); a != nil; a = a.prev {
		if a.seq <= r.seq {
			a.text.join(&rec)
		}
	}
	return rec
}

// join fills what the record does not say itself; raw lines follow each other.
func (e explanation) join(rec *traffic.Record) {
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

// Head is what a filter can see of a record without building it.
type Head struct {
	Time    time.Time
	Key     traffic.Key
	Outcome traffic.Outcome
}

// maxScan bounds how many records one question looks at.
const maxScan = 1 << 20

// Last gives the newest n records for which keep holds, newest first; a nil keep keeps all.
func (r Records) Last(n int, keep func(traffic.Record) bool) []traffic.Record {
	return r.scan(n, nil, keep)
}

// LastBy is Last with a first filter that sees only the columns, for selections that keep few of many.
func (r Records) LastBy(n int, head func(Head) bool, keep func(traffic.Record) bool) []traffic.Record {
	return r.scan(n, head, keep)
}

func (r Records) scan(n int, head func(Head) bool, keep func(traffic.Record) bool) []traffic.Record {
	var out []traffic.Record
	for i, seen := r.n-1, 0; i >= 0 && len(out) < n && seen < maxScan; i, seen = i-1, seen+1 {
		s, j := r.segs[i/segmentLen], i%segmentLen
		if head != nil && !head(Head{Time: time.Unix(0, s.at[j]).UTC(), Key: s.key[j], Outcome: s.outcome[j]}) {
			continue
		}
		if rec := r.At(i); keep == nil || keep(rec) {
			out = append(out, rec)
		}
	}
	return out
}

// Search gives the newest n records that contain the text, newest first. Letter case counts only where the text has
// an upper-case letter.
func (r Records) Search(text string, n int) []traffic.Record {
	fold := text == strings.ToLower(text)
	return r.Last(n, func(rec traffic.Record) bool {
		for _, have := range []string{rec.RequestID, rec.Code, rec.Type, rec.Message, rec.Raw} {
			if fold {
				have = strings.ToLower(have)
			}
			if strings.Contains(have, text) {
				return true
			}
		}
		return false
	})
}
