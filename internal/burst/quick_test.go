package burst

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestQuickExponentialsAndLogarithms(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test
	for range 20000 {
		var x, want sixfold
		for j := range x {
			x[j] = (rnd.Float64()*2 - 1) * math.Exp(rnd.Float64()*16-9.5) // up to e^6.5 = 665 either way, and as small as you like
			want[j] = math.Exp(x[j])
		}
		got := x
		expAll(got[:])
		for j := range got {
			if math.Abs(got[j]/want[j]-1) > 1e-14 {
				t.Fatalf("e^%v is %v, want %v", x[j], got[j], want[j])
			}
		}
		logAll(&got)
		for j := range got {
			if math.Abs(got[j]-x[j]) > 1e-14*max(1, math.Abs(x[j])) {
				t.Fatalf("the logarithm of e^%v is %v", x[j], got[j])
			}
		}
	}
	x := sixfold{0, -1e9, 1e9, expLow, expHigh, math.Copysign(0, -1)}
	expAll(x[:])
	if x[0] != 1 || x[5] != 1 || x[1] != x[3] || x[2] != x[4] || x[1] > 1e-300 || math.IsInf(x[2], 0) {
		t.Errorf("at the ends: %v", x)
	}
	x = sixfold{1, 2, math.Nextafter(1, 0), math.Nextafter(1, 2), 1e4, 1e-200}
	want := x
	logAll(&x)
	for j := range x {
		if math.Abs(x[j]-math.Log(want[j])) > 1e-15*max(1, math.Abs(x[j])) {
			t.Errorf("the logarithm of %v is %v", want[j], x[j])
		}
	}
}

func BenchmarkExpAll(b *testing.B) {
	x := sixfold{-0.1, -2, 3, -40, 0.001, -7}
	var sum float64
	for range b.N {
		y := x
		expAll(y[:])
		sum += y[3]
	}
	if sum < 0 {
		b.Fail()
	}
}

func BenchmarkLogAll(b *testing.B) {
	x := sixfold{1.001, 1.2, 3, 40, 900, 70}
	var sum float64
	for range b.N {
		y := x
		logAll(&y)
		sum += y[3]
	}
	if sum < 0 {
		b.Fail()
	}
}

func BenchmarkMathExp6(b *testing.B) {
	x := sixfold{-0.1, -2, 3, -40, 0.001, -7}
	var sum float64
	for range b.N {
		y := x
		for j := range y {
			y[j] = math.Exp(y[j])
		}
		sum += y[3]
	}
	if sum < 0 {
		b.Fail()
	}
}
