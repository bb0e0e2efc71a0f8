package burst

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"signalbox/internal/traffic"
)

// Sight is how soon a fault could be seen at all in a part of the traffic: there is no telling "clean" from "too
// little traffic" without it.
type Sight struct {
	Key       traffic.Key   // the dimensions asked for, the others 0
	PerSecond float64       // requests, over the last two hours or so
	Normal    float64       // the failure rate that is expected
	Blind     time.Duration // how long three requests in ten must fail before it can be told
}

// What is asked of a sight.
const (
	sightShare = 0.3              // of requests that fail
	thinFrom   = 10 * time.Minute // who is blind for longer learns more from a wider cut
)

// Thin tells whether there is too little traffic for its calm to say much.
func (s Sight) Thin() bool { return s.Blind > thinFrom }

// String says it as an operator reads it: "blind for 4 min".
func (s Sight) String() string {
	switch b := s.Blind; {
	case b < 2*time.Second:
		return "seen at once"
	case b < 2*time.Minute:
		return fmt.Sprintf("blind for %d s", int(b.Seconds()))
	case b < 2*time.Hour:
		return fmt.Sprintf("blind for %d min", int(b.Minutes()))
	case b < 48*time.Hour:
		return fmt.Sprintf("blind for %d h", int(b.Hours()))
	}
	return "too little traffic to see anything"
}

// Learning is how far a detector has got with what is normal. Until it is done a fault that was on before it began may be
// taken for normal, and calm is worth no more than that.
type Learning struct {
	Since       time.Time     // the first second that it was given; zero: none yet
	Known       time.Time     // until when what it began with was learned by an earlier one; zero: it began with nothing
	Seen, Needs time.Duration // how much of time was learned from, by earlier ones too, and how much it takes
	Read        time.Duration // how much of it by this one
}

// Done tells whether it knows what it takes.
func (l Learning) Done() bool { return l.Seen >= l.Needs }

// Learning tells how far the detector has got.
func (d *Detector) Learning() Learning {
	l := Learning{Needs: fresh * time.Second, Known: d.known}
	if w := d.blame; w.began != 0 {
		l.Since, l.Seen, l.Read = at(w.began), time.Duration(d.sec-w.born)*time.Second, time.Duration(d.sec-w.began)*time.Second
	}
	return l
}

// Sights says, for each combination of values that some dimensions have, how soon a fault could be seen there: first
// the blindest. It looks at what carries blame: attempts of gateways that tell of them, else requests.
func (d *Detector) Sights(by ...traffic.Dim) []Sight {
	d.blame.expect(d.blame.leaves)
	at := make(map[traffic.Key]int)
	var out []Sight
	for _, l := range d.blame.leaves {
		var key traffic.Key
		for _, dim := range by {
			key[dim] = l.key[dim]
		}
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key], out = i, append(out, Sight{Key: key})
		}
		rate := l.rate(d.sec)
		out[i].PerSecond += rate
		out[i].Normal += rate * l.base.p[fail]
	}
	for i := range out {
		if s := &out[i]; s.PerSecond > 0 {
			s.Normal /= s.PerSecond
			s.Blind = d.BlindFor(s.PerSecond, s.Normal, sightShare)
		} else {
			s.Blind = d.BlindFor(0, 0, sightShare)
		}
	}
	slices.SortStableFunc(out, func(x, y Sight) int { return cmp.Compare(y.Blind, x.Blind) })
	return out
}

// rate is how many requests a second a leaf has had in the last two hours or so.
func (l *leaf) rate(sec int64) float64 {
	dt := float64(max(sec-l.last, 0))
	f := math.Exp(-dt / 7200)
	return l.seen * f / max(l.span*f+dt, 1)
}

// BlindFor says how long a failure of this share of requests must last, at this many requests a second and this
// normal failure rate, before any detector with the operator's false alarms can see it (Lorden's bound): what to say
// about a cell with little traffic.
func (d *Detector) BlindFor(perSecond, normal, share float64) time.Duration {
	p0 := min(max(normal, 1e-4), 0.9)
	p1 := min(max(p0+share, p0+1e-3), 0.999)
	information := perSecond * divergence(p1, p0)
	if information <= 0 {
		return 1 << 62
	}
	secs := (d.blame.alarmAt(int(signals)) - 1) / information
	return time.Duration(min(secs, 1e6) * float64(time.Second))
}
