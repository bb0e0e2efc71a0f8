package desk

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"signalbox/internal/gateway"
)

// judge says why a lever cannot be thrown now, what it must be forced for, and what else there is to know. The order is that
// of what somebody would have to see to first.
func (a *reacher) judge(g *GatewayView, v gateway.Verb, dim, target string, x *Reach) {
	if x.Not, x.Try = a.closed(g); x.Not != "" {
		return
	}
	k := g.knob(v, dim, target)
	if a.unlisted(g, v, dim, target, x) {
		return
	}
	if x.Not, x.Try = a.braked(g, v, x); x.Not != "" {
		return
	}
	if k != nil {
		if x.Not = a.standing(g, v, k, x); x.Not != "" {
			return
		}
	} else if list := g.lists(v, dim); dim == "model" && len(list) > 0 {
		x.Mind = append(x.Mind, g.Name+" lists it for "+strings.Join(list[:min(len(list), 6)], ", ")+" only; the plan tells")
	}
	if up, err := g.up(); up < len(g.Instances) {
		x.Mind = append(x.Mind, fmt.Sprintf("%d of %d instances answer: it would be PARTIAL: %s", up, len(g.Instances), err))
	}
	if v == gateway.TargetOut || v == gateway.BreakerOpen {
		a.leftAlone(g, v, target, x)
	}
	if v == gateway.FallbackOn || v == gateway.RouteForce {
		x.Mind = append(x.Mind, a.rehearsed(target))
	}
	a.before(g, v, x)
	if n := a.thrown(g, v, x); n >= flaps {
		x.Force = fmt.Sprintf("it flaps: thrown and taken back %d times in %d min", n, int(flapSpan.Minutes()))
	}
}

// unlisted tells whether a gateway that lists what a lever is for does not list this, and says so.
func (a *reacher) unlisted(g *GatewayView, v gateway.Verb, dim, target string, x *Reach) bool {
	list := g.lists(v, dim)
	if len(list) == 0 || slices.Contains(list, target) {
		return false
	}
	few := strings.Join(gateway.Near(target, list)[:min(len(list), 6)], ", ")
	switch {
	case dim == "workload" && target != a.scope["workload"]:
		x.Whole = "" // seen in the traffic, and no control of the gateway's: nothing that anybody could throw
	case dim == "workload":
		x.Not, x.Try = g.Name+" lists no such control of "+target, "it has "+few
	case dim == "deployment":
		x.Not = g.Name + " lists no " + strings.SplitN(string(v), ".", 2)[0] + " of " + target
		x.Try = "its logs should call it as it does: " + few
	default:
		return false
	}
	return true
}

// closed says why nothing of a gateway can be thrown.
func (a *reacher) closed(g *GatewayView) (why, try string) {
	up, err := g.up()
	switch {
	case a.s.WhyNot != "":
		return a.s.WhyNot, ""
	case a.s.ReadOnly:
		return "this console is read-only", "start one without --read-only"
	case g.WhyNot != "":
		return g.WhyNot, ""
	case up == 0 && g.Err != "":
		return g.Name + " cannot be reached: " + g.Err, "read it again"
	case len(g.Instances) == 0 && g.ReadAt.IsZero():
		return g.Name + " has not been read yet", "read it"
	case up == 0:
		return fmt.Sprintf("none of the %d instances of %s answers: %s", len(g.Instances), g.Name, err), "see whether it runs, and its address and token, and read it again"
	}
	return "", ""
}

// braked says which other lever is in the way: the brakes of a throw, by what the snapshot knows.
func (a *reacher) braked(g *GatewayView, v gateway.Verb, x *Reach) (why, try string) {
	for i := range a.s.Levers {
		l := &a.s.Levers[i]
		if l.Gateway != g.Name {
			continue
		}
		same := l.fits(g.Name, v, x.Scope)
		dep := x.Scope["deployment"]
		beside := dep != "" && l.Scope["deployment"] == dep || emptying(gateway.Verb(l.Verb)) && emptying(v)
		switch {
		case !same && !beside:
		case l.Unsettled:
			return l.Title + " is under way: " + l.State, "wait until it has been read back"
		case !same:
		case l.Out:
			return l.Title + " is out there, by " + l.By, "take it back first, or move its deadline"
		case a.now.Sub(later(l.At, l.EndedAt)) < leastInterval:
			return "it was changed " + leastInterval.String() + " ago or less", "wait a moment"
		}
	}
	return "", ""
}

// standing says what the control shows now: that there is nothing left to do, or what somebody else has set.
func (a *reacher) standing(g *GatewayView, v gateway.Verb, k *KnobView, x *Reach) string {
	is := strings.Join(k.Values, ", ")
	by := ""
	if k.SetBy != "" {
		by = " by " + k.SetBy
	}
	switch v {
	case gateway.CapSet:
		x.Mind = append(x.Mind, "in force: "+is)
		least := max(1, g.LeastCap)
		if n, err := strconv.Atoi(is); err == nil && n <= least {
			return fmt.Sprintf("the cap in force is %d, and the least is %d", n, least)
		}
		if g.LeastCap > 0 {
			x.Mind = append(x.Mind, fmt.Sprintf("least_cap is %d", g.LeastCap))
		}
	case gateway.ShedSet, gateway.RouteForce, gateway.RetrySet:
		if k.Engaged {
			x.Mind = append(x.Mind, "in force: "+is)
		}
	default:
		if k.on(v) && len(k.Values) == 1 {
			return "it is so already: " + is + by
		}
	}
	if k.Engaged && by != "" {
		x.Mind = append(x.Mind, "set away from "+k.Base+by+", not from here")
	}
	return ""
}

// leftAlone says whether a target is the last one that is in for its model.
func (a *reacher) leftAlone(g *GatewayView, v gateway.Verb, target string, x *Reach) {
	mates := a.mates[g.Name]
	if !slices.Contains(mates, target) {
		return // nothing says which others serve the model
	}
	var left []string
	for _, m := range mates {
		if m != target && m != "" && !a.away(g, m) {
			left = append(left, m)
		}
	}
	if len(left) > 0 {
		x.Mind = append(x.Mind, "left for it: "+strings.Join(left[:min(len(left), 4)], ", "))
		return
	}
	x.Force = "last target of " + strings.Join(a.models, ", ") + " that is in at " + g.Name
	if v != gateway.TargetOut {
		x.Mind, x.Force = append(x.Mind, x.Force), ""
	}
}

// away tells whether a deployment takes no requests because of a control.
func (a *reacher) away(g *GatewayView, dep string) bool {
	for _, v := range []gateway.Verb{gateway.TargetOut, gateway.BreakerOpen} {
		if k := g.knob(v, "deployment", dep); k != nil && k.on(v) {
			return true
		}
	}
	return false
}

// thrown counts how often the same control was thrown and taken back lately.
func (a *reacher) thrown(g *GatewayView, v gateway.Verb, x *Reach) (n int) {
	for i := range a.s.Levers {
		l := &a.s.Levers[i]
		if !l.Out && l.State != LeverFailed && a.now.Sub(l.At) < flapSpan && l.fits(g.Name, v, x.Scope) {
			n++
		}
	}
	return n
}

// rehearsed says what the last rehearsal of a model's fallback showed.
func (a *reacher) rehearsed(model string) string {
	for i := range a.s.Rehearsals {
		if r := &a.s.Rehearsals[i]; r.For == model {
			return r.Words
		}
	}
	if a.s.NoProbe != "" {
		return "never rehearsed, and it cannot be here: " + a.s.NoProbe
	}
	return "never rehearsed"
}

// before says what came out when the same was thrown last.
func (a *reacher) before(g *GatewayView, v gateway.Verb, x *Reach) {
	var last *LeverView
	for i := range a.s.Levers {
		if l := &a.s.Levers[i]; !l.Out && l.Outcome != "" && l.Verb == x.Verb && l.fits(g.Name, v, x.Scope) && (last == nil || l.At.After(last.At)) {
			last = l
		}
	}
	if last != nil {
		x.Mind = append(x.Mind, strings.TrimSpace("at "+last.At.UTC().Format("15:04:05")+" it was: "+last.Outcome+" "+last.OutcomeBy))
	}
}
