package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"signalbox/internal/redact"
)

// maxOutput bounds what is kept of what a command prints, where nothing else is said.
const maxOutput = 8 << 10

// Runner runs the operator's commands, each in a process group of its own, so that its children end with it. No shell is
// involved unless a command names one.
type Runner struct {
	Timeout time.Duration
	Env     []string // without the console's secrets
	Dir     string   // "" is the console's own folder
	Most    int      // bytes kept of what is printed, the last ones; 0 means 8 KiB
}

// A command that ran, and ended badly or not at all.
var (
	ErrEnded   = errors.New("what it did before is for the next read to tell")
	ErrStopped = errors.New("what it began elsewhere may still go on")
)

// Do runs a command to its end and gives what it printed; of one that failed, what it said on standard error. Without input its standard input is empty, so that a command
// that asks for a password fails instead of waiting.
func (r *Runner) Do(ctx context.Context, argv []string, input io.Reader) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	out, errs := tail{most: r.Most}, tail{}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...) //nolint:gosec // the operator's configuration names the command
	cmd.Env, cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = r.Env, r.Dir, input, &out, &errs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // a grandchild that left the group may keep the pipe open
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return out.String(), nil
	case ctx.Err() != nil:
		return "", fmt.Errorf("`%s` had not ended after %s and was stopped: %w", redact.Outside(Line(argv), 200), r.Timeout, ErrStopped)
	case errors.As(err, &exit):
		return errs.String(), fmt.Errorf("`%s` ended with %d%s: %w", redact.Outside(Line(argv), 200), exit.ExitCode(), said(errs.String(), out.String()), ErrEnded)
	}
	return "", fmt.Errorf("`%s` could not be started: %w", redact.Outside(argv[0], 200), err)
}

// said is the last thing that a failed command had to say.
func said(texts ...string) string {
	for _, t := range texts {
		lines := strings.Split(strings.TrimSpace(t), "\n")
		if last := strings.TrimSpace(lines[len(lines)-1]); last != "" {
			return " (" + redact.Outside(last, 200) + ")"
		}
	}
	return ""
}

// Line words a command as an operator could type it.
func Line(argv []string) string {
	words := make([]string, len(argv))
	for i, w := range argv {
		words[i] = Word(w)
	}
	return strings.Join(words, " ")
}

// Word writes one word of a command as a shell takes it.
func Word(w string) string {
	if w != "" && strings.Trim(w, shellSafe) == "" {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}

const shellSafe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@%+=,-"

// tail keeps the end of what is written to it.
type tail struct {
	buf  bytes.Buffer
	most int
}

// Write never fails: a command that prints much is not held up by it.
func (t *tail) Write(p []byte) (int, error) {
	n, most := len(p), t.most
	if most == 0 {
		most = maxOutput
	}
	if n > most {
		p = p[n-most:]
	}
	if over := t.buf.Len() + len(p) - most; over > 0 {
		t.buf.Next(over)
	}
	t.buf.Write(p)
	return n, nil
}

func (t *tail) String() string { return t.buf.String() }
