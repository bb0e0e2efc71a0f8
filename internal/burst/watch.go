package burst

import (
	"cmp"
	"math"
	"slices"

	"signalbox/internal/traffic"
)

// watch looks for bursts in one set of leaves: those that carry blame, or those that show impact only.
type watch struct {
	syms   *traffic.Symbols
	table  *signalTable
	falses float64
	leaves []*leaf
	byKey  map[traffic.Key]*leaf // by the keys that they are counted under, and by their own
	lately lately[leaf]
	cuts   []*cut
	byCut  map[place]*cut
	keys   int  // places that are watched, as many as byCut has
	serial int  // and that ever were
	parted bool // some have parted from their cuts since these were numbered
	twins  map[traffic.Key]*twins
	kin    map[traffic.Key]*kin
	global kin
	cells  []traffic.Scope
	byCell map[place]int

	touch    []*leaf        // with traffic in this second
	heard    []heard        // what was told of it, as long as it is stepped
	lates    []*leaf        // with traffic that came after its second was closed
	loud     []*cut         // of those with traffic: with evidence that may be near an alarm
	met      []*twins       // with traffic in this second
	fired    []int32        // numbers of the cuts with traffic in this second
	sums     []sums         // of this second, by the number of a cut
	slot     slot           // what visits to the past unpack into
	frozen   [signals]spans // seconds that are not learned
	frozenTo int64          // the last of them

	began   int64   // the first second that was stepped
	born    int64   // since when what is normal has been learned: before that, where it began with what was known
	knownTo int64   // until when that was learned
	doubt   float64 // how far off it may be by now
	stretch int64   // what is stepped is in, since the beginning of time
	eps     [signals]episode
	tides   []*tide
	lives   []*live // lasting and lately settled ones, in order of opening
	naming  func(onset int64) string
	// allow says whether a new burst may open; nil: always. Impact of a burst elsewhere is not a burst of its own.
	allow  func(sec, onset int64, s signal, p place) bool
	events []Event
}

func newWatch(d *Detector, naming func(int64) string) *watch {
	return &watch{
		syms: d.opts.Symbols, table: d.table, falses: d.opts.FalsePerMonth, naming: naming,
		byKey: make(map[traffic.Key]*leaf), byCut: make(map[place]*cut), twins: make(map[traffic.Key]*twins),
		kin: make(map[traffic.Key]*kin), byCell: make(map[place]int),
	}
}

// alarmAt is the evidence at which one of so many kinds of it speaks that each cut gathers, from the false alarms that
// the operator puts up with. The constant was measured on calm fleets of 600 key-signals; each nat divides the false
// alarms by about three.
func (w *watch) alarmAt(kinds int) float64 {
	a := 15.5 - math.Log(w.falses) + math.Log(float64(w.keys*kinds)/600)
	return min(max(a, 10), 25)
}

// take adds what one series counted in this second.
func (w *watch) take(sec int64, in *Leaf) {
	l := w.lately.find(in)
	if l == nil {
		l = w.leafOf(in.Key)
		w.lately.keep(in, l)
	}
	if l.last != sec {
		l.tick(sec)
		w.touch = append(w.touch, l)
	}
	l.now.add(in, w.table)
	l.measure(in)
	w.heard = append(w.heard, heard{l, in})
	l.seen += float64(in.FirstReq)
	if in.Width > wideCount {
		l.wide = true
	}
}

// add counts a series in.
func (x *slot) add(in *Leaf, table *signalTable) {
	for _, o := range in.ByOutcome {
		s := table.of(o.Outcome)
		x.all += int32(o.N) //nolint:gosec // one second
		x.n += int32(o.First)
		if s == good {
			x.ok += int32(o.First)
			continue
		}
		x.k[s] += int32(o.First)
		x.fails = append(x.fails, o)
	}
}

// leafOf finds or makes the leaf that a key is counted in.
func (w *watch) leafOf(raw traffic.Key) *leaf {
	if l := w.byKey[raw]; l != nil {
		return l
	}
	key := leafKey(raw)
	l := w.byKey[key]
	if l == nil {
		l = w.newLeaf(key)
	}
	w.byKey[raw] = l
	return l
}

func (w *watch) newLeaf(key traffic.Key) *leaf {
	l := &leaf{key: key, watch: w, cell: w.cellOf(key), kin: w.kinOf(key)}
	l.repeats = w.syms.Name(key[traffic.Side]) == traffic.SideUpstream
	w.byKey[key] = l
	w.leaves = append(w.leaves, l)
	w.enter(l)
	for _, b := range w.lives {
		if b.open() && b.place.covers(key) {
			l.covered |= b.said()
		}
	}
	return l
}

// cellOf numbers the cell of a leaf.
func (w *watch) cellOf(key traffic.Key) int {
	var p place
	for _, d := range []traffic.Dim{traffic.Provider, traffic.Model, traffic.Region} {
		if key[d] != traffic.Unknown {
			p = p.with(d, key[d])
		}
	}
	n, ok := w.byCell[p]
	if !ok {
		n = len(w.cells)
		w.byCell[p] = n
		w.cells = append(w.cells, p.scope(w.syms))
	}
	return n
}

// step closes the second: evidence, alarms, scopes, ends.
func (w *watch) step(sec int64) {
	if w.began == 0 {
		w.began, w.born = sec, cmp.Or(w.born, sec)
	}
	w.record(sec)
	w.expect(w.touch)
	at := w.alarmAt(int(signals))
	near := sumAt(at - holdNear)
	if w.young(sec) {
		near = min(near, sumAt(holdYoung))
	}
	w.weigh(sec, near)
	for s := range signals {
		w.judge(sec, s, at+s.strict())
	}
	w.lookInto(sec)
	w.hold(sec, near)
	w.follow(sec)
	w.volumes(sec)
	w.touch, w.heard = w.touch[:0], w.heard[:0]
}

// late takes what came after its second was closed: it stands in the past where it belongs, and is evidence now.
func (w *watch) late(sec int64, in *Leaf) {
	l := w.leafOf(in.Key)
	if l.last < sec {
		l.tick(sec)
	}
	x := slot{sec: sec}
	x.add(in, w.table)
	l.past.put(sec, &x, w.table)
	l.seen += float64(x.n)
	if l.late == nil {
		l.late = &counts{}
		w.lates = append(w.lates, l)
	}
	l.late.add(&x.counts)
	for _, b := range w.lives {
		if b.open() && sec >= b.onset && b.place.covers(l.key) {
			p := b.sums.point(sec)
			w.count(b, l, &x, p)
		}
	}
}

// record writes the second down, and takes in what came late.
func (w *watch) record(sec int64) {
	for _, l := range w.touch {
		l.past.put(sec, &l.now, w.table)
	}
	for _, l := range w.lates {
		if l.last != sec {
			l.tick(sec)
			w.touch = append(w.touch, l)
		}
		l.now.counts.add(l.late)
		l.late = nil
	}
	w.lates = w.lates[:0]
}

// forget drops leaves, and the cuts that are left without any.
func (w *watch) forget(drop func(*leaf) bool) {
	gone := make(map[*leaf]bool)
	for _, l := range w.leaves {
		if drop(l) {
			gone[l] = true
		}
	}
	if len(gone) > 0 {
		clear(w.lately)
		for k, l := range w.byKey {
			if gone[l] {
				delete(w.byKey, k)
			}
		}
		w.leaves = slices.DeleteFunc(w.leaves, func(l *leaf) bool { return gone[l] })
		w.touch = slices.DeleteFunc(w.touch, func(l *leaf) bool { return gone[l] })
		w.lates = slices.DeleteFunc(w.lates, func(l *leaf) bool { return gone[l] })
		w.cuts = slices.DeleteFunc(w.cuts, func(c *cut) bool {
			c.leaves = slices.DeleteFunc(c.leaves, func(l *leaf) bool { return gone[l] })
			if len(c.leaves) == 0 {
				w.keys -= len(c.places)
				for _, p := range c.places {
					delete(w.byCut, p.place)
				}
			}
			return len(c.leaves) == 0
		})
		w.number()
	}
	w.sumUp()
}
