package cli

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"signalbox/internal/desk"
	"signalbox/internal/redact"
)

// sourceEvery is how often a source that only counts on is told again.
const sourceEvery = 10 * time.Second

// plainJSON is the client without a terminal for programs: one object a line, an event of the timeline or a source.
type plainJSON struct {
	app   *app
	desk  *desk.Client
	seq   int64
	told  map[string]toldSource
	burst map[string]string // what was last said of a burst, or of a finding
}

// toldSource is what was last said of a source.
type toldSource struct {
	at   time.Time
	view desk.SourceView
}

type jsonEvent struct {
	V     int        `json:"v"`
	Event *eventLine `json:"event,omitempty"`
}

type eventLine struct {
	At    time.Time `json:"at"`
	Kind  string    `json:"kind"`
	Group string    `json:"group"`
	Actor string    `json:"actor,omitempty"`
	Text  string    `json:"text"`
}

type jsonSource struct {
	V      int        `json:"v"`
	Source sourceLine `json:"source"`
}

// jsonBurst and jsonFinding are like those of scan --output json, as they are now.
type jsonBurst struct {
	V     int              `json:"v"`
	Burst desk.BurstReport `json:"burst"`
}

type jsonFinding struct {
	V       int                `json:"v"`
	Finding desk.FindingReport `json:"finding"`
}

// sourceLine is one source. Totals are since its start; a lag and a time of the last read are null before the first line.
type sourceLine struct {
	Name     string     `json:"name"`
	Kind     string     `json:"kind"`
	Where    string     `json:"where"`
	Format   string     `json:"format"`
	State    string     `json:"state"`
	SilentS  float64    `json:"silent_s,omitempty"` // of state silent
	Detail   string     `json:"detail,omitempty"`
	Lines    int64      `json:"lines"`
	Bytes    int64      `json:"bytes"`
	Unparsed int64      `json:"unparsed"`
	Dropped  int64      `json:"dropped"`
	Missed   int64      `json:"missed"` // times when lines may be missing that nobody can count
	Late     int64      `json:"late"`
	LagS     *float64   `json:"lag_s"` // now less the time of the newest line
	LastRead *time.Time `json:"last_read"`
	// Unknown are values that neither the lines nor the inventory give a provider and a region.
	Unknown []sourcePlace `json:"not_in_inventory,omitempty"`
}

// sourcePlace is one such value.
type sourcePlace struct {
	By      string `json:"by"` // deployment, backend, base_url, host or key_alias; absent for all beyond the bound
	Value   string `json:"value"`
	Records int64  `json:"records"`
}

// follow prints until ctx ends or done is closed; look sees each snapshot.
func (p *plainJSON) follow(ctx context.Context, done <-chan struct{}, look func(*desk.Snapshot)) error {
	for {
		s := p.desk.Snapshot()
		look(s)
		if err := p.print(s, false); err != nil {
			return err
		}
		select {
		case <-p.desk.Changed():
		case <-done:
			return p.print(p.desk.Snapshot(), true)
		case <-ctx.Done():
			return p.print(p.desk.Snapshot(), true)
		}
	}
}

// print writes the events that are new, and the bursts, findings and sources of which there is something new to say; all
// of them at the end.
func (p *plainJSON) print(s *desk.Snapshot, all bool) error {
	for _, l := range s.Timeline {
		if l.Seq <= p.seq {
			continue
		}
		p.seq = l.Seq
		e := eventLine{At: l.At.UTC(), Kind: l.Kind, Group: l.Group, Actor: redact.Secrets(l.Actor), Text: redact.Secrets(l.Text)}
		if err := p.app.json(jsonEvent{V: 1, Event: &e}); err != nil {
			return err
		}
	}
	if err := p.bursts(s, all); err != nil {
		return err
	}
	for i := range s.Sources {
		v := s.Sources[i]
		old, known := p.told[v.Name]
		turned := !known || old.view.Health != v.Health || old.view.Detail != v.Detail || old.view.Format != v.Format
		counts := v.Lines != old.view.Lines && s.At.Sub(old.at) >= sourceEvery
		if !all && !turned && !counts {
			continue
		}
		p.told[v.Name] = toldSource{s.At, v}
		if err := p.app.json(jsonSource{V: 1, Source: aboutSource(&v, s.At)}); err != nil {
			return err
		}
	}
	return nil
}

// bursts writes what has another state, scope or end than when it was last written; at the end, all with their last numbers.
func (p *plainJSON) bursts(s *desk.Snapshot, all bool) error {
	if p.burst == nil {
		p.burst = map[string]string{}
	}
	say := func(id, now string, v any) error {
		if p.burst[id] == now && !all {
			return nil
		}
		p.burst[id] = now
		return p.app.json(v)
	}
	for i := range s.Bursts {
		b := s.Bursts[i].Report()
		now := strings.Join([]string{b.Kind, b.State, b.Confidence, b.Scope.String(), strconv.Itoa(b.Episodes), fmt.Sprint(b.End != nil)}, " ")
		if err := say(b.ID, now, jsonBurst{V: 1, Burst: safeBurst(b)}); err != nil {
			return err
		}
	}
	for i := range s.Moving {
		f := s.Moving[i].Report()
		if err := say(f.ID, fmt.Sprint(f.End != nil, f.Where, f.Numbers["targets"]), jsonFinding{V: 1, Finding: safeFinding(f)}); err != nil {
			return err
		}
	}
	return nil
}

func aboutSource(v *desk.SourceView, now time.Time) sourceLine {
	l := sourceLine{
		Name: v.Name, Kind: v.Kind, Where: redact.Secrets(v.Where), Format: v.Format, State: cmp.Or(v.Health, "starting"), Detail: redact.Secrets(v.Detail),
		Lines: v.Lines, Bytes: v.Bytes, Unparsed: v.Unparsed, Dropped: v.Dropped, Missed: v.Missed, Late: v.Late,
	}
	for _, p := range v.UnknownPlaces {
		l.Unknown = append(l.Unknown, sourcePlace{By: p.By, Value: safe(p.Value), Records: p.N})
	}
	if v.Lag >= 0 {
		s := seconds(v.Lag)
		l.LagS = &s
	}
	if !v.LastRead.IsZero() {
		at := v.LastRead.UTC()
		l.LastRead = &at
		if l.State == "silent" {
			l.SilentS = seconds(now.Sub(at))
		}
	}
	return l
}

// seconds rounds to milliseconds: more would say what nobody measured.
func seconds(d time.Duration) float64 { return math.Round(d.Seconds()*1000) / 1000 }
