package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"signalbox/internal/desk"
)

// jsonExtended is a lever with its new deadline.
type jsonExtended struct {
	V         int        `json:"v"`
	ID        string     `json:"id"`
	ExpiresAt *time.Time `json:"expires_at"`
	Holder    string     `json:"holder"`
}

func (a *app) controlExtendCommand() *cobra.Command {
	var s sure
	var reason, output string
	c := &cobra.Command{
		Use: "extend ID DURATION", Short: "Move the deadline of a lever: it ends DURATION from now", Args: wantArgs(2, 2),
		Example: "  signalbox control extend lev-01jd 30m --reason \"still failing\" --yes",
		RunE: func(c *cobra.Command, args []string) error {
			ttl, err := time.ParseDuration(args[1])
			if err != nil || ttl <= 0 || ttl > desk.MaxTTL {
				return &usageError{err: fmt.Errorf("%q is no time to extend a lever by", args[1]), try: fmt.Sprintf("such as 30m; at most %s", desk.MaxTTL)}
			}
			if err := s.check(a); err != nil {
				return err
			}
			return a.control(c.Context(), 0, func(ctx context.Context, d *controls) error {
				return d.extend(ctx, args[0], ttl, s, output)
			})
		},
	}
	outputFlag(c, &output)
	c.Flags().StringVar(&reason, "reason", "", "why, for the record")
	s.flags(c, &reason)
	return c
}

func (c *controls) extend(ctx context.Context, id string, ttl time.Duration, s sure, output string) error {
	l, err := c.lever(id)
	if err == nil && l.SelfEnds { // a deadline that a console holds is moved without the gateway
		err = c.steers(l.Gateway)
	}
	if err != nil {
		return err
	}
	err = s.ask(c.app, "", func(p *printer) {
		p.line("extend    %s on %s", safe(l.Title), safe(l.Gateway))
		p.line("ends      %s -> %s, held by the %s", stamp(l.ExpiresAt), stamp(time.Now().Add(ttl)), holderOf(l))
	})
	if err != nil {
		return err
	}
	if _, err := c.Do(ctx, desk.Extend{Lever: l.ID, TTL: ttl, Reason: *s.reason}); err != nil {
		return reached("extending "+l.Title, err)
	}
	now := leverIn(c.Snapshot(), l.ID)
	if output == "json" {
		at := now.ExpiresAt.UTC()
		return c.app.json(jsonExtended{V: 1, ID: now.ID, ExpiresAt: &at, Holder: holderOf(now)})
	}
	p := printer{w: c.app.Out}
	p.line("%s  %s  ends %s, held by the %s", now.ID, safe(now.Title), stamp(now.ExpiresAt), holderOf(now))
	c.dueLine(&p, now)
	return p.err
}
