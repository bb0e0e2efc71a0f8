package desk

import (
	"slices"
	"strings"
	"time"

	"signalbox/internal/burst"
	"signalbox/internal/gateway"
	"signalbox/internal/incident"
	"signalbox/internal/traffic"
)

// FindingView is something that moves beside the bursts: it is told and never pages.
type FindingView struct {
	ID      string
	Kind    string // cascade, stuck_fallback, stuck_breaker, retry_storm
	Where   traffic.Scope
	Name    string       // short name of where
	Targets []TargetView // of a cascade: all that suffer, the worst first, and then those that did
	From    traffic.Scope
	Burst   string
	Since   time.Time
	Until   time.Time // zero while it lasts
	Numbers map[string]float64
	Text    string // one sentence with the numbers
	Look    string // what to look at, or to do first
}

// TargetView is one of the targets of a cascade.
type TargetView struct {
	Where   traffic.Scope
	Name    string // short name of where
	Since   time.Time
	Until   time.Time // zero while it suffers
	Numbers map[string]float64
	Text    string // what is wrong there
}

// Live tells whether the finding lasts.
func (f FindingView) Live() bool { return f.Until.IsZero() }

// findingState is a finding and what the desk has written of it.
type findingState struct {
	burst.Finding
	incident string
	ended    bool // that it has ended is in the journal
}

// move takes in what moves beside the bursts.
func (d *Desk) move() {
	all := d.sig.look.Findings()
	for _, f := range all {
		i := slices.IndexFunc(d.moving, func(s *findingState) bool { return s.ID == f.ID })
		if i < 0 {
			s := &findingState{Finding: f, incident: d.incidentOf(f)}
			d.moving = append(d.moving, s)
			d.writeFinding(incident.FindingNoted, s)
			i = len(d.moving) - 1
		}
		s := d.moving[i]
		s.Finding = f
		if !f.Live() && !s.ended {
			s.ended = true
			d.writeFinding(incident.FindingEnded, s)
		}
	}
	d.moving = slices.DeleteFunc(d.moving, func(s *findingState) bool {
		return !slices.ContainsFunc(all, func(f burst.Finding) bool { return f.ID == s.ID })
	})
	d.dirty = true
}

// incidentOf puts a finding into the incident of its burst, else into the open one where a burst of that touches it.
func (d *Desk) incidentOf(f burst.Finding) string {
	if b := d.burstByID(f.Burst); b != nil {
		return b.incident
	}
	for _, b := range d.bursts {
		if b.incident != "" && b.incident == d.record.open && b.Scope.Overlaps(f.Where) {
			return b.incident
		}
	}
	return ""
}

func (d *Desk) writeFinding(kind incident.Kind, s *findingState) {
	data := incident.FindingData{
		ID: s.ID, Kind: string(s.Kind), Where: s.Where, From: s.From, Burst: s.Burst, Since: s.Since, Numbers: s.Numbers, Text: s.Text, Look: s.Look,
	}
	data.Until = ending(s.Until)
	for _, t := range s.Targets {
		data.Targets = append(data.Targets, incident.TargetData{
			Where: t.Where, Since: t.Since, Until: ending(t.Until), Numbers: t.Numbers, Text: t.Text,
		})
	}
	_ = d.write(entryDraft{kind: kind, incident: s.incident, data: data, actor: byDesk})
}

func (d *Desk) findingViews() []FindingView {
	out := make([]FindingView, 0, len(d.moving))
	for _, s := range d.moving {
		v := viewFinding(s.Finding)
		v.Text += d.heldBy(s)
		out = append(out, v)
	}
	slices.SortStableFunc(out, func(a, b FindingView) int {
		switch {
		case a.Live() && !b.Live():
			return -1
		case b.Live() && !a.Live():
			return 1
		}
		return b.Since.Compare(a.Since)
	})
	return out
}

// heldBy names a lever of ours that may be what keeps traffic away: then it is not forgotten, but asked for.
func (d *Desk) heldBy(s *findingState) string {
	if s.Kind != burst.StuckFallback && s.Kind != burst.StuckBreaker {
		return ""
	}
	place := s.From
	if place == nil {
		place = s.Where
	}
	var names []string
	for _, l := range d.levers {
		switch l.plan.Change.Verb {
		case gateway.TargetOut, gateway.BreakerOpen, gateway.RouteForce, gateway.FallbackOn:
			if l.out() && d.leverWhere(l).Overlaps(place) {
				names = append(names, l.view().Title)
			}
		default:
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; a lever is out there: " + strings.Join(names, ", ")
}
