package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"signalbox/internal/config"
	"signalbox/internal/desk"
	"signalbox/internal/gateway"
)

// jsonReverted is what came of taking a lever back.
type jsonReverted struct {
	V        int    `json:"v"`
	ID       string `json:"id"`
	Reverted bool   `json:"reverted"`
	Reported bool   `json:"reported"` // the values from before are read back
	State    string `json:"state"`
	Err      string `json:"err,omitempty"`
}

type revertOptions struct {
	sure
	reason, output string
	due            bool
}

func (a *app) controlRevertCommand() *cobra.Command {
	var o revertOptions
	c := &cobra.Command{
		Use: "revert ID", Short: "Take a lever back to the values that were read before it", Args: wantArgs(0, 1),
		Long: "Takes a lever back, from the journal alone: the process that threw it need not be running. An ID may be shortened to\n" +
			"any unambiguous beginning, with or without lev-.\n\n" +
			"--due, for a timer, takes back every lever whose deadline has passed and that the gateway does not end by itself. It\n" +
			"does nothing, and says nothing, where none is due.",
		Example: "  signalbox control revert lev-01jd --reason \"it is over\" --yes\n  signalbox control revert --due",
		RunE: func(c *cobra.Command, args []string) error {
			if o.due != (len(args) == 0) {
				return &usageError{err: errors.New("revert takes one ID, or --due"), try: "signalbox control state lists what is out"}
			}
			if o.due {
				return a.control(c.Context(), 0, func(ctx context.Context, d *controls) error { return d.revertDue(ctx, o.output) })
			}
			if err := o.check(a); err != nil {
				return err
			}
			return a.control(c.Context(), 0, func(ctx context.Context, d *controls) error { return d.revert(ctx, args[0], o) })
		},
	}
	outputFlag(c, &o.output)
	c.Flags().StringVar(&o.reason, "reason", "", "why, for the record")
	c.Flags().BoolVar(&o.due, "due", false, "take back what is past its deadline and held by no gateway")
	o.flags(c, &o.reason)
	return c
}

func (c *controls) revert(ctx context.Context, id string, o revertOptions) error {
	l, err := c.lever(id)
	if err == nil {
		err = c.steers(l.Gateway)
	}
	if err != nil {
		return err
	}
	if _, err := c.Do(ctx, desk.Look{}); err != nil { // the plan shows what is in force now
		return err
	}
	r, err := c.Do(ctx, desk.PlanRevert{Lever: l.ID, Reason: o.reason})
	if err != nil {
		return reached("planning the undo", err)
	}
	if err := o.ask(c.app, r.Plan.Phrase, func(p *printer) { printPlan(p, r.Plan) }); err != nil {
		_, derr := c.Do(ctx, desk.Decline{Plan: r.Plan.ID})
		return errors.Join(err, derr)
	}
	if _, err := c.Do(ctx, desk.Throw{Plan: r.Plan.ID, Typed: r.Plan.Phrase}); err != nil {
		return reached("taking back "+l.Title, err)
	}
	return c.takenBack(ctx, l, o.output)
}

// takenBack waits for the undo's answer and read-back, and prints what came of it.
func (c *controls) takenBack(ctx context.Context, l desk.LeverView, output string) error {
	s := c.until(ctx, controlPatience, func(s *desk.Snapshot) bool {
		now := leverIn(s, l.ID)
		return !now.Asking && now.State != desk.LeverReverting && (now.Out || now.Reported != desk.Pending)
	})
	now := leverIn(s, l.ID)
	reported := now.State == desk.LeverReverted && now.Reported == desk.Yes
	var err error
	if output == "json" {
		err = c.app.json(jsonReverted{V: 1, ID: l.ID, Reverted: now.State == desk.LeverReverted, Reported: reported, State: now.State, Err: safe(now.Err)})
	} else {
		p := printer{w: c.app.Out}
		p.line("%s  %s  %s, read back: %s", l.ID, safe(l.Title), now.State, now.Reported)
		err = p.err
	}
	switch {
	case err != nil:
		return err
	case now.State != desk.LeverReverted && now.State != desk.LeverInDoubt && now.State != desk.LeverReverting:
		return &desk.Refused{What: "undo of " + l.Title, Why: orWords(now.Err, "it was not sent"), Try: "signalbox control state"}
	case now.State != desk.LeverReverted:
		return &desk.Refused{What: "undo of " + l.Title, Why: "it is in doubt: " + orWords(now.Err, "the gateway has not answered"), Try: "signalbox control state reads it back; do not repeat it before"}
	case !reported:
		return fmt.Errorf("%s was taken back, but the gateway does not report the values from before: %s", l.Title, orWords(now.Drift, "it was not read again in time"))
	}
	return nil
}

// revertDue takes back what is past its deadline. All of them are tried; the first thing that went wrong is the exit code.
func (c *controls) revertDue(ctx context.Context, output string) error {
	var first error
	for _, l := range c.Snapshot().Levers {
		if !l.Out || l.SelfEnds || l.ExpiresAt.IsZero() || time.Now().Before(l.ExpiresAt) {
			continue
		}
		err := c.steers(l.Gateway)
		if err == nil {
			_, err = c.Do(ctx, desk.Revert{Lever: l.ID, Reason: "deadline reached; taken back by control revert --due", Due: true})
		}
		if err == nil {
			err = c.takenBack(ctx, l, output)
		}
		if err = reached("taking back "+l.Title, err); err != nil && first != nil {
			_, try := verdict(err)
			c.app.complain(err, try)
		} else if err != nil {
			first = err
		}
	}
	return first
}

// dueCommand is the line for a timer that ends console-held levers on time.
func (a *app) dueCommand(dir string) string {
	line := "signalbox control revert --due"
	if a.found != "" { // a timer does not run in the folder in which it was found
		line += " -c " + gateway.Word(absolute(a.found))
	}
	if home, _ := os.UserHomeDir(); dir != "" && dir != config.DefaultStateDir(os.Getenv, home) {
		line += " --state-dir " + gateway.Word(absolute(dir))
	}
	return line
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
