package decode

import (
	"bytes"

	"signalbox/internal/traffic"
)

// errorTexts remembers what failures come to by the texts of their errors as they stand in the lines. What is not found
// is left to others, so that it may forget at any time.
type errorTexts struct {
	slots []*errorText
}

type errorText struct {
	status   int
	streams  traffic.Mark
	provider traffic.Sym
	ends     [3]int // in raw, of code, type and message
	raw      []byte
	outcome  traffic.Outcome
}

// slot gives the slots in which a failure may stand.
func (e *errorTexts) set(buf []byte, c *car, at *filled) []*errorText {
	h := mix(uint64(c.status)^uint64(at.key[traffic.Provider])<<16^uint64(c.streams)<<48, 0xa0761d6478bd642f) //nolint:gosec // a hash
	for _, text := range c.texts {
		h = hashed(h, buf[text[0]:text[1]])
	}
	if e.slots == nil {
		e.slots = make([]*errorText, judgedSlots)
	}
	return e.slots[h%(judgedSlots/judgedWays)*judgedWays:][:judgedWays]
}

// find gives the outcome of a failure that was met before.
func (e *errorTexts) find(buf []byte, c *car, at *filled) (traffic.Outcome, bool) {
	for _, x := range e.set(buf, c, at) {
		if x != nil && x.status == c.status && x.streams == c.streams && x.provider == at.key[traffic.Provider] && x.says(buf, c) {
			return x.outcome, true
		}
	}
	return 0, false
}

func (x *errorText) says(buf []byte, c *car) bool {
	from := 0
	for i, text := range c.texts {
		if !bytes.Equal(x.raw[from:x.ends[i]], buf[text[0]:text[1]]) {
			return false
		}
		from = x.ends[i]
	}
	return true
}

// add remembers a failure.
func (e *errorTexts) add(buf []byte, c *car, at *filled, outcome traffic.Outcome) {
	x := &errorText{status: c.status, streams: c.streams, provider: at.key[traffic.Provider], outcome: outcome}
	for i, text := range c.texts {
		x.raw = append(x.raw, buf[text[0]:text[1]]...)
		x.ends[i] = len(x.raw)
	}
	if len(x.raw) > maxJudged {
		return
	}
	set := e.set(buf, c, at)
	copy(set[1:], set)
	set[0] = x
}
