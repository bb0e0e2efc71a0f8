package board

import (
	"time"

	"signalbox/internal/traffic"
)

// Told is when traffic was last counted, and when a line last told what not every log tells; zero for never.
type Told struct{ Newest, Tokens, Repeats, Fallbacks time.Time }

// toldAt are the newest seconds in which the lines of a series told something; 0 for none.
type toldAt struct{ tokens, repeats, fallbacks int64 }

func (h *toldAt) hear(t *tally, sec int64) {
	if t.in+t.out+t.cached > 0 {
		h.tokens = max(h.tokens, sec)
	}
	if !t.first {
		h.repeats = max(h.repeats, sec)
	}
	if t.from != traffic.Unknown {
		h.fallbacks = max(h.fallbacks, sec)
	}
}

// Told asks when the selected traffic told what, without a look at its buckets. The times are those of seconds, or of the
// buckets that they have become a part of.
func (b *Board) Told(sel traffic.Selector) Told {
	newest := int64(minSecond)
	var h toldAt
	for _, s := range b.series.counted() {
		if !b.reads(s, sel) {
			continue
		}
		for _, list := range s.levels {
			if n := len(list); n > 0 {
				newest = max(newest, list[n-1].start)
			}
		}
		h.tokens, h.repeats, h.fallbacks = max(h.tokens, s.told.tokens), max(h.repeats, s.told.repeats), max(h.fallbacks, s.told.fallbacks)
	}
	t := Told{Tokens: secondOf(h.tokens), Repeats: secondOf(h.repeats), Fallbacks: secondOf(h.fallbacks)}
	if newest > minSecond {
		t.Newest = time.Unix(newest, 0).UTC()
	}
	return t
}

func secondOf(unix int64) time.Time {
	if unix == 0 {
		return time.Time{}
	}
	return time.Unix(unix, 0).UTC()
}
