package litellm

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/redact"
)

// maxCap bounds what a cap may be set to; more is a slip of the finger.
const maxCap = 1_000_000

// planNative builds the admin calls of a change on proxies with a database, with those that take it back.
func (d *Driver) planNative(ctx context.Context, c gateway.Change, now time.Time) (gateway.Plan, error) {
	ability := Database().Ability(c.Verb)
	b := native{driver: d}
	//nolint:wrapcheck // a refusal is what the desk looks for, and says all itself
	return gateway.Parts[Instance, nativeReading]{
		Kind: Kind, Gateway: d.opts.Gateway, Env: d.opts.Env, Ability: ability, Instead: Load,
		Peers: d.opts.Instances, Name: func(i Instance) string { return i.Name }, Missing: "name their URLs",
		Judge: func() error {
			b.Plan.Excess = ability.Excess
			return b.judge(ability.Dims[0])
		},
		Read: b.readAll, Failed: func(r nativeReading) error { return r.err }, Add: b.add,
		Caveats: func(all []nativeReading) { b.caveats(len(all)) },
	}.Make(ctx, &b.Draft, c, now)
}

// native puts a plan together, one proxy after the other.
type native struct {
	gateway.Draft
	driver *Driver
	names  []string // of the lever's dimension, that the scope covers exactly
	limit  int64    // of a cap
}

// nativeReading is what one proxy showed of what the change is about.
type nativeReading struct {
	from  Instance
	rows  []modelRow
	knobs []knob
	err   error
}

// judge reads the value and the names out of the change.
func (b *native) judge(dim string) error {
	v, err := gateway.Canonical(b.Change.Value)
	if err != nil {
		return b.Refuse(err.Error(), "a value in JSON")
	}
	switch {
	case b.Change.Verb == gateway.CapSet:
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil || n < 1 || n > maxCap {
			return b.Refuse(fmt.Sprintf("its value has to be a whole number of requests at a time from 1 to %d, not %s", maxCap, redact.Outside(string(v), 40)), "workload.pause to let nothing through")
		}
		b.limit = n
	case string(v) != "null":
		return b.Refuse("it takes no value", string(b.Change.Verb)+" without a value")
	}
	if b.engages() && b.Change.TTL < time.Second {
		return b.Refuse("a change needs a deadline of at least a second", "--ttl 15m")
	}
	switch name := b.What[dim]; {
	case name != "" && len(b.What) == 1:
		b.names = []string{name}
	case dim == "deployment" && b.driver.opts.Resolve != nil && len(b.What) > 0:
		b.names = b.driver.opts.Resolve(b.Change.Scope.Clone())
	}
	if len(b.names) == 0 {
		return b.Change.NoTarget("this lever acts on one "+dim+" and cannot hit exactly this", dim+"=NAME alone")
	}
	if dim == "model" && strings.Contains(b.names[0], "/") {
		return b.Refuse("LiteLLM's /fallback/{model} cannot address a name with a slash", "the companion: "+Load)
	}
	return nil
}

func (b *native) engages() bool {
	switch b.Change.Verb {
	case gateway.CapSet, gateway.WorkloadPause, gateway.TargetOut, gateway.FallbackOff:
		return true
	}
	return false
}

// readAll asks all proxies side by side.
func (b *native) readAll(ctx context.Context, peers []Instance) []nativeReading {
	out := make([]nativeReading, len(peers))
	var wg sync.WaitGroup
	for n, i := range peers {
		wg.Go(func() { out[n] = b.read(ctx, i) })
	}
	wg.Wait()
	return out
}

// read asks one proxy for what the change is about.
func (b *native) read(ctx context.Context, i Instance) (r nativeReading) {
	r.from = i
	d := b.driver
	switch b.Change.Verb {
	case gateway.TargetOut, gateway.TargetIn:
		r.rows, r.err = d.models(ctx, i)
		for _, m := range r.rows {
			if m.Info.Stored {
				r.knobs = append(r.knobs, m.knob())
			}
		}
		return r
	case gateway.FallbackOn, gateway.FallbackOff:
		if r.rows, r.err = d.models(ctx, i); r.err != nil {
			return r
		}
		var k knob
		k, r.err = d.fallback(ctx, i, b.names[0])
		r.knobs = []knob{k}
		return r
	}
	keys, _, _, err := d.keys(ctx, i, "&key_alias="+url.QueryEscape(b.alias()))
	if r.err = err; err != nil {
		return r
	}
	limits := b.Change.Verb == gateway.CapSet || b.Change.Verb == gateway.CapLift
	for _, k := range keys {
		if k.name == b.alias() && (k.kind == limitKnob) == limits {
			r.knobs = append(r.knobs, k)
		}
	}
	if limits {
		return r
	}
	teams, err := d.teams(ctx, i)
	if r.err = err; err != nil {
		return r
	}
	for _, t := range teams {
		if t.name == b.alias() || t.id == b.alias() {
			r.knobs = append(r.knobs, t)
		}
	}
	return r
}

func (b *native) alias() string { return b.names[0] }

// add plans the controls of one proxy.
func (b *native) add(r nativeReading) error {
	if r.err != nil {
		b.Skip(gateway.InstancePlan{Name: r.from.Name}, "could not be read: "+r.err.Error())
		return nil
	}
	for _, name := range b.names {
		k, err := b.choose(r, name)
		if err != nil {
			return err
		}
		want, err := b.want(k)
		if err != nil {
			return err
		}
		if shown := k.shown("").ID; shown != k.control() {
			return b.Refuse("its name cannot be shown as it is ("+shown+"), so what becomes of it could not be followed", "another name in LiteLLM")
		}
		ip := gateway.InstancePlan{Name: r.from.Name, Control: k.control(), Before: k.value, After: want, Rev: version(k)}
		if gateway.Same(k.value, want) {
			b.Skip(ip, "is so already: "+redact.Outside(string(k.value), 80))
			continue
		}
		call, err := b.driver.call(r.from, ip.Control, want)
		if err != nil {
			return b.Refuse(err.Error(), "")
		}
		undo, err := b.driver.call(r.from, ip.Control, k.value)
		if err != nil {
			return b.Refuse("what is there could not be given back: "+err.Error(), "")
		}
		b.Send(ip, call, undo)
		b.special(r, k)
	}
	return nil
}

// choose finds the one control that the name means.
func (b *native) choose(r nativeReading, name string) (knob, error) {
	switch b.Change.Verb {
	case gateway.TargetOut, gateway.TargetIn:
		var offered []string
		for _, k := range r.knobs {
			if k.name == name {
				return k, nil
			}
			offered = append(offered, "deployment="+redact.Outside(k.name, 80))
		}
		if slices.ContainsFunc(r.rows, func(m modelRow) bool { return m.Info.ID == name }) {
			return knob{}, b.Refuse(r.from.Name+": "+name+" stands in LiteLLM's configuration file, and /model/block takes only what is stored in the database",
				"storing it by /model/new, or the companion: "+Load)
		}
		return knob{}, b.Change.NoTarget(r.from.Name+" has no deployment "+redact.Outside(name, 80), gateway.OneOf(gateway.Near("deployment="+name, offered)))
	case gateway.FallbackOn, gateway.FallbackOff:
		if !slices.ContainsFunc(r.rows, func(m modelRow) bool { return m.Name == name }) {
			return knob{}, b.Change.NoTarget(r.from.Name+" serves no model "+redact.Outside(name, 80), gateway.OneOf(gateway.Near("model="+name, served(r.rows))))
		}
		return r.knobs[0], nil
	}
	switch len(r.knobs) {
	case 1:
		return r.knobs[0], nil
	case 0:
		kind := "team or key"
		if b.limit > 0 || b.Change.Verb == gateway.CapLift {
			kind = "key"
		}
		return knob{}, b.Change.NoTarget(r.from.Name+" has no "+kind+" with the alias "+redact.Outside(name, 80), "an alias that /team/list or /key/list shows")
	}
	var all []string
	for _, k := range r.knobs {
		all = append(all, k.control())
	}
	return knob{}, b.Refuse(r.from.Name+": more than one has the alias "+redact.Outside(name, 80)+": "+strings.Join(all, ", "), "giving each an alias of its own")
}

// served lists the models of a proxy, as scopes.
func served(rows []modelRow) []string {
	var all []string
	for _, m := range rows {
		all = append(all, "model="+redact.Outside(m.Name, 80))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// want is what the change sets a control to.
func (b *native) want(k knob) (gateway.Value, error) {
	switch b.Change.Verb {
	case gateway.TargetOut:
		return outside, nil
	case gateway.TargetIn:
		return inside, nil
	case gateway.WorkloadPause:
		return boolean(true), nil
	case gateway.WorkloadResume:
		return boolean(false), nil
	case gateway.CapSet:
		return gateway.Value(strconv.FormatInt(b.limit, 10)), nil
	case gateway.CapLift:
		return gateway.Value("null"), nil
	case gateway.FallbackOff:
		return none, nil
	}
	if gateway.Same(k.value, none) && gateway.Same(k.base, none) {
		return nil, b.Refuse("LiteLLM has none for "+k.name+", and which it had is not known here", "`signalbox control revert` of the change that took it away, or POST /fallback with the models")
	}
	if !gateway.Same(k.value, none) {
		return k.value, nil
	}
	return k.base, nil
}

// special adds what is to be known of this control.
func (b *native) special(r nativeReading, k knob) {
	switch {
	case b.Change.Verb == gateway.TargetOut:
		b.leftToServe(r, k)
	case b.Change.Verb == gateway.FallbackOff:
		b.Plan.Caveat("it falls back to %s now; fallbacks for context windows and content policies stay", redact.Outside(string(k.value), 120))
	case k.kind == teamKnob && b.engages():
		b.Plan.Caveat("this is the team %s: every key of it is refused, whatever it sends, after up to 60 s in which its requests still pass", redact.Outside(k.name, 80))
	case k.kind == teamKnob:
		b.Plan.Caveat("the team %s is refused for up to 60 s more", redact.Outside(k.name, 80))
	case k.kind == keyKnob && b.engages():
		b.Plan.Caveat("this is the key %s: all that it sends is refused", redact.Outside(k.name, 80))
	case k.kind == limitKnob && !gateway.Same(k.value, gateway.Value("null")):
		var had int64
		if json.Unmarshal(k.value, &had) == nil && (b.Change.Verb == gateway.CapLift || had < b.limit) {
			b.Plan.Caveat("this LOOSENS the key %s: it may have %d at a time now", redact.Outside(k.name, 80), had)
		}
	}
}

// leftToServe names the deployments of the same model that stay in.
func (b *native) leftToServe(r nativeReading, k knob) {
	at := slices.IndexFunc(r.rows, func(m modelRow) bool { return m.Info.ID == k.id })
	var left []string
	for _, m := range r.rows {
		if m.Name == r.rows[at].Name && !m.Info.Blocked && !slices.Contains(b.names, m.Info.ID) {
			left = append(left, redact.Outside(m.Info.ID, 80))
		}
	}
	model := redact.Outside(r.rows[at].Name, 80)
	if len(left) == 0 {
		b.Plan.Caveat("%s: it is the LAST of %s: its requests get 403 at once, and LiteLLM uses no fallback for that", r.from.Name, model)
		return
	}
	b.Plan.Caveat("%s: left to serve %s: %s", r.from.Name, model, gateway.OneOf(left))
}

// caveats adds what an operator should know before confirming.
func (b *native) caveats(peers int) {
	if b.engages() {
		b.Plan.Deadline.At = b.Now.Add(b.Change.TTL)
		b.Plan.Caveat("NOT self-reverting: LiteLLM holds no deadline without the companion; only a running console, or a timer, undoes this")
	} else {
		b.Plan.Caveat("this gives back what was out; it has no deadline")
	}
	b.Plan.Caveat("it is written to LiteLLM's database: restarts keep it, and what is read back says what is stored")
	switch b.Change.Verb {
	case gateway.TargetOut, gateway.TargetIn, gateway.FallbackOn, gateway.FallbackOff:
		b.Plan.Caveat("workers and pods that are not instances here follow within 30 s")
	default:
		b.Plan.Caveat("workers and pods that are not asked follow within 60 s")
	}
	switch b.Change.Verb {
	case gateway.WorkloadPause:
		b.Plan.Caveat("what is refused gets 401 without Retry-After: clients may take it for a broken key")
	case gateway.CapSet:
		b.Plan.Caveat("what is over it gets 429 at once")
		if peers > 1 {
			b.Plan.Caveat("each process counts for itself unless they share a Redis: %d instances let up to %d times as much through", peers, peers)
		}
	}
}
