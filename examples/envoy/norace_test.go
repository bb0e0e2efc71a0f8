//go:build !race

package envoy_test

const underRace = false
