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
		lazy, eager := newStats()[fail], newStats()[fail]
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
			still := min(0.9, (1+rnd.Float64())*rate+0.001)
			normal := boundary{still: still, drifting: still + rnd.Float64()*rate}
			at := momentOf(sec)
			for _, s := range []*stat{&lazy, &eager} {
				s.push(&at, n, k, n*rate, &normal, false, sec <= 1500)
			}
			eager.catchUp()
			now, known := lazy, *lazy.evidence
			now.evidence = &known
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

// toAlarm is how many seconds a place of so many requests a second takes to an alarm when it fails at a rate, where
// another one is known to be usual; -1 when it takes longer than it is given.
func toAlarm(r *rand.Rand, perSecond, usual, rate float64, normal func(n, e float64) boundary, least float64, given int64) int64 {
	s := newStats()[fail]
	s.v, s.w = 1, 1 // its scatter is known
	for sec := int64(1); sec <= given; sec++ {
		n, k := math.Floor(perSecond+r.Float64()), 0.0
		for range int(n) {
			if r.Float64() < rate {
				k++
			}
		}
		if n == 0 {
			continue
		}
		e := n * usual
		at, around := momentOf(sec), normal(n, e)
		s.push(&at, n, k, e, &around, false, false)
		if s.reaches(sumAt(least)) {
			return sec
		}
	}
	return -1
}

const usualAlarm = 16.4 // of 160 cuts and one false alarm a month

// No drift is granted to strong faults, for more evidence: they are seen sooner all the same, and drifts are none.
func TestStrongFaultsAreNotTakenForDrifts(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	flat := func(n, e float64) boundary {
		b := traits[fail].boundary(n, e, 0, 0, 1)
		b.still = b.drifting
		return b
	}
	graded := func(n, e float64) boundary { return traits[fail].boundary(n, e, 0, 0, 1) }
	const times, given = 200, 3600
	for _, c := range []struct{ perSecond, usual, rate float64 }{{20, 0.01, 0.04}, {20, 0.01, 0.08}, {5, 0.02, 0.08}, {1, 0.01, 0.1}} {
		var before, after float64
		for range times {
			x := toAlarm(r, c.perSecond, c.usual, c.rate, flat, usualAlarm, given)
			y := toAlarm(r, c.perSecond, c.usual, c.rate, graded, usualAlarm+fail.strict(), given)
			if x < 0 || y < 0 {
				t.Fatalf("%+v is not seen within the hour", c)
			}
			before, after = before+float64(x)/times, after+float64(y)/times
		}
		if after > 0.97*before {
			t.Errorf("%+v: seen after %.1f s, and after %.1f s if drifts are granted to all", c, after, before)
		}
	}
	for _, c := range []struct{ perSecond, usual float64 }{{20, 0.01}, {5, 0.02}, {1, 0.01}, {0.3, 0.03}} {
		for range 10 {
			if at := toAlarm(r, c.perSecond, c.usual, 1.3*c.usual, graded, usualAlarm+fail.strict(), 6*given); at >= 0 {
				t.Errorf("%+v: three more in ten are no fault, and called one after %d s", c, at)
			}
		}
	}
}

func TestBoundary(t *testing.T) {
	b := traits[fail].boundary(100, 1, 0, 0, 1)
	for j, want := range []float64{0.015, 0.0134, 0.012, 0.011, 0.011, 0.011} {
		if got := b.of(j); math.Abs(got-want) > 1e-9 {
			t.Errorf("at strength %v %v failures in a hundred are normal, want %v", strengths[j], 100*got, 100*want)
		}
	}
	b = traits[slow].boundary(100, 8, 0, 0, 1)
	if b.of(0) != b.of(5) || math.Abs(b.of(0)-0.14) > 1e-9 {
		t.Errorf("of what is measured drifts are granted to all strengths: %v", b)
	}
	b = traits[fail].boundary(1, 0.006, 0.01, 0.02, 2)
	if got, want := b.of(5), 2*(0.006+0.15+0.02+0.001); math.Abs(got-want) > 1e-9 {
		t.Errorf("what is not known is granted to all: %v, want %v", got, want)
	}
	if got := traits[fail].boundary(1, 1, 1, 1, 1); got.of(5) != 0.9 {
		t.Errorf("%v", got.of(5))
	}
}

// What a burst begins with is not learned as scatter, which would make it need more evidence; calm minutes are.
func TestScatterIsLearnedLate(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	s := newStats()[fail]
	sec := int64(0)
	play := func(seconds int64, rate float64, learn bool) {
		for range seconds {
			sec++
			k := 0.0
			for range 20 {
				if r.Float64() < rate {
					k++
				}
			}
			at, around := momentOf(sec), traits[fail].boundary(20, 0.2, 0, 0, 1)
			s.push(&at, 20, k, 0.2, &around, false, learn)
		}
	}
	play(guardWarm, 0.01, true)
	if s.w != 0 {
		t.Errorf("scatter of the last %d s is learned", guardWarm)
	}
	play(1200, 0.01, true)
	calm := s.phi
	if s.w == 0 || calm > 1.5 {
		t.Fatalf("after twenty minutes the scatter is %.2f, of weight %.2f", calm, s.w)
	}
	play(guardWarm, 0.01, true)
	calm = s.phi
	play(60, 0.06, true)
	if got := s.phi; math.Abs(got-calm) > 0.1 {
		t.Errorf("a minute of a burst makes the scatter %.2f of %.2f", got, calm)
	}
	play(600, 0.06, false)
	play(guardWarm, 0.01, true)
	if got := s.phi; math.Abs(got-calm) > 0.2 {
		t.Errorf("the burst was learned: scatter %.2f, before %.2f", got, calm)
	}
	play(600, 0.06, true)
	if got := s.phi; got < calm+0.3 {
		t.Errorf("what no burst explains is scatter in the end: %.2f, before %.2f", got, calm)
	}
}
