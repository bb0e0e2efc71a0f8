package desk

import (
	"time"

	"signalbox/internal/burst"
	"signalbox/internal/traffic"
	"signalbox/runbook"
)

// Snapshot is everything a client shows, as of one instant. It is immutable and shared between
// clients: nobody may change what it points to.
type Snapshot struct {
	Seq       uint64    // grows with every snapshot
	At        time.Time // by the desk's clock
	Watermark time.Time // event time up to which bursts were looked for
	Learning  Learning
	Env       string // environment in words: the one of the gateways, "mixed" where they differ
	Danger    bool   // acting here needs a typed confirmation
	ReadOnly  bool
	NoProbe   string // why neither a probe nor a rehearsal can be sent; empty when they can
	WhyNot    string // why levers are refused altogether (read-only, journal unwritable); empty when they are not
	Drill     bool
	Actor     string

	Incident *IncidentView // the open one, nil when there is none
	Changes  []ChangeView  // deploys and the like of the last 30 minutes, newest first
	Bursts   []BurstView   // live first, notes below the others, newest first; settled ones of the last 30 minutes after them
	Raised   int           // bursts found since the start, notes and what was taken back left out
	Moving   []FindingView // what moves beside the bursts: what lasts first, newest first
	Grid     Grid
	Totals   Totals
	Levers   []LeverView // out first, then the ended ones of this incident, newest first
	Controls []ControlView
	// Inventory gives the deployments that a place is mapped to, seen or not; nil: there is none.
	Inventory func(traffic.Scope) []string
	Gateways  []GatewayView
	Sources   []SourceView
	Offers    []OfferView     // runbooks, best first for the newest live burst; all others after
	Library   []*runbook.Book // the runbooks themselves, to be read; they never change
	Run       *RunView        // the current run
	Resumable []ResumeView
	Runs      []OpenRun      // unfinished runs of the open incident, oldest first, the current one among them
	EndedRuns []EndedRun     // runs of the open incident that have ended, oldest first
	Timeline  []TimelineLine // oldest first, bounded to the newest 500
	Findings  []string       // cross-checks and warnings, each a sentence
	Journal   JournalView

	Rehearsals []RehearsalView // the last of each model, without the requests
}

// Learning is how far the detector has got with what is normal: until it is done, calm is not shown as such.
type Learning = burst.Learning

// IncidentView is the open incident.
type IncidentView struct {
	ID, Title, Severity string
	Opened              time.Time
	Drill               bool
}

// BurstView is one burst for a client. Strings that come from outside are already safe for a screen.
type BurstView struct {
	ID           string
	Kind         string // errors, latency, truncation, traffic, retries, caller
	Page         bool   // false: a note, which wakes nobody
	Side         string
	Scope        traffic.Scope
	Name         string          // short name of the scope, as an operator says it
	Aliases      []traffic.Scope // other names of the same traffic
	State        string          // growing, steady, falling, settled
	Leading      string          // leading class
	Onset        time.Time
	Earlier      bool // it may have begun before its onset: there the reading of its traffic begins
	Detected     time.Time
	Ended        time.Time // zero while live
	Failed       int64
	Total        int64
	Rate         float64 // now, 0..1
	Peak         float64
	Baseline     float64 // failure rate that was expected
	Excess       float64
	Share        float64
	Cells        []BurstCell
	Confidence   string          // firm, provisional, not separable
	Before, Now  burst.Quantiles // of what answers take, or their first token; zero where that is not what it is about
	Answers      []AnswerReport
	Blame        string // caller, account, gateway, provider or network; empty where it cannot be told
	BlameWhy     string
	Classes      map[string]int64
	Codes        map[int]int64
	Clean        string
	Reason       string
	Episodes     int
	Provisional  bool
	Incident     string // the incident it belongs to
	Runbook      string // id of the best fitting runbook, empty when none fits
	MeaningClass string // what the leading class means, whose fault, what first
	Meaning      string
	OneShape     bool         // its failures keep to one shape of request: look at the request
	Spread       string       // how its failures lie over the shapes of requests; empty where that cannot be told
	Changes      []ChangeView // of the 30 minutes before its onset that can have touched its scope, newest first
}

// BurstCell is one model in one region of a burst.
type BurstCell = burst.Cell

// Live tells whether the burst has not settled.
func (b BurstView) Live() bool { return b.Ended.IsZero() }

// Grid is the heat grid: models by regions over the span.
type Grid struct {
	Side    string // the side it is read from: upstream where there is one
	Span    time.Duration
	Step    time.Duration // of one sparkline point
	From    time.Time     // of the first sparkline point
	Models  []string      // rows, busiest first; "" is unknown
	Regions []string      // columns
	Cells   [][]Cell      // [row][column]
}

// Cell is one model in one region.
type Cell struct {
	Scope   traffic.Scope
	Req     int64
	Err     int64
	Rate    float64 // Err/Req, 0 when Req is 0
	Spark   []Point // oldest first
	Leading string  // leading failure class, empty when nothing failed
	Burst   string  // id of the live burst that covers the cell
	Kind    string  // its kind
	Sight   string  // how long a fault must last to be seen in so little traffic, "blind for 4 min"; empty: it is seen soon
	P95     time.Duration

	Servings  []Serving // ways that its requests took lately
	Workloads []string  // that were seen in it
	Mapped    []string  // deployments that the inventory names for it, where no source does
}

// Point is one step of a sparkline.
type Point struct{ Req, Err int64 }

// Totals are the numbers of the last minute, both sides.
type Totals struct {
	Span                     time.Duration
	ClientReq, ClientErr     int64
	UpstreamReq, UpstreamErr int64
	Amplification            float64 // attempts per client request, 0 where one side is not seen
	TokensIn, TokensOut      int64
	P50, P95                 time.Duration
	Spark                    []Point
	Interactive, Batch       Point
}

// Facts of a lever: each is known apart from the others.
const (
	Pending    = "pending"
	Yes        = "yes"
	No         = "no"
	CannotTell = "cannot_tell"
)

// States of a lever.
const (
	LeverRequested = "requested"
	LeverActive    = "active"
	LeverPartial   = "partial"
	LeverInDoubt   = "in doubt"
	LeverFailed    = "failed"
	LeverReverting = "reverting"
	LeverReverted  = "reverted"
	LeverExpired   = "expired"
)

// LeverView is one change that was thrown.
type LeverView struct {
	ID        string
	Gateway   string
	Verb      string
	Scope     traffic.Scope
	Title     string // "cap.set gpt-4o@eu-west 4"
	Change    string // before -> after
	State     string
	Asking    bool // the gateway is being asked about it
	Unsettled bool // it is not known yet what the last thing that was asked about it has done
	Out       bool // it still acts, or may act, on the gateway
	By        string
	At        time.Time
	AppliedAt time.Time // when the gateway accepted it, zero before
	ObeyedAt  time.Time // when traffic showed it, zero before
	EndedAt   time.Time // when it was reverted, expired or failed, zero before
	ExpiresAt time.Time // zero where it has ended
	SelfEnds  bool      // the gateway holds the deadline; otherwise it is NOT self-reverting
	Accepted  string    // pending, yes, no, cannot_tell
	AcceptedN string    // "2/2"
	Reported  string
	Obeyed    string
	ObeyedWhy string // the numbers, or why it cannot be seen here
	Outcome   string // "", helped, no change yet, worse, cannot tell
	OutcomeBy string // the numbers
	Drift     string // somebody else changed it: before and after
	Err       string // what, where, what to try
	Undo      []string
	Incident  string
	Run, Step string
	Held      []InstanceHold // of one that is out: how it stands on each instance
}

// ControlView is one control that a gateway reports away from its base value, whoever set it.
type ControlView struct {
	Gateway, Instance string
	ID, Verb          string
	Scope             traffic.Scope
	Value, Base       string
	SetBy             string
	ExpiresAt         time.Time // zero: none
	Ours              bool      // a lever of this journal
	Drift             string    // not ours, or not what we set
}

// GatewayView is one gateway and how it is reached.
type GatewayView struct {
	Name, Kind, Env string
	Levers          bool // configured to have levers
	WhyNot          string
	Err             string // why it could not be read, although it has levers; empty: it could, at least in part
	Astray          string // why no request of late is known to go through it, though requests are seen; empty: nothing to say
	Instances       []InstanceView
	ReadAt          time.Time
	Abilities       []AbilityView
	Deployments     []string // what caps and targets can name
	Knobs           []KnobView
	LeastCap        int // the least that the configuration lets a cap leave; 0: what the gateway allows
}

// KnobView is one control of a gateway, over all of its instances, whether somebody has moved it or not.
type KnobView struct {
	Verb    string        // that sets it, or has set it
	Scope   traffic.Scope // without the gateway
	Values  []string      // in force, each once
	Base    string
	Engaged bool // away from its base on some instance
	SetBy   string
}

// InstanceView is one instance of a gateway.
type InstanceView struct {
	Name      string
	Reachable bool
	Err       string
}

// AbilityView is what a gateway can do with one verb.
type AbilityView struct {
	Verb, Fitness, Why string
	Dims               []string
	SelfEnds           bool // the gateway ends it by itself
}

// SourceView is one source as the band shows it.
type SourceView struct {
	Name, Kind, Where, Format string
	Health                    string
	Detail                    string
	Lines, Bytes              int64
	Unparsed, Dropped, Late   int64
	Missed                    int64 // times when lines may be missing and nobody can say how many
	PerSecond                 float64
	Lag                       time.Duration // now minus newest event time; negative when nothing was read
	LastRead                  time.Time
	UnknownPlaces             []traffic.UnknownPlace // what the inventory does not know, the most frequent first; untrusted
}

// OfferView is a runbook that can be started.
type OfferView struct {
	ID, Title string
	Fits      bool
	Why       string // why it fits the burst
	Burst     string
	Armed     bool
}

// Truth of a check, as the screen says it.
const (
	CheckTrue    = "true"
	CheckFalse   = "false"
	CheckUnknown = "unknown"
)

// RunView is one run of a runbook.
type RunView struct {
	ID, Book, Title string
	Burst           string
	Stage           int
	Current         int // index into Steps
	Next            int // of the step after that one; -1: it is the last
	Steps           []StepView
	Fields          []FieldView // variables; those without a value are to be filled
	Finished        bool
	End             *EndedRun  // how it ended; nil while it is walked
	Newer           *NewerBook // what differs; nil: nothing
	Changed         string     // the file changed since the run pinned it
}

// StepView is one step of a run: the text is drawn from Step, the state comes from the walk.
type StepView struct {
	Step   runbook.Step
	State  string // "", current, done, skipped
	Reason string
	At     time.Time
	Blocks []BlockView // same order as Step.Blocks
}

// BlockView is the live state of one block.
type BlockView struct {
	Truth    string // of a check: true, false, unknown
	Text     string // the expression with its numbers
	Why      string // why unknown, or what a branch would do
	Asks     bool   // of a branch: the book leaves it to the operator, or what it asks is not known
	Leads    string // that step as people name it: its number and title
	Goto     string // where a branch, a check, a wait whose time was up or a lever that did not help leads; empty: on to the next step
	Open     bool   // of a wait: it is not over yet
	Lever    string // id of the lever that the action threw
	State    string // of a probe: "", sent, answered; of a wait: "", met, timeout; of the action: "", planned, or the lever's state and facts in words
	Disabled string // why the action cannot be thrown, or the probe not be sent
	Soon     bool   // of a disabled action: only for now, and it goes on by itself
	Moot     bool   // of a release: no lever of the run is out, nothing is left to take back
	Answer   string // of an ask
	Command  string // of the action: the command line that plans the same lever; empty where it is not a lever
	Action   string // the action or probe in words, resolved: "cap.set azure-eu-west-gpt-4o to 4 for 15m"

	Aim traffic.Scope // of the current step's action: what its lever names; nil where that cannot be told
}

// NewerBook is how the runbook on disk differs from the one that a run began with.
type NewerBook struct {
	SHA256   string // of the version on disk
	Steps    []runbook.StepChange
	Disabled string // why the run cannot go over
}

// FieldView is one variable of a run.
type FieldView struct {
	Name, Value, Prompt string
	Values              []string // allowed ones, empty: any
	Optional            bool     // the book can do without it
	Proposed            string   // of an open one: what the burst that is live now says
}

// OpenRun is an unfinished run of the open incident. ResumeRun makes it the current one.
type OpenRun struct {
	ID, Title string
	Step      string // title of the current step
	N, Of     int    // step N of so many
	Owner     string // who walks it
	Since     time.Time
	Current   bool
}

// EndedRun is a run that has ended: finished, or given up at a step, by somebody, for a reason.
type EndedRun struct {
	ID, Book, Title string
	GivenUp         bool
	Step            string // title of the step at which it ended
	N, Of           int    // step N of so many
	By, Reason      string
	At              time.Time
}

// ResumeView is something that an earlier console left open.
type ResumeView struct {
	Incident, Run, Lever string
	Text                 string
}

// TimelineLine is one line of the timeline.
type TimelineLine struct {
	At     time.Time
	Seq    int64
	Kind   string
	Group  string // detection, action, verification, decision, note, system
	Actor  string
	Text   string
	Refers string // burst, lever or run id
}

// JournalView says where the record lies and whether it can be written.
type JournalView struct {
	Path string
	Err  string
	Seq  int64
}
