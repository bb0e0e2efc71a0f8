package burst

import (
	"math"
	"slices"
)

// live is a burst while it lasts, and for a while after.
type live struct {
	id        string
	kind      string
	sig       signal
	also      sigset // other signals that the same cause shows in
	riding    sigset // those that are only said in its sentence
	place     place
	aliases   []place
	separable bool

	onset, detected, ended int64 // seconds; ended 0 while it lasts
	episodes               int
	share                  float64
	p1                     float64 // failure rate at the best localisation
	normal                 float64 // evidence that it is over
	seenAt                 int64   // last localisation that found it
	traffic                int64   // last second with traffic in scope
	upTo                   int64   // last second in the numbers
	firm                   bool
	earlier                bool // nothing that was read shows that it had a beginning
	quietEnd               bool // ended for lack of traffic

	within  *live   // the lasting burst inside whose scope it is, nil for none
	floor   float64 // the failure rate that is normal there
	suspect place   // where inside something else seems to fail

	sums   tallies
	asked  asked
	before before
	feel   feel
	told   told
	toldAt int64
}

// told is what the last event said, so that the next is only sent when it says something else.
type told struct {
	place   place
	state   string
	leading string
	firm    bool
}

const (
	openLeast = 14 // evidence from which a look at the whole opens a burst that no cut has raised
	pointSecs = 30
	peakSecs  = 10
	peakLeast = 5 // requests that a peak needs

	beginLeast = 3 // evidence that there was less before an onset: where all is missing, so many failures
)

func (b *live) open() bool { return b.ended == 0 }

// signals are those whose failures the burst explains.
func (b *live) signals() sigset { return b.also.with(b.sig) }

// said are those that its sentence tells of: they raise no burst in its place.
func (b *live) said() sigset { return b.signals() | b.riding }

// counted are the signals whose failures the burst counts.
func (b *live) counted() sigset { return b.signals() | kindSignals(b.kind) }

// relocate names what is wrong now, and sorts it into bursts.
func (w *watch) relocate(sec int64, s signal, top *cut) {
	e := &w.eps[s]
	list := w.localise(s, max(e.onset, sec-300), sec, false)
	if top != nil && w.known(s, list, w.active(sec)) {
		// Something fails that no burst covers, and the whole since the first onset does not show it: look at the rest.
		list = append(list, w.localise(s, w.onset(top.leaves, s, sec), sec, true)...)
	}
	if len(list) == 0 && top != nil {
		list = append(list, w.unexplained(top.place, s, max(e.onset, sec-300), sec))
	}
	gain := 0.0
	for _, f := range list {
		gain += f.gain
	}
	// Once the failures are over, the window holds fewer of them every second: it would name less and less.
	if len(list) == 0 || (top == nil && gain < 0.8*e.bestGain) {
		return
	}
	e.bestGain = max(e.bestGain, gain)
	w.assign(sec, s, top, list)
}

// known tells whether bursts that last are all that was found.
func (w *watch) known(s signal, list []found, active []*leaf) bool {
	for _, f := range list {
		p := w.name(f.place, active).place
		if !slices.ContainsFunc(w.lives, func(b *live) bool { return b.open() && b.signals().has(s) && b.place == p }) {
			return false
		}
	}
	return len(list) > 0
}

// assign sorts the causes found into the bursts that there are: each goes to the one that it shares most leaves with.
func (w *watch) assign(sec int64, s signal, top *cut, list []found) {
	active := w.active(sec)
	taken := make(map[*live]bool)
	for _, f := range list {
		n := w.name(f.place, active)
		if b := w.nearest(sec, s, n.place, active, taken); b != nil {
			taken[b] = true
			w.revise(b, sec, f, n)
			continue
		}
		if b := w.explains(s, n.place, active); b != nil {
			if s.rides(b.sig) {
				b.riding = b.riding.with(s)
				w.remember(b)
			} else {
				b.also = b.also.with(s)
			}
			continue
		}
		if top == nil && f.gain < openLeast {
			continue
		}
		onset := w.onset(w.inside(n.place), s, sec)
		b := &live{
			id: w.naming(onset), kind: traits[s].kind, sig: s, onset: onset, detected: sec + 1, episodes: 1, traffic: sec,
		}
		w.lives = append(w.lives, b)
		taken[b] = true
		w.revise(b, sec, f, n)
		w.tell(b, sec, Opened, "")
		w.carry(b, sec, active)
	}
	for _, b := range w.lives {
		if !b.open() || b.sig != s || taken[b] || b.within != nil {
			continue
		}
		into := w.overlapping(b, taken, active)
		switch {
		case into != nil:
			into.onset, into.detected = min(into.onset, b.onset), min(into.detected, b.detected)
			b.ended = sec + 1
			w.recount(into, sec)
			w.tell(b, sec, Merged, into.id)
		case sec-b.detected < 60 && sec-b.seenAt >= 20:
			b.ended = sec + 1
			w.tell(b, sec, Withdrawn, "")
		}
	}
	w.lives = slices.DeleteFunc(w.lives, func(b *live) bool { return b.told.state == gone })
	w.covers()
}

// gone marks bursts that are no longer on any list.
const gone = "gone"

// nearest is the burst of this signal that lasts, or ended a moment ago, and shares most with the place.
func (w *watch) nearest(sec int64, s signal, p place, active []*leaf, taken map[*live]bool) *live {
	var best *live
	most := 0.0
	for _, b := range w.lives {
		if b.sig != s || taken[b] || (b.within != nil && b.place != p) || (!b.open() && sec-b.ended > reopenWithin) {
			continue
		}
		both, either := overlap(p, b.place, active)
		if either == 0 {
			continue
		}
		share := both / either
		if b.open() {
			share *= 2 // one that lasts comes before one that has ended
		}
		if both > 0 && share > most {
			best, most = b, share
		}
	}
	return best
}

// explains is a burst of another signal that already covers the place: the same cause may show as 502 and as 429.
func (w *watch) explains(s signal, p place, active []*leaf) *live {
	for _, b := range w.lives {
		if !b.open() || b.sig == s {
			continue
		}
		if s.rides(b.sig) {
			if w.carries(b, s, p, active) {
				return b
			}
			continue
		}
		if s.family() != failing || b.sig.family() != failing {
			continue
		}
		inside := 0.0
		for _, l := range active {
			if p.covers(l.key) {
				if !b.place.covers(l.key) {
					inside = -1
					break
				}
				inside++
			}
		}
		if inside > 0 {
			return b
		}
	}
	return nil
}

// inside are the leaves of a place.
func (w *watch) inside(p place) []*leaf {
	var out []*leaf
	for _, l := range w.leaves {
		if p.covers(l.key) {
			out = append(out, l)
		}
	}
	return out
}

func (w *watch) overlapping(b *live, in map[*live]bool, active []*leaf) *live {
	for _, o := range w.lives {
		if !in[o] {
			continue
		}
		if both, _ := overlap(b.place, o.place, active); both > 0 {
			return o
		}
	}
	return nil
}

// overlap counts the active leaves in both places, and in either.
func overlap(p, q place, active []*leaf) (both, either float64) {
	for _, l := range active {
		a, b := p.covers(l.key), q.covers(l.key)
		if a && b {
			both++
		}
		if a || b {
			either++
		}
	}
	return both, either
}

// revise gives a burst what the localisation found.
func (w *watch) revise(b *live, sec int64, f found, n named) {
	moved := b.place != n.place
	b.place, b.aliases, b.separable, b.share, b.seenAt = n.place, n.aliases, f.separable, f.share, sec
	if f.n > 0 {
		b.p1 = f.k / f.n
	}
	b.earlier = w.earlier(b)
	if !b.sums.counted || (moved && b.onset > sec-histSecs) {
		w.recount(b, sec)
	}
	if moved || !b.feel.known {
		w.remember(b)
	}
	if !b.open() {
		b.ended, b.normal, b.quietEnd = 0, 0, false
		b.episodes++
		b.traffic = sec
		w.tell(b, sec, Reopened, "")
	}
}

// earlier tells whether a burst may have begun before the watch did: what was read of its place before its onset is not
// clearly better than what came after (Poisson likelihood ratio).
func (w *watch) earlier(b *live) bool {
	if b.onset-w.began > fresh {
		return false
	}
	k, m := 0.0, 0.0
	for _, l := range w.inside(b.place) {
		l.slots(w.began, b.onset-1, func(x *slot) {
			k += float64(x.k[b.sig])
			m += float64(x.seen(b.sig)) * b.p1
		})
	}
	switch {
	case k >= m:
		return true
	case k > 0:
		return k*math.Log(k/m)-k+m < beginLeast
	}
	return m < beginLeast
}

// recount counts a burst from its onset on, this second included.
func (w *watch) recount(b *live, sec int64) {
	b.sums = tallies{counted: true}
	b.upTo = sec
	from := max(b.onset, sec-histSecs)
	points := make([]point, sec-from+1)
	for _, l := range w.leaves {
		if !b.place.covers(l.key) {
			continue
		}
		l.slots(from, sec, func(x *slot) {
			p := &points[x.sec-from]
			p.sec = x.sec
			w.count(b, l, x, p)
		})
	}
	for _, p := range points {
		if p.n > 0 {
			b.sums.add(p)
		}
	}
}

// count adds one second of one leaf to a burst's numbers.
func (w *watch) count(b *live, l *leaf, x *slot, p *point) {
	if b.sig >= firstMeasured {
		b.sums.count(l, x.seen(b.sig), int64(x.k[b.sig]), l.base.p[b.sig], p)
		return
	}
	counted := b.counted()
	failed := int64(0)
	for _, o := range x.fails {
		if counted.has(w.table.of(o.Outcome)) {
			failed += o.N
			b.sums.outcome(o)
		}
	}
	rate := b.floor
	for s := range signals {
		if counted.has(s) && b.within == nil {
			rate += l.base.p[s]
		}
	}
	b.sums.count(l, x.all, failed, rate, p)
}

// state compares the last fifteen seconds with those before.
func (b *live) state(sec int64) string {
	if !b.open() {
		return StateSettled
	}
	n1, k1, e1 := b.sums.recent(sec, pointSecs/2)
	n2, k2, e2 := b.sums.recent(sec-pointSecs/2, pointSecs/2)
	if sec-b.detected < pointSecs/2 {
		return Growing
	}
	if n1 == 0 || n2 == 0 {
		return Steady
	}
	d := math.Log(max(k1-e1, 0.5)/n1) - math.Log(max(k2-e2, 0.5)/n2)
	switch se := math.Sqrt(1.5 * (1/max(k1, 1) + 1/max(k2, 1))); {
	case d > 2*se:
		return Growing
	case d < -2*se:
		return Falling
	}
	return Steady
}
