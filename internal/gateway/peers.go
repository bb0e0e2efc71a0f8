package gateway

import (
	"errors"
	"fmt"
	"slices"
	"strings"
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

// HeardAny tells whether at least one instance could be read, as trouble tells of each; missing says what to configure where there is none.
func HeardAny[R any](gateway, missing string, readings []R, trouble func(R) error) error {
	if len(readings) == 0 {
		return fmt.Errorf("gateway %q has no instances; %s in the configuration", gateway, missing)
	}
	answers := make([]error, 0, len(readings))
	for _, r := range readings {
		err := trouble(r)
		if err == nil {
			return nil
		}
		answers = append(answers, err)
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

// Confirmed tells whether the plan was made by this kind of driver for this gateway, and is still what was confirmed.
func (p Plan) Confirmed(kind, gateway string) error {
	if err := p.For(kind, gateway); err != nil {
		return err
	}
	return p.Intact()
}

// Pair puts calls beside the controls that they are for; nil where nothing is to be sent. noun is what the driver calls
// a call, path gives the Path of a control's.
func (p Plan) Pair(calls []Call, noun string, path func(control string) string) ([]*Call, error) {
	out := make([]*Call, len(p.Instances))
	next := 0
	for i, ip := range p.Instances {
		if ip.Skip != "" {
			continue
		}
		if next >= len(calls) || calls[next].Instance != ip.Name || calls[next].Path != path(ip.Control) {
			return nil, fmt.Errorf("plan %s has no %s for %s of %s; plan again", p.ID, noun, ip.Control, ip.Name)
		}
		out[i] = &calls[next]
		next++
	}
	if next != len(calls) {
		return nil, fmt.Errorf("plan %s has more %ss than controls; plan again", p.ID, noun)
	}
	return out, nil
}

// Itself is the path of calls that name their control as it is.
func Itself(control string) string { return control }

// Caveat adds what an operator should know, once.
func (p *Plan) Caveat(format string, args ...any) {
	if s := fmt.Sprintf(format, args...); !slices.Contains(p.Caveats, s) {
		p.Caveats = append(p.Caveats, s)
	}
}

// CaveatSkipped says which controls nothing is sent to, and why.
func (p *Plan) CaveatSkipped() {
	for _, i := range p.Instances {
		switch {
		case i.Skip != "" && i.Rev == "":
			p.Caveat("%s is left out, so this will be PARTIAL: %s", i.Name, i.Skip)
		case i.Skip != "":
			p.Caveat("%s: %s %s", i.Name, i.Control, i.Skip)
		}
	}
}

// OneOf words a choice of a few of many.
func OneOf(all []string) string {
	const few = 8
	if n := len(all); n > few {
		all = append(slices.Clone(all[:few]), fmt.Sprintf("one of %d more", n-few))
	}
	return strings.Join(all, " or ")
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
