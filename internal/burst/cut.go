package burst

// cut is a set of leaves that is watched as one.
type cut struct {
	place  place
	leaves []*leaf
	stats  [signals]stat
	number int   // its place among the sums of a second
	at     int64 // second of its sums
	wide   bool  // fed by a scrape: one delta is many seconds, its failures come together
	volume volume
	asked  float64 // first attempts of this second
	tide   *tide   // that lasts on some of its leaves
}

// sums are what a cut saw in one second, and what its leaves expected. They are kept apart from the cuts and close
// together: each leaf is added to all of its cuts.
type sums struct {
	n, e [signals]float64 // requests, and failures that were expected
	v, c [signals]float64 // what the boundary needs, of signals with failures
	k    [signals]float64
	// failed are the signals with failures.
	failed sigset
}
