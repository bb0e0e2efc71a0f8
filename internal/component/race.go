//go:build race

package component

const underRace = true
