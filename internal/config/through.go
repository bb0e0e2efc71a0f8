package config

import (
	"regexp"
	"slices"
	"strings"
)

// placeholder is what looks like one: a typing mistake in it would go to the other machine as it stands.
var placeholder = regexp.MustCompile(`\{[a-z_]+\}`)

// checkThrough checks that the command to the instances of a gateway can tell them apart, and is one that the kind can use.
func checkThrough(r *report, g *Gateway) {
	at, there := g.keys["through"]
	if !there {
		return
	}
	kinds := []string{GatewayContract, GatewayHAProxy, GatewayEnvoy, GatewayLiteLLM}
	if !slices.Contains(kinds, g.Kind) {
		hint := "a command finds its own way"
		if g.Kind == GatewayNginx {
			hint = "through of nginx: is what runs commands on its machine"
		}
		r.add(at, "through belongs to kind "+oneOf(kinds)+", not "+g.Kind, hint)
		return
	}
	used := map[string]bool{}
	for _, word := range g.Through {
		for _, p := range placeholder.FindAllString(word, -1) {
			used[p] = true
		}
	}
	for _, a := range g.Instances {
		known := []string{"{host}", "{port}", "{local}"}
		if strings.HasPrefix(a, "unix:") {
			known = []string{"{path}", "{local}"}
			if path := strings.TrimPrefix(a, "unix:"); !strings.HasPrefix(path, "/") {
				r.add(g.keys["instances"], quote(a)+" is the path of a socket on another machine", "write it whole: unix:/run/haproxy.sock")
			}
		}
		for p := range used {
			if !slices.Contains(known, p) {
				r.add(at, p+" stands for nothing of the instance "+quote(a), suggest(p, known))
				delete(used, p)
			}
		}
	}
	if len(g.Instances) > 1 && !used["{host}"] && !used["{port}"] && !used["{path}"] {
		r.add(at, "through leads all instances to the same place", "name the address in it: {host} and {port}, or {path} of a socket")
	}
}
