package burst

import (
	"fmt"
	"slices"

	"signalbox/internal/traffic"
)

// breaker is one instance's breaker of one deployment, as a scrape saw it.
type breaker struct {
	key   traffic.Key
	where traffic.Scope
	since int64   // it has been open since, 0 while it is not
	seen  int64   //
	opens []int64 // how long it was open the last times, in seconds
}

// load is what a scrape saw of a deployment, added up over instances and workloads.
type load struct {
	seen                   int64
	inflight, queue, limit float64
}

const (
	// breakerOpen is the value of a breaker that lets nothing through.
	breakerOpen = 2
	// heldDefault is how long a breaker or a cool-down may last where none has been seen to end: seconds.
	heldDefault = 60
	// heldTimes is by how many times it may outlast those that were seen.
	heldTimes = 2
	// scrapeSlack is what a state that is only read now and then may be wrong by.
	scrapeSlack = 15
	// keepOpens is how many times a breaker was open are remembered.
	keepOpens = 8
	// staleState is the age of a state that counts no longer.
	staleState = 60
)

// see takes the states of now.
func (l *Lookout) see(sec int64, states []traffic.Gauge) {
	fresh := make(map[traffic.Sym]*load)
	for i := range states {
		g := &states[i]
		dep := g.Key[traffic.Deployment]
		if dep == traffic.Unknown {
			continue
		}
		if g.Name == traffic.Breaker {
			l.seeBreaker(sec, g)
			continue
		}
		o := fresh[dep]
		if o == nil {
			o = &load{seen: sec}
			fresh[dep] = o
		}
		switch g.Name {
		case traffic.Inflight:
			o.inflight += g.Value
		case traffic.Queue:
			o.queue += g.Value
		case traffic.Limit:
			o.limit += max(g.Value, 0)
		case traffic.Breaker, traffic.Remaining, traffic.TargetIn:
		}
	}
	for dep, o := range fresh {
		l.loads[dep] = o
	}
}

func (l *Lookout) seeBreaker(sec int64, g *traffic.Gauge) {
	b := l.breakers[g.Key]
	if b == nil {
		b = &breaker{key: g.Key, where: g.Key.Labels(l.syms)}
		delete(b.where, traffic.Side.String())
		l.breakers[g.Key] = b
		l.held = append(l.held, b)
	}
	open := g.Value >= breakerOpen
	switch {
	case open && (b.since == 0 || sec-b.seen > 2*staleState):
		b.since = sec
	case !open && b.since != 0:
		if b.opens = append(b.opens, sec-b.since); len(b.opens) > keepOpens {
			b.opens = b.opens[1:]
		}
		b.since = 0
	}
	b.seen = sec
}

// allowed is how long the breaker may stay open: twice the median of the times before, which is what it is set to.
func (b *breaker) allowed() int64 {
	if len(b.opens) == 0 {
		return heldDefault
	}
	sorted := slices.Sorted(slices.Values(b.opens))
	return heldTimes*sorted[len(sorted)/2] + scrapeSlack
}

// stuckBreakers asks of each open breaker whether it has a reason left.
func (l *Lookout) stuckBreakers(sec int64) {
	for _, b := range l.held {
		allowed := b.allowed()
		if b.since == 0 || sec-b.seen > staleState || sec-b.since < allowed {
			continue
		}
		var was bin
		for _, s := range l.places {
			if s.kind == aTarget && s.key[traffic.Deployment] == b.key[traffic.Deployment] && l.asks(s.key, b.key[traffic.Gateway]) {
				one := s.sum(sec-allowed, sec+1)
				was.add(&one)
			}
		}
		if share(was.failures(), was.req) > wellShare {
			continue
		}
		f := Finding{Kind: StuckBreaker, Where: b.where, Numbers: map[string]float64{
			"open_for_s": float64(sec + 1 - b.since), "usual_s": float64(b.usual()), "attempts": float64(was.req), "failed": float64(was.failures()),
		}}
		tried := fmt.Sprintf("nothing has been tried behind it for %s", span(allowed))
		if was.req > 0 {
			tried = fmt.Sprintf("%d of %d attempts by others failed in %s", was.failures(), was.req, span(allowed))
		}
		f.Text = fmt.Sprintf("the breaker of %s%s has been open for %s%s: %s", b.where["deployment"], of(b.where["instance"]), span(sec+1-b.since), b.usually(), tried)
		f.Look = "ask the target once by hand; if it answers, close the breaker (breaker.reset), or look at why its probes are not sent"
		l.note(sec, fmt.Sprint(StuckBreaker, b.key), b.since, f)
	}
}

func (b *breaker) usual() int64 { return (b.allowed() - scrapeSlack) / heldTimes }

func (b *breaker) usually() string {
	if len(b.opens) == 0 {
		return ""
	}
	return ", " + span(b.usual()) + " the last times"
}

func of(instance string) string {
	if instance == "" {
		return ""
	}
	return " on " + instance
}

// leastRefused is how many requests the gateway must have refused by itself within recentSecs.
const leastRefused = 5

// stuckCooldowns asks of each model that the gateway refuses by itself whether anything fails behind it: a log alone
// tells of breakers and cool-downs only so.
func (l *Lookout) stuckCooldowns(sec int64) {
	for _, s := range l.places {
		gate := s.key[traffic.Gateway]
		if s.kind != aModel || s.key[traffic.Side] == l.up || s.last() < sec-recentSecs || s.sum(sec-recentSecs, sec+1).refused < leastRefused {
			continue
		}
		asked := s
		if l.upstream[gate] {
			if asked = l.find(aModel, s.key.With(traffic.Side, l.up)); asked == nil {
				continue // nobody was ever asked by that name: a route may give it another
			}
		}
		since := s.since(sec, recentSecs/2, func(b *bin) bool { return b.refused > 0 })
		failed := asked.newest(func(b *bin) bool { return b.failures() > 0 })
		held := sec + 1 - max(since, failed+binSecs)
		if since == 0 || held < heldDefault {
			continue
		}
		n, was := s.sum(sec-heldDefault, sec+1), asked.sum(sec-heldDefault, sec+1)
		f := Finding{Kind: StuckBreaker, Where: s.where, Numbers: map[string]float64{
			"refused": float64(n.refused), "requests": float64(n.req), "attempts": float64(was.req - was.refused), "healthy_for_s": float64(held),
		}}
		tried := "nobody was asked"
		if done := was.req - was.refused; done > 0 {
			tried = fmt.Sprintf("all %d attempts behind it went well", done)
		}
		f.Text = fmt.Sprintf("the gateway refused %d of %d requests for %s by itself in %d s (no healthy upstream), although nothing failed for %s: %s",
			n.refused, n.req, s.where.Short(), heldDefault, span(held), tried)
		f.Look = "a cool-down or breaker that outlives its cause, or targets that were taken out: look at what keeps them out, and give one back"
		if b, ok := l.inBurst(s.where, sec-keepBurst); ok {
			f.Burst = b.ID
		}
		l.note(sec, fmt.Sprint(StuckBreaker, s.spotID), max(since, failed+binSecs), f)
	}
}
