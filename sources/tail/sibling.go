package tail

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// beforeLook is how much older than the last look at a path a file beside it may be and still count as
// rotated since: what lies there with an older time was put there, not rotated.
const beforeLook = time.Minute

const (
	leastCopy = 32          // bytes that it takes to tell a copy
	inMaking  = time.Second // for how long after its last byte a shorter one may still grow
)

// sibling is a file beside a followed one whose name says that it was rotated out of its place.
type sibling struct {
	path string
	info os.FileInfo
}

// rotatedName is what rotation puts behind a name, or between a name and its ending: .1, -20260131,
// -2026-01-31T10-00-00.000, .old.
var rotatedName = regexp.MustCompile(`^[.\-_](\d[\d.\-_T:+Z]*|old|bak|prev)$`)

// isRotated tells whether name is what rotation makes of base, compressed or not.
func isRotated(base, name string) bool {
	name, _ = beforePacking(name)
	if rest, ok := strings.CutPrefix(name, base); ok && rotatedName.MatchString(rest) {
		return true
	}
	ext := filepath.Ext(base)
	stem := strings.TrimSuffix(base, ext)
	rest, ok := strings.CutPrefix(name, stem)
	if !ok || stem == "" || ext == "" {
		return false
	}
	rest, ok = strings.CutSuffix(rest, ext)
	return ok && rotatedName.MatchString(rest)
}

// siblings lists the rotated files beside a path, and beside the file that it links to, oldest first.
func (f *follower) siblings() []sibling {
	out := f.disk.siblings(f.path)
	if f.target != "" && f.target != f.path {
		out = append(out, f.disk.siblings(f.target)...)
	}
	slices.SortStableFunc(out, func(a, b sibling) int {
		return cmp.Or(a.info.ModTime().Compare(b.info.ModTime()), cmp.Compare(a.path, b.path))
	})
	return slices.CompactFunc(out, func(a, b sibling) bool { return a.path == b.path })
}

func (d *disk) siblings(path string) []sibling {
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	entries, err := d.list(dir)
	if err != nil {
		return nil
	}
	var out []sibling
	for _, e := range entries {
		if e.IsDir() || !isRotated(base, e.Name()) {
			continue
		}
		if info, err := d.stat(filepath.Join(dir, e.Name())); err == nil && info.Mode().IsRegular() {
			out = append(out, sibling{filepath.Join(dir, e.Name()), info})
		}
	}
	return out
}

// begin remembers the rotated files that are there at the start, as read to where they end: what a late
// writer adds to them is new.
func (f *follower) begin(t *Tail) {
	for _, s := range f.siblings() {
		if t.follow[s.path] != nil || t.ledger.holds(s.info) || t.ledger.knows(s.info) {
			continue // the first has a follower of its own
		}
		if g, err := t.open(s.path); g != nil {
			g.path = f.path
			t.settle(g, err)
			g.close()
		}
	}
}

// settle remembers an open file as read to its end. Its name is not asked again: it may be another's by now.
func (t *Tail) settle(g *generation, err error) {
	switch _, known := t.ledger.of(g.id, g.f, g.size); {
	case known && !g.packed:
	case errors.Is(err, errGzip), g.seek(g.size) == nil:
		t.ledger.note(g.reached())
	}
}

// scan takes in the rotated files that hold what was not read: those that lived and were rotated away
// between two looks, those that a late writer has added to, and the copies of a file that was truncated, of,
// if there is one. It gives the copy that goes on where of was read to.
func (f *follower) scan(t *Tail, now time.Time, of *generation) (rest *generation) {
	f.scanned, f.waits, f.listed, f.fresh = now, false, f.changedAt(), nil
	beside := f.siblings()
	if len(beside) == 0 {
		return nil
	}
	f.peek(t, now)
	for _, s := range beside {
		if t.ledger.holds(s.info) || t.ledger.knows(s.info) {
			continue
		}
		g, err := t.open(s.path)
		if g == nil {
			if errors.Is(err, fs.ErrPermission) && s.info.ModTime().After(f.seen.Add(-beforeLook)) {
				f.waits = true
				t.say(fmt.Sprintf("%s was rotated and may not be read: give read permission to this user; it is tried again by itself", s.path))
			}
			continue // or it is gone again
		}
		g.path = f.path
		v := verdict{what: passes}
		switch {
		case err == nil:
			v = f.judge(t, g, of)
		case errors.Is(err, errGzip):
			v = f.judgePacked(t, s, g, of)
		}
		if v.what == taken && f.take(t, g, v, now) {
			f.fresh = append(f.fresh, g)
			if of != nil && v.of == of {
				rest, of = g, nil // what was copied later is of what was written later
			}
			continue
		}
		switch v.what {
		case settled:
			t.settle(g, err)
		case waits:
			f.waits = true
		case passes, taken:
		}
		g.close()
	}
	return rest
}

// peek opens what the path names now, if nobody has it yet, so that a copy of it is known as one. It is kept for the
// next look, as its name may be gone by then.
func (f *follower) peek(t *Tail, now time.Time) {
	info, err := f.disk.stat(f.path)
	if err != nil || t.ledger.holds(info) || f.next != nil && os.SameFile(info, f.next.info) || f.ahead != nil && os.SameFile(info, f.ahead.info) {
		return
	}
	f.past(t, now)
	if g, err := t.open(f.path); err == nil {
		g.met, g.path, f.ahead = metByLook, f.path, g
	} else if g != nil {
		g.close()
	}
}

// past takes the file that was opened ahead of a look, when the path names another one by now.
func (f *follower) past(t *Tail, now time.Time) {
	g := f.ahead
	if f.ahead = nil; g == nil {
		return
	}
	if p, known := t.ledger.of(g.id, g.f, g.size); t.ledger.holds(g.info) || known && g.size <= p.off || !f.take(t, g, verdict{off: p.offset(known)}, now) {
		g.close()
	}
}

// changedAt is when something appeared beside the path, or went.
func (f *follower) changedAt() time.Time {
	info, err := f.disk.stat(filepath.Dir(cmp.Or(f.target, f.path)))
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// verdict is what a rotated file is.
type verdict struct {
	what int
	off  int64       // taken: where what was not read begins
	of   *generation // taken: whose copy it is
}

// The verdicts: passes has nothing for us, waits is looked at again because it may still be in the making,
// settled holds nothing that was not read, taken does.
const (
	passes = iota
	waits
	settled
	taken
)

// judge says what an unknown rotated file is.
func (f *follower) judge(t *Tail, g, of *generation) verdict {
	if p, known := t.ledger.of(g.id, g.f, g.size); known {
		if g.size > p.off {
			return verdict{what: taken, off: p.off}
		}
		return verdict{what: passes}
	}
	if g.size == 0 {
		return verdict{what: waits} // a copy that is being made, or a file whose writer is late
	}
	if of != nil {
		switch whole, part := of.copiedBy(g); {
		case whole:
			return verdict{taken, of.off, of}
		case part:
			return verdict{what: settled}
		}
	}
	if f.copies(g, t.opt.Kit.Now()) {
		return verdict{what: waits} // what it holds is read from the file itself, unless that is truncated
	}
	var read int64 // of a file that this is a copy of
	for _, p := range t.ledger.under(f.path) {
		if p.off > read && p.off >= leastCopy && !p.empty() && p.proves(g.f, g.size) {
			read = p.off
		}
	}
	switch {
	case read > 0 && g.size > read:
		return verdict{what: taken, off: read}
	case read > 0:
		return verdict{what: settled}
	}
	if g.info.ModTime().Before(f.seen.Add(-beforeLook)) {
		return verdict{what: settled}
	}
	return verdict{what: taken}
}

// copies tells whether g is a copy of a file at hand: of what it is, or of what it was before a truncation that has
// not been seen to.
func (f *follower) copies(g *generation, now time.Time) bool {
	for _, h := range f.known() {
		if h.contains(g, now.Sub(g.info.ModTime()) < inMaking) {
			return true
		}
		if whole, part := h.copiedBy(g); (whole || part) && h.off > 0 && !h.stands() {
			return true
		}
	}
	return false
}

// copiedBy tells whether c begins with all that was read of a file that was truncated since, whole, or holds a
// part of that.
func (g *generation) copiedBy(c *generation) (whole, part bool) {
	n := min(len(g.head), len(c.head))
	switch {
	case g.z != nil || n == 0 || !bytes.Equal(g.head[:n], c.head[:n]), g.off == 0 && n < len(g.head):
		return false, false
	case c.size >= g.off:
		return holds(c.f, g.off-int64(len(g.mark)), g.mark), false
	}
	return false, g.trail.intact(c.f, c.size) == c.size
}

// copied tells how much of a file that nothing was read of stands in the files that were found beside it.
func (f *follower) copied(g *generation) (size int64) {
	for _, c := range f.old {
		n := min(len(g.head), len(c.head))
		switch info, err := c.f.Stat(); {
		case err != nil, c == g, !c.found:
		case c.z != nil:
			return math.MaxInt64 // it cannot be told without unpacking it
		case bytes.Equal(g.head[:n], c.head[:n]):
			size = max(size, info.Size())
		}
	}
	return size
}

// contains tells whether c is a copy of a file as it is, which may still be in the making. A few bytes are not
// enough to tell, as all lines of a log may begin with them, unless they were written this moment.
func (g *generation) contains(c *generation, now bool) bool {
	info, err := g.f.Stat()
	if g.z != nil || err != nil || c.size > info.Size() || c.size < leastCopy && !now {
		return false
	}
	end, err := bytesBefore(c.f, c.size, markSize)
	return err == nil && holds(g.f, 0, c.head) && holds(g.f, c.size-int64(len(end)), end)
}

// judgePacked says what an unknown compressed file is: of what it was made, and how far that was read.
func (f *follower) judgePacked(t *Tail, s sibling, g, of *generation) verdict {
	if plain, ok := beforePacking(s.path); ok {
		if _, err := os.Lstat(plain); err == nil {
			return verdict{what: waits} // it is being made
		}
	}
	if of != nil {
		if i, _ := matchPacked(g.f, []place{of.reached()}, 1, t.halted); i == 0 {
			return verdict{taken, of.off, of}
		}
	}
	held := f.known()
	var places []place
	for _, h := range held {
		places = append(places, h.asItIs())
	}
	places = append(places, t.ledger.under(f.path)...)
	i, err := matchPacked(g.f, places, leastCopy, t.halted)
	switch {
	case t.halted():
		return verdict{what: waits}
	case err != nil:
		t.say(fmt.Sprintf("%s was rotated before it was read, and cannot be unpacked: %v", s.path, err))
		return verdict{what: settled}
	case i < 0 && s.info.ModTime().Before(f.seen.Add(-beforeLook)):
		return verdict{what: settled}
	case i < 0:
		return verdict{what: taken}
	case i < len(held), wholePacked(g.f, places[i:i+1]) == 0:
		return verdict{what: settled}
	}
	return verdict{what: taken, off: places[i].off}
}

// asItIs is the place at the end of a file, which is what a copy of it holds.
func (g *generation) asItIs() place {
	p := g.reached()
	info, err := g.f.Stat()
	if g.z != nil || err != nil || info.Size() == g.off && g.proves(g.f, g.off) {
		return p
	}
	end := generation{f: g.f}
	if end.seek(info.Size()) != nil {
		return p
	}
	end.size = info.Size()
	end.extend()
	p.off, p.mark, p.head, p.whole = end.off, end.mark, end.head, false
	return p
}

// take puts a rotated file in the queue, from where it was not read yet.
func (f *follower) take(t *Tail, g *generation, v verdict, now time.Time) bool {
	switch {
	case g.packed:
		g.unpack(v.off)
	case v.off > 0 && g.seek(v.off) != nil:
		return false
	}
	if !t.hold(g) {
		return false
	}
	g.grew, g.found = now, true
	if g.met == metFirst {
		g.met = metBeside
	}
	f.queue(g)
	f.met++
	return true
}

// queue puts a rotated file behind those that were rotated before it: all that were followed, and of those
// that were found and not read from yet the ones with an older time.
func (f *follower) queue(g *generation) {
	i := len(f.old)
	for i > 0 && f.old[i-1].found && f.old[i-1].untouched() && g.info.ModTime().Before(f.old[i-1].info.ModTime()) {
		i--
	}
	f.old = slices.Insert(f.old, i, g)
}
