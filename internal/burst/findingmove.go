package burst

import (
	"fmt"
	"slices"

	"signalbox/internal/traffic"
)

// move is a way that requests fall: from a deployment or model to a target.
type move struct {
	from traffic.Sym
	to   spotID
}

// moving is what falls that way.
type moving struct {
	move
	bins
	target  *spot
	sources []*spot            // the targets that bear the name it falls from
	known   int                // spots when they were looked up
	habit   map[string]float64 // by burst: what fell each second before it began
}

func (l *Lookout) moved(sec int64, m move, n int64) {
	x := l.moves[m]
	if x == nil {
		if len(l.moves) >= mostMoves {
			return
		}
		x = &moving{move: m, target: l.spot(m.to), known: -1, habit: make(map[string]float64)}
		l.moves[m] = x
		l.ways = append(l.ways, x)
	}
	x.put(sec, &bin{fell: n})
}

// sources gives the targets that the requests of a move fell from. A deployment is asked for first: of two models of
// one name, one may be an alias. Where a gateway tells only requests, with the deployment that answered in the end, no
// target bears the name of a model: then it is all that was asked of it.
func (l *Lookout) sources(m *moving) []*spot {
	if m.known == len(l.places) {
		return m.sources
	}
	m.known, m.sources = len(l.places), nil
	for _, by := range []struct {
		kind uint8
		dim  traffic.Dim
	}{{aTarget, traffic.Deployment}, {aTarget, traffic.Model}, {aModel, traffic.Model}} {
		for _, s := range l.places {
			if s.kind == by.kind && s.key[by.dim] == m.from && s != m.target && l.asks(s.key, m.to.key[traffic.Gateway]) {
				m.sources = append(m.sources, s)
			}
		}
		if len(m.sources) > 0 {
			break
		}
	}
	return m.sources
}

// asks tells whether a place counts what a gateway asks providers: its attempts, or the requests of one that tells of none.
func (l *Lookout) asks(k traffic.Key, gateway traffic.Sym) bool {
	return k[traffic.Gateway] == gateway && (k[traffic.Side] == l.up) == l.upstream[gateway]
}

const (
	// recentSecs is what "now" means for a finding.
	recentSecs = 60
	// beforeSecs is what is taken for "before" a burst.
	beforeSecs = 300
	// leastMoved is how many requests must have fallen within recentSecs.
	leastMoved = 10
	// movedShare is their least share of what the target gets.
	movedShare = 0.1
	// slower is how many times as long answers must take.
	slower = 1.6
	// leastTimed is how many answers that takes on either side.
	leastTimed = 30
)

// cascades asks of each target that gets what fell from a burst whether that is too much for it.
func (l *Lookout) cascades(sec int64) {
	type push struct {
		burst string
		to    *spot
	}
	fell := make(map[push][2]int64) // before the burst, and now
	var order []push
	for _, m := range l.ways {
		if m.last() < sec-recentSecs {
			continue
		}
		for _, from := range l.sources(m) {
			b, ok := l.burstAt(from, sec-recentSecs)
			if !ok || covers(b.Scope, m.target.where) {
				continue
			}
			onset := b.Onset.Unix()
			if _, known := m.habit[b.ID]; !known {
				m.habit[b.ID] = float64(m.sum(onset-beforeSecs, onset).fell) / beforeSecs
			}
			p := push{b.ID, m.target}
			sums, known := fell[p]
			if !known {
				order = append(order, p)
			}
			sums[0] += m.sum(onset-beforeSecs, onset).fell
			sums[1] += m.sum(max(onset, sec-recentSecs), sec+1).fell
			fell[p] = sums
			break
		}
	}
	for _, p := range order {
		l.cascade(sec, l.bursts[p.burst], p.to, fell[p][0], fell[p][1])
	}
}

func (l *Lookout) cascade(sec int64, b Burst, to *spot, fell1, fell2 int64) {
	onset := b.Onset.Unix()
	before, now := to.sum(onset-beforeSecs, onset), to.sum(max(onset, sec-recentSecs), sec+1)
	share1, share2 := share(fell1, before.req), share(fell2, now.req)
	if fell2 < leastMoved || share2 < movedShare || share2 < 2*share1 {
		return
	}
	f := Finding{Kind: Cascade, Where: to.where, From: b.Scope, Burst: b.ID, Numbers: map[string]float64{
		"moved_per_min": float64(fell2) * 60 / float64(min(recentSecs, sec+1-onset)), "moved_share": share2, "moved_share_before": share1,
		"refused_share": share(now.limited, now.req), "refused_share_before": share(before.limited, before.req),
	}}
	var trouble string
	times := before.times(&now)
	load := l.loads[to.key[traffic.Deployment]]
	switch {
	case risen(before.limited, before.req, now.limited, now.req):
		trouble = fmt.Sprintf("it now refuses %s for lack of capacity, %s before", percent(share(now.limited, now.req)), percent(share(before.limited, before.req)))
	case min(before.timed, now.timed) >= leastTimed && times >= slower:
		trouble = fmt.Sprintf("its answers take %.1f times as long as before", times)
		f.Numbers["latency_times"] = times
	case load != nil && sec-load.seen <= recentSecs && load.limit > 0 && load.inflight >= load.limit && load.queue > 0:
		trouble = fmt.Sprintf("its cap is reached: %.0f of %.0f in flight, %.0f wait", load.inflight, load.limit, load.queue)
		f.Numbers["inflight"], f.Numbers["limit"], f.Numbers["queue"] = load.inflight, load.limit, load.queue
	default:
		return
	}
	f.Text = fmt.Sprintf("%s of what %s gets fell from %s (%d of %d requests in %d s): %s",
		percent(share2), to.where.Short(), b.Scope.Short(), fell2, now.req, min(recentSecs, sec+1-onset), trouble)
	f.Look = "shed or pause what can wait, or cap what falls there; another target behind it helps only with room to spare"
	since := onset
	if i := slices.IndexFunc(to.bins, func(x bin) bool { return x.start >= onset && x.limited > 0 }); i >= 0 {
		since = to.bins[i].start
	}
	l.note(sec, fmt.Sprint(Cascade, b.ID, to.spotID), since, f)
}

const (
	// stuckSecs is how long a target must be well before traffic that still falls from it is called stuck.
	stuckSecs = 300
	// leastStuck is how many requests must have fallen in that time, in each fifth of it at least one.
	leastStuck = 20
	// wellShare is what may fail at a target that is well.
	wellShare = 0.02
)

// stuckMoves asks of each way that requests fall whether there is a reason left.
func (l *Lookout) stuckMoves(sec int64) {
	for _, m := range l.ways {
		n := m.sum(sec-stuckSecs, sec+1).fell
		if n < leastStuck || m.last() < sec-recentSecs || !m.steady(sec) {
			continue
		}
		from := l.sources(m)
		if len(from) == 0 {
			continue
		}
		b, ok := l.burstAt(from[0], sec-keepBurst)
		if !ok || b.Live() || sec-b.Ended.Unix() < stuckSecs || float64(n) < 2*m.habit[b.ID]*stuckSecs {
			continue
		}
		var was bin
		for _, s := range from {
			one := s.sum(sec-stuckSecs, sec+1)
			was.add(&one)
		}
		l.stuck(sec, m, from[0], b, n, was)
	}
}

// steady tells whether something fell in each fifth of the time.
func (m *moving) steady(sec int64) bool {
	for i := range int64(5) {
		from := sec - stuckSecs + i*stuckSecs/5
		if m.sum(from, from+stuckSecs/5).fell == 0 {
			return false
		}
	}
	return true
}

func (l *Lookout) stuck(sec int64, m *moving, from *spot, b Burst, n int64, was bin) {
	f := Finding{Kind: StuckFallback, Where: m.target.where, From: from.where, Burst: b.ID, Numbers: map[string]float64{
		"moved_per_min": float64(n) * 60 / stuckSecs, "healthy_for_s": float64(sec + 1 - b.Ended.Unix()),
		"attempts": float64(was.req), "failed": float64(was.failures()),
	}}
	name := from.where.Short()
	switch {
	case was.req >= leastStuck && share(was.failures(), was.req) <= wellShare && n > 3*was.failures():
		f.Text = fmt.Sprintf("%s has been well for %s (%d of %d attempts failed in %d s), yet %d requests fell from it to %s",
			name, span(sec+1-b.Ended.Unix()), was.failures(), was.req, stuckSecs, n, m.target.where.Short())
		f.Look = "a lever or a route that was not taken back? Undo it, a part of the traffic first"
	case was.req < leastStuck/4:
		f.Text = fmt.Sprintf("nearly nothing is asked of %s any more (%d attempts in %d s), while %d requests fell from it to %s: whether it is well again nobody can see",
			name, was.req, stuckSecs, n, m.target.where.Short())
		f.Look = "ask it once by hand; then look whether a lever, a route or a breaker keeps traffic away, and give it back a part first"
	default:
		return
	}
	l.note(sec, fmt.Sprint(StuckFallback, m.move), b.Ended.Unix(), f)
}

func share(k, n int64) float64 { return ratio(float64(k), float64(n)) }

// span says how long something has lasted.
func span(secs int64) string {
	switch {
	case secs < 120:
		return fmt.Sprintf("%d s", secs)
	case secs < 7200:
		return fmt.Sprintf("%d min", secs/60)
	}
	return fmt.Sprintf("%d h", secs/3600)
}
