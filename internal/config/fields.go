package config

import (
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// formats lists the line formats; sources/decode reads them.
var formats = []string{
	FormatAuto, "signalbox", "json", "logfmt", "haproxy", "haproxy-json", "litellm", "litellm-errors",
	"nginx-json", "nginx-error", "envoy-json", "access", "text",
	"apisix", "apisix-access", "bedrock", "bifrost", "cloudwatch", "collector", "envoy-ai-gateway", "higress", "kong", "loki", "portkey",
}

// wrappers lists what runtimes, journals and commands put around lines; sources/decode takes them off.
var wrappers = []string{"docker", "cri", "kubectl", "compose", "journald", "syslog", "klog", "timestamps", "pretty", "prefix"}

// matchKeys lists what a mapping of the inventory can match on.
var matchKeys = []string{"deployment", "base_url", "host", "backend", "key_alias"}

// setKeys lists what a mapping of the inventory can say.
var setKeys = []string{"provider", "model", "region", "env", "deployment", "workload"}

// recordFields lists what a source's fields: can find in a line. A time span says its unit in its name.
var recordFields = []string{
	"time", "request_id", "env", "gateway", "instance", "side", "provider", "model", "served_model", "region", "deployment",
	"endpoint", "workload", "stream", "caller", "backend", "server", "host", "base_url", "key_alias", "status",
	"latency_ms", "latency_us", "latency_ns", "latency_s", "ttft_ms", "ttft_us", "ttft_ns", "ttft_s",
	"retry_after_ms", "retry_after_us", "retry_after_ns", "retry_after_s", "tokens_in", "tokens_out", "tokens_cached",
	"attempt", "fallback_from", "finish_reason", "error_code", "error_type", "error_message", "shape", "kind", "level", "message",
}

// Formats lists the words that a source's format: knows.
func Formats() []string { return append([]string(nil), formats...) }

// Wrappers lists the words that may stand before a format, as in cri+json, or for themselves.
func Wrappers() []string { return append([]string(nil), wrappers...) }

// The bounds of durations.
const (
	leastEvery   = 100 * time.Millisecond
	mostEvery    = time.Hour
	leastTimeout = 100 * time.Millisecond
	mostTimeout  = 5 * time.Minute
)

func root() object[Config] {
	return object[Config]{
		what:  "the configuration",
		start: func() Config { return *Empty() },
		done:  checkReferences,
		fields: []field[Config]{
			key("version", "Version of this format: 1.", version(), func(c *Config, v int) { c.Version = v }).required(),
			key("actor", "Who operates, where the gateway does not say; shown in the band and journaled as claimed.",
				name("a name"), func(c *Config, v string) { c.Actor = v }),
			key("environments", "How careful to be where. An environment that is not described wants typed confirmation.",
				byName("environments", nil, environment().shape()), func(c *Config, v map[string]Environment) { c.Environments = v }),
			key("gateways", "The gateways, each with all its instances.",
				list("gateways", gateway().shape()), func(c *Config, v []Gateway) { c.Gateways = v }),
			key("sources", "Where signals come from: logs and metrics.",
				list("sources", source().shape()), func(c *Config, v []Source) { c.Sources = v }),
			key("inventory", "What deployments, hosts and base URLs stand for. The first mapping that sets a label wins it.",
				list("mappings", mapping().shape()), func(c *Config, v []Mapping) { c.Inventory = v }),
			key("probes", "Endpoints that runbooks and control probe may send small requests through, to see what comes back. None is sent otherwise.",
				list("probes", probe().shape()), func(c *Config, v []Probe) { c.Probes = v }),
			key("prometheus", "The Prometheus that promql in runbooks asks.",
				prometheus().shape(), func(c *Config, v Prometheus) { c.Prometheus = v }),
			key("rehearsal_age", "How old the rehearsal of a fallback may be before its lever calls it stale.",
				duration(time.Minute, 365*24*time.Hour), func(c *Config, v time.Duration) { c.RehearsalAge = v }).def(DefaultRehearsalAge.String()),
			key("runbooks", "Folders and files of runbooks, besides the shipped ones; relative to this file.",
				list("paths", path("a path")), func(c *Config, v []string) { c.Runbooks = v }),
			key("state_dir", "Where journals are kept; by default $XDG_STATE_HOME/signalbox.",
				path("a path"), func(c *Config, v string) { c.StateDir = v }),
			key("burst", "Detection of bursts.", burst().shape(), func(c *Config, v Burst) { c.Burst = v }),
		},
	}
}

func environment() object[Environment] {
	return object[Environment]{
		what:  "the environment",
		start: func() Environment { return Environment{Confirm: DefaultConfirm} },
		fields: []field[Environment]{
			key("confirm", "plain: a key other than Enter; typed: the target typed out.",
				choice(ConfirmPlain, ConfirmTyped), func(e *Environment, v string) { e.Confirm = v }).def(DefaultConfirm),
			key("read_only", "true: no lever of a gateway in this environment can be thrown.",
				truth(), func(e *Environment, v bool) { e.ReadOnly = v }).def(false),
		},
	}
}

func gateway() object[Gateway] {
	return object[Gateway]{
		what:  "the gateway",
		start: func() Gateway { return Gateway{Timeout: DefaultTimeout} },
		done: func(r *report, n *yaml.Node, keys map[string]Pos, g *Gateway) {
			g.At, g.keys = r.at(n), keys
			checkGateway(r, g)
		},
		fields: []field[Gateway]{
			key("name", "What the gateway is called on screen, in scopes and in the journal.",
				name("a name"), func(g *Gateway, v string) { g.Name = v }).required(),
			key("kind", "contract: the reference contract over HTTP; haproxy: the runtime socket of HAProxy; envoy: the admin interface of Envoy; nginx: a file that nginx includes, and its reload; litellm: a LiteLLM proxy with the companion; command: commands of your own.",
				choice(GatewayContract, GatewayHAProxy, GatewayEnvoy, GatewayNginx, GatewayLiteLLM, GatewayCommand), func(g *Gateway, v string) { g.Kind = v }).required(),
			key("env", "The environment it serves; needed when levers are on.",
				name("an environment"), func(g *Gateway, v string) { g.Env = v }),
			key("levers", "on: its levers can be thrown. off: it is watched only.",
				onOff(), func(g *Gateway, v bool) { g.Levers = v }).def("off"),
			key("instances", "All instances. contract, litellm: URLs; haproxy: unix:PATH or tcp:HOST:PORT; envoy: URLs of their admin interfaces; nginx: URLs of the locations that return $signalbox_generation; command: names, which {instance} stands for. NAME=ADDRESS gives one a name for the screen and the journal.",
				some("instances", text("an address", nil)), func(g *Gateway, v []string) { g.Instances, g.Names = named(v) }).required(),
			key("commands", "command: the levers, each with the commands that read it, throw it and take it back.",
				some("commands", command().shape()), func(g *Gateway, v []Command) { g.Commands = v }),
			key("nginx", "nginx: the file that is written, and how nginx is tested and reloaded.",
				nginx().shape(), func(g *Gateway, v Nginx) { g.Nginx = v }),
			key("least_cap", "The least that cap.set may leave to an instance; without it, what the gateway allows.",
				howMany(), func(g *Gateway, v int64) { g.LeastCap = int(v) }),
			key("maps", "haproxy: on where its configuration has the maps and rules of examples/haproxy: levers that HAProxy itself ends on time.",
				onOff(), func(g *Gateway, v bool) { g.Maps = v }).def("off"),
			key("runtime", "envoy: where Signalbox serves the runtime of these Envoys, for Envoy itself to end levers on time; without it levers are set in the admin layer.",
				runtime().shape(), func(g *Gateway, v Runtime) { g.Runtime = v }),
			key("token", "Where the token of the control contract is kept.",
				secret(), func(g *Gateway, v Secret) { g.Token = v }),
			key("tls", "contract, litellm: the client certificate that is shown, and the authorities that are believed.",
				tlsFiles().shape(), func(g *Gateway, v TLS) { g.TLS = v }),
			key("through", "A command that leads to an instance, without a shell: its standard input and output are the connection, as in [ssh, -W, \"{host}:{port}\", jump], or, with {local}, it forwards that port of this machine. {host} and {port}, or {path} of a socket, are the instance's.",
				some("words", text("a word", nil)), func(g *Gateway, v []string) { g.Through = v }),
			key("timeout", "How long one call to one instance may take, and all that one look or one change asks for; the latter has 5s at least.",
				duration(leastTimeout, mostTimeout), func(g *Gateway, v time.Duration) { g.Timeout = v }).def(DefaultTimeout.String()),
		},
	}
}

func source() object[Source] {
	return object[Source]{
		what:  "the source",
		start: func() Source { return Source{} },
		done: func(r *report, n *yaml.Node, keys map[string]Pos, s *Source) {
			s.At, s.keys = r.at(n), keys
			checkSource(r, s)
		},
		fields: append(sourceIdentity(), sourceReading()...),
	}
}

func sourceIdentity() []field[Source] {
	return []field[Source]{
		key("name", "What the source is called on screen.",
			name("a name"), func(s *Source, v string) { s.Name = v }).required(),
		key("kind", "file: a file, glob or pipe is followed; scrape: a Prometheus page; exec: what a command prints; otlp: OpenTelemetry's logs are sent here; "+
			"changes: a file of deploys and configuration changes is followed; webhook: such changes are posted here.",
			choice(SourceFile, SourceScrape, SourceExec, SourceOTLP, SourceChanges, SourceWebhook), func(s *Source, v string) { s.Kind = v }).required(),
		key("path", "file, changes: a path or a glob, relative to this file; - is standard input.",
			path("a path"), func(s *Source, v string) { s.Path = v }),
		key("url", "scrape: the page, without credentials.",
			text("a URL", badURL), func(s *Source, v string) { s.URL = v }),
		key("command", "exec: the command and its arguments; no shell is involved.",
			some("words", text("a word", nil)), func(s *Source, v []string) { s.Command = v }),
		key("listen", "otlp, webhook: where to listen, on this machine only, such as 127.0.0.1:4318.",
			text("an address", badListen), func(s *Source, v string) { s.Listen = v }),
		key("gateway", "The gateway whose signals these are.",
			name("a gateway"), func(s *Source, v string) { s.Gateway = v }),
		key("env", "The environment, for a source without a gateway.",
			name("an environment"), func(s *Source, v string) { s.Env = v }),
		key("instance", "The instance whose signals these are, where the lines do not say it.",
			text("an instance", nil), func(s *Source, v string) { s.Instance = v }),
	}
}

func sourceReading() []field[Source] {
	return []field[Source]{
		key("format", "file, exec: the format of a line, or the path of a mapping file such as ./my-format.yaml; auto looks at the first lines. Wrappers may stand before it, as in cri+json.",
			lineFormat(), func(s *Source, v string) { s.Format = v }).def(DefaultFormat),
		key("zone", "file, exec, otlp, changes, webhook: the zone of timestamps that name none, such as UTC, Europe/Berlin, +02:00 or Local.",
			text("a zone", badZone), func(s *Source, v string) { s.Zone = v }).def(DefaultZone),
		key("fields", "file, exec, otlp: where a line has which field, such as model: req.model.",
			byName("fields", recordFields, text("a path such as req.model", badFieldPath)),
			func(s *Source, v map[string]string) { s.Fields = v }),
		key("every", "scrape: the interval.",
			duration(leastEvery, mostEvery), func(s *Source, v time.Duration) { s.Every = v }).def(DefaultEvery.String()),
		key("timeout", "scrape: how long one read may take.",
			duration(leastTimeout, mostTimeout), func(s *Source, v time.Duration) { s.Timeout = v }).def(DefaultTimeout.String()),
		key("token", "scrape: where the bearer token is kept; otlp, webhook: where the one is kept that senders must show.",
			secret(), func(s *Source, v Secret) { s.Token = v }),
	}
}

// lineFormat is a format, wrappers and the format inside of them, or wrappers alone.
func lineFormat() shape[string] {
	known := append(Formats(), wrappers...)
	s := text("a format", func(v string) (string, string) {
		inner := v
		for inner != "" {
			head, rest, _ := strings.Cut(inner, "+")
			if !slices.Contains(wrappers, head) {
				break
			}
			inner = rest
		}
		if inner == "" && !strings.HasSuffix(v, "+") || slices.Contains(formats, inner) || IsFormatFile(inner) {
			return "", ""
		}
		return quote(inner) + " is not " + oneOf(known), suggest(inner, known) + "; a mapping file is named like ./" + FormatFileExample
	})
	around := "(" + strings.Join(wrappers, "|") + ")"
	s.schema = map[string]any{"type": "string", "pattern": "^(" + around + "\\+)*(" + strings.Join(known, "|") + "|[^+]*(/[^+]*|\\.ya?ml))$", "examples": known}
	return s
}

// FormatFileExample is how a mapping file may be called.
const FormatFileExample = "my-format.yaml"

// IsFormatFile tells whether a format is named by the path of a mapping file: with a slash, or with its ending.
func IsFormatFile(format string) bool {
	return strings.ContainsRune(format, '/') || strings.HasSuffix(format, ".yaml") || strings.HasSuffix(format, ".yml")
}

func mapping() object[Mapping] {
	return object[Mapping]{
		what: "the mapping",
		fields: []field[Mapping]{
			key("match", "What a record must have; values may be globs, whose * stops at a slash.",
				byName("match", matchKeys, text("a value or a glob", badGlob)), func(m *Mapping, v map[string]string) { m.Match = v }).required(),
			key("set", "What such a record is, where it does not say so itself.",
				byName("set", setKeys, text("a value", nil)), func(m *Mapping, v map[string]string) { m.Set = v }).required(),
		},
	}
}

func burst() object[Burst] {
	return object[Burst]{
		what:  "burst",
		start: func() Burst { return Burst{Sensitivity: DefaultSensitivity} },
		fields: []field[Burst]{
			key("sensitivity", "low: only what is large and sure; high: also what is small, at the price of false ones.",
				choice(SensitivityLow, SensitivityNormal, SensitivityHigh), func(b *Burst, v string) { b.Sensitivity = v }).def(DefaultSensitivity),
		},
	}
}
