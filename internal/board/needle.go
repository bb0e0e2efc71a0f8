package board

import (
	"bytes"
	"encoding/binary"
	"unicode"
	"unicode/utf8"
)

// needle is a text that is looked for.
type needle struct {
	text   []byte
	folds  bool // letter case does not count, and the text has letters
	wide   bool // it folds letters beyond ASCII
	beyond bool // and has some of them folded: no text of ASCII alone has it
}

func newNeedle(text string, caseCounts bool) needle {
	n := needle{text: []byte(text)}
	if caseCounts {
		return n
	}
	for _, c := range text {
		if unicode.SimpleFold(c) != c {
			n.folds = true
			n.wide = n.wide || c >= utf8.RuneSelf
		}
	}
	if n.wide {
		n.text = foldWide(nil, n.text)
		n.beyond = !plain(n.text)
	} else if n.folds {
		n.text, _ = foldASCII(n.text, nil)
	}
	return n
}

func (n *needle) index(text []byte) int { return bytes.Index(text, n.text) }

// in looks into one text by itself.
func (n *needle) in(text string, buf *[]byte) bool {
	*buf = append((*buf)[:0], text...)
	switch {
	case n.wide:
		*buf = foldWide(nil, *buf)
	case n.folds:
		foldInto(*buf, *buf)
	}
	return n.index(*buf) >= 0
}

// foldASCII writes the text in lower case into buf, as far as ASCII goes; the length stays.
func foldASCII(text, buf []byte) (folded, kept []byte) {
	if cap(buf) < len(text) {
		buf = make([]byte, len(text), len(text)+len(text)/4)
	}
	buf = buf[:len(text)]
	foldInto(buf, text)
	return buf, buf
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// foldInto folds eight bytes at a time: a byte in A..Z is one that carries into its high bit when 0x3f is added and does not when
// 0x25 is, the high bit itself left out.
func foldInto(dst, src []byte) {
	i := 0
	for ; i+8 <= len(src); i += 8 {
		x := binary.LittleEndian.Uint64(src[i:])
		low := x &^ highs
		upper := (low + (0x80-'A')*ones) &^ (low + (0x80-'Z'-1)*ones) &^ x & highs
		binary.LittleEndian.PutUint64(dst[i:], x|upper>>2)
	}
	for ; i < len(src); i++ {
		c := src[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst[i] = c
	}
}

// plain tells whether a text is ASCII.
func plain(text []byte) bool {
	i := 0
	for ; i+8 <= len(text); i += 8 {
		if binary.LittleEndian.Uint64(text[i:])&highs != 0 {
			return false
		}
	}
	for ; i < len(text); i++ {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// foldWide appends the text in lower case.
func foldWide(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if c >= 'A' && c <= 'Z' {
				c += 'a' - 'A'
			}
			dst = append(dst, c)
			i++
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && n <= 1 {
			dst = append(dst, c)
		} else {
			dst = utf8.AppendRune(dst, unicode.ToLower(r))
		}
		i += n
	}
	return dst
}
