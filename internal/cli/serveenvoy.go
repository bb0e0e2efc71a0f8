package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"signalbox/internal/config"
	"signalbox/internal/gateway/envoy/source"
)

func (a *app) controlServeEnvoyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "serve-envoy", Short: "Serve the runtime of Envoys, so that Envoy itself ends levers on time", Args: noArgs,
		Long: "Serves what levers set to each Envoy whose bootstrap names this address as its runtime source (gRPC, on this machine\n" +
			"only), for all gateways of kind envoy whose configuration has runtime:. Each lever is sent with the time that it has left:\n" +
			"Envoy ends it by itself then, also when nothing of Signalbox runs any more. What is set is kept in the state folder.\n\n" +
			"It runs until it is stopped. While it does not run, levers that are out end on time, and none can be thrown.",
		Example: "  signalbox control serve-envoy -c signalbox.yaml",
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.serveEnvoy(cmd.Context()) },
	}
}

// runtimeServer is the runtime source of one gateway, before it is served.
type runtimeServer struct {
	gateway, listen, file string
}

// runtimeServers lists those of a configuration; only the console's own where that is asked for.
func runtimeServers(cfg *config.Config, dir string, console bool) []runtimeServer {
	var out []runtimeServer
	for _, g := range cfg.Gateways {
		if g.Runtime.Listen != "" && (g.Runtime.Serve || !console) {
			out = append(out, runtimeServer{gateway: g.Name, listen: g.Runtime.Listen, file: filepath.Join(dir, "runtime-"+g.Name+".json")})
		}
	}
	return out
}

// serveEnvoy serves all runtimes of the configuration until it is stopped.
func (a *app) serveEnvoy(ctx context.Context) error {
	cfg, _, err := a.loadConfig()
	if err != nil {
		return err
	}
	dir, err := a.stateFolder(cfg)
	if err != nil {
		return err
	}
	all := runtimeServers(cfg, dir, false)
	if len(all) == 0 {
		return &usageError{err: errors.New("no gateway of kind envoy has a runtime to serve"), try: "runtime: {listen: \"127.0.0.1:17950\"}, and the same address in Envoy's bootstrap; see examples/envoy"}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	errs := make([]error, len(all))
	for i, s := range all {
		wg.Go(func() {
			if errs[i] = s.serve(ctx, sayTo(a.Out)); errs[i] != nil {
				cancel() // half of what was asked for is not left running unnoticed
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// serve opens the state, listens, and serves until the context ends.
func (s runtimeServer) serve(ctx context.Context, say func(string, ...any)) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", s.listen)
	if err != nil {
		return &unreachable{what: "serving the runtime of " + s.gateway, err: err, try: "look for what listens on " + s.listen + " already"}
	}
	// Only now: while another process served, the file was that one's.
	if err := os.MkdirAll(filepath.Dir(s.file), 0o700); err != nil {
		return errors.Join(fmt.Errorf("making the state folder: %w", err), l.Close())
	}
	src, err := source.Open(s.file, time.Now)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	say("serving the runtime of %s on %s; %d keys are set", safe(s.gateway), l.Addr(), len(src.Status().Entries))
	return src.Serve(ctx, l)
}

// runtimeTakeover is how often a console looks whether the runtime has to be served by it.
const runtimeTakeover = 2 * time.Second

// standIn serves whenever no other process does, until the context ends.
func (s runtimeServer) standIn(ctx context.Context) error {
	for {
		err := s.serve(ctx, func(string, ...any) {})
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !errors.Is(err, syscall.EADDRINUSE):
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(runtimeTakeover):
		}
	}
}
