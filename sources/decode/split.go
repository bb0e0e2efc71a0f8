package decode

import "bytes"

// MaxLine is where a line is cut: what follows up to its end is dropped and counted.
const MaxLine = 1 << 20

// Line is one line without its end.
type Line struct {
	Text []byte // valid only during the call that hands it over
	Cut  bool   // it was longer than MaxLine
}

// Splitter makes lines of blocks of bytes. A line that has not ended is held until the rest comes: no
// timer ends a line. It drops a byte order mark at the start of the stream, the carriage return before a
// line feed, the NUL bytes that a truncated file is refilled with, and empty lines. The zero Splitter is
// ready for use.
type Splitter struct {
	held  []byte
	begun bool
	over  bool  // the line that is held is already too long
	Lost  int64 // bytes dropped from lines that were too long
	Cuts  int64 // lines that were cut
}

var bom = []byte{0xef, 0xbb, 0xbf}

// Feed hands over every line that ends in block.
func (s *Splitter) Feed(block []byte, line func(Line)) {
	for len(block) > 0 {
		end := bytes.IndexByte(block, '\n')
		if end < 0 {
			s.hold(block)
			return
		}
		if len(s.held) == 0 && !s.over && end <= MaxLine {
			s.hand(block[:end], false, line)
		} else {
			s.hold(block[:end])
			s.hand(s.held, s.over, line)
			s.held, s.over = s.held[:0], false
		}
		block = block[end+1:]
	}
	if cap(s.held) > 4*64<<10 && len(s.held) == 0 {
		s.held = nil // one long line must not cost its memory for ever
	}
}

// Flush hands over a last line that has no end; for finished input only.
func (s *Splitter) Flush(line func(Line)) {
	if len(s.held) > 0 || s.over {
		s.hand(s.held, s.over, line)
	}
	s.held, s.over = nil, false
}

// Held is how many bytes of an unfinished line are held.
func (s *Splitter) Held() int { return len(s.held) }

// Reset forgets an unfinished line and begins a new stream. It gives the number of bytes forgotten.
func (s *Splitter) Reset() int {
	n := len(s.held)
	s.held, s.over, s.begun = s.held[:0], false, false
	return n
}

func (s *Splitter) hold(part []byte) {
	if len(s.held) == 0 && !s.over {
		part = bytes.TrimLeft(part, "\x00") // a hole may be longer than any line
	}
	if room := MaxLine - len(s.held); len(part) > room {
		s.Lost += int64(len(part) - room)
		if !s.over {
			s.Cuts++
		}
		s.over = true
		part = part[:room]
	}
	s.held = append(s.held, part...)
}

func (s *Splitter) hand(text []byte, cut bool, line func(Line)) {
	if !s.begun {
		text = bytes.TrimPrefix(text, bom)
		s.begun = true
	}
	if n := len(text); n > 0 && text[n-1] == '\r' {
		text = text[:n-1]
	}
	for len(text) > 0 && text[0] == 0 {
		text = text[1:]
	}
	if len(text) > 0 {
		line(Line{Text: text, Cut: cut})
	}
}
