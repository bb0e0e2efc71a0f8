package desk

import (
	"strconv"
	"time"

	"signalbox/internal/board"
	"signalbox/internal/burst"
	"signalbox/internal/traffic"
)

// signals is the part of the state that traffic moves: the board and the detector over it. The same
// code runs live and in Scan; only the clock differs.
type signals struct {
	syms  *traffic.Symbols
	board *board.Board
	det   *burst.Detector
	look  *burst.Lookout

	clientSym, upstreamSym traffic.Sym
	stepped                int64                   // last second that the detector has seen
	looked                 int64                   // last one after which the lookout has looked
	places                 map[traffic.Sym]place   // by deployment
	upstream               map[traffic.Sym]bool    // gateways that have told of upstream attempts
	learnt                 map[*traffic.Places]int // of how many keys of a source's lines
}

// place is what the records say about a deployment.
type place struct{ provider, model, region string }

const (
	// maxCatchUp is how far behind the watermark the detector may be before idle seconds are left out.
	maxCatchUp = 900
	// maxPlaces bounds the deployments whose place is remembered.
	maxPlaces = 4096
	// maxIdle bounds the idle seconds that are then still stepped one by one.
	maxIdle = 300
)

func newSignals(syms *traffic.Symbols, falsePerMonth float64, born time.Time) *signals {
	return &signals{
		syms:        syms,
		board:       board.New(board.Options{Symbols: syms}),
		det:         newDetector(syms, falsePerMonth, born, nil),
		look:        burst.NewLookout(syms),
		clientSym:   syms.Intern(traffic.SideClient),
		upstreamSym: syms.Intern(traffic.SideUpstream),
		places:      map[traffic.Sym]place{},
		upstream:    map[traffic.Sym]bool{},
		learnt:      map[*traffic.Places]int{},
	}
}

// newDetector begins with what is normal, where that is known.
func newDetector(syms *traffic.Symbols, falsePerMonth float64, born time.Time, normal *burst.Normal) *burst.Detector {
	return burst.New(burst.Options{Symbols: syms, FalsePerMonth: falsePerMonth, IDPrefix: idPrefix(born), Normal: normal})
}

// idPrefix keeps the bursts of two consoles on one journal apart; the detector adds the onset and a count.
func idPrefix(born time.Time) string {
	const turn = 36 * 36 * 36
	return "b" + strconv.FormatInt(turn+born.UnixMilli()%turn, 36)[1:] + "-"
}

// apply counts a batch on the board.
func (s *signals) apply(b traffic.Batch, now time.Time) board.Applied {
	for i := range b.Records {
		s.learn(b.Records[i].Key)
	}
	if l := b.Lines; l.Len() > 0 {
		from := s.learnt[l.Places]
		for i := range l.Keys[from:] {
			s.learn(l.Keys[from+i])
		}
		s.learnt[l.Places] = len(l.Keys)
	}
	for i := range b.Counts {
		if b.Kind == traffic.LogSource {
			s.learn(b.Counts[i].Key)
		}
	}
	return s.board.Apply(b, now)
}

// learn remembers which gateways tell of upstream attempts, and where deployments are.
func (s *signals) learn(k traffic.Key) {
	if k[traffic.Side] == s.upstreamSym && !s.upstream[k[traffic.Gateway]] {
		s.upstream[k[traffic.Gateway]] = true
	}
	dep := k[traffic.Deployment]
	if dep <= traffic.Other || k[traffic.Region] == traffic.Unknown {
		return
	}
	if _, known := s.places[dep]; !known && len(s.places) < maxPlaces {
		s.places[dep] = place{s.syms.Name(k[traffic.Provider]), s.syms.Name(k[traffic.Model]), s.syms.Name(k[traffic.Region])}
	}
}

// placeOf gives where a deployment is, empty where no record has said.
func (s *signals) placeOf(deployment string) place {
	dep, _ := s.syms.Lookup(deployment)
	return s.places[dep]
}

// advance closes the seconds up to the watermark and gives what the detector says about them.
func (s *signals) advance(watermark, now time.Time) []burst.Event {
	return s.stepTo(s.board, watermark, func() []traffic.Gauge { return s.states(now) })
}

// stateAge is how old a state may be that shows what moves now.
const stateAge = time.Minute

// states are what scrapes saw lately of breakers, queues and caps.
func (s *signals) states(now time.Time) []traffic.Gauge {
	var out []traffic.Gauge
	for _, name := range []traffic.GaugeName{traffic.Breaker, traffic.Inflight, traffic.Queue, traffic.Limit} {
		for _, g := range s.board.Gauges(traffic.Selector{}, name, now) {
			if now.Sub(g.At) <= stateAge {
				out = append(out, g)
			}
		}
	}
	return out
}

// seconds is what counts by the second.
type seconds interface {
	NextSecond(sec int64) (int64, bool)
	Leaves(sec int64) []board.Leaf
	LateSeconds(visit func(sec int64, leaves []board.Leaf))
}

// stepTo steps the detector and the lookout through the seconds up to the watermark; states gives what is now, which says
// nothing about seconds long past.
func (s *signals) stepTo(of seconds, watermark time.Time, states func() []traffic.Gauge) []burst.Event {
	if watermark.IsZero() {
		return nil
	}
	last := watermark.Unix() - 1 // the second that the watermark stands in is still open
	stepped := &s.stepped
	if *stepped == 0 {
		first, ok := of.NextSecond(0)
		if !ok || first > last {
			return nil
		}
		*stepped = first - 1
	}
	of.LateSeconds(s.det.Late)
	var events []burst.Event
	for *stepped < last {
		if last-*stepped > maxCatchUp { // a jump in event time: the detector copes with idle seconds left out
			if next, ok := of.NextSecond(*stepped); !ok || next > *stepped+maxIdle {
				*stepped = min(last, max(*stepped+1, last-maxIdle)) - 1
				if ok {
					*stepped = min(last, next) - 1
				}
			}
		}
		*stepped++
		leaves := of.Leaves(*stepped)
		said := s.det.Step(*stepped, leaves)
		events = append(events, said...)
		s.look.Count(*stepped, leaves)
		s.look.Hear(said)
		if s.look.Due(*stepped) {
			var seen []traffic.Gauge
			if last-*stepped < lookNow {
				seen = states()
			}
			s.look.Look(*stepped, seen)
			s.looked = *stepped
		}
	}
	return events
}

// lookNow is how many seconds before the watermark are still "now" for a state.
const lookNow = 5

// edge is the newest event time, which is what "now" means for counts; without any it is the clock.
func (s *signals) edge(now time.Time) time.Time {
	n := s.board.Newest()
	if n.IsZero() || now.Sub(n) > 10*time.Second || n.After(now) {
		return now // lost traffic must show as silence, not as the last good minute
	}
	return n
}

// count counts without sketches: to add those up is most of the work, and few ask.
func (s *signals) count(sel traffic.Selector, from, to time.Time) board.Window {
	return s.window(sel, from, to, board.NoSketch)
}

// window counts with the sketches that are not to be skipped.
func (s *signals) window(sel traffic.Selector, from, to time.Time, skip board.Sketches) board.Window {
	return s.board.Window(board.Query{Sel: sel, From: from, To: to, Skip: skip})
}

// side pins a selector to one side.
func (s *signals) side(sel traffic.Selector, name string) traffic.Selector {
	return sel.Is(traffic.Side, s.syms.Intern(name))
}

// blameSelectors gives the selectors whose counts add up to what providers were asked: attempts of the
// gateways that log them, requests of those that only log those. The two sides of one gateway are never added.
func (s *signals) blameSelectors(sel traffic.Selector) []traffic.Selector {
	client := sel.Is(traffic.Side, s.clientSym)
	if len(s.upstream) == 0 {
		return []traffic.Selector{client}
	}
	with := traffic.Term{Dim: traffic.Gateway}
	for g := range s.upstream {
		with.Any = append(with.Any, g)
	}
	without := with
	without.Not = true
	return []traffic.Selector{sel.Is(traffic.Side, s.upstreamSym).And(with), client.And(without)}
}

// countSide counts what providers were asked in the scope, without sketches; windowSide with those that are not to be skipped.
func (s *signals) countSide(sel traffic.Selector, from, to time.Time) board.Window {
	return s.windowSide(sel, from, to, board.NoSketch)
}

func (s *signals) windowSide(sel traffic.Selector, from, to time.Time, skip board.Sketches) board.Window {
	var w board.Window
	for i, part := range s.blameSelectors(sel) {
		got := s.window(part, from, to, skip)
		if i == 0 {
			w = got
			continue
		}
		w = add(w, got)
	}
	return w
}

// add sums two windows over the same span.
func add(a, b board.Window) board.Window {
	a.Req += b.Req
	a.Err += b.Err
	a.CallerErr += b.CallerErr
	a.TokIn += b.TokIn
	a.TokOut += b.TokOut
	a.TokCached += b.TokCached
	a.Retry += b.Retry
	a.Fallback += b.Fallback
	a.Samples += b.Samples
	outcomes := make(map[traffic.Outcome]int64, len(a.ByOutcome)+len(b.ByOutcome))
	for o, n := range a.ByOutcome {
		outcomes[o] += n
	}
	for o, n := range b.ByOutcome {
		outcomes[o] += n
	}
	a.ByOutcome = outcomes
	a.Lat.Merge(b.Lat)
	a.TTFT.Merge(b.TTFT)
	if b.Newest.After(a.Newest) {
		a.Newest = b.Newest
	}
	return a
}

// gauge sums a gauge over the keys of a scope; ok is false where nothing fresh tells it.
func (s *signals) gauge(scope traffic.Scope, name traffic.GaugeName, now time.Time) (float64, bool) {
	v, _, ok := s.gaugeAt(scope, name, now)
	return v, ok
}

// gaugeAt is gauge with the time of the oldest of what was summed.
func (s *signals) gaugeAt(scope traffic.Scope, name traffic.GaugeName, now time.Time) (float64, time.Time, bool) {
	v, _, age, ok := s.board.Gauge(scope.Selector(s.syms), name, now)
	return v, now.Add(-age), ok && age < 30*time.Second
}
