package runbook

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// BlockKind is the word after the fence.
type BlockKind string

// The kinds of armed blocks.
const (
	KindCheck    BlockKind = "check"
	KindBranch   BlockKind = "branch"
	KindAsk      BlockKind = "ask"
	KindWait     BlockKind = "wait"
	KindAction   BlockKind = "action"
	KindProbe    BlockKind = "probe"
	KindEvidence BlockKind = "evidence"
	KindEscalate BlockKind = "escalate"
)

func blockKinds() []BlockKind {
	return []BlockKind{KindCheck, KindBranch, KindAsk, KindWait, KindAction, KindProbe, KindEvidence, KindEscalate}
}

// Block is one armed block of a step. Exactly the field of its kind is set.
type Block struct {
	Kind     BlockKind
	Line     int
	After    int // how many nodes of the step's Prose stand before it
	Check    *Check
	Branch   []Arm
	Ask      *Ask
	Wait     *Wait
	Action   *Action
	Probe    *Probe
	Evidence *Evidence
	Escalate *Escalate
}

// Target says where a walk goes on: the next step, the same one (ask the operator), or a slug.
type Target string

// The targets that are not slugs.
const (
	ToNext Target = "next"
	ToAsk  Target = "ask" // stay, and let the operator decide
)

// Slug gives the slug that the target names, if it names one.
func (t Target) Slug() (string, bool) {
	return string(t), t != ToNext && t != ToAsk && t != ""
}

// Check is a question about live numbers.
type Check struct {
	Name    string
	That    Expr   // several under `all:` are joined with and
	OnTrue  Target // default next
	OnFalse Target // default ask
}

// Arm is one way of a branch. The first arm that is true wins; an unknown one stops and asks.
type Arm struct {
	When Expr // of an else arm, the zero Expr
	Else bool
	Goto Target
	Line int
}

// Ask is a question to the operator; the answer is a variable of the run.
type Ask struct {
	Var      string
	Question string
	Choices  []string // empty: free text
}

// Wait holds the walk until its condition is true or its deadline passes. A wait without a condition is a timer.
type Wait struct {
	Until     Expr
	AtMost    time.Duration
	OnTimeout Target // default ask
}

// Verbs of actions that are not a lever of a gateway's vocabulary.
const (
	// DoRelease takes back every lever of the run, newest first, one after the other.
	DoRelease = "release"
)

// Action is a lever that the step throws, after the operator has seen its plan and confirmed.
type Action struct {
	Do      string            // cap.set, workload.pause, target.out, fallback.on, ... or release
	Scope   map[string]string // dimensions that are added to the book's scope; values may be $vars
	Widen   []string          // dimensions of the book's scope that are left out
	Set     Value
	TTL     time.Duration
	Why     string
	Cost    string // what it costs the users
	Verify  Expr
	StopIf  Expr
	Confirm string // plain or typed; the desk may ask for more, never for less
	OnFail  Target // default ask
	Pace    time.Duration
	Line    int
}

// Confirmations.
const (
	ConfirmPlain = "plain"
	ConfirmTyped = "typed"
)

// ValueKind tells the kinds of values apart.
type ValueKind string

// The kinds of values.
const (
	NoValue      ValueKind = ""
	IntValue     ValueKind = "int"
	PercentValue ValueKind = "percent" // of the value in force
	TextValue    ValueKind = "text"    // may be a $var until it is resolved
	FieldsValue  ValueKind = "fields"  // several named numbers and texts, of retry.set
)

// Value is what a lever is set to.
type Value struct {
	Kind   ValueKind
	Int    int
	Text   string
	Fields map[string]string
}

// String prints the value as it is written.
func (v Value) String() string {
	switch v.Kind {
	case IntValue:
		return strconv.Itoa(v.Int)
	case PercentValue:
		return strconv.Itoa(v.Int) + "%"
	case FieldsValue:
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(v.Fields)) {
			parts = append(parts, k+" "+v.Fields[k])
		}
		return strings.Join(parts, ", ")
	}
	return v.Text
}

// JSON gives the value as a gateway takes it. base is the number in force, which a percentage needs; a
// percentage of an unknown or unlimited base is an error, because nobody knows what it would do.
func (v Value) JSON(base float64) (json.RawMessage, error) {
	switch v.Kind {
	case NoValue:
		return nil, nil
	case IntValue, PercentValue:
		n, ok := v.Of(base)
		if !ok {
			return nil, fmt.Errorf("%s of an unknown or unlimited value; write a number instead", v)
		}
		return json.RawMessage(strconv.Itoa(n)), nil
	case FieldsValue:
		all := map[string]any{}
		for k, s := range v.Fields {
			all[k] = s
			if n, err := strconv.Atoi(s); err == nil {
				all[k] = n
			}
		}
		return json.Marshal(all)
	}
	return json.Marshal(v.Text)
}

// Of gives the number that the value means where base is in force: itself, or its percentage of base,
// never less than one. ok is false for a text, and for a percentage of an unknown or unlimited base.
func (v Value) Of(base float64) (n int, ok bool) {
	switch v.Kind {
	case IntValue:
		return v.Int, true
	case PercentValue:
		if base >= 1 && base <= 1e9 {
			return max(1, int(base*float64(v.Int)/100)), true
		}
	}
	return 0, false
}

// Evidence is what to freeze for the record.
type Evidence struct {
	Capture []string // burst, controls, error-samples 20, request-ids 20, chart error_rate 30m
	Bundle  string   // provider-support
}

// Escalate prepares a message; sending it is the operator's.
type Escalate struct {
	To     []string
	After  time.Duration
	Bundle string
	Say    string
}
