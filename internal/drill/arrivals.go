package drill

import (
	"math/rand/v2"
	"time"
)

// lateUsers is how late a user may come. After a standstill those of this time come together and the rest stay away: what a scenario
// does by the number of its users it does in spite of many short ones, and after a long one they do not hold up the longer a machine
// that has just come to.
const lateUsers = 500 * time.Millisecond

// arrivals is when users come: at random, whether or not those before were served.
type arrivals struct {
	mean float64 // time between two, in nanoseconds
	next time.Time
	owed float64 // part of a user who stayed away
}

// draw gives when the next one comes.
func (a *arrivals) draw(rng *rand.Rand) time.Time {
	a.next = a.next.Add(time.Duration(rng.ExpFloat64() * a.mean))
	return a.next
}

// late is told when the next one could come, and gives how many stay away for that.
func (a *arrivals) late(now time.Time) (away int64) {
	lost := now.Sub(a.next) - lateUsers
	if lost <= 0 {
		return 0
	}
	a.next = a.next.Add(lost)
	a.owed += float64(lost) / a.mean
	away = int64(a.owed)
	a.owed -= float64(away)
	return away
}
