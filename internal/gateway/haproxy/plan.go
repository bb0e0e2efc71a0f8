package haproxy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/redact"
	"signalbox/internal/traffic"
)

// maxLimit is the largest maxconn that makes sense; HAProxy itself would take any number and fold it.
const maxLimit = 1_000_000

// Plan reads all processes and builds the commands of a change, with those that take it back.
func (d *Driver) Plan(ctx context.Context, c gateway.Change, now time.Time) (gateway.Plan, error) {
	c.Reason = redact.Secrets(c.Reason)
	if a := d.Describe().Ability(c.Verb); a.Fitness != gateway.Native {
		return gateway.Plan{}, &gateway.Refusal{Verb: c.Verb, Scope: c.Scope, Why: a.Why, Try: "`signalbox control describe` for what HAProxy can do"}
	}
	b := builder{change: c, now: now, plan: gateway.Plan{
		ID: gateway.NewPlanID(), Gateway: d.opts.Gateway, Kind: Kind, Change: c, ReadAt: now,
		Deadline: gateway.Deadline{Holder: gateway.HeldByConsole},
		Undo:     gateway.Undo{Verb: c.Verb.Opposite()},
	}}
	peers, what, err := d.address(c)
	if err != nil {
		return gateway.Plan{}, err
	}
	verb := d.mapVerb(c.Verb, what)
	if verb == "" {
		err = b.parseValue()
	}
	if err != nil {
		return gateway.Plan{}, err
	}
	b.readings = d.readAll(ctx, peers)
	if err := gateway.HeardAny(d.opts.Gateway, "name their runtime sockets", b.readings, reading.trouble); err != nil {
		return gateway.Plan{}, err
	}
	if verb != "" {
		done, err := b.planMaps(verb, what)
		if err == nil && done {
			err = b.worthwhile(ctx)
		}
		if err != nil || done {
			b.judgeMaps()
			b.plan.Digest = b.plan.Sum()
			return b.plan, err
		}
		if err := b.parseValue(); err != nil {
			return gateway.Plan{}, err
		}
	}
	if b.servers, err = d.servers(&b, what); err != nil {
		return gateway.Plan{}, err
	}
	for _, r := range b.readings {
		for _, id := range b.servers {
			b.add(r, id)
		}
	}
	if err := b.worthwhile(ctx); err != nil {
		return gateway.Plan{}, err
	}
	b.judge()
	b.plan.Digest = b.plan.Sum()
	return b.plan, nil
}

// address gives the peers that a change means, and what of them.
func (d *Driver) address(c gateway.Change) ([]peer, traffic.Scope, error) {
	return gateway.Addressed(c, d.opts.Gateway, d.opts.Env, d.peers, func(p peer) string { return p.name })
}

// servers gives the servers that a scope covers exactly.
func (d *Driver) servers(b *builder, what traffic.Scope) ([]string, error) {
	var known []string
	for _, r := range b.readings {
		for _, s := range r.proc.servers {
			known = append(known, s.id())
		}
	}
	slices.Sort(known)
	known = slices.Compact(known)
	id, named := what["deployment"]
	try := some(gateway.Near(id, known))
	var ids []string
	switch {
	case named && len(what) == 1:
		ids = []string{id}
	case len(what) > 0 && d.opts.Resolve != nil:
		ids = slices.Clone(d.opts.Resolve(b.change.Scope.Clone()))
		slices.Sort(ids)
		ids = slices.Compact(ids)
	}
	if len(ids) == 0 {
		why := "HAProxy's socket acts on servers, and the inventory has none that this covers exactly"
		if named && slices.Contains(known, id) {
			try = "deployment=" + id + " alone, which governs all that it serves"
		}
		if len(what) == 0 {
			why = "it names no server"
		}
		return nil, b.change.NoTarget(why, try)
	}
	for _, id := range ids {
		if !slices.Contains(known, id) {
			return nil, b.change.NoTarget(fmt.Sprintf("there is no server %q", redact.Outside(id, 100)), some(gateway.Near(id, known)))
		}
	}
	return ids, nil
}

func some(ids []string) string {
	scopes := make([]string, len(ids))
	for i, id := range ids {
		scopes[i] = "deployment=" + id
	}
	return gateway.OneOf(scopes)
}

// builder puts a plan together, one server of one process after the other.
type builder struct {
	change   gateway.Change
	now      time.Time
	limit    int64 // of the change; -1: none given
	plan     gateway.Plan
	readings []reading
	servers  []string
}

func (b *builder) refuse(why, try string) error {
	return &gateway.Refusal{Verb: b.change.Verb, Scope: b.change.Scope, Why: why, Try: try}
}

func (b *builder) isCap() bool {
	return b.change.Verb == gateway.CapSet || b.change.Verb == gateway.CapLift
}

// parseValue judges the value here, because HAProxy takes -1 and any other number.
func (b *builder) parseValue() error {
	b.limit = -1
	v, err := gateway.Canonical(b.change.Value)
	if err != nil {
		return b.refuse(redact.Outside(err.Error(), 200), "")
	}
	if b.change.Verb.Engages() && b.change.TTL < time.Second {
		return b.refuse("a change needs a deadline of at least a second", "--ttl 15m")
	}
	given := string(v) != "null"
	switch {
	case !b.isCap() && given:
		return b.refuse(string(b.change.Verb)+" takes no value", "")
	case !given && b.change.Verb == gateway.CapSet:
		return b.refuse("cap.set needs a value", "--value with the number of concurrent requests")
	case given:
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil || n < 1 || n > maxLimit {
			return b.refuse(fmt.Sprintf("%s is not a whole number from 1 to %d; HAProxy would take 0 for no limit and -1 for four billion", redact.Outside(string(v), 40), maxLimit), "target.out to let nothing through")
		}
		b.limit = n
	}
	return nil
}

func (b *builder) skip(ip gateway.InstancePlan, why string) {
	ip.Skip = why
	b.plan.Instances = append(b.plan.Instances, ip)
}

func (b *builder) add(r reading, id string) {
	ip := gateway.InstancePlan{Name: r.peer.name, Control: stateID(id)}
	if b.isCap() {
		ip.Control = limitID(id)
	}
	if r.err != nil {
		b.skip(ip, "could not be read: "+r.err.Error())
		return
	}
	s, ok := r.proc.find(id)
	if !ok {
		b.skip(ip, "has no server "+id)
		return
	}
	ip.Rev = "pid " + r.proc.pid
	if b.isCap() {
		b.addLimit(r, s, ip)
		return
	}
	b.addState(r, s, ip)
}

func (b *builder) addLimit(r reading, s server, ip gateway.InstancePlan) {
	want := b.limit
	if want < 0 { // a lift without a value
		want = r.bases[s.id()]
	}
	ip.Before, ip.After = limitValue(s.limit), limitValue(want)
	if want == s.limit {
		why := "is so already: " + showLimit(s.limit)
		if b.change.Verb == gateway.CapLift {
			why += ", as it was when this console first saw it"
		}
		b.skip(ip, why)
		return
	}
	if b.change.Verb == gateway.CapSet && s.limit > 0 && want > s.limit {
		b.plan.Caveat("%s: this LOOSENS %s from %d to %d", r.peer.name, s.id(), s.limit, want)
	}
	if want > 0 && s.inUse > want {
		b.plan.Caveat("%s: %d requests are on %s now; the cap holds once enough of them have ended", r.peer.name, s.inUse, s.id())
	}
	b.send(r, ip, limitCommand(s.id(), want), limitCommand(s.id(), s.limit))
}

func showLimit(n int64) string {
	if n == 0 {
		return "no limit"
	}
	return "maxconn " + strconv.FormatInt(n, 10)
}

func (b *builder) addState(r reading, s server, ip gateway.InstancePlan) {
	want := stateReady
	if b.change.Verb == gateway.TargetOut {
		want = stateDrain
	}
	ip.Before, ip.After = stateValue(s.state()), stateValue(want)
	if s.state() == want || want == stateDrain && s.state() == stateMaint {
		ip.After = ip.Before
		b.skip(ip, "is so already: state "+s.state())
		return
	}
	if why := s.held(); why != "" && want == stateReady {
		b.plan.Caveat("%s: %s will take no requests all the same: %s", r.peer.name, s.id(), why)
	}
	if want == stateDrain && s.inUse > 0 {
		b.plan.Caveat("%s: %d requests run on %s now and may finish there", r.peer.name, s.inUse, s.id())
	}
	b.send(r, ip, stateCommand(s.id(), want), stateCommand(s.id(), s.state()))
}

func limitCommand(id string, n int64) string { return fmt.Sprintf("set maxconn server %s %d", id, n) }
func stateCommand(id, state string) string   { return "set server " + id + " state " + state }

func (b *builder) send(r reading, ip gateway.InstancePlan, do, undo string) {
	b.plan.Instances = append(b.plan.Instances, ip)
	b.plan.Calls = append(b.plan.Calls, gateway.Call{Instance: r.peer.name, Text: r.peer.line(do), Path: ip.Control, Body: do})
	b.plan.Undo.Calls = append(b.plan.Undo.Calls, gateway.Call{Instance: r.peer.name, Text: r.peer.line(undo), Path: ip.Control, Body: undo})
}

// worthwhile refuses a plan that would send nothing, or that its socket would not take.
func (b *builder) worthwhile(ctx context.Context) error {
	if len(b.plan.Calls) == 0 {
		var why []string
		for _, i := range b.plan.Instances {
			why = append(why, i.Name+" "+i.Skip)
		}
		try := "`signalbox control state` for what is there"
		if b.change.Verb == gateway.CapLift {
			try = "cap.set with the number that the configuration has"
		}
		return b.refuse("there is nothing to change: "+strings.Join(why, "; "), try)
	}
	for _, r := range b.readings {
		sends := slices.ContainsFunc(b.plan.Calls, func(c gateway.Call) bool { return c.Instance == r.peer.name })
		if !sends {
			continue
		}
		level, err := r.peer.ask(ctx, "show cli level")
		if l := strings.TrimSpace(level); err == nil && (l == "operator" || l == "user") {
			return b.refuse(fmt.Sprintf("the socket of %s is read-only (level %s)", r.peer.where(), l), "`level admin` on its `stats socket` line, or another socket")
		}
	}
	return nil
}

// judge adds what an operator should know before confirming.
func (b *builder) judge() {
	p := &b.plan
	p.CaveatSkipped()
	if b.change.Verb.Engages() {
		p.Deadline.At = b.now.Add(b.change.TTL)
		b.plan.Caveat("NOT self-reverting: HAProxy holds no deadline; only a running console, or a timer, undoes this")
	} else {
		b.plan.Caveat("this gives back what was out; it has no deadline")
	}
	b.plan.Caveat("a reload of HAProxy forgets this and every other change made through its socket")
	if b.change.Verb == gateway.CapSet {
		p.Excess = gateway.ExcessWaits
		b.plan.Caveat("what is over the cap waits in HAProxy for `timeout queue`, then gets 503 (sQ in the log)")
		if n := len(b.readings); n > 1 {
			b.plan.Caveat("each process counts for itself: %d processes let %d times as much through", n, n)
		}
	}
	if b.change.Verb == gateway.TargetOut {
		for _, be := range b.emptied() {
			p.Blast.LastTarget = true
			b.plan.Caveat("nothing is left to serve backend %s after this: its requests get 503 (SC in the log)", be)
		}
		for _, text := range b.remaining() {
			b.plan.Caveat("%s", text)
		}
	}
}

// remaining names what is left to serve each backend that loses a server, with the room that it has.
func (b *builder) remaining() []string {
	var out []string
	for _, r := range b.readings {
		hit, left := make(map[string]bool), make(map[string][]string)
		for _, s := range r.proc.servers {
			switch {
			case slices.Contains(b.servers, s.id()):
				hit[s.backend] = true
			case s.serves():
				left[s.backend] = append(left[s.backend], fmt.Sprintf("%s (%d in flight, %s)", s.id(), s.inUse, showLimit(s.limit)))
			}
		}
		for _, be := range slices.Sorted(maps.Keys(hit)) {
			if n := len(left[be]); n > 0 {
				const few = 3
				text := strings.Join(left[be][:min(n, few)], ", ")
				if n > few {
					text += fmt.Sprintf(" and %d more", n-few)
				}
				out = append(out, fmt.Sprintf("%s: left to serve backend %s: %s", r.peer.name, be, text))
			}
		}
	}
	return out
}

// emptied gives the backends in which no server would take requests any more.
func (b *builder) emptied() []string {
	var out []string
	for _, r := range b.readings {
		left, hit := make(map[string]int), make(map[string]bool)
		for _, s := range r.proc.servers {
			switch {
			case slices.Contains(b.servers, s.id()):
				hit[s.backend] = true
			case s.serves():
				left[s.backend]++
			}
		}
		for be := range hit {
			if left[be] == 0 {
				out = append(out, be)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
