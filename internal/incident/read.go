package incident

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
)

// maxLine bounds what a reader takes for one line. Writers stay far below; a longer line is not a journal's.
const maxLine = 4 << 20

// ErrTorn means that the file ends in the middle of a line: a writer was stopped there, or is just writing.
var ErrTorn = errors.New("the last line is torn")

// LineError is a line of a journal that could not be read.
type LineError struct {
	Path string
	Line int
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("%s:%d: %v", e.Path, e.Line, e.Err) }

// Unwrap returns what is wrong with the line.
func (e *LineError) Unwrap() error { return e.Err }

// Read goes over the entries of the journal at path, of every kind. A line that cannot be read is yielded as a *LineError, and the
// reading goes on after it; a torn last line as one that wraps ErrTorn. Any other error ends the reading.
func Read(path string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		f, err := os.Open(path)
		if err != nil {
			yield(Entry{}, fmt.Errorf("opening the journal: %w", err))
			return
		}
		defer func() { _ = f.Close() }() // opened for reading
		for l, err := range lines(f, path) {
			if err != nil {
				if !yield(Entry{}, err) {
					return
				}
				continue
			}
			e, err := parse(l.text)
			if err != nil {
				err = &LineError{Path: path, Line: l.number, Err: err}
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// ReadAll returns every entry that can be read, and with them the first error there was. A torn last line is none: a writer may be
// busy, and if it is not, the next one repairs it; Verify tells. A journal that does not exist yet has no entries.
func ReadAll(path string) ([]Entry, error) {
	var entries []Entry
	var first error
	for e, err := range Read(path) {
		switch {
		case err == nil:
			entries = append(entries, e)
		case errors.Is(err, os.ErrNotExist):
			return nil, nil
		case first == nil && !errors.Is(err, ErrTorn):
			first = err
		}
	}
	return entries, first
}

// Tail returns the entries after seq: what this or another process has appended. Called again with the last seq it saw, it reads
// only what is new.
func (j *Journal) Tail(after int64) ([]Entry, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	size, err := j.sameFile()
	if err != nil {
		return nil, err
	}
	at := j.reader
	if at.seq > after || size < at.offset {
		at = position{} // asked for older ones, or the file was cut
	}
	if size == at.offset {
		return nil, nil
	}
	var entries []Entry
	var first error
	for l, err := range lines(io.NewSectionReader(j.file, at.offset, size-at.offset), j.path) {
		if errors.Is(err, ErrTorn) {
			break // being written
		}
		var e Entry
		if err == nil {
			if e, err = parse(l.text); err != nil {
				err = fmt.Errorf("%s: line %d after entry %d: %w", j.path, l.number, at.seq, err)
			}
		}
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		j.reader = position{offset: at.offset + l.end, seq: e.Seq, hash: e.Hash}
		if e.Seq > after {
			entries = append(entries, e)
		}
	}
	return entries, first
}

// textLine is one line of a file, without its newline.
type textLine struct {
	number int
	end    int64 // offset after its newline
	text   []byte
}

// lines parts r into lines. The text is good until the next one is asked for.
func lines(r io.Reader, path string) iter.Seq2[textLine, error] {
	return func(yield func(textLine, error) bool) {
		br := bufio.NewReaderSize(r, tailChunk)
		l := textLine{}
		for {
			l.number++
			text, n, err := readLine(br)
			l.end += n
			switch {
			case errors.Is(err, io.EOF) && n == 0:
				return
			case errors.Is(err, io.EOF):
				yield(l, &LineError{Path: path, Line: l.number, Err: ErrTorn})
				return
			case errors.Is(err, bufio.ErrTooLong):
				if !yield(l, &LineError{Path: path, Line: l.number, Err: fmt.Errorf("longer than %d bytes", maxLine)}) {
					return
				}
				continue
			case err != nil:
				yield(l, fmt.Errorf("reading %s: %w", path, err))
				return
			}
			l.text = text
			if !yield(l, nil) {
				return
			}
		}
	}
}

// readLine reads to the next newline and says how many bytes that were. Of a line that is too long nothing is kept.
func readLine(br *bufio.Reader) (text []byte, n int64, err error) {
	var long []byte
	for {
		part, err := br.ReadSlice('\n')
		n += int64(len(part))
		if n <= maxLine {
			long = append(long, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err == nil && n > maxLine {
			return nil, n, bufio.ErrTooLong
		}
		return bytes.TrimSuffix(long, []byte("\n")), n, err
	}
}
