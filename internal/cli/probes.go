package cli

import (
	"context"
	"os"
	"time"

	"signalbox/internal/config"
	"signalbox/internal/desk"
	"signalbox/internal/drill"
	"signalbox/internal/gateway/probe"
	"signalbox/sources/query"
)

// probePoints makes a sender for each endpoint of the configuration. A key is asked for when a probe is sent, not
// before: a console without it works, and says so at the probe.
func probePoints(cfg *config.Config) []desk.ProbePoint {
	var all []desk.ProbePoint
	for _, p := range cfg.Probes {
		e := probe.Endpoint{
			Name: p.Name, URL: p.URL, KeyHeader: p.KeyHeader, Headers: p.Headers, MaxTokens: p.MaxTokens, MaxField: p.MaxField, Timeout: p.Timeout,
		}
		if !p.Key.IsZero() {
			e.Key = func(ctx context.Context) (string, error) { return p.Key.Resolve(ctx, os.Getenv) }
		}
		all = append(all, desk.ProbePoint{Name: p.Name, Labels: p.Labels, Sender: e, Every: p.Every, Budget: p.Budget})
	}
	return all
}

// drillProbes are the endpoints of a drill: its gateway, asked as a client of each region would.
func drillProbes(f *drill.Fleet) []config.Probe {
	var all []config.Probe
	seen := map[string]bool{}
	for _, d := range f.Inventory() {
		if seen[d.Region] || len(f.Instances()) == 0 {
			continue
		}
		seen[d.Region] = true
		all = append(all, config.Probe{
			Name: "drill-" + d.Region, URL: f.Instances()[0].URL + "/v1", Headers: map[string]string{"X-Region": d.Region, "X-Caller": probe.UserMark},
			Labels: map[string]string{"region": d.Region}, MaxTokens: config.DefaultProbeTokens, Every: time.Second, Budget: 20, Timeout: config.DefaultProbeTimeout,
		})
	}
	return all
}

// prometheusOf makes a client of the Prometheus that the configuration names, nil where it names none.
func prometheusOf(cfg *config.Config) (desk.Prometheus, error) {
	p := cfg.Prometheus
	if p.URL == "" {
		return nil, nil
	}
	o := query.Options{URL: p.URL, Timeout: p.Timeout}
	if !p.Token.IsZero() {
		o.Token = func(ctx context.Context) (string, error) { return p.Token.Resolve(ctx, os.Getenv) }
	}
	client, err := query.NewPrometheus(o)
	if err != nil {
		return nil, &usageError{err: err, try: "look at prometheus: in the configuration"}
	}
	return client, nil
}
