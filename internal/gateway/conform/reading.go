package conform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/redact"
)

// reading are the checks that change nothing.
var reading = []check{
	{"listing", "GET /controls gives gateway, instance, clock and every control in its shape", checkListing},
	{"token required", "without a token, or with a wrong one, there is 401 (or 403) and nothing else", checkAuth},
	{"unknown control", "a control that is not there is 404 no_such_control", checkUnknown},
	{"events", "GET /controls/events gives a cursor, and after it only what is new, oldest first", checkEvents},
}

func checkListing(ctx context.Context, t *trial, _ string) error {
	r := t.do(ctx, call{method: http.MethodGet, path: "/controls"})
	if err := r.want(http.StatusOK, ""); err != nil {
		return err
	}
	if !strings.HasPrefix(r.header.Get("Content-Type"), "application/json") {
		return fmt.Errorf("content type %q, not application/json", r.header.Get("Content-Type"))
	}
	l, err := parseListing(r.body)
	if err != nil {
		return err
	}
	switch {
	case l.Gateway == "" || l.Instance == "":
		return errors.New("gateway or instance is missing")
	case l.Now.IsZero():
		return errors.New("now is missing: deadlines run by the gateway's clock")
	}
	seen := make(map[string]bool)
	for _, c := range l.Controls {
		if seen[c.ID] {
			return fmt.Errorf("%s is listed twice", c.ID)
		}
		seen[c.ID] = true
		if err := c.shape(); err != nil {
			return fmt.Errorf("%s: %w", redact.Outside(c.ID, 80), err)
		}
	}
	if off := time.Since(l.Now).Abs(); off > time.Minute {
		return fmt.Errorf("its clock is %s off ours: nobody can tell when a deadline is", off.Round(time.Second))
	}
	return nil
}

// dims is the one dimension of each kind's scope.
var dims = map[string]string{
	"cap": "deployment", "pause": "workload", "shed": "workload", "target": "deployment", "fallback": "model",
	"route": "model", "retry": "", "breaker": "deployment", "degrade": "model",
}

// shape tells what is wrong with a control, whatever it is set to.
func (c control) shape() error {
	for _, f := range []string{"id", "kind", "scope", "value", "base", "version", "set_by", "reason", "incident", "expires_at", "instances"} {
		if _, there := c.fields[f]; !there {
			return fmt.Errorf("%s is missing", f)
		}
	}
	for name, s := range map[string]string{"id": c.ID, "version": c.Version} {
		if s == "" || len(s) > 200 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
			return fmt.Errorf("%s %q is not plain printable ASCII of 1 to 200 bytes", name, redact.Outside(s, 40))
		}
	}
	dim, known := dims[c.Kind]
	if !known {
		return nil // a kind of its own: shown, not thrown
	}
	if err := c.scoped(dim); err != nil {
		return err
	}
	if err := fits(c.Kind, c.Value); err != nil {
		return fmt.Errorf("value: %w", err)
	}
	if err := fits(c.Kind, c.Base); err != nil {
		return fmt.Errorf("base: %w", err)
	}
	if c.Kind == "cap" && !slices.Contains([]string{"wait", "reject", "overflow"}, c.OnExcess) {
		return fmt.Errorf("on_excess %q is not wait, reject or overflow", redact.Outside(c.OnExcess, 40))
	}
	return c.consistent()
}

// scoped tells whether the scope is the one dimension of the kind, no more.
func (c control) scoped(dim string) error {
	want := 1
	if dim == "" {
		want = 0
	}
	if len(c.Scope) != want || dim != "" && c.Scope[dim] == "" {
		return fmt.Errorf("scope %v: a %s has %q and nothing else", c.Scope, c.Kind, dim)
	}
	return nil
}

// consistent tells whether what is said around a value fits it.
func (c control) consistent() error {
	if c.engaged() && c.ExpiresAt == nil {
		return errors.New("is set without a deadline")
	}
	if !c.engaged() && c.ExpiresAt == nil && (c.SetBy != "" || c.Reason != "" || c.Incident != "") {
		return errors.New("is at its base, yet set_by, reason or incident say otherwise")
	}
	return nil
}

// fits tells what is wrong with a value of a kind.
func fits(kind string, v json.RawMessage) error {
	ok, want := true, "a whole number of that kind"
	switch kind {
	case "cap", "shed":
		var n int64
		bad := json.Unmarshal(v, &n) != nil || string(v) == "null"
		ok = !bad && (kind == "cap" && n >= 1 || kind == "shed" && n >= 0 && n <= 100)
	case "pause", "fallback", "degrade":
		s := strings.TrimSpace(string(v))
		ok, want = s == "true" || s == "false", "true or false"
	case "target", "breaker", "route":
		var s *string
		ok, want = json.Unmarshal(v, &s) == nil && s != nil && oneOf(kind, *s), "a word of that kind"
	case "retry":
		ok, want = isRetry(v), `like {"max_attempts": 2, "timeout": "20s"}`
	}
	if !ok {
		return fmt.Errorf("%s is not %s", redact.Outside(string(v), 40), want)
	}
	return nil
}

func oneOf(kind, s string) bool {
	words := map[string][]string{"target": {"in", "out"}, "breaker": {"auto", "open"}}[kind]
	return words == nil || slices.Contains(words, s)
}

func isRetry(v json.RawMessage) bool {
	var r struct {
		Attempts *int   `json:"max_attempts"`
		Timeout  string `json:"timeout"`
	}
	if err := json.Unmarshal(v, &r); err != nil || r.Attempts == nil {
		return false
	}
	d, err := time.ParseDuration(r.Timeout)
	return err == nil && d > 0
}

func checkAuth(ctx context.Context, t *trial, _ string) error {
	if t.token == "" {
		return skipped("no token was given: the server knows its clients otherwise, which is not tried")
	}
	put := call{method: http.MethodPut, path: "/controls/no.such.control", rev: "1", key: newKey(), body: t.body(gateway.Value("1"), "1m").text()}
	for _, who := range []int{asNobody, asStranger} {
		for _, c := range []call{{method: http.MethodGet, path: "/controls"}, {method: http.MethodGet, path: "/controls/events?after=0"}, put} {
			c.who = who
			r := t.do(ctx, c)
			if r.err != nil {
				return r.err
			}
			if r.status != http.StatusUnauthorized && r.status != http.StatusForbidden {
				return fmt.Errorf("%s %s without the right token: status %d", c.method, c.path, r.status)
			}
			if err := r.want(r.status, "unauthorized"); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkUnknown(ctx context.Context, t *trial, _ string) error {
	b := t.body(gateway.Value("1"), "1m").text()
	for _, c := range []call{
		{method: http.MethodPut, path: "/controls/no.such.control", body: b},
		{method: http.MethodPost, path: "/controls/no.such.control/extend", body: b},
		{method: http.MethodDelete, path: "/controls/no.such.control", body: t.body(nil, "").text()},
	} {
		c.rev, c.key = "1", newKey()
		if err := t.do(ctx, c).want(http.StatusNotFound, "no_such_control"); err != nil {
			return fmt.Errorf("%s: %w", c.method, err)
		}
	}
	return nil
}

// event is one of GET /controls/events.
type event struct {
	Seq      int64           `json:"seq"`
	At       time.Time       `json:"at"`
	ID       string          `json:"id"`
	Kind     string          `json:"kind"`
	Actor    *string         `json:"actor"`
	Reason   *string         `json:"reason"`
	Incident *string         `json:"incident"`
	Before   json.RawMessage `json:"before"`
	After    json.RawMessage `json:"after"`
}

// events reads what happened after a cursor.
func (t *trial) events(ctx context.Context, after int64) (list []event, next int64, err error) {
	r := t.do(ctx, call{method: http.MethodGet, path: fmt.Sprintf("/controls/events?after=%d", after)})
	if err := r.want(http.StatusOK, ""); err != nil {
		return nil, 0, err
	}
	var got struct {
		Next   *int64   `json:"next"`
		Events *[]event `json:"events"`
	}
	if err := json.Unmarshal(r.body, &got); err != nil {
		return nil, 0, fmt.Errorf("the events are no JSON of the contract: %w", err)
	}
	if got.Next == nil || got.Events == nil {
		return nil, 0, errors.New("next or events is missing")
	}
	last := after
	for _, e := range *got.Events {
		switch {
		case e.Seq <= last:
			return nil, 0, fmt.Errorf("event %d comes after %d: they are oldest first, and after the cursor", e.Seq, last)
		case e.At.IsZero() || e.ID == "" || e.Actor == nil || e.Reason == nil || e.Incident == nil || e.Before == nil || e.After == nil:
			return nil, 0, fmt.Errorf("event %d lacks at, id, actor, reason, incident, before or after", e.Seq)
		case !slices.Contains([]string{"set", "extended", "reverted", "expired"}, e.Kind):
			return nil, 0, fmt.Errorf("event %d is of kind %q", e.Seq, redact.Outside(e.Kind, 40))
		}
		last = e.Seq
	}
	if *got.Next < last {
		return nil, 0, fmt.Errorf("next %d is before the last event %d: it would come again", *got.Next, last)
	}
	return *got.Events, *got.Next, nil
}

func checkEvents(ctx context.Context, t *trial, _ string) error {
	_, next, err := t.events(ctx, 0)
	if err != nil {
		return err
	}
	again, same, err := t.events(ctx, next)
	if err != nil {
		return err
	}
	if len(again) == 0 && same != next {
		return fmt.Errorf("the cursor moved from %d to %d without an event", next, same)
	}
	return nil
}
