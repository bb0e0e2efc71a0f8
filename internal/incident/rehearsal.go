package incident

import "encoding/json"

// Rehearsed is a rehearsal of a fallback's target (RehearsalData).
const Rehearsed Kind = "rehearsal.done"

// RehearsalData is the data of a rehearsal.
type RehearsalData struct {
	Endpoint string          `json:"endpoint"`
	Model    string          `json:"model"`         // that was asked: the fallback's target
	For      string          `json:"for,omitempty"` // whose fallback it is; empty: its own
	OK       bool            `json:"ok"`
	Text     string          `json:"text"`             // what came out, in words
	Report   json.RawMessage `json:"report,omitempty"` // and whole
}

func (n *narrator) tellRehearsal(e *Entry, l *Line) bool {
	var d RehearsalData
	_ = e.Decode(&d)
	l.Group = Verification
	l.Text = "rehearsal of " + d.Model
	if d.For != "" {
		l.Text += " as fallback of " + d.For
	}
	l.Text += ": " + d.Text
	return true
}
