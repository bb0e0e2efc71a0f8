package desk

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"signalbox/internal/gateway"
	"signalbox/internal/traffic"
)

// placeDims are those by which a deployment is found.
var placeDims = []string{"provider", "model", "region", "endpoint"}

// wireFor finds the gateway that a scope means, and says why where it cannot. An exact scope means its env too; that of a
// burst may name what a log calls it.
func (d *Desk) wireFor(scope traffic.Scope, exact bool) (*wire, error) {
	what := "a lever on " + scope.String()
	env := ""
	if exact {
		env = scope["env"]
	}
	if name := scope["gateway"]; name != "" {
		w, ok := d.wires[name]
		if !ok {
			return nil, &Refused{What: what, Why: "there is no gateway " + name, Try: "choose one of " + strings.Join(gateway.Near(name, d.order), ", "), NoTarget: true}
		}
		if env != "" && env != w.spec.Env {
			return nil, &Refused{What: what, Why: "gateway " + name + " is in environment " + w.spec.Env, Try: "env=" + w.spec.Env, NoTarget: true}
		}
		return w, nil
	}
	var with []*wire
	var envs []string
	for _, name := range d.order {
		w := d.wires[name]
		if w.spec.Driver == nil {
			continue
		}
		envs = addOnce(envs, w.spec.Env)
		if env == "" || env == w.spec.Env {
			with = append(with, w)
		}
	}
	switch {
	case len(with) == 1:
		return with[0], nil
	case len(with) == 0 && len(envs) > 0:
		return nil, &Refused{What: what, Why: "no gateway with levers is in environment " + env, Try: "env=" + strings.Join(gateway.Near(env, envs), " or env="), NoTarget: true}
	case len(with) == 0:
		return nil, &Refused{What: what, Why: "no gateway has levers", Try: "set levers: on for a gateway in the configuration"}
	}
	return nil, &Refused{What: what, Why: "several gateways have levers", Try: "name one as gateway=" + with[0].spec.Name}
}

// aim narrows a scope in the operator's words to what the verb's control is made of. It never widens: where the scope means
// several targets it refuses and names them, and of an exact one it drops nothing.
func (d *Desk) aim(w *wire, verb gateway.Verb, scope traffic.Scope, exact bool) (traffic.Scope, error) {
	ability := w.desc.Ability(verb)
	what := string(verb) + " on " + scopeWords(scope)
	if ability.Fitness == gateway.Impossible {
		return nil, &Refused{What: what, Why: ability.Why, Try: "skip the step, or choose a lever that " + w.spec.Name + " has"}
	}
	out := traffic.Scope{"gateway": w.spec.Name}
	if v := scope["instance"]; v != "" {
		out["instance"] = v
	}
	named := narrowed(scope)
	if w.takes(ability, named) {
		maps.Copy(out, named)
		return out, nil
	}
	uses := placeDims
	switch {
	case slices.Contains(ability.Dims, "deployment"):
		dep, err := d.deployment(w, what, scope, exact)
		if err != nil && !within(named, ability.Dims) {
			return nil, err
		}
		if err != nil { // the gateway may have a control of just this, and says what there is where it has none
			maps.Copy(out, named)
			return out, nil
		}
		out["deployment"] = dep
	case slices.Contains(ability.Dims, "workload"):
		uses = nil
		out["workload"] = scope["workload"]
		if out["workload"] == "" {
			out["workload"] = traffic.WorkloadBatch
		}
	case slices.Contains(ability.Dims, "model"):
		uses = nil
		if scope["model"] == "" {
			return nil, &Refused{What: what, Why: "it needs a model", Try: "select a cell or a burst that names one"}
		}
		out["model"] = scope["model"]
	default:
		uses = nil
	}
	if exact {
		return out, unnarrowed(w, what, named, out, uses)
	}
	return out, nil
}

// takes tells whether the gateway is asked for the scope as it stands: all of it is of the verb's dimensions, and it says
// which of several is meant. A model by itself may mean the one deployment that serves it.
func (w *wire) takes(a gateway.Ability, named traffic.Scope) bool {
	switch {
	case len(named) == 0 || !within(named, a.Dims):
		return false
	case named["deployment"] != "" || named["workload"] != "" || !slices.Contains(a.Dims, "deployment"):
		return true
	}
	return slices.ContainsFunc(w.state.Instances, func(i gateway.InstanceState) bool {
		return slices.ContainsFunc(i.Controls, func(c gateway.Control) bool {
			return (c.Verb == a.Verb || c.Verb == a.Verb.Opposite()) && c.Scope.Equal(named)
		})
	})
}

func within(named traffic.Scope, dims []string) bool {
	for dim := range named {
		if !slices.Contains(dims, dim) {
			return false
		}
	}
	return len(named) > 0
}

// unnarrowed refuses labels that the lever would have to drop, and so reach more than they say.
func unnarrowed(w *wire, what string, named, out traffic.Scope, uses []string) error {
	var lost []string
	rest := traffic.Scope{"gateway": w.spec.Name}
	for _, dim := range slices.Sorted(maps.Keys(named)) {
		if out[dim] == "" && !slices.Contains(uses, dim) {
			lost = append(lost, dim+"="+named[dim])
		}
	}
	if len(lost) == 0 {
		return nil
	}
	maps.Copy(rest, out)
	return &Refused{
		What: what, Why: fmt.Sprintf("%s cannot narrow it to %s", w.spec.Name, strings.Join(lost, " ")),
		Try: rest.String() + ", if all of that is meant", NoTarget: true,
	}
}

// deployment finds the one deployment that a scope means, by the traffic, else by the inventory.
func (d *Desk) deployment(w *wire, what string, scope traffic.Scope, exact bool) (string, error) {
	place := traffic.Scope{}
	for _, k := range placeDims {
		if v := scope[k]; v != "" {
			place[k] = v
		}
	}
	if dep := scope["deployment"]; dep != "" {
		if exact && len(place) > 0 && !slices.Contains(d.deploymentsAt(w, place), dep) {
			return "", &Refused{What: what, Why: "nothing says that deployment " + dep + " is " + place.String(), Try: "deployment=" + dep + " alone", NoTarget: true}
		}
		return dep, nil
	}
	names := d.deploymentsAt(w, place)
	switch len(names) {
	case 1:
		return names[0], nil
	case 0:
		known := w.deployments()
		no := &Refused{What: what, Why: "no deployment of " + w.spec.Name + " is known for it", Try: "name one as deployment=NAME"}
		if len(known) > 0 {
			no.NoTarget, no.Try = true, "name one: "+strings.Join(gateway.Near(place.Short(), known), ", ")
		} else if w.err != "" {
			no.Why += ", and it could not be read: " + w.err
		}
		return "", no
	}
	return "", &Refused{What: what, Why: "it means several deployments: " + strings.Join(names, ", "), Try: "choose one of them"}
}

// deploymentsAt names the deployments of a gateway that serve a place.
func (d *Desk) deploymentsAt(w *wire, place traffic.Scope) []string {
	found := map[string]bool{}
	for _, k := range d.sig.board.Keys(place.Selector(d.syms)) {
		if gw := d.syms.Name(k[traffic.Gateway]); gw == w.spec.Name && k[traffic.Deployment] > traffic.Other {
			found[d.syms.Name(k[traffic.Deployment])] = true
		}
	}
	if len(found) == 0 && len(place) > 0 && d.o.Inventory != nil {
		known := w.deployments()
		for _, name := range d.o.Inventory(place) {
			if len(known) == 0 || slices.Contains(known, name) {
				found[name] = true
			}
		}
	}
	return sortedKeys(found)
}

// deployments lists what the gateway's controls can name.
func (w *wire) deployments() []string {
	found := map[string]bool{}
	for _, i := range w.state.Instances {
		for _, c := range i.Controls {
			if v := c.Scope["deployment"]; v != "" {
				found[v] = true
			}
		}
	}
	return sortedKeys(found)
}

// narrowed is what a scope says beside where the gateway is: what a lever can be narrowed to.
func narrowed(scope traffic.Scope) traffic.Scope {
	out := scope.Clone()
	maps.DeleteFunc(out, func(dim, _ string) bool { return dim == "gateway" || dim == "env" || dim == "instance" })
	return out
}
