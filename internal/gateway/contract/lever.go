package contract

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/redact"
)

// lever says which kind of control a verb moves, which one dimension its scope names, and to what.
type lever struct {
	kind string
	dim  string // "" for a control of the whole gateway
	// set is the fixed value; nil where the change brings one, or where base is true.
	set  gateway.Value
	base bool // back to the control's base value
	// check judges the value that a change brings.
	check func(gateway.Value) error
}

var levers = map[gateway.Verb]lever{
	gateway.CapSet:         {kind: "cap", dim: "deployment", check: wantInt(1, 1<<31-1, "concurrent requests")},
	gateway.CapLift:        {kind: "cap", dim: "deployment", base: true},
	gateway.WorkloadPause:  {kind: "pause", dim: "workload", set: gateway.Value("true")},
	gateway.WorkloadResume: {kind: "pause", dim: "workload", set: gateway.Value("false")},
	gateway.ShedSet:        {kind: "shed", dim: "workload", check: wantInt(1, 100, "percent")},
	gateway.ShedLift:       {kind: "shed", dim: "workload", base: true},
	gateway.TargetOut:      {kind: "target", dim: "deployment", set: gateway.Value(`"out"`)},
	gateway.TargetIn:       {kind: "target", dim: "deployment", set: gateway.Value(`"in"`)},
	gateway.FallbackOn:     {kind: "fallback", dim: "model", set: gateway.Value("true")},
	gateway.FallbackOff:    {kind: "fallback", dim: "model", set: gateway.Value("false")},
	gateway.RouteForce:     {kind: "route", dim: "model", check: wantName},
	gateway.RouteUnforce:   {kind: "route", dim: "model", base: true},
	gateway.RetrySet:       {kind: "retry", check: wantRetry},
	gateway.RetryReset:     {kind: "retry", base: true},
	gateway.BreakerOpen:    {kind: "breaker", dim: "deployment", set: gateway.Value(`"open"`)},
	gateway.BreakerReset:   {kind: "breaker", dim: "deployment", base: true},
	gateway.DegradeOn:      {kind: "degrade", dim: "model", set: gateway.Value("true")},
	gateway.DegradeOff:     {kind: "degrade", dim: "model", set: gateway.Value("false")},
}

// desired gives the value that the change wants on a control with this base value.
func (l lever) desired(c gateway.Change, base gateway.Value) (gateway.Value, error) {
	given, err := gateway.Canonical(c.Value)
	if err != nil {
		return nil, err
	}
	absent := string(given) == "null"
	switch {
	case l.check != nil && absent:
		return nil, fmt.Errorf("%s needs a value", c.Verb)
	case l.check != nil:
		return given, l.check(given)
	case l.base && !absent && !gateway.Same(given, base):
		return nil, fmt.Errorf("%s takes no value: it goes back to %s", c.Verb, base)
	case l.base:
		return base, nil
	case !absent && !gateway.Same(given, l.set):
		return nil, fmt.Errorf("%s takes no value: it sets %s", c.Verb, l.set)
	}
	return l.set, nil
}

func wantInt(low, high int64, unit string) func(gateway.Value) error {
	return func(v gateway.Value) error {
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil || n < low || n > high {
			return fmt.Errorf("%s is not a whole number of %s from %d to %d", redact.Outside(string(v), 40), unit, low, high)
		}
		return nil
	}
}

func wantName(v gateway.Value) error {
	var s string
	if err := json.Unmarshal(v, &s); err != nil || strings.TrimSpace(s) == "" {
		return fmt.Errorf("%s is not the name of a deployment", redact.Outside(string(v), 40))
	}
	return nil
}

func wantRetry(v gateway.Value) error {
	var r struct {
		MaxAttempts *int    `json:"max_attempts"`
		Timeout     *string `json:"timeout"`
	}
	err := json.Unmarshal(v, &r)
	if err != nil || r.MaxAttempts == nil && r.Timeout == nil || r.MaxAttempts != nil && *r.MaxAttempts < 1 {
		return fmt.Errorf(`%s is not like {"max_attempts":2,"timeout":"20s"}, or one of the two`, redact.Outside(string(v), 80))
	}
	if r.Timeout == nil {
		return nil
	}
	if d, err := time.ParseDuration(*r.Timeout); err != nil || d <= 0 {
		return fmt.Errorf("timeout %q is no duration like 20s", redact.Outside(*r.Timeout, 40))
	}
	return nil
}

// filled puts what a value of several fields leaves out into it, as it is now: a gateway is always sent the whole value,
// and If-Match makes sure that what was filled in still holds.
func (l lever) filled(want, now gateway.Value) gateway.Value {
	var given, have map[string]json.RawMessage
	if l.kind != "retry" || json.Unmarshal(want, &given) != nil || json.Unmarshal(now, &have) != nil || given == nil {
		return want
	}
	for _, field := range []string{"max_attempts", "timeout"} {
		if _, named := given[field]; !named && have[field] != nil {
			given[field] = have[field]
		}
	}
	whole, err := json.Marshal(given)
	if err != nil {
		return want
	}
	if whole, err = gateway.Canonical(whole); err != nil {
		return want
	}
	return whole
}

// setter is the verb that sets a control, for a state: where two verbs set it, the one for its value
// while it is off its base, else the one that would move it.
func setter(kind string, value, base gateway.Value) gateway.Verb {
	engaged := !gateway.Same(value, base)
	pick := func(on, off gateway.Verb) gateway.Verb {
		if gateway.Same(value, levers[on].set) == engaged {
			return on
		}
		return off
	}
	switch kind {
	case "cap":
		return gateway.CapSet
	case "pause":
		return pick(gateway.WorkloadPause, gateway.WorkloadResume)
	case "shed":
		return gateway.ShedSet
	case "target":
		return pick(gateway.TargetOut, gateway.TargetIn)
	case "fallback":
		return pick(gateway.FallbackOn, gateway.FallbackOff)
	case "route":
		return gateway.RouteForce
	case "retry":
		return gateway.RetrySet
	case "breaker":
		return gateway.BreakerOpen
	case "degrade":
		return pick(gateway.DegradeOn, gateway.DegradeOff)
	}
	return "" // a kind of its own: shown, not thrown
}
