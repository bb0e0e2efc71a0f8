package conform

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// together sends calls at once and gives the answers in their order.
func (t *trial) together(ctx context.Context, calls []call) []reply {
	out := make([]reply, len(calls))
	var wg sync.WaitGroup
	for i, c := range calls {
		wg.Go(func() { out[i] = t.send(ctx, c) })
	}
	wg.Wait()
	for i, c := range calls {
		t.log = append(t.log, Exchange{Sent: t.hide(c.method+" "+c.path+` If-Match: "`+c.rev+`" Idempotency-Key: `+c.key+" "+c.body, maxShown), Got: t.hide(fmt.Sprintf("%d %s", out[i].status, out[i].body), maxShown)})
	}
	return out
}

// tally sorts answers of changes sent at once: the versions that were made, and whatever does not belong there.
func tally(replies []reply, allowed ...int) (versions []string, err error) {
	for _, r := range replies {
		switch {
		case r.err != nil:
			return nil, r.err
		case r.status == http.StatusOK:
			c, err := parseControl(r.body)
			if err != nil {
				return nil, err
			}
			versions = append(versions, c.Version)
		case !slices.Contains(allowed, r.status):
			return nil, fmt.Errorf("one of them was answered %d", r.status)
		}
	}
	return versions, nil
}

func checkInFlight(ctx context.Context, t *trial, id string) error {
	was, sent, err := t.prepare(ctx, id)
	if err != nil {
		return err
	}
	versions, err := tally(t.together(ctx, []call{sent, sent, sent}), http.StatusConflict)
	if err != nil {
		return err
	}
	if len(versions) == 0 {
		return errors.New("none of them was made")
	}
	t.did[id], t.passed[id] = append(t.did[id], "set"), was.Version
	if slices.Sort(versions); len(slices.Compact(versions)) != 1 {
		return fmt.Errorf("one key made several versions: %s", strings.Join(versions, ", "))
	}
	return t.once(ctx, was, versions[0])
}

func checkRace(ctx context.Context, t *trial, id string) error {
	was, sent, err := t.prepare(ctx, id)
	if err != nil {
		return err
	}
	calls := make([]call, 6)
	for i := range calls {
		calls[i] = sent
		calls[i].key = newKey()
	}
	versions, err := tally(t.together(ctx, calls), http.StatusPreconditionFailed, http.StatusConflict)
	if err != nil {
		return err
	}
	t.did[id], t.passed[id] = append(t.did[id], slices.Repeat([]string{"set"}, len(versions))...), was.Version
	if len(versions) != 1 {
		return fmt.Errorf("%d of %d changes with one version were made: an update can be lost", len(versions), len(calls))
	}
	return t.once(ctx, was, versions[0])
}

// prepare builds a change without sending it.
func (t *trial) prepare(ctx context.Context, id string) (control, call, error) {
	if t.broken[id] {
		return control{}, call{}, skipped("setting the control does not work")
	}
	was, _, err := t.read(ctx, id)
	if err != nil {
		return was, call{}, err
	}
	value, err := t.mild(was)
	return was, call{method: http.MethodPut, path: was.path(), rev: was.Version, key: newKey(), body: t.body(value, wellWithin).text()}, err
}

// once tells whether the control carries the one version that was made.
func (t *trial) once(ctx context.Context, was control, version string) error {
	now, _, err := t.read(ctx, was.ID)
	if err != nil {
		return err
	}
	if now.Version != version {
		return fmt.Errorf("version %s was answered, the control is at %s", version, now.Version)
	}
	return nil
}
