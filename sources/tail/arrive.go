package tail

import (
	"fmt"
	"os"
	"time"
)

// Each file that comes under a path is an event, and it is opened when the event is seen to: which may be so late that
// the path names another one by then, or nothing. What the events tell is therefore held against the files that
// were had in hand: an arrival whose file is none of them came and went unread.

// The ways in which a file was met.
const (
	metFirst   = iota // it was there before there were events: no arrival tells of it
	metByLook         // the path was asked: its arrival is still to be told
	metBeside         // it was found beside the path: an arrival may tell of it
	metByEvent        // its arrival was told
)

// arrivals takes the files that have come under the path since the last look, but for the one that it names now, and
// says how many came and went without anybody having them.
func (f *follower) arrivals(t *Tail, came []arrival, info os.FileInfo, now time.Time) {
	f.told = false
	for i, a := range came {
		switch {
		case a.file == nil:
			f.unmet++
			continue
		case t.running:
			f.arrival(t, a, came[i+1:], info, now)
			continue
		}
		a.close()
	}
	if f.unmet <= 0 || len(came) > 0 {
		return // what went may have been found under another name
	}
	for _, g := range f.old {
		if f.unmet > 0 && g.met == metByLook {
			g.met = metByEvent
			f.unmet--
		}
	}
	if f.unmet > 0 {
		f.gone += f.unmet
		t.missed += int64(f.unmet)
		f.unmet = 0
		t.say(fmt.Sprintf("files called %s came and went before they could be opened (%d): what they held is missing", f.path, f.gone))
	}
}

// forgetArrivals begins anew when events are missing: of no file at hand it is known whether its arrival was among them.
func (f *follower) forgetArrivals() {
	f.unmet = 0
	for _, g := range f.files() {
		g.met = metFirst
	}
}

// arrival sees to one that was opened.
func (f *follower) arrival(t *Tail, a arrival, later []arrival, info os.FileInfo, now time.Time) {
	is, err := a.file.Stat()
	if err != nil {
		a.close()
		f.unmet++
		return
	}
	if b, again := a.again(is, later); again {
		a.close()
		if !b.back {
			f.unmet++ // it is the file of the next arrival that was opened, not its own
		}
		return
	}
	for _, g := range f.files() {
		if os.SameFile(is, g.info) {
			a.close()
			f.arrived(a, g)
			return
		}
	}
	if now := !a.moved && info != nil && os.SameFile(is, info); now || t.ledger.holds(is) {
		f.told = now
		a.close()
		return
	}
	f.adopts(t, a, now)
}

// again finds the arrival that gives the same file later.
func (a arrival) again(is os.FileInfo, later []arrival) (arrival, bool) {
	for _, b := range later {
		if b.file == nil || a.moved || b.moved {
			continue
		}
		if next, err := b.file.Stat(); err == nil && os.SameFile(is, next) {
			return b, true
		}
	}
	return arrival{}, false
}

// arrived notes the arrival of a file that is at hand.
func (f *follower) arrived(a arrival, g *generation) {
	switch {
	case a.moved && (g.met == metByLook || g.met == metBeside):
		f.unmet-- // its own arrival gave another file, or will
		g.met = metByEvent
	case a.moved:
	case g.met == metByEvent && !a.back:
		f.unmet++ // the arrival of this one was told before
	default:
		g.met = metByEvent
	}
}

// adopts takes a file that nobody has, and that the path names no more.
func (f *follower) adopts(t *Tail, a arrival, now time.Time) {
	g, err := adopt(a.file)
	if g == nil {
		return
	}
	g.path, g.met = f.path, metByEvent
	p, known := t.ledger.of(g.id, g.f, g.size)
	switch {
	case err != nil, known && g.size <= p.off, !f.take(t, g, verdict{off: p.offset(known)}, now):
		g.close()
	case a.moved:
		f.unmet-- // its own arrival gave another file
	}
}
