package incident

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"signalbox/internal/redact"
)

// write appends the entries after j.end, under the lock, and syncs. If that fails the file is cut back to where it was.
func (j *Journal) write(entries []Entry) error {
	if len(entries) == 0 {
		return nil
	}
	var block []byte
	end := j.end
	for i := range entries {
		e := &entries[i]
		e.Seq, e.Prev = end.seq+1, end.hash
		line, err := e.line()
		if err != nil {
			return err
		}
		block = append(block, line...)
		end = position{offset: end.offset + int64(len(line)), seq: e.Seq, hash: e.Hash}
	}
	if err := j.put(block); err != nil {
		return err
	}
	j.end = end
	return nil
}

// put appends block and syncs, or leaves the file as it was.
func (j *Journal) put(block []byte) error {
	_, err := j.file.Write(block)
	if err == nil {
		if err = j.file.Sync(); err == nil {
			return nil
		}
	}
	// What a failed sync leaves on disk nobody knows, so it does not count as written. Should the cut fail too, the next append finds
	// a torn line, or, if the block is whole after all, entries that nobody was told of: more than was promised, never less.
	if cut := j.file.Truncate(j.end.offset); cut != nil {
		err = errors.Join(err, fmt.Errorf("cutting back what was written: %w", cut))
	} else {
		_ = j.file.Sync()
	}
	return unwritable(j.path, "appending", err)
}

// remedy is the next thing to try after err.
func remedy(path string, err error) string {
	dir := filepath.Dir(path)
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return "the disk is full: make room, see df " + dir
	case errors.Is(err, syscall.EDQUOT):
		return "the quota is used up: make room, see quota"
	case errors.Is(err, syscall.EFBIG):
		return "a file size limit stops it: see ulimit -f"
	case errors.Is(err, syscall.EROFS):
		return "the file system is read-only: choose another place with --state-dir"
	case errors.Is(err, fs.ErrPermission):
		return "check who owns " + dir + ", or choose another place with --state-dir"
	case errors.Is(err, fs.ErrNotExist):
		return "put it back, or start again to begin a new one"
	}
	return "check the disk and the rights of " + dir
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("opening %s: %w", dir, err)
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil // some file systems cannot sync a directory
	}
	return errors.Join(err, d.Close())
}

// clipStrings clips every string of raw to limit bytes.
func clipStrings(raw json.RawMessage, limit int) (json.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("decoding: %w", err)
	}
	return encode(clipValue(v, limit))
}

// encode is json.Marshal that leaves <, > and & readable.
func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encoding as JSON: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func clipValue(v any, limit int) any {
	switch v := v.(type) {
	case string:
		return redact.Clip(v, limit)
	case []any:
		for i := range v {
			v[i] = clipValue(v[i], limit)
		}
	case map[string]any:
		for k := range v {
			v[k] = clipValue(v[k], limit)
		}
	}
	return v
}
