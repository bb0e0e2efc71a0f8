package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"signalbox/tools/detect/score"
	"signalbox/tools/trafficgen/gen"
)

// The logs of events: about 60 requests/s, so that half of the faults are on the edge of what can be seen.
const (
	eventScale = 0.04
	eventHours = 5
	eventQuiet = 1
	eventGap   = 900
)

// scanned is what the program printed.
type scanned struct {
	Lines  int64
	Bursts []struct {
		ID, Kind, Reason string
		Start, Detected  time.Time
		End              *time.Time
		Scope            map[string]string
	}
}

// events measures the whole program on logs of single requests.
func events(o *options, r *report) error {
	dir, err := os.MkdirTemp("", "detect")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var t score.Totals
	var wall, cpu time.Duration
	var lines int64
	for i := range o.fleets {
		seed := o.seed + uint64(i) //nolint:gosec // a count
		file := filepath.Join(dir, "events.ndjson")
		g, lim, err := writeEvents(file, seed)
		if err != nil {
			return err
		}
		out, cost, err := scan(o.signalbox, file)
		if err != nil {
			return err
		}
		wall, cpu, lines = wall+cost.wall, cpu+cost.cpu, lines+out.Lines
		fleet := fleetOf(g)
		faults := faultsOf(g, fleet)
		describe(faults, lim, seed)
		t.Add(fleet, faults, out.bursts(fleet), eventHours)
	}
	tens := t.Hours / 10
	r.title("Events: %d logs of %d h, scale %s, seeds %d to %d, %d lines, scanned by %s", o.fleets, eventHours, num(eventScale),
		o.seed, o.seed+uint64(o.fleets)-1, lines, filepath.Base(o.signalbox)) //nolint:gosec // a count
	f1 := r.totals(&t)
	r.say("Scanning ten hours took %s s of wall time and %s s of CPU", num(wall.Seconds()/tens), num(cpu.Seconds()/tens))
	if o.verbose {
		for _, m := range t.Misses {
			r.say("%s", m)
		}
	}
	r.atLeast("events", "found of what must be", 85, percent(t.Found, t.Able), "%")
	r.atMost("events", "delay in limits, median", 2.5, score.Quantile(t.Ratios, 0.5), "")
	r.atMost("events", "false bursts in ten hours", 1, float64(t.False)/tens, "")
	r.atLeast("events", "F1 of scopes", 0.85, f1, "")
	// Of CPU, not of wall time: what else runs on the machine is not the scan's. Two cores give forty seconds in twenty.
	r.atMost("events", "CPU of scanning ten hours", 40, cpu.Seconds()/tens, " s")
	return nil
}

// totals prints what the bursts of finished logs came to, and gives the F1 of their scopes.
func (r *report) totals(t *score.Totals) float64 {
	q := score.Quantile
	p, c, f1 := t.Scopes().Rates()
	r.table([][]string{
		{"faults to be found", "found", "delay p50", "p90", "ratio to the limit p50", "p75", "p90", "scope F1", "precision", "recall"},
		{
			fmt.Sprint(t.Able), fmt.Sprint(t.Found), num(q(t.Delays, 0.5)), num(q(t.Delays, 0.9)), num(q(t.Ratios, 0.5)),
			num(q(t.Ratios, 0.75)), num(q(t.Ratios, 0.9)), fmt.Sprintf("%.3f", f1), num(p), num(c),
		},
	})
	r.say("\nAlarms %d, false %d in %s h, echoes %d, notes %d; onset off by %s s, end after the true end %s s (p90 %s)", t.Alarms, t.False,
		num(t.Hours), t.Echoes, t.Notes, num(q(t.Onsets, 0.5)), num(q(t.Ends, 0.5)), num(q(t.Ends, 0.9)))
	return f1
}

// writeEvents writes a log, and gives the fleet and what physics allows to see of its faults.
func writeEvents(file string, seed uint64) (*gen.Gen, []gen.Limit, error) {
	cfg := gen.Default(seed)
	cfg.Scale, cfg.Latency = eventScale, true
	g := gen.New(cfg)
	g.PlanFaults(eventQuiet*3600, eventHours*3600, eventGap, 0.15, nil)
	tr := gen.NewTracker(g)
	f, err := os.Create(file)
	if err != nil {
		return nil, nil, err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	gen.WriteEvents(w, tr, gen.Events{Seconds: eventHours * 3600, Start: time.Unix(begin, 0)})
	return g, tr.Lim, errors.Join(w.Flush(), f.Close())
}

// cost is what a run of a program took.
type cost struct{ wall, cpu time.Duration }

// scan runs the program on a log. That it found bursts is no failure.
func scan(program, file string) (*scanned, cost, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "scan", "--output", "json", file) //nolint:gosec // the program is named by whoever measures it
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	from := time.Now()
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		return nil, cost{}, fmt.Errorf("%s: %w: %s (make build builds it)", program, err, stderr.String())
	}
	took := cost{time.Since(from), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	out := &scanned{}
	if err := json.Unmarshal(stdout.Bytes(), out); err != nil {
		return nil, cost{}, fmt.Errorf("%s scan: %w", program, err)
	}
	return out, took, nil
}

// bursts are those of a scan for the scorer: with their last scope as if they had had it from the beginning.
func (s *scanned) bursts(fleet *score.Fleet) []*score.Burst {
	var out []*score.Burst
	for _, b := range s.Bursts {
		x := &score.Burst{ID: b.ID, Kind: b.Kind, Onset: since(b.Start), Detected: since(b.Detected), End: math.NaN(), Gone: math.NaN()}
		if b.End != nil {
			x.End = since(*b.End)
		}
		x.Sights = []score.Sight{{T: x.Detected, Cov: fleet.Cover(b.Scope)}}
		x.Text = fmt.Sprintf("%s %s: %s", b.Kind, x.ID, b.Reason)
		out = append(out, x)
	}
	return out
}
