package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signalbox/internal/config"
	"signalbox/internal/desk"
	"signalbox/internal/traffic"
	"signalbox/sources"
	"signalbox/sources/tail"
)

type jsonPlan struct {
	V       int             `json:"v"`
	Plan    json.RawMessage `json:"plan"`
	Blast   string          `json:"blast"`
	Excess  string          `json:"excess"`
	Ends    string          `json:"ends"`
	Confirm string          `json:"confirm"`
	Phrase  string          `json:"phrase,omitempty"`
	Force   []string        `json:"force,omitempty"` // why it must be forced
	Do      []string        `json:"do"`
	Undo    []string        `json:"undo"`
	Caveats []string        `json:"caveats"`
}

func (a *app) controlPlanCommand() *cobra.Command {
	var w wanted
	var output string
	c := &cobra.Command{
		Use: "plan VERB DIM=VALUE...", Short: "What a lever would do: difference, blast radius, deadline, undo; changes nothing", Args: wantArgs(1, -1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := w.read(args); err != nil {
				return err
			}
			if strings.TrimSpace(w.reason) == "" {
				w.reason = "a look with signalbox control plan" // a gateway may want one even of a dry run
			}
			return a.control(c.Context(), heardSpan, func(ctx context.Context, d *controls) error {
				v, err := d.plan(ctx, w)
				if err != nil {
					return err
				}
				if output == "json" {
					return a.json(planJSON(v))
				}
				p := printer{w: a.Out}
				printPlan(&p, v)
				return p.err
			})
		},
	}
	outputFlag(c, &output)
	w.flags(c)
	return c
}

// plan asks the desk for a plan once there is something to say of the traffic.
func (c *controls) plan(ctx context.Context, w wanted) (*desk.PlanView, error) {
	if err := cmp.Or(c.knows(w.scope["gateway"]), c.steers(w.scope["gateway"])); err != nil {
		return nil, err
	}
	c.hear(ctx)
	r, err := c.Do(ctx, desk.PlanLever{Verb: w.verb, Scope: w.scope, Value: w.raw(), TTL: w.ttl, Reason: w.reason, Exact: true})
	if err != nil {
		return nil, reached("planning "+w.verb, err)
	}
	return r.Plan, nil
}

const (
	// heardSpan is how far back the sources are read for the blast radius of a plan: twice what is counted.
	heardSpan = 2 * time.Minute
	// hearing is how long the sources may take for that; a plan without numbers is better than none.
	hearing = 3 * time.Second
)

// hear waits until every source has told something, or cannot.
func (c *controls) hear(ctx context.Context) {
	want := len(c.station.sources)
	if want == 0 {
		return
	}
	c.until(ctx, hearing, func(s *desk.Snapshot) bool {
		told := 0
		for _, src := range s.Sources {
			if src.Health != "" && src.Health != string(traffic.Starting) {
				told++
			}
		}
		return told >= want
	})
}

// trafficSources are those of the configuration that tell of traffic and that two processes may read at once: a
// console beside this one listens on the addresses that logs are sent to.
func (a *app) trafficSources(ctx context.Context, st *station, cfg *config.Config, since time.Duration) ([]sources.Source, error) {
	o := watchOptions{format: "auto", zone: "UTC", ledger: tail.NewLedger(), in: time.UTC}
	o.since = since.String()
	if err := o.settle(o.in, time.Now()); err != nil {
		return nil, err
	}
	var all []sources.Source
	for _, s := range cfg.Sources {
		if s.Kind == config.SourceOTLP || !tellsOfTraffic(s) || s.Path == "-" {
			continue
		}
		src, err := a.source(ctx, st, cfg, s, o)
		if err != nil {
			return nil, err
		}
		all = append(all, src)
	}
	return all, nil
}

func planJSON(v *desk.PlanView) jsonPlan {
	return jsonPlan{
		V: 1, Plan: rawValue(v.Whole), Blast: safe(v.Blast), Excess: v.Excess, Ends: safe(v.Deadline), Confirm: v.Confirm, Phrase: safe(v.Phrase), Force: v.Force,
		Do: safeAll(v.Calls), Undo: safeAll(v.Undo), Caveats: safeAll(v.Caveats),
	}
}

// printPlan prints a plan as the console's dialog shows it.
func printPlan(p *printer, v *desk.PlanView) {
	p.line("plan      %s on %s (%s)", safe(v.Title), safe(v.Gateway), safe(v.Env))
	for _, d := range v.Diff {
		p.line("  %-16s %s: %s -> %s", safe(d.Instance), safe(d.Control), safe(d.Before), safe(d.After))
	}
	for _, l := range []struct{ what, text string }{{"touches", v.Blast}, {"excess", v.Excess}, {"ends", v.Deadline}} {
		if l.text != "" {
			p.line("%-9s %s", l.what, safe(l.text))
		}
	}
	for _, c := range v.Caveats {
		p.line("CAUTION   %s", safe(c))
	}
	for _, c := range v.Calls {
		p.line("by hand   %s", safe(c))
	}
	for _, c := range v.Undo {
		p.line("undo      %s", safe(c))
	}
	if v.Confirm == desk.ConfirmTyped {
		p.line("confirm   by typing %s", safe(v.Phrase))
	}
}
