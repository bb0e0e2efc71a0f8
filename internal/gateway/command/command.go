// Package command drives a gateway by the operator's own commands: for each lever one that reads it, one that throws
// it and one that takes it back. It is for whatever has no driver of its own: a queue's policy, a Kubernetes object, a
// script on another machine. No shell is involved unless a command names one.
package command

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/traffic"
)

// Kind is how the configuration names this kind of gateway.
const Kind = "command"

const defaultTimeout = 5 * time.Second

// Lever is one control, steered by three commands. Their words may hold {instance}, {value} and {ttl} (seconds),
// which are put in as they are, never through a shell.
type Lever struct {
	Verb  gateway.Verb  // the one that throws it; the opposite verb takes it back
	Scope traffic.Scope // what it hits, without gateway, env and instance; a change has to name exactly this
	// Read prints the present state in one word: On or Off for a lever that is out or not; for one with a value the
	// value itself, or Off for none.
	Read, Apply, Revert []string
	On, Off             string
	Least, Most         int64          // of a number
	Excess              gateway.Excess // what happens to requests over a cap
}

// Options say how to reach a gateway.
type Options struct {
	Gateway     string
	Env         string
	Instances   []string // what {instance} stands for; none: one, by the gateway's name
	Levers      []Lever
	Timeout     time.Duration // of one command; 0 means 5 s
	Environment []string      // of the commands: without the console's secrets
}

// Driver runs the commands of one gateway.
type Driver struct {
	opts Options
	run  gateway.Runner
}

var _ gateway.Driver = (*Driver)(nil)

// New makes a driver; it runs nothing.
func New(o Options) *Driver {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if len(o.Instances) == 0 {
		o.Instances = []string{o.Gateway}
	}
	return &Driver{opts: o, run: gateway.Runner{Timeout: o.Timeout, Env: o.Environment}}
}

// What a lever is set to.
type valued uint8

const (
	flag   valued = iota // out or not
	number               // a whole number
	word                 // a name
)

func (l *Lever) valued() valued {
	switch l.Verb {
	case gateway.CapSet, gateway.ShedSet:
		return number
	case gateway.RouteForce:
		return word
	}
	return flag
}

// Check says what is wrong with a lever, and what to write instead; both are empty for a good one.
func (l *Lever) Check() (wrong, hint string) {
	switch {
	case !slices.Contains(Engaging(), l.Verb):
		return fmt.Sprintf("verb %q throws no lever", l.Verb), "one of " + joined(Engaging()) + "; the opposite verb follows from it"
	case len(l.Read) == 0 || len(l.Apply) == 0 || len(l.Revert) == 0:
		return string(l.Verb) + " lacks a command", "read, apply and revert are all needed: a lever that cannot be read back or taken back is none"
	case l.Off == "":
		return string(l.Verb) + " has no off", "write what `read` prints while the lever is not out"
	case l.valued() == flag && l.On == "":
		return string(l.Verb) + " has no on", "write what `read` prints while the lever is out"
	case l.valued() == flag && l.On == l.Off:
		return "on and off of " + string(l.Verb) + " are the same", "read has to tell them apart"
	case l.valued() != flag && l.On != "":
		return string(l.Verb) + " has a value, so there is no word for on", "leave it out: `read` prints the value"
	case l.valued() == flag && valuedIn(l.Apply):
		return string(l.Verb) + " has no value", "leave {value} out"
	case l.valued() != flag && !valuedIn(l.Apply):
		return "apply of " + string(l.Verb) + " does not say where the value goes", "write {value} as one of its words, or inside of one"
	case valuedIn(l.Read) || valuedIn(l.Revert):
		return "only apply knows a {value}", "revert takes the lever back altogether"
	}
	return "", ""
}

// Engaging lists the verbs that put something out.
func Engaging() []gateway.Verb {
	return []gateway.Verb{
		gateway.CapSet, gateway.WorkloadPause, gateway.ShedSet, gateway.TargetOut, gateway.FallbackOn,
		gateway.RouteForce, gateway.BreakerOpen, gateway.DegradeOn,
	}
}

func joined(verbs []gateway.Verb) string {
	all := make([]string, 0, len(verbs))
	for _, v := range verbs {
		all = append(all, string(v))
	}
	return strings.Join(all, ", ")
}

func valuedIn(argv []string) bool {
	return slices.ContainsFunc(argv, func(w string) bool { return strings.Contains(w, "{value}") })
}

// ID names the control of a lever.
func (l *Lever) ID() string {
	noun, _, _ := strings.Cut(string(l.Verb), ".")
	if len(l.Scope) == 0 {
		return noun
	}
	return noun + " " + l.Scope.String()
}

// base is what the control is without the lever.
func (l *Lever) base() gateway.Value {
	if l.valued() == flag {
		return gateway.Value("false")
	}
	return gateway.Value("null")
}

// Describe lists the levers that have commands.
func (d *Driver) Describe() gateway.Description {
	desc := gateway.Description{Kind: Kind, Gateway: d.opts.Gateway, Instances: slices.Clone(d.opts.Instances)}
	for _, v := range gateway.Verbs() {
		a := gateway.Ability{Verb: v, Fitness: gateway.Impossible, Why: "no command is configured for it"}
		for i := range d.opts.Levers {
			l := &d.opts.Levers[i]
			if l.Verb != v && l.Verb.Opposite() != v {
				continue
			}
			a.Fitness, a.Holder, a.Lock, a.Delay = gateway.Native, gateway.HeldByConsole, "none", "as long as its command takes"
			a.Why, a.Excess = "by the command that the configuration names; what that really does is for its author to say", l.Excess
			for dim := range l.Scope {
				if !slices.Contains(a.Dims, dim) {
					a.Dims = append(a.Dims, dim)
				}
			}
		}
		slices.Sort(a.Dims)
		desc.Abilities = append(desc.Abilities, a)
	}
	return desc
}

// Read asks every lever on every instance. An instance of which one command fails reads as unreachable, with what
// could be read of it.
func (d *Driver) Read(ctx context.Context) (gateway.State, error) {
	state := gateway.State{Gateway: d.opts.Gateway, At: time.Now(), Instances: make([]gateway.InstanceState, len(d.opts.Instances))}
	var wg sync.WaitGroup
	for i, name := range d.opts.Instances {
		wg.Go(func() { state.Instances[i] = d.readInstance(ctx, name) })
	}
	wg.Wait()
	return state, nil
}

func (d *Driver) readInstance(ctx context.Context, name string) gateway.InstanceState {
	out := gateway.InstanceState{Name: name, Reachable: true}
	for i := range d.opts.Levers {
		l := &d.opts.Levers[i]
		v, err := d.read(ctx, name, l)
		if err != nil {
			out.Reachable, out.Err = false, err.Error()
			continue
		}
		scope := l.Scope.Clone()
		if scope == nil {
			scope = traffic.Scope{}
		}
		scope["gateway"] = d.opts.Gateway
		out.Controls = append(out.Controls, gateway.Control{ID: l.ID(), Verb: l.Verb, Scope: scope, Value: v, Base: l.base()})
	}
	return out
}

// read asks one lever of one instance.
func (d *Driver) read(ctx context.Context, instance string, l *Lever) (gateway.Value, error) {
	out, err := d.run.Do(ctx, fill(l.Read, instance, nil, 0), nil)
	if err != nil {
		return nil, fmt.Errorf("reading %s of %s: %w", l.ID(), instance, err)
	}
	v, err := l.parse(strings.TrimSpace(out))
	if err != nil {
		return nil, fmt.Errorf("reading %s of %s: %w; see `read:` in the configuration", l.ID(), instance, err)
	}
	return v, nil
}
