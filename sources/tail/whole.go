package tail

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"signalbox/internal/traffic"
	"signalbox/sources/decode"
)

// whole is one finished file that is read once, block by block, as its records are asked for.
type whole struct {
	path   string
	r      io.Reader
	closer io.Closer // nil for a reader that is not ours
	plain  *os.File  // the file where it is one that can be read anywhere, and is as it stands
	buf    []byte
	split  decode.Splitter
	lines  *decode.Stream
	places traffic.UnknownPlaces
	now    func() time.Time
	clock  time.Time // for lines without a time: the latest one before them, or the file's own
	first  time.Time
	bytes  int64
	packed bool
	asked  bool // whether the rest is to be taken otherwise
	ended  bool
	broken error // the input ended before its end
}

func openWhole(path string, opt ReadOptions) (*whole, os.FileInfo, error) {
	w := &whole{path: path, now: opt.Kit.Now, buf: make([]byte, blockSize), clock: opt.Kit.Now()}
	var err error
	w.lines, err = decode.NewStream(opt.Format, decode.Options{Kit: opt.Kit, Source: path, Labels: opt.Labels, Fields: opt.Fields, Formats: opt.Formats, Zone: opt.Zone, Unknown: &w.places})
	if err != nil {
		return nil, nil, err
	}
	if path == "-" {
		w.r = opt.Reader
		if w.r == nil {
			w.r = os.Stdin
		}
		return w, nil, w.unpack()
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("reading a log: %w", err)
	}
	w.r, w.closer = f, f
	info, err := f.Stat()
	switch {
	case err != nil:
		err = fmt.Errorf("looking at %s: %w", path, err)
	case info.IsDir():
		err = fmt.Errorf("%s is a folder: name the files in it, such as %s/*.log", path, path)
	default:
		w.clock = info.ModTime()
		if err = w.unpack(); err == nil && info.Mode().IsRegular() && !w.packed {
			w.plain = f
		}
	}
	if err != nil {
		w.close()
		return nil, nil, err
	}
	return w, info, nil
}

// unpack puts a reader of gzip in between where the file begins with its magic bytes.
func (w *whole) unpack() error {
	b := bufio.NewReaderSize(w.r, blockSize)
	w.r = b
	if head, _ := b.Peek(len(gzipMagic)); !bytes.Equal(head, gzipMagic) {
		return nil
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return fmt.Errorf("unpacking %s: %w", w.path, err)
	}
	w.r, w.packed = z, true
	return nil
}

// begin takes a block line by line, up to the first line after which the rest is to be taken otherwise: that rest it
// gives. told is asked only until the format is told; nil: never.
func (w *whole) begin(told func() bool) (rest []byte, err error) {
	n, err := w.r.Read(w.buf)
	now := w.now()
	take := func(l decode.Line) { w.lines.Take(l, now) }
	w.bytes += int64(n)
	for block := w.buf[:n]; len(block) > 0; {
		end := len(block)
		if told != nil && !w.asked {
			end = 1 + bytes.IndexByte(block, '\n')
			if end == 0 {
				end = len(block)
			}
		}
		w.split.Feed(block[:end], take)
		block = block[end:]
		if told != nil && !w.asked && w.split.Held() == 0 && w.lines.Format() != "" {
			if w.asked = true; told() {
				if err != nil {
					err = w.end(err) // it is met again where the rest is read on
				}
				return block, err
			}
		}
	}
	if err == nil {
		return nil, nil
	}
	w.ended = true
	w.split.Flush(take)
	w.lines.Settle(now)
	return nil, w.end(err)
}

// end tells the end of the input from an error.
func (w *whole) end(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader):
		w.broken = err // what could be unpacked has been read; the report says that it ends early
		return nil
	}
	return errReading(w.path, err)
}

func errReading(path string, err error) error { return fmt.Errorf("reading %s: %w", path, err) }

func (w *whole) close() {
	if w.closer != nil {
		_ = w.closer.Close() // opened for reading
	}
}

func (w *whole) report() FileReport {
	n, found := w.lines.Tally(), w.lines.Found()
	r := FileReport{
		Path: w.path, Format: found.Format, Why: found.Why, Lines: n.Lines, Bytes: w.bytes, Records: n.Records, Unparsed: n.Unparsed,
		Skewed: n.Skewed, Dropped: w.split.Lost + n.Lost, First: w.first, Last: n.Newest, Examples: w.lines.Examples(),
		Unknown: w.places.List(),
	}
	if w.broken != nil {
		r.Examples = append(r.Examples, fmt.Sprintf("the compressed data ends too early or is damaged: %v", w.broken))
	}
	switch decode.Inner(r.Format) {
	case decode.JSON, decode.Logfmt, decode.Text:
		r.Proposal = decode.Propose(w.lines.Sample())
	}
	return r
}
