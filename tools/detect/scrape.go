package main

import (
	"maps"
	"slices"
	"time"

	"signalbox/internal/burst"
	"signalbox/internal/traffic"
)

// scrape collects the counts of some seconds, and then gives them to the detector as the board does with the delta of a
// counter: spread evenly over the seconds that it is about. A counter tells neither attempts nor latencies.
func (s *sim) scrape(t int64) {
	for i := range s.feed.leaves {
		in := &s.feed.leaves[i]
		h := s.held[in.Key]
		if h == nil {
			h = &burst.Leaf{Key: in.Key}
			s.held[in.Key] = h
		}
		for _, o := range in.ByOutcome {
			at := slices.IndexFunc(h.ByOutcome, func(x burst.OutcomeN) bool { return x.Outcome == o.Outcome })
			if at < 0 {
				at = len(h.ByOutcome)
				h.ByOutcome = append(h.ByOutcome, burst.OutcomeN{Outcome: o.Outcome})
			}
			h.ByOutcome[at].N += o.N
		}
	}
	if (t+1)%s.width != 0 {
		return
	}
	keys := slices.SortedFunc(maps.Keys(s.held), func(a, b traffic.Key) int { return slices.Compare(a[:], b[:]) })
	for i := range s.width {
		var leaves []burst.Leaf
		for _, k := range keys {
			if l := part(s.held[k], i, s.width); l.Req > 0 {
				leaves = append(leaves, l)
			}
		}
		s.close(t-s.width+1+i, leaves)
	}
	clear(s.held)
}

// part is the share of second i of a count that is about so many seconds. As on the board each count is rounded at a
// phase of its own.
func part(h *burst.Leaf, i, width int64) burst.Leaf {
	l := burst.Leaf{Key: h.Key, Width: time.Duration(width) * time.Second}
	for _, o := range h.ByOutcome {
		phase := phaseOf(h.Key, o.Outcome)
		upTo := func(i int64) int64 { return int64(float64(o.N)*float64(i)/float64(width) + phase) }
		n := upTo(i+1) - upTo(i)
		if n == 0 {
			continue
		}
		l.Req += n
		l.FirstReq += n
		switch {
		case !o.Outcome.Failed():
		case o.Outcome.Class().Caller():
			l.CallerErr += n
		default:
			l.Err += n
			l.FirstErr += n
		}
		l.ByOutcome = append(l.ByOutcome, burst.OutcomeN{Outcome: o.Outcome, N: n, First: n})
	}
	return l
}

// phaseOf gives a count a phase from 0 to 1.
func phaseOf(key traffic.Key, o traffic.Outcome) float64 {
	h := uint64(o)
	for _, s := range key {
		h = (h ^ uint64(s)) * 0x9e3779b97f4a7c15
		h ^= h >> 32
	}
	return float64(h>>11) / (1 << 53)
}
