// Package ui is the console on a terminal: a client of the desk that draws its snapshots and sends its
// commands. It parses nothing, counts nothing and knows no gateway; what it asks of the desk it asks in
// commands that run off the screen's goroutine.
package ui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"signalbox/internal/desk"
)

// Desk is the client's side of the desk.
type Desk interface {
	// Snapshot gives the newest snapshot; it is immutable.
	Snapshot() *desk.Snapshot
	// Changed tells that a newer snapshot is there; at most one notice is pending.
	Changed() <-chan struct{}
	// Do carries out one command.
	Do(ctx context.Context, c desk.Command) (desk.Result, error)
	// Records gives the records of the log pane, newest first; a part of them where there is much to look through.
	Records(ctx context.Context, q desk.RecordQuery) (desk.RecordPage, error)
}

// Options are what a console is started with. The zero value is a dark console on the standard streams.
type Options struct {
	In            io.Reader // nil: the terminal
	Out           io.Writer // nil: standard output
	Width, Height int       // of an output that is no terminal
	NoColor       bool
	ASCII         bool     // no character outside of ASCII is drawn by the console itself
	Environ       []string // for the terminal's kind and colours; nil: the process's own
	FPS           int      // snapshots drawn per second, 10 by default, 30 at most
	Debug         io.Writer
	Now           func() time.Time
	Theme         string           // dark, light, mono; empty: after the terminal's background
	Quiet         bool             // no bell on a new burst
	Lost          func(error) bool // whether an error is what the system says of a terminal that has gone; the end of In always is

	pause func(context.Context, time.Duration) bool // waits out a time, and is false where ctx ends before; nil: by the clock
}

// Exit says how a console ended.
type Exit int

// The ways in which a console ends.
const (
	Quit        Exit = iota // the operator left
	Interrupted             // ctrl+c, twice where a lever was out
	Terminated              // the context ended: a signal, or the rest of the program
	HungUp                  // the terminal has gone: its window was closed, or the line to it broke
	Crashed                 // a panic; the terminal is restored and the error says so
)

// String gives the word for logs and messages.
func (e Exit) String() string {
	switch e {
	case Quit:
		return "quit"
	case Interrupted:
		return "interrupted"
	case Terminated:
		return "terminated"
	case HungUp:
		return "hung up"
	}
	return "crashed"
}

// Run shows the console until the operator leaves, ctx ends or the terminal goes. Signals are the caller's: they end ctx; a
// terminal that goes need not send one.
// The terminal is restored whatever happens, and nothing that Run started is left when it returns.
func Run(ctx context.Context, d Desk, o Options) (Exit, error) {
	ctx, cancel := context.WithCancel(ctx)
	crew := new(crew)
	defer crew.dismiss() // commands under way see ctx end and return
	defer cancel()

	m := newModel(ctx, crew, d, o)
	keys := newKeyboard(o)
	m.env.gone = keys.gone
	options := []tea.ProgramOption{tea.WithoutSignalHandler(), tea.WithFPS(rendererFPS)}
	if o.In != nil {
		options = append(options, tea.WithInput(keys.input()))
	}
	if o.Out != nil {
		options = append(options, tea.WithOutput(o.Out))
	}
	if o.Environ != nil {
		options = append(options, tea.WithEnvironment(o.Environ))
	}
	if o.Width > 0 && o.Height > 0 {
		options = append(options, tea.WithWindowSize(o.Width, o.Height))
	}
	if o.NoColor {
		options = append(options, tea.WithColorProfile(colorprofile.Ascii))
	}
	if o.Debug != nil {
		options = append(options, tea.WithFilter(func(_ tea.Model, msg tea.Msg) tea.Msg {
			debugMessage(o.Debug, m.env.now(), msg)
			return msg
		}))
	}
	_, err := tea.NewProgram(m, options...).Run()
	switch {
	case errors.Is(err, tea.ErrProgramPanic):
		return Crashed, fmt.Errorf("the console broke and was closed; the journal and every lever are as they were: %w", err)
	case err != nil && (keys.silent() || keys.lost(err)):
		return HungUp, nil // what a terminal says as it goes is no fault of the console
	case err != nil:
		return Crashed, fmt.Errorf("the console could not use the terminal (without one, try `signalbox watch` for plain lines): %w", err)
	}
	return m.exit, nil
}

// rendererFPS is how often the terminal may be written to: keys are echoed at this pace. Snapshots come
// at their own, slower one.
const rendererFPS = 30

// debugMessage writes what reached the console. Keys are named only by kind while they may be text.
func debugMessage(w io.Writer, at time.Time, msg tea.Msg) {
	detail := ""
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		if len(msg.Text) != 1 {
			detail = " " + msg.String()
		}
	case tea.WindowSizeMsg:
		detail = fmt.Sprintf(" %dx%d", msg.Width, msg.Height)
	case snapMsg:
		detail = fmt.Sprintf(" seq %d", msg.snap.Seq)
	case doneMsg:
		detail = fmt.Sprintf(" job %d err %v", msg.job, msg.err)
	}
	fmt.Fprintf(w, "%s %T%s\n", at.UTC().Format("15:04:05.000"), msg, detail)
}
