package drill

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// After a standstill the users of half a second come together, and only the others stay away, counted: nobody came but one, so
// that a machine that stood still now and then missed a scenario of many users. One that always runs late has fewer of them.
func TestLateUsers(t *testing.T) {
	const perSecond = 28
	start := time.Unix(1_000_000, 0)
	for _, c := range []struct {
		stands, every time.Duration // how long the machine stands still, how often
		away          float64       // of all users, the share that stays away
	}{
		{0, time.Second, 0},
		{50 * time.Millisecond, 100 * time.Millisecond, 0},
		{200 * time.Millisecond, time.Second, 0},
		{400 * time.Millisecond, 4 * time.Second, 0},
		{time.Second, 2 * time.Second, 0.25},
		{3 * time.Second, 4 * time.Second, 2.5 / 4},
		{300 * time.Millisecond, 300 * time.Millisecond, 0.63}, // always
	} {
		rng := rand.New(rand.NewPCG(1, 1))
		a := newArrivals(perSecond, start)
		came, away, together, most := 0, int64(0), 0, 0
		for now := start; now.Before(start.Add(10 * time.Minute)); {
			due := a.draw(rng)
			together++
			if due.After(now) { // it is waited for, and the machine may stand still then
				now, together = due, 0
				if in := now.Sub(start) % c.every; in < c.stands {
					now = now.Add(c.stands - in)
				}
			}
			away += a.late(now)
			came++
			most = max(most, together)
		}
		all := perSecond * 600.0
		if sum := float64(came) + float64(away); math.Abs(sum-all) > 0.05*all {
			t.Errorf("standing %v of %v: %d came and %d stayed away, of %.0f", c.stands, c.every, came, away, all)
		}
		if got := float64(away) / all; math.Abs(got-c.away) > 0.08 || c.away == 0 && away > 0 {
			t.Errorf("standing %v of %v: %.2f of all stayed away, not %.2f", c.stands, c.every, got, c.away)
		}
		if bound := 3 * perSecond * int(lateUsers) / int(time.Second); most > bound {
			t.Errorf("standing %v of %v: %d came together, %d are too many", c.stands, c.every, most, bound)
		}
	}
}
