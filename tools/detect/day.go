package main

import (
	"fmt"
	"math"
	"time"

	"signalbox/internal/burst"
	"signalbox/internal/traffic"
	"signalbox/tools/detect/score"
	"signalbox/tools/trafficgen/gen"
)

// looks are the seconds after the first alarm of an incident at which its scopes are looked at.
var looks = [...]float64{0, 5, 15, 30}

// day is one simulated fleet and what the detector said of it.
type day struct {
	seed     uint64
	hours    float64
	leaves   int
	fleet    *score.Fleet
	faults   []*score.Fault
	bursts   []*score.Burst
	scopes   [len(looks)]score.PR
	byKind   map[string]*score.PR // 15 s after the alarm, by kind of the first fault
	wrong    []string             // scopes that were wrong then
	strength float64              // of the fault that a start is put into: the share of requests that it fails
	rivals   *rivals              // nil: nobody asked for them
	found    map[string]*finding  // what was said beside the bursts, by id
}

// plan says which days are simulated.
type plan struct {
	hours, quiet float64
	gap          int64
	pair, scale  float64
	kinds        []string
	falses       float64
	rivals       bool
	fine         bool  // leaves by deployment and workload, too
	width        int64 // seconds that one count is about, as of a scrape; 0 or 1: records
}

// incident are faults that overlap in time.
type incident struct {
	faults  []int
	start   float64
	end     float64
	alarm   float64   // of the first burst that found one of them; NaN: none yet
	since   [][]int64 // by fault: first attempts of each leaf until it began
	pending int       // looks that are still to come
}

// sim runs a day.
type sim struct {
	*day
	g       *gen.Gen
	tr      *gen.Tracker
	feed    *feed
	det     *burst.Detector
	lookout *burst.Lookout
	seen    []int64 // first attempts by leaf
	byID    map[string]*score.Burst
	all     []*incident
	next    int // incident that is on or comes next
	width   int64
	held    map[traffic.Key]*burst.Leaf // counts of a scrape's interval
}

func newSim(seed uint64, p plan) *sim {
	cfg := gen.Default(seed)
	cfg.Scale, cfg.Latency, cfg.TTFT, cfg.Tokens, cfg.Fine = p.scale, true, true, true, p.fine
	return simOf(gen.New(cfg), seed, p)
}

// simOf goes on with a fleet, after nobody has looked at it for a while or before it has begun.
func simOf(g *gen.Gen, seed uint64, p plan) *sim {
	s := &sim{g: g, day: &day{seed: seed, hours: p.hours, byKind: map[string]*score.PR{}, found: map[string]*finding{}}, byID: map[string]*score.Burst{}}
	if p.gap > 0 {
		s.g.PlanFaults(int64(p.quiet*3600), int64(p.hours*3600), p.gap, p.pair, p.kinds)
	}
	s.width, s.held = p.width, map[traffic.Key]*burst.Leaf{}
	s.leaves, s.fleet = len(s.g.Leaves), fleetOf(s.g)
	s.faults = faultsOf(s.g, s.fleet)
	s.tr, s.feed = gen.NewTracker(s.g), newFeed(s.g)
	if p.rivals {
		s.rivals = newRivals(s.g, int64(p.quiet*3600))
	}
	s.seen = make([]int64, len(s.g.Leaves))
	s.det = burst.New(burst.Options{Symbols: s.feed.syms, FalsePerMonth: p.falses})
	s.lookout = burst.NewLookout(s.feed.syms)
	for i, f := range s.faults {
		if n := len(s.all); n == 0 || f.Start >= s.all[n-1].end {
			s.all = append(s.all, &incident{start: f.Start, end: f.End, alarm: math.NaN(), pending: len(looks)})
		}
		x := s.all[len(s.all)-1]
		x.faults, x.end = append(x.faults, i), max(x.end, f.End)
		x.since = append(x.since, nil)
	}
	return s
}

// run simulates a day.
func run(seed uint64, p plan) *day {
	s := newSim(seed, p)
	for s.g.T < int64(p.hours*3600) {
		s.second()
	}
	describe(s.faults, s.tr.Lim, seed)
	return s.day
}

// second simulates one second.
func (s *sim) second() {
	t := s.g.T
	s.begin(float64(t))
	s.feed.reset()
	s.tr.Step(func(b *gen.Bucket) {
		s.seen[b.Leaf] += int64(b.N - b.Retries)
		s.feed.add(b)
		if s.rivals != nil {
			s.rivals.add(b)
		}
	})
	if s.rivals != nil {
		s.rivals.step(t, s.beginning(float64(t)))
	}
	if s.width > 1 {
		s.scrape(t)
	} else {
		s.close(t, s.feed.leaves)
	}
	s.look(float64(t + 1))
}

// close gives a second to the detector.
func (s *sim) close(t int64, leaves []burst.Leaf) {
	said := s.det.Step(begin+t, leaves)
	for _, e := range said {
		s.hear(e)
	}
	s.lookout.Count(begin+t, leaves)
	s.lookout.Hear(said)
	if s.lookout.Due(begin + t) {
		s.lookout.Look(begin+t, nil)
		s.beside(t + 1)
	}
}

// begin notes the traffic so far when a fault begins.
func (s *sim) begin(t float64) {
	for s.next < len(s.all) && t > s.all[s.next].end+looks[len(looks)-1] {
		s.next++
	}
	for n := s.next; n < len(s.all) && s.all[n].start <= t; n++ {
		x := s.all[n]
		for i, f := range x.faults {
			if s.faults[f].Start == t {
				x.since[i] = append([]int64(nil), s.seen...)
			}
		}
	}
}

// beginning are the faults that begin in a second.
func (s *sim) beginning(t float64) []*score.Fault {
	var out []*score.Fault
	for _, f := range s.faults {
		if f.Start == t {
			out = append(out, f)
		}
	}
	return out
}

// hear takes an event of the detector.
func (s *sim) hear(e burst.Event) {
	at := float64(s.g.T) // what a scrape tells is known at its end, whatever second it is about
	b := s.byID[e.Burst.ID]
	if b == nil {
		b = &score.Burst{ID: e.Burst.ID, Gone: math.NaN()}
		s.byID[e.Burst.ID] = b
		s.bursts = append(s.bursts, b)
	}
	b.Kind, b.Onset, b.Detected, b.Episodes = e.Burst.Kind, since(e.Burst.Onset), since(e.Burst.Detected), e.Burst.Episodes
	if e.Burst.Kind == burst.KindTraffic {
		b.Kind += ":" + e.Burst.Leading
	}
	b.End = math.NaN()
	if !e.Burst.Ended.IsZero() {
		b.End = since(e.Burst.Ended)
	}
	b.Text = fmt.Sprintf("%s %s %s: %s", e.Burst.Kind, e.Burst.Leading, e.Burst.Scope, e.Burst.Reason)
	switch e.Kind {
	case burst.Merged, burst.Withdrawn:
		b.Gone, b.Into = at, e.Into
	case burst.Settled:
	default:
		cov := s.fleet.Cover(e.Burst.Scope)
		if e.Kind == burst.Revised && len(b.Sights) > 0 && same(cov, b.Sights[len(b.Sights)-1].Cov) {
			return
		}
		b.Sights = append(b.Sights, score.Sight{T: at, Cov: cov})
	}
}

func same(a, b []bool) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func since(t time.Time) float64 { return t.Sub(time.Unix(begin, 0)).Seconds() }

// look holds the scopes of an incident against its faults, at the alarm and some seconds later.
func (s *sim) look(t float64) {
	if s.next >= len(s.all) || s.all[s.next].start > t {
		return
	}
	x := s.all[s.next]
	if math.IsNaN(x.alarm) && s.alarmed(x) {
		x.alarm = t
	}
	for x.pending > 0 && !math.IsNaN(x.alarm) {
		n := len(looks) - x.pending
		if t < x.alarm+looks[n] {
			return
		}
		x.pending--
		pr := s.scopesNow(x, t, n == 2)
		s.scopes[n].Add(pr)
		if n == 2 {
			kind := s.faults[x.faults[0]].Kind
			if s.byKind[kind] == nil {
				s.byKind[kind] = &score.PR{}
			}
			s.byKind[kind].Add(pr)
		}
	}
}

// alarmed tells whether one of the incident's faults has been found.
func (s *sim) alarmed(x *incident) bool {
	for _, i := range x.faults {
		for _, b := range s.bursts {
			if b.Alarm() && !math.IsNaN(b.Finds(s.faults[i])) {
				return true
			}
		}
	}
	return false
}

// scopesNow counts the scopes that are said now, those that are right, and the faults that have begun.
func (s *sim) scopesNow(x *incident, t float64, note bool) score.PR {
	var pr score.PR
	right := make([]bool, len(x.faults))
	for _, b := range s.bursts {
		if !b.Alarm() || !math.IsNaN(b.Gone) || len(b.Sights) == 0 || b.Sights[len(b.Sights)-1].T < x.start {
			continue
		}
		pr.Said++
		hit := false
		for n, i := range x.faults {
			if f := s.faults[i]; f.Start < t && score.Fits(f.Class, b.Kind) && s.fleet.Same(f, b.At(t), s.requests(x, n)) {
				right[n], hit = true, true
			}
		}
		if note && !hit {
			s.wrong = append(s.wrong, fmt.Sprintf("seed %d +%.0f s: %s (Kind %s)", s.seed, t, b.Text, s.faults[x.faults[0]].Kind))
		}
	}
	for n, i := range x.faults {
		if s.faults[i].Start < t {
			pr.There++
		}
		if right[n] {
			pr.Right++
		}
	}
	return pr
}

// requests are the first attempts by leaf since the incident's fault number n began.
func (s *sim) requests(x *incident, n int) []int64 {
	out := make([]int64, len(s.seen))
	for l, v := range s.seen {
		out[l] = v - x.since[n][l]
	}
	return out
}
