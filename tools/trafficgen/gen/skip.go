package gen

import (
	"math"
	"math/rand/v2"
)

// Skip lets so many seconds pass of which nobody sees the traffic: the time of day goes on, what drifts has drifted, and
// who wanted to ask again has done so.
func (g *Gen) Skip(secs int64) {
	g.T += secs
	for i := range g.Leaves {
		g.Leaves[i].retry, g.Leaves[i].again = [4]int{}, [4]int{}
	}
	for i := range g.drift {
		d := &g.drift[i]
		d.rate.skip(g.r, secs)
		d.err.skip(g.r, secs)
		d.lat.skip(g.r, secs)
	}
}

// skip takes so many steps at once.
func (o *ou) skip(r *rand.Rand, steps int64) {
	left := math.Pow(o.rho, float64(steps))
	if o.rho < 1 {
		o.x = left*o.x + o.s*math.Sqrt((1-left*left)/(1-o.rho*o.rho))*r.NormFloat64()
	}
}
