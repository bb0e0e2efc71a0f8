package drill

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"
)

var (
	errQueueFull    = errors.New("the queue is full")
	errQueueTimeout = errors.New("waited too long in the queue")
)

// queueBounds are how many requests of a workload may wait for one deployment,
// and for how long.
type queueBounds struct {
	length int
	wait   time.Duration
}

// queue lets at most limit requests through at a time; the rest wait, each
// workload in its own bounded line. Interactive work always goes first: batch
// moves only while no interactive request waits.
type queue struct {
	mu      sync.Mutex
	limit   int
	running map[string]int
	lines   map[string]*list.List // of chan struct{}, closed when its owner may run
	bounds  map[string]queueBounds
}

func newQueue(limit int) *queue {
	return &queue{
		limit:   limit,
		running: map[string]int{},
		lines:   map[string]*list.List{interactive: list.New(), batch: list.New()},
		bounds: map[string]queueBounds{
			interactive: {length: 64, wait: 4 * time.Second},
			batch:       {length: 64, wait: 8 * time.Second},
		},
	}
}

// acquire waits for a place. It returns how long that took, and a release that
// must be called once when there is no error.
func (q *queue) acquire(ctx context.Context, workload string) (release func(), waited time.Duration, err error) {
	release = func() { q.release(workload) }
	turn, element, err := q.join(workload)
	if turn == nil {
		return release, 0, err
	}
	start := time.Now()
	timer := time.NewTimer(q.bounds[workload].wait)
	defer timer.Stop()
	select {
	case <-turn:
		return release, time.Since(start), nil
	case <-timer.C:
		err = errQueueTimeout
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if !q.leave(workload, element) { // its turn came in the same instant
		q.release(workload)
	}
	return nil, time.Since(start), err
}

// join takes a place (no turn, no error) or stands in line.
func (q *queue) join(workload string) (chan struct{}, *list.Element, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	line := q.lines[workload]
	if q.total() < q.limit && line.Len() == 0 {
		q.running[workload]++
		return nil, nil, nil
	}
	if line.Len() >= q.bounds[workload].length {
		return nil, nil, errQueueFull
	}
	turn := make(chan struct{})
	return turn, line.PushBack(turn), nil
}

// leave takes a waiter out of line; false says that it already has its place.
func (q *queue) leave(workload string, element *list.Element) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	turn, _ := element.Value.(chan struct{})
	select {
	case <-turn:
		return false
	default:
	}
	q.lines[workload].Remove(element)
	return true
}

func (q *queue) release(workload string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running[workload]--
	q.admit()
}

// setLimit changes the cap. Requests in work above a lower one finish.
func (q *queue) setLimit(limit int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.limit = limit
	q.admit()
}

func (q *queue) admit() {
	for _, workload := range []string{interactive, batch} {
		line := q.lines[workload]
		for line.Len() > 0 && q.total() < q.limit {
			turn, _ := line.Remove(line.Front()).(chan struct{})
			q.running[workload]++
			close(turn)
		}
	}
}

func (q *queue) total() int { return q.running[interactive] + q.running[batch] }

// load says how many of a workload run and wait, and the limit.
func (q *queue) load(workload string) (running, waiting, limit int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.running[workload], q.lines[workload].Len(), q.limit
}

// hold keeps requests back while it is shut, for a bounded time: paused work
// waits, it does not fail at once.
type hold struct {
	mu      sync.Mutex
	open    chan struct{} // closed while requests may pass
	waiting int
	longest time.Duration
}

func newHold(longest time.Duration) *hold {
	h := &hold{open: make(chan struct{}), longest: longest}
	close(h.open)
	return h
}

func (h *hold) set(shut bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.open:
		if shut {
			h.open = make(chan struct{})
		}
	default:
		if !shut {
			close(h.open)
		}
	}
}

// pass waits until the hold opens; false says that it did not in time.
func (h *hold) pass(ctx context.Context) bool {
	h.mu.Lock()
	open := h.open
	h.waiting++
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		h.waiting--
		h.mu.Unlock()
	}()
	timer := time.NewTimer(h.longest)
	defer timer.Stop()
	select {
	case <-open:
		return true
	default:
	}
	select {
	case <-open:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

func (h *hold) held() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.waiting
}
