package tail

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"signalbox/sources/decode"
)

func numbered(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		b.WriteString(line(i))
	}
	return b.String()
}

// copyTruncate is what logrotate's copytruncate does.
func (l *log) copyTruncate(to string) {
	l.t.Helper()
	copyFile(l.t, l.path, to)
	must(l.t, os.Truncate(l.path, 0))
}

func TestCase07CopytruncateUnreadTailFromCopy(t *testing.T) {
	l := inFolder(t)
	h := byHand(t, Options{Path: l.path})
	for i := range 4 {
		l.write(10)
		h.look()
		l.write(30) // unread
		l.copyTruncate(fmt.Sprintf("%s.%d", l.path, i))
		if i%2 == 0 {
			h.look()
		}
		l.write(5)
		h.look()
	}
	h.exactly(180, 0)
}

// The copy ends in mid-line and the writer goes on with the rest of it; whether or not the half was read before.
func TestCase07CopytruncateInMidLine(t *testing.T) {
	for _, read := range []bool{false, true} {
		l := inFolder(t)
		h := byHand(t, Options{Path: l.path})
		half := line(10)
		l.raw(numbered(0, 10) + half[:9])
		if read {
			h.look()
		}
		l.copyTruncate(l.path + ".1")
		h.look()
		l.raw(half[9:] + numbered(11, 15))
		h.look()
		h.exactly(15, 0)
	}
	// The rest of the line fell between copy and truncation: the next line is whole all the same.
	l := inFolder(t)
	h := byHand(t, Options{Path: l.path})
	l.raw(line(0) + line(99)[:20])
	h.look()
	l.copyTruncate(l.path + ".1")
	l.raw(numbered(1, 5))
	h.look()
	h.after(quietMidLine)
	if got := strings.Join(h.ids, " "); got != "n0 n1 n2 n3 n4" || h.state.Unparsed != 1 {
		t.Errorf("%s, %d unparsed", got, h.state.Unparsed)
	}
}

// Several of them between two looks: the rest of the first is in the oldest copy, the others are whole in theirs.
func TestCase07SeveralCopytruncatesBetweenTwoLooks(t *testing.T) {
	for _, read := range []int{0, 10} {
		l := inFolder(t)
		h := byHand(t, Options{Path: l.path})
		l.write(read)
		h.look()
		for i := range 4 {
			l.write(15)
			to := fmt.Sprintf("%s.%d", l.path, i)
			l.copyTruncate(to)
			aged(t, to, time.Duration(10-i)*time.Second)
		}
		l.write(2)
		h.look()
		h.exactly(read+62, 0)
	}
}

// Somebody copies the log by hand: that is no rotation, then or at the next one.
func TestCase07CopyWithoutTruncation(t *testing.T) {
	l := inFolder(t)
	h := byHand(t, Options{Path: l.path})
	l.write(10)
	copyFile(t, l.path, l.path+".bak")
	h.look()
	l.write(10)
	copyFile(t, l.path, l.path+".old")
	l.rename(l.path + ".1")
	l.open()
	l.write(5)
	h.look()
	h.after(time.Hour)
	l.rename(l.path + ".2")
	l.open()
	l.write(5)
	h.look()
	h.exactly(30, 0)
}

func TestCase08CopytruncateRegrownPastTheOffset(t *testing.T) {
	for _, read := range []int{1, 20, 39} {
		l := inFolder(t)
		h := byHand(t, Options{Path: l.path})
		l.write(read)
		h.look()
		l.write(40 - read)
		l.copyTruncate(l.path + ".1")
		l.write(100) // longer than it was
		h.look()
		h.exactly(140, 0)
	}
}

// So little was read of it that what came after the truncation begins with the same bytes: the copy tells.
func TestCase08CopytruncateRegrownPastTheFirstBytes(t *testing.T) {
	for _, read := range []int{1, 5, leastCopy - 1} {
		for _, packed := range []bool{false, true} {
			l := inFolder(t)
			h := byHand(t, Options{Path: l.path})
			first := line(0)
			l.raw(first[:read])
			h.look()
			l.raw(first[read:] + numbered(1, 20))
			l.copyTruncate(l.path + ".1")
			if packed {
				pack(t, l.path+".1")
			}
			l.raw(numbered(20, 30))
			h.look()
			h.after(time.Hour)
			l.raw(numbered(30, 35))
			h.look()
			h.exactly(35, 0)
		}
	}
}

// As much was read of a file that was only copied, or that came after others with the same first bytes: nothing is read twice.
func TestCase08FirstBytesAndNoTruncation(t *testing.T) {
	for _, packed := range []bool{false, true} {
		l := inFolder(t)
		h := byHand(t, Options{Path: l.path})
		l.raw(numbered(0, 20))
		h.look()
		l.rename(l.path + ".2")
		l.open()
		first := line(20)
		l.raw(first[:5])
		h.look()
		if packed {
			h.after(time.Hour) // nobody writes to it any more
			pack(t, l.path+".2")
			h.look()
		}
		copyFile(t, l.path, l.path+".bak")
		l.raw(first[5:] + line(21))
		copyFile(t, l.path, l.path+".old")
		if packed {
			pack(t, l.path+".old")
		}
		h.look()
		l.raw(numbered(22, 30))
		h.look()
		h.after(time.Hour)
		h.exactly(30, 0)
	}
}

// A writer that does not append leaves a hole of NUL bytes as long as what was truncated, here longer than a line may be.
func TestCase09CopytruncateOfWriterWithoutAppend(t *testing.T) {
	for _, size := range []int{100, 40_000} {
		if underRace && size > 100 {
			continue
		}
		l := inFolder(t)
		f, err := os.OpenFile(l.path, os.O_WRONLY, 0o600)
		must(t, err)
		defer func() { _ = f.Close() }()
		l.f = f
		h := byHand(t, Options{Path: l.path})
		for i := range 3 {
			l.write(size)
			if i != 1 {
				h.look()
			}
			l.copyTruncate(fmt.Sprintf("%s.%d", l.path, i))
			if i == 0 {
				h.look()
			}
			l.write(3)
			h.look()
		}
		h.exactly(3*size+9, 0)
		if head, _ := os.ReadFile(l.path); !bytes.HasPrefix(head, make([]byte, 100)) {
			t.Error("there is no hole: the case is not tested")
		}
		if size > 20_000 && stat(t, l.path).Size() <= decode.MaxLine {
			t.Error("the hole is no longer than a line")
		}
	}
}

func TestCase10TruncateWithoutCopyCountsTheLoss(t *testing.T) {
	l := inFolder(t)
	h := byHand(t, Options{Path: l.path})
	l.write(10)
	h.look()
	h.tail.halted = func() bool { return false }
	lost := line(99)
	l.raw(lost)
	l.raw(lost[:20])
	// The reader has looked, and was stopped before it read on: it knows how much there was.
	for _, f := range h.tail.follow {
		_, _, err := f.live.changed(0)
		must(t, err)
	}
	must(t, os.Truncate(l.path, 0))
	h.look()
	h.after(stateEvery)
	detailHas(t, h.state, "was truncated")
	l.write(5)
	h.look()
	h.exactly(15, int64(len(lost)+20))
}

// What is left after a truncation to a middle length is not read again: not when it is seen as it is, however
// long the file was, and not when as much or more was written since.
func TestCase11TruncateToMiddleLength(t *testing.T) {
	for _, total := range []int{40, 3000} {
		l := inFolder(t)
		h := byHand(t, Options{Path: l.path})
		l.write(total)
		h.look()
		for cut := total - 7; cut > 0; cut = cut*2/3 - 3 {
			must(t, os.Truncate(l.path, int64(len(numbered(0, cut)))))
			h.look()
			n := *l.n
			l.write(3)
			h.look()
			h.exactly(n+3, 0)
		}
	}
	for _, regrow := range []int{1, 20, 4000} {
		l := inFolder(t)
		h := byHand(t, Options{Path: l.path})
		l.write(40)
		h.look()
		must(t, os.Truncate(l.path, int64(len(numbered(0, 30)))))
		l.write(regrow)
		h.look()
		h.exactly(40+regrow, 0)
	}
}

// It is cut in the middle of a line, whose rest is gone; what is written then makes a torn line of it.
func TestCase11TruncateInMidLine(t *testing.T) {
	l := inFolder(t)
	h := byHand(t, Options{Path: l.path})
	l.write(40)
	h.look()
	must(t, os.Truncate(l.path, int64(len(numbered(0, 20))+13)))
	h.look()
	l.raw("\n")
	l.write(3)
	h.look()
	h.exactly(43, 0)
	// In a line that was not finished: what is left of it is read with what comes.
	text := line(43)
	l.raw(text[:30])
	h.look()
	must(t, os.Truncate(l.path, stat(t, l.path).Size()-10))
	h.look()
	l.raw(text[20:])
	h.look()
	*l.n = 44
	l.write(1)
	h.look()
	h.exactly(45, 10)
}

func TestCase14RewriteInPlaceWithEqualSize(t *testing.T) {
	rewrite := func(l *log, text string) { // in place, without a moment of another length
		f, err := os.OpenFile(l.path, os.O_WRONLY, 0o600)
		must(t, err)
		_, err = f.WriteAt([]byte(text), 0)
		must(t, err)
		must(t, f.Close())
	}
	l := inFolder(t)
	h := byHand(t, Options{Path: l.path})
	l.raw(numbered(0, 10))
	h.look()
	h.exactly(10, 0)
	l2 := strings.ReplaceAll(numbered(0, 10), `"n`, `"m`)
	rewrite(l, l2)
	h.look()
	if got := strings.Join(h.ids[10:], " "); got != "m0 m1 m2 m3 m4 m5 m6 m7 m8 m9" {
		t.Fatalf("%s", got)
	}
	// The same bytes once more are nothing new; other ones at the beginning alone are.
	rewrite(l, l2)
	h.look()
	if len(h.ids) != 20 {
		t.Fatalf("%v", h.ids)
	}
	rewrite(l, line(5)+l2[len(line(5)):])
	h.look()
	if len(h.ids) != 30 || h.ids[20] != "n5" {
		t.Fatalf("%v", h.ids)
	}
}

func TestCase15AtomicRewrite(t *testing.T) {
	replace := func(l *log, text string) {
		must(t, os.WriteFile(l.path+".tmp", []byte(text), 0o600))
		must(t, os.Rename(l.path+".tmp", l.path))
		l.open()
	}
	l := inFolder(t)
	h := byHand(t, Options{Path: l.path})
	l.write(20)
	h.look()
	replace(l, numbered(0, 25)) // the same and more
	*l.n = 25
	h.look()
	h.exactly(25, 0)
	l.write(5)
	l.raw(line(30)[:10]) // in mid-line, and partly unread
	h.look()
	l.raw(line(30)[10:] + line(31))
	replace(l, numbered(0, 35))
	*l.n = 35
	h.look()
	h.exactly(35, 0)
	replace(l, numbered(35, 40)) // other content, shorter
	h.look()
	h.exactly(40, 0)
	replace(l, numbered(40, 80)) // other content, longer
	h.look()
	h.exactly(80, 0)
}
