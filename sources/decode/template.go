package decode

import (
	"encoding/binary"
	"math/bits"
)

// template walks lines of JSON whose keys come in an order that was met before. Between two values such a line has
// the same bytes as an earlier one (a comma, a key, a colon, perhaps brackets), so that they are compared as they
// stand instead of being read. It follows a line only as long as that is certain: whatever it has not met, and whatever
// is wrong, it leaves to the scanner, and learns from there. What it accepts the scanner accepts too, with the same
// values.
type template struct {
	names  naming
	states []junction // 0 is the beginning of a line, the others the end of a value
	byPath map[string]int32
	learnt int // bytes
	missed int // lines that it could not follow, less those that it could
	scan   scanner
}

// naming says what a path stands for.
type naming func(path []byte) (to target, how taking, ok bool)

// taking says which values of a path count.
type taking uint8

const (
	takeAll    taking = iota
	takeNumber        // a string only where it is one number
	takeName          // not a place in code
	takeBool          // true or false
	takeError         // an answer that tells of an error
)

// junction is where the next key is told: there is one way on, or there are others.
type junction struct {
	road // of no length where there is none yet
	more []road
}

// road is one way on: the bytes up to the next value, or to the end of the line.
type road struct {
	first, mask, last uint64 // its first eight bytes under a mask, its last eight
	middle            string // what lies between those
	n                 int    // its length
	to                int32  // the junction behind the value; atEnd for none
	wanted            bool
	how               taking
	target
}

const atEnd = -1

// The bounds of a template, and what it takes to begin it anew.
const (
	maxJunctions = 512
	maxRoads     = 16       // from one junction
	maxLearnt    = 64 << 10 // bytes
	missedTooOft = 2000
	missWeight   = 4
)

// pad is how many bytes must follow the end of a line, so that eight bytes can be read anywhere in it.
const pad = 16

func newTemplate(names naming) *template {
	t := &template{names: names}
	t.scan.exact = true
	t.forget()
	return t
}

func (t *template) forget() {
	t.states, t.byPath, t.learnt, t.missed = make([]junction, 1, 64), make(map[string]int32), 0, 0
}

// learn takes the order of the keys of a line that the scanner has accepted.
func (t *template) learn(line []byte) {
	if t.missed += missWeight; t.missed > missedTooOft {
		t.forget() // the log has changed, or never has the same order twice
	}
	if t.learnt+len(line) > maxLearnt || len(line) > maxLearnt/4 {
		return
	}
	at, from, whole := int32(0), 0, true
	t.scan.visit = func(path []byte, _ value) {
		if !whole {
			return
		}
		to, ok := t.junction(path)
		if whole = ok && t.road(at, line[from:t.scan.from], to, path); whole {
			at, from = to, t.scan.i
		}
	}
	if t.scan.scan(line) && whole && at != 0 {
		t.road(at, line[from:], atEnd, nil)
	}
	t.scan.visit = nil
}

// junction finds or makes the junction behind a value. Exact paths tell apart what dotted ones do not.
func (t *template) junction(path []byte) (int32, bool) {
	if at, ok := t.byPath[string(path)]; ok {
		return at, true
	}
	if len(t.states) >= maxJunctions || len(path) > maxPathLen {
		return 0, false
	}
	at := int32(len(t.states)) //nolint:gosec // bounded
	t.states = append(t.states, junction{})
	t.byPath[string(path)] = at
	t.learnt += len(path)
	return at, true
}

// road adds a way from one junction to another, unless it is there.
func (t *template) road(at int32, glue []byte, to int32, path []byte) bool {
	j := &t.states[at]
	if j.n > 0 && j.to == to && j.is(glue) {
		return true
	}
	for i := range j.more {
		if r := &j.more[i]; r.to == to && r.is(glue) {
			return true
		}
	}
	if len(j.more)+1 >= maxRoads || len(glue) == 0 {
		return false
	}
	r := road{n: len(glue), to: to, mask: ^uint64(0)}
	if len(glue) < 8 {
		var word [8]byte
		copy(word[:], glue)
		r.first, r.mask = binary.LittleEndian.Uint64(word[:]), 1<<(8*len(glue))-1
	} else {
		r.first, r.last = binary.LittleEndian.Uint64(glue), binary.LittleEndian.Uint64(glue[len(glue)-8:])
		if len(glue) > 16 {
			r.middle = string(glue[8 : len(glue)-8])
		}
	}
	if to != atEnd {
		dotted, ok := dottedPath(path)
		if !ok {
			return false
		}
		r.target, r.how, r.wanted = t.names(dotted)
	}
	if j.n == 0 {
		j.road = r
	} else {
		j.more = append(j.more, r)
	}
	t.learnt += len(glue)
	return true
}

// dottedPath gives an exact path as it is known by; false for one with keys that cannot be told apart by it.
func dottedPath(exact []byte) ([]byte, bool) {
	out := make([]byte, 0, len(exact))
	for i, c := range exact {
		switch {
		case c >= ' ':
			out = append(out, c)
		case c != inObject && c != inArray, i == len(exact)-1, exact[i+1] < ' ':
			return nil, false // a control character of a key, or an empty key
		case i > 0:
			out = append(out, '.')
		}
	}
	return out, true
}

func (r *road) is(glue []byte) bool {
	var padded [pad]byte
	if len(glue) != r.n {
		return false
	}
	buf := append(append(make([]byte, 0, len(glue)+pad), glue...), padded[:]...)
	return r.fits(buf, 0, binary.LittleEndian.Uint64(buf))
}

// fits tells whether the road's bytes stand at an offset, where word are the first eight.
func (r *road) fits(buf []byte, i int, word uint64) bool {
	if word&r.mask != r.first {
		return false
	}
	if r.n <= 8 {
		return true
	}
	if i+r.n > len(buf) || binary.LittleEndian.Uint64(buf[i+r.n-8:]) != r.last {
		return false
	}
	return r.n <= 16 || string(buf[i+8:i+r.n-8]) == r.middle
}

// other finds the way on beside the first.
func (j *junction) other(buf []byte, i int, word uint64) *road {
	for n := range j.more {
		if r := &j.more[n]; r.fits(buf, i, word) && !r.opens(buf, i) {
			return r
		}
	}
	return nil
}

// opens tells whether an object or an array stands behind the road's bytes: a longer one leads into it.
func (r *road) opens(buf []byte, i int) bool {
	c := buf[i+r.n]
	return (c == '{' || c == '[') && r.to != atEnd
}

// follow reads the line that begins at an offset and ends with a line feed, and gives the offset of what ends it, a
// carriage return with the line feed or the line feed alone. pad bytes must follow the line. Where it gives false, the
// draft may hold a part of the line.
func (t *template) follow(buf []byte, i int, d *draft) (end int, ok bool) {
	at := int32(0)
	t.scan.room = t.scan.room[:0]
	for i+8 <= len(buf) {
		j := &t.states[at]
		r := &j.road
		if word := binary.LittleEndian.Uint64(buf[i:]); r.n == 0 || !r.fits(buf, i, word) || r.opens(buf, i) {
			if r = j.other(buf, i, word); r == nil {
				return 0, false
			}
		}
		i += r.n
		if r.to == atEnd {
			ok = i+1 < len(buf) && (buf[i] == '\n' || buf[i] == '\r' && buf[i+1] == '\n')
			return i, ok
		}
		if buf[i] == '"' {
			end, plain := textEnd(buf, i+1)
			switch {
			case end == 0:
				return 0, false
			case !r.wanted:
			case plain:
				d.put(r, stringValue, buf[i+1:end])
			default:
				text, ok := t.odd(buf, i)
				if !ok {
					return 0, false
				}
				d.put(r, stringValue, text)
			}
			i = end + 1
		} else {
			kind, end := scalarEnd(buf, i)
			if kind == 0 {
				return 0, false
			}
			if r.wanted {
				d.put(r, kind, buf[i:end])
			}
			i = end
		}
		at = r.to
	}
	return 0, false
}

// scalarEnd finds the end of a value that is no text; no kind for none.
func scalarEnd(buf []byte, i int) (valueKind, int) {
	switch c := buf[i]; {
	case c == '-' || c-'0' <= 9:
		if end, ok := numberEnd(buf, i); ok {
			return numberValue, end
		}
	case i+8 > len(buf):
	case c == 'n' && string(buf[i:i+4]) == "null":
		return nullValue, i + 4
	case c == 't' && string(buf[i:i+4]) == "true":
		return boolValue, i + 4
	case c == 'f' && string(buf[i:i+5]) == "false":
		return boolValue, i + 5
	}
	return 0, 0
}

// odd reads a text that may differ from its bytes.
func (t *template) odd(buf []byte, i int) ([]byte, bool) {
	t.scan.data, t.scan.i = buf, i
	return t.scan.text()
}

// Eight bytes at a time.
const (
	ones      = 0x0101010101010101
	highs     = 0x8080808080808080
	quotes    = '"' * ones
	slashes   = '\\' * ones
	firstText = ' ' * ones
)

// special marks, in the high bits, quotes, backslashes and control characters; the lowest mark is right.
func special(x uint64) uint64 {
	q, s := x^quotes, x^slashes
	return ((q-ones)&^q | (s-ones)&^s | (x-firstText)&^x) & highs
}

// textEnd finds the quote that ends a text, 0 where an escape is wrong or the line ends. plain tells that the text is
// surely what its bytes say: no escapes, and all of it ASCII.
func textEnd(buf []byte, i int) (end int, plain bool) {
	var wide uint64
	plain = true
	for i+8 <= len(buf) {
		x := binary.LittleEndian.Uint64(buf[i:])
		m := special(x)
		wide |= x
		if m == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(m) >> 3
		switch buf[i] {
		case '"':
			return i, plain && wide&highs == 0
		case '\\':
			n := escapeLen(buf[i:])
			if n == 0 {
				return 0, false
			}
			i += n
			plain = false
		default:
			return 0, false
		}
	}
	return 0, false
}

// escapeLen gives the length of an escape, 0 for one that is wrong.
func escapeLen(b []byte) int {
	if len(b) < pad/2 {
		return 0
	}
	if b[1] == 'u' {
		if _, ok := hex4(b[2:6]); ok {
			return 6
		}
		return 0
	}
	if _, ok := unescape(b[1]); ok {
		return 2
	}
	return 0
}

// numberEnd finds the end of a number.
func numberEnd(buf []byte, i int) (int, bool) {
	if buf[i] == '-' {
		i++
	}
	if i >= len(buf) || buf[i]-'0' > 9 {
		return 0, false
	}
	if buf[i] == '0' {
		i++
	} else {
		i = digitsEnd(buf, i)
	}
	if i < len(buf) && buf[i] == '.' {
		from := i + 1
		if i = digitsEnd(buf, from); i == from {
			return 0, false
		}
	}
	if i < len(buf) && buf[i]|0x20 == 'e' {
		i++
		if i < len(buf) && (buf[i] == '+' || buf[i] == '-') {
			i++
		}
		from := i
		if i = digitsEnd(buf, from); i == from {
			return 0, false
		}
	}
	return i, i < len(buf)
}

func digitsEnd(buf []byte, i int) int {
	for i < len(buf) && buf[i]-'0' <= 9 {
		i++
	}
	return i
}
