package burst

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Verdict is what a lever came to, as far as the traffic shows it.
type Verdict string

// The verdicts.
const (
	Helped     Verdict = "helped"
	NoChange   Verdict = "no_change"
	Worse      Verdict = "worse"
	CannotTell Verdict = "cannot_tell"
)

// Block is what a cell counted in ten seconds: N requests, K of them failed.
type Block struct{ N, K int64 }

// BlockLen is the width of a Block.
const BlockLen = 10 * time.Second

// WindowCounts are the blocks of one side of a change, oldest first.
type WindowCounts []Block

func (w WindowCounts) sums() (n, k float64) {
	for _, b := range w {
		n += float64(b.N)
		k += float64(b.K)
	}
	return n, k
}

// Effect says what changed, with how sure that is.
type Effect struct {
	Verdict       Verdict
	Before, After float64 // failure rates
	Low, High     float64 // interval of the rate after
	Odds          float64 // odds of a failure after, as a multiple of those before
	N1, N2        int64   // requests before and after: a cap also "helps" by removing requests
	Text          string  // "18% -> 3.1% (2.4-4.0%), 20 s"
}

// What Compare takes for granted.
const (
	sameOdds  = 1.5 // odds that changed by less than this are no change
	leastN    = 5   // requests on either side, below which nothing can be told
	dispPrior = 2.6 // pseudo-observations of the dispersion: two blocks with a little more noise than chance
	dispFree  = 2
)

// Compare tells whether the failure rate changed between two windows: log odds ratio, with a standard error widened
// by how much the blocks of either window scatter, because failures come in clusters. Looking often makes chance
// look like a change: look after 30, 60, 120 and 240 s. It cannot know whether the burst would have ended by itself.
func Compare(before, after WindowCounts) Effect {
	n1, k1 := before.sums()
	n2, k2 := after.sums()
	e := Effect{Verdict: CannotTell, N1: int64(n1), N2: int64(n2), Before: ratio(k1, n1), After: ratio(k2, n2)}
	span := time.Duration(len(after)) * BlockLen
	if n1 < leastN || n2 < leastN {
		e.Text = fmt.Sprintf("too little traffic to tell: %d requests before, %d after", e.N1, e.N2)
		return e
	}
	p1, p2 := (k1+0.5)/(n1+1), (k2+0.5)/(n2+1)
	free := float64(len(before) + len(after) - 2)
	phi := max(1, (scatter(before, p1)+scatter(after, p2)+dispPrior)/(free+dispFree))
	d := logit(p2) - logit(p1)
	se1, se2 := phi*(1/(k1+0.5)+1/(n1-k1+0.5)), phi*(1/(k2+0.5)+1/(n2-k2+0.5))
	t := tQuantile(free + dispFree)
	wide := t * math.Sqrt(se1+se2)
	own := t * math.Sqrt(se2)
	e.Odds = math.Exp(d)
	e.Low, e.High = logistic(logit(p2)-own), logistic(logit(p2)+own)
	switch {
	case d+wide < 0:
		e.Verdict = Helped
	case d-wide > 0:
		e.Verdict = Worse
	case d-wide > -math.Log(sameOdds) && d+wide < math.Log(sameOdds):
		e.Verdict = NoChange
	}
	e.Text = fmt.Sprintf("%s -> %s (%s-%s), %d s", percent(e.Before), percent(e.After),
		strings.TrimSuffix(percent(e.Low), "%"), percent(e.High), int(span.Seconds()))
	return e
}

// scatter is Pearson's chi-square of a window's blocks around their common rate.
func scatter(w WindowCounts, p float64) float64 {
	var x float64
	for _, b := range w {
		if b.N > 0 {
			n := float64(b.N)
			x += (float64(b.K) - n*p) * (float64(b.K) - n*p) / (n * p * (1 - p))
		}
	}
	return x
}

func ratio(k, n float64) float64 {
	if n == 0 {
		return 0
	}
	return k / n
}

func logit(p float64) float64    { return math.Log(p / (1 - p)) }
func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// tQuantile is the 0.975 quantile of Student's t, by the Cornish-Fisher expansion around the normal quantile
// (Abramowitz and Stegun, 26.7.5); from three degrees of freedom on it is right to a percent.
func tQuantile(free float64) float64 {
	const z = 1.959964
	f := max(free, 2)
	z3, z5, z7 := z*z*z, z*z*z*z*z, z*z*z*z*z*z*z
	return z + (z3+z)/(4*f) + (5*z5+16*z3+3*z)/(96*f*f) + (3*z7+19*z5+17*z3-15*z)/(384*f*f*f)
}

// percent prints a rate as an operator says it.
func percent(p float64) string {
	switch p *= 100; {
	case p >= 10 || p == 0:
		return fmt.Sprintf("%.0f%%", p)
	case p >= 0.1:
		return fmt.Sprintf("%.1f%%", p)
	default:
		return fmt.Sprintf("%.2f%%", p)
	}
}

// divergence is the information in nats that one request carries about a failure rate of p1 where p0 was expected.
func divergence(p1, p0 float64) float64 {
	return p1*math.Log(p1/p0) + (1-p1)*math.Log((1-p1)/(1-p0))
}
