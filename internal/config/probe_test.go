package config

import (
	"strings"
	"testing"
	"time"
)

func TestProbes(t *testing.T) {
	c, err := Parse("x.yaml", []byte(`version: 1
probes:
  - {name: eu, url: "https://llm.example/v1", key: env:PROBE_KEY, key_header: api-key, headers: {X-Region: eu}, labels: {region: eu-west}, max_tokens: 64, every: 1m, budget: 3, timeout: 5s, max_field: max_completion_tokens}
  - {name: us, url: "http://127.0.0.1:1/v1"}
prometheus: {url: "http://127.0.0.1:9090", token: env:PROM}
`))
	if err != nil {
		t.Fatal(err)
	}
	eu, _ := c.Probe("eu")
	if eu.MaxTokens != 64 || eu.Every != time.Minute || eu.Budget != 3 || eu.Timeout != 5*time.Second || eu.Labels["region"] != "eu-west" || eu.Headers["X-Region"] != "eu" || eu.KeyHeader != "api-key" || eu.MaxField != "max_completion_tokens" {
		t.Errorf("%+v", eu)
	}
	if us, ok := c.Probe("us"); !ok || us.MaxTokens != DefaultProbeTokens || us.Every != DefaultProbeEvery || us.Budget != DefaultProbeBudget || !us.Key.IsZero() {
		t.Errorf("%+v", us)
	}
	if got := strings.Join(c.SecretVariables(), " "); got != "PROBE_KEY PROM" || c.Prometheus.Every != DefaultPrometheusEvery {
		t.Errorf("secrets %s, %+v", got, c.Prometheus)
	}
	for src, want := range map[string]string{
		"probes: [{name: eu}]":                                               "url",
		"probes: [{name: eu, url: 'ftp://x'}]":                               "is not an http or https URL",
		"probes: [{name: eu, url: 'http://x', max_tokens: 4096}]":            "is not a number from 1 to 1024",
		"probes: [{name: eu, url: 'http://x', key: sk-abc}]":                 "a secret does not stand in this file",
		"probes: [{name: eu, url: 'http://x', labels: {model: m}}]":          "model",
		"probes: [{name: eu, url: 'http://x'}, {name: eu, url: 'http://y'}]": "a second endpoint for probes is called",
		"prometheus: {token: env:X}":                                         "url",
	} {
		if _, err := Parse("x.yaml", []byte("version: 1\n"+src+"\n")); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "x.yaml:2") {
			t.Errorf("%s: %v, want %q", src, err, want)
		}
	}
}
