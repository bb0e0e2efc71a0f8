package desk

import (
	"encoding/json"
	"time"

	"signalbox/internal/traffic"
	"signalbox/runbook"
)

// Command is what a client asks of the desk. Every client, screen or command line, uses the same ones.
type Command interface{ command() }

// OpenIncident opens an incident. Without a title it is named after the newest live burst.
type OpenIncident struct{ Title, Severity string }

// CloseIncident closes the open incident; levers that are still out are named in the refusal unless Force.
type CloseIncident struct {
	Reason string
	Force  bool
}

// ResumeIncident takes an incident that an earlier console left open as the current one.
type ResumeIncident struct{ ID string }

// AddNote writes a note into the record. Of Kind change it is a change that was made elsewhere, just now.
type AddNote struct{ Text, Kind string }

// StartRun starts a runbook for a burst (or for none). It opens an incident where none is open.
type StartRun struct {
	Book  string
	Burst string
	Vars  map[string]string
}

// ResumeRun makes an unfinished run the current one, at the step where it stood: one that an earlier console left, or
// another one of the open incident.
type ResumeRun struct{ ID string }

// StepDone marks the current step as done and goes to the next. Step is the slug of the step that the operator
// looked at: if the run stands elsewhere by now, it is refused. Empty means the current step, whichever it is.
type StepDone struct{ Note, Step string }

// StepSkip skips the current step; a reason is required. Step is like that of StepDone.
type StepSkip struct{ Reason, Step string }

// StepBack goes one step back. It adds entries, it never rewrites.
type StepBack struct{}

// StepJump goes to the step with this slug.
type StepJump struct{ Slug string }

// Choose answers an ask, or fills a variable of the run.
type Choose struct{ Var, Value string }

// AbortRun ends the run. Levers that it threw stay out and are listed in the reply.
type AbortRun struct{ Reason string }

// KeepLever records that a lever stays out, though the run that threw it has ended: its deadline holds.
type KeepLever struct{ Lever, Reason string }

// PlanLever asks for a plan. It reads the gateway and changes nothing.
type PlanLever struct {
	Verb   string
	Scope  traffic.Scope
	Value  json.RawMessage
	TTL    time.Duration
	Reason string
	// Exact says that the scope was written for this lever, label by label: one that the lever cannot be narrowed to is
	// refused. Without it the scope is that of a cell, a burst or a run, of which the lever takes what it is made of.
	Exact bool
}

// PlanStep asks for the plan of the action in block Block of the current step. Step is like that of StepDone.
type PlanStep struct {
	Block int
	Step  string
}

// ProbeStep sends the probe of block Block of the current step, and waits for its answer. Step is like that of StepDone.
type ProbeStep struct {
	Block int
	Step  string
}

// SendProbe sends a probe that belongs to no run, and waits for its answer.
type SendProbe struct{ Request runbook.ProbeRequest }

// Evaluate answers one expression now, with the labels of a scope.
type Evaluate struct {
	Expr  runbook.Expr
	Scope map[string]string
}

// Throw sends a plan that was shown. Typed is what the operator typed to confirm, where that is asked for.
type Throw struct{ Plan, Typed string }

// Decline records that a plan was shown and not confirmed.
type Decline struct{ Plan string }

// PlanRevert asks what taking a lever back would do now.
type PlanRevert struct{ Lever, Reason string }

// Revert takes a lever back to the values that were read before it. Due says that its deadline asks for it: it is void
// where that was moved meanwhile.
type Revert struct {
	Lever, Reason string
	Due           bool
}

// Extend moves the deadline of a lever that is out.
type Extend struct {
	Lever  string
	TTL    time.Duration
	Reason string
}

// ReadBack reads the gateways again now; it settles levers in doubt.
type ReadBack struct{}

// Look reads the gateways afresh, and answers with all of their controls once they have answered.
type Look struct{}

// Export writes the timeline of an incident ("" the open one, else the newest) to Path
// ("" a file in the state folder named after the incident).
type Export struct{ Incident, Format, Path string }

// SetActor changes who operates, at a hand-over.
type SetActor struct{ Name string }

func (OpenIncident) command()   {}
func (CloseIncident) command()  {}
func (ResumeIncident) command() {}
func (AddNote) command()        {}
func (StartRun) command()       {}
func (ResumeRun) command()      {}
func (StepDone) command()       {}
func (StepSkip) command()       {}
func (StepBack) command()       {}
func (StepJump) command()       {}
func (Choose) command()         {}
func (AbortRun) command()       {}
func (KeepLever) command()      {}
func (PlanLever) command()      {}
func (PlanStep) command()       {}
func (ProbeStep) command()      {}
func (SendProbe) command()      {}
func (RunRehearsal) command()   {}
func (Evaluate) command()       {}
func (Throw) command()          {}
func (Decline) command()        {}
func (PlanRevert) command()     {}
func (Revert) command()         {}
func (Extend) command()         {}
func (ReadBack) command()       {}
func (Look) command()           {}
func (Export) command()         {}
func (SetActor) command()       {}

// Result is the desk's answer to a command; fields that do not belong to the command are empty.
type Result struct {
	Text     string          // one sentence for the status line
	Incident string          // id
	Run      string          // id
	Lever    string          // id
	Plan     *PlanView       // of PlanLever, PlanStep and PlanRevert
	Path     string          // of Export
	Probe    *ProbeView      // of ProbeStep and SendProbe
	Eval     *runbook.Result // of Evaluate
	Asking   bool            // of Evaluate: a server is still being asked; ask again
	Live     []string        // levers still out, in words
	Gateways []GatewayState  // of Look
	Tried    *RehearsalView  // of RunRehearsal
	Levers   []LeverView     // of Look: those that are out, held against what was read
}

// Confirmations that a plan asks for.
const (
	ConfirmPlain = "plain" // one key that is not Enter
	ConfirmTyped = "typed" // the phrase, typed
)

// PlanView is a plan as the dialog shows it.
type PlanView struct {
	ID       string
	Revert   bool   // it takes a lever back
	Lever    string // the lever that it takes back
	Title    string
	Env      string
	Gateway  string
	Diff     []DiffLine
	Blast    string // blast radius in numbers
	Share    float64
	Excess   string // what the excess requests will experience
	Deadline string // absolute end, and who holds it
	SelfEnds bool
	Undo     []string // the raw commands to undo it by hand
	Calls    []string // the raw commands to do it by hand
	Caveats  []string
	Reason   string

	Rehearsal *RehearsalView // of what would get the requests; nil: it sends none elsewhere, or nothing can rehearse it
	Confirm   string         // plain or typed
	Phrase    string         // what must be typed
	Force     []string       // why it must be forced: the phrase begins with force then
	StaleAt   time.Time
	Whole     json.RawMessage // the plan as gateways and journals have it
}

// DiffLine is the difference on one instance.
type DiffLine struct{ Instance, Control, Before, After string }

// Refused is a command that the desk, or a gateway, will not carry out.
type Refused struct {
	What, Why, Try string
	NoTarget       bool // the scope names nothing that a gateway has, so that no other moment would help
}

// Error says what was refused, why, and what to try.
func (r *Refused) Error() string {
	s := r.What + " refused: " + r.Why
	if r.Try != "" {
		s += "; " + r.Try
	}
	return s
}

// RecordQuery asks for records of the log pane.
type RecordQuery struct {
	Scope    traffic.Scope // cells to show, empty: all
	Failures bool          // failures only
	First    bool          // failures before the rest
	Kinds    bool          // each kind of failure once, the most frequent first
	Text     string        // only records with this text, case-insensitive; "!" in front inverts
	Limit    int
	// Next goes on where a page of the same question ended: with what has come since, and with what was not looked at yet.
	// nil begins; then, and only then, the fields above are read.
	Next *RecordSearch
}

// RecordPage answers a question about records as far as it was looked into.
type RecordPage struct {
	Lines  []RecordLine // newest first, failures before the rest where they were asked for first
	Made   int          // how many of the lines the answer before did not have
	Looked int          // how many of the newest records were looked at
	Of     int          // how many are kept
	More   bool         // the rest is still to be looked at: ask again with Next
	LetGo  int64        // successes among those kept whose raw line was let go to make room
	Next   *RecordSearch
	// Kinds says of each line, where kinds were asked for, how many of the failures that were told apart it stands for.
	Kinds  []FailureKind
	Sorted int       // failures that were told apart by kind
	Since  time.Time // the oldest of them
}

// RecordLine is one record, sanitised and redacted for a screen.
type RecordLine struct {
	At      time.Time
	Labels  traffic.Scope
	Status  int
	Class   string // "none" for a success
	Latency time.Duration
	Attempt int
	ID      string
	Text    string // error text, or what is known of a success
	Raw     string
	Late    bool
}
