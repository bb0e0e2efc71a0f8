package board

import (
	"math/rand/v2"
	"testing"

	"signalbox/internal/traffic"
)

// Failures are remembered for as many records as there is room for, and then no more, whatever else fails meanwhile.
func TestFailuresAreRememberedForSoManyRecords(t *testing.T) {
	const room = 40
	type seen struct {
		at    int
		place uint32
	}
	r := rand.New(rand.NewPCG(5, 6))
	for _, failing := range []int{1, 10, 50, 100} {
		f := newFailures(room)
		told, repeats := map[uint64]seen{}, 0
		for i := range 20_000 {
			b := traffic.Brief{Request: 1 + uint64(r.IntN(60))<<16*uint64(r.IntN(2)), Place: uint32(r.IntN(2)), Attempt: int32(1 + r.IntN(2)), Known: traffic.HasAttempt}
			b.Request += uint64(r.IntN(3)) // some end with the same bits
			b.Outcome = outcome("none", 200)
			if r.IntN(100) < failing {
				b.Outcome = outcome("server_error", 500)
			}
			was, known := told[b.Request]
			known = known && i-was.at <= room
			want := b.Attempt == 1 || known && was.place != b.Place
			if got := f.first(&b); got != want {
				t.Fatalf("%d%% fail: record %d %+v is a first attempt: %v, want %v after %+v", failing, i, b, got, want, was)
			}
			if !want {
				repeats++
			}
			if b.Outcome.Failed() {
				if !known {
					was.at = i
				}
				told[b.Request] = seen{was.at, b.Place}
			}
		}
		if repeats < 1000 || f.held > room {
			t.Errorf("%d%% fail: %d repeats; %d are held", failing, repeats, f.held)
		}
	}
}
