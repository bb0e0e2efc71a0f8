package tail

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"syscall"
)

const (
	headSize  = 256
	markSize  = 256
	maxPoints = 512
)

// identity is what the file system calls a file. It is used again once a file is deleted and nobody has it open.
type identity struct{ dev, ino uint64 }

func identify(info os.FileInfo) identity {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return identity{}
	}
	return identity{uint64(stat.Dev), stat.Ino} //nolint:unconvert // narrower on other systems
}

// deleted tells whether no name leads to an open file any more.
func deleted(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Nlink == 0
}

// place is how far a file was read, and the bytes that prove it: those it begins with and those before the
// offset. A path alone proves nothing, because rotation gives it to another file, and neither does an inode
// number, because it is given again.
type place struct {
	path string // of the follower that read it
	id   identity
	off  int64
	head []byte // at most headSize
	mark []byte // at most markSize
	// Of a compressed file only that it is known: its size and time.
	packed                 bool
	packedSize, packedTime int64
	// Of a file that was read from its very start: the CRC-32 of what was read.
	sum   uint32
	whole bool
}

// offset is where to go on in a file, whose start it is unless it is known.
func (p *place) offset(known bool) int64 {
	if known {
		return p.off
	}
	return 0
}

// proves tells whether r, of the given size, holds the bytes that were read. A place without bytes proves nothing.
func (p *place) proves(r io.ReaderAt, size int64) bool {
	return size >= p.off && holds(r, 0, p.head) && holds(r, p.off-int64(len(p.mark)), p.mark)
}

// empty tells whether the place has no bytes to recognise a file by.
func (p *place) empty() bool { return len(p.head) == 0 || p.off > 0 && len(p.mark) == 0 }

// holds tells whether r has these bytes at an offset.
func holds(r io.ReaderAt, at int64, want []byte) bool {
	if len(want) == 0 {
		return true
	}
	have := make([]byte, len(want))
	n, _ := r.ReadAt(have, at)
	return bytes.Equal(have[:n], want)
}

// bytesBefore reads up to size bytes before end.
func bytesBefore(r io.ReaderAt, end int64, size int) ([]byte, error) {
	from := max(0, end-int64(size))
	out := make([]byte, end-from)
	n, err := r.ReadAt(out, from)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the bytes before %d: %w", end, err)
	}
	return out[:n], nil
}

// lastOf appends block to kept and keeps the last size bytes of both.
func lastOf(kept, block []byte, size int) []byte {
	if len(block) >= size {
		return append(kept[:0], block[len(block)-size:]...)
	}
	kept = append(kept, block...)
	if over := len(kept) - size; over > 0 {
		kept = append(kept[:0], kept[over:]...)
	}
	return kept
}

// trail remembers sums of what was read up to many ends of lines, so that after a truncation it can be told
// how much of the file is still what was read. The points are every line's at first and thin out.
type trail struct {
	base, at int64 // what was read: from, to
	sum      uint32
	gap      int64 // least distance of points
	points   []point
}

type point struct {
	off int64
	sum uint32
}

func newTrail(base int64) trail { return trail{base: base, at: base, gap: 1} }

func (tr *trail) add(block []byte) {
	for len(block) > 0 {
		last := tr.base
		if n := len(tr.points); n > 0 {
			last = tr.points[n-1].off
		}
		n, ended := len(block), false
		if skip := max(0, last+tr.gap-tr.at-1); skip < int64(len(block)) {
			if i := bytes.IndexByte(block[skip:], '\n'); i >= 0 {
				n, ended = int(skip)+i+1, true
			}
		}
		tr.sum = crc32.Update(tr.sum, crc32.IEEETable, block[:n])
		tr.at += int64(n)
		block = block[n:]
		if ended {
			tr.points = append(tr.points, point{tr.at, tr.sum})
			tr.thin()
		}
	}
}

func (tr *trail) thin() {
	if len(tr.points) < maxPoints {
		return
	}
	tr.gap = max(2*tr.gap, 2*(tr.at-tr.base)/maxPoints)
	kept, last := tr.points[:0], tr.base
	for _, p := range tr.points {
		if p.off-last >= tr.gap {
			kept, last = append(kept, p), p.off
		}
	}
	tr.points = kept
}

// intact gives the offset up to which r, of the given size, is still what was read; 0 for nothing. Beyond
// the last point that fits it takes the end of a file that is shorter now on trust, as long as no line that
// should be known ends there.
func (tr *trail) intact(r io.ReaderAt, size int64) int64 {
	end := min(size, tr.at)
	var good int64
	var sum uint32
	buf := make([]byte, 64<<10)
	at := tr.base
	for _, p := range tr.points {
		if p.off > end {
			break
		}
		for at < p.off {
			n, _ := r.ReadAt(buf[:min(int64(len(buf)), p.off-at)], at)
			if n == 0 {
				return good
			}
			sum = crc32.Update(sum, crc32.IEEETable, buf[:n])
			at += int64(n)
		}
		if sum != p.sum {
			return good
		}
		good = p.off
	}
	if good == 0 || size > tr.at {
		return good
	}
	if tr.gap > 1 {
		return end // a file that only got shorter; that it was cut and grew between just these points is not likely
	}
	if rest, err := bytesBefore(r, end, int(min(end-good, int64(len(buf))))); err == nil && int64(len(rest)) == end-good && bytes.IndexByte(rest, '\n') < 0 {
		return end
	}
	return good
}

// cut goes back to an offset up to which the trail is intact.
func (tr *trail) cut(off int64, r io.ReaderAt) {
	last := point{off: tr.base}
	for i, p := range tr.points {
		if p.off > off {
			tr.points = tr.points[:i]
			break
		}
		last = p
	}
	rest, _ := bytesBefore(r, off, int(off-last.off)) // less than a line, or one gap
	tr.at, tr.sum = off, crc32.Update(last.sum, crc32.IEEETable, rest)
}
