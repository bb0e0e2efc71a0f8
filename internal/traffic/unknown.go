package traffic

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
)

// UnknownPlace is a value of a source that the inventory does not know: of which provider or region it is, nobody says.
type UnknownPlace struct {
	By    string // deployment, backend, base_url, host or key_alias; "" for all beyond the bound
	Value string // untrusted
	N     int64  // records that had it
}

// MaxUnknownPlaces bounds how many values a source remembers.
const MaxUnknownPlaces = 50

// UnknownPlaces counts the values of one source that the inventory does not know. The zero value is ready for use,
// from several goroutines; nil counts nothing.
type UnknownPlaces struct {
	Limit  int // values that it remembers; 0: MaxUnknownPlaces
	mu     sync.Mutex
	counts map[UnknownPlace]*atomic.Int64 // by places with N 0
	more   atomic.Int64
}

// Counter gives the counter of a value. What comes beyond the bound shares one.
func (u *UnknownPlaces) Counter(by, value string) *atomic.Int64 {
	if u == nil {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	p := UnknownPlace{By: by, Value: value}
	c := u.counts[p]
	switch {
	case c != nil:
	case len(u.counts) >= cmp.Or(u.Limit, MaxUnknownPlaces):
		return &u.more
	default:
		if u.counts == nil {
			u.counts = make(map[UnknownPlace]*atomic.Int64)
		}
		c = new(atomic.Int64)
		u.counts[p] = c
	}
	return c
}

// List gives the values with their counts, the most frequent first, and last what was beyond the bound.
func (u *UnknownPlaces) List() []UnknownPlace {
	if u == nil {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	var all []UnknownPlace
	for p, c := range u.counts {
		if p.N = c.Load(); p.N > 0 {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b UnknownPlace) int {
		return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.By, b.By), cmp.Compare(a.Value, b.Value))
	})
	if n := u.more.Load(); n > 0 {
		all = append(all, UnknownPlace{N: n})
	}
	return all
}

// Drain is List, and sets all counts back: for one who counts on behalf of another.
func (u *UnknownPlaces) Drain() []UnknownPlace {
	all := u.List()
	for _, p := range all {
		u.counter(p).Store(0)
	}
	return all
}

// Add adds what another has drained.
func (u *UnknownPlaces) Add(all []UnknownPlace) {
	if u == nil {
		return
	}
	for _, p := range all {
		u.counter(p).Add(p.N)
	}
}

func (u *UnknownPlaces) counter(p UnknownPlace) *atomic.Int64 {
	if p.By == "" {
		return &u.more
	}
	return u.Counter(p.By, p.Value)
}
