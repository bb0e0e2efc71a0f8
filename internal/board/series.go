package board

import (
	"slices"
	"sort"

	"signalbox/internal/traffic"
)

// levels is the number of resolutions.
const levels = 3

// steps are the widths of a bucket, finest first, in seconds.
var steps = [levels]int64{1, 10, 60}

// defaultSpans says how far back each resolution reaches, in seconds.
var defaultSpans = [levels]int64{15 * 60, 2 * 3600, 24 * 3600}

// leastSpans is how short the resolutions may get when there are more buckets than a board may hold.
var leastSpans = [levels]int64{2 * 60, 15 * 60, 2 * 3600}

// ident names a series: the same key may be counted by a log and by a scrape, and only one of them counts.
type ident struct {
	key  traffic.Key
	kind traffic.SourceKind
}

// series is one key over time; each level is sorted by start and holds only buckets with traffic.
type series struct {
	ident
	levels [levels][]bucket
	fresh  []secondMeasured // by second: what detection has not asked for yet
	told   toldAt
	slot   uint32 // where it stands in store.all
}

// store holds the series. Empty seconds cost nothing: neither memory nor, after a jump in time, work.
type store struct {
	byKey   map[ident]*series
	all     []*series // in order of appearance; who asks what they have counted, asks counted for them
	maxKeys int
	maxBkts int
	buckets int
	folded  map[ident]struct{} // keys that were folded, as far as they are remembered
	spans   [levels]int64
	floor   [levels]int64 // level i holds what begins at or after floor[i]
	rolled  int64         // floor[0] at the last roll
	asked   int64         // the newest second that detection has asked for
	foldedN int64
	tooOld  int64
	gone    int // how many series have gone

	waiting       []tally  // what is not counted yet, see later
	begins, turns []uint32 // of settle, used again
}

func newStore(maxKeys, maxBuckets int) store {
	return store{
		byKey: make(map[ident]*series), maxKeys: maxKeys, maxBkts: maxBuckets,
		folded: make(map[ident]struct{}), spans: defaultSpans,
		floor: [levels]int64{minSecond, minSecond, minSecond}, asked: minSecond,
	}
}

// minSecond is before every event time.
const minSecond = -1 << 62

// of finds or makes the series of a key; beyond the limit it is the one that the rest is folded into.
func (s *store) of(key traffic.Key, kind traffic.SourceKind) *series {
	id := ident{key, kind}
	if have, ok := s.byKey[id]; ok {
		return have
	}
	if len(s.byKey) >= s.maxKeys {
		s.foldedN++
		if len(s.folded) < 4*s.maxKeys {
			s.folded[id] = struct{}{}
		}
		id.key = key.Folded()
		if have, ok := s.byKey[id]; ok {
			return have
		}
	}
	made := &series{ident: id, slot: uint32(len(s.all))} //nolint:gosec // as many as there are keys
	s.byKey[id] = made
	s.all = append(s.all, made)
	return made
}

// add puts something into the bucket that holds the second.
func (s *store) add(one *series, sec int64, put func(*bucket)) {
	if k := s.at(one, sec); k != nil {
		put(k)
	}
}

// at gives the bucket that holds the second, nil for one that is older than everything the board keeps.
func (s *store) at(one *series, sec int64) *bucket {
	for l := range levels {
		start := floorTo(sec, steps[l])
		if start < s.floor[l] {
			continue
		}
		return s.bucket(one, l, start)
	}
	s.tooOld++
	return nil
}

func (s *store) bucket(one *series, level int, start int64) *bucket {
	list := one.levels[level]
	n := len(list)
	if n > 0 && list[n-1].start == start {
		return &list[n-1]
	}
	at := n
	if n > 0 && list[n-1].start > start {
		at = firstFrom(list, start)
		if list[at].start == start {
			return &list[at]
		}
	}
	list = slices.Insert(list, at, bucket{start: start})
	one.levels[level] = list
	s.buckets++
	return &list[at]
}

// advance rolls what has become old into coarser buckets and drops what is older than all of them. Seconds that
// detection has not been told of stay as they are, whatever their age: a finished log is read faster than it was
// written. Only when there is no room left are they rolled too.
func (s *store) advance(newest, closed int64) {
	if floorTo(min(newest-s.spans[0], closed), steps[1]) > s.rolled {
		s.roll(newest, closed)
	}
	for s.buckets > s.maxBkts {
		s.roll(newest, newest)
		if s.buckets <= s.maxBkts || !s.squeeze() {
			return
		}
	}
}

// squeeze halves how far back the finest resolution reaches that can still be shortened.
func (s *store) squeeze() bool {
	for l := range levels {
		if s.spans[l] > leastSpans[l] {
			s.spans[l] = max(s.spans[l]/2, leastSpans[l])
			return true
		}
	}
	return false
}

func (s *store) roll(newest, closed int64) {
	s.settle()
	for l := range levels {
		step := steps[l]
		if l+1 < levels {
			step = steps[l+1] // whole coarser buckets move, so that no instant lives at two resolutions
		}
		s.floor[l] = max(s.floor[l], floorTo(min(newest-s.spans[l], closed), step))
	}
	s.rolled = s.floor[0]
	s.all = slices.DeleteFunc(s.all, func(one *series) bool {
		held := 0
		if one.seen(s.floor[0]); len(one.fresh) == 0 {
			one.fresh = nil // a series without traffic keeps no room for it
		}
		for l := range levels {
			s.age(one, l)
		}
		for l := range levels {
			held += len(one.levels[l])
		}
		if held == 0 {
			delete(s.byKey, one.ident) // a key that is gone for a day makes room for another
			s.gone++
		}
		return held == 0
	})
	for i, one := range s.all {
		one.slot = uint32(i) //nolint:gosec // as many as there are keys
	}
	if len(s.byKey) < s.maxKeys && len(s.folded) > 0 {
		clear(s.folded)
	}
}

// age moves the buckets of one level that have become too old into the next.
func (s *store) age(one *series, level int) {
	list := one.levels[level]
	n := 0
	for n < len(list) && list[n].start < s.floor[level] {
		n++
	}
	if n == 0 {
		return
	}
	for i := range list[:n] {
		if level+1 < levels {
			s.bucket(one, level+1, floorTo(list[i].start, steps[level+1])).merge(&list[i])
		}
		list[i] = bucket{} // the array lives on for a while; what it points to need not
	}
	s.buckets -= n
	one.levels[level] = list[n:]
	if len(one.levels[level]) == 0 {
		one.levels[level] = nil
	}
}

func floorTo(t, step int64) int64 {
	r := t % step
	if r < 0 {
		r += step
	}
	return t - r
}

// scan visits the buckets of one series that begin in [from, to), oldest resolution first.
func (one *series) scan(from, to int64, visit func(k *bucket)) {
	for l := levels - 1; l >= 0; l-- {
		list := one.between(l, from, to)
		for i := range list {
			visit(&list[i])
		}
	}
}

// between gives the buckets of one level that begin in [from, to).
func (one *series) between(level int, from, to int64) []bucket {
	list := one.levels[level]
	if len(list) == 0 || list[0].start >= to || list[len(list)-1].start < from {
		return nil
	}
	if list[0].start < from {
		list = list[firstFrom(list, from):]
	}
	if list[len(list)-1].start >= to {
		list = list[:firstFrom(list, to)]
	}
	return list
}

// firstFrom gives where the first bucket stands that begins at a time or later.
func firstFrom(list []bucket, start int64) int {
	return sort.Search(len(list), func(i int) bool { return list[i].start >= start })
}
