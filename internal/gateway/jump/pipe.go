package jump

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/redact"
)

const (
	// maxSaid bounds what is told of a command's standard error, and of an answer that is no HTTP; maxErrs what of it is kept.
	maxSaid, maxErrs = 400, 4 << 10
	// grace is how long a command may take to end when it is asked to, and to be waited for once its output has ended.
	grace = 500 * time.Millisecond
)

// pipe is a connection through a process. Its deadlines are those of the pipes to it.
type pipe struct {
	way     *Way
	cmd     *exec.Cmd
	line    string
	in, out *os.File // nil for one that forwards a port
	errs    said
	ended   chan struct{} // closed once the process was waited for
	err     error         // what it ended with; set before ended is closed
	passed  atomic.Bool   // something came through
	closing sync.Once
	left    atomic.Bool // closed by us
}

var _ net.Conn = (*pipe)(nil)

// start runs a command in a session of its own: ssh must not ask for a password on the console's terminal, and the whole
// group ends with the connection.
func (w *Way) start(argv []string, carries bool) (*pipe, error) {
	p := &pipe{way: w, line: redact.Outside(gateway.Line(argv), 200), ended: make(chan struct{})}
	p.cmd = exec.Command(argv[0], argv[1:]...) //nolint:gosec,noctx // the operator's configuration names it; it lives as long as the connection
	p.cmd.Env, p.cmd.Dir, p.cmd.Stderr = w.o.Env, w.o.Dir, &p.errs
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	p.cmd.WaitDelay = grace // a grandchild that left the group may keep standard error open
	var theirs []*os.File
	if carries {
		var err error
		if theirs, err = p.plumb(); err != nil {
			return nil, err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	err := errClosed
	if !w.closed {
		err = p.cmd.Start()
	}
	for _, f := range theirs {
		_ = f.Close() // the process has its own
	}
	if err != nil {
		p.hangUp()
		return nil, fmt.Errorf("the command could not be started: %w", err)
	}
	w.open[p] = struct{}{}
	go p.wait() // ends with the process; Close waits for it
	return p, nil
}

// plumb makes the pipes to the process and gives its ends of them.
func (p *pipe) plumb() ([]*os.File, error) {
	theirIn, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("opening a pipe to the command: %w", err)
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening a pipe from the command: %w", err), theirIn.Close(), in.Close())
	}
	p.cmd.Stdin, p.cmd.Stdout, p.in, p.out = theirIn, theirOut, in, out
	return []*os.File{theirIn, theirOut}, nil
}

func (p *pipe) hangUp() {
	if p.in != nil {
		_, _ = p.in.Close(), p.out.Close()
	}
}

// wait reaps the process and ends what it left behind in its group.
func (p *pipe) wait() {
	p.err = p.cmd.Wait()
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	close(p.ended)
	p.way.mu.Lock()
	defer p.way.mu.Unlock()
	delete(p.way.open, p)
}

// Read implements net.Conn. Where the process has failed, that is the error, and not a mere end.
func (p *pipe) Read(b []byte) (int, error) {
	n, err := p.out.Read(b)
	if n > 0 {
		p.passed.Store(true)
	}
	if err == nil || n > 0 {
		return n, nil
	}
	return 0, p.verdict(err)
}

// Write implements net.Conn.
func (p *pipe) Write(b []byte) (int, error) {
	n, err := p.in.Write(b)
	if err != nil {
		err = p.verdict(err)
	}
	return n, err
}

// verdict says what an end or a broken pipe means, from what became of the process.
func (p *pipe) verdict(err error) error {
	switch {
	case p.left.Load():
		return net.ErrClosed
	case !errors.Is(err, io.EOF) && !errors.Is(err, syscall.EPIPE):
		return err // a deadline
	}
	soon := time.NewTimer(2 * grace)
	defer soon.Stop()
	select {
	case <-p.ended:
	case <-soon.C:
		return io.EOF // it has closed its side and lives on
	}
	if p.err == nil && p.passed.Load() && errors.Is(err, io.EOF) {
		return io.EOF
	}
	return p.broken()
}

// broken tells how the process ended; it has.
func (p *pipe) broken() *Broken {
	why := "ended before anything came through it"
	var exit *exec.ExitError
	switch {
	case p.err == nil && p.passed.Load():
		why = "ended"
	case errors.As(p.err, &exit) && exit.Exited():
		why = fmt.Sprintf("ended with %d", exit.ExitCode())
	case errors.As(p.err, &exit):
		why = "was ended by a signal: " + exit.String()
	case p.err != nil && !errors.Is(p.err, exec.ErrWaitDelay):
		why = "ended: " + p.err.Error()
	}
	if text := p.errs.last(); text != "" {
		why += " (" + text + ")"
	}
	return &Broken{Why: why}
}

// Close implements net.Conn: it asks the process and its children to end, ends them after a moment, and waits for them.
func (p *pipe) Close() error {
	p.closing.Do(func() {
		p.left.Store(true)
		p.hangUp()
		select {
		case <-p.ended:
			return
		default:
		}
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM) // ssh may have a control socket to remove
		moment := time.NewTimer(grace)
		defer moment.Stop()
		select {
		case <-p.ended:
			return
		case <-moment.C:
		}
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	})
	<-p.ended
	return nil
}

// LocalAddr implements net.Conn.
func (p *pipe) LocalAddr() net.Addr { return place("this machine") }

// RemoteAddr implements net.Conn.
func (p *pipe) RemoteAddr() net.Addr { return place(p.line) }

// SetDeadline implements net.Conn.
func (p *pipe) SetDeadline(t time.Time) error {
	return errors.Join(p.SetReadDeadline(t), p.SetWriteDeadline(t))
}

// SetReadDeadline implements net.Conn.
func (p *pipe) SetReadDeadline(t time.Time) error { return p.out.SetReadDeadline(t) }

// SetWriteDeadline implements net.Conn.
func (p *pipe) SetWriteDeadline(t time.Time) error { return p.in.SetWriteDeadline(t) }

// place is an end of a connection through a command.
type place string

// Network implements net.Addr.
func (place) Network() string { return "command" }

// String implements net.Addr.
func (p place) String() string { return string(p) }

// said keeps the end of what a command says on standard error; a command that says much is not held up by it.
type said struct {
	mu  sync.Mutex
	buf []byte
}

// Write implements io.Writer and never fails.
func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buf = append(s.buf, b[max(0, len(b)-maxErrs):]...)
	s.buf = append(s.buf[:0], s.buf[max(0, len(s.buf)-maxErrs):]...)
	return len(b), nil
}

// last gives the end of what was said, fit for a screen and without secrets.
func (s *said) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := redact.Outside(lastLines(string(s.buf), 3), maxErrs) // secrets go before anything is cut
	if over := len(text) - maxSaid; over > 0 {
		text = "…" + strings.ToValidUTF8(text[over:], "")
	}
	return text
}
