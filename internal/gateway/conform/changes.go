package conform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"signalbox/internal/gateway"
)

// changing are the checks for one control, in order: first what has to be refused, then what has to work.
var changing = append(append([]check{}, refused...),
	check{"dry run", "PUT ?dry_run=1 tells what would be, needs no key, and changes nothing", checkDry},
	check{"set", "PUT gives 200, the control as it is now with a new version, and its ETag", basic(checkSet)},
	check{"in force", "what was answered 200 is read back at once, or its instances say which follow", basic(checkForce)},
	check{"deadline as asked", "expires_at is ttl from now, by the gateway's clock", checkAsked},
	check{"same key", "the same request with the same key gives the first answer again and changes nothing", checkAgain},
	check{"key reused", "the same key with another body is 422 key_reused", checkReused},
	check{"key in flight", "two requests with one key at once change one thing; the second may be 409", checkInFlight},
	check{"compare and set", "of several changes with the same version at once, one is made and the others are 412 (or 409)", checkRace},
	check{"extend", "POST extend moves the deadline, keeps the value, and gives a new version", checkExtend},
	check{"give back", "DELETE gives 200 and the control at its base, with a new version", checkDelete},
	check{"deadline held", "at expires_at the control goes back by itself, not before and not long after", checkDeadline},
	check{"event log", "every change is an event, in order, with who, why, before and after", checkLog},
	check{"too many toggles", "a brake on toggling is 429 too_many_toggles with Retry-After, and giving back stays allowed", checkToggles},
)

// errLost is a change whose answer did not come.
var errLost = errors.New("no answer")

// put sets the control to its mild value and gives the answer as a control. A brake on toggling is waited out.
func (t *trial) put(ctx context.Context, id, ttl string) (was, is control, sent call, err error) {
	if t.broken[id] {
		return was, is, sent, skipped("setting the control does not work")
	}
	for range 2 {
		if was, _, err = t.read(ctx, id); err != nil {
			return was, is, sent, err
		}
		value, verr := t.mild(was)
		if verr != nil {
			return was, is, sent, verr
		}
		sent = call{method: http.MethodPut, path: was.path(), rev: was.Version, key: newKey(), body: t.body(value, ttl).text()}
		r := t.do(ctx, sent)
		if wait, braked := r.braked(); braked {
			if err := pause(ctx, wait); err != nil {
				return was, is, sent, err
			}
			continue
		}
		is, err = t.answered(r, was, "set")
		return was, is, sent, err
	}
	return was, is, sent, errors.New("429 again after Retry-After had passed")
}

// answered reads the 200 of a change.
func (t *trial) answered(r reply, was control, kind string) (control, error) {
	if r.err != nil {
		return control{}, fmt.Errorf("%w: %w", errLost, r.err)
	}
	if r.status == http.StatusPreconditionFailed {
		return control{}, fmt.Errorf("412, although If-Match %q is the version that was just read", was.Version)
	}
	if err := r.want(http.StatusOK, ""); err != nil {
		return control{}, err
	}
	c, err := parseControl(r.body)
	if err != nil {
		return c, err
	}
	if err := c.shape(); err != nil {
		return c, fmt.Errorf("the answer: %w", err)
	}
	if c.ID != was.ID {
		return c, fmt.Errorf("the answer is control %q", c.ID)
	}
	t.did[was.ID], t.passed[was.ID] = append(t.did[was.ID], kind), was.Version
	if c.Version == was.Version {
		return c, fmt.Errorf("the version still is %s after a change", c.Version)
	}
	if tag := r.header.Get("ETag"); tag != `"`+c.Version+`"` {
		return c, fmt.Errorf("the ETag is %s, the version %s", tag, c.Version)
	}
	return c, nil
}

// braked tells whether an answer is the brake on toggling, and how long it holds.
func (r reply) braked() (time.Duration, bool) {
	if r.err != nil || r.status != http.StatusTooManyRequests {
		return 0, false
	}
	n, err := strconv.Atoi(strings.TrimSpace(r.header.Get("Retry-After")))
	if err != nil || n < 0 || n > 120 {
		return 0, false
	}
	return time.Duration(n)*time.Second + 100*time.Millisecond, true
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("interrupted: %w", context.Cause(ctx))
	}
}

// restore brings the control back to its base, if it still is what the test set.
func (t *trial) restore(ctx context.Context, id string) error {
	if t.ready(id) != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 4*t.opts.Timeout+grace)
	defer cancel()
	kept := t.log
	err := errors.New("it was not read")
	for late, n := time.Now().Add(grace), 0; n < 3; n++ {
		var now control
		if now, _, err = t.read(ctx, id); err != nil {
			continue
		}
		if now.Version == t.passed[id] && time.Now().Before(late) {
			n-- // a server that is late to show what it took: what comes must be taken back as well
			if err = pause(ctx, 50*time.Millisecond); err == nil {
				continue
			}
		}
		delete(t.passed, id) // waited for once
		if !now.engaged() && now.ExpiresAt == nil {
			t.log = kept
			return nil
		}
		if now.Reason != t.opts.Reason && now.SetBy != t.opts.Actor {
			return fmt.Errorf("%s was set by %s meanwhile, and is left alone", id, orNobody(now.SetBy))
		}
		r := t.do(ctx, call{method: http.MethodDelete, path: now.path(), rev: now.Version, key: newKey(), body: t.body(nil, "").giveBack()})
		if _, err = t.answered(r, now, "reverted"); err == nil {
			delete(t.passed, id)
			t.log = kept
			return nil
		}
	}
	return fmt.Errorf("%s is not back at its base: %w", id, err)
}

// giveBack is the body of a DELETE.
func (b body) giveBack() string {
	b.Value, b.TTL, b.OnExpiry = nil, "", ""
	return b.text()
}

func checkDry(ctx context.Context, t *trial, id string) error {
	was, clock, err := t.read(ctx, id)
	if err != nil {
		return err
	}
	value, err := t.mild(was)
	if err != nil {
		return err
	}
	c := call{method: http.MethodPut, path: was.path() + "?dry_run=1", rev: was.Version, body: t.body(value, wellWithin).text()}
	r := t.do(ctx, c)
	if err := r.want(http.StatusOK, ""); err != nil {
		return err
	}
	var got struct {
		DryRun    bool               `json:"dry_run"`
		Control   json.RawMessage    `json:"control"`
		Affected  map[string]float64 `json:"affected"`
		Conflicts *[]json.RawMessage `json:"conflicts"`
	}
	if err := json.Unmarshal(r.body, &got); err != nil {
		return fmt.Errorf("the answer is no dry run's: %w", err)
	}
	would, err := parseControl(got.Control)
	switch {
	case !got.DryRun:
		return errors.New("the answer does not say dry_run: true")
	case err != nil || !gateway.Same(would.Value, value) || would.ExpiresAt == nil || would.ExpiresAt.Before(clock):
		return errors.New("control is not what the change would make of it")
	case got.Affected == nil || got.Conflicts == nil:
		return errors.New("affected or conflicts is missing")
	}
	if err := t.unmoved(ctx, was); err != nil {
		return err
	}
	c.rev = "no-such-version"
	if err := t.do(ctx, c).want(http.StatusPreconditionFailed, "version_moved"); err != nil {
		return fmt.Errorf("with a stale version: %w", err)
	}
	return nil
}

// basic is a check without which the others of a control make no sense.
func basic(do func(context.Context, *trial, string) error) func(context.Context, *trial, string) error {
	return func(ctx context.Context, t *trial, id string) error {
		err := do(ctx, t, id)
		var skip skipped
		t.broken[id] = t.broken[id] || err != nil && !errors.As(err, &skip)
		return err
	}
}

func checkSet(ctx context.Context, t *trial, id string) error {
	was, is, sent, err := t.put(ctx, id, wellWithin)
	if errors.Is(err, errLost) {
		return t.lost(ctx, was, sent, err)
	}
	if err != nil {
		return err
	}
	want, err := t.mild(was)
	switch {
	case err != nil:
		return err
	case !gateway.Same(is.Value, want):
		return fmt.Errorf("asked for %s, got %s", want, is.Value)
	case !gateway.Same(is.Base, was.Base):
		return fmt.Errorf("base moved from %s to %s", was.Base, is.Base)
	case is.SetBy == "":
		return errors.New("set_by is empty")
	case is.Reason != t.opts.Reason:
		return fmt.Errorf("the reason is %q, sent was %q", is.Reason, t.opts.Reason)
	case is.ExpiresAt == nil:
		return errors.New("expires_at is null")
	}
	return nil
}

// lost says what became of a change whose answer did not come.
func (t *trial) lost(ctx context.Context, was control, sent call, err error) error {
	now, _, rerr := t.read(ctx, was.ID)
	switch {
	case rerr != nil:
		return err
	case now.Version == was.Version:
		return fmt.Errorf("%w; the change was not made", err)
	}
	if again := t.do(ctx, sent); again.err != nil || again.status != http.StatusOK {
		return fmt.Errorf("%w; the change was made, and the same key gives %d instead of the first answer", err, again.status)
	}
	return fmt.Errorf("%w; the change was made, and the same key tells so", err)
}

func checkAsked(ctx context.Context, t *trial, id string) error {
	_, is, _, err := t.put(ctx, id, "1h")
	if err != nil {
		return err
	}
	_, clock, err := t.read(ctx, id)
	if err != nil {
		return err
	}
	left := is.ExpiresAt.Sub(clock)
	if off := left - time.Hour; off > time.Minute || off < -time.Minute {
		return fmt.Errorf("a ttl of 1h became a deadline %s from now", left.Round(time.Second))
	}
	return nil
}

func checkForce(ctx context.Context, t *trial, id string) error {
	_, is, _, err := t.put(ctx, id, wellWithin)
	if err != nil {
		return err
	}
	now, _, err := t.read(ctx, id)
	if err != nil {
		return err
	}
	if now.Version != is.Version || !gateway.Same(now.Value, is.Value) {
		return fmt.Errorf("answered was version %s, %s; read back is version %s, %s", is.Version, is.Value, now.Version, now.Value)
	}
	for end := time.Now().Add(patience); !now.applied(); {
		if time.Now().After(end) {
			return fmt.Errorf("after %s an instance still has not applied it", patience)
		}
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
		if now, _, err = t.read(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

func checkAgain(ctx context.Context, t *trial, id string) error {
	_, is, sent, err := t.put(ctx, id, wellWithin)
	if err != nil {
		return err
	}
	r := t.do(ctx, sent)
	if err := r.want(http.StatusOK, ""); err != nil {
		return err
	}
	again, err := parseControl(r.body)
	if err != nil {
		return err
	}
	if again.Version != is.Version || !gateway.Same(again.Value, is.Value) || again.ExpiresAt == nil || !again.ExpiresAt.Equal(*is.ExpiresAt) {
		return fmt.Errorf("the first answer was version %s until %s, the second is version %s", is.Version, is.ExpiresAt.Format(time.RFC3339), again.Version)
	}
	return t.unmoved(ctx, is)
}

func checkReused(ctx context.Context, t *trial, id string) error {
	was, is, sent, err := t.put(ctx, id, wellWithin)
	if err != nil {
		return err
	}
	value, err := t.mild(was)
	if err != nil {
		return err
	}
	sent.rev, sent.body = is.Version, t.body(value, "2m").text()
	if err := t.do(ctx, sent).want(http.StatusUnprocessableEntity, "key_reused"); err != nil {
		return err
	}
	return t.unmoved(ctx, is)
}
