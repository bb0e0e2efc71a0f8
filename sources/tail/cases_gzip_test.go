package tail

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// The file is rotated and compressed between two looks: it is held open if it was known, and unpacked if not.
func TestCase17RotatedToGzipBeforeItWasRead(t *testing.T) {
	l := inFolder(t)
	h := byHand(t, Options{Path: l.path})
	l.write(10)
	h.look()
	for i := range 4 { // the first was open and is half read, the others were never seen
		l.write(20)
		aged(t, l.path, time.Duration(30-i)*time.Second)
		to := fmt.Sprintf("%s.%d", l.path, i)
		l.rename(to)
		l.open()
		pack(t, to)
	}
	l.write(5)
	h.look()
	h.exactly(95, 0)
	h.after(time.Hour)
	h.exactly(95, 0)
}

// copytruncate with compression at once: only what was not read yet comes from the compressed copy.
func TestCase17CopytruncateToGzip(t *testing.T) {
	for _, read := range []int{10, 3000} {
		l := inFolder(t)
		h := byHand(t, Options{Path: l.path})
		l.write(read)
		h.look()
		for i := range 3 {
			l.write(20)
			to := fmt.Sprintf("%s.%d", l.path, i)
			l.copyTruncate(to)
			aged(t, to, time.Duration(30-i)*time.Second)
			pack(t, to)
			if i == 0 {
				h.look()
			}
		}
		l.write(5)
		h.look()
		h.exactly(read+65, 0)
	}
}

// The compressed file is looked at while it is being made, and again when it is finished.
func TestCase17GzipInTheMaking(t *testing.T) {
	l := inFolder(t)
	h := byHand(t, Options{Path: l.path})
	l.write(10)
	h.look()
	l.rename(l.path + ".2")
	l.open()
	l.write(20000)
	l.rename(l.path + ".1") // never seen
	l.open()
	plain, err := os.ReadFile(l.path + ".1")
	must(t, err)
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err = z.Write(plain)
	must(t, err)
	must(t, z.Close())
	must(t, os.Remove(l.path+".1"))
	half := b.Len() / 2
	must(t, os.WriteFile(l.path+".1.gz", b.Bytes()[:half], 0o600))
	h.look()
	if n := len(h.ids); n <= 10 || n >= 20010 {
		t.Fatalf("%d lines of half a file", n)
	}
	must(t, os.WriteFile(l.path+".1.gz", b.Bytes(), 0o600))
	h.look()
	h.exactly(20010, 0)
}

func TestCase17DamagedGzipIsSaid(t *testing.T) {
	l := inFolder(t)
	h := byHand(t, Options{Path: l.path})
	l.write(1)
	h.look()
	l.rename(l.path + ".2")
	must(t, os.WriteFile(l.path+".1.gz", []byte{0x1f, 0x8b, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9}, 0o600))
	l.open()
	l.write(1)
	h.look()
	h.exactly(2, 0)
	detailHas(t, h.state, "cannot be unpacked")
}

// Compressing what was read brings nothing again: at once, at the next rotation, from the start of the file
// or from its middle, with the plain file still beside it.
func TestCase18GzipOfWhatWasRead(t *testing.T) {
	for _, fromStart := range []bool{true, false} {
		l := inFolder(t)
		l.write(50)
		h := byHand(t, Options{Path: l.path, FromStart: fromStart})
		if !fromStart {
			h.ids = strings.Fields(strings.TrimSpace(func() (s string) {
				for i := range 50 {
					s += fmt.Sprint("n", i, " ")
				}
				return s
			}()))
		}
		for i := range 5 {
			l.write(20)
			h.look()
			to := fmt.Sprintf("%s.%d", l.path, i)
			l.rename(to)
			l.open()
			h.look()
			if i%2 == 0 {
				h.after(2 * time.Minute) // it is closed
			}
			data, err := os.ReadFile(to)
			must(t, err)
			pack(t, to)
			if i == 3 {
				must(t, os.WriteFile(to, data, 0o600)) // gzip -k
			}
			h.look()
		}
		l.write(1)
		h.look()
		h.after(time.Hour)
		h.exactly(151, 0)
	}
}

// Those that were there at the start, compressed or not, are no news when they are compressed or moved on.
func TestCase18OldFilesCompressedLater(t *testing.T) {
	l := inFolder(t)
	must(t, os.WriteFile(l.path+".1", []byte(numbered(500, 600)), 0o600))
	must(t, os.WriteFile(l.path+".2", []byte(numbered(600, 700)), 0o600))
	pack(t, l.path+".2")
	h := byHand(t, Options{Path: l.path})
	l.write(5)
	h.look()
	must(t, os.Rename(l.path+".2.gz", l.path+".3.gz"))
	must(t, os.Rename(l.path+".1", l.path+".2"))
	pack(t, l.path+".2")
	l.rename(l.path + ".1")
	l.open()
	l.write(5)
	h.look()
	h.exactly(10, 0)
}
