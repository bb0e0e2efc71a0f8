package drill

import (
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

// target is a deployment as one gateway instance sees it: where it is, how it
// is spoken to, and what may be sent there now.
type target struct {
	Deployment
	baseURL string
	dialect dialect
	queue   *queue
	breaker circuitbreaker.CircuitBreaker[any]
	out     atomic.Bool // taken out by an operator
	forced  atomic.Bool // breaker held open by an operator

	inflight map[string]*atomic.Int64 // attempts on the wire, by workload
}

func newTarget(d Deployment, baseURL string, g GatewayTuning) *target {
	return &target{
		Deployment: d,
		baseURL:    baseURL,
		dialect:    dialectOf(d),
		queue:      newQueue(g.Cap),
		breaker: circuitbreaker.NewBuilder[any]().
			WithFailureRateThreshold(float64(g.BreakerPercent)/100, uint(g.BreakerMinimum), g.BreakerWindow).
			WithDelay(g.BreakerOpen).
			WithSuccessThresholdRatio(2, 3).
			Build(),
		inflight: map[string]*atomic.Int64{interactive: {}, batch: {}},
	}
}

// refuses says whether the breaker lets nothing through just now, and for how
// long; it takes no permit.
func (t *target) refuses() (time.Duration, bool) {
	if t.forced.Load() {
		return 30 * time.Second, true
	}
	left := t.breaker.RemainingDelay()
	return left, left > 0
}

// permit asks the breaker for one attempt. Each permit must be followed by one
// record: a probe of a half-open breaker that never reports would block it.
func (t *target) permit() bool { return !t.forced.Load() && t.breaker.TryAcquirePermit() }

// record tells the breaker how an attempt ended. What the caller did wrong
// (bad request, going away) is no failure of the target.
func (t *target) record(a *answer) {
	if a.targetsFault() {
		t.breaker.RecordFailure()
		return
	}
	t.breaker.RecordSuccess()
}

// breakerState is 0 closed, 1 half-open, 2 open.
func (t *target) breakerState() float64 {
	switch {
	case t.forced.Load(), t.breaker.IsOpen():
		return 2
	case t.breaker.IsHalfOpen():
		return 1
	}
	return 0
}

func (t *target) holdOpen(open bool) {
	t.forced.Store(open)
	if !open {
		t.breaker.Close()
	}
}
