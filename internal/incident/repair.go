package incident

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

const tailChunk = 64 << 10

// findEnd brings j.end to the end of the file, under the lock: past what other processes appended, a torn tail set aside.
func (j *Journal) findEnd() error {
	size, err := j.sameFile()
	if err != nil {
		return err
	}
	if j.end.hash != "" && size == j.end.offset {
		return nil // nobody else has written
	}
	end, torn, err := lastLine(j.file, size)
	if err != nil {
		return unwritable(j.path, "reading its last line", err)
	}
	if end.seq < j.end.seq {
		return unwritable(j.path, "reading its last line", fmt.Errorf("it ends at entry %d, but entry %d had been written", end.seq, j.end.seq))
	}
	j.end = end
	if len(torn) == 0 {
		return nil
	}
	return j.setAside(torn)
}

// sameFile returns the size of the file, having made sure that the path still leads to it.
func (j *Journal) sameFile() (int64, error) {
	open, err := j.file.Stat()
	if err != nil {
		return 0, unwritable(j.path, "looking at it", err)
	}
	named, err := os.Stat(j.path)
	if err == nil && !os.SameFile(open, named) {
		err = fmt.Errorf("another file stands in its place: %w", fs.ErrNotExist)
	}
	if err != nil {
		return 0, unwritable(j.path, "looking for it", err)
	}
	return open.Size(), nil
}

// lastLine finds the last good line of a file of that size, and what stands after it. It reads backwards, as far as it must.
func lastLine(r io.ReaderAt, size int64) (position, []byte, error) {
	for want := int64(tailChunk); ; want *= 4 {
		from := max(0, size-want)
		buf := make([]byte, size-from)
		if _, err := r.ReadAt(buf, from); err != nil && !errors.Is(err, io.EOF) {
			return position{}, nil, fmt.Errorf("reading bytes %d to %d: %w", from, size, err)
		}
		if end, ok := lastGood(buf, from == 0); ok {
			torn := buf[end.offset:]
			end.offset += from
			return end, torn, nil
		}
		if from == 0 {
			return position{hash: genesis}, buf, nil // nothing in it is a journal's
		}
	}
}

// lastGood finds the last good line in buf; its offset is where the line ends. whole says that buf begins with a line's beginning.
func lastGood(buf []byte, whole bool) (position, bool) {
	for stop := len(buf); stop > 0; {
		nl := bytes.LastIndexByte(buf[:stop], '\n')
		if nl < 0 {
			break
		}
		start := bytes.LastIndexByte(buf[:nl], '\n') + 1
		if start == 0 && !whole {
			break
		}
		if e, err := parse(buf[start:nl]); err == nil {
			return position{offset: int64(nl) + 1, seq: e.Seq, hash: e.Hash}, true
		}
		stop = nl
	}
	return position{}, false
}

// setAside moves a torn tail into a file of its own beside the journal and records that. The copy is on disk before the journal is
// cut, so that a crash in between loses nothing: the tail is then set aside once more.
func (j *Journal) setAside(torn []byte) error {
	name := fmt.Sprintf("%s.torn-%d", j.path, j.end.seq)
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return unwritable(j.path, "setting its torn last line aside", err)
	}
	_, err = f.Write(torn)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return unwritable(j.path, "setting its torn last line aside in "+name, err)
	}
	if err := syncDir(filepath.Dir(name)); err != nil {
		return unwritable(j.path, "setting its torn last line aside in "+name, err)
	}
	if err := j.file.Truncate(j.end.offset); err != nil {
		return unwritable(j.path, "cutting off its torn last line", err)
	}
	e, err := j.entry(Draft{Kind: JournalTorn, Actor: Actor{ID: "journal", Via: "repair"}, Data: TornData{
		File: filepath.Base(name), Bytes: len(torn), SHA256: sum(torn), Line: j.end.seq,
	}})
	if err != nil {
		return err
	}
	return j.write([]Entry{e})
}
