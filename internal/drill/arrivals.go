package drill

import (
	"math/rand/v2"
	"time"
)

const (
	// lateUsers is how much of a standstill is made up for at once: the users of so much time come late, together, and the rest
	// stay away. What a scenario does by the number of its users it does in spite of short standstills.
	lateUsers = 500 * time.Millisecond
	// madeUp is the part of the time that can be made up for again and again. A machine that runs late all the time has more to
	// do than it can: there users stay away, so that those who practise on it have something left.
	madeUp = 0.25
	// inTime is how late a user may come and be in time.
	inTime = 100 * time.Millisecond
)

// arrivals is when users come: at random, whether or not those before were served.
type arrivals struct {
	mean  float64 // time between two, in nanoseconds
	next  time.Time
	spare time.Duration // that can be made up for now
	seen  time.Time     // when spare was that
	let   time.Time     // who is due by then comes, however late
	owed  float64       // part of a user who stayed away
}

func newArrivals(perSecond float64, now time.Time) *arrivals {
	return &arrivals{mean: float64(time.Second) / perSecond, next: now, spare: lateUsers, seen: now, let: now}
}

// draw gives when the next one comes.
func (a *arrivals) draw(rng *rand.Rand) time.Time {
	a.next = a.next.Add(time.Duration(rng.ExpFloat64() * a.mean))
	return a.next
}

// late is told when the next one could come, and gives how many stay away for that.
func (a *arrivals) late(now time.Time) (away int64) {
	a.spare = min(lateUsers, a.spare+time.Duration(madeUp*float64(now.Sub(a.seen))))
	a.seen = now
	lost := now.Sub(a.next)
	if lost <= inTime || !a.next.After(a.let) {
		return 0
	}
	made := min(lost, a.spare)
	a.spare -= made
	a.next = a.next.Add(lost - made)
	a.let = now
	a.owed += float64(lost-made) / a.mean
	away = int64(a.owed)
	a.owed -= float64(away)
	return away
}
