package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"signalbox/internal/redact"
)

// maxOutput bounds what is kept of what a command prints.
const maxOutput = 8 << 10

// runner runs commands, each in a process group of its own, so that its children end with it.
type runner struct {
	timeout time.Duration
	env     []string
}

// A command that ran, and ended badly or not at all.
var (
	errEnded   = errors.New("what it did before is for the next read to tell")
	errStopped = errors.New("what it began elsewhere may still go on")
)

// do runs a command to its end and gives what it printed. Standard input is empty, so that a command that asks for a
// password fails instead of waiting.
func (r *runner) do(ctx context.Context, argv []string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	var out, errs tail
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...) //nolint:gosec // the operator's configuration names the command
	cmd.Env, cmd.Stdout, cmd.Stderr = r.env, &out, &errs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // a grandchild that left the group may keep the pipe open
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return out.String(), nil
	case ctx.Err() != nil:
		return "", fmt.Errorf("`%s` had not ended after %s and was stopped: %w", redact.Outside(line(argv), 200), r.timeout, errStopped)
	case errors.As(err, &exit):
		return "", fmt.Errorf("`%s` ended with %d%s: %w", redact.Outside(line(argv), 200), exit.ExitCode(), said(errs.String(), out.String()), errEnded)
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

// tail keeps the end of what is written to it.
type tail struct{ buf bytes.Buffer }

// Write never fails: a command that prints much is not held up by it.
func (t *tail) Write(p []byte) (int, error) {
	n := len(p)
	if n > maxOutput {
		p = p[n-maxOutput:]
	}
	if over := t.buf.Len() + len(p) - maxOutput; over > 0 {
		t.buf.Next(over)
	}
	t.buf.Write(p)
	return n, nil
}

func (t *tail) String() string { return t.buf.String() }
