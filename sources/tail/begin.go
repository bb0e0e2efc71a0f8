package tail

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"signalbox/internal/traffic"
	"signalbox/sources/decode"
)

// filling is the reading of lines that were there before the start, from a time on.
type filling struct {
	since time.Time
	until int64 // where the live file ended at the start
	older bool  // the last line with a time was older
}

// limit keeps a block from reaching over the end of what was there at the start.
func (f *filling) limit(g, live *generation, buf []byte) []byte {
	if f == nil || g != live || g.off >= f.until {
		return buf
	}
	return buf[:min(int64(len(buf)), f.until-g.off)]
}

// keep leaves out what is older than asked for. A line without a time goes with the one before it.
func (f *filling) keep(r *traffic.Record) bool {
	if !r.Received {
		f.older = r.Time.Before(f.since)
	}
	return !f.older
}

// start sets the first file of a path to where the options say.
func (f *follower) start(t *Tail, g *generation, now time.Time) error {
	switch {
	case t.opt.FromStart, t.opt.Once && t.opt.Backfill == 0 && t.opt.Since.IsZero():
		return nil
	case t.opt.Since.IsZero():
		return backfill(g, t.opt.Backfill)
	}
	f.fill = &filling{since: t.opt.Since, until: g.size}
	if err := t.seekTime(g, t.opt.Since); err != nil {
		return err
	}
	if t.opt.Most > 0 {
		at := g.off
		if err := g.notBefore(g.size - t.opt.Most); err != nil {
			return err
		}
		f.capped = g.off > at
	}
	if g.off > 0 {
		return nil // what was rotated away is older still
	}
	f.startBefore(t, t.opt.Most-g.size, now)
	return nil
}

// readsBack has the others wait for what is in the first file of a path now, where they advance together.
func (f *follower) readsBack(t *Tail) {
	g := f.live
	if t.running || t.opt.Pace == nil || g.z != nil || g.off >= g.size && len(f.old) == 0 {
		return
	}
	if f.fill == nil { // it goes on where an earlier program stopped, or begins some lines before its end
		f.fill = &filling{until: g.size}
	}
	t.opt.Pace.join(f)
}

// startBefore takes in the files that were rotated away since the time to begin by, as far as left goes where there is
// a bound.
func (f *follower) startBefore(t *Tail, left int64, now time.Time) {
	bound := t.opt.Most > 0
	f.begin(t) // as read; but not those that are read now
	for _, s := range f.siblings() {
		if s.info.ModTime().Before(t.opt.Since) || t.ledger.holds(s.info) {
			continue
		}
		old, err := t.open(s.path)
		if old == nil {
			continue
		}
		old.path = f.path
		packed := errors.Is(err, errGzip)
		f.capped = f.capped || bound && (packed || left < old.size)
		if bound && (packed || left <= 0) || !packed && t.seekTime(old, t.opt.Since) != nil ||
			bound && old.notBefore(old.size-left) != nil || !f.take(t, old, verdict{off: old.off}, now) {
			old.close()
			continue
		}
		left -= old.size - old.off
	}
}

// notBefore moves a file on to the first line that begins at an offset or later.
func (g *generation) notBefore(off int64) error {
	if off <= g.off {
		return nil
	}
	_, next, err := lineAt(g, off-1) // the rest of a line, or nothing
	switch {
	case err != nil:
		return err
	case next < 0:
		return g.seek(lastLineStart(g, g.size))
	}
	return g.seek(next)
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
		if _, err := g.f.ReadAt(part, from); err != nil && !errors.Is(err, io.EOF) {
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
	if i := bytes.LastIndexByte(buf[:n], '\n'); i >= 0 {
		return from + int64(i) + 1
	}
	if from == 0 {
		return 0
	}
	return end
}

// Bounds of the search for a time.
const (
	searchWindow = 256 << 10 // in which a line with a time must come
	searchClose  = 64 << 10  // from here on line by line
)

// seekTime sets a file to its first line of a time or later, by halving: the times of a log rise, more or
// less, and who reads on leaves out what is older. A log whose lines have no times begins at its end.
func (t *Tail) seekTime(g *generation, since time.Time) error {
	d, err := t.newDater(g)
	if err != nil {
		return err
	}
	if _, _, ok := d.first(0, g.size); !ok {
		if t.opt.Most == 0 { // somebody asked for it
			t.say(fmt.Sprintf("%s has no times to begin by: it is read from its end", g.f.Name()))
		}
		return g.seek(lastLineStart(g, g.size))
	}
	low, high := int64(0), g.size
	for high-low > searchClose {
		mid := low + (high-low)/2
		at, when, ok := d.first(mid, high)
		if ok && when.Before(since) && at > low {
			low = at
		} else {
			high = mid
		}
	}
	for at := low; at < g.size; {
		line, next, err := lineAt(g, at)
		if err != nil {
			return err
		}
		if when, ok := d.when(line); ok && !when.Before(since) {
			return g.seek(at)
		}
		if next < 0 || at-low > 2*searchWindow {
			return g.seek(at)
		}
		at = next
	}
	return g.seek(g.size)
}

// dater tells the times of lines.
type dater struct {
	g     *generation
	lines *decode.Stream
	now   time.Time
}

func (t *Tail) newDater(g *generation) (*dater, error) {
	lines, err := t.streamOf(nil, nil) // lines that are only looked at count nowhere
	if err != nil {
		return nil, err
	}
	lines.Shorten(false)
	d := &dater{g, lines, t.opt.Kit.Now()}
	for at, n := int64(0), 0; at < g.size && n < decode.SampleLines; n++ { // to tell the format
		line, next, err := lineAt(g, at)
		if err != nil || next < 0 {
			break
		}
		lines.Take(decode.Line{Text: line}, d.now)
		at = next
	}
	lines.Settle(d.now)
	return d, nil
}

func (d *dater) when(line []byte) (time.Time, bool) {
	d.lines.Clear()
	d.lines.Take(decode.Line{Text: line}, d.now)
	d.lines.Settle(d.now)
	for _, r := range d.lines.Records() {
		if !r.Received {
			return r.Time, true
		}
	}
	return time.Time{}, false
}

// first finds the first line that begins in [from, to) and has a time.
func (d *dater) first(from, to int64) (at int64, when time.Time, ok bool) {
	at = from
	if from > 0 {
		_, next, err := lineAt(d.g, from-1) // the rest of a line, or nothing
		if err != nil || next < 0 {
			return 0, time.Time{}, false
		}
		at = next
	}
	for at < to && at-from < searchWindow {
		line, next, err := lineAt(d.g, at)
		if err != nil {
			return 0, time.Time{}, false
		}
		if when, ok := d.when(line); ok {
			return at, when, true
		}
		if next < 0 {
			return 0, time.Time{}, false
		}
		at = next
	}
	return 0, time.Time{}, false
}

// lineAt reads the line, or its rest, at an offset, as far as MaxLine. next is where the next one begins,
// negative when it has no end.
func lineAt(g *generation, at int64) (line []byte, next int64, err error) {
	size := int64(4 << 10)
	for {
		buf := make([]byte, min(size, max(0, g.size-at)))
		n, err := g.f.ReadAt(buf, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, 0, fmt.Errorf("reading %s: %w", g.f.Name(), err)
		}
		if i := bytes.IndexByte(buf[:n], '\n'); i >= 0 {
			return bytes.TrimSuffix(buf[:i], []byte("\r")), at + int64(i) + 1, nil
		}
		if int64(n) < size || size > decode.MaxLine {
			return nil, -1, nil
		}
		size *= 4
	}
}
