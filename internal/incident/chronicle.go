package incident

import (
	"slices"
	"sort"
)

// index is the entries by incident, so that folding many incidents reads the journal once.
type index struct {
	entries  []Entry
	ids      []string         // in order of appearance
	own      map[string][]int // by incident
	standing []int            // outside any incident, in order
	bursts   map[string][]int // standing entries about a burst
}

func chronicle(entries []Entry) *index {
	c := &index{entries: entries, own: map[string][]int{}, bursts: map[string][]int{}}
	for i := range entries {
		e := &entries[i]
		if e.Incident == "" {
			c.standing = append(c.standing, i)
			var d struct {
				ID string `json:"id"`
			}
			if e.Kind.Noun() == "burst" && e.Decode(&d) == nil {
				c.bursts[d.ID] = append(c.bursts[d.ID], i)
			}
			continue
		}
		if _, ok := c.own[e.Incident]; !ok {
			c.ids = append(c.ids, e.Incident)
		}
		c.own[e.Incident] = append(c.own[e.Incident], i)
	}
	return c
}

// of returns the entries of one incident in the order of the journal: its own, and those outside any incident that it is linked to.
func (c *index) of(id string) []Entry {
	at := slices.Clone(c.own[id])
	for _, i := range c.own[id] {
		if c.entries[i].Kind != IncidentLinked {
			continue
		}
		var d IncidentData
		if c.entries[i].Decode(&d) != nil {
			continue
		}
		if d.FromSeq > 0 {
			at = append(at, c.linked(d.FromSeq, d.ToSeq)...)
		}
		for _, seq := range d.Seqs {
			at = append(at, c.linked(seq, seq)...)
		}
		for _, b := range d.Bursts {
			at = append(at, c.bursts[b]...)
		}
	}
	slices.Sort(at)
	at = slices.Compact(at)
	out := make([]Entry, len(at))
	for n, i := range at {
		out[n] = c.entries[i]
	}
	return out
}

// linked returns the standing entries with a seq from … to.
func (c *index) linked(from, to int64) []int {
	lo := sort.Search(len(c.standing), func(n int) bool { return c.entries[c.standing[n]].Seq >= from })
	hi := sort.Search(len(c.standing), func(n int) bool { return c.entries[c.standing[n]].Seq > to })
	if lo > hi {
		return nil
	}
	return c.standing[lo:hi]
}
