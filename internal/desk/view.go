package desk

import (
	"slices"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/traffic"
)

// maxTimeline bounds the timeline lines of a snapshot; the journal keeps all.
const maxTimeline = 500

// publish makes a snapshot and tells the clients. Parts that cost more than the rest are made once
// a second.
func (d *Desk) publish() {
	now := d.now()
	old := d.shot.Load()
	s := &Snapshot{Seq: 1, At: now, Watermark: d.sig.board.Watermark(now, true), Learning: d.sig.det.Learning(), Drill: d.o.Drill, ReadOnly: d.o.ReadOnly, WhyNot: d.refusal, Actor: d.actor}
	if old != nil {
		s.Seq = old.Seq + 1
	}
	s.Env, s.Danger = d.environment()
	if s.NoProbe = d.refusal; s.NoProbe == "" && len(d.points) == 0 {
		s.NoProbe = probeOff
	}
	if old != nil && now.Sub(d.pulsed) < time.Second && !now.Before(d.pulsed) {
		s.Grid, s.Totals, s.Offers = old.Grid, old.Totals, old.Offers
	} else {
		d.pulsed = now
		s.Grid, s.Totals, s.Offers = d.grid(now), d.totals(now), d.offers()
	}
	s.Incident = d.record.incidentView()
	s.Bursts, s.Raised = d.burstViews(), len(d.raised)
	s.Moving = d.findingViews()
	s.Changes = changeViews(d.sig.board.Changes(nil, now.Add(-changesBefore), now))
	s.Levers, s.Inventory = d.leverViews(), d.o.Inventory
	for _, name := range d.order {
		s.Gateways = append(s.Gateways, d.gatewayView(d.wires[name]))
		s.Controls = append(s.Controls, d.controlViews(d.wires[name])...)
	}
	s.Sources = d.sourceViews(now)
	s.Rehearsals = d.rehearsalViews()
	s.Library, s.Run = d.o.Books, d.runView(now)
	s.Resumable, s.Runs, s.EndedRuns = d.resumable(), d.openRuns(), d.endedRuns()
	s.Timeline = d.record.timeline()
	s.Findings = d.findings(now, s.Sources, s.Gateways)
	s.Journal = JournalView{Path: d.o.Journal.Path(), Err: d.record.err, Seq: d.record.seq}
	rec := d.sig.board.Records()
	d.records.Store(&rec)
	d.shot.Store(s)
	d.dirty = false
	d.subs.notify()
}

// environment says in a word where acting would act.
func (d *Desk) environment() (env string, danger bool) {
	for _, name := range d.order {
		w := d.wires[name]
		danger = danger || w.spec.Typed
		if env == "" {
			env = w.spec.Env
		}
		if env != w.spec.Env {
			env = "mixed"
		}
	}
	if env == "" {
		env = "no gateway"
	}
	return env, danger
}

func (d *Desk) burstViews() []BurstView {
	var live, settled []BurstView
	for _, b := range d.bursts {
		v := d.burstView(b)
		if v.Live() {
			live = append(live, v)
		} else {
			settled = append(settled, v)
		}
	}
	slices.SortStableFunc(live, func(a, b BurstView) int { // notes below what pages
		switch {
		case a.Page && !b.Page:
			return -1
		case b.Page && !a.Page:
			return 1
		}
		return b.Detected.Compare(a.Detected)
	})
	slices.SortStableFunc(settled, func(a, b BurstView) int { return b.Ended.Compare(a.Ended) })
	return append(live, settled...)
}

func (d *Desk) leverViews() []LeverView {
	var out, ended []LeverView
	now := d.now()
	for i := len(d.levers) - 1; i >= 0; i-- {
		l := d.levers[i]
		v := l.view()
		v.Unsettled = l.unsettled(now)
		if l.out() {
			v.Held = l.holds(d.wires[l.plan.Gateway])
			out = append(out, v)
		} else if l.incident == d.record.open || now.Sub(l.endedAt) < keepSettled {
			ended = append(ended, v)
		}
	}
	return append(out, ended...)
}

func (d *Desk) gatewayView(w *wire) GatewayView {
	v := GatewayView{
		Name: w.spec.Name, Kind: w.spec.Kind, Env: w.spec.Env, Levers: w.spec.Driver != nil, WhyNot: d.whyNot(w), Err: w.err,
		ReadAt: w.state.At, Deployments: w.deployments(), Knobs: w.knobs, LeastCap: w.spec.LeastCap,
	}
	if v.Levers {
		v.Astray = d.astray(w)
	}
	for _, i := range w.state.Instances {
		v.Instances = append(v.Instances, InstanceView{Name: i.Name, Reachable: i.Reachable, Err: i.Err})
	}
	if len(v.Instances) == 0 && w.err != "" {
		for _, name := range w.desc.Instances {
			v.Instances = append(v.Instances, InstanceView{Name: name, Err: w.err})
		}
	}
	for _, a := range w.desc.Abilities {
		v.Abilities = append(v.Abilities, AbilityView{Verb: string(a.Verb), Fitness: string(a.Fitness), Why: a.Why, Dims: a.Dims, SelfEnds: a.Holder != gateway.HeldByConsole})
	}
	return v
}

// whyNot says why no lever of this gateway may be thrown.
func (d *Desk) whyNot(w *wire) string {
	switch {
	case w.spec.Driver == nil:
		return w.spec.WhyNot
	case w.spec.ReadOnly:
		return "environment " + w.spec.Env + " is read-only in the configuration"
	}
	return ""
}

// controlViews lists what a gateway reports away from its base, whoever set it, with drift in words.
func (d *Desk) controlViews(w *wire) []ControlView {
	var out []ControlView
	for _, i := range w.state.Instances {
		if !i.Reachable {
			continue
		}
		for _, c := range i.Controls {
			if gateway.Same(c.Value, c.Base) {
				continue
			}
			v := ControlView{
				Gateway: w.spec.Name, Instance: i.Name, ID: c.ID, Verb: string(c.Verb), Scope: c.Scope,
				Value: valueWords(c.Value), Base: valueWords(c.Base), SetBy: c.SetBy,
			}
			if c.ExpiresAt != nil {
				v.ExpiresAt = *c.ExpiresAt
			}
			v.Ours, v.Drift = d.ownership(w, i.Name, c)
			out = append(out, v)
		}
	}
	return out
}

func (d *Desk) ownership(w *wire, instance string, c gateway.Control) (ours bool, drift string) {
	if l := d.leverOn(w, instance, c.ID); l != nil {
		for _, p := range l.plan.Instances {
			if p.Name != instance || p.Control != c.ID {
				continue
			}
			if gateway.Same(p.After, c.Value) || l.asking {
				return true, ""
			}
			return true, "we set " + valueWords(p.After) + ", it is " + valueWords(c.Value) + setBy(c)
		}
	}
	return false, "not set from here: " + valueWords(c.Base) + " -> " + valueWords(c.Value) + setBy(c)
}

func setBy(c gateway.Control) string {
	if c.SetBy == "" {
		return ""
	}
	return " by " + c.SetBy
}

// sourceState is a source and what the desk measures of it.
type sourceState struct {
	traffic.SourceState
	late  int64
	from  time.Time // of the running rate
	fromN int64
	rate  float64
}

// silentAfter is the age of the last line above which a source that was live is called silent.
const silentAfter = 30 * time.Second

func (d *Desk) sourceViews(now time.Time) []SourceView {
	names := make([]string, 0, len(d.sources))
	for n := range d.sources {
		names = append(names, n)
	}
	slices.Sort(names)
	out := make([]SourceView, 0, len(names))
	for _, n := range names {
		s := d.sources[n]
		v := SourceView{
			Name: n, Kind: sourceKind(s.Kind), Where: s.Where, Format: s.Format, Health: string(s.health(now)), Detail: s.Detail,
			Lines: s.Lines, Bytes: s.Bytes, Unparsed: s.Unparsed, Dropped: s.Dropped, Missed: s.Missed, Late: s.late, PerSecond: s.rate,
			LastRead: s.LastRead, Lag: -1, UnknownPlaces: s.UnknownPlaces,
		}
		if !s.Newest.IsZero() {
			v.Lag = max(0, now.Sub(s.Newest))
		}
		out = append(out, v)
	}
	return out
}

func (s *sourceState) health(now time.Time) traffic.Health {
	if s.Health == traffic.Live && s.Kind != traffic.ChangeSource && !s.LastRead.IsZero() && now.Sub(s.LastRead) > silentAfter {
		return traffic.Silent
	}
	return s.Health
}

func sourceKind(k traffic.SourceKind) string {
	switch k {
	case traffic.ScrapeSource:
		return "scrape"
	case traffic.ChangeSource:
		return "changes"
	}
	return "log"
}

// allSilent tells whether no log source tells anything now.
func (d *Desk) allSilent(now time.Time) bool {
	for _, s := range d.sources {
		if s.Kind == traffic.LogSource && s.health(now) == traffic.Live {
			return false
		}
	}
	return len(d.sources) > 0
}

// take applies one batch.
func (d *Desk) take(b traffic.Batch) {
	now := d.now()
	cleanFacts(b.Facts)
	ap := d.sig.apply(b, now)
	d.recordChanges(b.Facts, b.Source)
	s := d.sources[b.Source]
	if s == nil {
		s = &sourceState{from: now}
		s.Name, s.Kind, s.Health = b.Source, b.Kind, traffic.Live
		d.sources[b.Source] = s
	}
	s.late += int64(ap.Late)
	if b.State != nil {
		d.sourceSays(s, *b.State)
	}
	if dt := now.Sub(s.from); dt >= time.Second {
		s.rate = float64(s.Lines-s.fromN) / dt.Seconds()
		s.from, s.fromN = now, s.Lines
	}
	d.dirty = true
}
