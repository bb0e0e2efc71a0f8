package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"signalbox/internal/gateway"
)

// The files of the state folder in which a drill says where its fleet is, for as long as it runs. They are made for a
// second terminal: the screen of the first has no room for URLs, and the commands that a plan shows use $TOKEN.
const (
	drillEnvName    = "drill.env"   // for a shell
	drillConfigName = "drill.yaml"  // for signalbox control
	drillTokenName  = "drill.token" // what the configuration refers to: a secret never stands in it
)

// announce writes the files and gives what removes them again. A drill goes on without them: only a second terminal
// misses them. Those of a later drill in the same folder are left alone.
func (g *game) announce() (withdraw func()) {
	files := map[string]string{drillEnvName: g.settings(), drillConfigName: g.configuration(), drillTokenName: g.fleet.Token() + "\n"}
	var err error
	for name, text := range files {
		err = errors.Join(err, os.WriteFile(filepath.Join(g.station.dir, name), []byte(text), 0o600))
	}
	if err != nil {
		g.say("%s", "second terminal: not described: "+err.Error())
	} else if !g.opts.headless {
		g.say("%s", "in a second terminal   . "+gateway.Word(filepath.Join(g.station.dir, drillEnvName))+"   sets $TOKEN, $ACCESS_LOG and the URLs above")
		g.say("%s", "                       signalbox control state -c "+gateway.Word(filepath.Join(g.station.dir, drillConfigName)))
	}
	return func() {
		for name, text := range files {
			path := filepath.Join(g.station.dir, name)
			if now, err := os.ReadFile(path); err == nil && string(now) == text {
				_ = os.Remove(path)
			}
		}
	}
}

// settings are the fleet's addresses as a shell reads them.
func (g *game) settings() string {
	var b strings.Builder
	set := func(name, value string) { fmt.Fprintf(&b, "%s=%s\n", name, gateway.Word(value)) }
	set("TOKEN", g.fleet.Token())
	set("ACCESS_LOG", g.fleet.AccessLog())
	set("ERROR_LOG", g.fleet.ErrorLog())
	for _, i := range g.fleet.Instances() {
		name := strings.ToUpper(strings.ReplaceAll(i.Name, "-", "_"))
		set(name+"_CHAT", i.URL+"/v1/chat/completions")
		set(name+"_METRICS", i.MetricsURL)
		set(name+"_CONTROLS", i.ControlsURL)
	}
	return b.String()
}

// configuration is the fleet as an operator would have written it down.
func (g *game) configuration() string {
	var b strings.Builder
	var urls []string
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	for _, i := range g.fleet.Instances() {
		urls = append(urls, fmt.Sprintf("%q", i.Name+"="+strings.TrimSuffix(i.ControlsURL, "/controls")))
	}
	line("# The fleet of a drill that is running. It goes with the drill.")
	line("version: 1")
	line("environments: {%s: {confirm: plain}}", drillEnvironment)
	line("state_dir: %q", absolute(g.station.dir))
	line("gateways:")
	line("  - {name: drill, kind: contract, env: %s, levers: on, instances: [%s], token: %q, timeout: %s}",
		drillEnvironment, strings.Join(urls, ", "), "file:"+absolute(filepath.Join(g.station.dir, drillTokenName)), drillAnswers)
	line("sources:")
	line("  - {name: drill-log, kind: file, path: %q, gateway: drill, format: signalbox}", g.fleet.AccessLog())
	line("  - {name: drill-errors, kind: file, path: %q, gateway: drill, format: signalbox}", g.fleet.ErrorLog())
	for _, i := range g.fleet.Instances() {
		line("  - {name: %s-metrics, kind: scrape, url: %q, gateway: drill, instance: %s, every: 1s}", i.Name, i.MetricsURL, i.Name)
	}
	line("probes:")
	for _, p := range drillProbes(g.fleet) {
		line("  - {name: %s, url: %q, headers: {X-Region: %s, X-Caller: %s}, labels: {region: %s}, every: 1s}", p.Name, p.URL, p.Headers["X-Region"], p.Headers["X-Caller"], p.Labels["region"])
	}
	line("inventory:")
	for _, d := range g.fleet.Inventory() {
		line("  - {match: {deployment: %q}, set: {provider: %q, model: %q, region: %q}}", d.Name, d.Provider, d.Model, d.Region)
	}
	return b.String()
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
