package tail

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"signalbox/sources/decode"
)

const (
	blockSize = 256 << 10
	markSize  = 256
)

var gzipMagic = []byte{0x1f, 0x8b}

// generation is one open file: what a path named at one time. While it is open its inode cannot be used
// again, so os.SameFile is its identity.
type generation struct {
	f     *os.File
	info  os.FileInfo
	off   int64
	size  int64  // as last seen
	mark  []byte // the last bytes before off, to see that they are still there
	split decode.Splitter
}

// errGzip says that a file is compressed: not text, and nothing appends to it.
var errGzip = errors.New("compressed with gzip")

// open opens a path that is followed.
func open(path string) (*generation, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("looking at %s: %w", path, err)
	}
	if info.IsDir() {
		_ = f.Close()
		return nil, fmt.Errorf("%s is a folder: name the files in it, such as %s/*.log", path, path)
	}
	head := make([]byte, len(gzipMagic))
	if n, _ := f.ReadAt(head, 0); n == len(head) && bytes.Equal(head, gzipMagic) {
		_ = f.Close()
		return nil, fmt.Errorf("%s: %w", path, errGzip)
	}
	return &generation{f: f, info: info, size: info.Size()}, nil
}

// seek begins at an offset instead of the start.
func (g *generation) seek(off int64) error {
	g.off = off
	from := max(0, off-markSize)
	g.mark = make([]byte, off-from)
	if _, err := g.f.ReadAt(g.mark, from); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading %s: %w", g.f.Name(), err)
	}
	return nil
}

// read reads one block into buf and hands over the lines that end in it. It gives the number of bytes
// read, 0 at the end.
func (g *generation) read(buf []byte, line func(decode.Line)) (int, error) {
	n, err := g.f.ReadAt(buf, g.off)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("reading %s: %w", g.f.Name(), err)
	}
	if n > 0 {
		g.off += int64(n)
		g.size = max(g.size, g.off)
		g.remember(buf[:n])
		g.split.Feed(buf[:n], line)
	}
	return n, nil
}

func (g *generation) remember(block []byte) {
	if len(block) >= markSize {
		g.mark = append(g.mark[:0], block[len(block)-markSize:]...)
		return
	}
	g.mark = append(g.mark, block...)
	if over := len(g.mark) - markSize; over > 0 {
		g.mark = append(g.mark[:0], g.mark[over:]...)
	}
}

// truncated tells whether the file is shorter than what was read of it, or the bytes before the offset are
// others, as after a truncation that has grown past the offset again. unread is what it had beyond the offset.
func (g *generation) truncated() (yes bool, unread int64, err error) {
	info, err := g.f.Stat()
	if err != nil {
		return false, 0, fmt.Errorf("looking at %s: %w", g.f.Name(), err)
	}
	was := g.size
	g.size = info.Size()
	if g.size >= g.off && g.matches(g.f) {
		return false, 0, nil
	}
	return true, max(0, was-g.off), nil
}

// restart begins the file anew, after a truncation. It gives the bytes of an unfinished line that are lost.
func (g *generation) restart() int64 {
	g.off, g.mark = 0, g.mark[:0]
	return int64(g.split.Reset())
}

// matches tells whether r holds, before our offset, the bytes that we read there.
func (g *generation) matches(r io.ReaderAt) bool {
	if len(g.mark) == 0 {
		return true
	}
	have := make([]byte, len(g.mark))
	n, _ := r.ReadAt(have, g.off-int64(len(g.mark)))
	return bytes.Equal(have[:n], g.mark)
}

// behind is how many bytes wait to be read.
func (g *generation) behind() int64 { return max(0, g.size-g.off) }

func (g *generation) close() { _ = g.f.Close() } // opened for reading: nothing can be lost

// deleted tells whether no name leads to an open file any more.
func deleted(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Nlink == 0
}
