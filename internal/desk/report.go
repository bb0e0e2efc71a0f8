package desk

import (
	"slices"
	"time"

	"signalbox/internal/burst"
	"signalbox/internal/traffic"
)

// BurstReport is one burst as scan and watch report it.
type BurstReport struct {
	ID         string           `json:"id"`
	Start      time.Time        `json:"start"`
	Earlier    bool             `json:"began_earlier,omitempty"` // it may have begun before start, at which reading began
	Detected   time.Time        `json:"detected"`
	End        *time.Time       `json:"end"`
	PeakRate   float64          `json:"peak_rate"`
	Excess     float64          `json:"excess"`
	Classes    map[string]int64 `json:"classes"`
	Kind       string           `json:"kind"`
	Page       bool             `json:"page"` // false: a note, which wakes nobody
	Scope      traffic.Scope    `json:"scope"`
	Aliases    []traffic.Scope  `json:"aliases,omitempty"` // other names of the same traffic
	Share      float64          `json:"share"`
	Cells      []traffic.Scope  `json:"cells"`
	Side       string           `json:"side"`
	State      string           `json:"state"`
	Confidence string           `json:"confidence"`
	Episodes   int              `json:"episodes"`
	Reason     string           `json:"reason"`
	Clean      string           `json:"clean,omitempty"`
	Answers    []AnswerReport   `json:"answers,omitempty"` // one environment, provider, model, region, ..., class?
	Blame      string           `json:"blame,omitempty"`   // caller, account, gateway, provider or network
	BlameWhy   string           `json:"blame_why,omitempty"`
	Failed     int64            `json:"failed"`
	Total      int64            `json:"total"`
	Baseline   float64          `json:"baseline"`
	Codes      map[int]int64    `json:"codes,omitempty"`
	Before     *TookReport      `json:"before,omitempty"` // what answers took before it and now, for kind latency
	Now        *TookReport      `json:"now,omitempty"`
	Changes    []ChangeReport   `json:"changes,omitempty"` // of the 30 minutes before it, newest first; where changes were told
}

// TookReport is how long answers take, in seconds: the median and what a tenth exceeds.
type TookReport struct {
	P50 float64 `json:"p50_s"`
	P90 float64 `json:"p90_s"`
}

func tookOf(q burst.Quantiles) *TookReport {
	if q == (burst.Quantiles{}) {
		return nil
	}
	return &TookReport{P50: q.P50.Seconds(), P90: q.P90.Seconds()}
}

// AnswerReport says of one dimension whether a burst keeps to one value of it.
type AnswerReport struct {
	Dim    string `json:"dimension"`
	Extent string `json:"extent"`          // isolated, spread, cannot tell
	Value  string `json:"value,omitempty"` // the only one that fails, or has traffic
	Text   string `json:"text"`            // with the numbers
}

// ChangeReport is one change beside a burst.
type ChangeReport struct {
	Time  time.Time     `json:"time"`
	Kind  string        `json:"kind"`
	Text  string        `json:"text"`
	Who   string        `json:"who,omitempty"`
	Scope traffic.Scope `json:"scope,omitempty"`
}

// FindingReport is something that moved beside the bursts, as scan and watch report it.
type FindingReport struct {
	ID      string             `json:"id"`
	Kind    string             `json:"kind"` // cascade, stuck_fallback, stuck_breaker, retry_storm
	Where   traffic.Scope      `json:"where"`
	Targets []TargetReport     `json:"targets,omitempty"` // of a cascade, the worst first
	From    traffic.Scope      `json:"from,omitempty"`
	Burst   string             `json:"burst,omitempty"`
	Start   time.Time          `json:"start"`
	End     *time.Time         `json:"end"`
	Numbers map[string]float64 `json:"numbers"`
	Text    string             `json:"text"`
	Look    string             `json:"look"`
}

// TargetReport is one of the targets of a cascade.
type TargetReport struct {
	Where   traffic.Scope      `json:"where"`
	Start   time.Time          `json:"start"`
	End     *time.Time         `json:"end"`
	Numbers map[string]float64 `json:"numbers"`
	Text    string             `json:"text"`
}

// viewBurst gives what a burst itself says.
func viewBurst(b burst.Burst) BurstView {
	return BurstView{
		ID: b.ID, Kind: b.Kind, Page: b.Pages(), Side: b.Side, Scope: b.Scope, Name: b.Scope.Short(), Aliases: b.Aliases, State: b.State,
		Leading: b.Leading, Onset: b.Onset, Earlier: b.Earlier, Detected: b.Detected, Ended: b.Ended, Failed: b.Failed, Total: b.Total, Rate: b.Rate, Peak: b.Peak,
		Baseline: b.Baseline, Excess: b.Excess, Share: b.Share, Classes: b.Classes, Codes: b.Codes, Cells: b.Cells, Clean: b.Clean, Reason: b.Reason,
		Episodes: b.Episodes, Confidence: b.Confidence, Provisional: b.Provisional,
		Before: b.Before, Now: b.Now, Answers: answersOf(b.Answers), Blame: b.Blame.Domain, BlameWhy: b.Blame.Why,
	}
}

func answersOf(all []burst.Answer) []AnswerReport {
	out := make([]AnswerReport, 0, len(all))
	for _, a := range all {
		out = append(out, AnswerReport{Dim: a.Dim, Extent: string(a.Extent), Value: a.Value, Text: a.Text})
	}
	return out
}

// Report gives the burst as scan and watch report it.
func (b BurstView) Report() BurstReport {
	r := BurstReport{
		ID: b.ID, Start: b.Onset.UTC(), Earlier: b.Earlier, Detected: b.Detected.UTC(), End: ending(b.Ended), PeakRate: b.Peak, Excess: b.Excess, Classes: b.Classes,
		Kind: b.Kind, Page: b.Page, Scope: b.Scope, Aliases: slices.Clone(b.Aliases), Share: b.Share, Cells: []traffic.Scope{}, Side: b.Side, State: b.State,
		Confidence: b.Confidence, Episodes: b.Episodes, Reason: b.Reason, Clean: b.Clean, Failed: b.Failed, Total: b.Total, Baseline: b.Baseline,
		Codes: b.Codes, Answers: slices.Clone(b.Answers), Blame: b.Blame, BlameWhy: b.BlameWhy,
		Before: tookOf(b.Before), Now: tookOf(b.Now),
	}
	for _, c := range b.Cells {
		r.Cells = append(r.Cells, c.Scope)
	}
	for _, c := range b.Changes {
		r.Changes = append(r.Changes, ChangeReport{Time: c.At.UTC(), Kind: c.Kind, Text: c.Text, Who: c.Who, Scope: c.Scope})
	}
	return r
}

// ending gives the end of something, nil while it lasts.
func ending(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	at = at.UTC()
	return &at
}

// viewFinding gives what a finding itself says.
func viewFinding(f burst.Finding) FindingView {
	v := FindingView{
		ID: f.ID, Kind: string(f.Kind), Where: f.Where, Name: f.Where.Short(), From: f.From, Burst: f.Burst, Since: f.Since, Until: f.Until,
		Numbers: f.Numbers, Text: f.Text, Look: f.Look,
	}
	for _, t := range f.Targets {
		v.Targets = append(v.Targets, TargetView{
			Where: t.Where, Name: t.Where.Short(), Since: t.Since, Until: t.Until, Numbers: t.Numbers, Text: t.Text,
		})
	}
	return v
}

// Report gives the finding as scan and watch report it.
func (f FindingView) Report() FindingReport {
	r := FindingReport{
		ID: f.ID, Kind: f.Kind, Where: f.Where, From: f.From, Burst: f.Burst, Start: f.Since.UTC(), End: ending(f.Until), Numbers: f.Numbers,
		Text: f.Text, Look: f.Look,
	}
	for _, t := range f.Targets {
		r.Targets = append(r.Targets, TargetReport{Where: t.Where, Start: t.Since.UTC(), End: ending(t.Until), Numbers: t.Numbers, Text: t.Text})
	}
	return r
}
