package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/failsafe-go/failsafe-go"
)

// exchange is one client request on its way through one gateway instance.
type exchange struct {
	g   *gateway
	w   http.ResponseWriter
	r   *http.Request
	req *chatRequest
	out *streamWriter

	id, caller, workload, region string
	start                        time.Time
	queued                       time.Duration
	attempts                     int
	last                         *target // the last one tried
	fallbackFrom                 string
}

// answer finds a target, asks it, and falls back where that is on.
func (x *exchange) answer(ctx context.Context) *answer {
	if a := x.admit(ctx); a != nil {
		return a
	}
	if x.g.degraded[x.req.Model].Load() {
		return x.prepared()
	}
	hops := x.g.hops(x.req.Model, x.region, int(hash64(x.pin())%100))
	if len(hops) == 0 {
		return refusal(http.StatusServiceUnavailable, codeNoUpstream, "gateway_error",
			fmt.Sprintf("no healthy upstream: every deployment of %s is out of rotation and its fallback is off", x.req.Model), 5*time.Second)
	}
	var a *answer
	for i, t := range hops {
		if i > 0 {
			x.fallbackFrom = x.last.Name
			x.g.meters.fallbacks.WithLabelValues(x.last.Name, t.Name).Inc()
		}
		x.last = t
		if a = x.try(ctx, t); !a.movable() {
			break
		}
	}
	return a
}

// pin is the same for a client's repeats of one request.
func (x *exchange) pin() string {
	if key := x.r.Header.Get("Idempotency-Key"); key != "" {
		return x.caller + "/" + key
	}
	return x.id
}

// admit holds paused work back and refuses what is shed; nil lets it in.
func (x *exchange) admit(ctx context.Context) *answer {
	before := time.Now()
	passed := x.g.holds[x.workload].pass(ctx)
	x.queued += time.Since(before)
	switch {
	case ctx.Err() != nil:
		return refusal(statusClientEnd, codeClosed, "cancelled", "the client closed the request", 0)
	case !passed:
		return refusal(http.StatusServiceUnavailable, codePaused, "gateway_paused",
			fmt.Sprintf("%s work is paused by an operator; come back later", x.workload), 5*time.Second)
	case x.g.sheds(x.workload):
		return refusal(http.StatusTooManyRequests, codeShed, "gateway_shed",
			fmt.Sprintf("a part of %s work is shed by an operator", x.workload), 2*time.Second)
	}
	return nil
}

// try asks one target, with retries. The place in its queue is kept through
// the pauses between attempts, so that a cap bounds retries too.
func (x *exchange) try(ctx context.Context, t *target) *answer {
	if left, closed := t.refuses(); closed {
		return x.breakerRefusal(t, left)
	}
	release, waited, err := t.queue.acquire(ctx, x.workload)
	x.queued += waited
	if err != nil {
		return x.queueRefusal(ctx, t, err)
	}
	defer release()
	settings := x.g.retries.Load()
	var last *answer
	got, err := failsafe.With(settings.policy).WithContext(ctx).GetWithExecution(
		func(e failsafe.Execution[*answer]) (*answer, error) {
			if !t.permit() {
				if last == nil {
					last = x.breakerRefusal(t, t.breaker.RemainingDelay())
				}
				return &answer{refused: true, failure: last.failure}, nil
			}
			if e.Attempts() > 1 {
				x.g.meters.retries.WithLabelValues(t.Name, x.workload).Inc()
			}
			last = x.attempt(ctx, t, settings.Timeout)
			return last, nil
		})
	if err != nil || got == nil || got.refused { // cut short between attempts
		got = last
	}
	if ctx.Err() != nil && (got == nil || !got.ok()) {
		return refusal(statusClientEnd, codeClosed, "cancelled", "the client closed the request", 0)
	}
	return got
}

func (x *exchange) breakerRefusal(t *target, left time.Duration) *answer {
	return refusal(http.StatusServiceUnavailable, codeNoUpstream, "gateway_error",
		fmt.Sprintf("no healthy upstream: circuit breaker open for %s", t.Name), max(left, time.Second))
}

func (x *exchange) queueRefusal(ctx context.Context, t *target, err error) *answer {
	if ctx.Err() != nil {
		return refusal(statusClientEnd, codeClosed, "cancelled", "the client closed the request", 0)
	}
	status, code := http.StatusServiceUnavailable, codeQueueWait
	if errors.Is(err, errQueueFull) {
		status, code = http.StatusTooManyRequests, codeQueueFull
	}
	return refusal(status, code, "gateway_overloaded",
		fmt.Sprintf("the gateway has no capacity for %s: %v", t.Name, err), 2*time.Second)
}

// prepared is the answer of a degraded model.
func (x *exchange) prepared() *answer {
	c := completion{
		Model: "prepared", Finish: "stop", Usage: usage{Out: 12},
		Text: "This service is short of capacity. Please try again in a few minutes.",
	}
	a := &answer{status: http.StatusOK, served: c.Model, finish: c.Finish, usage: c.Usage}
	if !x.req.Stream {
		a.body = wholeBody(x.id, c)
		return a
	}
	x.out.begin(c.Model)
	a.written = true
	if err := x.out.send(piece{Text: c.Text, Finish: c.Finish, Usage: c.Usage}); err != nil {
		a.failure = &failure{Code: codeClosed, Type: "cancelled", Message: err.Error()}
	}
	return a
}

// reply sends the end of the answer to the client.
func (x *exchange) reply(a *answer) {
	switch {
	case a.written && a.ok():
		_ = x.out.done() // the client left: nobody to tell
	case a.written:
		_ = x.out.fail(a.failure)
	case a.ok():
		x.w.Header().Set("Content-Type", "application/json")
		x.w.Header().Set("X-Served-Model", a.served)
		_, _ = x.w.Write(a.body)
	default:
		sendFailure(x.w, a.clientStatus(), a.failure)
	}
}

func sendFailure(w http.ResponseWriter, status int, f *failure) {
	w.Header().Set("Content-Type", "application/json")
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((f.RetryAfter+time.Second-1)/time.Second)))
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": errorBody(f)})
}

func errorBody(f *failure) map[string]any {
	body := map[string]any{"message": bounded(f.Message, 2000), "type": f.Type, "param": nil, "code": nil}
	if f.Code != "" {
		body["code"] = f.Code
	}
	return body
}
