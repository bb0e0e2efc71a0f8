package tail

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"signalbox/internal/traffic"
	"signalbox/sources/decode"
)

// hand drives a source look by look, so that a test decides what happens between two of them. The files are
// real; the clock is the test's.
type hand struct {
	t     *testing.T
	tail  *Tail
	now   time.Time
	e     *emitter
	ids   []string
	state traffic.SourceState
	fail  error // of Emit
}

// recordsOf gives the records of a batch, with those that are lines in their places.
func recordsOf(b traffic.Batch) []traffic.Record {
	var out []traffic.Record
	next := 0
	if b.Lines != nil {
		for i := range b.Lines.All {
			x := &b.Lines.All[i]
			for ; next < int(x.After); next++ {
				out = append(out, b.Records[next])
			}
			out = append(out, b.Lines.Record(x))
		}
	}
	return append(out, b.Records[next:]...)
}

func byHand(t *testing.T, opt Options) *hand {
	t.Helper()
	h := &hand{t: t, now: time.Now()}
	if opt.Format == "" {
		opt.Format = decode.JSON
	}
	opt.Name = "test"
	opt.Lines = true
	opt.Kit.Now = func() time.Time { return h.now }
	tl, err := New(opt)
	must(t, err)
	h.tail = tl
	h.e = &emitter{emit: func(_ context.Context, b traffic.Batch) error {
		if h.fail != nil {
			return h.fail
		}
		for _, r := range recordsOf(b) {
			h.ids = append(h.ids, r.RequestID)
		}
		if b.State != nil {
			h.state = *b.State
		}
		return nil
	}}
	t.Cleanup(h.end)
	h.look()
	return h
}

func (h *hand) end() {
	h.tail.wake.close()
	h.tail.closeAll()
}

// look is one look after one poll, and as many as it takes until nothing is left to read.
func (h *hand) look() {
	h.t.Helper()
	h.now = h.now.Add(pollEvery)
	for {
		more, err := h.tail.pass(h.t.Context(), h.e)
		must(h.t, err)
		if !more {
			return
		}
	}
}

// after lets time pass before a look.
func (h *hand) after(d time.Duration) {
	h.t.Helper()
	h.now = h.now.Add(d)
	h.look()
	h.look() // what became due at the first one
}

// exactly checks that the lines 0..n-1 have come, each once and in order, none torn, and what was lost.
func (h *hand) exactly(n int, lost int64) {
	h.t.Helper()
	for i, id := range h.ids {
		if id != fmt.Sprint("n", i) {
			h.t.Fatalf("record %d is %s: %v", i, id, h.ids[max(0, i-3):min(len(h.ids), i+3)])
		}
	}
	if len(h.ids) != n {
		h.t.Fatalf("%d records, want %d: %+v", len(h.ids), n, h.state)
	}
	h.after(stateEvery)
	if len(h.ids) != n || h.state.Unparsed != 0 || h.state.Dropped != lost {
		h.t.Fatalf("%d records, want %d; %d torn, want 0; %d bytes lost, want %d: %s", len(h.ids), n, h.state.Unparsed, h.state.Dropped, lost, h.state.Detail)
	}
}

// sameLines is exactly without an order, for lines of several files.
func (h *hand) sameLines(n int) {
	h.t.Helper()
	want := make([]string, n)
	for i := range want {
		want[i] = fmt.Sprint("n", i)
	}
	slices.Sort(want)
	got := slices.Sorted(slices.Values(h.ids))
	if !slices.Equal(got, want) || h.state.Unparsed != 0 {
		h.t.Fatalf("%d records, want %d; %d torn", len(got), n, h.state.Unparsed)
	}
}

// aged gives a file a time of its own in the past, as files have that are not written in one go.
func aged(t *testing.T, path string, ago time.Duration) {
	t.Helper()
	when := time.Now().Add(-ago)
	must(t, os.Chtimes(path, when, when))
}

// pack compresses a file as gzip does: the new one has the time of the old one, which goes.
func pack(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	info, err := os.Stat(path)
	must(t, err)
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err = z.Write(data)
	must(t, err)
	must(t, z.Close())
	must(t, os.WriteFile(path+".gz", b.Bytes(), 0o600))
	must(t, os.Chtimes(path+".gz", info.ModTime(), info.ModTime()))
	must(t, os.Remove(path))
}

// shiftChain moves live to .1, .1 to .2 and so on.
func (l *log) shiftChain(depth int) {
	l.t.Helper()
	for i := depth; i > 0; i-- {
		_ = os.Rename(fmt.Sprintf("%s.%d", l.path, i), fmt.Sprintf("%s.%d", l.path, i+1))
	}
	l.rename(l.path + ".1")
}

func inFolder(t *testing.T) *log {
	t.Helper()
	return newLog(t, filepath.Join(t.TempDir(), "a.log"))
}

func detailHas(t *testing.T, s traffic.SourceState, what string) {
	t.Helper()
	if !strings.Contains(s.Detail, what) {
		t.Errorf("detail %q does not say %q", s.Detail, what)
	}
}

func offsets(t *testing.T, path string) *Offsets {
	t.Helper()
	o, err := OpenOffsets(path, time.Now())
	must(t, err)
	t.Cleanup(func() { _ = o.Close() })
	return o
}
