package board

import (
	"slices"
	"time"

	"signalbox/internal/traffic"
)

// Leaf is what one series counted in one second. Like OutcomeN it is an alias of an unnamed struct: a detector that
// declares the same struct takes the board's leaves as its own.
type Leaf = struct {
	Key                 traffic.Key
	Req, Err, CallerErr int64         // Err: failures that are not the caller's own
	FirstReq, FirstErr  int64         // of Req and Err, first attempts
	Retries             int64         // attempts that repeat a failed one at the same place
	Again               int64         // attempts that say that they are not the first of their request, wherever that was
	ByOutcome           []OutcomeN    // sorted by outcome
	Lat, TTFT           []traffic.Bin // of first attempts that ended well, in microseconds
	Tok                 []traffic.Bin // of all requests that tell their tokens: those in and out
	Callers             []CallerN     // who failed by a fault of its own, as far as it is known
	Fell                []FellN       // from where requests fell to it
	Width               time.Duration // of the widest count in it: a scrape's delta says little about one second
	Place               uint32        // 0, or a number that is mostly the same for one key: where to look for it first
}

// CallerN counts the caller's own failures of one caller.
type CallerN = struct {
	Caller traffic.Sym
	N      int64
}

// FellN counts requests that fell from one deployment or model.
type FellN = struct {
	From traffic.Sym
	N    int64
}

// Leaves gives the counts of one second for detection, sorted by key. It is empty for a second that the board no
// longer holds by itself. What was measured is told of the newest second asked for and of later ones.
func (b *Board) Leaves(sec int64) []Leaf {
	var out []Leaf
	var bins []traffic.Bin
	all := b.series.counted()
	b.series.asked = max(b.series.asked, sec)
	for n, s := range all {
		s.seen(b.series.asked)
		list := s.levels[0]
		if n := len(list); n == 0 || list[n-1].start < sec || list[0].start > sec || !b.rights.counts(s.ident) {
			continue
		}
		i := firstFrom(list, sec)
		if list[i].start != sec {
			continue
		}
		l := list[i].leaf(s.key)
		l.Place = uint32(n) + 1 //nolint:gosec // as many as there are keys
		if len(s.fresh) > 0 && s.fresh[0].sec == sec {
			bins = b.histograms.fill(&l, &s.fresh[0].measured, bins)
		}
		out = append(out, l)
	}
	slices.SortFunc(out, func(x, y Leaf) int { return compareKeys(x.Key, y.Key) })
	return out
}

func (k *bucket) leaf(key traffic.Key) Leaf {
	l := Leaf{Key: key, Retries: int64(k.retry), Again: int64(k.again), Width: time.Duration(k.width) * time.Second}
	l.ByOutcome = make([]OutcomeN, 0, 1+len(k.more))
	k.each(func(x OutcomeN) {
		l.ByOutcome = append(l.ByOutcome, x)
		l.Req += x.N
		l.FirstReq += x.First
		switch c := x.Outcome.Class(); {
		case !x.Outcome.Failed():
		case c.Caller():
			l.CallerErr += x.N
		default:
			l.Err += x.N
			l.FirstErr += x.First
		}
	})
	if l.CallerErr > 0 && key[traffic.Caller] != traffic.Unknown {
		l.Callers = []CallerN{{Caller: key[traffic.Caller], N: l.CallerErr}}
	}
	slices.SortFunc(l.ByOutcome, func(x, y OutcomeN) int { return int(x.Outcome) - int(y.Outcome) })
	return l
}

// NextSecond gives the first second from sec on that holds traffic, false when none does: detection may skip the
// idle ones.
func (b *Board) NextSecond(sec int64) (int64, bool) {
	next, ok := int64(1<<62), false
	for _, s := range b.series.counted() {
		list := s.levels[0]
		if len(list) == 0 || list[len(list)-1].start < sec || !b.rights.counts(s.ident) {
			continue
		}
		next, ok = min(next, list[firstFrom(list, sec)].start), true
	}
	return next, ok
}
