package tail

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signalbox/internal/traffic"
	"signalbox/sources/decode"
)

// Half a line waits for its end however long that takes; that it waits is said, and a restart reads it whole.
func TestCase22PartialLastLine(t *testing.T) {
	state := filepath.Join(t.TempDir(), "offsets")
	l := inFolder(t)
	o := offsets(t, state)
	h := byHand(t, Options{Path: l.path, Offsets: o})
	l.write(3)
	l.raw(line(3)[:20])
	h.look()
	h.after(10 * time.Second)
	detailHas(t, h.state, "has no end yet (20 bytes)")
	l.raw(line(3)[20:] + line(4)[:20])
	h.look()
	if strings.Contains(h.state.Detail, "no end yet") {
		t.Errorf("detail %q", h.state.Detail)
	}
	h.after(10 * time.Second)
	detailHas(t, h.state, "has no end yet")
	h.tail.save(true)
	h.end()
	must(t, o.Close())
	l.raw(line(4)[20:])
	again := byHand(t, Options{Path: l.path, Offsets: offsets(t, state)})
	again.ids = append(h.ids, again.ids...)
	again.exactly(5, 0)
}

// At the end of what is read once it is a line all the same.
func TestCase22PartialLastLineOnce(t *testing.T) {
	l := inFolder(t)
	l.write(2)
	l.raw(strings.TrimSuffix(line(2), "\n"))
	r := follow(t, Options{Path: l.path, Once: true})
	must(t, <-r.done)
	r.done <- nil
	r.exactly(3)
}

func TestCase23LinesCutAtEachByte(t *testing.T) {
	text := "\ufeff" + strings.Replace(line(0), "gpt-4o", "gpt-é-日本-🚂", 1) + strings.Replace(line(1), "\n", "\r\n", 1) + line(2)
	for cut := 0; cut <= len(text); cut++ {
		l := inFolder(t)
		h := byHand(t, Options{Path: l.path})
		l.raw(text[:cut])
		h.look()
		l.raw(text[cut:])
		h.look()
		h.exactly(3, 0)
	}
	// The edge of the buffer cuts each byte of a line as well.
	l := inFolder(t)
	for range 200 {
		l.raw(strings.Replace(line(*l.n), "gpt-4o", "gpt-é-日本-🚂", 1))
		*l.n++
	}
	for size := 1; size < 120; size += 7 {
		h := byHand(t, Options{Path: l.path + ".none"})
		h.tail.buf = make([]byte, size)
		h.tail.opt.FromStart = true
		f := &follower{disk: realDisk(), path: l.path, health: traffic.Starting}
		f.lines, _ = h.tail.newStream(nil)
		h.tail.follow, h.tail.order, h.tail.opt.Path = map[string]*follower{l.path: f}, []string{l.path}, l.path
		h.look()
		h.exactly(200, 0)
	}
}

func TestCase24LongLines(t *testing.T) {
	l := inFolder(t)
	h := byHand(t, Options{Path: l.path})
	long := func(size int) string { // a line of that size without its end
		head, tail := fmt.Sprintf(`{"request_id":"n%d","status":200,"model":"m","pad":"`, *l.n), `"}`
		return head + strings.Repeat("x", size-len(head)-len(tail)) + tail
	}
	for _, size := range []int{64<<10 - 1, 64 << 10, 64<<10 + 1, decode.MaxLine} {
		l.raw(long(size) + "\n")
		*l.n++
		h.look()
	}
	h.exactly(4, 0)
	over := 64<<20 - decode.MaxLine
	l.raw(long(64 << 20))
	h.look()
	l.raw("\n")
	l.write(3) // the stream goes on
	h.look()
	h.after(stateEvery)
	if got := strings.Join(h.ids, " "); got != "n0 n1 n2 n3 n4 n5 n6" {
		t.Errorf("%s", got)
	}
	if h.state.Dropped != int64(over) || h.state.Unparsed != 1 || h.state.Lines != 8 {
		t.Errorf("%d bytes dropped, want %d: %+v", h.state.Dropped, over, h.state)
	}
	detailHas(t, h.state, "1 lines are longer than 1048576 bytes and were cut")
	for _, f := range h.tail.follow {
		if n := f.live.split.Held(); n != 0 {
			t.Errorf("%d bytes are held", n)
		}
	}
}

func TestCase25OddBytes(t *testing.T) {
	l := inFolder(t)
	h := byHand(t, Options{Path: l.path})
	l.raw("\ufeff" + line(0))                           // byte order mark
	l.raw("\n\r\n\n" + line(1))                         // empty lines
	l.raw("\x00\x00\x00" + line(2))                     // NULs before a line
	l.raw(strings.TrimSuffix(line(3), "\n") + "\r\n")   // CRLF
	l.raw(strings.Replace(line(4), "gpt", "g\xffp", 1)) // invalid UTF-8
	l.raw(strings.Replace(line(5), ",", ",\r", 1))      // a lone carriage return, as space
	l.raw(strings.TrimSuffix(line(6), "\n"))            // no end
	h.look()
	h.exactly(6, 0)
	l.raw("\n")
	h.look()
	h.exactly(7, 0)
	// NUL within a line makes it one that cannot be read, and nothing else.
	l.raw(`{"request_id":"` + "\x00" + `","status":200}` + "\n" + line(7))
	h.look()
	h.after(stateEvery)
	if len(h.ids) != 8 && len(h.ids) != 9 || h.ids[len(h.ids)-1] != "n7" || h.state.Lines != 9 {
		t.Errorf("%q %+v", h.ids, h.state)
	}
}

// Lines that cannot be read come in their place among the records.
func TestMisreadKeepsOrder(t *testing.T) {
	for _, format := range []string{decode.JSON, decode.Auto} {
		var got []string
		l := inFolder(t)
		h := byHand(t, Options{Path: l.path, Format: format, FromStart: true, Misread: func(line []byte, why string) {
			if why == "" {
				t.Error("no reason")
			}
			got = append(got, string(line))
		}})
		emit := h.e.emit
		h.e.emit = func(ctx context.Context, b traffic.Batch) error {
			for _, r := range recordsOf(b) {
				got = append(got, r.RequestID)
			}
			return emit(ctx, b)
		}
		var want []string
		for i := range 2000 {
			if i%7 == 3 || i%50 > 47 {
				l.raw(fmt.Sprintf("{bad %d\n", *l.n))
				want = append(want, fmt.Sprintf("{bad %d", *l.n))
				continue
			}
			want = append(want, fmt.Sprint("n", *l.n))
			l.write(1)
			if i%300 == 0 {
				h.look()
			}
		}
		h.after(time.Second)
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: %d lines, want %d", format, len(got), len(want))
		}
	}
}

func TestReaderMisreadKeepsOrder(t *testing.T) {
	var got []string
	tl, err := New(Options{Path: "-", Format: decode.JSON, Reader: strings.NewReader(line(0) + "x\n" + line(1) + "y\n"), Misread: func(line []byte, _ string) { got = append(got, string(line)) }})
	must(t, err)
	must(t, tl.Run(t.Context(), func(_ context.Context, b traffic.Batch) error {
		for _, r := range recordsOf(b) {
			got = append(got, r.RequestID)
		}
		return nil
	}))
	if s := strings.Join(got, " "); s != "n0 x n1 y" {
		t.Error(s)
	}
}

// packed is a compressed file of numbered lines.
func packed(t *testing.T, path string, n int) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(numbered(0, n)), 0o600))
	pack(t, path)
}

func TestOnceReadsCompressedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	packed(t, path, 300)
	r := follow(t, Options{Path: path + ".gz", Once: true})
	must(t, <-r.done)
	r.done <- nil
	r.exactly(300)
}
