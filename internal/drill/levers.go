package drill

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"
)

// lever is one thing that a control moves: how a value is read, and what it
// does. Values are what JSON makes of them: float64 is never among them.
type lever struct {
	id       string
	kind     string
	scope    map[string]string
	base     any
	min, max any // nil: no bounds to show
	onExcess string
	parse    func(json.RawMessage) (any, error)
	act      func(value any)
	affected func() (inFlight, queued int)
}

// boundsError says that a value is of the right kind and out of bounds.
type boundsError struct{ error }

const (
	mostConcurrent = 512
	mostShed       = 95 // shedding everything is what a pause is for
)

// levers are all controls of the instance, in the order in which they are shown.
func (g *gateway) levers() []lever {
	var list []lever
	for _, d := range deployments() {
		list = append(list, g.targetLevers(g.targets[d.Name])...)
	}
	for _, workload := range []string{interactive, batch} {
		list = append(list, g.workloadLevers(workload)...)
	}
	for _, model := range models() {
		list = append(list, g.modelLevers(model)...)
	}
	s := g.retries.Load().retrySettings
	return append(list, lever{
		id: "retry", kind: "retry", scope: map[string]string{}, base: retryValue(s.MaxAttempts, s.Timeout.String()),
		parse: parseRetry,
		act: func(v any) {
			value, _ := v.(map[string]any)
			attempts, _ := value["max_attempts"].(int)
			text, _ := value["timeout"].(string)
			timeout, _ := time.ParseDuration(text) // parse has checked it
			g.setRetries(retrySettings{MaxAttempts: attempts, Timeout: timeout})
		},
		affected: func() (int, int) { return g.load(func(*target, string) bool { return true }) },
	})
}

func (g *gateway) targetLevers(t *target) []lever {
	scope := map[string]string{"deployment": t.Name}
	affected := func() (int, int) { return g.load(func(other *target, _ string) bool { return other == t }) }
	_, _, limit := t.queue.load(interactive)
	return []lever{
		{
			id: "cap." + t.Name, kind: "cap", scope: scope, base: limit, min: 1, max: mostConcurrent,
			onExcess: "wait", affected: affected, parse: parseInt(1, mostConcurrent),
			act: func(v any) { n, _ := v.(int); t.queue.setLimit(n) },
		},
		{
			id: "target." + t.Name, kind: "target", scope: scope, base: "in", onExcess: "overflow",
			affected: affected, parse: parseWord("in", "out"),
			act: func(v any) { t.out.Store(v == "out") },
		},
		{
			id: "breaker." + t.Name, kind: "breaker", scope: scope, base: "auto", onExcess: "reject",
			affected: affected, parse: parseWord("auto", "open"),
			act: func(v any) { t.holdOpen(v == "open") },
		},
	}
}

func (g *gateway) workloadLevers(workload string) []lever {
	scope := map[string]string{"workload": workload}
	affected := func() (int, int) { return g.load(func(_ *target, w string) bool { return w == workload }) }
	return []lever{
		{
			id: "pause." + workload, kind: "pause", scope: scope, base: false, onExcess: "wait",
			affected: affected, parse: parseBool,
			act: func(v any) { g.holds[workload].set(v == true) },
		},
		{
			id: "shed." + workload, kind: "shed", scope: scope, base: 0, min: 0, max: mostShed, onExcess: "reject",
			affected: affected, parse: parseInt(0, mostShed),
			act: func(v any) { n, _ := v.(int); g.shed[workload].Store(int64(n)) },
		},
	}
}

func (g *gateway) modelLevers(model string) []lever {
	scope := map[string]string{"model": model}
	affected := func() (int, int) { return g.load(func(t *target, _ string) bool { return t.Model == model }) }
	return []lever{
		{
			id: "fallback." + model, kind: "fallback", scope: scope, base: g.fallback[model].Load(),
			affected: affected, parse: parseBool,
			act: func(v any) { g.fallback[model].Store(v == true) },
		},
		{
			id: "route." + model, kind: "route", scope: scope, base: "",
			affected: affected, parse: g.parseRoute,
			act: func(v any) { name, _ := v.(string); g.routes[model].Store(g.targets[name]) },
		},
		{
			id: "degrade." + model, kind: "degrade", scope: scope, base: false,
			affected: affected, parse: parseBool,
			act: func(v any) { g.degraded[model].Store(v == true) },
		},
	}
}

// load counts requests in work and in line, of the targets and workloads that
// match; held ones count where their workload alone matches.
func (g *gateway) load(match func(*target, string) bool) (inFlight, queued int) {
	for _, t := range g.targets {
		for _, workload := range []string{interactive, batch} {
			if !match(t, workload) {
				continue
			}
			running, waiting, _ := t.queue.load(workload)
			inFlight, queued = inFlight+running, queued+waiting
		}
	}
	return inFlight, queued
}

func parseInt(least, most int) func(json.RawMessage) (any, error) {
	return func(raw json.RawMessage) (any, error) {
		var f float64
		if err := json.Unmarshal(raw, &f); err != nil || f != math.Trunc(f) {
			return nil, fmt.Errorf("value %s: must be a whole number", bounded(string(raw), 40))
		}
		if f < float64(least) || f > float64(most) {
			return nil, boundsError{fmt.Errorf("value %v: must be %d to %d", f, least, most)}
		}
		return int(f), nil
	}
}

func parseBool(raw json.RawMessage) (any, error) {
	var b bool
	if err := json.Unmarshal(raw, &b); err != nil || string(raw) == "null" {
		return nil, fmt.Errorf("value %s: must be true or false", bounded(string(raw), 40))
	}
	return b, nil
}

func parseWord(words ...string) func(json.RawMessage) (any, error) {
	return func(raw json.RawMessage) (any, error) {
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return nil, fmt.Errorf("value %s: must be one of %q", bounded(string(raw), 40), words)
		}
		for _, word := range words {
			if s == word {
				return s, nil
			}
		}
		return nil, fmt.Errorf("value %q: must be one of %q", bounded(s, 40), words)
	}
}

func (g *gateway) parseRoute(raw json.RawMessage) (any, error) {
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, fmt.Errorf("value %s: must be a deployment's name", bounded(string(raw), 40))
	}
	if s != "" && g.targets[s] == nil {
		return nil, fmt.Errorf("value %q: no such deployment", bounded(s, 64))
	}
	return s, nil
}

func parseRetry(raw json.RawMessage) (any, error) {
	var value struct {
		MaxAttempts int    `json:"max_attempts"`
		Timeout     string `json:"timeout"`
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&value); err != nil {
		return nil, fmt.Errorf(`value: must look like {"max_attempts":2,"timeout":"20s"}: %w`, err)
	}
	timeout, err := time.ParseDuration(value.Timeout)
	if err != nil {
		return nil, fmt.Errorf("value: timeout: %w", err)
	}
	s := retrySettings{MaxAttempts: value.MaxAttempts, Timeout: timeout}
	if err := s.check(); err != nil {
		return nil, boundsError{err}
	}
	return retryValue(s.MaxAttempts, value.Timeout), nil
}

// retryValue keeps the timeout as it was written, so that reading back gives
// what was set.
func retryValue(attempts int, timeout string) map[string]any {
	return map[string]any{"max_attempts": attempts, "timeout": timeout}
}

func isBounds(err error) bool {
	var b boundsError
	return errors.As(err, &b)
}
