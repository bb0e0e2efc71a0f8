package traffic

import (
	"slices"
	"time"

	"signalbox/internal/fault"
)

// Outcome is how a request ended: class and status in one symbol, so that a check can ask for either.
type Outcome uint32

// NewOutcome joins a class and a status code; 0 is "no status".
func NewOutcome(c fault.Class, status int) Outcome {
	if status < 0 || status > 999 {
		status = 0
	}
	return Outcome(uint32(c)<<16 | uint32(status)) //nolint:gosec // status is bounded to 0..999 above
}

// Class gives the outcome's class.
func (o Outcome) Class() fault.Class { return fault.Class(o >> 16) }

// Status gives the outcome's status code, 0 where there was none.
func (o Outcome) Status() int { return int(o & 0xffff) }

// Failed tells whether the request failed.
func (o Outcome) Failed() bool { return o.Class() != fault.None }

// Field says which numbers of a record are known: an absent number is unknown, never zero.
type Field uint16

// The optional numbers of a record.
const (
	HasLatency Field = 1 << iota
	HasTTFT
	HasTokensIn
	HasTokensOut
	HasTokensCached
	HasAttempt
	HasRetryAfter
	HasStatus
)

// Record is one request (side client) or one attempt (side upstream) as a log line told it.
type Record struct {
	Time     time.Time // event time; receive time only where Received is set
	Received bool      // the line had no usable time: Time is when it was read
	Late     bool      // older than the watermark when it came: counted, but detection did not see it
	Explains bool      // adds text to the record with the same request id; is not counted
	Key      Key
	Served   Sym // the model that answered, where the line says so
	Outcome  Outcome
	Known    Field

	Latency, TTFT, RetryAfter         time.Duration
	TokensIn, TokensOut, TokensCached int64
	Attempt                           int
	FallbackFrom                      Sym // deployment or model that it fell from
	Finish                            Sym // finish reason
	Source                            Sym
	Shape                             uint64 // hash of the request's shape, 0 unknown

	RequestID string
	Code      string // the provider's error code, bounded
	Type      string // the provider's error type, bounded
	Message   string // the provider's error text, bounded; untrusted
	Raw       string // the line as read, bounded; untrusted
}

// Count says that n requests with one outcome ended in [From, To): a log line is one second wide,
// a scrape's delta as wide as its interval.
type Count struct {
	Key      Key
	Outcome  Outcome
	N        int64
	From, To time.Time
}

// GaugeName is one of the states that only a scrape can see.
type GaugeName uint8

// The gauges of the vocabulary.
const (
	Inflight  GaugeName = iota + 1
	Queue               // requests that wait
	Limit               // the concurrency cap in force; negative: none
	Remaining           // requests or tokens left in the provider's window
	Breaker             // 0 closed, 1 half open, 2 open
	TargetIn            // 1 the target takes traffic, 0 it is out or draining
)

var gaugeNames = map[GaugeName]string{
	Inflight: "inflight", Queue: "queue", Limit: "limit", Remaining: "remaining", Breaker: "breaker", TargetIn: "target_in",
}

// String gives the gauge's name as checks write it.
func (g GaugeName) String() string { return gaugeNames[g] }

// ParseGauge finds a gauge by name.
func ParseGauge(name string) (GaugeName, bool) {
	for g, n := range gaugeNames {
		if n == name {
			return g, true
		}
	}
	return 0, false
}

// Gauge is a state at an instant.
type Gauge struct {
	Key   Key
	Name  GaugeName
	Value float64
	At    time.Time
}

// Fact is something that holds for a while: provider status, an alert, a deploy or configuration change.
type Fact struct {
	Kind  string // one of the kinds below
	Scope Scope  // empty: it may be about everything
	Text  string // untrusted
	Who   string // did it, where that was told; untrusted
	From  time.Time
	Until time.Time // zero: until further notice
}

// The kinds of facts. The last four are changes: something was done, and what came after may come of it.
const (
	FactStatus   = "status"
	FactAlert    = "alert"
	ChangeDeploy = "deploy"
	ChangeConfig = "config"
	ChangeFlag   = "flag"
	ChangeOther  = "other"
)

// ChangeKinds lists the kinds of changes.
func ChangeKinds() []string { return []string{ChangeDeploy, ChangeConfig, ChangeFlag, ChangeOther} }

// IsChange tells whether the fact is something that was done.
func (f Fact) IsChange() bool { return slices.Contains(ChangeKinds(), f.Kind) }

// SourceKind says how a source learns what it tells; authority is decided by it.
type SourceKind uint8

// The kinds of sources.
const (
	LogSource SourceKind = iota + 1
	ScrapeSource
	ChangeSource // tells what was done elsewhere, now and then: its silence means nothing
)

// Health is the state of a source in one word.
type Health string

// The states of a source. Silent is derived by the desk from the age of the last line.
const (
	Starting Health = "starting"
	Live     Health = "live"
	Waiting  Health = "waiting" // what it reads is not there yet, or not any more
	Failing  Health = "failing"
	Silent   Health = "silent"
	Ended    Health = "ended"
)

// SourceState is what a source says about itself; totals since its start.
type SourceState struct {
	Name     string
	Kind     SourceKind
	Gateway  string
	Where    string // path or URL, without credentials
	Format   string // as detected or configured
	Health   Health
	Detail   string // what is wrong and what to try; empty when nothing is
	Lines    int64
	Bytes    int64
	Unparsed int64
	Dropped  int64 // only push sources may drop; also bytes that a truncation made unreadable count here
	Missed   int64 // times when lines may be missing and nobody can say how many: a file came and went unread
	Skewed   int64 // records more than 60 s in the future, counted at receive time
	Unmapped int64 // records whose deployment the inventory does not know
	// UnknownPlaces are the values that the inventory would have to know, with the records that had them.
	UnknownPlaces []UnknownPlace
	Behind        int64 // bytes not read yet
	Newest        time.Time
	LastRead      time.Time
}

// Batch is what a source emits: one delivery, applied as a whole.
type Batch struct {
	Source  string
	Kind    SourceKind
	Records []Record
	Lines   *Lines // successes in short, between the records; nil where the source makes records of all
	Counts  []Count
	Gauges  []Gauge
	Facts   []Fact
	State   *SourceState
}
