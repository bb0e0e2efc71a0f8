package incident

import "strings"

// Kind says what an entry is about, dotted: the noun and what happened to it. Readers keep kinds that they do not know.
type Kind string

// Noun is the part before the dot.
func (k Kind) Noun() string {
	noun, _, _ := strings.Cut(string(k), ".")
	return noun
}

// The journal itself.
const (
	JournalTorn Kind = "journal.torn" // a torn last line was set aside (TornData)
)

// Incidents (IncidentData).
const (
	IncidentOpened  Kind = "incident.opened"
	IncidentClosed  Kind = "incident.closed"
	IncidentRenamed Kind = "incident.renamed" // title or severity
	IncidentResumed Kind = "incident.resumed" // another console took it up
	IncidentLinked  Kind = "incident.linked"  // earlier entries, by seq range or burst, belong to it
)

// Bursts (BurstData). A burst keeps its id; everything else about it may change.
const (
	BurstOpened    Kind = "burst.opened"
	BurstRevised   Kind = "burst.revised"
	BurstMerged    Kind = "burst.merged"
	BurstSplit     Kind = "burst.split"
	BurstReopened  Kind = "burst.reopened"
	BurstSettled   Kind = "burst.settled"
	BurstWithdrawn Kind = "burst.withdrawn" // it was none after all: late data took it back
)

// What moves beside the bursts (FindingData).
const (
	FindingNoted Kind = "finding.noted"
	FindingEnded Kind = "finding.ended"
)

// Runs of a runbook (RunData).
const (
	RunOpened  Kind = "run.opened"
	RunClosed  Kind = "run.closed"
	RunRebased Kind = "run.rebased" // the run went over to another version of its runbook, as the operator wanted
	RunEpoch   Kind = "run.epoch"   // somebody else, or another console, walks the run from here on
	RunCurrent Kind = "run.current" // of several open runs this one is walked on
)

// Steps of a run (StepData).
const (
	StepEntered   Kind = "step.entered"
	StepDone      Kind = "step.done"
	StepSkipped   Kind = "step.skipped"
	StepBack      Kind = "step.back"
	StepChosen    Kind = "step.chosen"   // a branch was taken
	StepCheck     Kind = "step.check"    // a check answered true, false or unknown
	StepTicked    Kind = "step.ticked"   // a box of a list
	StepAnswered  Kind = "step.answered" // the operator answered a question of the runbook
	StepWaiting   Kind = "step.waiting"  // a wait began; its deadline is absolute
	StepTimedOut  Kind = "step.timed_out"
	StepMet       Kind = "step.met"       // what a wait waited for came in time
	StepEvidence  Kind = "step.evidence"  // something was frozen as evidence
	StepEscalated Kind = "step.escalated" // an escalation was prepared
	StepAction    Kind = "step.action"    // a lever that the step asked for: planned, or how it ended
	StepAborted   Kind = "step.aborted"   // the walk was given up here
)

// Levers (LeverData). Requested is on disk before the gateway is asked; in doubt means that nobody knows yet whether it happened.
const (
	LeverPlanned         Kind = "lever.planned"
	LeverDeclined        Kind = "lever.declined"
	LeverRequested       Kind = "lever.requested"
	LeverApplied         Kind = "lever.applied"
	LeverPartial         Kind = "lever.partial"
	LeverFailed          Kind = "lever.failed"
	LeverInDoubt         Kind = "lever.in_doubt"
	LeverReadBack        Kind = "lever.read_back"
	LeverObeyed          Kind = "lever.obeyed"
	LeverVerified        Kind = "lever.verified" // the outcome was judged from traffic
	LeverExtendRequested Kind = "lever.extend_requested"
	LeverExtended        Kind = "lever.extended"
	LeverExtendFailed    Kind = "lever.extend_failed" // the old deadline stands
	LeverAdopted         Kind = "lever.adopted"       // another console looks after it: the one before has ended
	LeverRevertRequested Kind = "lever.revert_requested"
	LeverReverted        Kind = "lever.reverted"
	LeverExpired         Kind = "lever.expired"
	LeverDrift           Kind = "lever.drift" // somebody else changed it
)

// The rest.
const (
	Note        Kind = "note"         // NoteData; a person's words
	Change      Kind = "change"       // FactData; a deploy or configuration change elsewhere
	FactNoted   Kind = "fact"         // FactData; provider status, alert
	SourceState Kind = "source.state" // SourceData
	Sample      Kind = "sample"       // SampleData; once a minute while an incident is open
	DeskStarted Kind = "desk.started" // DeskData
	DeskStopped Kind = "desk.stopped" // DeskData
	DrillScored Kind = "drill.scored" // DrillData
)
