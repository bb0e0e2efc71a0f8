package tail

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signalbox/internal/traffic"
)

// other is another file that the same lines go on in.
func (l *log) other(path string) *log {
	l.t.Helper()
	o := &log{t: l.t, path: path, n: l.n}
	o.open()
	return o
}

func TestCase19GlobGrowsAndShrinks(t *testing.T) {
	dir := t.TempDir()
	a := newLog(t, filepath.Join(dir, "a.log"))
	h := byHand(t, Options{Path: filepath.Join(dir, "*.log")})
	a.write(5)
	h.look()
	b := a.other(filepath.Join(dir, "b.log"))
	b.write(5)
	a.write(5)
	h.look()
	// One leaves the pattern, with a line that was not read and a writer that goes on for a while.
	a.write(1)
	a.rename(filepath.Join(dir, "a.kept"))
	h.look()
	a.write(1)
	h.look()
	b.write(3)
	h.look()
	h.sameLines(20)
	h.after(quiet)
	if _, still := h.tail.follow[a.path]; still || h.state.Lines != 20 || h.state.Health != traffic.Live {
		t.Errorf("the file that left is followed still: %v, %+v", still, h.state)
	}
	// It comes back under its name, and goes on where it was.
	must(t, os.Rename(filepath.Join(dir, "a.kept"), a.path))
	a.write(2)
	h.look()
	h.sameLines(22)
}

func TestCase19GlobOverRotations(t *testing.T) {
	l := inFolder(t)
	must(t, os.WriteFile(l.path+".7.gz", []byte{0x1f, 0x8b, 8}, 0o600))
	h := byHand(t, Options{Path: l.path + "*"})
	for i := range 6 {
		l.write(20)
		if i%2 == 0 {
			h.look()
		}
		aged(t, l.path, time.Duration(10-i)*time.Second)
		l.shiftChain(i)
		l.open()
		h.look()
		if i == 3 {
			pack(t, l.path+".3")
		}
		l.write(3)
		h.look()
	}
	h.after(time.Hour)
	h.sameLines(138)
	if h.state.Health != traffic.Live {
		t.Errorf("%+v", h.state)
	}
}

func TestCase19GlobIsBounded(t *testing.T) {
	dir := t.TempDir()
	for i := range maxPaths + 5 {
		must(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%04d.log", i)), nil, 0o600))
	}
	h := byHand(t, Options{Path: filepath.Join(dir, "*.log")})
	h.after(stateEvery)
	detailHas(t, h.state, "names more than")
}

func link(t *testing.T, target, path string) {
	t.Helper()
	must(t, os.Symlink(target, path+".new"))
	must(t, os.Rename(path+".new", path))
}

func TestCase20SymlinkSwapToAnotherFolder(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	l := newLog(t, filepath.Join(dir, "one"))
	current := filepath.Join(dir, "current.log")
	link(t, l.path, current)
	h := byHand(t, Options{Path: current})
	l.write(10)
	h.look()
	l.write(5) // unread at the swap
	two := l.other(filepath.Join(other, "two"))
	link(t, two.path, current)
	two.write(10)
	h.look()
	l.write(1) // late
	h.look()
	// The link leads nowhere for two seconds.
	link(t, filepath.Join(other, "three"), current)
	two.write(3)
	for range 8 {
		h.look()
	}
	if h.state.Health != traffic.Waiting {
		t.Errorf("%+v", h.state)
	}
	three := l.other(filepath.Join(other, "three"))
	three.write(5)
	h.look()
	h.exactly(34, 0)
}

// The waker opens what the link leads to at each swap, so that the one in between is read too.
func TestCase20SymlinkSwappedTwiceBetweenLooks(t *testing.T) {
	dir := t.TempDir()
	l := newLog(t, filepath.Join(dir, "one"))
	current := filepath.Join(dir, "current.log")
	link(t, l.path, current)
	h := byHand(t, Options{Path: current})
	h.tail.wake = newWaker(notifications, realDisk())
	h.look()
	l.write(10)
	h.look()
	for i, name := range []string{"two", "three"} {
		l = l.other(filepath.Join(dir, name))
		l.write(10)
		link(t, l.path, current)
		h.caught(current, i+1)
	}
	h.look()
	h.exactly(30, 0)
}

// The file behind a link is rotated where it lies, as a container runtime does it.
func TestCase20TargetOfSymlinkIsRotated(t *testing.T) {
	dir, pods := t.TempDir(), t.TempDir()
	l := newLog(t, filepath.Join(pods, "0.log"))
	current := filepath.Join(dir, "gateway.log")
	link(t, l.path, current)
	h := byHand(t, Options{Path: current})
	for i := range 6 {
		l.write(10)
		if i%3 == 0 {
			h.look()
		}
		aged(t, l.path, time.Duration(10-i)*time.Second)
		to := fmt.Sprintf("%s.20260131-10000%d", l.path, i)
		l.rename(to)
		l.open()
		if i%2 == 0 {
			pack(t, to)
		}
	}
	l.write(1)
	h.look()
	h.exactly(61, 0)
}

func TestCase21SameFileByTwoPaths(t *testing.T) {
	dir := t.TempDir()
	l := newLog(t, filepath.Join(dir, "a.log"))
	must(t, os.Link(l.path, filepath.Join(dir, "b.log")))
	must(t, os.Symlink(l.path, filepath.Join(dir, "c.log")))
	h := byHand(t, Options{Path: filepath.Join(dir, "*.log")})
	l.write(10)
	h.look()
	// The name under which it is read goes; it is read on under the others.
	must(t, os.Remove(l.path))
	must(t, os.Remove(filepath.Join(dir, "c.log")))
	l.write(10)
	h.look()
	h.after(time.Hour)
	l.write(3)
	h.look()
	h.exactly(23, 0)
}

// Two globs are two sources; they share a ledger.
func TestCase21TwoGlobsReadAFileOnce(t *testing.T) {
	dir := t.TempDir()
	l := newLog(t, filepath.Join(dir, "a.log"))
	shared := NewLedger()
	one := byHand(t, Options{Path: filepath.Join(dir, "*.log"), Ledger: shared})
	two := byHand(t, Options{Path: filepath.Join(dir, "a*"), Ledger: shared})
	for range 5 {
		l.write(10)
		two.look()
		one.look()
		two.look()
		l.rename(l.path + ".1")
		l.open()
	}
	two.look()
	one.look()
	if n := len(one.ids) + len(two.ids); n != 50 {
		t.Errorf("%d lines of 50", n)
	}
	// What one source lets go of, the other goes on with.
	one.end()
	l.write(10)
	two.look()
	one.ids = append(one.ids, two.ids...)
	one.sameLines(60)
}

// Root may read everything, so that the refusal is put in between.
func TestCase28PermissionDeniedThenGranted(t *testing.T) {
	l := inFolder(t)
	denied := true
	h := byHand(t, Options{Path: l.path})
	l.write(3)
	h.look()
	h.tail.disk.open = func(path string) (logFile, error) {
		if denied {
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrPermission}
		}
		return openToRead(path)
	}
	l.write(1)
	l.rename(l.path + ".1")
	l.open()
	l.write(5)
	h.look()
	if h.state.Health != traffic.Failing || !strings.Contains(h.state.Detail, "may not be read") {
		t.Errorf("%+v", h.state)
	}
	denied = false
	h.look()
	h.exactly(9, 0)
}

func TestCase28FolderMissingThenMade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "deeper", "a.log")
	h := byHand(t, Options{Path: path})
	detailHas(t, h.state, path)
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	h.look()
	l := newLog(t, path)
	l.write(5)
	h.look()
	h.exactly(5, 0)
}

// The folder is renamed: the writer still has the file; then another folder takes its name, or it comes back.
func TestCase28ParentFolderRenamed(t *testing.T) {
	for _, back := range []bool{false, true} {
		root := t.TempDir()
		dir := filepath.Join(root, "logs")
		must(t, os.Mkdir(dir, 0o700))
		l := newLog(t, filepath.Join(dir, "a.log"))
		h := byHand(t, Options{Path: l.path})
		h.tail.wake = newWaker(notifications, realDisk())
		h.look()
		l.write(5)
		h.look()
		must(t, os.Rename(dir, filepath.Join(root, "moved")))
		l.write(5)
		l.raw(line(10)[:20])
		h.look()
		if back {
			must(t, os.Rename(filepath.Join(root, "moved"), dir))
			h.after(5 * time.Minute)
			l.raw(line(10)[20:])
		} else {
			l.raw(line(10)[20:])
			must(t, os.Mkdir(dir, 0o700))
			h.look()
			l.open()
		}
		*l.n = 11
		l.write(5)
		h.look()
		h.exactly(16, 0)
	}
}

// A folder's events are watched anew when another folder has taken its name.
func TestCase28WatchFollowsTheName(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "logs")
	w := newWaker(notifications, realDisk())
	defer w.close()
	if w.events == nil {
		t.Skip("no notifications here")
	}
	must(t, os.Mkdir(dir, 0o700))
	path := filepath.Join(dir, "a.log")
	w.watch(path)
	must(t, os.Rename(dir, dir+".old"))
	must(t, os.Mkdir(dir, 0o700))
	w.folders[dir].tried = time.Time{} // as after a while
	w.watch(path)
	for len(w.woken()) > 0 {
		<-w.woken()
	}
	must(t, os.WriteFile(path, nil, 0o600))
	select {
	case <-w.woken():
	case <-time.After(patience):
		t.Error("no wake-up")
	}
}

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	l := newLog(t, filepath.Join(dir, "a.log"))
	must(t, os.Mkdir(filepath.Join(dir, "below"), 0o700))
	for name, text := range map[string]string{
		"below/x.log": line(900), ".a.log.swp": line(901), "core": "\x7fELF\x00\x00", "a.log.1": line(902), "old.log.gz": "\x1f\x8b\x08",
	} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	h := byHand(t, Options{Path: dir})
	l.write(5)
	h.look()
	b := l.other(filepath.Join(dir, "anything"))
	b.write(5)
	h.look()
	l.rename(filepath.Join(dir, "a.log.2"))
	l.open()
	l.write(5)
	h.look()
	h.sameLines(15)
	if len(h.tail.order) != 2 || h.state.Health != traffic.Live {
		t.Errorf("%v %+v", h.tail.order, h.state)
	}
	// From the start, what was rotated is read too, once.
	all := byHand(t, Options{Path: dir, FromStart: true})
	if len(all.ids) != 16 {
		t.Errorf("%d lines from the start, want 16: %v", len(all.ids), all.ids)
	}
}

func TestEmptyFolder(t *testing.T) {
	dir := t.TempDir()
	h := byHand(t, Options{Path: dir})
	detailHas(t, h.state, "waiting for one")
	l := newLog(t, filepath.Join(dir, "a.log"))
	l.write(5)
	h.look()
	h.exactly(5, 0)
}
