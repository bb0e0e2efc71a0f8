package desk

import (
	"slices"

	"signalbox/internal/gateway"
	"signalbox/internal/traffic"
)

// knobsOf joins what the instances of a gateway report of each control.
func knobsOf(st gateway.State) []KnobView {
	var out []KnobView
	at := map[string]int{}
	for _, i := range st.Instances {
		for _, c := range i.Controls {
			n, seen := at[c.ID]
			if !seen {
				n = len(out)
				at[c.ID] = n
				scope := c.Scope.Clone()
				delete(scope, "gateway")
				delete(scope, "instance")
				out = append(out, KnobView{Scope: scope, Base: valueWords(c.Base)})
			}
			k := &out[n]
			if v := valueWords(c.Value); !slices.Contains(k.Values, v) {
				k.Values = append(k.Values, v)
			}
			moved := !gateway.Same(c.Value, c.Base)
			if !seen || moved {
				k.Verb = string(c.Verb)
			}
			if moved {
				k.Engaged = true
				if c.SetBy != "" {
					k.SetBy = c.SetBy
				}
			}
		}
	}
	return out
}

// on tells whether the knob stands where the verb would put it, for a verb that has one place to put it.
func (k *KnobView) on(v gateway.Verb) bool { return k.Engaged == (gateway.Verb(k.Verb) == v) }

// of tells whether the verb, or the one that takes it back, moves the knob.
func (k *KnobView) of(v gateway.Verb) bool { return kin(gateway.Verb(k.Verb), v) }

// kin tells whether two verbs move the same kind of control.
func kin(a, b gateway.Verb) bool { return a == b || a.Opposite() == b && b != "" }

// named gives the target that a knob stands for in one dimension; "" is the gateway itself.
func (k *KnobView) named(dim string) string { return k.Scope[dim] }

// only finds the knob of a verb that names this target and nothing else.
func (g *GatewayView) only(v gateway.Verb, dim, target string) *KnobView {
	for i := range g.Knobs {
		if k := &g.Knobs[i]; k.of(v) && len(k.Scope) == 1 && k.Scope[dim] == target {
			return k
		}
	}
	return nil
}

// knob finds what a verb would move: by its target alone, else by more that the control names.
func (g *GatewayView) knob(v gateway.Verb, dim, target string) *KnobView {
	if k := g.only(v, dim, target); k != nil && dim != "" {
		return k
	}
	for i := range g.Knobs {
		if k := &g.Knobs[i]; k.of(v) && k.named(dim) == target && (dim != "" || len(k.Scope) == 0) {
			return k
		}
	}
	return nil
}

// shares are levers that may be one control of a gateway: all of a workload refused, or a part.
var shares = map[gateway.Verb]gateway.Verb{gateway.ShedSet: gateway.WorkloadPause, gateway.WorkloadPause: gateway.ShedSet}

// lists gives what the gateway's controls for a verb are for, in one dimension.
func (g *GatewayView) lists(v gateway.Verb, dim string) []string {
	if all := g.listed(v, dim); len(all) > 0 || shares[v] == "" {
		return all
	}
	return g.listed(shares[v], dim)
}

func (g *GatewayView) listed(v gateway.Verb, dim string) []string {
	found := map[string]bool{}
	for i := range g.Knobs {
		if k := &g.Knobs[i]; k.of(v) && k.Scope[dim] != "" {
			found[k.Scope[dim]] = true
		}
	}
	return sortedKeys(found)
}

// up counts the instances that answered, and gives the error of one that did not.
func (g *GatewayView) up() (up int, err string) {
	for i := range g.Instances {
		if g.Instances[i].Reachable {
			up++
		} else if err == "" {
			err = g.Instances[i].Err
		}
	}
	return up, err
}

// fits tells whether a lever acts on exactly this.
func (l *LeverView) fits(g string, v gateway.Verb, scope traffic.Scope) bool {
	if l.Gateway != g || !kin(gateway.Verb(l.Verb), v) {
		return false
	}
	for _, dim := range []string{"deployment", "model", "workload"} {
		if l.Scope[dim] != scope[dim] {
			return false
		}
	}
	return true
}
