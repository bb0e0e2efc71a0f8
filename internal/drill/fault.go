package drill

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// failureKind is one way in which an actor's answer goes wrong.
type failureKind string

const (
	badGateway     failureKind = "bad_gateway"     // 502 and an HTML page
	gatewayTimeout failureKind = "gateway_timeout" // silence, then Cloudflare's 524
	rateLimit      failureKind = "rate_limit"      // 429 with Retry-After
	serverError    failureKind = "server_error"    // 500 and the provider's JSON
	unavailable    failureKind = "unavailable"     // 503
	overloaded     failureKind = "overloaded"      // 529 at Anthropic, 503 elsewhere
	truncated      failureKind = "truncated"       // 200, then the connection ends
	reset          failureKind = "reset"           // TCP reset instead of an answer
	hangup         failureKind = "hangup"          // connection closed without an answer
	unauthorized   failureKind = "unauthorized"    // 401
	badRequest     failureKind = "bad_request"     // 400
	filtered       failureKind = "filtered"        // 400 of the content filter
	invalidJSON    failureKind = "invalid_json"    // 200, whole, but not what was asked
	healthy        failureKind = ""
)

func (k failureKind) known() bool {
	return slices.Contains([]failureKind{
		badGateway, gatewayTimeout, rateLimit, serverError, unavailable, overloaded, truncated,
		reset, hangup, unauthorized, badRequest, filtered, invalidJSON,
	}, k)
}

// cue is what an actor does with one request.
type cue struct {
	kind       failureKind
	answer     time.Duration // how long a good answer takes; 0: the model's own pace
	hang       time.Duration
	retryAfter time.Duration
}

// noise is the part of requests in a thousand that fails in any calm.
const noise = 3

// fate decides for one deployment what becomes of each request: the scenario's
// faults first, then its capacity, then a little noise.
type fate struct {
	deployment Deployment
	capacity   *allowance
	faults     []armedFault

	mu      sync.Mutex
	rng     *rand.Rand
	serving int
}

type armedFault struct {
	Fault
	limit *allowance
	kinds []failureKind // each as often as its weight
}

func newFate(d Deployment, s Scenario, seed uint64) *fate {
	f := &fate{deployment: d, rng: rand.New(rand.NewPCG(seed, hash64(d.Name)))}
	if perMinute := s.Capacity[d.Name]; perMinute > 0 {
		f.capacity = newAllowance(perMinute)
	}
	for _, fault := range s.Faults {
		if !d.within(fault.Target) {
			continue
		}
		a := armedFault{Fault: fault}
		if fault.Limit > 0 {
			a.limit = newAllowance(fault.Limit)
		}
		for _, kind := range sortedKeys(fault.Mix) {
			for range fault.Mix[kind] {
				a.kinds = append(a.kinds, failureKind(kind))
			}
		}
		f.faults = append(f.faults, a)
	}
	return f
}

// begin counts a request in and decides on it; since is the time since the
// scenario began. Each begin needs one end.
func (f *fate) begin(since time.Duration) cue {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.serving++
	var c cue
	for _, fault := range f.faults {
		if since < fault.From || since >= fault.To {
			continue
		}
		c = cue{answer: fault.Answer, hang: fault.Hang, retryAfter: fault.RetryAfter}
		if f.strikes(fault, since) {
			c.kind = fault.kinds[f.rng.IntN(len(fault.kinds))]
			return c
		}
	}
	if f.capacity != nil && !f.capacity.take(since) {
		return cue{kind: rateLimit, retryAfter: time.Second}
	}
	if f.rng.IntN(1000) < noise {
		c.kind = []failureKind{badRequest, filtered, serverError, rateLimit, invalidJSON}[f.rng.IntN(5)]
		c.retryAfter = time.Second
	}
	return c
}

func (f *fate) strikes(fault armedFault, since time.Duration) bool {
	if fault.limit != nil {
		return !fault.limit.take(since)
	}
	share := fault.Share
	if fault.Above > 0 && f.serving <= fault.Above {
		share = fault.Floor
	}
	return f.rng.Float64() < share
}

func (f *fate) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.serving--
}

// pace draws a duration around mean, never under half of it.
func (f *fate) pace(mean time.Duration) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Duration(float64(mean) * min(0.5+f.rng.ExpFloat64()/2, 3))
}

// allowance is a provider's rate limit: a bucket of one second's worth. A
// refused request costs a quarter of an accepted one, down to a debt of two
// seconds, so that hammering keeps the caller out.
type allowance struct {
	perSecond, tokens, least float64
	last                     time.Duration
}

func newAllowance(perMinute int) *allowance {
	rate := float64(perMinute) / 60
	return &allowance{perSecond: rate, tokens: max(rate, 1), least: -2 * rate}
}

func (a *allowance) take(at time.Duration) bool {
	a.tokens = min(a.tokens+(at-a.last).Seconds()*a.perSecond, max(a.perSecond, 1))
	a.last = at
	if a.tokens >= 1 {
		a.tokens--
		return true
	}
	a.tokens = max(a.tokens-0.25, a.least)
	return false
}
