// Package tail reads logs: it follows files, globs and pipes, and reads finished files. A file is read as
// fast as its batches are taken and no faster, so the disk is the queue and no line is dropped.
package tail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"signalbox/internal/traffic"
	"signalbox/sources"
	"signalbox/sources/decode"
)

const (
	pollEvery  = 250 * time.Millisecond
	stateEvery = time.Second
	batchWait  = 100 * time.Millisecond
	maxBatch   = 512
	maxPaths   = 500 // files of one glob
	maxDone    = 256 // files read to their end that are remembered
)

// Options say what to follow and how.
type Options struct {
	Name      string
	Path      string    // a file, a glob, or "-" for Reader
	Reader    io.Reader // for "-"; nil: standard input
	FromStart bool      // read what is there already; without it a file begins at its end
	Backfill  int       // without FromStart: read this many of the last lines first
	Once      bool      // stop at the end instead of following; begins at the start unless Backfill is set
	Poll      time.Duration
	NoNotify  bool // poll only
	Format    string
	Fields    map[string]string
	Formats   []*decode.Mapping // the mapping files of the configuration
	Zone      *time.Location
	Labels    sources.Labels
	Kit       sources.Kit
}

// Tail is a source that follows a log. It implements sources.Source.
type Tail struct {
	opt     Options
	buf     []byte
	out     []traffic.Record
	follow  map[string]*follower
	order   []string
	done    []finished
	looked  time.Time // when the path was last expanded
	busy    bool      // the last step has read something
	running bool      // the first look is over: what appears now is new
	dropped int64
	bytes   int64
	read    time.Time
	unknown traffic.UnknownPlaces

	mu       sync.Mutex // guards what follows, for Examples and Proposal while Run is on
	examples []string
	sample   [][]byte
}

// finished is a file that was read to its end.
type finished struct {
	info os.FileInfo
	off  int64
	mark []byte
}

// New makes a source. A mistake in the options is an error here, not later.
func New(opt Options) (*Tail, error) {
	opt.Kit = opt.Kit.Complete()
	if opt.Name == "" {
		opt.Name = opt.Path
	}
	if opt.Poll <= 0 {
		opt.Poll = pollEvery
	}
	if opt.Path == "" {
		return nil, fmt.Errorf("source %s names no path: give a file, a glob, or - for standard input", opt.Name)
	}
	if _, err := filepath.Match(opt.Path, ""); err != nil {
		return nil, fmt.Errorf("source %s: %q is not a pattern: %w", opt.Name, opt.Path, err)
	}
	t := &Tail{opt: opt, follow: make(map[string]*follower)}
	if _, err := t.newStream(); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *Tail) newStream() (*decode.Stream, error) {
	return decode.NewStream(t.opt.Format, decode.Options{
		Kit: t.opt.Kit, Source: t.opt.Name, Labels: t.opt.Labels, Fields: t.opt.Fields, Formats: t.opt.Formats, Zone: t.opt.Zone,
		Unknown: &t.unknown,
	})
}

// Name implements sources.Source.
func (t *Tail) Name() string { return t.opt.Name }

// Examples gives up to five lines that could not be read, redacted, with the reason of each.
func (t *Tail) Examples() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.examples)
}

// Proposal suggests a field mapping for what was read so far.
func (t *Tail) Proposal() decode.Proposal {
	t.mu.Lock()
	sample := t.sample
	t.mu.Unlock()
	return decode.Propose(sample)
}

// Run implements sources.Source.
func (t *Tail) Run(ctx context.Context, emit sources.Emit) error {
	if t.opt.Path == "-" {
		return t.runReader(ctx, t.reader(), emit)
	}
	if info, err := os.Stat(t.opt.Path); err == nil && info.Mode()&(os.ModeNamedPipe|os.ModeCharDevice) != 0 {
		return t.runPipe(ctx, emit)
	}
	return t.runFiles(ctx, emit)
}

// runFiles looks at the paths and reads from them until ctx ends, or once.
func (t *Tail) runFiles(ctx context.Context, emit sources.Emit) error {
	t.buf = make([]byte, blockSize)
	wake := newWaker(t.opt.NoNotify)
	defer wake.close()
	defer t.closeAll()
	poll := time.NewTicker(t.opt.Poll)
	defer poll.Stop()
	e := &emitter{emit: emit}
	for ctx.Err() == nil {
		if now := t.opt.Kit.Now(); now.Sub(t.looked) >= t.opt.Poll || !t.busy {
			t.looked = now
			t.expand(wake)
		}
		more := t.step()
		t.busy = more
		if err := t.flush(ctx, e, !more); err != nil {
			return ended(ctx, err)
		}
		if more {
			continue
		}
		if t.opt.Once {
			t.finish()
			if err := t.last(ctx, e); err != nil {
				return ended(ctx, err)
			}
			return t.unread()
		}
		select {
		case <-ctx.Done():
		case <-wake.woken():
		case <-poll.C:
		}
	}
	return nil
}

// ended makes of the end of ctx the ordinary end that it is.
func ended(ctx context.Context, err error) error {
	if err != nil && (ctx.Err() != nil || errors.Is(err, context.Canceled)) {
		return nil
	}
	return err
}

// step reads one block from each file. It tells whether there is more to read.
func (t *Tail) step() bool {
	more := false
	for _, path := range t.order {
		f := t.follow[path]
		now := t.opt.Kit.Now()
		if f.step(t, now, t.buf) {
			more = true
		}
		f.lines.SettleDue(now)
	}
	t.running = true
	return more
}

// block reads one block of a file, after a look whether it was truncated.
func (t *Tail) block(f *follower, g *generation, now time.Time, buf []byte) int {
	cut, unread, err := g.truncated()
	if err == nil && cut {
		if c := f.copyOf(t, g); c != nil {
			c.split, g.split = g.split, decode.Splitter{}
			f.old = append(f.old, &retired{generation: c, grew: now})
		} else {
			t.dropped += unread
		}
		t.dropped += g.restart()
		return 1 // look again: the copy comes first
	}
	n := 0
	if err == nil {
		n, err = g.read(buf, func(l decode.Line) { f.lines.Take(l, now) })
	}
	if err != nil {
		f.health, f.detail = traffic.Failing, err.Error()+"; it is tried again by itself"
		return 0
	}
	if n > 0 {
		t.bytes += int64(n)
		t.read = now
	}
	return n
}

// holds tells whether a file is open already, under whatever name.
func (t *Tail) holds(info os.FileInfo) bool {
	for _, f := range t.follow {
		for _, g := range f.files() {
			if os.SameFile(g.info, info) {
				return true
			}
		}
	}
	return false
}

// remember keeps where a file was read to, so that it is not read again under another name. A deleted file
// has no name to come back under, and its inode number may come back for another one.
func (t *Tail) remember(g *generation) {
	info, err := g.f.Stat()
	if err != nil || deleted(info) {
		return
	}
	t.done = append(t.done, finished{g.info, g.off, slices.Clone(g.mark)})
	if len(t.done) > maxDone {
		t.done = slices.Delete(t.done, 0, len(t.done)-maxDone)
	}
}

// readBefore tells how far a file was read before, if it was: same inode and the same bytes at that place.
func (t *Tail) readBefore(g *generation) (int64, bool) {
	for _, d := range slices.Backward(t.done) {
		probe := generation{off: d.off, mark: d.mark}
		if os.SameFile(d.info, g.info) && g.size >= d.off && probe.matches(g.f) {
			return d.off, true
		}
	}
	return 0, false
}

// expand finds the files that the path names now.
func (t *Tail) expand(wake *waker) {
	paths := []string{t.opt.Path}
	if strings.ContainsAny(t.opt.Path, "*?[") {
		if _, err := os.Lstat(t.opt.Path); err != nil { // a file may be called so
			paths, _ = filepath.Glob(t.opt.Path) // the pattern was tried in New
		}
	}
	wake.watch(t.opt.Path)
	for _, p := range paths {
		if t.follow[p] != nil || len(t.follow) >= maxPaths || t.isRotation(p) {
			continue
		}
		lines, err := t.newStream()
		if err != nil {
			continue // the options were tried in New
		}
		t.follow[p] = &follower{path: p, lines: lines, health: traffic.Starting}
		t.order = append(t.order, p)
	}
	for _, p := range t.order {
		wake.watch(p)
	}
}

// isRotation tells whether a file that a glob has found anew is a rotation of one that is followed; its
// follower sees to it. At the start all that is there is followed.
func (t *Tail) isRotation(path string) bool {
	if !t.running {
		return false
	}
	dir, name := filepath.Split(path)
	return slices.ContainsFunc(t.order, func(other string) bool {
		d, base := filepath.Split(other)
		return d == dir && isRotated(base, name)
	})
}

// finish hands over what is held back, at the end of finished input.
func (t *Tail) finish() {
	now := t.opt.Kit.Now()
	for _, path := range t.order {
		f := t.follow[path]
		for _, g := range f.files() {
			g.split.Flush(func(l decode.Line) { f.lines.Take(l, now) })
		}
		f.lines.Settle(now)
	}
}

// unread is the error of a file that was to be read once and could not be.
func (t *Tail) unread() error {
	if len(t.order) == 0 {
		return fmt.Errorf("source %s: no file is called %s", t.opt.Name, t.opt.Path)
	}
	for _, path := range t.order {
		if f := t.follow[path]; f.health == traffic.Failing || f.health == traffic.Waiting {
			return fmt.Errorf("source %s: %s", t.opt.Name, f.detail)
		}
	}
	return nil
}

func (t *Tail) closeAll() {
	for _, f := range t.follow {
		for _, g := range f.files() {
			g.close()
		}
	}
}
