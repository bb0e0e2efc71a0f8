package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"signalbox/internal/burst"
)

// trial is a lever thrown at a burst of so many requests a second, of which a share fails; noise is the variation of
// that share over blocks of ten seconds, and volume that of the requests.
type trial struct{ rate, share, noise, volume float64 }

var trials = []trial{
	{0.5, 0.3, 0.3, 0.3}, {5, 0.1, 0.3, 0.3}, {5, 0.3, 0.3, 0.3}, {50, 0.3, 0.3, 0.3}, {50, 0.1, 0.5, 0.3},
}

// A trial has two minutes before the lever; the last look is after one.
const (
	trialBefore = 12
	trialAfter  = 6
	trialRuns   = 2000
)

// effect measures how often a lever is said to have helped that did nothing, and is seen that did.
func effect(o *options, r *report) error {
	r.title("Before and after a lever: %d runs each, %d s before, %d s after, seed %d", trialRuns, 10*trialBefore, 10*trialAfter, o.seed)
	rows := [][]string{{"requests/s", "fail", "noise", "false change", "at five looks", "halved is seen", "cut by 80% is seen"}}
	for i, t := range trials {
		rng := rand.New(rand.NewPCG(o.seed, uint64(i))) //nolint:gosec // a simulation
		null := t.changed(rng, 1, 0.05)
		half, most := t.helped(rng, 0.5), t.helped(rng, 0.2)
		looks := t.looks(rng)
		rows = append(rows, []string{num(t.rate), num(100*t.share) + "%", num(t.noise), num(100*null) + "%", num(100*looks) + "%", num(100*half) + "%", num(100*most) + "%"})
		if t.noise > 0.3 {
			continue // noisier than was aimed at: shown, not judged
		}
		r.atMost("effect", fmt.Sprintf("false change, %s/s, %s%%, noise %s", num(t.rate), num(100*t.share), num(t.noise)), 8, 100*null, "%")
		if t.rate == 5 && t.share == 0.3 {
			r.atLeast("effect", "halving seen, 5/s, 30%", 85, 100*half, "%")
		}
	}
	r.table(rows)
	return nil
}

// blocks draws ten-second blocks.
func (t trial) blocks(rng *rand.Rand, n int, share float64) burst.WindowCounts {
	var out burst.WindowCounts
	for range n {
		p := min(0.98, share*gamma(rng, t.noise))
		reqs := poisson(rng, 10*t.rate*gamma(rng, t.volume))
		out = append(out, burst.Block{N: reqs, K: binomial(rng, reqs, p)})
	}
	return out
}

func (t trial) judge(rng *rand.Rand, factor, chance float64) burst.Verdict {
	w := burst.Windows{Before: t.blocks(rng, trialBefore, t.share), After: t.blocks(rng, trialAfter, t.share*factor)}
	return burst.Trial{Cell: w, Chance: chance}.Judge().Verdict
}

func (t trial) changed(rng *rand.Rand, factor, chance float64) float64 {
	n := 0
	for range trialRuns {
		if v := t.judge(rng, factor, chance); v == burst.Helped || v == burst.Worse {
			n++
		}
	}
	return float64(n) / trialRuns
}

func (t trial) helped(rng *rand.Rand, factor float64) float64 {
	n := 0
	for range trialRuns {
		if t.judge(rng, factor, 0.05) == burst.Helped {
			n++
		}
	}
	return float64(n) / trialRuns
}

// looks is how often a lever that did nothing is said to have done something at one of the looks that are taken.
func (t trial) looks(rng *rand.Rand) float64 {
	n := 0
	for range trialRuns {
		before := t.blocks(rng, trialBefore, t.share)
		after := t.blocks(rng, int(burst.Looks[len(burst.Looks)-1]/burst.BlockLen), t.share)
		for _, look := range burst.Looks {
			w := burst.Windows{Before: before, After: after[:max(1, int(look/burst.BlockLen))]}
			if v := (burst.Trial{Cell: w, Width: 10 * time.Second}).Judge().Verdict; v == burst.Helped || v == burst.Worse {
				n++
				break
			}
		}
	}
	return float64(n) / trialRuns
}

// gamma draws a factor of mean one (Marsaglia and Tsang).
func gamma(rng *rand.Rand, cv float64) float64 {
	a := 1 / (cv * cv)
	d := a - 1.0/3
	for {
		x := rng.NormFloat64()
		v := 1 + x/(3*math.Sqrt(d))
		if v <= 0 {
			continue
		}
		v = v * v * v
		if math.Log(rng.Float64()) < 0.5*x*x+d-d*v+d*math.Log(v) {
			return d * v / a
		}
	}
}

func poisson(rng *rand.Rand, mean float64) int64 {
	if mean > 100 {
		return max(0, int64(math.Round(mean+math.Sqrt(mean)*rng.NormFloat64())))
	}
	k, p, l := int64(0), rng.Float64(), math.Exp(-mean)
	for p > l {
		k++
		p *= rng.Float64()
	}
	return k
}

func binomial(rng *rand.Rand, n int64, p float64) int64 {
	k := int64(0)
	for range n {
		if rng.Float64() < p {
			k++
		}
	}
	return k
}
