package nginx

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/redact"
	"signalbox/internal/traffic"
)

// The bounds of a cap: nginx refuses a limit_conn of 0, and one over 65535.
const (
	maxConns = 1_000_000
	maxLimit = 65535
	maxTries = 100
)

// Plan reads all instances and builds the changes of their files, with those that take them back.
func (d *Driver) Plan(ctx context.Context, c gateway.Change, now time.Time) (gateway.Plan, error) {
	b := builder{resolve: d.opts.Resolve}
	//nolint:wrapcheck // a refusal is what the desk looks for, and says all itself
	return gateway.Parts[*peer, reading]{
		Kind: Kind, Gateway: d.opts.Gateway, Env: d.opts.Env,
		Ability: d.Describe().Ability(c.Verb), Instead: "`signalbox control describe` for what nginx can do",
		Peers: d.peers, Name: func(p *peer) string { return p.name }, Missing: "name their status locations",
		Judge: b.judgeValue, Read: readAll, Failed: func(r reading) error { return r.err }, Add: b.add,
		Caveats: func([]reading) { b.caveats() },
	}.Make(ctx, &b.Draft, c, now)
}

// builder puts a plan together, one instance after the other.
type builder struct {
	gateway.Draft
	resolve func(traffic.Scope) []string
	value   gateway.Value // that an engaging change sets
	knobs   []knob        // that are changed
}

// judgeValue refuses what makes no sense before a file is touched.
func (b *builder) judgeValue() error {
	v, err := gateway.Canonical(b.Change.Value)
	if err != nil {
		return b.Refuse(redact.Outside(err.Error(), 200), "a value in JSON")
	}
	if b.Change.Verb.Engages() && b.Change.TTL < time.Second {
		return b.Refuse("a change needs a deadline of at least a second", "--ttl 15m")
	}
	b.value = v
	switch b.Change.Verb {
	case gateway.CapSet:
		return b.between(v, 1, maxConns, "a whole number of requests", "target.out or workload.pause to let nothing through")
	case gateway.ShedSet:
		return b.between(v, 1, 100, "a whole percentage", "")
	case gateway.RouteForce:
		var to string
		if json.Unmarshal(v, &to) != nil || !plainWord.MatchString(to) {
			return b.Refuse("its value has to be the name of an upstream", "")
		}
		return nil
	case gateway.RetrySet:
		var r struct {
			MaxAttempts int64  `json:"max_attempts"`
			Timeout     string `json:"timeout"`
		}
		if json.Unmarshal(v, &r) != nil || r.MaxAttempts < 1 || r.MaxAttempts > maxTries || r.Timeout != "" {
			return b.Refuse(fmt.Sprintf("the number of attempts, 1 to %d, can be set; timeouts are part of the locations", maxTries), `the value {"max_attempts":1}`)
		}
		b.value = number(r.MaxAttempts)
		return nil
	}
	if string(v) != "null" {
		return b.Refuse("it takes no value", string(b.Change.Verb)+" without a value")
	}
	return nil
}

func (b *builder) between(v gateway.Value, least, most int64, unit, try string) error {
	if n, err := strconv.ParseInt(string(v), 10, 64); err != nil || n < least || n > most {
		return b.Refuse(fmt.Sprintf("its value has to be %s from %d to %d, not %s", unit, least, most, redact.Outside(string(v), 40)), try)
	}
	return nil
}

// want is what a knob is turned to.
func (b *builder) want(base knob) gateway.Value {
	switch {
	case b.Change.Verb == gateway.TargetOut:
		return downValue
	case b.Change.Verb == gateway.TargetIn:
		return upValue
	case b.Change.Verb == gateway.WorkloadPause:
		return number(100)
	case b.Change.Verb.Engages():
		return b.value
	}
	return base.value
}

// add plans the knobs of one instance.
func (b *builder) add(r reading) error {
	if r.err != nil {
		b.Skip(gateway.InstancePlan{Name: r.peer.name}, "could not be read: "+r.err.Error())
		return nil
	}
	knobs, err := b.choose(r)
	if err != nil {
		return err
	}
	for _, n := range r.notes {
		b.Plan.Caveat("%s", n)
	}
	for _, k := range knobs {
		base, _ := r.base.lookup(k.id)
		want := b.want(base)
		ip := gateway.InstancePlan{Name: r.peer.name, Control: k.id, Rev: "generation " + r.runs, Before: k.value, After: want}
		if err := b.judgeKnob(r, k, want); err != nil {
			return err
		}
		if gateway.Same(k.value, want) {
			b.Skip(ip, "is so already: "+show(k.value))
			continue
		}
		values := r.now.values()
		values[k.id] = want
		next := r.base.render(values, r.now.generation.text)
		b.Send(ip, call(r.peer, k, want, r.now.text, next), call(r.peer, k, k.value, next, r.now.text))
		b.knobs = append(b.knobs, k)
	}
	b.emptied(r)
	return nil
}

// judgeKnob refuses what this one cannot be turned to.
func (b *builder) judgeKnob(r reading, k knob, want gateway.Value) error {
	n, _ := strconv.ParseInt(string(want), 10, 64)
	switch k.kind {
	case connKnob:
		if !k.zone && b.Change.Verb.Engages() {
			return b.Refuse(fmt.Sprintf("upstream %s has no zone, so each worker would count for itself", k.group), "`zone "+k.group+" 64k;` in the base file, or a workload or model with limit_conn")
		}
	case limitKnob:
		if n < 1 || n > maxLimit {
			return b.Refuse(fmt.Sprintf("limit_conn takes 1 to %d", maxLimit), "")
		}
	case mapKnob:
		var to string
		if json.Unmarshal(want, &to) != nil || !slices.Contains(r.now.targets, to) {
			return b.Refuse(r.peer.name+" has no upstream "+redact.Outside(string(want), 60), gateway.OneOf(r.now.targets))
		}
	}
	return nil
}

// call is a change of the file as an operator could make it.
func call(p *peer, k knob, v gateway.Value, from, to string) gateway.Call {
	text := sed(p.file, from, to)
	if text == "" {
		text = "edit " + p.file + ": " + k.id + " " + show(v)
	}
	if len(p.through) > 0 {
		text = "on the machine of " + p.name + ": " + text
	}
	return gateway.Call{
		Instance: p.name, Path: k.id, Body: body(k.id, v),
		Text: text + " && " + gateway.Line(p.test) + " && " + gateway.Line(p.reload),
	}
}

func body(control string, v gateway.Value) string { return control + "=" + string(v) }

// sed is the command that makes one text of the other, "" where they differ in more than one line.
func sed(file, from, to string) string {
	a, b := strings.Split(from, "\n"), strings.Split(to, "\n")
	line := -1
	for i := range min(len(a), len(b)) {
		if a[i] == b[i] {
			continue
		}
		if line >= 0 {
			return ""
		}
		line = i
	}
	if len(a) != len(b) || line < 0 || strings.ContainsAny(b[line], "\\\r") {
		return ""
	}
	return gateway.Line([]string{"sed", "-i", fmt.Sprintf("%dc\\%s", line+1, b[line]), file})
}

// choose finds the knobs that hit the scope exactly.
func (b *builder) choose(r reading) ([]knob, error) {
	want := knob{}
	switch b.Change.Verb {
	case gateway.TargetOut, gateway.TargetIn:
		want.kind = downKnob
	case gateway.WorkloadPause, gateway.WorkloadResume, gateway.ShedSet, gateway.ShedLift:
		want.kind = shareKnob
	case gateway.RouteForce, gateway.RouteUnforce:
		want.kind = mapKnob
	case gateway.RetrySet, gateway.RetryReset:
		want.kind = triesKnob
	}
	var deployments []string
	if dep := b.What["deployment"]; dep != "" && len(b.What) == 1 {
		deployments = []string{dep}
	} else if b.resolve != nil && len(b.What) > 0 {
		deployments = b.resolve(b.Change.Scope.Clone())
	}
	var of, fit, byServer []knob
	for _, k := range r.now.knobs {
		if k.kind != want.kind && (want.kind != connKnob || k.kind != limitKnob) {
			continue
		}
		of = append(of, k)
		switch {
		case k.server == "" && k.scope().Equal(b.What):
			fit = append(fit, k)
		case k.server != "" && slices.Contains(deployments, k.server):
			byServer = append(byServer, k)
		}
	}
	if len(fit) == 0 { // what hits the scope by itself wins over the servers that it is made of
		fit = byServer
	}
	switch {
	case len(of) == 0:
		return nil, b.Refuse(r.peer.name+" has nothing in "+r.peer.base+" that this lever needs: "+lacks(want.kind), "examples/nginx for a configuration that has it")
	case len(fit) == 0:
		return nil, b.Change.NoTarget("nothing in "+r.peer.file+" of "+r.peer.name+" is hit exactly by it", gateway.OneNear(b.What, of, func(k knob) traffic.Scope { return k.scope() }))
	}
	return fit, nil
}

func lacks(k kind) string {
	switch k {
	case shareKnob:
		return "a split_clients that a map from workloads asks"
	case mapKnob:
		return "a map from models to upstreams"
	case triesKnob:
		return "proxy_next_upstream_tries"
	}
	return "an upstream"
}

// emptied tells which upstreams have nothing left to serve them, and what the others have.
func (b *builder) emptied(r reading) {
	if b.Change.Verb != gateway.TargetOut {
		return
	}
	hit, left := make(map[string]bool), make(map[string][]string)
	for _, k := range r.now.knobs {
		if k.kind != downKnob {
			continue
		}
		if slices.ContainsFunc(b.knobs, func(o knob) bool { return o.id == k.id }) {
			hit[k.group] = true
		} else if gateway.Same(k.value, upValue) {
			word := k.server
			if k.backup {
				word += " (backup)"
			}
			left[k.group] = append(left[k.group], word)
		}
	}
	for _, group := range r.now.targets {
		switch {
		case hit[group] && len(left[group]) == 0:
			b.Plan.Blast.LastTarget = true
			b.Plan.Caveat("%s: nothing is left to serve upstream %s after this: its requests get 502", r.peer.name, group)
		case hit[group]:
			b.Plan.Caveat("%s: left to serve upstream %s: %s", r.peer.name, group, strings.Join(left[group], ", "))
		}
	}
}

// caveats adds what an operator should know before confirming.
func (b *builder) caveats() {
	if b.Change.Verb.Engages() {
		b.Plan.Deadline.At = b.Now.Add(b.Change.TTL)
		b.Plan.Caveat("NOT self-reverting: nginx holds no deadline, and a restart keeps this; only a running console, or a timer, undoes it")
	} else {
		b.Plan.Caveat("this gives back what was out; it has no deadline")
	}
	b.Plan.Caveat("each nginx is reloaded: requests that run finish in its old workers, under the old configuration; kept connections are closed, and a client that writes to one at that moment has to ask again")
	if n := len(b.Plan.Calls); n > 1 {
		b.Plan.Caveat("this takes %d reloads, one for each control and instance", n)
	}
	switch b.Change.Verb {
	case gateway.CapSet:
		b.capCaveats()
	case gateway.WorkloadPause, gateway.ShedSet:
		b.Plan.Excess = gateway.ExcessRejected
		b.Plan.Caveat("what is refused gets its answer at once")
	case gateway.RouteForce:
		b.Plan.Caveat("the model's name in the request stays as it is: the target has to know it")
	case gateway.RetrySet:
		b.Plan.Caveat("a server or a location with a proxy_next_upstream_tries of its own keeps it")
	}
}

func (b *builder) capCaveats() {
	for _, k := range b.knobs {
		was, err := strconv.ParseInt(string(k.value), 10, 64)
		now, _ := strconv.ParseInt(string(b.value), 10, 64)
		if err == nil && now > was {
			b.Plan.Caveat("this LOOSENS %s from %d to %d", k.id, was, now)
		}
		if k.kind == limitKnob {
			b.Plan.Excess = gateway.ExcessRejected
			b.Plan.Caveat("what is over the cap is rejected at once with limit_conn_status (503 where it says nothing)")
			continue
		}
		b.Plan.Excess = gateway.ExcessOverflow
		b.Plan.Caveat("what is over the cap goes to the other servers of upstream %s; where they are full too it gets 502 at once", k.group)
		b.Plan.Caveat("a reload begins to count from 0: what still runs in old workers comes on top of the cap")
	}
	if n := len(b.Plan.Instances); n > 1 {
		b.Plan.Caveat("each nginx counts for itself")
	}
}

// show words a value for a message.
func show(v gateway.Value) string {
	if gateway.Same(v, null) {
		return "no limit"
	}
	return redact.Outside(strings.Trim(string(v), `"`), 60)
}
