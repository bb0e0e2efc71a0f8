package cli

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signalbox/internal/desk"
	"signalbox/internal/gateway"
	"signalbox/internal/traffic"
)

type jsonReaching struct {
	V      int               `json:"v"`
	Scope  map[string]string `json:"scope"`
	Gaps   []string          `json:"gaps"` // what keeps more from being said
	Levers []reachedLever    `json:"levers"`
}

// reachedLever is one lever that reaches the scope.
type reachedLever struct {
	Word    string            `json:"word"` // can, nearest, by force, not now, cannot
	Gateway string            `json:"gateway"`
	Verb    string            `json:"verb"`
	Scope   map[string]string `json:"scope"` // what a plan of it names
	Moves   string            `json:"moves"` // how far it reaches
	Fitness string            `json:"fitness"`
	Does    string            `json:"does,omitempty"`
	Not     string            `json:"not,omitempty"` // why it cannot be thrown now
	Try     string            `json:"try,omitempty"`
	Force   string            `json:"force,omitempty"` // why it must be forced
	Mind    []string          `json:"mind"`
	Plan    string            `json:"plan,omitempty"` // the command that plans it
}

const (
	// reachSpan is how far back the sources are read for what a scope's requests go through: that of the console.
	reachSpan = 15 * time.Minute
	// reachPatience is how long the snapshot with what was read and looked at is waited for.
	reachPatience = 5 * time.Second
)

func (a *app) controlReachCommand() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use: "reach DIM=VALUE...", Short: "What could be thrown for a model, a region or a deployment, on all gateways, and why not", Args: wantArgs(1, -1),
		Long: "Lists every lever that reaches the requests of a scope, on all gateways that they went through in the last 15 minutes, from\n" +
			"narrow to wide: what could be planned now, what the gateway has only something like, what must be forced, what cannot be\n" +
			"thrown now and what to do about it, and last what a gateway cannot do at all. It is what w shows in the console.\n" +
			"It reads the gateways and the sources, and changes nothing. Exit code 3 when an instance does not answer.",
		Example: "  signalbox control reach model=gpt-4o region=eu-west\n  signalbox control reach workload=batch --output json",
		RunE: func(c *cobra.Command, args []string) error {
			scope, err := readScope(args)
			if err != nil {
				return err
			}
			return a.control(c.Context(), reachSpan, func(ctx context.Context, d *controls) error { return d.reach(ctx, scope, output) })
		},
	}
	outputFlag(c, &output)
	return c
}

func (c *controls) reach(ctx context.Context, scope traffic.Scope, output string) error {
	if err := c.knows(scope["gateway"]); err != nil {
		return err
	}
	c.hear(ctx)
	r, err := c.Do(ctx, desk.Look{})
	if err != nil {
		return err
	}
	now := time.Now()
	s := c.until(ctx, reachPatience, func(s *desk.Snapshot) bool { return s.At.Sub(now) > time.Second }) // the grid is made once a second
	all := desk.ReachOf(s, scope, time.Now())
	out := jsonReaching{V: 1, Scope: scopeOf(scope), Gaps: safeAll(all.Gaps), Levers: []reachedLever{}}
	if names := unseen(s, scope); names != "" {
		out.Gaps = append([]string{safe(names)}, out.Gaps...)
	}
	for i := range all.Levers {
		if x := &all.Levers[i]; scope["gateway"] == "" || x.Gateway == scope["gateway"] {
			out.Levers = append(out.Levers, reachedOf(x))
		}
	}
	if output == "json" {
		err = c.app.json(out)
	} else {
		err = c.app.printReaching(out)
	}
	for _, g := range r.Gateways {
		g := stateOf(g)
		if away := g.away(); err == nil && away != nil && (scope["gateway"] == "" || g.Name == scope["gateway"]) {
			return away
		}
	}
	return err
}

// unseen says which label of a scope no request of late had, with those that are most like it.
func unseen(s *desk.Snapshot, scope traffic.Scope) string {
	seen := map[string][]string{"model": s.Grid.Models, "region": s.Grid.Regions}
	for _, dim := range []string{"model", "region"} {
		if v, names := scope[dim], seen[dim]; v != "" && len(names) > 0 && !slices.Contains(names, v) {
			return "no request of late had " + dim + "=" + v + "; seen were " + gateway.OneOf(gateway.Near(v, names))
		}
	}
	return ""
}

func reachedOf(x *desk.Reach) reachedLever {
	l := reachedLever{
		Word: x.Word(), Gateway: safe(x.Gateway), Verb: x.Verb, Scope: scopeOf(x.Scope), Moves: safe(x.Whole), Fitness: x.Fitness, Does: safe(x.Why),
		Not: safe(x.Not), Try: safe(x.Try), Force: safe(x.Force), Mind: safeAll(x.Mind),
	}
	if l.Moves == "?" {
		l.Moves = ""
	}
	if l.Word == desk.ReachCannot || l.Word == desk.ReachNotNow {
		return l
	}
	words := []string{"signalbox", "control", "plan", x.Verb}
	for _, dim := range slices.Sorted(maps.Keys(x.Scope)) {
		words = append(words, safe(dim+"="+x.Scope[dim]))
	}
	if v := sampleValue[gateway.Verb(x.Verb)]; v != "" {
		words = append(words, "--value", v)
	}
	l.Plan = gateway.Line(words)
	return l
}

// sampleValue is what a lever may be set to, to begin with.
var sampleValue = map[gateway.Verb]string{
	gateway.CapSet: "50%", gateway.ShedSet: "50", gateway.RouteForce: "TARGET", gateway.RetrySet: `{"max_attempts":1}`,
}

func (a *app) printReaching(r jsonReaching) error {
	p := printer{w: a.Out}
	for _, g := range r.Gaps {
		p.line("?         %s", g)
	}
	for _, l := range r.Levers {
		target := ""
		for _, dim := range slices.Sorted(maps.Keys(l.Scope)) {
			if dim != "gateway" {
				target += " " + dim + "=" + l.Scope[dim]
			}
		}
		p.line("%-9s %s%s on %s", l.Word, l.Verb, target, l.Gateway)
		if l.Word == desk.ReachCannot {
			p.line("          why   %s", l.Does)
			continue
		}
		for _, t := range []struct{ what, text string }{
			{"not", l.Not}, {"try", l.Try}, {"force", l.Force}, {"moves", l.Moves}, {"does", l.Does}, {"mind", strings.Join(l.Mind, "; ")}, {"plan", l.Plan},
		} {
			if t.text != "" {
				p.line("          %-5s %s", t.what, t.text)
			}
		}
	}
	if len(r.Levers) == 0 {
		p.line("no lever reaches it")
	}
	return p.err
}
