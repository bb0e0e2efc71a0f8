package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"signalbox/internal/desk"
	"signalbox/internal/incident"
)

// jsonThrown is what came of a lever.
type jsonThrown struct {
	V        int             `json:"v"`
	ID       string          `json:"id"`
	Plan     json.RawMessage `json:"plan"`
	Receipt  json.RawMessage `json:"receipt"`
	Accepted bool            `json:"accepted"`
	Reported bool            `json:"reported"`
	Obeyed   string          `json:"obeyed"`
	Outcome  string          `json:"outcome"`
	State    string          `json:"state"`
	Ends     *time.Time      `json:"expires_at"`
	Holder   string          `json:"holder"`
	Incident string          `json:"incident"`
	Err      string          `json:"err,omitempty"`
}

// sure is how a command line confirms.
type sure struct {
	yes    bool
	reason *string
}

func (s *sure) flags(c *cobra.Command, reason *string) {
	s.reason = reason
	c.Flags().BoolVar(&s.yes, "yes", false, "confirm; for scripts, with --reason only")
}

// check refuses, before anything is asked of a gateway, a confirmation that nobody can give.
func (s *sure) check(a *app) error {
	if s.yes && strings.TrimSpace(*s.reason) == "" {
		return &usageError{err: errors.New("--yes needs a --reason: it stands in the record in place of whoever would have looked"), try: `--reason "502s in eu-west" --yes`}
	}
	if !s.yes && !a.asks() {
		return &usageError{err: errors.New("there is no terminal to confirm on, so nothing was sent"), try: `--reason TEXT --yes, or look first with signalbox control plan`}
	}
	return nil
}

// asks tells whether somebody sits before the standard input.
func (a *app) asks() bool {
	f, ok := a.In.(*os.File)
	return ok && term.IsTerminal(f.Fd())
}

// errDeclined is a plan that the operator looked at and did not confirm.
var errDeclined = &desk.Refused{What: "this change", Why: "it was not confirmed, and nothing was sent"}

// ask shows what would happen and waits for y, or for the phrase. A line that is empty confirms nothing.
func (s *sure) ask(a *app, phrase string, show func(p *printer)) error {
	p := printer{w: a.Err}
	if !s.yes {
		show(&p)
		want := "y"
		if phrase != "" {
			want = phrase
		}
		_, _ = fmt.Fprintf(a.Err, "type %s to confirm: ", safe(want))
		line, err := bufio.NewReader(io.LimitReader(a.In, maxNote)).ReadString('\n')
		if err != nil && line == "" || strings.TrimSpace(line) != want {
			return errDeclined
		}
	}
	return p.err
}

func (a *app) controlApplyCommand() *cobra.Command {
	var w wanted
	var s sure
	var output string
	var wait time.Duration
	var force bool
	c := &cobra.Command{
		Use: "apply VERB DIM=VALUE...", Short: "Throw a lever: plan it, confirm it, send it, and see that it is in force", Args: wantArgs(1, -1),
		Long: "Plans the lever from a fresh read, asks for a confirmation, writes it into the journal, sends it and reads it back. Then\n" +
			"it looks for --wait at the traffic of the configured sources: obeyed is what the traffic shows.",
		Example: "  signalbox control apply cap.set gateway=edge deployment=llm/eu --value 20 --ttl 15m --reason \"502s in eu\" --yes",
		RunE: func(c *cobra.Command, args []string) error {
			if err := w.read(args); err != nil {
				return err
			}
			if err := s.check(a); err != nil {
				return err
			}
			return a.control(c.Context(), heardSpan, func(ctx context.Context, d *controls) error { return d.apply(ctx, w, s, throwing{force, wait, output}) })
		},
	}
	outputFlag(c, &output)
	w.flags(c)
	s.flags(c, &w.reason)
	c.Flags().BoolVar(&force, "force", false, "throw it although the plan says that it must be forced: the last target, a control that flaps")
	c.Flags().DurationVar(&wait, "wait", 15*time.Second, "how long to look in the traffic for whether it is obeyed; 0 does not look")
	return c
}

// throwing is how a lever is thrown.
type throwing struct {
	force  bool
	wait   time.Duration
	output string
}

func (c *controls) apply(ctx context.Context, w wanted, s sure, o throwing) error {
	v, err := c.plan(ctx, w)
	if err != nil {
		return err
	}
	if s.yes && len(v.Force) > 0 && !o.force {
		_, derr := c.Do(ctx, desk.Decline{Plan: v.ID})
		return errors.Join(&desk.Refused{What: v.Title, Why: "it must be forced: " + strings.Join(v.Force, "; "), Try: "--force says that this is meant"}, derr)
	}
	if err := s.ask(c.app, v.Phrase, func(p *printer) { printPlan(p, v) }); err != nil {
		_, derr := c.Do(ctx, desk.Decline{Plan: v.ID})
		return errors.Join(err, derr)
	}
	r, err := c.Do(ctx, desk.Throw{Plan: v.ID, Typed: v.Phrase})
	if err != nil {
		return reached("throwing "+w.verb, err)
	}
	l := c.settled(ctx, r.Lever)
	if o.wait > 0 && len(c.station.sources) > 0 && l.State == desk.LeverActive && l.Reported == desk.Yes {
		c.until(ctx, o.wait, func(snap *desk.Snapshot) bool {
			l = leverIn(snap, r.Lever)
			return l.Obeyed != desk.Pending || !l.Out
		})
	}
	if l.Obeyed == desk.Pending {
		l.Obeyed, l.ObeyedWhy = desk.CannotTell, "no traffic was looked at"
		if len(c.station.sources) > 0 {
			l.ObeyedWhy = "the traffic has not shown it within " + o.wait.String()
		}
	}
	if err := c.printThrown(l, o.output); err != nil {
		return err
	}
	return c.app.judge(l)
}

// settled waits until the gateway has answered about a lever and was read again.
func (c *controls) settled(ctx context.Context, id string) desk.LeverView {
	s := c.until(ctx, controlPatience, func(s *desk.Snapshot) bool {
		l := leverIn(s, id)
		return !l.Asking && l.Accepted != desk.Pending && (l.Reported != desk.Pending || l.State == desk.LeverFailed)
	})
	return leverIn(s, id)
}

func leverIn(s *desk.Snapshot, id string) desk.LeverView {
	for _, l := range s.Levers {
		if l.ID == id {
			return l
		}
	}
	return desk.LeverView{ID: id}
}

// printThrown prints a lever with its plan and receipt as the journal has them.
func (c *controls) printThrown(l desk.LeverView, output string) error {
	if output != "json" {
		p := printer{w: c.app.Out}
		p.line("%s  %s", l.ID, safe(l.Title))
		p.line("accepted  %s %s", l.Accepted, l.AcceptedN)
		p.line("reported  %s", l.Reported)
		p.line("obeyed    %s  %s", spoken(l.Obeyed), safe(l.ObeyedWhy))
		if l.Outcome != "" {
			p.line("outcome   %s  %s", l.Outcome, safe(l.OutcomeBy))
		}
		if l.Out && !l.ExpiresAt.IsZero() {
			p.line("ends      %s, held by the %s", stamp(l.ExpiresAt), holderOf(l))
		}
		if l.Out {
			p.line("undo      signalbox control revert %s --reason TEXT", l.ID)
		}
		c.dueLine(&p, l)
		return p.err
	}
	out := jsonThrown{
		V: 1, ID: l.ID, Accepted: l.Accepted == desk.Yes, Reported: l.Reported == desk.Yes, Obeyed: l.Obeyed, Outcome: l.Outcome, State: l.State,
		Holder: holderOf(l), Incident: l.Incident, Err: safe(l.Err), Plan: json.RawMessage("null"), Receipt: json.RawMessage("null"),
	}
	if l.Out && !l.ExpiresAt.IsZero() {
		at := l.ExpiresAt.UTC()
		out.Ends = &at
	}
	if j, ok := c.journaled(l.ID); ok {
		if len(j.Plan) > 0 {
			out.Plan = rawValue(j.Plan)
		}
		if len(j.Receipt) > 0 {
			out.Receipt = rawValue(j.Receipt)
		}
	}
	return c.app.json(out)
}

// dueLine gives the line for a timer where nothing but a console would end the lever.
func (c *controls) dueLine(p *printer, l desk.LeverView) {
	if l.Out && !l.SelfEnds {
		p.line("NOT self-reverting: leave a console running, or run from a timer")
		p.line("          %s", c.app.dueCommand(c.station.dir))
	}
}

// journaled finds a lever in the journal.
func (c *controls) journaled(id string) (incident.Lever, bool) {
	entries, err := incident.ReadAll(c.station.journal.Path())
	if err != nil {
		return incident.Lever{}, false
	}
	return incident.FindLever(entries, id)
}

// judge turns where a lever stands into an exit code: what is wrong is told with what to do.
func (a *app) judge(l desk.LeverView) error {
	switch {
	case l.State == desk.LeverInDoubt, l.State == desk.LeverRequested, l.State == desk.LeverReverting:
		return &desk.Refused{What: l.Title, Why: "it is in doubt: " + orWords(l.Err, "the gateway has not answered"), Try: "signalbox control state reads it back; do not repeat it before"}
	case l.State == desk.LeverPartial:
		return &desk.Refused{What: l.Title, Why: "it is PARTIAL, " + l.AcceptedN + " instances took it: " + l.Err, Try: "mend or drain the other instance, or take it back: signalbox control revert " + l.ID}
	case l.State == desk.LeverFailed:
		return &desk.Refused{What: l.Title, Why: orWords(l.Err, "no instance took it"), Try: "plan it again"}
	case l.Reported == desk.No:
		return fmt.Errorf("%s: accepted, but the gateway does not report it: %s", l.Title, l.Drift)
	case l.Obeyed == desk.No:
		return fmt.Errorf("%s: in force, but the traffic does not obey it: %s", l.Title, l.ObeyedWhy)
	}
	return nil
}

func orWords(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
