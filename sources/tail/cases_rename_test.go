package tail

import (
	"fmt"
	"os"
	"testing"
	"time"
)

func TestCase01RenameCreateAtLineEdge(t *testing.T) {
	l := inFolder(t)
	h := byHand(t, Options{Path: l.path})
	for i := range 10 {
		l.write(20)
		if i%2 == 0 {
			h.look()
		}
		l.rename(fmt.Sprintf("%s.%02d", l.path, i))
		l.open()
		if i%3 == 0 {
			h.look()
		}
	}
	l.write(5)
	h.look()
	h.exactly(205, 0)
}

// The writer keeps the renamed file for a second, a minute and an hour more; the hour is over the time for
// which the file is kept open, so it has to be found again.
func TestCase02RenameCreateWithWriterLate(t *testing.T) {
	for _, late := range []time.Duration{time.Second, 11 * time.Second, time.Minute, time.Hour} {
		l := inFolder(t)
		h := byHand(t, Options{Path: l.path})
		l.write(10)
		h.look()
		l.rename(l.path + ".1")
		old := *l
		l.open()
		l.write(3)
		h.look()
		old.write(2)
		h.look()
		h.after(late)
		h.after(late)
		old.write(4)
		h.after(rescanEvery)
		l.write(1)
		h.look()
		h.exactly(20, 0)
	}
}

// A writer that never leaves the renamed file does not keep the new one waiting.
func TestCase02LateWriterDoesNotStarveTheNewFile(t *testing.T) {
	l := inFolder(t)
	h := byHand(t, Options{Path: l.path})
	l.rename(l.path + ".1")
	old := *l
	l.open()
	h.look()
	for range 5 {
		old.write(1)
		l.write(1)
		h.now = h.now.Add(pollEvery)
		_, err := h.tail.pass(t.Context(), h.e)
		must(t, err)
	}
	if n := len(h.ids); n < 6 {
		t.Errorf("%d of the lines have come", n)
	}
	h.look()
	h.sameLines(10)
}

// The first half of a line is in the file when it is renamed; the rest comes seconds or minutes later.
func TestCase03RenameInMidLine(t *testing.T) {
	for _, late := range []time.Duration{0, 5 * time.Second, 2 * time.Minute} {
		l := inFolder(t)
		h := byHand(t, Options{Path: l.path})
		l.write(5)
		half := line(5)
		l.raw(half[:17])
		h.look()
		l.rename(l.path + ".1")
		old := *l
		h.after(late)
		l.open()
		old.raw(half[17:])
		h.look()
		*l.n = 6
		l.write(2)
		h.look()
		h.exactly(8, 0)
	}
}

func TestCase04CreateDelayedAfterRename(t *testing.T) {
	l := inFolder(t)
	h := byHand(t, Options{Path: l.path})
	l.write(5)
	h.look()
	l.rename(l.path + ".1")
	l.write(2)
	h.look()
	for range 20 { // five seconds of polls
		h.look()
	}
	detailHas(t, h.state, "is gone")
	l.open()
	l.write(5)
	h.look()
	h.exactly(12, 0)
}

// Five generations between two looks, and the path names a sixth.
func TestCase05FiveRenamesBetweenTwoLooks(t *testing.T) {
	l := inFolder(t)
	h := byHand(t, Options{Path: l.path})
	l.write(10)
	for i := range 5 {
		aged(t, l.path, time.Duration(50-10*i)*time.Millisecond)
		l.shiftChain(i)
		l.open()
		l.write(10)
	}
	h.look()
	h.exactly(60, 0)
}

// The same with the real waker, which opens what appears while the reader stalls; here the oldest
// generations are deleted again meanwhile, so nothing else could have them.
func TestCase05RenamedAndDeletedWhileStalled(t *testing.T) {
	l := inFolder(t)
	h := byHand(t, Options{Path: l.path})
	h.tail.wake = newWaker(notifications, realDisk())
	h.look()
	l.write(10)
	for i := range 4 {
		must(t, os.Remove(l.path))
		l.open()
		l.write(10)
		h.caught(l.path, i+1)
	}
	h.look()
	h.exactly(50, 0)
}

// caught waits until the waker has opened so many files of a path.
func (h *hand) caught(path string, n int) {
	h.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		h.tail.wake.mu.Lock()
		a := h.tail.wake.seen[path]
		good := a != nil && len(a.came) >= n
		h.tail.wake.mu.Unlock()
		if good {
			return
		}
	}
	h.t.Fatalf("the waker has not opened %d files of %s", n, path)
}

// What was gone before it could even be opened cannot be read, but it is said.
func TestCase05VanishedIsSaid(t *testing.T) {
	l := inFolder(t)
	h := byHand(t, Options{Path: l.path})
	h.tail.wake = newWaker(notifications, realDisk())
	h.look()
	l.write(1)
	h.tail.wake.mu.Lock() // the waker sees nothing until the file is gone
	must(t, os.Remove(l.path))
	l.open()
	must(t, os.Remove(l.path))
	h.tail.wake.mu.Unlock()
	h.caught(l.path, 1)
	h.look()
	h.after(stateEvery)
	detailHas(t, h.state, "came and went")
	l.open()
	l.write(1)
	h.look()
	h.exactly(2, 0)
}

func TestCase06ShiftChain(t *testing.T) {
	l := inFolder(t)
	h := byHand(t, Options{Path: l.path})
	for i := range 8 {
		l.write(10)
		if i%3 != 1 {
			h.look()
		}
		aged(t, l.path, time.Duration(10-i)*time.Second)
		l.shiftChain(4)
		_ = os.Remove(l.path + ".5")
		l.open()
		if i%2 == 0 {
			h.look()
		}
	}
	h.look()
	h.exactly(80, 0)
	h.after(time.Hour)
	h.exactly(80, 0)
}

// The number of a deleted file is given again, at once; and the file that has it now is another one.
func TestCase12DeleteRecreateWithInodeReused(t *testing.T) {
	l := inFolder(t)
	h := byHand(t, Options{Path: l.path})
	reused := false
	for i := range 20 {
		before := stat(t, l.path)
		l.write(10)
		if i%2 == 0 {
			h.look()
		}
		must(t, os.Remove(l.path))
		l.write(2) // into the deleted file
		must(t, l.f.Close())
		if i%4 == 0 {
			h.after(quietDeleted) // it is closed here too: now its number is free
		}
		l.open()
		l.write(1)
		reused = reused || identify(before) == identify(stat(t, l.path))
		h.look()
	}
	h.exactly(260, 0)
	if !reused {
		t.Log("this file system gave no number again")
	}
}

func stat(t *testing.T, path string) os.FileInfo {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	return info
}

// Every generation begins with the same 4 KiB of lines without a request.
func TestCase13SameHeadInEachGeneration(t *testing.T) {
	header := ""
	for i := range 60 {
		header += fmt.Sprintf(`{"level":"info","msg":"starting up, option %02d is set to its default value"}`+"\n", i)
	}
	for _, how := range []string{"rename", "copytruncate", "delete", "between looks"} {
		l := inFolder(t)
		h := byHand(t, Options{Path: l.path})
		for i := range 5 {
			l.raw(header)
			if i%2 == 0 {
				h.look() // when nothing but the header is there
			}
			l.write(30)
			if how != "between looks" {
				h.look()
			}
			aged(t, l.path, time.Duration(10-i)*time.Second)
			switch how {
			case "copytruncate":
				copyFile(t, l.path, fmt.Sprintf("%s.%d", l.path, i))
				must(t, os.Truncate(l.path, 0))
			case "delete":
				must(t, os.Remove(l.path))
				l.open()
			default:
				l.rename(fmt.Sprintf("%s.%d", l.path, i))
				l.open()
			}
		}
		h.look()
		h.exactly(150, 0)
		if want := int64(5*60 + 150); h.state.Lines != want {
			t.Errorf("%s: %d lines, want %d", how, h.state.Lines, want)
		}
	}
}

// The reader is stalled over six rotations by whoever takes its batches: nothing is lost, and it does not
// read on into memory meanwhile.
func TestCase16StalledOverSixRotations(t *testing.T) {
	l := inFolder(t)
	r := follow(t, Options{Path: l.path})
	r.live()
	gate := make(chan struct{})
	r.mu.Lock()
	r.block = gate
	r.mu.Unlock()
	for i := range 6 {
		l.write(4000)
		aged(t, l.path, time.Duration(10-i)*time.Second)
		l.rename(fmt.Sprintf("%s.%d", l.path, i))
		l.open()
	}
	l.write(1)
	close(gate)
	r.exactly(24001)
	_ = r.stop()
	if n := cap(r.tail.out); n > 12_000 {
		t.Errorf("%d records were held", n)
	}
}
