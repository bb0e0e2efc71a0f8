package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// FileName is what the configuration is called where it is looked for.
const FileName = "signalbox.yaml"

// maxFile bounds a configuration file.
const maxFile = 1 << 20

// ErrNone is that no configuration was found; it is no mistake, only a beginning.
var ErrNone = errors.New("no configuration found")

// Candidates lists where a configuration is looked for, the first one first: the working directory, then the
// operator's own configuration folder.
func Candidates(env func(string) string, home string) []string {
	all := []string{"." + string(filepath.Separator) + FileName}
	if dir := base(env("XDG_CONFIG_HOME"), home, ".config"); dir != "" {
		all = append(all, filepath.Join(dir, "signalbox", FileName))
	}
	return all
}

// Find gives the first candidate that is there, or ErrNone with the places that were tried.
func Find(env func(string) string, home string) (string, error) {
	tried := Candidates(env, home)
	for _, p := range tried {
		// A file that is there but cannot be read is not passed over: it is the one that was meant.
		if _, err := os.Stat(p); !errors.Is(err, fs.ErrNotExist) {
			return p, nil
		}
	}
	return "", fmt.Errorf("%w in %s; write one with signalbox config generate, or name one with -c", ErrNone, strings.Join(tried, ", "))
}

// DefaultStateDir is where journals are kept when nothing else is said: $XDG_STATE_HOME/signalbox.
func DefaultStateDir(env func(string) string, home string) string {
	dir := base(env("XDG_STATE_HOME"), home, filepath.Join(".local", "state"))
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "signalbox")
}

// base is an XDG folder: the variable where it holds an absolute path, as the specification wants, or its place in home.
func base(dir, home, otherwise string) string {
	if filepath.IsAbs(dir) {
		return dir
	}
	if home == "" {
		return ""
	}
	return filepath.Join(home, otherwise)
}

// Load reads and checks a configuration file. A file that somebody else could have written may not name commands.
func Load(path string) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	src, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	c, err := Parse(path, src)
	if err != nil {
		return nil, err
	}
	if c.runsCommands() {
		if who := strangers(info); who != "" {
			return nil, fmt.Errorf("%s names commands to run, and %s; make it your own and chmod go-w it", path, who)
		}
	}
	return c, nil
}

func (c *Config) runsCommands() bool {
	return slices.ContainsFunc(c.Gateways, func(g Gateway) bool {
		return g.Token.command != nil || g.Through != nil || g.Kind == GatewayCommand || g.Kind == GatewayNginx
	}) ||
		slices.ContainsFunc(c.Probes, func(p Probe) bool { return p.Key.command != nil }) || c.Prometheus.Token.command != nil ||
		slices.ContainsFunc(c.Sources, func(s Source) bool { return s.Kind == SourceExec || s.Token.command != nil })
}

// Parse reads and checks a configuration. name stands in its errors, and relative paths are resolved against name's
// folder. All problems are reported together, joined, each a *Problem.
func Parse(name string, src []byte) (*Config, error) {
	r := &report{file: name}
	n := document(r, src)
	if n == nil {
		return nil, r.err()
	}
	c, ok := root().read(r, n)
	if err := r.err(); err != nil || !ok {
		return nil, err
	}
	if err := c.resolvePaths(filepath.Dir(name)); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	c.shareSecrets()
	return &c, nil
}

// document gives the one document of the source, or nil with the reason in the report.
func document(r *report, src []byte) *yaml.Node {
	top := &yaml.Node{Line: 1, Column: 1}
	switch {
	case len(src) > maxFile:
		r.fail(top, "the file is longer than 1 MiB", "")
		return nil
	case bytes.IndexByte(src, 0) >= 0:
		r.fail(top, "the file is not text", "")
		return nil
	}
	dec := yaml.NewDecoder(bytes.NewReader(src))
	var doc, second yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) || (err == nil && empty(&doc)) {
		r.fail(top, "the file is empty", "begin with version: 1, or write one with signalbox config generate")
		return nil
	} else if err != nil {
		r.syntax(err)
		return nil
	}
	if err := dec.Decode(&second); err == nil {
		r.fail(&second, "a second document begins", "one file is one configuration")
		return nil
	} else if !errors.Is(err, io.EOF) {
		r.syntax(err)
		return nil
	}
	return doc.Content[0]
}

func empty(doc *yaml.Node) bool {
	return len(doc.Content) == 0 || (doc.Content[0].Kind == yaml.ScalarNode && doc.Content[0].ShortTag() == "!!null")
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntax turns an error of the YAML reader into a problem with a place.
func (r *report) syntax(err error) {
	text, line := err.Error(), 0
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = text[len(m[0]):]
	}
	text, _, _ = strings.Cut(text, "\n")
	r.add(Pos{File: r.file, Line: max(line, 1)}, "this is not YAML: "+clip(text), "look at the indentation and the colons on and above this line")
}

// err joins what was found, in the order of the file.
func (r *report) err() error {
	if len(r.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(r.problems, func(a, b *Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Col - b.Col
	})
	all := make([]error, 0, len(r.problems)+1)
	for _, p := range r.problems {
		all = append(all, p)
	}
	if r.more > 0 {
		all = append(all, fmt.Errorf("%s: and %d more", r.file, r.more))
	}
	return errors.Join(all...)
}

// resolvePaths makes every path of the file independent of where the file is read from.
func (c *Config) resolvePaths(dir string) error {
	paths := []*string{&c.StateDir}
	for i := range c.Runbooks {
		paths = append(paths, &c.Runbooks[i])
	}
	for i := range c.Sources {
		paths = append(paths, &c.Sources[i].Path, &c.Sources[i].FormatFile, &c.Sources[i].Token.file)
	}
	for i := range c.Gateways {
		paths = append(paths, &c.Gateways[i].Token.file, &c.Gateways[i].TLS.Cert, &c.Gateways[i].TLS.Key, &c.Gateways[i].TLS.CA)
	}
	for i := range c.Probes {
		paths = append(paths, &c.Probes[i].Key.file)
	}
	paths = append(paths, &c.Prometheus.Token.file)
	for _, p := range paths {
		if err := resolve(dir, p); err != nil {
			return err
		}
	}
	for _, g := range c.Gateways {
		for i, a := range g.Instances {
			socket, ok := strings.CutPrefix(a, "unix:")
			if !ok || g.Kind != GatewayHAProxy || g.Through != nil { // through a command it is a path of another machine
				continue
			}
			if err := resolve(dir, &socket); err != nil {
				return err
			}
			g.Instances[i] = "unix:" + socket
		}
	}
	return nil
}

func resolve(dir string, p *string) error {
	rest, home := strings.CutPrefix(*p, "~")
	switch {
	case *p == "" || *p == "-" || filepath.IsAbs(*p):
	case home && (rest == "" || rest[0] == '/'):
		h, err := os.UserHomeDir()
		if err != nil {
			return fmt.Errorf("resolving %s: %w", quote(*p), err)
		}
		*p = filepath.Join(h, rest)
	default:
		*p = filepath.Join(dir, *p)
	}
	return nil
}

// shareSecrets tells each command that fetches a secret which other secrets it must not inherit.
func (c *Config) shareSecrets() {
	hide := c.SecretVariables()
	for i := range c.Gateways {
		c.Gateways[i].Token.hideFrom(hide)
	}
	for i := range c.Sources {
		c.Sources[i].Token.hideFrom(hide)
	}
	for i := range c.Probes {
		c.Probes[i].Key.hideFrom(hide)
	}
	c.Prometheus.Token.hideFrom(hide)
}
