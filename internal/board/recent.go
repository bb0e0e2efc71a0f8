package board

import (
	"hash/maphash"

	"signalbox/internal/traffic"
)

// recentRequests bounds the memory of request ids: at least so many of the latest are remembered, at most twice as many.
const recentRequests = 16_384

// maxWaiting bounds the texts that wait for their record.
const maxWaiting = recentRequests / 4

// recent remembers the latest requests by a hash of their id: which record a later line explains, and where a request failed
// before, because a repeat at the same place is no new evidence and a fallback to another place is. Two ids of one hash would be
// taken for one request; with 64 bits and a seed of the process that is not worth a string for each.
type recent struct {
	seed    maphash.Seed
	now     generation
	before  generation
	waiting map[string]explanation // texts that came before the record that they explain
	queue   []string
	queueAt int
	orphans int64 // texts that never met their record
}

// seen is a request that ended well.
type seen struct {
	hash uint64
	at   int64 // sequence number of the record
}

// failedAt is a request that failed.
type failedAt struct {
	place uint64 // hash of where
	at    int64  // sequence number of the record
}

// generation is some requests in the order in which they came. When it is full it becomes the one before. Most end well, and
// nothing is asked of most of those: they are only written down, and found by a table that grows when it is asked.
type generation struct {
	failed map[uint64]failedAt // by hash of the request
	ended  []seen
	slots  []uint16 // by hash, open addressing and half full at most: one more than the index of one that ended well
	found  int      // how many of those slots has
	n      int
}

func newRecent() recent {
	return recent{seed: maphash.MakeSeed(), waiting: make(map[string]explanation)}
}

// place is where an attempt went: what a repeat shares with the first.
func (r *recent) place(k traffic.Key) uint64 {
	k[traffic.Instance], k[traffic.Caller] = traffic.Unknown, traffic.Unknown
	return maphash.Comparable(r.seed, k) | 1
}

func (r *recent) hash(id string) uint64 { return maphash.String(r.seed, id) | 1 }

// hashOf is the hash of an id in bytes, 0 for none.
func (r *recent) hashOf(id []byte) uint64 {
	if len(id) == 0 {
		return 0
	}
	return maphash.Bytes(r.seed, id) | 1
}

// slot is where a request that ended well is found, or would be.
func (g *generation) slot(hash uint64) *uint16 {
	mask := uint64(len(g.slots) - 1) //nolint:gosec // a power of two
	for i := hash >> 20 & mask; ; i = (i + 1) & mask {
		if s := &g.slots[i]; *s == 0 || g.ended[*s-1].hash == hash {
			return s
		}
	}
}

// endedAt gives the record of a request that ended well.
func (g *generation) endedAt(hash uint64) (at int64, ok bool) {
	if g.slots == nil {
		g.slots = make([]uint16, 2*recentRequests)
	}
	for ; g.found < len(g.ended); g.found++ {
		*g.slot(g.ended[g.found].hash) = uint16(g.found + 1) //nolint:gosec // at most recentRequests
	}
	if s := *g.slot(hash); s > 0 {
		return g.ended[s-1].at, true
	}
	return 0, false
}

// failure gives what is remembered of where a request failed, and by which generation.
func (r *recent) failure(hash uint64) (failedAt, *generation) {
	for _, g := range [...]*generation{&r.now, &r.before} {
		if f, ok := g.failed[hash]; ok {
			return f, g
		}
	}
	return failedAt{}, nil
}

// record gives the record of a request. One that failed and then ended well is the one that failed: it is the failure that
// a traceback explains.
func (r *recent) record(hash uint64) (at int64, ok bool) {
	if f, g := r.failure(hash); g != nil {
		return f.at, true
	}
	for _, g := range [...]*generation{&r.now, &r.before} {
		if at, ok := g.endedAt(hash); ok {
			return at, true
		}
	}
	return 0, false
}

// first tells whether the record is the first attempt of its request at its place. An attempt without a number is
// taken for a first one.
func (r *recent) first(rec *traffic.Record) bool {
	if rec.Known&traffic.HasAttempt == 0 || rec.Attempt <= 1 {
		return true
	}
	hash := uint64(0)
	if rec.RequestID != "" {
		hash = r.hash(rec.RequestID)
	}
	return r.moved(hash, &rec.Key, rec.FallbackFrom != traffic.Unknown)
}

// moved tells whether a repeat of the request went to another place than the attempt that failed. Where nothing is
// remembered of that, the line has to say so.
func (r *recent) moved(hash uint64, k *traffic.Key, fell bool) bool {
	if hash != 0 {
		if was, g := r.failure(hash); g != nil {
			return was.place != r.place(*k)
		}
	}
	return fell
}

// note remembers the record and gives the text that waited for it.
func (r *recent) note(rec *traffic.Record, at int64) (explanation, bool) {
	id := rec.RequestID
	if id == "" {
		return explanation{}, false
	}
	hash := r.hash(id)
	if rec.Outcome.Failed() {
		_, g := r.failure(hash)
		if g == nil {
			g = r.room()
		}
		g.failed[hash] = failedAt{r.place(rec.Key), at}
	} else {
		r.ended(hash, at)
	}
	if len(r.waiting) == 0 {
		return explanation{}, false
	}
	return r.waited(id)
}

// succeeded does for a success what note does, by the hash of its id.
func (r *recent) succeeded(hash uint64, id []byte, at int64) (explanation, bool) {
	if hash == 0 {
		return explanation{}, false
	}
	r.ended(hash, at)
	if len(r.waiting) == 0 {
		return explanation{}, false
	}
	return r.waited(string(id))
}

func (r *recent) ended(hash uint64, at int64) {
	g := r.room()
	g.ended = append(g.ended, seen{hash, at})
}

// room gives the generation that one more request belongs into.
func (r *recent) room() *generation {
	if r.now.n == recentRequests {
		r.now, r.before = r.before, r.now
		if r.now.found > 0 {
			clear(r.now.slots)
		}
		clear(r.now.failed)
		r.now.ended, r.now.found, r.now.n = r.now.ended[:0], 0, 0
	}
	if r.now.failed == nil {
		r.now.failed, r.now.ended = map[uint64]failedAt{}, make([]seen, 0, recentRequests)
	}
	r.now.n++
	return &r.now
}

// waited gives the text that has waited for a record.
func (r *recent) waited(id string) (explanation, bool) {
	text, waits := r.waiting[id]
	if waits {
		delete(r.waiting, id)
	}
	return text, waits
}

// wait keeps a text until its record comes.
func (r *recent) wait(id string, text explanation) {
	if _, ok := r.waiting[id]; !ok {
		if r.queue == nil {
			r.queue = make([]string, maxWaiting)
		}
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
func (b *Board) explain(rec *traffic.Record) {
	if rec.RequestID == "" {
		b.recent.orphans++
		return
	}
	text := explanation{code: rec.Code, kind: rec.Type, message: rec.Message, raw: rec.Raw}
	if at, ok := b.recent.record(b.recent.hash(rec.RequestID)); ok && b.recs.explain(at, text) {
		return
	}
	b.recent.wait(string([]byte(rec.RequestID)), text.kept())
}
