package tail

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"signalbox/internal/traffic"
	"signalbox/sources/decode"
)

// How long a file that was rotated away is kept open after it last grew, because its writer may keep it open
// too. One that is deleted keeps its room on the disk until we close it; the end of a line that was begun is
// waited for longest.
const (
	quietDeleted = 10 * time.Second
	quiet        = time.Minute
	quietMidLine = 10 * time.Minute
	rescanEvery  = 5 * time.Second // late writers of files that were closed since
	maxOld       = 32              // files of one path that are kept open though they are read to their ends
)

// follower reads one path over all its rotations.
type follower struct {
	path    string
	disk    *disk
	target  string // what the path linked to when it was opened
	lines   *decode.Stream
	live    *generation
	next    *generation   // what is to be live, while what came before it is looked for
	ahead   *generation   // what the path named after the last look had asked it
	old     []*generation // rotated away, oldest first; read before the live one
	opened  bool          // the path has been opened once: whatever comes next is read from its start
	again   bool          // it has been looked at since
	seen    time.Time     // when the path last named the live file
	scanned time.Time
	listed  time.Time     // when the folder had changed as the files beside the path were last listed
	waits   bool          // a rotated file is not decided on yet
	met     int           // rotated files that were taken in
	unmet   int           // files that came under the path and were not had, as far as can be told yet
	told    bool          // the file that the path names now was among the arrivals
	gone    int           // those that were not had at all
	fresh   []*generation // of them, those that the last scan took
	health  traffic.Health
	detail  string
	resumed *place  // what an earlier program had read last, until it is looked for
	reached []place // how far the files were read when lines were held back, until those must have come
	aside   []misread

	reachedDue time.Time
	fill       *filling  // while lines are read that are older than the start
	held       []held    // of them, those whose turn has not come
	head       time.Time // how far those are that have been handed on
	capped     bool      // it is not read as far back as was asked for
}

// step looks at the path and reads one block of each of its files. It tells whether there is more to do.
func (f *follower) step(t *Tail, now time.Time, buf []byte) bool {
	f.look(t, now)
	more := false
	for i := 0; i < len(f.old); {
		g := f.old[i]
		n := t.block(f, g, now, buf)
		switch {
		case n > 0:
			late := g.drained // a late writer does not keep the others waiting
			g.drained = late || g.z == nil && g.behind() == 0
			if !late {
				return true // in order: the next file waits for the end of this one
			}
			more = true
			i++
		case t.opt.Once || now.Sub(g.grew) >= f.patience(g, i):
			f.drop(t, i, now)
		default:
			g.drained = true
			i++
		}
	}
	if f.live != nil {
		more = t.block(f, f.live, now, buf) > 0 || more
		f.seen = now
	}
	return more
}

func (f *follower) patience(g *generation, i int) time.Duration {
	info, err := g.f.Stat()
	switch {
	case err != nil || deleted(info):
		return quietDeleted
	case len(f.old)-i > maxOld:
		return 0
	case g.unfinished() > 0:
		return quietMidLine
	}
	return quiet
}

// look compares the path with the file that is held open.
func (f *follower) look(t *Tail, now time.Time) {
	f.again = f.opened
	came := t.wake.caught(f.path) // before the path is asked: whatever is in it came before what the path names now
	info, next, err := f.ask(t)
	f.next = next
	defer func() { f.next = nil }()
	f.retire(t, info, err, now)
	f.past(t, now)
	f.arrivals(t, came, info, now)
	if f.live != nil || err == nil && (f.promote(info) || t.ledger.holds(info)) {
		if next != nil {
			next.close()
		}
		if f.live != nil {
			f.rescan(t, now)
		}
		f.health, f.detail = traffic.Live, "" // where it is not live, it is another name of a file that is read already
		return
	}
	if f.resumed != nil {
		f.resumes(t)
	}
	f.fresh = nil
	if f.again {
		f.scan(t, now, nil)
	}
	if next != nil {
		if err = f.open(t, next, err, now); err == nil && f.again && f.live != nil {
			f.live.follows(f.fresh) // as it may have been copied and truncated before it was ever seen
			f.slipped(t, now)
		}
	}
	f.explain(err)
}

// ask asks what the path names now. A file that nobody has is opened at once: in a moment its name may be another's.
func (f *follower) ask(t *Tail) (info os.FileInfo, next *generation, err error) {
	info, err = f.disk.stat(f.path)
	switch {
	case err != nil:
		return nil, nil, err
	case f.ahead != nil && os.SameFile(info, f.ahead.info):
		next, f.ahead = f.ahead, nil
		return info, next, nil
	case f.live != nil && os.SameFile(info, f.live.info), t.ledger.holds(info):
		return info, nil, nil
	}
	if next, err = t.open(f.path); next == nil {
		return nil, nil, err
	}
	return next.info, next, err
}

// retire puts the live file into the queue when the path does not name it any more.
func (f *follower) retire(t *Tail, info os.FileInfo, err error, now time.Time) {
	if f.live == nil || err == nil && os.SameFile(info, f.live.info) {
		return
	}
	g := f.live
	if yes, was, err := g.changed(0); err == nil && yes {
		t.rewritten(f, g, was, now) // its copies come before it, and are not to be taken for something else
	}
	f.live = nil
	if i, err := g.f.Stat(); err == nil {
		g.info = i // with the time of its last line
	}
	g.grew = now
	f.old = append(f.old, g)
}

// promote makes a file live that comes back under its name.
func (f *follower) promote(info os.FileInfo) bool {
	i := slices.IndexFunc(f.old, func(g *generation) bool { return g.z == nil && os.SameFile(info, g.info) })
	if i < 0 {
		return false
	}
	f.live = f.old[i]
	f.old = slices.Delete(f.old, i, i+1)
	return true
}

// rescan looks now and then for rotated files that have grown, or that could not be decided on.
func (f *follower) rescan(t *Tail, now time.Time) {
	if info, err := f.live.f.Stat(); err != nil || !f.live.proves(f.live.f, info.Size()) {
		return // it was truncated: that is seen to first
	}
	if !f.waits && now.Sub(f.scanned) < rescanEvery {
		return
	}
	if f.waits && now.Sub(f.scanned) >= t.opt.Poll {
		f.slipped(t, now)
		return
	}
	f.scanned = now
	for _, s := range f.siblings() {
		if t.ledger.holds(s.info) || t.ledger.knows(s.info) {
			continue
		}
		g, err := t.open(s.path)
		if err != nil {
			if g != nil {
				g.close()
			}
			continue
		}
		g.path = f.path
		if p, known := t.ledger.of(g.id, g.f, g.size); !known || g.size <= p.off || !f.take(t, g, verdict{off: p.off}, now) {
			g.close()
		}
	}
}

// slipped takes in what was rotated away after the last scan had looked and before the live file was opened.
// As long as the path still names the live file after the folder was listed, whatever lies beside it came before it.
func (f *follower) slipped(t *Tail, now time.Time) {
	if len(f.siblings()) == 0 {
		f.waits, f.listed = false, f.changedAt()
		return
	}
	if info, err := f.disk.stat(f.path); err == nil && f.live != nil && os.SameFile(info, f.live.info) {
		f.scan(t, now, nil)
		if f.live.untouched() {
			f.live.follows(f.fresh)
		}
	}
}

// unseen looks for what was written, copied and truncated while nothing was read of the live file: it has left no
// other trace than its copy. It tells whether there is something, which comes first.
func (f *follower) unseen(t *Tail, now time.Time) bool {
	if f.live.off > 0 || f.live.z != nil || !f.again {
		return false
	}
	if at := f.changedAt(); at.Equal(f.listed) && now.Sub(at) >= time.Second {
		return false
	}
	met := f.met
	f.slipped(t, now)
	return f.met > met
}

// explain says why the path cannot be read, if it cannot.
func (f *follower) explain(err error) {
	switch {
	case err == nil:
		f.health, f.detail = traffic.Live, ""
	case errors.Is(err, fs.ErrNotExist):
		f.health, f.detail = traffic.Waiting, fmt.Sprintf("%s is not there yet: waiting for it", f.path)
		if f.opened {
			f.detail = fmt.Sprintf("%s is gone: does the gateway log elsewhere now? It is followed again when it comes back", f.path)
		}
	case errors.Is(err, fs.ErrPermission):
		f.health, f.detail = traffic.Failing, fmt.Sprintf("%s may not be read: give read permission to this user; it is tried again by itself", f.path)
	case errors.Is(err, errGzip):
		f.health, f.detail = traffic.Failing, fmt.Sprintf("%s is compressed: nothing to follow; use scan for it", f.path)
	default:
		f.health, f.detail = traffic.Failing, fmt.Sprintf("%v; it is tried again by itself", err)
	}
}

// open makes the file live that the path names now. The first one is read from where the options say; one that came
// later is read whole, and one that was read before under another name from where that ended.
func (f *follower) open(t *Tail, g *generation, err error, now time.Time) error {
	if errors.Is(err, errGzip) && (t.opt.Once || t.opt.FromStart) {
		g.unpack(0) // a finished file
		err = nil
	}
	if err != nil {
		g.close()
		return err
	}
	g.path = f.path
	if !t.hold(g) {
		g.close()
		return nil // another source was faster: it is read as the other one
	}
	p, known := t.ledger.of(g.id, g.f, g.size)
	switch {
	case g.z != nil:
	case known:
		err = g.seek(p.off)
	case f.opened:
		f.replace(g)
	case t.running:
	default:
		err = f.start(t, g, now)
	}
	if err != nil {
		g.close()
		return err
	}
	f.target, _ = filepath.EvalSymlinks(f.path)
	if !f.opened {
		f.begin(t)
	}
	switch {
	case f.told:
		g.met = metByEvent
	case f.again:
		g.met = metByLook
	}
	g.grew = now
	f.live, f.opened, f.seen = g, true, now
	f.readsBack(t)
	return nil
}

// replace goes on in a file that was written anew with the same content and put in the place of a deleted
// one, as editors do: what was read of the one is not read again of the other.
func (f *follower) replace(g *generation) {
	if len(f.old) == 0 {
		return
	}
	last := f.old[len(f.old)-1]
	info, err := last.f.Stat()
	if err != nil || !deleted(info) || last.off == 0 || last.z != nil || g.size < info.Size() || !last.proves(g.f, g.size) || !sameContent(last.f, g.f, info.Size()) {
		return
	}
	f.old = f.old[:len(f.old)-1]
	g.off, g.mark, g.split, g.trail = last.off, last.mark, last.split, last.trail
	g.lineAt, g.lineMark, g.lineHead = last.lineAt, last.lineMark, last.lineHead
	last.close()
}

// sameContent tells whether two files begin with the same bytes.
func sameContent(a, b io.ReaderAt, size int64) bool {
	one, other := make([]byte, 64<<10), make([]byte, 64<<10)
	for at := int64(0); at < size; {
		n, _ := a.ReadAt(one[:min(int64(len(one)), size-at)], at)
		m, _ := b.ReadAt(other[:n], at)
		if n == 0 || m != n || string(one[:n]) != string(other[:n]) {
			return false
		}
		at += int64(n)
	}
	return true
}

// drop ends a file that was rotated away. Its last line may have no end: nobody will write it any more.
func (f *follower) drop(t *Tail, i int, now time.Time) {
	g := f.old[i]
	f.old = slices.Delete(f.old, i, i+1)
	g.split.Flush(func(l decode.Line) { f.lines.Take(l, now) })
	g.lineAt, g.lineMark = g.off, g.mark
	t.dropped += g.split.Lost
	t.cut += g.split.Cuts
	if g.z != nil && (g.z.broken != nil || g.z.short) {
		t.say(fmt.Sprintf("%s ends too early or is damaged: what it held beyond %d bytes is missing", g.f.Name(), g.off))
	}
	if info, err := g.f.Stat(); err == nil && !deleted(info) {
		t.ledger.note(g.reached())
	} else {
		t.ledger.noteGone(g.reached()) // there may be a copy of it
	}
	g.close()
}

// known are the files that a copy can be of.
func (f *follower) known() []*generation {
	out := f.files()
	for _, g := range []*generation{f.next, f.ahead} {
		if g != nil {
			out = append(out, g)
		}
	}
	return out
}

// files are those that are open, oldest first.
func (f *follower) files() []*generation {
	out := slices.Clone(f.old)
	if f.live != nil {
		out = append(out, f.live)
	}
	return out
}
