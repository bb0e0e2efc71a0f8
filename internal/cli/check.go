package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signalbox/internal/config"
	"signalbox/internal/desk"
)

// The states of one check.
const (
	checkOK   = "ok"
	checkNote = "note" // to know; the exit code stays 0
	checkBad  = "bad"  // exit code 1
	checkAway = "away" // exit code 3
)

// checkLine is one thing that was looked at before a shift.
type checkLine struct {
	What  string `json:"what"` // gateway, instance, source, clock, disk, journal, runbooks, token
	Name  string `json:"name"`
	State string `json:"state"`
	Text  string `json:"text"`
	Try   string `json:"try,omitempty"`
}

type jsonChecks struct {
	V      int         `json:"v"`
	OK     bool        `json:"ok"`
	Checks []checkLine `json:"checks"`
}

// inspection is one run of check --live.
type inspection struct {
	app   *app
	cfg   *config.Config
	wait  time.Duration
	lines []checkLine
}

func (i *inspection) add(what, name, state, try, format string, args ...any) {
	i.lines = append(i.lines, checkLine{What: what, Name: safe(name), State: state, Text: safe(fmt.Sprintf(format, args...)), Try: safe(try)})
}

func (a *app) checkCommand() *cobra.Command {
	var live bool
	var output string
	var wait time.Duration
	c := &cobra.Command{
		Use: "check --live", Short: "Before a shift: gateways, tokens, read-back, sources, clocks, disk, journal and runbooks, one line each", Args: noArgs,
		Long: "Asks every gateway and source of the configuration, changes nothing, and says in one line each what works and what does\n" +
			"not. Exit code 0: all is well; 1: something should be mended; 3: a gateway or source is out of reach.",
		Example: "  signalbox check --live -c signalbox.yaml",
		RunE: func(c *cobra.Command, _ []string) error {
			if !live {
				return &usageError{err: errors.New("check asks gateways and sources: say so with --live"), try: "signalbox check --live, or signalbox config check to read the configuration alone"}
			}
			return a.checkLive(c.Context(), wait, output)
		},
	}
	outputFlag(c, &output)
	c.Flags().BoolVar(&live, "live", false, "ask the gateways and sources")
	c.Flags().DurationVar(&wait, "wait", 5*time.Second, "how long to wait for the sources")
	return c
}

func (a *app) checkLive(ctx context.Context, wait time.Duration, output string) error {
	cfg, found, err := a.loadConfig()
	if err != nil {
		return err
	}
	if !found {
		return &usageError{err: errors.New("no configuration was found"), try: "name one with -c; signalbox config generate prints one to begin with"}
	}
	i := &inspection{app: a, cfg: cfg, wait: wait}
	i.runbooks()
	dir, err := a.stateFolder(cfg)
	if err != nil {
		return err
	}
	if i.disk(dir) {
		i.journal(dir)
		if err := i.live(ctx); err != nil {
			return err
		}
	}
	i.clocks(ctx)
	return i.tell(output)
}

// live runs a desk on the gateways and sources, and looks at what it learns of them.
func (i *inspection) live(ctx context.Context) error {
	st, err := i.app.openStation(ctx, plan{cfg: i.cfg, brief: true})
	if err != nil {
		return err
	}
	locked := i.tokens(st.gates)
	st.sources = i.sources(ctx, st)
	err = st.run(ctx, func(ctx context.Context) error {
		c := &controls{Client: st.desk.Connect(), app: i.app, station: st}
		defer c.Close()
		r, err := c.Do(ctx, desk.Look{})
		if err != nil {
			return err
		}
		for _, g := range r.Gateways {
			if !locked[g.Name] { // that one was told with its token
				i.gateway(g)
			}
		}
		i.levers(c.Snapshot())
		i.heard(ctx, c)
		return nil
	})
	var away *unreachable
	if errors.As(err, &away) { // a source that ended by an error: it is told as a line
		i.add("source", away.what, checkAway, away.try, "%v", away.err)
		err = nil
	}
	return errors.Join(err, st.close())
}

// tokens tells of each gateway's token, and which gateways are out of control without it.
func (i *inspection) tokens(gates []desk.Gateway) (locked map[string]bool) {
	locked = make(map[string]bool)
	for _, g := range gates {
		k, ok := g.Driver.(*keyed)
		if !ok {
			continue
		}
		if err := tokenTrouble(g); err != nil {
			locked[g.Name] = true
			i.add("token", g.Name, checkBad, "see the gateway's token and tls in the configuration", "%v", err)
			continue
		}
		if k.token != nil {
			i.add("token", g.Name, checkOK, "", "is there (%s)", k.token.from)
		}
		i.certificate(g.Name, k.tls)
	}
	return locked
}

// certificate tells whose client certificate is shown to a gateway, and for how long it is good.
func (i *inspection) certificate(gateway string, t config.TLS) {
	_, leaf, err := t.Load(time.Now())
	if err != nil || leaf == nil {
		return
	}
	left := time.Until(leaf.NotAfter)
	state, try := checkOK, ""
	if left < min(soonEnded, leaf.NotAfter.Sub(leaf.NotBefore)/4) {
		state, try = checkNote, "renew it; the new one is used without a restart"
	}
	i.add("tls", gateway, state, try, "client certificate of %s, good until %s", leaf.Subject, stamp(leaf.NotAfter))
}

// soonEnded is how long before its end a client certificate is told of, or a quarter of its life where that is less.
const soonEnded = 7 * 24 * time.Hour

// gateway tells of one gateway and each of its instances.
func (i *inspection) gateway(g desk.GatewayState) {
	if !g.Levers {
		i.add("gateway", g.Name, checkNote, "", "%s, %s: %s", g.Kind, g.Env, orWords(g.WhyNot, "no levers"))
		return
	}
	up, changed, drift := 0, 0, ""
	for _, in := range g.Instances {
		if in.Reachable {
			up++
			i.add("instance", g.Name+"/"+in.Name, checkOK, "", "answers, %s read", counted(controlsOf(g, in.Name), "control"))
			continue
		}
		i.add("instance", g.Name+"/"+in.Name, checkAway, "see its address and token in the configuration, and the gateway itself", "%s", orWords(in.Err, "does not answer"))
	}
	for _, c := range g.Controls {
		if c.Changed {
			changed++
		}
		if c.Drift != "" && drift == "" {
			drift = c.ID + " on " + c.Instance + ": " + c.Drift
		}
	}
	can := 0
	for _, v := range g.Abilities {
		if v.Fitness != "impossible" {
			can++
		}
	}
	text := fmt.Sprintf("%s, %s: %d of %d instances answer, %d levers, %d controls away from base", g.Kind, g.Env, up, len(g.Instances), can, changed)
	switch {
	case drift != "":
		i.add("gateway", g.Name, checkNote, "signalbox control state tells all", "%s; %s", text, drift)
	case up > 0 && len(g.Controls) == 0:
		i.add("gateway", g.Name, checkBad, "docs/gateways.md tells what the gateway's configuration needs", "%s; it has no control that a lever could move", text)
	default:
		i.add("gateway", g.Name, checkOK, "", "%s", text)
	}
}

func controlsOf(g desk.GatewayState, instance string) (n int64) {
	for _, c := range g.Controls {
		if c.Instance == instance {
			n++
		}
	}
	return n
}

// levers tells what is out at the beginning of the shift.
func (i *inspection) levers(s *desk.Snapshot) {
	for _, l := range s.Levers {
		switch {
		case !l.Out:
		case l.State == desk.LeverInDoubt || l.State == desk.LeverPartial || l.Drift != "":
			i.add("lever", l.ID, checkBad, "signalbox control state; signalbox control revert "+l.ID, "%s is %s by %s; %s", l.Title, l.State, l.By, orWords(l.Drift, l.Err))
		case !l.SelfEnds:
			i.add("lever", l.ID, checkNote, i.app.dueCommand(""), "%s is out by %s until %s and NOT self-reverting", l.Title, l.By, stamp(l.ExpiresAt))
		default:
			i.add("lever", l.ID, checkNote, "", "%s is out by %s until %s", l.Title, l.By, stamp(l.ExpiresAt))
		}
	}
}

// tell prints the lines and gives the exit code.
func (i *inspection) tell(output string) error {
	worst := map[string]int{}
	for _, l := range i.lines {
		worst[l.State]++
	}
	var err error
	if output == "json" {
		err = i.app.json(jsonChecks{V: 1, OK: worst[checkBad]+worst[checkAway] == 0, Checks: i.lines})
	} else {
		p := printer{w: i.app.Out}
		for _, l := range i.lines {
			p.line("%-5s %-9s %-24s %s", strings.ToUpper(l.State), l.What, l.Name, l.Text)
			if l.Try != "" {
				p.line("      try: %s", l.Try)
			}
		}
		err = p.err
	}
	switch {
	case err != nil:
		return err
	case worst[checkAway] > 0:
		return &unreachable{what: "before the shift", err: fmt.Errorf("%d of %d checks found something out of reach", worst[checkAway], len(i.lines)), try: "the lines that begin with AWAY"}
	case worst[checkBad] > 0:
		return errFindings
	}
	return nil
}
