package burst

import (
	"math"
	"math/rand/v2"
	"testing"
)

// What waits is never worth more than is thought of it, and where it is asked what it is worth, a statistic that waits
// says what one says that weighs each second at once.
func TestEvidenceThatWaitsIsBounded(t *testing.T) {
	near := sumAt(8)
	asked := 0
	for seed := range uint64(40) {
		rnd := rand.New(rand.NewPCG(seed, 7)) //nolint:gosec // a test
		var lazy, eager stat
		rate := 0.1 * rnd.Float64()
		for sec := int64(1); sec <= 2000; sec++ {
			n, k, p := float64(1+rnd.IntN(1+int(seed)*2)), 0.0, rate
			if sec > 1500 && seed%2 == 0 {
				p = min(0.9, 2.5*rate+0.1)
			}
			for range int(n) {
				if rnd.Float64() < p {
					k++
				}
			}
			boundary := min(0.9, (1.2+rnd.Float64())*rate+0.001)
			for _, s := range []*stat{&lazy, &eager} {
				s.push(sec, n, k, n*rate, boundary, 1.3, sec <= 1500)
			}
			eager.catchUp()
			now := lazy
			if now.catchUp(); now.sum > lazy.most*(1+1e-9) {
				t.Fatalf("seed %d, second %d: %g was thought to be %g at most", seed, sec, now.sum, lazy.most)
			}
			if lazy.reaches(near) != (eager.sum >= near) && math.Abs(math.Log(eager.sum/near)) > 0.1 {
				t.Fatalf("seed %d, second %d: %g where weighing at once gives %g", seed, sec, lazy.sum, eager.sum)
			}
			if eager.sum >= near {
				asked++
			}
		}
	}
	if asked < 1000 {
		t.Errorf("only %d seconds in which it was asked", asked)
	}
}
