package burst

import (
	"slices"

	"signalbox/internal/traffic"
)

// slot is one second of a leaf.
type slot struct {
	sec int64
	all int32 // all attempts
	counts
	fails []OutcomeN // failures of all attempts
}

// past is what a leaf has counted in the last quarter of an hour, second by second, packed: four bytes for a second
// in which all went well at the first attempt, which nearly all are, and twelve for each kind of thing that did not.
// Seconds without traffic cost nothing.
type past struct {
	words []uint32                       // second << 16 | first attempts; a second may have several
	odds  []odd                          // in order of time, too
	last  int64                          // the newest second: the sixteen bits of the others count back from it
	read  cursor                         // up to where the baseline has learned
	fresh int64                          // nothing that is not after this second is worth dropping yet
	since [signals - firstMeasured]int64 // from when on a signal is measured of all that it can be measured of; 0 never
}

// cursor is a place between two seconds: an index of words and one of odds.
type cursor struct{ word, odd int }

// odd is what was not a first attempt that ended well: failures of one outcome in one second, repeats, or what a
// measured signal counted.
type odd struct {
	sec          uint16
	first, again uint16 // first attempts and repeats; of a measured signal the halves of its failures
	sig          signal
	out          uint32 // the outcome; of a measured signal how many more were measured than usual, signed
}

const low16 = 1<<16 - 1

// at gives back the second of which sixteen bits were kept.
func (p *past) at(sec uint16) int64 { return p.last - int64(uint16(p.last)-sec) } //nolint:gosec // modulo 2^16

// find is the cursor before the first second that is not before this one.
func (p *past) find(sec int64) cursor {
	if sec > p.last {
		return cursor{len(p.words), len(p.odds)}
	}
	low, age := uint16(p.last), uint16(min(p.last-sec, low16)) //nolint:gosec // 16 bits
	var c cursor
	for n := len(p.words); n > 0; { // the seconds from word+n on are not before it
		half := n / 2
		if low-uint16(p.words[c.word+half]>>16) > age { //nolint:gosec // 16 bits
			c.word, n = c.word+half+1, n-half-1
		} else {
			n = half
		}
	}
	for n := len(p.odds); n > 0; {
		half := n / 2
		if low-p.odds[c.odd+half].sec > age {
			c.odd, n = c.odd+half+1, n-half-1
		} else {
			n = half
		}
	}
	return c
}

// put adds counts of a second. It may be older than the newest, by less than the past is long; then what the
// baseline has already passed it does not learn.
func (p *past) put(sec int64, x *slot, table *signalTable) {
	end := cursor{len(p.words), len(p.odds)}
	at, since := end, p.last+1 // what stands in an older second was written by another measure
	if end.word == 0 || sec > p.last {
		since, p.last = sec, max(p.last, sec)
	} else if sec < p.last {
		at = p.find(sec)
	}
	for n := x.n; ; {
		part := min(n, low16)
		p.words = append(p.words, uint32(uint16(sec))<<16|uint32(part)) //nolint:gosec // 16 bits each
		if n -= part; n == 0 {
			break
		}
	}
	p.putOdds(sec, since, x, table)
	if at == end {
		if end.word < dropBatch {
			p.refresh()
		}
		return
	}
	late := at.word < p.read.word
	p.words = slices.Insert(p.words[:end.word], at.word, slices.Clone(p.words[end.word:])...)
	p.odds = slices.Insert(p.odds[:end.odd], at.odd, slices.Clone(p.odds[end.odd:])...)
	if late {
		p.read.word += len(p.words) - end.word
		p.read.odd += len(p.odds) - end.odd
	}
	p.refresh()
}

// putOdds appends what was not a first attempt that ended well: what was measured, repeats, and failures, the last first.
func (p *past) putOdds(sec, since int64, x *slot, table *signalTable) {
	low, odds := uint16(sec), p.odds //nolint:gosec // 16 bits
	for s := signals - 1; s >= firstMeasured; s-- {
		n, k := x.measured[s-firstMeasured], x.k[s]
		if n > 0 && p.since[s-firstMeasured] == 0 {
			p.since[s-firstMeasured] = since
		}
		if n -= p.usual(s, sec, x); n != 0 || k > 0 {
			odds = append(odds, odd{sec: low, sig: s, out: uint32(n), first: uint16(k & low16), again: uint16(k >> 16)}) //nolint:gosec // bits
		}
	}
	repeats := int64(x.all - x.n)
	for i := range x.fails {
		repeats -= x.fails[i].N - x.fails[i].First
	}
	if repeats > 0 {
		odds = putOdd(odds, odd{sec: low, sig: good}, 0, repeats)
	}
	for i := len(x.fails) - 1; i >= 0; i-- {
		f := &x.fails[i]
		odds = putOdd(odds, odd{sec: low, sig: table.of(f.Outcome), out: uint32(f.Outcome)}, f.First, f.N-f.First)
	}
	p.odds = odds
}

// usual is how many were measured of a second if nothing is odd.
func (p *past) usual(s signal, sec int64, x *slot) int32 {
	if since := p.since[s-firstMeasured]; since == 0 || sec < since {
		return 0
	}
	return usually(s, x.ok, x.all)
}

// putOdd splits what does not fit into sixteen bits.
func putOdd(odds []odd, x odd, first, again int64) []odd {
	for first > 0 || again > 0 {
		a, b := min(first, low16), min(again, low16)
		x.first, x.again = uint16(a), uint16(b) //nolint:gosec // bounded
		odds = append(odds, x)
		first, again = first-a, again-b
	}
	return odds
}

// next unpacks the second after a cursor.
func (p *past) next(c cursor, x *slot) cursor {
	sec := uint16(p.words[c.word] >> 16) //nolint:gosec // 16 bits
	*x = slot{sec: p.at(sec), fails: x.fails[:0]}
	for ; c.word < len(p.words) && uint16(p.words[c.word]>>16) == sec; c.word++ { //nolint:gosec // 16 bits
		x.n += int32(p.words[c.word] & low16) //nolint:gosec // 16 bits
	}
	x.all, x.ok = x.n, x.n
	for ; c.odd < len(p.odds) && p.odds[c.odd].sec == sec; c.odd++ {
		o := &p.odds[c.odd]
		switch {
		case o.sig == good:
			x.all += int32(o.again)
		case o.sig >= firstMeasured:
			x.k[o.sig] += int32(o.first) | int32(o.again)<<16
			x.measured[o.sig-firstMeasured] += int32(o.out) //nolint:gosec // was one
		default:
			x.all += int32(o.again)
			x.ok -= int32(o.first)
			x.k[o.sig] += int32(o.first)
			x.fails = append(x.fails, OutcomeN{
				Outcome: traffic.Outcome(o.out), N: int64(o.first) + int64(o.again), First: int64(o.first),
			})
		}
	}
	for s := firstMeasured; s < signals; s++ {
		x.measured[s-firstMeasured] += p.usual(s, x.sec, x)
	}
	return c
}

// ends tells whether there is no second after a cursor.
func (p *past) ends(c cursor) bool { return c.word == len(p.words) }

// dropBatch is how many seconds are dropped together: the rest is moved.
const dropBatch = 64

// drop forgets what is before a second.
func (p *past) drop(sec int64) {
	if len(p.words) == 0 || sec <= p.fresh {
		return
	}
	c := p.find(sec)
	p.words, p.odds = slices.Delete(p.words, 0, c.word), slices.Delete(p.odds, 0, c.odd)
	p.read.word, p.read.odd = max(p.read.word-c.word, 0), max(p.read.odd-c.odd, 0)
	p.refresh()
}

// refresh works out until when nothing is worth dropping: to be asked every second, it must not be looked for.
func (p *past) refresh() {
	p.fresh = p.last
	if len(p.words) >= dropBatch {
		p.fresh = p.at(uint16(p.words[dropBatch-1] >> 16)) //nolint:gosec // 16 bits
	}
}
