// Package source is a runtime source for Envoy: it serves what levers set, over gRPC, to each Envoy whose bootstrap names
// it, with the time at which each lever ends (a TTL). Envoy ends a lever by itself then, also when this process is gone.
// What is set is kept in a file, so that a new process goes on where the last one stopped: without it, an Envoy that
// connects anew would be told that no lever is out.
package source

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"sync"
	"time"

	"signalbox/internal/filing"
)

// Entry is one runtime key that is set.
type Entry struct {
	Key    string    `json:"key"`
	Value  uint32    `json:"value"`
	Until  time.Time `json:"until"`
	Layer  string    `json:"layer"` // which of Envoy's layers has it: one layer has one deadline
	By     string    `json:"by,omitempty"`
	Reason string    `json:"reason,omitempty"`
}

// Change sets keys, or removes them, all or none.
type Change struct {
	Keys   []KeyChange `json:"keys"`
	Until  time.Time   `json:"until"`
	Layers []string    `json:"layers"` // that all Envoys have
	By     string      `json:"by,omitempty"`
	Reason string      `json:"reason,omitempty"`
}

// KeyChange is a key with what it has to be set to now (nil: not set), and what it becomes.
type KeyChange struct {
	Key   string  `json:"key"`
	If    *uint32 `json:"if"`
	Value *uint32 `json:"value"`
}

// Node is an Envoy that is connected, with one of its layers.
type Node struct {
	ID    string `json:"id"`
	Layer string `json:"layer"`
	Acked uint64 `json:"acked"`           // the version that it has taken
	Err   string `json:"error,omitempty"` // why it has refused one
}

// Status is all that a source knows.
type Status struct {
	V       int     `json:"v"`
	Version uint64  `json:"version"`
	Entries []Entry `json:"entries"`
	Nodes   []Node  `json:"nodes"`
}

// The bounds of a source.
const (
	maxEntries = 500
	maxTTL     = 31 * 24 * time.Hour
)

// Refused is a change that a source does not take.
type Refused struct {
	Moved bool // somebody else has set the key meanwhile
	Why   string
}

// Error says why.
func (r *Refused) Error() string { return r.Why }

// Source holds what is set, and who is connected. Its methods may be called from any goroutine.
type Source struct {
	file string
	now  func() time.Time

	mu      sync.Mutex
	version uint64
	entries map[string]Entry
	layers  map[string]uint64 // the version at which each layer last changed
	nodes   map[*stream]bool
	changed chan struct{} // closed and replaced at each change
}

// kept is what the file holds.
type kept struct {
	V       int     `json:"v"`
	Version uint64  `json:"version"`
	Entries []Entry `json:"entries"`
}

// Open makes a source that keeps its state in a file, and reads what is there.
func Open(file string, now func() time.Time) (*Source, error) {
	s := &Source{file: file, now: now, entries: make(map[string]Entry), layers: make(map[string]uint64), nodes: make(map[*stream]bool), changed: make(chan struct{})}
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	var k kept
	if err == nil {
		err = json.Unmarshal(b, &k)
	}
	if err != nil || k.V != 1 {
		return nil, fmt.Errorf("reading which levers are out from %s: %w; without it an Envoy that connects would end them: mend or remove the file", file, errors.Join(err, wrongVersion(k.V)))
	}
	s.version = k.Version + 1 // what is sent after a start is never taken for what was sent before it
	for _, e := range k.Entries {
		if e.Until.After(now()) {
			s.entries[e.Key] = e
		}
		s.layers[e.Layer] = s.version
	}
	return s, nil
}

func wrongVersion(v int) error {
	if v == 1 {
		return nil
	}
	return fmt.Errorf("version %d is not known here", v)
}

// plainKey is what a runtime key and a layer may look like.
var plainKey = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,299}$`)

// Set does a change, keeps it, and tells all Envoys.
func (s *Source) Set(c Change) (Status, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next, err := s.judge(c)
	if err != nil {
		return Status{}, err
	}
	if maps.Equal(next, s.entries) {
		return s.status(), nil
	}
	if err := s.keep(next, s.version+1); err != nil {
		return Status{}, err // nobody is told what a new process would not know
	}
	s.become(next)
	return s.status(), nil
}

// judge gives what would be set after a change. It changes nothing.
func (s *Source) judge(c Change) (map[string]Entry, error) {
	refuse := func(format string, args ...any) *Refused { return &Refused{Why: fmt.Sprintf(format, args...)} }
	now := s.now()
	if len(c.Keys) == 0 {
		return nil, refuse("no key is named")
	}
	next := maps.Clone(s.entries)
	layer := ""
	for _, k := range c.Keys {
		have, set := s.entries[k.Key]
		switch {
		case !plainKey.MatchString(k.Key):
			return nil, refuse("%.60q is no runtime key", k.Key)
		case k.Value == nil && (!set || sameValue(have, k.If)):
			delete(next, k.Key)
			continue
		case !sameValue(have, k.If):
			if set && k.Value != nil && have.Value == *k.Value && have.Until.Equal(c.Until) {
				continue // it was said twice
			}
			r := refuse("%s %s", k.Key, wordsOf(have, set))
			r.Moved = true
			return nil, r
		case !c.Until.After(now) || c.Until.Sub(now) > maxTTL:
			return nil, refuse("the deadline %s does not lie between now and %s from now", c.Until.Format(time.RFC3339), maxTTL)
		}
		if layer == "" {
			if layer = s.layerFor(c, now); layer == "" {
				return nil, refuse("no layer is named that all Envoys have")
			}
		}
		next[k.Key] = Entry{Key: k.Key, Value: *k.Value, Until: c.Until.UTC(), Layer: layer, By: c.By, Reason: c.Reason}
	}
	if len(next) > maxEntries {
		return nil, refuse("more than %d keys would be set", maxEntries)
	}
	return next, nil
}

func sameValue(e Entry, v *uint32) bool {
	return v == nil && e.Key == "" || v != nil && e.Key != "" && e.Value == *v
}

func wordsOf(e Entry, set bool) string {
	if !set {
		return "is not set any more"
	}
	return fmt.Sprintf("is set to %d until %s", e.Value, e.Until.Format(time.RFC3339))
}

// layerFor chooses a layer: one that has this very deadline, else an empty one, else the one whose nearest deadline is
// the farthest. In that last case the layer has two deadlines, and a process that is killed before the first ends both.
func (s *Source) layerFor(c Change, now time.Time) string {
	best, bestEnd := "", time.Time{}
	for _, l := range c.Layers {
		if !plainKey.MatchString(l) {
			continue
		}
		end := time.Time{}
		for _, e := range s.entries {
			if e.Layer == l && e.Until.After(now) && (end.IsZero() || e.Until.Before(end)) && !c.touches(e.Key) {
				end = e.Until
			}
		}
		switch {
		case !end.IsZero() && end.Equal(c.Until):
			return l
		case end.IsZero():
			end = now.Add(2 * maxTTL)
		}
		if best == "" || end.After(bestEnd) {
			best, bestEnd = l, end
		}
	}
	return best
}

func (c *Change) touches(key string) bool {
	return slices.ContainsFunc(c.Keys, func(k KeyChange) bool { return k.Key == key })
}

// become takes over what is set, and wakes the streams.
func (s *Source) become(next map[string]Entry) {
	s.version++
	for _, both := range []map[string]Entry{s.entries, next} {
		for k, e := range both {
			if s.entries[k] != next[k] {
				s.layers[e.Layer] = s.version
			}
		}
	}
	s.entries = next
	close(s.changed)
	s.changed = make(chan struct{})
}

// keep writes the file in one step.
func (s *Source) keep(entries map[string]Entry, version uint64) error {
	k := kept{V: 1, Version: version, Entries: sorted(entries)}
	b, err := json.MarshalIndent(k, "", " ")
	if err != nil {
		return fmt.Errorf("writing %s: %w", s.file, err)
	}
	if err := filing.Put(s.file, b, filing.Options{}); err != nil {
		return fmt.Errorf("keeping which levers are out in %s: %w", s.file, err)
	}
	return nil
}

func sorted(entries map[string]Entry) []Entry {
	out := make([]Entry, 0, len(entries))
	for _, k := range slices.Sorted(maps.Keys(entries)) {
		out = append(out, entries[k])
	}
	return out
}

// Status gives what is set, and who is connected.
func (s *Source) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status()
}

func (s *Source) status() Status {
	st := Status{V: 1, Version: s.version, Entries: sorted(s.entries), Nodes: []Node{}}
	for n := range s.nodes {
		st.Nodes = append(st.Nodes, n.seen()...)
	}
	slices.SortFunc(st.Nodes, func(a, b Node) int { return compareNodes(a, b) })
	return st
}

// expire drops what has ended, and gives how long it is until the next one does.
func (s *Source) expire() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	next, wait := make(map[string]Entry), time.Hour
	for k, e := range s.entries {
		if left := e.Until.Sub(now); left > 0 {
			next[k] = e
			wait = min(wait, left)
		}
	}
	if len(next) < len(s.entries) {
		_ = s.keep(next, s.version+1) // what has ended is passed over when the file is read
		s.become(next)
	}
	return wait
}
