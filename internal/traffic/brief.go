package traffic

import "hash/maphash"

// Brief is what counts of a record: all that is added up, and none of the texts. Who reads a log of millions of
// successes for its counts makes no Record of each.
type Brief struct {
	At                                int64  // unix nanoseconds: event time, or receive time where Received is marked
	Request                           uint64 // stands for the request id within this process, 0 for none
	Latency, TTFT                     int64  // nanoseconds
	TokensIn, TokensOut, TokensCached int64
	Outcome                           Outcome
	Place                             uint32 // see Places
	Caller                            Sym    // of a failure that is the caller's own
	From                              Sym    // deployment or model that it fell from
	Attempt                           int32
	Known                             Field
	Marks                             Mark
}

// Mark says yes or no to something about a Brief.
type Mark uint8

// The marks of a brief.
const (
	Received Mark = 1 << iota // the line had no usable time
	Explains                  // adds text to another record, and is not counted
	FellBack                  // it fell from another deployment or model
	Streams                   // the line says that the answer was a stream
	Whole                     // the line says that it was none
)

// Brief shortens a record whose cell has this number.
func (r *Record) Brief(place uint32) Brief {
	b := Brief{
		At: r.Time.UnixNano(), Request: RequestHash([]byte(r.RequestID)), Latency: int64(r.Latency), TTFT: int64(r.TTFT),
		TokensIn: r.TokensIn, TokensOut: r.TokensOut, TokensCached: r.TokensCached,
		Outcome: r.Outcome, Place: place, Attempt: int32(min(max(r.Attempt, 0), 1<<20)), Known: r.Known, From: r.FallbackFrom, //nolint:gosec // bounded here
	}
	if r.Outcome.Class().Caller() {
		b.Caller = r.Key[Caller]
	}
	for _, m := range []struct {
		is   bool
		mark Mark
	}{{r.Received, Received}, {r.Explains, Explains}, {r.FallbackFrom != Unknown, FellBack}} {
		if m.is {
			b.Marks |= m.mark
		}
	}
	return b
}

var requestSeed = maphash.MakeSeed()

// RequestHash gives a number for a request id that is the same for the same id as long as the process lives. Two
// ids share one about once in 2^64 pairs, and nobody outside knows which.
func RequestHash(id []byte) uint64 {
	if len(id) == 0 {
		return 0
	}
	return max(maphash.Bytes(requestSeed, id), 1)
}

// Cell is the key without what is told apart in records only: instances and callers.
func (k Key) Cell() Key {
	k[Instance], k[Caller] = Unknown, Unknown
	return k
}

// Folded is the key under which the rest counts when there are too many: everything but environment, gateway and
// side is "other".
func (k Key) Folded() Key {
	for d := range k {
		switch Dim(d) { //nolint:gosec // d counts the dimensions
		case Env, Gateway, Side:
		default:
			k[d] = Other
		}
	}
	return k
}

// Places numbers the keys of briefs in the order of their appearance. It is owned by one goroutine.
type Places struct {
	limit int
	keys  []Key
	byKey map[Key]uint32
}

// NewPlaces makes a table of at most limit keys; those beyond it are folded.
func NewPlaces(limit int) *Places { return &Places{limit: limit, byKey: make(map[Key]uint32)} }

// Of gives the number of a key.
func (p *Places) Of(k Key) uint32 {
	if n, ok := p.byKey[k]; ok {
		return n
	}
	if len(p.keys) >= p.limit {
		k = k.Folded()
		if n, ok := p.byKey[k]; ok {
			return n
		}
	}
	n := uint32(len(p.keys)) //nolint:gosec // bounded, but for one folded key of each environment, gateway and side
	p.keys = append(p.keys, k)
	p.byKey[k] = n
	return n
}

// Key gives the key of a number that Of has given.
func (p *Places) Key(n uint32) Key { return p.keys[n] }

// Keys lists the keys in the order of their numbers. What it holds does not change.
func (p *Places) Keys() []Key { return p.keys }
