package ui

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"
)

// errLine is what a system says of a terminal that has gone.
var errLine = errors.New("input/output error")

func lost(err error) bool { return errors.Is(err, errLine) }

// A terminal that has gone ends the console as hung up, however it says so, and whether or not the signal that tells of it
// comes first. A console that could not read its terminal used to end as broken, and one that read its end went on unseen.
func TestTerminalGone(t *testing.T) {
	for name, says := range map[string]error{
		"end of input": io.EOF,
		"error":        fmt.Errorf("reading: %w", errLine),
	} {
		for order, comes := range map[string]func(gone, signal func()){
			"no signal":            func(gone, _ func()) { gone() },
			"the signal before it": func(gone, signal func()) { signal(); gone() },
			"the signal after it":  func(gone, signal func()) { gone(); signal() },
		} {
			t.Run(name+", "+order, func(t *testing.T) {
				x := newTerminal(t, 80, 24)
				stop, end := start(t, x, newFakeDesk(calm()), Options{Now: func() time.Time { return at }, Lost: lost})
				x.wait(t, "STAGING")
				comes(func() { _ = x.keys.CloseWithError(says) }, stop)
				e := await(t, end)
				if told := e.exit == Terminated && order != "no signal"; e.exit != HungUp && !told || e.err != nil {
					t.Errorf("got %v, %v", e.exit, e.err)
				}
			})
		}
	}
}

// What is wrong with a terminal that has not gone is told.
func TestTerminalBroken(t *testing.T) {
	broken := errors.New("permission denied")
	x := newTerminal(t, 80, 24)
	_, end := start(t, x, newFakeDesk(calm()), Options{Now: func() time.Time { return at }, Lost: lost})
	x.wait(t, "STAGING")
	_ = x.keys.CloseWithError(broken)
	if e := await(t, end); e.exit != Crashed || !errors.Is(e.err, broken) {
		t.Errorf("got %v, %v", e.exit, e.err)
	}
}
