package main

import (
	"fmt"
	"math"
	"slices"

	"signalbox/tools/detect/score"
	"signalbox/tools/trafficgen/gen"
)

// peer is another way to raise an alarm: a number for each key and second, and an alarm where it reaches a threshold.
type peer struct {
	name   string
	judged bool    // is part of the target; another one is shown beside it
	usual  float64 // the threshold that is commonly written down
	levels []float64
	value  func(k *peerKey) float64
}

// The failures of all classes in one, first attempts only, as the detector has them.
var peers = []peer{
	{"60 s window, share of failures, from 20 requests on", true, 0.05, levels(0.01, 0.95), func(k *peerKey) float64 { return k.minute.share(20) }},
	{"60 s window, share of failures, from 100 requests on", false, 0.05, levels(0.01, 0.95), func(k *peerKey) float64 { return k.minute.share(100) }},
	{"burn rate, 1 h and 5 min", true, 14.4, levels(1, 200), func(k *peerKey) float64 {
		return min(k.hour.share(1), k.five.share(1)) / k.budget
	}},
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

// peerKey is one cut with its windows.
type peerKey struct {
	in                 []bool
	n, k               int32   // of this second
	budget             float64 // twice the failures that are normal in the long run
	minute, five, hour *window
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

// rivals watch one fleet.
type rivals struct {
	keys   []*peerKey
	by     [][]*peerKey // leaf -> its keys
	warm   int64        // no alarm counts before
	last   [][]int64    // peer, level: last second above it
	alarms [][]int      // peer, level: alarms, those less than 300 s apart being one
	secs   [][]int      // peer, level: seconds in alarm, because alarms that never end are few
	runs   []*sighting  // faults that may be found now
	done   []*sighting
}

// sighting is one fault as the peers see it.
type sighting struct {
	fault  *score.Fault
	keys   []int
	lowest [][]float64 // peer, key: since the fault began
	first  [][]float64 // peer, level: delay
}

func newRivals(g *gen.Gen, warm int64) *rivals {
	r := &rivals{by: make([][]*peerKey, len(g.Leaves)), warm: warm}
	found := map[string]*peerKey{}
	rate, fail := map[*peerKey]float64{}, map[*peerKey]float64{}
	for i := range g.Leaves {
		for _, dims := range peerDims {
			name := fmt.Sprint(dims)
			for _, d := range dims {
				name += "|" + g.Name(i, d)
			}
			k := found[name]
			if k == nil {
				k = &peerKey{in: make([]bool, len(g.Leaves)), minute: newWindow(60), five: newWindow(300), hour: newWindow(3600)}
				found[name] = k
				r.keys = append(r.keys, k)
			}
			k.in[i] = true
			rate[k] += g.Leaves[i].Rate
			fail[k] += g.Leaves[i].Rate * g.Leaves[i].Base
			r.by[i] = append(r.by[i], k)
		}
	}
	for _, k := range r.keys {
		k.budget = 2 * fail[k] / rate[k]
	}
	for _, p := range peers {
		r.last = append(r.last, slices.Repeat([]int64{math.MinInt32}, len(p.levels)))
		r.alarms = append(r.alarms, make([]int, len(p.levels)))
		r.secs = append(r.secs, make([]int, len(p.levels)))
	}
	return r
}

// add takes a bucket.
func (r *rivals) add(b *gen.Bucket) {
	failed := 0
	for c := gen.C429; c < gen.NClass; c++ {
		failed += b.First[c]
	}
	for _, k := range r.by[b.Leaf] {
		k.n += int32(b.N - b.Retries) //nolint:gosec // one second
		k.k += int32(failed)          //nolint:gosec // one second
	}
}

// step closes second t; begun are the faults that began in it.
func (r *rivals) step(t int64, begun []*score.Fault) {
	for _, f := range begun {
		if f.Class != "latency" {
			r.begin(f)
		}
	}
	for _, k := range r.keys {
		k.minute.push(t, k.n, k.k)
		k.five.push(t, k.n, k.k)
		k.hour.push(t, k.n, k.k)
		k.n, k.k = 0, 0
	}
	r.runs = slices.DeleteFunc(r.runs, func(x *sighting) bool {
		over := float64(t) > x.fault.End+60
		if over {
			r.done = append(r.done, x)
		}
		return over
	})
	for p := range peers {
		most := 0.0
		for _, k := range r.keys {
			most = max(most, peers[p].value(k))
		}
		if t >= r.warm {
			r.count(p, t, most)
		}
		for _, x := range r.runs {
			x.look(r, p, t)
		}
	}
}

func (r *rivals) count(p int, t int64, most float64) {
	for i, level := range peers[p].levels {
		if most < level {
			break
		}
		if t-r.last[p][i] > 300 {
			r.alarms[p][i]++
		}
		r.last[p][i] = t
		r.secs[p][i]++
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
		low := make([]float64, len(x.keys))
		for i, k := range x.keys {
			low[i] = p.value(r.keys[k])
		}
		x.lowest = append(x.lowest, low)
		x.first = append(x.first, slices.Repeat([]float64{math.Inf(1)}, len(p.levels)))
	}
	r.runs = append(r.runs, x)
}

// look notes which thresholds were crossed upwards since the fault began.
func (x *sighting) look(r *rivals, p int, t int64) {
	delay := float64(t+1) - x.fault.Start
	for i, k := range x.keys {
		v := peers[p].value(r.keys[k])
		low := x.lowest[p][i]
		for l, level := range peers[p].levels {
			if level > v {
				break
			}
			if level > low {
				x.first[p][l] = min(x.first[p][l], delay)
			}
		}
		x.lowest[p][i] = min(low, v)
	}
}

// rivalry compares the peers with the detector on the same days.
func rivalry(o *options, r *report) error {
	quiet, days := o.calmDays(), o.fullDays()
	t, hours := gather(days), 0.0
	for _, d := range quiet {
		hours += d.hours - o.plan.quiet
	}
	month := 30 * 24 / hours
	r.title("Others on the same data: thresholds from %s calm fleet-days, faults of %s others; faults of latency left out", num(hours/24), num(t.days))
	rows := [][]string{{"", "threshold", "false a month", "time in alarm", "found", "delay p50", "p75", "p90"}}
	line := func(name, at, falses, on string, delays []float64) float64 {
		found := 0
		for _, d := range delays {
			if !math.IsInf(d, 1) {
				found++
			}
		}
		q := func(p float64) string { return num(score.Quantile(delays, p)) }
		share := percent(found, len(delays))
		rows = append(rows, []string{name, at, falses, on, num(share) + "%", q(0.5), q(0.75), q(0.9)})
		return share
	}
	calmTally := gather(quiet)
	ours := line("this detector", "-", num(float64(calmTally.false_)*month), "-", t.hard)
	best := 0.0
	for p := range peers {
		counts, secs := make([]int, len(peers[p].levels)), make([]int, len(peers[p].levels))
		for _, d := range quiet {
			for l, n := range d.rivals.alarms[p] {
				counts[l] += n
				secs[l] += d.rivals.secs[p][l]
			}
		}
		// The lowest threshold that would call no more often than once a month; with less than a month of calm days, not at
		// all: in favour of the peers.
		tuned := slices.IndexFunc(counts, func(n int) bool { return float64(n) <= max(0, hours/24/30) })
		usual := slices.IndexFunc(peers[p].levels, func(l float64) bool { return l >= peers[p].usual/1.0001 })
		for _, l := range []int{tuned, usual} {
			if l < 0 {
				continue
			}
			var delays []float64
			for _, d := range days {
				for _, x := range d.rivals.done {
					if x.fault.Oracle > 0 {
						delays = append(delays, x.first[p][l])
					}
				}
			}
			share := line(peers[p].name, num(peers[p].levels[l]), num(float64(counts[l])*month), num(float64(secs[l])/hours/36)+"%", delays)
			if l == tuned && peers[p].judged {
				best = max(best, share)
			}
		}
	}
	r.table(rows)
	r.atLeast("peers", "found, as a multiple of the best other", 2, ours/best, "")
	return nil
}
