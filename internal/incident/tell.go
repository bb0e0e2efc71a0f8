package incident

import (
	"cmp"
	"fmt"
	"strings"
)

func (n *narrator) tellIncident(e *Entry, l *Line) bool {
	var d IncidentData
	_ = e.Decode(&d) // what cannot be read is told without its details
	l.Group = Decision
	switch e.Kind {
	case IncidentOpened:
		l.Text = "incident opened" + after(d.Title)
		if d.Severity != "" {
			l.Text += " (" + d.Severity + ")"
		}
		if d.Drill {
			l.Text += ", a drill"
		}
	case IncidentClosed:
		l.Text = "incident closed" + after(d.Reason)
	case IncidentResumed:
		l.Text = "incident taken up again"
	case IncidentRenamed:
		l.Text = strings.TrimSpace("incident is now called " + d.Title)
		if d.Title == "" {
			l.Text = "severity is now " + d.Severity
		}
	case IncidentLinked:
		l.Group = System
		switch {
		case len(d.Bursts) > 0:
			l.Text = "linked burst " + strings.Join(d.Bursts, ", ")
		case d.FromSeq == 0:
			l.Text = fmt.Sprintf("linked %d entries from before it was opened", len(d.Seqs))
		default:
			l.Text = fmt.Sprintf("linked entries %d to %d, from before it was opened", d.FromSeq, d.ToSeq)
		}
	default:
		l.Text = string(e.Kind)
	}
	return true
}

// earlierWord stands before an onset that is only the beginning of what was read.
func earlierWord(earlier bool) string {
	if earlier {
		return "before "
	}
	return ""
}

func (n *narrator) tellBurst(e *Entry, l *Line) bool {
	var d BurstData
	_ = e.Decode(&d)
	changed := n.revised(&d)
	l.Group, l.Burst = Detection, d.ID
	what := cmp.Or(d.Class, d.Kind, "errors") + " in " + scopeWords(d.Scope)
	switch e.Kind {
	case BurstOpened:
		l.Text = fmt.Sprintf("burst %s: %s, %s", d.ID, what, sizeWords(d.Failed, d.Total))
		if !d.Onset.IsZero() && d.Onset.Before(e.At) {
			l.Text += ", since " + earlierWord(d.Earlier) + d.Onset.UTC().Format("15:04:05") + " UTC"
		}
	case BurstRevised:
		if !changed {
			return false
		}
		l.Text = fmt.Sprintf("burst %s is now %s, %s", d.ID, what, sizeWords(d.Failed, d.Total))
	case BurstReopened:
		l.Text = fmt.Sprintf("burst %s is back: %s, %s", d.ID, what, sizeWords(d.Failed, d.Total))
	case BurstMerged:
		l.Text = fmt.Sprintf("burst %s is part of %s", d.ID, cmp.Or(d.Into, "another"))
	case BurstSplit:
		l.Text = fmt.Sprintf("burst %s, split from %s: %s", d.ID, cmp.Or(d.From, "another"), what)
	case BurstSettled:
		l.Text = fmt.Sprintf("burst %s settled: %s, %s in all", d.ID, what, sizeWords(d.Failed, d.Total))
	case BurstWithdrawn:
		l.Text = "burst " + d.ID + " withdrawn" + after(d.Reason)
	default:
		l.Text = strings.TrimSpace(string(e.Kind) + " " + d.ID)
	}
	return true
}

// leverTold says how each kind of lever entry is told; %s is the lever.
var leverTold = map[Kind]struct {
	group Group
	text  string
}{
	LeverPlanned:         {System, "previewed %s"},
	LeverDeclined:        {Decision, "declined %s"},
	LeverRequested:       {Action, "requested %s"},
	LeverApplied:         {Action, "applied %s"},
	LeverPartial:         {Action, "applied on some instances only: %s"},
	LeverFailed:          {Action, "failed: %s"},
	LeverInDoubt:         {Action, "in doubt, the gateway's answer is not known: %s"},
	LeverReadBack:        {Verification, "read back %s"},
	LeverObeyed:          {Verification, "looked at the traffic for %s"},
	LeverVerified:        {Verification, "judged %s"},
	LeverExtendRequested: {Action, "extension requested of %s"},
	LeverExtended:        {Action, "extended %s"},
	LeverExtendFailed:    {Action, "the deadline was not moved: %s"},
	LeverAdopted:         {System, "another console looks after %s"},
	LeverRevertRequested: {Action, "undo requested of %s"},
	LeverReverted:        {Action, "undone %s"},
	LeverExpired:         {Action, "expired %s"},
	LeverDrift:           {Detection, "drift: somebody else changed %s"},
}

func (n *narrator) tellLever(e *Entry, l *Line) bool {
	var d LeverData
	_ = e.Decode(&d)
	l.Lever = d.ID
	old := n.levers[d.ID]
	if old == nil {
		old = &Lever{}
		n.levers[d.ID] = old
	}
	reported, obeyed := old.Reported, old.Obeyed
	old.merge(&d)
	if e.Kind == LeverPlanned || e.Kind == LeverReadBack && d.Reported == reported && d.Why == "" || e.Kind == LeverObeyed && d.Obeyed == obeyed && d.Why == "" {
		return false // looked at, and nothing new
	}
	told, ok := leverTold[e.Kind]
	if !ok {
		l.Group, l.Text = System, string(e.Kind)+" "+leverWords(&old.LeverData)
		return true
	}
	l.Group, l.Text = told.group, fmt.Sprintf(told.text, leverWords(&old.LeverData))+leverDetail(e.Kind, &d, &old.LeverData)
	return true
}

// leverDetail is what a kind adds to its sentence: what the entry says, or what is known of the lever.
func leverDetail(k Kind, d, known *LeverData) string {
	switch k {
	case LeverRequested:
		text := ""
		if known.TTL != "" {
			text = " for " + known.TTL
		}
		return text + after(known.Reason)
	case LeverApplied, LeverExtended:
		if known.ExpiresAt == nil {
			return after(d.Why)
		}
		text := ", ends " + known.ExpiresAt.UTC().Format("15:04:05") + " UTC"
		if known.Holder != "" && known.Holder != "gateway" {
			text += " (NOT self-reverting, held by " + known.Holder + ")"
		}
		return text + after(d.Why)
	case LeverFailed, LeverInDoubt, LeverPartial, LeverExtendFailed:
		return after(cmp.Or(d.Err, d.Why))
	case LeverReadBack:
		return joined("reported back", d.Reported, d.Why)
	case LeverObeyed:
		return joined("obeyed", d.Obeyed, d.Why)
	case LeverVerified:
		return joined("outcome", d.Outcome, d.Why)
	}
	return after(d.Why)
}

func joined(what, value, why string) string {
	value = strings.ReplaceAll(value, "_", " ")
	if value == "" {
		return after(why)
	}
	if why != "" {
		why = " (" + why + ")"
	}
	return ": " + what + " " + value + why
}

func (n *narrator) tellRun(e *Entry, l *Line) bool {
	var d RunData
	_ = e.Decode(&d)
	l.Group = Decision
	name := n.titled(e.Run, cmp.Or(d.Title, d.Book), e.Run)
	switch e.Kind {
	case RunOpened:
		l.Text = "runbook begun: " + name
	case RunClosed:
		l.Text = "runbook " + cmp.Or(runStates[d.State], "ended") + ": " + name + lastStep(&d) + after(d.Reason)
	case RunRebased:
		l.Text = "runbook taken in its new version: " + name
	case RunEpoch:
		l.Text = fmt.Sprintf("%s takes the runbook over: %s", cmp.Or(d.Owner, e.Actor.ID), name)
		l.Group = Handover
	case RunCurrent:
		l.Text = "goes on with the runbook: " + name
	default:
		l.Text = string(e.Kind) + " " + name
	}
	return true
}

// runStates are the states of a closed run in words.
var runStates = map[string]string{"done": "finished", "aborted": "given up"}

// lastStep names the step at which a run was given up.
func lastStep(d *RunData) string {
	if d.State != "aborted" || d.Last+d.LastWas == "" {
		return ""
	}
	return " at step " + cmp.Or(d.LastWas, d.Last)
}

func bracket(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

func (n *narrator) tellStep(e *Entry, l *Line) bool {
	var d StepData
	_ = e.Decode(&d)
	l.Group = Decision
	l.Step = cmp.Or(l.Step, d.Slug)
	name := "step " + n.titled(e.Run+"\x00"+l.Step, d.Title, l.Step)
	switch e.Kind {
	case StepEntered:
		l.Text = name
	case StepDone:
		l.Text = name + ": done" + bracket(d.Reason)
	case StepSkipped:
		l.Text = name + ": skipped" + after(d.Reason)
	case StepBack:
		l.Text = name + ": back to " + cmp.Or(d.ToTitle, d.To, "the step before") + bracket(d.Reason)
	case StepChosen:
		l.Text = name + ": went to " + cmp.Or(d.ToTitle, d.To, d.Answer, "another step") + bracket(cmp.Or(d.Reason, d.Why))
	case StepAnswered, StepTicked:
		l.Text = name + ": " + strings.TrimPrefix(d.Var+" = "+cmp.Or(d.Answer, d.Value), " = ")
	case StepWaiting:
		l.Group = System
		l.Text = name + ": waiting"
		if d.Check != "" {
			l.Text += " for " + d.Check
		}
		if d.Until != nil {
			l.Text += " until " + d.Until.UTC().Format("15:04:05") + " UTC at most"
		}
	case StepTimedOut, StepMet:
		l.Group = Verification
		l.Text = name + ": the wait is over" + bracket(d.Reason+after(d.Check))
	case StepCheck:
		l.Group = Verification
		return n.tellCheck(e, &d, l, name)
	case StepAborted:
		l.Text = name + ": the runbook is given up here" + after(d.Reason)
	case StepAction, StepProbed:
		return false // its lever or probe tells it
	case StepEvidence:
		l.Group = Observation
		l.Text = name + ": evidence" + after(cmp.Or(d.Reason, d.Value))
	default:
		verb := strings.ReplaceAll(strings.TrimPrefix(string(e.Kind), "step."), "_", " ")
		l.Text = name + ": " + verb + after(cmp.Or(d.Reason, d.Value))
	}
	return true
}

// tellCheck tells a check when its answer is new.
func (n *narrator) tellCheck(e *Entry, d *StepData, l *Line, name string) bool {
	key := fmt.Sprint(e.Run, "\x00", l.Step, "\x00", d.Block, "\x00", d.Check)
	if n.checks[key] == d.Truth && d.Truth != "" {
		return false
	}
	n.checks[key] = d.Truth
	l.Text = name + ": " + cmp.Or(d.Check, "check") + " is " + cmp.Or(d.Truth, "unknown")
	if detail := strings.TrimSpace(d.Value + " " + d.Why); detail != "" {
		l.Text += " (" + detail + ")"
	}
	return true
}

// noteGroups are the kinds of notes that are more than remarks.
var noteGroups = map[string]Group{"decision": Decision, "handover": Handover, "communication": Communication}

func (n *narrator) tellFinding(e *Entry, l *Line) bool {
	var d FindingData
	_ = e.Decode(&d)
	l.Group, l.Burst = Detection, d.Burst
	kind := strings.ReplaceAll(d.Kind, "_", " ")
	if e.Kind == FindingEnded {
		l.Text = kind + " in " + scopeWords(d.Where)
		if n := len(d.Targets); n > 1 {
			l.Text += fmt.Sprintf(" and %d more", n-1)
		}
		l.Text += " is over"
		if !d.Since.IsZero() && d.Until != nil {
			l.Text += ", it lasted from " + d.Since.UTC().Format("15:04:05") + " to " + d.Until.UTC().Format("15:04:05") + " UTC"
		}
		return true
	}
	l.Text = kind + after(d.Text)
	return true
}

func (n *narrator) tellNote(e *Entry, l *Line) bool {
	var d NoteData
	_ = e.Decode(&d)
	l.Group, l.Text = cmp.Or(noteGroups[d.Kind], Remark), d.Text
	return true
}

func (n *narrator) tellOther(e *Entry, l *Line) bool {
	l.Group = System
	switch e.Kind {
	case Change:
		var d FactData
		_ = e.Decode(&d)
		l.Group = Observation
		l.Text = "change: "
		if d.Kind != "other" && !strings.HasPrefix(strings.ToLower(d.Title), d.Kind) {
			l.Text += d.Kind + " "
		}
		l.Text += d.Title + after(d.Text)
		if d.Who != "" && d.Who != e.Actor.ID {
			l.Text += ", by " + d.Who
		}
		if len(d.Scope) > 0 {
			l.Text += bracket(scopeWords(d.Scope))
		}
	case FactNoted:
		var d FactData
		_ = e.Decode(&d)
		l.Group = Observation
		l.Text = strings.TrimPrefix(cmp.Or(d.Source, d.Kind)+": ", ": ") + d.Title + after(d.Text)
	case SourceState:
		var d SourceData
		_ = e.Decode(&d)
		l.Text = "source " + d.Name + " is " + d.State + after(d.Reason)
	case DeskStarted, DeskStopped:
		var d DeskData
		_ = e.Decode(&d)
		l.Text = "console " + strings.TrimPrefix(string(e.Kind), "desk.") + after(d.Reason)
	case DrillScored:
		var d DrillData
		_ = e.Decode(&d)
		l.Text = fmt.Sprintf("drill %s: %d found, %d missed, %d false", d.Scenario, d.Expected, d.Missed, d.False)
	case JournalTorn:
		var d TornData
		_ = e.Decode(&d)
		l.Text = fmt.Sprintf("a torn last line of the journal (%d bytes after entry %d) was set aside in %s", d.Bytes, d.Line, d.File)
	default:
		l.Text = string(e.Kind) // of a later version
	}
	return true
}
