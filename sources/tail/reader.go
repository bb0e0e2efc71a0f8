package tail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"signalbox/internal/traffic"
	"signalbox/sources"
	"signalbox/sources/decode"
)

func (t *Tail) reader() io.Reader {
	if t.opt.Reader != nil {
		return t.opt.Reader
	}
	return os.Stdin
}

// runPipe reads a named pipe over its writers, or a device.
func (t *Tail) runPipe(ctx context.Context, info os.FileInfo, emit sources.Emit) error {
	if info.Mode()&os.ModeNamedPipe == 0 {
		f, err := os.Open(t.opt.Path)
		if err != nil {
			return fmt.Errorf("source %s: %w", t.opt.Name, err)
		}
		defer func() { _ = f.Close() }()
		return t.runReader(ctx, f, emit)
	}
	p, err := openFifo(t.opt.Path, t.opt.Poll, t.opt.Once)
	if err != nil {
		return fmt.Errorf("source %s: %w", t.opt.Name, err)
	}
	defer func() { _ = p.Close() }()
	return t.runReader(ctx, p, emit)
}

// chunk is one block of a reader. The reading goroutine waits for its buffer to come back.
type chunk struct {
	data []byte
	err  error
}

// runReader reads to the end of r. A read that blocks cannot be ended by ctx everywhere: the goroutine that
// reads is waited for where r can be closed, and otherwise ends with the next byte or with the process.
func (t *Tail) runReader(ctx context.Context, r io.Reader, emit sources.Emit) error {
	f := &follower{path: t.opt.Path, health: traffic.Live}
	lines, err := t.newStream(t.misreads(f))
	if err != nil {
		return err
	}
	f.lines = lines
	t.follow[f.path], t.order = f, []string{f.path}
	chunks, taken := make(chan chunk), make(chan struct{})
	stop := make(chan struct{})
	ended := make(chan struct{})
	go pump(r, chunks, taken, stop, ended)
	defer func() {
		close(stop)
		if c, ok := r.(io.Closer); ok && r != io.Reader(os.Stdin) {
			_ = c.Close() // unblocks the read; nothing can be lost that was not given up
			<-ended
		}
	}()
	return t.drain(ctx, f, chunks, taken, emit)
}

func pump(r io.Reader, chunks chan<- chunk, taken <-chan struct{}, stop <-chan struct{}, ended chan<- struct{}) {
	defer close(ended)
	buf := make([]byte, blockSize)
	for {
		n, err := r.Read(buf)
		select {
		case chunks <- chunk{buf[:n], err}:
		case <-stop:
			return
		}
		if err != nil && !errors.Is(err, errPause) {
			return
		}
		select {
		case <-taken:
		case <-stop:
			return
		}
	}
}

// drain decodes the chunks until the reader or ctx ends.
func (t *Tail) drain(ctx context.Context, f *follower, chunks <-chan chunk, taken chan<- struct{}, emit sources.Emit) error {
	e := &emitter{emit: emit}
	var split decode.Splitter
	tick := time.NewTicker(batchWait)
	defer tick.Stop()
	for {
		idle := true
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case c := <-chunks:
			now := t.opt.Kit.Now()
			t.bytes += int64(len(c.data))
			t.read = now
			take := func(l decode.Line) { f.lines.Take(l, now) }
			lost, cut := split.Lost, split.Cuts
			split.Feed(c.data, take)
			t.dropped += split.Lost - lost
			t.cut += split.Cuts - cut
			switch {
			case errors.Is(c.err, errPause):
				split.Flush(take) // the next writer begins with a line of its own
			case c.err != nil:
				return t.endReader(ctx, e, f, &split, c.err)
			}
			taken <- struct{}{}
			idle = false
		}
		f.lines.SettleDue(t.opt.Kit.Now())
		if _, err := t.flush(ctx, e, idle); err != nil {
			return ended(ctx, err)
		}
	}
}

func (t *Tail) endReader(ctx context.Context, e *emitter, f *follower, split *decode.Splitter, err error) error {
	now := t.opt.Kit.Now()
	split.Flush(func(l decode.Line) { f.lines.Take(l, now) })
	f.lines.Settle(now)
	if err := t.last(ctx, e); err != nil {
		return ended(ctx, err)
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, fs.ErrClosed) && !errors.Is(err, io.ErrClosedPipe) {
		return fmt.Errorf("source %s: reading %s: %w", t.opt.Name, t.opt.Path, err)
	}
	return nil
}
