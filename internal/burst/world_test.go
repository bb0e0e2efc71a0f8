package burst

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"signalbox/internal/traffic"
)

// world is a made-up fleet: leaves with a rate and a failure rate of their own, and trouble on cue.
type world struct {
	syms   *traffic.Symbols
	rng    *rand.Rand
	series []made
	faults []trouble
	width  time.Duration
	cv     float64 // failure rates scatter by this over ten seconds
}

type made struct {
	labels traffic.Scope
	key    traffic.Key
	rate   float64 // requests a second
	base   float64 // failure rate
	block  float64
}

type trouble struct {
	scope    traffic.Scope
	share    float64
	outcome  traffic.Outcome
	from, to int64
	on, off  int64 // flapping: seconds on and off
}

func (t trouble) acts(sec int64, labels traffic.Scope) bool {
	if sec < t.from || sec >= t.to || !t.scope.Covers(labels) {
		return false
	}
	return t.on == 0 || (sec-t.from)%(t.on+t.off) < t.on
}

// cells are the deployments of the fleet: provider, model, region.
var cells = [][3]string{
	{"azure", "gpt-4o", "eu-west"},
	{"azure", "gpt-4o", "us-east"},
	{"openai", "gpt-4o", "us-east"},
	{"azure", "gpt-4o-mini", "eu-west"},
	{"azure", "gpt-4o-mini", "us-east"},
	{"anthropic", "claude-sonnet", "us-east"},
	{"anthropic", "claude-sonnet", "eu-west"},
	{"llama", "llama-3", "local"},
}

// newWorld makes a fleet of the eight cells, each for two workloads, that asks perSecond in all.
func newWorld(seed uint64, perSecond, base float64) *world {
	w := &world{syms: traffic.NewSymbols(0), rng: rand.New(rand.NewPCG(seed, 7)), cv: 0.2}
	for _, c := range cells {
		for _, load := range []string{"interactive", "batch"} {
			w.add(traffic.Scope{
				"env": "drill", "gateway": "edge", "side": "upstream", "provider": c[0], "model": c[1], "region": c[2],
				"deployment": fmt.Sprintf("%s-%s-%s", c[0], c[1], c[2]), "endpoint": "chat", "workload": load,
			}, perSecond/float64(2*len(cells)), base)
		}
	}
	return w
}

func (w *world) add(labels traffic.Scope, rate, base float64) {
	var k traffic.Key
	for d := range traffic.NumDims {
		k[d] = w.syms.Intern(labels[d.String()])
	}
	w.series = append(w.series, made{labels: labels, key: k, rate: rate, base: base, block: 1})
}

func (w *world) poisson(mean float64) int64 {
	if mean > 60 {
		return max(int64(math.Round(mean+math.Sqrt(mean)*w.rng.NormFloat64())), 0)
	}
	n, p, limit := int64(0), 1.0, math.Exp(-mean)
	for {
		if p *= w.rng.Float64(); p <= limit {
			return n
		}
		n++
	}
}

func (w *world) binomial(n int64, p float64) int64 {
	var k int64
	for range n {
		if w.rng.Float64() < p {
			k++
		}
	}
	return k
}

// second draws one second of traffic.
func (w *world) second(sec int64) []Leaf {
	var out []Leaf
	for i := range w.series {
		m := &w.series[i]
		if sec%10 == 0 {
			m.block = max(0.1, 1+w.cv*w.rng.NormFloat64())
		}
		n := w.poisson(m.rate)
		if n == 0 {
			continue
		}
		left, tallied := n, map[traffic.Outcome]int64{}
		for _, t := range w.faults {
			if t.acts(sec, m.labels) {
				k := w.binomial(left, t.share)
				tallied[t.outcome] += k
				left -= k
			}
		}
		k := w.binomial(left, min(m.base*m.block, 1))
		tallied[outcome("server_error", 500)] += k
		tallied[outcome("none", 200)] += left - k
		l := leafOf(m.key, tallied)
		l.Width = max(l.Width, w.width)
		out = append(out, l)
	}
	return out
}

// outcome finds an outcome by its class's name, because only traffic may know the classes by more than that.
func outcome(class string, status int) traffic.Outcome {
	for i := range uint32(256) {
		if c := traffic.Outcome(i << 16).Class(); c.String() == class {
			return traffic.NewOutcome(c, status)
		}
	}
	panic("no class " + class)
}

func leafOf(key traffic.Key, tallied map[traffic.Outcome]int64) Leaf {
	l := Leaf{Key: key, Width: time.Second}
	for o, n := range tallied {
		if n == 0 {
			continue
		}
		l.ByOutcome = append(l.ByOutcome, OutcomeN{Outcome: o, N: n, First: n})
		l.Req += n
		l.FirstReq += n
		if o.Class().Caller() {
			l.CallerErr += n
		} else if o.Failed() {
			l.Err += n
			l.FirstErr += n
		}
	}
	slices.SortFunc(l.ByOutcome, func(x, y OutcomeN) int { return int(x.Outcome) - int(y.Outcome) })
	return l
}

// run plays seconds [from, to) and gives all events.
func (w *world) run(d *Detector, from, to int64) []Event {
	var out []Event
	for sec := from; sec < to; sec++ {
		out = append(out, d.Step(sec, w.second(sec))...)
	}
	return out
}

func kinds(events []Event, want EventKind) []Burst {
	var out []Burst
	for _, e := range events {
		if e.Kind == want {
			out = append(out, e.Burst)
		}
	}
	return out
}

func show(t *testing.T, events []Event) {
	t.Helper()
	for _, e := range events {
		t.Logf("%d %-9s %s %s %s | %s into=%s", e.At.Unix(), e.Kind, e.Burst.ID, e.Burst.Kind, e.Burst.State, e.Burst.Reason, e.Into)
	}
}
