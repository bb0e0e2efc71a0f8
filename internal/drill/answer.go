package drill

import (
	"net/http"
	"slices"
	"time"
)

// usage is what a completion cost.
type usage struct{ In, Out, Cached int }

// failure is why an attempt, or a request, did not end well. Message is the
// text of whoever refused, as it came.
type failure struct {
	Code, Type, Message string
	RetryAfter          time.Duration
}

// Codes of the gateway's own verdicts.
const (
	codeTruncated   = "stream_truncated"
	codeInvalid     = "invalid_output"
	codeTimeout     = "upstream_timeout"
	codeConnection  = "connection_error"
	codeClosed      = "client_closed_request"
	codeNoUpstream  = "no_healthy_upstream"
	codeQueueFull   = "queue_full"
	codeQueueWait   = "queue_timeout"
	codePaused      = "workload_paused"
	codeShed        = "load_shed"
	statusClientEnd = 499
)

// answer is what became of one attempt at a target.
type answer struct {
	status  int // the upstream's; 0: none came
	failure *failure
	refused bool // the gateway itself refused; nothing was sent
	begun   bool // the target has begun its answer, so repeating it would do the work twice
	written bool // bytes have gone to the client
	body    []byte
	served  string // the model that the target says it was
	finish  string
	usage   usage
	ttft    time.Duration // since the attempt began
	first   time.Time     // when the first byte of the answer came; zero: never
}

func refusal(status int, code, kind, message string, retryAfter time.Duration) *answer {
	return &answer{status: status, refused: true, failure: &failure{
		Code: code, Type: kind, Message: message, RetryAfter: retryAfter,
	}}
}

func (a *answer) ok() bool { return a.failure == nil }

// retryable says whether the same request may be tried again on the same
// target. Not what no repetition mends: a refused key, a bad request, a spent
// quota; and not once an answer has begun.
func (a *answer) retryable() bool {
	if a.ok() || a.refused || a.begun || a.failure.Code == codeClosed || a.failure.Code == "insufficient_quota" {
		return false
	}
	return a.status == 0 || a.status >= 500 || slices.Contains([]int{
		http.StatusOK, // headers, and then no answer
		http.StatusRequestTimeout, http.StatusTooManyRequests,
	}, a.status)
}

// movable says whether another target may be tried. Unlike a retry it also
// helps where the key, the quota or the queue is the trouble.
func (a *answer) movable() bool {
	if a.ok() || a.written || a.failure.Code == codeClosed {
		return false
	}
	if a.refused {
		return slices.Contains([]string{codeNoUpstream, codeQueueFull, codeQueueWait}, a.failure.Code)
	}
	return !slices.Contains([]int{
		http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity,
	}, a.status)
}

// targetsFault says whether the breaker should hold it against the target.
// A rate limit counts: sending less is what mends it. A 200 that was cut short
// or is no JSON does not: breakers watch connections and statuses, which is why
// such a fault needs an operator.
func (a *answer) targetsFault() bool {
	if a.ok() || a.refused || a.failure.Code == codeClosed {
		return false
	}
	return a.status == 0 || a.status >= 500 || slices.Contains([]int{
		http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests,
	}, a.status)
}

// clientStatus is the status that the client sees: the upstream's own where
// there is one, so that a 524 stays a 524.
func (a *answer) clientStatus() int {
	switch {
	case a.ok():
		return http.StatusOK
	case a.failure.Code == codeClosed:
		return statusClientEnd
	case a.failure.Code == codeTimeout:
		return http.StatusGatewayTimeout
	case a.written:
		return http.StatusOK // the headers are gone
	case a.status == 0, a.status < 400: // no answer, or half of one
		return http.StatusBadGateway
	}
	return a.status
}
