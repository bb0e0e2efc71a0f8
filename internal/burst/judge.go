package burst

import "time"

// episode is a time in which a signal is not normal.
type episode struct {
	on        bool
	onset     int64
	begun     int64
	bestGain  float64
	pausedTil int64
}

// The longest times.
const (
	forgiveAfter = 3600 // a burst this old becomes the new normal
	endAfter     = 7200 // and ends, whatever it is
	holdAfter    = 1800 // a suspicion stops learning for no longer than this
	holdNear     = 6    // so much evidence less than an alarm is a suspicion
	holdYoung    = 6    // and so much is one soon after a start
	pauseAfter   = 10   // seconds without judgement after the last burst of a signal has ended
	reopenWithin = 120  // the same place again within this: the same burst
	wideCount    = time.Second
)

// judge looks for an alarm of one signal, and names what is wrong while there is an episode.
func (w *watch) judge(sec int64, s signal, at float64) {
	e := &w.eps[s]
	top := w.loudest(s, sumAt(at))
	if top != nil {
		w.expectAll()
		onset := w.onset(top.leaves, s, sec)
		if !e.on {
			if w.allow != nil && !w.allow(sec, onset, s, top.place) {
				w.resetAll(s)
				return
			}
			*e = episode{on: true, onset: onset, begun: sec}
		}
		e.onset = min(e.onset, onset)
		w.resetAll(s)
		w.freeze(s, e.onset, sec)
	}
	if e.on && (top != nil || due(sec-e.begun)) {
		w.expectAll()
		w.relocate(sec, s, top)
	}
}

// loudest is the cut with most evidence, nil where none has enough. The wider cut wins a tie: its onset is the
// better estimate.
func (w *watch) loudest(s signal, least float64) *cut {
	var top *cut
	for _, c := range w.loud {
		x := &c.stats[s]
		if c.loud.has(s) && x.reaches(least) && (top == nil || x.sum > least || len(c.leaves) > len(top.leaves)) {
			top, least = c, x.sum
		}
	}
	return top
}

// due says at which ages an episode is looked at again.
func due(age int64) bool {
	switch age {
	case 1, 2, 3, 5, 10, 15, 20:
		return true
	}
	return age > 0 && age%30 == 0
}

func (w *watch) resetAll(s signal) {
	for _, c := range w.cuts {
		c.stats[s].reset()
	}
}

// onset estimates when the failures of some leaves began that no burst covers: the beginning, up to fifteen minutes back, since which they are most
// beyond the boundary (Poisson likelihood ratio).
func (w *watch) onset(leaves []*leaf, s signal, sec int64) int64 {
	floor := sec - histSecs + 1
	var k, m [histSecs + 1]float64
	for _, l := range leaves {
		if l.covered.has(s) {
			continue
		}
		b := &l.base
		p := min(0.9, traits[s].mul*b.p[s]+traits[s].abs+b.p[s]*coldFactor*priorWeight/(b.n[s]+priorWeight))
		l.slots(max(floor, b.since[s]), sec, func(x *slot) {
			k[sec-x.sec] += float64(x.k[s])
			m[sec-x.sec] += float64(x.seen(s)) * p
		})
	}
	return sec - steepest(k[:], m[:])
}

// hold stops leaves from learning while a small cut that they are in looks wrong but has not spoken: a slow ramp
// would otherwise be learned. Soon after a start a large one does, too: what is everywhere may have begun before.
func (w *watch) hold(sec int64, near float64) {
	var bad sigset
	whole := len(w.leaves) <= 6 || w.young(sec)
	for _, c := range w.loud {
		small := whole || len(c.leaves)*3 <= len(w.leaves)
		for s := range signals {
			if !c.loud.has(s) || !c.stats[s].reaches(near) || !small || !c.stats[s].material(traits[s].doubt) {
				continue
			}
			bad = bad.with(s)
			for _, l := range c.leaves {
				l.bad = l.bad.with(s)
			}
		}
	}
	for _, l := range w.touch {
		if l.bad|l.held == 0 {
			continue
		}
		for s := range signals {
			if (l.bad | l.held).has(s) {
				l.suspect(s)
			}
		}
	}
	if bad != 0 {
		for _, l := range w.leaves {
			l.bad = 0
		}
	}
}

// suspect counts how long a leaf has looked wrong in a signal, or down when it does not.
func (l *leaf) suspect(s signal) {
	hold := &l.base.hold[s]
	l.held, l.base.holding = l.held.without(s), l.base.holding.without(s)
	if l.bad.has(s) {
		if *hold = min(*hold+1, holdAfter+1); *hold <= holdAfter {
			l.base.holding = l.base.holding.with(s)
		}
	} else {
		*hold = max(*hold-1, 0)
	}
	if *hold > 0 {
		l.held = l.held.with(s)
	}
}

// covers brings the leaves' knowledge of being in a lasting burst up to date.
func (w *watch) covers() {
	for _, l := range w.leaves {
		l.covered = 0
	}
	for _, b := range w.lives {
		if !b.open() {
			continue
		}
		for _, l := range w.leaves {
			if b.place.covers(l.key) {
				l.covered |= b.said()
			}
		}
	}
}
