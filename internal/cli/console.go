package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sync"
	"syscall"

	"github.com/charmbracelet/x/term"

	"signalbox/internal/config"
	"signalbox/internal/desk"
	"signalbox/internal/gateway"
	"signalbox/ui"
)

// terminal tells whether both ends are a terminal: without one there is no console, only plain lines.
func (a *app) terminal() bool {
	for _, s := range []any{a.In, a.Out} {
		f, ok := s.(*os.File)
		if !ok || !term.IsTerminal(f.Fd()) {
			return false
		}
	}
	return os.Getenv("TERM") != "dumb"
}

// console runs the screen on a station until the operator leaves. A panic in any goroutine of the station
// ends the screen first, which restores the terminal, and is told afterwards.
func (a *app) console(ctx context.Context, st *station) error {
	client := st.desk.Connect()
	defer client.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var once sync.Once
	st.setGuard(func(what string, recovered any) {
		once.Do(func() { cancel(fmt.Errorf("%s broke: %v\n%s", what, recovered, debug.Stack())) })
	})
	o := ui.Options{In: a.In, Out: a.Out, Lost: hungUp, NoColor: a.g.noColor || os.Getenv("NO_COLOR") != "", ASCII: a.g.ascii, Environ: os.Environ()}
	if a.g.debug != "" {
		f, err := os.OpenFile(a.g.debug, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return &usageError{err: fmt.Errorf("opening the debug file: %w", err)}
		}
		defer f.Close()
		o.Debug = f
	}
	how, err := ui.Run(ctx, client, o)
	switch how {
	case ui.Interrupted:
		a.endedBy(syscall.SIGINT) // ctrl+c is a key to a raw terminal; scripts see the signal's code
	case ui.HungUp:
		a.endedBy(syscall.SIGHUP) // which comes before, later or, to who does not lead the terminal's session, never
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

func (g *game) console(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	defer done.Wait()
	defer cancel() // before the wait: the autopilot ends with the screen
	if g.opts.autopilot {
		client := g.station.desk.Connect()
		defer client.Close()
		pilot := &autopilot{desk: client, say: func(string, ...any) {}, pace: 4 * g.opts.pace}
		done.Go(func() {
			if err := pilot.fly(ctx); err != nil {
				_, _ = client.Do(ctx, desk.AddNote{Text: "the autopilot gave up: " + err.Error()})
			}
		})
	}
	done.Go(func() { g.tellStandstill(ctx) })
	return g.app.console(ctx, g.station)
}

// parting says what is still out, and where the record lies, after the screen has gone.
func (s *station) parting(say func(string, ...any)) {
	held := false
	for _, l := range s.desk.Snapshot().Levers {
		if !l.Out {
			continue
		}
		say("STILL OUT  %s until %s UTC", safe(l.Title), l.ExpiresAt.UTC().Format("15:04:05"))
		if !l.SelfEnds {
			say("           NOT self-reverting; to undo it by hand:")
			for _, u := range l.Undo {
				say("           %s", safe(u))
			}
			held = true
		}
	}
	if held {
		say("for a timer, once a minute: %s", s.due)
	}
	s.recorded(say)
}

// recorded says where the record lies, with the command that prints its timeline from here.
func (s *station) recorded(say func(string, ...any)) {
	say("journal    %s", s.journal.Path())
	if open := s.desk.Snapshot().Incident; open != nil {
		where := ""
		if home, _ := os.UserHomeDir(); s.dir != config.DefaultStateDir(os.Getenv, home) {
			where = " --state-dir " + gateway.Word(s.dir)
		}
		say("timeline   signalbox incident export %s --format md%s   (still open)", open.ID, where)
	}
}

// sayTo prints lines to a stream; a reader that has gone is noticed by the verb that owns it.
func sayTo(w io.Writer) func(string, ...any) {
	return func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
}
