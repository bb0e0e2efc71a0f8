package incident

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"

	"github.com/gofrs/flock"
)

// presenceDir is the folder beside the journal where each running writer holds a lock of its own name, so that others can tell
// whether it still runs: the system lets go of a lock when a process ends, however it ends.
const presenceDir = "running"

var presenceName = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)

// Present says that the writer of this name runs, until leave is called, the journal is closed, or the process ends.
func (j *Journal) Present(name string) (leave func(), err error) {
	if !presenceName.MatchString(name) {
		return nil, errors.New("a writer's name is of small letters, digits and dashes")
	}
	dir := filepath.Join(filepath.Dir(j.path), presenceDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, unwritable(j.path, "saying who writes it", err)
	}
	lock := flock.New(filepath.Join(dir, name), flock.SetPermissions(0o600))
	if ok, err := lock.TryLock(); err != nil || !ok {
		return nil, unwritable(j.path, "saying who writes it", errors.Join(err, errors.New("the lock "+lock.Path()+" could not be taken")))
	}
	leave = func() {
		_ = os.Remove(lock.Path()) // before it is let go: nobody else ever takes this name
		_ = lock.Close()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.present = append(j.present, leave)
	return leave, nil
}

// Gone tells whether the writer of this name has ended. One that never said that it runs has.
func (j *Journal) Gone(name string) bool {
	if !presenceName.MatchString(name) {
		return true
	}
	path := filepath.Join(filepath.Dir(j.path), presenceDir, name)
	if _, err := os.Stat(path); err != nil {
		return errors.Is(err, os.ErrNotExist)
	}
	lock := flock.New(path, flock.SetFlag(os.O_RDONLY))
	ok, err := lock.TryLock()
	if err != nil || !ok {
		return false // held, or it cannot be told: then nobody else may act in its place
	}
	_ = os.Remove(path)
	_ = lock.Close()
	return true
}
