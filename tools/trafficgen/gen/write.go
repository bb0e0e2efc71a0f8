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
	Label   bool // adds the true outcome, which no detector may read
}

// line is one event before it is written.
type line struct {
	ms  int64
	txt string
}

// eventWriter turns leaf-seconds into requests. A repeat gets the client of a recent failure of the same leaf.
type eventWriter struct {
	Events
	g      *Gen
	r      *rand.Rand
	recent map[int][]int // leaf -> clients that failed
	id     int
	lines  []line
	slow   []float64 // latencies of the running bucket that are left
}

// WriteEvents writes one request a line, in order of time. What the writer could not take it says itself.
func WriteEvents(w *bufio.Writer, tr *Tracker, o Events) {
	e := &eventWriter{
		Events: o, g: tr.G, r: rand.New(rand.NewPCG(tr.G.Cfg.Seed, 0xee)), recent: map[int][]int{}, //nolint:gosec // traffic
	}
	for tr.G.T < o.Seconds {
		t := tr.G.T
		e.lines = e.lines[:0]
		tr.Step(func(b *Bucket) { e.bucket(t, b) })
		// Unstable on purpose: the order of events of the same millisecond is part of the bytes that a seed gives.
		sort.Slice(e.lines, func(i, j int) bool { return e.lines[i].ms < e.lines[j].ms })
		for _, l := range e.lines {
			fmt.Fprintln(w, l.txt)
		}
	}
}

// bucket writes the requests of a leaf-second: failures first, repeats of healthy classes shared out last.
func (e *eventWriter) bucket(t int64, b *Bucket) {
	e.slow = b.LogLat
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
		`"provider":"%s","region":"%s","endpoint":"%s","env":"%s","stream":%t,"status":%d,%s"finish_reason":%s,"latency_ms":%.0f}`,
		e.Start.Add(time.Duration(at)*time.Millisecond).UTC().Format("2006-01-02T15:04:05.000Z"), e.id, client, attempt,
		g.Name(leaf, Model), g.Name(leaf, Provider), g.Name(leaf, Region), g.Name(leaf, Endpoint), g.Name(leaf, Env),
		g.Leaves[leaf].V[Stream] == 0, StatusOf[class], label, finish, ms)})
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
