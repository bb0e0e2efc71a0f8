package incident

import "encoding/json"

// Probes: small requests that are sent to see what comes back (ProbeData).
const (
	ProbeSent     Kind = "probe.sent"
	ProbeAnswered Kind = "probe.answered"
)

// StepProbed is an answer as the walk of a runbook keeps it; the probe's own entries tell it.
const StepProbed Kind = "step.probe"

// ProbeData is the data of probe entries.
type ProbeData struct {
	ID       string          `json:"id"`
	Endpoint string          `json:"endpoint"`
	Request  string          `json:"request"` // in words: the model, where, streamed
	OK       bool            `json:"ok"`
	Class    string          `json:"class,omitempty"`
	Text     string          `json:"text,omitempty"`   // what came back, in words
	Answer   json.RawMessage `json:"answer,omitempty"` // and whole
}

func (n *narrator) tellProbe(e *Entry, l *Line) bool {
	var d ProbeData
	_ = e.Decode(&d)
	if e.Kind == ProbeSent {
		return false // its answer tells it
	}
	l.Group = Verification
	l.Text = "probe of " + d.Request + ": " + d.Text
	return true
}
