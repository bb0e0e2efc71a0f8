package gateway

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

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

// For tells whether the plan was made by this kind of driver for this gateway.
func (p Plan) For(kind, gateway string) error {
	if p.Gateway != gateway || p.Kind != kind {
		return fmt.Errorf("plan %s is for %s gateway %q, not for %s gateway %q", p.ID, p.Kind, p.Gateway, kind, gateway)
	}
	return nil
}

// Everywhere does one thing for each instance and control of the plan, instances side by side and the controls of one
// instance in order, and waits for all.
func (p Plan) Everywhere(idemKey string, do func(int, InstancePlan) InstanceReceipt) Receipt {
	rec := Receipt{PlanID: p.ID, IdemKey: idemKey, Instances: make([]InstanceReceipt, len(p.Instances))}
	byName := make(map[string][]int)
	for i, ip := range p.Instances {
		byName[ip.Name] = append(byName[ip.Name], i)
	}
	var wg sync.WaitGroup
	for _, group := range byName {
		wg.Go(func() {
			for _, i := range group {
				rec.Instances[i] = do(i, p.Instances[i])
			}
		})
	}
	wg.Wait()
	rec.AcceptedAt = time.Now().UTC()
	return rec
}
