package conform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"signalbox/internal/gateway"
)

const (
	wellWithin = "1m"
	farOut     = "87600h" // ten years: a deadline that is none
)

// refused are the checks of what a server must refuse. Each refusal has to leave the control as it is.
var refused = []check{
	{"version required", "a change without If-Match is 428 no_version", refuses(http.StatusPreconditionRequired, "no_version",
		func(_ *trial, _ control, c *call, _ *body) { c.rev = "" })},
	{"stale version", "a change with another version is 412 version_moved, with the present control", checkStale},
	{"key required", "a change without Idempotency-Key is 400 no_key", refuses(http.StatusBadRequest, "no_key",
		func(_ *trial, _ control, c *call, _ *body) { c.key = "" })},
	{"body required", "a body that is no JSON is 400 bad_body", refuses(http.StatusBadRequest, "bad_body",
		func(_ *trial, _ control, c *call, _ *body) { c.body = `{"value": ` })},
	{"deadline required", "a change without ttl is 422 no_deadline", refuses(http.StatusUnprocessableEntity, "no_deadline",
		func(_ *trial, _ control, _ *call, b *body) { b.TTL = "" })},
	{"deadline bounds", "a ttl that is not above zero, and one that is far too long, are 422", checkTTL},
	{"reason required", "a change without reason, and one without actor, are 422 no_reason", checkReason},
	{"value bounds", "a number outside min and max is 422 out_of_bounds", checkBounds},
	{"value type", "a value of another type is 422 bad_value", refuses(http.StatusUnprocessableEntity, "bad_value",
		func(_ *trial, c control, _ *call, b *body) {
			b.Value = gateway.Value(`{"no": "such value"}`)
			if c.Kind == "retry" {
				b.Value = gateway.Value(`"no such value"`)
			}
		})},
	{"value name", "a word that names nothing there is 422 bad_value", checkName},
	{"nothing to extend", "extending what is not set is 422 nothing_to_extend", refuses(http.StatusUnprocessableEntity, "nothing_to_extend",
		func(_ *trial, _ control, c *call, b *body) {
			c.method, c.path = http.MethodPost, c.path+"/extend"
			b.Value, b.OnExpiry = nil, ""
		})},
}

// refuses makes a check that spoils a good change and wants it refused without effect.
func refuses(status int, code string, spoil func(*trial, control, *call, *body)) func(context.Context, *trial, string) error {
	return func(ctx context.Context, t *trial, id string) error {
		return t.refuse(ctx, id, status, code, spoil)
	}
}

func (t *trial) refuse(ctx context.Context, id string, status int, code string, spoil func(*trial, control, *call, *body)) error {
	now, _, err := t.read(ctx, id)
	if err != nil {
		return err
	}
	value, err := t.mild(now)
	if err != nil {
		return err
	}
	c := call{method: http.MethodPut, path: now.path(), rev: now.Version, key: newKey()}
	b := t.body(value, wellWithin)
	spoil(t, now, &c, &b)
	if c.body == "" {
		c.body = b.text()
	}
	if err := t.do(ctx, c).want(status, code); err != nil {
		return err
	}
	return t.unmoved(ctx, now)
}

// unmoved tells whether a control still is what it was.
func (t *trial) unmoved(ctx context.Context, was control) error {
	now, _, err := t.read(ctx, was.ID)
	if err != nil {
		return err
	}
	if now.Version != was.Version || !gateway.Same(now.Value, was.Value) || (now.ExpiresAt == nil) != (was.ExpiresAt == nil) {
		return fmt.Errorf("it was refused or only tried, yet the control moved from version %s, %s to version %s, %s", was.Version, was.Value, now.Version, now.Value)
	}
	return nil
}

func checkStale(ctx context.Context, t *trial, id string) error {
	now, _, err := t.read(ctx, id)
	if err != nil {
		return err
	}
	value, err := t.mild(now)
	if err != nil {
		return err
	}
	for _, c := range []call{
		{method: http.MethodPut, path: now.path(), body: t.body(value, wellWithin).text(), key: newKey()},
		{method: http.MethodDelete, path: now.path(), body: t.body(nil, "").text(), key: newKey()},
	} {
		c.rev = "no-such-version"
		r := t.do(ctx, c)
		if err := r.want(http.StatusPreconditionFailed, "version_moved"); err != nil {
			return fmt.Errorf("%s: %w", c.method, err)
		}
		var e struct {
			Current json.RawMessage `json:"current"`
		}
		if err := json.Unmarshal(r.body, &e); err != nil || e.Current == nil {
			return errors.New("412 without the present control in current: nobody learns what moved")
		}
		current, err := parseControl(e.Current)
		if err != nil || current.ID != id || current.Version != now.Version || !gateway.Same(current.Value, now.Value) {
			return fmt.Errorf("412 whose current is not the control as it is: version %s, want %s", current.Version, now.Version)
		}
	}
	return t.unmoved(ctx, now)
}

func checkTTL(ctx context.Context, t *trial, id string) error {
	for _, ttl := range []string{"0s", "-5m", "soon"} {
		err := t.refuse(ctx, id, http.StatusUnprocessableEntity, "", func(_ *trial, _ control, _ *call, b *body) { b.TTL = ttl })
		if err != nil {
			return fmt.Errorf("ttl %s: %w", ttl, err)
		}
	}
	// A server that takes it must not have been made to: this one is only tried.
	err := t.refuse(ctx, id, http.StatusUnprocessableEntity, "out_of_bounds", func(_ *trial, _ control, c *call, b *body) {
		b.TTL, c.path, c.key = farOut, c.path+"?dry_run=1", ""
	})
	if err != nil {
		return fmt.Errorf("dry run with ttl %s: %w", farOut, err)
	}
	return nil
}

func checkReason(ctx context.Context, t *trial, id string) error {
	for _, spoil := range []func(*trial, control, *call, *body){
		func(_ *trial, _ control, _ *call, b *body) { b.Reason = "" },
		func(_ *trial, _ control, _ *call, b *body) { b.Actor = "" },
	} {
		if err := t.refuse(ctx, id, http.StatusUnprocessableEntity, "no_reason", spoil); err != nil {
			return err
		}
	}
	return nil
}

func checkBounds(ctx context.Context, t *trial, id string) error {
	c := t.found[id]
	tried := 0
	for _, edge := range []struct {
		bound json.RawMessage
		step  int64
	}{{c.Min, -1}, {c.Max, 1}} {
		var n int64
		if strings.TrimSpace(string(edge.bound)) == "" || string(edge.bound) == "null" || json.Unmarshal(edge.bound, &n) != nil {
			continue
		}
		tried++
		value := gateway.Value(fmt.Sprint(n + edge.step))
		err := t.refuse(ctx, id, http.StatusUnprocessableEntity, "out_of_bounds", func(_ *trial, _ control, _ *call, b *body) { b.Value = value })
		if err != nil {
			return fmt.Errorf("value %s: %w", value, err)
		}
	}
	if tried == 0 {
		return skipped("the control has no min and max")
	}
	return nil
}

// checkName gives a word to controls whose value is one: a state, or the name of a target.
func checkName(ctx context.Context, t *trial, id string) error {
	var word string
	if kind := t.found[id].Kind; kind != "route" && json.Unmarshal(t.found[id].Base, &word) != nil {
		return skipped("the value of a " + kind + " is no word")
	}
	return t.refuse(ctx, id, http.StatusUnprocessableEntity, "bad_value", func(_ *trial, _ control, _ *call, b *body) {
		b.Value = gateway.Value(`"signalbox-names-nothing"`)
	})
}

// mild is a value to set: what was asked for, else one close to base, else the only other.
func (t *trial) mild(c control) (gateway.Value, error) {
	if v, given := t.opts.Values[c.ID]; given {
		return gateway.Canonical(gateway.Value(v))
	}
	switch c.Kind {
	case "cap", "shed":
		return mildNumber(c)
	case "pause", "fallback", "degrade":
		if strings.TrimSpace(string(c.Base)) == "true" {
			return gateway.Value("false"), nil
		}
		return gateway.Value("true"), nil
	case "target":
		return gateway.Value(`"out"`), nil
	case "breaker":
		return gateway.Value(`"open"`), nil
	case "retry":
		var r struct {
			Attempts int    `json:"max_attempts"`
			Timeout  string `json:"timeout"`
		}
		if err := json.Unmarshal(c.Base, &r); err != nil {
			return nil, skipped("its base is unlike a retry's; give a value with --value")
		}
		if r.Attempts--; r.Attempts < 1 {
			r.Attempts = 2
		}
		return gateway.Canonical(gateway.Value(fmt.Sprintf(`{"max_attempts":%d,"timeout":%q}`, r.Attempts, r.Timeout)))
	}
	return nil, skipped("what to set a " + c.Kind + " to is not known here; give a value with --value")
}

func mildNumber(c control) (gateway.Value, error) {
	var base, least, most int64
	if err := json.Unmarshal(c.Base, &base); err != nil {
		return nil, skipped("its base is no whole number; give a value with --value")
	}
	if err := json.Unmarshal(c.Max, &most); err != nil {
		most = base
	}
	if err := json.Unmarshal(c.Min, &least); err != nil {
		least = 1
	}
	switch {
	case base < most:
		return gateway.Value(fmt.Sprint(base + 1)), nil
	case base > least:
		return gateway.Value(fmt.Sprint(base - 1)), nil
	}
	return nil, skipped("its bounds leave no other value")
}
