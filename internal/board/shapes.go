package board

import (
	"time"

	"signalbox/internal/traffic"
)

// ShapeCount is how often requests of one shape were made and failed.
type ShapeCount struct{ Req, Err int64 }

// Bounds of one count over shapes.
const (
	maxShapes  = 1000    // shapes told apart; those of requests beyond them are left out
	maxCounted = 100_000 // records looked at, the newest
)

// Shapes counts the newest records since a time whose keys the selector takes, by the shape of their request. It reads
// columns alone, so it is cheap. Records without a shape are left out.
func (r Records) Shapes(sel traffic.Selector, since time.Time) map[uint64]ShapeCount {
	out := make(map[uint64]ShapeCount)
	from := since.UnixNano()
	for to, seen := r.base+int64(r.n), 0; to > r.base && seen < maxCounted; {
		s, last, t := r.where(to - 1)
		low := max(r.base, to-1-int64(last))
		takes := make([]int8, len(t.keys)) // by key: 0 not asked yet, 1 yes, -1 no
		for i := last; t.shape != nil && i >= last-int(to-1-low) && seen < maxCounted; i-- {
			seen++
			k := s.key[i]
			if t.shape[i] == 0 || s.at[i] < from {
				continue
			}
			if takes[k] == 0 {
				takes[k] = -1
				if sel.Match(t.keys[k]) {
					takes[k] = 1
				}
			}
			if takes[k] < 0 {
				continue
			}
			c, known := out[t.shape[i]]
			if !known && len(out) >= maxShapes {
				continue
			}
			c.Req++
			if unpackOutcome(s.outcome[i]).Failed() {
				c.Err++
			}
			out[t.shape[i]] = c
		}
		to = low
	}
	return out
}
