package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"signalbox/internal/desk"
	"signalbox/internal/gateway"
	"signalbox/runbook"
)

// probeWanted are the arguments of control probe.
type probeWanted struct {
	model, output string
	stream, large bool
	fields        []string
}

// probeJSON is what control probe --output json prints.
type probeJSON struct {
	V      int                 `json:"v"`
	OK     bool                `json:"ok"`
	Class  string              `json:"class"`
	Text   string              `json:"text"`
	Do     string              `json:"do,omitempty"`
	Fix    string              `json:"fix,omitempty"`
	Answer gateway.ProbeAnswer `json:"answer"`
}

func (a *app) controlProbeCommand() *cobra.Command {
	var w probeWanted
	c := &cobra.Command{
		Use: "probe [ENDPOINT] --model MODEL", Short: "Send one small, marked request through a configured endpoint and say what came back", Args: wantArgs(0, 1),
		Long: "One request of a few tokens, to an endpoint of probes: in the configuration; the first one where none is named. It is\n" +
			"marked (the header X-Signalbox-Probe and the user field), capped in size, tokens and time, and written into the journal.\n\n" +
			"Exit codes: 0 a whole answer came; 1 it answered, but not well; 2 a wrong command line; 3 no answer came; 4 refused.",
		Example: "  signalbox control probe --model gpt-4o\n  signalbox control probe eu --model gpt-4o --stream\n" +
			"  signalbox control probe eu --model gpt-4o --field 'response_format={\"type\":\"json_object\"}' --output json",
		RunE: func(c *cobra.Command, args []string) error { return a.controlProbe(c.Context(), args, w) },
	}
	outputFlag(c, &w.output)
	f := c.Flags()
	f.StringVar(&w.model, "model", "", "which model to ask")
	f.BoolVar(&w.stream, "stream", false, "ask for a stream, and tell the time to the first token")
	f.BoolVar(&w.large, "large", false, "a prompt of about two thousand tokens instead of a few words")
	f.StringArrayVar(&w.fields, "field", nil, "an optional parameter, as NAME=JSON; none is sent otherwise")
	return c
}

// request reads the command line as a probe.
func (w probeWanted) request(args []string) (runbook.ProbeRequest, error) {
	req := runbook.ProbeRequest{Model: w.model, Stream: w.stream, Large: w.large, Fields: map[string]string{}}
	if len(args) == 1 {
		req.Endpoint = args[0]
	}
	if w.model == "" {
		return req, &usageError{err: errors.New("a probe needs a model"), try: "signalbox control probe --model gpt-4o"}
	}
	for _, f := range w.fields {
		name, value, ok := strings.Cut(f, "=")
		if !ok || name == "" {
			return req, &usageError{err: fmt.Errorf("--field %q is not NAME=JSON", f), try: "--field temperature=0"}
		}
		if !json.Valid([]byte(value)) {
			raw, err := json.Marshal(value) // a bare word is meant as a text
			if err != nil {
				return req, &usageError{err: fmt.Errorf("--field %s: %w", name, err), try: "--field temperature=0"}
			}
			value = string(raw)
		}
		req.Fields[name] = value
	}
	return req, nil
}

func (a *app) controlProbe(ctx context.Context, args []string, w probeWanted) error {
	req, err := w.request(args)
	if err != nil {
		return err
	}
	cfg, _, err := a.loadConfig()
	if err != nil {
		return err
	}
	if len(cfg.Probes) == 0 {
		return &usageError{err: errors.New("no endpoint for probes is configured: none is sent"), try: "add probes: to the configuration; signalbox config generate shows how"}
	}
	if req.Endpoint == "" {
		req.Endpoint = cfg.Probes[0].Name
	}
	st, err := a.openBrief(ctx, cfg)
	if err != nil {
		return err
	}
	var r desk.Result
	err = st.run(ctx, func(ctx context.Context) error {
		r, err = st.desk.Do(ctx, desk.SendProbe{Request: req})
		return err
	})
	if err = errors.Join(err, st.close()); err != nil {
		return err
	}
	return a.printProbe(*r.Probe, w.output)
}

func (a *app) printProbe(v desk.ProbeView, output string) error {
	p := printer{w: a.Out}
	if output == "json" {
		p.err = a.json(probeJSON{V: 1, OK: v.OK, Class: v.Class, Text: safe(v.Text), Do: v.Do, Fix: v.Fix, Answer: v.Answer})
	} else {
		p.line("%s", safe(v.Text))
		for _, x := range []struct{ name, value string }{
			{"endpoint", v.Answer.Endpoint + ", asked for " + v.Answer.Model},
			{"answered by", v.Answer.Served},
			{"finish", v.Answer.Finish},
			{"tokens", probeTokens(v.Answer)},
			{"retry after", v.Answer.RetryAfter},
			{"probe", v.Answer.ID},
			{"request id", v.Answer.Request},
			{"do", v.Do},
			{"for good", v.Fix},
		} {
			if x.value != "" {
				p.line("  %-12s %s", x.name, safe(x.value))
			}
		}
	}
	switch {
	case p.err != nil:
		return p.err
	case v.OK:
		return nil
	case v.Answer.Status == 0:
		return &unreachable{what: "endpoint " + v.Answer.Endpoint, err: errors.New(v.Answer.Failed), try: "look at its url, and at the way there"}
	}
	return errFindings
}

func probeTokens(a gateway.ProbeAnswer) string {
	if a.TokensIn < 0 || a.TokensOut < 0 {
		return ""
	}
	return fmt.Sprintf("%d in, %d out", a.TokensIn, a.TokensOut)
}
