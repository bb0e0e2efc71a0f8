package runbook

import (
	"maps"
	"time"
)

// EntryKind says what happened in a walk.
type EntryKind string

// The kinds of entries. Data holds what belongs to the kind, under the keys named here.
const (
	EntryStart         EntryKind = "start"          // run, burst, and var.NAME for each bound variable
	EntryDone          EntryKind = "done"           // note
	EntrySkip          EntryKind = "skip"           // reason (required)
	EntryBack          EntryKind = "back"           //
	EntryJump          EntryKind = "jump"           // to (slug), reason
	EntryChoose        EntryKind = "choose"         // var, value: the answer to an ask
	EntryBind          EntryKind = "bind"           // var, value: a field filled
	EntryWaitStarted   EntryKind = "wait_started"   // until (RFC 3339); without it the block's at-most counts from At
	EntryWaitOver      EntryKind = "wait_over"      // outcome: met or timeout
	EntryActionPlanned EntryKind = "action_planned" // lever, once it has an id
	EntryActionResult  EntryKind = "action_result"  // lever, state, outcome (helped, no change yet, worse, cannot tell, failed)
	EntryCheckResult   EntryKind = "check_result"   // truth, text, why; of a branch: arm, to
	EntryProbe         EntryKind = "probe"          // ok (true or false), class, status, latency, ttft (Go durations), text
	EntryEvidence      EntryKind = "evidence"       // ref
	EntryNote          EntryKind = "note"           // text
	EntryAbort         EntryKind = "abort"          // reason
)

// Entry is one thing that happened. A walk is the fold of its entries.
type Entry struct {
	At    time.Time         `json:"at"`
	Actor string            `json:"actor,omitempty"`
	Kind  EntryKind         `json:"kind"`
	Step  string            `json:"step,omitempty"`
	Block int               `json:"block"` // index into the step's blocks
	Data  map[string]string `json:"data,omitempty"`
}

// State of a step or a walk.
type State string

// The states.
const (
	Waiting State = ""
	Current State = "current"
	Done    State = "done"
	Skipped State = "skipped"
	Aborted State = "aborted" // of a walk
)

// StepState is how a step stands.
type StepState struct {
	State  State              `json:"state,omitempty"`
	Reason string             `json:"reason,omitempty"` // of a skip; the note of a done one
	At     time.Time          `json:"at,omitzero"`
	Visits int                `json:"visits,omitempty"`
	Blocks map[int]BlockState `json:"blocks,omitzero"`
}

// BlockState is how a block stands: the last check result, answer, deadline or lever.
type BlockState struct {
	At      time.Time `json:"at,omitzero"`
	Truth   Truth     `json:"truth,omitempty"`
	Text    string    `json:"text,omitempty"` // the expression with its numbers, the answer, the reference
	Why     string    `json:"why,omitempty"`
	Lever   string    `json:"lever,omitempty"`
	State   string    `json:"state,omitempty"` // of an action: planned, then what the desk reports
	Outcome string    `json:"outcome,omitempty"`
	Until   time.Time `json:"until,omitzero"` // of a wait
}

// Pending is what the walk waits for in its current step.
type Pending struct {
	Kind  BlockKind `json:"kind"` // ask or wait
	Step  string    `json:"step"`
	Block int       `json:"block"`
	Until time.Time `json:"until,omitzero"` // of a wait that has been started: absolute, so that it survives a restart
}

// Walk is one run of a book: an immutable value, changed by Next alone. Its JSON goes into journals: what journals of before hold
// in its place are the names of its fields, which are read like those of the tags, being the same but for their capitals.
type Walk struct {
	Run     string               `json:"run"`
	Book    string               `json:"book"`
	SHA256  string               `json:"sha256"`
	Burst   string               `json:"burst,omitempty"`
	Vars    map[string]string    `json:"vars,omitzero"`
	Current string               `json:"current,omitempty"`
	Steps   map[string]StepState `json:"steps,omitzero"`
	Trail   []string             `json:"trail,omitzero"` // steps that were current before, oldest first
	Pending *Pending             `json:"pending,omitempty"`
	Probes  []ProbeResult        `json:"probes,omitzero"` // what its probes said, oldest first
	Levers  []string             `json:"levers,omitzero"` // that actions of this run threw, oldest first
	State   State                `json:"state,omitempty"` // Current while it runs, then Done or Aborted
	Reason  string               `json:"reason,omitempty"`
	Last    string               `json:"last,omitempty"` // the step that was current when it ended
	By      string               `json:"by,omitempty"`   // who ended it
	Started time.Time            `json:"started,omitzero"`
	Ended   time.Time            `json:"ended,omitzero"`
}

// Step gives the state of a step.
func (w Walk) Step(slug string) StepState { return w.Steps[slug] }

// Live tells whether the walk has started and not ended.
func (w Walk) Live() bool { return w.State == Current }

// EffectKind says what the walk wants to happen.
type EffectKind string

// The kinds of effects.
const (
	AskCheck    EffectKind = "ask_check"    // evaluate the block's check or branch while the step is current
	AskOperator EffectKind = "ask_operator" // put the block's question
	PlanAction  EffectKind = "plan_action"  // the block's action can be planned; nothing is sent without a confirm
	Capture     EffectKind = "capture"      // freeze the block's evidence
	OfferProbe  EffectKind = "offer_probe"  // the block's probe can be sent, when the operator says so
	StartWait   EffectKind = "start_wait"   // journal the absolute deadline Until
	Prepare     EffectKind = "prepare"      // prepare the block's escalation
	OfferStep   EffectKind = "offer"        // offer the operator to go to To
	ListLevers  EffectKind = "list_levers"  // the walk ended with levers out: ask for each
	Refuse      EffectKind = "refuse"       // the entry does not fit; Why says so, and the walk is unchanged
)

// Effect is something that the desk should do. Nothing in it acts on a gateway by itself.
type Effect struct {
	Kind  EffectKind
	Step  string
	Block int
	To    string    // of OfferStep: a slug
	Until time.Time // of StartWait
	Why   string
}

func (w Walk) clone() Walk {
	w.Vars = maps.Clone(w.Vars)
	w.Steps = maps.Clone(w.Steps)
	if w.Vars == nil {
		w.Vars = map[string]string{}
	}
	if w.Steps == nil {
		w.Steps = map[string]StepState{}
	}
	return w
}
