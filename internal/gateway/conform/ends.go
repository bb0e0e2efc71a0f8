package conform

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"signalbox/internal/gateway"
)

func checkExtend(ctx context.Context, t *trial, id string) error {
	_, is, _, err := t.put(ctx, id, wellWithin)
	if err != nil {
		return err
	}
	b := t.body(nil, "1h")
	b.OnExpiry = ""
	c := call{method: http.MethodPost, path: is.path() + "/extend", rev: is.Version, key: newKey(), body: b.text()}
	longer, err := t.answered(t.do(ctx, c), is, "extended")
	switch {
	case err != nil:
		return err
	case !gateway.Same(longer.Value, is.Value):
		return fmt.Errorf("the value moved from %s to %s", is.Value, longer.Value)
	case longer.ExpiresAt == nil || longer.ExpiresAt.Sub(*is.ExpiresAt) < 30*time.Minute:
		return errors.New("the deadline did not move to ttl from now")
	}
	again, err := parseControl(t.do(ctx, c).body)
	if err != nil || again.Version != longer.Version {
		return errors.New("the same extension with the same key did not give the first answer again")
	}
	return t.unmoved(ctx, longer)
}

func checkDelete(ctx context.Context, t *trial, id string) error {
	_, is, _, err := t.put(ctx, id, wellWithin)
	if err != nil {
		return err
	}
	c := call{method: http.MethodDelete, path: is.path(), rev: is.Version, key: newKey(), body: t.body(nil, "").giveBack()}
	back, err := t.answered(t.do(ctx, c), is, "reverted")
	if err != nil {
		return err
	}
	if err := atBase(back); err != nil {
		return err
	}
	return t.unmoved(ctx, back)
}

// atBase tells whether nothing is left of a change.
func atBase(c control) error {
	if c.engaged() || c.ExpiresAt != nil || c.SetBy != "" || c.Reason != "" || c.Incident != "" {
		return fmt.Errorf("value %s of base %s, set_by %q, reason %q, expires_at %s: not what a control at base is",
			c.Value, c.Base, c.SetBy, c.Reason, c.fields["expires_at"])
	}
	return nil
}

func checkDeadline(ctx context.Context, t *trial, id string) error {
	_, is, _, err := t.put(ctx, id, t.opts.Short.String())
	if err != nil {
		return err
	}
	// By its own clock where it moves, by ours where it does not.
	for last := time.Now().Add(t.opts.Short + 2*grace); ; {
		now, clock, err := t.read(ctx, id)
		if err != nil {
			return err
		}
		if now.Version != is.Version {
			t.did[id] = append(t.did[id], "expired")
			if left := is.ExpiresAt.Sub(clock); left > time.Second {
				return fmt.Errorf("it ended %s before its deadline", left.Round(100*time.Millisecond))
			}
			if err := atBase(now); err != nil {
				return fmt.Errorf("at its deadline: %w", err)
			}
			return nil
		}
		if clock.After(is.ExpiresAt.Add(grace)) || time.Now().After(last) {
			return fmt.Errorf("it still is %s, %s after its deadline: the gateway does not hold it", now.Value, clock.Sub(*is.ExpiresAt).Round(100*time.Millisecond))
		}
		if len(t.log) > maxLog/2 {
			t.log = t.log[:maxLog/2]
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

func checkLog(ctx context.Context, t *trial, id string) error {
	if t.broken[id] {
		return skipped("setting the control does not work")
	}
	all, next, err := t.events(ctx, t.after)
	if err != nil {
		return err
	}
	var kinds []string
	for _, e := range all {
		if e.ID != id {
			continue
		}
		kinds = append(kinds, e.Kind)
		if e.Kind == "expired" {
			continue // its actor is the gateway
		}
		if *e.Actor == "" || *e.Reason == "" {
			return fmt.Errorf("event %d (%s) does not say who and why", e.Seq, e.Kind)
		}
		if e.Kind == "set" && gateway.Same(e.Before, e.After) || e.Kind == "extended" && !gateway.Same(e.Before, e.After) {
			return fmt.Errorf("event %d (%s) goes from %s to %s", e.Seq, e.Kind, e.Before, e.After)
		}
	}
	if want := t.did[id]; !slices.Equal(kinds, want) {
		return fmt.Errorf("what happened was %s; the events say %s", strings.Join(want, " "), strings.Join(kinds, " "))
	}
	if len(all) < 2 {
		return nil
	}
	mid := all[len(all)/2].Seq
	rest, _, err := t.events(ctx, mid)
	if err != nil {
		return err
	}
	if want := all[len(all)/2+1:]; len(rest) < len(want) || len(want) > 0 && rest[0].Seq != want[0].Seq {
		return fmt.Errorf("after=%d does not give what came after it", mid)
	}
	if next < all[len(all)-1].Seq {
		return errors.New("next is before the last event")
	}
	return nil
}

const mostToggles = 40

func checkToggles(ctx context.Context, t *trial, id string) error {
	if !t.opts.Toggles {
		return skipped("it would brake the control for a while; ask for it with --toggles")
	}
	if t.broken[id] {
		return skipped("setting the control does not work")
	}
	for n := range mostToggles {
		was, sent, err := t.prepare(ctx, id)
		if err != nil {
			return err
		}
		kept := t.log
		r := t.do(ctx, sent)
		if r.err == nil && r.status == http.StatusTooManyRequests {
			if err := r.want(http.StatusTooManyRequests, "too_many_toggles"); err != nil {
				return err
			}
			if r.header.Get("Retry-After") == "" {
				return errors.New("429 without Retry-After")
			}
			if err := t.restore(ctx, id); err != nil {
				return fmt.Errorf("giving back after %d changes: %w", n, err)
			}
			return nil
		}
		if _, err := t.answered(r, was, "set"); err != nil {
			return err
		}
		t.log = kept
		if err := t.restore(ctx, id); err != nil {
			return err
		}
	}
	return skipped(fmt.Sprintf("%d changes in a row were taken: it has no brake, which the contract allows", mostToggles))
}
