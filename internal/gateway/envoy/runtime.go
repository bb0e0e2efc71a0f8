package envoy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/gateway/envoy/source"
	"signalbox/internal/redact"
)

// layerPrefix begins the names of the layers that a runtime source serves.
const layerPrefix = "signalbox"

// runtimeSource is the source that the Envoys of a gateway take their runtime from, as a client sees it.
type runtimeSource struct {
	base    string
	client  *http.Client
	timeout time.Duration
}

func (s *runtimeSource) status(ctx context.Context) (source.Status, error) {
	return s.do(ctx, http.MethodGet, nil)
}

func (s *runtimeSource) change(ctx context.Context, c source.Change) error {
	b, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("writing the change: %w", err)
	}
	_, err = s.do(ctx, http.MethodPost, b)
	return err
}

func (s *runtimeSource) do(ctx context.Context, method string, body []byte) (source.Status, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.timeout, fmt.Errorf("no answer within %s", s.timeout))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.base+source.Path, bytes.NewReader(body))
	if err != nil {
		return source.Status{}, fmt.Errorf("the runtime source: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		return source.Status{}, &lostError{fmt.Errorf("the runtime source at %s: %w; is `signalbox control serve-envoy` running?", s.base, gateway.Cause(ctx, err))}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxPage))
	if err != nil {
		return source.Status{}, &lostError{fmt.Errorf("the runtime source at %s: reading its answer: %w", s.base, err)}
	}
	var answer struct {
		source.Status
		Error string `json:"error"`
	}
	err = json.Unmarshal(b, &answer)
	switch {
	case resp.StatusCode != http.StatusOK && err == nil && answer.Error != "":
		return source.Status{}, fmt.Errorf("the runtime source refuses: %s", redact.Outside(answer.Error, 200))
	case resp.StatusCode != http.StatusOK || err != nil || answer.V != 1:
		return source.Status{}, fmt.Errorf("%s%s answers %d %q: no runtime source of Signalbox", s.base, source.Path, resp.StatusCode, redact.Outside(string(b), 60))
	}
	return answer.Status, nil
}

// entryOf finds what a source has set a key to.
func entryOf(st *source.Status, key string) *source.Entry {
	i := slices.IndexFunc(st.Entries, func(e source.Entry) bool { return e.Key == key })
	if i < 0 {
		return nil
	}
	return &st.Entries[i]
}

// missing gives the layers of an Envoy that are not connected to the source.
func missing(st *source.Status, node string, layers []string) []string {
	return slices.DeleteFunc(slices.Clone(layers), func(l string) bool {
		return slices.ContainsFunc(st.Nodes, func(n source.Node) bool { return n.ID == node && n.Layer == l })
	})
}

// common gives the layers that all connected Envoys have.
func common(st *source.Status) []string {
	of := make(map[string]map[string]bool)
	for _, n := range st.Nodes {
		if of[n.Layer] == nil {
			of[n.Layer] = make(map[string]bool)
		}
		of[n.Layer][n.ID] = true
	}
	all := make(map[string]bool)
	for _, n := range st.Nodes {
		all[n.ID] = true
	}
	var out []string
	for l, nodes := range of {
		if len(nodes) == len(all) {
			out = append(out, l)
		}
	}
	slices.Sort(out)
	return out
}

// sourced changes keys at the source, each until then; a change that gives something back has no such time.
func (d *Driver) sourced(c gateway.Change, until time.Time) gateway.Unlocked {
	return gateway.Unlocked{
		Done: "sent", Show: func(v gateway.Value) string { return redact.Outside(string(v), 40) }, Look: d.look,
		Set: func(ctx context.Context, _ int, ip gateway.InstancePlan, want gateway.Value, r gateway.InstanceReceipt) gateway.InstanceReceipt {
			if err := d.atSource(ctx, c, ip, want, until); err != nil {
				var lost *lostError
				r.Err, r.InDoubt = err.Error(), errors.As(err, &lost)
				return r
			}
			return d.follow(ctx, ip, want, r)
		},
	}
}

// atSource makes the key of a plan what is wanted: what the plan sets, until then, or what was there before.
func (d *Driver) atSource(ctx context.Context, c gateway.Change, ip gateway.InstancePlan, want gateway.Value, until time.Time) error {
	st, err := d.source.status(ctx)
	if err != nil {
		return err
	}
	k := source.KeyChange{Key: ip.Control}
	now := entryOf(&st, ip.Control)
	if now != nil {
		k.If = &now.Value
	}
	before, set := uint32Of(ip.Before)
	switch {
	case gateway.Same(want, ip.Before) && (ip.BeforeUntil == nil || !set || time.Until(*ip.BeforeUntil) <= 0): // nothing was set
	case gateway.Same(want, ip.Before):
		k.Value, until = &before, *ip.BeforeUntil
	case !until.IsZero():
		after, ok := uint32Of(want)
		if !ok {
			return fmt.Errorf("%s is no value of a runtime key", redact.Outside(string(want), 40))
		}
		k.Value = &after
	}
	if now == nil && k.Value == nil {
		return nil // gone already
	}
	if now != nil && !gateway.Same(count(int64(now.Value)), ip.Before) && !gateway.Same(count(int64(now.Value)), ip.After) {
		return fmt.Errorf("somebody else has set %s to %d at the source; look before you plan again", ip.Control, now.Value)
	}
	return d.source.change(ctx, source.Change{Keys: []source.KeyChange{k}, Until: until, Layers: common(&st), By: c.Actor, Reason: c.Reason})
}

func uint32Of(v gateway.Value) (uint32, bool) {
	n, err := strconv.ParseUint(string(v), 10, 32)
	return uint32(n), err == nil //nolint:gosec // 32 bits
}

// applySourced throws a lever at the source. What no Envoy follows is taken back there: it would come into force later.
func (d *Driver) applySourced(ctx context.Context, p gateway.Plan, idemKey string) gateway.Receipt {
	var until time.Time
	if !p.Deadline.At.IsZero() {
		until = time.Now().Add(p.Change.TTL).UTC()
	}
	rec := d.sourced(p.Change, until).Apply(ctx, p, idemKey)
	if !until.IsZero() {
		rec.ExpiresAt = &until
	}
	if ok, doubt, _ := rec.Accepted(); ok > 0 || doubt > 0 {
		return rec
	}
	for i, ip := range p.Instances {
		if ip.Skip != "" || strings.HasPrefix(rec.Instances[i].Err, "nothing was sent") {
			continue
		}
		if err := d.atSource(context.WithoutCancel(ctx), p.Change, ip, ip.Before, time.Time{}); err != nil {
			rec.Instances[i].InDoubt = true
			rec.Instances[i].Err += "; and it could not be taken back at the source: " + err.Error()
			continue
		}
		rec.Instances[i].Err += "; it was taken back at the source"
	}
	return rec
}

var _ gateway.Extender = (*Driver)(nil)

// Extend moves the deadline of keys that the source still has set to what the plan set.
func (d *Driver) Extend(ctx context.Context, p gateway.Plan, rec gateway.Receipt, ttl time.Duration, idemKey string) (gateway.Receipt, error) {
	if err := p.For(Kind, d.opts.Gateway); err != nil {
		return gateway.Receipt{}, err
	}
	if d.source == nil || p.Deadline.Holder != gateway.HeldByGateway || p.Deadline.At.IsZero() || ttl < time.Second {
		return gateway.Receipt{}, fmt.Errorf("plan %s has no deadline at the runtime source that could be moved", p.ID)
	}
	until := time.Now().Add(ttl).UTC()
	out := p.Everywhere(idemKey, func(_ int, ip gateway.InstancePlan) gateway.InstanceReceipt {
		r := gateway.InstanceReceipt{Name: ip.Name, Control: ip.Control}
		if ip.Skip != "" || rec.Refused(ip) {
			r.OK, r.Note = true, "was not changed by this plan"
			return r
		}
		st, err := d.source.status(ctx)
		if err != nil {
			r.Err = err.Error()
			return r
		}
		if now := entryOf(&st, ip.Control); now == nil || !gateway.Same(count(int64(now.Value)), ip.After) {
			r.Err = "nothing was sent: the source does not have " + ip.Control + " set to " + string(ip.After) + " any more"
			return r
		}
		if err := d.atSource(ctx, p.Change, ip, ip.After, until); err != nil {
			var lost *lostError
			r.Err, r.InDoubt = err.Error(), errors.As(err, &lost)
			return r
		}
		return d.follow(ctx, ip, ip.After, r)
	})
	out.ExpiresAt = &until
	return out, nil
}
