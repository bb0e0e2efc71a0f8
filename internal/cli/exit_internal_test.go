package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"testing"
)

// What a stream says whose terminal has gone is a hang-up, whether the signal was heard by then or not. What a disk says in the same
// words is not.
func TestExitOfALostTerminal(t *testing.T) {
	lost := func(path string) error {
		return fmt.Errorf("following a log: %w", &fs.PathError{Op: "write", Path: path, Err: syscall.EIO})
	}
	for name, c := range map[string]struct {
		err    error
		signal syscall.Signal
		code   int
		told   bool
	}{
		"before the signal":             {err: lost(os.Stdout.Name()), code: 129},
		"after the signal":              {err: lost(os.Stdout.Name()), signal: syscall.SIGHUP, code: 129},
		"beside what the signal ended":  {err: errors.Join(lost(os.Stdout.Name()), context.Canceled), signal: syscall.SIGHUP, code: 129},
		"another signal came first":     {err: lost(os.Stdout.Name()), signal: syscall.SIGTERM, code: 143},
		"a disk":                        {err: lost("/var/log/gateway.log"), code: exitFindings, told: true},
		"a disk, and a signal":          {err: lost("/var/log/gateway.log"), signal: syscall.SIGHUP, code: exitFindings, told: true},
		"a reader that had read enough": {err: &fs.PathError{Op: "write", Path: os.Stdout.Name(), Err: syscall.EPIPE}, code: exitFine},
	} {
		t.Run(name, func(t *testing.T) {
			var errs bytes.Buffer
			a := &app{Streams: Streams{In: os.Stdin, Out: os.Stdout, Err: &errs}}
			if c.signal != 0 {
				a.endedBy(c.signal)
			}
			if code := a.exit(c.err); code != c.code || (errs.Len() > 0) != c.told {
				t.Errorf("exit code %d, want %d; it says %q", code, c.code, errs.String())
			}
		})
	}
}
