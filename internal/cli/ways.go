package cli

import (
	"net/http"
	"path/filepath"

	"signalbox/internal/config"
	"signalbox/internal/gateway/jump"
)

// ways are the commands that lead to gateways, by the gateway's name. Whoever asks for them closes them.
type ways map[string]*jump.Way

// waysOf makes the ways of a configuration; nothing is started before somebody goes one.
func waysOf(cfg *config.Config) ways {
	out := make(ways)
	for _, g := range cfg.Gateways {
		if len(g.Through) > 0 {
			out[g.Name] = jump.New(jump.Options{
				Command: g.Through, Env: config.ChildEnvironment(cfg.SecretVariables()), Dir: filepath.Dir(cfg.File),
			})
		}
	}
	return out
}

// close ends all connections and their processes, and waits for them.
func (w ways) close() {
	for _, one := range w {
		_ = one.Close()
	}
}

// clientOf gives the HTTP client for a gateway, and the words of the command that it goes through.
func clientOf(w *jump.Way) (*http.Client, func(network, address string) string) {
	if w == nil {
		return &http.Client{}, nil
	}
	return w.Client(), w.Line
}
