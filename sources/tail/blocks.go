package tail

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"signalbox/sources/decode"
)

// lookBehind is how much is read with a block to find the end of its last line.
const lookBehind = 4 << 10

// cutter cuts a file into blocks of whole lines.
type cutter interface {
	// cut sets a task up for the next block; false at the end.
	cut(t *task) (bool, error)
}

// cutter makes the cutter of the file's rest, of which a part was read already.
func (f *counted) cutter(rest []byte) cutter {
	if f.plain == nil {
		return &stream{w: f.whole, rest: bytes.Clone(rest), span: f.span}
	}
	from := f.bytes - int64(len(rest))
	size := f.bytes
	if info, err := f.plain.Stat(); err == nil {
		size = max(info.Size(), f.bytes)
	}
	f.bytes = size
	return &spans{f: f.plain, from: from, at: from, size: size, span: int64(f.span)}
}

// spans cuts a file that can be read anywhere. Each block is read where it is decoded: its bytes are still in that
// processor's cache then. Blocks begin where the pages of the file do.
type spans struct {
	f              *os.File
	from, at, size int64 // from: where the first one begins, at the beginning of a line
	span           int64
}

func (s *spans) cut(t *task) (bool, error) {
	if s.at >= s.size {
		return false, nil
	}
	to := min((s.at/s.span+1)*s.span, s.size)
	t.part = part{f: s.f, from: s.at, to: to, size: s.size, first: s.at == s.from, buf: t.part.buf}
	s.at = to
	return true, nil
}

// part is the lines of a file of which a line feed lies before the one that begins them: each line belongs to the part
// in which the line feed before it lies. So every line belongs to one part, and none needs to know the others.
type part struct {
	f              *os.File
	from, to, size int64
	first          bool   // the first of the file begins with a line
	buf            []byte // what it is read into, again and again
}

func (p *part) read(k *decode.Block) error {
	if p.f == nil {
		return nil
	}
	buf, err := p.more(p.buf[:0], p.from, int(min(p.to+lookBehind, p.size)-p.from))
	if err != nil {
		return err
	}
	p.buf = buf
	own := min(int(p.to-p.from), len(buf))
	start := 0
	if !p.first {
		if start = 1 + bytes.IndexByte(buf[:own], '\n'); start == 0 {
			k.Buf = room(buf[:0])
			return nil // within a line from end to end
		}
	}
	for seen := own; p.to < p.size; {
		if end := bytes.IndexByte(buf[seen:], '\n'); end >= 0 {
			buf = buf[:seen+end+1]
			break
		}
		if begin := 1 + bytes.LastIndexByte(buf, '\n'); len(buf)-begin > decode.MaxLine {
			if k.Lost, err = p.lost(p.from + int64(len(buf))); err != nil {
				return err
			}
			k.Lost += int64(len(buf) - begin - decode.MaxLine)
			buf = buf[:begin+decode.MaxLine]
			break
		}
		seen = len(buf)
		if buf, err = p.more(buf, p.from+int64(seen), blockSize/4); err != nil {
			return err
		}
		if len(buf) == seen {
			break
		}
	}
	k.Buf = room(lineFeed(buf[start:]))
	return nil
}

// more reads on, up to the end of the file.
func (p *part) more(buf []byte, at int64, n int) ([]byte, error) {
	n = min(n, int(max(p.size-at, 0)))
	have := len(buf)
	if cap(buf) < have+n+1+decode.Room {
		buf = append(make([]byte, 0, have+n+lookBehind), buf...)
	}
	got, err := p.f.ReadAt(buf[have:have+n], at)
	if err != nil && !errors.Is(err, io.EOF) {
		return buf, fmt.Errorf("at byte %d: %w", at, err)
	}
	return buf[:have+got], nil
}

// lost counts the bytes up to the end of a line that is too long.
func (p *part) lost(at int64) (int64, error) {
	buf := make([]byte, blockSize)
	for n := int64(0); ; {
		got, err := p.f.ReadAt(buf[:min(blockSize, max(p.size-at-n, 0))], at+n)
		if end := bytes.IndexByte(buf[:got], '\n'); end >= 0 {
			return n + int64(end), nil
		}
		n += int64(got)
		switch {
		case err != nil && !errors.Is(err, io.EOF):
			return n, fmt.Errorf("at byte %d: %w", at+n, err)
		case got == 0:
			return n, nil
		}
	}
}

// lineFeed ends the last line.
func lineFeed(buf []byte) []byte {
	if n := len(buf); n > 0 && buf[n-1] != '\n' {
		return append(buf, '\n')
	}
	return buf
}

// room makes sure of the bytes that must be free behind a block.
func room(buf []byte) []byte {
	if cap(buf)-len(buf) < decode.Room {
		return append(make([]byte, 0, len(buf)+decode.Room), buf...)
	}
	return buf
}

// stream cuts what can only be read from its beginning to its end: standard input, a pipe, compressed files.
type stream struct {
	w    *whole
	rest []byte // what was read after the last line feed
	span int
	end  bool
}

func (s *stream) cut(t *task) (bool, error) {
	k := &t.block
	t.part = part{}
	buf := append(k.Buf[:0], s.rest...)
	s.rest = nil
	for !s.end && (len(buf) < s.span || bytes.IndexByte(buf, '\n') < 0) {
		if begin := 1 + bytes.LastIndexByte(buf, '\n'); len(buf)-begin > decode.MaxLine {
			return true, s.skip(k, buf, begin)
		}
		var err error
		if buf, err = s.read(buf, s.span); err != nil {
			return false, err
		}
	}
	end := 1 + bytes.LastIndexByte(buf, '\n')
	if s.end {
		k.Buf = room(lineFeed(buf))
		return len(k.Buf) > 0, nil
	}
	s.rest = bytes.Clone(buf[end:])
	k.Buf = room(buf[:end])
	return true, nil
}

// skip ends a block with a line that is too long, and leaves out the rest of that line.
func (s *stream) skip(k *decode.Block, buf []byte, begin int) error {
	k.Lost = int64(len(buf) - begin - decode.MaxLine)
	k.Buf = room(lineFeed(buf[:begin+decode.MaxLine]))
	for !s.end {
		more, err := s.read(nil, blockSize)
		if err != nil {
			return err
		}
		if end := bytes.IndexByte(more, '\n'); end >= 0 {
			k.Lost += int64(end)
			s.rest = more[end+1:]
			return nil
		}
		k.Lost += int64(len(more))
	}
	return nil
}

func (s *stream) read(buf []byte, n int) ([]byte, error) {
	have := len(buf)
	if cap(buf) < have+n {
		buf = append(make([]byte, 0, have+n+lookBehind), buf...)
	}
	got, err := s.w.r.Read(buf[have : have+n])
	s.w.bytes += int64(got)
	if err != nil {
		s.end = true
		err = s.w.end(err)
	}
	return buf[:have+got], err
}
