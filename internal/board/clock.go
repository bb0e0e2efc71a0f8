package board

import (
	"time"

	"signalbox/internal/traffic"
)

// The bounds of the watermark.
const (
	maxBehind  = 5 * time.Second  // how far it may lie behind the newest event time
	quietAfter = 10 * time.Second // live, a source without news for longer than this does not hold it back
	maxCadence = 60 * time.Second // how slow a source may deliver and still be waited for
)

// source is what the board knows about one source's sense of time.
type source struct {
	newest   time.Time
	received time.Time // when newest came
	health   traffic.Health
	disorder time.Duration // how far out of order its lines were lately
	cadence  time.Duration // how long it lately took between two deliveries with news
	lines    numbered
}

// order notes how far behind the source's newest an event is, so that lines which two writers interleave by
// milliseconds do not come late.
func (s *source) order(t time.Time) {
	if behind := s.newest.Sub(t); behind > s.disorder && behind <= maxBehind {
		s.disorder = behind
	}
}

// clock keeps event time: the newest instant, and the watermark up to which seconds are closed.
type clock struct {
	newest   time.Time
	first    time.Time
	received time.Time // when newest came
	mark     time.Time
	sources  map[string]*source
}

func newClock() clock { return clock{sources: make(map[string]*source)} }

// source finds or makes a source's sense of time. Names come from the configuration: they are few.
func (c *clock) source(name string) *source {
	s, ok := c.sources[name]
	if !ok {
		s = &source{}
		c.sources[name] = s
	}
	return s
}

// began notes the earliest event time.
func (c *clock) began(t time.Time) {
	if c.first.IsZero() || t.Before(c.first) {
		c.first = t
	}
}

// closed tells whether detection has already seen the second of t.
func (c *clock) closed(t time.Time) bool {
	return !c.mark.IsZero() && t.Unix() < c.mark.Unix()
}

// closedTo is the first second that is still open.
func (c *clock) closedTo() int64 {
	if c.mark.IsZero() {
		return minSecond
	}
	return c.mark.Unix()
}

func (c *clock) saw(s *source, newest, now time.Time) {
	if !newest.After(s.newest) {
		return
	}
	if !s.received.IsZero() {
		moved := newest.Sub(s.newest)
		s.disorder = time.Duration(float64(s.disorder) * max(0, 1-moved.Seconds()/60))
		s.cadence = max(min(now.Sub(s.received), maxCadence), s.cadence*9/10)
	}
	s.newest, s.received = newest, now
	if newest.After(c.newest) {
		c.newest, c.received = newest, now
	}
}

func (s *source) holds(now time.Time, live bool) bool {
	switch s.health {
	case traffic.Silent, traffic.Ended, traffic.Waiting, traffic.Failing:
		return false
	}
	if s.newest.IsZero() {
		return false
	}
	return !live || now.Sub(s.received) <= max(quietAfter, 2*s.cadence)
}

// Watermark is the instant before which the board's seconds are closed: the least of the newest event times of the
// sources that are not silent, at most 5 s behind the newest of all. Live it also moves with the clock, so that lost
// traffic is seen: 5 s after the newest event, and after the pause that its source usually makes, time goes on
// without it. It compares clocks by their speed only: a log whose clock is an hour off works. It never goes back.
func (b *Board) Watermark(now time.Time, live bool) time.Time {
	c := &b.times
	if c.newest.IsZero() {
		return time.Time{}
	}
	least := c.newest
	var pause time.Duration
	for _, s := range c.sources {
		if !s.holds(now, live) {
			continue
		}
		if t := s.newest.Add(-s.disorder); t.Before(least) {
			least = t
		}
		if s.newest.Equal(c.newest) {
			pause = max(pause, s.cadence)
		}
	}
	if slowest := c.newest.Add(-maxBehind); least.Before(slowest) {
		least = slowest
	}
	if live {
		if t := c.newest.Add(now.Sub(c.received) - maxBehind - pause); t.After(least) {
			least = t
		}
	}
	if least.After(c.mark) {
		c.mark = least
	}
	return c.mark
}
