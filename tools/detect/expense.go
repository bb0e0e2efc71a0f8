package main

import (
	"fmt"
	"runtime"
	"syscall"
	"time"

	"signalbox/internal/burst"
	"signalbox/tools/trafficgen/gen"
)

// How the cost is taken: a fleet that has warmed up, and then steps whose CPU is added up.
const (
	costWarm  = 1800
	costSteps = 900
)

// expense measures what the detector takes, by itself: it runs alone, so that all CPU of the process is its own.
func expense(o *options, r *report) error {
	cfg := gen.Default(o.seed)
	cfg.Latency = true
	g := gen.New(cfg)
	f := newFeed(g)
	before := heap()
	det := burst.New(burst.Options{Symbols: f.syms})
	steps := 0
	var spent time.Duration
	for g.T < costWarm+costSteps {
		t := g.T
		f.reset()
		g.Step(f.add)
		from := processCPU()
		det.Step(begin+t, f.leaves)
		if t >= costWarm {
			spent += processCPU() - from
			steps++
		}
	}
	bytes := float64(heap() - before)
	keys := len(newRivals(g, 0).keys)
	step := spent / time.Duration(steps)
	signals := float64(burst.NumSignals)
	r.title("Cost: %d leaves, %d keys, %s signals, %d steps after %d s", len(g.Leaves), keys, num(signals), steps, costWarm)
	r.say("CPU of a step: %s us; of a key, signal and second: %s ns; memory of a leaf and signal: %s bytes",
		num(us(step)), num(us(step)*1000/float64(keys)/signals), num(bytes/float64(len(g.Leaves))/signals))
	r.atMost("cost", fmt.Sprintf("CPU of a step of %d leaves", len(g.Leaves)), 1, us(step)/1000, " ms")
	r.atMost("cost", "CPU of a key, signal and second", 500, us(step)*1000/float64(keys)/signals, " ns")
	r.atMost("cost", "memory of a leaf and signal", 1024, bytes/float64(len(g.Leaves))/signals, " bytes")
	runtime.KeepAlive(det)
	return nil
}

func us(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// heap is what is in use after a collection.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // far below
}

// processCPU is the CPU time of the process so far.
func processCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
