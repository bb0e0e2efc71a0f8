package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"signalbox/internal/config"
	"signalbox/internal/desk"
	"signalbox/sources"
	"signalbox/sources/change"
	"signalbox/sources/command"
	"signalbox/sources/otlp"
	"signalbox/sources/scrape"
	"signalbox/sources/tail"
)

type watchOptions struct {
	beginOptions
	format string
	zone   string
	once   bool
	plain  bool
	output string
	anew   bool // what earlier consoles have learned is left aside

	in      *time.Location // what zone names
	ledger  *tail.Ledger
	offsets *tail.Offsets // nil: how far logs are read is not kept
}

func (a *app) watchCommand() *cobra.Command {
	var o watchOptions
	c := &cobra.Command{
		Use: "watch [FILE|GLOB|-]...", Short: "The console on these files, or on the sources of the configuration",
		Example: "  signalbox watch /var/log/gateway/*.log\n  signalbox watch -c signalbox.yaml\n  kubectl logs -f deploy/gateway | signalbox watch -",
		RunE:    func(c *cobra.Command, args []string) error { return a.watch(c.Context(), args, o) },
	}
	f := c.Flags()
	f.StringVar(&o.format, "format", "auto", "format of the files named here, or the path of a mapping file")
	f.StringVar(&o.zone, "zone", "UTC", "zone of times that name none")
	o.beginOptions.flags(c)
	f.BoolVar(&o.once, "once", false, "read to the end of the files and stop; exit 1 when a burst was found")
	f.BoolVar(&o.anew, "learn-anew", false, "learn what is normal anew, whatever an earlier console has learned of these sources")
	f.BoolVar(&o.plain, "plain", false, "plain lines in place of the console")
	outputFlag(c, &o.output)
	f.Lookup("output").Usage = "text or json; json is one object a line in place of the console: events, and each source as it is"
	return c
}

// open is signalbox without a verb: the console on the configuration found.
func (a *app) open(ctx context.Context) error {
	cfg, found, err := a.loadConfig()
	if err != nil {
		return err
	}
	if !found || len(cfg.Sources) == 0 {
		return &usageError{
			err: errors.New("no configuration with sources was found"),
			try: "signalbox drill (practise now), signalbox watch FILE, or signalbox config generate > signalbox.yaml",
		}
	}
	return a.watch(ctx, nil, watchOptions{format: "auto", zone: "UTC"})
}

func (a *app) watch(ctx context.Context, files []string, o watchOptions) error {
	cfg, _, err := a.loadConfig()
	if err != nil {
		return err
	}
	if len(files) == 0 && len(cfg.Sources) == 0 {
		return &usageError{err: errors.New("nothing to watch"), try: "name a file, or a configuration with -c"}
	}
	books, problems, err := a.books(cfg)
	if err != nil {
		return err
	}
	var notices []string
	if err := a.prepare(cfg, files, &o); err != nil {
		return err
	}
	if o.offsets != nil {
		defer func() { // the sources have saved what there is
			if err := o.offsets.Close(); err != nil {
				a.complain(err, "look for room in the state folder")
			}
		}()
		if notice := o.offsets.Notice(); notice != "" {
			notices = append(notices, notice)
		}
	}
	st, err := a.openStation(ctx, plan{
		cfg: cfg, books: books, sensitivity: sensitivity(cfg), problems: slices.Concat(problems, notices),
		normal: func(st *station) (*desk.NormalFile, error) { return a.normalOf(cfg, files, &o, st) },
	})
	if err != nil {
		return err
	}
	if st.sources, err = a.sources(ctx, st, cfg, files, o); err != nil {
		return errors.Join(err, st.close())
	}
	w := &watching{app: a, station: st, once: o.once, json: o.output == "json"}
	client := w.plain
	if a.terminal() && !o.plain && !o.once && o.output != "json" {
		client = func(ctx context.Context) error { return a.console(ctx, st) }
	}
	err = st.run(ctx, a.withBooks(cfg, st.desk, notices, client))
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	if err == nil {
		st.parting(sayTo(a.Err))
	}
	if err == nil && o.once && w.bursts > 0 {
		err = errFindings
	}
	return errors.Join(err, st.close())
}

// prepare makes what the sources of files share.
func (a *app) prepare(cfg *config.Config, files []string, o *watchOptions) (err error) {
	if o.in, err = time.LoadLocation(o.zone); err != nil {
		return &usageError{err: fmt.Errorf("--zone %q is not known", o.zone), try: "a name such as UTC or Europe/Berlin"}
	}
	if err := o.settle(o.in, time.Now()); err != nil {
		return err
	}
	o.ledger = tail.NewLedger()
	if !o.once {
		o.lookBack(cfg, files, time.Now())
		o.offsets, err = a.offsets(cfg)
	}
	return err
}

// watching is the plain client of watch.
type watching struct {
	app     *app
	station *station
	once    bool
	json    bool
	bursts  int
}

func (w *watching) plain(ctx context.Context) error {
	c := w.station.desk.Connect()
	defer c.Close()
	out := printer{w: w.app.Out}
	follow := (&plainLines{desk: c, say: out.line, lost: func() error { return out.err }}).follow
	if w.json {
		follow = (&plainJSON{app: w.app, desk: c, told: map[string]toldSource{}}).follow
	}
	done := make(chan struct{})
	ended := false
	return follow(ctx, done, func(s *desk.Snapshot) {
		w.bursts = s.Raised
		if w.once && !ended && allEnded(s) {
			ended = true
			close(done)
		}
	})
}

// allEnded tells whether every log has been read to its end. A page of metrics has no end: it is not waited for,
// unless there is nothing else.
func allEnded(s *desk.Snapshot) bool {
	logs := 0
	for _, src := range s.Sources {
		switch {
		case src.Health == "ended":
			logs++
		case src.Kind != "scrape":
			return false
		}
	}
	return logs > 0
}

// sensitivity turns the configuration's word into false alarms a month.
func sensitivity(cfg *config.Config) float64 {
	switch cfg.Burst.Sensitivity {
	case config.SensitivityHigh:
		return 10
	case config.SensitivityLow:
		return 0.1
	}
	return 1
}

// sources makes the sources of the configuration, and those of the files that were named.
func (a *app) sources(ctx context.Context, st *station, cfg *config.Config, files []string, o watchOptions) ([]sources.Source, error) {
	var all []sources.Source
	if len(files) == 0 {
		for _, s := range cfg.Sources {
			if o.once && endless(s.Kind) {
				continue
			}
			src, err := a.source(ctx, st, cfg, s, o)
			if err != nil {
				return nil, err
			}
			if o.pace != nil && hasNoPast(s) {
				src = &afterThePast{src, o.pace}
			}
			all = append(all, src)
		}
		if o.once && len(all) == 0 {
			return nil, &usageError{err: errors.New("no source of the configuration has an end"), try: "watch without --once, or name a file"}
		}
		return all, nil
	}
	format, err := a.formatFlag(o.format)
	if err != nil {
		return nil, err
	}
	used := map[string]int{}
	for _, f := range files {
		t := tail.Options{
			Name: filepath.Base(f), Path: f, Kit: st.kit, Format: format, Formats: a.formats, Zone: o.in, Ledger: o.ledger, Offsets: o.offsets, Lines: true,
		}
		o.apply(&t, o.once)
		if f == "-" {
			t.Name, t.Reader = "stdin", a.In
		}
		if used[t.Name]++; used[t.Name] > 1 {
			t.Name = fmt.Sprintf("%s-%d", t.Name, used[t.Name])
		}
		src, err := tail.New(t)
		if err != nil {
			return nil, &usageError{err: err}
		}
		all = append(all, src)
	}
	return all, nil
}

func (a *app) source(ctx context.Context, st *station, cfg *config.Config, s config.Source, o watchOptions) (sources.Source, error) {
	labels := sources.Labels{Env: cfg.SourceEnv(s), Gateway: s.Gateway, Instance: s.Instance}
	switch s.Kind {
	case config.SourceFile:
		t := tail.Options{
			Name: s.Name, Path: s.Path, Kit: st.kit, Format: s.Format, Fields: s.Fields, Formats: a.formats, Zone: s.Location(), Labels: labels,
			Ledger: o.ledger, Offsets: o.offsets, Lines: true,
		}
		o.apply(&t, o.once)
		return checked(s, tail.New, t)
	case config.SourceOTLP:
		return withToken(ctx, st, s, func(t *token) (sources.Source, error) {
			return checked(s, otlp.New, otlp.Options{
				Name: s.Name, Listen: s.Listen, Token: t.held(), Fields: s.Fields, Formats: a.formats, Zone: s.Location(), Labels: labels, Kit: st.kit,
			})
		})
	case config.SourceChanges:
		return checked(s, change.NewFile, change.FileOptions{Name: s.Name, Path: s.Path, Zone: s.Location(), Labels: labels, Kit: st.kit, Once: o.once})
	case config.SourceWebhook:
		return withToken(ctx, st, s, func(t *token) (sources.Source, error) {
			return checked(s, change.NewWebhook, change.WebhookOptions{
				Name: s.Name, Listen: s.Listen, Token: t.held(), Zone: s.Location(), Envs: environments(cfg), Labels: labels, Kit: st.kit,
			})
		})
	case config.SourceScrape:
		return withToken(ctx, st, s, func(t *token) (sources.Source, error) {
			so := scrape.Options{Name: s.Name, URL: s.URL, Every: s.Every, Timeout: s.Timeout, Kit: st.kit, Labels: labels}
			so.Token, so.Client = t.asked(nil)
			return checked(s, scrape.New, so)
		})
	}
	return checked(s, command.New, command.Options{
		Name: s.Name, Command: s.Command, Env: config.ChildEnvironment(cfg.SecretVariables()), Once: o.once, Kit: st.kit,
		Format: s.Format, Fields: s.Fields, Formats: a.formats, Zone: s.Location(), Labels: labels,
	})
}

// endless tells whether a source of this kind never comes to an end of its own, so that watch --once leaves it out.
func endless(kind string) bool {
	return kind == config.SourceOTLP || kind == config.SourceWebhook || kind == config.SourceScrape
}

// environments lists the environments that the configuration names.
func environments(cfg *config.Config) []string {
	names := slices.Collect(maps.Keys(cfg.Environments))
	for _, g := range cfg.Gateways {
		names = append(names, g.Env)
	}
	for _, s := range cfg.Sources {
		names = append(names, s.Env)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// checked makes a source and gives its mistake the place in the configuration.
func checked[O any, S sources.Source](s config.Source, build func(O) (S, error), o O) (sources.Source, error) {
	src, err := build(o)
	if err != nil {
		return nil, &usageError{err: fmt.Errorf("%s:%d: source %s: %w", s.At.File, s.At.Line, s.Name, err)}
	}
	return src, nil
}
