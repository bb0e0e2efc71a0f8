package gateway

import (
	"errors"
	"fmt"
	"slices"

	"signalbox/internal/traffic"
)

// Addressed gives the instances of a driver that a change means, and what of them.
func Addressed[P any](c Change, gateway, env string, peers []P, name func(P) string) ([]P, traffic.Scope, error) {
	all := make([]string, 0, len(peers))
	for _, p := range peers {
		all = append(all, name(p))
	}
	names, what, err := c.Address(gateway, env, all)
	if err != nil {
		return nil, nil, err
	}
	var meant []P
	for _, p := range peers {
		if slices.Contains(names, name(p)) {
			meant = append(meant, p)
		}
	}
	return meant, what, nil
}

// HeardAny tells whether at least one instance could be read; missing says what to configure where there is none.
func HeardAny(gateway, missing string, answers []error) error {
	if len(answers) == 0 {
		return fmt.Errorf("gateway %q has no instances; %s in the configuration", gateway, missing)
	}
	if slices.Contains(answers, nil) {
		return nil
	}
	return fmt.Errorf("nothing was planned, no instance of gateway %q could be read: %w", gateway, errors.Join(answers...))
}
