package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"signalbox/internal/config"
	"signalbox/internal/desk"
	"signalbox/internal/incident"
	"signalbox/internal/redact"
	"signalbox/internal/traffic"
	"signalbox/runbook"
	"signalbox/sources"
)

// station is a running desk with its sources and its journal: what every live verb needs. The verb
// owns it: open, run, close.
type station struct {
	desk    *desk.Desk
	journal *incident.Journal
	secrets *redact.Redactor // knows what the console holds; learns what it comes to hold
	kit     sources.Kit
	gates   []desk.Gateway
	ways    ways
	sources []sources.Source
	serves  []runtimeServer // runtimes of Envoys that this station serves when nobody else does
	dir     string
	due     string // the command that ends levers on time where only a console would

	mu    sync.Mutex
	guard func(what string, recovered any) // set by a client that must restore a terminal
}

// plan is what a verb asks a station to be made of.
type plan struct {
	cfg         *config.Config
	books       []*runbook.Book
	drill       bool
	sensitivity float64
	extra       []string                                 // secrets that the station itself holds, redacted wherever they appear
	gateways    []desk.Gateway                           // in place of the configuration's
	problems    []string                                 // of runbook files: shown, never fatal
	brief       bool                                     // for one command: see desk.Options
	incident    string                                   // that the command belongs to
	normal      func(*station) (*desk.NormalFile, error) // where what is normal is kept; nil: nowhere
}

// openStation opens the journal, wires gateways and sources and folds what earlier consoles left.
func (a *app) openStation(ctx context.Context, p plan) (*station, error) {
	dir, err := a.stateFolder(p.cfg)
	if err != nil {
		return nil, err
	}
	s := &station{dir: dir, due: a.dueCommand(dir)}
	s.kit = sources.Kit{Symbols: traffic.NewSymbols(0), Inventory: traffic.NewInventory(mappings(p.cfg)), Now: time.Now}
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return nil, fmt.Errorf("drawing a salt: %w", err)
	}
	s.secrets = redact.New(salt, p.extra...)
	if s.gates = p.gateways; s.gates == nil {
		s.ways = waysOf(p.cfg)
		if s.gates, err = a.gateways(ctx, p.cfg, s.ways, s.secrets.Learn); err != nil {
			return nil, err
		}
		if !p.brief {
			s.serves = runtimeServers(p.cfg, dir, true)
		}
	}
	s.journal, err = incident.Open(dir, incident.Options{Now: time.Now, Redactor: s.secrets})
	if err != nil {
		return nil, &unreachable{what: "opening the journal in " + dir, err: err, try: "name another folder with --state-dir"}
	}
	prom, err := prometheusOf(p.cfg)
	if err != nil {
		return nil, errors.Join(err, s.journal.Close())
	}
	var normal *desk.NormalFile
	if p.normal != nil {
		if normal, err = p.normal(s); err != nil {
			return nil, errors.Join(err, s.journal.Close())
		}
	}
	s.desk, err = desk.New(desk.Options{
		Symbols: s.kit.Symbols, Journal: s.journal, Now: time.Now, Gateways: s.gates, Books: p.books,
		Actor: a.who(p.cfg), ReadOnly: a.g.readOnly, Unjournaled: a.g.unjournaled, Drill: p.drill,
		Sensitivity: p.sensitivity, Problems: p.problems, ExportDir: filepath.Join(dir, "exports"),
		Brief: p.brief, Incident: p.incident, Inventory: deploymentsOf(p.cfg), Probes: probePoints(p.cfg), Rehearse: rehearser(p.cfg), RehearsalAge: p.cfg.RehearsalAge, Prometheus: prom, PromEvery: p.cfg.Prometheus.Every,
		Normal: normal,
	})
	if err != nil {
		return nil, errors.Join(err, s.journal.Close())
	}
	return s, nil
}

// run starts the desk and its sources, runs the client, and returns when all of them have finished.
func (s *station) run(ctx context.Context, client func(ctx context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	deskCtx, stopDesk := context.WithCancel(context.WithoutCancel(ctx))
	defer stopDesk()
	var deskDone, sourcesDone sync.WaitGroup
	var deskErr error
	deskDone.Go(func() { s.watched("desk", func() { deskErr = s.desk.Run(deskCtx) }) })
	errs := make([]error, len(s.sources))
	for i, src := range s.sources {
		sourcesDone.Go(func() {
			s.watched("source "+src.Name(), func() {
				if err := src.Run(ctx, s.desk.Emit); err != nil {
					errs[i] = &unreachable{what: "reading " + src.Name(), err: err, try: "look at the path and who may read it"}
				}
			})
		})
	}
	serveErrs := make([]error, len(s.serves))
	for i, r := range s.serves {
		sourcesDone.Go(func() { s.watched("runtime of "+r.gateway, func() { serveErrs[i] = r.standIn(ctx) }) })
	}
	err := client(ctx)
	cancel() // sources first: the desk still takes what they hold
	sourcesDone.Wait()
	stopDesk()
	deskDone.Wait()
	return errors.Join(append([]error{err, deskErr}, slices.Concat(errs, serveErrs)...)...)
}

// watched runs one of the station's goroutines; a panic is handed to the guard, which restores the
// terminal and ends the program with what happened.
func (s *station) watched(what string, f func()) {
	defer func() {
		if r := recover(); r != nil {
			s.mu.Lock()
			guard := s.guard
			s.mu.Unlock()
			if guard == nil {
				panic(r)
			}
			guard(what, r)
		}
	}()
	f()
}

// setGuard says who restores the terminal when a goroutine of the station breaks.
func (s *station) setGuard(f func(what string, recovered any)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.guard = f
}

func (s *station) close() error {
	s.ways.close()
	return s.journal.Close()
}

// stateFolder finds the folder of journal and exports: flag, configuration, XDG.
func (a *app) stateFolder(cfg *config.Config) (string, error) {
	if a.g.stateDir != "" {
		return a.g.stateDir, nil
	}
	if cfg != nil && cfg.StateDir != "" {
		return cfg.StateDir, nil
	}
	home, _ := os.UserHomeDir()
	if env := os.Getenv("XDG_STATE_HOME"); home == "" && env == "" {
		return "", &usageError{err: errors.New("no home folder to keep the journal in"), try: "--state-dir FOLDER"}
	}
	return config.DefaultStateDir(os.Getenv, home), nil
}

// who says who operates: flag, configuration, else nobody in particular.
func (a *app) who(cfg *config.Config) string {
	switch {
	case a.g.actor != "":
		return a.g.actor
	case cfg != nil && cfg.Actor != "":
		return cfg.Actor
	}
	return "operator"
}

func mappings(cfg *config.Config) []traffic.Mapping {
	out := make([]traffic.Mapping, 0, len(cfg.Inventory))
	for _, m := range cfg.Inventory {
		out = append(out, traffic.Mapping{Match: m.Match, Set: m.Set})
	}
	return out
}

// loadConfig reads the configuration that was named or found. ok is false where there is none.
func (a *app) loadConfig() (cfg *config.Config, ok bool, err error) {
	path := a.g.config
	if path == "" {
		home, _ := os.UserHomeDir()
		path, err = config.Find(os.Getenv, home)
		if errors.Is(err, config.ErrNone) {
			return config.Empty(), false, nil
		}
		if err != nil {
			return nil, false, &usageError{err: err}
		}
	}
	cfg, err = config.Load(path)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, false, &usageError{err: err, try: "signalbox config generate prints one to begin with"}
		}
		return nil, false, &usageError{err: err, try: "signalbox config check -c " + path}
	}
	if err := a.sourceFormats(cfg); err != nil {
		return nil, false, &usageError{err: err, try: "docs/sources.md tells how a mapping file is written"}
	}
	if a.g.env != "" && !slices.ContainsFunc(cfg.Gateways, func(g config.Gateway) bool { return g.Env == a.g.env }) {
		return nil, false, &usageError{err: fmt.Errorf("no gateway is in environment %q", a.g.env), try: "see the configuration's gateways"}
	}
	a.found = path
	return cfg, true, nil
}
