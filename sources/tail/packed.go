package tail

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

var gzipMagic = []byte{0x1f, 0x8b}

// unpacker reads a compressed file that was rotated before it was read. Whoever compresses it may still be
// at it: where the data end too early, more is looked for when the file has grown.
type unpacker struct {
	r      *gzip.Reader // nil: to be opened anew
	skip   int64        // bytes that were read before and are passed over
	length int64        // of the file when its data ended too early
	short  bool
	broken error // it cannot be unpacked any further
}

// unpack turns a generation that is compressed into one whose unpacked bytes are read from an offset.
func (g *generation) unpack(off int64) {
	g.z = &unpacker{skip: off}
	g.off, g.lineAt, g.trail, g.head = off, off, newTrail(off), nil
}

func (z *unpacker) read(g *generation, buf []byte) (int, error) {
	if z.broken != nil {
		return 0, io.EOF
	}
	if z.short {
		info, err := g.f.Stat()
		if err != nil || info.Size() == z.length {
			return 0, io.EOF
		}
		z.r, z.short, z.skip = nil, false, g.off
	}
	if z.r == nil {
		r, err := gzip.NewReader(bufio.NewReader(io.NewSectionReader(g.f, 0, 1<<62)))
		if err != nil {
			return 0, z.ends(g, err)
		}
		z.r = r
	}
	for z.skip > 0 {
		n, err := z.r.Read(buf[:min(int64(len(buf)), z.skip)])
		z.skip -= int64(n)
		if err != nil {
			return 0, z.ends(g, err)
		}
	}
	for {
		n, err := z.r.Read(buf)
		if n > 0 {
			return n, nil // an error comes again
		}
		if err != nil {
			return 0, z.ends(g, err)
		}
	}
}

// ends notes how the data ended, which no caller can mend: the end, too early, or damage.
func (z *unpacker) ends(g *generation, err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		z.short = true
		if info, serr := g.f.Stat(); serr == nil {
			z.length = info.Size()
		}
	case !errors.Is(err, io.EOF):
		z.broken = fmt.Errorf("unpacking %s: %w", g.f.Name(), err)
	}
	return io.EOF
}

// matchPacked finds out of which of some places a compressed file is the rest, by the bytes at their offsets.
// The place that was read furthest wins, those with fewer than least bytes left out; none is -1. It ends early, without a match, when stop says so.
func matchPacked(f logFile, places []place, least int64, stop func() bool) (int, error) {
	if i := wholePacked(f, places); i >= 0 {
		return i, nil
	}
	r, err := gzip.NewReader(bufio.NewReader(io.NewSectionReader(f, 0, 1<<62)))
	if err != nil {
		return -1, fmt.Errorf("unpacking %s: %w", f.Name(), err)
	}
	order := make([]int, 0, len(places))
	for i, p := range places {
		if !p.packed && !p.empty() && p.off >= least {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return int(min(1, max(-1, places[a].off-places[b].off))) })
	found, at := -1, int64(0)
	var head, tail []byte
	buf := make([]byte, 64<<10)
	for _, i := range order {
		p := places[i]
		for at < p.off {
			n, err := io.ReadFull(r, buf[:min(int64(len(buf)), p.off-at)])
			at += int64(n)
			head = append(head, buf[:min(n, headSize-len(head))]...)
			tail = lastOf(tail, buf[:n], markSize)
			if err != nil || stop() {
				return found, nil // shorter than that place
			}
		}
		known := p.head[:min(len(p.head), len(head))] // of a short file the head may reach beyond the place
		if bytes.HasPrefix(head, known) && bytes.HasSuffix(tail, p.mark) {
			found = i
		}
	}
	return found, nil
}

// wholePacked tells by the sum and length at the end of a compressed file whether it is one that was read whole.
func wholePacked(f logFile, places []place) int {
	end := make([]byte, 8)
	info, err := f.Stat()
	if err != nil || info.Size() < 18 {
		return -1
	}
	if _, err := f.ReadAt(end, info.Size()-8); err != nil {
		return -1
	}
	sum, length := binary.LittleEndian.Uint32(end), binary.LittleEndian.Uint32(end[4:])
	return slices.IndexFunc(places, func(p place) bool {
		return p.whole && p.off > 0 && p.sum == sum && uint32(p.off) == length //nolint:gosec // the format keeps it modulo 2^32
	})
}

// beforePacking is the name that a compressed file had; ok tells whether the name is that of one.
func beforePacking(name string) (plain string, ok bool) {
	return strings.CutSuffix(name, ".gz")
}
