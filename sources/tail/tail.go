// Package tail reads logs: it follows files, globs, folders and pipes, and reads finished files. A file is
// read as fast as its batches are taken and no faster, so the disk is the queue and no line is dropped.
package tail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"signalbox/internal/traffic"
	"signalbox/sources"
	"signalbox/sources/decode"
)

const (
	pollEvery  = 250 * time.Millisecond
	pollFast   = 25 * time.Millisecond // while files are being rotated
	breath     = 40 * time.Millisecond // between two looks, however many events come: many lines at once cost less each
	breathFast = 5 * time.Millisecond  // while files are rotated
	breathMany = 100 * time.Millisecond
	manyBytes  = 256 << 10 // in one look: then the next may wait for breathMany
	stateEvery = time.Second
	partWithin = 500 * time.Millisecond // how long the last batch may take when Run is to end
	batchWait  = 100 * time.Millisecond
	maxBatch   = 512
	maxPaths   = 500 // files of one glob or folder
)

// Options say what to follow and how.
type Options struct {
	Name      string
	Path      string    // a file, a glob, a folder, a named pipe, or "-" for Reader
	Reader    io.Reader // for "-"; nil: standard input
	FromStart bool      // read what is there already; without it a file begins at its end
	Backfill  int       // without FromStart: read this many of the last lines first
	Since     time.Time // without FromStart: read first the lines from this time on, of rotated files too
	Most      int64     // with Since: read no more than about so many bytes of what was there before, and nothing packed; 0: all
	Once      bool      // stop at the end instead of following; begins at the start unless Backfill or Since is set
	Poll      time.Duration
	NoNotify  bool // poll only
	Format    string
	Fields    map[string]string
	Formats   []*decode.Mapping // the mapping files of the configuration
	Zone      *time.Location
	Labels    sources.Labels
	Kit       sources.Kit
	Ledger    *Ledger  // shared with the other sources, so that a file of two paths is read once; nil: its own
	Pace      *Pace    // shared with the other sources that read back from before the start; nil: each goes as fast as it can
	Offsets   *Offsets // where to go on after a restart; nil: nowhere. It overrules FromStart, Backfill and Since
	Afresh    bool     // write Offsets, but do not go by them
	// Misread is told of each line that could not be read, in order with the records: those before it were
	// emitted before. line is not to be kept, and is untrusted. It is called from Run.
	Misread func(line []byte, why string)
	// Lines hands plain successes over as traffic.Lines instead of records, to a receiver that takes them.
	Lines bool
}

// Tail is a source that follows a log. It implements sources.Source.
type Tail struct {
	opt     Options
	disk    *disk
	notify  func() (*watcher, error)
	halted  func() bool // Run is to end: what takes long gives up
	wake    *waker
	ledger  *Ledger
	buf     []byte
	out     []traffic.Record
	lines   traffic.Lines   // between the records of out
	numbers *traffic.Places // of the places that lines name; nil: none are made
	aside   []misread       // lines that could not be read, between the records of out
	follow  map[string]*follower
	order   []string
	looked  time.Time // when the path was last expanded
	busy    bool      // the last step has read something
	running bool      // the first look is over: what appears now is new
	dropped int64
	missed  int64 // times when lines may be missing, and nobody can say how many
	cut     int64
	gone    decode.Tally // of files that a glob names no more
	bytes   int64
	rested  int64 // bytes when it last waited
	read    time.Time
	notes   []note
	unknown traffic.UnknownPlaces
	unkept  string // why how far was read is not kept, "" where it is

	mu       sync.Mutex // guards what follows, for Examples and Proposal while Run is on
	examples []string
	sample   [][]byte
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
	if opt.Ledger == nil {
		opt.Ledger = NewLedger()
	}
	t := &Tail{
		opt: opt, disk: realDisk(), notify: notifications, halted: func() bool { return false }, wake: newWaker(nil, nil), ledger: opt.Ledger,
		buf: make([]byte, blockSize), follow: make(map[string]*follower),
	}
	if opt.Lines && opt.Misread == nil {
		t.numbers = traffic.NewPlaces(1 << 20) // a stream bounds what it numbers
	}
	if _, err := t.newStream(nil); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *Tail) newStream(misread func([]byte, string)) (*decode.Stream, error) {
	return t.streamOf(misread, &t.unknown)
}

// streamOf makes a stream whose lines count their unknown places there; nil counts none.
func (t *Tail) streamOf(misread func([]byte, string), unknown *traffic.UnknownPlaces) (*decode.Stream, error) {
	return decode.NewStream(t.opt.Format, decode.Options{
		Kit: t.opt.Kit, Source: t.opt.Name, Labels: t.opt.Labels, Fields: t.opt.Fields, Formats: t.opt.Formats, Zone: t.opt.Zone,
		Unknown: unknown, Misread: misread, Places: t.numbers,
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
		t.lets(ctx)
		return t.runReader(ctx, t.reader(), emit)
	}
	if info, err := os.Stat(t.opt.Path); err == nil && info.Mode()&(os.ModeNamedPipe|os.ModeCharDevice) != 0 {
		t.lets(ctx)
		return t.runPipe(ctx, info, emit)
	}
	return t.runFiles(ctx, emit)
}

// runFiles looks at the paths and reads from them until ctx ends, or once.
func (t *Tail) runFiles(ctx context.Context, emit sources.Emit) (err error) {
	t.halted = func() bool { return ctx.Err() != nil }
	if !t.opt.NoNotify {
		t.wake = newWaker(t.notify, t.disk)
	}
	defer t.wake.close()
	defer t.closeAll()
	defer t.save(true)
	defer func() { t.opt.Pace.leave(t, t.opt.Kit.Now()) }()
	e := &emitter{emit: emit}
	for ctx.Err() == nil {
		more, err := t.pass(ctx, e)
		if err != nil {
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
		if !t.rest(ctx) {
			break
		}
	}
	t.part(ctx, e)
	return nil
}

// part hands over what streams hold back when ctx has ended: whoever takes the batches still does for a moment.
// Half a line stays in its file, and so does one that a runtime has split.
func (t *Tail) part(ctx context.Context, e *emitter) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), partWithin)
	defer cancel()
	now := t.opt.Kit.Now()
	for _, path := range t.order {
		if lines := t.follow[path].lines; lines.HeldFor() < time.Second {
			lines.Settle(now)
		}
	}
	_, _ = t.flush(ctx, e, true) // nobody takes it any more: it is read again the next time
}

// pass looks once at everything, reads a block of each file and emits. It tells whether there is more to read.
func (t *Tail) pass(ctx context.Context, e *emitter) (more bool, err error) {
	if now := t.opt.Kit.Now(); now.Sub(t.looked) >= t.opt.Poll || !t.busy {
		t.looked = now
		t.expand()
	}
	more = t.step()
	t.busy = more
	wait, err := t.flush(ctx, e, !more)
	if err != nil {
		return false, err
	}
	t.save(false)
	if wait != nil {
		t.await(ctx, wait)
	}
	return more || !t.opt.Pace.done() || t.opt.Pace != nil && t.holds(), nil
}

// rest waits for an event or for the next poll. It tells whether ctx still is.
func (t *Tail) rest(ctx context.Context) bool {
	between, every := breath, t.opt.Poll
	if t.bytes-t.rested >= manyBytes {
		between = breathMany
	}
	t.rested = t.bytes
	if t.rotating() {
		between, every = breathFast, min(every, pollFast)
	}
	pause := time.NewTimer(min(between, t.opt.Poll))
	defer pause.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-pause.C:
	}
	poll := time.NewTimer(every)
	defer poll.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.wake.woken():
	case <-poll.C:
	}
	return true
}

// rotating tells whether some file was rotated a moment ago.
func (t *Tail) rotating() bool {
	now := t.opt.Kit.Now()
	return slices.ContainsFunc(t.order, func(p string) bool {
		f := t.follow[p]
		return slices.ContainsFunc(f.old, func(g *generation) bool { return now.Sub(g.grew) < 3*time.Second })
	})
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
	if n := t.wake.overflowed(); n > 0 {
		t.missed += int64(n)
		t.say("the system has dropped events: of a file that came and went meanwhile nothing is known")
		for _, f := range t.follow {
			f.forgetArrivals()
		}
	}
	for _, path := range t.order {
		f := t.follow[path]
		now := t.opt.Kit.Now()
		if t.running && t.opt.Pace != nil && !t.paced(f) {
			continue
		}
		if f.step(t, now, t.buf) {
			more = true
		}
		f.lines.SettleDue(now)
	}
	if t.running = true; t.opt.Pace != nil {
		t.opt.Pace.ready(t, t.opt.Kit.Now())
	}
	t.forget()
	return more
}

// block reads one block of a file. Only after the block was read is it looked whether the file is still the one that
// is known: what a truncation in between would have put into the block is not taken for the old file's.
func (t *Tail) block(f *follower, g *generation, now time.Time, buf []byte) int {
	block, err := g.fetch(f.fill.limit(g, f.live, buf))
	if err == nil {
		var yes bool
		var was int64
		if yes, was, err = g.changed(len(block)); err == nil && (yes || f.regrown(t, g, now)) {
			t.rewritten(f, g, was, now)
			return 1 // look again: a copy comes first
		}
	}
	if err != nil {
		f.health, f.detail = traffic.Failing, err.Error()+"; it is tried again by itself"
		return 0
	}
	if g == f.live && f.unseen(t, now) {
		return 1 // the same
	}
	if len(block) == 0 {
		return 0
	}
	f.lines.Shorten(f.fill == nil)
	g.accept(block, func(l decode.Line) { f.lines.Take(l, now) })
	g.grew = now
	t.bytes += int64(len(block))
	t.read = now
	return len(block)
}

// open opens a file to read it. A compressed one comes with errGzip, and is to be closed all the same.
func (t *Tail) open(path string) (*generation, error) {
	file, err := t.disk.open(path)
	if err != nil {
		return nil, err
	}
	return adopt(file)
}

// hold makes sure that nobody else reads a file, until it is closed.
func (t *Tail) hold(g *generation) bool {
	if !t.ledger.claim(g.id, t.opt.Name) {
		return false
	}
	g.shut = func() { t.ledger.release(g.id) }
	return true
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
		if f.ahead != nil {
			f.ahead.close()
		}
	}
}
