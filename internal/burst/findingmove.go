package burst

import (
	"fmt"

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
