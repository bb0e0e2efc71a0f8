package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signalbox/internal/config"
	"signalbox/internal/desk"
	"signalbox/internal/gateway"
	"signalbox/internal/incident"
	"signalbox/internal/traffic"
)

func (a *app) controlCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "control", Short: "The levers of the configured gateways: describe, read, reach, plan, apply, revert, extend, conform, companion", Args: noArgs, RunE: showHelp,
		Long: "The levers of the configured gateways, from a shell. It is the console's own way: the same plan, the same checks, the\n" +
			"same journal. A lever that is thrown here shows in a console on the same state folder, and the other way round.\n\n" +
			"A scope is written as DIM=VALUE, as in gateway=edge deployment=llm/eu. Nothing is sent before it is confirmed: on a\n" +
			"terminal by y, or by typing the target where that is asked for; in a script by --yes, which takes a --reason.\n\n" +
			"Exit codes: 0 done and reported back; 1 it failed its verification; 2 a wrong command line; 3 a gateway is out of reach;\n" +
			"4 refused, partial or in doubt.",
		Example: "  signalbox control describe\n  signalbox control state\n" +
			"  signalbox control reach model=gpt-4o region=eu-west\n" +
			"  signalbox control plan cap.set gateway=edge deployment=llm/eu --value 20 --ttl 15m\n" +
			"  signalbox control apply cap.set gateway=edge deployment=llm/eu --value 20 --ttl 15m --reason \"502s in eu\" --yes\n" +
			"  signalbox control extend lev-01jd 30m --reason \"still failing\" --yes\n" +
			"  signalbox control revert lev-01jd --reason \"it is over\" --yes",
	}
	c.AddCommand(a.controlDescribeCommand(), a.controlStateCommand(), a.controlReachCommand(), a.controlPlanCommand(), a.controlApplyCommand(),
		a.controlRevertCommand(), a.controlServeEnvoyCommand(), a.controlExtendCommand(), a.controlProbeCommand(), a.controlConformCommand(),
		a.controlCompanionCommand(), a.controlRehearseCommand())
	return c
}

// controlPatience is how long a lever's answer and read-back are waited for: a conversation with a gateway ends by itself
// before that, and another may stand before it.
const controlPatience = 20 * time.Second

// controls is a desk for one command, and its client.
type controls struct {
	*desk.Client
	app     *app
	station *station
}

// control runs one command as a client of a desk on the configured gateways. With a span, it also follows the sources that tell
// of traffic, from that long ago on, so that a plan has numbers and a lever can be seen to be obeyed.
func (a *app) control(ctx context.Context, span time.Duration, do func(ctx context.Context, c *controls) error) error {
	cfg, found, err := a.loadConfig()
	if err != nil {
		return err
	}
	if !found || len(cfg.Gateways) == 0 {
		return &usageError{err: errors.New("no configuration with gateways was found"), try: "name one with -c; signalbox config generate prints one to begin with"}
	}
	st, err := a.openBrief(ctx, cfg)
	if err != nil {
		return err
	}
	if span > 0 {
		if st.sources, err = a.trafficSources(ctx, st, cfg, span); err != nil {
			return errors.Join(err, st.close())
		}
	}
	err = st.run(ctx, func(ctx context.Context) error {
		c := &controls{Client: st.desk.Connect(), app: a, station: st}
		defer c.Close()
		return do(ctx, c)
	})
	return errors.Join(err, st.close())
}

// openBrief opens a station for one command, which belongs to the incident that is open.
func (a *app) openBrief(ctx context.Context, cfg *config.Config) (*station, error) {
	drill := drillsOnly(cfg)
	open, err := a.openIncidentOf(cfg, drill)
	if err != nil {
		return nil, err
	}
	return a.openStation(ctx, plan{cfg: cfg, brief: true, drill: drill, incident: open, sensitivity: sensitivity(cfg)})
}

// drillsOnly tells whether every gateway, and there is one, is a drill's: what is done to them is marked as a drill in the record.
func drillsOnly(cfg *config.Config) bool {
	return len(cfg.Gateways) > 0 && !slices.ContainsFunc(cfg.Gateways, func(g config.Gateway) bool { return g.Env != drillEnvironment })
}

// openIncidentOf gives the newest open incident of the journal, which a lever from a shell belongs to; "" where none is.
func (a *app) openIncidentOf(cfg *config.Config, drill bool) (string, error) {
	dir, err := a.stateFolder(cfg)
	if err != nil {
		return "", err
	}
	entries, err := incident.ReadAll(filepath.Join(dir, incident.FileName))
	if err != nil && !missing(err) && len(entries) == 0 {
		return "", &unreachable{what: "reading the journal", err: err, try: "signalbox incident verify"}
	}
	for _, i := range incident.Fold(entries) {
		if i.Status == incident.StatusOpen && i.Drill == drill {
			return i.ID, nil
		}
	}
	return "", nil
}

// steers tells why a gateway cannot be steered at all; nil: it can, or it is not known here.
func (c *controls) steers(name string) error {
	for _, g := range c.station.gates {
		if g.Name != name {
			continue
		}
		if err := tokenTrouble(g); err != nil {
			return &unreachable{what: "gateway " + name, err: err, try: "signalbox check --live tells of every gateway"}
		}
	}
	return nil
}

// knows tells whether a scope names a gateway of the configuration, or leaves it to the others.
func (c *controls) knows(name string) error {
	if name == "" {
		return nil
	}
	_, err := chosen("gateway", c.station.gates, []string{name}, func(g desk.Gateway) string { return g.Name })
	return err
}

// until waits for a snapshot that holds, and gives the last one that was there.
func (c *controls) until(ctx context.Context, patience time.Duration, holds func(*desk.Snapshot) bool) *desk.Snapshot {
	end := time.NewTimer(patience)
	defer end.Stop()
	for {
		s := c.Snapshot()
		if holds(s) {
			return s
		}
		select {
		case <-c.Changed():
		case <-end.C:
			return c.Snapshot()
		case <-ctx.Done():
			return c.Snapshot()
		}
	}
}

// lever finds a lever by its id or the beginning of it.
func (c *controls) lever(id string) (desk.LeverView, error) {
	var hits, out []desk.LeverView
	for _, l := range c.Snapshot().Levers {
		if l.Out {
			out = append(out, l)
		}
		if l.ID == id {
			hits = []desk.LeverView{l}
			break
		}
		if hasPrefixFold(l.ID, id) || hasPrefixFold(strings.TrimPrefix(l.ID, "lev-"), id) {
			hits = append(hits, l)
		}
	}
	switch len(hits) {
	case 1:
		if !hits[0].Out {
			return desk.LeverView{}, &desk.Refused{What: "lever " + hits[0].Title, Why: "it is not out: it has " + endWord(hits[0].State), Try: leversOut(out)}
		}
		return hits[0], nil
	case 0:
		return desk.LeverView{}, &desk.Refused{What: "lever " + id, Why: "it is not out", Try: leversOut(out)}
	}
	return desk.LeverView{}, &usageError{err: fmt.Errorf("%q is the beginning of %d levers", id, len(hits)), try: "write one more character"}
}

func endWord(state string) string {
	if state == desk.LeverReverted {
		return "been taken back"
	}
	return state
}

func leversOut(out []desk.LeverView) string {
	if len(out) == 0 {
		return "no lever is out: signalbox control state"
	}
	var names []string
	for _, l := range out[:min(len(out), maxNamed)] {
		names = append(names, l.ID+" ("+l.Title+")")
	}
	return "these are out: " + strings.Join(names, ", ")
}

// wanted is a lever as the command line names it.
type wanted struct {
	verb, value, reason string
	scope               traffic.Scope
	ttl                 time.Duration
}

// flags are those that plan and apply share.
func (w *wanted) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&w.value, "value", "", "what it is set to: a number, a share of what is in force as 50%, a name, or JSON")
	f.DurationVar(&w.ttl, "ttl", desk.DefaultTTL, fmt.Sprintf("when it ends by itself; at most %s", desk.MaxTTL))
	f.StringVar(&w.reason, "reason", "", "why, for the record and for whoever finds the lever out")
}

// read takes the verb and the words of the scope.
func (w *wanted) read(args []string) error {
	w.verb = args[0]
	if !slices.Contains(gateway.Verbs(), gateway.Verb(w.verb)) {
		return &usageError{err: fmt.Errorf("there is no lever %q", w.verb), try: "one of " + verbNames() + "; signalbox control describe tells which a gateway has"}
	}
	var err error
	if w.scope, err = readScope(args[1:]); err != nil {
		return err
	}
	if w.ttl <= 0 || w.ttl > desk.MaxTTL {
		return &usageError{err: fmt.Errorf("--ttl %s is no deadline of a lever", w.ttl), try: fmt.Sprintf("more than 0 and at most %s; control extend moves it later", desk.MaxTTL)}
	}
	return nil
}

// readScope takes the words of a scope.
func readScope(words []string) (traffic.Scope, error) {
	scope := traffic.Scope{}
	for _, word := range words {
		dim, value, ok := strings.Cut(word, "=")
		_, known := traffic.ParseDim(dim)
		switch {
		case !ok || value == "" || !known:
			return nil, &usageError{err: fmt.Errorf("%q is not DIM=VALUE", word), try: "gateway=edge deployment=llm/eu; the dimensions are " + dimNames()}
		case scope[dim] != "":
			return nil, &usageError{err: fmt.Errorf("%s is named twice", dim), try: "one lever for each"}
		}
		scope[dim] = value
	}
	return scope, nil
}

// raw gives the value as JSON; what is none is a text.
func (w *wanted) raw() json.RawMessage {
	if w.value == "" {
		return nil
	}
	if json.Valid([]byte(w.value)) {
		return json.RawMessage(w.value)
	}
	raw, err := json.Marshal(w.value)
	if err != nil {
		return nil
	}
	return raw
}

func verbNames() string {
	var names []string
	for _, v := range gateway.Verbs() {
		names = append(names, string(v))
	}
	return strings.Join(names, ", ")
}

func dimNames() string {
	var names []string
	for d := traffic.Dim(0); d < traffic.NumDims; d++ {
		names = append(names, d.String())
	}
	return strings.Join(names, ", ")
}

// reached tells a gateway that could not be asked from one that refused.
func reached(what string, err error) error {
	var refused *desk.Refused
	if err == nil || errors.As(err, &refused) || errors.Is(err, incident.ErrUnwritable) || errors.Is(err, context.Canceled) {
		return err
	}
	return &unreachable{what: what, err: err, try: "signalbox control state"}
}
