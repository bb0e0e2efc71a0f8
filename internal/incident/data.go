package incident

import (
	"encoding/json"
	"time"
)

// IncidentData is the data of incident.* entries.
type IncidentData struct { //nolint:revive // named like its siblings, after the kinds it goes with
	Title    string    `json:"title,omitempty"`
	Severity string    `json:"severity,omitempty"`
	Drill    bool      `json:"drill,omitempty"`
	Reason   string    `json:"reason,omitempty"`   // why it was opened or closed
	Env      string    `json:"env,omitempty"`      // the environment it is about
	FromSeq  int64     `json:"from_seq,omitempty"` // linked: this entry …
	ToSeq    int64     `json:"to_seq,omitempty"`   // … to this one, those of other incidents left out
	Bursts   []string  `json:"bursts,omitempty"`   // linked: all entries about these bursts, before and after
	Seqs     []int64   `json:"seqs,omitempty"`     // linked: these entries
	Since    time.Time `json:"since,omitzero"`     // linked: what the range stands for
}

// BurstData is the data of burst.* entries: the burst as it stood then.
type BurstData struct {
	ID       string            `json:"id"`
	Scope    map[string]string `json:"scope,omitempty"`
	Kind     string            `json:"kind,omitempty"` // errors, latency, truncation, traffic, retries, caller
	Class    string            `json:"class,omitempty"`
	Classes  map[string]int    `json:"classes,omitempty"`
	Onset    time.Time         `json:"onset,omitzero"`
	Earlier  bool              `json:"began_earlier,omitempty"` // it may have begun before its onset, at which reading began
	Detected time.Time         `json:"detected,omitzero"`
	Settled  *time.Time        `json:"settled,omitempty"`
	Failed   int               `json:"failed,omitempty"`
	Total    int               `json:"total,omitempty"`
	Excess   float64           `json:"excess,omitempty"` // failures above the base rate
	Peak     float64           `json:"peak,omitempty"`   // highest failure rate, 0 to 1
	Share    float64           `json:"share,omitempty"`  // of all failures in the time, how many it explains
	Episodes int               `json:"episodes,omitempty"`
	State    string            `json:"state,omitempty"`
	Into     string            `json:"into,omitempty"` // merged into this burst
	From     string            `json:"from,omitempty"` // split from this burst
	Reason   string            `json:"reason,omitempty"`
	Requests []string          `json:"requests,omitempty"` // some request ids, spread over it
}

// FindingData is the data of finding.* entries: the finding as it stood then.
type FindingData struct {
	ID      string             `json:"id"`
	Kind    string             `json:"kind"` // cascade, stuck_fallback, stuck_breaker, retry_storm
	Where   map[string]string  `json:"where,omitempty"`
	Targets []TargetData       `json:"targets,omitempty"` // of a cascade, the worst first
	From    map[string]string  `json:"from,omitempty"`
	Burst   string             `json:"burst,omitempty"`
	Since   time.Time          `json:"since,omitzero"`
	Until   *time.Time         `json:"until,omitempty"`
	Numbers map[string]float64 `json:"numbers,omitempty"`
	Text    string             `json:"text"`
	Look    string             `json:"look,omitempty"` // what to look at, or to do first
}

// TargetData is one of the targets of a cascade.
type TargetData struct {
	Where   map[string]string  `json:"where"`
	Since   time.Time          `json:"since,omitzero"`
	Until   *time.Time         `json:"until,omitempty"` // it suffers no longer
	Numbers map[string]float64 `json:"numbers,omitempty"`
	Text    string             `json:"text,omitempty"`
}

// LeverData is the data of lever.* entries. Each entry gives what is new; what an entry leaves out stays as it was. The plan comes
// with planned or requested, the receipt with applied or partial, both whole: another process reverts from them.
type LeverData struct {
	ID        string            `json:"id"`
	Verb      string            `json:"verb,omitempty"`
	Scope     map[string]string `json:"scope,omitempty"`
	Value     any               `json:"value,omitempty"`
	TTL       string            `json:"ttl,omitempty"`
	Reason    string            `json:"reason,omitempty"`
	Plan      json.RawMessage   `json:"plan,omitempty"`
	Receipt   json.RawMessage   `json:"receipt,omitempty"`
	Accepted  string            `json:"accepted,omitempty"` // what the gateway answered: yes, no, partial, unknown
	Reported  string            `json:"reported,omitempty"` // what it reports when read back: yes, no, …
	Obeyed    string            `json:"obeyed,omitempty"`   // what the traffic shows: yes, no, cannot_tell
	Outcome   string            `json:"outcome,omitempty"`  // helped, no change yet, worse, cannot tell
	Why       string            `json:"why,omitempty"`      // the numbers behind obeyed or outcome
	Before    string            `json:"before,omitempty"`
	After     string            `json:"after,omitempty"`
	ExpiresAt *time.Time        `json:"expires_at,omitempty"`
	Holder    string            `json:"holder,omitempty"` // who ends it: gateway, console, nobody
	IdemKey   string            `json:"idem_key,omitempty"`
	Err       string            `json:"err,omitempty"`
	Owner     string            `json:"owner,omitempty"`     // the console that writes this, and looks after the lever
	From      string            `json:"from,omitempty"`      // adopted, revert_requested: the one that looked after it until now; void where another did
	Due       bool              `json:"due,omitempty"`       // revert_requested: because expires_at has passed; void where that was moved
	ActedAs   string            `json:"acted_as,omitempty"`  // who the gateway says did it
	ActedVia  string            `json:"acted_via,omitempty"` // how that is known: authenticated by the gateway, or claimed by the console
}

// RunData is the data of run.* entries.
type RunData struct {
	Book    string            `json:"book,omitempty"`
	BookSHA string            `json:"book_sha256,omitempty"`
	Title   string            `json:"title,omitempty"`
	Owner   string            `json:"owner,omitempty"`
	Epoch   int               `json:"epoch,omitempty"`
	Vars    map[string]string `json:"vars,omitempty"`
	State   string            `json:"state,omitempty"` // of a closed one: done, or aborted where it was given up
	Reason  string            `json:"reason,omitempty"`
	Last    string            `json:"last_step,omitempty"` // of a closed one: slug of the step that was current
	LastWas string            `json:"last_title,omitempty"`
}

// StepData is the data of step.* entries.
type StepData struct {
	Book    string     `json:"book,omitempty"`
	BookSHA string     `json:"book_sha256,omitempty"`
	Slug    string     `json:"slug,omitempty"`
	Title   string     `json:"title,omitempty"`
	State   string     `json:"state,omitempty"`
	Reason  string     `json:"reason,omitempty"`
	Check   string     `json:"check,omitempty"`
	Truth   string     `json:"truth,omitempty"` // true, false, unknown
	Value   string     `json:"value,omitempty"`
	Why     string     `json:"why,omitempty"`
	Block   int        `json:"block,omitempty"` // which block of the step
	To      string     `json:"to,omitempty"`    // the step that a branch or a step back leads to
	ToTitle string     `json:"to_title,omitempty"`
	Var     string     `json:"var,omitempty"`    // the variable that an answer fills
	Answer  string     `json:"answer,omitempty"` // what the operator said
	Lever   string     `json:"lever,omitempty"`  // a check that judges a lever: which
	Until   *time.Time `json:"until,omitempty"`  // the deadline of a wait
}

// NoteData is the data of note entries.
type NoteData struct {
	Text string `json:"text"`
	Kind string `json:"kind,omitempty"` // decision, handover, communication, learned; empty: plain
}

// SampleData is the data of sample entries: the incident's cells over the time from From to At.
type SampleData struct {
	From  time.Time    `json:"from,omitzero"`
	Cells []CellSample `json:"cells"`
}

// CellSample is one cell's counts and percentiles. A percentile of 0 is unknown.
type CellSample struct {
	Scope  map[string]string `json:"scope"`
	Req    int               `json:"req"`
	Err    int               `json:"err"`
	P50    float64           `json:"p50_ms,omitempty"`
	P95    float64           `json:"p95_ms,omitempty"`
	P99    float64           `json:"p99_ms,omitempty"`
	TokIn  int64             `json:"tok_in,omitempty"`
	TokOut int64             `json:"tok_out,omitempty"`
}

// SourceData is the data of source.state entries.
type SourceData struct {
	Name   string `json:"name"`
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"`
	Drops  int64  `json:"drops,omitempty"`
}

// FactData is the data of fact and change entries: what the world outside said.
type FactData struct {
	Source string            `json:"source,omitempty"`
	Kind   string            `json:"kind,omitempty"` // status, alert, deploy, config, flag, other
	Title  string            `json:"title"`
	Text   string            `json:"text,omitempty"`
	Who    string            `json:"who,omitempty"` // did it, as far as was told
	Scope  map[string]string `json:"scope,omitempty"`
	From   time.Time         `json:"from,omitzero"`
	To     *time.Time        `json:"to,omitempty"`
	URL    string            `json:"url,omitempty"`
}

// DeskData is the data of desk.* entries.
type DeskData struct {
	Version string `json:"version,omitempty"`
	PID     int    `json:"pid,omitempty"`
	Host    string `json:"host,omitempty"`
	Config  string `json:"config,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

// DrillData is the data of drill.scored entries.
type DrillData struct {
	Scenario string          `json:"scenario"`
	Seed     int64           `json:"seed,omitempty"`
	Expected int             `json:"expected"`
	Missed   int             `json:"missed"`
	False    int             `json:"false"`
	Score    json.RawMessage `json:"score,omitempty"`
}

// TornData is the data of journal.torn entries.
type TornData struct {
	File   string `json:"file"`   // where the torn bytes are kept
	Bytes  int    `json:"bytes"`  // how many
	SHA256 string `json:"sha256"` // of those bytes
	Line   int64  `json:"after_seq"`
}
