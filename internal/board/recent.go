package board

import "signalbox/internal/traffic"

// recentRequests bounds the memory of request ids.
const recentRequests = 16_384

// recent remembers the latest requests by id: which record a later line explains, and where a request failed before,
// because a repeat at the same place is no new evidence and a fallback to another place is.
type recent struct {
	byID    map[string]seen
	ring    []string // ids in order of appearance, to forget the oldest
	at      int
	waiting map[string]explanation // texts that came before the record that they explain
	queue   []string
	queueAt int
	orphans int64 // texts that never met their record
}

type seen struct {
	at     int64 // sequence number of the record
	failed bool
	place  traffic.Key
}

func newRecent(n int) recent {
	return recent{
		byID: make(map[string]seen), ring: make([]string, n),
		waiting: make(map[string]explanation), queue: make([]string, n/4),
	}
}

// place is where an attempt went: what a repeat shares with the first.
func place(k traffic.Key) traffic.Key {
	k[traffic.Instance], k[traffic.Caller] = traffic.Unknown, traffic.Unknown
	return k
}

// first tells whether the record is the first attempt of its request at its place. An attempt without a number is
// taken for a first one.
func (r *recent) first(rec *traffic.Record) bool {
	if rec.Known&traffic.HasAttempt == 0 || rec.Attempt <= 1 {
		return true
	}
	if rec.RequestID != "" {
		if was, ok := r.byID[rec.RequestID]; ok && was.failed {
			return was.place != place(rec.Key)
		}
	}
	return rec.FallbackFrom != traffic.Unknown
}

// note remembers the record and gives the text that waited for it. A success does not displace the failure of the
// same request: it is the failure that a traceback explains.
func (r *recent) note(rec *traffic.Record, at int64) (explanation, bool) {
	id := rec.RequestID
	if id == "" {
		return explanation{}, false
	}
	failed := rec.Outcome.Failed()
	was, known := r.byID[id]
	if !known {
		delete(r.byID, r.ring[r.at])
		r.ring[r.at] = id
		r.at = (r.at + 1) % len(r.ring)
	}
	if !known || failed || !was.failed {
		r.byID[id] = seen{at: at, failed: failed, place: place(rec.Key)}
	}
	text, waits := r.waiting[id]
	if waits {
		delete(r.waiting, id)
	}
	return text, waits
}

// wait keeps a text until its record comes.
func (r *recent) wait(id string, text explanation) {
	if _, ok := r.waiting[id]; !ok {
		if old := r.queue[r.queueAt]; old != "" {
			if _, still := r.waiting[old]; still {
				delete(r.waiting, old)
				r.orphans++
			}
		}
		r.queue[r.queueAt] = id
		r.queueAt = (r.queueAt + 1) % len(r.queue)
	}
	r.waiting[id] = text
}

// explain joins the text of a record that does not count to the one that does.
func (b *Board) explain(rec traffic.Record) {
	text := explanation{code: rec.Code, kind: rec.Type, message: rec.Message, raw: rec.Raw}
	if rec.RequestID == "" {
		b.recent.orphans++
		return
	}
	if was, ok := b.recent.byID[rec.RequestID]; ok && b.recs.explain(was.at, text) {
		return
	}
	b.recent.wait(rec.RequestID, text)
}
