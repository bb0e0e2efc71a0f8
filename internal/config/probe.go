package config

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
)

// Probe is an endpoint that small requests may be sent through, to see what comes back.
type Probe struct {
	Name      string
	URL       string // base URL of an API in OpenAI's shape, or the whole path of chat completions
	Key       Secret
	KeyHeader string            // where the key goes; "" for Authorization: Bearer
	Headers   map[string]string // sent besides: what routes a request
	Labels    map[string]string // what it stands for: gateway, provider, region, env
	MaxTokens int
	MaxField  string // how the cap of tokens is called on the wire
	Every     time.Duration
	Budget    int // probes in one run of a runbook
	Timeout   time.Duration
	At        Pos
}

// What holds for a probe where the file says nothing.
const (
	DefaultProbeTokens  = 16
	DefaultProbeEvery   = 10 * time.Second
	DefaultProbeBudget  = 10
	DefaultProbeTimeout = 30 * time.Second
	DefaultRehearsalAge = 7 * 24 * time.Hour

	defaultMaxField = "max_tokens"
	mostProbeTokens = 1024
	mostProbeBudget = 100
)

// probeLabels lists what an endpoint for probes can stand for.
var probeLabels = []string{"env", "gateway", "provider", "region"}

func probe() object[Probe] {
	return object[Probe]{
		what: "the probe endpoint",
		start: func() Probe {
			return Probe{MaxTokens: DefaultProbeTokens, MaxField: defaultMaxField, Every: DefaultProbeEvery, Budget: DefaultProbeBudget, Timeout: DefaultProbeTimeout}
		},
		done: func(r *report, n *yaml.Node, _ map[string]Pos, p *Probe) { p.At = r.at(n) },
		fields: []field[Probe]{
			key("name", "What the endpoint is called in runbooks, on screen and in the journal.",
				name("a name"), func(p *Probe, v string) { p.Name = v }).required(),
			key("url", "An API in OpenAI's shape: its base URL, or the whole path of chat completions; without credentials.",
				text("a URL", badURL), func(p *Probe, v string) { p.URL = v }).required(),
			key("key", "Where the API key is kept. Give probes a key of their own, with a spending limit.",
				secret(), func(p *Probe, v Secret) { p.Key = v }),
			key("key_header", "The header that carries the key, such as api-key; by default Authorization: Bearer.",
				name("a header"), func(p *Probe, v string) { p.KeyHeader = v }),
			key("headers", "Headers that are sent besides, such as what routes a request to a region; no secrets.",
				byName("headers", nil, text("a value", nil)), func(p *Probe, v map[string]string) { p.Headers = v }),
			key("labels", "What the endpoint stands for: a probe that names no endpoint takes the one that fits its runbook's scope.",
				byName("labels", probeLabels, text("a value", nil)), func(p *Probe, v map[string]string) { p.Labels = v }),
			key("max_tokens", "The most tokens that an answer may have.",
				number(1, mostProbeTokens), func(p *Probe, v int) { p.MaxTokens = v }).def(DefaultProbeTokens),
			key("max_field", "How the request names that cap.",
				choice(defaultMaxField, "max_completion_tokens"), func(p *Probe, v string) { p.MaxField = v }).def(defaultMaxField),
			key("every", "The least time between one probe and the next.",
				duration(time.Second, time.Hour), func(p *Probe, v time.Duration) { p.Every = v }).def(DefaultProbeEvery.String()),
			key("budget", "How many probes one run of a runbook may send.",
				number(1, mostProbeBudget), func(p *Probe, v int) { p.Budget = v }).def(DefaultProbeBudget),
			key("timeout", "How long one probe may take.",
				duration(time.Second, mostTimeout), func(p *Probe, v time.Duration) { p.Timeout = v }).def(DefaultProbeTimeout.String()),
		},
	}
}

// number is a whole number within bounds.
func number(least, most int) shape[int] {
	want := fmt.Sprintf("a number from %d to %d", least, most)
	return shape[int]{
		schema: map[string]any{"type": "integer", "minimum": least, "maximum": most},
		read: func(r *report, n *yaml.Node) (int, bool) {
			s, ok := scalar(r, n, want, "!!int")
			if !ok {
				return 0, false
			}
			v, err := strconv.Atoi(s)
			if err != nil || v < least || v > most {
				r.fail(n, quote(s)+" is not "+want, "")
				return 0, false
			}
			return v, true
		},
	}
}

// Probe finds an endpoint for probes by name.
func (c *Config) Probe(name string) (Probe, bool) {
	i := slices.IndexFunc(c.Probes, func(p Probe) bool { return p.Name == name })
	if i < 0 {
		return Probe{}, false
	}
	return c.Probes[i], true
}
