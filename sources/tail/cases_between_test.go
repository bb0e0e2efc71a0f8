package tail

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/fsnotify/fsnotify"
)

// asker wraps the disk of a hand, so that something may happen right before a question, such as "open a.log".
type asker struct {
	question string
	do       func()
}

func (a *asker) ask(question string) {
	if a.do != nil && question == a.question {
		do := a.do
		a.do = nil
		do()
	}
}

// askedBy is byHand with a disk that is asked through an asker.
func askedBy(t *testing.T, opt Options) (*hand, *asker) {
	t.Helper()
	h := byHand(t, Options{Path: opt.Path + ".none"})
	a := &asker{}
	before := *h.tail.disk
	*h.tail.disk = disk{
		open: func(p string) (logFile, error) {
			a.ask("open " + filepath.Base(p))
			f, err := before.open(p)
			if err != nil {
				return nil, err
			}
			return askedFile{f, a}, nil
		},
		stat: func(p string) (os.FileInfo, error) { a.ask("stat " + filepath.Base(p)); return before.stat(p) },
		list: func(p string) ([]os.DirEntry, error) { a.ask("list"); return before.list(p) },
	}
	h.tail.follow, h.tail.order, h.tail.opt.Path, h.tail.running = map[string]*follower{}, nil, opt.Path, false
	h.look()
	return h, a
}

// next has something happen before the next question of a kind.
func (h *hand) next(a *asker, question string, do func()) {
	h.t.Helper()
	a.question, a.do = question, do
	h.look()
	if a.do != nil {
		h.t.Errorf("nobody asked: %s", question)
	}
}

type askedFile struct {
	logFile
	a *asker
}

func (f askedFile) ReadAt(p []byte, at int64) (int, error) {
	f.a.ask("read " + filepath.Base(f.Name()))
	return f.logFile.ReadAt(p, at) //nolint:wrapcheck // as it is
}

// hearing gives the hand events that the test hands over itself.
func (h *hand) hearing() func(op fsnotify.Op, path string) {
	w, _ := fakeWatcher()
	h.tail.wake = &waker{events: w, disk: h.tail.disk, wake: make(chan struct{}, 1), folders: map[string]*watchedFolder{}, seen: map[string]*appeared{}}
	h.look()
	return func(op fsnotify.Op, path string) { h.tail.wake.note(fsnotify.Event{Name: path, Op: op}) }
}

// The path is asked and names one file; before that is opened it is removed, and the name is another's.
func TestCase31RemovedBetweenAskingAndOpening(t *testing.T) {
	l := inFolder(t)
	h, a := askedBy(t, Options{Path: l.path})
	tell := h.hearing()
	l.write(3)
	h.look()
	must(t, os.Remove(l.path))
	tell(fsnotify.Remove, l.path)
	l.open()
	tell(fsnotify.Create, l.path)
	l.write(4)
	h.next(a, "open a.log", func() {
		must(t, os.Remove(l.path))
		l.open()
		l.write(5)
	})
	tell(fsnotify.Remove, l.path)
	tell(fsnotify.Create, l.path)
	h.look()
	h.exactly(12, 0)
	if h.state.Missed != 0 {
		t.Errorf("%+v", h.state)
	}
}

// Of three files that came while nobody looked, the event of the second is seen to when the third is there already:
// what the second held is gone, and that is said, though the first was caught.
func TestCase31EventsTooLateAreCounted(t *testing.T) {
	l := inFolder(t)
	h := byHand(t, Options{Path: l.path})
	tell := h.hearing()
	l.write(1)
	h.look()
	must(t, os.Remove(l.path))
	tell(fsnotify.Remove, l.path)
	l.open()
	tell(fsnotify.Create, l.path)
	l.write(1)
	for range 2 {
		must(t, os.Remove(l.path))
		l.open()
		l.raw(line(99))
	}
	for range 2 { // of the file in between there is nothing left but its event
		tell(fsnotify.Remove, l.path)
		tell(fsnotify.Create, l.path)
	}
	h.look()
	h.after(stateEvery)
	detailHas(t, h.state, "came and went")
	if h.state.Missed != 1 || len(h.ids) != 3 {
		t.Errorf("%d missed, %v", h.state.Missed, h.ids)
	}
}

// Everything happens after the look at an empty file and before its first bytes are read: written, copied, truncated,
// written again. Nothing but the copy tells of it.
func TestCase31CopiedAndTruncatedBeforeTheFirstRead(t *testing.T) {
	l := inFolder(t)
	h, a := askedBy(t, Options{Path: l.path})
	h.next(a, "read a.log", func() {
		l.write(20)
		l.copyTruncate(l.path + ".1")
		l.write(30)
	})
	h.look()
	h.exactly(50, 0)
}

// A truncation falls between two looks at a file of which something was read, or right before it is read: its bytes
// are not taken for the old file's.
func TestCase31TruncatedBeforeTheRead(t *testing.T) {
	for _, more := range []int{1, 5, 15, 100} {
		l := inFolder(t)
		h, a := askedBy(t, Options{Path: l.path})
		l.write(10)
		h.look()
		h.next(a, "read a.log", func() {
			l.write(5)
			l.copyTruncate(l.path + ".1")
			l.write(more)
		})
		h.look()
		h.exactly(15+more, 0)
	}
}

// The copy is met before the truncation is: what stands in it is not counted as lost.
func TestCase31CopyMetFirstIsNoLoss(t *testing.T) {
	l := inFolder(t)
	h, a := askedBy(t, Options{Path: l.path})
	l.write(2)
	h.look()
	l.rename(l.path + ".1")
	l.open()
	l.write(90)
	h.next(a, "list", func() { l.copyTruncate(l.path + ".2") })
	l.write(2)
	h.look()
	h.exactly(94, 0)
}
