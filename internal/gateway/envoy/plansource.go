package envoy

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/gateway/envoy/source"
	"signalbox/internal/redact"
)

// askSource reads the runtime source, where there is one: what it has set, and who is connected.
func (b *builder) askSource(ctx context.Context, d *Driver) error {
	if b.source = d.source; b.source == nil {
		return nil
	}
	if one := b.Change.Scope["instance"]; one != "" && len(d.peers) > 1 {
		return b.Refuse("the runtime source serves all instances alike", "the scope without instance="+one)
	}
	if b.Change.Verb.Engages() && b.Change.TTL < time.Second {
		return b.Refuse("a change needs a deadline of at least a second", "--ttl 15m")
	}
	b.Plan.Deadline.Holder = gateway.HeldByGateway
	var err error
	b.atSource, err = b.source.status(ctx)
	if err != nil {
		return fmt.Errorf("nothing was planned: %w", err)
	}
	return nil
}

// addSourced plans a key of one process that is set at the source.
func (b *builder) addSourced(ip gateway.InstancePlan, k knob, value string) {
	now := entryOf(&b.atSource, k.key)
	if now != nil {
		until := now.Until
		ip.BeforeUntil = &until
	}
	if value == "" && now == nil {
		b.Skip(ip, "is not set at the runtime source: another layer has it")
		return
	}
	back := ""
	if now != nil {
		back = strconv.FormatUint(uint64(now.Value), 10)
	}
	var next *uint32
	if n, err := strconv.ParseUint(value, 10, 32); err == nil {
		v := uint32(n) //nolint:gosec // 32 bits
		next = &v
	}
	var have *uint32
	if now != nil {
		have = &now.Value
	}
	until := b.Plan.ReadAt
	if ip.BeforeUntil != nil {
		until = *ip.BeforeUntil
	}
	b.Send(ip, b.sourceCall(ip.Name, k.key, value, have, next, b.Plan.ReadAt.Add(b.Change.TTL)), b.sourceCall(ip.Name, k.key, back, next, have, until))
	b.changes(k)
}

// sourceCall is a change at the source as an operator could type it.
func (b *builder) sourceCall(instance, key, value string, have, next *uint32, until time.Time) gateway.Call {
	c := source.Change{Keys: []source.KeyChange{{Key: key, If: have, Value: next}}, Until: until.UTC().Truncate(time.Second), Layers: common(&b.atSource)}
	body, _ := json.Marshal(c) //nolint:errchkjson // plain words and numbers
	return gateway.Call{
		Instance: instance, Path: key, Body: key + "=" + value,
		Text: fmt.Sprintf("curl -X POST -H 'Content-Type: application/json' '%s%s' -d '%s'", b.source.base, source.Path, body),
	}
}

// sourceCaveats adds what an operator should know of a lever that Envoy ends by itself.
func (b *builder) sourceCaveats() {
	if !b.Change.Verb.Engages() {
		b.Plan.Caveat("this gives back what was out; it has no deadline")
	} else {
		b.Plan.Deadline.At = b.Now.Add(b.Change.TTL)
		b.Plan.Caveat("Envoy itself ends this on time, also when nothing of Signalbox runs any more; an Envoy that restarts meanwhile gets it again only while the runtime source runs")
	}
	var others []string
	for _, n := range b.atSource.Nodes {
		known := slices.ContainsFunc(b.nodes, func(id string) bool { return id == n.ID })
		if word := redact.Outside(n.ID, 60); !known && !slices.Contains(others, word) {
			others = append(others, word)
		}
	}
	if len(others) > 0 {
		b.Plan.Caveat("Envoys that are no instances here take their runtime from the same source, and follow too: %s", strings.Join(others, ", "))
	}
	layers, ends := common(&b.atSource), make(map[string]bool)
	for _, e := range b.atSource.Entries {
		ends[e.Layer] = true
	}
	if len(ends) >= len(layers) && b.Change.Verb.Engages() {
		b.Plan.Caveat("all %d layers have a deadline already: this one shares a layer, and ends with the nearer deadline if the runtime source is not there at that time", len(layers))
	}
}
