package drill

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
)

// retrySettings is the value of the retry control.
type retrySettings struct {
	MaxAttempts int
	Timeout     time.Duration // of one attempt
}

const (
	firstBackoff  = 80 * time.Millisecond
	longestPause  = 2 * time.Second
	longestAfter  = 5 * time.Second // a Retry-After beyond it ends the attempts
	mostAttempts  = 6
	longestByHand = 2 * time.Minute
)

var errUpstreamTimeout = errors.New("the target did not answer in time")

func (s retrySettings) check() error {
	if s.MaxAttempts < 1 || s.MaxAttempts > mostAttempts {
		return fmt.Errorf("max_attempts %d: must be 1 to %d", s.MaxAttempts, mostAttempts)
	}
	if s.Timeout < 50*time.Millisecond || s.Timeout > longestByHand {
		return fmt.Errorf("timeout %v: must be 50ms to %v", s.Timeout, longestByHand)
	}
	return nil
}

// policy repeats what is worth repeating, after what the target asked for or
// else an exponential pause with jitter.
func (s retrySettings) policy() retrypolicy.RetryPolicy[*answer] {
	return retrypolicy.NewBuilder[*answer]().
		HandleIf(func(a *answer, _ error) bool { return a != nil && a.retryable() }).
		AbortIf(func(a *answer, _ error) bool { return a != nil && !a.ok() && a.failure.RetryAfter > longestAfter }).
		WithMaxAttempts(s.MaxAttempts).
		WithDelayFunc(func(e failsafe.ExecutionAttempt[*answer]) time.Duration {
			return pause(e.LastResult(), e.Attempts(), rand.Float64())
		}).
		ReturnLastFailure().
		Build()
}

// pause is the wait after the given number of attempts; luck in [0,1) is the
// jitter. The policy's own jitter could fall below a Retry-After, this cannot.
func pause(last *answer, attempts int, luck float64) time.Duration {
	if last != nil && !last.ok() && last.failure.RetryAfter > 0 {
		after := last.failure.RetryAfter
		return after + time.Duration(luck*0.25*float64(after))
	}
	full := min(firstBackoff<<max(attempts-1, 0), longestPause)
	return full/2 + time.Duration(luck*float64(full/2))
}
