package burst

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"signalbox/internal/traffic"
)

// FindingKind names what moves beside the bursts.
type FindingKind string

// The kinds of findings.
const (
	Cascade       FindingKind = "cascade"        // moved traffic pushes the next target over its limit
	StuckFallback FindingKind = "stuck_fallback" // traffic still goes elsewhere although what it left is well
	StuckBreaker  FindingKind = "stuck_breaker"  // a breaker or a cool-down outlives what it was for
	RetryStorm    FindingKind = "retry_storm"    // repeats are the load
)

// Finding is something that lasts beside the bursts, that none of them says, and that a lever would make worse or could
// mend. It shares nothing with the lookout.
type Finding struct {
	ID      string // given when it is first told, never changes
	Kind    FindingKind
	Where   traffic.Scope      // the target that suffers, of several the worst, or what is held back
	Targets []Target           // of a cascade: all that suffer, the worst first, and then those that did
	From    traffic.Scope      // where the traffic comes from; nil where none moved
	Burst   string             // the burst that it comes of; empty where there is none
	Since   time.Time          //
	Until   time.Time          // zero while it lasts
	Numbers map[string]float64 // what the sentence rests on
	Text    string             // one sentence with the numbers
	Look    string             // what to look at, or what to do first
}

// Live tells whether the finding lasts.
func (f Finding) Live() bool { return f.Until.IsZero() }

// Lookout watches what moves beside the bursts: where traffic falls to, what refuses it, and who repeats. It counts
// each second, hears what happens to bursts, and looks every few seconds, at the states that a scrape saw too; of a
// finished log there are none of these. It is owned by one goroutine.
type Lookout struct {
	syms     *traffic.Symbols
	up       traffic.Sym
	upstream map[traffic.Sym]bool // gateways that tell of attempts
	classes  [256]ending
	spots    map[spotID]*spot
	leaves   map[traffic.Key]*counted
	lately   lately[counted]
	moves    map[move]*moving
	breakers map[traffic.Key]*breaker
	places   []*spot               // all of them in the order of their appearance, so that the same counts tell the same
	ways     []*moving             // of moves, so too
	held     []*breaker            // of breakers
	loads    map[traffic.Sym]*load // by deployment, as a scrape saw it last
	gates    map[traffic.Sym]*gate
	bursts   map[string]Burst // pages of the last two hours
	falls    []*fall          // of bursts that push others over their limits
	looked   int64
	noted    []*noted
	count    int
}

const (
	// lookEvery is how many seconds lie between two looks.
	lookEvery = 5
	// staysFor is how many seconds a finding outlives what it was seen by, so that it does not come and go.
	staysFor = 30
	// keepFinding is how long one that has ended is told of.
	keepFinding = 1800
	// keepBurst is how long a burst is remembered after its end: what it left behind may last.
	keepBurst = 7200
)

// NewLookout makes a lookout.
func NewLookout(syms *traffic.Symbols) *Lookout {
	return &Lookout{
		syms: syms, up: syms.Intern(traffic.SideUpstream), upstream: make(map[traffic.Sym]bool), classes: endings(),
		spots: make(map[spotID]*spot), leaves: make(map[traffic.Key]*counted), moves: make(map[move]*moving),
		breakers: make(map[traffic.Key]*breaker), loads: make(map[traffic.Sym]*load), gates: make(map[traffic.Sym]*gate),
		bursts: make(map[string]Burst),
	}
}

// noted is a finding while it is told of.
type noted struct {
	Finding
	id   string // what it is about
	seen int64
	told bool // seen twice in a row: from then on it is told of
}

// Due tells whether it is time to look again.
func (l *Lookout) Due(sec int64) bool { return sec >= l.looked+lookEvery || sec < l.looked }

// Hear takes what happened to bursts. What is only a note moves nothing.
func (l *Lookout) Hear(events []Event) {
	for _, e := range events {
		switch {
		case !e.Burst.Pages():
		case e.Kind == Merged || e.Kind == Withdrawn:
			delete(l.bursts, e.Burst.ID)
		default:
			l.bursts[e.Burst.ID] = e.Burst
		}
	}
}

// Look asks what moves after the second, and what the states of now show of it. Findings gives the answer.
func (l *Lookout) Look(sec int64, states []traffic.Gauge) {
	l.looked = sec
	for id, b := range l.bursts {
		if !b.Live() && sec-b.Ended.Unix() > keepBurst {
			delete(l.bursts, id)
		}
	}
	l.see(sec, states)
	l.cascades(sec)
	l.stuckMoves(sec)
	l.stuckBreakers(sec)
	l.stuckCooldowns(sec)
	l.storms(sec)
	l.noted = slices.DeleteFunc(l.noted, func(n *noted) bool {
		if n.Live() && sec-n.seen > staysFor {
			n.Until = at(n.seen + 1)
		}
		return (!n.told && n.seen < sec) || (!n.Live() && sec-n.Until.Unix() > keepFinding)
	})
	if sec%600 < lookEvery {
		l.forget(sec)
	}
}

// note tells of a finding, or goes on telling of it.
func (l *Lookout) note(sec int64, id string, since int64, f Finding) {
	for _, n := range l.noted {
		if n.id != id || !n.Live() {
			continue
		}
		f.ID, f.Since = n.ID, n.Since
		n.told = n.told || n.seen < sec
		n.Finding, n.seen = f, sec
		return
	}
	l.count++
	f.ID, f.Since = fmt.Sprintf("f%d-%d", since, l.count), at(since)
	l.noted = append(l.noted, &noted{Finding: f, id: id, seen: sec})
}

// Findings gives those that last, newest first, and then those of the last half hour.
func (l *Lookout) Findings() []Finding {
	var out []Finding
	for _, n := range l.noted {
		if !n.told {
			continue
		}
		f := n.Finding
		f.Where, f.From = f.Where.Clone(), f.From.Clone()
		f.Numbers, f.Targets = maps.Clone(n.Numbers), slices.Clone(n.Targets)
		for i := range f.Targets {
			t := &f.Targets[i]
			t.Where, t.Numbers = t.Where.Clone(), maps.Clone(t.Numbers)
		}
		out = append(out, f)
	}
	slices.SortStableFunc(out, func(a, b Finding) int {
		if a.Live() != b.Live() {
			if a.Live() {
				return -1
			}
			return 1
		}
		return cmp.Or(b.Since.Compare(a.Since), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// forget drops what nothing was heard of for two hours.
func (l *Lookout) forget(sec int64) {
	for k, c := range l.leaves {
		if sec-c.last > keepBurst {
			delete(l.leaves, k)
			clear(l.lately)
		}
	}
	for k, s := range l.spots {
		if sec-s.last() > keepBurst {
			delete(l.spots, k)
		}
	}
	l.places = slices.DeleteFunc(l.places, func(s *spot) bool { return l.spots[s.spotID] != s })
	for k, m := range l.moves {
		m.known = -1
		if sec-m.last() > keepBurst {
			delete(l.moves, k)
		}
	}
	l.ways = slices.DeleteFunc(l.ways, func(m *moving) bool { return l.moves[m.move] != m })
	for k, b := range l.breakers {
		if sec-b.seen > keepBurst {
			delete(l.breakers, k)
		}
	}
	l.held = slices.DeleteFunc(l.held, func(b *breaker) bool { return l.breakers[b.key] != b })
	for k, o := range l.loads {
		if sec-o.seen > keepBurst {
			delete(l.loads, k)
		}
	}
}

// inBurst gives the burst that explains that a place fails: one that lasts, else the latest that has ended after a time.
func (l *Lookout) inBurst(where traffic.Scope, endedAfter int64) (Burst, bool) {
	return l.burstWhere(endedAfter, func(scope traffic.Scope) bool { return scope.Overlaps(where) && covers(scope, where) })
}

// burstAt is the same of a spot. A model's requests fall from where it fails, though that may be one provider or region of it.
func (l *Lookout) burstAt(s *spot, endedAfter int64) (Burst, bool) {
	model := traffic.Model.String()
	return l.burstWhere(endedAfter, func(scope traffic.Scope) bool {
		if !scope.Overlaps(s.where) {
			return false
		}
		return covers(scope, s.where) || (s.kind == aModel && scope[model] == s.where[model])
	})
}

func (l *Lookout) burstWhere(endedAfter int64, fits func(traffic.Scope) bool) (Burst, bool) {
	var best Burst
	for _, b := range l.bursts {
		if !fits(b.Scope) || (!b.Live() && b.Ended.Unix() < endedAfter) {
			continue
		}
		newer := b.Live() != best.Live() && b.Live() || b.Live() == best.Live() && cmp.Or(b.Onset.Compare(best.Onset), cmp.Compare(b.ID, best.ID)) > 0
		if best.ID == "" || newer {
			best = b
		}
	}
	return best, best.ID != ""
}

// covers tells whether all that is known of a place lies in a scope. Who asked, and how, is not known of a place.
func covers(scope, where traffic.Scope) bool {
	for d, v := range scope {
		if have, known := where[d]; known && have != v {
			return false
		}
		switch d {
		case traffic.Provider.String(), traffic.Model.String(), traffic.Region.String(), traffic.Deployment.String():
			if where[d] != v {
				return false
			}
		}
	}
	return true
}
