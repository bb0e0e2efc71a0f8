package main

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"signalbox/tools/trafficgen/gen"
)

// A short day with one strong fault: everything between the generator and the report takes part.
func TestAStrongFaultIsFoundAndReported(t *testing.T) {
	t.Parallel()
	p := plan{hours: 0.25, quiet: 0.1, gap: 60, scale: 0.5, falses: 1, kinds: []string{"blip_20s"}, rivals: true, width: 1}
	one, two := run(2, p), run(2, p)
	if len(one.faults) == 0 || len(one.bursts) != len(two.bursts) {
		t.Fatalf("%d faults, %d and %d bursts", len(one.faults), len(one.bursts), len(two.bursts))
	}
	x := gather([]*day{one})
	if x.all.found == 0 || x.all.found < x.all.visible-1 {
		t.Errorf("found %d of %d", x.all.found, x.all.visible)
	}
	if len(one.rivals.done)+len(one.rivals.runs) != len(one.faults) {
		t.Errorf("others saw %d of %d faults", len(one.rivals.done), len(one.faults))
	}
	var out bytes.Buffer
	r := &report{out: &out}
	targets(r, x)
	r.verdict()
	if s := out.String(); !strings.Contains(s, "found of what the oracle sees") || !strings.Contains(s, "not measured") {
		t.Error(s)
	}
}

// A day from the shelf says what it said when it was simulated, and is there for the same plan only.
func TestDaysAreKept(t *testing.T) {
	t.Parallel()
	o := &options{workers: 1, verbose: true}
	var err error
	if o.shelf, err = newShelf(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	p := plan{hours: 0.2, quiet: 0.05, gap: 60, scale: 0.5, falses: 1, kinds: []string{"blip_20s"}, width: 1}
	say := func(days []*day) string {
		var out bytes.Buffer
		o.withFaults = days
		if err := full(o, &report{out: &out}); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	first := o.simulate(2, 1, p)
	again := o.simulate(2, 1, p)
	if first[0] == again[0] || o.shelf.get(2, p) == nil {
		t.Fatal("the day was not kept")
	}
	if a, b := say(first), say(again); a != b || !strings.Contains(a, "blip_20s") {
		t.Errorf("%s\nand from the shelf\n%s", a, b)
	}
	other := p
	other.scale = 0.4
	if o.shelf.get(2, other) != nil || o.shelf.get(3, p) != nil {
		t.Error("another day was taken for it")
	}
	if names, err := os.ReadDir(o.shelf.dir); err != nil || len(names) != 1 {
		t.Errorf("on the shelf: %v %v", names, err)
	}
}

func TestAScrapeTellsTheSameCounts(t *testing.T) {
	t.Parallel()
	s := newSim(1, plan{hours: 1, scale: 0.5, falses: 1, width: 15})
	var want, got int64
	for range 15 {
		s.feed.reset()
		s.tr.Step(s.feed.add)
		for _, l := range s.feed.leaves {
			want += l.Req
		}
		if s.g.T%15 != 0 {
			s.scrape(s.g.T - 1)
		}
	}
	s.feed.leaves = s.feed.leaves[:0] // this second's are added by hand, to look before they are handed on
	for _, h := range s.held {
		for i := range int64(15) {
			l := part(h, i, 15)
			got += l.Req
			if l.FirstReq != l.Req || l.Width != 15e9 || l.Lat != nil {
				t.Fatalf("%+v", l)
			}
		}
	}
	if got >= want || got < want*9/10 { // the last second is missing
		t.Errorf("%d of %d requests", got, want)
	}
}

func TestWindowForgets(t *testing.T) {
	t.Parallel()
	w := newWindow(60)
	for s := range int64(200) {
		w.push(s, 10, int32(s%2))
	}
	if w.n != 600 || w.k != 30 || w.share(20) != 0.05 || w.share(601) != 0 {
		t.Errorf("%d of %d", w.k, w.n)
	}
}

// A fault that makes answers slow crosses the meter of slow answers, and not that of failures.
func TestRivalsSeeSlowAnswers(t *testing.T) {
	t.Parallel()
	d := run(3, plan{hours: 0.3, quiet: 0.1, gap: 60, scale: 0.5, falses: 1, kinds: []string{"latency"}, rivals: true, width: 1})
	at := slices.IndexFunc(peers[1].levels, func(l float64) bool { return l >= 0.3 })
	seen := 0
	for _, x := range slices.Concat(d.rivals.done, d.rivals.runs) {
		if !math.IsInf(x.first[1][slowness][at], 1) {
			seen++
		}
		if first := x.first[1][failures][at]; !math.IsInf(first, 1) {
			t.Errorf("%s seen after %.0f s by failures that there are not", x.fault.Text, first)
		}
	}
	if seen == 0 {
		t.Errorf("nothing seen of %d faults", len(d.faults))
	}
	if out := sightings([]*day{d}, 1, [meters]int{at, at}); len(out[failures]) > 0 || len(out[slowness]) == 0 {
		t.Errorf("%d faults that fail, %d that are slow", len(out[failures]), len(out[slowness]))
	}
}

func TestRivalsCountWhatIsCloseAsOne(t *testing.T) {
	t.Parallel()
	g := gen.New(gen.Default(1))
	r := newRivals(g, 0)
	at := len(peers[0].levels) - 1
	for _, s := range []int64{10, 11, 300, 700, 1001} {
		r.alarms[0][slowness].hear(s, peers[0].levels, 1)
	}
	if n := r.alarms[0][slowness].count[at]; n != 3 || r.alarms[0][failures].count[at] != 0 {
		t.Errorf("%d alarms", n)
	}
}

func TestTrialDraws(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	var g, g2, p, b float64
	const n = 20000
	for range n {
		x := gamma(rng, 0.3)
		g, g2 = g+x, g2+x*x
		p += float64(poisson(rng, 7))
		b += float64(binomial(rng, 10, 0.3))
	}
	if math.Abs(g/n-1) > 0.01 || math.Abs(math.Sqrt(g2/n-1)-0.3) > 0.02 || math.Abs(p/n-7) > 0.1 || math.Abs(b/n-3) > 0.05 {
		t.Errorf("gamma %.3f, %.3f; poisson %.3f; binomial %.3f", g/n, math.Sqrt(g2/n-1), p/n, b/n)
	}
}

func TestCasesAreRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("anomaly.yaml", "- data: one two\n  timestamp: 1200\n  cause: [{'cdn':3, 'isp':'x y'}, {'cdn':5}]\n- data: other\n  timestamp: 60\n  cause: {'cdn':1}\n")
	var rows strings.Builder
	rows.WriteString("min,cdn,isp,value,cnt\n")
	for _, minute := range []string{"540", "1140", "1200", "1260"} { // too early, before, the minute, too late
		for _, cdn := range []string{"3", "4", "5"} {
			bad := "1"
			if minute == "1200" && cdn == "3" {
				bad = "80"
			}
			rows.WriteString(minute + "," + cdn + ",x y," + bad + ",100\n" + minute + "," + cdn + ",z,1,100\n")
		}
	}
	write("one two.csv", rows.String())
	cases, err := readCases(filepath.Join(dir, "anomaly.yaml"))
	if err != nil || len(cases) != 2 || len(cases[0].causes) != 2 || cases[0].causes[0]["isp"] != "x y" || cases[1].causes[0]["cdn"] != "1" {
		t.Fatalf("%+v, %v", cases, err)
	}
	dims, leaves, _, err := cases[0].read(dir)
	if err != nil || strings.Join(dims, ",") != "cdn,isp" || len(leaves) != 6 {
		t.Fatalf("%v, %v, %v", dims, leaves, err)
	}
	for _, l := range leaves {
		if l.N != 100 || math.Abs(l.Base-0.01) > 0.002 {
			t.Errorf("%+v", l)
		}
	}
	write("bad.yaml", "- data: one\n  time: 3\n")
	if _, err := readCases(filepath.Join(dir, "bad.yaml")); err == nil || !strings.Contains(err.Error(), "bad.yaml:2") {
		t.Errorf("%v", err)
	}
}

func TestNumbersAreShort(t *testing.T) {
	t.Parallel()
	for x, want := range map[float64]string{0: "0", 3: "3", 0.0123: "0.012", 1.257: "1.26", 61.25: "61.2", 1234.5: "1234", math.Inf(1): "never"} {
		if got := num(x); got != want {
			t.Errorf("%g: %s, want %s", x, got, want)
		}
	}
}

func TestWhatWasNotMeasuredIsNotMissed(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := &report{out: &out}
	r.atLeast("x", "nothing", 5, math.NaN(), "")
	r.atLeast("x", "less", 5, 4, "%")
	r.atMost("x", "never", 5, math.Inf(1), " s")
	r.atMost("x", "less", 5, 5, " s")
	if n := r.verdict(); n != 2 || !strings.Contains(out.String(), "1 met, 2 missed") {
		t.Errorf("%d missed: %s", n, out.String())
	}
}

func TestFeedTellsFirstAttempts(t *testing.T) {
	t.Parallel()
	g := gen.New(gen.Default(1))
	f := newFeed(g)
	b := &gen.Bucket{Leaf: 0, N: 10, Retries: 3, LogLat: []float64{0, 0, 0, 0.7, 0.7}}
	b.Cls[gen.C503], b.First[gen.C503] = 4, 2
	b.Cls[gen.ClientErr], b.Cls[gen.OK] = 1, 5
	f.add(b)
	l := f.leaves[0]
	if l.Req != 10 || l.FirstReq != 7 || l.Err != 4 || l.FirstErr != 2 || l.CallerErr != 1 || l.Retries != 3 {
		t.Errorf("%+v", l)
	}
	first := int64(0)
	for _, o := range l.ByOutcome {
		first += o.First
	}
	if first != 7 {
		t.Errorf("%d first attempts by outcome", first)
	}
	if len(l.Lat) != 2 || l.Lat[0].N != 3 || l.Lat[1].N != 2 || l.Lat[0].At >= l.Lat[1].At {
		t.Errorf("latencies %v", l.Lat)
	}
}
