package gen

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

func small(seed uint64) Config {
	c := Default(seed)
	c.Scale, c.Latency = 0.02, true
	return c
}

func eventsOf(t *testing.T, c Config, kinds []string, o Events) (string, *Tracker) {
	t.Helper()
	g := New(c)
	g.PlanFaults(60, o.Seconds, 100, 0.5, kinds)
	tr := NewTracker(g)
	var b bytes.Buffer
	w := bufio.NewWriter(&b)
	o.Start = start
	WriteEvents(w, tr, o)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.String(), tr
}

// What a seed means must not change: labelled days that were looked at would be others.
func TestSameFlagsGiveTheSameBytes(t *testing.T) {
	t.Parallel()
	c := small(7)
	one, tr := eventsOf(t, c, nil, Events{Seconds: 900})
	labels, err := json.Marshal(tr.Labels())
	if err != nil {
		t.Fatal(err)
	}
	c.TTFT, c.Tokens = true, true
	again, _ := eventsOf(t, c, nil, Events{Seconds: 900})
	if one != again {
		t.Error("what is drawn besides changes what was drawn before")
	}
	if runtime.GOARCH != "amd64" {
		t.Skip("elsewhere floating point is contracted, and a digit may differ")
	}
	const want = "84a801c441228bc3"
	if got := fmt.Sprintf("%x", sha256.Sum256(append([]byte(one), labels...)))[:16]; got != want {
		t.Errorf("hash %s, want %s", got, want)
	}
}

func TestEventsAreWhatWasCounted(t *testing.T) {
	t.Parallel()
	c := small(3)
	c.TTFT, c.Tokens, c.Fine = true, true, true
	text, _ := eventsOf(t, c, MoreKinds, Events{Seconds: 600, Fields: true, Late: 0.2, Health: true})
	var newest, latest time.Time
	health, late, streams := 0, 0, 0
	for line := range strings.Lines(text) {
		var e struct {
			TS                   time.Time
			Endpoint, Deployment string
			TTFT                 float64 `json:"ttft_ms"`
			Latency              float64 `json:"latency_ms"`
			Stream               bool
			Finish               string `json:"finish_reason"`
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if e.TS.After(newest) {
			newest = e.TS
		} else if behind := newest.Sub(e.TS); behind > 61*time.Second {
			t.Fatalf("%s late: %s", behind, line)
		} else if behind > time.Second {
			late++
		}
		if e.TS.After(latest) {
			latest = e.TS
		}
		if e.Endpoint == "health" {
			health++
			continue
		}
		if e.Deployment == "" {
			t.Fatalf("no deployment: %s", line)
		}
		if e.Stream && e.Finish == "stop" {
			streams++
			if e.TTFT <= 0 || e.TTFT > e.Latency+1 {
				t.Fatalf("first token after the last: %s", line)
			}
		}
	}
	if health != 600/5*6 || late < 500 || streams == 0 || latest.Sub(start) < 590*time.Second {
		t.Errorf("%d health checks, %d late, %d streams, until %s", health, late, streams, latest)
	}
}

// quiet is a fleet without noise, of which everything is known.
func quiet(seed uint64) *Gen {
	c := Default(seed)
	c.Diurnal, c.ErrDiurnal, c.RateSigma, c.ErrSigma, c.BlockCV, c.BurstCV = 0, 0, 0, 0, 0, 0
	c.Surges, c.Storms, c.Scale, c.Latency, c.TTFT, c.Tokens = 0, 0, 0.05, true, true, true
	return New(c)
}

// count adds up what the leaves inside and outside of fault 0 saw in some seconds.
func count(g *Gen, secs int64) (in, out Bucket) {
	for range secs {
		g.Step(func(b *Bucket) {
			x := &out
			if g.Faults[0].In(b.Leaf) {
				x = &in
			}
			x.N += b.N
			x.Retries += b.Retries
			for c := range b.Cls {
				x.Cls[c] += b.Cls[c]
				x.First[c] += b.First[c]
			}
			x.LogTTFT = append(x.LogTTFT, b.LogTTFT...)
			x.LogTok = append(x.LogTok, b.LogTok...)
			x.Fallen = max(x.Fallen, b.Fallen)
		})
	}
	return in, out
}

func TestFaultsDoWhatTheirLabelSays(t *testing.T) {
	t.Parallel()
	scope := map[string]string{"region": "eu-west"}
	average := func(x []float64) float64 {
		s := 0.0
		for _, v := range x {
			s += v
		}
		return s / float64(len(x))
	}
	first := func(b Bucket) float64 { return float64(b.N - b.Retries) }
	for _, c := range []struct {
		name  string
		fault Fault
		ratio func(b Bucket) float64
		want  float64 // of what is inside, over what it is without the fault
	}{
		{"loss", Fault{Class: "loss", Eps: 0.75}, first, 0.25},
		{"surge", Fault{Class: "surge", RateMult: 3}, first, 3},
		{"ttft", Fault{Class: "ttft", LatMult: 4}, func(b Bucket) float64 { return math.Exp(average(b.LogTTFT)) }, 4},
		{"tokens", Fault{Class: "tokens", LatMult: 3}, func(b Bucket) float64 { return math.Exp(average(b.LogTok)) }, 3},
		{"retries", Fault{Class: "retries", Eps: 0.5}, func(b Bucket) float64 { return float64(b.N) / first(b) }, 2},
		{"unavailable", Fault{Class: "unavailable", Eps: 0.4}, func(b Bucket) float64 { return 1 - float64(b.First[C503])/first(b) }, 0.6},
	} {
		f := c.fault
		f.Scope, f.Start, f.End = scope, 300, 900
		g := quiet(5)
		g.AddFault(f)
		before, besideBefore := count(g, 300)
		during, besideDuring := count(g, 600)
		perSec := func(b Bucket, secs float64) float64 {
			if c.name == "loss" || c.name == "surge" {
				return c.ratio(b) / secs
			}
			return c.ratio(b)
		}
		if got := perSec(during, 600) / perSec(before, 300); math.Abs(math.Log(got/c.want)) > 0.1 {
			t.Errorf("%s: %.2f times, want %.2f", c.name, got, c.want)
		}
		if got := perSec(besideDuring, 600) / perSec(besideBefore, 300); math.Abs(got-1) > 0.1 {
			t.Errorf("%s: %.2f times where it is not", c.name, got)
		}
	}
}

func TestACascadeFallsOntoAnother(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		g := New(Default(seed))
		g.PlanFaults(10, 3600, 300, 0, []string{"cascade"})
		if len(g.Faults)%2 != 0 || len(g.Faults) == 0 {
			t.Fatalf("%d faults", len(g.Faults))
		}
		for i := 0; i < len(g.Faults); i += 2 {
			from, to := g.Faults[i], g.Faults[i+1]
			if to.Kind != "cascade_target" || to.Class != "rate_limited" || to.From["model"] != from.Scope["model"] ||
				to.RateMult <= 1 || to.RateMult > 4 || to.Start <= from.Start || to.End != from.End || !disjoint(from.Scope, to.Scope) {
				t.Errorf("%+v -> %+v", from, to)
			}
		}
	}
}

func TestPlansAreInTurnAndApart(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		g := New(Default(seed))
		g.PlanFaults(7200, 86400, 1800, 0.3, nil)
		n, end := 0, int64(7200)
		for i, f := range g.Faults {
			if i > 0 && f.Start < g.Faults[i-1].End {
				if !disjoint(f.Scope, g.Faults[i-1].Scope) || f.End != g.Faults[i-1].End {
					t.Errorf("seed %d: second cause %+v of %+v", seed, f, g.Faults[i-1])
				}
				continue
			}
			if f.Kind != Kinds[n%len(Kinds)] || f.Start < end || f.End >= 86400 {
				t.Errorf("seed %d: fault %d is %s at %d", seed, n, f.Kind, f.Start)
			}
			n, end = n+1, f.End+900
		}
		if n < 20 {
			t.Errorf("seed %d: %d faults in a day", seed, n)
		}
	}
}

// The oracle must not be slower than the bound says, nor much faster, on average.
func TestTheOracleIsAsFastAsTheBound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		p1, p0, want float64
	}{{0.03, 0.002, 0.054}, {1, 0.01, 4.61}, {0.1, 0.01, 0.145}, {0.3, 0.05, 0.324}} {
		if got := KL(c.p1, c.p0); math.Abs(got-c.want) > 0.01*c.want+0.001 {
			t.Errorf("KL(%g, %g) = %g, want %g", c.p1, c.p0, got, c.want)
		}
	}
	for _, f := range []Fault{
		{Class: "unavailable", Eps: 0.01},
		{Class: "latency", LatMult: 1.08},
		{Class: "ttft", LatMult: 1.15},
		{Class: "loss", Eps: 0.2},
		{Class: "retries", Eps: 0.02},
		{Class: "tokens", LatMult: 1.2},
	} {
		var limits, oracles float64
		for seed := range uint64(8) {
			g := quiet(seed)
			f := f
			f.Scope, f.Start, f.End = map[string]string{}, 10, 1000
			g.AddFault(f)
			tr := NewTracker(g)
			for g.T < 1000 && (tr.Lim[0].Oracle() == 0 || tr.Lim[0].LimitS == 0) {
				tr.Step(func(*Bucket) {})
			}
			if tr.Lim[0].Oracle() == 0 || tr.Lim[0].LimitS == 0 {
				t.Fatalf("%s, seed %d: %+v", f.Class, seed, tr.Lim[0])
			}
			limits, oracles = limits+tr.Lim[0].LimitS, oracles+tr.Lim[0].Oracle()
		}
		if r := oracles / limits; r < 0.6 || r > 1.8 {
			t.Errorf("%s: limit %.1f s, oracle %.1f s", f.Class, limits/8, oracles/8)
		}
	}
}

func TestDeploymentsSplitALeaf(t *testing.T) {
	t.Parallel()
	plain := New(Default(4))
	c := Default(4)
	c.Fine = true
	fine := New(c)
	sum := func(g *Gen) (x float64) {
		for _, l := range g.Leaves {
			x += l.Rate
		}
		return x
	}
	if a, b := sum(plain), sum(fine); math.Abs(a-b) > 1e-6*a || len(fine.Leaves) <= len(plain.Leaves) {
		t.Errorf("%g requests/s of %d leaves became %g of %d", a, len(plain.Leaves), b, len(fine.Leaves))
	}
	if slices.Index(fine.Dims, "deployment") != Deployment || slices.Index(fine.Dims, "workload") != Workload {
		t.Errorf("dimensions %v", fine.Dims)
	}
	of := map[string]string{} // deployment -> model, provider, region
	for i := range fine.Leaves {
		d, home := fine.Name(i, Deployment), fine.Name(i, Model)+fine.Name(i, Provider)+fine.Name(i, Region)
		if was, known := of[d]; known && was != home {
			t.Errorf("%s is %s and %s", d, was, home)
		}
		of[d] = home
	}
}

func TestLoadRates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rows := "start,rate\n" + strings.Repeat("0,2.5,x\n", 120)
	for name, text := range map[string]string{"a.csv": rows, "b.csv": "0,1\n", "c.csv": strings.Repeat("0,900\n", 120)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := LoadRates(filepath.Join(dir, "*.csv"), 0.1, 100, 5)
	if err != nil || len(got) != 1 || len(got[0]) != 120 || got[0][7] != 2.5 {
		t.Errorf("%d series, %v", len(got), err)
	}
}
