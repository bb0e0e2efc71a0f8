package tail

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"

	"signalbox/internal/traffic"
)

// rotations lets a real Run read a log over every kind of rotation.
func rotations(t *testing.T, opt Options, prepare func(*Tail)) {
	t.Helper()
	l := inFolder(t)
	opt.Path = l.path
	r := followPrepared(t, opt, prepare)
	r.live()
	for i := range 6 {
		l.write(50)
		switch i % 3 {
		case 0:
			l.rename(fmt.Sprintf("%s.%d", l.path, i))
			l.open()
		case 1:
			r.exactly(*l.n)
			l.copyTruncate(fmt.Sprintf("%s.%d", l.path, i))
		case 2:
			r.exactly(*l.n)
			must(t, os.Remove(l.path))
			l.open()
		}
		l.write(5)
		r.exactly(*l.n)
	}
}

func TestCase26NoNotifications(t *testing.T) {
	rotations(t, Options{NoNotify: true}, nil)
}

// The system has no watches left, or no instances, or says so when a folder is to be watched: the poll does it alone.
func TestCase26WatchLimitReached(t *testing.T) {
	for _, limit := range []error{syscall.EMFILE, syscall.ENOSPC} {
		rotations(t, Options{}, func(tl *Tail) {
			tl.notify = func() (*watcher, error) { return nil, limit }
		})
		rotations(t, Options{}, func(tl *Tail) {
			tl.notify = func() (*watcher, error) {
				w, _ := fakeWatcher()
				w.add = func(string) error { return limit }
				return w, nil
			}
		})
	}
}

// A folder that could not be watched is tried again, not at every look.
func TestCase26WatchIsTriedAgain(t *testing.T) {
	w, _ := fakeWatcher()
	tries := 0
	w.add = func(string) error { tries++; return syscall.ENOSPC }
	k := newWaker(func() (*watcher, error) { return w, nil }, realDisk())
	defer k.close()
	path := filepath.Join(t.TempDir(), "a.log")
	k.watch(path)
	k.watch(path)
	if tries != 1 {
		t.Errorf("%d tries", tries)
	}
	k.folders[filepath.Dir(path)].tried = time.Now().Add(-watchAgain)
	k.watch(path)
	if tries != 2 {
		t.Errorf("%d tries after a while", tries)
	}
}

type fakeEvents struct {
	events chan fsnotify.Event
	errors chan error
}

func fakeWatcher() (*watcher, fakeEvents) {
	f := fakeEvents{make(chan fsnotify.Event), make(chan error)}
	nothing := func(string) error { return nil }
	return &watcher{add: nothing, remove: nothing, close: func() error { close(f.events); return nil }, events: f.events, errors: f.errors}, f
}

// queue puts a queue before the events, as the system does: one is taken from it when the one before was heard.
func (f *fakeEvents) queue(w *watcher) {
	events, waiting := f.events, make(chan fsnotify.Event, 2048)
	f.events, w.close = waiting, func() error { close(waiting); return nil }
	go func() { // until it is closed
		for e := range waiting {
			events <- e
		}
		close(events)
	}()
}

// Writes are told one by one, and many a second must not wake anybody for each. What is more than a write is not waited with, nor
// are the writes after it.
func TestWritesAreHeardNowAndThen(t *testing.T) {
	const told = 400
	for _, c := range []struct {
		name string
		op   fsnotify.Op
		wake int // a wake-up for so many
	}{{"writes", fsnotify.Write, int(lull / time.Millisecond)}, {"renames", fsnotify.Rename, 1}} {
		synctest.Test(t, func(t *testing.T) {
			w, f := fakeWatcher()
			f.queue(w)
			wake := newWaker(func() (*watcher, error) { return w, nil }, realDisk())
			wakes := func(op fsnotify.Op) (n int) {
				for range told {
					f.events <- fsnotify.Event{Name: "/log", Op: op}
					time.Sleep(time.Millisecond)
					synctest.Wait()
					select {
					case <-wake.woken():
						n++
					default:
					}
				}
				return n
			}
			if n := wakes(c.op); n < told/c.wake-1 || n > told/c.wake+1 {
				t.Errorf("%d %s wake %d times", told, c.name, n)
			}
			time.Sleep(turmoil)
			f.events <- fsnotify.Event{Name: "/log", Op: fsnotify.Create}
			if n := wakes(fsnotify.Write); n != told {
				t.Errorf("%d writes after a file was made wake %d times", told, n)
			}
			wake.close()
		})
	}
}

// The writes to several files of a folder are told one by one, however long nobody listens. What is told behind them, such as that
// a log was rotated, is heard with them.
func TestWritesToManyFilesAreHeardTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const told = 1000
		w, f := fakeWatcher()
		f.queue(w)
		wake := newWaker(func() (*watcher, error) { return w, nil }, realDisk())
		wake.expect("/nowhere/log")
		for i := range told {
			f.events <- fsnotify.Event{Name: fmt.Sprint("/nowhere/log", i%2), Op: fsnotify.Write}
		}
		f.events <- fsnotify.Event{Name: "/nowhere/log", Op: fsnotify.Create}
		began, woken := time.Now(), 0
		for synctest.Wait(); len(wake.caught("/nowhere/log")) == 0; synctest.Wait() {
			if time.Sleep(time.Millisecond); time.Since(began) > time.Second {
				t.Fatal("what was told behind many writes is not heard")
			}
			select {
			case <-wake.woken():
				woken++
			default:
			}
		}
		if took := time.Since(began); took > lull+hearing || woken > 2 {
			t.Errorf("it was heard within %v, by %d wake-ups", took, woken)
		}
		wake.close()
	})
}

// An overflow of the queue says nothing but that everything has to be looked at.
func TestCase27QueueOverflow(t *testing.T) {
	w, f := fakeWatcher()
	l := inFolder(t)
	r := followPrepared(t, Options{Path: l.path, Poll: time.Hour}, func(tl *Tail) {
		tl.notify = func() (*watcher, error) { return w, nil }
	})
	r.live() // from now on nothing but the overflow can wake it
	l.write(5)
	l.rename(l.path + ".1")
	l.open()
	l.write(5)
	f.errors <- fsnotify.ErrEventOverflow
	// It looks at rotated files a little later than at once: the path is still in the making.
	r.until("the lines", func(ids []string, _ traffic.SourceState) bool { return len(ids) == 10 })
	r.exactly(10)
	f.errors <- errors.New("any other error is looked after as well")
	l.write(1)
	f.errors <- fsnotify.ErrEventOverflow
	r.exactly(11)
}

// 50,000 real events of other files in the folder while the reader stalls over a rotation.
func TestCase27FiftyThousandEvents(t *testing.T) {
	l := inFolder(t)
	r := follow(t, Options{Path: l.path, Poll: pollEvery})
	r.live()
	gate := make(chan struct{})
	r.mu.Lock()
	r.block = gate
	r.mu.Unlock()
	l.write(600)
	noise, err := os.Create(filepath.Join(filepath.Dir(l.path), "noise"))
	must(t, err)
	defer func() { _ = noise.Close() }()
	for i := range 50_000 {
		_, err := noise.WriteAt([]byte{byte(i)}, 0)
		must(t, err)
		if i%20_000 == 10_000 {
			l.write(10)
			l.rename(fmt.Sprintf("%s.%d", l.path, i))
			l.open()
		}
	}
	l.write(10)
	close(gate)
	r.exactly(630)
}
