package tail

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"signalbox/sources/decode"
)

// rewritten sees to a file whose bytes are not those that were read: it was truncated, or written anew in
// place. What was not read yet may stand in a copy; what stands nowhere any more is counted and said.
func (t *Tail) rewritten(f *follower, g *generation, was int64, now time.Time) {
	var lost, keep int64
	bare := false
	rest := f.scan(t, now, g)
	if rest == nil && g.off == 0 {
		g.follows(f.fresh)
		f.fresh = nil
	}
	switch {
	case rest != nil:
		rest.split, g.split = g.split, decode.Splitter{Lost: g.split.Lost, Cuts: g.split.Cuts}
		rest.split.Lost, rest.split.Cuts = 0, 0
		rest.lineAt, rest.lineMark, rest.lineHead = g.lineAt, g.lineMark, slices.Clone(g.lineHead)
		g.lineAt = g.off // the copy has the rest of the line
		if rest.z == nil {
			lost = max(0, was-rest.size)
		}
	case g.off == 0 && f.copied(g) > 0:
		lost = max(0, was-f.copied(g)) // the copy was met before the truncation was
	default:
		bare = true
		lost = max(0, was-g.off)
		keep = g.intact()
	}
	if keep == 0 {
		g.follows(f.fresh)
	}
	if lost += g.restart(keep); lost > 0 {
		t.dropped += lost
		t.say(fmt.Sprintf("%s was truncated and no copy of it was found: at least %d bytes that were not read are missing", f.path, lost))
	} else if bare {
		t.say(f.path + " was truncated and no copy of it was found: what was written since the last look at it is missing, if anything was")
	}
	if bare {
		t.missed++
	}
}

// regrown tells whether a file of which next to nothing was read was copied, truncated and written to again since. All lines of
// a log may begin with those few bytes: the file itself does not show it, only the copy beside it does.
func (f *follower) regrown(t *Tail, g *generation, now time.Time) bool {
	if g != f.live || g.off == 0 || g.off >= leastCopy || g.z != nil {
		return false
	}
	if at := f.changedAt(); at.Equal(f.listed) && now.Sub(at) >= time.Second {
		return false
	}
	for _, s := range f.siblings() {
		if t.ledger.holds(s.info) || t.ledger.knows(s.info) {
			continue
		}
		c, err := t.open(s.path)
		if c == nil {
			continue
		}
		yes := false
		switch {
		case err == nil:
			whole, _ := g.copiedBy(c)
			_, known := t.ledger.of(c.id, c.f, c.size)
			yes = whole && !known && c.size > g.off && !g.contains(c, true)
		case errors.Is(err, errGzip):
			i, err := matchPacked(c.f, append([]place{g.reached(), g.asItIs()}, t.ledger.under(f.path)...), 1, t.halted)
			yes = err == nil && i == 0
		}
		c.close()
		if yes {
			return true
		}
	}
	return false
}
