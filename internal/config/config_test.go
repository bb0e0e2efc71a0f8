package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

const whole = `
version: 1
actor: ana
environments: {production: {confirm: typed, read_only: true}, staging: {confirm: plain}, dr: {}}
gateways:
  - {name: edge, kind: haproxy, env: production, levers: on, instances: ["unix:run/a.sock", "tcp:127.0.0.1:9999"]}
  - {name: llm, kind: contract, env: staging, instances: ["llm-1=http://127.0.0.1:4001", "http://[::1]:4002"], token: env:LLM_TOKEN, timeout: 2s}
sources:
  - {name: edge-log, kind: file, path: "logs/*.log", gateway: edge, zone: "+02:00", instance: a}
  - {name: edge-metrics, kind: scrape, url: "http://127.0.0.1:8404/metrics", gateway: edge, token: file:metrics.token}
  - {name: far, kind: exec, command: [ssh, gw, tail, -F, access.json], env: dr, format: json, fields: {model: req.model, status: code}}
  - {name: in, kind: file, path: "-"}
  - {name: otel, kind: otlp, listen: "127.0.0.1:4318", zone: Europe/Berlin, token: env:OTEL_TOKEN, fields: {model: app.llm}}
  - {name: deploys, kind: changes, path: changes.log, gateway: edge}
  - {name: hook, kind: webhook, listen: "localhost:4319", env: dr, token: env:HOOK_TOKEN}
inventory:
  - {match: {deployment: "az-eu-*"}, set: {provider: azure, model: gpt-4o, region: eu-west}}
runbooks: [./runbooks, /srv/runbooks]
state_dir: state
burst: {sensitivity: high}
`

func TestParseReadsTheWholeFormat(t *testing.T) {
	t.Parallel()
	c, err := Parse("/etc/box/signalbox.yaml", []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	for i := range c.Gateways {
		c.Gateways[i].keys = nil
	}
	for i := range c.Sources {
		c.Sources[i].keys = nil
	}
	at := func(line int) Pos { return Pos{File: "/etc/box/signalbox.yaml", Line: line, Col: 5} }
	want := &Config{
		Version: 1, Actor: "ana", File: "/etc/box/signalbox.yaml",
		Environments: map[string]Environment{
			"production": {Confirm: ConfirmTyped, ReadOnly: true}, "staging": {Confirm: ConfirmPlain}, "dr": {Confirm: ConfirmTyped},
		},
		Gateways: []Gateway{
			{
				Name: "edge", Kind: GatewayHAProxy, Env: "production", Levers: true,
				Instances: []string{"unix:/etc/box/run/a.sock", "tcp:127.0.0.1:9999"}, Names: []string{"", ""}, Timeout: 5 * time.Second, At: at(6),
			},
			{
				Name: "llm", Kind: GatewayContract, Env: "staging", Instances: []string{"http://127.0.0.1:4001", "http://[::1]:4002"}, Names: []string{"llm-1", ""},
				Token: SecretFromEnv("LLM_TOKEN"), Timeout: 2 * time.Second, At: at(7),
			},
		},
		Sources: []Source{
			{Name: "edge-log", Kind: SourceFile, Path: "/etc/box/logs/*.log", Gateway: "edge", Instance: "a", Format: "auto", Zone: "+02:00", At: at(9)},
			{
				Name: "edge-metrics", Kind: SourceScrape, URL: "http://127.0.0.1:8404/metrics", Gateway: "edge",
				Every: 5 * time.Second, Timeout: 5 * time.Second, Token: SecretFromFile("/etc/box/metrics.token"), At: at(10),
			},
			{
				Name: "far", Kind: SourceExec, Command: []string{"ssh", "gw", "tail", "-F", "access.json"}, Env: "dr", Format: "json",
				Zone: "UTC", Fields: map[string]string{"model": "req.model", "status": "code"}, At: at(11),
			},
			{Name: "in", Kind: SourceFile, Path: "-", Format: "auto", Zone: "UTC", At: at(12)},
			{
				Name: "otel", Kind: SourceOTLP, Listen: "127.0.0.1:4318", Format: "auto", Zone: "Europe/Berlin", Token: SecretFromEnv("OTEL_TOKEN"),
				Fields: map[string]string{"model": "app.llm"}, At: at(13),
			},
			{Name: "deploys", Kind: SourceChanges, Path: "/etc/box/changes.log", Gateway: "edge", Format: "auto", Zone: "UTC", At: at(14)},
			{Name: "hook", Kind: SourceWebhook, Listen: "localhost:4319", Env: "dr", Format: "auto", Zone: "UTC", Token: SecretFromEnv("HOOK_TOKEN"), At: at(15)},
		},
		Inventory: []Mapping{{
			Match: map[string]string{"deployment": "az-eu-*"},
			Set:   map[string]string{"provider": "azure", "model": "gpt-4o", "region": "eu-west"},
		}},
		Runbooks: []string{"/etc/box/runbooks", "/srv/runbooks"}, StateDir: "/etc/box/state",
		Burst: Burst{Sensitivity: SensitivityHigh},
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %#v\nwant %#v", c, want)
	}
	if got := c.SecretVariables(); !reflect.DeepEqual(got, []string{"HOOK_TOKEN", "LLM_TOKEN", "OTEL_TOKEN"}) {
		t.Errorf("SecretVariables() = %q", got)
	}
	if got := c.SourceEnv(c.Sources[0]) + " " + c.SourceEnv(c.Sources[2]); got != "production dr" {
		t.Errorf("environments of the sources: %s", got)
	}
	_, off := time.Date(2026, 3, 1, 0, 0, 0, 0, c.Sources[0].Location()).Zone()
	if off != 7200 {
		t.Errorf("offset of +02:00 is %d s", off)
	}
}

func TestAnUnknownEnvironmentIsHandledLikeProduction(t *testing.T) {
	t.Parallel()
	c, err := Parse("x.yaml", []byte("version: 1\ngateways: [{name: a, kind: contract, env: prod, levers: on, instances: ['http://h']}]\nsources:\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Environment("prod"); got != (Environment{Confirm: ConfirmTyped}) {
		t.Errorf("Environment(prod) = %+v", got)
	}
}

// Each case is the text of a file after its first line, "version: 1", and the exact problems it must give.
func TestParseLocatesEveryProblem(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, src string
		want      []string
	}{
		{"unknown key at the top", "sorces: []", []string{`f.yaml:2:1: unknown key "sorces" in the configuration; did you mean sources?`}},
		{"unknown key far from all", "zzzzzzzzzz: 1", []string{`f.yaml:2:1: unknown key "zzzzzzzzzz" in the configuration; known are version, actor, environments, gateways, sources, inventory, probes, prometheus, rehearsal_age, runbooks, state_dir, burst`}},
		{"unknown key inside", "burst: {sensitivityy: low}", []string{`f.yaml:2:9: unknown key "sensitivityy" in burst; did you mean sensitivity?`}},
		{"dash for underscore", "state-dir: x", []string{`f.yaml:2:1: unknown key "state-dir" in the configuration; did you mean state_dir?`}},
		{"key twice", "actor: a\nactor: b", []string{`f.yaml:3:1: key "actor" a second time; the first is on line 2`}},
		{"number for text", "actor: 12", []string{`f.yaml:2:8: wants a name, not a number; put it in quotes if it is meant as text`}},
		{"nothing for text", "actor:", []string{`f.yaml:2:7: wants a name, not nothing`}},
		{"empty text", `state_dir: " "`, []string{`f.yaml:2:12: is empty; it wants a path`}},
		{"map for a list", "sources: {name: a}", []string{`f.yaml:2:10: wants a list of sources, not key: value pairs; begin each with a dash, or write [a, b]`}},
		{"text for a map", "environments: production", []string{`f.yaml:2:15: environments wants key: value pairs, not text`}},
		{"bad choice", "environments: {production: {confirm: tpyed}}", []string{`f.yaml:2:38: "tpyed" is not plain or typed; did you mean typed?`}},
		{"bad boolean", "environments: {production: {read_only: yes}}", []string{`f.yaml:2:40: wants true or false, not text`}},
		{"source without what it needs", "sources: [{name: a, kind: file}, {kind: scrape, name: b}]", []string{
			`f.yaml:2:11: the source of kind file has no path; add path:`, `f.yaml:2:34: the source of kind scrape has no url; add url:`,
		}},
		{"no name, no kind", "gateways: [{instances: ['http://h']}]", []string{
			`f.yaml:2:12: the gateway has no name; add name:`, `f.yaml:2:12: the gateway has no kind; add kind:`,
		}},
		{"listening for everybody", "sources: [{name: a, kind: otlp, listen: '0.0.0.0:4318'}, {name: b, kind: otlp, listen: ':4318'}]", []string{
			`f.yaml:2:41: "0.0.0.0:4318" can be reached from other machines; listen on 127.0.0.1 or [::1]; from elsewhere a tunnel or a collector on this machine leads there`,
			`f.yaml:2:88: ":4318" can be reached from other machines; listen on 127.0.0.1 or [::1]; from elsewhere a tunnel or a collector on this machine leads there`,
		}},
		{"listening without a port", "sources: [{name: a, kind: otlp, listen: localhost}]", []string{`f.yaml:2:41: "localhost" is not an address with a port; write it like 127.0.0.1:4318`}},
		{"not listening", "sources: [{name: a, kind: otlp, format: json}]", []string{
			`f.yaml:2:11: the source of kind otlp has no listen; add listen:`, `f.yaml:2:41: format belongs to kind file or exec, not otlp`,
		}},
		{"a pipe of changes", "sources: [{name: a, kind: changes, path: '-'}]", []string{`f.yaml:2:42: changes are read from a file that can be read again, not from standard input; give a path`}},
		{"a key of another kind", "sources: [{name: a, kind: file, path: x, every: 5s}]", []string{`f.yaml:2:49: every belongs to kind scrape, not file`}},
		{"two gateways of one name", "gateways:\n- {name: a, kind: contract, instances: ['http://h']}\n- {name: a, kind: contract, instances: ['http://i']}", []string{
			`f.yaml:4:10: a second gateway is called "a"; the first is on line 3`,
		}},
		{"two sources of one name", "sources:\n- {name: a, kind: file, path: x}\n- {name: a, kind: file, path: y}", []string{
			`f.yaml:4:10: a second source is called "a"; the first is on line 3`,
		}},
		{"dangling gateway", "gateways: [{name: edge, kind: contract, instances: ['http://h']}]\nsources: [{name: a, kind: file, path: x, gateway: egde}]", []string{
			`f.yaml:3:51: no gateway is called "egde"; did you mean edge?`,
		}},
		{"dangling gateway, none at all", "sources: [{name: a, kind: file, path: x, gateway: edge}]", []string{`f.yaml:2:51: no gateway is called "edge"`}},
		{"dangling environment", "environments: {production: {}}\ngateways: [{name: edge, kind: contract, env: prodction, instances: ['http://h']}]", []string{
			`f.yaml:3:46: no environment is called "prodction"; did you mean production?`,
		}},
		{"levers nowhere", "gateways: [{name: edge, kind: contract, levers: on, instances: ['http://h']}]", []string{
			`f.yaml:2:12: levers are on, but the gateway has no env; add env: with the environment that its levers change`,
		}},
		{"no instances", "gateways: [{name: edge, kind: contract, instances: []}]", []string{`f.yaml:2:52: is empty; it wants at least one of instances`}},
		{"no commands", "gateways: [{name: a, kind: command, instances: [x]}]", []string{`f.yaml:2:12: the gateway of kind command has no commands; add commands:`}},
		{"commands of another kind", "gateways: [{name: a, kind: contract, instances: ['http://h'], commands: [{verb: cap.set, read: [r], apply: [a], revert: [b], off: x}]}]", []string{
			`f.yaml:2:73: commands belong to kind command, not contract`,
		}},
		{"a lever twice", "gateways:\n- name: a\n  kind: command\n  instances: [x]\n  commands:\n  - {verb: cap.set, scope: {model: m}, read: [r], apply: [a], revert: [b], off: x}\n  - {verb: cap.set, scope: {model: m}, read: [r], apply: [a], revert: [b], off: x}", []string{
			`f.yaml:8:5: cap.set of this scope stands here twice; the first is on line 7`,
		}},
		{"a lever that takes back", "gateways: [{name: a, kind: command, instances: [x], commands: [{verb: cap.lift, read: [r], apply: [a], revert: [b], off: x, most: -1}]}]", []string{
			`f.yaml:2:71: "cap.lift" is not cap.set, workload.pause, shed.set, target.out, fallback.on, route.force, breaker.open or degrade.on; known are cap.set, workload.pause, shed.set, target.out, fallback.on, route.force, breaker.open, degrade.on`,
			`f.yaml:2:131: "-1" is out of bounds; a whole number from 0 to 1000000000`,
		}},
		{"nginx without files", "gateways: [{name: a, kind: nginx, instances: ['http://h/s']}]", []string{`f.yaml:2:12: the gateway of kind nginx has no nginx; add nginx: {file: ..., base: ...}`}},
		{"nginx of another kind", "gateways: [{name: a, kind: contract, instances: ['http://h'], nginx: {file: a, base: b}}]", []string{`f.yaml:2:70: nginx belongs to kind nginx, not contract`}},
		{"a file that is its own base", "gateways: [{name: a, kind: nginx, instances: ['http://h'], nginx: {file: a, base: a}, token: env:T}]", []string{
			`f.yaml:2:67: file and base are the same file; base stays as it is; file is written`,
			`f.yaml:2:94: token belongs to kind contract, not nginx; let the status location allow this machine alone`,
		}},
		{"a path that a shell would read", "gateways: [{name: a, kind: nginx, instances: ['http://h'], nginx: {file: 'a;b', base: a}}]", []string{
			`f.yaml:2:74: "a;b" is not a plain path; letters, digits and _./@%+=,- only: it may pass a shell on the way`,
		}},
		{"a runtime for everybody", "gateways: [{name: a, kind: envoy, instances: ['http://h'], runtime: {listen: '0.0.0.0:1'}}]", []string{
			`f.yaml:2:78: "0.0.0.0:1" can be reached from other machines; listen on 127.0.0.1 or [::1]; from elsewhere a tunnel or a collector on this machine leads there`,
		}},
		{"two runtimes of one address", "gateways:\n- {name: a, kind: envoy, instances: ['http://h'], runtime: {listen: '127.0.0.1:1'}}\n- {name: b, kind: envoy, instances: ['http://i'], runtime: {listen: '127.0.0.1:1'}}", []string{
			`f.yaml:4:60: the runtime of another gateway is served at "127.0.0.1:1"; that one is on line 3`,
		}},
		{"a runtime of another kind", "gateways: [{name: a, kind: contract, instances: ['http://h'], runtime: {listen: '127.0.0.1:1'}}]", []string{`f.yaml:2:72: runtime belongs to kind envoy, not contract`}},
		{"a way that cannot tell instances apart", "gateways: [{name: a, kind: envoy, instances: ['http://h', 'http://i'], through: [ssh, gw]}]", []string{
			`f.yaml:2:81: through leads all instances to the same place; name the address in it: {host} and {port}, or {path} of a socket`,
		}},
		{"a way with a slip", "gateways: [{name: a, kind: envoy, instances: ['http://h'], through: [ssh, -W, '{hots}:{port}']}]", []string{
			`f.yaml:2:69: {hots} stands for nothing of the instance "http://h"; did you mean {host}?`,
		}},
		{"a way to a socket by its host", "gateways: [{name: a, kind: haproxy, instances: ['unix:run/h.sock'], through: [ssh, '{host}']}]", []string{
			`f.yaml:2:48: "unix:run/h.sock" is the path of a socket on another machine; write it whole: unix:/run/haproxy.sock`,
			`f.yaml:2:78: {host} stands for nothing of the instance "unix:run/h.sock"; known are {path}, {local}`,
		}},
		{"a way of another kind", "gateways: [{name: a, kind: nginx, instances: ['http://h'], nginx: {file: a, base: b}, through: [ssh]}]", []string{
			`f.yaml:2:96: through belongs to kind contract, haproxy, envoy or litellm, not nginx; through of nginx: is what runs commands on its machine`,
		}},
		{"half a certificate", "gateways: [{name: a, kind: contract, instances: ['http://h'], tls: {cert: c}}]", []string{
			`f.yaml:2:49: instance "http://h" is asked without TLS, so that its certificate is not shown; write https://`,
			`f.yaml:2:68: a client certificate needs both its parts; add cert: and key:`,
		}},
		{"a certificate for a socket", "gateways: [{name: a, kind: haproxy, instances: ['unix:/h'], tls: {ca: c}}]", []string{`f.yaml:2:66: tls belongs to kind contract or litellm, not haproxy`}},
		{"maps of another kind", "gateways: [{name: a, kind: contract, instances: ['http://h'], maps: on}]", []string{`f.yaml:2:69: maps belong to kind haproxy, not contract`}},
		{"instance twice", "gateways: [{name: edge, kind: contract, instances: ['http://h', 'http://h']}]", []string{`f.yaml:2:52: instance "http://h" stands here twice`}},
		{"wrong address", "gateways: [{name: e, kind: haproxy, instances: ['http://h', 'unix:', 'tcp:h:0']}]", []string{
			`f.yaml:2:48: instance "http://h" is not a runtime socket; write unix:/run/haproxy.sock or tcp:127.0.0.1:9999`,
			`f.yaml:2:48: instance "unix:" is not a runtime socket; write unix:/run/haproxy.sock or tcp:127.0.0.1:9999`,
			`f.yaml:2:48: instance "tcp:h:0" is not a runtime socket; write unix:/run/haproxy.sock or tcp:127.0.0.1:9999`,
		}},
		{"duration without a unit", "sources: [{name: a, kind: scrape, url: 'http://h', every: 5}]", []string{`f.yaml:2:59: is a number without a unit; write "5s" for seconds`}},
		{"no duration", "sources: [{name: a, kind: scrape, url: 'http://h', every: soon}]", []string{`f.yaml:2:59: "soon" is not a duration; write it like 500ms, 5s or 1m30s`}},
		{"too often", "sources: [{name: a, kind: scrape, url: 'http://h', every: 1ms}]", []string{`f.yaml:2:59: 1ms is out of bounds; between 100ms and 1h0m0s`}},
		{"field nobody has", "sources: [{name: a, kind: file, path: x, fields: {latncy_ms: d}}]", []string{`f.yaml:2:51: unknown key "latncy_ms" in fields; did you mean latency_ms?`}},
		{"field path with a hole", "sources: [{name: a, kind: file, path: x, fields: {model: a..b}}]", []string{`f.yaml:2:58: "a..b" has an empty part; write it like req.model`}},
		{"fields of a fixed format", "sources: [{name: a, kind: file, path: x, format: haproxy, fields: {model: a}}]", []string{`f.yaml:2:67: fields are for formats json and logfmt; "haproxy" has its own`}},
		{"no such zone", "sources: [{name: a, kind: file, path: x, zone: Europe/Berln}]", []string{`f.yaml:2:48: "Europe/Berln" is not a time zone; write it like UTC, Europe/Berlin, +02:00 or Local`}},
		{"broken glob", "inventory: [{match: {deployment: 'az-['}, set: {region: eu}}]", []string{`f.yaml:2:34: "az-[" is not a glob; a [ that is meant as it stands is written \[`}},
		{"mapping of nothing", "inventory: [{match: {}, set: {regon: eu}}]", []string{
			`f.yaml:2:21: match is empty; known are deployment, base_url, host, backend, key_alias`, `f.yaml:2:31: unknown key "regon" in set; did you mean region?`,
		}},
		{"alias", "environments: {a: &x {}, b: *x}", []string{
			`f.yaml:2:19: anchors and aliases are not read here; write the value out`, `f.yaml:2:29: anchors and aliases are not read here; write the value out`,
		}},
		{"merge", "burst: {<<: {sensitivity: low}}", []string{`f.yaml:2:9: a key of burst is text; keys are plain words`}},
		{"tag", "actor: !!binary aGk=", []string{`f.yaml:2:8: tag "!!binary" is not read here; leave it out`}},
		{"two documents", "---\nversion: 1", []string{`f.yaml:2:1: a second document begins; one file is one configuration`}},
		{"control character", `actor: "a\eb"`, []string{`f.yaml:2:8: has a line break or a control character in it`}},
		{"no name", "actor: a/b", []string{`f.yaml:2:8: "a/b" is not a name; names are letters, digits, dots, dashes and underscores, 63 at most, and begin with a letter or digit`}},
		{"several at once, in the order of the file", "burst: {sensitivity: loud}\nsources: [{name: a, kind: fil}]\nactor: 1", []string{
			`f.yaml:2:22: "loud" is not low, normal or high; known are low, normal, high`, `f.yaml:3:27: "fil" is not file, scrape, exec, otlp, changes or webhook; did you mean file?`,
			`f.yaml:4:8: wants a name, not a number; put it in quotes if it is meant as text`,
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := problems(t, "version: 1\n"+c.src)
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

func TestParseOfWhatIsNoConfiguration(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, src, want string }{
		{"empty", "", "f.yaml:1:1: the file is empty; begin with version: 1"},
		{"comments only", "# nothing\n", "f.yaml:1:1: the file is empty"},
		{"no version", "actor: a", "f.yaml:1:1: the configuration has no version; add version:"},
		{"later version", "version: 2", `f.yaml:1:10: version "2" is not known here; this signalbox reads version 1`},
		{"a list", "- a", "f.yaml:1:1: the configuration wants key: value pairs, not a list"},
		{"binary", "version: 1\x00", "f.yaml:1:1: the file is not text"},
		{"huge", "#" + strings.Repeat("x", maxFile), "f.yaml:1:1: the file is longer than 1 MiB"},
		{"no YAML", "version: 1\n\tactor: a", "f.yaml:2: this is not YAML"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := strings.Join(problems(t, c.src), "\n"); !strings.HasPrefix(got, c.want) {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestProblemsAreBounded(t *testing.T) {
	t.Parallel()
	got := problems(t, "version: 1\nrunbooks: ["+strings.Repeat("1,", 500)+"]")
	if len(got) != maxProblems+1 || got[maxProblems] != "f.yaml: and 450 more" {
		t.Errorf("%d problems, the last is %q", len(got), got[len(got)-1])
	}
}

// What may be a secret in the wrong place is never repeated.
func TestNoSecretInAProblem(t *testing.T) {
	t.Parallel()
	const canary = "sk-live-canary0123456789"
	for _, src := range []string{
		"gateways: [{name: a, kind: contract, instances: ['http://h'], token: " + canary + "}]",
		"gateways: [{name: a, kind: contract, instances: ['http://h'], token: 'env:" + canary + "'}]",
		"gateways: [{name: a, kind: contract, instances: ['http://h'], token: [" + canary + "]}]",
		"gateways: [{name: a, kind: contract, instances: ['http://h'], token: {value: " + canary + "}}]",
		"gateways: [{name: a, kind: contract, instances: ['http://u:" + canary + "@h']}]",
		"sources: [{name: a, kind: scrape, url: 'http://u:" + canary + "@h/metrics'}]",
		"sources: [{name: a, kind: scrape, url: 'http://u:" + canary + "@h:bad/metrics'}]",
		"sources: [{name: a, kind: scrape, url: 'http://h', password: " + canary + "}]",
		"sources: [{name: a, kind: scrape, url: 'http://h', every: [" + canary + "]}]",
	} {
		got := problems(t, "version: 1\n"+src)
		if len(got) == 0 || strings.Contains(strings.Join(got, "\n"), canary) {
			t.Errorf("%s\ngave %q", src, got)
		}
	}
}

func problems(t *testing.T, src string) []string {
	t.Helper()
	_, err := Parse("f.yaml", []byte(src))
	if err == nil {
		t.Fatal("no problem was found")
	}
	var p *Problem
	if !errors.As(err, &p) {
		t.Errorf("%v is no *Problem", err)
	}
	return strings.Split(err.Error(), "\n")
}

func TestTheExampleIsValidAndSaysWhatTheSchemaAllows(t *testing.T) {
	t.Parallel()
	c, err := Parse("example.yaml", Example())
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Gateways) != 2 || len(c.Sources) != 3 || len(c.Inventory) == 0 {
		t.Errorf("the example shows %d gateways, %d sources, %d mappings", len(c.Gateways), len(c.Sources), len(c.Inventory))
	}
	for _, g := range c.Gateways {
		if g.Levers {
			t.Errorf("the levers of %s are on in an example that people will copy", g.Name)
		}
	}
	for _, o := range [][]string{root().names(), environment().names(), gateway().names(), source().names(), mapping().names(), burst().names()} {
		for _, key := range o {
			if !bytes.Contains(Example(), []byte(key+":")) {
				t.Errorf("the example does not show %s:", key)
			}
		}
	}
}

func TestSchemaAgreesWithTheReader(t *testing.T) {
	t.Parallel()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("signalbox.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("signalbox.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		src string
		ok  bool
	}{
		{string(Example()), true},
		{whole, true},
		{"version: 1\nsources:\nenvironments:", true},
		{"version: 1\ngateways: [{name: a, kind: contract, instances: ['http://h'], token: {command: [pass, x]}}]", true},
		{"version: 2", false},
		{"actor: a", false},
		{"version: 1\nsorces: []", false},
		{"version: 1\nactor: 12", false},
		{"version: 1\nburst: {sensitivity: loud}", false},
		{"version: 1\nsources: [{name: a, kind: scrape, url: 'http://h', every: 5}]", false},
		{"version: 1\nsources: [{name: a, kind: file, path: x, fields: {latncy: d}}]", false},
		{"version: 1\ngateways: [{name: a, kind: contract, instances: [], token: abc}]", false},
		{"version: 1\ninventory: [{match: {}, set: {region: eu}}]", false},
	} {
		_, parseErr := Parse("x.yaml", []byte(c.src))
		if (parseErr == nil) != c.ok {
			t.Errorf("Parse of %q: %v", c.src, parseErr)
		}
		if err := schema.Validate(asJSON(t, c.src)); (err == nil) != c.ok {
			t.Errorf("schema on %q: %v", c.src, err)
		}
	}
}

func asJSON(t *testing.T, src string) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(src), &v); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestFindLooksHereThenInTheOperatorsFolder(t *testing.T) {
	here, home := t.TempDir(), t.TempDir()
	t.Chdir(here)
	env := func(string) string { return "" }
	if _, err := Find(env, home); !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), filepath.Join(home, ".config/signalbox/signalbox.yaml")) {
		t.Errorf("with nothing there: %v", err)
	}
	own := filepath.Join(home, ".config", "signalbox", FileName)
	write(t, own, "version: 1", 0o600)
	if got, err := Find(env, home); err != nil || got != own {
		t.Errorf("got %q, %v; want %q", got, err, own)
	}
	elsewhere := t.TempDir()
	write(t, filepath.Join(elsewhere, "signalbox", FileName), "version: 1", 0o600)
	xdg := func(name string) string { return map[string]string{"XDG_CONFIG_HOME": elsewhere}[name] }
	if got, err := Find(xdg, home); err != nil || got != filepath.Join(elsewhere, "signalbox", FileName) {
		t.Errorf("with XDG_CONFIG_HOME: %q, %v", got, err)
	}
	write(t, filepath.Join(here, FileName), "version: 1", 0o600)
	if got, err := Find(xdg, home); err != nil || got != "./"+FileName {
		t.Errorf("with one here: %q, %v", got, err)
	}
}

func TestDefaultStateDir(t *testing.T) {
	t.Parallel()
	none := func(string) string { return "" }
	if got := DefaultStateDir(none, "/home/ana"); got != "/home/ana/.local/state/signalbox" {
		t.Errorf("got %q", got)
	}
	if got := DefaultStateDir(func(string) string { return "/state" }, "/home/ana"); got != "/state/signalbox" {
		t.Errorf("got %q", got)
	}
	if got := DefaultStateDir(func(string) string { return "relative" }, ""); got != "" {
		t.Errorf("a relative XDG_STATE_HOME and no home gave %q", got)
	}
}

func TestLoadRefusesCommandsThatOthersCouldHaveWritten(t *testing.T) {
	t.Parallel()
	p := filepath.Join(t.TempDir(), FileName)
	const src = "version: 1\nsources: [{name: a, kind: exec, command: [echo]}]\nrunbooks: [books]\n"
	write(t, p, src, 0o644)
	c, err := Load(p)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(filepath.Dir(p), "books"); c.Runbooks[0] != want {
		t.Errorf("runbooks in %q, want %q", c.Runbooks[0], want)
	}
	if err := os.Chmod(p, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(p); err == nil || !strings.Contains(err.Error(), "anyone may write it") {
		t.Errorf("a file that anyone may write: %v", err)
	}
	for _, g := range []string{
		"{name: a, kind: contract, instances: ['http://h'], through: [ssh, -W, '{host}:{port}', gw]}",
		"{name: a, kind: command, instances: [a], commands: [{verb: cap.set, read: [r], apply: [a], revert: [b], off: 0}]}",
		"{name: a, kind: nginx, instances: ['http://h'], nginx: {file: a, base: b, reload: [r]}}",
	} {
		write(t, p, "version: 1\ngateways: ["+strings.Replace(g, "off: 0", "off: '0'", 1)+"]\n", 0o666)
		if _, err := Load(p); err == nil || !strings.Contains(err.Error(), "anyone may write it") {
			t.Errorf("%s: %v", g, err)
		}
	}
	write(t, p, "version: 1\n", 0o666)
	if _, err := Load(p); err != nil {
		t.Errorf("without commands: %v", err)
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ word, want string }{
		{"tokens_inn", "tokens_in"},
		{"latency", "latency_s"},
		{"ttftms", "ttft_ms"},
		{"mdoel", "model"},
		{"TIME", "time"},
		{"quarterly", ""},
		{strings.Repeat("model", 100), ""},
	} {
		if got := Nearest(c.word, recordFields); got != c.want {
			t.Errorf("Nearest(%q) = %q, want %q", c.word, got, c.want)
		}
	}
}

// What is read is whole and refers to nothing that is missing; what is refused is refused with a place.
func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add(Example())
	f.Add([]byte("version: 1\nsources: [{name: a, kind: scrape, url: 'http://h', every: 5}]"))
	f.Add([]byte("version: 1\ngateways: [&a {name: *a}]"))
	f.Fuzz(func(t *testing.T, src []byte) {
		c, err := Parse("f.yaml", src)
		if err != nil {
			for _, line := range strings.Split(err.Error(), "\n") {
				if !strings.HasPrefix(line, "f.yaml:") {
					t.Errorf("a line without a place: %q", line)
				}
				for _, r := range line {
					if r < ' ' || r == 0x7f {
						t.Errorf("a control character in %q", line)
					}
				}
			}
			return
		}
		for _, s := range c.Sources {
			if _, known := c.Gateway(s.Gateway); s.Gateway != "" && !known {
				t.Errorf("source %s refers to gateway %q", s.Name, s.Gateway)
			}
			if s.Location() == nil || (s.Kind == SourceScrape) != (s.Every > 0) {
				t.Errorf("source %+v is not whole", s)
			}
		}
		for _, g := range c.Gateways {
			if len(g.Instances) == 0 || g.Timeout <= 0 || (g.Levers && g.Env == "") {
				t.Errorf("gateway %+v is not whole", g)
			}
		}
		if again := fmt.Sprintf("%+v %#v", c, c); strings.Contains(again, "%!") {
			t.Errorf("cannot be printed: %s", again)
		}
	})
}
