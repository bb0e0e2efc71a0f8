package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"signalbox/internal/config"
	"signalbox/internal/desk"
	"signalbox/internal/drill"
	"signalbox/internal/gateway/contract"
	"signalbox/internal/traffic"
	"signalbox/runbook"
	"signalbox/sources"
	"signalbox/sources/scrape"
	"signalbox/sources/tail"
)

// drillOptions are the flags of drill.
type drillOptions struct {
	scenario  string
	seed      int64
	headless  bool
	autopilot bool
	list      bool
	keep      bool
	output    string
	pace      time.Duration
	after     time.Duration
	users     int
}

// defaultScenario is what drill plays when nobody names one.
const defaultScenario = "azure-eu-502"

func (a *app) drillCommand() *cobra.Command {
	o := drillOptions{scenario: defaultScenario}
	c := &cobra.Command{
		Use: "drill [SCENARIO]", Short: "Practise on an embedded fleet: a real gateway on loopback, providers that fail on cue", Args: wantArgs(0, 1),
		Example: "  signalbox drill\n  signalbox drill --list\n  signalbox drill provider-down --headless --autopilot\n" +
			"  signalbox drill -c signalbox.yaml    # with your own runbooks beside the shipped ones",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.scenario = args[0]
			}
			if o.list {
				return a.listScenarios(o.output)
			}
			if !slices.ContainsFunc(drill.Scenarios(), func(s drill.Scenario) bool { return s.Name == o.scenario }) {
				return &usageError{err: fmt.Errorf("there is no scenario %q", o.scenario), try: "signalbox drill --list"}
			}
			if o.users < 1 || o.users > 100 {
				return &usageError{err: fmt.Errorf("--users %d: must be a share of 1 to 100 percent", o.users), try: "signalbox drill --users 25"}
			}
			if !a.terminal() {
				o.headless = true
			}
			return a.drill(c.Context(), o)
		},
	}
	outputFlag(c, &o.output)
	f := c.Flags()
	f.BoolVar(&o.list, "list", false, "list the scenarios")
	f.BoolVar(&o.headless, "headless", false, "no console: plain lines, and the score at the end")
	f.BoolVar(&o.autopilot, "autopilot", false, "a scripted operator walks the runbook that fits")
	f.Int64Var(&o.seed, "seed", 1, "of the fleet's chances")
	f.BoolVar(&o.keep, "keep", false, "keep the fleet's log files")
	f.DurationVar(&o.after, "after", 0, "how long the users go on once the faults are over; with the autopilot until its runbook ends, so that it releases what it threw")
	f.IntVar(&o.users, "users", 100, "percent of the scenario's users: fewer spare a small machine, and bring less of what comes of their number")
	f.DurationVar(&o.pace, "pace", 300*time.Millisecond, "how long the autopilot reads a step")
	return c
}

// longer is how much longer the faults go on when a person plays: until they are mended, or the coffee is cold.
func (o drillOptions) longer() time.Duration {
	if o.headless {
		return 0
	}
	return 15 * time.Minute
}

func (a *app) listScenarios(output string) error {
	if output == "json" {
		type row struct {
			Name  string `json:"name"`
			Title string `json:"title"`
			Brief string `json:"brief"`
		}
		rows := []row{}
		for _, s := range drill.Scenarios() {
			rows = append(rows, row{s.Name, s.Title, s.Brief})
		}
		return a.json(map[string]any{"v": 1, "scenarios": rows})
	}
	p := printer{w: a.Out}
	for _, s := range drill.Scenarios() {
		p.line("%-18s %s", s.Name, s.Title)
	}
	return p.err
}

// drill runs one drill to its end: the scenario's when headless, else when the operator leaves.
func (a *app) drill(ctx context.Context, o drillOptions) error {
	books, problems, err := a.drillBooks() // before the fleet: its clock and its users run from the start, and leave a small machine little time
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "signalbox-drill-")
	if err != nil {
		return &unreachable{what: "making room for the drill's logs", err: err, try: "set TMPDIR to a folder with space"}
	}
	if !o.keep {
		defer func() { _ = os.RemoveAll(dir) }() // what cannot be removed lies in the folder for temporary files
	}
	fleet, err := drill.Start(ctx, drill.Options{Scenario: o.scenario, Seed: o.seed, Dir: dir, Longer: o.longer(), After: o.after, Users: o.users})
	if err != nil {
		return &unreachable{what: "starting the drill's fleet", err: err, try: "signalbox drill --list"}
	}
	defer func() { _ = fleet.Stop() }() // stopped below where it matters; twice does no harm
	cfg := drillConfig(fleet)
	st, err := a.openStation(ctx, plan{cfg: cfg, books: books, problems: problems, drill: true, extra: []string{fleet.Token()}, gateways: drillGateways(fleet)})
	if err != nil {
		return err
	}
	if st.sources, err = drillSources(st, fleet); err != nil {
		return errors.Join(err, st.close())
	}
	game := &game{app: a, fleet: fleet, station: st, opts: o, books: desk.LoadBooks{Books: books, Problems: problems}, seen: map[string]int{}}
	err = st.run(ctx, game.play)
	if serr := fleet.Stop(); err == nil && serr != nil {
		err = fmt.Errorf("stopping the drill's fleet: %w", serr)
	}
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	if err == nil {
		err = game.finish()
	}
	return errors.Join(err, st.close())
}

// drillBooks are the shipped runbooks, and those of a configuration that is named: so that a team can practise its own. Nothing else
// of it is used.
func (a *app) drillBooks() (all []*runbook.Book, problems []string, err error) {
	if a.g.config == "" {
		return a.books(nil)
	}
	cfg, _, err := a.loadConfig()
	if err != nil {
		return nil, nil, err
	}
	return a.books(cfg)
}

// drillEnvironment is the environment of every drill: what is done in it is marked as a drill in the record.
const drillEnvironment = "drill"

// drillAnswers is how long an instance of the fleet may take for an answer about its levers, or for its page of metrics: it shares
// this machine with all that is practised on.
const drillAnswers = 30 * time.Second

// drillConfig is what an operator would have written for this fleet.
func drillConfig(f *drill.Fleet) *config.Config {
	cfg := config.Empty()
	cfg.Probes = drillProbes(f)
	cfg.Environments = map[string]config.Environment{drillEnvironment: {Confirm: config.ConfirmPlain}}
	for _, d := range f.Inventory() {
		cfg.Inventory = append(cfg.Inventory, config.Mapping{
			Match: map[string]string{"deployment": d.Name},
			Set:   map[string]string{"provider": d.Provider, "model": d.Model, "region": d.Region, "env": drillEnvironment},
		})
	}
	return cfg
}

func drillGateways(f *drill.Fleet) []desk.Gateway {
	o := contract.Options{Gateway: "drill", Timeout: drillAnswers, Token: func(context.Context) (string, error) { return f.Token(), nil }}
	for _, i := range f.Instances() {
		o.Instances = append(o.Instances, contract.Instance{Name: i.Name, URL: strings.TrimSuffix(i.ControlsURL, "/controls")})
	}
	return []desk.Gateway{{Name: "drill", Kind: "contract", Env: drillEnvironment, Driver: contract.New(o), Timeout: drillAnswers}}
}

// say prints a line for a human beside the drill; with JSON on standard output it goes to standard error.
func (g *game) say(format string, args ...any) {
	w := g.app.Out
	if g.opts.output == "json" {
		w = g.app.Err
	}
	g.talk.Lock() // the autopilot speaks beside the lines of the timeline
	defer g.talk.Unlock()
	_, _ = fmt.Fprintf(w, format+"\n", args...) // a reader that has gone is noticed where the result is printed
}

// game is one drill being played: it watches for bursts to score, and shows the fleet to its client.
type game struct {
	app     *app
	fleet   *drill.Fleet
	station *station
	opts    drillOptions
	books   desk.LoadBooks // what the desk began with
	seen    map[string]int // burst id to its place in bursts
	bursts  []drill.SeenBurst
	levers  []desk.LeverView
	lines   *plainLines
	talk    sync.Mutex
}

func (g *game) intro() []string {
	lines := []string{
		"drill " + g.fleet.Scenario().Name + ": " + g.fleet.Scenario().Title,
		"gateway log   " + g.fleet.AccessLog(),
	}
	for _, i := range g.fleet.Instances() {
		lines = append(lines, fmt.Sprintf("%-13s chat %s/v1/chat/completions  metrics %s  controls %s", i.Name, i.URL, i.MetricsURL, i.ControlsURL))
	}
	return append(lines, "token         "+g.fleet.Token()+"  (curl -H \"Authorization: Bearer TOKEN\" CONTROLS)", "journal       "+filepath.Join(g.station.dir, "journal.jsonl"))
}

// play shows the fleet to whoever plays, until the end of the scenario or of the operator's patience.
func (g *game) play(ctx context.Context) error {
	for _, l := range g.intro() {
		g.say("%s", l)
	}
	defer g.announce()()
	if !g.opts.headless {
		return g.console(ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watcher := g.station.desk.Connect()
	defer watcher.Close()
	flown, landed := make(chan error, 1), make(chan struct{})
	if g.opts.autopilot {
		client := g.station.desk.Connect()
		defer client.Close()
		s := g.fleet.Scenario()
		pilot := &autopilot{desk: client, say: g.say, pace: g.opts.pace, patience: s.Patience, knows: s.Knows}
		go func() {
			flown <- pilot.fly(ctx)
			close(landed)
		}()
	} else {
		flown <- nil
	}
	g.lines = &plainLines{desk: watcher, say: g.say}
	err := g.lines.follow(ctx, g.over(ctx, landed), g.look)
	cancel()
	return errors.Join(err, <-flown)
}

// over is closed with the end of the drill: the scenario's or, where its users go on for the autopilot, that of its walk.
func (g *game) over(ctx context.Context, landed <-chan struct{}) <-chan struct{} {
	if g.opts.after <= 0 || !g.opts.autopilot {
		return g.fleet.Done()
	}
	over := make(chan struct{})
	go func() { // play ends its context, and with it this
		defer close(over)
		select {
		case <-landed:
		case <-g.fleet.Done():
		case <-ctx.Done():
		}
	}()
	return over
}

// look notes the bursts and levers of a snapshot for the score.
func (g *game) look(s *desk.Snapshot) {
	for _, b := range s.Bursts {
		if !b.Page {
			continue
		}
		n, known := g.seen[b.ID]
		if !known {
			n = len(g.bursts)
			g.seen[b.ID] = n
			g.bursts = append(g.bursts, drill.SeenBurst{ID: b.ID, DetectedAfter: b.Detected.Sub(g.fleet.Started())})
		}
		if b.Live() || g.bursts[n].Scope == nil {
			g.bursts[n].Scope, g.bursts[n].Class = b.Scope, b.Leading
		}
	}
	g.levers = s.Levers
}

// drillSources follow the fleet as an operator would a stranger's: its log files and its metrics pages.
func drillSources(st *station, f *drill.Fleet) ([]sources.Source, error) {
	var all []sources.Source
	labels := sources.Labels{Gateway: "drill", Env: drillEnvironment}
	for name, path := range map[string]string{"drill-log": f.AccessLog(), "drill-errors": f.ErrorLog()} {
		src, err := tail.New(tail.Options{Name: name, Path: path, FromStart: true, Kit: st.kit, Format: "signalbox", Labels: labels})
		if err != nil {
			return nil, err
		}
		all = append(all, src)
	}
	for _, i := range f.Instances() {
		labels.Instance = i.Name
		src, err := scrape.New(scrape.Options{Name: i.Name + "-metrics", URL: i.MetricsURL, Every: time.Second, Timeout: drillAnswers, Kit: st.kit, Labels: labels})
		if err != nil {
			return nil, err
		}
		all = append(all, src)
	}
	return all, nil
}

// scopeOf copies a scope into the plain map of a wire format.
func scopeOf(s traffic.Scope) map[string]string {
	return maps.Clone(map[string]string(s))
}
