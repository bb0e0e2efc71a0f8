package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"signalbox/internal/config"
	"signalbox/internal/desk"
	"signalbox/internal/gateway"
)

type jsonDescription struct {
	V        int             `json:"v"`
	Gateways []describedGate `json:"gateways"`
}

// describedGate is one gateway and what each of its levers can do.
type describedGate struct {
	Name      string            `json:"name"`
	Kind      string            `json:"kind"`
	Env       string            `json:"env"`
	Levers    bool              `json:"levers"`
	Why       string            `json:"why,omitempty"` // why there are none, or none now
	Confirm   string            `json:"confirm"`
	Instances []string          `json:"instances"`
	Asked     []instanceLine    `json:"asked"` // what each instance answered; empty: it was not asked
	Heard     bool              `json:"heard"` // an instance answered, so that the abilities are those of what runs there
	Abilities []gateway.Ability `json:"abilities"`

	unheard string // why no instance answered; empty: it was not asked, or it was heard
}

// describePatience bounds how long the gateways are asked for what they are. All are asked at once.
const describePatience = 10 * time.Second

func (a *app) controlDescribeCommand() *cobra.Command {
	var output string
	var offline bool
	c := &cobra.Command{
		Use: "describe [GATEWAY]...", Short: "What each gateway can do, and how well", Args: wantArgs(0, -1),
		Long: "Says of each lever whether the gateway has it, something near it, or nothing like it, and what it hits. What runs there decides\n" +
			"that (whether a LiteLLM has the companion or a database, which controls a gateway lists), so each gateway is read first.\n" +
			"Of one that does not answer, and of all with --offline, it says what the configuration alone tells.",
		RunE: func(c *cobra.Command, args []string) error {
			return a.controlDescribe(c.Context(), args, offline, output)
		},
	}
	outputFlag(c, &output)
	c.Flags().BoolVar(&offline, "offline", false, "ask no gateway")
	return c
}

func (a *app) controlDescribe(ctx context.Context, names []string, offline bool, output string) error {
	cfg, _, err := a.loadConfig()
	if err != nil {
		return err
	}
	ways := waysOf(cfg)
	defer ways.close()
	all, err := a.gateways(ctx, cfg, ways, func(string) {})
	if err != nil {
		return err
	}
	all, err = chosen("gateway", all, names, func(g desk.Gateway) string { return g.Name })
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, describePatience, fmt.Errorf("it did not answer within %s", describePatience))
	defer cancel()
	out := jsonDescription{V: 1, Gateways: make([]describedGate, len(all))}
	var wg sync.WaitGroup
	for i, g := range all {
		wg.Go(func() { out.Gateways[i] = a.describeGate(ctx, g, offline) })
	}
	wg.Wait()
	if output == "json" {
		return a.json(out)
	}
	return a.printDescription(out.Gateways)
}

// chosen picks the gateways, or what else there is, that were named; without a name, all.
func chosen[G any](what string, all []G, names []string, name func(G) string) ([]G, error) {
	if len(names) == 0 {
		return all, nil
	}
	var out []G
	for _, want := range names {
		i := slices.IndexFunc(all, func(g G) bool { return name(g) == want })
		if i < 0 {
			var have []string
			for _, g := range all {
				have = append(have, name(g))
			}
			return nil, &usageError{err: fmt.Errorf("there is no %s %q", what, want), try: oneOfNames(want, have)}
		}
		out = append(out, all[i])
	}
	return out, nil
}

// oneOfNames says which names there are, and which of them was most likely meant.
func oneOfNames(want string, have []string) string {
	if near := config.Nearest(want, have); near != "" && len(have) > 1 {
		return near + "? There are " + strings.Join(have, ", ")
	}
	return "one of " + strings.Join(have, ", ")
}

func (a *app) describeGate(ctx context.Context, g desk.Gateway, offline bool) describedGate {
	d := describedGate{Name: g.Name, Kind: g.Kind, Env: g.Env, Confirm: "plain", Instances: []string{}, Asked: []instanceLine{}, Abilities: []gateway.Ability{}}
	if g.Typed {
		d.Confirm = "typed"
	}
	switch {
	case g.Driver == nil:
		d.Why = g.WhyNot
		return d
	case g.ReadOnly:
		d.Why = "environment " + g.Env + " is read-only in the configuration"
	case a.g.readOnly:
		d.Why = "--read-only"
	}
	trouble := tokenTrouble(g)
	if trouble != nil {
		d.Why = trouble.Error()
	}
	if trouble == nil && !offline {
		d.ask(ctx, g.Driver)
	}
	desc := g.Driver.Describe()
	d.Levers, d.Instances = d.Why == "", append(d.Instances, desc.Instances...)
	for _, v := range gateway.Verbs() {
		d.Abilities = append(d.Abilities, desc.Ability(v))
	}
	return d
}

// ask reads a gateway: some know only then which levers they have.
func (d *describedGate) ask(ctx context.Context, drv gateway.Driver) {
	st, err := drv.Read(ctx)
	if err != nil {
		d.unheard = err.Error()
	}
	for _, i := range st.Instances {
		d.Asked = append(d.Asked, instanceLine{Name: safe(i.Name), Reachable: i.Reachable, Err: safe(i.Err)})
		d.Heard = d.Heard || i.Reachable
	}
	if !d.Heard && d.unheard == "" {
		d.unheard = "no instance answers"
	}
}

func (a *app) printDescription(all []describedGate) error {
	p := printer{w: a.Out}
	for i, g := range all {
		if i > 0 {
			p.line("")
		}
		p.line("%s  %s  %s  confirm: %s  %s", safe(g.Name), g.Kind, safe(g.Env), g.Confirm, safe(strings.Join(g.Instances, " ")))
		if g.Why != "" {
			p.line("  %s", safe(noLevers(g.Why)))
		}
		for _, i := range g.Asked {
			if !i.Reachable {
				p.line("%s", i.words())
			}
		}
		switch {
		case g.unheard != "":
			p.line("  not heard: %s; what its kind can do, by the configuration:", safe(g.unheard))
		case !g.Heard && len(g.Abilities) > 0:
			p.line("  not asked; what its kind can do, by the configuration:")
		}
		for i := 0; i+1 < len(g.Abilities); i += 2 {
			on, off := g.Abilities[i], g.Abilities[i+1]
			p.line("  %-15s %-10s %s", on.Verb, on.Fitness, safe(abilityWords(on, off)))
		}
	}
	if len(all) == 0 {
		p.line("no gateway is configured")
	}
	return p.err
}

// noLevers words why nothing can be thrown; what cannot be steered says so itself.
func noLevers(why string) string {
	if strings.HasPrefix(why, unsteered) {
		return why
	}
	return "no levers: " + why
}

// abilityWords says what a lever hits, what becomes of the excess, who ends it and what to know of it.
func abilityWords(on, off gateway.Ability) string {
	if on.Fitness == gateway.Impossible {
		return on.Why
	}
	var parts []string
	switch {
	case len(on.Dims) > 0:
		parts = append(parts, "on a "+strings.Join(on.Dims, " or "))
	default:
		parts = append(parts, "on the whole gateway")
	}
	if on.Excess != "" {
		parts = append(parts, "excess: "+string(on.Excess))
	}
	if on.Holder == gateway.HeldByConsole {
		parts = append(parts, "NOT self-reverting")
	} else if on.Holder != "" {
		parts = append(parts, "the "+on.Holder+" ends it")
	}
	parts = append(parts, "back by "+string(off.Verb))
	if on.Why != "" {
		parts = append(parts, on.Why)
	}
	return strings.Join(parts, "; ")
}
