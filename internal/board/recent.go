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

// seen is a request that was seen. Its zero value is a free slot: no hash is 0.
type seen struct {
	hash uint64
	last int64 // sequence number of the record, and in the lowest bit whether it failed
}

func (s *seen) at() int64 { return s.last >> 1 }

func (s *seen) failed() bool { return s.last&1 != 0 }

// generation is a table of requests, open addressed and half full at most. When it is full it becomes the one before.
type generation struct {
	slots  []seen
	places map[uint64]uint64 // by hash of the request: hash of where it failed
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

// slot finds the request, or the free slot where it would be.
func (g *generation) slot(hash uint64) *seen {
	mask := uint64(len(g.slots) - 1) //nolint:gosec // a power of two
	for i := hash >> 20 & mask; ; i = (i + 1) & mask {
		if s := &g.slots[i]; s.hash == hash || s.hash == 0 {
			return s
		}
	}
}

// find gives what is remembered of a request and by which generation, nil where nothing is.
func (r *recent) find(hash uint64) (*seen, *generation) {
	for _, g := range [...]*generation{&r.now, &r.before} {
		if g.n > 0 {
			if s := g.slot(hash); s.hash != 0 {
				return s, g
			}
		}
	}
	return nil, nil
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
		if was, g := r.find(hash); was != nil && was.failed() {
			return g.places[hash] != r.place(*k)
		}
	}
	return fell
}

// note remembers the record and gives the text that waited for it. A success does not displace the failure of the
// same request: it is the failure that a traceback explains.
func (r *recent) note(rec *traffic.Record, at int64) (explanation, bool) {
	id := rec.RequestID
	if id == "" {
		return explanation{}, false
	}
	is := seen{hash: r.hash(id), last: at << 1}
	if rec.Outcome.Failed() {
		is.last |= 1
	}
	if g := r.keep(is); is.failed() {
		g.places[is.hash] = r.place(rec.Key)
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
	r.keep(seen{hash: hash, last: at << 1})
	if len(r.waiting) == 0 {
		return explanation{}, false
	}
	return r.waited(string(id))
}

// keep remembers a request and gives the generation that does.
func (r *recent) keep(is seen) *generation {
	was, g := r.find(is.hash)
	switch {
	case was == nil:
		g = r.add(is)
	case is.failed() || !was.failed():
		*was = is
	}
	return g
}

// waited gives the text that has waited for a record.
func (r *recent) waited(id string) (explanation, bool) {
	text, waits := r.waiting[id]
	if waits {
		delete(r.waiting, id)
	}
	return text, waits
}

func (r *recent) add(is seen) *generation {
	if r.now.n == recentRequests {
		r.now, r.before = r.before, r.now
		clear(r.now.slots)
		clear(r.now.places)
		r.now.n = 0
	}
	if r.now.slots == nil {
		r.now.slots, r.now.places = make([]seen, 2*recentRequests), map[uint64]uint64{}
	}
	*r.now.slot(is.hash) = is
	r.now.n++
	return &r.now
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
	if was, _ := b.recent.find(b.recent.hash(rec.RequestID)); was != nil && b.recs.explain(was.at(), text) {
		return
	}
	b.recent.wait(string([]byte(rec.RequestID)), text.kept())
}
