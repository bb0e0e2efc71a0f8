package burst

import (
	"math/bits"

	"signalbox/internal/traffic"
)

// signal is a group of failure classes with a statistic of its own: mixed, a weak one hides in the noise of another.
type signal uint8

const (
	fail   signal = iota // provider and gateway failures
	limit                // rate limits and quota
	auth                 // keys and permissions
	trunc                // answers cut short or invalid, mostly with status 200
	caller               // the caller's own
	// From here on, signals that are measured: their failures are not outcomes but what was beyond a mark, of those
	// that could be measured.
	slow  // latency of what ended well
	first // time to first token of what ended well
	heavy // tokens of a request
	again // attempts that are not the first of their request
	signals
	firstMeasured = slow
	good          = signals // no failure
)

// NumSignals is how many signals a leaf is watched for: what it costs is counted by them.
const NumSignals = int(signals)

// sigset is a set of signals.
type sigset uint16

func (s sigset) has(x signal) bool       { return s&(1<<x) != 0 }
func (s sigset) with(x signal) sigset    { return s | 1<<x }
func (s sigset) without(x signal) sigset { return s &^ (1 << x) }
func setOf(list ...signal) (s sigset) {
	for _, x := range list {
		s = s.with(x)
	}
	return s
}

// basis is what the failures of a signal are counted among.
type basis uint8

const (
	ofFirst    basis = iota // first attempts
	ofAnswered              // of them, those that ended well or were cut: only there can it be seen
	ofMeasured              // those of which it was measured
)

// trait is what a signal takes for normal before it has seen anything, and how much worse is worth saying:
// failures up to mul times the baseline plus abs are inside the null.
type trait struct {
	kind           string
	family         family
	of             basis
	mul, abs, base float64
	doubt          float64 // times the baseline from which a suspicion is worth not to learn from
	quiet          int64   // seconds for which it is learned before it is judged
}

// family are the signals that one cause shows in: where failures are looked for that explain others.
type family uint8

const (
	failing  family = iota // requests that fail
	calling                // those that fail by the caller's own fault
	slowing                // answers that take longer
	swelling               // requests that are larger
	insisting
)

var traits = [signals]trait{
	fail:   {KindErrors, failing, ofFirst, 1.4, 0.001, 0.006, 2, 0},
	limit:  {KindErrors, failing, ofFirst, 1.4, 0.001, 0.004, 2, 0},
	auth:   {KindErrors, failing, ofFirst, 1.4, 0.001, 0.001, 2, 0},
	trunc:  {KindTruncation, failing, ofAnswered, 1.4, 0.001, 0.001, 2, 0},
	caller: {KindCaller, calling, ofFirst, 3, 0.02, 0.01, 2, 0},
	slow:   {KindLatency, slowing, ofMeasured, 1.5, 0.02, 0.08, 1.6, 0},
	first:  {KindLatency, slowing, ofMeasured, 1.5, 0.02, 0.08, 1.6, 0},
	heavy:  {KindTraffic, swelling, ofMeasured, 1.5, 0.02, 0.08, 1.6, 0},
	again:  {KindRetries, insisting, ofMeasured, 2, 0.02, 0.02, 2, againQuiet},
}

// againQuiet is for how long a gateway's way of asking again is learned: there is no telling beforehand which share of
// attempts are repeats where nothing is wrong.
const againQuiet = 600

func (s signal) family() family { return traits[s].family }

// strict is the evidence beyond that of others at which a signal speaks: what it takes to have no more false alarms
// although no drift is granted to strong faults (measured on made-up calm days).
func (s signal) strict() float64 {
	if s.family() == failing {
		return 1
	}
	return 0
}

// rides tells whether a signal is said in the sentence of a burst of another one where both show in one place: an
// answer that takes longer may fail, one that is longer takes longer, and what fails or takes long is asked again.
func (s signal) rides(on signal) bool {
	switch s.family() {
	case slowing:
		return on.family() == failing || (s == first && on == slow)
	case swelling:
		return on.family() == slowing
	case insisting:
		return on.family() == failing || on.family() == slowing
	}
	return false
}

// kindSignals are the signals whose failures a burst of a kind counts: who looks at errors wants all that fail there.
func kindSignals(kind string) sigset {
	switch kind {
	case KindTruncation:
		return setOf(trunc)
	case KindCaller:
		return setOf(caller)
	case KindErrors:
		return setOf(fail, limit, auth, trunc)
	}
	return 0 // what is measured counts itself
}

// partOf tells whether requests may show a signal because attempts show another one.
func (s signal) partOf(o signal) bool { return s.family() == o.family() || s.rides(o) }

// signalTable maps the number of a class to its signal.
type signalTable [256]signal

func newSignalTable() *signalTable {
	named := map[string]signal{
		"none": good, "rate_limited": limit, "quota_exhausted": limit, "auth": auth, "account_suspended": auth,
		"truncated": trunc, "invalid_output": trunc,
	}
	var t signalTable
	for i := range t {
		class := traffic.Outcome(uint32(i) << 16).Class() //nolint:gosec // 0..255
		s, ok := named[class.String()]
		switch {
		case ok:
		case class.Caller():
			s = caller
		default:
			s = fail
		}
		t[i] = s
	}
	return &t
}

func (t *signalTable) of(o traffic.Outcome) signal { return t[uint8(o.Class())] }

// counts are the first attempts of a leaf or a cut in some time: all, those that ended well, failures by signal, and
// how many were measured of the signals that are.
type counts struct {
	n, ok    int32
	k        [signals]int32
	measured [signals - firstMeasured]int32
}

func (c *counts) add(o *counts) {
	c.n += o.n
	c.ok += o.ok
	for s := range c.k {
		c.k[s] += o.k[s]
	}
	for i := range c.measured {
		c.measured[i] += o.measured[i]
	}
}

// seen is the denominator of a signal.
func (c *counts) seen(s signal) int32 {
	switch traits[s].of {
	case ofAnswered:
		return c.ok + c.k[s]
	case ofMeasured:
		return c.measured[s-firstMeasured]
	}
	return c.n
}

// seenAll are the denominators of all signals.
func (c *counts) seenAll() (n perSignal) {
	first := float64(c.n)
	n[fail], n[limit], n[auth], n[caller] = first, first, first, first
	n[trunc] = float64(c.ok + c.k[trunc])
	for i, m := range c.measured {
		n[int(firstMeasured)+i] = float64(m)
	}
	return n
}

// perSignal has one number for each signal.
type perSignal = [signals]float64

// place names a set of leaves: the dimensions in mask have the values of key. The empty place is everything.
type place struct {
	mask uint16
	key  traffic.Key
}

func (p place) has(d traffic.Dim) bool { return p.mask&(1<<d) != 0 }

func (p place) with(d traffic.Dim, s traffic.Sym) place {
	p.mask |= 1 << d
	p.key[d] = s
	return p
}

func (p place) without(d traffic.Dim) place {
	p.mask &^= 1 << d
	p.key[d] = traffic.Unknown
	return p
}

func (p place) covers(k traffic.Key) bool {
	for m := p.mask; m != 0; m &= m - 1 {
		if d := bits.TrailingZeros16(m); p.key[d] != k[d] {
			return false
		}
	}
	return true
}

func (p place) scope(s *traffic.Symbols) traffic.Scope { return p.key.Labels(s) }

// cutDims are the combinations of dimensions that are watched: they gather traffic. What a burst is called does not
// depend on which of them fired.
var cutDims = [][]traffic.Dim{
	{},
	{traffic.Model},
	{traffic.Region},
	{traffic.Provider},
	{traffic.Deployment},
	{traffic.Workload},
	{traffic.Model, traffic.Region},
	{traffic.Provider, traffic.Region},
	{traffic.Model, traffic.Provider},
	{traffic.Provider, traffic.Endpoint},
}

// leafDims are the dimensions that tell leaves apart here. Instances and callers are folded: too many, too thin.
var leafDims = []traffic.Dim{
	traffic.Env, traffic.Gateway, traffic.Side, traffic.Provider, traffic.Model, traffic.Region,
	traffic.Deployment, traffic.Endpoint, traffic.Workload, traffic.Stream,
}

func leafKey(k traffic.Key) traffic.Key {
	var out traffic.Key
	for _, d := range leafDims {
		out[d] = k[d]
	}
	return out
}
