package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"signalbox/internal/config"
	"signalbox/internal/desk"
	"signalbox/internal/gateway/probe"
	"signalbox/internal/gateway/rehearse"
	"signalbox/internal/incident"
)

// rehearsing are the flags of control rehearse.
type rehearsing struct {
	model, whose, like, output string
}

type jsonRehearsal struct {
	V int `json:"v"`
	rehearse.Report
	For  string `json:"for,omitempty"`
	OK   bool   `json:"ok"`
	Text string `json:"text"`
}

func (a *app) controlRehearseCommand() *cobra.Command {
	var o rehearsing
	c := &cobra.Command{
		Use: "rehearse [ENDPOINT] --model MODEL", Short: "Find out, parameter by parameter, what a fallback's target accepts", Args: wantArgs(0, 1),
		Long: "Sends about a dozen small, marked requests to the model that a fallback would use, through an endpoint of probes: in the\n" +
			"configuration: a plain one, a streamed one, one for each optional parameter, and one with all that were taken. The result\n" +
			"goes into the journal, and the plan of fallback.on and route.force shows it, or that it is older than rehearsal_age.\n\n" +
			"With --like the parameters are those of a recorded request; its messages and other content are not sent.\n\n" +
			"Exit codes: 0 everything was accepted; 1 something was refused or came back broken; 2 a wrong command line; 3 no answer.",
		Example: "  signalbox control rehearse --model gpt-4o-mini --for gpt-4o\n  signalbox control rehearse eu --model llama-3 --for gpt-4o --like request.json --output json",
		RunE:    func(c *cobra.Command, args []string) error { return a.controlRehearse(c.Context(), args, o) },
	}
	outputFlag(c, &o.output)
	f := c.Flags()
	f.StringVar(&o.model, "model", "", "the model that the fallback would use")
	f.StringVar(&o.whose, "for", "", "the model whose fallback it is")
	f.StringVar(&o.like, "like", "", "`FILE` with a recorded request as JSON, - for standard input")
	return c
}

func (a *app) controlRehearse(ctx context.Context, args []string, o rehearsing) error {
	if o.model == "" {
		return &usageError{err: errors.New("a rehearsal needs the model that the fallback would use"), try: "signalbox control rehearse --model gpt-4o-mini --for gpt-4o"}
	}
	fields, err := a.rehearsedFields(o.like)
	if err != nil {
		return err
	}
	cfg, _, err := a.loadConfig()
	if err != nil {
		return err
	}
	send, err := rehearsalSender(cfg, args)
	if err != nil {
		return err
	}
	r, err := rehearse.Run(ctx, send, o.model, fields)
	if err != nil {
		return &usageError{err: err, try: "look at probes: in the configuration"}
	}
	if err := a.recordRehearsal(ctx, cfg, r, o.whose); err != nil {
		return err
	}
	return a.printRehearsal(r, o)
}

// rehearsedFields are the parameters to try: the usual ones, or those of a recorded request.
func (a *app) rehearsedFields(like string) (map[string]json.RawMessage, error) {
	if like == "" {
		return rehearse.Usual(), nil
	}
	in := a.In
	if like != "-" {
		f, err := os.Open(like)
		if err != nil {
			return nil, &usageError{err: fmt.Errorf("reading the recorded request: %w", err)}
		}
		defer f.Close()
		in = f
	}
	const most = 4 << 20
	b, err := io.ReadAll(io.LimitReader(in, most))
	if err != nil {
		return nil, &usageError{err: fmt.Errorf("reading the recorded request: %w", err)}
	}
	fields, err := rehearse.Like(b, probe.Own())
	if err != nil {
		return nil, &usageError{err: err, try: `the body of one request, such as {"model": "gpt-4o", "temperature": 0, ...}`}
	}
	return fields, nil
}

// rehearsalSender sends through the endpoint that was named, else the first.
func rehearsalSender(cfg *config.Config, args []string) (rehearse.Sender, error) {
	points := probePoints(cfg)
	if len(points) == 0 {
		return nil, &usageError{err: errors.New("no endpoint for probes is configured: nothing is sent"), try: "add probes: to the configuration; signalbox config generate shows how"}
	}
	chosenOnes, err := chosen("endpoint for probes", points, args, func(p desk.ProbePoint) string { return p.Name })
	if err != nil {
		return nil, err
	}
	return chosenOnes[0].Sender.Send, nil
}

// recordRehearsal writes the result into the journal, so that a plan can tell of it.
func (a *app) recordRehearsal(ctx context.Context, cfg *config.Config, r rehearse.Report, whose string) error {
	st, err := a.openBrief(ctx, cfg)
	if err != nil {
		return err
	}
	data, err := rehearsalData(r, whose)
	if err != nil {
		return errors.Join(err, st.close())
	}
	err = st.run(ctx, func(ctx context.Context) error {
		_, err := st.desk.Do(ctx, desk.Rehearse{Data: data})
		return err
	})
	return errors.Join(err, st.close())
}

// rehearsalData is a rehearsal as the journal keeps it.
func rehearsalData(r rehearse.Report, whose string) (incident.RehearsalData, error) {
	report, err := json.Marshal(r)
	if err != nil {
		return incident.RehearsalData{}, fmt.Errorf("encoding the rehearsal: %w", err)
	}
	return incident.RehearsalData{Endpoint: r.Endpoint, Model: r.Model, For: whose, OK: r.OK(), Text: r.Text(), Report: report}, nil
}

// rehearser sends for a desk what `control rehearse` sends, with the usual parameters.
func rehearser(cfg *config.Config) desk.Rehearser {
	return func(ctx context.Context, endpoint, model string) (desk.RehearsalView, error) {
		var named []string
		if endpoint != "" {
			named = []string{endpoint}
		}
		send, err := rehearsalSender(cfg, named)
		if err != nil {
			return desk.RehearsalView{}, err
		}
		r, err := rehearse.Run(ctx, send, model, rehearse.Usual())
		if err != nil {
			return desk.RehearsalView{}, err
		}
		if ctx.Err() != nil {
			return desk.RehearsalView{}, fmt.Errorf("it was broken off after %d requests: %w", len(r.Trials), context.Cause(ctx))
		}
		data, err := rehearsalData(r, "")
		return desk.RehearsalView{Endpoint: data.Endpoint, Model: data.Model, OK: data.OK, Text: data.Text, Report: data.Report}, err
	}
}

func (a *app) printRehearsal(r rehearse.Report, o rehearsing) error {
	p := printer{w: a.Out}
	if o.output == "json" {
		p.err = a.json(jsonRehearsal{V: 1, Report: r, For: o.whose, OK: r.OK(), Text: r.Text()})
	} else {
		p.line("%s through %s: %s", safe(r.Model), safe(r.Endpoint), safe(r.Text()))
		for _, t := range r.Trials {
			p.line("  %-20s %-9s %s", safe(t.Name), t.Verdict, safe(trialWords(t)))
		}
	}
	switch {
	case p.err != nil:
		return p.err
	case r.OK():
		return nil
	case len(r.Trials) == 1 && r.Trials[0].Status == 0:
		return &unreachable{what: "endpoint " + r.Endpoint, err: errors.New(r.Trials[0].Why), try: "look at its url, and at the way there"}
	}
	return errFindings
}

func trialWords(t rehearse.Trial) string {
	words := fmt.Sprintf("%.0f ms", t.LatencyMS)
	if t.TTFTMS > 0 {
		words += fmt.Sprintf(", first text after %.0f ms", t.TTFTMS)
	}
	if t.Why != "" {
		words += "  " + t.Why
	}
	return words
}
