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
	all, flat := stepping(o.seed, false), stepping(o.seed, true)
	signals := float64(burst.NumSignals)
	r.title("Cost: %s signals, %d steps after %d s", num(signals), costSteps, costWarm)
	rows := [][]string{{"leaves", "keys", "requests/s", "CPU of a step, us", "of a leaf and signal, bytes"}}
	for _, e := range []spent{all, flat} {
		rows = append(rows, []string{
			fmt.Sprint(e.leaves), fmt.Sprint(e.keys), num(float64(e.requests) / costSteps), num(us(e.step)), num(e.bytes / float64(e.leaves) / signals),
		})
	}
	r.table(rows)
	r.atMost("cost", fmt.Sprintf("CPU of a step of %d leaves", all.leaves), 1, us(all.step)/1000, " ms")
	// Where few leaves make many keys, nearly all of a step is the keys'.
	r.atMost("cost", fmt.Sprintf("CPU of a key, signal and second, %d leaves", flat.leaves), 500, us(flat.step)*1000/float64(flat.keys)/signals, " ns")
	r.atMost("cost", "memory of a leaf and signal", 1024, all.bytes/float64(all.leaves)/signals, " bytes")
	return nil
}

// spent is what some steps took.
type spent struct {
	leaves, keys int
	requests     int64
	step         time.Duration
	bytes        float64
}

// stepping steps a detector through half an hour, and then with an eye on the clock.
func stepping(seed uint64, flat bool) spent {
	cfg := gen.Default(seed)
	cfg.Latency, cfg.TTFT, cfg.Tokens, cfg.Flat = true, true, true, flat
	g := gen.New(cfg)
	f := newFeed(g)
	before := heap()
	det := burst.New(burst.Options{Symbols: f.syms})
	e := spent{leaves: len(g.Leaves), keys: len(newRivals(g, 0).keys)}
	for g.T < costWarm+costSteps {
		t := g.T
		f.reset()
		g.Step(f.add)
		from := processCPU()
		det.Step(begin+t, f.leaves)
		if t >= costWarm {
			e.step += processCPU() - from
			for i := range f.leaves {
				e.requests += f.leaves[i].Req
			}
		}
	}
	e.step /= costSteps
	e.bytes = float64(heap() - before)
	runtime.KeepAlive(det)
	return e
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
