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

// Windows are the blocks of the same traffic on both sides of a change.
type Windows struct{ Before, After WindowCounts }

// Looks are the times after its acceptance at which a lever's outcome is judged. Each may take chance for a change:
// looking more often, or at a higher level, would find differences by luck.
var Looks = []time.Duration{15 * time.Second, 30 * time.Second, 60 * time.Second, 120 * time.Second, 240 * time.Second}

// LookChance is the share of looks at which chance may look like a change: the five together keep to one in twenty.
const LookChance = 0.01

// Trial asks what a lever did to a cell.
type Trial struct {
	Cell    Windows
	Control *Windows      // siblings of the cell that fail with it and did not get the lever; nil: there are none
	Width   time.Duration // of a block; 0: BlockLen
	Chance  float64       // 0: LookChance
}

// Effect says what changed, with how sure that is.
type Effect struct {
	Verdict       Verdict
	Before, After float64 // failure rates
	Low, High     float64 // interval of the rate after
	Odds          float64 // odds of a failure after, as a multiple of those before; beside a control, of what that did
	N1, N2        int64   // requests before and after
	PerSec1       float64 // and in a second: a cap also "helps" by removing requests
	PerSec2       float64
	Control       *Effect // of the control by itself; nil where there is none that tells anything
	Text          string  // "18% -> 3.1% (2.4-4.0%), 20 s"
	Note          string  // what else must be known to believe it; empty when nothing
}

// What a Trial takes for granted.
const (
	sameOdds  = 1.5  // odds that changed by less than this are no change
	leastN    = 5    // requests on either side, below which nothing can be told
	leastFail = 10   // failures of a control before: one that did not fail says nothing about failures
	dispFree  = 4    // blocks that the dispersion expected without having seen any is worth:
	dispFlat  = 1.3  // a little more noise than chance,
	dispNoise = 0.2  // and a rate of failure that all requests of a block share, and that scatters by this
	moved     = 0.25 // a change of volume by less than this is not worth a word
)

// Judge compares log odds of failure after and before, with a standard error widened by how much the blocks of either
// window scatter, because failures come in clusters. Where there is a control, what happened to it is taken off, and
// its uncertainty is added: a burst that ends by itself ends there too. Without one that cannot be known.
func (t Trial) Judge() Effect {
	width, chance := t.Width, t.Chance
	if width <= 0 {
		width = BlockLen
	}
	if chance <= 0 {
		chance = LookChance
	}
	c, e := t.Cell.contrast(width)
	if e.Text != "" {
		return e
	}
	d, variance, free, root := c.d, c.v1+c.v2, c.free, c.root
	if t.Control != nil {
		if o, oe := t.Control.contrast(width); oe.Text == "" && o.failed >= leastFail {
			oe.settle(o.d, quantileT(chance, o.free)*math.Sqrt(o.v1+o.v2))
			e.Control = &oe
			d, variance, free, root = d-o.d, variance+o.v1+o.v2, free+o.free, 0
		}
	}
	e.settle(d, quantileT(chance, free)*math.Sqrt(variance))
	if root != 0 && math.Abs(root) > quantileT(chance, free) {
		e.Verdict = Helped
		if root > 0 {
			e.Verdict = Worse
		}
	}
	own := quantileT(chance, c.free) * math.Sqrt(c.v2)
	e.Low, e.High = logistic(logit(c.p2)-own), logistic(logit(c.p2)+own)
	e.say(time.Duration(len(t.Cell.After)) * width)
	return e
}

// contrast is the change of one set of blocks: of log odds, with the variance of either side, and what failed before.
// root is the signed root of the deviance: it tells a change where nothing at all fails on one side, of which the log
// odds know next to nothing (Hauck and Donner 1977).
type contrast struct{ d, v1, v2, free, p2, failed, root float64 }

func (w Windows) contrast(width time.Duration) (contrast, Effect) {
	n1, k1 := w.Before.sums()
	n2, k2 := w.After.sums()
	e := Effect{Verdict: CannotTell, N1: int64(n1), N2: int64(n2), Before: ratio(k1, n1), After: ratio(k2, n2)}
	e.PerSec1 = ratio(n1, width.Seconds()*float64(len(w.Before)))
	e.PerSec2 = ratio(n2, width.Seconds()*float64(len(w.After)))
	if n1 < leastN || n2 < leastN {
		e.Text = fmt.Sprintf("too little traffic to tell: %d requests before, %d after", e.N1, e.N2)
		return contrast{}, e
	}
	p1, p2 := (k1+0.5)/(n1+1), (k2+0.5)/(n2+1)
	free := float64(len(w.Before)+len(w.After)-2) + dispFree
	each := (n1 + n2) / float64(len(w.Before)+len(w.After)) // requests of a block
	prior := dispFree * (dispFlat + dispNoise*dispNoise*each*min(p1, 1-p1)/max(p1, 1-p1))
	phi := max(1, (scatter(w.Before, p1)+scatter(w.After, p2)+prior)/free)
	return contrast{
		d: logit(p2) - logit(p1), v1: phi * (1/(k1+0.5) + 1/(n1-k1+0.5)), v2: phi * (1/(k2+0.5) + 1/(n2-k2+0.5)),
		free: free, p2: p2, failed: k1, root: signedRoot(n1, k1, n2, k2, phi),
	}, e
}

// fewCounts is below how many failures, or successes, of one side the log odds are not to be trusted.
const fewCounts = 5

// signedRoot is the root of the deviance between one common rate and two, by the dispersion; negative for a fall, and 0
// where the log odds do better.
func signedRoot(n1, k1, n2, k2, phi float64) float64 {
	if min(k1, k2, n1-k1, n2-k2) >= fewCounts {
		return 0
	}
	p := (k1 + k2) / (n1 + n2)
	part := func(k, expected float64) float64 {
		if k == 0 {
			return 0
		}
		return k * math.Log(k/expected)
	}
	g := part(k1, n1*p) + part(n1-k1, n1*(1-p)) + part(k2, n2*p) + part(n2-k2, n2*(1-p))
	return math.Copysign(math.Sqrt(2*max(g, 0)/phi), k2/n2-k1/n1)
}

// settle gives the verdict on a change of log odds that is known to within wide.
func (e *Effect) settle(d, wide float64) {
	e.Odds, e.Verdict = math.Exp(d), CannotTell
	switch {
	case d+wide < 0:
		e.Verdict = Helped
	case d-wide > 0:
		e.Verdict = Worse
	case d-wide > -math.Log(sameOdds) && d+wide < math.Log(sameOdds):
		e.Verdict = NoChange
	}
}

// say puts the effect into words.
func (e *Effect) say(span time.Duration) {
	e.Text = fmt.Sprintf("%s -> %s (%s-%s), %d s", percent(e.Before), percent(e.After),
		strings.TrimSuffix(percent(e.Low), "%"), percent(e.High), int(span.Seconds()))
	var notes []string
	if c := e.Control; c != nil {
		note := fmt.Sprintf("without it %s -> %s", percent(c.Before), percent(c.After))
		switch {
		case c.Verdict == Helped && e.Verdict != Helped:
			note += ": it may have ended by itself"
		case c.Verdict == Worse && e.Verdict == Helped:
			note += ": what is kept from here may fail there"
		}
		notes = append(notes, note)
	}
	if e.PerSec1 > 0 && math.Abs(e.PerSec2/e.PerSec1-1) >= moved {
		note := fmt.Sprintf("requests %s -> %s a second", perSecond(e.PerSec1), perSecond(e.PerSec2))
		if e.Verdict == Helped && e.PerSec2 < e.PerSec1 {
			note += ": fewer requests alone may be what helped"
		}
		notes = append(notes, note)
	}
	e.Note = strings.Join(notes, "; ")
}

// perSecond prints a rate of requests with two digits.
func perSecond(x float64) string {
	if x < 10 {
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.0f", x)
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

// quantileT is the quantile of Student's t that chance exceeds on either side together, by the Cornish-Fisher expansion
// around the normal quantile (Abramowitz and Stegun, 26.7.5); from three degrees of freedom on it is right to a few
// percent.
func quantileT(chance, free float64) float64 {
	z := math.Sqrt2 * math.Erfinv(1-chance)
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
