package gen

import (
	"bufio"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"time"
)

// Labelled is a fault with what physics allows to see of it, as faults.json has it.
type Labelled struct {
	Fault
	Limit
}

// Labels are all faults with their limits, complete when the traffic is.
func (tr *Tracker) Labels() []Labelled {
	var out []Labelled
	for i := range tr.G.Faults {
		out = append(out, Labelled{tr.G.Faults[i], tr.Lim[i]})
	}
	return out
}

// Fleet is the fleet with its hidden parameters, as fleet.json has it.
func (g *Gen) Fleet() any {
	return map[string]any{"dims": g.Dims, "values": g.Values, "leaves": g.Leaves, "config": g.Cfg}
}

// WriteBuckets writes a row of counts a leaf and second with requests. What the writer could not take it says itself.
func WriteBuckets(w *bufio.Writer, tr *Tracker, seconds int64) {
	g := tr.G
	fmt.Fprintln(w, "second,"+strings.Join(g.Dims, ",")+",n,retries,"+strings.Join(ClassName[:], ",")+",median_ms")
	for g.T < seconds {
		t := g.T
		tr.Step(func(b *Bucket) {
			median := ""
			if len(b.LogLat) > 0 {
				slices.Sort(b.LogLat)
				median = fmt.Sprintf("%.0f", 1000*math.Exp(b.LogLat[len(b.LogLat)/2]))
			}
			fmt.Fprintf(w, "%d,", t)
			for d := range g.Dims {
				fmt.Fprintf(w, "%s,", g.Name(b.Leaf, d))
			}
			fmt.Fprintf(w, "%d,%d", b.N, b.Retries)
			for _, c := range b.Cls {
				fmt.Fprintf(w, ",%d", c)
			}
			fmt.Fprintf(w, ",%s\n", median)
		})
	}
}

// Events says how WriteEvents writes.
type Events struct {
	Seconds int64
	Start   time.Time
	Label   bool    // adds the true outcome, which no detector may read
	Fields  bool    // adds deployment, workload, ttft_ms, tokens_in, tokens_out and fallback_from, as far as they are drawn
	Late    float64 // share of the lines that are written late: 5 s on average, at most a minute
	Health  bool    // adds health checks, those of one region always failing
}

// line is one event before it is written.
type line struct {
	ms  int64 // when it is written
	txt string
}

// eventWriter turns leaf-seconds into requests. A repeat gets the client of a recent failure of the same leaf.
type eventWriter struct {
	Events
	g      *Gen
	r      *rand.Rand
	extra  *rand.Rand    // for what old flags do not ask for
	recent map[int][]int // leaf -> clients that failed
	id     int
	lines  []line
	late   []line    // that are not yet written
	bucket *Bucket   // the running one
	slow   []float64 // its latencies that are left
}

// WriteEvents writes one request a line, in order of time. What the writer could not take it says itself.
func WriteEvents(w *bufio.Writer, tr *Tracker, o Events) {
	e := &eventWriter{
		Events: o, g: tr.G, r: rand.New(rand.NewPCG(tr.G.Cfg.Seed, 0xee)), recent: map[int][]int{}, //nolint:gosec // traffic
		extra: rand.New(rand.NewPCG(tr.G.Cfg.Seed, 0xef)), //nolint:gosec // traffic
	}
	for tr.G.T < o.Seconds {
		t := tr.G.T
		e.lines = e.lines[:0]
		tr.Step(func(b *Bucket) { e.take(t, b) })
		if e.Health {
			e.health(t)
		}
		e.delay(t + 1)
		// Unstable on purpose: the order of events of the same millisecond is part of the bytes that a seed gives.
		sort.Slice(e.lines, func(i, j int) bool { return e.lines[i].ms < e.lines[j].ms })
		for _, l := range e.lines {
			fmt.Fprintln(w, l.txt)
		}
	}
	e.lines = e.lines[:0]
	e.delay(math.MaxInt64 / 1000)
	sort.SliceStable(e.lines, func(i, j int) bool { return e.lines[i].ms < e.lines[j].ms })
	for _, l := range e.lines {
		fmt.Fprintln(w, l.txt)
	}
}

// delay takes out of this second's lines those that come late, and puts in those that are due before a second.
func (e *eventWriter) delay(before int64) {
	if e.Late <= 0 {
		return
	}
	kept := e.lines[:0]
	for _, l := range e.lines {
		if e.extra.Float64() < e.Late {
			l.ms += int64(min(5000*e.extra.ExpFloat64(), 60000))
			e.late = append(e.late, l)
		} else {
			kept = append(kept, l)
		}
	}
	e.lines = kept
	rest := e.late[:0]
	for _, l := range e.late {
		if l.ms < before*1000 {
			e.lines = append(e.lines, l)
		} else {
			rest = append(rest, l)
		}
	}
	e.late = rest
}

// health writes the checks of a load balancer, one a region and five seconds. One in a thousand fails, and those of the
// last region all do, as where nobody has taken a dead address out.
func (e *eventWriter) health(t int64) {
	regions := e.g.Values[Region]
	for i, region := range regions {
		if t%5 != int64(i%5) {
			continue
		}
		status := 200
		if i == len(regions)-1 || e.extra.Float64() < 0.001 {
			status = 503
		}
		at := t*1000 + int64(e.extra.IntN(1000))
		e.lines = append(e.lines, line{at, fmt.Sprintf(`{"ts":"%s","client":"probe","region":"%s","endpoint":"health","env":"prod",`+
			`"status":%d,"latency_ms":%.0f}`, e.stamp(at), region, status, 1+2*e.extra.Float64())})
	}
}

func (e *eventWriter) stamp(ms int64) string {
	return e.Start.Add(time.Duration(ms) * time.Millisecond).UTC().Format("2006-01-02T15:04:05.000Z")
}

// take writes the requests of a leaf-second: failures first, repeats of healthy classes shared out last.
func (e *eventWriter) take(t int64, b *Bucket) {
	e.bucket, e.slow = b, b.LogLat
	repeats := b.Retries
	for c := NClass - 1; c >= 0; c-- {
		first, again := b.First[c], b.Cls[c]-b.First[c]
		if c <= ClientErr {
			first = b.Cls[c]
			again = min(first, max(repeats, 0))
			first -= again
		}
		repeats -= again
		for range first {
			e.event(t, b.Leaf, c, 1)
		}
		for range again {
			e.event(t, b.Leaf, c, 2)
		}
	}
}

func (e *eventWriter) event(t int64, leaf, class, attempt int) {
	client := int(math.Floor(math.Pow(e.r.Float64(), 3) * 400))
	if q := e.recent[leaf]; attempt > 1 && len(q) > 0 {
		client = q[e.r.IntN(len(q))]
	}
	answer := len(e.bucket.LogLat) - len(e.slow) // its number among those of the bucket
	ms := e.latency(class)
	if class >= C429 {
		q := append(e.recent[leaf], client)
		e.recent[leaf] = q[max(0, len(q)-8):]
	}
	e.id++
	at := t*1000 + int64(e.r.IntN(1000))
	finish, label := `"stop"`, ""
	if class != OK {
		finish = "null"
	}
	if e.Label {
		label = `"label":"` + ClassName[class] + `",`
	}
	g := e.g
	e.lines = append(e.lines, line{at, fmt.Sprintf(`{"ts":"%s","request_id":"r%d","client":"c%03d","attempt":%d,"model":"%s",`+
		`"provider":"%s","region":"%s","endpoint":"%s","env":"%s","stream":%t,"status":%d,%s"finish_reason":%s,"latency_ms":%.0f%s}`,
		e.stamp(at), e.id, client, attempt,
		g.Name(leaf, Model), g.Name(leaf, Provider), g.Name(leaf, Region), g.Name(leaf, Endpoint), g.Name(leaf, Env),
		g.Leaves[leaf].V[Stream] == 0, StatusOf[class], label, finish, ms, e.fields(leaf, class, answer, ms))})
}

// fields are what was asked for besides.
func (e *eventWriter) fields(leaf, class, answer int, ms float64) string {
	if !e.Fields {
		return ""
	}
	b, out := e.bucket, ""
	if e.g.Cfg.Fine {
		out = fmt.Sprintf(`,"deployment":"%s","workload":"%s"`, e.g.Name(leaf, Deployment), e.g.Name(leaf, Workload))
	}
	if class == OK && len(b.LogTTFT) > 0 {
		first := ms * math.Exp(firstMu) // of an answer that took what a cut one had left over
		if answer < len(b.LogTTFT) {
			first = 1000 * math.Exp(b.LogTTFT[answer])
		}
		out += fmt.Sprintf(`,"ttft_ms":%.0f`, first)
	}
	if class == OK && len(b.LogTok) > 0 {
		all := math.Exp(b.LogTok[min(answer, len(b.LogTok)-1)])
		out += fmt.Sprintf(`,"tokens_in":%.0f,"tokens_out":%.0f`, 0.7*all, 0.3*all)
	}
	if b.Fallen > 0 && e.extra.Float64() < b.Fallen {
		out += `,"fallback_from":"` + b.From + `"`
	}
	return out
}

// latency draws the milliseconds of a request; those of answers come with the bucket, as far as they go.
func (e *eventWriter) latency(class int) float64 {
	switch class {
	case OK, Trunc:
		if len(e.slow) > 0 {
			ms := 1000 * math.Exp(e.slow[0])
			e.slow = e.slow[1:]
			return ms
		}
		return 800 * math.Exp(0.6*e.r.NormFloat64())
	case C504:
		return 30000 + 30000*e.r.Float64()
	case C429, ClientErr:
		return 20 + 60*e.r.Float64()
	}
	return 100 * math.Exp(e.r.NormFloat64())
}
