// Package burst finds bursts of failures in counts, and says where they are. It is pure: event time in, verdicts
// with reasons out; the same calls give the same bursts.
//
// Each leaf (a combination of dimensions) learns what is normal for it. Cuts through the traffic (a cell, a model, a
// region, a provider, all of it, ...) gather evidence that failures are beyond that, by a mixture of
// Shiryaev-Roberts statistics. When one is convinced, an additive likelihood scan over all combinations of
// dimensions names what explains the excess, and goes on naming while the burst lasts.
//
// What takes long, large requests and repeats count like failures: those beyond a mark of the leaf's own. The amount of
// traffic is watched too; what is lost, or surges, is a note, as is what callers do wrong themselves.
//
// Counts that come up to 90 seconds after their second was stepped are taken in late: they stand where they belong,
// and are evidence at once; what they took is not asked. What a cell has too little traffic to show, Sights tells.
//
// What it cannot do yet: it does not tell one poisonous request shape from many. A fault inside the scope of a burst
// that lasts shows only where much more fails than in the burst: twice as much, or half of what that lets through.
package burst

import (
	"fmt"
	"slices"
	"time"

	"signalbox/internal/traffic"
)

// Options set a detector up.
type Options struct {
	Symbols       *traffic.Symbols
	FalsePerMonth float64 // false alarms a month that the operator puts up with; 0: one
	IDPrefix      string  // of burst ids
	Normal        *Normal // what an earlier detector of the same traffic has learned, of the same symbols; nil: nothing
}

// Detector finds bursts. It is owned by one goroutine.
type Detector struct {
	opts     Options
	table    *signalTable
	blame    *watch // upstream attempts, and requests of gateways that do not tell of attempts
	impact   *watch // requests of gateways that do
	upstream map[traffic.Sym]bool
	sec      int64
	count    int
	held     map[signal]hold
	known    time.Time // until when what it began with was learned; zero: it began with nothing
}

// hold remembers since when impact is looked at without opening a burst.
type hold struct{ since, last int64 }

// New makes a detector.
func New(o Options) *Detector {
	if o.Symbols == nil {
		o.Symbols = traffic.NewSymbols(0)
	}
	if o.FalsePerMonth <= 0 {
		o.FalsePerMonth = 1
	}
	d := &Detector{
		opts: o, table: newSignalTable(), upstream: make(map[traffic.Sym]bool), held: make(map[signal]hold),
	}
	d.begin()
	return d
}

// begin makes the watches.
func (d *Detector) begin() {
	d.blame, d.impact = newWatch(d, d.name), newWatch(d, d.name)
	d.impact.allow = d.ownFault
}

func (d *Detector) name(onset int64) string {
	d.count++
	return fmt.Sprintf("%s%d-%d", d.opts.IDPrefix, onset, d.count)
}

const (
	idleLeaf   = 24 * 3600 // after this long without traffic a leaf is forgotten
	staleAfter = 3600      // and after this long without any, evidence
	lateSecs   = 90        // so late a count may come and still be seen
)

// Step takes the counts of one closed second. Seconds come in order: one that is not after the last is ignored.
// Idle ones may be skipped, but a burst whose traffic is gone ends only with a step.
func (d *Detector) Step(sec int64, leaves []Leaf) []Event {
	if d.sec != 0 && sec <= d.sec {
		return nil
	}
	if d.sec != 0 && sec/3600 != d.sec/3600 {
		for _, w := range []*watch{d.blame, d.impact} {
			w.forget(func(l *leaf) bool { return l.last < sec-idleLeaf })
		}
	}
	if d.opts.Normal != nil && (d.sec == 0 || sec-d.sec > normalBefore) {
		d.adopt(sec)
	}
	d.idle(sec)
	d.sec = sec
	up := d.sides(leaves)
	for i := range leaves {
		d.watching(&leaves[i].Key, up).take(sec, &leaves[i])
	}
	d.blame.step(sec)
	d.impact.step(sec)
	d.absorb(sec)
	d.absorbTides(sec)
	events := slices.Concat(d.blame.events, d.impact.events)
	d.blame.events, d.impact.events = nil, nil
	return events
}

// Late takes counts of a second that has been stepped already. Those of the last 90 seconds take their place in what
// is remembered, and are evidence of the second that is stepped next; older ones, and those of a second to come, are
// left out.
func (d *Detector) Late(sec int64, leaves []Leaf) {
	if d.sec == 0 || sec > d.sec || sec < d.sec-lateSecs {
		return
	}
	up := d.sides(leaves)
	for i := range leaves {
		d.watching(&leaves[i].Key, up).late(sec, &leaves[i])
	}
}

// sides gives the symbol of the upstream side, and learns which gateways have one.
func (d *Detector) sides(leaves []Leaf) (up traffic.Sym) {
	up, _ = d.opts.Symbols.Lookup(traffic.SideUpstream)
	if up == traffic.Unknown {
		return up
	}
	for i := range leaves {
		if k := &leaves[i].Key; k[traffic.Side] == up && !d.upstream[k[traffic.Gateway]] {
			d.tellsAttempts(k[traffic.Gateway], up)
		}
	}
	return up
}

// watching is the watch that a series belongs to.
func (d *Detector) watching(k *traffic.Key, up traffic.Sym) *watch {
	if up != traffic.Unknown && k[traffic.Side] != up && d.upstream[k[traffic.Gateway]] {
		return d.impact
	}
	return d.blame
}

// idle lets the time pass that was skipped: bursts without traffic end, and after an hour old evidence is no evidence.
func (d *Detector) idle(sec int64) {
	if d.sec == 0 {
		return
	}
	for _, w := range []*watch{d.blame, d.impact} {
		if quiet := d.sec + endQuiet; quiet < sec {
			w.follow(quiet)
		}
		for s := d.sec + 1; s < sec && s-d.sec <= maxSkipped; s++ {
			w.volumes(s)
		}
		if sec-d.sec > staleAfter {
			for s := range signals {
				w.resetAll(s)
			}
		}
	}
}

// tellsAttempts notes that a gateway tells of its attempts: from now on its requests show impact only.
func (d *Detector) tellsAttempts(gateway, up traffic.Sym) {
	d.upstream[gateway] = true
	d.blame.forget(func(l *leaf) bool { return l.key[traffic.Gateway] == gateway && l.key[traffic.Side] != up })
}

// Bursts gives the bursts that last and those that settled in the last half hour, newest first, with their numbers
// of now.
func (d *Detector) Bursts() []Burst {
	var out []Burst
	for _, w := range []*watch{d.blame, d.impact} {
		for _, b := range w.lives {
			if b.open() && d.sec-b.asked.at >= askEvery {
				w.ask(b, d.sec)
			}
			out = append(out, w.burst(b, d.sec))
		}
		for _, f := range w.tides {
			out = append(out, w.tideBurst(f, d.sec))
		}
	}
	slices.SortStableFunc(out, func(x, y Burst) int {
		if x.Live() != y.Live() {
			if x.Live() {
				return -1
			}
			return 1
		}
		return y.Detected.Compare(x.Detected)
	})
	return out
}

// What tells a gateway's own fault from the impact of a provider's.
const (
	ownAfter    = 5   // seconds for which requests must fail while attempts do not
	ownShare    = 0.3 // of the excess on the client side that the upstream side may show and still be clean
	impactLasts = 60  // seconds after a burst upstream has ended for which requests may still suffer
)

// ownFault decides whether failing requests are a burst of their own: only where the attempts behind them are clean,
// as when a gateway has no healthy upstream left to ask.
func (d *Detector) ownFault(sec, onset int64, s signal, p place) bool {
	h := d.held[s]
	if h.since == 0 || sec-h.last > 30 {
		h.since = sec
	}
	h.last = sec
	d.held[s] = h
	if sec-h.since < ownAfter {
		return false
	}
	p = d.asked(p)
	for _, b := range d.blame.lives {
		if (b.open() || sec-b.ended < impactLasts) && meets(b.place, p) && s.partOf(b.sig) {
			return false
		}
	}
	return d.blame.excess(onset-10, sec, s, p) < ownShare*d.impact.excess(onset-10, sec, s, p)
}

// asked is what a client-side place says about attempts: the environment, the gateway, and the model where it goes
// upstream by the same name. Where a request went is not what it asked for.
func (d *Detector) asked(p place) place {
	var out place
	for _, dim := range []traffic.Dim{traffic.Env, traffic.Gateway, traffic.Model} {
		if !p.has(dim) {
			continue
		}
		q := place{}.with(dim, p.key[dim])
		if dim != traffic.Model || slices.ContainsFunc(d.blame.leaves, func(l *leaf) bool { return q.covers(l.key) }) {
			out = out.with(dim, p.key[dim])
		}
	}
	return out
}

// meets tells whether some traffic can be in both places.
func meets(p, q place) bool {
	for dim := range traffic.NumDims {
		if p.has(dim) && q.has(dim) && p.key[dim] != q.key[dim] {
			return false
		}
	}
	return true
}

// excess adds up the failures beyond the baseline in a place: the caller's own, or all others.
func (w *watch) excess(from, to int64, s signal, p place) float64 {
	var x float64
	for _, l := range w.leaves {
		if !p.covers(l.key) {
			continue
		}
		l.slots(from, to, func(t *slot) {
			for i := range signals {
				if i.family() == s.family() {
					x += float64(t.k[i]) - float64(t.seen(i))*l.base.p[i]
				}
			}
		})
	}
	return x
}

// absorb merges a burst on the client side into one upstream that began with it and explains it after all.
func (d *Detector) absorb(sec int64) {
	for _, b := range d.impact.lives {
		if !b.open() {
			continue
		}
		for _, o := range d.blame.lives {
			if o.open() && o.onset <= b.onset+30 && b.sig.partOf(o.sig) && meets(o.place, d.asked(b.place)) {
				b.ended = sec + 1
				d.impact.tell(b, sec, Merged, o.id)
				break
			}
		}
	}
	before := len(d.impact.lives)
	d.impact.lives = slices.DeleteFunc(d.impact.lives, func(b *live) bool { return b.told.state == gone })
	if len(d.impact.lives) != before {
		d.impact.covers()
		for s := range signals {
			if e := &d.impact.eps[s]; e.on && !d.impact.lasting(s) {
				*e = episode{pausedTil: sec + pauseAfter}
				d.impact.resetAll(s)
			}
		}
	}
}
