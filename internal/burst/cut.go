package burst

// cut is a set of leaves that is watched as one.
type cut struct {
	place  place
	leaves []*leaf
	stats  [signals]stat
	now    sums
	at     int64 // second of now
	wide   bool  // fed by a scrape: one delta is many seconds, its failures come together
	volume volume
	asked  float64 // first attempts of this second
	tide   *tide   // that lasts on some of its leaves
}

// sums are what a cut saw in one second, and what its leaves expected. Failures, and with them what the boundary
// needs, are rare: they are added up only where there are any.
type sums struct {
	n, k, e [signals]float64
	v, c    [signals]float64
	failed  sigset // signals with failures
}

// phi0 is the dispersion that a cut starts with.
func (c *cut) phi0() float64 {
	if c.wide {
		return 2
	}
	return 1.3
}
