package burst

// cut is a set of leaves that is watched as one.
type cut struct {
	place  place
	leaves []*leaf
	stats  [signals]stat
	number int32  // its place among the cuts of its watch, and among their sums
	wide   bool   // fed by a scrape: one delta is many seconds, its failures come together
	loud   sigset // signals whose evidence may be near an alarm
	volume volume
	tide   *tide // that lasts on some of its leaves
}

// sums are what a cut saw in one second, and what its leaves expected. They are kept apart from the cuts and close
// together: each leaf is added to all of its cuts.
type sums struct {
	n, e   perSignal // requests, and failures that were expected
	v, c   perSignal // what the boundary needs, of signals with failures
	k      perSignal
	asked  float64 // first attempts, also those that a burst explains
	at     int64   // the second; what else is written here is of another one where that is not the one at hand
	failed sigset  // signals with failures
}
