package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"signalbox/internal/desk"
	"signalbox/internal/incident"
	"signalbox/internal/redact"
)

// The exit codes. Scripts rely on them.
const (
	exitFine        = 0
	exitFindings    = 1 // a burst in scan, a lint error, a failed verify
	exitUsage       = 2
	exitUnreachable = 3 // a source or gateway out of reach
	exitRefused     = 4 // a control refused or in doubt
)

// usageError is a command line that cannot be understood.
type usageError struct {
	err error
	try string
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// unreachable is a source, gateway or file that could not be reached: what, where, what to try.
type unreachable struct {
	what string
	err  error
	try  string
}

func (e *unreachable) Error() string { return e.what + ": " + e.err.Error() }
func (e *unreachable) Unwrap() error { return e.err }

// errFindings ends a command that did its work and found something; nothing more is printed.
var errFindings = errors.New("findings")

// exit is the one place that turns an error into text and exit code.
func (a *app) exit(err error) int {
	if a.lostTerminal(err) {
		a.endedBy(syscall.SIGHUP)
		err = nil
	}
	if n := a.signal.Load(); n != 0 && (err == nil || errors.Is(err, context.Canceled) || errors.Is(err, errFindings)) {
		if syscall.Signal(n) == syscall.SIGINT {
			return 130
		}
		return 128 + int(n)
	}
	if err == nil {
		return exitFine
	}
	if errors.Is(err, errFindings) {
		return exitFindings
	}
	if errors.Is(err, syscall.EPIPE) {
		return exitFine // whoever read us has read enough
	}
	code, try := verdict(err)
	a.complain(err, try)
	return code
}

// lostTerminal tells whether a stream failed because its terminal has gone, which may be seen before the signal that says so.
func (a *app) lostTerminal(err error) bool {
	var at *fs.PathError
	if !errors.As(err, &at) || !hungUp(at.Err) {
		return false
	}
	for _, s := range []any{a.In, a.Out, a.Err} {
		if f, ok := s.(*os.File); ok && f.Name() == at.Path {
			return true
		}
	}
	return false
}

// hungUp tells whether an error is what the system says of a terminal that is none any more.
func hungUp(err error) bool {
	for _, e := range []error{syscall.EIO, syscall.ENXIO, syscall.ENODEV, syscall.ENOTTY} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func verdict(err error) (code int, try string) {
	var usage *usageError
	var away *unreachable
	var refused *desk.Refused
	switch {
	case errors.As(err, &usage):
		return exitUsage, usage.try
	case errors.As(err, &away):
		return exitUnreachable, away.try
	case errors.As(err, &refused) && refused.NoTarget:
		return exitUsage, ""
	case errors.As(err, &refused):
		return exitRefused, ""
	case errors.Is(err, incident.ErrUnwritable):
		return exitRefused, "free space on that disk, or name another folder with --state-dir"
	case strings.HasPrefix(err.Error(), "unknown command"):
		return exitUsage, "see signalbox --help"
	}
	return exitFindings, ""
}

// complain prints what is wrong and the next thing to try; what comes from outside is made safe first.
func (a *app) complain(err error, try string) {
	_, _ = fmt.Fprintln(a.Err, "signalbox: "+safeLines(err.Error()))
	if try != "" {
		_, _ = fmt.Fprintln(a.Err, "  try: "+safeLines(try))
	}
}

func safeLines(s string) string { return redact.Secrets(redact.TerminalLines(s)) }

// printer writes lines and remembers the first error, so that a closed pipe ends a command quietly.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return &usageError{err: fmt.Errorf("%s takes no %q", cmd.CommandPath(), args[0]), try: "see " + cmd.CommandPath() + " --help"}
}

func wantArgs(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) >= least && (most < 0 || len(args) <= most) {
			return nil
		}
		return &usageError{err: fmt.Errorf("%s: wrong number of arguments", cmd.UseLine()), try: "see " + cmd.CommandPath() + " --help"}
	}
}

// oneOf checks a flag that has a fixed set of values.
func oneOf(flag, value string, allowed ...string) error {
	for _, v := range allowed {
		if v == value {
			return nil
		}
	}
	return &usageError{err: fmt.Errorf("--%s %q is not one of %s", flag, value, strings.Join(allowed, ", "))}
}
