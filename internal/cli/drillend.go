package cli

import (
	"fmt"
	"time"

	"signalbox/internal/desk"
	"signalbox/internal/drill"
	"signalbox/internal/traffic"
)

// drillReport is what --output json prints at the end.
type drillReport struct {
	V        int                    `json:"v"`
	Scenario string                 `json:"scenario"`
	Seed     int64                  `json:"seed"`
	Bursts   []drillBurst           `json:"bursts"`
	Levers   []drillLever           `json:"levers"`
	Requests map[string]drillCounts `json:"requests"`
	Missed   int                    `json:"missed"`
	False    int                    `json:"false"`
	Stood    float64                `json:"stood_still_s"` // how long the machine kept the fleet from running, in all
	Longest  float64                `json:"stood_still_longest_s"`
	Away     int                    `json:"stayed_away"` // users who did not come for it
}

type drillBurst struct {
	Detected float64           `json:"detected_after_s"`
	Scope    map[string]string `json:"scope"`
	Class    string            `json:"class"`
	Expected bool              `json:"expected"`
	Why      string            `json:"why,omitempty"`
}

type drillLever struct {
	Verb      string            `json:"verb"`
	Scope     map[string]string `json:"scope"`
	Requested float64           `json:"requested_s"`
	Applied   *float64          `json:"applied_s"`
	Verified  *float64          `json:"verified_s"`
	Reverted  *float64          `json:"reverted_s"`
	Obeyed    string            `json:"obeyed"` // yes, no, pending or cannot tell, as the levers pane has it
	ObeyedWhy string            `json:"obeyed_why,omitempty"`
	Outcome   string            `json:"outcome"`
}

type drillCounts struct {
	OK     int `json:"ok"`
	Failed int `json:"failed"`
}

// finish scores the drill and prints the end: the table for a human, one object for a script.
func (g *game) finish() error {
	if !g.opts.headless {
		g.parting()
		return nil
	}
	tally := g.fleet.Tally()
	score := g.fleet.Scenario().Score(g.bursts)
	r := drillReport{
		V: 1, Scenario: g.opts.scenario, Seed: g.opts.seed, Bursts: []drillBurst{}, Levers: []drillLever{}, Missed: score.Missed, False: score.False,
		Requests: map[string]drillCounts{
			"interactive": {tally.Interactive.OK, tally.Interactive.Failed},
			"batch":       {tally.Batch.OK, tally.Batch.Failed},
		},
	}
	for _, b := range score.Bursts {
		r.Bursts = append(r.Bursts, drillBurst{b.DetectedAfter.Seconds(), b.Scope, b.Class, b.Expected, b.Why})
	}
	still := g.fleet.Standstill()
	r.Stood, r.Longest, r.Away = still.Total.Seconds(), still.Longest.Seconds(), still.Away
	for i := len(g.levers) - 1; i >= 0; i-- {
		r.Levers = append(r.Levers, g.lever(g.levers[i]))
	}
	if g.opts.output == "json" {
		if err := g.app.json(r); err != nil {
			return err
		}
	} else {
		g.table(r, score)
	}
	if score.Missed+score.False > 0 {
		return errFindings
	}
	return nil
}

func (g *game) lever(l desk.LeverView) drillLever {
	since := func(t time.Time) *float64 {
		if t.IsZero() {
			return nil
		}
		s := t.Sub(g.fleet.Started()).Seconds()
		return &s
	}
	return drillLever{
		Verb: l.Verb, Scope: scopeOf(l.Scope), Requested: *since(l.At), Applied: since(l.AppliedAt), Verified: since(l.ObeyedAt),
		Reverted: since(l.EndedAt), Obeyed: l.Obeyed, ObeyedWhy: safe(l.ObeyedWhy), Outcome: l.Outcome,
	}
}

func (g *game) table(r drillReport, score drill.Score) {
	g.say("")
	g.sayStandstill()
	for _, b := range r.Bursts {
		word := "expected"
		if !b.Expected {
			word = "FALSE"
		}
		g.say("burst %-9s after %4.1f s  %s  %s", word, b.Detected, safe(traffic.Scope(b.Scope).String()), b.Class)
	}
	for _, m := range score.MissedWhat {
		g.say("burst MISSED    %s", m)
	}
	for _, l := range r.Levers {
		g.say("lever %s %s  requested %.1f s  obeyed %s  outcome %s", l.Verb, safe(traffic.Scope(l.Scope).String()), l.Requested,
			spoken(l.Obeyed), orDash(l.Outcome))
	}
	g.say("")
	g.say("%-12s %8s %8s %8s", "requests", "ok", "failed", "failed %")
	for _, name := range []string{"interactive", "batch"} {
		c := r.Requests[name]
		share := 0.0
		if c.OK+c.Failed > 0 {
			share = 100 * float64(c.Failed) / float64(c.OK+c.Failed)
		}
		g.say("%-12s %8d %8d %7.1f%%", name, c.OK, c.Failed, share)
	}
	g.say("%s", fmt.Sprintf("missed %d, false %d", r.Missed, r.False))
}

// parting says where the record of a drill lies.
func (g *game) parting() {
	tally := g.fleet.Tally()
	g.sayStandstill()
	g.say("interactive: %d ok, %d failed; batch: %d ok, %d failed", tally.Interactive.OK, tally.Interactive.Failed, tally.Batch.OK, tally.Batch.Failed)
	for _, l := range g.station.desk.Snapshot().Levers {
		if l.Out {
			g.say("was out    %s, and ended with the drill's fleet; on a real gateway it would be out until %s UTC", safe(l.Title), l.ExpiresAt.UTC().Format("15:04:05"))
		}
	}
	g.station.recorded(g.say)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
