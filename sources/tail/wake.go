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
	maxCaught   = 256 // files of one path that were opened as they appeared and not looked at yet
	watchAgain  = 10 * time.Second
	folderCheck = time.Second
	// lull is how long nobody listens after an event that only tells of a write, where for turmoil there was no other: the
	// system makes one of the writes to a file that come meanwhile, and a process that is woken for each of them does little else.
	// What has come is then heard together: the writes to several files are not one, and what is told behind them must not wait.
	lull    = 40 * time.Millisecond
	turmoil = 3 * time.Second
	// hearing is how long what has come is then taken. It is left with the system till then: whoever takes each event from there as
	// it comes is woken for each of them.
	hearing = time.Millisecond
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
	disk    *disk
	wake    chan struct{}
	folders map[string]*watchedFolder
	done    sync.WaitGroup

	mu   sync.Mutex // guards what follows
	seen map[string]*appeared
	left string // the path that the last event has taken the name from
	over int
}

// watchedFolder is a folder that is watched, or cannot be.
type watchedFolder struct {
	info  os.FileInfo // nil: it is not watched
	tried time.Time
}

// appeared is what has appeared under a path since it was last asked.
type appeared struct {
	came []arrival
	away bool // what was there was renamed, and nothing has come since
}

// arrival is one event of a file that has come under a path, or had come and was renamed.
type arrival struct {
	file  logFile // what the path named as the event was seen to, which may be a later file; nil: nothing
	moved bool    // it is known by its new name
	back  bool    // it may be a file that was there before
}

func (a arrival) close() {
	if a.file != nil {
		_ = a.file.Close() // opened for reading
	}
}

func (a *appeared) add(v arrival) {
	switch {
	case v.moved && v.file == nil: // it went on, or out of sight
		return
	case len(a.came) >= maxCaught:
		v.close()
		v.file = nil
	}
	a.came = append(a.came, v)
}

// newWaker makes a waker. Where there are no events, because none are wanted or the system has none left, the
// poll does it alone.
func newWaker(start func() (*watcher, error), disk *disk) *waker {
	w := &waker{disk: disk, wake: make(chan struct{}, 1), folders: make(map[string]*watchedFolder), seen: make(map[string]*appeared)}
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
	var stirred time.Time // when something else than a write was last told
	for {
		select {
		case e, ok := <-w.events.events:
			if !ok {
				return
			}
			w.hear(e, &stirred)
		case err := <-w.events.errors:
			w.hearOf(err, &stirred)
		}
		for heard := 1; heard > 0; {
			select {
			case w.wake <- struct{}{}:
			default: // a wake-up waits already
			}
			if time.Since(stirred) < turmoil {
				break
			}
			time.Sleep(lull)
			more, open := w.hearAll(&stirred)
			if !open {
				return
			}
			heard = more
		}
	}
}

// hearAll takes what was told meanwhile. It tells how much that was, and whether there will be more.
func (w *waker) hearAll(stirred *time.Time) (n int, open bool) {
	enough := time.NewTimer(hearing)
	defer enough.Stop()
	for ; ; n++ {
		select {
		case e, ok := <-w.events.events:
			if !ok {
				return n, false
			}
			w.hear(e, stirred)
		case err := <-w.events.errors:
			w.hearOf(err, stirred)
		case <-enough.C:
			return n, true
		}
	}
}

func (w *waker) hear(e fsnotify.Event, stirred *time.Time) {
	w.note(e)
	if e.Op != fsnotify.Write {
		*stirred = time.Now()
	}
}

// hearOf takes what went wrong with the events: some were lost, or what they told of cannot be known.
func (w *waker) hearOf(err error, stirred *time.Time) {
	if errors.Is(err, fsnotify.ErrEventOverflow) {
		w.mu.Lock()
		w.over++
		w.mu.Unlock()
	}
	*stirred = time.Now()
}

// note opens what has appeared under a path, or what was there and has another name now.
func (w *waker) note(e fsnotify.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := filepath.Clean(e.Name)
	left := w.left
	w.left = ""
	switch {
	case e.Has(fsnotify.Create):
		if a := w.seen[left]; a != nil && left != name {
			a.add(arrival{file: w.open(name), moved: true})
		}
		if a := w.seen[name]; a != nil {
			back := a.away && left != "" || isLink(name)
			a.away = false
			a.add(arrival{file: w.open(name), back: back})
		}
	case e.Has(fsnotify.Rename):
		w.left = name // the next event is of its new name
		if a := w.seen[name]; a != nil {
			a.away = true
		}
	}
}

// open opens a file that may be gone already: then it gives nil.
func (w *waker) open(path string) logFile {
	f, err := w.disk.open(path)
	if err != nil {
		return nil
	}
	return f
}

func isLink(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&fs.ModeSymlink != 0
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
	for _, a := range w.caught(path) {
		a.close()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.seen, filepath.Clean(path))
}

// caught hands over what has appeared under a path, in order, to be closed by the caller.
func (w *waker) caught(path string) []arrival {
	if w.events == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.seen[filepath.Clean(path)]
	if a == nil {
		return nil
	}
	came := a.came
	a.came = nil
	return came
}

// overflowed tells how often since it was last asked the system has dropped events, and with them what they told.
func (w *waker) overflowed() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.over
	w.over = 0
	return n
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
