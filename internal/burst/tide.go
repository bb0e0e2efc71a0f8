package burst

import (
	"fmt"
	"math"
	"slices"
)

// tide is a loss or a surge of traffic while it lasts, and for a while after. It is a note: nobody is called for it.
type tide struct {
	id        string
	turn      turn
	place     place
	aliases   []place
	separable bool
	share     float64

	onset, detected, ended int64
	episodes               int
	usual                  float64 // requests a second that are expected in its place
	after                  float64 // requests a second since it began, when it was last looked at
	phi                    float64
	normal                 float64           // evidence that it is over
	requests               float64           // since its onset
	last                   [tideSecs]float64 // by second modulo tideSecs
	upTo                   int64
	forgiven               bool // so old that it is normal now
}

const (
	tideSecs   = 60  // what its sentence is about
	tideEnd    = 8   // nats for "normal again"
	tideWindow = 300 // seconds that its scope is looked for in
	tidePast   = 60  // seconds before an onset that tell what is usual
	tideBase   = 0.1 // part of a leaf's requests that may be missing, or too many, where nothing is wrong
	tideWary   = 0.25
	tideTurned = 0.8 // how far from normal to what it was after the turn lies what the end is held against
	maxSkipped = 1800
)

func (f *tide) open() bool { return f.ended == 0 }

// volumes closes the second for the amount of traffic: evidence, alarms, scopes, ends. It must see every second, the
// empty ones too.
func (w *watch) volumes(sec int64) {
	if w.relived(sec) {
		return // what was usual then is not what is usual before it
	}
	for i, c := range w.cuts {
		n := 0.0
		if w.sums[i].at == sec {
			n = w.sums[i].asked
		}
		if c.tide != nil {
			c.volume.mute = pauseAfter
		}
		c.volume.push(n, c.tide == nil || sec-c.tide.detected >= forgiveAfter)
	}
	for t := range turns {
		w.judgeVolume(sec, t)
	}
	w.followTides(sec)
}

// judgeVolume looks for an alarm, and says where it is.
func (w *watch) judgeVolume(sec int64, t turn) {
	var top *cut
	best := t.evidenceAt(w.alarmAt(int(turns))) // what calls nobody does not share the false alarms of what does
	for _, c := range w.cuts {
		if c.tide != nil {
			continue
		}
		if v := c.volume.sums[t]; v >= best && (top == nil || v > best || len(c.leaves) > len(top.leaves)) {
			top, best = c, v
		}
	}
	if top == nil {
		return
	}
	onset := w.turned(top, t, sec)
	list := w.whereTides(sec, onset, t)
	if len(list) == 0 {
		list = append(list, found{place: top.place})
	}
	active := w.active(sec)
	for _, x := range list {
		w.openTide(sec, onset, t, x, top.volume.phi(), active)
	}
	w.markTides()
	if top.tide == nil { // what was named does not touch what spoke
		top.volume.reset(pauseAfter)
	}
}

func (w *watch) openTide(sec, onset int64, t turn, x found, phi float64, active []*leaf) {
	n := w.name(x.place, active)
	for _, f := range w.tides {
		both, _ := overlap(n.place, f.place, active)
		switch {
		case both == 0:
		case f.open():
			return // it is part of what is known
		case f.turn == t && sec-f.ended <= reopenWithin:
			f.ended, f.normal = 0, 0
			f.episodes++
			w.place(f, sec, x, n)
			w.tellTide(f, sec, Reopened)
			return
		}
	}
	f := &tide{id: w.naming(onset), turn: t, onset: onset, detected: sec + 1, episodes: 1, phi: phi}
	w.tides = append(w.tides, f)
	w.place(f, sec, x, n)
	w.tellTide(f, sec, Opened)
}

// place gives a tide what was found, and counts it from its onset on, this second included.
func (w *watch) place(f *tide, sec int64, x found, n named) {
	f.place, f.aliases, f.separable, f.share = n.place, n.aliases, x.separable, x.share
	f.usual, f.requests, f.last = 0, 0, [tideSecs]float64{}
	for _, l := range w.leaves {
		if !f.place.covers(l.key) {
			continue
		}
		f.usual += w.usualOf(l, f.onset, sec)
		l.slots(max(f.onset, sec-histSecs), sec, func(s *slot) {
			f.requests += float64(s.n)
			if s.sec > sec-tideSecs {
				f.last[s.sec%tideSecs] += float64(s.n)
			}
		})
	}
	f.after = f.requests / float64(sec-max(f.onset, sec-histSecs)+1)
	f.upTo = sec
}

// usualOf are the requests a second that a leaf had before an onset: in the quarter of an hour at hand, or where that
// is short or was not usual itself, in the last hours.
func (w *watch) usualOf(l *leaf, onset, sec int64) float64 {
	from := max(sec-histSecs, l.last-int64(l.span), w.began)
	other := func(f *tide) bool { return f.onset < onset && f.place.covers(l.key) }
	if onset-from < tidePast || slices.ContainsFunc(w.tides, other) {
		return l.seen / max(l.span, 1)
	}
	n := 0.0
	l.slots(from, onset-1, func(s *slot) { n += float64(s.n) })
	return n / float64(onset-from)
}

// turned estimates when the traffic of a cut became too little or too much: the beginning, up to fifteen minutes back,
// since which it is most beyond the boundary (Poisson likelihood ratio).
func (w *watch) turned(c *cut, t turn, sec int64) int64 {
	var n [histSecs + 1]float64
	floor := max(sec-histSecs+1, w.began)
	for _, l := range c.leaves {
		l.slots(floor, sec, func(s *slot) { n[sec-s.sec] += float64(s.n) })
	}
	usual := c.volume.usual(t) * lostAt
	if t == surged {
		usual = c.volume.usual(t) * surgedAt
	}
	var have, want, best float64
	at := sec
	for d := int64(0); d <= sec-floor; d++ {
		have, want = have+n[d], want+usual
		if (t == lost) != (have < want) {
			continue
		}
		g := want - have
		if have > 0 {
			g += have * math.Log(have/want)
		}
		if g > best {
			best, at = g, sec-d
		}
	}
	return at
}

// whereTides finds the combinations of dimensions that explain what is missing, or too much.
func (w *watch) whereTides(sec, onset int64, t turn) []found {
	var g grid
	var leaves []*leaf
	from := max(onset, sec-tideWindow)
	for _, l := range w.leaves {
		if l.last < sec-histSecs {
			continue
		}
		have := 0.0
		l.slots(from, sec, func(s *slot) { have += float64(s.n) })
		want := w.usualOf(l, onset, sec) * float64(sec-from+1)
		n, k := want, want-have
		if t == surged {
			n, k = have, have-want
		}
		if n > 0 {
			g.add(n, max(k, 0), tideBase, tideWary)
			leaves = append(leaves, l)
		}
	}
	return causesOf(&g, leaves)
}

// followTides adds the second to what lasts, ends what is over, and looks again where it is.
func (w *watch) followTides(sec int64) {
	if len(w.tides) == 0 {
		return
	}
	changed := false
	for _, f := range w.tides {
		if !f.open() {
			continue
		}
		if f.upTo < sec {
			w.tideSecond(f, sec)
		}
		switch age := sec + 1 - f.detected; {
		case age < endLeast:
		case f.normal >= tideEnd || sec-f.onset >= endAfter:
			f.forgiven = f.normal < tideEnd
			f.ended = sec + 1
			changed = true
			w.tellTide(f, sec, Settled)
		case age <= tideWindow && due(age):
			changed = w.moveTide(f, sec) || changed
		}
	}
	if changed {
		w.markTides()
	}
	w.tides = slices.DeleteFunc(w.tides, func(f *tide) bool { return !f.open() && sec-f.ended > keepSettled })
}

func (w *watch) tideSecond(f *tide, sec int64) {
	n := 0.0
	for _, l := range w.touch {
		if f.place.covers(l.key) {
			n += float64(l.now.n)
		}
	}
	for s := max(f.upTo+1, sec-tideSecs+1); s <= sec; s++ {
		f.last[s%tideSecs] = 0
	}
	f.last[sec%tideSecs] = n
	f.requests += n
	f.upTo = sec
	fine := f.usual * lostAt
	if f.turn == surged {
		fine = f.usual * surgedAt
	}
	wrong := max(fine+tideTurned*(f.after-fine), fine/100)
	if (f.turn == lost) == (wrong < fine) {
		f.normal = max(0, f.normal+(n*math.Log(fine/wrong)-fine+wrong)/f.phi)
	}
}

// moveTide looks again where a tide is, now that more of it is known.
func (w *watch) moveTide(f *tide, sec int64) bool {
	active := w.active(sec)
	for _, x := range w.whereTides(sec, f.onset, f.turn) {
		n := w.name(x.place, active)
		if both, _ := overlap(n.place, f.place, active); both == 0 {
			continue
		}
		moved := n.place != f.place
		w.place(f, sec, x, n)
		if moved {
			w.tellTide(f, sec, Revised)
		}
		return moved
	}
	return false
}

// markTides tells the cuts which of them have to do with what lasts: they are not judged and not learned from.
func (w *watch) markTides() {
	for _, c := range w.cuts {
		had := c.tide
		c.tide = nil
		for _, f := range w.tides {
			if f.open() && slices.ContainsFunc(c.leaves, func(l *leaf) bool { return f.place.covers(l.key) }) {
				c.tide = f
			}
		}
		if had != c.tide {
			c.volume.reset(pauseAfter)
		}
	}
}

func (w *watch) tellTide(f *tide, sec int64, kind EventKind) {
	w.events = append(w.events, Event{Kind: kind, Burst: w.tideBurst(f, sec), At: at(sec + 1)})
}

// absorbTides merges what requests lost or got into the same of the attempts behind them.
func (d *Detector) absorbTides(sec int64) {
	before := len(d.impact.tides)
	d.impact.tides = slices.DeleteFunc(d.impact.tides, func(f *tide) bool {
		for _, o := range d.blame.tides {
			if f.open() && o.open() && o.turn == f.turn && o.onset <= f.onset+tideSecs && meets(o.place, d.asked(f.place)) {
				f.ended = sec + 1
				d.impact.events = append(d.impact.events, Event{Kind: Merged, Burst: d.impact.tideBurst(f, sec), Into: o.id, At: at(sec + 1)})
				return true
			}
		}
		return false
	})
	if len(d.impact.tides) != before {
		d.impact.markTides()
	}
}

// What leads a burst of kind traffic.
const (
	LeadingLoss  = "loss"
	LeadingSurge = "surge"
)

// tideBurst is what is told of a tide.
func (w *watch) tideBurst(f *tide, sec int64) Burst {
	end := sec
	if !f.open() {
		end = f.ended - 1
	}
	out := Burst{
		ID: f.id, Kind: KindTraffic, Leading: LeadingLoss, Side: w.sideOf(f.place), Scope: f.place.scope(w.syms),
		Onset: at(f.onset), Detected: at(f.detected), State: Steady, Total: int64(f.requests), Share: f.share, Episodes: f.episodes,
		Excess: math.Abs(f.usual*float64(end-f.onset+1) - f.requests), Classes: map[string]int64{}, Codes: map[int]int64{},
		Confidence: Firm, Provisional: sec+1-f.detected < firmAfter,
	}
	if f.turn == surged {
		out.Leading = LeadingSurge
	}
	switch {
	case !f.open():
		out.Ended, out.State = at(f.ended), StateSettled
	case out.Provisional:
		out.Confidence = Provisional
	case !f.separable:
		out.Confidence = NotSeparable
	}
	for _, p := range f.aliases {
		out.Aliases = append(out.Aliases, p.scope(w.syms))
	}
	out.Reason = f.reason(&out, end)
	return out
}

// reason is the sentence that an operator reads.
func (f *tide) reason(o *Burst, end int64) string {
	span, have := end-f.onset+1, f.requests
	if f.open() && span > tideSecs {
		span, have = tideSecs, 0
		for _, n := range f.last {
			have += n
		}
	}
	were := "were expected"
	if f.turn == surged {
		were = "are usual"
	}
	text := fmt.Sprintf("%.0f requests in %d s where %s %s, since %s; %s", have, span, about(f.usual*float64(span)), were,
		o.Onset.Format("15:04:05"), o.Scope)
	if f.place.mask == 0 && f.turn == lost {
		text += "; it is all traffic: look at the gateway, at who calls it, and at the log"
	}
	if o.Confidence == NotSeparable {
		text += "; the scope cannot be told from others yet"
	}
	if f.episodes > 1 {
		text += fmt.Sprintf("; episode %d", f.episodes)
	}
	switch {
	case f.open():
	case f.forgiven:
		text += "; it has lasted so long that it is taken for normal now"
	default:
		text += "; settled " + o.Ended.Format("15:04:05")
	}
	return text
}

// about prints an expected number.
func about(x float64) string {
	if x < 10 {
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.0f", x)
}
