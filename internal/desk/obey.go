package desk

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/incident"
	"signalbox/internal/traffic"
)

// proof is what traffic says about a lever: a fact and the numbers behind it.
type proof struct{ fact, why string }

func seen(format string, a ...any) proof    { return proof{Yes, fmt.Sprintf(format, a...)} }
func notSeen(format string, a ...any) proof { return proof{No, fmt.Sprintf(format, a...)} }
func blind(format string, a ...any) proof   { return proof{CannotTell, fmt.Sprintf(format, a...)} }
func notYet(format string, a ...any) proof  { return proof{Pending, fmt.Sprintf(format, a...)} }

const (
	// obeySettle is the time after acceptance before traffic is asked: what was in flight may still finish.
	obeySettle = 2 * time.Second
	// obeySpan is the span of traffic that must show the lever.
	obeySpan = 4 * time.Second
)

// judgeObeyed looks in the traffic that the lever governs. Until obeyWindow has passed, "not yet" is
// not "no": connections drain and queues empty first.
func (d *Desk) judgeObeyed(l *lever) {
	since := d.now().Sub(l.acceptAt)
	if since < obeySettle {
		return
	}
	p := d.prove(l)
	if p.fact == No && since < obeyWindow && l.obeyed != Yes {
		p.fact = Pending
	}
	if p.fact == CannotTell && since < obeyWindow && l.obeyed == Pending {
		p.fact = Pending
	}
	if l.obeyed == Yes && p.fact != No {
		l.obeyedWhy = p.why
		return
	}
	changed := l.obeyed != p.fact
	l.obeyed, l.obeyedWhy = p.fact, p.why
	if changed && p.fact == Yes {
		l.obeyedAt = d.now()
	}
	if changed && p.fact != Pending {
		_ = d.recordLever(incident.LeverObeyed, l, p.why)
	}
	d.dirty = true
}

func (d *Desk) prove(l *lever) proof {
	c := l.plan.Change
	switch c.Verb {
	case gateway.CapSet:
		return d.proveCap(l)
	case gateway.TargetOut, gateway.BreakerOpen, gateway.WorkloadPause:
		return d.proveQuiet(l)
	case gateway.FallbackOn:
		return d.proveFallback(l)
	case gateway.RouteForce:
		return d.proveRoute(l)
	case gateway.RetrySet:
		return d.proveRetry(l)
	case gateway.ShedSet:
		return d.proveShed(l)
	}
	return blind("no signal of %s shows %s", l.plan.Gateway, c.Verb)
}

// governs is what a lever acts on, as the signals name it.
func (l *lever) governs() traffic.Scope {
	scope := narrowed(l.plan.Change.Scope)
	scope["gateway"] = l.plan.Gateway
	return scope
}

// lately is the newest span of traffic that a lever is looked for in; false where some of it is from before it was accepted.
func (d *Desk) lately(l *lever) (from, to time.Time, ok bool) {
	to = d.sig.edge(d.now())
	from = to.Add(-obeySpan)
	return from, to, !from.Before(l.acceptAt)
}

// proveCap wants the in-flight gauge at or under the cap for a while, and a sign that more would run if it could: some of
// it waits, it stands at the cap, or it was over the cap before and is not far below it now. One low value proves nothing,
// and neither does traffic that has gone.
func (d *Desk) proveCap(l *lever) proof {
	scope := l.governs()
	var limit float64
	if json.Unmarshal(l.plan.Change.Value, &limit) != nil {
		return blind("the cap is no number")
	}
	limit *= float64(len(l.plan.Instances)) // each instance holds its own cap
	now, at, ok := d.sig.gaugeAt(scope, traffic.Inflight, d.now())
	if !ok {
		return blind("no in-flight signal for %s", scopeWords(scope))
	}
	if at.Before(l.acceptAt) {
		return notYet("no in-flight signal since it was accepted")
	}
	queue, hasQueue := d.sig.gauge(scope, traffic.Queue, d.now())
	if group, _, member := strings.Cut(scope["deployment"], "/"); member { // HAProxy queues for a backend, not for its server
		if q, ok := d.sig.gauge(traffic.Scope{"gateway": l.plan.Gateway, "deployment": group}, traffic.Queue, d.now()); ok {
			queue, hasQueue = queue+q, true
		}
	}
	text := fmt.Sprintf("%.0f in flight, cap %.0f", now, limit)
	if hasQueue {
		text += fmt.Sprintf(", %.0f wait", queue)
	}
	if now > limit {
		l.under = capped{}
		return notSeen("%s", text)
	}
	if l.under.since.IsZero() {
		l.under.since = at
	}
	was := l.plan.Blast.Inflight
	if queue > 0 || now == limit && limit > 0 || was > limit && now >= limit/2 {
		l.under.pressed = at
	}
	switch {
	case l.under.pressed.IsZero():
		return blind("%s (was %.0f): traffic stays under the cap by itself", text, was)
	case at.Sub(l.under.since) < obeySpan:
		return notYet("%s: looking for %s at or under the cap", text, obeySpan)
	}
	return seen("%s (was %.0f)", text, was)
}

// capped is what the in-flight signal has shown of a cap since it was last over it.
type capped struct {
	since   time.Time // the first value at or under the cap
	pressed time.Time // the last one that shows that more would run without the cap
}

// proveQuiet wants no new attempt in the scope while the gateway serves others.
func (d *Desk) proveQuiet(l *lever) proof {
	from, to, ok := d.lately(l)
	if !ok {
		return notYet("looking for %s without traffic", obeySpan)
	}
	part := d.sig.countSide(l.governs().Selector(d.syms), from, to)
	all := d.sig.countSide(traffic.Scope{"gateway": l.plan.Gateway}.Selector(d.syms), from, to)
	switch {
	case all.Req == 0:
		return blind("no traffic at all on %s", l.plan.Gateway)
	case part.Req == 0 && l.plan.Blast.Requests == 0:
		return blind("it had no traffic before either")
	case part.Req == 0:
		return seen("0 of %d attempts in %.0f s (was %d a minute)", all.Req, to.Sub(from).Seconds(), l.plan.Blast.Requests)
	}
	return notSeen("still %d of %d attempts in %.0f s", part.Req, all.Req, to.Sub(from).Seconds())
}

// proveShed compares attempts with requests of the workload: what is shed reaches no provider.
func (d *Desk) proveShed(l *lever) proof {
	to := d.sig.edge(d.now())
	scope := traffic.Scope{"gateway": l.plan.Gateway, "workload": l.plan.Change.Scope["workload"]}
	var percent float64
	if json.Unmarshal(l.plan.Change.Value, &percent) != nil {
		return blind("the share is no number")
	}
	sel := scope.Selector(d.syms)
	client := d.sig.count(d.sig.side(sel, traffic.SideClient), l.acceptAt, to)
	up := d.sig.count(d.sig.side(sel, traffic.SideUpstream), l.acceptAt, to)
	if client.Req < 20 {
		return blind("only %d requests since", client.Req)
	}
	served := float64(up.Req-up.Retry) / float64(client.Req)
	text := fmt.Sprintf("%.0f%% of %d requests reached a provider", 100*served, client.Req)
	if served <= 1-percent/100+0.1 {
		return seen("%s", text)
	}
	return notSeen("%s", text)
}
