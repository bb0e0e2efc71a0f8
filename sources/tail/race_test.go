//go:build race

package tail

// underRace shortens what no goroutine takes part in: the race detector makes decoding ten times slower.
const underRace = true
