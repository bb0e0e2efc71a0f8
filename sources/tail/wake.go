package tail

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	maxCaught   = 64 // files of one path that were opened as they appeared and not looked at yet
	watchAgain  = 10 * time.Second
	folderCheck = time.Second
)

// watcher is what tells of events in folders.
type watcher struct {
	add    func(dir string) error
	remove func(dir string) error
	close  func() error
	events <-chan fsnotify.Event
	errors <-chan error
}

// notifications asks the system for events.
func notifications() (*watcher, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err //nolint:wrapcheck // it is only looked at whether there is one
	}
	return &watcher{w.Add, w.Remove, w.Close, w.Events, w.Errors}, nil
}

// waker says "look now" when something happens in a folder that matters. It watches folders and not files,
// because a watch on a file does not see what takes its place; and no event means anything but "look",
// because the file system is the truth and the poll backs it up where events are missing. What appears under
// a followed path is opened at once, so that it is not lost when it is gone again before anybody looks.
type waker struct {
	events  *watcher // nil: poll only
	wake    chan struct{}
	folders map[string]*watchedFolder
	done    sync.WaitGroup

	mu   sync.Mutex // guards what follows
	seen map[string]*appeared
}

// watchedFolder is a folder that is watched, or cannot be.
type watchedFolder struct {
	info  os.FileInfo // nil: it is not watched
	tried time.Time
}

// appeared is what has appeared under a path since it was last asked.
type appeared struct {
	files    []*os.File
	vanished int
}

// newWaker makes a waker. Where there are no events, because none are wanted or the system has none left, the
// poll does it alone.
func newWaker(start func() (*watcher, error)) *waker {
	w := &waker{wake: make(chan struct{}, 1), folders: make(map[string]*watchedFolder), seen: make(map[string]*appeared)}
	if start == nil {
		return w
	}
	events, err := start()
	if err != nil {
		return w
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
		case e, ok := <-w.events.events:
			if !ok {
				return
			}
			if e.Has(fsnotify.Create) {
				w.catch(e.Name)
			}
		case _, ok := <-w.events.errors:
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

// expect has what appears under a path opened at once.
func (w *waker) expect(path string) {
	if w.events == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if path = filepath.Clean(path); w.seen[path] == nil {
		w.seen[path] = &appeared{}
	}
}

func (w *waker) unexpect(path string) {
	files, _ := w.caught(path)
	for _, f := range files {
		_ = f.Close()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.seen, filepath.Clean(path))
}

func (w *waker) catch(path string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.seen[filepath.Clean(path)]
	if a == nil || len(a.files) >= maxCaught {
		return
	}
	f, err := openToRead(path)
	switch {
	case err == nil:
		a.files = append(a.files, f)
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Lstat(path); err != nil { // else a link that leads nowhere
			a.vanished++
		}
	}
}

// caught hands over the files that have appeared under a path, which are the caller's to close, and says how
// many were gone before they could be opened.
func (w *waker) caught(path string) (files []*os.File, vanished int) {
	if w.events == nil {
		return nil, 0
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.seen[filepath.Clean(path)]
	if a == nil {
		return nil, 0
	}
	files, vanished = a.files, a.vanished
	a.files, a.vanished = nil, 0
	return files, vanished
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

// folder watches a folder, and watches it anew when another one has taken its name. A folder that is not
// there yet, or a full watch table, is the poll's business; the table is tried again now and then.
func (w *waker) folder(dir string) {
	if w.events == nil {
		return
	}
	now := time.Now()
	d := w.folders[dir]
	switch {
	case d == nil:
		d = &watchedFolder{}
		w.folders[dir] = d
	case d.info != nil && now.Sub(d.tried) < folderCheck, d.info == nil && !d.tried.IsZero() && now.Sub(d.tried) < watchAgain:
		return
	}
	info, err := os.Stat(dir)
	if err != nil {
		d.info, d.tried = nil, time.Time{}
		return
	}
	d.tried = now
	if d.info != nil {
		if os.SameFile(d.info, info) {
			return
		}
		_ = w.events.remove(dir) // the system may have done so already
	}
	d.info = nil
	if w.events.add(dir) == nil {
		d.info = info
	}
}

func (w *waker) woken() <-chan struct{} { return w.wake }

func (w *waker) close() {
	if w.events != nil {
		_ = w.events.close() // nothing to save
	}
	w.done.Wait()
	for path := range w.seen {
		w.unexpect(path)
	}
}
