// Command detect measures the detector of bursts on labelled traffic and holds what it measures against what was aimed at.
//
// Everything is simulated in process at event time, so that a fleet-day takes about a minute of one core. The same flags
// and the same detector give the same numbers, but for those of cost.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// options are the flags.
type options struct {
	seed                uint64
	days, calm          int
	parts               string
	kinds               string
	plan                plan
	workers             int
	fleets              int
	more                int
	starts              int
	signalbox           string
	rs                  string
	dir, scanned        string
	check               bool
	verbose             bool
	keep                string
	shelf               *shelf
	withFaults, without []*day // simulated for one part and kept for another
}

// parts are what can be measured, in the order in which it is.
var parts = []struct {
	name string
	run  func(*options, *report) error
}{
	{"full", full},
	{"calm", calm},
	{"start", starts},
	{"again", again},
	{"peers", rivalry},
	{"more", more},
	{"events", events},
	{"cost", expense},
	{"effect", effect},
	{"robustspot", robustspot},
}

func parseFlags() *options {
	o := &options{}
	var names []string
	for _, p := range parts {
		names = append(names, p.name)
	}
	flag.Uint64Var(&o.seed, "seed", 1, "first seed: 1 to 99 are for tuning, 1000 and above for judging")
	flag.IntVar(&o.days, "days", 8, "fleet-days with faults")
	flag.IntVar(&o.calm, "calm", 8, "fleet-days without faults")
	flag.StringVar(&o.parts, "parts", strings.Join(names, ","), "what to measure")
	flag.StringVar(&o.kinds, "kinds", "", "comma list of kinds of faults in place of the usual fourteen")
	flag.Float64Var(&o.plan.hours, "hours", 24, "length of a fleet-day")
	flag.Float64Var(&o.plan.quiet, "quiet", 2, "hours without faults at its start")
	flag.Int64Var(&o.plan.gap, "gap", 1800, "mean quiet seconds between faults")
	flag.Float64Var(&o.plan.pair, "pair", 0.15, "share of faults with a second one in a disjoint scope")
	flag.Float64Var(&o.plan.scale, "scale", 1, "multiplies all request rates (1 is about 1,700 requests/s)")
	flag.Float64Var(&o.plan.falses, "false", 1, "false alarms a month that the detector may raise")
	flag.IntVar(&o.workers, "workers", runtime.GOMAXPROCS(0), "fleet-days simulated side by side")
	flag.IntVar(&o.more, "more", 2, "fleet-days with other kinds of faults, with deployments and workloads")
	flag.IntVar(&o.starts, "starts", 5, "starts inside a fault of each kind, and as many without one")
	flag.BoolVar(&o.plan.fine, "fine", false, "leaves by deployment and workload, too")
	flag.Int64Var(&o.plan.width, "width", 1, "seconds that one count is about: above 1 as from a scrape, without attempts and latencies")
	flag.IntVar(&o.fleets, "fleets", 2, "logs of events, of five hours each")
	flag.StringVar(&o.signalbox, "signalbox", "../../bin/signalbox", "the program that scans events")
	flag.StringVar(&o.rs, "rs", "", "folder data/RS of a copy of github.com/shaido987/riskloc")
	flag.StringVar(&o.dir, "dir", "", "a folder that trafficgen wrote: only -scan is scored, and nothing simulated")
	flag.StringVar(&o.scanned, "scan", "", "what signalbox scan --output json said of the events in it")
	flag.BoolVar(&o.check, "check", false, "exit 1 when a target is missed")
	flag.BoolVar(&o.verbose, "v", false, "list what was missed, false or named wrongly")
	flag.StringVar(&o.keep, "keep", "", "a folder that keeps simulated days: the same program takes them from there when it is started again")
	flag.Parse()
	if o.kinds != "" {
		o.plan.kinds = strings.Split(o.kinds, ",")
	}
	o.plan.rivals = o.asked("peers")
	return o
}

func (o *options) asked(part string) bool { return slices.Contains(strings.Split(o.parts, ","), part) }

func main() {
	o := parseFlags()
	r := &report{out: os.Stdout}
	var err error
	if o.shelf, err = newShelf(o.keep); err != nil {
		fmt.Fprintf(os.Stderr, "detect: %v\n", err)
		os.Exit(2)
	}
	if o.dir != "" {
		if err := scoreFiles(o, r); err != nil {
			fmt.Fprintf(os.Stderr, "detect: %v\n", err)
			os.Exit(2)
		}
		return
	}
	for _, p := range parts {
		if !o.asked(p.name) {
			continue
		}
		if err := p.run(o, r); err != nil {
			fmt.Fprintf(os.Stderr, "detect: %s: %v\n", p.name, err)
			os.Exit(2)
		}
	}
	if missed := r.verdict(); missed > 0 && o.check {
		os.Exit(1)
	}
}

// fullDays are the days with faults, simulated once.
func (o *options) fullDays() []*day {
	if o.withFaults == nil {
		o.withFaults = o.simulate(o.seed, o.days, o.plan)
	}
	return o.withFaults
}

// calmDays are the days without, simulated once.
func (o *options) calmDays() []*day {
	if o.without == nil {
		p := o.plan
		p.gap = 0
		o.without = o.simulate(o.seed, o.calm, p)
	}
	return o.without
}

// day gives one day: from the shelf, or by simulating it.
func (o *options) day(seed uint64, p plan) *day {
	if d := o.shelf.get(seed, p); d != nil {
		return d
	}
	d := run(seed, p)
	if err := o.shelf.put(d, p); err != nil {
		fmt.Fprintf(os.Stderr, "detect: %v\n", err)
	}
	return d
}

// simulate runs days of consecutive seeds, some of them side by side, and gives them in order of their seeds.
func (o *options) simulate(first uint64, n int, p plan) []*day {
	out := make([]*day, n)
	o.beside(n, func(i int) { out[i] = o.day(first+uint64(i), p) }) //nolint:gosec // a count
	return out
}

// beside does n pieces of work, as many side by side as there are workers, and waits for all.
func (o *options) beside(n int, work func(i int)) {
	jobs := make(chan int)
	var wg sync.WaitGroup
	for range max(1, min(o.workers, n)) {
		wg.Go(func() {
			for i := range jobs {
				work(i)
			}
		})
	}
	for i := range n {
		jobs <- i
	}
	close(jobs)
	wg.Wait()
}
