package config

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	pathpkg "path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// nameShape is what can stand in a scope, on a screen and in a file name without quoting.
var nameShape = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// name is text that names something.
func name(want string) shape[string] {
	s := text(want, badName)
	s.schema = map[string]any{"type": "string", "pattern": nameShape.String()}
	return s
}

func badName(s string) (wrong, hint string) {
	if nameShape.MatchString(s) {
		return "", ""
	}
	return quote(s) + " is not a name", "names are letters, digits, dots, dashes and underscores, 63 at most, and begin with a letter or digit"
}

// path is text that becomes a path; Parse resolves it against the file's folder.
func path(want string) shape[string] {
	return text(want, func(s string) (string, string) {
		if strings.HasPrefix(s, "~") && s != "~" && !strings.HasPrefix(s, "~/") {
			return quote(s) + ": the home of another user is not looked up", "write the whole path"
		}
		if _, err := filepath.Match(s, ""); err != nil {
			return quote(s) + " is not a glob", "a [ that is meant as it stands is written \\["
		}
		return "", ""
	})
}

// version is the number of this format.
func version() shape[int] {
	return shape[int]{
		schema: map[string]any{"const": Version},
		read: func(r *report, n *yaml.Node) (int, bool) {
			s, ok := scalar(r, n, "the number 1", "!!int")
			if !ok {
				return 0, false
			}
			if v, err := strconv.Atoi(s); err != nil || v != Version {
				r.fail(n, "version "+quote(s)+" is not known here", fmt.Sprintf("this signalbox reads version %d", Version))
				return 0, false
			}
			return Version, true
		},
	}
}

// secret is env:NAME, file:PATH or {command: [...]}. Anything else is refused without repeating it: it may be the secret.
func secret() shape[Secret] {
	words := some("words", text("a word", nil))
	command := object[Secret]{
		what: "the secret",
		fields: []field[Secret]{
			key("command", "The command that prints the secret, and its arguments.", words,
				func(s *Secret, v []string) { s.command = v }).required(),
		},
	}
	return shape[Secret]{
		schema: map[string]any{"oneOf": []any{
			map[string]any{"type": "string", "pattern": `^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$`},
			command.schema(),
		}},
		read: func(r *report, n *yaml.Node) (Secret, bool) {
			if n.Kind == yaml.MappingNode {
				return command.read(r, n)
			}
			s, ok := scalar(r, n, "env:NAME, file:PATH or command: [...]", "!!str")
			if !ok {
				return Secret{}, false
			}
			kind, rest, _ := strings.Cut(s, ":")
			switch {
			case kind == "env" && variable.MatchString(rest):
				return Secret{env: rest}, true
			case kind == "file" && strings.TrimSpace(rest) == rest && rest != "" && len(rest) <= maxText && !strings.ContainsFunc(rest, isControl):
				return Secret{file: rest}, true
			case kind == "env":
				r.fail(n, "env: wants the name of a variable", "such as env:GATEWAY_TOKEN")
			default:
				r.fail(n, "a secret does not stand in this file", "write env:NAME, file:PATH or command: [...]")
			}
			return Secret{}, false
		},
	}
}

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func isControl(c rune) bool { return c < ' ' || c == 0x7f }

// badURL wants http or https with a host, and refuses credentials without repeating them.
func badURL(s string) (wrong, hint string) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return "is not a URL", "write it like http://127.0.0.1:8404/metrics"
	case u.User != nil:
		return "has credentials in the URL", "keep them in token:"
	case (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "":
		return quote(u.Scheme+"://"+u.Host) + " is not an http or https URL with a host", "write it like http://127.0.0.1:8404/metrics"
	}
	return "", ""
}

// badListen wants an address that no other machine can reach: what comes in there is shown and counted.
func badListen(s string) (wrong, hint string) {
	host, port, err := net.SplitHostPort(s)
	if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil {
		return quote(s) + " is not an address with a port", "write it like 127.0.0.1:4318"
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return quote(s) + " can be reached from other machines", "listen on 127.0.0.1 or [::1]; from elsewhere a tunnel or a collector on this machine leads there"
	}
	return "", ""
}

func badZone(s string) (wrong, hint string) {
	if _, err := zone(s); err != nil {
		return quote(s) + " is not a time zone", "write it like UTC, Europe/Berlin, +02:00 or Local"
	}
	return "", ""
}

var offset = regexp.MustCompile(`^([+-])(0[0-9]|1[0-4]):([0-5][0-9])$`)

func zone(s string) (*time.Location, error) {
	if m := offset.FindStringSubmatch(s); m != nil {
		hours, _ := strconv.Atoi(m[2])
		minutes, _ := strconv.Atoi(m[3])
		seconds := hours*3600 + minutes*60
		if m[1] == "-" {
			seconds = -seconds
		}
		return time.FixedZone("UTC"+s, seconds), nil
	}
	return time.LoadLocation(s)
}

func badFieldPath(s string) (wrong, hint string) {
	if slices.Contains(strings.Split(s, "."), "") {
		return quote(s) + " has an empty part", "write it like req.model"
	}
	return "", ""
}

func badGlob(s string) (wrong, hint string) {
	if _, err := pathpkg.Match(s, ""); err != nil {
		return quote(s) + " is not a glob", "a [ that is meant as it stands is written \\["
	}
	return "", ""
}

// named parts NAME=ADDRESS; an address with an = of its own has a character before it that no name has.
func named(instances []string) (addresses, names []string) {
	for _, a := range instances {
		name, address, ok := strings.Cut(a, "=")
		if wrong, _ := badName(name); !ok || name == "" || wrong != "" {
			name, address = "", a
		}
		addresses, names = append(addresses, address), append(names, name)
	}
	return addresses, names
}

func checkGateway(r *report, g *Gateway) {
	seen := make(map[string]bool)
	for _, n := range g.Names {
		if n != "" && seen[n] {
			r.add(g.keys["instances"], "two instances are called "+quote(n), "")
		}
		seen[n] = true
	}
	clear(seen)
	for _, a := range g.Instances {
		at := g.keys["instances"]
		wrong, hint := badAddress(g.Kind, a)
		switch {
		case a == "":
		case wrong != "":
			r.add(at, wrong, hint)
		case seen[a]:
			r.add(at, "instance "+quote(a)+" stands here twice", "")
		}
		seen[a] = true
	}
	if g.Levers && g.keys["env"].Line == 0 {
		r.add(g.At, "levers are on, but the gateway has no env", "add env: with the environment that its levers change")
	}
	if at, there := g.keys["token"]; there && g.Kind == GatewayHAProxy {
		r.add(at, "token belongs to kind contract, not haproxy", "who may use HAProxy's socket is a matter of its mode and level")
	} else if there && g.Kind == GatewayCommand {
		r.add(at, "token belongs to kind contract, not command", "a command finds its own credentials")
	} else if there && g.Kind == GatewayEnvoy {
		r.add(at, "token belongs to kind contract, not envoy", "Envoy's admin interface asks for none: keep it on loopback")
	} else if there && g.Kind == GatewayNginx {
		r.add(at, "token belongs to kind contract, not nginx", "let the status location allow this machine alone")
	}
	checkCommands(r, g)
	checkNginx(r, g)
	checkThrough(r, g)
	checkTLS(r, g)
}

func badAddress(kind, a string) (wrong, hint string) {
	switch kind {
	case GatewayContract, GatewayEnvoy, GatewayNginx, GatewayLiteLLM:
		return badURL(a)
	case GatewayCommand:
		return badName(a)
	case GatewayHAProxy:
		scheme, rest, _ := strings.Cut(a, ":")
		if scheme == "unix" && rest != "" {
			return "", ""
		}
		host, port, err := net.SplitHostPort(rest)
		if p, bad := strconv.ParseUint(port, 10, 16); scheme == "tcp" && err == nil && host != "" && bad == nil && p > 0 {
			return "", ""
		}
		return "instance " + quote(a) + " is not a runtime socket", "write unix:/run/haproxy.sock or tcp:127.0.0.1:9999"
	}
	return "", ""
}

// kindKeys says which keys belong to which kinds of source; the others belong to all.
var kindKeys = map[string][]string{
	"path": {SourceFile, SourceChanges}, "url": {SourceScrape}, "command": {SourceExec}, "listen": {SourceOTLP, SourceWebhook},
	"format": {SourceFile, SourceExec}, "zone": {SourceFile, SourceExec, SourceOTLP, SourceChanges, SourceWebhook}, "fields": {SourceFile, SourceExec, SourceOTLP},
	"every": {SourceScrape}, "timeout": {SourceScrape}, "token": {SourceScrape, SourceOTLP, SourceWebhook},
}

func checkSource(r *report, s *Source) {
	must := map[string]string{
		SourceFile: "path", SourceScrape: "url", SourceExec: "command", SourceOTLP: "listen", SourceChanges: "path", SourceWebhook: "listen",
	}[s.Kind]
	if must == "" {
		return // no kind, or none that is known: reported already
	}
	for _, k := range slices.Sorted(maps.Keys(s.keys)) {
		if kinds := kindKeys[k]; kinds != nil && !slices.Contains(kinds, s.Kind) {
			r.add(s.keys[k], k+" belongs to kind "+oneOf(kinds)+", not "+s.Kind, "")
		}
	}
	if _, there := s.keys[must]; !there {
		r.add(s.At, "the source of kind "+s.Kind+" has no "+must, "add "+must+":")
	}
	if at, there := s.keys["path"]; there && s.Kind == SourceChanges && s.Path == "-" {
		r.add(at, "changes are read from a file that can be read again, not from standard input", "give a path")
	}
	if s.Kind == SourceScrape {
		orDefault(s.keys, "every", &s.Every, DefaultEvery)
		orDefault(s.keys, "timeout", &s.Timeout, DefaultTimeout)
	} else {
		orDefault(s.keys, "format", &s.Format, DefaultFormat)
		orDefault(s.keys, "zone", &s.Zone, DefaultZone)
	}
	inner := s.Format[strings.LastIndex(s.Format, "+")+1:]
	if IsFormatFile(inner) {
		s.FormatFile = inner
	}
	if at, there := s.keys["fields"]; there && inner != "json" && inner != "logfmt" && inner != FormatAuto && !slices.Contains(wrappers, inner) {
		r.add(at, "fields are for formats json and logfmt; "+quote(inner)+" has its own", "")
	}
	if at, there := s.keys["env"]; there && s.keys["gateway"].Line != 0 {
		r.add(at, "env belongs to a source without a gateway", "the gateway's environment is taken")
	}
}

func orDefault[V any](keys map[string]Pos, key string, to *V, v V) {
	if _, there := keys[key]; !there {
		*to = v
	}
}

// checkReferences checks what only the whole file shows: names used twice and names of nothing.
func checkReferences(r *report, _ *yaml.Node, keys map[string]Pos, c *Config) {
	c.File = r.file
	gateways := make(map[string]int)
	for _, g := range c.Gateways {
		once(r, gateways, "gateway", g.Name, g.keys["name"])
		c.checkEnvironment(r, g.Env, g.keys["env"], keys)
	}
	probes := make(map[string]int)
	for _, p := range c.Probes {
		once(r, probes, "endpoint for probes", p.Name, p.At)
	}
	checkRuntimes(r, c)
	sources := make(map[string]int)
	known := slices.Sorted(maps.Keys(gateways))
	for _, s := range c.Sources {
		once(r, sources, "source", s.Name, s.keys["name"])
		c.checkEnvironment(r, s.Env, s.keys["env"], keys)
		if at, there := s.keys["gateway"]; there && s.Gateway != "" && gateways[s.Gateway] == 0 {
			r.add(at, "no gateway is called "+quote(s.Gateway), suggest(s.Gateway, known))
		}
	}
}

func once(r *report, seen map[string]int, what, name string, at Pos) {
	if name == "" {
		return
	}
	if line := seen[name]; line != 0 {
		r.add(at, "a second "+what+" is called "+quote(name), fmt.Sprintf("the first is on line %d", line))
		return
	}
	seen[name] = at.Line
}

// checkEnvironment wants an environment to be described, once any is: a slip in its name would lose its protection.
func (c *Config) checkEnvironment(r *report, env string, at Pos, keys map[string]Pos) {
	if _, described := keys["environments"]; !described || env == "" {
		return
	}
	if _, ok := c.Environments[env]; !ok {
		r.add(at, "no environment is called "+quote(env), suggest(env, slices.Sorted(maps.Keys(c.Environments))))
	}
}
