// Package config reads the one configuration file. It is strict: an unknown key, a wrong type, a name used twice or
// a reference to nothing is an error with file:line:col, and all of them are reported together, so that a mistake
// shows before a shift and not in an incident.
package config

import (
	"maps"
	"slices"
	"time"

	// Zones must be known on a machine without a zone database: a gateway's log does not care where it is read.
	_ "time/tzdata"
)

// Version is the version of the file format that this program reads.
const Version = 1

// The ways to confirm a change in an environment.
const (
	ConfirmPlain = "plain" // a key other than Enter
	ConfirmTyped = "typed" // the target, typed out
)

// The kinds of gateway.
const (
	GatewayContract = "contract" // the reference contract over HTTP
	GatewayHAProxy  = "haproxy"  // the runtime socket of HAProxy
	GatewayEnvoy    = "envoy"    // the admin interface of Envoy
	GatewayNginx    = "nginx"    // a file that nginx includes, and its reload
	GatewayLiteLLM  = "litellm"  // a LiteLLM proxy with the companion, or with a database
	GatewayCommand  = "command"  // commands of the operator's own
)

// The kinds of source.
const (
	SourceFile   = "file"   // a file, a glob, a named pipe, or "-" for standard input
	SourceScrape = "scrape" // a Prometheus page, read at an interval
	SourceExec   = "exec"   // the standard output of a command
	SourceOTLP   = "otlp"   // OpenTelemetry's logs, sent to a loopback address over HTTP

	SourceChanges = "changes" // a file of deploys and configuration changes
	SourceWebhook = "webhook" // the same, posted to a loopback address
)

// The sensitivities of burst detection.
const (
	SensitivityLow    = "low"
	SensitivityNormal = "normal"
	SensitivityHigh   = "high"
)

// What holds where the file says nothing.
const (
	DefaultConfirm     = ConfirmTyped // an environment that nobody described is handled like production
	DefaultEvery       = 5 * time.Second
	DefaultTimeout     = 5 * time.Second
	DefaultFormat      = FormatAuto
	DefaultZone        = "UTC"
	DefaultSensitivity = SensitivityNormal
)

// FormatAuto leaves it to the first lines of a source to tell its format.
const FormatAuto = "auto"

// Pos is a place in the file, counted from 1; the zero Pos is nowhere.
type Pos struct {
	File string
	Line int
	Col  int
}

// Config is a whole configuration file, checked: every reference in it leads somewhere.
type Config struct {
	Version      int
	Actor        string // who operates; journaled as claimed
	Environments map[string]Environment
	Gateways     []Gateway
	Sources      []Source
	Inventory    []Mapping
	Probes       []Probe // endpoints that small requests may be sent through
	RehearsalAge time.Duration
	Prometheus   Prometheus
	Runbooks     []string // folders and files, absolute or relative to the working directory
	StateDir     string   // "" leaves the choice to StateDir
	Burst        Burst
	File         string // the name it was read from
}

// Environment says how careful to be in one environment.
type Environment struct {
	Confirm  string // ConfirmPlain or ConfirmTyped
	ReadOnly bool   // no lever of a gateway in this environment can be thrown
}

// Gateway is one gateway with all its instances.
type Gateway struct {
	Name      string
	Kind      string // GatewayContract, GatewayHAProxy, GatewayEnvoy, GatewayNginx, GatewayLiteLLM or GatewayCommand
	Env       string
	Levers    bool     // false: watched only
	Instances []string // URLs (contract, envoy); "unix:PATH" or "tcp:HOST:PORT" (haproxy); URLs of status locations (nginx); names (command)
	Names     []string // what each instance is called on screen and in the journal; "" leaves it to its address
	Commands  []Command
	Nginx     Nginx
	LeastCap  int // the least that cap.set may leave to an instance; 0: what the gateway allows
	Runtime   Runtime
	Maps      bool // haproxy: its configuration has maps of levers
	Token     Secret
	TLS       TLS
	Through   []string      // the command that leads to an instance, with placeholders for its address; none: it is reached from here
	Timeout   time.Duration // of one call to one instance
	At        Pos

	keys map[string]Pos
}

// Source is one place where signals come from.
type Source struct {
	Name     string
	Kind     string   // SourceFile, SourceScrape, SourceExec, SourceOTLP, SourceChanges or SourceWebhook
	Path     string   // file, changes: a path or a glob, resolved against the file's folder; "-" is standard input
	URL      string   // scrape
	Command  []string // exec
	Listen   string   // otlp, webhook: a loopback address with a port
	Gateway  string   // whose signals these are; "" where no gateway is configured for them
	Env      string   // for a source without a gateway; with one it is the gateway's
	Instance string   // of which instance; "" where the lines say it, or nobody knows
	Format   string   // file, exec: a name of Formats, in wrappers or alone; with a FormatFile its path as written
	// FormatFile is the mapping file that the format names, resolved against the file's folder; "" for a name.
	FormatFile string
	Zone       string // file, exec, otlp, changes, webhook: of timestamps that name none
	Every      time.Duration
	Timeout    time.Duration
	Token      Secret            // scrape: sent as a bearer token; otlp, webhook: asked of senders as one
	Fields     map[string]string // file, exec, otlp: record field -> path in a JSON line, key of a logfmt line or attribute
	At         Pos

	keys map[string]Pos
}

// Location gives the zone of timestamps that name none. It was checked when the file was read.
func (s Source) Location() *time.Location {
	loc, err := zone(s.Zone)
	if err != nil {
		return time.UTC
	}
	return loc
}

// Mapping is one line of the inventory: what matches Match has the labels of Set where it says none itself.
// Values of Match may be globs as path.Match knows them, so that a * stops at a slash.
type Mapping struct {
	Match map[string]string // MatchKeys
	Set   map[string]string // SetKeys
}

// Burst tunes the detection of bursts.
type Burst struct {
	Sensitivity string // SensitivityLow, SensitivityNormal or SensitivityHigh
}

// Environment gives what was said about an environment; one that was not described wants typed confirmation.
func (c *Config) Environment(name string) Environment {
	if e, ok := c.Environments[name]; ok {
		return e
	}
	return Environment{Confirm: DefaultConfirm}
}

// Gateway finds a gateway by name.
func (c *Config) Gateway(name string) (Gateway, bool) {
	i := slices.IndexFunc(c.Gateways, func(g Gateway) bool { return g.Name == name })
	if i < 0 {
		return Gateway{}, false
	}
	return c.Gateways[i], true
}

// SourceEnv gives the environment of a source: its gateway's, or its own where it has no gateway.
func (c *Config) SourceEnv(s Source) string {
	if g, ok := c.Gateway(s.Gateway); ok {
		return g.Env
	}
	return s.Env
}

// SecretVariables names the environment variables that hold secrets, so that they can be kept from child processes.
func (c *Config) SecretVariables() []string {
	names := make(map[string]bool)
	for _, g := range c.Gateways {
		names[g.Token.env] = true
	}
	for _, s := range c.Sources {
		names[s.Token.env] = true
	}
	for _, p := range c.Probes {
		names[p.Key.env] = true
	}
	names[c.Prometheus.Token.env] = true
	delete(names, "")
	return slices.Sorted(maps.Keys(names))
}

// Empty is the configuration of someone who has none: nothing watched, nothing to throw.
func Empty() *Config {
	return &Config{Version: Version, Burst: Burst{Sensitivity: DefaultSensitivity}}
}
