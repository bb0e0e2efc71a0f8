package incident

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"signalbox/internal/redact"
)

// FileName is the journal's name in the state directory: one file for all incidents.
const FileName = "journal.jsonl"

const (
	defaultMaxEntry = 256 << 10
	defaultLockWait = 5 * time.Second
	lockRetry       = 2 * time.Millisecond
)

// ErrUnwritable means that the journal could not take an entry: nothing of it is in the file. Levers are refused until it can.
var ErrUnwritable = errors.New("the journal cannot be written")

// ErrTooLarge means that an entry does not fit even with its texts clipped.
var ErrTooLarge = errors.New("the entry is too large for the journal")

// Options are what a journal may be given; the zero value works.
type Options struct {
	Redactor *redact.Redactor // removes secrets from every entry; nil: one made of Known and the salt kept beside the journal
	Known    []string         // secrets that the console itself holds
	Now      func() time.Time // nil: time.Now
	MaxEntry int              // bytes of one line's data; 0: 256 KiB
	LockWait time.Duration    // how long to wait for another process's append; 0: 5 s
}

// Journal is the open journal. It is safe for concurrent use, and several processes may have the same one open: each append holds
// the file lock from reading the last hash to fsync. Nothing is kept in memory that another process could make stale.
type Journal struct {
	path string
	opts Options
	lock *flock.Flock

	mu      sync.Mutex
	present []func() // what ends our saying that we run
	file    *os.File
	end     position // where the last append or look left the file
	reader  position // where Tail stopped reading
}

// position is a place between two lines.
type position struct {
	offset int64
	seq    int64  // of the line before
	hash   string // of the line before
}

// Open opens or creates the journal in dir. The file becomes 0600; dir becomes 0700 where it has to be made, and is left alone where
// it exists, for it may hold more than ours. A torn last line is set aside right away.
func Open(dir string, opts Options) (*Journal, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.MaxEntry <= 0 {
		opts.MaxEntry = defaultMaxEntry
	}
	if opts.LockWait <= 0 {
		opts.LockWait = defaultLockWait
	}
	path := filepath.Join(dir, FileName)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, unwritable(path, "creating its directory", err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, unwritable(path, "opening it", err)
	}
	j := &Journal{path: path, opts: opts, file: file, lock: flock.New(filepath.Join(dir, "journal.lock"), flock.SetPermissions(0o600))}
	if err := j.prepare(dir); err != nil {
		_ = j.Close()
		return nil, err
	}
	return j, nil
}

func (j *Journal) prepare(dir string) error {
	info, err := j.file.Stat()
	if err != nil {
		return unwritable(j.path, "looking at its mode", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := j.file.Chmod(0o600); err != nil {
			return unwritable(j.path, "making it private", err)
		}
	}
	if j.opts.Redactor == nil {
		salt, err := readSalt(filepath.Join(dir, "journal.salt"))
		if err != nil {
			return unwritable(j.path, "keeping the salt of its pseudonyms", err)
		}
		j.opts.Redactor = redact.New(salt, j.opts.Known...)
	}
	if err := syncDir(dir); err != nil {
		return unwritable(j.path, "syncing its directory", err)
	}
	_, err = j.AppendAll(context.Background(), nil) // repairs a torn tail
	return err
}

// readSalt reads the salt of the pseudonyms, or makes one: the same key is to have the same name after a restart, and nobody outside
// is to find a key by trying. A salt that another process is just writing, or that was cut short, is no salt: then one of this
// process serves.
func readSalt(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		salt, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		if len(salt) < saltLen {
			salt = newSalt()
		}
		return salt, nil
	}
	if err != nil {
		return nil, fmt.Errorf("creating %s: %w", path, err)
	}
	salt := newSalt()
	_, err = f.Write(salt)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("writing %s: %w", path, err)
	}
	return salt, nil
}

const saltLen = 32

func newSalt() []byte {
	salt := make([]byte, saltLen)
	_, _ = rand.Read(salt) // crypto/rand ends the program rather than fail
	return salt
}

// Path is the journal's file.
func (j *Journal) Path() string { return j.path }

// Close closes the file. Every entry that an append returned is already on disk.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, leave := range j.present {
		leave()
	}
	j.present = nil
	return errors.Join(j.file.Close(), j.lock.Close())
}

// Head returns the last line's seq and hash, as far as this process has seen: the anchor to post where others keep it.
func (j *Journal) Head() (int64, string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.end.seq, j.end.hash
}

// Append writes one entry and returns when it is on disk. On an error nothing of it is in the file.
func (j *Journal) Append(ctx context.Context, d Draft) (Entry, error) {
	entries, err := j.AppendAll(ctx, []Draft{d})
	if err != nil {
		return Entry{}, err
	}
	return entries[0], nil
}

// AppendAll writes several entries with one write and one fsync: all or none.
func (j *Journal) AppendAll(ctx context.Context, drafts []Draft) ([]Entry, error) {
	entries := make([]Entry, len(drafts))
	for i, d := range drafts {
		e, err := j.entry(d)
		if err != nil {
			return nil, err
		}
		entries[i] = e
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	unlock, err := j.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := j.findEnd(); err != nil {
		return nil, err
	}
	if err := j.write(entries); err != nil {
		return nil, err
	}
	return entries, nil
}

func (j *Journal) acquire(ctx context.Context) (unlock func(), err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, j.opts.LockWait, fmt.Errorf("another process has held the lock for %s", j.opts.LockWait))
	defer cancel()
	ok, err := j.lock.TryLockContext(ctx, lockRetry)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, unwritable(j.path, "taking the lock "+j.lock.Path(), err)
	}
	if !ok {
		return nil, unwritable(j.path, "taking the lock "+j.lock.Path(), errors.New("it is held"))
	}
	// An unlock that fails ends with the descriptor; the next append takes the lock anew.
	return func() { _ = j.lock.Unlock() }, nil
}

// entry makes a draft into an entry without its place in the chain: redacted, bounded, in UTC.
func (j *Journal) entry(d Draft) (Entry, error) {
	now := j.opts.Now().UTC().Round(0)
	at := d.At.UTC().Round(0)
	if d.At.IsZero() {
		at = now
	}
	data, err := j.data(d)
	if err != nil {
		return Entry{}, err
	}
	return Entry{
		V: Version, At: at, RecordedAt: now, Kind: Kind(j.word(string(d.Kind))), Data: data,
		Actor:    Actor{ID: j.word(d.Actor.ID), Via: j.word(d.Actor.Via)},
		Incident: j.word(d.Incident), Run: j.word(d.Run), Step: j.word(d.Step),
	}, nil
}

// word cleans a name of the line itself.
func (j *Journal) word(s string) string {
	return redact.Clip(redact.Terminal(j.opts.Redactor.Secrets(s)), 256)
}

func (j *Journal) data(d Draft) (json.RawMessage, error) {
	if d.Kind == "" {
		return nil, errors.New("an entry without a kind cannot be journaled")
	}
	if d.Data == nil {
		return nil, nil
	}
	raw, err := encode(d.Data)
	if err != nil {
		return nil, fmt.Errorf("encoding the data of a %s entry: %w", d.Kind, err)
	}
	raw = j.opts.Redactor.JSON(raw)
	for limit := j.opts.MaxEntry / 4; len(raw) > j.opts.MaxEntry; limit /= 4 {
		if limit < 64 {
			return nil, fmt.Errorf("journaling a %s entry of %d bytes, at most %d fit: %w", d.Kind, len(raw), j.opts.MaxEntry, ErrTooLarge)
		}
		if raw, err = clipStrings(raw, limit); err != nil {
			return nil, fmt.Errorf("clipping the data of a %s entry: %w", d.Kind, err)
		}
	}
	return raw, nil
}

// unwritable says what failed, where, and what to try.
func unwritable(path, doing string, err error) error {
	return fmt.Errorf("%w: %s: %s: %w (%s)", ErrUnwritable, path, doing, err, remedy(path, err))
}

// systemEntropy is crypto/rand as a reader that does not fail.
type systemEntropy struct{}

func (systemEntropy) Read(p []byte) (int, error) { return rand.Read(p) }
