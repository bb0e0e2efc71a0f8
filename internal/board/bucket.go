package board

import (
	"time"

	"signalbox/internal/traffic"
)

// OutcomeN counts one outcome. It is an alias of an unnamed struct, like Leaf, so that a detector can declare the
// same shape without either package importing the other.
type OutcomeN = struct {
	Outcome traffic.Outcome
	N       int64 // all attempts
	First   int64 // of them, first attempts: repeats of one request are not independent evidence
}

// bucket is one series in one span of time.
type bucket struct {
	start               int64 // unix seconds, aligned to the level's step
	one                 OutcomeN
	more                []OutcomeN // almost always empty: most buckets hold successes only
	tokIn, tokOut, tokC int64
	retry, fallback     int32
	again               int32 // attempts that say they are not the first of their request
	width               int32 // seconds of the widest count in it; 1 for records
	lat, ttft           Sketch
}

func (k *bucket) outcome(o traffic.Outcome, n, first int64) {
	if k.one.N == 0 {
		k.one.Outcome = o
	}
	if k.one.Outcome == o {
		k.one.N += n
		k.one.First += first
		return
	}
	for i := range k.more {
		if k.more[i].Outcome == o {
			k.more[i].N += n
			k.more[i].First += first
			return
		}
	}
	k.more = append(k.more, OutcomeN{Outcome: o, N: n, First: first})
}

func (k *bucket) addCount(o traffic.Outcome, n int64, width int32) {
	k.outcome(o, n, n)
	k.width = max(k.width, width, 1)
}

// merge takes another bucket of the same series in.
func (k *bucket) merge(o *bucket) {
	o.each(func(x OutcomeN) { k.outcome(x.Outcome, x.N, x.First) })
	k.tokIn += o.tokIn
	k.tokOut += o.tokOut
	k.tokC += o.tokC
	k.retry += o.retry
	k.fallback += o.fallback
	k.again += o.again
	k.width = max(k.width, o.width)
	k.lat.Merge(o.lat)
	k.ttft.Merge(o.ttft)
}

func (k *bucket) each(f func(OutcomeN)) {
	if k.one.N > 0 {
		f(k.one)
	}
	for _, x := range k.more {
		f(x)
	}
}

// sums are the requests of the bucket, the failures that are not the caller's own, and those that are.
func (k *bucket) sums() (req, failed, caller int64) {
	k.each(func(x OutcomeN) {
		req += x.N
		switch c := x.Outcome.Class(); {
		case !x.Outcome.Failed():
		case c.Caller():
			caller += x.N
		default:
			failed += x.N
		}
	})
	return req, failed, caller
}

// maxSpread bounds the width of one count: a counter that was not read for a day tells nothing about its seconds.
const maxSpread = 24 * time.Hour

// spread deals n out over the seconds of [from, to) in proportion to how much of each lies inside. It rounds the
// running sum, so that the parts add up to n exactly and no second is off its share by one or more. Where it rounds up
// is the phase, from 0 to 1: with the same for all counts of a scrape, each that is one would lie in the same second,
// and all failures that are rare together would look like a burst there.
// A span without width belongs to the second that it lies in.
func spread(from, to time.Time, n int64, phase float64, put func(sec, n int64)) {
	if to.Sub(from) > maxSpread {
		from = to.Add(-maxSpread)
	}
	total := to.Sub(from)
	if total <= 0 {
		put(from.Unix(), n)
		return
	}
	var dealt int64
	for sec := from.Unix(); ; sec++ {
		end := time.Unix(sec+1, 0)
		if !end.Before(to) {
			if n > dealt {
				put(sec, n-dealt)
			}
			return
		}
		upTo := int64(float64(n)*(float64(end.Sub(from))/float64(total)) + phase)
		upTo = min(max(upTo, dealt), n)
		if upTo > dealt {
			put(sec, upTo-dealt)
			dealt = upTo
		}
	}
}
