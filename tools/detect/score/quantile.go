package score

import (
	"math"
	"slices"
)

// Quantile gives the p-quantile (the next higher value), NaN of nothing. Missed faults go in as infinite.
func Quantile(x []float64, p float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	y := slices.Sorted(slices.Values(x))
	return y[min(len(y)-1, int(p*float64(len(y))))]
}

// PoissonInterval is the exact 95% interval of the mean of which k were counted (Garwood 1936).
func PoissonInterval(k int) (low, high float64) {
	if k > 0 {
		low = solve(func(m float64) bool { return 1-poissonCDF(k-1, m) < 0.025 })
	}
	return low, solve(func(m float64) bool { return poissonCDF(k, m) > 0.025 })
}

func poissonCDF(k int, m float64) float64 {
	sum, term := 0.0, math.Exp(-m)
	for i := 0; i <= k; i++ {
		sum += term
		term *= m / float64(i+1)
	}
	return sum
}

// solve finds where a condition that holds from 0 on ends.
func solve(below func(float64) bool) float64 {
	lo, hi := 0.0, 500.0
	for range 60 {
		if mid := (lo + hi) / 2; below(mid) {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}
