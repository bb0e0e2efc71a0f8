package tail

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"signalbox/internal/filing"
)

const (
	saveEvery = time.Second
	// resumeWithin is how old an offset may be and still be gone by: what is older has left the board anyway.
	resumeWithin = 24 * time.Hour
)

// Offsets keeps in a file how far logs were read, so that a program that starts again goes on where the last
// one stopped. A log is known by its bytes, not by its name or number alone.
//
// The guarantee is at least once: an offset is kept only for lines in batches whose Emit has returned, so no
// line is skipped. The next program takes again what this one took since the offsets it left: nothing after an
// orderly end, about two seconds of lines after a kill, and up to ten where a runtime has split lines. Each
// program counts from nothing, so no line is counted twice in one. The file is written whole and put in place
// at once, about once a second and at the end. What it says is not trusted: a file that is damaged is set
// aside, and an offset that does not fit the bytes of its log is not gone by.
//
// One program at a time writes the file. Others that run beside it read it and write nothing.
type Offsets struct {
	path   string
	lock   *os.File // nil: another program has it
	notice string

	mu    sync.Mutex // guards what follows: each source runs on its own
	files map[logName]saved
	dirty bool
	wrote time.Time
	wrong error // of the last time it was written
}

// logName is a path of a source.
type logName struct{ source, path string }

// saved is how far the files of a path were read: the newest first.
type saved struct {
	at     time.Time
	places []place
}

// OpenOffsets opens the file at a path, or begins it. An error is of the folder; a damaged file is none, see Notice.
func OpenOffsets(path string, now time.Time) (*Offsets, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("keeping offsets: %w", err)
	}
	filing.Tidy(filepath.Dir(path), now)
	o := &Offsets{path: path, files: make(map[logName]saved)}
	if err := o.claim(); err != nil {
		return nil, err
	}
	raw, err := readBounded(path)
	if errors.Is(err, fs.ErrNotExist) {
		return o, nil
	}
	var files map[logName]saved
	if err == nil {
		files, err = parseOffsets(raw)
	}
	if err != nil {
		o.notice = fmt.Sprintf("the offsets of logs in %s cannot be used: %v; logs are read as if for the first time", path, err)
		if o.lock != nil && os.Rename(path, path+".damaged") == nil {
			o.notice += fmt.Sprintf(" (it is kept as %s.damaged)", path)
		}
		return o, nil
	}
	maps.DeleteFunc(files, func(_ logName, s saved) bool { return now.Sub(s.at) > resumeWithin || s.at.Sub(now) > time.Hour })
	o.files = files
	return o, nil
}

// claim locks the file against other programs, for as long as this one has it open.
func (o *Offsets) claim() error {
	lock, err := os.OpenFile(o.path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("keeping offsets: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		o.notice = "another console keeps the offsets of logs: this one leaves them alone"
		_ = lock.Close()
		return nil //nolint:nilerr // that another has it is no error
	}
	o.lock = lock
	return nil
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading offsets: %w", err)
	}
	defer func() { _ = f.Close() }() // opened for reading
	raw, err := io.ReadAll(io.LimitReader(f, maxOffsets+1))
	if err != nil {
		return nil, fmt.Errorf("reading offsets: %w", err)
	}
	return raw, nil
}

// Notice says what was wrong with the file when it was opened, "" for nothing.
func (o *Offsets) Notice() string { return o.notice }

// of gives the places of a path.
func (o *Offsets) of(source, path string) ([]place, time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.files[logName{source, path}]
	return s.places, s.at
}

// put keeps the places of a path, which are all that is kept of it from now on.
func (o *Offsets) put(source, path string, places []place, now time.Time) {
	if len(places) > maxSavedPlaces {
		places = places[:maxSavedPlaces]
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.files[logName{source, path}] = saved{now, places}
	o.dirty = true
}

// save writes the file, if there is something new and the last time is long enough ago or it is the end.
func (o *Offsets) save(now time.Time, end bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lock == nil || !o.dirty || !end && now.Sub(o.wrote) < saveEvery {
		return o.wrong
	}
	o.wrote, o.dirty = now, false
	maps.DeleteFunc(o.files, func(_ logName, s saved) bool { return now.Sub(s.at) > resumeWithin })
	o.wrong = nil
	if err := filing.Put(o.path, formatOffsets(o.files), filing.Options{Lazy: !end}); err != nil {
		o.dirty = true // it is tried again
		o.wrong = fmt.Errorf("how far logs were read cannot be kept in %s, and after a restart lines will come again: %w", o.path, err)
	}
	return o.wrong
}

// Close gives the file free for other programs. What was put is saved when a source ends; an error is that of the
// last try.
func (o *Offsets) Close() error {
	if o.lock == nil {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.lock.Close(); err != nil {
		return fmt.Errorf("closing the lock of offsets: %w", err)
	}
	return o.wrong
}
