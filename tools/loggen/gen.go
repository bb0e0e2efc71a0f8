package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

type burst struct {
	from, to        time.Duration
	match           string // model, provider or region; "" is all
	status          int    // 0: the usual mix
	frac            float64
	latencyMultiple float64
}

type record struct {
	ts                          time.Time
	seq                         int
	level, msg, id, trace       string
	m                           *model
	region, endpoint, env, team string
	route, agent, ip            string
	status, attempt             int
	fail                        *failure
	latency, ttft               float64
	stream                      bool
	prompt, completion          int
	cost                        float64
}

type gen struct {
	r      *rand.Rand
	total  float64
	ftotal float64
	bursts []burst
	base   float64
	start  time.Time
	eps    float64
	at     time.Time
}

func (g *gen) pickModel() *model {
	x := g.r.Float64() * g.total
	for i := range models {
		if x -= models[i].weight; x < 0 {
			return &models[i]
		}
	}
	return &models[0]
}

func (g *gen) pickFailure(status int) *failure {
	if status != 0 {
		for i := range failures {
			if failures[i].status == status {
				return &failures[i]
			}
		}
	}
	x := g.r.Float64() * g.ftotal
	for i := range failures {
		if x -= failures[i].weight; x < 0 {
			return &failures[i]
		}
	}
	return &failures[0]
}

const b32 = "0123456789abcdefghjkmnpqrstvwxyz"

func (g *gen) token(prefix string, n int) string {
	b := make([]byte, 0, len(prefix)+n)
	b = append(b, prefix...)
	for n > 0 {
		v := g.r.Uint64()
		for i := 0; i < 12 && n > 0; i++ {
			b = append(b, b32[v&31])
			v >>= 5
			n--
		}
	}
	return string(b)
}

func (g *gen) hex(n int) string {
	b := make([]byte, 0, n)
	for len(b) < n {
		v := g.r.Uint64()
		for i := 0; i < 16 && len(b) < n; i++ {
			b = append(b, "0123456789abcdef"[v&15])
			v >>= 4
		}
	}
	return string(b)
}

func (g *gen) next(rec *record, seq int) {
	// Arrivals are a Poisson process in log time; the lines are nearly sorted, not sorted.
	g.at = g.at.Add(time.Duration(g.r.ExpFloat64() / g.eps * float64(time.Second)))
	m := g.pickModel()
	rs := regions[m.provider]
	*rec = record{ts: g.at, seq: seq, m: m, region: rs[g.r.IntN(len(rs))]}
	if g.r.IntN(20) == 0 {
		rec.ts = rec.ts.Add(-time.Duration(g.r.IntN(1500)) * time.Millisecond)
	}
	rec.id = g.token("req_01", 24)
	rec.trace = g.hex(32)
	rec.env = envs[g.r.IntN(len(envs))]
	rec.team = teams[g.r.IntN(len(teams))]
	rec.route = routes[g.r.IntN(len(routes))]
	rec.agent = agents[g.r.IntN(len(agents))]
	rec.ip = fmt.Sprintf("10.%d.%d.%d", g.r.IntN(4), g.r.IntN(256), 1+g.r.IntN(254))
	rec.attempt = 1
	if rec.route != "primary" {
		rec.attempt = 2 + g.r.IntN(2)
	}
	rec.endpoint = g.pickEndpoint(m)
	p, slow, st := g.base, 1.0, 0
	off := rec.ts.Sub(g.start)
	for i := range g.bursts {
		b := &g.bursts[i]
		if off >= b.from && off < b.to && (b.match == "" || b.match == m.name || b.match == m.provider || b.match == rec.region) {
			p, slow, st = b.frac, b.latencyMultiple, b.status
		}
	}
	g.end(rec, p, slow, st)
}

func (g *gen) pickEndpoint(m *model) string {
	switch {
	case m.embed:
		return "/v1/embeddings"
	case m.provider == "anthropic" && g.r.IntN(2) == 0:
		return "/v1/messages"
	case g.r.IntN(10) == 0:
		return "/v1/responses"
	case g.r.IntN(60) == 0:
		return "/v1/completions"
	}
	return "/v1/chat/completions"
}

// end says how the request went: p is the share that fails, slow multiplies its time, st is the status of a burst.
func (g *gen) end(rec *record, p, slow float64, st int) {
	m := rec.m
	rec.stream = !m.embed && g.r.IntN(10) < 7
	rec.prompt = int(math.Exp(6.6 + 1.2*g.r.NormFloat64()))
	rec.latency = m.medianMS * slow * math.Exp(0.55*g.r.NormFloat64())
	if g.r.Float64() < p {
		g.fail(rec, st)
		return
	}
	rec.status, rec.level, rec.msg = 200, "info", "request completed"
	if !m.embed {
		rec.completion = 1 + int(math.Exp(5.0+0.9*g.r.NormFloat64()))
		if rec.stream {
			rec.ttft = math.Min(m.ttftMS*slow*math.Exp(0.4*g.r.NormFloat64()), rec.latency)
		}
	}
	rec.cost = float64(rec.prompt)*2.5e-6 + float64(rec.completion)*1e-5
}

func (g *gen) fail(rec *record, st int) {
	f := g.pickFailure(st)
	rec.fail, rec.status = f, f.status
	rec.level, rec.msg = "error", "request failed"
	if f.status < 500 {
		rec.level = "warn"
	}
	switch f.status {
	case 504:
		rec.latency = 60000 + 40*g.r.Float64()
	case 429, 401, 404, 400:
		rec.latency = 8 + 40*g.r.ExpFloat64()
	}
}
