package decode

import (
	"bytes"
	"slices"
	"time"

	"signalbox/internal/fault"
	"signalbox/internal/traffic"
)

// learning is what earlier lines of a log say about later ones. It can be compared, so that whoever decodes side by side
// sees whether it has changed.
type learning struct {
	sawStatus bool // lines tell the status of a request
	sawFinish bool // and how a stream ended
	sawModel  bool // lines with a status name the model
	outcry    outcry
}

// noteFinish learns whether the log tells how streams ended: of many only those answers are read that come whole.
func (l *learning) noteFinish(finished, streamed bool) {
	l.sawFinish = l.sawFinish || finished && streamed
}

// outcry is what is known of error lines without a status in a log whose other lines have one. In some logs they are how a
// call fails that got no answer, and count; in others each of them comes before the line of its request, which counts.
// Until that is told they count, and the line of a request that has cried already does not.
type outcry struct {
	joined  bool // failed requests have lines of their own
	counted uint8
	ids     [4]uint64 // of requests whose error lines have counted
	next    uint8
	unnamed uint8 // error lines that have counted and name no request
	within  uint8 // for how many lines with a status it is still asked
}

// The bounds of asking: after so many error lines none of which was followed by the line of its request they count for
// good; each may be followed by it within so many lines.
const (
	criesTold   = 8
	criesWithin = 200
	criesOwed   = 4
)

// calls tells whether an error line can be how a call ended: in a log whose requests name the model it names one, and
// speaks of no attempt after which others come.
func (g *generic) calls() bool {
	d := &g.d
	return !g.outcry.joined && g.sawModel && d.has(fModel) && d.atError() && !d.has(fAttempt) &&
		!bytes.Contains(bytes.ToLower(d.word(fText)), []byte("retry")) && !bytes.Contains(bytes.ToLower(d.word(fMessage)), []byte("retrying"))
}

// lone counts an error line, if it is about a failure and its request has not cried before.
func (g *generic) lone(v fault.Verdict) bool {
	c, id := &g.outcry, requestOf(&g.d)
	switch {
	case v.Class == fault.None || v.Confidence < countsFrom:
		return false
	case id != 0 && c.has(id):
		c.joined = true // one failure writes several such lines
		return false
	case c.counted == criesTold:
	case id != 0:
		c.ids[c.next], c.next = id, (c.next+1)%uint8(len(c.ids))
		c.counted, c.within = c.counted+1, criesWithin
	default:
		c.unnamed = min(c.unnamed+1, criesOwed)
		c.counted, c.within = c.counted+1, criesWithin
	}
	return true
}

// countedAlready is what becomes of a line whose failure has been counted already.
func (g *generic) countedAlready(received time.Time) (traffic.Record, Result) {
	if !g.d.has(fRequestID) {
		return traffic.Record{}, Result{Kind: Ignored, Why: "its error line has been counted"}
	}
	return g.rec.explain(&g.d, received)
}

func (c *outcry) has(id uint64) bool {
	return slices.Contains(c.ids[:], id)
}

// asked tells whether lines with a status are looked at for an error line before them.
func (c *outcry) asked() bool { return c.within > 0 }

// answers looks at a line with a status, and tells whether its failure has been counted already. bare: the line does not
// say itself what went wrong.
func (c *outcry) answers(id uint64, failed, bare bool) (counted bool) {
	if failed && bare {
		c.joined = true
	}
	if !c.asked() {
		return false
	}
	for i, was := range c.ids {
		if id != 0 && was == id {
			c.joined, c.ids[i], counted = true, 0, failed
		}
	}
	if failed && bare && c.unnamed > 0 {
		c.unnamed, counted = c.unnamed-1, true
	}
	if c.within--; c.within == 0 {
		c.ids, c.next, c.unnamed = [4]uint64{}, 0, 0
	}
	return counted
}
