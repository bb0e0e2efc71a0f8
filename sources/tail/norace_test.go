//go:build !race

package tail

const underRace = false
