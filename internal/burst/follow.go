package burst

import (
	"math"
	"slices"
	"time"
)

// What ends a burst.
const (
	endEvidence = 8   // nats for "normal again"
	endLeast    = 5   // seconds after the detection
	endQuiet    = 180 // seconds without any traffic in scope
	firmAfter   = 5   // seconds after the detection from which the scope is firm
	keepSettled = 1800
	tellEvery   = 30 // seconds between two events that only the trend has changed for
)

// follow adds the second to the lasting bursts, ends those that are over, and says what has changed.
func (w *watch) follow(sec int64) {
	ended := false
	for _, b := range w.lives {
		if !b.open() {
			continue
		}
		w.second(b, sec)
		if w.over(b, sec) {
			b.ended = sec + 1
			ended = true
			if b.within == nil {
				w.past(b)
			}
			w.tell(b, sec, Settled, "")
			continue
		}
		b.firm = b.firm || sec+1-b.detected >= firmAfter
		now := w.toldNow(b, sec)
		trend := now
		trend.state = b.told.state
		if trend != b.told || (now != b.told && sec-b.toldAt >= tellEvery) {
			w.tell(b, sec, Revised, "")
		}
	}
	if ended {
		w.outlive()
		w.covers()
	}
	for s := range signals {
		if e := &w.eps[s]; e.on && !w.lasting(s) {
			*e = episode{pausedTil: sec + pauseAfter}
			w.resetAll(s)
		}
	}
	w.lives = slices.DeleteFunc(w.lives, func(b *live) bool {
		return b.told.state == gone || (!b.open() && sec-b.ended > keepSettled)
	})
}

// lasting tells whether a burst explains the signal's failures somewhere.
func (w *watch) lasting(s signal) bool {
	return slices.ContainsFunc(w.lives, func(b *live) bool { return b.open() && b.said().has(s) })
}

// second adds this second's traffic in scope to a burst, and to the evidence that it is over.
func (w *watch) second(b *live, sec int64) {
	p := point{sec: sec}
	var n, k, e float64
	for _, l := range w.touch {
		if !b.place.covers(l.key) {
			continue
		}
		x := &l.now
		if b.upTo < sec {
			w.count(b, l, x, &p)
		}
		n += float64(x.seen(b.sig))
		for s := range signals {
			if b.signals().has(s) {
				k += float64(x.k[s])
				e += float64(x.seen(b.sig)) * l.base.p[s]
			}
		}
	}
	w.listen(b)
	b.upTo = sec
	if p.n > 0 {
		b.sums.add(p)
	}
	if n == 0 {
		return
	}
	b.traffic = sec
	k = min(k, n)
	p0 := min(1.25*e/n+0.001, 0.5)
	pb := min(0.95, max(2*p0, p0+0.4*(b.p1-p0)))
	if b.within != nil { // normal is what the burst around it does
		p0 = min(1.1*b.floor, 0.9)
		pb = min(0.95, p0+0.5*max(b.p1-p0, 0.02))
	}
	b.normal = max(0, b.normal+k*math.Log(p0/pb)+(n-k)*math.Log((1-p0)/(1-pb)))
}

// over tells whether a burst has ended: normal again, without traffic, or so old that it is the new normal.
func (w *watch) over(b *live, sec int64) bool {
	if sec+1-b.detected < endLeast {
		return false
	}
	b.quietEnd = sec-b.traffic >= endQuiet
	return b.normal >= endEvidence || b.quietEnd || sec-b.onset >= endAfter
}

// past keeps what a burst has explained from being explained again.
func (w *watch) past(b *live) {
	for _, l := range w.leaves {
		if b.place.covers(l.key) {
			for s := range signals {
				if b.said().has(s) {
					l.base.since[s] = b.ended
				}
			}
		}
	}
}

func (w *watch) toldNow(b *live, sec int64) told {
	leading := b.leading()
	return told{place: b.place, state: b.state(sec), leading: leading, firm: b.firm}
}

// tell adds an event.
func (w *watch) tell(b *live, sec int64, kind EventKind, into string) {
	w.ask(b, sec)
	w.events = append(w.events, Event{Kind: kind, Burst: w.burst(b, sec), Into: into, At: at(sec + 1)})
	b.told, b.toldAt = w.toldNow(b, sec), sec
	if kind == Merged || kind == Withdrawn {
		b.told.state = gone
	}
}

func at(sec int64) time.Time { return time.Unix(sec, 0).UTC() }
