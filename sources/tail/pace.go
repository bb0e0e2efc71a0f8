package tail

import (
	"context"
	"slices"
	"sync"
	"time"

	"signalbox/internal/traffic"
)

const (
	// paceSkew is how far apart in event time the lines of several logs may be that are handed on: what is detected waits so
	// long for what is late.
	paceSkew = 2 * time.Second
	// paceStuck is after which time without any progress a log is waited for no longer: a disk that does not answer must not
	// keep all others unread.
	paceStuck = 5 * time.Second
	paceLook  = 100 * time.Millisecond
)

// Pace has several logs that are read back from before the start advance together, by the times of their lines: what
// one has told long ago would be too late beside what another tells now. Until all have come to where they ended at the start
// no line that was written after it is handed on; the disk keeps those. It ends by itself.
type Pace struct {
	mu     sync.Mutex
	tails  int                     // those that have not opened their files yet
	tailed map[*Tail]bool          // those that have
	heads  map[*follower]time.Time // of those that read back: before this all is handed on
	since  time.Time               // what is older is left out, since not all logs go back so far
	stuck  time.Time               // since when nothing has moved
	over   chan struct{}           // closed when all have come to the end
	moved  chan struct{}           // closed, and made anew, whenever something has
}

// NewPace makes one for so many sources that are made with it. Each of them is to be run.
func NewPace(tails int) *Pace {
	return &Pace{
		tails: tails, heads: make(map[*follower]time.Time), over: make(chan struct{}), moved: make(chan struct{}),
		tailed: make(map[*Tail]bool),
	}
}

// done tells whether there is nothing to wait for any more. Nobody ever waits where there is no pace.
func (p *Pace) done() bool {
	if p == nil {
		return true
	}
	select {
	case <-p.over:
		return true
	default:
		return false
	}
}

func (p *Pace) stir(now time.Time) {
	p.stuck = now
	close(p.moved)
	p.moved = make(chan struct{})
	if p.tails == 0 && len(p.heads) == 0 && !p.done() {
		close(p.over)
	}
}

// join has a follower be waited for.
func (p *Pace) join(f *follower) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heads[f] = time.Time{}
}

// ready notes that a source has opened its files, and all that read back have joined.
func (p *Pace) ready(t *Tail, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.tailed[t] {
		p.tailed[t] = true
		p.tails--
		p.stir(now)
	}
}

// leave ends a source: nobody waits for it.
func (p *Pace) leave(t *Tail, now time.Time) {
	if p == nil {
		return
	}
	p.ready(t, now)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range t.follow {
		delete(p.heads, f)
	}
	p.stir(now)
}

// from leaves out what is older than a time, in all logs.
func (p *Pace) from(since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if since.After(p.since) {
		p.since = since
	}
}

// at says how far a follower is: all before is handed on. With done it has come to the end.
func (p *Pace) at(f *follower, head time.Time, done bool, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	was, joined := p.heads[f]
	switch {
	case !joined:
	case done:
		delete(p.heads, f)
		p.stir(now)
	case !head.Equal(was):
		p.heads[f] = head
		p.stir(now)
	}
}

// horizon is up to when lines may be handed on now, and from when on. ok is false where none may be; a change closes moved.
func (p *Pace) horizon(now time.Time) (to, since time.Time, ok bool, moved <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stuck.IsZero() {
		p.stuck = now
	}
	if now.Sub(p.stuck) > paceStuck {
		p.tails = 0
		clear(p.heads)
		p.stir(now)
	}
	for _, head := range p.heads {
		if to.IsZero() || head.Before(to) {
			to = head
		}
		if head.IsZero() {
			return to, p.since, false, p.moved
		}
	}
	if len(p.heads) == 0 { // what is left of those that nobody waits for
		to = now.Add(time.Hour)
	}
	return to.Add(paceSkew), p.since, p.tails == 0, p.moved
}

// held is a line that is read back and not handed on yet.
type held struct {
	key time.Time // nothing after it in its block is older
	rec traffic.Record
}

// hold keeps the records of a follower back that were read before their turn.
func (f *follower) hold(made []traffic.Record, now time.Time) {
	from := len(f.held)
	for i := range made {
		if f.fill != nil && !f.fill.keep(&made[i]) {
			continue
		}
		key := made[i].Time
		if made[i].Received || key.After(now) {
			key = now
			if n := len(f.held); n > 0 {
				key = f.held[n-1].key // it goes with the line before it
			}
		}
		f.held = append(f.held, held{key, made[i]})
	}
	for i := len(f.held) - 2; i >= from; i-- {
		if after := f.held[i+1].key; after.Before(f.held[i].key) {
			f.held[i].key = after
		}
	}
}

// paced tells whether a follower may read now: one that reads back as soon as what it has read is handed on, and one that
// follows when all are through.
func (t *Tail) paced(f *follower) bool {
	return t.opt.Pace.done() && len(f.held) == 0 || f.fill != nil && len(f.held) == 0
}

// merge moves what may be handed on now into the batch, in the order of its times. It gives what to wait for where there is
// nothing to do before: idle tells that nothing was read, either.
func (t *Tail) merge(now time.Time, idle bool) (wait <-chan struct{}) {
	p := t.opt.Pace
	if p == nil || p.done() && !t.holds() {
		return nil
	}
	for _, path := range t.order {
		f := t.follow[path]
		if len(f.held) > 0 && f.capped {
			p.from(f.held[0].key)
			f.capped = false
		}
	}
	t.reached(now)
	to, since, ok, moved := p.horizon(now)
	from, some, reads := len(t.out), false, false
	for _, path := range t.order {
		f := t.follow[path]
		n := 0
		for ok && n < len(f.held) && !f.held[n].key.After(to) {
			if r := &f.held[n].rec; !r.Time.Before(since) {
				t.out = append(t.out, *r)
			}
			n++
		}
		f.held = slices.Delete(f.held, 0, n)
		some = some || n > 0
		reads = reads || f.fill != nil && len(f.held) == 0
	}
	slices.SortStableFunc(t.out[from:], func(a, b traffic.Record) int { return a.Time.Compare(b.Time) })
	switch {
	case some, reads && !idle, p.done():
		return nil
	case reads:
		return p.over // what a line waits for comes with time
	}
	return moved
}

// holds tells whether something was read that was not handed on.
func (t *Tail) holds() bool {
	return slices.ContainsFunc(t.order, func(p string) bool { return len(t.follow[p].held) > 0 })
}

// reached tells the pace how far the followers are, once all before is handed on.
func (t *Tail) reached(now time.Time) {
	if t.opt.Pace.done() || len(t.out) > 0 {
		return
	}
	for _, path := range t.order {
		switch f := t.follow[path]; {
		case len(f.held) > 0:
			f.head = f.held[0].key
			t.opt.Pace.at(f, f.head, false, now)
		case f.fill == nil:
			t.opt.Pace.at(f, f.head, true, now)
		}
	}
}

// lets waits for the logs that are read back: what has no past begins after them.
func (t *Tail) lets(ctx context.Context) {
	t.opt.Pace.leave(t, t.opt.Kit.Now())
	t.opt.Pace.Wait(ctx)
}

// Wait waits until the logs have been read back, or ctx ends.
func (p *Pace) Wait(ctx context.Context) {
	if p == nil {
		return
	}
	select {
	case <-ctx.Done():
	case <-p.over:
	}
}

// await waits until another source has moved, or for a while.
func (t *Tail) await(ctx context.Context, moved <-chan struct{}) {
	timer := time.NewTimer(paceLook)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-moved:
	case <-timer.C:
	}
}
