package decode

import (
	"encoding/binary"
	"time"

	"signalbox/internal/fault"
	"signalbox/internal/traffic"
)

// track reads plain successes, and failures whose texts were met before, straight into briefs. It is laid from lines that were read the other way: each step is
// the bytes up to a value, compared as they stand, and what to do with the value, which for most values is to find its
// end. It gives a brief only where template and worker would give the same one, and leaves a line to them as soon as
// that is not certain: at bytes that it has not met, at a failure, at an escape in a value that counts, at a name that
// is new, or at a text of an error.
type track struct {
	worker *Worker
	steps  []step // 0 is none; a way ends at a step that does atEndOfLine
	first  int16
	memos  [numFields]*memo // of the fields whose values are names
	stops  []stop
	errors errorTexts
	held   int     // stops
	credit int     // what may still be spent on laying, see spend
	misses int     // lines left to others, less half of those that were not
	pause  int     // lines for which it is not tried
	before int64   // lines are only taken whose time is before this, in unix seconds
	lines  bool    // it is for lines, which have more than briefs
	slots  []field // of names, in the order in which they were met: where their bytes stand in car.names
	owed   []*stop // see settle

	car
}

// car is what is known of the line that is being read.
type car struct {
	names    uint64    // the names of its place, a byte for each field: see stop
	id       [2]int    // where its request id begins and ends
	texts    [3][2]int // where an error's code, type and message stand, with their quotes; 0 nowhere
	status   int
	streams  traffic.Mark // Streams, Whole, or nothing
	finished bool

	reason, served traffic.Sym // why it finished and what model answered, for lines only
}

// step is one way on: bytes, and what to do with the value behind them.
type step struct {
	literal
	alt  int16 // the step to try where the bytes are others; 0 none
	next int16
	do   doing
	skip uint8  // the length that texts have here; 0 for various
	off  uint16 // how often they had another
	at   uint8  // of a name: where its byte stands in car.names
	has  traffic.Field
	unit time.Duration
	memo *memo

	strict bool // the value must not be empty: another counts then
	rank   uint8
	f      field
}

// doing is what is done with a value.
type doing uint8

const (
	passBy doing = iota // find its end
	readTime
	readName
	readID
	readStatus
	readAttempt
	readSpan
	readCount
	readStream
	readFinish
	readFell
	readServed // for lines
	readText
	atEndOfLine
)

// stop is a place by the names of its fields.
type stop struct {
	names            uint64
	at               *filled // nil: free
	noModel, noPlace bool    // see Lack
	unknown          int64   // lines that at.unknown has not counted yet
}

// The bounds of a track.
const (
	stopBits   = 12
	stopProbes = 4
	maxStops   = 1 << stopBits / 2
	maxTrack   = 1000
	maxAlts    = 12
	maxGlue    = 1000
	reach      = 48 // bytes that must follow wherever a step begins
	maxOff     = 4000
	layCost    = 20
	maxCredit  = 20_000
	maxMisses  = 500
	pauseLines = 20_000
)

func newTrack(w *Worker) *track {
	t := &track{worker: w, credit: maxCredit}
	t.steps = make([]step, 1, 64)
	return t
}

// take reads the line that begins at an offset, adds its brief to a block, and gives the offset of the next line; 0, and
// nothing is changed, where the line must be read otherwise.
func (t *track) take(k *Block, buf []byte, i int) int {
	if t.pause > 0 {
		t.pause--
		return 0
	}
	n := len(k.Briefs)
	k.Briefs = append(k.Briefs, traffic.Brief{})
	b := &k.Briefs[n]
	end, s := t.brief(buf, i, b)
	if end == 0 {
		k.Briefs = k.Briefs[:n]
		return 0
	}
	b.Place = t.worker.cell(s.at, streaming(t.streams))
	if s.at.unknown != nil {
		if s.unknown == 0 {
			t.owed = append(t.owed, s)
		}
		s.unknown++
	}
	k.Lack.Records++
	if s.noModel {
		k.Lack.Model++
	}
	if s.noPlace {
		k.Lack.Place++
	}
	k.tally.Records++
	if s.at.unmapped {
		k.tally.Unmapped++
	}
	k.newest = max(k.newest, b.At)
	return end
}

// settle counts the lines whose places the inventory does not know: one by one that would cost as much as reading a value.
func (t *track) settle() {
	for _, s := range t.owed {
		s.at.unknown.Add(s.unknown)
		s.unknown = 0
	}
	t.owed = t.owed[:0]
}

// brief reads the line that begins at an offset, all but the number of its place, and gives the offset of the next line
// and the place; 0, and b is to be forgotten, where the line must be read otherwise.
func (t *track) brief(buf []byte, i int, b *traffic.Brief) (int, *stop) {
	end := t.follow(buf, i, b)
	if end == 0 || end-i > MaxLine {
		t.missed()
		return 0, nil
	}
	s := t.here()
	if s == nil || !t.finish(buf, b, s.at) {
		t.missed()
		return 0, nil
	}
	if t.misses > 0 {
		t.misses--
	}
	t.credit = min(t.credit+1, maxCredit)
	return end, s
}

// missed counts a line that is left to others. Where too many are, the log is not of this kind. Failures that become records
// say nothing of that, and nor do lines before the first way is laid.
func (t *track) missed() {
	if t.first == 0 || t.lines && t.status >= 400 {
		return
	}
	if t.misses += 2; t.misses > maxMisses {
		t.misses, t.pause = 0, pauseLines
		t.forget()
	}
}

// finish does what has to know all of the line.
func (t *track) finish(buf []byte, b *traffic.Brief, at *filled) bool {
	g := t.worker.dec.generic
	b.Outcome = traffic.NewOutcome(fault.None, t.status)
	switch {
	case g.outcry.asked():
		return false
	case t.status >= 400:
		var met bool
		if b.Outcome, met = t.errors.find(buf, &t.car, at); !met || t.finished || t.lines {
			return false
		}
	case t.status == 0, t.texts[0][1] > 0, t.texts[2][1] > 0, !t.finished && g.sawFinish && t.streams == traffic.Streams && t.status == 200:
		return false
	}
	g.sawStatus = true
	g.noteFinish(t.finished, t.streams == traffic.Streams)
	b.Known |= traffic.HasStatus
	b.Marks |= t.streams
	if t.id[1] > 0 && (b.Attempt > 1 || t.status >= 400) {
		b.Request = requestNumber(wordOf(buf[t.id[0]:t.id[1]]))
	}
	return true
}

// follow reads a line, and gives the offset behind its line feed, 0 where it cannot. What nearly every line has is read
// here, the rest by read: each call less is a tenth of a value's time.
func (t *track) follow(buf []byte, i int, b *traffic.Brief) int {
	t.car = car{}
	steps, n := t.steps, t.first
	for n > 0 && i+reach <= len(buf) {
		s := &steps[n]
		p := (*[reach]byte)(buf[i:])
		for !s.begins(p) || s.n > inPlace && !s.goesOn(buf, i) {
			if s.alt == 0 {
				return 0
			}
			s = &steps[s.alt]
		}
		i += int(s.n)
		if s.do == atEndOfLine {
			return i
		}
		if i+reach > len(buf) {
			return 0
		}
		switch s.do {
		case passBy:
			i = passScalar(buf, i, s)
		case readName:
			w := s.memo.find(buf, i)
			if w == nil || w.id == 0 && s.strict {
				return 0
			}
			t.names = t.names&^(0xff<<(s.at&63)) | uint64(w.id)<<(s.at&63)
			i += int(w.n)
		case readSpan, readCount, readAttempt:
			i = t.number(buf, i, s, b)
		default:
			i = t.read(buf, i, s, b)
		}
		if i == 0 {
			return 0
		}
		n = s.next
	}
	return 0
}

// read reads one of the other values that count, and gives the offset behind it, 0 where that is left to others.
func (t *track) read(buf []byte, i int, s *step, b *traffic.Brief) int {
	switch s.do {
	case readTime:
		return t.time(buf, i, s, b)
	case readID:
		end := passASCII(buf, i+1, s)
		if end <= i+1 || buf[i] != '"' {
			return 0
		}
		t.id = [2]int{i + 1, end}
		return end + 1
	case readStatus:
		n, frac, end := shortNumber((*[reach]byte)(buf[i:]), i)
		if end == 0 || frac > 0 || n < 100 || n > 599 {
			return 0
		}
		t.status = int(n)
		return end
	case readStream:
		switch x := binary.LittleEndian.Uint64(buf[i:]); {
		case x&0xffffffff == wordTrue:
			t.streams = traffic.Streams
			return i + 4
		case x&0xffffffffff == wordFalse:
			t.streams = traffic.Whole
			return i + 5
		}
		return 0
	case readText:
		end := passScalar(buf, i, s)
		t.texts[s.at] = [2]int{i, end}
		return end
	default:
		return t.rare(buf, i, s, b)
	}
}

// The words as numbers.
const (
	wordTrue  = 't' | 'r'<<8 | 'u'<<16 | 'e'<<24
	wordFalse = 'f' | 'a'<<8 | 'l'<<16 | 's'<<24 | 'e'<<32
	wordNull  = 'n' | 'u'<<8 | 'l'<<16 | 'l'<<24
)

// rare reads names of which only counts what they say.
func (t *track) rare(buf []byte, i int, s *step, b *traffic.Brief) int {
	w := s.memo.find(buf, i)
	if w == nil || s.strict && w.id == 0 {
		return 0
	}
	if w.says {
		switch s.do {
		case readFinish:
			t.finished, t.reason = true, w.from
		case readServed:
			t.served = w.from
		case readFell:
			b.Marks, b.From = b.Marks|traffic.FellBack, w.from
		}
	}
	return i + int(w.n)
}

// here finds the place of the line.
func (t *track) here() *stop {
	if t.stops == nil {
		return nil
	}
	for i := range uint64(stopProbes) {
		s := t.stopAt(i)
		if s.at == nil {
			return nil
		}
		if s.names == t.names {
			return s
		}
	}
	return nil
}

func (t *track) stopAt(i uint64) *stop {
	return &t.stops[(t.names*0x9e3779b97f4a7c15>>(64-stopBits)+i)%(1<<stopBits)]
}
