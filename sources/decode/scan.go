package decode

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// valueKind is what a JSON value is.
type valueKind uint8

const (
	stringValue valueKind = iota + 1
	numberValue
	boolValue
	nullValue
)

// value is one scalar of a line. Bytes is the text of a string without escapes, or the literal.
type value struct {
	kind  valueKind
	bytes []byte
}

// The bounds of what the scanner follows. Deeper values are checked but not visited.
const (
	maxDepth = 10_000 // as in encoding/json
	maxSeen  = 12
)

// scanner walks one JSON object in a single pass and tells of each scalar with its dotted path. It accepts
// what encoding/json accepts, and gives strings as it does: without escapes, and with U+FFFD for each byte that
// is not UTF-8. What it hands out is valid until the next scan.
type scanner struct {
	data  []byte
	i     int
	from  int // where the scalar that is visited begins
	path  []byte
	room  []byte // for strings that differ from their bytes
	exact bool   // path tells objects from arrays, and nested keys from keys with a dot: see template.learn
	visit func(path []byte, v value)
}

// What stands between two keys of an exact path.
const (
	inObject byte = 1
	inArray  byte = 2
)

// scan tells whether data is one JSON object. Where it gives false, visit may have been called for the
// part before the mistake.
func (s *scanner) scan(data []byte) bool {
	s.data, s.i, s.path, s.room = data, 0, s.path[:0], s.room[:0]
	s.blank()
	if s.i >= len(s.data) || s.data[s.i] != '{' || !s.object(0) {
		return false
	}
	s.blank()
	return s.i == len(s.data)
}

func (s *scanner) blank() {
	for s.i < len(s.data) {
		switch s.data[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

// next skips blanks and tells which of two bytes follows.
func (s *scanner) next(a, b byte) byte {
	s.blank()
	if s.i < len(s.data) && (s.data[s.i] == a || s.data[s.i] == b) {
		s.i++
		return s.data[s.i-1]
	}
	return 0
}

func (s *scanner) object(depth int) bool {
	s.i++ // the brace
	s.blank()
	if s.i < len(s.data) && s.data[s.i] == '}' {
		s.i++
		return true
	}
	for {
		s.blank()
		if s.i >= len(s.data) || s.data[s.i] != '"' {
			return false
		}
		key, ok := s.text()
		if !ok || s.next(':', ':') == 0 {
			return false
		}
		mark := s.enter(key, inObject)
		ok = s.value(depth + 1)
		s.path = s.path[:mark]
		if !ok {
			return false
		}
		switch s.next(',', '}') {
		case '}':
			return true
		case 0:
			return false
		}
	}
}

func (s *scanner) array(depth int) bool {
	s.i++ // the bracket
	s.blank()
	if s.i < len(s.data) && s.data[s.i] == ']' {
		s.i++
		return true
	}
	for n := 0; ; n++ {
		var digits [20]byte
		mark := s.enter(strconv.AppendInt(digits[:0], int64(n), 10), inArray)
		ok := s.value(depth + 1)
		s.path = s.path[:mark]
		if !ok {
			return false
		}
		switch s.next(',', ']') {
		case ']':
			return true
		case 0:
			return false
		}
	}
}

func (s *scanner) enter(key []byte, in byte) int {
	mark := len(s.path)
	switch {
	case s.exact:
		s.path = append(s.path, in)
	case mark > 0:
		s.path = append(s.path, '.')
	}
	s.path = append(s.path, key...)
	return mark
}

func (s *scanner) value(depth int) bool {
	s.blank()
	if s.i >= len(s.data) || depth > maxDepth {
		return false
	}
	v := value{kind: nullValue}
	var ok bool
	from := s.i
	switch s.data[s.i] {
	case '{':
		return depth < maxDepth && s.object(depth)
	case '[':
		return depth < maxDepth && s.array(depth)
	case '"':
		v.kind = stringValue
		v.bytes, ok = s.text()
	case 't':
		v.kind = boolValue
		v.bytes, ok = s.word("true")
	case 'f':
		v.kind = boolValue
		v.bytes, ok = s.word("false")
	case 'n':
		v.bytes, ok = s.word("null")
	default:
		v.kind = numberValue
		v.bytes, ok = s.number()
	}
	if ok && depth <= maxSeen {
		s.from = from
		s.visit(s.path, v)
	}
	return ok
}

func (s *scanner) word(w string) ([]byte, bool) {
	if len(s.data)-s.i < len(w) || string(s.data[s.i:s.i+len(w)]) != w {
		return nil, false
	}
	s.i += len(w)
	return s.data[s.i-len(w) : s.i], true
}

func (s *scanner) number() ([]byte, bool) {
	from := s.i
	if s.at('-') {
		s.i++
	}
	switch {
	case s.at('0'):
		s.i++
	case !s.digits():
		return nil, false
	}
	if s.at('.') {
		s.i++
		if !s.digits() {
			return nil, false
		}
	}
	if s.at('e') || s.at('E') {
		s.i++
		if s.at('+') || s.at('-') {
			s.i++
		}
		if !s.digits() {
			return nil, false
		}
	}
	return s.data[from:s.i], true
}

func (s *scanner) at(c byte) bool { return s.i < len(s.data) && s.data[s.i] == c }

func (s *scanner) digits() bool {
	from := s.i
	for s.i < len(s.data) && s.data[s.i] >= '0' && s.data[s.i] <= '9' {
		s.i++
	}
	return s.i > from
}

// text reads a string that begins at the quote under the cursor.
func (s *scanner) text() ([]byte, bool) {
	from := s.i + 1
	wide := false
	for i := from; i < len(s.data); i++ {
		switch c := s.data[i]; {
		case c == '"':
			s.i = i + 1
			return s.valid(s.data[from:i], wide), true
		case c == '\\':
			return s.escaped(from, i)
		case c < 0x20:
			return nil, false
		case c >= utf8.RuneSelf:
			wide = true
		}
	}
	return nil, false
}

// valid gives a text with U+FFFD for each byte that is not UTF-8; wide tells that it may have some.
func (s *scanner) valid(text []byte, wide bool) []byte {
	if !wide || utf8.Valid(text) {
		return text
	}
	mark := len(s.room)
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		s.room = utf8.AppendRune(s.room, r)
		text = text[n:]
	}
	return s.room[mark:]
}

// escaped reads the rest of a string that has an escape at offset i.
func (s *scanner) escaped(from, i int) ([]byte, bool) {
	mark := len(s.room)
	s.room = append(s.room, s.data[from:i]...)
	for i < len(s.data) {
		c := s.data[i]
		switch {
		case c == '"':
			s.i = i + 1
			return s.valid(s.room[mark:], true), true
		case c < 0x20:
			return nil, false
		case c != '\\':
			s.room = append(s.room, c)
			i++
			continue
		}
		i++
		if i >= len(s.data) {
			return nil, false
		}
		if s.data[i] == 'u' {
			r, n := unicodeAt(s.data[i+1:])
			if n == 0 {
				return nil, false
			}
			s.room = utf8.AppendRune(s.room, r)
			i += 1 + n
			continue
		}
		plain, ok := unescape(s.data[i])
		if !ok {
			return nil, false
		}
		s.room = append(s.room, plain)
		i++
	}
	return nil, false
}

func unescape(c byte) (byte, bool) {
	switch c {
	case '"', '\\', '/':
		return c, true
	case 'b':
		return '\b', true
	case 'f':
		return '\f', true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	}
	return 0, false
}

// unicodeAt reads the four digits after \u, and the second half of a surrogate pair. It gives the rune
// and the number of bytes read, 0 for none.
func unicodeAt(b []byte) (rune, int) {
	r, ok := hex4(b)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 4
	}
	if len(b) >= 10 && b[4] == '\\' && b[5] == 'u' {
		if low, ok := hex4(b[6:]); ok {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				return pair, 10
			}
		}
	}
	return utf8.RuneError, 4
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range b[:4] {
		digit, ok := hexDigit(c)
		if !ok {
			return 0, false
		}
		r = r<<4 | rune(digit)
	}
	return r, true
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
