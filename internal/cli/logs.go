package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"signalbox/internal/config"
	"signalbox/internal/traffic"
	"signalbox/sources"
	"signalbox/sources/decode"
	"signalbox/sources/tail"
)

// logOptions are the flags of the verbs that read logs named on the command line.
type logOptions struct {
	format, zone, output string
	zoneSet              bool // --zone was given: it overrules the configuration
}

func (o *logOptions) flags(c *cobra.Command) {
	outputFlag(c, &o.output)
	c.Flags().StringVar(&o.format, "format", decode.Auto, "auto, the path of a mapping file, or one of "+strings.Join(decode.Formats(), ", ")+"; in a wrapper such as cri+json: "+strings.Join(decode.Wrappers(), ", "))
	c.Flags().StringVar(&o.zone, "zone", "UTC", "zone of times that name none")
	check := c.PreRunE
	c.PreRunE = func(cmd *cobra.Command, args []string) error {
		o.zoneSet = cmd.Flags().Changed("zone")
		if err := check(cmd, args); err != nil {
			return err
		}
		return nil
	}
}

// logGroup is some logs that are read in one way.
type logGroup struct {
	paths  []string
	source string // of the configuration; "" for none
	opt    tail.ReadOptions
}

// logs finds what to read, by the names given or implied. What cannot be opened is in failed; the others
// are read all the same.
func (a *app) logs(cfg *config.Config, args []string, o logOptions) (groups []logGroup, failed []error, err error) {
	base, err := a.readOptions(cfg, o)
	if err != nil {
		return nil, nil, err
	}
	names, err := a.logNames(cfg, args)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		found, bad := existing(name)
		failed = append(failed, bad...)
		for _, f := range found {
			groups = addLog(groups, f, cfg, base, o)
		}
	}
	return groups, failed, nil
}

// readOptions are how a log is read of which the configuration says nothing.
func (a *app) readOptions(cfg *config.Config, o logOptions) (tail.ReadOptions, error) {
	zone, err := time.LoadLocation(o.zone)
	if err != nil {
		return tail.ReadOptions{}, &usageError{err: fmt.Errorf("--zone %q is not known", o.zone), try: "a name such as UTC or Europe/Berlin"}
	}
	format, err := a.formatFlag(o.format)
	if err != nil {
		return tail.ReadOptions{}, err
	}
	kit := sources.Kit{Symbols: traffic.NewSymbols(0), Inventory: traffic.NewInventory(mappings(cfg)), Now: time.Now}
	return tail.ReadOptions{Reader: a.In, Format: format, Formats: a.formats, Zone: zone, Kit: kit}, nil
}

// logNames are the logs named, or the file sources of a configuration that was named, or standard input.
func (a *app) logNames(cfg *config.Config, args []string) ([]string, error) {
	if len(args) > 0 {
		return args, nil
	}
	if a.g.config != "" {
		for _, s := range fileSources(cfg) {
			args = append(args, s.Path)
		}
	}
	switch {
	case len(args) > 0:
		return args, nil
	case a.stdinTerminal():
		return nil, &usageError{err: errors.New("no log was named"), try: "name a file, or pipe one in: kubectl logs deploy/gateway | signalbox scan -"}
	}
	return []string{"-"}, nil
}

func (a *app) stdinTerminal() bool {
	f, ok := a.In.(*os.File)
	return ok && term.IsTerminal(f.Fd())
}

func fileSources(cfg *config.Config) []config.Source {
	return slices.DeleteFunc(slices.Clone(cfg.Sources), func(s config.Source) bool { return s.Kind != config.SourceFile })
}

// existing expands a glob that the shell left alone and looks whether the files can be read. Pipes are not
// opened to try: whoever writes to them would lose its reader.
func existing(path string) (found []string, failed []error) {
	if path == "-" {
		return []string{path}, nil
	}
	names := []string{path}
	if _, err := os.Lstat(path); err != nil && strings.ContainsAny(path, "*?[") {
		names, err = filepath.Glob(path)
		if err != nil {
			return nil, []error{fmt.Errorf("%q is not a pattern: %w", path, err)}
		}
		if len(names) == 0 {
			return nil, []error{fmt.Errorf("%s: no file is called so", path)}
		}
	}
	for _, n := range names {
		if err := readable(n); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", n, err))
			continue
		}
		found = append(found, n)
	}
	return found, failed
}

func readable(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return unwrapPath(err)
	case info.IsDir():
		return errors.New("is a folder: name the files in it, such as " + filepath.Join(path, "*.log"))
	case !info.Mode().IsRegular():
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return unwrapPath(err)
	}
	return f.Close()
}

// addLog puts a path into the group that is read as its source says.
func addLog(groups []logGroup, path string, cfg *config.Config, base tail.ReadOptions, o logOptions) []logGroup {
	s, certain := sourceOf(cfg, path)
	for i := range groups {
		if groups[i].source == s.Name {
			groups[i].paths = append(groups[i].paths, path)
			return groups
		}
	}
	g := logGroup{paths: []string{path}, source: s.Name, opt: base}
	if s.Name != "" {
		g.opt.Fields = s.Fields
		g.opt.Labels = sources.Labels{Env: cfg.SourceEnv(s), Gateway: s.Gateway, Instance: s.Instance}
		if certain && o.format == decode.Auto {
			g.opt.Format = s.Format
		}
		if !o.zoneSet {
			g.opt.Zone = s.Location()
		}
	}
	return append(groups, g)
}

// sourceOf finds the source of the configuration that a log belongs to: by its path, by its name (a copy,
// a rotation), or because there is only one. Only the first is certain enough to take its format on trust.
func sourceOf(cfg *config.Config, path string) (s config.Source, certain bool) {
	all := fileSources(cfg)
	if abs, err := filepath.Abs(path); err == nil && path != "-" {
		for _, s := range all {
			own, err := filepath.Abs(s.Path)
			if hit, merr := filepath.Match(own, abs); err == nil && merr == nil && hit || own == abs {
				return s, true
			}
		}
	}
	for _, s := range all {
		if hit, err := filepath.Match(filepath.Base(s.Path)+"*", filepath.Base(path)); err == nil && hit {
			return s, false
		}
	}
	if len(all) == 1 {
		return all[0], false
	}
	return config.Source{}, false
}

// readLogs hands over the records of all groups in order of event time.
func readLogs(ctx context.Context, groups []logGroup, fn func([]traffic.Record) error) ([]tail.FileReport, error) {
	if len(groups) == 1 {
		rep, err := tail.ReadAll(ctx, groups[0].paths, groups[0].opt, fn)
		return rep.Files, err
	}
	var open []*logStream
	for _, g := range groups {
		s := newLogStream(ctx, g)
		defer s.stop()
		open = append(open, s)
	}
	all := slices.Clone(open)
	open = slices.DeleteFunc(open, func(s *logStream) bool { return !s.more() })
	batch := make([]traffic.Record, 0, batchSize)
	for len(open) > 0 {
		s := slices.MinFunc(open, func(a, b *logStream) int { return a.batch[0].Time.Compare(b.batch[0].Time) })
		batch = append(batch, s.batch[0])
		s.batch = s.batch[1:]
		if len(batch) == batchSize {
			if err := fn(batch); err != nil {
				return nil, err
			}
			batch = make([]traffic.Record, 0, batchSize)
		}
		if !s.more() {
			open = slices.DeleteFunc(open, func(o *logStream) bool { return o == s })
		}
	}
	var err error
	if len(batch) > 0 {
		err = fn(batch)
	}
	var files []tail.FileReport
	for _, s := range all {
		files = append(files, s.files...)
		err = errors.Join(err, s.err)
	}
	slices.SortFunc(files, func(a, b tail.FileReport) int { return cmp.Compare(a.Path, b.Path) })
	return files, err
}

// batchSize is how many records are handed over at once.
const batchSize = 512

// logStream is one group read as its records are asked for.
type logStream struct {
	batch []traffic.Record
	next  func() ([]traffic.Record, bool)
	stop  func()
	files []tail.FileReport
	err   error
}

var errEnough = errors.New("nobody asks for more")

func newLogStream(ctx context.Context, g logGroup) *logStream {
	s := &logStream{}
	s.next, s.stop = iter.Pull(func(yield func([]traffic.Record) bool) {
		rep, err := tail.ReadAll(ctx, g.paths, g.opt, func(b []traffic.Record) error {
			if !yield(b) {
				return errEnough
			}
			return nil
		})
		s.files = rep.Files
		if !errors.Is(err, errEnough) {
			s.err = err
		}
	})
	return s
}

// more makes sure that there is a record, and tells whether there is.
func (s *logStream) more() bool {
	for len(s.batch) == 0 {
		b, ok := s.next()
		if !ok {
			return false
		}
		s.batch = b
	}
	return true
}

// unopened is the error of files that could not be read, each named; nil for none.
func unopened(failed []error) error {
	if len(failed) == 0 {
		return nil
	}
	return &unreachable{what: "a log could not be read", err: errors.Join(failed...), try: "look at the path and who may read it"}
}
