//go:build race

package envoy

const underRace = true
