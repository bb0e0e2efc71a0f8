package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signalbox/internal/config"
	"signalbox/internal/gateway"
	"signalbox/internal/gateway/conform"
	"signalbox/internal/gateway/litellm"
)

// conforming are the flags of control conform.
type conforming struct {
	controls, values  []string
	token, reason     string
	files             config.TLS
	deadline, timeout time.Duration
	toggles, yes      bool
	output            string
}

type jsonConform struct {
	V int `json:"v"`
	conform.Report
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Skipped int `json:"skipped"`
}

func (a *app) controlConformCommand() *cobra.Command {
	var o conforming
	c := &cobra.Command{
		Use: "conform URL|GATEWAY", Short: "Try whether a server keeps the control contract", Args: wantArgs(1, 1),
		Long: "Tries a server against docs/control-contract.md, check by check: shapes, refusals, locks, idempotency, deadlines that it\n" +
			"holds, events. Without --control it only reads; a control that is named is set and given back about ten times, and left\n" +
			"as it was found. One that somebody has set is left alone.\n\n" +
			"A gateway of the configuration is tried instance by instance, with its token. A URL that is neither of the configuration nor\n" +
			"on loopback counts as production: it takes --reason and --yes before anything is changed there.\n\nExit code 1: a check failed.",
		Example: "  signalbox control conform https://gateway.example:8443 --token env:GATEWAY_TOKEN\n" +
			"  signalbox control conform https://gateway.example:8443 --cert ana.pem --key ana.key --ca ca.pem\n" +
			"  signalbox control conform edge --control cap.azure-eu-west-gpt-4o --control pause.batch --reason \"before the release\" --yes",
		RunE: func(c *cobra.Command, args []string) error { return a.controlConform(c.Context(), args[0], o) },
	}
	f := c.Flags()
	f.StringArrayVar(&o.controls, "control", nil, "`ID` of a control that may be changed and changed back; repeatable")
	f.StringArrayVar(&o.values, "value", nil, "`ID=JSON`: what to set a control to, instead of the mildest other value")
	f.StringVar(&o.token, "token", "", "where the token is: env:NAME or file:PATH; by default the configuration's")
	f.StringVar(&o.files.Cert, "cert", "", "`FILE` with a client certificate, in PEM; by default the configuration's")
	f.StringVar(&o.files.Key, "key", "", "`FILE` with its private key")
	f.StringVar(&o.files.CA, "ca", "", "`FILE` with the authorities that are believed, in place of this machine's")
	f.StringVar(&o.reason, "reason", "", "why, for whoever finds a control set")
	f.DurationVar(&o.deadline, "deadline", 2*time.Second, "the deadline whose end is waited for")
	f.DurationVar(&o.timeout, "timeout", 5*time.Second, "of one request")
	f.BoolVar(&o.toggles, "toggles", false, "look for the brake on toggling too, which leaves the control braked for a while")
	f.BoolVar(&o.yes, "yes", false, "confirm changes in production; with --reason only")
	outputFlag(c, &o.output)
	return c
}

// place is one server to try.
type place struct {
	url     string
	token   config.Secret
	careful bool // production, or nobody knows
	client  *http.Client
}

func (a *app) controlConform(ctx context.Context, target string, o conforming) error {
	places, lead, err := a.placesOf(target, o)
	if err != nil {
		return err
	}
	defer lead.close()
	opts, err := o.options()
	if err != nil {
		return err
	}
	opts.Actor = a.g.actor
	failed := false
	for _, p := range places {
		if p.careful && len(o.controls) > 0 && (!o.yes || strings.TrimSpace(o.reason) == "") {
			return &usageError{
				err: fmt.Errorf("%s is production, or may be: nothing was changed there", safe(p.url)),
				try: "--reason TEXT --yes, or leave --control out to read only",
			}
		}
		one := opts
		one.URL, one.Client = p.url, p.client
		if !p.token.IsZero() {
			one.Token = func(ctx context.Context) (string, error) { return p.token.Resolve(ctx, os.Getenv) }
		}
		r, err := conform.Run(ctx, one)
		switch {
		case errors.Is(err, conform.ErrAway):
			return &unreachable{what: "trying " + safe(p.url), err: err, try: "curl -i " + gateway.Word(p.url+"/controls")}
		case err != nil:
			return &usageError{err: err}
		}
		failed = failed || !r.OK()
		if err := a.printConform(r, o.output); err != nil {
			return err
		}
	}
	if failed {
		return errFindings
	}
	return nil
}

func (o conforming) options() (conform.Options, error) {
	out := conform.Options{
		Controls: o.controls, Values: make(map[string]string), Reason: o.reason,
		Toggles: o.toggles, Timeout: o.timeout, Short: o.deadline,
	}
	if o.deadline < time.Second || o.deadline > time.Minute || o.timeout <= 0 {
		return out, &usageError{err: errors.New("--deadline is from 1s to 1m, and --timeout above 0"), try: "--deadline 2s --timeout 5s"}
	}
	for _, v := range o.values {
		id, value, ok := strings.Cut(v, "=")
		if !ok || !json.Valid([]byte(value)) {
			return out, &usageError{err: fmt.Errorf("--value %q is not ID=JSON", v), try: `--value 'route.gpt-4o="azure-eu-west-gpt-4o"'`}
		}
		out.Values[id] = value
	}
	return out, nil
}

// placesOf finds what is meant: a gateway of the configuration, one of its instances, or a URL that it does not know.
func (a *app) placesOf(target string, o conforming) ([]place, ways, error) {
	token, err := secretWord(o.token)
	if err != nil {
		return nil, nil, err
	}
	cfg, _, err := a.loadConfig()
	if err != nil {
		return nil, nil, err
	}
	if (o.files.Cert == "") != (o.files.Key == "") {
		return nil, nil, &usageError{err: errors.New("a client certificate is --cert with --key"), try: "--cert client.pem --key client.key"}
	}
	if _, _, err := o.files.Load(time.Now()); err != nil {
		return nil, nil, &usageError{err: err, try: "see the files that --cert, --key and --ca name"}
	}
	lead := waysOf(cfg)
	var out []place
	for _, g := range cfg.Gateways {
		env := cfg.Environment(g.Env)
		one := place{token: g.Token, careful: env.Confirm == config.ConfirmTyped}
		if !token.IsZero() {
			one.token = token
		}
		for _, one.url = range g.Instances {
			if g.Name != target && strings.TrimRight(one.url, "/") != strings.TrimRight(target, "/") {
				continue
			}
			if g.Kind != config.GatewayContract && g.Kind != config.GatewayLiteLLM {
				return nil, nil, &usageError{
					err: fmt.Errorf("%s is of kind %s, which serves no control contract", g.Name, g.Kind),
					try: "a gateway of kind contract or litellm; signalbox control describe " + gateway.Word(g.Name) + " tells what this one can do",
				}
			}
			if env.ReadOnly && len(o.controls) > 0 {
				return nil, nil, &usageError{err: fmt.Errorf("environment %s is read-only in the configuration", g.Env), try: "leave --control out to read only"}
			}
			if g.Kind == config.GatewayLiteLLM {
				one.url = litellm.Contract(one.url)
			}
			files := g.TLS
			if !o.files.IsZero() {
				files = o.files
			}
			one.client, _ = clientOf(lead[g.Name], files)
			out = append(out, one)
		}
	}
	if len(out) > 0 {
		return out, lead, nil
	}
	if !strings.Contains(target, "://") {
		return nil, nil, &usageError{err: fmt.Errorf("there is no gateway %q, and a URL begins with http:// or https://", target), try: "signalbox control describe"}
	}
	client, _ := clientOf(nil, o.files)
	return []place{{url: target, token: token, careful: !onLoopback(target), client: client}}, nil, nil
}

// secretWord reads env:NAME or file:PATH; a secret itself is not taken, because other processes see the command line.
func secretWord(s string) (config.Secret, error) {
	kind, rest, _ := strings.Cut(s, ":")
	switch {
	case s == "":
		return config.Secret{}, nil
	case kind == "env" && rest != "":
		return config.SecretFromEnv(rest), nil
	case kind == "file" && rest != "":
		return config.SecretFromFile(rest), nil
	}
	return config.Secret{}, &usageError{err: errors.New("--token says where the token is, not what it is: others see the command line"), try: "--token env:GATEWAY_TOKEN or --token file:PATH"}
}

func onLoopback(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil {
		return false
	}
	host := u.Hostname()
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// printConform prints one line a check; what failed is shown with what was sent and what came.
func (a *app) printConform(r conform.Report, output string) error {
	passed, failed, skipped := r.Count(conform.Pass), r.Count(conform.Fail), r.Count(conform.Skip)
	if output == "json" {
		return a.json(jsonConform{V: 1, Report: r, Passed: passed, Failed: failed, Skipped: skipped})
	}
	p := printer{w: a.Out}
	p.line("%s  gateway %s  instance %s", safe(r.URL), safe(r.Gateway), safe(r.Instance))
	skips := map[string][]string{} // by why, told once
	var whys []string
	for _, c := range r.Checks {
		if c.Verdict == conform.Skip && c.Control == "" {
			if skips[c.Why] == nil {
				whys = append(whys, c.Why)
			}
			skips[c.Why] = append(skips[c.Why], c.Name)
			continue
		}
		name := c.Name
		if c.Control != "" {
			name += "  " + c.Control
		}
		p.line("  %-4s  %s", c.Verdict, safe(name))
		if c.Verdict == conform.Pass {
			continue
		}
		if c.Verdict == conform.Fail {
			p.line("        promised: %s", safe(c.Promise))
		}
		p.line("        %s", safe(c.Why))
		if c.Verdict == conform.Fail {
			for _, e := range c.Exchanges {
				p.line("        > %s", safe(e.Sent))
				p.line("        < %s", safe(e.Got))
			}
		}
	}
	for _, why := range whys {
		p.line("  %-4s  %s", conform.Skip, safe(strings.Join(skips[why], ", ")))
		p.line("        %s", safe(why))
	}
	p.line("%d passed, %d failed, %d skipped", passed, failed, skipped)
	return p.err
}
