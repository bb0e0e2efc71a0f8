package cli

import (
	"errors"
	"fmt"
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

// unopened is the error of files that could not be read, each named; nil for none.
func unopened(failed []error) error {
	if len(failed) == 0 {
		return nil
	}
	return &unreachable{what: "a log could not be read", err: errors.Join(failed...), try: "look at the path and who may read it"}
}
