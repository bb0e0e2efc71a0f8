package burst

import (
	"cmp"
	"math"
	"slices"
	"time"

	"signalbox/internal/traffic"
)

// Normal is what a detector has learned of what is normal, as a value: a later one begins with it in place of nothing.
// It is no past: no second of traffic is in it, and no burst. Nothing changes it once it was taken.
type Normal struct {
	At    time.Time     // the last second that was stepped
	Known time.Duration // for how long it had been learned by then

	syms     *traffic.Symbols
	upstream []traffic.Sym // gateways that tell of their attempts
	watches  [2]knowledge  // of what carries blame, and of what shows impact only
}

// How long what is normal may be gone by.
const (
	// normalKeeps is how old it may be. Shares of failures last; who has not looked for a week knows another fleet.
	normalKeeps = 7 * 24 * 3600
	// normalBefore is how far before its end reading may begin anew: what is read again is not learned again. Who reads a
	// past that is older than that learns from that past.
	normalBefore = 3 * 3600
	// volKeeps is the longest gap after which the usual amount of traffic is still usual: it goes up and down with the day.
	volKeeps = 1800
	// volSettles is for how long nothing is said of the amount of traffic after a start: who sends has to find back, too.
	volSettles = 180

	doubtMost  = 1.5       // how many times more than usual may fail after a long gap, besides,
	doubtGap   = 6 * 3600  // and after which gap it is most of that
	doubtFades = 1800      // and how many seconds of reading make that good
	experience = 12 * 3600 // half-life of experience in a gap, which no gap takes below what makes a leaf warm
)

// knowledge is what one watch has learned.
type knowledge struct {
	born   int64 // since when it was learned
	leaves []knownLeaf
	cuts   []knownCut
}

// knownLeaf is what is normal for one leaf.
type knownLeaf struct {
	key        traffic.Key
	seen, span float64
	last       int64 // the last second with traffic
	learned    int64 // the last second that was learned
	wide       bool
	n, k       perSignal
	marks      [values]knownMark
}

// knownMark is how one value is distributed at a leaf.
type knownMark struct{ n, half, high float32 }

// knownCut is how what happens at a cut scatters, and how much traffic it has.
type knownCut struct {
	places  []place
	scatter [signals]knownScatter
	volume  knownVolume
}

// knownScatter is a weighted sum of looks at the scatter, and of their weights.
type knownScatter struct{ v, w float64 }

// knownVolume is the usual amount of traffic.
type knownVolume struct {
	age, known       int
	fast, slow, near float64
	knownScatter
}

// Normal takes what was learned. It is nil as long as that is no more than what every start knows.
func (d *Detector) Normal() *Normal {
	if d.sec == 0 || d.sec-d.blame.born < fresh {
		return nil
	}
	n := &Normal{At: at(d.sec), Known: time.Duration(d.sec-d.blame.born) * time.Second, syms: d.opts.Symbols}
	for g := range d.upstream {
		n.upstream = append(n.upstream, g)
	}
	slices.Sort(n.upstream)
	for i, w := range []*watch{d.blame, d.impact} {
		n.watches[i] = w.knowledge()
	}
	return n
}

func (w *watch) knowledge() knowledge {
	out := knowledge{born: w.born, leaves: make([]knownLeaf, 0, len(w.leaves)), cuts: make([]knownCut, 0, len(w.cuts))}
	for _, l := range w.leaves {
		k := knownLeaf{
			key: l.key, seen: l.seen, span: l.span, last: l.last, learned: max(l.learned, l.known), wide: l.wide,
			n: l.base.n, k: l.base.k,
		}
		if l.marks != nil {
			for v, m := range l.marks {
				if m.warm() {
					k.marks[v] = knownMark{m.n, m.half, m.high}
				}
			}
		}
		out.leaves = append(out.leaves, k)
	}
	for _, c := range w.cuts {
		v := &c.volume
		k := knownCut{volume: knownVolume{v.age, v.known, v.fast, v.slow, v.near, knownScatter{v.v, v.w}}}
		for _, p := range c.places {
			k.places = append(k.places, p.place)
		}
		for s := range c.stats {
			k.scatter[s] = knownScatter{c.stats[s].v, c.stats[s].w}
		}
		out.cuts = append(out.cuts, k)
	}
	return out
}

// adopt begins with what an earlier detector has learned, if that is of use to one that begins at this second: not too long
// after it ended, and not long before. A time long before that may be that of a stray line: it is asked again after a jump.
func (d *Detector) adopt(first int64) {
	n := d.opts.Normal
	gap := first - n.At.Unix()
	if gap < -normalBefore {
		return
	}
	d.opts.Normal = nil
	busy := len(d.blame.lives)+len(d.impact.lives)+len(d.blame.tides)+len(d.impact.tides) > 0
	if n.syms != d.opts.Symbols || gap > normalKeeps || busy {
		return
	}
	if d.sec != 0 {
		d.begin()
	}
	d.known = n.At
	for _, g := range n.upstream {
		d.upstream[g] = true
	}
	for i, w := range []*watch{d.blame, d.impact} {
		w.adopt(&n.watches[i], first, n.At.Unix())
	}
}

// adopt takes over what is normal. What is known of times before the first second is moved to right before it: nobody
// knows what was in between.
func (w *watch) adopt(k *knowledge, first, until int64) {
	gap := max(0, first-1-until)
	w.knownTo, w.doubt = until, doubtMost*(1-math.Exp2(-3*float64(gap)/doubtGap))
	w.born = first - max(0, until-k.born)
	fade := math.Exp2(-float64(gap) / experience)
	for i := range k.leaves {
		x := &k.leaves[i]
		if w.byKey[x.key] != nil {
			continue
		}
		l := w.newLeaf(x.key)
		l.seen, l.span, l.wide, l.known = x.seen, x.span, x.wide, x.learned
		l.last = first - 1 - max(0, until-x.last)
		for s := range signals {
			f := max(fade, min(1, warmAt/max(x.n[s], 1)))
			l.base.n[s], l.base.k[s] = x.n[s]*f, x.k[s]*f
			l.warm = l.warm || l.base.n[s] >= warmAt
		}
		for v, m := range x.marks {
			if m.n < markWarm {
				continue
			}
			if l.marks == nil {
				l.marks = new([values]mark)
			}
			l.marks[v].n, l.marks[v].half, l.marks[v].high = m.n, m.half, m.high
		}
	}
	w.sumUp()
	for i := range k.cuts {
		w.adoptCut(&k.cuts[i], gap)
	}
}

func (w *watch) adoptCut(k *knownCut, gap int64) {
	for _, p := range k.places {
		c := w.byCut[p]
		if c == nil {
			continue
		}
		for s, x := range k.scatter {
			c.stats[s].v, c.stats[s].w = x.v, x.w
		}
		c.volume.adopt(&k.volume, gap)
	}
}

// adopt takes over the usual amount of traffic. After a long gap only its scatter is known.
func (v *volume) adopt(k *knownVolume, gap int64) {
	*v = volume{v: k.v, w: k.w, mute: volSettles}
	for i := range v.blocks {
		v.blocks[i] = -1 // what was counted before is not learned twice
	}
	if gap <= volKeeps {
		v.age, v.known, v.fast, v.slow, v.near, v.nears = k.age, k.known, k.fast, k.slow, k.near, min(k.known, 1)
	}
}

// relived tells whether a second is one of those that what is normal was learned from.
func (w *watch) relived(sec int64) bool { return sec <= w.knownTo }

// newestFirst orders what is known by who had traffic last, so that what has no room is what had none for longest.
func (k *knowledge) newestFirst() []*knownLeaf {
	out := make([]*knownLeaf, len(k.leaves))
	for i := range k.leaves {
		out[i] = &k.leaves[i]
	}
	slices.SortStableFunc(out, func(x, y *knownLeaf) int { return cmp.Compare(y.last, x.last) })
	return out
}
