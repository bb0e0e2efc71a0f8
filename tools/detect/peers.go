package main

import (
	"fmt"
	"math"
	"slices"

	"signalbox/tools/detect/score"
	"signalbox/tools/trafficgen/gen"
)

// peer is another way to raise an alarm: a number for each meter of each key and second, and an alarm where it reaches a
// threshold. Failures and slow answers have thresholds of their own.
type peer struct {
	name   string
	judged bool    // is part of the target; another one is shown beside it
	usual  float64 // the threshold of failures that is commonly written down
	levels []float64
	value  func(m *meter) float64
}

var peers = []peer{
	{"60 s window, share, from 20 requests on", true, 0.05, levels(0.01, 0.95), func(m *meter) float64 { return m.minute.share(20) }},
	{"60 s window, share, from 100 requests on", false, 0.05, levels(0.01, 0.95), func(m *meter) float64 { return m.minute.share(100) }},
	{"burn rate, 1 h and 5 min", true, 14.4, levels(1, 200), func(m *meter) float64 {
		return min(m.hour.share(1), m.five.share(1)) / m.budget
	}},
}

// The meters: the failures of all classes in one, cut streams too, of first attempts only, as the detector has them; and
// the answers that take longer than one in twenty of their leaf does in the long run. The peers are told that mark.
const (
	failures = iota
	slowness
	meters
)

const (
	slowShare  = 0.05
	slowSigmas = 1.645
)

// meter is what is counted of a key.
type meter struct {
	n, k               int32   // of this second
	budget             float64 // twice what is normal in the long run
	minute, five, hour *window
}

func newMeter() meter {
	return meter{minute: newWindow(60), five: newWindow(300), hour: newWindow(3600)}
}

func (m *meter) push(t int64) {
	m.minute.push(t, m.n, m.k)
	m.five.push(t, m.n, m.k)
	m.hour.push(t, m.n, m.k)
	m.n, m.k = 0, 0
}

// levels are the thresholds that are tried.
func levels(low, high float64) []float64 {
	var out []float64
	for x := low; x < high; x *= 1.1 {
		out = append(out, x)
	}
	return append(out, high)
}

// peerDims are the cuts through the traffic that are watched, the detector's own.
var peerDims = [][]int{
	{},
	{gen.Model},
	{gen.Region},
	{gen.Provider},
	{gen.Model, gen.Region},
	{gen.Provider, gen.Region},
	{gen.Model, gen.Provider},
	{gen.Provider, gen.Endpoint},
}

// peerKey is one cut with its meters.
type peerKey struct {
	in []bool
	of [meters]meter
}

// window adds up the last seconds.
type window struct {
	ring [][2]int32
	n, k int64
}

func newWindow(secs int) *window { return &window{ring: make([][2]int32, secs)} }

func (w *window) push(t int64, n, k int32) {
	x := &w.ring[t%int64(len(w.ring))]
	w.n, w.k = w.n+int64(n-x[0]), w.k+int64(k-x[1])
	*x = [2]int32{n, k}
}

func (w *window) share(least int64) float64 {
	if w.n < least {
		return 0
	}
	return float64(w.k) / float64(w.n)
}

// alarms are what one peer would have said at each threshold of one meter.
type alarms struct {
	last  []int64 // last second above it
	count []int   // alarms, those less than 300 s apart being one
	secs  []int   // in alarm, because alarms that never end are few
}

// rivals watch one fleet.
type rivals struct {
	keys   []*peerKey
	by     [][]*peerKey // leaf -> its keys
	marks  []float64    // leaf -> from which ln of its latency on it is slow
	warm   int64        // no alarm counts before
	alarms [][meters]alarms
	runs   []*sighting // faults that may be found now
	done   []*sighting
}

// sighting is one fault as the peers see it.
type sighting struct {
	fault  *score.Fault
	keys   []int
	lowest [][meters][]float64 // peer, meter, key: since the fault began
	first  [][meters][]float64 // peer, meter, level: delay
}

func newRivals(g *gen.Gen, warm int64) *rivals {
	r := &rivals{by: make([][]*peerKey, len(g.Leaves)), warm: warm}
	found := map[string]*peerKey{}
	rate, fail := map[*peerKey]float64{}, map[*peerKey]float64{}
	for i := range g.Leaves {
		l := &g.Leaves[i]
		r.marks = append(r.marks, l.LatMu+slowSigmas*l.LatSigma)
		for _, dims := range peerDims {
			name := fmt.Sprint(dims)
			for _, d := range dims {
				name += "|" + g.Name(i, d)
			}
			k := found[name]
			if k == nil {
				k = &peerKey{in: make([]bool, len(g.Leaves)), of: [meters]meter{newMeter(), newMeter()}}
				found[name] = k
				r.keys = append(r.keys, k)
			}
			k.in[i] = true
			rate[k] += l.Rate
			fail[k] += l.Rate * l.Base
			r.by[i] = append(r.by[i], k)
		}
	}
	for _, k := range r.keys {
		k.of[failures].budget = 2 * fail[k] / rate[k]
		k.of[slowness].budget = 2 * slowShare
	}
	for _, p := range peers {
		var all [meters]alarms
		for m := range all {
			all[m] = alarms{slices.Repeat([]int64{math.MinInt32}, len(p.levels)), make([]int, len(p.levels)), make([]int, len(p.levels))}
		}
		r.alarms = append(r.alarms, all)
	}
	return r
}

// add takes a bucket.
func (r *rivals) add(b *gen.Bucket) {
	failed, slow := 0, 0
	for c := gen.C429; c < gen.NClass; c++ {
		failed += b.First[c]
	}
	for _, v := range b.LogLat {
		if v > r.marks[b.Leaf] {
			slow++
		}
	}
	for _, k := range r.by[b.Leaf] {
		k.of[failures].n += int32(b.N - b.Retries) //nolint:gosec // one second
		k.of[failures].k += int32(failed)          //nolint:gosec // one second
		k.of[slowness].n += int32(len(b.LogLat))   //nolint:gosec // one second
		k.of[slowness].k += int32(slow)            //nolint:gosec // one second
	}
}

// step closes second t; begun are the faults that began in it.
func (r *rivals) step(t int64, begun []*score.Fault) {
	for _, f := range begun {
		r.begin(f)
	}
	for _, k := range r.keys {
		for m := range k.of {
			k.of[m].push(t)
		}
	}
	r.runs = slices.DeleteFunc(r.runs, func(x *sighting) bool {
		over := float64(t) > x.fault.End+60
		if over {
			r.done = append(r.done, x)
		}
		return over
	})
	for p := range peers {
		for m := range meters {
			most := 0.0
			for _, k := range r.keys {
				most = max(most, peers[p].value(&k.of[m]))
			}
			if t >= r.warm {
				r.alarms[p][m].hear(t, peers[p].levels, most)
			}
			for _, x := range r.runs {
				x.look(r, p, m, t)
			}
		}
	}
}

func (a *alarms) hear(t int64, levels []float64, most float64) {
	for i, level := range levels {
		if most < level {
			break
		}
		if t-a.last[i] > 300 {
			a.count[i]++
		}
		a.last[i] = t
		a.secs[i]++
	}
}

func (r *rivals) begin(f *score.Fault) {
	x := &sighting{fault: f}
	for i, k := range r.keys {
		if score.Meet(k.in, f.In) {
			x.keys = append(x.keys, i)
		}
	}
	for _, p := range peers {
		var lowest, first [meters][]float64
		for m := range meters {
			for _, i := range x.keys {
				lowest[m] = append(lowest[m], p.value(&r.keys[i].of[m]))
			}
			first[m] = slices.Repeat([]float64{math.Inf(1)}, len(p.levels))
		}
		x.lowest, x.first = append(x.lowest, lowest), append(x.first, first)
	}
	r.runs = append(r.runs, x)
}

// look notes which thresholds were crossed upwards since the fault began.
func (x *sighting) look(r *rivals, p, m int, t int64) {
	delay := float64(t+1) - x.fault.Start
	lowest, first := x.lowest[p][m], x.first[p][m]
	for i, k := range x.keys {
		v := peers[p].value(&r.keys[k].of[m])
		low := lowest[i]
		for l, level := range peers[p].levels {
			if level > v {
				break
			}
			if level > low {
				first[l] = min(first[l], delay)
			}
		}
		lowest[i] = min(low, v)
	}
}

// tuned is the lowest threshold that would call no more often than once a month on quiet days; with less than a month of
// them, not at all: in favour of the peers.
func tuned(quiet []*day, p, m int, months float64) int {
	for l := range peers[p].levels {
		n := 0
		for _, d := range quiet {
			n += d.rivals.alarms[p][m].count[l]
		}
		if float64(n) <= math.Floor(months) {
			return l
		}
	}
	return len(peers[p].levels) - 1
}

// contest is the table of who found what.
type contest struct {
	rows  [][]string
	hours float64 // of quiet days
}

// line adds one who raises alarms, and gives the share of faults that it found.
func (c *contest) line(name, at string, falses int, secs float64, seen [meters][]float64) float64 {
	found := func(delays []float64) string {
		n := 0
		for _, d := range delays {
			if !math.IsInf(d, 1) {
				n++
			}
		}
		return fmt.Sprintf("%d/%d", n, len(delays))
	}
	all := slices.Concat(seen[failures], seen[slowness])
	n := 0
	for _, d := range all {
		if !math.IsInf(d, 1) {
			n++
		}
	}
	q := func(p float64) string { return num(score.Quantile(all, p)) }
	in := "-"
	if secs >= 0 {
		in = num(secs/c.hours/36) + "%"
	}
	share := percent(n, len(all))
	c.rows = append(c.rows, []string{
		name, at, num(float64(falses) * 30 * 24 / c.hours), in, num(share) + "%", found(seen[failures]), found(seen[slowness]), q(0.5), q(0.75), q(0.9),
	})
	return share
}

// rivalry compares the peers with the detector on the same days.
func rivalry(o *options, r *report) error {
	quiet, days := o.calmDays(), o.fullDays()
	t, calm := gather(days), gather(quiet)
	c := &contest{rows: [][]string{{"", "thresholds", "false a month", "time in alarm", "found", "failing", "slow", "delay p50", "p75", "p90"}}}
	for _, d := range quiet {
		c.hours += d.hours - o.plan.quiet
	}
	r.title("Others on the same data: thresholds from %s calm fleet-days, faults of %s others", num(c.hours/24), num(t.days))
	ours := c.line("this detector", "-", calm.false_, -1, [meters][]float64{t.hard, t.soft})
	best := 0.0
	for p, peer := range peers {
		low := [meters]int{tuned(quiet, p, failures, c.hours/24/30), tuned(quiet, p, slowness, c.hours/24/30)}
		usual := low
		usual[failures] = slices.IndexFunc(peer.levels, func(l float64) bool { return l >= peer.usual/1.0001 })
		for i, at := range [][meters]int{low, usual} {
			falses, secs := 0, 0.0
			for _, d := range quiet {
				for m, l := range at {
					falses += d.rivals.alarms[p][m].count[l]
					secs += float64(d.rivals.alarms[p][m].secs[l])
				}
			}
			names := num(peer.levels[at[failures]]) + ", slow " + num(peer.levels[at[slowness]])
			share := c.line(peer.name, names, falses, secs, sightings(days, p, at))
			if i == 0 && peer.judged {
				best = max(best, share)
			}
		}
	}
	r.table(c.rows)
	r.atLeast("peers", "found, as a multiple of the best other", 2, ours/best, "")
	return nil
}

// sightings are the delays after which a peer saw the faults, by either meter: those that make requests fail, and those
// that make them slow.
func sightings(days []*day, p int, at [meters]int) (out [meters][]float64) {
	for _, d := range days {
		for _, x := range slices.Concat(d.rivals.done, d.rivals.runs) {
			if x.fault.Oracle == 0 {
				continue
			}
			kind := failures
			if x.fault.Class == "latency" {
				kind = slowness
			}
			out[kind] = append(out[kind], min(x.first[p][failures][at[failures]], x.first[p][slowness][at[slowness]]))
		}
	}
	return out
}
