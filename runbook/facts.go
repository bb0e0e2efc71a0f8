package runbook

import (
	"encoding/json"
	"fmt"
	"time"
)

// Truth is one of three: what is not known is not false.
type Truth uint8

// The truths. Unknown is the zero value, so that nothing passes by being left out.
const (
	Unknown Truth = iota
	True
	False
)

// String gives the word for a screen and the journal.
func (t Truth) String() string {
	switch t {
	case True:
		return "true"
	case False:
		return "false"
	}
	return "unknown"
}

// ParseTruth reads what String wrote; anything else is Unknown.
func ParseTruth(s string) Truth {
	switch s {
	case "true":
		return True
	case "false":
		return False
	}
	return Unknown
}

// MarshalText writes the word.
func (t Truth) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalJSON reads the word, and the number that journals of before hold in its place.
func (t *Truth) UnmarshalJSON(raw []byte) error {
	var n uint8
	if json.Unmarshal(raw, &n) == nil {
		if *t = Truth(n); *t > False {
			*t = Unknown
		}
		return nil
	}
	var word string
	if err := json.Unmarshal(raw, &word); err != nil {
		return fmt.Errorf("reading true, false or unknown: %w", err)
	}
	*t = ParseTruth(word)
	return nil
}

// Not is Kleene's not: the opposite of unknown is unknown.
func (t Truth) Not() Truth {
	switch t {
	case True:
		return False
	case False:
		return True
	}
	return Unknown
}

// And is Kleene's and: one false settles it, whatever is unknown.
func (t Truth) And(o Truth) Truth {
	switch {
	case t == False || o == False:
		return False
	case t == True && o == True:
		return True
	}
	return Unknown
}

// Or is Kleene's or: one true settles it, whatever is unknown.
func (t Truth) Or(o Truth) Truth { return t.Not().And(o.Not()).Not() }

// Facts answers what checks ask. It is called on the goroutine that evaluates and must not block.
type Facts interface{ Ask(q Query) Answer }

// Query asks for one number, or one yes or no, over a window of event time.
type Query struct {
	Metric   string  // one of Vocabulary().Metrics
	Text     string  // of promql: the question, with its variables filled
	Quantile float64 // 0.95 for p95; 0 for metrics that have no quantile
	Where    []Match // in the order of the dimensions
	Over     time.Duration
	Offset   time.Duration // how long before now the window ends
}

// Match selects by one label. Several values are alternatives.
type Match struct {
	Label   string
	Op      string // = != in notin
	Values  []string
	Implied bool // from the scope, or the default side; not written in the expression
}

// Answer is what is known. Samples is the number of requests in scope and window that it rests on,
// before any code or class is selected; 0 is a real answer only where Known is set, and only for now: a
// comparison with the past needs something to compare with. Age is how old
// the newest event is of those sources that could have seen the traffic.
type Answer struct {
	Known    bool  // false: Why says why not
	Truth    Truth // of burst and lever
	Value    float64
	Unit     string // as in the vocabulary; informative
	Num, Den float64
	Samples  int
	Age      time.Duration
	Why      string
}

// Unit of a metric or a number.
type Unit string

// The units. A share is written in percent, a time with ms, s, m or h.
const (
	UnitNumber Unit = ""
	UnitShare  Unit = "share"
	UnitTime   Unit = "seconds"
	UnitBool   Unit = "bool"
)

// Metric is one word of the check language.
type Metric struct {
	Name     string
	Unit     Unit
	Quantile bool   // must be asked through p50(...), p95(...)
	Samples  bool   // says nothing below the least number of samples
	Traffic  bool   // says nothing where there was no request at all
	Gauge    bool   // a state as of now: no window
	Own      bool   // of the run itself, or of another system: the scope does not limit it
	Help     string // one line
}

// Words is everything that the check language and the actions can name.
type Words struct {
	Metrics []Metric
	Labels  []string // in the order in which Query.Where lists them
	Classes []string // values of the label class: those of the fault vocabulary
	Verbs   []string
}

// Vocabulary lists all metrics, labels and verbs. The desk must be able to answer all metrics over all labels.
func Vocabulary() Words {
	return Words{Metrics: metrics(), Labels: labels(), Classes: classes(), Verbs: verbs()}
}

func metrics() []Metric {
	return append([]Metric{
		{Name: "error_rate", Unit: UnitShare, Samples: true, Help: "failed requests of all requests"},
		{Name: "errors", Traffic: true, Help: "failed requests"},
		{Name: "requests", Help: "requests, failed or not"},
		{Name: "count", Traffic: true, Help: "requests with the code or class that the labels name"},
		{Name: "rate", Help: "requests a second"},
		{Name: "latency", Unit: UnitTime, Quantile: true, Samples: true, Help: "time to the end of the answer"},
		{Name: "ttft", Unit: UnitTime, Quantile: true, Samples: true, Help: "time to the first token"},
		{Name: "tokens_in", Traffic: true, Help: "prompt tokens"},
		{Name: "tokens_out", Traffic: true, Help: "completion tokens"},
		{Name: "tokens_cached", Traffic: true, Help: "prompt tokens that the provider had cached"},
		{Name: "token_throughput", Traffic: true, Help: "completion tokens a second"},
		{Name: "truncated", Unit: UnitShare, Samples: true, Help: "answers that were cut short, of all requests"},
		{Name: "schema_failed", Unit: UnitShare, Samples: true, Help: "answers that were not what was asked for (schema, JSON), of all requests"},
		{Name: "amplification", Samples: true, Help: "attempts at providers for one request of a client"},
		{Name: "retries", Traffic: true, Help: "attempts that repeat one at the same place"},
		{Name: "retry_ratio", Unit: UnitShare, Samples: true, Help: "repeated attempts of all attempts"},
		{Name: "fallbacks", Traffic: true, Help: "requests that fell from another target"},
		{Name: "fallback_ratio", Unit: UnitShare, Samples: true, Help: "requests that fell from another target, of all"},
		{Name: "inflight", Gauge: true, Help: "requests being answered now"},
		{Name: "queue", Gauge: true, Help: "requests waiting at the gateway now"},
		{Name: "limit", Gauge: true, Help: "concurrent requests that the gateway allows now; unknown where it sets no cap"},
		{Name: "headroom", Unit: UnitShare, Gauge: true, Help: "what is left of the limit now"},
		{Name: "remaining", Gauge: true, Help: "requests or tokens left in the provider's window now"},
		{Name: "targets_in", Gauge: true, Help: "targets of the scope that take traffic now"},
		{Name: "changes", Help: "deploys, configuration changes and flags in the scope"},
		{Name: "burst", Unit: UnitBool, Gauge: true, Help: "a burst is open that overlaps the scope"},
		{Name: "breaker", Unit: UnitBool, Gauge: true, Help: "a circuit breaker of the scope is open now"},
		{Name: "lever", Unit: UnitBool, Gauge: true, Help: "a lever is out in the scope; verb=cap.set names which"},
		promqlMetric(),
	}, probeMetrics()...)
}

// otherNames are what people also call metrics.
var otherNames = map[string]string{
	"in_flight": "inflight", "concurrency": "inflight", "truncated_rate": "truncated", "schema_fail_rate": "schema_failed", "retry_rate": "retry_ratio", "fallback_rate": "fallback_ratio",
	"queue_depth": "queue", "first_token": "ttft", "time_to_first_token": "ttft", "request_rate": "rate", "rps": "rate", "retry_amplification": "amplification",
}

// dims are the labels that are dimensions of traffic, in print order.
func dims() []string {
	return []string{"env", "gateway", "instance", "side", "provider", "model", "region", "deployment", "endpoint", "workload", "stream", "caller"}
}

func labels() []string { return append(dims(), "code", "class", "verb", "probe") }

func verbs() []string {
	return []string{
		"cap.set", "cap.lift", "workload.pause", "workload.resume", "shed.set", "shed.lift", "target.out", "target.in",
		"fallback.on", "fallback.off", "route.force", "route.unforce", "retry.set", "retry.reset",
		"breaker.open", "breaker.reset", "degrade.on", "degrade.off",
	}
}

func classes() []string {
	return []string{
		"none", "rate_limited", "quota_exhausted", "overloaded", "auth", "account_suspended", "model_not_found",
		"bad_request", "context_overflow", "content_filtered", "server_error", "bad_gateway", "unavailable",
		"timeout", "connection", "truncated", "invalid_output", "cancelled", "no_healthy_upstream",
	}
}

func metricNamed(name string) (Metric, bool) {
	if known := otherNames[name]; known != "" {
		name = known
	}
	for _, m := range metrics() {
		if m.Name == name {
			return m, true
		}
	}
	return Metric{}, false
}
