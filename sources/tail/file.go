package tail

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"signalbox/sources/decode"
)

const (
	blockSize = 256 << 10
	lineHead  = 8 // bytes by which a line is known to begin
)

// generation is one open file: what a path named at one time. While it is open its inode cannot be used
// again, so os.SameFile is its identity.
type generation struct {
	place
	f     logFile
	info  os.FileInfo // as opened
	size  int64       // as last seen
	split decode.Splitter
	trail trail
	// Where the line begins whose end has not come, and the bytes before it: what a restart may begin at.
	lineAt   int64
	lineMark []byte
	lineHead []byte      // the first bytes of that line
	grew     time.Time   // when it was opened or last read from
	met      int         // how it was met
	found    bool        // it was rotated away already when it was opened
	drained  bool        // since it was rotated away it has been read to its end once
	before   *generation // the copy that was made of the file before it was truncated, until more is read
	z        *unpacker   // of a compressed file, which is read in order; nil for any other
	shut     func()      // called once it is closed
}

// errGzip says that a file is compressed: not text, and nothing appends to it.
var errGzip = errors.New("compressed with gzip")

// adopt makes a generation of an open file, which it owns from then on, even when it gives an error.
func adopt(f logFile) (*generation, error) {
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("looking at %s: %w", f.Name(), err)
	}
	if !info.Mode().IsRegular() {
		_ = f.Close()
		return nil, fmt.Errorf("%s is no regular file: name the file that is written to", f.Name())
	}
	g := &generation{f: f, info: info, size: info.Size(), trail: newTrail(0)}
	g.id = identify(info)
	g.extend()
	if again, err := f.Stat(); err == nil && again.Size() < g.size { // truncated this moment
		g.info, g.size, g.head = again, again.Size(), nil
		g.extend()
	}
	if bytes.HasPrefix(g.head, gzipMagic) {
		g.packed, g.packedTime, g.packedSize = true, info.ModTime().UnixNano(), info.Size()
		return g, fmt.Errorf("%s: %w", f.Name(), errGzip)
	}
	return g, nil
}

// extend reads the head of a file.
func (g *generation) extend() {
	if len(g.head) < headSize && g.size > int64(len(g.head)) {
		head := make([]byte, min(headSize, g.size))
		n, _ := g.f.ReadAt(head, 0)
		g.head = head[:n]
	}
}

// seek begins at an offset instead of the start; it must be the start of a line, or within one that is not wanted.
func (g *generation) seek(off int64) error {
	mark, err := bytesBefore(g.f, off, markSize)
	if err != nil {
		return fmt.Errorf("%s: %w", g.f.Name(), err)
	}
	g.off, g.mark, g.trail = off, mark, newTrail(off)
	g.lineAt, g.lineMark = off, bytes.Clone(mark)
	return nil
}

// fetch reads what comes after that which was read, into buf; nothing at the end. It is not taken for read yet.
func (g *generation) fetch(buf []byte) ([]byte, error) {
	var n int
	var err error
	if g.z != nil {
		n, err = g.z.read(g, buf)
	} else {
		n, err = g.f.ReadAt(buf, g.off)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading %s: %w", g.f.Name(), err)
	}
	return buf[:n], nil
}

// accept takes a block that was fetched, and hands over the lines that end in it.
func (g *generation) accept(block []byte, line func(decode.Line)) {
	g.join(block)
	if known := int64(len(g.head)); g.z == nil && known < headSize && g.off <= known && g.off+int64(len(block)) > known {
		more := block[known-g.off:]
		g.head = append(g.head, more[:min(len(more), headSize-len(g.head))]...)
	}
	if end := bytes.LastIndexByte(block, '\n'); end >= 0 {
		g.lineAt = g.off + int64(end) + 1
		g.lineMark = lastOf(append(g.lineMark[:0], g.mark...), block[:end+1], markSize)
		g.lineHead = g.lineHead[:0]
	}
	if more := lineHead - len(g.lineHead); more > 0 {
		rest := block[max(0, g.lineAt-g.off):]
		g.lineHead = append(g.lineHead, rest[:min(more, len(rest))]...)
	}
	g.off += int64(len(block))
	g.mark = lastOf(g.mark, block, markSize)
	g.trail.add(block)
	if g.z == nil {
		g.size = max(g.size, g.off)
	}
	g.split.Feed(block, line)
}

// changed tells whether what was read of the file is not in it any more, with more bytes that were fetched: it is
// shorter, or the bytes at its beginning or before the offset are others, as after a truncation that has grown past
// the offset again. was is how long it was when it was last looked at.
func (g *generation) changed(more int) (yes bool, was int64, err error) {
	if g.z != nil {
		return false, g.size, nil
	}
	info, err := g.f.Stat()
	if err != nil {
		return false, 0, fmt.Errorf("looking at %s: %w", g.f.Name(), err)
	}
	was = g.size
	g.size = info.Size()
	return g.size < g.off+int64(more) || !g.proves(g.f, g.size), was, nil
}

// stands tells whether the file still holds what was read of it.
func (g *generation) stands() bool {
	info, err := g.f.Stat()
	return err != nil || g.z != nil || g.proves(g.f, info.Size())
}

// intact gives how much of a file that has changed is still what was read of it.
func (g *generation) intact() int64 {
	tr := &g.trail
	if !holds(g.f, 0, g.head[:min(int64(len(g.head)), tr.base)]) {
		return 0
	}
	keep := tr.intact(g.f, g.size)
	short := g.size > 0 && g.size < tr.at && (len(tr.points) == 0 || g.size < tr.points[0].off)
	if keep == 0 && short && tr.gap > 1 && tr.base == 0 && holds(g.f, 0, g.head[:min(int64(len(g.head)), g.size)]) {
		return g.size // shorter than the first point: its head has to do
	}
	return keep
}

// restart goes on after a truncation: at the start, or behind what is left of what was read. It gives the
// bytes of an unfinished line that are lost.
func (g *generation) restart(keep int64) (lost int64) {
	lost = g.off - g.lineAt
	if keep >= g.lineAt && keep > 0 {
		lost, keep = g.off-keep, g.lineAt // the line that was not finished begins anew
	}
	g.split.Reset()
	g.lineHead = g.lineHead[:0]
	g.head = g.head[:min(int64(len(g.head)), keep)]
	was := g.trail
	if keep > 0 && g.seek(keep) == nil {
		g.trail = was
		g.trail.cut(keep, g.f)
	} else {
		g.off, g.mark, g.trail, g.lineAt, g.lineMark = 0, g.mark[:0], newTrail(0), 0, g.lineMark[:0]
	}
	return lost
}

// reached is how far the file was read, for the ledger.
func (g *generation) reached() place {
	p := g.place
	p.head, p.mark = bytes.Clone(p.head), bytes.Clone(p.mark)
	p.sum, p.whole = g.trail.sum, g.trail.base == 0 && g.trail.at == g.off
	return p
}

// resumable is how far the file was read in whole lines, for a restart.
func (g *generation) resumable() place {
	p := g.place
	p.off, p.head, p.mark = g.lineAt, bytes.Clone(p.head), bytes.Clone(g.lineMark)
	if p.off > 0 {
		p.head = p.head[:min(int64(len(p.head)), p.off)] // what comes behind may be written anew
	}
	return p
}

// untouched tells whether nothing was read of it since it was opened.
func (g *generation) untouched() bool {
	return !g.drained && g.off == g.trail.base && g.trail.at == g.trail.base
}

// follows says after which copies a truncated file goes on, oldest first.
func (g *generation) follows(copies []*generation) {
	for _, c := range copies {
		if c.before == nil && c.untouched() && c.unfinished() == 0 {
			c.before = g.before
		}
		g.before = c
	}
}

// join puts the half of a line at the end of a copy before the first block that was written after the
// truncation: a writer that appends goes on in mid-line. Where a new line begins there instead, as the bytes
// say that it does, the rest of the old one fell between copy and truncation.
func (g *generation) join(block []byte) {
	c := g.before
	g.before = nil
	for c != nil && c.before != nil {
		c = c.before // nothing was in that copy
	}
	if c == nil || len(c.lineHead) == 0 || c.unfinished() == 0 {
		return
	}
	if n := min(len(c.lineHead), len(block)); bytes.Equal(c.lineHead[:n], block[:n]) {
		return
	}
	c.split.Lost += g.split.Lost
	c.split.Cuts += g.split.Cuts
	g.split, c.split = c.split, decode.Splitter{}
	g.lineHead, c.lineHead, c.lineAt = c.lineHead, nil, c.off
}

// unfinished is how many bytes of a line without an end were read.
func (g *generation) unfinished() int64 { return g.off - g.lineAt }

// behind is how many bytes wait to be read.
func (g *generation) behind() int64 {
	if g.z != nil {
		return 0
	}
	return max(0, g.size-g.off)
}

func (g *generation) close() {
	_ = g.f.Close() // opened for reading: nothing can be lost
	if g.shut != nil {
		g.shut()
		g.shut = nil
	}
}
