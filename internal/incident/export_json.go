package incident

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// The JSON export, version 1. Members may be added within a version; none changes its meaning or goes.
type (
	jsonExport struct {
		V         int               `json:"v"`
		Incident  jsonIncident      `json:"incident"`
		Times     map[string]moment `json:"times"`
		Timeline  []jsonLine        `json:"timeline"`
		Controls  []jsonLever       `json:"controls"`
		Runs      []jsonRun         `json:"runs"`
		Bursts    []BurstData       `json:"bursts"`
		Notes     []jsonNote        `json:"notes"`
		Samples   []jsonSample      `json:"samples"`
		Evidence  []Frozen          `json:"evidence"`  // what runbooks froze, whole
		Redaction map[string]int    `json:"redaction"` // what this export took out that the journal still had, by rule
		Integrity jsonIntegrity     `json:"integrity"`
	}
	jsonIncident struct {
		ID        string     `json:"id"`
		Title     string     `json:"title"`
		Severity  string     `json:"severity"`
		Status    string     `json:"status"`
		Env       string     `json:"env,omitempty"`
		Drill     bool       `json:"drill"`
		Opened    time.Time  `json:"opened"`
		OpenedBy  Actor      `json:"opened_by"`
		Closed    *time.Time `json:"closed"`
		ClosedBy  *Actor     `json:"closed_by,omitempty"`
		Reason    string     `json:"reason,omitempty"`
		DurationS float64    `json:"duration_s,omitempty"` // of a closed one
		People    []string   `json:"people"`
	}
	jsonLine struct {
		Seq        int64             `json:"seq"`
		At         time.Time         `json:"at"`
		RecordedAt time.Time         `json:"recorded_at"`
		Local      string            `json:"local,omitempty"`
		Kind       Group             `json:"kind"`
		Entry      Kind              `json:"entry"`
		Actor      string            `json:"actor"`
		Summary    string            `json:"summary"`
		Refs       map[string]string `json:"refs,omitempty"`
	}
	jsonLever struct {
		LeverData
		State       string     `json:"state"`
		Run         string     `json:"run,omitempty"`
		Step        string     `json:"step,omitempty"`
		SetBy       Actor      `json:"set_by"`
		RequestedAt *time.Time `json:"requested_at"`
		AppliedAt   *time.Time `json:"applied_at"`
		EndedAt     *time.Time `json:"ended_at"`
		EndedBy     *Actor     `json:"ended_by,omitempty"`
		EndReason   string     `json:"end_reason,omitempty"`
		Drift       string     `json:"drift,omitempty"`
		Extended    int        `json:"extended,omitempty"`
	}
	jsonRun struct {
		ID string `json:"id"`
		RunData
		Opened time.Time  `json:"opened"`
		By     Actor      `json:"by"`
		Closed *time.Time `json:"closed"`
		Ended  *Actor     `json:"closed_by,omitempty"`
		Steps  []jsonStep `json:"steps"`
	}
	jsonStep struct {
		Slug   string     `json:"slug"`
		Title  string     `json:"title,omitempty"`
		State  string     `json:"state"`
		Reason string     `json:"reason,omitempty"`
		At     time.Time  `json:"at"`
		By     Actor      `json:"by"`
		Checks []StepData `json:"checks,omitempty"`
	}
	jsonNote struct {
		At  time.Time `json:"at"`
		Seq int64     `json:"seq"`
		By  Actor     `json:"by"`
		NoteData
	}
	jsonSample struct {
		At time.Time `json:"at"`
		SampleData
	}
	jsonIntegrity struct {
		integrity
		Tool string `json:"tool,omitempty"`
	}
)

// MarshalJSON writes a moment as {"value","source","evidence"}, or null where it is not known.
func (m moment) MarshalJSON() ([]byte, error) {
	if m.at == nil {
		return []byte("null"), nil
	}
	return encode(struct {
		Value    time.Time `json:"value"`
		Source   string    `json:"source"`
		Evidence string    `json:"evidence"`
	}{*m.at, m.source, m.evidence})
}

// WriteJSON writes the incident for programs: {"v":1, incident, times, timeline, controls, runs, bursts, notes, samples, evidence, integrity}.
func WriteJSON(w io.Writer, entries []Entry, id string, o ExportOptions) error {
	a, err := gather(entries, id, o)
	if err != nil {
		return err
	}
	x := jsonExport{
		V: 1, Incident: a.jsonIncident(), Times: map[string]moment{}, Timeline: a.jsonLines(), Controls: a.jsonLevers(), Runs: a.jsonRuns(),
		Bursts: []BurstData{}, Notes: []jsonNote{}, Samples: []jsonSample{}, Evidence: append([]Frozen{}, a.Incident.Evidence...),
		Redaction: map[string]int{}, Integrity: jsonIntegrity{a.integrity, o.Tool},
	}
	for _, m := range a.Times.list() {
		x.Times[m.name] = m
	}
	for i := range a.Bursts {
		x.Bursts = append(x.Bursts, a.Bursts[i].BurstData)
	}
	for _, n := range a.Notes {
		x.Notes = append(x.Notes, jsonNote{At: n.At, Seq: n.Seq, By: n.By, NoteData: n.NoteData})
	}
	for _, s := range a.Samples {
		x.Samples = append(x.Samples, jsonSample{At: s.At, SampleData: s.SampleData})
	}
	return x.write(w, a)
}

// write redacts the whole and says in it what that took out.
func (x *jsonExport) write(w io.Writer, a *account) error {
	before := a.opts.Redactor.Report()
	raw, err := encode(x)
	if err != nil {
		return err
	}
	a.opts.Redactor.JSON(raw)
	for rule, n := range a.opts.Redactor.Report() {
		if n -= before[rule]; n > 0 {
			x.Redaction[rule] = n
		}
	}
	if raw, err = encode(x); err != nil {
		return err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, a.opts.Redactor.JSON(raw), "", "  "); err != nil {
		return fmt.Errorf("indenting the export: %w", err)
	}
	b.WriteByte('\n')
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("writing the export: %w", err)
	}
	return nil
}

func (a *account) jsonIncident() jsonIncident {
	i := jsonIncident{
		ID: a.ID, Title: a.Title, Severity: a.Severity, Status: a.Status, Env: a.Env, Drill: a.Drill, Opened: a.Opened, OpenedBy: a.OpenedBy,
		Closed: a.Incident.Closed, Reason: a.Reason, People: append([]string{}, a.People...),
	}
	if i.Closed != nil {
		i.ClosedBy, i.DurationS = &a.ClosedBy, a.Duration(*i.Closed).Seconds()
	}
	return i
}

func (a *account) jsonLines() []jsonLine {
	out := make([]jsonLine, 0, len(a.lines))
	for _, l := range a.lines {
		j := jsonLine{Seq: l.Seq, At: l.At, RecordedAt: l.RecordedAt, Kind: l.Group, Entry: l.Kind, Actor: l.Actor, Summary: l.Text, Refs: map[string]string{}}
		for name, ref := range map[string]string{"run": l.Run, "step": l.Step, "burst": l.Burst, "lever": l.Lever} {
			if ref != "" {
				j.Refs[name] = ref
			}
		}
		if a.opts.Location != nil {
			j.Local = l.At.In(a.opts.Location).Format(time.RFC3339)
		}
		out = append(out, j)
	}
	return out
}

func (a *account) jsonLevers() []jsonLever {
	out := make([]jsonLever, 0, len(a.Levers))
	for i := range a.Levers {
		l := &a.Levers[i]
		j := jsonLever{
			LeverData: l.LeverData, State: l.State, Run: l.Run, Step: l.Step, SetBy: l.By, AppliedAt: l.AppliedAt, EndedAt: l.EndedAt,
			EndReason: l.EndReason, Drift: l.Drift, Extended: l.Extended,
		}
		if !l.RequestedAt.IsZero() {
			j.RequestedAt = &l.RequestedAt
		}
		if l.EndedAt != nil {
			j.EndedBy = &l.EndedBy
		}
		out = append(out, j)
	}
	return out
}

func (a *account) jsonRuns() []jsonRun {
	out := make([]jsonRun, 0, len(a.Runs))
	for i := range a.Runs {
		r := &a.Runs[i]
		j := jsonRun{ID: r.ID, RunData: r.RunData, Opened: r.Opened, By: r.By, Closed: r.Closed, Steps: make([]jsonStep, 0, len(r.Steps))}
		if r.Closed != nil {
			j.Ended = &r.ClosedBy
		}
		for _, s := range r.Steps {
			j.Steps = append(j.Steps, jsonStep(s))
		}
		out = append(out, j)
	}
	return out
}
