package cli

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"signalbox/internal/desk"
	"signalbox/internal/traffic"
	"signalbox/sources/change"
	"signalbox/sources/decode"
	"signalbox/sources/tail"
)

func (a *app) scanCommand() *cobra.Command {
	var o logOptions
	var changes string
	c := &cobra.Command{
		Use: "scan [FILE|-]...", Short: "Analyse finished logs: what they are, what failed, and which bursts there were",
		Long: "Reads logs to their ends, says what it took each for and what it could not read, and runs the detector of the\n" +
			"console over event time: a burst found here is one that the console would have raised. Exit 1 when there was one;\n" +
			"notes (callers' own errors, traffic lost or surging) and findings beside the bursts are told and do not count.",
		Example: "  signalbox scan gateway.log\n  signalbox scan -c signalbox.yaml /var/log/edge/*.log.gz\n  kubectl logs deploy/gateway | signalbox scan --output json -",
		RunE:    func(c *cobra.Command, args []string) error { return a.scan(c.Context(), args, o, changes) },
	}
	o.flags(c)
	c.Flags().StringVar(&changes, "changes", "", "file of deploys and configuration changes, to list beside each burst (the newest 1000)")
	return c
}

// scanReport is what scan --output json prints.
type scanReport struct {
	V        int                  `json:"v"`
	Lines    int64                `json:"lines"`
	Unparsed int64                `json:"unparsed"`
	Requests int64                `json:"requests"`
	Failures int64                `json:"failures"`
	Classes  map[string]int64     `json:"classes"`
	Cells    []desk.ScanCell      `json:"cells"`
	Bursts   []desk.BurstReport   `json:"bursts"`
	Findings []desk.FindingReport `json:"findings"` // what moved beside the bursts
}

// scanned is a scan and what it was read from.
type scanned struct {
	report  scanReport
	files   []scannedFile
	unknown []traffic.UnknownPlace // without a region or a provider, and not in the inventory
}

// scannedFile is one file and what its records lack.
type scannedFile struct {
	tail.FileReport
	lack lacking
}

// lacking counts the records that do not say what an operator asks for first.
type lacking decode.Lack

func (a *app) scan(ctx context.Context, args []string, o logOptions, changes string) error {
	cfg, _, err := a.loadConfig()
	if err != nil {
		return err
	}
	groups, failed, err := a.logs(cfg, args, o)
	if err != nil {
		return err
	}
	if len(groups) == 0 {
		return unopened(failed)
	}
	told, err := readChanges(ctx, changes, groups[0].opt.Zone)
	if err != nil {
		return err
	}
	s, err := scanGroups(ctx, groups, sensitivity(cfg), told)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		failed = append(failed, err) // a file that broke on the way: what was read of it is shown
	}
	if o.output == "json" {
		a.warnUnread(s.files)
		err = a.json(s.report)
	} else {
		err = a.printScan(s)
	}
	if err != nil {
		return err
	}
	if err := unopened(failed); err != nil {
		return err
	}
	if slices.ContainsFunc(s.report.Bursts, func(b desk.BurstReport) bool { return b.Page }) {
		return errFindings // notes alone are none, nor is what moved without a burst
	}
	return nil
}

// readChanges reads a file of changes to its end.
func readChanges(ctx context.Context, path string, zone *time.Location) (all []traffic.Fact, err error) {
	if path == "" {
		return nil, nil
	}
	src, err := change.NewFile(change.FileOptions{Name: "--changes", Path: path, Zone: zone, Once: true})
	if err != nil {
		return nil, &usageError{err: err}
	}
	err = src.Run(ctx, func(_ context.Context, b traffic.Batch) error {
		all = append(all, b.Facts...)
		return nil
	})
	if err != nil {
		return nil, &unreachable{what: "a file of changes could not be read", err: err, try: "look at the path and who may read it"}
	}
	return all, nil
}

// maxPlaces bounds the cells of a scan as those of the console; the rest counts as "other".
const maxPlaces = 10_000

func scanGroups(ctx context.Context, groups []logGroup, falsePerMonth float64, changes []traffic.Fact) (scanned, error) {
	syms := groups[0].opt.Kit.Symbols
	places := traffic.NewPlaces(maxPlaces)
	scan := desk.NewScan(syms, places, falsePerMonth)
	scan.Tell(changes)
	var logs []tail.Reading
	for _, g := range groups {
		logs = append(logs, tail.Reading{Paths: g.paths, Opt: g.opt})
	}
	rep, err := tail.Count(ctx, logs, places, func(briefs []traffic.Brief) error {
		scan.Add(briefs)
		return ctx.Err()
	})
	scan.Finish()
	t := scan.Totals()
	s := scanned{report: scanReport{
		V: 1, Requests: t.Requests, Failures: t.Failures, Classes: t.Classes, Cells: safeCells(scan.Cells()), Bursts: safeBursts(scan.Bursts()),
		Findings: safeFindings(scan.Findings()),
	}}
	slices.SortStableFunc(rep.Files, func(a, b tail.FileReport) int { return cmp.Compare(a.Path, b.Path) })
	for _, f := range rep.Files {
		sf := scannedFile{FileReport: f, lack: lacking(f.Lack)}
		s.unknown = addUnknown(s.unknown, f.Unknown)
		s.report.Lines += f.Lines
		s.report.Unparsed += f.Unparsed
		s.files = append(s.files, sf)
	}
	return s, err
}

// names lists what most records lack.
func (l *lacking) names() []string {
	var out []string
	for _, f := range []struct {
		name string
		n    int64
	}{{"time", l.Time}, {"model", l.Model}, {"status", l.Status}} {
		if 2*f.n > l.Records {
			out = append(out, f.name)
		}
	}
	return out
}

// safeCells makes the names that came from a log fit for output.
func safeCells(cells []desk.ScanCell) []desk.ScanCell {
	for i := range cells {
		c := &cells[i]
		for _, s := range []*string{&c.Side, &c.Env, &c.Provider, &c.Model, &c.Region, &c.Endpoint} {
			*s = safe(*s)
		}
	}
	return cells
}

func safeBursts(bursts []desk.BurstReport) []desk.BurstReport {
	for i := range bursts {
		bursts[i] = safeBurst(bursts[i])
	}
	return bursts
}

func safeBurst(b desk.BurstReport) desk.BurstReport {
	b.Reason, b.Clean, b.Scope = safe(b.Reason), safe(b.Clean), safeScope(b.Scope)
	b.BlameWhy = safe(b.BlameWhy)
	for n := range b.Answers {
		b.Answers[n].Value, b.Answers[n].Text = safe(b.Answers[n].Value), safe(b.Answers[n].Text)
	}
	for n := range b.Changes { // the desk has made their texts safe
		b.Changes[n].Scope = safeScope(b.Changes[n].Scope)
	}
	for _, list := range [][]traffic.Scope{b.Cells, b.Aliases} {
		for n := range list {
			list[n] = safeScope(list[n])
		}
	}
	return b
}

func safeFindings(found []desk.FindingReport) []desk.FindingReport {
	for i := range found {
		found[i] = safeFinding(found[i])
	}
	return found
}

func safeFinding(f desk.FindingReport) desk.FindingReport {
	f.Text, f.Where = safe(f.Text), safeScope(f.Where)
	f.Targets = slices.Clone(f.Targets)
	for i := range f.Targets {
		f.Targets[i].Where = safeScope(f.Targets[i].Where)
	}
	if f.From != nil {
		f.From = safeScope(f.From)
	}
	return f
}

func safeScope(s traffic.Scope) traffic.Scope {
	out := make(traffic.Scope, len(s))
	for k, v := range s {
		out[k] = safe(v)
	}
	return out
}
