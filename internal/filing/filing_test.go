package filing

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// holds checks what stands in a folder: names to texts, and nothing else.
func holds(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range list {
		raw, err := os.ReadFile(filepath.Join(dir, e.Name()))
		must(t, err)
		if text, ok := want[e.Name()]; !ok || string(raw) != text {
			t.Errorf("%s has %q", e.Name(), raw)
		}
	}
	if len(list) != len(want) {
		t.Errorf("there are %d files, not %d: %v", len(list), len(want), list)
	}
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		there fs.FileMode // 0: nothing is
		o     Options
		want  fs.FileMode
	}{
		"a new file is its owner's":         {0, Options{}, 0o600},
		"a new file for all":                {0, Options{Mode: 0o644}, 0o644},
		"one that is there keeps its own":   {0o640, Options{Mode: 0o644}, 0o640},
		"one that is there, without a mode": {0o644, Options{Lazy: true}, 0o644},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "state")
			if c.there != 0 {
				must(t, os.WriteFile(path, []byte("a longer text that was there"), c.there))
				must(t, os.Chmod(path, c.there)) // whatever the umask
			}
			must(t, Put(path, []byte("new"), c.o))
			is, err := os.Stat(path)
			must(t, err)
			if is.Mode().Perm() != c.want {
				t.Errorf("its mode is %v, not %v", is.Mode().Perm(), c.want)
			}
			holds(t, filepath.Dir(path), map[string]string{"state": "new"})
		})
	}
}

// What fails leaves what was there, and nothing beside it; its error names no file that nobody knows.
func TestFailureLeavesTheOldOne(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "state")
	must(t, Put(path, []byte("old"), Options{}))
	broken := errors.New("no more to say")
	err := Write(path, Options{}, func(w io.Writer) error {
		_, err := io.WriteString(w, "half of")
		holds(t, dir, map[string]string{"state": "old", filepath.Base(w.(*os.File).Name()): "half of"})
		return errors.Join(err, broken)
	})
	if !errors.Is(err, broken) {
		t.Errorf("it says %v", err)
	}
	err = Write(path, Options{}, func(w io.Writer) error {
		return &fs.PathError{Op: "write", Path: w.(*os.File).Name(), Err: syscall.ENOSPC}
	})
	if err == nil || err.Error() != syscall.ENOSPC.Error() {
		t.Errorf("it says %v", err)
	}
	holds(t, dir, map[string]string{"state": "old"})
}

func TestMissingFolder(t *testing.T) {
	t.Parallel()
	err := Put(filepath.Join(t.TempDir(), "no", "state"), nil, Options{})
	if !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), after) {
		t.Errorf("it says %v", err)
	}
	if err := Put(t.TempDir(), nil, Options{}); err == nil {
		t.Error("a folder was written")
	}
}

// A link goes on leading to its file, also where that is not there yet. A circle is told.
func TestLinks(t *testing.T) {
	t.Parallel()
	dir, far := t.TempDir(), t.TempDir()
	target := filepath.Join(far, "state")
	must(t, os.WriteFile(target, []byte("old"), 0o600))
	must(t, os.Symlink(target, filepath.Join(dir, "second")))
	must(t, os.Symlink("second", filepath.Join(dir, "first")))
	must(t, os.Symlink(filepath.Join(far, "later"), filepath.Join(dir, "dangling")))
	must(t, os.Symlink("b", filepath.Join(dir, "a")))
	must(t, os.Symlink("a", filepath.Join(dir, "b")))
	must(t, Put(filepath.Join(dir, "first"), []byte("new"), Options{}))
	must(t, Put(filepath.Join(dir, "dangling"), []byte("now"), Options{}))
	if err := Put(filepath.Join(dir, "a"), nil, Options{}); err == nil {
		t.Error("a circle was written")
	}
	holds(t, far, map[string]string{"state": "new", "later": "now"})
	for _, name := range []string{"first", "second", "dangling", "a", "b"} {
		if is, err := os.Lstat(filepath.Join(dir, name)); err != nil || is.Mode().Type() != fs.ModeSymlink {
			t.Errorf("%s is no link any more: %v", name, err)
		}
	}
}

// What is no file is written to, not replaced: an export to /dev/null as root once would have taken its place.
func TestNoFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	must(t, syscall.Mkfifo(pipe, 0o600))
	must(t, os.Symlink("pipe", filepath.Join(dir, "link")))
	for _, name := range []string{"pipe", "link"} {
		got := make(chan string)
		go func() {
			raw, err := os.ReadFile(pipe)
			if err != nil {
				t.Error(err)
			}
			got <- string(raw)
		}()
		must(t, Put(filepath.Join(dir, name), []byte("text"), Options{}))
		if text := <-got; text != "text" {
			t.Errorf("through %s came %q", name, text)
		}
	}
	if is, err := os.Lstat(pipe); err != nil || is.Mode().Type() != fs.ModeNamedPipe {
		t.Errorf("the pipe is %v, %v", is, err)
	}
}

// Of several writers each one's text is whole, and a reader meets no half of any.
func TestSeveralWriters(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "state")
	text := func(b byte) []byte { return bytes.Repeat([]byte{b}, 1000*int(b)) }
	must(t, Put(path, text('a'), Options{}))
	var all sync.WaitGroup
	for _, b := range []byte("abcd") {
		all.Go(func() {
			for range 20 {
				if err := Put(path, text(b), Options{Lazy: true}); err != nil {
					t.Error(err)
				}
				raw, err := os.ReadFile(path)
				if err != nil || len(raw) == 0 || !bytes.Equal(raw, text(raw[0])) {
					t.Errorf("read %d bytes, %v", len(raw), err)
				}
			}
		})
	}
	all.Wait()
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("left are %v, %v", list, err)
	}
}

// What a crash has left is not taken for a file by those who look by a pattern, and goes once nobody can be writing it.
func TestLeftByACrash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "levers.conf")
	var torn string
	must(t, Write(path, Options{}, func(w io.Writer) error {
		torn = w.(*os.File).Name()
		return os.Link(torn, torn+after) // stays, as if the process had been killed here
	}))
	torn += after
	for _, pattern := range []string{"*.conf", "levers*"} {
		if found, err := filepath.Glob(filepath.Join(dir, pattern)); err != nil || len(found) != 1 {
			t.Errorf("%s finds %v, %v", pattern, found, err)
		}
	}
	if !Torn(filepath.Base(torn)) || Torn("levers.conf") || Torn("new.conf") || Torn("levers.new") {
		t.Error("a file that is not in place is not told by its name")
	}
	Tidy(dir, time.Now())
	if _, err := os.Stat(torn); err != nil {
		t.Errorf("one that may be being written is gone: %v", err)
	}
	Tidy(dir, time.Now().Add(tornAfter+time.Minute))
	holds(t, dir, map[string]string{"levers.conf": ""})
}
