package command

import (
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"signalbox/internal/redact"
	"signalbox/sources/decode"
)

const (
	blockSize = 64 << 10
	maxWords  = 2 << 10         // of what a command says on standard error, the end is kept
	grace     = 2 * time.Second // between asking a command to end and ending it
)

// process is one run of the command. Its reader is the only one that waits for it.
type process struct {
	cmd   *exec.Cmd
	out   io.ReadCloser
	err   *tailWriter
	taken chan struct{} // gives the reader its buffer back

	// What the owner of the source keeps of the run.
	split decode.Splitter
	seen  map[uint64]int // lines of this run, for a command that stamps them
	began time.Time
	asked bool // it was told to end
}

// chunk is a block that a run has said, or its end.
type chunk struct {
	p     *process
	data  []byte
	ended bool
	err   error // of the run, when it has ended
}

// start runs the command in a session of its own, without standard input and without a terminal: what would ask for a
// password fails at once instead of waiting for ever.
func start(argv, env []string) (*process, error) {
	p := &process{err: &tailWriter{}, taken: make(chan struct{}), seen: make(map[uint64]int)}
	p.cmd = exec.Command(argv[0], argv[1:]...) //nolint:gosec,noctx // the operator's configuration names the command; halt ends it, with all its children
	p.cmd.Env, p.cmd.Stderr = env, p.err
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	p.cmd.WaitDelay = grace
	var err error
	if p.out, err = p.cmd.StdoutPipe(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", argv[0], err)
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", argv[0], err)
	}
	return p, nil
}

// read hands on what the run says until it has ended. It ends after halt, at the latest when the pipes are closed.
// After stop is closed nobody takes chunks any more, and what comes is thrown away.
func (p *process) read(chunks chan<- chunk, stop <-chan struct{}) {
	buf := make([]byte, blockSize)
	for {
		n, err := p.out.Read(buf)
		if n > 0 {
			select {
			case chunks <- chunk{p: p, data: buf[:n]}:
				select {
				case <-p.taken:
				case <-stop:
				}
			case <-stop:
			}
		}
		if err != nil {
			break
		}
	}
	err := p.cmd.Wait()
	select {
	case chunks <- chunk{p: p, ended: true, err: err}:
	case <-stop:
	}
}

// halt asks the command and all it has started to end, and ends them when they do not. It does not wait.
func (p *process) halt(running *sync.WaitGroup, done <-chan struct{}) {
	if p.asked {
		return
	}
	p.asked = true
	group := -p.cmd.Process.Pid
	_ = syscall.Kill(group, syscall.SIGTERM) // gone already is fine
	running.Go(func() {
		select {
		case <-done:
		case <-time.After(grace):
		}
		_ = syscall.Kill(group, syscall.SIGKILL)
	})
}

// said is what a run that ended tells the operator: how it ended and its last words, harmless on a screen.
func (p *process) said(err error) string {
	how := "it ended"
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		how = "it ended with " + exit.String()
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		how = "it ended: " + err.Error()
	}
	words := redact.Outside(p.err.lastLine(), 240)
	if words != "" {
		how += ": " + words
	}
	return how
}

// tailWriter keeps the end of what is written to it.
type tailWriter struct {
	mu  sync.Mutex
	end []byte
}

func (w *tailWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.end = append(w.end, b[max(0, len(b)-maxWords):]...)
	w.end = w.end[max(0, len(w.end)-maxWords):]
	return len(b), nil
}

// lastLine gives the last line that says something.
func (w *tailWriter) lastLine() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(w.end)), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

// pause is how long to wait before the command is started for the nth time in a row without having lasted.
func pause(n int) time.Duration {
	const least, most = time.Second, 30 * time.Second
	return min(least<<min(n, 10), most)
}
