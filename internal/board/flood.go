package board

import (
	"cmp"
	"math"
	"time"
)

// flood decides which successes keep their raw lines while more come than anybody could read. A record lives as long as there is
// room for it, at a hundred thousand a second for ten seconds: packing all of their lines to throw them away is most of what
// such a log costs. So of each second of log time only so many bytes of them are kept, evenly chosen, and the rest of the record
// stays whole. Failures are not asked here: they keep theirs.
//
// What the next second keeps is told by what came in the one before, so a flood's first second is kept whole. A log that is
// read faster than it was written has its own time, and a log whose time comes in steps has the clock's: of both the one counts
// by which fewer came in a second.
type flood struct {
	most         int    // bytes a second of the raw lines of successes; negative: all are kept
	share        uint64 // of 1<<64, how much of them is kept
	turn         uint64
	bytes        int   // that came since
	event, clock int64 // the newest time of the log and the time, in unix nanoseconds; 0 for none
}

// golden steps through all numbers so that any few in a row are far apart, and falls into step with no other order.
const golden = 0x9e3779b97f4a7c15

func newFlood(most int) flood { return flood{most: most, share: math.MaxUint64} }

// keeps tells whether the next success keeps its line, which has so many bytes.
func (f *flood) keeps(size int) bool {
	f.bytes += size
	f.turn += golden
	return f.turn <= f.share
}

// look sets what is kept from now on, where a second has gone by since that was last done. Times that are not known are zero.
func (f *flood) look(event, clock time.Time) {
	e, c := unixNano(event), unixNano(clock)
	if f.event == 0 || f.clock == 0 { // it begins
		f.event, f.clock = cmp.Or(f.event, e), cmp.Or(f.clock, c)
	}
	span := max(since(f.event, e), since(f.clock, c))
	if f.most < 0 || span < float64(time.Second) {
		return
	}
	f.share = math.MaxUint64
	if part := float64(f.most) * span / (float64(f.bytes) * float64(time.Second)); part < 1 {
		f.share = uint64(part * (1 << 63) * 2)
	}
	f.bytes, f.event, f.clock = 0, max(f.event, e), c
}

func unixNano(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// since is how long ago then was, 0 where that is not known.
func since(then, now int64) float64 {
	if now == 0 || then == 0 {
		return 0
	}
	return float64(now - then)
}
