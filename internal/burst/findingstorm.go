package burst

import (
	"fmt"

	"signalbox/internal/traffic"
)

// gate remembers how often a gateway usually asks for one request.
type gate struct {
	req, tries  float64 // fading sums: requests, and attempts beyond the first
	born        int64   // seen first
	learned     int64   // up to this second
	storm       int64   // a storm was seen last
	stormBefore float64 // attempts for each request, before it
}

const (
	// leastAsked is how many requests a storm takes within recentSecs.
	leastAsked = 30
	// stormTimes and stormMore say by how much attempts for each request must exceed what is usual: both.
	stormTimes = 1.3
	stormMore  = 0.3
	// stormShare is the least share of attempts that are repeats.
	stormShare = 0.2
	// usualHalf is the half-life in seconds of what is usual.
	usualHalf = 1800
	// usualLeast is for how many seconds a gateway is watched before repeats alone are a storm: some ask twice as a
	// matter of course. Beside a burst they are one at once.
	usualLeast = 240
	// usualPrior is how many requests without repeats a gateway is credited with at first.
	usualPrior = 100
)

// storms asks of each gateway whether repeats have become the load.
func (l *Lookout) storms(sec int64) {
	for _, s := range l.places {
		if s.kind != aGateway || (s.key[traffic.Side] == l.up) != l.upstream[s.key[traffic.Gateway]] || s.last() < sec-2*recentSecs {
			continue
		}
		name := s.key[traffic.Gateway]
		g := l.gates[name]
		if g == nil {
			g = &gate{req: usualPrior, born: sec, learned: sec - recentSecs - lookEvery}
			l.gates[name] = g
		}
		client := l.client(s)
		now := repeatsOf(s.sum(sec-recentSecs, sec+1), client.sum(sec-recentSecs, sec+1), client == s)
		if sec-g.born >= usualLeast || len(l.bursts) > 0 {
			l.storm(sec, s, g, now)
		}
		if sec-g.storm < 2*recentSecs {
			g.learned = max(g.learned, sec-recentSecs) // what is wrong is not learned
			continue
		}
		for ; g.learned+lookEvery <= sec-recentSecs; g.learned += lookEvery {
			old := repeatsOf(s.sum(g.learned, g.learned+lookEvery), client.sum(g.learned, g.learned+lookEvery), client == s)
			fade := 1 - lookEvery*0.693/usualHalf
			g.req, g.tries = g.req*fade+float64(old.asked), g.tries*fade+float64(old.more)
		}
	}
}

// client gives the requests that belong to a gateway's attempts; where it tells of none, the same.
func (l *Lookout) client(s *spot) *spot {
	if s.key[traffic.Side] != l.up {
		return s
	}
	for _, o := range l.places {
		if o.kind == aGateway && o.key[traffic.Gateway] == s.key[traffic.Gateway] && o.key[traffic.Side] != l.up {
			return o
		}
	}
	return s
}

// repeats are requests, the attempts that they took beyond one each, and the attempts that say they are repeats.
type repeats struct{ asked, attempts, more, again int64 }

func repeatsOf(attempts, requests bin, same bool) repeats {
	r := repeats{asked: requests.req, attempts: attempts.req, again: attempts.again}
	if same {
		r.asked = max(attempts.req-attempts.again, 1)
	}
	r.more = max(r.attempts-r.asked, 0)
	if r.again == 0 && attempts.fell == 0 {
		r.again = r.more // metrics alone do not say which attempts are repeats
	}
	return r
}

func (g *gate) usual() float64 { return 1 + g.tries/max(g.req, 1) }

func (l *Lookout) storm(sec int64, s *spot, g *gate, now repeats) {
	if now.asked < leastAsked {
		return
	}
	each, usual := float64(now.attempts)/float64(now.asked), g.usual()
	if each < stormTimes*usual || each < usual+stormMore || share(now.again, now.attempts) < stormShare {
		return
	}
	if g.storm == 0 || sec-g.storm > 2*recentSecs {
		g.stormBefore = usual
	}
	g.storm = sec
	where := traffic.Scope{}
	if name := s.key[traffic.Gateway]; name != traffic.Unknown {
		where[traffic.Gateway.String()] = l.syms.Name(name)
	}
	target, targetShare := l.most(sec, s, aTarget)
	work, workShare := l.most(sec, s, aWorkload)
	f := Finding{Kind: RetryStorm, Where: where, Numbers: map[string]float64{
		"attempts_per_request": each, "attempts_per_request_before": g.stormBefore,
		"repeats_share": share(now.again, now.attempts), "requests": float64(now.asked), "attempts": float64(now.attempts),
	}}
	f.Text = fmt.Sprintf("%.2f attempts for each request in the last %d s, %.2f before: %s of %d attempts are repeats",
		each, recentSecs, g.stormBefore, percent(share(now.again, now.attempts)), now.attempts)
	if target != nil {
		f.Text += fmt.Sprintf("; %s of them at %s", percent(targetShare), target.where.Short())
		f.Numbers["target_share"] = targetShare
		if b, ok := l.inBurst(target.where, sec-recentSecs); ok {
			f.Burst, f.From = b.ID, target.where
		}
	}
	if work != nil && workShare >= 0.6 {
		f.Text += fmt.Sprintf(", %s of %s work", percent(workShare), work.where["workload"])
		f.Numbers["workload_share"] = workShare
	}
	f.Look = "fewer attempts (retry.set), with a pause that grows and is not the same for all; a cap alone makes repeats wait and come together"
	l.note(sec, fmt.Sprint(RetryStorm, s.spotID), sec-recentSecs, f)
}

// most gives the spot of a kind on the same side of the gateway that most repeats are at, and its share.
func (l *Lookout) most(sec int64, of *spot, kind uint8) (*spot, float64) {
	var best *spot
	var most, all int64
	for _, s := range l.places {
		if s.kind != kind || s.key[traffic.Gateway] != of.key[traffic.Gateway] || s.key[traffic.Side] != of.key[traffic.Side] {
			continue
		}
		n := s.sum(sec-recentSecs, sec+1).again
		all += n
		if n > most || n == most && n > 0 && s.where.String() < best.where.String() {
			best, most = s, n
		}
	}
	if best == nil || len(best.where) == 0 {
		return nil, 0
	}
	return best, share(most, all)
}
