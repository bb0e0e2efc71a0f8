package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// drillEnvName is the file of the state folder in which a drill says where its fleet is, for as long as it runs. It is made
// for a second terminal: the screen of the first has no room for URLs, and the commands that a plan shows
// use $TOKEN.
const drillEnvName = "drill.env"

// announce writes the file and gives what removes it again. A drill goes on without it: only a second terminal
// misses it. The file of a later drill in the same folder is left alone.
func (g *game) announce() (withdraw func()) {
	var b strings.Builder
	set := func(name, value string) { fmt.Fprintf(&b, "%s=%s\n", name, quoted(value)) }
	set("TOKEN", g.fleet.Token())
	set("ACCESS_LOG", g.fleet.AccessLog())
	set("ERROR_LOG", g.fleet.ErrorLog())
	for _, i := range g.fleet.Instances() {
		name := strings.ToUpper(strings.ReplaceAll(i.Name, "-", "_"))
		set(name+"_CHAT", i.URL+"/v1/chat/completions")
		set(name+"_METRICS", i.MetricsURL)
		set(name+"_CONTROLS", i.ControlsURL)
	}
	path, text := filepath.Join(g.station.dir, drillEnvName), b.String()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		g.say("%s", "second terminal: not described: "+err.Error())
		return func() {}
	}
	if !g.opts.headless {
		g.say("%s", "in a second terminal   . "+quoted(path)+"   sets $TOKEN, $ACCESS_LOG and the URLs above")
	}
	return func() {
		if now, err := os.ReadFile(path); err == nil && string(now) == text {
			_ = os.Remove(path)
		}
	}
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
