package desk

import (
	"encoding/json"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/traffic"
)

// proveFallback wants a request of the model that fell back: what another model did proves nothing. That none did is proof against
// it only where requests failed to the last: an attempt whose repeat was served had no need to fall, and a request on its way
// when the gateway accepted keeps its old course.
func (d *Desk) proveFallback(l *lever) proof {
	to := d.sig.edge(d.now())
	model := traffic.Scope{"gateway": l.plan.Gateway, "model": l.plan.Change.Scope["model"]}.Selector(d.syms)
	if own := d.sig.count(d.sig.side(model, traffic.SideClient), l.acceptAt, to); own.Fallback > 0 {
		return seen("%d requests fell back since", own.Fallback)
	}
	all := traffic.Scope{"gateway": l.plan.Gateway}.Selector(d.syms)
	told := d.sig.count(d.sig.side(all, traffic.SideClient), l.acceptAt, to).Fallback > 0
	if n := d.sig.count(all, l.acceptAt, to).Fallback; n > 0 && !told {
		return blind("%d attempts fell back since; of which model their requests were is not logged", n)
	}
	from := l.acceptAt.Add(obeySettle)
	if held := d.heldBack(l.plan.Gateway, from); len(held) > 0 {
		model = model.And(traffic.Term{Dim: traffic.Workload, Any: held, Not: true})
	}
	asked := d.sig.count(d.sig.side(model, traffic.SideClient), from, to)
	if asked.Req == 0 { // a log of attempts alone
		asked = d.sig.count(model, from, to)
	}
	if asked.Err == 0 {
		return blind("nothing failed that could have fallen back")
	}
	return notSeen("%d of %d requests failed, and none fell back", asked.Err, asked.Req)
}

// heldBack are the workloads that a lever of a gateway keeps from providers, or has kept since a time: the gateway answers their
// requests itself, so that they fail, and no other target is asked for them.
func (d *Desk) heldBack(gatewayName string, since time.Time) (workloads []traffic.Sym) {
	for _, l := range d.levers {
		if work := l.refuses(); work != "" && l.plan.Gateway == gatewayName && l.void == "" && (l.out() || l.endedAt.After(since)) {
			workloads = append(workloads, d.syms.Intern(work))
		}
	}
	return workloads
}

// proveRoute wants the attempts of the model at the one target, and none elsewhere but for fallbacks, which stay.
func (d *Desk) proveRoute(l *lever) proof {
	var target string
	model := l.plan.Change.Scope["model"]
	if json.Unmarshal(l.plan.Change.Value, &target) != nil || target == "" || model == "" {
		return blind("the route names no target")
	}
	from, end, ok := d.lately(l)
	if !ok {
		return notYet("looking for %s without attempts elsewhere", obeySpan)
	}
	scope := traffic.Scope{"gateway": l.plan.Gateway, "model": model}
	if d.sig.count(d.sig.side(scope.Selector(d.syms), traffic.SideClient), from, end).Req == 0 {
		return blind("nobody asks for %s", model)
	}
	var elsewhere int64
	for _, dep := range d.deploymentsAt(d.wires[l.plan.Gateway], traffic.Scope{"model": model}) {
		if dep != target {
			scope["deployment"] = dep
			n := d.sig.countSide(scope.Selector(d.syms), from, end)
			elsewhere += n.Req - n.Fallback
		}
	}
	at := d.sig.countSide(traffic.Scope{"gateway": l.plan.Gateway, "deployment": target}.Selector(d.syms), from, end).Req
	switch {
	case elsewhere > 0:
		return notSeen("still %d attempts elsewhere in %s, %d at %s", elsewhere, obeySpan, at, target)
	case at == 0:
		return blind("no log names %s", target)
	}
	return seen("%d attempts at %s in %s, none elsewhere", at, target, obeySpan)
}

// proveRetry wants failures that nobody tried again, where the lever allows one attempt alone.
func (d *Desk) proveRetry(l *lever) proof {
	var v struct {
		MaxAttempts int `json:"max_attempts"`
	}
	if json.Unmarshal(l.plan.Change.Value, &v) != nil || v.MaxAttempts != 1 {
		return blind("no signal of %s shows %s", l.plan.Gateway, gateway.RetrySet)
	}
	from, to, ok := d.lately(l)
	if !ok {
		return notYet("looking for %s without retries", obeySpan)
	}
	sel := l.governs().Selector(d.syms)
	n, was := d.sig.countSide(sel, from, to), d.sig.countSide(sel, l.acceptAt.Add(-blastSpan), l.acceptAt)
	again, before := n.Retry-n.Fallback, was.Retry-was.Fallback // a fallback is no retry
	switch {
	case again > 0:
		return notSeen("still %d retries in %s", again, obeySpan)
	case n.Err == 0:
		return blind("nothing failed that could be tried again")
	case before <= 0:
		return blind("%d attempts failed in %s and none was tried again; none was before either", n.Err, obeySpan)
	}
	return seen("none of %d failures was tried again in %s (%d retries in the minute before)", n.Err, obeySpan, before)
}
