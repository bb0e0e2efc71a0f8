// Package cli is the command line: one file per verb. It is the only place that knows exit codes,
// reads the environment and prints.
package cli

import (
	"context"
	"io"
	"log"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	"github.com/spf13/cobra"

	"signalbox/sources/decode"
)

// Streams are where a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// globals are the flags that every verb knows.
type globals struct {
	config      string
	env         string
	actor       string
	stateDir    string
	debug       string
	readOnly    bool
	noColor     bool
	ascii       bool
	unjournaled bool
}

// app is one invocation.
type app struct {
	Streams
	g       globals
	found   string            // the configuration that was read, named or found; empty where there is none
	formats []*decode.Mapping // the mapping files that were named
	signal  atomic.Int32      // the signal that ended it, 0 for none
}

// Main runs one invocation and gives its exit code.
func Main(args []string, s Streams) int {
	log.SetOutput(io.Discard) // nothing of ours logs; what net/http says there of a server's bad manners would be drawn over the screen
	a := &app{Streams: s}
	ctx, stop := a.withSignals(context.Background())
	defer stop()
	root := a.root()
	root.SetArgs(args)
	return a.exit(root.ExecuteContext(ctx))
}

// withSignals ends the context on SIGINT, SIGTERM and SIGHUP, and remembers which it was. A second one of the first two ends the
// process as usual. A lost terminal (SIGHUP) must leave the record complete, like any other end: it is told by the shell and
// again by the system when the shell has gone, so that nothing follows from hearing it twice. Who is started with it ignored, as nohup
// does, goes on.
func (a *app) withSignals(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	asked, lost := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(lost, syscall.SIGHUP)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var sig os.Signal
		select {
		case sig = <-asked:
		case sig = <-lost:
		case <-ctx.Done():
			return
		}
		a.endedBy(sig)
		signal.Stop(asked)
		cancel()
	}()
	return ctx, func() {
		signal.Stop(asked)
		signal.Stop(lost)
		cancel()
		<-done
	}
}

// endedBy remembers what ended the invocation; what came first counts.
func (a *app) endedBy(sig os.Signal) {
	if n, ok := sig.(syscall.Signal); ok {
		a.signal.CompareAndSwap(0, int32(n))
	}
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "signalbox",
		Short: "Incident-response console for software that depends on LLM APIs",
		Long: "Signalbox follows the logs and metrics of your LLM gateway, shows error bursts by model and region and what\n" +
			"they mean, walks you through the runbook, throws levers on the running gateway with proof that they worked,\n" +
			"and writes the timeline while it happens.\n\nTo try it: signalbox drill",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return a.open(cmd.Context()) },
	}
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return &usageError{err: err, try: "see " + c.CommandPath() + " --help"}
	})
	f := root.PersistentFlags()
	f.StringVarP(&a.g.config, "config", "c", "", "configuration `FILE`")
	f.StringVar(&a.g.env, "env", "", "act in this environment only: other gateways are shown without levers")
	f.StringVar(&a.g.actor, "as", "", "who operates, journaled as claimed")
	f.BoolVar(&a.g.readOnly, "read-only", false, "no levers at all")
	f.StringVar(&a.g.stateDir, "state-dir", "", "`FOLDER` of journal and exports")
	f.BoolVar(&a.g.noColor, "no-color", false, "no colour (also NO_COLOR)")
	f.BoolVar(&a.g.ascii, "ascii", false, "no characters beyond ASCII")
	f.StringVar(&a.g.debug, "debug", "", "write what the console receives to `FILE`")
	f.BoolVar(&a.g.unjournaled, "unjournaled", false, "allow levers although the journal cannot be written")
	root.AddCommand(a.drillCommand(), a.watchCommand(), a.scanCommand(), a.tailCommand(), a.classifyCommand(),
		a.checkCommand(), a.runbookCommand(), a.controlCommand(), a.incidentCommand(), a.configCommand(), a.infoCommand(), a.keysCommand(), a.versionCommand())
	return root
}
