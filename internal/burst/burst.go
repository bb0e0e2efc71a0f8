package burst

import (
	"time"

	"signalbox/internal/traffic"
)

// OutcomeN counts one outcome. It is an alias of an unnamed struct, like Leaf, so that the board's leaves are the
// detector's without either package importing the other.
type OutcomeN = struct {
	Outcome traffic.Outcome
	N       int64 // all attempts
	First   int64 // of them, first attempts: repeats of one request are not independent evidence
}

// CallerN counts the caller's own failures of one caller.
type CallerN = struct {
	Caller traffic.Sym
	N      int64
}

// FellN counts requests that fell from one deployment or model.
type FellN = struct {
	From traffic.Sym
	N    int64
}

// Leaf is what one series counted in one second.
type Leaf = struct {
	Key                 traffic.Key
	Req, Err, CallerErr int64 // Err: failures that are not the caller's own
	FirstReq, FirstErr  int64 // of Req and Err, first attempts
	Retries             int64 // attempts that repeat a failed one at the same place
	Again               int64 // attempts that say that they are not the first of their request, wherever that was
	ByOutcome           []OutcomeN
	Lat, TTFT           []traffic.Bin // of first attempts that ended well, in microseconds
	Tok                 []traffic.Bin // of all requests that tell their tokens: those in and out
	Callers             []CallerN     // who failed by a fault of its own, as far as it is known
	Fell                []FellN       // from where requests fell to it
	Width               time.Duration // of the widest count in it
	Place               uint32        // 0, or a number that is mostly the same for one key: where to look for it first
}

// EventKind says what happened to a burst.
type EventKind string

// The life of a burst.
const (
	Opened    EventKind = "opened"
	Revised   EventKind = "revised"
	Merged    EventKind = "merged"    // it turned out to be part of another; see Event.Into
	Reopened  EventKind = "reopened"  // the same burst, one more episode
	Settled   EventKind = "settled"   // normal again, or without traffic for long
	Withdrawn EventKind = "withdrawn" // what was seen is explained otherwise, or was nothing
)

// Event is one step in the life of a burst; Burst is its state after it.
type Event struct {
	Kind  EventKind
	Burst Burst
	Into  string // of a merged one: the id of the burst that it is part of
	At    time.Time
}

// The kinds of bursts. Those of repeats, of callers and of traffic are notes: they never page.
const (
	KindErrors     = "errors"
	KindLatency    = "latency"
	KindTruncation = "truncation"
	KindRetries    = "retries"
	KindCaller     = "caller"
	KindTraffic    = "traffic"
)

// The states of a burst.
const (
	Growing      = "growing"
	Steady       = "steady"
	Falling      = "falling"
	StateSettled = "settled"
)

// How sure the scope of a burst is.
const (
	Provisional  = "provisional"   // younger than five seconds: the scope may still change
	Firm         = "firm"          //
	NotSeparable = "not separable" // no combination of dimensions explains it better than another
)

// Cell is one model in one region of a burst.
type Cell struct {
	Scope    traffic.Scope
	Req, Err int64
}

// Burst is failures beyond what is normal somewhere, seen as one. It shares nothing with the detector.
type Burst struct {
	ID       string // given at opening, never changes
	Kind     string // one of the above
	Side     string // where it is seen: upstream where the gateway tells of attempts, else client
	Scope    traffic.Scope
	Within   string          // id of the lasting burst inside whose scope it is; what that lets fail is its baseline
	Aliases  []traffic.Scope // other names of the same traffic
	Onset    time.Time       // estimated backwards
	Detected time.Time       // end of the second in which it was first seen
	Ended    time.Time       // zero while it lasts
	State    string
	Earlier  bool // it may have begun before its onset, which is when reading began

	Failed, Total int64   // in scope since the onset, all attempts
	Excess        float64 // failures beyond the baseline
	Peak          float64 // highest failure rate over ten seconds
	Rate          float64 // failure rate now
	Baseline      float64 // failure rate that was expected
	Share         float64 // of all excess failures, those in scope
	Classes       map[string]int64
	Codes         map[int]int64
	Leading       string    // the most frequent failure class (of two that are about as frequent, the one that led first), or what else it is about: slow, slow_first_token, tokens, retries, loss, surge
	Before, Now   Quantiles // of latency, or of the time to first token: what was usual, and the last half minute
	Cells         []Cell
	Clean         string   // what is clean beside it, with numbers
	Answers       []Answer // whether it keeps to one environment, one gateway, ..., one class
	Blame         Blame    // whose fault it seems
	Episodes      int      // 1, and one more for each time it came back
	Confidence    string
	Provisional   bool
	Reason        string // one sentence with the numbers
}

// Pages tells whether the burst is more than a note. Repeats alone are one: what makes clients repeat is failures or slow
// answers, which page, or nothing that hurts anybody yet.
func (b Burst) Pages() bool {
	return b.Kind == KindErrors || b.Kind == KindTruncation || b.Kind == KindLatency
}

// Live tells whether the burst has not settled.
func (b Burst) Live() bool { return b.Ended.IsZero() }
