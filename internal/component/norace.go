//go:build !race

package component

const underRace = false
