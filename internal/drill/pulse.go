package drill

import (
	"context"
	"sync"
	"time"
)

const (
	beat     = 50 * time.Millisecond
	lateBeat = 250 * time.Millisecond // a beat that comes later than this was kept back by the machine
)

// Standstill is how long a fleet's own machine kept it from running: sleep, a debugger, or programs that want more than there is.
// Nothing happens to users in that time, and everything is late after it, which no scenario declares.
type Standstill struct {
	Total, Longest time.Duration
	Away           int // users who should have come then, or while the machine ran late, and did not
}

// pulse measures how late the fleet's goroutines come to run.
type pulse struct {
	mu   sync.Mutex
	lost Standstill
}

// run beats until the context ends.
func (p *pulse) run(ctx context.Context) {
	last := time.Now().Round(0) // without the monotonic clock, which a sleeping machine may stop
	for wait(ctx, beat) {
		now := time.Now().Round(0)
		p.took(now.Sub(last))
		last = now
	}
}

// took is told how long a beat lasted.
func (p *pulse) took(d time.Duration) {
	late := d - beat
	if late < lateBeat {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost.Total += late
	p.lost.Longest = max(p.lost.Longest, late)
}

func (p *pulse) standstill() Standstill {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lost
}
