package tail

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"signalbox/internal/traffic"
	"signalbox/sources"
	"signalbox/sources/decode"
)

// patience is how long a test waits for what must come; nothing asserts that it comes sooner.
const patience = time.Minute

// reading follows a path in a test and gathers what comes.
type reading struct {
	t      *testing.T
	tail   *Tail
	cancel context.CancelFunc
	done   chan error

	mu     sync.Mutex
	ids    []string
	state  traffic.SourceState
	change chan struct{} // closed and renewed at each batch
	block  chan struct{} // while not nil, emit waits for it
}

func follow(t *testing.T, opt Options) *reading {
	t.Helper()
	return followPrepared(t, opt, nil)
}

func followPrepared(t *testing.T, opt Options, prepare func(*Tail)) *reading {
	t.Helper()
	if opt.Poll == 0 {
		opt.Poll = 10 * time.Millisecond
	}
	if opt.Format == "" {
		opt.Format = decode.JSON
	}
	opt.Name = "test"
	tl, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	if prepare != nil {
		prepare(tl)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &reading{t: t, tail: tl, cancel: cancel, done: make(chan error, 1), change: make(chan struct{})}
	go func() { r.done <- tl.Run(ctx, r.emit) }()
	t.Cleanup(func() { _ = r.stop() })
	return r
}

func (r *reading) emit(ctx context.Context, b traffic.Batch) error {
	r.mu.Lock()
	block := r.block
	r.mu.Unlock()
	if block != nil {
		select {
		case <-block:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rec := range recordsOf(b) {
		r.ids = append(r.ids, rec.RequestID)
	}
	if b.State != nil {
		r.state = *b.State
	}
	close(r.change)
	r.change = make(chan struct{})
	return nil
}

// until waits for a condition on what has come.
func (r *reading) until(what string, ok func(ids []string, s traffic.SourceState) bool) {
	r.t.Helper()
	deadline := time.After(patience)
	for {
		r.mu.Lock()
		good, change, got, state := ok(r.ids, r.state), r.change, len(r.ids), r.state
		r.mu.Unlock()
		if good {
			return
		}
		select {
		case <-change:
		case <-deadline:
			r.t.Fatalf("waited in vain for %s: %d records, %+v", what, got, state)
		}
	}
}

func (r *reading) live() {
	r.t.Helper()
	r.until("the file to be open", func(_ []string, s traffic.SourceState) bool { return s.Health == traffic.Live })
}

// exactly waits until the lines 0..n-1 have come, and checks that each came once. Files that were rotated within one
// tick of the file system's clock, before anybody looked, have no order; what has one, the cases by hand check.
func (r *reading) exactly(n int) {
	r.t.Helper()
	r.until(fmt.Sprintf("%d lines", n), func(ids []string, _ traffic.SourceState) bool { return len(ids) >= n })
	r.mu.Lock()
	defer r.mu.Unlock()
	times := make(map[string]int, n)
	for _, id := range r.ids {
		times[id]++
	}
	for i := range n {
		if id := fmt.Sprint("n", i); times[id] != 1 {
			r.t.Fatalf("line %s came %d times: %v", id, times[id], r.ids)
		}
	}
	if len(r.ids) != n {
		r.t.Fatalf("%d records, want %d", len(r.ids), n)
	}
	if r.state.Unparsed != 0 {
		r.t.Fatalf("%d lines torn", r.state.Unparsed)
	}
}

func (r *reading) stop() error {
	r.cancel()
	select {
	case err := <-r.done:
		r.done <- nil
		return err
	case <-time.After(patience):
		r.t.Fatal("Run does not end with its context")
		return nil
	}
}

// log is a file that a test writes numbered lines to.
type log struct {
	t    *testing.T
	path string
	f    *os.File
	n    *int // of the next line, over all files
}

func newLog(t *testing.T, path string) *log {
	t.Helper()
	l := &log{t: t, path: path, n: new(int)}
	l.open()
	return l
}

func (l *log) open() {
	l.t.Helper()
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = f.Close() })
	l.f = f
}

func line(n int) string {
	return fmt.Sprintf(`{"request_id":"n%d","status":200,"model":"gpt-4o"}`+"\n", n)
}

func (l *log) write(count int) {
	l.t.Helper()
	var b strings.Builder
	for range count {
		b.WriteString(line(*l.n))
		*l.n++
	}
	l.raw(b.String())
}

func (l *log) raw(text string) {
	l.t.Helper()
	if _, err := l.f.WriteString(text); err != nil {
		l.t.Fatal(err)
	}
}

func (l *log) rename(to string) {
	l.t.Helper()
	must(l.t, os.Rename(l.path, to))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAppend(t *testing.T) {
	l := newLog(t, filepath.Join(t.TempDir(), "a.log"))
	l.raw(line(99)) // what was there before is not read
	r := follow(t, Options{Path: l.path})
	r.live()
	l.write(3)
	r.exactly(3)
	l.write(1000)
	r.exactly(1003)
}

func TestFromStart(t *testing.T) {
	l := newLog(t, filepath.Join(t.TempDir(), "a.log"))
	l.write(700)
	r := follow(t, Options{Path: l.path, FromStart: true})
	r.exactly(700)
}

func TestBackfill(t *testing.T) {
	for _, tt := range []struct{ have, ask, want int }{{10, 3, 3}, {10, 10, 10}, {10, 20, 10}, {3000, 2000, 2000}, {0, 5, 0}} {
		l := newLog(t, filepath.Join(t.TempDir(), "a.log"))
		for i := tt.want - tt.have; i < tt.want; i++ {
			l.raw(line(i))
		}
		*l.n = tt.want
		r := follow(t, Options{Path: l.path, Backfill: tt.ask})
		r.live()
		l.write(1)
		r.exactly(tt.want + 1)
		_ = r.stop()
	}
}

func TestRenameCreate(t *testing.T) {
	dir := t.TempDir()
	l := newLog(t, filepath.Join(dir, "a.log"))
	r := follow(t, Options{Path: l.path})
	r.live()
	for i := range 5 {
		l.write(50)
		l.rename(filepath.Join(dir, fmt.Sprintf("a.log.%d", i)))
		l.open()
	}
	l.write(10)
	r.exactly(260)
}

// The writer goes on with the renamed file for a while; its late lines are read.
func TestRenameLateWriter(t *testing.T) {
	dir := t.TempDir()
	l := newLog(t, filepath.Join(dir, "a.log"))
	r := follow(t, Options{Path: l.path})
	r.live()
	l.write(5)
	l.rename(filepath.Join(dir, "a.log.1"))
	l.write(5) // before the new file is there
	r.exactly(10)
	late := *l
	l.open()
	l.write(1)
	r.exactly(11)
	late.write(2) // and after
	r.exactly(13)
}

func TestRenameMidLine(t *testing.T) {
	dir := t.TempDir()
	l := newLog(t, filepath.Join(dir, "a.log"))
	r := follow(t, Options{Path: l.path})
	r.live()
	half := line(0)
	l.raw(half[:20])
	old := *l
	l.rename(filepath.Join(dir, "a.log.1"))
	r.until("the rename to be seen", func(_ []string, s traffic.SourceState) bool { return s.Health == traffic.Waiting })
	old.raw(half[20:])
	r.exactly(1)
	*l.n = 1
	l.open()
	l.write(1)
	r.exactly(2)
}

// Rotations that happen while the reader is stalled are all read, oldest first.
func TestRotationsWhileStalled(t *testing.T) {
	dir := t.TempDir()
	l := newLog(t, filepath.Join(dir, "a.log"))
	r := follow(t, Options{Path: l.path})
	r.live()
	gate := make(chan struct{})
	r.mu.Lock()
	r.block = gate
	r.mu.Unlock()
	l.write(600)
	for i := range 4 {
		l.rename(filepath.Join(dir, fmt.Sprintf("a.log.%d", i)))
		l.open()
		l.write(100)
		old := time.Now().Add(time.Duration(i-10) * time.Second) // the order of rotation, on a coarse clock too
		must(t, os.Chtimes(l.path, old, old))
	}
	close(gate)
	r.exactly(1000)
}

func TestTruncate(t *testing.T) {
	l := newLog(t, filepath.Join(t.TempDir(), "a.log"))
	r := follow(t, Options{Path: l.path})
	r.live()
	l.write(20)
	r.exactly(20)
	must(t, os.Truncate(l.path, 0))
	l.write(3)
	r.exactly(23)
}

// The file is truncated and at once longer than before: only its bytes tell.
func TestTruncateRegrown(t *testing.T) {
	l := newLog(t, filepath.Join(t.TempDir(), "a.log"))
	r := follow(t, Options{Path: l.path})
	r.live()
	l.write(20)
	r.exactly(20)
	var b strings.Builder
	for range 60 {
		b.WriteString(line(*l.n))
		*l.n++
	}
	must(t, os.WriteFile(l.path, []byte(b.String()), 0o600))
	r.exactly(80)
}

func TestCopyTruncate(t *testing.T) {
	dir := t.TempDir()
	l := newLog(t, filepath.Join(dir, "a.log"))
	r := follow(t, Options{Path: l.path})
	r.live()
	for i := range 3 {
		l.write(50)
		r.exactly(*l.n)
		copyFile(t, l.path, filepath.Join(dir, fmt.Sprintf("a.log.%d", i)))
		must(t, os.Truncate(l.path, 0))
		l.write(5)
		r.exactly(*l.n)
	}
}

// What was not read before the truncation is read from the copy.
func TestCopyTruncateUnread(t *testing.T) {
	dir := t.TempDir()
	l := newLog(t, filepath.Join(dir, "a.log"))
	r := follow(t, Options{Path: l.path})
	r.live()
	l.write(10)
	r.exactly(10)
	gate := make(chan struct{})
	r.mu.Lock()
	r.block = gate
	r.mu.Unlock()
	l.write(1) // the reader now stalls on this line, or before it
	l.write(30)
	copyFile(t, l.path, filepath.Join(dir, "a.log.1"))
	must(t, os.Truncate(l.path, 0))
	l.write(5)
	close(gate)
	r.exactly(46)
}

// Without a copy the loss is counted, and the stream goes on.
func TestTruncateUnreadIsCounted(t *testing.T) {
	l := newLog(t, filepath.Join(t.TempDir(), "a.log"))
	r := follow(t, Options{Path: l.path})
	r.live()
	l.raw(`{"request_id":"lost",`)
	r.until("the half line", func(_ []string, s traffic.SourceState) bool { return s.Bytes > 0 })
	must(t, os.Truncate(l.path, 0))
	r.until("the loss", func(_ []string, s traffic.SourceState) bool { return s.Dropped == 21 })
	l.write(1)
	r.exactly(1)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	must(t, err)
	must(t, os.WriteFile(to, data, 0o600))
}

func TestDeleteRecreate(t *testing.T) {
	l := newLog(t, filepath.Join(t.TempDir(), "a.log"))
	r := follow(t, Options{Path: l.path})
	r.live()
	for range 4 {
		l.write(25)
		must(t, os.Remove(l.path))
		l.write(5) // into the deleted file
		l.open()
		l.write(1)
		r.exactly(*l.n)
	}
}

func TestSymlinkSwap(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	l := newLog(t, filepath.Join(dir, "one"))
	link := filepath.Join(dir, "current.log")
	must(t, os.Symlink(l.path, link))
	r := follow(t, Options{Path: link})
	r.live()
	l.write(10)
	r.exactly(10)
	l.path = filepath.Join(other, "two")
	l.open()
	must(t, os.Symlink(l.path, link+".new"))
	must(t, os.Rename(link+".new", link))
	l.write(10)
	r.exactly(20)
	must(t, os.Remove(link))
	r.until("the dangling link", func(_ []string, s traffic.SourceState) bool { return s.Health == traffic.Waiting && s.Detail != "" })
}

func TestMissingThenCreated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "a.log")
	r := follow(t, Options{Path: path})
	r.until("waiting", func(_ []string, s traffic.SourceState) bool {
		return s.Health == traffic.Waiting && strings.Contains(s.Detail, path)
	})
	must(t, os.Mkdir(filepath.Dir(path), 0o700))
	l := newLog(t, path)
	l.write(5)
	r.exactly(5)
}

func TestPermissionDeniedThenGranted(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may read everything: run the tests as another user")
	}
	l := newLog(t, filepath.Join(t.TempDir(), "a.log"))
	must(t, os.Chmod(l.path, 0o200))
	r := follow(t, Options{Path: l.path, FromStart: true})
	r.until("the refusal", func(_ []string, s traffic.SourceState) bool { return s.Health == traffic.Failing && s.Detail != "" })
	l.write(3)
	must(t, os.Chmod(l.path, 0o600))
	r.exactly(3)
}

func TestGlobGrows(t *testing.T) {
	dir := t.TempDir()
	first := newLog(t, filepath.Join(dir, "a.log"))
	r := follow(t, Options{Path: filepath.Join(dir, "*.log")})
	r.live()
	first.write(5)
	r.exactly(5)
	second := newLog(t, filepath.Join(dir, "b.log"))
	second.n = first.n
	second.write(5)
	r.exactly(10)
	first.write(1)
	r.exactly(11)
}

// A glob that also fits the rotated files reads each line once.
func TestGlobOverRotations(t *testing.T) {
	dir := t.TempDir()
	l := newLog(t, filepath.Join(dir, "a.log"))
	r := follow(t, Options{Path: filepath.Join(dir, "a.log*")})
	r.live()
	for i := range 3 {
		l.write(20)
		r.exactly(*l.n)
		for j := i; j > 0; j-- {
			must(t, os.Rename(fmt.Sprintf("%s.%d", l.path, j), fmt.Sprintf("%s.%d", l.path, j+1)))
		}
		l.rename(l.path + ".1")
		l.open()
		l.write(3)
		r.exactly(*l.n)
	}
}

func TestSameFileTwice(t *testing.T) {
	dir := t.TempDir()
	l := newLog(t, filepath.Join(dir, "a.log"))
	must(t, os.Link(l.path, filepath.Join(dir, "b.log")))
	must(t, os.Symlink(l.path, filepath.Join(dir, "c.log")))
	r := follow(t, Options{Path: filepath.Join(dir, "*.log")})
	r.live()
	l.write(10)
	r.exactly(10)
}

func TestLineInTwoWrites(t *testing.T) {
	l := newLog(t, filepath.Join(t.TempDir(), "a.log"))
	r := follow(t, Options{Path: l.path})
	r.live()
	text := line(0)
	for i := range text {
		l.raw(text[i : i+1])
	}
	r.exactly(1)
}

func TestPollOnly(t *testing.T) {
	dir := t.TempDir()
	l := newLog(t, filepath.Join(dir, "a.log"))
	r := follow(t, Options{Path: l.path, NoNotify: true})
	r.live()
	l.write(5)
	r.exactly(5)
	l.rename(l.path + ".1")
	l.open()
	l.write(5)
	r.exactly(10)
}

func TestGzipIsNotFollowed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	must(t, os.WriteFile(path, []byte{0x1f, 0x8b, 8, 0}, 0o600))
	r := follow(t, Options{Path: path})
	r.until("the refusal", func(_ []string, s traffic.SourceState) bool {
		return s.Health == traffic.Failing && strings.Contains(s.Detail, "scan")
	})
}

func TestOnce(t *testing.T) {
	l := newLog(t, filepath.Join(t.TempDir(), "a.log"))
	l.write(1300)
	l.raw(strings.TrimSuffix(line(1300), "\n")) // no line feed at the end
	r := follow(t, Options{Path: l.path, Once: true})
	must(t, <-r.done)
	r.done <- nil
	r.exactly(1301)
	if r.state.Health != traffic.Ended || r.state.Behind != 0 || r.state.Lines != 1301 {
		t.Errorf("%+v", r.state)
	}
}

func TestOnceWithoutFile(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{filepath.Join(dir, "none.log"), filepath.Join(dir, "*.log"), dir} {
		r := follow(t, Options{Path: path, Once: true})
		if err := <-r.done; err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
		r.done <- nil
	}
}

// The path names nothing for a moment; what lived and was rotated away before the next look is read too.
func TestRotationAfterGap(t *testing.T) {
	dir := t.TempDir()
	l := newLog(t, filepath.Join(dir, "a.log"))
	r := follow(t, Options{Path: l.path})
	r.live()
	l.write(5)
	l.rename(l.path + ".1")
	r.until("the gap", func(ids []string, s traffic.SourceState) bool { return s.Health == traffic.Waiting && len(ids) == 5 })
	// Made elsewhere and moved into place at once, so that no look can fall in between.
	for i, name := range []string{"a.log.2", "a.log"} {
		l.path = filepath.Join(dir, "new")
		l.open()
		l.write(5)
		when := time.Now().Add(time.Duration(i-5) * time.Second)
		must(t, os.Chtimes(l.path, when, when))
		l.rename(filepath.Join(dir, name))
	}
	r.exactly(15)
}

// A writer that does not append leaves a hole of NUL bytes when its file is truncated under it.
func TestCopyTruncateWithoutAppend(t *testing.T) {
	l := newLog(t, filepath.Join(t.TempDir(), "a.log"))
	f, err := os.OpenFile(l.path, os.O_WRONLY, 0o600)
	must(t, err)
	l.f = f
	defer func() { _ = f.Close() }()
	r := follow(t, Options{Path: l.path})
	r.live()
	l.write(100)
	r.exactly(100)
	must(t, os.Truncate(l.path, 0))
	r.until("the truncation", func(_ []string, s traffic.SourceState) bool { return s.Behind == 0 })
	l.write(3)
	r.exactly(103)
}

// A busy writer whose file is rotated all the time: every line once, in order.
func TestRotationUnderLoad(t *testing.T) {
	dir := t.TempDir()
	l := newLog(t, filepath.Join(dir, "a.log"))
	r := follow(t, Options{Path: l.path})
	r.live()
	for i := range 40 {
		l.write(50)
		if i%4 == 3 {
			l.rename(fmt.Sprintf("%s.%02d", l.path, i))
			l.write(3) // late
			l.open()
		}
		time.Sleep(2 * time.Millisecond) // the pace of a writer; nothing is asserted of it
	}
	r.exactly(40*50 + 10*3)
}

func TestReader(t *testing.T) {
	pr, pw := io.Pipe()
	r := follow(t, Options{Path: "-", Reader: pr})
	for i := range 5 {
		_, err := io.WriteString(pw, line(i))
		must(t, err)
		r.exactly(i + 1) // each line as it comes
	}
	_, err := io.WriteString(pw, strings.TrimSuffix(line(5), "\n"))
	must(t, err)
	must(t, pw.Close())
	must(t, <-r.done)
	r.done <- nil
	r.exactly(6)
}

// A reader that says nothing does not keep Run from ending, nor its goroutine alive.
func TestReaderEndsWithContext(t *testing.T) {
	pr, pw := io.Pipe()
	defer func() { _ = pw.Close() }()
	r := follow(t, Options{Path: "-", Reader: pr})
	must(t, r.stop())
}

// Emit that blocks stops the reading, and ctx ends it.
func TestBlockedEmit(t *testing.T) {
	l := newLog(t, filepath.Join(t.TempDir(), "a.log"))
	l.write(5000)
	r := follow(t, Options{Path: l.path, FromStart: true})
	r.mu.Lock()
	r.block = make(chan struct{})
	r.mu.Unlock()
	must(t, r.stop())
}

func TestDetectsAndSaysWhatItCannotRead(t *testing.T) {
	l := newLog(t, filepath.Join(t.TempDir(), "a.log"))
	r := follow(t, Options{Path: l.path, Format: decode.Auto, FromStart: true})
	l.write(10)
	l.raw("not json sk-proj-abcdefghijklmnopqrstuvwx0123456789ABCDEFGH \x1b[31m\n")
	r.until("the format", func(ids []string, s traffic.SourceState) bool {
		return s.Format == decode.JSON && s.Unparsed == 1 && len(ids) == 10
	})
	got := r.tail.Examples()
	if len(got) != 1 || strings.Contains(got[0], "abcdefghijkl") || strings.Contains(got[0], "\x1b") || !strings.Contains(got[0], "not json") {
		t.Errorf("examples %q", got)
	}
}

// After a deploy that changes the format the source finds the new one by itself.
func TestFormatChanges(t *testing.T) {
	l := newLog(t, filepath.Join(t.TempDir(), "a.log"))
	r := follow(t, Options{Path: l.path, Format: decode.Auto, FromStart: true})
	l.write(60)
	r.exactly(60)
	for i := range 400 {
		l.raw(fmt.Sprintf("level=info request_id=x%d status=200 model=m\n", i))
	}
	r.until("the new format", func(ids []string, s traffic.SourceState) bool {
		return s.Format == decode.Logfmt && slices.Contains(ids, "x399")
	})
}

func TestNewRefuses(t *testing.T) {
	for _, opt := range []Options{{}, {Path: "[", Format: decode.JSON}, {Path: "x", Format: "nonsense"}, {Path: "x", Fields: map[string]string{"nonsense": "y"}}} {
		if _, err := New(opt); err == nil {
			t.Errorf("%+v is accepted", opt)
		}
	}
}

func TestIsRotated(t *testing.T) {
	tests := map[string]bool{
		"a.log.1": true, "a.log.12": true, "a.log-20260131": true, "a.log.old": true, "a-2026-01-31T10-00-00.000.log": true,
		"a.log": false, "a.log.lock": false, "b.log.1": false, "ab.log": false, "a.log.1.gz": true, "a.log.gz": false, "access.log": false,
	}
	for name, want := range tests {
		if got := isRotated("a.log", name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

var _ sources.Source = (*Tail)(nil)
