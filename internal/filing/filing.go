// Package filing writes a file whole: who reads it, and a start after a crash, sees what stood there or what stands there now, and
// never a part.
package filing

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Options say how a file is written. The zero value is for one that must outlast a loss of power and is its owner's alone.
type Options struct {
	Mode fs.FileMode // of a file that is new; 0: 0600. One that is there keeps what it has
	Lazy bool        // does not wait for the disk: after a loss of power what stands there may be older, or nothing
}

const (
	ownerOnly = fs.FileMode(0o600)
	mostLinks = 40 // that lead to one another before it is taken for a circle

	// Until it is in place a file lies beside its target, by a name that neither *.conf nor * of a shell finds.
	before, after = ".", ".new"

	// tornAfter is the age from which a file that is not in place yet is what a crash has left.
	tornAfter = 10 * time.Minute
)

// Put writes these bytes.
func Put(path string, data []byte, o Options) error {
	return Write(path, o, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// Write writes what fill does. A link is followed, so that it goes on leading to the file; what is no file, such as a pipe, is
// written to as it is. An error does not name the path.
func Write(path string, o Options, fill func(io.Writer) error) error {
	target, err := follow(path)
	if err != nil {
		return err
	}
	mode := o.Mode
	if mode == 0 {
		mode = ownerOnly
	}
	switch is, err := os.Stat(target); {
	case err == nil && is.IsDir():
		return errors.New("it is a folder")
	case err == nil && !is.Mode().IsRegular():
		return cause(target, into(target, fill))
	case err == nil:
		mode = is.Mode().Perm()
	}
	return cause(target, replace(target, mode, !o.Lazy, fill))
}

// follow gives what a path leads to, which need not be there.
func follow(path string) (string, error) {
	if is, err := os.Stat(path); err == nil && !is.Mode().IsRegular() {
		return path, nil // the link to a pipe of a process leads nowhere else
	}
	for range mostLinks {
		to, err := os.Readlink(path)
		if err != nil {
			return path, nil //nolint:nilerr // no link, or nothing yet: it is the target
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		path = to
	}
	return "", errors.New("its links lead in a circle")
}

// into writes to what cannot be replaced.
func into(path string, fill func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0) //nolint:gosec // whoever names the path means it
	if err != nil {
		return err
	}
	return errors.Join(fill(f), f.Close())
}

// replace writes beside the target and moves it there. Of two at a time each has a file of its own.
func replace(target string, mode fs.FileMode, durable bool, fill func(io.Writer) error) (err error) {
	dir, name := filepath.Split(target)
	dir = filepath.Clean(dir) // of a bare name the current one
	f, err := os.CreateTemp(dir, before+name+".*"+after)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // the first error is the one to tell
		}
	}()
	err = fill(f)
	if err == nil && mode != ownerOnly {
		err = f.Chmod(mode)
	}
	if err == nil && durable {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), target); err == nil && durable {
		settle(dir)
	}
	return err
}

// settle has the disk know the new name. Where a folder cannot be synced the system does it in its own time.
func settle(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}

// cause takes the name out of what the system says of a target, or of the file beside it, which is another one each time.
func cause(target string, err error) error {
	var at *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &at) && (at.Path == target || Torn(filepath.Base(at.Path))):
		return at.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}

// Torn tells whether a file's name is that of one which was not put in place yet.
func Torn(name string) bool { return strings.HasPrefix(name, before) && strings.HasSuffix(name, after) }

// Tidy takes away what crashes have left in a folder of files that were to be put in place. What cannot be taken away harms nobody.
func Tidy(dir string, now time.Time) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range list {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && Torn(e.Name()) && now.Sub(info.ModTime()) > tornAfter {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}
