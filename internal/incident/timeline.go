package incident

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"signalbox/internal/redact"
)

// Group says what sort of event a line of the timeline is.
type Group string

// Groups of timeline lines.
const (
	Detection     Group = "detection"     // the console saw something
	Observation   Group = "observation"   // the world outside said something
	Decision      Group = "decision"      // somebody decided
	Action        Group = "action"        // something was done to a gateway
	Verification  Group = "verification"  // it was looked at whether it worked
	Communication Group = "communication" // somebody told somebody
	Handover      Group = "handover"
	Remark        Group = "note"
	System        Group = "system" // the console about itself
)

// Line is one event of a timeline, in words.
type Line struct {
	At         time.Time
	RecordedAt time.Time
	Seq        int64
	Kind       Kind
	Group      Group
	Actor      string
	Text       string // one sentence, safe for a terminal
	Run        string
	Step       string
	Burst      string
	Lever      string
}

// maxLineText bounds the text of one line; a note stands in full elsewhere.
const maxLineText = 1000

// Timeline returns the lines of one incident, those that it is linked to included, by instant and then by seq. What only repeats is
// left out: samples, revisions that change neither scope nor class, checks that answer as before.
func Timeline(entries []Entry, id string) []Line { return Lines(Of(entries, id)) }

// Lines puts entries into words, whichever incident they belong to, by instant and then by seq.
func Lines(entries []Entry) []Line {
	n := narrator{bursts: map[string]BurstData{}, levers: map[string]*Lever{}, checks: map[string]string{}, titles: map[string]string{}}
	lines := make([]Line, 0, len(entries))
	for i := range entries {
		e := &entries[i]
		l := Line{At: e.At, RecordedAt: e.RecordedAt, Seq: e.Seq, Kind: e.Kind, Actor: redact.Terminal(e.Actor.ID), Run: e.Run, Step: e.Step}
		if !n.tell(e, &l) {
			continue
		}
		l.Text = redact.Clip(redact.Terminal(cmp.Or(l.Text, string(e.Kind))), maxLineText)
		lines = append(lines, l)
	}
	slices.SortStableFunc(lines, func(a, b Line) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Seq, b.Seq)) })
	return lines
}

// narrator knows what was told, so that nothing is told twice.
type narrator struct {
	bursts map[string]BurstData
	levers map[string]*Lever
	checks map[string]string
	titles map[string]string // of runs, and of steps by run and slug
}

// titled returns the title that was last given under that key, or the slug where none was.
func (n *narrator) titled(key, title, slug string) string {
	if title != "" {
		n.titles[key] = title
	}
	return cmp.Or(n.titles[key], slug)
}

// tell writes group, text and references of the line; false leaves the entry out.
func (n *narrator) tell(e *Entry, l *Line) bool {
	switch e.Kind.Noun() {
	case "incident":
		return n.tellIncident(e, l)
	case "burst":
		return n.tellBurst(e, l)
	case "finding":
		return n.tellFinding(e, l)
	case "lever":
		return n.tellLever(e, l)
	case "probe":
		return n.tellProbe(e, l)
	case "rehearsal":
		return n.tellRehearsal(e, l)
	case "run":
		return n.tellRun(e, l)
	case "step":
		return n.tellStep(e, l)
	case "note":
		return n.tellNote(e, l)
	case "sample":
		return false
	}
	return n.tellOther(e, l)
}

// revised says whether a burst differs from what was told of it.
func (n *narrator) revised(d *BurstData) bool {
	old, ok := n.bursts[d.ID]
	n.bursts[d.ID] = *d
	return !ok || old.Class != d.Class || !maps.Equal(old.Scope, d.Scope)
}
