//go:build !race

package litellm_test

const underRace = false
