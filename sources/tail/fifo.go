package tail

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"
)

// errPause says that the writers of a pipe have gone, and others may come.
var errPause = errors.New("the writer has gone")

// fifo reads a named pipe over its writers. It is opened without waiting for one, and while there is none it is
// tried at every poll, so that nothing spins and Close ends a read at once.
type fifo struct {
	path string
	poll time.Duration
	once bool // ends with the first writer
	stop chan struct{}
	got  bool // something was read since the last pause

	mu     sync.Mutex // guards what follows: Close comes from another goroutine
	f      *os.File
	closed bool
}

// openFifo opens a pipe. One that only this process has a name for, such as what <(command) makes, ends with its writer.
func openFifo(path string, poll time.Duration, once bool) (*fifo, error) {
	f, err := openToRead(path)
	if err != nil {
		return nil, err
	}
	private := strings.HasPrefix(path, "/dev/fd/") || strings.HasPrefix(path, "/proc/")
	return &fifo{path: path, poll: poll, once: once || private, stop: make(chan struct{}), f: f, got: private}, nil
}

// Read gives errPause once after each writer, and io.EOF at the end.
func (p *fifo) Read(buf []byte) (int, error) {
	for {
		p.mu.Lock()
		f, closed := p.f, p.closed
		p.mu.Unlock()
		if closed {
			return 0, io.EOF
		}
		n, err := f.Read(buf)
		switch {
		case n > 0:
			p.got = true
			return n, nil
		case err == nil:
			continue
		case !errors.Is(err, io.EOF):
			return 0, err //nolint:wrapcheck // whoever reads names the source
		case p.got && p.once:
			return 0, io.EOF
		case p.got:
			p.got = false
			return 0, errPause
		}
		if !p.wait() {
			return 0, io.EOF
		}
	}
}

// wait lets one poll pass and opens the pipe anew when another one has taken its name.
func (p *fifo) wait() bool {
	timer := time.NewTimer(p.poll)
	defer timer.Stop()
	select {
	case <-p.stop:
		return false
	case <-timer.C:
	}
	now, err := os.Stat(p.path)
	was, serr := p.f.Stat()
	if err != nil || serr != nil || os.SameFile(now, was) || now.Mode()&fs.ModeNamedPipe == 0 {
		return true
	}
	f, err := openToRead(p.path)
	if err != nil {
		return true // it is tried again
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = f.Close()
		return false
	}
	_ = p.f.Close() // nothing came from it any more
	p.f = f
	return true
}

// Close ends a read that waits.
func (p *fifo) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	close(p.stop)
	return p.f.Close() //nolint:wrapcheck // opened for reading: nobody looks
}
