package fault

import "slices"

// What a byte becomes in the normal form.
const (
	keep   = iota // itself
	blank         // a separator; a run of them is one blank
	lower         // an upper-case letter
	joint         // a colon or an equals sign: a colon without blanks around it
	escape        // a backslash
	dash          // a separator, unless a number follows
	wide          // a byte of a rune beyond ASCII, which may be a separator
	csi           // the beginning of a terminal's escape sequence
)

// kinds says what each byte becomes. Quotes of all kinds, underscores and the bars of tables are separators.
var kinds = func() (k [256]uint8) {
	for c := range 0x20 {
		k[c] = blank
	}
	for _, c := range []byte(" _\"'`|*\x7f") {
		k[c] = blank
	}
	for c := byte('A'); c <= 'Z'; c++ {
		k[c] = lower
	}
	k[':'], k['='], k['\\'], k['-'], k[0x1b] = joint, joint, escape, dash, csi
	for c := 0x80; c < 0x100; c++ {
		k[c] = wide
	}
	return k
}()

// evener makes the normal form in which texts and the words of the rules are compared: lower case, words
// apart from each other, escapes undone. RateLimitError, rate_limit_error and "rate-limit error" are the
// same in it, and so are status_code=429, "status_code": 429 and \"status_code\":\"429\" in JSON in JSON.
type evener struct {
	out  []byte
	gap  bool // a separator came since the last byte
	glue bool // the last byte was a joint: a blank after it is not written
	wide bool // there are bytes beyond ASCII
}

func (e *evener) put(c byte) {
	if e.gap {
		if !e.glue && len(e.out) > 0 {
			e.out = append(e.out, ' ')
		}
		e.gap = false
	}
	e.glue = false
	e.out = append(e.out, c)
}

func (e *evener) joint() {
	e.gap = false
	e.out = append(e.out, ':')
	e.glue = true
}

// appendEven appends the normal form of raw. Its time is linear: no byte is looked at more than twice.
func appendEven(dst []byte, raw string) []byte {
	e := evener{out: dst, gap: len(dst) > 0}
	e.all(raw)
	return e.out
}

func (e *evener) all(raw string) {
	for i := 0; i < len(raw); {
		if i = e.plain(raw, i); i < len(raw) {
			i = e.odd(raw, i)
		}
	}
}

// What a byte is to plain.
const (
	isLower = iota
	isUpper
	isOther
	isBlank
	isJoint
	isOdd
)

// Where plain stands: what it wrote last, or that a separator came since.
const (
	afterOther = iota << 3
	afterBlank // of which nothing is written yet
	afterJoint // or at the beginning: no blank is written here
	afterLower
	afterUpper
	afterUppers // the last of several
)

// What a step of plain does, beside where it leads.
const (
	stepOn    = 6      // shift of how many bytes it writes
	stepBlank = 1 << 8 // one of them is a blank before the byte
	stepSplit = 1 << 9 // the byte before begins a word: APIError
	stepStop  = 1 << 10
	stepMask  = 1<<stepOn - 1
	stepSelf  = 1 << stepOn
	stepBoth  = 2<<stepOn | stepBlank
)

// traits says what each byte is to plain, written what is written for it: itself, folded, and behind that with a blank.
var traits, written = func() (t [256]uint8, f [512]uint16) {
	of := [...]uint8{keep: isOther, lower: isUpper, blank: isBlank, joint: isJoint, escape: isOdd, dash: isOdd, wide: isOdd, csi: isOdd}
	for c := range 256 {
		t[c] = of[kinds[c]]
		low := c
		switch {
		case c >= 'a' && c <= 'z':
			t[c] = isLower
		case kinds[c] == lower:
			low += 'a' - 'A'
		case kinds[c] == joint:
			low = ':'
		}
		f[c], f[stepBlank|c] = uint16(low), uint16(low<<8|' ') //nolint:gosec // a byte, two bytes
	}
	return t, f
}()

// steps says what plain does with a byte, by where it stands and what the byte is. A new word begins with an upper-case
// letter: rateLimit, APIError.
var steps = func() (s [stepMask + 1]uint16) {
	for at := uint16(afterOther); at <= afterUppers; at += 1 << 3 {
		does := uint16(stepSelf)
		if at == afterBlank {
			does = stepBoth
		}
		s[at+isLower], s[at+isUpper], s[at+isOther] = does|afterLower, does|afterUpper, does|afterOther
		s[at+isBlank], s[at+isJoint], s[at+isOdd] = afterBlank, stepSelf|afterJoint, at|stepStop
	}
	s[afterJoint+isBlank] = afterJoint
	s[afterLower+isUpper] = stepBoth | afterUpper
	s[afterUpper+isUpper] = stepSelf | afterUppers
	s[afterUppers+isUpper] = stepSelf | afterUppers
	s[afterUppers+isLower] |= stepSplit
	return s
}()

// plain writes what each byte says for itself, up to the first that does not.
func (e *evener) plain(raw string, i int) int {
	n := len(e.out)
	most := n + 2*(len(raw)-i) + 2
	out := slices.Grow(e.out, most-n)[:most]
	at := e.stands(raw, i)
	for {
		on, read, to := fold(out[n:], raw[i:], at)
		n, i, at = n+on, i+read, to
		if i >= len(raw) || raw[i] != '-' || sign(raw, i) {
			break
		}
		at, i = uint(steps[(at|isBlank)&stepMask]), i+1
	}
	at &= stepMask
	e.out, e.gap, e.glue = out[:n], at == afterBlank, at == afterJoint
	return i
}

// fold writes bytes up to the first that does not speak for itself. Where words begin and end is not to be foreseen, so
// that it decides nothing for single bytes: it writes two, and goes on behind those that count.
func fold(out []byte, raw string, at uint) (n, read int, to uint) {
	for read = 0; read < len(raw) && n >= 0 && n+1 < len(out); read++ {
		c := raw[read]
		step := uint(steps[(at|uint(traits[c]))&stepMask])
		if step >= stepSplit {
			if step >= stepStop {
				break
			}
			if n > 0 {
				out[n], out[n-1] = out[n-1], ' '
				n++
			}
		}
		at = step
		two := written[step&stepBlank|uint(c)]
		out[n], out[n+1] = byte(two), byte(two>>8)
		n += int(step >> stepOn & 3) //nolint:gosec // at most 2
	}
	return n, read, at
}

// sign tells whether a dash is a number's.
func sign(raw string, i int) bool {
	return i+1 < len(raw) && isDigit(raw[i+1]) && (i == 0 || !isWord(raw[i-1]))
}

// stands gives where plain stands before a byte.
func (e *evener) stands(raw string, i int) uint {
	switch {
	case e.glue || len(e.out) == 0:
		return afterJoint
	case e.gap:
		return afterBlank
	case i > 0 && traits[raw[i-1]] == isLower:
		return afterLower
	case i > 0 && traits[raw[i-1]] == isUpper:
		return afterUpper
	}
	return afterOther
}

// odd reads a byte of which those around it say what it is.
func (e *evener) odd(raw string, i int) int {
	switch kinds[raw[i]] {
	case dash:
		e.put('-') // a sign: plain reads the others
	case escape:
		return e.escape(raw, i)
	case csi:
		e.gap = true
		return afterCSI(raw, i)
	default:
		e.wide = true
		return e.rune(raw, i)
	}
	return i + 1
}

// escape reads a backslash, or a run of them as nested encodings make, with what it stands for.
func (e *evener) escape(raw string, i int) int {
	for i < len(raw) && raw[i] == '\\' {
		i++
	}
	if i >= len(raw) {
		return i
	}
	switch raw[i] {
	case 'n', 'r', 't':
		e.gap = true
		return i + 1
	case 'u':
		if r, ok := hex4(raw, i+1); ok {
			e.decoded(r)
			return i + 5
		}
	}
	return i
}

// decoded writes a rune that stood there as \uXXXX.
func (e *evener) decoded(r rune) {
	switch {
	case r < 0x80 && kinds[r] == keep:
		e.put(byte(r))
	case r < 0xa1 || r > 0xffff || r >= 0xd800 && r < 0xe000 || r >= 0x2000 && r < 0x2070:
		e.gap = true
	default:
		e.wide = true
		for _, c := range []byte(string(r)) {
			e.put(c)
		}
	}
}

// What a rune beyond ASCII becomes.
const (
	runeKept = iota
	runeBlank
	runeJoint
	runeGone
)

// rune reads a rune of several bytes.
func (e *evener) rune(raw string, i int) int {
	b := raw[i:min(len(raw), i+3)]
	what := runeKept
	switch {
	case len(b) >= 2 && b[:2] == "\u00a0":
		e.gap = true
		return i + 2
	case len(b) == 3:
		what = separator(b)
	}
	switch what {
	case runeBlank:
		e.gap = true
	case runeJoint:
		e.joint()
	case runeKept:
		e.put(raw[i])
		return i + 1
	}
	return i + 3
}

// separator tells what three bytes are: typographic quotes, dashes and the frames of terminals are
// separators, what turns or hides text is nothing, full-width punctuation is what it looks like.
func separator(b string) int {
	switch b[0] {
	case 0xe2:
		switch {
		case b[1] == 0x80 && (b[2] >= 0x8b && b[2] <= 0x8f || b[2] >= 0xaa && b[2] <= 0xae):
			return runeGone
		case b[1] == 0x80, b[1] >= 0x94 && b[1] <= 0x96:
			return runeBlank
		}
	case 0xe3:
		if b[1] == 0x80 {
			return runeBlank
		}
	case 0xef:
		if b[1] == 0xbc && b[2] == 0x9a {
			return runeJoint
		}
		if b[1] == 0xbc && b[2] <= 0x8f {
			return runeBlank
		}
	}
	return runeKept
}

func afterCSI(raw string, i int) int {
	i++
	if i >= len(raw) || raw[i] != '[' {
		return i
	}
	for n := 0; n < 16 && i+1 < len(raw); n++ {
		i++
		if c := raw[i]; c >= 0x40 && c <= 0x7e {
			return i + 1
		}
	}
	return i
}

func hex4(raw string, i int) (rune, bool) {
	if i+4 > len(raw) {
		return 0, false
	}
	var r rune
	for _, c := range []byte(raw[i : i+4]) {
		switch {
		case isDigit(c):
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// isWord tells whether a byte belongs to a word; the bytes of runes beyond ASCII do.
func isWord(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// even is the normal form of a text.
func even(s string) string { return string(appendEven(nil, s)) }
