package burst

import (
	"fmt"
	"math"
	"strings"
	"time"

	"signalbox/internal/traffic"
)

// value is what is measured of a request.
type value uint8

const (
	latency value = iota
	firstToken
	tokens
	values
)

// beyond are the signals of what is beyond the mark of each value.
var beyond = [values]signal{latency: slow, firstToken: first, tokens: heavy}

// heard is what was told of a leaf in the second that is stepped.
type heard struct {
	leaf *leaf
	in   *Leaf
}

func (h *heard) bins(v value) []traffic.Bin {
	switch v {
	case latency:
		return h.in.Lat
	case firstToken:
		return h.in.TTFT
	default:
		return h.in.Tok
	}
}

// measure counts what a leaf measured in this second.
func (l *leaf) measure(in *Leaf) {
	x := &l.now
	if in.Again > 0 {
		l.repeats = true
	}
	if l.repeats {
		x.measured[again-firstMeasured] += int32(in.Req) //nolint:gosec // one second
		x.k[again] += int32(in.Again)                    //nolint:gosec // one second
	}
	if len(in.Lat)+len(in.TTFT)+len(in.Tok) == 0 {
		return
	}
	if l.marks == nil {
		l.marks = new([values]mark)
	}
	h := heard{l, in}
	for v := range values {
		n, k := l.marks[v].take(h.bins(v))
		x.measured[beyond[v]-firstMeasured] += n
		x.k[beyond[v]] += k
	}
}

// settle moves the marks by what the last second has shown, but while it may not be normal.
func (l *leaf) settle() {
	if l.marks == nil {
		return
	}
	relived := l.watch.relived(l.now.sec)
	perSecond := l.seen / max(l.span, 1)
	for v := range values {
		m := &l.marks[v]
		if m.fresh == 0 {
			continue
		}
		e := &l.watch.eps[beyond[v]]
		learn := !relived && !l.base.holding.has(beyond[v]) && (!e.on || l.now.sec-e.begun >= forgiveAfter)
		m.settle(learn, perSecond)
	}
}

// Quantiles are the median of some durations and what a tenth of them exceeds; zero where nothing is known.
type Quantiles struct{ P50, P90 time.Duration }

// feel is what those who wait feel of a burst, and who calls: kept only for what its sentence says.
type feel struct {
	known  bool
	before [values][2]float64 // median and upper tenth, in bins; 0 where nothing is known
	now    [values]*histogram
	counts [signals - firstMeasured]struct{ n, k, e float64 } // of the last half minute, fading

	callers map[traffic.Sym]int64 // of the caller's own failures
	blamed  int64                 // all of those
}

// histogram is what was measured in the last half minute, fading.
type histogram struct {
	n   [traffic.MaxBin + 1]float32
	all float64
}

const (
	feelHalf   = 30 // seconds
	feelLeast  = 3  // values from which a quantile is told
	maxCallers = 1024
)

func (h *histogram) fade() {
	f := float32(fadeOne)
	for i := range h.n {
		h.n[i] *= f
	}
	h.all *= fadeOne
}

// at gives a quantile in bins, 0 where too little was measured.
func (h *histogram) at(q float64) float64 {
	if h == nil || h.all < feelLeast {
		return 0
	}
	sum := 0.0
	for i, n := range h.n {
		if sum += float64(n); sum >= q*h.all {
			return float64(i)
		}
	}
	return float64(len(h.n) - 1)
}

// listen takes what the second told of a burst's place.
func (w *watch) listen(b *live) {
	said := b.said()
	if said>>firstMeasured == 0 && b.sig != caller {
		return
	}
	f := &b.feel
	for i := range f.counts {
		c := &f.counts[i]
		c.n, c.k, c.e = c.n*fadeOne, c.k*fadeOne, c.e*fadeOne
	}
	for v := range values {
		if f.now[v] != nil {
			f.now[v].fade()
		} else if said.has(beyond[v]) {
			f.now[v] = &histogram{}
		}
	}
	for i := range w.heard {
		h := &w.heard[i]
		if !b.place.covers(h.leaf.key) {
			continue
		}
		for v, to := range f.now {
			if to == nil {
				continue
			}
			for _, x := range h.bins(value(v)) { //nolint:gosec // a small index
				to.n[min(max(x.At, 0), traffic.MaxBin)] += float32(x.N)
				to.all += float64(x.N)
			}
		}
		if b.sig == caller {
			f.call(h.in)
		}
	}
	for _, l := range w.touch {
		if !b.place.covers(l.key) {
			continue
		}
		for s := firstMeasured; s < signals; s++ {
			c := &f.counts[s-firstMeasured]
			n := float64(l.now.seen(s))
			c.n, c.k, c.e = c.n+n, c.k+float64(l.now.k[s]), c.e+n*l.base.p[s]
		}
	}
}

func (f *feel) call(in *Leaf) {
	f.blamed += in.CallerErr
	for _, c := range in.Callers {
		if f.callers == nil {
			f.callers = make(map[traffic.Sym]int64)
		}
		if _, known := f.callers[c.Caller]; known || len(f.callers) < maxCallers {
			f.callers[c.Caller] += c.N
		}
	}
}

// loudest is the caller of more than half of the failures.
func (f *feel) loudest() (who traffic.Sym, n int64) {
	for s, m := range f.callers {
		if 2*m > f.blamed && s > traffic.Other {
			return s, m
		}
	}
	return traffic.Unknown, 0
}

// remember works out what was usual in a burst's place, of what its sentence says: the leaves' own marks, together.
func (w *watch) remember(b *live) {
	b.feel.known = true
	for v := range values {
		if b.said().has(beyond[v]) {
			b.feel.before[v] = w.before(b.place, v)
		}
	}
}

// before gives the median and the upper tenth of a value over the leaves of a place. The marks of a leaf stand for a
// normal distribution of the logarithm.
func (w *watch) before(p place, v value) (out [2]float64) {
	type part struct{ weight, half, sd float64 }
	var parts []part
	all := 0.0
	for _, l := range w.leaves {
		if l.marks == nil || !l.marks[v].warm() || !p.covers(l.key) {
			continue
		}
		m := &l.marks[v]
		x := part{l.seen / max(l.span, 1), float64(m.half), max(float64(m.high-m.half)/markSpread, markLeast)}
		parts = append(parts, x)
		all += x.weight
	}
	if all <= 0 {
		return out
	}
	for i, q := range []float64{0.5, 1 - markHigh} {
		low, high := 0.0, float64(traffic.MaxBin)
		for high-low > 0.1 {
			mid, below := (low+high)/2, 0.0
			for _, x := range parts {
				below += x.weight * 0.5 * math.Erfc((x.half-mid)/x.sd/math.Sqrt2)
			}
			if below < q*all {
				low = mid
			} else {
				high = mid
			}
		}
		out[i] = max(low, 1)
	}
	return out
}

func binDuration(bin float64) time.Duration {
	if bin <= 0 {
		return 0
	}
	return time.Duration(traffic.BinValue(int16(bin+0.5)) * float64(time.Microsecond))
}

// quantiles are a burst's times before and now: to the first token where that is what it is about.
func (b *live) quantiles() (before, now Quantiles) {
	v := latency
	switch {
	case b.sig == first:
		v = firstToken
	case !b.said().has(slow):
		return before, now
	}
	f := &b.feel
	before = Quantiles{binDuration(f.before[v][0]), binDuration(f.before[v][1])}
	now = Quantiles{binDuration(f.now[v].at(0.5)), binDuration(f.now[v].at(1 - markHigh))}
	return before, now
}

// valueNames are what a value is called, in a sentence.
var valueNames = [values]string{latency: "latency", firstToken: "time to first token", tokens: "tokens a request"}

// moved says how a value has changed: "latency p50 1.2 s -> 4.8 s, p90 3.0 s -> 11 s".
func (f *feel) moved(v value) string {
	now := [2]float64{f.now[v].at(0.5), f.now[v].at(1 - markHigh)}
	name := valueNames[v]
	if now[0] == 0 || f.before[v][0] == 0 {
		return name + " is up"
	}
	show := func(bin float64) string {
		if v == tokens {
			return short(traffic.BinValue(int16(bin + 0.5)))
		}
		return seconds(binDuration(bin))
	}
	return fmt.Sprintf("%s p50 %s -> %s, p90 %s -> %s", name, show(f.before[v][0]), show(now[0]), show(f.before[v][1]), show(now[1]))
}

// attempts says how often a request is asked: "2.3 attempts a request, was 1.1".
func (f *feel) attempts() string {
	c := f.counts[again-firstMeasured]
	if c.n < feelLeast {
		return "requests are repeated"
	}
	return fmt.Sprintf("%.1f attempts a request, was %.1f", 1/max(1-c.k/c.n, 0.01), 1/max(1-c.e/c.n, 0.01))
}

// head begins the sentence of a burst of what is measured.
func (b *live) head() string {
	if b.sig == again {
		return b.feel.attempts() + "; repeats"
	}
	for v := range values {
		if beyond[v] == b.sig {
			return b.feel.moved(v) + "; " + [values]string{"slow", "slow", "large"}[v]
		}
	}
	return ""
}

// beyondNames are what is beyond a mark, by signal.
var beyondNames = [signals - firstMeasured]string{"slow answers", "slow first tokens", "large requests", "repeats"}

// besides says what rides on a burst.
func (w *watch) besides(b *live) string {
	var text strings.Builder
	for v := range values {
		if b.riding.has(beyond[v]) {
			text.WriteString("; " + b.feel.moved(v))
		}
	}
	if b.riding.has(again) {
		text.WriteString("; " + b.feel.attempts())
	}
	if who, n := b.feel.loudest(); n > 0 {
		fmt.Fprintf(&text, "; %s of them from %s", percent(float64(n)/float64(b.feel.blamed)), w.syms.Name(who))
	}
	return text.String()
}

// What leads a burst of what is measured.
const (
	LeadingSlow    = "slow"
	LeadingFirst   = "slow_first_token"
	LeadingTokens  = "tokens"
	LeadingRetries = "retries"
)

// leading is the most frequent class of failures, or what is measured.
func (b *live) leading() string {
	switch b.sig {
	case slow:
		return LeadingSlow
	case first:
		return LeadingFirst
	case heavy:
		return LeadingTokens
	case again:
		return LeadingRetries
	}
	return b.sums.leading(b.told.leading)
}

// carries tells whether a burst says in its sentence what another signal shows in a place.
func (w *watch) carries(b *live, s signal, p place, active []*leaf) bool {
	both, either := overlap(p, b.place, active)
	if s.family() == slowing && b.sig.family() == failing {
		return both >= either/2 && both > 0
	}
	return both > 0
}

// carry takes lasting bursts into a new one that says what they say.
func (w *watch) carry(b *live, sec int64, active []*leaf) {
	for _, o := range w.lives {
		if o != b && o.open() && o.sig.rides(b.sig) && w.carries(b, o.sig, o.place, active) {
			b.riding |= o.said()
			w.remember(b)
			o.ended = sec + 1
			w.tell(o, sec, Merged, b.id)
		}
	}
}

// seconds prints a duration as an operator says it.
func seconds(d time.Duration) string {
	switch s := d.Seconds(); {
	case s >= 10:
		return fmt.Sprintf("%.0f s", s)
	case s >= 1:
		return fmt.Sprintf("%.1f s", s)
	case s >= 0.001:
		return fmt.Sprintf("%.0f ms", s*1e3)
	default:
		return fmt.Sprintf("%.0f us", s*1e6)
	}
}

// short prints a count of tokens.
func short(n float64) string {
	switch {
	case n >= 1e6:
		return fmt.Sprintf("%.1fM", n/1e6)
	case n >= 1e4:
		return fmt.Sprintf("%.0fk", n/1e3)
	}
	return fmt.Sprintf("%.0f", n)
}
