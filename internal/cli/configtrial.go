package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signalbox/internal/config"
	"signalbox/internal/traffic"
	"signalbox/sources"
	"signalbox/sources/decode"
)

// trialOptions are the flags of config check that try a mapping on lines.
type trialOptions struct {
	sample, source, format string
	lines                  int
}

func (o *trialOptions) flags(c *cobra.Command) {
	c.Flags().StringVar(&o.sample, "sample", "", "a log to try instead of the sources' own")
	c.Flags().StringVar(&o.source, "source", "", "read --sample as this source of the configuration says")
	c.Flags().StringVar(&o.format, "format", "", "read --sample as this format, or as this mapping file says")
	c.Flags().IntVar(&o.lines, "lines", 5000, "how many lines to read")
}

// trialBytes bounds what is read of a log for a trial.
const trialBytes = 8 << 20

// trySources tries each file source on its own file, or on the sample that was named. It tells whether every
// format fits its log.
func (a *app) trySources(p *printer, cfg *config.Config, o trialOptions) (fits bool, err error) {
	if o.sample != "" {
		return a.trySample(p, cfg, o)
	}
	fits = true
	for _, s := range fileSources(cfg) {
		if o.source != "" && s.Name != o.source || s.Path == "-" {
			continue
		}
		path, why := newestOf(s.Path)
		if path == "" {
			p.line("")
			p.line("source %s: %s, so its format was not tried; --sample FILE --source %s tries it on another file", s.Name, safe(why), s.Name)
			continue
		}
		ok, err := a.try(p, "source "+s.Name+", "+path, path, s.Format, a.trialOf(cfg, s), o.lines)
		if err != nil {
			return false, err
		}
		fits = fits && ok
	}
	return fits, nil
}

func (a *app) trySample(p *printer, cfg *config.Config, o trialOptions) (bool, error) {
	s := config.Source{Format: decode.Auto}
	switch i := slices.IndexFunc(cfg.Sources, func(s config.Source) bool { return s.Name == o.source }); {
	case i >= 0:
		s = cfg.Sources[i]
	case o.source != "":
		return false, &usageError{err: fmt.Errorf("no source is called %q", o.source), try: "see the names in the configuration's sources"}
	}
	if o.format != "" {
		format, err := a.formatFlag(o.format)
		if err != nil {
			return false, err
		}
		s.Format = format
	}
	return a.try(p, o.sample, o.sample, s.Format, a.trialOf(cfg, s), o.lines)
}

// trialOf are the options to read a source's lines with.
func (a *app) trialOf(cfg *config.Config, s config.Source) decode.Options {
	return decode.Options{
		Kit:    sources.Kit{Symbols: traffic.NewSymbols(0), Inventory: traffic.NewInventory(mappings(cfg))},
		Source: s.Name, Labels: sources.Labels{Env: cfg.SourceEnv(s), Gateway: s.Gateway, Instance: s.Instance},
		Fields: s.Fields, Formats: a.formats, Zone: s.Location(),
	}
}

// newestOf gives the regular file of a path or glob that was written to last, or why there is none.
func newestOf(path string) (name, why string) {
	names, failed := existing(path)
	var at time.Time
	for _, n := range names {
		if info, err := os.Stat(n); err == nil && info.Mode().IsRegular() && info.Size() > 0 && !info.ModTime().Before(at) {
			name, at = n, info.ModTime()
		}
	}
	switch {
	case name != "":
		return name, ""
	case len(failed) > 0:
		return "", errors.Join(failed...).Error()
	}
	return "", path + " has no lines yet"
}

// firstLines reads the first lines of a log, which may be packed.
func (a *app) firstLines(path string, most int) ([][]byte, error) {
	in := a.In
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	in, err := unpacked(in)
	if err != nil {
		return nil, err
	}
	src, err := io.ReadAll(io.LimitReader(in, trialBytes))
	if err != nil && len(src) == 0 {
		return nil, fmt.Errorf("reading: %w", err)
	}
	var all [][]byte
	var split decode.Splitter
	take := func(l decode.Line) {
		if len(all) < most {
			all = append(all, bytes.Clone(l.Text))
		}
	}
	split.Feed(src, take)
	if len(src) < trialBytes {
		split.Flush(take)
	}
	return all, nil
}

// try reads the first lines of a log and tells what came of them. A format fits that reads most lines, and some
// request.
func (a *app) try(p *printer, what, path, format string, opt decode.Options, most int) (fits bool, err error) {
	sample, err := a.firstLines(path, most)
	if err != nil {
		return false, &unreachable{what: "a log could not be read", err: fmt.Errorf("%s: %w", path, unwrapPath(err)), try: "look at the path and who may read it"}
	}
	t, err := decode.Try(sample, format, opt, time.Now())
	if err != nil {
		return false, &usageError{err: err}
	}
	p.line("")
	p.line("%s: %s tried as %s", safe(what), counted(t.Lines, "line"), cmp.Or(t.Format, format))
	p.line("  %s", safe(t.Why))
	printReasons(p, "NOT READ", t.Misread)
	p.line("  %s, %d failed; lines that only explain one: %d", counted(t.Requests, "request"), t.Failures, t.Explaining)
	if t.Tally.Skewed > 0 {
		p.line("  %s more than %s in the future: is the zone right?", counted(t.Tally.Skewed, "line"), decode.MaxSkew)
	}
	printTrialFields(p, t.Fields)
	if len(t.Unread) > 0 && t.Requests > 0 {
		p.line("  no record has: %s", strings.Join(t.Unread, ", "))
	}
	printReasons(p, "not about a request", t.Skipped)
	printUnknown(p, t.Unknown)
	return t.Lines == 0 || t.Requests > 0 && 2*t.Tally.Unparsed <= t.Lines, nil
}

func printReasons(p *printer, what string, reasons []decode.TrialReason) {
	for _, r := range reasons {
		p.line("  %s: %s, %s", what, counted(r.N, "line"), safe(r.Why))
		for _, e := range r.Examples {
			p.line("      %s", safe(e))
		}
	}
}

func printTrialFields(p *printer, fields []decode.TrialField) {
	for _, f := range fields {
		text := strings.Join(f.Examples, " | ")
		if f.More {
			text += " | ..."
		}
		p.line("  %-14s %4s  %s", f.Name, f.Percent(), safe(text))
	}
}
