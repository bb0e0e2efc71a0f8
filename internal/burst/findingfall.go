package burst

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"signalbox/internal/traffic"
)

// Target is one of those that a cascade has pushed over their limits.
type Target struct {
	Where   traffic.Scope
	Since   time.Time
	Until   time.Time // zero while it suffers
	Numbers map[string]float64
	Text    string // what is wrong there, without its name
}

// fall is what falls from one burst, and whom that was too much for.
type fall struct {
	burst string
	hit   []*strained // in the order of their appearance
	worst *strained
}

// strained is a target that gets more than it can take.
type strained struct {
	to          *spot
	since, seen int64
	sure        bool // seen twice in a row: from then on it is told of
	over        bool
	strain
}

// strain is what shows that a target gets more than it can take.
type strain struct {
	degree  int     // what it comes to: it refuses, takes long, or has none left to give
	size    float64 // how bad that is
	text    string
	brief   string // the same in a few words
	fell    int64  // there, of so many requests that it got in so many seconds
	of, in  int64
	numbers map[string]float64
}

// What a strain comes to.
const (
	isFull = iota
	isSlow
	refuses
)

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
	// worseBy is how much worse than the worst a target must be to be told of in its stead.
	worseBy = 1.25
	// mostNamed is how many targets a sentence names besides the worst.
	mostNamed = 5
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
		b := l.bursts[p.burst]
		if x, ok := l.strained(sec, b.Onset.Unix(), p.to, fell[p]); ok {
			l.fallOf(p.burst).strains(sec, b.Onset.Unix(), p.to, x)
		}
	}
	for _, f := range l.falls {
		f.settle(sec)
		if b, known := l.bursts[f.burst]; known && f.worst != nil && f.worst.seen == sec {
			l.cascade(sec, b, f)
		}
	}
	l.falls = slices.DeleteFunc(l.falls, func(f *fall) bool {
		return !slices.ContainsFunc(f.hit, func(s *strained) bool { return !s.over })
	})
}

// strained tells whether what fell to a target is too much for it.
func (l *Lookout) strained(sec, onset int64, to *spot, fell [2]int64) (x strain, ok bool) {
	before, now := to.sum(onset-beforeSecs, onset), to.sum(max(onset, sec-recentSecs), sec+1)
	share1, share2 := share(fell[0], before.req), share(fell[1], now.req)
	if fell[1] < leastMoved || share2 < movedShare || share2 < 2*share1 {
		return x, false
	}
	over := min(recentSecs, sec+1-onset)
	refused := share(now.limited, now.req)
	x.fell, x.of, x.in = fell[1], now.req, over
	x.numbers = map[string]float64{
		"moved_per_min": float64(fell[1]) * 60 / float64(over), "moved_share": share2, "moved_share_before": share1,
		"refused_share": refused, "refused_share_before": share(before.limited, before.req),
	}
	times := before.times(&now)
	load := l.loads[to.key[traffic.Deployment]]
	switch {
	case risen(before.limited, before.req, now.limited, now.req):
		x.degree, x.size, x.brief = refuses, refused, "refuses "+percent(refused)
		x.text = fmt.Sprintf("it now refuses %s for lack of capacity, %s before", percent(refused), percent(share(before.limited, before.req)))
	case min(before.timed, now.timed) >= leastTimed && times >= slower:
		x.degree, x.size, x.brief = isSlow, times, fmt.Sprintf("takes %.1f times as long", times)
		x.text = fmt.Sprintf("its answers take %.1f times as long as before", times)
		x.numbers["latency_times"] = times
	case load != nil && sec-load.seen <= recentSecs && load.limit > 0 && load.inflight >= load.limit && load.queue > 0:
		x.degree, x.size, x.brief = isFull, load.queue, fmt.Sprintf("%.0f wait", load.queue)
		x.text = fmt.Sprintf("its cap is reached: %.0f of %.0f in flight, %.0f wait", load.inflight, load.limit, load.queue)
		x.numbers["inflight"], x.numbers["limit"], x.numbers["queue"] = load.inflight, load.limit, load.queue
	default:
		return x, false
	}
	return x, true
}

// fallOf finds or makes what falls from a burst.
func (l *Lookout) fallOf(burst string) *fall {
	for _, f := range l.falls {
		if f.burst == burst {
			return f
		}
	}
	f := &fall{burst: burst}
	l.falls = append(l.falls, f)
	return f
}

// strains notes that a target suffers.
func (f *fall) strains(sec, onset int64, to *spot, x strain) {
	i := slices.IndexFunc(f.hit, func(s *strained) bool { return s.to == to })
	if i < 0 {
		since := onset
		if at := slices.IndexFunc(to.bins, func(x bin) bool { return x.start >= onset && x.limited > 0 }); at >= 0 {
			since = to.bins[at].start
		}
		f.hit = append(f.hit, &strained{to: to, since: since, seen: sec, strain: x})
		return
	}
	s := f.hit[i]
	s.sure = s.sure || s.seen < sec
	s.seen, s.over, s.strain = sec, false, x
}

// settle forgets who suffered only once, ends what has not been seen for a while, and finds the worst of the others. One
// stays the worst until another is clearly worse, so that the name does not come and go.
func (f *fall) settle(sec int64) {
	f.hit = slices.DeleteFunc(f.hit, func(s *strained) bool { return !s.sure && s.seen < sec })
	for _, s := range f.hit {
		s.over = s.over || sec-s.seen > staysFor
	}
	old := f.worst
	f.worst = nil
	if old != nil && old.seen == sec && slices.Contains(f.hit, old) {
		f.worst = old
	}
	for _, s := range f.hit {
		if s.seen < sec || (f.worst != nil && f.worst.sure && !s.sure) {
			continue
		}
		if f.worst == nil || (s.sure && !f.worst.sure) || s.degree > f.worst.degree ||
			(s.degree == f.worst.degree && s.size > worseBy*f.worst.size) {
			f.worst = s
		}
	}
}

// cascade tells of all whom a burst's traffic is too much for: the sentence and the numbers are those of the worst.
func (l *Lookout) cascade(sec int64, b Burst, f *fall) {
	w := f.worst
	if !w.sure { // another one than at the last look: that is no second look
		l.noted = slices.DeleteFunc(l.noted, func(n *noted) bool { return !n.told && n.Live() && n.id == fmt.Sprint(Cascade, b.ID) })
	}
	x := Finding{
		Kind: Cascade, Where: w.to.where, From: b.Scope, Burst: b.ID, Numbers: maps.Clone(w.numbers),
		Text: fmt.Sprintf("%s of what %s gets fell from %s (%d of %d requests in %d s): %s", percent(share(w.fell, w.of)),
			w.to.where.Short(), b.Scope.Short(), w.fell, w.of, w.in, w.text),
		Look: "shed or pause what can wait, or cap what falls there; another target behind it helps only with room to spare",
	}
	list := slices.Clone(f.hit)
	slices.SortStableFunc(list, func(p, q *strained) int {
		return cmp.Or(order(p != w, q != w), order(p.over, q.over), cmp.Compare(q.degree, p.degree), cmp.Compare(q.size, p.size))
	})
	since := w.since
	var others []string
	for _, s := range list {
		if !s.sure && s != w {
			continue
		}
		t := Target{Where: s.to.where, Since: at(s.since), Numbers: s.numbers, Text: s.text}
		if s.over {
			t.Until = at(s.seen + 1)
		} else if s != w {
			others = append(others, s.to.where.Short()+" "+s.brief)
		}
		since = min(since, s.since)
		x.Targets = append(x.Targets, t)
	}
	x.Numbers["targets"] = float64(len(others) + 1)
	if n := len(others); n > 0 {
		x.Text += fmt.Sprintf("; %d more: %s", n, strings.Join(others[:min(n, mostNamed)], ", "))
		if n > mostNamed {
			x.Text += ", ..."
		}
	}
	l.note(sec, fmt.Sprint(Cascade, b.ID), since, x)
}

// order puts what is not before what is.
func order(p, q bool) int {
	switch {
	case p == q:
		return 0
	case q:
		return -1
	}
	return 1
}
