// Command trafficgen writes labelled synthetic traffic of an LLM gateway: events as JSON lines or counts of leaf and
// second as CSV, with the faults in it, and what physics allows to see of them.
//
// The same flags give the same bytes.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"signalbox/tools/trafficgen/gen"
)

// options are the flags.
type options struct {
	seed                  uint64
	hours, quiet          float64
	gap                   int64
	pair, scale, cv       float64
	kinds, rates, start   string
	format, out           string
	label, fields, health bool
	late                  float64
}

func parseFlags() *options {
	o := &options{}
	flag.Uint64Var(&o.seed, "seed", 1, "seed of fleet, traffic and fault plan")
	flag.Float64Var(&o.hours, "hours", 12, "length")
	flag.Float64Var(&o.quiet, "quiet", 2, "hours without faults at the start")
	flag.Int64Var(&o.gap, "gap", 1800, "mean quiet seconds between faults; 0: no faults at all")
	flag.Float64Var(&o.pair, "pair", 0.15, "share of faults with a second one in a disjoint scope")
	flag.StringVar(&o.kinds, "kinds", "", "comma list of kinds of faults; by default "+strings.Join(gen.Kinds, ",")+
		"; besides, most of them with -fields: "+strings.Join(gen.MoreKinds, ","))
	flag.Float64Var(&o.scale, "scale", 1, "multiplies all request rates (1 is about 1,700 requests/s)")
	flag.StringVar(&o.rates, "rates", "", "glob of measured rate files (ServeGen *-trace.csv) in place of the synthetic daily cycle")
	flag.Float64Var(&o.cv, "cv", 0.3, "largest variation of the failure rate over blocks of 10 s")
	flag.StringVar(&o.start, "start", "2026-01-05T00:00:00Z", "time stamp of second 0")
	flag.StringVar(&o.format, "format", "events", "events or buckets")
	flag.BoolVar(&o.label, "label", false, "add the true outcome to every event (not for detectors)")
	flag.BoolVar(&o.fields, "fields", false, "draw and add deployment, workload, ttft_ms, tokens_in, tokens_out, fallback_from")
	flag.BoolVar(&o.health, "health", false, "add health checks, those of one region always failing")
	flag.Float64Var(&o.late, "late", 0, "share of the lines that are written late: 5 s on average, at most a minute")
	flag.StringVar(&o.out, "out", "out", "output folder")
	flag.Parse()
	return o
}

func main() {
	if err := run(parseFlags()); err != nil {
		fmt.Fprintln(os.Stderr, "trafficgen:", err)
		os.Exit(1)
	}
}

func run(o *options) error {
	start, err := time.Parse(time.RFC3339, o.start)
	if err != nil {
		return fmt.Errorf("-start: %w", err)
	}
	g, err := fleet(o)
	if err != nil {
		return err
	}
	seconds := int64(o.hours * 3600)
	if o.gap > 0 {
		var kinds []string
		if o.kinds != "" {
			kinds = strings.Split(o.kinds, ",")
		}
		g.PlanFaults(int64(o.quiet*3600), seconds, o.gap, o.pair, kinds)
	}
	if err := os.MkdirAll(o.out, 0o750); err != nil {
		return err
	}
	tr := gen.NewTracker(g)
	if err := dump(o.out, "fleet.json", g.Fleet()); err != nil {
		return err
	}
	if err := traffic(o, tr, seconds, start); err != nil {
		return err
	}
	return dump(o.out, "faults.json", map[string]any{"seed": o.seed, "start": start, "seconds": seconds, "faults": tr.Labels()})
}

func fleet(o *options) (*gen.Gen, error) {
	cfg := gen.Default(o.seed)
	cfg.Scale, cfg.BlockCV, cfg.Latency = o.scale, o.cv, true
	cfg.TTFT, cfg.Tokens, cfg.Fine = o.fields, o.fields, o.fields
	if o.rates != "" {
		var err error
		if cfg.Rates, err = gen.LoadRates(o.rates, 0.03, 300, cfg.Models*cfg.Regions); err != nil {
			return nil, err
		}
		if len(cfg.Rates) == 0 {
			return nil, errors.New("-rates: no usable file")
		}
	}
	return gen.New(cfg), nil
}

// traffic writes the requests or the counts.
func traffic(o *options, tr *gen.Tracker, seconds int64, start time.Time) error {
	name := map[string]string{"events": "events.ndjson", "buckets": "buckets.csv"}[o.format]
	if name == "" {
		return fmt.Errorf("-format %q: events or buckets", o.format)
	}
	f, err := os.Create(filepath.Join(o.out, name))
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	if o.format == "buckets" {
		gen.WriteBuckets(w, tr, seconds)
	} else {
		gen.WriteEvents(w, tr, gen.Events{
			Seconds: seconds, Start: start, Label: o.label, Fields: o.fields, Late: o.late, Health: o.health,
		})
	}
	return errors.Join(w.Flush(), f.Close())
}

func dump(dir, name string, v any) error {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return os.WriteFile(filepath.Join(dir, name), append(b, '\n'), 0o600)
}
