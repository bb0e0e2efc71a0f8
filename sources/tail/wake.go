package tail

import (
	"os"
	"path/filepath"
	"sync"

	"github.com/fsnotify/fsnotify"
)

// waker says "look now" when something happens in a folder that matters. It watches folders and not files,
// because a watch on a file does not see what takes its place; and no event means anything but "look",
// because the file system is the truth and the poll backs it up where events are missing.
type waker struct {
	events  *fsnotify.Watcher // nil: poll only
	wake    chan struct{}
	watched map[string]bool
	done    sync.WaitGroup
}

func newWaker(off bool) *waker {
	w := &waker{wake: make(chan struct{}, 1), watched: make(map[string]bool)}
	if off {
		return w
	}
	events, err := fsnotify.NewWatcher()
	if err != nil {
		return w // no instances left, or no inotify at all: the poll does it alone
	}
	w.events = events
	w.done.Add(1)
	go w.forward()
	return w
}

// forward makes one wake-up of any number of events, lost ones included. It ends when close closes the watcher.
func (w *waker) forward() {
	defer w.done.Done()
	for {
		select {
		case _, ok := <-w.events.Events:
			if !ok {
				return
			}
		case _, ok := <-w.events.Errors:
			if !ok {
				return
			}
		}
		select {
		case w.wake <- struct{}{}:
		default: // a wake-up waits already
		}
	}
}

// watch watches the folder of a path, and that of the file that it links to.
func (w *waker) watch(path string) {
	if w.events == nil {
		return
	}
	w.folder(filepath.Dir(path))
	if target, err := os.Readlink(path); err == nil {
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		w.folder(filepath.Dir(target))
	}
}

func (w *waker) folder(dir string) {
	if w.watched[dir] {
		return
	}
	// A folder that is not there yet, or a full watch table, is the poll's business.
	if w.events.Add(dir) == nil {
		w.watched[dir] = true
	}
}

func (w *waker) woken() <-chan struct{} { return w.wake }

func (w *waker) close() {
	if w.events != nil {
		_ = w.events.Close() // nothing to save
	}
	w.done.Wait()
}
