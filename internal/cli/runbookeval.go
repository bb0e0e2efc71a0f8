package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signalbox/internal/desk"
	"signalbox/internal/traffic"
	"signalbox/runbook"
	"signalbox/sources/tail"
)

// evalOptions are the flags of runbook eval.
type evalOptions struct {
	logOptions
	scope      []string
	vars       []string
	minSamples int
	live       bool
}

func (a *app) runbookEvalCommand() *cobra.Command {
	var o evalOptions
	c := &cobra.Command{
		Use: "eval EXPR [FILE|-]...", Short: "Answer one expression of the check language, over logs or live; exit 1 unless it is true", Args: wantArgs(1, 64),
		Long: "The end of the logs is now: `over 5m` are their last five minutes. Without a file the expression is only read, and\n" +
			"what it would ask is listed. With --live the configured sources, gateways and Prometheus answer. An answer is true, false or unknown, with every number that it rests on.\n\n" + vocabularyHelp(),
		Example: "  signalbox runbook eval 'error_rate{region=eu-west} over 5m > 5%' gateway.log\n" +
			"  signalbox runbook eval --scope model=gpt-4o 'p95(ttft) over 5m > 2 * p95(ttft) over 5m offset 1h' gateway.log\n" +
			"  signalbox runbook eval 'count{code in (502, 524)} over 2m > 20'\n" +
			"  signalbox runbook eval --live 'inflight < 4 and promql(\"sum(queue_depth)\") < 10'",
		RunE: func(c *cobra.Command, args []string) error { return a.runbookEval(c.Context(), args[0], args[1:], o) },
	}
	o.flags(c)
	c.Flags().StringSliceVar(&o.scope, "scope", nil, "labels of every number, like model=gpt-4o: the scope of a runbook")
	c.Flags().StringSliceVar(&o.vars, "var", nil, "values of $variables, like region=eu-west")
	c.Flags().BoolVar(&o.live, "live", false, "ask the configured sources, gateways and Prometheus, as of now")
	c.Flags().IntVar(&o.minSamples, "min-samples", 0, fmt.Sprintf("fewest requests that a share or percentile may rest on (default %d)", runbook.DefaultMinSamples))
	return c
}

// vocabularyHelp lists what an expression can name.
func vocabularyHelp() string {
	words := runbook.Vocabulary()
	var b strings.Builder
	b.WriteString("Measures:\n")
	for _, m := range words.Metrics {
		name := m.Name
		if m.Quantile {
			name = "p95(" + name + ")"
		}
		fmt.Fprintf(&b, "  %-18s %s\n", name, m.Help)
	}
	b.WriteString("Labels: " + strings.Join(words.Labels, ", ") + "\nClasses: " + strings.Join(words.Classes, ", "))
	return b.String()
}

// evalJSON is what runbook eval --output json prints.
type evalJSON struct {
	V      int        `json:"v"`
	Truth  string     `json:"truth"` // true, false or unknown; "" where no log was given
	Text   string     `json:"text"`
	Why    string     `json:"why,omitempty"`
	At     *time.Time `json:"at"` // the end of the logs
	Within string     `json:"within,omitempty"`
	Vars   []string   `json:"vars,omitempty"` // the $variables that it names
	Terms  []termJSON `json:"terms"`
}

// termJSON is one number that the answer rests on.
type termJSON struct {
	Text    string   `json:"text"`
	Known   bool     `json:"known"`
	Value   *float64 `json:"value,omitempty"`
	Unit    string   `json:"unit,omitempty"`
	Num     float64  `json:"num,omitempty"`
	Den     float64  `json:"den,omitempty"`
	Samples int      `json:"samples"`
	AgeS    float64  `json:"age_s"`
	Why     string   `json:"why,omitempty"`
	Where   []string `json:"where,omitempty"`
}

func (a *app) runbookEval(ctx context.Context, src string, args []string, o evalOptions) error {
	e, err := runbook.ParseExpr("", 0, src)
	if err != nil {
		return &usageError{err: err, try: "signalbox runbook eval --help lists the measures"}
	}
	scope, err := pairs("--scope", o.scope)
	if err != nil {
		return err
	}
	for label := range scope {
		if !slices.Contains(runbook.Vocabulary().Labels, label) {
			return &usageError{err: fmt.Errorf("--scope %s: there is no such label", label), try: strings.Join(runbook.Vocabulary().Labels, ", ")}
		}
	}
	vars, err := pairs("--var", o.vars)
	if err != nil {
		return err
	}
	e = e.Bind(vars).With(o.minSamples, 0)
	switch {
	case o.live && len(args) > 0:
		return &usageError{err: errors.New("--live asks the configured sources, and a file was named"), try: "leave one of them out"}
	case o.live:
		return a.evalLive(ctx, e, scope, o.output)
	case len(args) == 0:
		return a.printExpr(e, o.output)
	}
	logs, failed, err := a.readLogs(ctx, args, o.logOptions)
	if err != nil {
		return err
	}
	r := e.Eval(logs.Facts(), scope)
	if err := a.printEval(e, r, logs.Newest(), "the end of the logs", o.output); err != nil {
		return err
	}
	if err := unopened(failed); err != nil {
		return err
	}
	if r.Truth != runbook.True {
		return errFindings
	}
	return nil
}

// readLogs reads finished logs into a board.
func (a *app) readLogs(ctx context.Context, args []string, o logOptions) (*desk.Logs, []error, error) {
	cfg, _, err := a.loadConfig()
	if err != nil {
		return nil, nil, err
	}
	groups, failed, err := a.logs(cfg, args, o)
	if err != nil {
		return nil, nil, err
	}
	if len(groups) == 0 {
		return nil, nil, unopened(failed)
	}
	logs := desk.NewLogs(groups[0].opt.Kit.Symbols, sensitivity(cfg))
	ledger := tail.NewLedger()
	for _, g := range groups {
		for _, path := range g.paths {
			src, err := tail.New(tail.Options{
				Name: path, Path: path, Reader: g.opt.Reader, Once: true, Format: g.opt.Format, Fields: g.opt.Fields, Formats: g.opt.Formats,
				Zone: g.opt.Zone, Labels: g.opt.Labels, Kit: g.opt.Kit, Ledger: ledger,
			})
			if err != nil {
				return nil, nil, &usageError{err: err}
			}
			err = src.Run(ctx, func(_ context.Context, b traffic.Batch) error {
				logs.Take(b)
				return nil
			})
			switch {
			case ctx.Err() != nil:
				return nil, nil, context.Cause(ctx)
			case err != nil:
				failed = append(failed, fmt.Errorf("%s: %w", path, err))
			}
		}
	}
	return logs, failed, nil
}

func pairs(flag string, all []string) (map[string]string, error) {
	m := map[string]string{}
	for _, s := range all {
		k, v, ok := strings.Cut(s, "=")
		if !ok || k == "" || v == "" {
			return nil, &usageError{err: fmt.Errorf("%s %q is not name=value", flag, s), try: flag + " model=gpt-4o"}
		}
		m[k] = v
	}
	return m, nil
}

// noFacts answers nothing; asking it shows what an expression asks for.
type noFacts struct{}

func (noFacts) Ask(runbook.Query) runbook.Answer {
	return runbook.Answer{Why: "no log was given"}
}

// printExpr says what an expression would ask.
func (a *app) printExpr(e runbook.Expr, output string) error {
	all := map[string]string{}
	for _, name := range e.Vars() {
		all[name] = "$" + name // asked for all the same
	}
	r := e.Bind(all).Eval(noFacts{}, nil)
	if output == "json" {
		v := evalView(e, r, time.Time{})
		v.Truth = ""
		return a.json(v)
	}
	p := printer{w: a.Out}
	p.line("reads as   %s", safe(e.Source))
	for _, t := range r.Terms {
		p.line("asks for   %s", safe(t.Text))
	}
	for _, name := range e.Vars() {
		p.line("needs      $%s", name)
	}
	if d := e.Within(); d > 0 {
		p.line("within     %s", runbook.Brief(d))
	}
	return p.err
}

func evalView(e runbook.Expr, r runbook.Result, at time.Time) evalJSON {
	v := evalJSON{V: 1, Truth: r.Truth.String(), Text: safe(r.Text), Why: safe(r.Why), Vars: e.Vars(), Terms: []termJSON{}}
	if !at.IsZero() {
		at = at.UTC()
		v.At = &at
	}
	if d := e.Within(); d > 0 {
		v.Within = runbook.Brief(d)
	}
	for _, t := range r.Terms {
		j := termJSON{Text: safe(t.Text), Known: t.Answer.Known && t.Why == "", Unit: string(t.Unit), Num: t.Answer.Num, Den: t.Answer.Den, Samples: t.Answer.Samples, Why: safe(t.Why)}
		if t.Answer.Known {
			value := t.Answer.Value
			j.Value, j.AgeS = &value, t.Answer.Age.Seconds()
		}
		for _, m := range t.Query.Where {
			j.Where = append(j.Where, safe(m.Label+m.Op+strings.Join(m.Values, ",")))
		}
		v.Terms = append(v.Terms, j)
	}
	return v
}

func (a *app) printEval(e runbook.Expr, r runbook.Result, at time.Time, of, output string) error {
	if output == "json" {
		return a.json(evalView(e, r, at))
	}
	p := printer{w: a.Out}
	p.line("%-8s %s", r.Truth, safe(r.Text))
	if r.Why != "" {
		p.line("         because %s", safe(r.Why))
	}
	for _, t := range r.Terms {
		p.line("         %s = %s  (%s)", safe(t.Text), safe(t.Value()), safe(t.Basis()))
	}
	if at.IsZero() {
		return errors.Join(p.err, &unreachable{what: "no event with a time was in the logs", err: errors.New("nothing to answer from"), try: "signalbox scan says what it could read"})
	}
	p.line("         now is %s, %s", at.UTC().Format(time.RFC3339), of)
	return p.err
}
