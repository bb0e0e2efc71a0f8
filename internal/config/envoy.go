package config

import "fmt"

// Runtime says where Signalbox serves the runtime of a gateway of kind envoy, for Envoy to end levers on time.
type Runtime struct {
	Listen string // a loopback address with a port; "" where levers are set in the admin layer
	Serve  bool   // the console serves it while it runs, unless another process does
}

func runtime() object[Runtime] {
	return object[Runtime]{
		what: "runtime",
		fields: []field[Runtime]{
			key("listen", "Where the runtime is served, on this machine only: the address that Envoy's bootstrap names.",
				text("an address", badListen), func(x *Runtime, v string) { x.Listen = v }).required(),
			key("serve", "on: a console serves it while it runs, unless another process does. off: `signalbox control serve-envoy` alone does.",
				onOff(), func(x *Runtime, v bool) { x.Serve = v }).def("off"),
		},
	}
}

// checkRuntimes wants the runtime of each gateway at an address of its own, and keys of one kind of gateway there only.
func checkRuntimes(r *report, c *Config) {
	seen := make(map[string]int)
	for _, g := range c.Gateways {
		if at, there := g.keys["maps"]; there && g.Kind != GatewayHAProxy && g.Kind != "" {
			r.add(at, "maps belong to kind haproxy, not "+g.Kind, "")
		}
		at, there := g.keys["runtime"]
		switch {
		case there && g.Kind != GatewayEnvoy && g.Kind != "":
			r.add(at, "runtime belongs to kind envoy, not "+g.Kind, "")
		case there && seen[g.Runtime.Listen] != 0 && g.Runtime.Listen != "":
			r.add(at, "the runtime of another gateway is served at "+quote(g.Runtime.Listen), fmt.Sprintf("that one is on line %d", seen[g.Runtime.Listen]))
		case there:
			seen[g.Runtime.Listen] = at.Line
		}
	}
}
