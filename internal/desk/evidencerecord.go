package desk

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"signalbox/internal/traffic"
)

// evidenceRecord is one record as evidence keeps it, by the names that signalbox tail writes, absent where it says nothing. It is
// bounded and without secrets.
type evidenceRecord struct {
	Time         time.Time `json:"time"`
	Side         string    `json:"side,omitempty"`
	Env          string    `json:"env,omitempty"`
	Gateway      string    `json:"gateway,omitempty"`
	Instance     string    `json:"instance,omitempty"`
	Provider     string    `json:"provider,omitempty"`
	Model        string    `json:"model,omitempty"`
	Region       string    `json:"region,omitempty"`
	Deployment   string    `json:"deployment,omitempty"`
	Endpoint     string    `json:"endpoint,omitempty"`
	Workload     string    `json:"workload,omitempty"`
	Stream       *bool     `json:"stream,omitempty"`
	Caller       string    `json:"caller,omitempty"`
	Class        string    `json:"class"`
	Status       int       `json:"status,omitempty"`
	ErrorCode    string    `json:"error_code,omitempty"`
	ErrorType    string    `json:"error_type,omitempty"`
	ErrorMessage string    `json:"error_message,omitempty"`
	Latency      *float64  `json:"latency_ms,omitempty"`
	TTFT         *float64  `json:"ttft_ms,omitempty"`
	RetryAfter   *float64  `json:"retry_after_ms,omitempty"`
	Attempt      int       `json:"attempt,omitempty"`
	RequestID    string    `json:"request_id,omitempty"`
	Late         bool      `json:"late,omitempty"`
	Raw          string    `json:"raw,omitempty"` // the line as it was read
}

// olderRecord is what journals of before hold in its place.
type olderRecord struct {
	At      time.Time
	Labels  traffic.Scope
	Latency time.Duration
	ID      string
	Text    string
}

func (d *Desk) evidenceRecord(r traffic.Record) evidenceRecord {
	e := evidenceRecord{
		Time: r.Time.UTC(), Class: r.Outcome.Class().String(), Status: r.Outcome.Status(), Attempt: r.Attempt, Late: r.Late,
		ErrorCode: safe(r.Code, 200), ErrorType: safe(r.Type, 200), ErrorMessage: safe(r.Message, maxLine),
		RequestID: safe(r.RequestID, 200), Raw: safe(r.Raw, maxLine),
	}
	e.place(d.labels(r.Key))
	for _, m := range []struct {
		has traffic.Field
		to  **float64
		d   time.Duration
	}{{traffic.HasLatency, &e.Latency, r.Latency}, {traffic.HasTTFT, &e.TTFT, r.TTFT}, {traffic.HasRetryAfter, &e.RetryAfter, r.RetryAfter}} {
		if r.Known&m.has != 0 {
			*m.to = milliseconds(m.d)
		}
	}
	return e
}

func milliseconds(d time.Duration) *float64 {
	ms := float64(d) / float64(time.Millisecond)
	return &ms
}

// place takes the labels of a record.
func (e *evidenceRecord) place(labels traffic.Scope) {
	for dim, to := range map[traffic.Dim]*string{
		traffic.Side: &e.Side, traffic.Env: &e.Env, traffic.Gateway: &e.Gateway, traffic.Instance: &e.Instance, traffic.Provider: &e.Provider,
		traffic.Model: &e.Model, traffic.Region: &e.Region, traffic.Deployment: &e.Deployment, traffic.Endpoint: &e.Endpoint,
		traffic.Workload: &e.Workload, traffic.Caller: &e.Caller,
	} {
		*to = labels[dim.String()]
	}
	if yes, err := strconv.ParseBool(labels[traffic.Stream.String()]); err == nil {
		e.Stream = &yes
	}
}

// UnmarshalJSON reads a record of this version and of the one before, which wrote other names.
func (e *evidenceRecord) UnmarshalJSON(raw []byte) error {
	type plain evidenceRecord
	if err := json.Unmarshal(raw, (*plain)(e)); err != nil {
		return fmt.Errorf("reading a record of evidence: %w", err)
	}
	if !e.Time.IsZero() {
		return nil
	}
	var old olderRecord
	if err := json.Unmarshal(raw, &old); err != nil {
		return fmt.Errorf("reading a record of evidence: %w", err)
	}
	e.place(old.Labels)
	e.Time, e.RequestID, e.ErrorMessage = old.At, old.ID, old.Text
	if old.Latency > 0 {
		e.Latency = milliseconds(old.Latency)
	}
	return nil
}
