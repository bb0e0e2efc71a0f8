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

// What plain asks of a byte.
const (
	isOdd = 1 << iota
	isKept
	isBlank
	isJoint
	isUpper
	isLower
)

// traits says that of each byte, and folded what is written for it.
var traits, folded = func() (t, f [256]uint8) {
	of := [...]uint8{keep: isKept, lower: isKept | isUpper, blank: isBlank, joint: isKept | isJoint, escape: isOdd, dash: isOdd, wide: isOdd, csi: isOdd}
	for c := range 256 {
		t[c], f[c] = of[kinds[c]], uint8(c)
		switch {
		case c >= 'a' && c <= 'z':
			t[c] |= isLower
		case kinds[c] == lower:
			f[c] += 'a' - 'A'
		case kinds[c] == joint:
			f[c] = ':'
		}
	}
	return t, f
}()

// plain writes what each byte says for itself, up to the first that does not. Where words begin and end is not to be
// foreseen, so that it decides nothing for single bytes: it writes a blank and the byte, and goes on behind what counts.
func (e *evener) plain(raw string, i int) int {
	n := len(e.out)
	out := slices.Grow(e.out, 2*(len(raw)-i))[:n+2*(len(raw)-i)]
	gap, glue := bit(e.gap), bit(e.glue || n == 0)
	next, last := uint(traits[raw[i]]), uint(0)
	if i > 0 {
		last = uint(traits[raw[i-1]])
	}
	for ; i < len(raw); i++ {
		here := next
		if next = 0; i+1 < len(raw) {
			next = uint(traits[raw[i+1]])
		}
		if here&isOdd != 0 || n+1 >= len(out) {
			break
		}
		// A new word begins with an upper-case letter: rateLimit, APIError.
		camel := here / isUpper & (last/isLower | last/isUpper&(next/isLower)) & 1
		kept, joins := here/isKept&1, here/isJoint&1
		out[n] = ' '
		n += int((gap | camel) & kept &^ (glue | joins)) //nolint:gosec // 0 or 1
		out[n] = folded[raw[i]]
		n += int(kept) //nolint:gosec // 0 or 1
		gap, glue, last = kept^1, joins|glue&^kept, here
	}
	e.out, e.gap, e.glue = out[:n], gap > 0, glue > 0
	return i
}

func bit(is bool) uint {
	if is {
		return 1
	}
	return 0
}

// odd reads a byte of which those around it say what it is.
func (e *evener) odd(raw string, i int) int {
	switch kinds[raw[i]] {
	case dash:
		if i+1 < len(raw) && isDigit(raw[i+1]) && (i == 0 || !isWord(raw[i-1])) {
			e.put('-')
		} else {
			e.gap = true
		}
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
