package board

import (
	"slices"

	"signalbox/internal/traffic"
)

// detail is what is told of a cell as long as its second is open.
type detail struct {
	again int64
	measured
	callers []CallerN
}

// mostCallers bounds the callers that are told apart in one cell and second.
const mostCallers = 64

// detail gives that of the cell with this index.
func (c *counts) detail(at int) *detail {
	for at >= len(c.details) {
		if n := len(c.details); n < cap(c.details) {
			c.details = c.details[:n+1]
			x := &c.details[n]
			x.reset()
			x.again, x.callers = 0, x.callers[:0]
		} else {
			c.details = append(c.details, detail{})
		}
	}
	return &c.details[at]
}

func (x *detail) add(b *traffic.Brief, first bool) {
	if b.Attempt > 1 && b.Known&traffic.HasAttempt != 0 {
		x.again++
	}
	x.fall(b.From)
	x.take(first && !b.Outcome.Failed(), b.Known, b.Latency, b.TTFT, b.TokensIn, b.TokensOut)
	if b.Caller == traffic.Unknown || !b.Outcome.Class().Caller() {
		return
	}
	who := b.Caller
	if len(x.callers) >= mostCallers && !slices.ContainsFunc(x.callers, func(c CallerN) bool { return c.Caller == who }) {
		who = traffic.Other
	}
	for i := range x.callers {
		if x.callers[i].Caller == who {
			x.callers[i].N++
			return
		}
	}
	x.callers = append(x.callers, CallerN{Caller: who, N: 1})
}
