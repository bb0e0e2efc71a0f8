package tail

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"signalbox/internal/traffic"
	"signalbox/sources/decode"
)

// quiet is how long a file that was rotated away is still read after it last grew: its writer may keep it
// open for a while.
const quiet = 10 * time.Second

// follower reads one path over all its rotations.
type follower struct {
	path   string
	lines  *decode.Stream
	live   *generation
	old    []*retired // rotated away, oldest first; read before the live one
	known  []sibling  // rotated files that were there before, or are read
	opened bool       // the path has been opened once: whatever comes next is read from its start
	health traffic.Health
	detail string
}

// retired is a file that the path does not name any more.
type retired struct {
	*generation
	grew time.Time
}

// step looks at the path and reads one block of each of its files. It tells whether there is more to do.
func (f *follower) step(t *Tail, now time.Time, buf []byte) bool {
	f.look(t, now)
	for i := 0; i < len(f.old); {
		o := f.old[i]
		switch n := t.block(f, o.generation, now, buf); {
		case n > 0:
			o.grew = now
			return true // in order: the next file waits for the end of this one
		case t.opt.Once || now.Sub(o.grew) >= quiet:
			f.drop(t, i, now)
		default:
			i++
		}
	}
	return f.live != nil && t.block(f, f.live, now, buf) > 0
}

// look compares the path with the file that is held open.
func (f *follower) look(t *Tail, now time.Time) {
	info, err := os.Stat(f.path)
	if f.live != nil && (err != nil || !os.SameFile(info, f.live.info)) {
		f.old = append(f.old, &retired{generation: f.live, grew: now})
		f.live = nil
	}
	switch {
	case f.live != nil:
		return
	case err == nil && t.holds(info):
		f.health, f.detail = traffic.Live, "" // another name of a file that is read already
		return
	case err == nil:
		again := f.opened
		if again {
			f.missed(t, now)
		}
		if err = f.open(t); err == nil && again {
			f.slippedBy(t, now)
		}
	}
	f.explain(err)
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

// open opens what the path names now. The first file is read from where the options say; one that came
// later is read whole, and one that was read before under another name from where that ended.
func (f *follower) open(t *Tail) error {
	g, err := open(f.path)
	if err != nil {
		return err
	}
	switch off, known := t.readBefore(g); {
	case known:
		err = g.seek(off)
	case f.opened || t.running || t.opt.FromStart || t.opt.Once && t.opt.Backfill == 0:
	default:
		err = backfill(g, t.opt.Backfill)
	}
	if err != nil {
		g.close()
		return err
	}
	if !f.opened {
		f.known = siblings(f.path)
	}
	f.live, f.opened = g, true
	return nil
}

// drop ends a retired file. Its last line may have no end: nobody will write it any more.
func (f *follower) drop(t *Tail, i int, now time.Time) {
	g := f.old[i].generation
	f.old = slices.Delete(f.old, i, i+1)
	g.split.Flush(func(l decode.Line) { f.lines.Take(l, now) })
	t.dropped += g.split.Lost
	t.remember(g)
	g.close()
}

func (f *follower) files() []*generation {
	var out []*generation
	for _, o := range f.old {
		out = append(out, o.generation)
	}
	if f.live != nil {
		out = append(out, f.live)
	}
	return out
}

// backfill sets a file to the beginning of its last n lines.
func backfill(g *generation, n int) error {
	end := g.size
	if n <= 0 {
		return g.seek(lastLineStart(g, end))
	}
	buf := make([]byte, 64<<10)
	for at := end; at > 0; {
		from := max(0, at-int64(len(buf)))
		part := buf[:at-from]
		if _, err := g.f.ReadAt(part, from); err != nil {
			return fmt.Errorf("reading the end of %s: %w", g.f.Name(), err)
		}
		for i := len(part) - 1; i >= 0; i-- {
			if part[i] != '\n' || from+int64(i) == end-1 {
				continue
			}
			if n--; n == 0 {
				return g.seek(from + int64(i) + 1)
			}
		}
		at = from
	}
	return g.seek(0)
}

// lastLineStart is the end of a file, or the beginning of its last line when that has no end yet: half a
// line is read when its rest comes.
func lastLineStart(g *generation, end int64) int64 {
	buf := make([]byte, min(end, decode.MaxLine))
	from := end - int64(len(buf))
	n, _ := g.f.ReadAt(buf, from)
	for i := n - 1; i >= 0; i-- {
		if buf[i] == '\n' {
			return from + int64(i) + 1
		}
	}
	if from == 0 {
		return 0
	}
	return end
}
