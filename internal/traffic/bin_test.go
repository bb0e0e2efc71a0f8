package traffic

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Each value is in the bin whose bounds hold it, whatever way leads there.
func TestBinOfHoldsTheValue(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	values := []float64{0, 1, math.Nextafter(1, 2), 1.5, 2, 1e3, 1e6, 3.6e10, 1e12, math.MaxFloat64, math.Inf(1)}
	for i := range MaxBin + 1 {
		end := bins.ends[i]
		values = append(values, math.Nextafter(end, 0), end, math.Nextafter(end, math.Inf(1)))
	}
	for range 200_000 {
		values = append(values, math.Exp(r.Float64()*26))
	}
	for _, v := range values {
		at := BinOf(v)
		if v > bins.ends[at] && at != MaxBin || at > 0 && v <= bins.ends[at-1] {
			t.Fatalf("%g is in bin %d, which ends at %g", v, at, bins.ends[at])
		}
		if back := BinValue(at); v >= 1 && at < MaxBin && math.Abs(back-v) > Accuracy*v*(1+1e-9) {
			t.Fatalf("%g comes back from bin %d as %g", v, at, back)
		}
	}
	for _, v := range []float64{-1, 0, math.Inf(-1), math.NaN()} {
		if at := BinOf(v); at != 0 {
			t.Errorf("%g is in bin %d", v, at)
		}
	}
	if BinValue(-1) != 1 || BinValue(MaxBin+1) != BinValue(MaxBin) {
		t.Error("a bin that there is not has a value of its own")
	}
}

func BenchmarkBinOf(b *testing.B) {
	v := [64]float64{}
	for i := range v {
		v[i] = math.Exp(float64(i) / 3)
	}
	var sum int16
	for i := range b.N {
		sum += BinOf(v[i&63])
	}
	_ = sum
}
